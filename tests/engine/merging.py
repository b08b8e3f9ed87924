"""Runs a merge method on arrays in memory, in blocks of any size, by numpy or torch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alloyengine.merge.declare import Block, Settings, T
from alloyengine.merge.methods import METHODS
from alloyengine.spec.methods import DECLARATIONS, MergeMethod


@dataclass
class Memory:
    """`declare.Tensors` of arrays that are there."""

    arrays: Sequence[np.ndarray]
    rows: int = 1 << 30  # of a block
    xp: Any = np

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.arrays[0].shape
        return rows, columns

    def blocks(self) -> Iterator[Block]:
        for row in range(0, self.shape[0], self.rows):
            pieces = [array[row : row + self.rows].copy() for array in self.arrays]
            yield Block([self._moved(piece) for piece in pieces], row, self.xp)

    def each(self, look: Callable[[Block], T]) -> list[T]:
        return [look(block) for block in self.blocks()]

    sample = each

    def bfloats(self, look: Callable[[Any, int, Any], T]) -> None:
        """These are not."""

    def once(self, what: str, find: Callable[[], T]) -> T:
        return find()

    def _moved(self, array: np.ndarray) -> Any:
        return array if self.xp is np else torch.from_numpy(array)


def combine(
    name: MergeMethod,
    arrays: Sequence[Any],
    weights: Sequence[float] | None = None,
    base: bool | None = None,
    key: int = 0,
    rows: int = 1 << 30,
    xp: Any = np,
    **given: float,
) -> np.ndarray:
    """The merge of float32 arrays, the base's first if the method has one."""
    tensors = [np.asarray(array, np.float32) for array in arrays]
    shape = tensors[0].shape
    flat = [t.reshape(-1, shape[-1]) if t.ndim > 1 else t[None] for t in tensors]
    method = METHODS[name]
    has_base = DECLARATIONS[name].base == "required" if base is None else base
    settings = make_settings(name, len(flat), weights, has_base, key, given)
    memory = Memory(flat, rows, xp)
    measured = method.measure(memory, settings) if method.measure else None
    pieces = memory.each(lambda block: np.asarray(method.combine(block, settings, measured)))
    return np.concatenate(pieces).reshape(shape)


def make_settings(
    name: MergeMethod,
    count: int,
    weights: Sequence[float] | None,
    has_base: bool,
    key: int,
    given: Mapping[str, float],
) -> Settings:
    parameters = DECLARATIONS[name].parameters
    values = {p.name: given.get(p.name.replace("lambda", "lambda_"), p.default) for p in parameters}
    shared = {p.name: values[p.name] for p in parameters if p.scope == "global"}
    owned = [p.name for p in parameters if p.scope != "global"]
    others = count - has_base
    own: list[dict[str, Any]] = [
        {name: values[name] for name in owned if values[name] is not None} for _ in range(others)
    ]
    for values_, weight in zip(own, weights or [1.0] * others, strict=True):
        if "weight" in owned:
            values_["weight"] = weight
    return Settings(shared, (({}, *own) if has_base else tuple(own)), key)
