"""Several candidates at once: the same search, and processes that end with it."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from alloyengine.errors import CapacityError, EngineError, InputError, Stopped
from alloyengine.evolve import begin, crowd
from alloyengine.evolve.crowd import Alone, Crowd, Helper, Task
from alloyengine.evolve.history import NAME
from alloyengine.evolve.run import run
from alloyengine.evolve.selection import Below, Dominated
from alloyengine.evolve.trial import Trials
from alloyengine.report import Silent
from tests.engine.evolving import Player, Recording, questions_of, spec_of
from tests.engine.test_evolve_run import candidates, inputs, lines, spec

__all__ = ["inputs"]


def found_in(folder: Path) -> list[dict[str, Any]]:
    return candidates(folder / NAME)


def test_two_at_once_try_what_one_tries(inputs: dict[str, Path], tmp_path: Path) -> None:
    one = run(spec(), inputs, tmp_path / "one", Silent())
    two = run(spec(workers=2), inputs, tmp_path / "two", Silent())
    first, second = found_in(tmp_path / "one"), found_in(tmp_path / "two")
    assert [row["recipe"] for row in first] == [row["recipe"] for row in second]
    assert [row["number"] for row in second] == list(range(20))  # an odd one is left at the end
    for mine, theirs in zip(first, second, strict=True):
        assert mine["score"] == pytest.approx(theirs["score"], rel=1e-5)
    assert two.recipe == one.recipe
    assert not multiprocessing.active_children()
    assert not list(tmp_path.glob("*.start*"))


def test_more_workers_than_candidates_are_no_harm(inputs: dict[str, Path], tmp_path: Path) -> None:
    few = spec(workers=3, budget={"evaluations": 2})
    assert run(few, inputs, tmp_path / "out", Silent()).evaluations == 2


def test_when_it_is_stopped_its_helpers_end(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(spec(workers=2), inputs, tmp_path / "out", Recording(stop_after=3))
    assert not multiprocessing.active_children()


def test_who_waits_for_a_helper_hears_the_order_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silence:
        """A line on which nothing ever comes."""

        def poll(self, seconds: float) -> bool:
            time.sleep(seconds)
            return False

        def send(self, task: Task) -> None:
            """It is heard, and not answered."""

    report, stopping = Recording(stop_after=0), threading.Event()
    player: Any = Player(lambda weights: 1.0)
    trials = Trials(spec_of(), player, questions_of(spec_of()), report)
    several = Crowd(trials, [Helper(None, Silence())], stopping)
    monkeypatch.setattr(Alone, "score", lambda self, tasks: [])  # its own share is done
    task = Task(0, 1, [0.5, 0.5], None)
    begun = time.monotonic()
    with pytest.raises(Stopped):
        several.score([task, task])
    assert stopping.is_set() and time.monotonic() - begun < 5


def test_a_fault_of_ours_in_a_helper_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a lack of memory."""
    near, far = multiprocessing.Pipe()
    monkeypatch.setattr(begin, "begun", _broken)
    threads = torch.get_num_threads()
    try:
        crowd._help(1, spec_of(), {}, Path("nowhere"), far, threading.Event())
    finally:
        torch.set_num_threads(threads)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        Helper(None, near).answer(lambda: None)


def _broken(*_: Any) -> Any:
    raise ZeroDivisionError("a fault of ours")


def test_a_helper_that_dies_ends_the_search_with_words(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    class Murderer(Silent):
        def progress(self, phase: str, done: int, total: int) -> None:
            for child in multiprocessing.active_children() if done > 2 else ():
                os.kill(child.pid or 0, signal.SIGKILL)

    kept = tmp_path / "kept"
    with pytest.raises(CapacityError, match=r"exit code -9\).*set workers to less"):
        run(spec(workers=2), inputs, tmp_path / "out", Murderer(), kept)
    assert lines(kept / NAME) > 2  # what was scored is kept
    whole = run(spec(workers=2), inputs, tmp_path / "whole", Silent())
    assert run(spec(workers=2), inputs, tmp_path / "out", Silent(), kept).recipe == whole.recipe


def test_what_is_wrong_for_a_helper_is_said_as_it_is(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper opens everything anew, and may find less than the search did."""

    class Vandal(Silent):
        def log(self, message: str, level: Any = "info") -> None:
            if "dimensions" in message:
                (inputs["d"] / "test.jsonl").write_text("")

    with pytest.raises(InputError, match="has no rows"):
        run(spec(workers=2), inputs, tmp_path / "out", Vandal())
    assert not multiprocessing.active_children()


def test_after_a_kill_no_helper_stays(inputs: dict[str, Path], tmp_path: Path) -> None:
    raw = spec(workers=2, budget={"evaluations": 1000}).model_dump(mode="json")
    (tmp_path / "search.yml").write_text(yaml.safe_dump(raw))
    program = "import typer; from alloyengine.cli.evolve import evolve\n"
    program += "if __name__ == '__main__': typer.run(evolve)"
    (tmp_path / "program.py").write_text(program)
    words = ["program.py", "search.yml", "out"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, cwd=tmp_path)
    deadline = time.monotonic() + 90
    while lines(tmp_path / "out.candidates" / NAME) < 6:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    helpers = children(process.pid)
    process.kill()
    process.wait()
    assert helpers
    while any(map(runs, helpers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(parent: int) -> list[int]:
    return [
        int(pid)
        for task in Path(f"/proc/{parent}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_what_passes_between_processes_arrives_whole() -> None:
    for error in (InputError("code", "What.", "Do."), Stopped("stopped", "Why.")):
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, EngineError) and type(again) is type(error)
        assert (again.code, again.message, again.remedy) == (
            error.code,
            error.message,
            error.remedy,
        )
    for doomed, tasks in ((Below(spec_of(), 0.5), 1), (Dominated([(0.5, 0.5)]), 2)):
        again = pickle.loads(pickle.dumps(doomed))
        assert again == doomed and again([0.4] * tasks) and not again([0.6] * tasks)
