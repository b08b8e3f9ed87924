"""Rows of an embedding for another vocabulary, from runs few and long or many and short."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloyengine.merge.backend import Backend, Cpu
from alloyengine.merge.source import Reader, Rearranged
from alloyengine.merge.tokenizer import Run

ROWS = 40


@dataclass(frozen=True)
class Numbers:
    """Row i of model m is [100 m + i, i]."""

    model: int

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        return lambda a, b: np.float32([[100 * self.model + i, i] for i in range(a, b)])


EMBEDDINGS = {"a": Numbers(0), "b": Numbers(1)}


def row(origins: tuple[tuple[str, int], ...], offset: int) -> np.ndarray:
    if not origins:
        return np.zeros(2)
    models = {"a": 0, "b": 1}
    return np.mean([[100 * models[m] + i + offset, i + offset] for m, i in origins], axis=0)


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    origins = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30)), max_size=2)
    found, at = [], 0
    while at < ROWS:
        count = draw(st.integers(1, min(4, ROWS - at)))
        found.append(Run(at, count, tuple(draw(origins))))
        at += count
    return found


@given(made=runs(), start=st.integers(0, ROWS - 1), size=st.integers(1, ROWS))
@settings(max_examples=200, deadline=None)
def test_each_row_is_the_mean_of_its_origins(made: list[Run], start: int, size: int):
    expected = np.array([row(run.origins, i) for run in made for i in range(run.count)])
    stop = min(start + size, ROWS)
    read = Rearranged(made, EMBEDDINGS, 2).open(start, stop, Cpu())
    middle = (start + stop) // 2
    pieces = [read(a, b) for a, b in ((start, middle), (middle, stop)) if b > a]
    np.testing.assert_allclose(np.concatenate(pieces), expected[start:stop], rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_a_shuffled_vocabulary_is_put_in_order(rows: int):
    order = np.random.default_rng(0).permutation(ROWS)
    made = [Run(i, 1, (("b", int(at)),)) for i, at in enumerate(order)]
    source = Rearranged(made, EMBEDDINGS, 2)
    found = [
        source.open(a, min(a + rows, ROWS), Cpu())(a, min(a + rows, ROWS))
        for a in range(0, ROWS, rows)
    ]
    assert np.concatenate(found)[:, 1].tolist() == order.tolist()
