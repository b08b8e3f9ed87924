"""What a run will take, told before it begins."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from alloyengine.cli.main import main
from alloyengine.errors import InputError
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import PART_TOKENS
from alloyengine.train.encode import IGNORED, Example
from alloyengine.train.foresee import Room, check_room, foresee, foresee_spec, sizes_of
from alloyengine.train.foresee.estimate import Load, estimate_of, memory_of
from alloyengine.train.foresee.fit import make_fit
from alloyengine.train.foresee.foresee import words
from alloyengine.train.foresee.hardware import Speed
from alloyengine.train.objectives.causal import Causal
from alloyengine.train.run import run
from alloyengine.train.tune import open_to_train, tune
from tests.engine.tiny import tiny_llama

TUNINGS: list[dict[str, Any]] = [
    {"method": "full"},
    {"method": "spectrum", "percent": 50},
    {"method": "spectrum", "percent": 50, "train_embeddings": False},
    {"method": "spectrum", "modules": ["model.layers.0.mlp"], "train_embeddings": False},
    {"method": "lora", "rank": 4},
    {"method": "lora", "rank": 4, "modules": ["q_proj", "v_proj"]},
]
LARGE = Room(free=1 << 40, process=0)
FAST = Speed(products=1e11, moves=1e10, call=1e-5)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"text": f"The symbol of {n} is {n}."} for n in range(20)]
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {"m": tiny_llama(tmp_path / "m", seed=1), "d": data}


def spec_of(**more: Any) -> TrainSpec:
    objective = {"method": "cpt"}
    return TrainSpec(model="m", dataset="d", **{"objective": objective, "max_length": 16} | more)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_what_will_be_trained_is_counted_before_it_is_loaded(
    inputs: dict[str, Path], tuning: dict[str, Any]
):
    spec = spec_of(tuning=tuning)
    model, _ = open_to_train(inputs["m"], spec)
    assert sizes_of(spec, inputs).trained == tune(model, spec, inputs["m"], Silent()).size


def test_memory_grows_with_what_is_trained_and_seen(inputs: dict[str, Path]):
    few, many = (spec_of(tuning=tuning) for tuning in (TUNINGS[2], TUNINGS[0]))
    peaks = [
        sum(memory_of(spec, sizes_of(spec, inputs), LARGE, tokens, tokens).values())
        for spec, tokens in ((few, 10), (many, 10), (many, 1000))
    ]
    assert peaks == sorted(set(peaks))


def test_time_grows_with_tokens_and_falls_with_what_is_frozen(inputs: dict[str, Path]):
    def seconds(tuning: dict[str, Any], width: int) -> float:
        spec = spec_of(tuning=tuning)
        loads = [[Load(rows=1, width=width, prefix=0, learned=width, packed=False)]]
        return estimate_of(spec, sizes_of(spec, inputs), loads, LARGE, FAST, steps=10).seconds

    assert seconds(TUNINGS[2], 100) < seconds(TUNINGS[0], 100) < seconds(TUNINGS[0], 200)


def test_all_logits_are_counted_where_all_are_held(inputs: dict[str, Path]):
    plain, dpo = spec_of(), spec_of(objective={"method": "dpo"})
    sizes = sizes_of(plain, inputs)
    held = memory_of(dpo, sizes, LARGE, 10, 10_000)["loss"]
    assert held == 16 * 10_000 * sizes.vocabulary
    assert memory_of(plain, sizes, LARGE, 10, 1_000_000)["loss"] == 150 << 20


def test_a_teacher_takes_room_too(inputs: dict[str, Path], tmp_path: Path):
    teacher = tiny_llama(tmp_path / "teacher", seed=2, layers=4)
    spec = spec_of(objective={"method": "distill", "teacher": "t"})
    found = sizes_of(spec, inputs | {"t": teacher})
    assert found.beside > 4 * sizes_of(spec_of(), inputs).parameters
    assert found.asked > found.matrices


def test_what_cannot_fit_is_refused_with_what_would(inputs: dict[str, Path]):
    spec = spec_of(tuning={"method": "full"})
    sizes = sizes_of(spec, inputs)
    smaller = spec.model_copy(update={"gradient_checkpointing": True})
    needed = sum(memory_of(smaller, sizes, LARGE, 100_000, 100_000).values())
    room = Room(free=int(needed * 1.1), process=0)
    with pytest.raises(InputError, match="GB are free") as caught:
        check_room(spec, inputs, sizes, room, longest=100_000)
    assert caught.value.code == "too_little_memory"
    assert "gradient_checkpointing: true" in caught.value.remedy


def test_nothing_is_loaded_where_nothing_fits(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Room, "now", classmethod(lambda cls: Room(free=1000, process=0)))
    monkeypatch.setattr(torch.nn.Module, "to", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(InputError, match="Training needs"):
        run(spec_of(), inputs, tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()


def test_batches_are_cut_into_parts_that_fit(inputs: dict[str, Path]):
    spec = spec_of(batch_size=8, tuning={"method": "full"})
    sizes = sizes_of(spec, inputs)
    needed = sum(memory_of(spec, sizes, LARGE, 0, 0).values())
    tight = Room(free=int((needed + 4e5) / 0.95), process=0)
    examples = [Example([1] * 16, [IGNORED, *[1] * 15]) for _ in range(8)]
    objective = Causal(examples)
    foresee(spec, inputs, sizes, tight, objective, True, Silent())
    assert 16 <= objective.most < 8 * 16
    sizes_of_parts = [part.tokens.numel() for part in objective.layout(examples, share=False)]
    assert max(sizes_of_parts) <= objective.most
    assert sum(sizes_of_parts) == 8 * 15


def test_room_enough_leaves_batches_whole(inputs: dict[str, Path]):
    spec = spec_of()
    assert make_fit(spec, sizes_of(spec, inputs), LARGE) == PART_TOKENS


def test_an_estimate_needs_no_weights(inputs: dict[str, Path]):
    found = foresee_spec(spec_of(epochs=2, batch_size=4), inputs, Silent())
    assert found.steps > 0
    assert found.peak > 4 * sizes_of(spec_of(), inputs).parameters


def test_a_dry_run_says_what_it_would_take_and_trains_nothing(
    inputs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    file = tmp_path / "spec.yml"
    file.write_text(
        "{model: m, dataset: data, objective: {method: cpt}, tuning: {method: full}, max_length: 16}"
    )
    before = sorted(tmp_path.iterdir())
    words = ["alloy", "train", str(file), "--dry-run", "--price", "36000"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="0"):
        main()
    said = capsys.readouterr().out
    assert "at the highest" in said
    assert "Cost" in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("seconds", "said"), [(42.3, "42 s"), (600.0, "10 min"), (7300.0, "2.0 h")]
)
def test_time_is_told_as_people_tell_it(seconds: float, said: str):
    assert words(seconds) == said
