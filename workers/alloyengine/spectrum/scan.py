"""Scores a checkpoint, two matrices in memory at a time."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from alloyengine import heap
from alloyengine.checkpoint import Checkpoint
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Reporter
from alloyengine.spectrum.doubt import doubt
from alloyengine.spectrum.lapack import solver
from alloyengine.spectrum.matrix import Matrix
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.score import EDGES, SCORES, Method
from alloyengine.spectrum.select import near_the_border
from alloyengine.spectrum.singular import Values, on_cpu, values_on

PHASE = "Scanning modules"
_ALIKE = 4  # doubts within such a factor
_AT_ONCE = 2  # matrices in memory


@dataclass(frozen=True)
class Scan:
    """The ratio of every module, comparable by one method."""

    method: Method
    scored: tuple[Scored, ...]
    settled: tuple[float, ...] = ()  # percentages whose borders are exact


def scan(
    path: Path,
    report: Reporter,
    method: Method = "spectrum",
    percents: Sequence[float] = (),
    device: str = "auto",
    known: Scan | None = None,
) -> Scan:
    """The signal-to-noise ratio of every weight in the model's layers.

    Which of them are above each of `percents` is decided exactly: scores too near to the border to
    be told apart in float32 are computed in float64; others are off by their `doubt` at most.
    `known`: an earlier scan of the same weights.
    """
    values = values_on(device)
    if values is on_cpu:
        heap.give_back()
    with Checkpoint.open(path) as model:
        modules = modules_of((name, model.info(name)) for name in model.names)
        if not modules:
            raise InputError(
                "no_layers",
                "The model has no 2-D weights in numbered layers, so there is nothing to scan.",
                "Use full tuning, or a transformer model.",
            )
        if known is None:
            known = Scan(method, tuple(_all_of(model, modules, method, values, report)))
        scored = list(known.scored)
        for percent in percents:
            # Those in most doubt first: once they are known, others may be clear of the border.
            while near := near_the_border(scored, percent):
                most = max(item.doubt for item in near) / _ALIKE
                chosen = [item for item in near if item.doubt >= most]
                exact = _several(model, [c.module for c in chosen], method, values, exactly=True)
                for item, better in zip(chosen, exact, strict=True):
                    scored[scored.index(item)] = better
    return Scan(method, tuple(scored), (*known.settled, *percents))


def _all_of(
    model: Checkpoint, modules: Sequence[Module], method: Method, values: Values, report: Reporter
) -> Iterator[Scored]:
    """Counts numbers rather than modules: the time left is told by those."""
    done, total = 0, sum(module.numel for module in modules)
    for module, scored in zip(modules, _several(model, modules, method, values), strict=True):
        report.progress(PHASE, done, total)
        if report.stopping():
            raise Stopped("stopped", "The scan was stopped.")
        yield scored
        done += module.numel
    report.progress(PHASE, total, total)


def _several(
    model: Checkpoint,
    modules: Sequence[Module],
    method: Method,
    values: Values,
    exactly: bool = False,
) -> Iterator[Scored]:
    """In their order, two at a time on a CPU; what comes out is yielded at once."""
    score = partial(_scored, model, method=method, values=values, exactly=exactly)
    if values is not on_cpu or solver() is None:
        yield from map(score, modules)
        return
    from threadpoolctl import threadpool_limits

    cores = len(os.sched_getaffinity(0))
    threads = min(_AT_ONCE, cores)
    with (
        threadpool_limits(max(1, cores // threads), "blas"),
        ThreadPoolExecutor(threads, "matrix") as pool,
    ):
        waiting = [pool.submit(score, module) for module in modules]
        try:
            for scored in waiting:
                yield scored.result()
        finally:
            for scored in waiting:
                scored.cancel()


def _scored(
    model: Checkpoint, module: Module, method: Method, values: Values, exactly: bool
) -> Scored:
    try:
        found = [_ratio(matrix, method, values, exactly) for matrix in _matrices(model, module)]
    except FloatingPointError:
        raise InputError(
            "model_damaged",
            f"{module.tensor} holds NaN, infinity or numbers too large for float32.",
            "Export the model again.",
        ) from None
    ratios = [ratio for ratio, _ in found]
    experts = tuple(ratios) if len(ratios) > 1 else ()
    return Scored(module, float(np.mean(ratios)), experts, doubt=max(off for _, off in found))


def _ratio(matrix: Matrix, method: Method, values: Values, exactly: bool) -> tuple[float, float]:
    """And by which share it may be off."""
    found = values(matrix, exactly)
    edge = EDGES[method](found, *matrix.shape)
    ratio = SCORES[method](found, *matrix.shape)
    return ratio, 0.0 if exactly else doubt(found, edge)


def _matrices(model: Checkpoint, module: Module) -> Iterator[Matrix]:
    size, dtype = module.rows * module.columns, model.info(module.tensor).dtype
    for number in range(module.matrices):
        found = model.window(module.tensor, number * size, (number + 1) * size)
        yield Matrix(found.reshape(module.rows, module.columns), dtype)
