"""What a merge method is, and what it is given.

A method looks at a tensor in up to two steps. `measure`, which most do without, reduces the whole
tensor of every model to a few numbers: lengths, angles, thresholds. `combine` then makes the
result a block at a time. So no method ever holds more than blocks, however large the tensor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from alloyengine.spec.methods import DECLARATIONS, Declaration, MergeMethod

Array = Any  # float32: a numpy array, or a torch tensor on a GPU
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Some whole rows of one tensor, the same of every model; the base's first.

    A row runs along the last dimension; a vector is one row. The arrays, [rows, columns] each,
    belong to whoever is given the block: they may be overwritten.
    """

    arrays: list[Array]
    row: int  # number of the first row in the tensor
    xp: Any  # the arrays' library: numpy or torch

    @property
    def start(self) -> int:
        """Number of the first element in the flattened tensor."""
        return self.row * int(self.arrays[0].shape[1])


class Tensors(Protocol):
    """One tensor of every model, too large to be held at once."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    def each(self, look: Callable[[Block], T]) -> list[T]:
        """What `look` says of every block, in order. Blocks are looked at in parallel; their bounds
        depend on the shape alone, so a sum over them is the same on any number of threads.
        """
        ...

    def bfloats(self, look: "Callable[[Any, int, Any], T]") -> list[T] | None:
        """As `each`, of the numbers as the files have them: the compiled loops, the number of the
        block's first element, and uint16 [models, elements]. None where they are not all bfloat16, or
        loops not compiled.
        """
        ...

    def sample(self, look: Callable[[Block], T]) -> list[T]:
        """As `each`, of a part of a large tensor: some rows here and there, always the same."""
        ...

    def once(self, what: str, find: Callable[[], T]) -> T:
        """What `find` finds of these tensors alone, whatever the settings. Where a merge is made again
        with other numbers, it may be what was found before; so nobody writes to it.
        """
        ...


@dataclass(frozen=True)
class Settings:
    """A method's parameters for one tensor."""

    shared: Mapping[str, float]
    own: tuple[Mapping[str, float], ...]  # one for each model; the base's, if any, is empty
    key: int = 0  # 64 bits that stand for the recipe's seed and the tensor

    def each(self, name: str) -> list[float]:
        """The parameter of every model that has it."""
        return [values[name] for values in self.own if name in values]


Measure = Callable[[Tensors, Settings], Any]
Combine = Callable[[Block, Settings, Any], Array]
Weights = Callable[[Settings, Any], Sequence[float] | None]


@dataclass(frozen=True)
class Method:
    """A merge method: pure functions under a declared name.

    `combine` gets what `measure` returned (None without one). The result is float32 of the block's
    shape. When all it does is to weigh the models and add them up, `weights` says how (None where
    there is more to it): then it can be done without decoding them. `reads` names the parameters that
    `measure` depends on, beside the tensors and the key; None: all of them.
    """

    name: MergeMethod
    combine: Combine
    measure: Measure | None = None
    weights: Weights | None = None
    reads: tuple[str, ...] | None = None

    @property
    def declaration(self) -> Declaration:
        return DECLARATIONS[self.name]


def pairs(items: Sequence[T]) -> list[tuple[T, T]]:
    """Every two of them, in order."""
    return [(a, b) for i, a in enumerate(items) for b in items[i + 1 :]]
