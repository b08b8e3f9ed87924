"""Adapters extracted from two models: exact at full rank, the best at any other, loaded by PEFT."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from transformers import AutoModelForCausalLM

from alloyengine.checkpoint import Checkpoint, write
from alloyengine.checkpoint.adapter import Adapter
from alloyengine.errors import InputError, Stopped
from alloyengine.lora.config import targets
from alloyengine.lora.decompose import Wanted, decompose
from alloyengine.lora.extract import extract
from alloyengine.lora.records import Extraction
from alloyengine.lora.settings import Settings
from alloyengine.merge.members import Member
from alloyengine.report import Silent
from tests.engine.adapting import (
    Made,
    adapted_by_peft,
    adapted_by_us,
    random_gpt2,
    random_llama,
    read_all,
)
from tests.engine.tiny import tiny_llama, tiny_tensors

FULL = Settings(Wanted(energy=1.0))
EXACT = Settings(Wanted(energy=1.0), embeddings="save")


def extracted(model: Path, base: Path, out: Path, how: Settings = FULL) -> Extraction:
    members = [Member(path.name, Checkpoint.open(path)) for path in (model, base)]
    return extract(*members, out, how, Silent())


def config_of(adapter: Path) -> dict[str, Any]:
    return json.loads((adapter / "adapter_config.json").read_text())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A llama, all of whose tensors moved."""
    return moved(tmp_path_factory.mktemp("llama"), random_llama())


def moved(folder: Path, model: Any) -> Made:
    made = Made(folder / "base", folder / "adapter", folder / "tuned")
    model.save_pretrained(made.base)
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(made.merged)
    extracted(
        made.merged, made.base, made.adapter, EXACT if model.config.tie_word_embeddings else FULL
    )
    return made


def test_at_full_rank_the_adapter_gives_the_model_back(tuned: Made) -> None:
    ours, theirs = adapted_by_us(tuned), read_all(tuned.merged)
    for name, tensor in theirs.items():
        np.testing.assert_allclose(ours[name], tensor, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("make", [random_llama, random_gpt2])
def test_peft_answers_with_the_adapter_as_the_model_does(tmp_path: Path, make: Any) -> None:
    assert_answers_agree(moved(tmp_path, make()))


def test_a_tied_head_that_was_saved_with_its_embedding_is_read_as_one(tmp_path: Path) -> None:
    made = moved(tmp_path, random_gpt2())
    ours, theirs = adapted_by_us(made), read_all(made.merged)
    for name, tensor in theirs.items():
        np.testing.assert_allclose(ours[name], tensor, atol=1e-5, err_msg=name)


def test_a_tied_embedding_is_left_out_and_said(tmp_path: Path, llama: Path) -> None:
    found = extracted(tiny_llama(tmp_path / "other", seed=2), llama, tmp_path / "adapter")
    assert [record.tensor for record in found.of("left out")] == ["model.embed_tokens.weight"]
    assert "--embeddings save" in found.of("left out")[0].why


def assert_answers_agree(made: Made) -> None:
    tokens = torch.tensor([[5, 7, 11, 13]])
    base = AutoModelForCausalLM.from_pretrained(made.base)
    adapted = PeftModel.from_pretrained(base, str(made.adapter))
    model = AutoModelForCausalLM.from_pretrained(made.merged)
    with torch.no_grad():
        expected = model(tokens).logits
        torch.testing.assert_close(adapted(tokens).logits, expected, atol=1e-4, rtol=1e-4)
        merged = adapted.merge_and_unload()(tokens).logits
        torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)


def test_a_gpt2_as_the_hub_names_it_gets_an_adapter_that_peft_loads(tmp_path: Path) -> None:
    made = moved(tmp_path, random_gpt2())
    for folder in (made.base, made.merged):
        with Checkpoint.open(folder) as model:
            tensors = {n.removeprefix("transformer."): model.read(n) for n in model.names}
        write(tmp_path / "hub" / folder.name, tensors, folder)
    hub = Made(tmp_path / "hub/base", tmp_path / "hub/adapter", tmp_path / "hub/tuned")
    extracted(hub.merged, hub.base, hub.adapter, EXACT)
    assert (hub.adapter / "adapter_model.safetensors").stat().st_size > 0
    assert_answers_agree(hub)


def test_a_lora_is_found_again_with_its_rank(tmp_path: Path) -> None:
    kind = {"target_modules": ["q_proj", "up_proj"], "r": 3}
    made = adapted_by_peft(tmp_path, random_llama(), **kind)
    found = extracted(made.merged, made.base, tmp_path / "found", Settings(Wanted(rank=8)))
    assert {record.rank for record in found.records} == {3}
    config = config_of(tmp_path / "found")
    assert config["target_modules"] == ["q_proj", "up_proj"]
    assert config["r"] == config["lora_alpha"] == 8
    assert set(config["rank_pattern"].values()) == {3}
    again = adapted_by_us(Made(made.base, tmp_path / "found", made.merged))
    for name, tensor in read_all(made.merged).items():
        np.testing.assert_allclose(again[name], tensor, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("alpha", [2.0, 16.0])
def test_alpha_only_moves_the_scale(tmp_path: Path, tuned: Made, alpha: float) -> None:
    how = Settings(Wanted(rank=4), alpha=alpha)
    extracted(tuned.merged, tuned.base, tmp_path / "scaled", how)
    extracted(tuned.merged, tuned.base, tmp_path / "plain", Settings(Wanted(rank=4)))
    name = "model.layers.0.mlp.down_proj.weight"
    scaled, plain = (
        Adapter.open(tmp_path / kind).rows(name, 0, 32) for kind in ("scaled", "plain")
    )
    np.testing.assert_allclose(scaled, plain, atol=1e-6)
    assert config_of(tmp_path / "scaled")["lora_alpha"] == alpha


def test_energy_chooses_the_ranks(tmp_path: Path, tuned: Made) -> None:
    found = extracted(tuned.merged, tuned.base, tmp_path / "out", Settings(Wanted(energy=0.8)))
    decomposed = found.of("lora")
    assert all(record.share >= 0.8 for record in decomposed)
    assert len({record.rank for record in decomposed}) > 1
    PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tuned.base), str(tmp_path / "out")
    )


def test_the_energy_reported_is_the_energy_kept(tmp_path: Path, tuned: Made) -> None:
    made = Made(tuned.base, tmp_path / "out", tuned.merged)
    found = extracted(made.merged, made.base, made.adapter, Settings(Wanted(rank=4)))
    ours, theirs, base = adapted_by_us(made), read_all(made.merged), read_all(made.base)
    lost = sum(float(((ours[name] - theirs[name]) ** 2).sum()) for name in theirs)
    total = sum(float(((base[name] - theirs[name]) ** 2).sum()) for name in theirs)
    assert found.share == pytest.approx(1 - lost / total, abs=1e-4)


def test_modules_are_chosen_by_name(tmp_path: Path, tuned: Made) -> None:
    how = Settings(Wanted(rank=2), include="self_attn|norm", exclude="k_proj", others="skip")
    found = extracted(tuned.merged, tuned.base, tmp_path / "out", how)
    assert config_of(tmp_path / "out")["target_modules"] == ["o_proj", "q_proj", "v_proj"]
    why = {record.tensor: record.why for record in found.of("left out")}
    assert why["model.layers.0.self_attn.k_proj.weight"] == "it is not included"
    assert why["model.norm.weight"] == "what can't be decomposed is skipped"


def test_skipped_embeddings_are_said(tmp_path: Path, tuned: Made) -> None:
    how = Settings(Wanted(rank=2), embeddings="skip")
    found = extracted(tuned.merged, tuned.base, tmp_path / "out", how)
    left = {record.tensor for record in found.of("left out")}
    assert left == {"model.embed_tokens.weight", "lm_head.weight"}


def test_experts_and_their_router_are_left_out(tmp_path: Path, llama: Path) -> None:
    folders = []
    for seed in (1, 2):
        tensors = tiny_tensors(seed)
        block = "model.layers.0.mlp"
        tensors |= {f"{block}.experts.0.up_proj.weight": torch.full((4, 4), float(seed))}
        tensors |= {f"{block}.gate.weight": torch.full((2, 32), float(seed))}
        folders.append(tmp_path / f"moe-{seed}")
        write(folders[-1], tensors, llama)
    how = Settings(Wanted(rank=2), embeddings="lora")
    found = extracted(*folders, tmp_path / "out", how)
    left = {record.tensor: record.why for record in found.of("left out")}
    assert left == dict.fromkeys(
        (f"{block}.experts.0.up_proj.weight", f"{block}.gate.weight"),
        "an adapter can't reach experts",
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_factors_are_saved_in_the_type_asked_for(tmp_path: Path, tuned: Made, dtype: str) -> None:
    how = Settings(Wanted(rank=4), dtype=dtype)
    half = extracted(tuned.merged, tuned.base, tmp_path / "half", how)
    whole = extracted(tuned.merged, tuned.base, tmp_path / "whole", Settings(Wanted(rank=4)))
    assert half.size * 2 == whole.size
    name = "model.layers.0.mlp.down_proj.weight"
    one, other = (Adapter.open(tmp_path / kind).rows(name, 0, 32) for kind in ("half", "whole"))
    assert np.linalg.norm(one - other) < 0.01 * np.linalg.norm(other)


def test_equal_models_are_refused_and_leave_nothing(tmp_path: Path, llama: Path) -> None:
    with pytest.raises(InputError, match="differs"):
        extracted(llama, llama, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["llama"]


def test_numbers_that_are_none_are_named(tmp_path: Path, llama: Path) -> None:
    tensors = tiny_tensors(1)
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = math.inf
    write(tmp_path / "broken", tensors, llama)
    with pytest.raises(InputError, match=r"layers\.1\.mlp\.up_proj"):
        extracted(tmp_path / "broken", llama, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_extraction_stops_when_asked(tmp_path: Path, three_llamas: dict[str, Path]) -> None:
    class Impatient(Silent):
        def stopping(self) -> bool:
            return True

    members = [Member(name, Checkpoint.open(path)) for name, path in three_llamas.items()]
    with pytest.raises(Stopped):
        extract(members[1], members[0], tmp_path / "out", FULL, Impatient())
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"wanted": Wanted(rank=0)}, "--rank 0"),
        ({"wanted": Wanted(energy=1.5)}, "--energy 1.5"),
        ({"wanted": Wanted(energy=0.5), "alpha": 4}, "say the rank"),
        ({"include": "("}, "regular expression"),
        ({"dtype": "int8"}, "float32, bfloat16, float16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_make_no_sense_are_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Settings(**how)


def test_targets_are_named_as_shortly_as_names_them_exactly() -> None:
    modules = ["a.0.q", "a.1.q", "a.0.v", "a.1.v", "norm"]
    assert targets(["a.0.q", "a.1.q", "a.1.v"], modules) == ["a.1.v", "q"]


SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(SHAPES, st.integers(1, 12), st.integers(0, 1000))
def test_small_matrices_are_approximated_best(shape: Any, rank: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    found = decompose(matrix, Wanted(rank=rank))
    left = np.linalg.norm(matrix - found.left @ found.right) ** 2
    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    assert left == pytest.approx((values[rank:] ** 2).sum(), rel=1e-6, abs=1e-5)
    assert found.kept == pytest.approx((values[:rank] ** 2).sum(), rel=1e-6)
    assert found.total == pytest.approx((values**2).sum(), rel=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([(520, 600), (700, 520)]), st.floats(0, 2), st.integers(1, 40))
def test_large_matrices_are_approximated_almost_best(shape: Any, decay: float, rank: int) -> None:
    random = np.random.default_rng(rank).standard_normal(shape)
    weights = np.arange(1, shape[1] + 1) ** -decay
    matrix = (random * weights).astype(np.float32)
    found = decompose(matrix, Wanted(rank=rank))
    best = (np.linalg.svd(matrix, compute_uv=False)[:rank] ** 2).sum()
    assert 0.999 * best < found.kept < 1.00001 * best
    left = np.linalg.norm(matrix - found.left @ found.right) ** 2
    assert left == pytest.approx(found.total - found.kept, abs=1e-4 * found.total)


def test_torch_finds_what_numpy_does() -> None:
    matrix = np.random.default_rng(4).standard_normal((600, 540)).astype(np.float32)
    ours = decompose(matrix, Wanted(rank=5))
    theirs = decompose(torch.from_numpy(matrix), Wanted(rank=5), torch)
    product = (theirs.left @ theirs.right).numpy()
    np.testing.assert_allclose(product, ours.left @ ours.right, atol=1e-3)
    assert theirs.kept == pytest.approx(ours.kept, rel=1e-5)


@given(SHAPES, st.floats(0.05, 1), st.integers(0, 1000))
def test_energy_is_reached_and_not_overshot(shape: Any, energy: float, seed: int) -> None:
    matrix = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    found = decompose(matrix, Wanted(energy=energy))
    squares = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2
    assert found.kept >= energy * found.total * (1 - 1e-6)
    assert squares[: found.rank - 1].sum() < energy * found.total * (1 + 1e-6)


def test_a_matrix_of_zeros_has_no_factors() -> None:
    found = decompose(np.zeros((3, 4), np.float32), Wanted(rank=2))
    assert (found.rank, found.total, found.kept) == (0, 0.0, 0.0)
