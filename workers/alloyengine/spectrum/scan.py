"""Scores a checkpoint, one tensor in memory at a time."""

from pathlib import Path

from torch import Tensor

from alloyengine.checkpoint import Checkpoint
from alloyengine.errors import InputError, Stopped
from alloyengine.report import Reporter
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.score import snr

PHASE = "Scanning modules"


def scan(path: Path, report: Reporter) -> list[Scored]:
    """The signal-to-noise ratio of every 2-D weight in the model's layers."""
    with Checkpoint.open(path) as model:
        modules = modules_of((name, model.info(name)) for name in model.names)
        if not modules:
            raise InputError(
                "no_layers",
                "The model has no 2-D weights in numbered layers, so there is nothing to scan.",
                "Use full tuning, or a transformer model.",
            )
        scored = []
        for done, module in enumerate(modules):
            if report.stopping():
                raise Stopped("stopped", "The scan was stopped.")
            report.progress(PHASE, done, len(modules))
            scored.append(Scored(module, snr(_finite(model.read(module.tensor), module))))
        report.progress(PHASE, len(modules), len(modules))
    return scored


def _finite(weight: Tensor, module: Module) -> Tensor:
    if not weight.isfinite().all():
        raise InputError(
            "model_damaged",
            f"{module.tensor} holds NaN or infinity.",
            "Export the model again.",
        )
    return weight
