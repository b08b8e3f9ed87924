"""The merge methods and the parameters each of them takes, for engine, platform and forms alike."""

from dataclasses import dataclass
from typing import Literal

MergeMethod = Literal["linear", "slerp", "task_arithmetic"]
Scope = Literal["global", "model", "non-base"]


@dataclass(frozen=True)
class Parameter:
    """A number (or flag) that a recipe gives once, for each model, or for each but the base."""

    name: str
    scope: Scope
    default: float | None = None  # None: must be given


PARAMETERS: dict[MergeMethod, tuple[Parameter, ...]] = {
    "linear": (Parameter("weight", "model"), Parameter("normalize", "global", True)),
    "slerp": (Parameter("t", "global"),),
    "task_arithmetic": (
        Parameter("weight", "non-base"),
        Parameter("lambda", "global", 1.0),
        Parameter("normalize", "global", False),
    ),
}
