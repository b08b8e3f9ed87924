"""Writes a model folder whose whole layout is known before its first byte.

<out>.partial/   is filled in any order, tensor by tensor or piece by piece
<out>/           appears at the end, complete, by one rename
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alloyengine.checkpoint.companions import copy_companions
from alloyengine.checkpoint.dtypes import DTYPES, code_of
from alloyengine.checkpoint.header import Place, TensorInfo
from alloyengine.checkpoint.reader import INDEX, SINGLE
from alloyengine.errors import CapacityError, InputError

if TYPE_CHECKING:
    import numpy as np
    import torch

SHARD_BYTES = 5_000_000_000
Layout = Mapping[str, TensorInfo]


class Writer:
    """Made by `Writer.open`. The files exist at full size from the start, so a full disk
    shows at once and pieces can come in any order.
    """

    def __init__(self, folder: Path, places: dict[str, Place], files: dict[str, int]) -> None:
        self.folder, self._places, self._files = folder, places, files

    @classmethod
    @contextmanager
    def open(
        cls, out: Path, layout: Layout, shard_bytes: int = SHARD_BYTES, replace: bool = False
    ) -> Iterator["Writer"]:
        """Leaves `out` complete, or as it was when the body raises.

        With `replace` an earlier folder `out` gives way at the end.
        """
        if out.exists() and not replace and (not out.is_dir() or any(out.iterdir())):
            raise InputError(
                "output_exists", f"{out.name} is already there.", "Name a new or empty folder."
            )
        partial = out.with_name(f"{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            with ExitStack() as closing:
                yield cls(partial, *_lay_out(partial, layout, shard_bytes, closing))
            _put_in_place(partial, out)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise CapacityError("disk_full", "The disk is full.", "Free some room.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def write(self, name: str, tensor: "torch.Tensor") -> None:
        import torch

        self.put(name, 0, tensor.contiguous().view(-1).view(torch.uint8).numpy())

    def put(self, name: str, start: int, raw: "np.ndarray") -> None:
        """Puts contiguous numbers, already of the file's type, at element `start` of the tensor.

        Safe to call from several threads.
        """
        place = self._places[name]
        memory = raw.reshape(-1).view("u1").data
        offset = place.offset + start * DTYPES[place.info.dtype][1]
        while memory:
            count = os.pwrite(self._files[place.shard], memory, offset)
            memory, offset = memory[count:], offset + count


def _put_in_place(partial: Path, out: Path) -> None:
    before = out.with_name(f"{out.name}.before")
    if out.exists():
        out.rename(before)
    partial.rename(out)
    shutil.rmtree(before, ignore_errors=True)


def write(out: Path, tensors: "Mapping[str, torch.Tensor]", companions: Path) -> None:
    """Writes tensors that are in memory, with config and tokenizer from `companions`."""
    layout = {
        name: TensorInfo(tuple(tensor.shape), code_of(tensor.dtype))
        for name, tensor in tensors.items()
    }
    with Writer.open(out, layout) as writer:
        for name, tensor in tensors.items():
            writer.write(name, tensor)
        copy_companions(companions, writer.folder)


def _lay_out(
    folder: Path, layout: Layout, shard_bytes: int, closing: ExitStack
) -> tuple[dict[str, Place], dict[str, int]]:
    shards = _split(layout, shard_bytes)
    places: dict[str, Place] = {}
    files: dict[str, int] = {}
    for number, names in enumerate(shards, start=1):
        shard = SINGLE if len(shards) == 1 else f"model-{number:05}-of-{len(shards):05}.safetensors"
        files[shard] = os.open(folder / shard, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        closing.callback(os.close, files[shard])
        places |= _begin(files[shard], shard, {name: layout[name] for name in names})
    if len(shards) > 1:
        _write_index(folder, places)
    return places, files


def _split(layout: Layout, shard_bytes: int) -> list[list[str]]:
    """Names by shard, in the layout's order; a tensor larger than a shard has one alone."""
    shards: list[list[str]] = [[]]
    used = 0
    for name, info in layout.items():
        if shards[-1] and used + info.nbytes > shard_bytes:
            shards.append([])
            used = 0
        shards[-1].append(name)
        used += info.nbytes
    return shards


def _begin(file: int, shard: str, layout: Layout) -> dict[str, Place]:
    """Writes the header and reserves the room; wide types go first, which aligns every tensor."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    begins: dict[str, int] = {}
    end = 0
    for name, info in sorted(layout.items(), key=lambda item: -DTYPES[item[1].dtype][1]):
        begins[name], end = end, end + info.nbytes
        offsets = [begins[name], end]
        header[name] = {"dtype": info.dtype, "shape": info.shape, "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    os.pwrite(file, len(text).to_bytes(8, "little") + text, 0)
    start = 8 + len(text)
    if end:
        os.posix_fallocate(file, start, end)
    return {name: Place(info, shard, start + begins[name]) for name, info in layout.items()}


def _write_index(folder: Path, places: dict[str, Place]) -> None:
    index = {
        "metadata": {"total_size": sum(place.info.nbytes for place in places.values())},
        "weight_map": {name: place.shard for name, place in places.items()},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
