"""Ends a run that has gone wrong, with advice, and one that no longer gets better."""

import math
from collections import deque

from alloyengine.errors import InputError
from alloyengine.spec.train import TrainSpec

_RECENT = 10  # steps
_WORSE = 2.0  # times the best, and
_MORE = 1.0  # nats above it: then the loss has exploded


class Watch:
    """Looks at every step."""

    def __init__(self, spec: TrainSpec) -> None:
        self._spec = spec
        self._recent = deque[float](maxlen=_RECENT)
        self._best: float | None = None

    @property
    def recent(self) -> list[float]:
        return list(self._recent)

    @property
    def mean(self) -> float:
        return sum(self._recent) / len(self._recent)

    def resume(self, recent: list[float], best: float | None) -> None:
        self._recent.extend(recent)
        self._best = best

    @property
    def best(self) -> float | None:
        """The lowest mean of ten steps so far."""
        return self._best

    def look(self, step: int, loss: float, gradient: float) -> None:
        """InputError when either is no number, or the loss has exploded."""
        for name, value in (("loss", loss), ("gradient", gradient)):
            if not math.isfinite(value):
                raise self._diverged(f"The {name} became {value} at step {step}.")
        self._recent.append(loss)
        if len(self._recent) < _RECENT:
            return
        self._best = self.mean if self._best is None else min(self._best, self.mean)
        if self.mean > _WORSE * abs(self._best) + _MORE:
            raise self._diverged(
                f"The loss rose from {self._best:.3f} to {self.mean:.3f} by step {step}."
            )

    def _diverged(self, what: str) -> InputError:
        rate = self._spec.learning_rate
        return InputError(
            "training_diverged",
            what,
            f"Lower learning_rate (now {rate:g}) or raise warmup_ratio.",
        )
