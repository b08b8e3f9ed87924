"""The table of endings is complete, and says what to do about each."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from alloyengine.spec.protocol import Failure
from alloyworks.config import ROOT
from alloyworks.jobs import outcomes

ERRORS = {"InputError": "user", "CapacityError": "capacity", "TransferError": "platform"}
NO_JOBS = ("workers/alloyengine/cli/", "workers/alloyengine/spec/doctor/")
Found = tuple[str, str | None, str]  # code, fault, file


def codes() -> Iterator[Found]:
    """Every code that an error of the engine or a failure is made with."""
    for room in ("workers/alloyengine", "platform/alloyworks/jobs", "k8s/alloykube"):
        for file in sorted((ROOT / room).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            if not name.startswith(NO_JOBS):
                yield from codes_in(file, name)


def codes_in(file: Path, name: str) -> Iterator[Found]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called in {*ERRORS, "Stopped"}:
            yield word(node.args[0], name), ERRORS.get(called), name
        elif called == "Failure":
            code = next(keyword.value for keyword in node.keywords if keyword.arg == "code")
            if isinstance(code, ast.Constant):
                yield word(code, name), None, name
        elif called in ("_lost", "_users_fault", "_failed") and isinstance(
            node.args[0], ast.Constant
        ):
            yield word(node.args[0], name), None, name


def word(node: ast.expr, name: str) -> str:
    assert isinstance(node, ast.Constant), f"{name}:{node.lineno}: a code must be written out"
    return str(node.value)


def test_every_code_that_is_used_is_in_the_table() -> None:
    used = list(codes())

    assert {code for code, _, _ in used} > {"out_of_memory", "runner_died", "dataset_empty"}
    assert [f"{code} in {file}" for code, _, file in used if code not in outcomes.TABLE] == []


def test_the_table_has_no_code_that_nobody_uses() -> None:
    assert outcomes.TABLE.keys() - {code for code, _, _ in codes()} - {"lost_workers"} == set()


def test_the_engine_and_the_table_agree_whose_fault_it_is() -> None:
    said = {(code, fault) for code, fault, _ in codes() if fault}

    assert [pair for pair in said if outcomes.TABLE[pair[0]].fault != pair[1]] == []


@pytest.mark.parametrize("outcome", outcomes.TABLE.values(), ids=lambda outcome: outcome.code)
def test_each_has_a_title_and_says_what_to_do(outcome: outcomes.Outcome) -> None:
    assert outcome.title[0].isupper()
    assert not outcome.title.endswith(".")
    assert outcome.remedy.endswith(".")
    if outcome.fault == "user":
        assert outcome.again == "never"


def test_a_code_of_an_earlier_version_is_still_shown() -> None:
    told = outcomes.told({"code": "of_old", "message": "It broke."})

    assert told is not None
    assert (told.code, told.whose, told.message) == ("of_old", "ours", "It broke.")
    assert told.remedy


def test_a_failures_own_remedy_is_better_than_the_tables() -> None:
    own = Failure(code="no_gpu", fault="user", message="m", remedy="Do this.")

    assert outcomes.settled(own).remedy == "Do this."
    assert outcomes.settled(own.model_copy(update={"remedy": ""})).remedy
