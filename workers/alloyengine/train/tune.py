"""The model made ready for what a spec trains of it, and the result's way to a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alloyengine.report import Reporter
from alloyengine.spec.train import TrainSpec
from alloyengine.spec.tuning import AdapterTuning
from alloyengine.train.freeze import Parameters, freeze
from alloyengine.train.save import save


@dataclass(frozen=True)
class Tuned:
    model: Any
    trained: Parameters  # by name; all others are frozen
    save: Callable[[Path], None]  # to a new folder, as a whole model

    @property
    def size(self) -> int:
        return sum(weight.numel() for weight in self.trained.values())


def tune(model: Any, spec: TrainSpec, base: Path, report: Reporter) -> Tuned:
    """Leaves only what is trained with gradients."""
    if isinstance(spec.tuning, AdapterTuning):
        from alloyengine.train.lora import adapt, save_merged

        trained = adapt(model, spec.tuning, spec.seed)
        return Tuned(model, trained, lambda out: save_merged(model, base, out, report))
    trained = freeze(model, spec.tuning, base, report)
    return Tuned(model, trained, lambda out: save(base, trained, out, report))


def open_to_train(path: Path, spec: TrainSpec) -> tuple[Any, Any]:
    """Model and tokenizer. In float32: small updates would be lost in the rounding of bfloat16."""
    from alloyengine.loading import open_model

    if spec.tuning.method == "qlora":
        from alloyengine.train.lora import open_in_four_bits

        return open_in_four_bits(path)
    return open_model(path, torch.float32)
