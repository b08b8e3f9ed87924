"""What training can learn: a file for each objective, all with the same face."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alloyengine.report import Reporter
from alloyengine.spec.objective import Cpt, Distill, Dpo, Sft
from alloyengine.spec.train import TrainSpec
from alloyengine.train.objectives.base import Objective

__all__ = ["Objective", "objective_of"]


def objective_of(
    spec: TrainSpec, inputs: Mapping[str, Path], tokenizer: Any, report: Reporter
) -> Objective[Any]:
    """With its data read and encoded. InputError when there is nothing to learn."""
    match spec.objective:
        case Sft():
            from alloyengine.train.objectives.causal import sft

            return sft(spec, inputs, tokenizer, report)
        case Cpt():
            from alloyengine.train.objectives.causal import cpt

            return cpt(spec, inputs, tokenizer, report)
        case Dpo():
            from alloyengine.train.objectives.dpo import dpo

            return dpo(spec, inputs, tokenizer, report)
        case Distill():
            from alloyengine.train.objectives.distill import distill

            return distill(spec, inputs, tokenizer, report)
