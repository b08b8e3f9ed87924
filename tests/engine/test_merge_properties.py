"""What must hold of every merge method, whatever the numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alloyengine.spec.methods import DECLARATIONS
from tests.engine.merging import combine

RANDOM = {"dare_ties", "dare_linear", "della", "della_linear"}
HOW = {
    "slerp": {"t": 0.3},
    "nearswap": {"t": 0.01},
    "ties": {"density": 0.4},
    "breadcrumbs": {"density": 0.4, "gamma": 0.1},
    "breadcrumbs_ties": {"density": 0.4, "gamma": 0.1},
    "sce": {"select_topk": 0.4},
    **{name: {"density": 0.6} for name in RANDOM},
}
NAMES = sorted(DECLARATIONS)


def models(count: int, seed: int, shape: tuple[int, ...] = (13, 7), step: float = 0.1):
    random = np.random.default_rng(seed)
    base = random.standard_normal(shape)
    return [np.float32(base + (i > 0) * step * random.standard_normal(shape)) for i in range(count)]


def inputs(name: str, seed: int = 0, shape: tuple[int, ...] = (13, 7)):
    """A base, if the method has one, and two other models; fewer where it joins fewer."""
    declared = DECLARATIONS[name]
    others = min(2, declared.most or 2)
    found = models(others + 1, seed, shape)
    return found if declared.base == "required" else found[1:]


def merge(name: str, arrays, **how):
    weights = [0.7, 0.4, 0.2][: len(arrays) - (DECLARATIONS[name].base == "required")]
    return combine(name, arrays, **{"weights": weights, **HOW.get(name, {}), **how})


SUMMED = {"slerp", "nuslerp", "multislerp", "karcher", "model_stock", *RANDOM}
"""These sum over the tensor; the others must not differ by a bit."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - SUMMED))
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_the_block_size_changes_no_bit(name: str, rows: int):
    arrays = inputs(name)
    np.testing.assert_array_equal(merge(name, arrays, rows=rows), merge(name, arrays))


@pytest.mark.parametrize("name", sorted(RANDOM))
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_the_block_size_changes_no_bit_of_what_is_drawn(name: str, rows: int):
    arrays = inputs(name)
    whole = merge(name, arrays, rescale=False)
    np.testing.assert_array_equal(merge(name, arrays, rows=rows, rescale=False), whole)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_the_block_size_changes_nothing(name: str, rows: int):
    arrays = inputs(name)
    whole, pieces = merge(name, arrays), merge(name, arrays, rows=rows)
    np.testing.assert_allclose(pieces, whole, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_what_numpy_gives(name: str):
    arrays = inputs(name)
    expected, found = merge(name, arrays), merge(name, arrays, rows=5, xp=torch)
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_torch_gives_what_numpy_gives_of_16_bit_models(name: str):
    """Many of their changes are equal, and many are none."""
    arrays = [np.float32(np.float16(array)) for array in inputs(name, shape=(40, 33))]
    arrays = [np.round(array * 16) / 16 for array in arrays]
    expected, found = merge(name, arrays), merge(name, arrays, rows=7, xp=torch)
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1,), (5,), (1, 1), (3, 1), (1, 6), (2, 3, 4)])
def test_every_shape_is_merged(name: str, shape: tuple[int, ...]):
    found = merge(name, inputs(name, shape=shape))
    assert found.shape == shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"passthrough", "multislerp"}))
def test_zeros_stay_zeros(name: str):
    zeros = [np.zeros((3, 4), np.float32)] * len(inputs(name))
    np.testing.assert_array_equal(merge(name, zeros), zeros[0])


EQUAL = [
    "linear", "slerp", "nuslerp", "multislerp", "karcher", "ties", "della", "model_stock",
    "nearswap", "sce", "arcee_fusion", "passthrough", "ram",
]  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_equal_models_merge_into_themselves(name: str):
    model = models(1, 5)[0]
    found = merge(name, [model] * len(inputs(name)))
    np.testing.assert_allclose(found, model, rtol=1e-5)


ORDERLESS = [
    "linear", "multislerp", "karcher", "task_arithmetic", "ties", "breadcrumbs", "sce", "ram",
    "ramplus_tl", "model_stock", "breadcrumbs_ties",
]  # fmt: skip


@pytest.mark.parametrize("name", ORDERLESS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_models_does_not_matter(name: str, seed: int):
    base, *others = models(4, seed)
    weights = [0.5, 0.2, 0.9]
    first = [base] if DECLARATIONS[name].base == "required" else []
    how = HOW.get(name, {})
    one = combine(name, [*first, *others], weights, **how)
    other = combine(name, [*first, *others[::-1]], weights[::-1], **how)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "slerp", "nuslerp", "multislerp", "karcher", "ties"])
@given(scale=st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_scaled_models_give_a_scaled_merge(name: str, scale: float):
    arrays = inputs(name)
    scaled = merge(name, [array * np.float32(scale) for array in arrays])
    np.testing.assert_allclose(scaled, merge(name, arrays) * scale, rtol=2e-4, atol=1e-5 * scale)


WEIGHED = [
    name for name in NAMES if any(p.name == "density" for p in DECLARATIONS[name].parameters)
]


@pytest.mark.parametrize("name", WEIGHED)
def test_weights_of_0_give_the_base(name: str):
    arrays = models(3, 1)
    np.testing.assert_array_equal(merge(name, arrays, weights=[0, 0]), arrays[0])


@pytest.mark.parametrize("name", sorted(set(WEIGHED) - {"task_arithmetic"}))
def test_a_density_of_0_gives_the_base(name: str):
    arrays = models(3, 1)
    np.testing.assert_array_equal(merge(name, arrays, density=0), arrays[0])


@pytest.mark.parametrize("name", ["dare_linear", "breadcrumbs", "della_linear"])
def test_a_density_of_1_is_plain_task_arithmetic(name: str):
    arrays = models(3, 1)
    expected = combine("task_arithmetic", arrays, [0.7, 0.4])
    np.testing.assert_allclose(merge(name, arrays, density=1), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["breadcrumbs_ties", "dare_ties"])
def test_a_density_of_1_leaves_the_consensus_alone(name: str):
    arrays = models(3, 1)
    expected = combine("ties", arrays, [0.7, 0.4], normalize=False)
    np.testing.assert_allclose(merge(name, arrays, density=1), expected, rtol=1e-6)


@pytest.mark.parametrize("density", [0.01, 0.3, 0.5, 0.99])
def test_ties_of_16_bit_models_keeps_exactly_so_many(density: float):
    """Many changes are equal to the smallest that is kept."""
    base, model, _ = (np.round(array * 16) / 16 for array in models(3, 4, (50, 60), step=0.2))
    moved = np.count_nonzero(model != base)
    found = combine("ties", [base, model], density=density, rows=7)
    assert np.count_nonzero(found != base) == min(moved, int(density * base.size))


@pytest.mark.parametrize(("t", "which"), [(0, 0), (1, 1)])
def test_an_arc_ends_at_the_models(t: float, which: int):
    arrays = models(2, 3)
    np.testing.assert_allclose(combine("slerp", arrays, t=t), arrays[which], rtol=1e-6)
    ends = combine("nuslerp", arrays, [1 - t, t], base=False)
    np.testing.assert_allclose(ends, arrays[which], rtol=1e-6)


@given(weights=st.lists(st.floats(0.1, 2), min_size=2, max_size=2))
@settings(max_examples=20, deadline=None)
def test_ties_of_one_model_is_that_models_change(weights: list[float]):
    base, model, _ = models(3, 2)
    found = combine("ties", [base, model, model], weights, normalize=False)
    np.testing.assert_allclose(found, base + sum(weights) * (model - base), atol=2e-5)
