"""A model folder opened for reading: everything known at once, tensors read when asked for."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from alloyengine.checkpoint.dtypes import DTYPES, torch_dtype
from alloyengine.checkpoint.header import Place, TensorInfo, read_header
from alloyengine.checkpoint.safety import check_folder, read_json
from alloyengine.errors import InputError

if TYPE_CHECKING:
    import torch

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class Checkpoint:
    """Made by `Checkpoint.open`. Reads go through the page cache, never through a memory map:
    a file cut short while open is an error here, not a SIGBUS.
    """

    def __init__(self, path: Path, config: dict[str, Any], places: dict[str, Place]) -> None:
        self.path, self.config, self._places = path, config, places
        self._files: dict[str, int] = {}
        self._closing = ExitStack()

    @classmethod
    def open(cls, path: Path) -> "Checkpoint":
        """InputError when the folder is unsafe, incomplete or damaged."""
        check_folder(path)
        return cls(path, read_json(path / "config.json"), _find_tensors(path))

    @property
    def names(self) -> list[str]:
        return list(self._places)

    def info(self, name: str) -> TensorInfo:
        return self._place(name).info

    def read(self, name: str) -> "torch.Tensor":
        """The whole tensor, in memory of its own."""
        info = self.info(name)
        return self.read_flat(name, 0, info.numel).view(info.shape)

    def read_flat(
        self, name: str, start: int, stop: int, buffer: "torch.Tensor | None" = None
    ) -> "torch.Tensor":
        """Elements `start` to `stop` of the flattened tensor, 1-D.

        `buffer` (uint8, large enough) lends its memory; it then belongs to the result.
        """
        import torch

        place = self._place(name)
        width = DTYPES[place.info.dtype][1]
        size = (stop - start) * width
        memory = torch.empty(size, dtype=torch.uint8) if buffer is None else buffer[:size]
        self._fill(place, start * width, memory.numpy().data)
        return memory.view(torch_dtype(place.info.dtype))

    def close(self) -> None:
        self._closing.close()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _place(self, name: str) -> Place:
        if name not in self._places:
            raise InputError("tensor_missing", f"The model has no tensor {name!r}.")
        return self._places[name]

    def _fill(self, place: Place, skip: int, memory: memoryview) -> None:
        file, offset = self._file(place.shard), place.offset + skip
        while memory:
            count = os.preadv(file, [memory], offset)
            if count == 0:
                raise InputError("checkpoint_damaged", f"{place.shard} was cut short.")
            memory, offset = memory[count:], offset + count

    def _file(self, shard: str) -> int:
        if shard not in self._files:
            self._files[shard] = os.open(self.path / shard, os.O_RDONLY | os.O_CLOEXEC)
            self._closing.callback(os.close, self._files[shard])
        return self._files[shard]


def _find_tensors(folder: Path) -> dict[str, Place]:
    if (folder / INDEX).exists():
        return _from_index(folder)
    if (folder / SINGLE).exists():
        return read_header(folder / SINGLE)
    raise InputError(
        "model_incomplete",
        f"The folder holds neither {SINGLE} nor {INDEX}.",
        "Save the model as safetensors.",
    )


def _from_index(folder: Path) -> dict[str, Place]:
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict):
        raise InputError("checkpoint_damaged", f"{INDEX} has no weight_map.")
    places: dict[str, Place] = {}
    for shard in sorted({_plain_name(value) for value in weight_map.values()}):
        if not (folder / shard).is_file():
            raise InputError("model_incomplete", f"{INDEX} names {shard}, which is missing.")
        found = read_header(folder / shard)
        if twice := places.keys() & found.keys():
            raise InputError("checkpoint_damaged", f"{min(twice)!r} is in two shards.")
        places |= found
    _agree(weight_map, places)
    return places


def _plain_name(shard: Any) -> str:
    if not isinstance(shard, str) or Path(shard).name != shard or shard in {"", ".."}:
        raise InputError("checkpoint_damaged", f"{INDEX} names an impossible file: {shard!r}.")
    return shard


def _agree(weight_map: dict[str, str], places: dict[str, Place]) -> None:
    if weight_map != {name: place.shard for name, place in places.items()}:
        names = weight_map.keys() ^ places.keys() or {
            name for name, shard in weight_map.items() if places[name].shard != shard
        }
        raise InputError(
            "checkpoint_damaged",
            f"{INDEX} and its files disagree about {min(names)!r}.",
            "Download or export the model again.",
        )
