"""Where the arithmetic happens: numpy on the CPU, torch on a GPU, with the same functions."""

from functools import cache
from typing import Any, Protocol

from alloyengine import heap
from alloyengine.errors import InputError
from alloyengine.merge.declare import Array
from alloyengine.merge.loops import prepare


class Backend(Protocol):
    @property
    def xp(self) -> Any:
        """The arrays' library: numpy or torch."""
        ...

    @property
    def block(self) -> int:
        """Elements that are worked on at once."""
        ...

    @property
    def chunk(self) -> int:
        """Elements that one thread takes at a time."""
        ...

    @property
    def sample(self) -> int:
        """Elements of each chunk that stand for all of them."""
        ...

    def prepare(self, elements: int) -> None:
        """Tells how many are going to be read."""
        ...

    def decode(self, raw: Any, code: str) -> Array:
        """A file's numbers (a numpy array) as float32, in memory of its own."""
        ...

    def encode(self, wide: Array, code: str) -> Any:
        """float32 as a file's numbers, a numpy array. May overwrite `wide`."""
        ...

    def load(self, wide: Any) -> Array:
        """A float32 numpy array, brought to where the arithmetic is."""
        ...

    def zeros(self, rows: int, columns: int) -> Array: ...

    def fits(self, wide: Array, code: str) -> bool:
        """Are the numbers finite, and still so in the file's type?"""
        ...


class Cpu:
    """A block of a few models fits the cache; a chunk is worth the mapping of its bytes."""

    block, chunk, sample = 1 << 18, 1 << 21, 1 << 16

    def __init__(self) -> None:
        import numpy as np

        from alloyengine.merge import arrays

        heap.keep_some()
        self.xp = np
        self.decode, self.encode, self.fits = arrays.decode, arrays.encode, arrays.fits

    def prepare(self, elements: int) -> None:
        prepare(elements)

    def load(self, wide: Any) -> Array:
        return wide

    def zeros(self, rows: int, columns: int) -> Array:
        return self.xp.zeros((rows, columns), self.xp.float32)


class Torch:
    """Blocks large enough to keep a GPU busy. Imported and used only where there is one."""

    block, chunk, sample = 1 << 26, 1 << 26, 1 << 20

    def __init__(self, device: str) -> None:
        import torch

        self.xp, self._device = torch, device

    def prepare(self, elements: int) -> None:
        """A GPU is always ready."""

    def decode(self, raw: Any, code: str) -> Array:
        from alloyengine.checkpoint.dtypes import torch_dtype

        moved = self.xp.from_numpy(raw.view("u1").copy()).to(self._device)
        return moved.view(torch_dtype(code)).to(self.xp.float32, copy=True)

    def encode(self, wide: Array, code: str) -> Any:
        from alloyengine.checkpoint.dtypes import torch_dtype

        return wide.to(torch_dtype(code)).contiguous().cpu().view(self.xp.uint8).numpy()

    def load(self, wide: Any) -> Array:
        return self.xp.from_numpy(wide).to(self._device)

    def zeros(self, rows: int, columns: int) -> Array:
        return self.xp.zeros(rows, columns, device=self._device)

    def fits(self, wide: Array, code: str) -> bool:
        from alloyengine.checkpoint.dtypes import torch_dtype

        return bool(wide.to(torch_dtype(code)).isfinite().all())


@cache
def backend(device: str) -> Backend:
    """`cpu`, `cuda` (or `cuda:1`), or `auto`: a GPU when there is one."""
    if device == "auto":
        device = "cuda" if _has_gpu() else "cpu"
    if device == "cpu":
        return Cpu()
    if device.partition(":")[0] != "cuda" or not _has_gpu():
        raise InputError("no_device", f"There is no device {device!r} here.", "Use --device cpu.")
    return Torch(device)


def _has_gpu() -> bool:
    """Asks the system first: importing torch takes longer than a small merge."""
    from pathlib import Path

    if not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return bool(torch.cuda.is_available())
