"""Two models of one shape: which of their tensors differ."""

from collections.abc import Iterator

import numpy as np

from alloyengine.checkpoint.reader import Checkpoint
from alloyengine.errors import InputError

_CHUNK = 1 << 22  # numbers


def check_alike(base: Checkpoint, tuned: Checkpoint) -> None:
    """InputError unless both have the same tensors, of the same shapes and types."""
    if only := base.tensors.keys() ^ tuned.tensors.keys():
        raise _unlike(f"only one of them has {min(only)!r}")
    for name, info in base.tensors.items():
        if (other := tuned.info(name)) != info:
            raise _unlike(
                f"{name!r} is {info.dtype} {list(info.shape)} in one and "
                f"{other.dtype} {list(other.shape)} in the other"
            )


def differs(base: Checkpoint, tuned: Checkpoint, name: str) -> bool:
    """By bytes: -0.0 is another number than 0.0, and a NaN the same as itself."""
    pairs = zip(windows(base, name), windows(tuned, name), strict=True)
    return any(not np.array_equal(a.view("u1"), b.view("u1")) for (_, a), (_, b) in pairs)


def windows(model: Checkpoint, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """A tensor's numbers, some megabytes at a time, each with the place of its first."""
    count = model.info(name).numel
    for start in range(0, count, _CHUNK):
        yield start, model.window(name, start, min(start + _CHUNK, count))


def _unlike(why: str) -> InputError:
    return InputError(
        "models_unlike",
        f"The two are not of one shape: {why}.",
        "Give a model and what was tuned from it, with nothing added or taken away.",
    )
