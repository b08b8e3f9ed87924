"""Whatever finite numbers go into a merge method, finite numbers come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

from alloyengine.errors import InputError
from alloyengine.spec.methods import DECLARATIONS
from tests.engine.merging import combine
from tests.engine.test_merge_properties import NAMES, merge

BASE = np.float32(np.random.default_rng(0).standard_normal((8, 50)))
CHANGE = np.float32(np.random.default_rng(1).standard_normal((8, 50)))
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0]),
    st.floats(-16384, 16384, width=16),
    st.floats(-(2.0**-10), 2.0**-10, width=32),
)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"multislerp"}))
@given(tensors=drawn_arrays(np.float32, (3, 4, 3), elements=NUMBERS))
@settings(max_examples=25, deadline=None)
def test_any_numbers_are_merged(name: str, tensors: np.ndarray):
    count = (DECLARATIONS[name].base == "required") + min(2, DECLARATIONS[name].most or 2)
    assert np.isfinite(merge(name, list(tensors[:count]), rows=3)).all()


@given(tensors=drawn_arrays(np.float32, (3, 4, 3), elements=NUMBERS))
@settings(max_examples=50, deadline=None)
def test_a_spherical_mean_is_finite_or_refused(tensors: np.ndarray):
    try:
        found = combine("multislerp", list(tensors), [0.7, 0.4, 0.2], base=False)
    except InputError as error:
        assert "cancel each other out" in str(error)
    else:
        assert np.isfinite(found).all()


@pytest.mark.parametrize("name", sorted(n for n in NAMES if DECLARATIONS[n].base == "required"))
@pytest.mark.parametrize("size", [1e-30, 1e-8, 0.01, 1, 100, 3e4])
def test_changes_of_any_size_are_merged(name: str, size: float):
    changed = np.float32(BASE + size * CHANGE)
    other = np.float32(BASE - size * CHANGE)
    models = [BASE, changed, other][: 2 if DECLARATIONS[name].most == 1 else 3]
    assert np.isfinite(merge(name, models, rows=3)).all()


@pytest.mark.parametrize("name", ["linear", "multislerp"])
def test_weights_that_sum_to_0_but_for_rounding_do_not_explode(name: str):
    weights = [0.1, 0.2, -0.3]  # sum: 5.6e-17
    models = [BASE, BASE + CHANGE, BASE - CHANGE]
    if name == "multislerp":
        with pytest.raises(InputError, match="sum to 0"):
            combine(name, models, weights, base=False)
    else:
        assert np.abs(combine(name, models, weights)).max() < 10


@pytest.mark.parametrize("seed", range(5))
def test_opposite_models_of_a_spherical_mean_meet_in_the_middle(seed: int):
    model = np.float32(np.random.default_rng(seed).standard_normal((97, 101)))
    found = combine("multislerp", [model, -3 * model], [0.37, 0.37], base=False)
    np.testing.assert_allclose(found, -model, rtol=1e-5)


@pytest.mark.parametrize("row_wise", [False, True])
def test_opposite_rows_and_columns_are_joined_by_a_straight_line(row_wise: bool):
    """float32 would take them for nearly opposite, and divide by the sine that is left."""
    shape = (1000, 1) if not row_wise else (2, 1000)
    pair = np.random.default_rng(0).standard_normal((2, *shape))
    pair[1] = -pair[0] * np.abs(pair[1].flat[0])
    first, second = np.float32(pair)
    how = {"nuslerp_flatten": False, "nuslerp_row_wise": row_wise}
    found = combine("nuslerp", [first, second], [0.6, 0.4], base=False, **how)
    np.testing.assert_allclose(found, 0.6 * first + 0.4 * second, rtol=1e-4, atol=1e-6)


def test_the_karcher_mean_of_opposite_models_is_the_first_at_their_mean_length():
    """As in the field's tools: no way from one to the other is shorter than the rest."""
    np.testing.assert_allclose(combine("karcher", [BASE, -3 * BASE]), 2 * BASE, rtol=1e-5)


def test_the_karcher_mean_of_one_model_is_that_model():
    np.testing.assert_array_equal(combine("karcher", [BASE * 1e-9]), BASE * np.float32(1e-9))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_not_finite_is_not_hidden(name: str, spoilt: float):
    """It must show in the result, where the merge then refuses to write it."""
    declared = DECLARATIONS[name]
    model = BASE + CHANGE
    model[3] = spoilt
    models = [BASE, model] if declared.base == "required" else [model]
    models += [BASE - CHANGE] if (declared.most or 2) > 1 else []
    assert not np.isfinite(merge(name, models, rows=3)).all()
