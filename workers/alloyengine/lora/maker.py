"""Turns changes of tensors into the parts of an adapter."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alloyengine.checkpoint.adapter.fit import stores_inputs_first
from alloyengine.diff.walk import Shared, parts_of
from alloyengine.errors import InputError
from alloyengine.lora.config import Adapted
from alloyengine.lora.decompose import Decomposition, decompose
from alloyengine.lora.file import TensorFile
from alloyengine.lora.kinds import Kind, kind_of, module_of, prefix_in_memory, tied_head
from alloyengine.lora.records import Record
from alloyengine.lora.settings import Settings
from alloyengine.merge.backend import backend
from alloyengine.merge.gram import dot
from alloyengine.merge.members import Member

PREFIX = "base_model.model."
_EXPERT = "an adapter can't reach experts"
_BESIDE = "it lies beside modules that are adapted"
_EMBEDDING = "embeddings are skipped"
_TIED = "the head shares it (--embeddings save keeps both, in full)"
_WHOLE = "what can't be decomposed is skipped"


@dataclass(frozen=True)
class Look:
    """The change of one tensor: its squared Frobenius norm, and its factors if it has any."""

    energy: float
    found: Decomposition | None = None


class Maker:
    """Looks at tensors in parallel, keeps them in the order of `in_order`.

    Modules go by their names in memory.
    """

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
        return Adapted(
            ranks=self.ranks,
            saved=self._saved,
            biases=self._biases,
            inputs_first=self._inputs_first,
            modules={module_of(self._in_memory(name)) for name in self._base.names},
        )

    def in_order(self, tensors: Iterable[Shared]) -> list[Shared]:
        """Those that are decomposed first: how a bias is kept depends on its weight."""
        return sorted(tensors, key=lambda tensor: self._kind(tensor) in {"expert", "other"})

    def look(self, tensor: Shared) -> Look:
        """The costly part; safe to call from several threads. InputError: numbers not finite."""
        change = change_of(tensor)
        energy = dot(change, change, np)
        if not np.isfinite(energy):
            raise InputError(
                "not_finite",
                f"{tensor.name!r} holds infinite or undefined numbers in one of the models.",
                "Export the model again.",
            )
        if energy == 0 or self._why_not(tensor):
            return Look(energy)
        here = self._backend
        return Look(energy, decompose(here.load(change), self._settings.wanted, here.xp))

    def keep(self, tensor: Shared, look: Look) -> None:
        """Writes what the adapter needs of it. To be called in order."""
        if look.energy == 0:
            return
        module = module_of(self._in_memory(tensor.name))
        if look.found:
            self._write_factors(tensor, module, look.found)
            return
        why = self._why_not(tensor) or ""
        if why == _EMBEDDING and self._settings.embeddings == "save":
            self._save(tensor, module, look.energy)
            self._save_tied_head(tensor)
        elif why == _WHOLE and self._settings.others == "save":
            self._save_whole(tensor, module, look.energy)
        else:
            self._leave_out(tensor, look.energy, why)

    def _why_not(self, tensor: Shared) -> str | None:
        """Why it is not decomposed; None when it is."""
        kind = self._kind(tensor)
        if not self._settings.takes(module_of(self._in_memory(tensor.name))):
            return "it is not included"
        if kind in {"expert", "other"}:
            return _EXPERT if kind == "expert" else _WHOLE
        if tensor.name not in (self._base.structure.embedding, self._base.structure.head):
            return None
        if self._settings.embeddings == "auto":
            return _TIED if self._base.structure.tied else None
        return None if self._settings.embeddings == "lora" else _EMBEDDING

    def _kind(self, tensor: Shared) -> Kind:
        shape = self._base.tensors[tensor.name].shape
        return kind_of(tensor.name, shape, self._base.structure)

    def _in_memory(self, name: str) -> str:
        return name if name == self._base.structure.head else f"{self._prefix}{name}"

    def _save_whole(self, tensor: Shared, module: str, energy: float) -> None:
        """A bias of a decomposed weight is saved by itself, other tensors with their module."""
        if module in self.ranks and tensor.name.endswith(".bias"):
            self._biases = True
            self._write(tensor, f"{module}.base_layer.bias", energy)
        elif not module or any(other.startswith(f"{module}.") for other in self.ranks):
            self._leave_out(tensor, energy, _BESIDE)
        else:
            self._save(tensor, module, energy)

    def _save(self, tensor: Shared, module: str, energy: float) -> None:
        self._saved.add(module)
        self._write(tensor, self._in_memory(tensor.name), energy)

    def _save_tied_head(self, tensor: Shared) -> None:
        """PEFT unties what it saves, so that a head which shared the embedding needs its own."""
        if tensor.name == self._base.structure.embedding and self._base.structure.tied:
            head = tied_head(self._base.model.config)
            self._saved.add(module_of(head))
            self._put(tensor, head)

    def _write(self, tensor: Shared, name: str, energy: float) -> None:
        self._put(tensor, name)
        self.records.append(Record(tensor.name, "saved", energy, energy))

    def _put(self, tensor: Shared, name: str) -> None:
        weight = tensor.sources[1].open(0, tensor.rows, backend("cpu"))(0, tensor.rows)
        self._file.add(f"{PREFIX}{name}", weight.reshape(self._base.tensors[tensor.name].shape))

    def _leave_out(self, tensor: Shared, energy: float, why: str) -> None:
        self.records.append(Record(tensor.name, "left out", energy, 0.0, why=why))

    def _write_factors(self, tensor: Shared, module: str, found: Decomposition) -> None:
        embeds = self._kind(tensor) == "embedding"
        part = "lora_embedding_{}" if embeds else "lora_{}.weight"
        for letter, factor in zip("AB", self._a_and_b(found, tensor, embeds), strict=True):
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


def change_of(tensor: Shared) -> np.ndarray:
    """The second model's weight minus the first's: float32 [rows, columns]."""
    change = np.empty((tensor.rows, tensor.columns), np.float32)
    row = 0
    for part in parts_of(tensor):
        for before, after in part.blocks():
            np.subtract(after, before, out=change[row : row + len(after)])
            row += len(after)
    return change


def _on_cpu(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())
