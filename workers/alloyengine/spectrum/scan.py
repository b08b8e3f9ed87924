"""Scores a checkpoint, one matrix in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alloyengine.checkpoint import Checkpoint
from alloyengine.errors import InputError, Stopped
from alloyengine.merge.arrays import decode
from alloyengine.report import Reporter
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.score import EDGES, SCORES, Method
from alloyengine.spectrum.select import near_the_border
from alloyengine.spectrum.singular import Values, values_on

PHASE = "Scanning modules"
_CLOSE = 2e-4  # scores nearer to each other are computed anew, exactly
_ON_EDGE = 2e-5  # a singular value nearer to the threshold may be on its wrong side


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
    be told apart in float32 are computed in float64. `known`: an earlier scan of the same weights.
    """
    values = values_on(device)
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
            for item in near_the_border(scored, percent, _CLOSE):
                exact = _scored(model, item.module, method, values, exactly=True)
                scored[scored.index(item)] = exact
    return Scan(method, tuple(scored), (*known.settled, *percents))


def _all_of(
    model: Checkpoint, modules: Sequence[Module], method: Method, values: Values, report: Reporter
) -> Iterator[Scored]:
    """Counts numbers rather than modules: the time left is told by those."""
    done, total = 0, sum(module.numel for module in modules)
    for module in modules:
        if report.stopping():
            raise Stopped("stopped", "The scan was stopped.")
        report.progress(PHASE, done, total)
        yield _scored(model, module, method, values)
        done += module.numel
    report.progress(PHASE, total, total)


def _scored(
    model: Checkpoint, module: Module, method: Method, values: Values, exactly: bool = False
) -> Scored:
    matrices = _matrices(model, module)
    ratios = [_ratio(matrix, method, values, exactly) for matrix in matrices]
    mean = float(np.mean(ratios))
    return Scored(module, mean, tuple(ratios) if len(ratios) > 1 else ())


def _ratio(matrix: np.ndarray, method: Method, values: Values, exactly: bool) -> float:
    found = values(matrix, exactly)
    edge = EDGES[method](found, *matrix.shape)
    if not exactly and bool((abs(found - edge) <= _ON_EDGE * edge).any()):
        found = values(matrix, True)
    return SCORES[method](found, *matrix.shape)


def _matrices(model: Checkpoint, module: Module) -> Iterator[np.ndarray]:
    """Each matrix, float32."""
    size, dtype = module.rows * module.columns, model.info(module.tensor).dtype
    for number in range(module.matrices):
        raw = model.window(module.tensor, number * size, (number + 1) * size)
        matrix = decode(raw, dtype).reshape(module.rows, module.columns)
        if not np.isfinite(matrix).all():
            raise InputError(
                "model_damaged",
                f"{module.tensor} holds NaN or infinity.",
                "Export the model again.",
            )
        yield matrix
