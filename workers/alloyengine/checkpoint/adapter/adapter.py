"""A PEFT LoRA adapter (arXiv 2106.09685) opened for reading, on numpy alone."""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloyengine.checkpoint.adapter.config import Config
from alloyengine.checkpoint.adapter.fit import Update, as_named, fit
from alloyengine.checkpoint.adapter.parts import Factors, Parts, Saved
from alloyengine.checkpoint.adapter.renaming import Misfit
from alloyengine.checkpoint.dtypes import DTYPES, raw_dtype
from alloyengine.checkpoint.files import Folder
from alloyengine.checkpoint.header import Place, TensorInfo, read_header
from alloyengine.checkpoint.safety import check_folder
from alloyengine.errors import InputError

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = "adapter_model.safetensors"
_KEPT = 8  # modules whose factors stay in memory: those that are under way


class Adapter:
    """Made by `Adapter.open`; safe to read from several threads.

    Tensors go by the names of the model that `check` was given, by the adapter's own before.
    """

    def __init__(self, path: Path, config: Config, places: Mapping[str, Place]) -> None:
        self.path, self._config, self._places = path, config, places
        infos = {key: place.info for key, place in places.items()}
        self._parts = Parts.of(infos, config)
        self._updates = as_named(self._parts, config.fan_in_fan_out)
        self._factors = lru_cache(_KEPT)(self._read_factors)

    @classmethod
    def open(cls, path: Path) -> "Adapter":
        """InputError when it is unsafe, incomplete, damaged or of a kind that can't be merged."""
        check_folder(path)
        config = Config.read(path)
        with closing(Folder(path)) as files:
            if files.size(WEIGHTS) is None:
                raise InputError(
                    "adapter_incomplete", f"The adapter has no {WEIGHTS}.", "Save it again."
                )
            return cls(path, config, read_header(files, WEIGHTS))

    def check(self, tensors: Mapping[str, TensorInfo]) -> None:
        """Finds its modules among a model's tensors; InputError when one is missing or differs."""
        try:
            inputs_first = self._config.fan_in_fan_out
            self._updates = fit(self._parts, tensors, inputs_first, self._are_equal)
        except Misfit as why:
            base = f" ({self._config.base})" if self._config.base else ""
            raise InputError(
                "adapter_misfit",
                f"The adapter does not fit the model: {why}.",
                f"Use the model that it was trained on{base}.",
            ) from None

    def touches(self, tensor: str) -> bool:
        """Does it change the tensor?"""
        return tensor in self._updates

    def replaces(self, tensor: str) -> bool:
        """Does it bring the whole tensor, so that the model's own is not needed?"""
        return tensor in self._updates and self._updates[tensor].saved is not None

    def rows(self, tensor: str, start: int, stop: int) -> "np.ndarray":
        """What it adds to these rows: float32 [stop - start, columns].

        InputError of a DoRA module, which does more than add: see `adapted`.
        """
        update = self._updates[tensor]
        if update.factors and update.factors.magnitude:
            raise InputError(
                "adapter_unsupported",
                f"{tensor!r} has a DoRA adapter, which is more than a sum.",
                "Merge it into its base with PEFT (merge_and_unload), and use the merged model.",
            )
        return self._added(update, start, stop)

    def replacement(self, tensor: str, start: int, stop: int) -> "np.ndarray":
        """The rows of a tensor that it replaces: float32 [stop - start, columns]. A vector is one
        row.
        """
        update = self._updates[tensor]
        if update.saved is None:
            raise KeyError(tensor)
        columns = update.saved.shape[-1] if update.saved.shape else 1
        rows = self._read(update.saved.key, start * columns, stop * columns).reshape(-1, columns)
        return self._applied(update, start, rows) if update.factors else rows

    def adapted(
        self, tensor: str, start: int, weight: Any, load: Callable[["np.ndarray"], Any]
    ) -> Any:
        """Rows of the model's weight from `start` on, changed in place: float32 [rows, columns].

        The arrays may be of another library; `load` brings numpy's to it.
        """
        return self._applied(self._updates[tensor], start, weight, load)

    def _applied(
        self,
        update: Update,
        start: int,
        weight: Any,
        load: Callable[["np.ndarray"], Any] = lambda array: array,
    ) -> Any:
        stop = start + weight.shape[0]
        weight += load(self._added(update, start, stop))
        if update.factors and update.factors.magnitude:
            length = (weight * weight).sum(1) ** 0.5
            wanted = load(self._read(update.factors.magnitude, start, stop))
            weight *= (wanted / length)[:, None]
        return weight

    def _added(self, update: Update, start: int, stop: int) -> "np.ndarray":
        if update.factors is None:
            raise KeyError("the adapter replaces this tensor, and adds nothing to it")
        left, right = self._factors(update.factors, update.inputs_first)
        found: np.ndarray = left[start:stop] @ right
        return found

    def _read_factors(
        self, factors: Factors, inputs_first: bool
    ) -> "tuple[np.ndarray, np.ndarray]":
        """The change is their product: [rows, rank] and [rank, columns]."""
        a = self._whole(factors.a)
        b = self._whole(factors.b)
        left, right = (a.T.copy(), b.T.copy()) if inputs_first else (b, a)
        left *= factors.scale
        return left, right

    def _whole(self, key: str) -> "np.ndarray":
        info = self._places[key].info
        return self._read(key, 0, info.numel).reshape(info.shape)

    def _are_equal(self, one: Saved, other: Saved) -> bool:
        mine, theirs = self._places[one.key].info, self._places[other.key].info
        if mine != theirs:
            return False
        return bool(
            (self._raw(one.key, 0, mine.nbytes) == self._raw(other.key, 0, mine.nbytes)).all()
        )

    def _read(self, key: str, start: int, stop: int) -> "np.ndarray":
        """Elements of a flattened tensor as float32, in memory of their own."""
        from alloyengine.merge.arrays import decode

        code = self._places[key].info.dtype
        width = DTYPES[code][1]
        return decode(self._raw(key, start * width, stop * width).view(raw_dtype(code)), code)

    def _raw(self, key: str, start: int, stop: int) -> "np.ndarray":
        place = self._places[key]
        with closing(Folder(self.path)) as files:
            return files.read(place.shard, place.offset + start, stop - start)
