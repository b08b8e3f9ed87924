"""The files of a checkpoint, as ranges of bytes."""

import mmap
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

    def close(self) -> None: ...


class Folder:
    """Maps the bytes asked for into memory, and lets go of them with the array that shows them.

    On a file in the page cache this is twice as fast as reading into a buffer: nothing is copied.
    The mapping never outgrows the file of this moment: what was cut off before is an error here.
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

        if size == 0:
            return np.empty(0, np.uint8)
        file = self._file(name)
        if os.fstat(file).st_size < offset + size:
            raise InputError("checkpoint_damaged", f"{name} was cut short while it was read.")
        begin = offset - offset % mmap.ALLOCATIONGRANULARITY
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        mapped = mmap.mmap(
            file, offset + size - begin, flags=flags, prot=mmap.PROT_READ, offset=begin
        )
        return np.frombuffer(mapped, np.uint8, size, offset - begin)

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
