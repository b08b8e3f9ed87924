"""Several candidates of a generation at once: each in a process of its own, with a model of its own.

A small model leaves processors waiting for Python, and a machine may have several GPUs. The first of every
wave is made by the search's own process, the others by its helpers, which know the same models and questions.
A helper that hears nothing more of the search ends.
"""

import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from alloyengine.errors import CapacityError, EngineError
from alloyengine.evolve.history import Candidate
from alloyengine.evolve.scoring import Hopeless
from alloyengine.evolve.trial import Trials
from alloyengine.report import Silent
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.space import Point

_LOOKS_UP = 0.3  # seconds between two looks whether the search is to stop
_PATIENCE = 3.0  # seconds for a helper to end by itself


@dataclass(frozen=True)
class Task:
    """A candidate to be: its number and generation, where it is, and what it must reach."""

    number: int
    generation: int
    point: Point
    doomed: Hopeless | None


class Hands(Protocol):
    """Who makes and scores candidates."""

    size: int
    """So many at once."""

    def score(self, tasks: Sequence[Task]) -> list[Candidate]:
        """At most `size` of them, in their order. Raises Stopped."""


class Alone:
    """The search's own process."""

    size = 1

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def score(self, tasks: Sequence[Task]) -> list[Candidate]:
        return [_scored(self._trials, task) for task in tasks]


@dataclass
class Helper:
    """A process, and the line to it. Raises EngineError when it is gone."""

    process: Any
    line: Any

    def ask(self, task: Task) -> None:
        try:
            self.line.send(task)
        except OSError:
            raise _gone(self.process) from None

    def answer(self, look_up: Callable[[], None]) -> Candidate:
        """`look_up` is called now and then while it waits, and may raise."""
        try:
            while not self.line.poll(_LOOKS_UP):
                look_up()
            found = self.line.recv()
        except (EOFError, OSError):
            raise _gone(self.process) from None
        if isinstance(found, BaseException):
            raise found
        return Candidate.model_validate(found)


class Crowd:
    """Itself and its helpers."""

    def __init__(self, trials: Trials, helpers: Sequence[Helper], stopping: Any) -> None:
        self.size = 1 + len(helpers)
        self._trials, self._alone = trials, Alone(trials)
        self._helpers, self._stopping = helpers, stopping

    def score(self, tasks: Sequence[Task]) -> list[Candidate]:
        mine, *others = tasks
        asked = list(zip(self._helpers, others, strict=False))
        for helper, task in asked:
            helper.ask(task)
        try:
            found = self._alone.score([mine])
            return [*found, *(helper.answer(self._look_up) for helper, _ in asked)]
        except BaseException:
            self._stopping.set()  # for nobody waits for the others' answers
            raise

    def _look_up(self) -> None:
        self._trials.advance(0)


@contextmanager
def hands(trials: Trials, inputs: Mapping[str, Path], scratch: Path) -> Iterator[Hands]:
    """As many as the spec says; `inputs` are models and test sets as the job has them."""
    count = trials.spec.workers - 1
    if not count:
        yield Alone(trials)
        return
    context = get_context("spawn")
    stopping = context.Event()
    helpers = list[Helper]()
    try:
        for number in range(1, count + 1):
            near, far = context.Pipe()
            work = (
                number,
                trials.spec,
                dict(inputs),
                scratch.with_name(f"{scratch.name}.{number}"),
            )
            process = context.Process(target=_help, args=(*work, far, stopping), daemon=True)
            process.start()
            far.close()
            helpers.append(Helper(process, near))
        share_cores(count + 1)
        yield Crowd(trials, helpers, stopping)
    finally:
        stopping.set()
        for helper in helpers:
            helper.line.close()
        for helper in helpers:
            helper.process.join(timeout=_PATIENCE)
            helper.process.kill()


def share_cores(count: int) -> None:
    import torch

    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // count))


class _Listening(Silent):
    """A helper says nothing itself, and hears when to stop."""

    def __init__(self, stopping: Any) -> None:
        self._stopping = stopping

    def stopping(self) -> bool:
        return bool(self._stopping.is_set())


def _help(
    number: int,
    spec: EvolveSpec,
    inputs: Mapping[str, Path],
    scratch: Path,
    line: Any,
    stopping: Any,
) -> None:
    """A helper's whole life."""
    _take_gpu(number)
    share_cores(spec.workers)
    from alloyengine.evolve.begin import begun

    try:
        with begun(spec, inputs, scratch, _Listening(stopping)) as trials:
            while True:
                line.send(_scored(trials, line.recv()).model_dump(mode="json"))
    except EOFError:  # the search has ended
        return
    except EngineError as error:
        line.send(error)
    except Exception:  # noqa: BLE001  # a fault of ours: told where it is seen
        line.send(RuntimeError(traceback.format_exc()))


def _scored(trials: Trials, task: Task) -> Candidate:
    asked = trials.drawn(task.generation)
    return trials.scored(task.number, task.generation, task.point, asked, task.doomed)


def _take_gpu(number: int) -> None:
    """Its own, where there are several; before torch has looked."""
    import torch

    if (count := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % count)


def _gone(process: Any) -> EngineError:
    process.join(timeout=5)
    return CapacityError(
        "helper_died",
        f"A process that scored candidates ended without a word (exit code {process.exitcode}).",
        "Most often memory ran out: set workers to less.",
    )
