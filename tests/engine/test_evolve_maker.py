"""Candidates in memory are the models that merging into files would make."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from alloyengine.checkpoint import Checkpoint
from alloyengine.errors import InputError
from alloyengine.evolve.held import Held, held
from alloyengine.evolve.maker import Maker, maker
from alloyengine.merge import execute as executing
from alloyengine.merge.run import run as merge
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec, Recipe
from alloyengine.spec.methods import DECLARATIONS, MergeMethod
from tests.engine.evolving import Recording
from tests.engine.tiny import tiny_llama

NEEDED: dict[str, float] = {"weight": 0.6, "t": 0.4, "density": 0.5}


def recipe(method: MergeMethod = "ties", **parameters: Any) -> Recipe:
    declared = DECLARATIONS[method]
    known = {p.name for p in declared.parameters}
    values = {name: value for name, value in NEEDED.items() if name in known} | parameters
    others = ["first"] if declared.most == 1 else ["first", "second"]
    raw: dict[str, Any] = {
        "merge_method": method,
        "models": [{"model": name} for name in others],
        "parameters": values,
    }
    if declared.base == "required":
        raw["base_model"] = "base"
    return Recipe.model_validate(raw)


def on_disk(made: Recipe, models: dict[str, Path], out: Path) -> dict[str, torch.Tensor]:
    merge(MergeSpec(recipe=made), models, out, Silent())
    return load_file(out / "model.safetensors")


def in_memory(made: Maker) -> dict[str, torch.Tensor]:
    return dict(made.loaded.model.state_dict())


@pytest.mark.parametrize("method", sorted(DECLARATIONS))
def test_a_candidate_is_what_merging_writes(
    three_llamas: dict[str, Path], tmp_path: Path, method: MergeMethod
):
    """After another candidate was made in the same memory."""
    first = recipe(method)
    scaled = {"passthrough": {"scale": 0.5}, "linear": {"weight": [1.0, 0.2]}}.get(method, {})
    second = recipe(method, **(scaled or {n: 0.3 for n in NEEDED if n in first.parameters}))
    expected = on_disk(second, three_llamas, tmp_path / "disk")
    with maker(first, three_llamas, tmp_path / "start", Silent()) as made:
        made.make(first, Silent())
        made.make(second, Silent())
        found = in_memory(made)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_numbers_are_those_of_the_files_type(tmp_path: Path):
    """The models are in bfloat16, the processor computes in float32."""
    models = {
        name: tiny_llama(tmp_path / name, seed, dtype=torch.bfloat16)
        for seed, name in enumerate(("base", "first", "second"))
    }
    wanted = recipe("dare_ties", weight=0.7)
    expected = on_disk(wanted, models, tmp_path / "disk")
    with maker(recipe("dare_ties"), models, tmp_path / "start", Silent()) as made:
        made.make(wanted, Silent())
        found = in_memory(made)
    assert found["model.norm.weight"].dtype is torch.float32
    assert all(torch.equal(found[name], expected[name].float()) for name in expected)


def test_a_tied_head_changes_with_its_embedding(three_llamas: dict[str, Path], tmp_path: Path):
    with maker(recipe(), three_llamas, tmp_path / "start", Silent()) as made:
        made.make(recipe(weight=0.1), Silent())
        model = made.loaded.model
        assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()


def test_nothing_is_left_on_the_disk(three_llamas: dict[str, Path], tmp_path: Path):
    before = set(tmp_path.rglob("*"))
    with maker(recipe(), three_llamas, tmp_path / "start", Silent()) as made:
        made.make(recipe(weight=0.2), Silent())
        assert set(tmp_path.rglob("*")) == before


def test_each_file_is_read_once(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from alloyengine.checkpoint.files import Folder

    read: list[tuple[Path, int, int]] = []
    fill = Folder.fill

    def counted(self: Folder, name: str, offset: int, memory: memoryview) -> None:
        read.append((self._path, offset, len(memory)))
        fill(self, name, offset, memory)

    monkeypatch.setattr(Folder, "fill", counted)
    models = held(three_llamas, 1 << 40, Silent())
    with maker(recipe(), models, tmp_path / "start", Silent()) as made:
        for weight in (0.1, 0.2, 0.3):
            made.make(recipe(weight=weight), Silent())
    ours = sorted(path for path, _, _ in read if path in three_llamas.values())
    assert ours == sorted(three_llamas.values())


def test_models_too_large_to_be_held_are_read_anew(three_llamas: dict[str, Path], tmp_path: Path):
    report = Recording()
    assert held(three_llamas, 1000, report) == three_llamas
    assert "read anew for each candidate" in report.logs[0]


def test_held_models_are_the_models(three_llamas: dict[str, Path]):
    model = Held(three_llamas["first"])
    with model.open() as ours, model.open() as again, Checkpoint.open(model.folder) as theirs:
        for name in theirs.names:
            assert torch.equal(ours.read(name), theirs.read(name))
        assert torch.equal(again.read("model.norm.weight"), theirs.read("model.norm.weight"))


def test_what_is_the_same_is_not_made_again(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made_now: list[set[str]] = []
    execute = executing.execute

    def watched(steps: Any, *more: Any, **named: Any) -> None:
        made_now.append({step.tensor for step in steps})
        execute(steps, *more, **named)

    monkeypatch.setattr("alloyengine.evolve.maker.execute", watched)

    def of_mlp(value: float) -> list[dict[str, Any]]:
        return [{"filter": "mlp", "value": value}, {"value": 0.5}]

    with maker(recipe(), three_llamas, tmp_path / "start", Silent()) as made:
        for value in (0.1, 0.9, 0.9):
            made.make(recipe(weight=of_mlp(value)), Silent())
    every, mlp, none = made_now
    assert mlp == {name for name in every if "mlp" in name}
    assert none == set()


def test_task_vectors_are_measured_once_for_all_weights(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from alloyengine.merge import sparsify

    measured = 0
    cuts = sparsify.cuts

    def counted(*arguments: Any) -> Any:
        nonlocal measured
        measured += 1
        return cuts(*arguments)

    monkeypatch.setattr(sparsify, "cuts", counted)
    with maker(recipe(), three_llamas, tmp_path / "start", Silent()) as made:
        made.make(recipe(weight=0.1), Silent())
        before = measured
        made.make(recipe(weight=0.2), Silent())
        assert measured == before
        made.make(recipe(weight=0.2, density=0.3), Silent())
        assert measured > before


def test_the_angles_between_models_are_measured_once(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from alloyengine.merge import gram

    measured = 0
    measure = gram._gram

    def counted(*arguments: Any) -> Any:
        nonlocal measured
        measured += 1
        return measure(*arguments)

    monkeypatch.setattr(gram, "_gram", counted)
    with maker(recipe("slerp"), three_llamas, tmp_path / "start", Silent()) as made:
        made.make(recipe("slerp", t=0.1), Silent())
        before = measured
        made.make(recipe("slerp", t=0.7), Silent())
        assert measured == before > 0


def test_a_candidate_that_fails_leaves_nothing_behind(
    three_llamas: dict[str, Path], tmp_path: Path
):
    """It is infinite in some tensors; the next one is whole again."""
    expected = on_disk(recipe("task_arithmetic"), three_llamas, tmp_path / "disk")
    with maker(recipe("task_arithmetic"), three_llamas, tmp_path / "start", Silent()) as made:
        with pytest.raises(InputError, match="infinite"):
            made.make(recipe("task_arithmetic", weight=1e38, **{"lambda": 1e38}), Silent())
        made.make(recipe("task_arithmetic"), Silent())
        found = in_memory(made)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_model_whose_tensors_are_used_otherwise_is_refused(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from alloyengine.evolve import maker as module

    class Fused(torch.nn.Module):
        pass

    loaded = module.load(three_llamas["first"])
    monkeypatch.setattr(module, "load", lambda _: type(loaded)(Fused(), None, "cpu", 1))
    with (
        pytest.raises(InputError, match="can't be searched in memory"),
        maker(recipe(), three_llamas, tmp_path / "start", Silent()),
    ):
        pass
