"""The header of a safetensors file, checked before a byte of tensor data is touched.

Layout: 8 bytes little-endian length n, n bytes of JSON, then the tensors back to back.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, TypeGuard

from alloyengine.checkpoint.dtypes import DTYPES
from alloyengine.checkpoint.files import Files
from alloyengine.errors import InputError

LONGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 16
_LENGTH = 8


@dataclass(frozen=True)
class TensorInfo:
    """What is known of a tensor without reading it."""

    shape: tuple[int, ...]
    dtype: str  # the file's code, such as BF16

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * DTYPES[self.dtype][1]


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: its shard, and the byte where it begins in that file."""

    info: TensorInfo
    shard: str
    offset: int


def read_header(files: Files, name: str) -> dict[str, Place]:
    """The tensors of one file; InputError when the header and the file disagree."""
    size = files.size(name) or 0
    if size < _LENGTH:
        raise _damaged(name, f"it has only {size} bytes")
    length = int.from_bytes(files.read(name, 0, _LENGTH).tobytes(), "little")
    if length > min(LONGEST_HEADER, size - _LENGTH):
        raise _damaged(name, f"the header claims {length} bytes, the file has {size}")
    entries = _parse(name, files.read(name, _LENGTH, length).tobytes())
    return _places(name, entries, start=_LENGTH + length, size=size)


def _parse(file: str, text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"the header is not valid JSON ({error})") from None
    if not isinstance(entries, dict):
        raise _damaged(file, "the header is not a JSON object")
    entries.pop("__metadata__", None)
    return entries


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def _places(file: str, entries: dict[str, Any], start: int, size: int) -> dict[str, Place]:
    spans = {name: _span(file, name, entry) for name, entry in entries.items()}
    position = 0
    for name, (info, begin, end) in sorted(spans.items(), key=lambda item: item[1][1:]):
        if begin != position:
            raise _damaged(file, f"{name!r} begins at {begin}, expected {position}")
        if end - begin != info.nbytes:
            raise _damaged(file, f"{name!r} takes {end - begin} bytes, its shape {info.nbytes}")
        position = end
    if start + position != size:
        raise _damaged(file, f"its tensors end at byte {start + position}, the file at {size}")
    return {name: Place(info, file, start + begin) for name, (info, begin, _) in spans.items()}


def _span(file: str, name: str, entry: Any) -> tuple[TensorInfo, int, int]:
    if not isinstance(entry, dict) or entry.get("dtype") not in DTYPES:
        raise _damaged(file, f"{name!r} has an unknown type")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _counts(shape) or len(shape) > _MOST_DIMENSIONS:
        raise _damaged(file, f"{name!r} has an impossible shape")
    if not _counts(offsets) or len(offsets) != 2:
        raise _damaged(file, f"{name!r} has impossible offsets")
    return TensorInfo(tuple(shape), entry["dtype"]), offsets[0], offsets[1]


def _counts(values: Any) -> TypeGuard[list[int]]:
    """A list of natural numbers? (JSON's `true` is an int to Python.)"""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**63 for value in values
    )


def _damaged(file: str, why: str) -> InputError:
    return InputError(
        "checkpoint_damaged", f"{file} is damaged: {why}.", "Download or export it again."
    )
