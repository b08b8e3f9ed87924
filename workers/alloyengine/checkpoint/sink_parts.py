"""The parts of files that are being written: put together in memory, let go in the files' order.

Whoever writes waits while too many parts are on their way. When memory is full of parts that wait for
earlier bytes instead, waiting would help nobody: further ones then lie in unnamed temporary files.
"""

import errno
import mmap
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition

import numpy as np

from alloyengine.checkpoint.remote_http import memory
from alloyengine.errors import CapacityError

_LOOK = 0.5  # seconds between looks at whether to stop


@dataclass
class Part:
    """Some consecutive bytes of a file, not all of them written yet."""

    number: int
    memory: np.ndarray
    cost: int  # bytes of the memory that may be used
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.missing = self.memory.size


@dataclass
class Row:
    """The parts of one file, all of one size but the last."""

    size: int
    part_size: int
    let_go: Callable[[Part], None]  # gets each part when it is complete, in their order
    opened: dict[int, Part] = field(default_factory=dict)
    next: int = 0  # the first part that is not complete

    @property
    def count(self) -> int:
        return -(-self.size // self.part_size)


class Parts:
    """Safe to use from several threads. Each byte is written once."""

    def __init__(self, most: int, folder: Path, check: Callable[[], None]) -> None:
        """`most` bytes of memory; temporary files come into `folder`. `check` may raise to end all waiting."""
        self._most, self._folder, self._check = most, folder, check
        self._used = self._flying = 0
        self._changed = Condition()

    def write(self, row: Row, offset: int, data: np.ndarray) -> None:
        """Lets go what is complete; each part is to come back to `landed`."""
        while data.size:
            number, skip = divmod(offset, row.part_size)
            part = self._open(row, number)
            piece = data[: part.memory.size - skip]
            part.memory[skip : skip + piece.size] = piece
            self._written(row, part, piece.size)
            data, offset = data[piece.size :], offset + piece.size

    def landed(self, part: Part) -> None:
        """The part is no longer needed."""
        with self._changed:
            self._flying -= 1
            self._used -= part.cost
            self._changed.notify_all()

    def wait(self) -> None:
        """Until all parts that were let go have landed."""
        with self._changed:
            while self._flying:
                self._check()
                self._changed.wait(_LOOK)
        self._check()

    def _open(self, row: Row, number: int) -> Part:
        size = min(row.part_size, row.size - number * row.part_size)
        with self._changed:
            while number not in row.opened:
                self._check()
                if self._used + size <= self._most:
                    self._used += size
                    row.opened[number] = Part(number, memory(size), size)
                elif self._flying:
                    self._changed.wait(_LOOK)
                else:
                    row.opened[number] = Part(number, self._on_disk(size), 0)
            return row.opened[number]

    def _written(self, row: Row, part: Part, count: int) -> None:
        with self._changed:
            part.missing -= count
            while (following := row.opened.get(row.next)) and not following.missing:
                self._flying += 1
                row.let_go(row.opened.pop(row.next))  # in here, so that none overtakes another
                row.next += 1

    def _on_disk(self, size: int) -> np.ndarray:
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return np.frombuffer(mmap.mmap(file.fileno(), size), np.uint8)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise CapacityError("disk_full", "The disk is full.", "Free some room.") from error
