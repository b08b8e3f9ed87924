"""Executes the steps of a plan: several tensors under way, as many chunks at work as there are cores.

A driver thread follows one tensor through its passes and waits; the workers take chunks (some
megabytes of consecutive rows) of whichever tensors are under way, so they never wait for the end
of a pass. Memory is bounded by the chunks at work, whatever the size of model or tensor.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Protocol

from alloyengine.errors import InputError, Stopped
from alloyengine.merge.arrays import finite_bits
from alloyengine.merge.backend import Backend
from alloyengine.merge.declare import Block, T
from alloyengine.merge.loops import compiled
from alloyengine.merge.source import Stored
from alloyengine.merge.steps import Step
from alloyengine.merge.workers import Workers
from alloyengine.report import Reporter

_PATIENCE = 0.2  # seconds between looks at whether to stop


class Target(Protocol):
    """Where the result goes; safe to call from several threads."""

    def put(self, name: str, start: int, raw: Any) -> None: ...


class Measures(Protocol):
    """Where what is measured of a tensor comes from."""

    def of(self, step: Step, measure: Callable[[], Any]) -> Any:
        """All that the step's method measures."""
        ...

    def once(self, step: Step, what: str, find: Callable[[], T]) -> T:
        """A part of it, which depends on the tensors alone."""
        ...


class _Anew:
    """Everything is measured when it is asked for."""

    def of(self, step: Step, measure: Callable[[], Any]) -> Any:
        return measure()

    def once(self, step: Step, what: str, find: Callable[[], T]) -> T:
        return find()


ANEW = _Anew()


def execute(
    steps: Sequence[Step],
    target: Target,
    backend: Backend,
    report: Reporter,
    threads: int = 0,
    measures: Measures = ANEW,
) -> None:
    """Makes every step's tensor. Raises InputError for numbers that are not finite, Stopped."""
    threads = threads or len(os.sched_getaffinity(0))
    stop, done = Event(), SimpleQueue[Future[int]]()
    with ExitStack() as closing:
        workers = closing.enter_context(Workers(threads))
        drivers = closing.enter_context(ThreadPoolExecutor(threads + 1, "tensor"))
        closing.callback(stop.set)  # the first thing on the way out: then both pools empty quickly
        for number, step in enumerate(steps):
            passes = _Passes(number, step, backend, workers, stop, measures)
            drivers.submit(_drive, passes, target).add_done_callback(done.put)
        _watch(done, len(steps), sum(step.numel for step in steps), report)


def _watch(done: "SimpleQueue[Future[int]]", steps: int, total: int, report: Reporter) -> None:
    """Returns when all is made; raises what the first failing step raised."""
    made = 0
    report.progress("Merging", made, total)
    while steps:
        if report.stopping():
            raise Stopped("stopped", "The merge was stopped.")
        with suppress(Empty):
            made += done.get(timeout=_PATIENCE).result()
            steps -= 1
            report.progress("Merging", made, total)


def _drive(tensors: "_Passes", target: Target) -> int:
    """Makes one tensor; the number of its elements."""
    step, backend = tensors.step, tensors.backend
    if step.method is None:
        tensors.copy(target)
        return step.numel
    method, settings, measured = step.method, step.settings, None
    if method.measure:
        measured = tensors.measures.of(step, partial(method.measure, tensors, settings))
    weights = method.weights(settings, measured) if method.weights else None
    if weights and tensors.blend(weights, target):
        return step.numel

    def combine(block: Block) -> None:
        start = block.start
        merged = method.combine(block, settings, measured)
        if not backend.fits(merged, step.dtype):
            raise _not_finite(step)
        target.put(step.tensor, start, backend.encode(merged, step.dtype))

    tensors.each(combine)
    return step.numel


def _not_finite(step: Step) -> InputError:
    return InputError(
        "not_finite",
        f"{step.tensor!r} would hold infinite or undefined numbers.",
        "Check the inputs and weights, or choose dtype bfloat16 or float32.",
    )


@dataclass(frozen=True)
class _Passes:
    """`declare.Tensors` for a step: every pass reads the sources anew, chunk by chunk."""

    number: int  # of the step
    step: Step
    backend: Backend
    workers: Workers
    stop: Event
    measures: Measures

    @property
    def shape(self) -> tuple[int, int]:
        return self.step.rows, self.step.columns

    def each(self, look: Callable[[Block], T]) -> list[T]:
        return [found for chunk in self._map(partial(self._look, look)) for found in chunk]

    def sample(self, look: Callable[[Block], T]) -> list[T]:
        return [found for chunk in self._map(partial(self._look_into, look)) for found in chunk]

    def once(self, what: str, find: Callable[[], T]) -> T:
        return self.measures.once(self.step, what, find)

    def bfloats(self, look: Callable[[Any, int, Any], T]) -> list[T] | None:
        stored = [source for source in self.step.sources if isinstance(source, Stored)]
        known = len(stored) == len(self.step.sources) and all(s.dtype == "BF16" for s in stored)
        if not known or not (loops := compiled(self.backend.xp)):
            return None
        work = partial(self._look_at_bfloats, partial(look, loops), stored)
        return [found for chunk in self._map(work) for found in chunk]

    def blend(self, weights: Sequence[float], target: Target) -> bool:
        """Puts the weighted sum without decoding the models, if that can be."""
        step = self.step

        def look(loops: Any, start: int, raw: Any) -> None:
            merged, finite = loops.blend(raw, weights)
            if not finite:
                raise _not_finite(step)
            target.put(step.tensor, start, merged)

        return step.dtype == "BF16" and self.bfloats(look) is not None

    def copy(self, target: Target) -> None:
        """Puts the only source's bytes as they are."""
        self._map(partial(self._copy, target))

    def _map(self, work: Callable[[int, int], T]) -> list[T]:
        futures = [self.workers.submit(self.number, work, *chunk) for chunk in self._chunks()]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def _copy(self, target: Target, start: int, stop: int) -> None:
        self._check()
        for a, b in self._split(start, stop, self.backend.block):
            raw = self.step.original.raw(a, b)
            if not finite_bits(raw, self.step.dtype):
                raise _not_finite(self.step)
            target.put(self.step.tensor, a * self.step.columns, raw)

    def _look_at_bfloats(
        self, look: Callable[[int, Any], T], sources: Sequence[Stored], start: int, stop: int
    ) -> list[T]:
        self._check()
        np, columns, found = self.backend.xp, self.step.columns, []
        for a, b in self._split(start, stop, self.backend.block):
            numbers = np.empty((len(sources), (b - a) * columns), np.uint16)
            for source, row in zip(sources, numbers, strict=True):
                source.model.fill(source.tensor, a * columns, row)
            found.append(look(a * columns, numbers))
        return found

    def _look(self, look: Callable[[Block], T], start: int, stop: int) -> list[T]:
        self._check()
        readers = [source.open(start, stop, self.backend) for source in self.step.sources]
        return [
            look(Block([read(a, b) for read in readers], a, self.backend.xp))
            for a, b in self._split(start, stop, self.backend.block)
        ]

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped("stopped", "The merge was stopped.")

    def _look_into(self, look: Callable[[Block], T], start: int, stop: int) -> list[T]:
        """At the first rows of a chunk; at all of a tensor that is no larger than one."""
        if stop - start < self.shape[0]:
            stop = min(stop, start + max(1, self.backend.sample // max(1, self.shape[1])))
        return self._look(look, start, stop)

    def _chunks(self) -> Iterator[tuple[int, int]]:
        return self._split(0, self.shape[0], self.backend.chunk)

    def _split(self, start: int, stop: int, elements: int) -> Iterator[tuple[int, int]]:
        """Ranges of whole rows, of about so many elements."""
        size = max(1, elements // max(1, self.shape[1]))
        return ((a, min(a + size, stop)) for a in range(start, stop, size))
