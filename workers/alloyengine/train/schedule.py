"""The learning rate's way, step by step."""

import math

from alloyengine.spec.train import TrainSpec


def rate(step: int, steps: int, spec: TrainSpec) -> float:
    """The learning rate of a step (counted from 1): up in a line, then as `spec.schedule` says."""
    warmup = max(1, round(steps * spec.warmup_ratio))
    if step <= warmup:
        return spec.learning_rate * step / warmup
    left = (steps - step + 1) / (steps - warmup + 1)
    match spec.schedule:
        case "linear":
            return spec.learning_rate * left
        case "cosine":
            return spec.learning_rate * (1 - math.cos(math.pi * left)) / 2
        case "constant":
            return spec.learning_rate
