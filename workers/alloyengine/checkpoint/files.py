"""The files of a checkpoint, as ranges of bytes."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from alloyengine.errors import InputError

if TYPE_CHECKING:
    import numpy as np


class Files(Protocol):
    """Where a checkpoint's weights lie: a folder, or storage reached by URL."""

    def size(self, name: str) -> int | None:
        """The length of a file, bytes; None when there is none of that name."""
        ...

    def read(self, name: str, offset: int, size: int) -> "np.ndarray":
        """`size` bytes of a file as uint8, not to be written to. InputError when it is cut short."""
        ...

    def fill(self, name: str, offset: int, memory: memoryview) -> None:
        """Reads into memory that is there: bytes, as many as it has."""
        ...

    def close(self) -> None: ...


class Folder:
    """Reads into memory of its own: with two threads as fast as mapping, or faster, and a file that
    is cut short meanwhile is an error rather than the end of the process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, int] = {}
        self._closing = ExitStack()

    def size(self, name: str) -> int | None:
        path = self._path / name
        return path.stat().st_size if path.is_file() else None

    def read(self, name: str, offset: int, size: int) -> "np.ndarray":
        import numpy as np

        found = np.empty(size, np.uint8)
        self.fill(name, offset, found.data)
        found.flags.writeable = False
        return found

    def fill(self, name: str, offset: int, memory: memoryview) -> None:
        file = self._file(name)
        while memory:
            count = os.preadv(file, [memory], offset)
            if not count:
                raise InputError("checkpoint_damaged", f"{name} was cut short while it was read.")
            memory, offset = memory[count:], offset + count

    def close(self) -> None:
        self._closing.close()
        self._open.clear()

    def _file(self, name: str) -> int:
        # Two threads may open a file at once: both descriptors work, and both are closed.
        if name not in self._open:
            file = os.open(self._path / name, os.O_RDONLY | os.O_CLOEXEC)
            self._closing.callback(os.close, file)
            self._open[name] = file
        return self._open[name]
