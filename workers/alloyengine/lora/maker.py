"""Turns changes of tensors into the parts of an adapter."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from alloyengine.checkpoint.adapter.fit import stores_inputs_first
from alloyengine.diff.walk import Shared
from alloyengine.errors import InputError
from alloyengine.lora.config import Adapted
from alloyengine.lora.decompose import Decomposition, decompose
from alloyengine.lora.file import TensorFile
from alloyengine.lora.kinds import Kind, kind_of, module_of, prefix_in_memory
from alloyengine.lora.records import Record
from alloyengine.lora.settings import Settings
from alloyengine.merge.backend import backend
from alloyengine.merge.gram import dot
from alloyengine.merge.members import Member

PREFIX = "base_model.model."
_EXPERTS = "an adapter can't reach experts"
_SHARED = "it lies beside modules that are adapted"


class Maker:
    """Takes tensor after tensor, in the order of `in_order`; modules go by their names in memory."""

    def __init__(self, base: Member, settings: Settings, file: TensorFile) -> None:
        self.records: list[Record] = []
        self.ranks: dict[str, int] = {}
        self._base, self._settings, self._file = base, settings, file
        self._backend = backend(settings.device)
        self._prefix = prefix_in_memory(base.model.config, base.structure)
        self._inputs_first = stores_inputs_first(base.tensors)
        self._saved: set[str] = set()
        self._biases = False

    @property
    def adapted(self) -> Adapted:
        """All that was taken."""
        embedding = self._base.structure.embedding
        touched = self.ranks.keys() | self._saved
        tied = self._base.structure.tied and embedding is not None
        return Adapted(
            ranks=self.ranks,
            saved=self._saved,
            biases=self._biases,
            tied=tied and module_of(self._in_memory(str(embedding))) in touched,
            inputs_first=self._inputs_first,
        )

    def in_order(self, tensors: Iterable[Shared]) -> list[Shared]:
        """Those that are decomposed first: how a bias is written depends on its weight."""
        return sorted(tensors, key=lambda tensor: self._kind(tensor) in {"expert", "other"})

    def take(self, tensor: Shared, change: np.ndarray) -> None:
        """`change`: float32 [rows, columns]. InputError when it is not finite."""
        total = dot(change, change, np)
        if not np.isfinite(total):
            raise InputError(
                "not_finite",
                f"{tensor.name!r} holds infinite or undefined numbers in one of the models.",
                "Export the model again.",
            )
        if total == 0:
            return
        kind = self._kind(tensor)
        module = module_of(self._in_memory(tensor.name))
        if not self._settings.takes(module):
            self._leave_out(tensor, total, "it is not included")
        elif kind == "expert":
            self._leave_out(tensor, total, _EXPERTS)
        elif kind == "other":
            self._take_whole(tensor, module, total)
        elif self._of_vocabulary(tensor.name) and self._settings.embeddings != "lora":
            self._take_vocabulary(tensor, module, total)
        else:
            self._factorise(tensor, module, change, kind == "embedding")

    def _kind(self, tensor: Shared) -> Kind:
        shape = self._base.tensors[tensor.name].shape
        return kind_of(tensor.name, shape, self._base.structure)

    def _in_memory(self, name: str) -> str:
        return name if name == self._base.structure.head else f"{self._prefix}{name}"

    def _of_vocabulary(self, name: str) -> bool:
        return name in (self._base.structure.embedding, self._base.structure.head)

    def _take_vocabulary(self, tensor: Shared, module: str, total: float) -> None:
        if self._settings.embeddings == "skip":
            self._leave_out(tensor, total, "embeddings are skipped")
        else:
            self._save(tensor, tensor.name, module, total)

    def _take_whole(self, tensor: Shared, module: str, total: float) -> None:
        """A bias of a decomposed weight is saved by itself, other tensors with their module."""
        if self._settings.others == "skip":
            self._leave_out(tensor, total, "others are skipped")
        elif module in self.ranks and tensor.name.endswith(".bias"):
            self._biases = True
            self._write(tensor, f"{module}.base_layer.bias", total)
        elif not module or any(other.startswith(f"{module}.") for other in self.ranks):
            self._leave_out(tensor, total, _SHARED)
        else:
            self._save(tensor, tensor.name, module, total)

    def _save(self, tensor: Shared, name: str, module: str, total: float) -> None:
        self._saved.add(module)
        self._write(tensor, self._in_memory(name), total)

    def _write(self, tensor: Shared, name: str, total: float) -> None:
        weight = tensor.sources[1].open(0, tensor.rows, backend("cpu"))(0, tensor.rows)
        self._file.add(f"{PREFIX}{name}", weight.reshape(self._base.tensors[tensor.name].shape))
        self.records.append(Record(tensor.name, "saved", total, total))

    def _leave_out(self, tensor: Shared, total: float, why: str) -> None:
        self.records.append(Record(tensor.name, "left out", total, 0.0, why=why))

    def _factorise(self, tensor: Shared, module: str, change: np.ndarray, embeds: bool) -> None:
        here = self._backend
        found = decompose(here.load(change), self._settings.wanted, here.xp)
        a, b = self._a_and_b(found, tensor, embeds)
        part = "lora_embedding_{}" if embeds else "lora_{}.weight"
        for letter, factor in (("A", a), ("B", b)):
            self._file.add(f"{PREFIX}{module}.{part.format(letter)}", factor)
        self.ranks[module] = found.rank
        self.records.append(Record(tensor.name, "lora", found.total, found.kept, found.rank))

    def _a_and_b(
        self, found: Decomposition, tensor: Shared, embeds: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """A [rank, inputs] and B [outputs, rank], of which PEFT takes alpha / rank · B · A."""
        share = self._settings.scale**-0.5
        left, right = (_on_cpu(half) * np.float32(share) for half in (found.left, found.right))
        in_layer = self._base.structure.place(tensor.name) is not None
        turned = embeds or (self._inputs_first and in_layer)
        return (left.T, right.T) if turned else (right, left)


def _on_cpu(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())
