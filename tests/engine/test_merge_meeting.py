"""A merge on the platform tells how its models meet, where that is of use."""

from pathlib import Path
from typing import Any

import pytest

from alloyengine.merge import meeting
from alloyengine.merge.meeting import tell_meeting
from alloyengine.report import Level, Silent
from alloyengine.spec.interference import compared_in
from alloyengine.spec.merge import MergeSpec
from tests.engine.tiny import tiny_llama


class Listener(Silent):
    def __init__(self) -> None:
        self.reports: dict[str, Any] = {}
        self.logs: list[str] = []

    def log(self, message: str, level: Level = "info") -> None:
        self.logs.append(f"{level}: {message}")

    def report(self, name: str, data: dict[str, Any]) -> None:
        self.reports[name] = data


def spec_of(*models: str, **changes: Any) -> MergeSpec:
    entries = [{"model": model, "parameters": {"weight": 1}} for model in models]
    recipe = {"merge_method": "ties", "base_model": "base", "models": entries} | changes
    return MergeSpec.model_validate({"recipe": recipe})


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    names = ("base", "a", "b")
    return {name: tiny_llama(tmp_path / name, seed) for seed, name in enumerate(names)}


def test_two_models_and_their_base_are_compared(inputs: dict[str, Path]) -> None:
    listener = Listener()
    tell_meeting(spec_of("a", "b"), inputs, listener)

    told = listener.reports["interference"]
    assert (told["base"], told["models"]) == ("base", ["a", "b"])
    assert len(told["pairs"][0]["cosine"]) == len(told["modules"])


def test_models_are_compared_once_and_the_base_is_none_of_them() -> None:
    assert compared_in(spec_of("base", "a", "b", "a")) == ["base", "a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"merge_method": "linear", "base_model": None},
        {"tokenizer_source": "union"},
        {"tokenizer": {"source": "union"}},
    ],
)
def test_without_base_or_with_several_vocabularies_nothing_is_compared(
    changes: dict[str, Any],
) -> None:
    assert compared_in(spec_of("a", "b", **changes)) == []


@pytest.mark.parametrize("count", [1, 9])
def test_one_model_or_too_many_are_not_compared(count: int) -> None:
    assert compared_in(spec_of(*(f"m{i}" for i in range(count)))) == []


def test_models_too_large_are_named_so(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    monkeypatch.setattr(meeting, "MOST_NUMBERS", 1000)
    tell_meeting(spec_of("a", "b"), inputs, listener)

    assert listener.reports == {}
    assert "too large to be compared" in listener.logs[0]


def test_models_that_can_not_be_compared_do_no_harm(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise meeting.InputError("models_differ", "They have nothing in common.")

    listener = Listener()
    monkeypatch.setattr(meeting, "interference", refuse)
    tell_meeting(spec_of("a", "b"), inputs, listener)

    assert listener.logs == ["warning: The models were not compared: They have nothing in common."]
