"""Every method against golden values, measured once from the field's reference implementation."""

import numpy as np
import pytest

from alloyengine.errors import InputError
from alloyengine.merge.methods import METHODS
from alloyengine.spec.methods import DECLARATIONS
from tests.engine.merging import combine

B = np.float32([[1, -2, 3, -4], [0.5, 1.5, -2.5, 3.5], [2, 0, -1, 1]])
M1 = B + np.float32([[0.1, -0.2, 0.3, 0.4], [-0.5, 0.6, 0, 0.8], [0.05, -0.05, 0.9, -1]])
M2 = B + np.float32([[-0.3, -0.1, 0.2, 0.5], [0.4, 0.7, -0.6, 0], [0.02, 0.3, -0.8, -0.2]])
TWO = {"weights": [0.6, 0.4]}
MEAN = [[0.94, -2.16, 3.26, -3.56], [0.36, 2.14, -2.74, 3.98], [2.038, 0.09, -0.78, 0.32]]

# name, inputs, how, expected
GOLDEN = [
    ("linear", (M1, M2), TWO, MEAN),
    (
        "linear",
        (M1, M2),
        {"weights": [0.6, 0.6], "normalize": False},
        [[1.08, -2.58, 3.9, -4.26], [0.54, 2.58, -3.36, 4.68], [2.442, 0.15, -1.14, 0.48]],
    ),
    ("task_arithmetic", (B, M1, M2), TWO, MEAN),
    ("dare_linear", (B, M1, M2), TWO, MEAN),
    (
        "task_arithmetic",
        (B, M1, M2),
        dict(**TWO, lambda_=0.5),
        [[0.97, -2.08, 3.13, -3.78], [0.43, 1.82, -2.62, 3.74], [2.019, 0.045, -0.89, 0.66]],
    ),
    (
        "slerp",
        (M1, M2),
        {"t": 0.35},
        [
            [0.96955, -2.18737, 3.29879, -3.6019],
            [0.31921, 2.15727, -2.73876, 4.0609],
            [2.06064, 0.07362, -0.70399, 0.28374],
        ],
    ),
    (
        "nuslerp",
        (M1, M2),
        dict(**TWO, base=False),
        [
            [0.95, -2.18358, 3.29563, -3.59892],
            [0.3646, 2.16351, -2.77045, 4.023],
            [2.0603, 0.09124, -0.78979, 0.32409],
        ],
    ),
    (
        "nuslerp",
        (B, M1, M2),
        dict(**TWO, base=True),
        [
            [0.90307, -2.22306, 3.36437, -3.3752],
            [0.32948, 2.40742, -2.85735, 4.15401],
            [2.05279, 0.1378, -0.74071, 0.06336],
        ],
    ),
    (
        "nuslerp",
        (M1, M2),
        dict(**TWO, base=False, nuslerp_flatten=False),
        [
            [0.94052, -2.16122, 3.26184, -3.56201],
            [0.36324, 2.15654, -2.76142, 4.01025],
            [2.17936, 0.0979, -0.84219, 0.346],
        ],
    ),
    (
        "multislerp",
        (M1, M2),
        dict(**TWO, base=False),
        [
            [0.95005, -2.18358, 3.29563, -3.59891],
            [0.36449, 2.16349, -2.77036, 4.02309],
            [2.06029, 0.0912, -0.78957, 0.32399],
        ],
    ),
    (
        "multislerp",
        (B, M1, M2),
        dict(**TWO, base=True),
        [
            [0.8845, -2.21934, 3.36118, -3.3683],
            [0.36982, 2.41538, -2.88602, 4.12003],
            [2.05162, 0.15426, -0.81715, 0.09629],
        ],
    ),
    (
        "karcher",
        (M1, M2),
        {},
        [
            [0.91002, -2.17447, 3.28702, -3.59045],
            [0.4557, 2.1746, -2.83233, 3.944],
            [2.0582, 0.12665, -0.96191, 0.40507],
        ],
    ),
    (
        "karcher",
        (B, M1, M2),
        {},
        [
            [0.94416, -2.12045, 3.19725, -3.74385],
            [0.47233, 1.9466, -2.72528, 3.80176],
            [2.04425, 0.08292, -0.97778, 0.61306],
        ],
    ),
    (
        "ties",
        (B, M1, M2),
        dict(**TWO, density=0.5),
        [[0.7, -2, 3, -3.56], [0, 2.14, -3.1, 4.3], [2, 0, -0.1, 0]],
    ),
    (
        "ties",
        (B, M1, M2),
        dict(**TWO, density=0.5, rescale=True),
        [
            [0.62545, -2, 3, -3.4703],
            [-0.08333, 2.26958, -3.24909, 4.43333],
            [2, 0, 0.05, -0.16667],
        ],
    ),
    (
        "breadcrumbs",
        (B, M1, M2),
        dict(**TWO, density=0.5, gamma=0.1),
        [[0.88, -2, 3.18, -3.56], [0.36, 2.14, -2.74, 3.98], [2, 0.12, -0.46, 1]],
    ),
    (
        "breadcrumbs_ties",
        (B, M1, M2),
        dict(**TWO, density=0.5, gamma=0.1),
        [[0.88, -2, 3.18, -3.56], [0.2, 2.14, -2.74, 3.98], [2, 0.12, -0.46, 1]],
    ),
    (
        "sce",
        (B, M1, M2),
        {"select_topk": 0.5},
        [[0.7, -2, 3, -4], [0, 1.5, -3.1, 4.3], [2, 0, -0.1, 0.258]],
    ),
    (
        "sce",
        (B, M1, M2),
        {},
        [
            [0.7, -2.16079, 3.26079, -3.56079],
            [0, 2.13921, -3.1, 4.3],
            [2.03824, 0.3, -0.1, 0.31368],
        ],
    ),
    (
        "ram",
        (B, M1, M2),
        {},
        [[0.9, -2.15, 3.25, -3.55], [0.45, 2.15, -3.1, 4.3], [2.035, 0.125, -0.95, 0.4]],
    ),
    (
        "ramplus_tl",
        (B, M1, M2),
        {},
        [[0.9, -2.15, 3.25, -3.55], [0.45, 2.15, -3.112, 4.316], [2.035, 0.125, -0.95, 0.4]],
    ),
    (
        "model_stock",
        (B, M1, M2),
        {},
        [
            [1.00485, -1.99272, 2.98787, -4.02183],
            [0.50243, 1.46847, -2.48545, 3.48059],
            [1.9983, -0.00606, -1.00243, 1.02911],
        ],
    ),
    (
        "model_stock",
        (B, M1, M2),
        {"filter_wise": True},
        [
            [0.91555, -2.12668, 3.21113, -3.61997],
            [0.48363, 1.71286, -2.59824, 3.63099],
            [1.94236, -0.20586, -1.08235, 1.98815],
        ],
    ),
    (
        "nearswap",
        (B, M1),
        {"t": 0.1},
        [[1.1, -2.1, 3.1, -3.9], [0.4, 1.6, -2.5, 3.6], [2.05, -0.05, -0.9, 0.9]],
    ),
    ("arcee_fusion", (B, M1), {}, [[1, -2, 3, -4], [0.5, 1.5, -2.5, 3.5], [2, 0, -0.1, 0]]),
]


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize(("name", "arrays", "how", "expected"), GOLDEN)
def test_golden_values(name: str, arrays, how, expected, rows: int):
    found = combine(name, arrays, rows=rows, **how)
    np.testing.assert_allclose(found, expected, atol=1.1e-5)


def test_every_declared_method_exists():
    assert METHODS.keys() == DECLARATIONS.keys()


def test_a_stock_that_would_leave_the_models_can_be_held_back():
    np.testing.assert_array_equal(combine("model_stock", (B, M1, M2), clamp=True), B)


@pytest.mark.parametrize("filter_wise", [False, True])
def test_a_stock_of_opposite_changes_is_the_base(filter_wise: bool):
    found = combine("model_stock", (B, M1, 2 * B - M1), filter_wise=filter_wise)
    np.testing.assert_allclose(found, B, atol=1e-6)


def test_breadcrumbs_of_a_small_tensor_drop_nothing_of_the_top():
    """int(gamma · 12) is 0: nothing is too large, the smallest half goes."""
    found = combine("breadcrumbs", (B, M1), density=0.5, gamma=0.01)
    assert np.count_nonzero(found != B) == 6
    assert found[2, 3] == M1[2, 3]


@pytest.mark.parametrize(("density", "epsilon"), [(0.9, 0.15), (0.1, 0.15), (0.5, 1.35)])
def test_chances_outside_of_0_to_1_are_refused(density: float, epsilon: float):
    with pytest.raises(InputError, match="leaves the range from 0 to 1"):
        combine("della", (B, M1), density=density, epsilon=epsilon)


def test_opposite_directions_have_no_mean():
    with pytest.raises(InputError, match="cancel each other out"):
        combine("multislerp", (B, -B, B * 0), weights=[1, 1, 0], base=False)
    np.testing.assert_array_equal(combine("multislerp", (B, -B), base=False), B * 0)
