"""The models that a recipe names, opened."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from alloyengine.checkpoint import Checkpoint, TensorInfo
from alloyengine.checkpoint.structure import Structure
from alloyengine.errors import InputError
from alloyengine.merge.source import Adapted, Source, Stored

if TYPE_CHECKING:
    from alloyengine.checkpoint.adapter import Adapter


@dataclass(frozen=True)
class Member:
    """One model, with a LoRA adapter merged into it if the reference names one."""

    reference: str
    model: Checkpoint
    adapter: "Adapter | None" = None

    def __post_init__(self) -> None:
        if self.model.config.get("quantization_config"):
            raise InputError(
                "model_quantised",
                f"{self.reference} is quantised: its numbers can't be averaged.",
                "Use the model as it was before it was quantised.",
            )
        if self.adapter:
            self.adapter.check(self.tensors)

    @cached_property
    def tensors(self) -> Mapping[str, TensorInfo]:
        return self.model.tensors

    @property
    def names(self) -> list[str]:
        return list(self.tensors)

    @cached_property
    def structure(self) -> Structure:
        return Structure.of(self.model.config, self.tensors)

    def layer(self, prefix: str, number: int) -> list[str]:
        """The tensors of a layer, by their names in it."""
        return self._layers[prefix, number]

    def source(self, tensor: str, columns: int) -> Source:
        """The tensor's rows, the adapter's change included."""
        stored = Stored(self.model, tensor, columns)
        if self.adapter and self.adapter.touches(tensor):
            return Adapted(stored, tensor, self.adapter)
        return stored

    @cached_property
    def _layers(self) -> Mapping[tuple[str, int], list[str]]:
        found: dict[tuple[str, int], list[str]] = defaultdict(list)
        for name in self.tensors:
            if place := self.structure.place(name):
                found[place.stack.prefix, place.layer].append(place.rest)
        return found
