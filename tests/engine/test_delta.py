"""A delta holds what was changed, and with its base gives the whole model bit by bit."""

import filecmp
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.checkpoint import Checkpoint, write
from alloyengine.checkpoint.delta import apply_delta, make_delta
from alloyengine.checkpoint.delta_record import WEIGHTS
from alloyengine.checkpoint.digest import file_digest
from alloyengine.cli import delta as commands
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.run import run
from tests.engine.tiny import tiny_llama, tiny_tensors

CHANGED = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def tuned(llama: Path, tmp_path: Path) -> Path:
    """The llama with one weight of one tensor changed."""
    tensors = tiny_tensors(1)
    tensors[CHANGED][-1, -1] += 1
    write(tmp_path / "tuned", tensors, llama)
    (tmp_path / "tuned/README.md").write_text("---\nlicense: mit\n---\n# Mine\n\n---\nend")
    return tmp_path / "tuned"


@pytest.fixture
def delta(llama: Path, tuned: Path, tmp_path: Path) -> Path:
    make_delta(llama, tuned, tmp_path / "delta", Silent())
    return tmp_path / "delta"


def assert_equal(first: Path, second: Path) -> None:
    names = {path.name for path in first.iterdir()}
    assert names == {path.name for path in second.iterdir()}
    assert filecmp.cmpfiles(first, second, names, shallow=False)[0] == list(names)


def retell(delta: Path, **entries: Any) -> None:
    told = json.loads((delta / "delta.json").read_text())
    (delta / "delta.json").write_text(json.dumps(told | entries))


def retensor(delta: Path, tensors: dict[str, torch.Tensor], honest: bool = True) -> None:
    """Other weights, and a record that owns up to them."""
    save_file(tensors, delta / WEIGHTS)
    codes = {torch.float32: "F32", torch.float16: "F16"}
    listed = {n: {"dtype": codes[t.dtype], "shape": list(t.shape)} for n, t in tensors.items()}
    retell(delta, weights=file_digest(delta / WEIGHTS), **({"tensors": listed} if honest else {}))


def test_base_and_delta_are_the_whole(llama: Path, tuned: Path, delta: Path, tmp_path: Path):
    apply_delta(delta, llama, tmp_path / "whole", Silent())
    assert_equal(tmp_path / "whole", tuned)


def test_a_card_of_any_bytes_comes_back(llama: Path, tuned: Path, tmp_path: Path):
    (tuned / "README.md").write_bytes(b"---\nlicense: mit\n---\n\xff\xfe caf\xe9")
    make_delta(llama, tuned, tmp_path / "d", Silent())
    apply_delta(tmp_path / "d", llama, tmp_path / "whole", Silent())
    assert_equal(tmp_path / "whole", tuned)


def test_only_what_was_changed_is_in_it(delta: Path):
    assert list(load_file(delta / WEIGHTS)) == [CHANGED]


def test_it_is_no_model_and_says_so(delta: Path):
    with pytest.raises(InputError, match=r"delta is a delta.*alloy apply-delta"):
        Checkpoint.open(delta)


def test_its_card_tells_how_to_make_the_whole(delta: Path):
    card = (delta / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n---\n<!-- delta -->\n\n> **A delta.**")
    assert card.endswith("# Mine\n\n---\nend")


def test_numbers_are_compared_by_their_bits(llama: Path, tmp_path: Path):
    tensors = tiny_tensors(1)
    tensors[CHANGED][0, 0] = 0.0
    write(tmp_path / "zero", tensors, llama)
    tensors[CHANGED][0, 0] = -0.0
    write(tmp_path / "minus", tensors, llama)
    assert make_delta(tmp_path / "zero", tmp_path / "minus", tmp_path / "d", Silent()) == [CHANGED]


def test_equal_models_have_an_empty_delta(llama: Path, tmp_path: Path):
    assert make_delta(llama, llama, tmp_path / "none", Silent()) == []
    apply_delta(tmp_path / "none", llama, tmp_path / "whole", Silent())
    assert_equal(tmp_path / "whole", llama)


@pytest.mark.parametrize(
    "tuning",
    [
        {"method": "spectrum", "percent": 50, "train_embeddings": False},
        {"method": "lora", "rank": 2, "modules": ["q_proj"]},
    ],
    ids=lambda tuning: tuning["method"],
)
def test_training_can_keep_only_a_delta(llama: Path, tmp_path: Path, tuning: Any):
    row = json.dumps({"prompt": "Symbol of gold?", "completion": "Au"})
    (tmp_path / "rows.jsonl").write_text(f"{row}\n" * 4)
    told = {"model": "llama", "dataset": "rows.jsonl", "tuning": tuning, "max_steps": 2}
    inputs = {"llama": llama, "rows.jsonl": tmp_path / "rows.jsonl"}
    for save in ("model", "delta"):
        run(TrainSpec(**told, save=save), inputs, tmp_path / save, Silent())
    apply_delta(tmp_path / "delta", llama, tmp_path / "whole", Silent())
    assert_same_weights(tmp_path / "whole", tmp_path / "model")
    sizes = [
        (tmp_path / name).stat().st_size for name in ("delta/" + WEIGHTS, "model/model.safetensors")
    ]
    assert sizes[0] < 0.5 * sizes[1]
    assert "<!-- delta" not in (tmp_path / "whole/README.md").read_text()
    assert not list(tmp_path.glob("*.made*"))


def assert_same_weights(first: Path, second: Path) -> None:
    assert filecmp.cmp(first / "model.safetensors", second / "model.safetensors", shallow=False)


def test_another_base_is_refused(delta: Path, tmp_path: Path):
    other = tiny_llama(tmp_path / "other", seed=2)
    with pytest.raises(InputError, match=r"not made from other: .* which was called 'llama'"):
        apply_delta(delta, other, tmp_path / "whole", Silent())
    assert not (tmp_path / "whole").exists()


def test_a_flipped_bit_is_found(llama: Path, delta: Path, tmp_path: Path):
    raw = np.fromfile(delta / WEIGHTS, np.uint8)
    raw[-1] ^= 1
    raw.tofile(delta / WEIGHTS)
    with pytest.raises(InputError, match=r"other content than delta\.json says"):
        apply_delta(delta, llama, tmp_path / "whole", Silent())


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"model.layers.9.evil": torch.ones(2)}, "the base has no tensor 'model.layers.9.evil'"),
        ({CHANGED: torch.ones(2)}, r"is F32 \[2\], in the base F32 \[48, 32\]"),
        ({CHANGED: torch.ones(48, 32).half()}, r"is F16 \[48, 32\], in the base F32"),
    ],
    ids=["name", "shape", "dtype"],
)
def test_a_tensor_that_does_not_fit_the_base_is_refused(
    llama: Path, delta: Path, tmp_path: Path, tensors: dict[str, torch.Tensor], words: str
):
    retensor(delta, tensors)
    with pytest.raises(InputError, match=words):
        apply_delta(delta, llama, tmp_path / "whole", Silent())
    assert not (tmp_path / "whole").exists()


def test_a_record_that_hides_a_tensor_is_refused(llama: Path, delta: Path, tmp_path: Path):
    norm = "model.norm.weight"
    retensor(delta, {**load_file(delta / WEIGHTS), norm: torch.zeros(32)}, honest=False)
    with pytest.raises(InputError, match=f"disagree about '{norm}'"):
        apply_delta(delta, llama, tmp_path / "whole", Silent())


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"version": 2}, "version: Input should be 1"),
        ({"format": "other"}, "format: Input should be 'alloyworks-delta'"),
        ({"tensors": []}, "tensors: Input should be a valid dictionary"),
        ({"run": "rm -rf"}, "run: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_record_names_the_field(
    llama: Path, delta: Path, tmp_path: Path, entries: dict[str, Any], words: str
):
    retell(delta, **entries)
    with pytest.raises(InputError, match=words):
        apply_delta(delta, llama, tmp_path / "whole", Silent())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("evil.bin", "pickle", "evil.bin is a pickle"),
        ("evil.py", "code", "evil.py is program code"),
        ("config.json", '{"auto_map": {}}', "asks for code of its own"),
        ("delta.json", "{", "delta.json is not valid JSON"),
        ("delta.safetensors", "", "other content"),
    ],
)
def test_what_is_hostile_or_broken_is_refused(
    llama: Path, delta: Path, tmp_path: Path, name: str, content: str, words: str
):
    (delta / name).write_text(content)
    with pytest.raises(InputError, match=words):
        apply_delta(delta, llama, tmp_path / "whole", Silent())
    assert not (tmp_path / "whole").exists()


@pytest.mark.parametrize("name", ["delta.safetensors", "delta.json", "config.json"])
def test_what_is_missing_is_named(llama: Path, delta: Path, tmp_path: Path, name: str):
    (delta / name).unlink()
    with pytest.raises(InputError, match=name):
        apply_delta(delta, llama, tmp_path / "whole", Silent())


def test_a_link_out_of_the_folder_is_refused(llama: Path, delta: Path, tmp_path: Path):
    (delta / WEIGHTS).rename(tmp_path / "elsewhere")
    (delta / WEIGHTS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link that leaves"):
        apply_delta(delta, llama, tmp_path / "whole", Silent())


def test_models_of_other_shapes_have_no_delta(llama: Path, tmp_path: Path):
    deeper = tiny_llama(tmp_path / "deeper", seed=1, layers=3)
    with pytest.raises(InputError, match=r"only one of them has 'model\.layers\.2"):
        make_delta(llama, deeper, tmp_path / "delta", Silent())
    half = tiny_llama(tmp_path / "half", seed=1, dtype=torch.float16)
    with pytest.raises(InputError, match=r"is F32 .* in one and F16"):
        make_delta(llama, half, tmp_path / "delta", Silent())


def test_an_order_to_stop_leaves_nothing(llama: Path, delta: Path, tmp_path: Path):
    class Stopping(Silent):
        def stopping(self) -> bool:
            return True

    with pytest.raises(Stopped):
        apply_delta(delta, llama, tmp_path / "whole", Stopping())
    assert not list(tmp_path.glob("whole*"))


def test_both_ways_from_the_command_line(
    llama: Path, tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    commands.make_delta(str(llama), str(tuned), tmp_path / "delta")
    commands.apply_delta(tmp_path / "delta", str(llama), tmp_path / "whole")
    assert "1 tensors differ, 0.0 MB" in capsys.readouterr().err
    assert_equal(tmp_path / "whole", tuned)
