"""How a merge method declares itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Scope = Literal["global", "model", "non-base"]


@dataclass(frozen=True)
class Parameter:
    """A number (or flag) that a recipe gives once, for each model, or for each but the base."""

    name: str
    scope: Scope
    default: float | None = None  # None: must be given


@dataclass(frozen=True)
class Settings:
    """A method's parameters for one tensor."""

    shared: Mapping[str, float]
    own: tuple[Mapping[str, float], ...]  # one for each model, in the plan's order

    def each(self, name: str) -> list[float]:
        """The parameter of every model that has it."""
        return [values[name] for values in self.own if name in values]


Combine = Callable[[Sequence["torch.Tensor"], Settings], "torch.Tensor"]


@dataclass(frozen=True)
class Method:
    """`combine` is pure: float32 tensors of one shape in, a new one out, inputs untouched.

    With `has_base` the base's tensor comes first. An `elementwise` method may be given any
    pieces of the tensors, so it runs in little memory.
    """

    name: str
    combine: Combine
    parameters: tuple[Parameter, ...]
    has_base: bool
    elementwise: bool
    paper: str = ""
