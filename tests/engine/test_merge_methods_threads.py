"""Every method through the executor: the same bytes on any number of threads, memory or none."""

from dataclasses import dataclass

import numpy as np
import pytest

from alloyengine.merge.backend import Backend, Cpu
from alloyengine.merge.execute import execute
from alloyengine.merge.methods import METHODS
from alloyengine.merge.source import Reader
from alloyengine.merge.steps import Step
from alloyengine.report import Silent
from alloyengine.spec.methods import DECLARATIONS
from tests.engine.merging import make_settings
from tests.engine.test_merge_properties import HOW, NAMES, inputs

ROWS, COLUMNS = 300, 129


class Small(Cpu):
    """So that a small tensor is cut into many chunks, and those into blocks."""

    block, chunk, sample = 1000, 4000, 500


@dataclass(frozen=True)
class Held:
    """A source in memory."""

    array: np.ndarray

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        return lambda a, b: self.array[a:b].copy()


class Kept:
    """A target in memory."""

    def __init__(self) -> None:
        self.numbers = np.full(ROWS * COLUMNS, np.nan, np.float32)

    def put(self, name: str, start: int, raw: np.ndarray) -> None:
        self.numbers[start : start + raw.size] = raw.reshape(-1)


def made(name: str, threads: int) -> np.ndarray:
    arrays = inputs(name, shape=(ROWS, COLUMNS))
    has_base = DECLARATIONS[name].base == "required"
    weights = [0.7, 0.4][: len(arrays) - has_base]
    settings = make_settings(name, len(arrays), weights, has_base, 11, HOW.get(name, {}))
    sources = [Held(array) for array in arrays]
    shape = (ROWS, COLUMNS)
    step = Step("tensor", shape, "F32", COLUMNS, METHODS[name], settings, sources)
    target = Kept()
    execute([step, step], target, Small(), Silent(), threads)
    return target.numbers


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_bit(name: str):
    one = made(name, 1)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(made(name, 5), one)
