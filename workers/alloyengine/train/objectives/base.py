"""What an objective is to the training loop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor

from alloyengine.train.batches import Part

Item = TypeVar("Item")


@dataclass(frozen=True)
class Loss:
    """Of a part of a batch: sums, which the loop divides by the batch's `count`."""

    total: Tensor  # a scalar to be differentiated
    figures: Mapping[str, float] = field(default_factory=dict)  # to be shown beside it


class Objective(Protocol[Item]):
    """Data to learn from, and the loss of some of it."""

    items: Sequence[Item]  # all there are; a batch holds some of them
    most: int  # tokens at once, padding included

    def prepare(self, model: Any) -> None:
        """Once, with all items still there and the model still the base."""
        ...

    def tokens(self, item: Item) -> int:
        """How long it is: items of like length share a batch."""
        ...

    def count(self, batch: Sequence[Item]) -> int:
        """What the loss of a batch is a mean over."""
        ...

    def layout(self, batch: Sequence[Item], share: bool) -> Iterator[Part]:
        """The tensors of a batch, part by part; `share`: the model may see common beginnings once."""
        ...

    def losses(self, model: Any, batch: Sequence[Item]) -> Iterator[Loss]:
        """Part by part, as memory allows. Each is differentiated before the next is made."""
        ...
