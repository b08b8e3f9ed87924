"""Models in memory: each file is read once, however often its tensors are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from alloyengine.checkpoint import Checkpoint, Input
from alloyengine.checkpoint.files import Files, Folder
from alloyengine.report import Reporter

if TYPE_CHECKING:
    import numpy as np

_SHARE = 0.5  # of the free memory, at most
_ALIGNED = 8  # bytes


class Memory:
    """Files that are kept once they are read."""

    def __init__(self, files: Files) -> None:
        self._files, self._lock = files, Lock()
        self._known: dict[str, np.ndarray] = {}

    def size(self, name: str) -> int | None:
        return self._files.size(name)

    def read(self, name: str, offset: int, size: int) -> "np.ndarray":
        found = self._whole(name)[offset : offset + size]
        return found if found.ctypes.data % _ALIGNED == 0 else found.copy()

    def fill(self, name: str, offset: int, memory: memoryview) -> None:
        memory[:] = self._whole(name)[offset : offset + len(memory)].data

    def close(self) -> None:
        self._known.clear()
        self._files.close()

    def _whole(self, name: str) -> "np.ndarray":
        if (found := self._known.get(name)) is not None:
            return found
        import numpy as np

        with self._lock:
            if name not in self._known:
                whole = np.empty(self.size(name) or 0, np.uint8)
                self._files.fill(name, 0, whole.data)
                whole.flags.writeable = False
                self._known[name] = whole
            return self._known[name]


@dataclass
class Held:
    """A model folder whose weights stay in memory, for all who open it."""

    folder: Path
    _memory: Memory | None = None

    def open(self) -> Checkpoint:
        if self._memory is None:
            self._memory = Memory(Folder(self.folder))
        return Checkpoint.over(self.folder, _Borrowed(self._memory))


class _Borrowed:
    """One opening of the files: closing it leaves them to the others."""

    def __init__(self, memory: Memory) -> None:
        self.size, self.read, self.fill = memory.size, memory.read, memory.fill

    def close(self) -> None:
        """They are kept."""


def held(inputs: Mapping[str, Path], free: int, report: Reporter) -> dict[str, Path | Input]:
    """The models, in memory if they take no more than half of what is `free` (bytes); else they are
    read anew for each candidate, from the system's cache at best.
    """
    size = sum(file.stat().st_size for folder in inputs.values() for file in _weights(folder))
    if size <= free * _SHARE:
        return {reference: Held(folder) for reference, folder in inputs.items()}
    report.log(
        f"The models take {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free: they are "
        "read anew for each candidate.",
        "warning",
    )
    return dict(inputs)


def _weights(folder: Path) -> list[Path]:
    return list(folder.glob("*.safetensors"))
