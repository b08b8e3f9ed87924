"""How a merge method declares itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alloyengine.spec.methods import Parameter

if TYPE_CHECKING:
    import torch


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
