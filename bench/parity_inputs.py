"""What a method in float64 is given, and the arithmetic that its computations share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inputs:
    """One tensor of every model, in float64."""

    base: Floats | None
    models: Sequence[Floats]
    shared: Mapping[str, Any]
    own: Sequence[Mapping[str, Any]]

    @property
    def origin(self) -> Floats:
        if self.base is None:
            raise ValueError("this method needs a base")
        return self.base

    @property
    def changes(self) -> list[Floats]:
        return [model - self.origin for model in self.models]

    def each(self, name: str, default: float = 1.0) -> list[float]:
        return [float(own.get(name, self.shared.get(name, default))) for own in self.own]


def add(weights: Any, arrays: Any) -> Floats:
    total: Floats = sum(w * array for w, array in zip(weights, arrays, strict=True))
    return total


def norm(values: Floats) -> float:
    return float(np.sqrt((values**2).sum()))


def unit(values: Floats) -> Floats:
    return values / norm(values)


def softmax(values: Floats) -> Floats:
    raised = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True))


def top(values: Floats, count: int) -> Mask:
    """The `count` largest entries."""
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def near(values: Floats, value: Any, tolerance: float = 1e-5) -> Mask:
    """Which values are the same but for rounding."""
    return np.asarray(np.abs(values - value) <= tolerance * np.abs(value))


def undecided(parts: Floats) -> Mask:
    """Where the sum over the models is zero but for rounding, so that its sign is chance."""
    sizes = np.abs(parts).sum(0)
    return np.asarray((np.abs(parts.sum(0)) <= 1e-6 * sizes) & (sizes > 0))
