"""Writes a model whose whole layout is known before its first byte."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alloyengine.checkpoint.companions import copy_companions
from alloyengine.checkpoint.dtypes import DTYPES, code_of
from alloyengine.checkpoint.header import Place, TensorInfo
from alloyengine.checkpoint.reader import INDEX, SINGLE
from alloyengine.checkpoint.sink import NewFolder, Output, Sink

if TYPE_CHECKING:
    import numpy as np
    import torch

SHARD_BYTES = 5_000_000_000
Layout = Mapping[str, TensorInfo]


class Writer:
    """Made by `Writer.open`. Tensors come in any order, whole or piece by piece."""

    def __init__(self, sink: Sink, places: dict[str, Place]) -> None:
        self._sink, self._places = sink, places

    @classmethod
    @contextmanager
    def open(
        cls, out: Path | Output, layout: Layout, shard_bytes: int = SHARD_BYTES
    ) -> Iterator["Writer"]:
        """Leaves `out` (a new or empty folder, or a place elsewhere) complete, or as it was when
        the body raises.
        """
        output = NewFolder(out) if isinstance(out, Path) else out
        shards = list(_shards(layout, shard_bytes))
        places = {name: place for shard in shards for name, place in shard.places.items()}
        with output.open({shard.name: shard.size for shard in shards}) as sink:
            for shard in shards:
                sink.write(shard.name, 0, memoryview(shard.header))
            if len(shards) > 1:
                _write_index(sink.folder, places)
            yield cls(sink, places)

    @property
    def folder(self) -> Path:
        """For the small files beside the weights."""
        return self._sink.folder

    @property
    def names(self) -> list[str]:
        """The tensors in the order of their bytes: written so, an upload needs the least memory."""
        return list(self._places)

    def write(self, name: str, tensor: "torch.Tensor") -> None:
        import torch

        self.put(name, 0, tensor.contiguous().view(-1).view(torch.uint8).numpy())

    def put(self, name: str, start: int, raw: "np.ndarray") -> None:
        """Puts contiguous numbers, already of the file's type, at element `start` of the tensor.

        Safe to call from several threads.
        """
        place = self._places[name]
        offset = place.offset + start * DTYPES[place.info.dtype][1]
        self._sink.write(place.shard, offset, raw.reshape(-1).view("u1").data)


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


@dataclass(frozen=True)
class _Shard:
    """One file of weights; its tensors in the order of their bytes."""

    name: str
    header: bytes
    places: dict[str, Place]
    size: int


def _shards(layout: Layout, shard_bytes: int) -> Iterator[_Shard]:
    groups = _split(layout, shard_bytes)
    for number, names in enumerate(groups, start=1):
        file = SINGLE if len(groups) == 1 else f"model-{number:05}-of-{len(groups):05}.safetensors"
        yield _lay_out(file, {name: layout[name] for name in names})


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


def _lay_out(file: str, layout: Layout) -> _Shard:
    """Wide types go first, which aligns every tensor."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    begins: dict[str, int] = {}
    end = 0
    for name, info in sorted(layout.items(), key=lambda item: -DTYPES[item[1].dtype][1]):
        begins[name], end = end, end + info.nbytes
        offsets = [begins[name], end]
        entries[name] = {"dtype": info.dtype, "shape": info.shape, "data_offsets": offsets}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    header = len(text).to_bytes(8, "little") + text
    start = len(header)
    places = {name: Place(layout[name], file, start + at) for name, at in begins.items()}
    return _Shard(file, header, places, start + end)


def _write_index(folder: Path, places: dict[str, Place]) -> None:
    index = {
        "metadata": {"total_size": sum(place.info.nbytes for place in places.values())},
        "weight_map": {name: place.shard for name, place in places.items()},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
