"""A safetensors file whose tensors are written as they come, before all are known."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from alloyengine.merge.arrays import encode

_ENTRY = 160  # bytes that a tensor's entry takes in the header beside its name, at most


class TensorFile:
    """Used as a context. The header has room for `names`; it is written at the end."""

    def __init__(self, path: Path, names: Iterable[str], code: str) -> None:
        self._room = 8 + 64 + sum(len(json.dumps(name)) + _ENTRY for name in names)
        self._room += -self._room % 64
        self._code = code
        self._entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
        self._end = 0
        self._file = path.open("wb")
        self._file.seek(self._room)

    def add(self, name: str, array: np.ndarray) -> None:
        """Rounds float32 to the file's type. Safe with any array; it is not changed."""
        data = encode(np.array(array, np.float32, order="C"), self._code)
        begin, self._end = self._end, self._end + data.nbytes
        self._entries[name] = {
            "dtype": self._code,
            "shape": array.shape,
            "data_offsets": [begin, self._end],
        }
        self._file.write(data.data)

    @property
    def size(self) -> int:
        """Bytes of the tensors so far."""
        return self._end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if error is None:
                self._write_header()

    def _write_header(self) -> None:
        text = json.dumps(self._entries, separators=(",", ":")).encode()
        length = self._room - 8
        if len(text) > length:
            raise ValueError(f"the header takes {len(text)} bytes, there is room for {length}")
        self._file.seek(0)
        self._file.write(length.to_bytes(8, "little") + text.ljust(length))
        self._file.flush()
        os.fsync(self._file.fileno())
