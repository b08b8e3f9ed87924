"""A model folder opened for reading: everything known at once, tensors read when asked for."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from alloyengine.checkpoint.dtypes import DTYPES, raw_dtype, torch_dtype
from alloyengine.checkpoint.files import Files, Folder
from alloyengine.checkpoint.header import Place, TensorInfo, read_header
from alloyengine.checkpoint.safety import check_folder, read_json
from alloyengine.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
DELTA = "delta.json"  # beside tensors that are no whole model


class Input(Protocol):
    """A model that does not lie in a folder of this disk."""

    @property
    def folder(self) -> Path:
        """Where its small files are: config, tokenizer, an adapter."""
        ...

    def open(self) -> "Checkpoint": ...


class Checkpoint:
    """Made by `Checkpoint.open`; safe to read from several threads."""

    def __init__(
        self, path: Path, config: dict[str, Any], places: dict[str, Place], files: Files
    ) -> None:
        self.path, self.config, self._places, self._files = path, config, places, files

    @classmethod
    def open(cls, model: "Path | Input") -> "Checkpoint":
        """A folder, or a model elsewhere. InputError when it is unsafe, incomplete or damaged."""
        return cls.over(model, Folder(model)) if isinstance(model, Path) else model.open()

    @classmethod
    def over(cls, folder: Path, files: Files) -> "Checkpoint":
        """The small files lie in `folder`, the weights in `files`."""
        with ExitStack() as undo:
            undo.callback(files.close)
            check_folder(folder)
            config = read_json(folder / "config.json")
            model = cls(folder, config, _find_tensors(folder, files), files)
            undo.pop_all()
        return model

    @classmethod
    def of_file(cls, folder: Path, config: dict[str, Any], name: str) -> "Checkpoint":
        """The tensors of one file. InputError when it is damaged."""
        files = Folder(folder)
        with ExitStack() as undo:
            undo.callback(files.close)
            model = cls(folder, config, read_header(files, name), files)
            undo.pop_all()
        return model

    @property
    def names(self) -> list[str]:
        return list(self._places)

    @property
    def tensors(self) -> dict[str, TensorInfo]:
        return {name: place.info for name, place in self._places.items()}

    def info(self, name: str) -> TensorInfo:
        return self.place(name).info

    def place(self, name: str) -> Place:
        if name not in self._places:
            raise InputError("tensor_missing", f"The model has no tensor {name!r}.")
        return self._places[name]

    def window(self, name: str, start: int, stop: int) -> "np.ndarray":
        """Elements `start` to `stop` of the flattened tensor as the file has them, 1-D, read-only.

        Numbers that numpy lacks (BF16, F8) come as unsigned integers of their width.
        """
        place = self.place(name)
        width = DTYPES[place.info.dtype][1]
        found = self._files.read(place.shard, place.offset + start * width, (stop - start) * width)
        return found.view(raw_dtype(place.info.dtype))

    def fill(self, name: str, start: int, numbers: "np.ndarray") -> None:
        """As `window`, into memory that is there: a contiguous array of the file's type."""
        place = self.place(name)
        offset = place.offset + start * DTYPES[place.info.dtype][1]
        self._files.fill(place.shard, offset, numbers.reshape(-1).view("u1").data)

    def read(self, name: str) -> "torch.Tensor":
        """The whole tensor, in memory of its own."""
        import torch

        info = self.info(name)
        memory = torch.from_numpy(self.window(name, 0, info.numel).view("u1").copy())
        return memory.view(torch_dtype(info.dtype)).view(info.shape)

    def close(self) -> None:
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _find_tensors(folder: Path, files: Files) -> dict[str, Place]:
    if (folder / INDEX).exists():
        return _from_index(folder, files)
    if files.size(SINGLE) is not None:
        return read_header(files, SINGLE)
    if (folder / DELTA).is_file():
        raise InputError(
            "model_is_delta",
            f"{folder.name} is a delta: it holds only what differs from another model.",
            "Make the whole model first: alloy apply-delta DELTA BASE OUT.",
        )
    raise InputError(
        "model_incomplete",
        f"The folder holds neither {SINGLE} nor {INDEX}.",
        "Save the model as safetensors.",
    )


def _from_index(folder: Path, files: Files) -> dict[str, Place]:
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict):
        raise InputError("checkpoint_damaged", f"{INDEX} has no weight_map.")
    places: dict[str, Place] = {}
    for shard in sorted({_plain_name(value) for value in weight_map.values()}):
        if files.size(shard) is None:
            raise InputError("model_incomplete", f"{INDEX} names {shard}, which is missing.")
        found = read_header(files, shard)
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
