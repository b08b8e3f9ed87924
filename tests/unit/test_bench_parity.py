"""The judge of `bench parity`: float64 by the definitions, held against values of the peer."""

import numpy as np
import pytest

from bench import parity_random
from bench.parity_calls import ON_LARGE, calls
from bench.parity_cases import language
from bench.parity_inputs import Inputs, near, undecided
from bench.parity_models import LARGE, LLAMA, NAMES, QWEN, weights
from bench.parity_reference import METHODS, doubtful, merge
from bench.parity_sides import relative, with_paths

BASE = np.array([[1, -2, 3, -4], [0.5, 1.5, -2.5, 3.5], [2, 0, -1, 1]])
FIRST = BASE + np.array([[0.1, -0.2, 0.3, 0.4], [-0.5, 0.6, 0, 0.8], [0.05, -0.05, 0.9, -1]])
SECOND = BASE + np.array([[-0.3, -0.1, 0.2, 0.5], [0.4, 0.7, -0.6, 0], [0.02, 0.3, -0.8, -0.2]])
WEIGHTS = [{"weight": 0.6}, {"weight": 0.4}]
BARE = [{}, {}]


def half(**more):
    return [own | {"density": 0.5} | more for own in WEIGHTS]


# Measured with mergekit 0.1.4 in float32, rounded to five decimals.
GOLDEN = {
    "linear": (
        *("linear", None, WEIGHTS, {}),
        [[0.94, -2.16, 3.26, -3.56], [0.36, 2.14, -2.74, 3.98], [2.038, 0.09, -0.78, 0.32]],
    ),
    "nuslerp of models": (
        *("nuslerp", None, WEIGHTS, {}),
        [
            [0.95, -2.18358, 3.29563, -3.59892],
            [0.3646, 2.16351, -2.77045, 4.023],
            [2.0603, 0.09124, -0.78979, 0.32409],
        ],
    ),
    "nuslerp of columns": (
        *("nuslerp", None, WEIGHTS, {"nuslerp_flatten": False}),
        [
            [0.94052, -2.16122, 3.26184, -3.56201],
            [0.36324, 2.15654, -2.76142, 4.01025],
            [2.17936, 0.0979, -0.84219, 0.346],
        ],
    ),
    "multislerp of changes": (
        *("multislerp", BASE, WEIGHTS, {}),
        [
            [0.8845, -2.21934, 3.36118, -3.3683],
            [0.36982, 2.41538, -2.88602, 4.12003],
            [2.05162, 0.15426, -0.81715, 0.09629],
        ],
    ),
    "karcher": (
        *("karcher", None, BARE, {}),
        [
            [0.91002, -2.17447, 3.28702, -3.59045],
            [0.4557, 2.1746, -2.83233, 3.944],
            [2.0582, 0.12665, -0.96191, 0.40507],
        ],
    ),
    "task_arithmetic": (
        *("task_arithmetic", BASE, WEIGHTS, {"lambda": 0.5}),
        [[0.97, -2.08, 3.13, -3.78], [0.43, 1.82, -2.62, 3.74], [2.019, 0.045, -0.89, 0.66]],
    ),
    "ties": (
        *("ties", BASE, half(), {}),
        [[0.7, -2, 3, -3.56], [0, 2.14, -3.1, 4.3], [2, 0, -0.1, 0]],
    ),
    "ties rescaled": (
        *("ties", BASE, half(), {"rescale": True}),
        [
            [0.62545, -2, 3, -3.4703],
            [-0.08333, 2.26958, -3.24909, 4.43333],
            [2, 0, 0.05, -0.16667],
        ],
    ),
    "breadcrumbs": (
        *("breadcrumbs", BASE, half(gamma=0.1), {}),
        [[0.88, -2, 3.18, -3.56], [0.36, 2.14, -2.74, 3.98], [2, 0.12, -0.46, 1]],
    ),
    "breadcrumbs_ties": (
        *("breadcrumbs_ties", BASE, half(gamma=0.1), {}),
        [[0.88, -2, 3.18, -3.56], [0.2, 2.14, -2.74, 3.98], [2, 0.12, -0.46, 1]],
    ),
    "sce": (
        *("sce", BASE, BARE, {"select_topk": 0.5}),
        [[0.7, -2, 3, -4], [0, 1.5, -3.1, 4.3], [2, 0, -0.1, 0.258]],
    ),
    "ram": (
        *("ram", BASE, BARE, {}),
        [[0.9, -2.15, 3.25, -3.55], [0.45, 2.15, -3.1, 4.3], [2.035, 0.125, -0.95, 0.4]],
    ),
    "ramplus_tl": (
        *("ramplus_tl", BASE, BARE, {}),
        [[0.9, -2.15, 3.25, -3.55], [0.45, 2.15, -3.112, 4.316], [2.035, 0.125, -0.95, 0.4]],
    ),
    "model_stock": (
        *("model_stock", BASE, BARE, {}),
        [
            [1.00485, -1.99272, 2.98787, -4.02183],
            [0.50243, 1.46847, -2.48545, 3.48059],
            [1.9983, -0.00606, -1.00243, 1.02911],
        ],
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_the_judge_gives_the_known_values(case):
    method, base, own, shared, wanted = GOLDEN[case]

    found = merge(method, Inputs(base, [FIRST, SECOND], shared, own))

    assert np.allclose(found, wanted, atol=6e-6)


def test_slerp_walks_from_the_base():
    found = merge("slerp", Inputs(FIRST, [SECOND], {"t": 0.35}, [{}]))

    assert np.allclose(found[0], [0.96955, -2.18737, 3.29879, -3.6019], atol=6e-6)


def test_every_method_has_a_judge_and_a_recipe():
    assert set(METHODS) == {call.method for call in calls()}


def test_every_method_but_those_judged_elsewhere_is_tried_on_large_matrices():
    known = {call.name: call.method for call in calls()}
    drawn = {"dare_linear", "dare_ties", "della", "della_linear"}
    elsewhere = drawn | {"arcee_fusion"}  # whose threshold the peer draws in large tensors

    assert {known[name] for name in ON_LARGE} == set(METHODS) - elsewhere


def test_every_case_has_a_name_of_its_own():
    names = [call.name for call in calls()] + [case.name for case in language()]

    assert len(names) == len(set(names))


def test_a_random_method_is_not_judged_where_it_draws():
    with pytest.raises(ValueError, match="by what it draws"):
        merge("dare_ties", Inputs(BASE, [FIRST], {}, [{"weight": 1, "density": 0.5}]))


def test_entries_on_the_edge_of_a_selection_are_doubtful():
    changed = np.array([[1.0, 2.0, 2.0, 4.0]])
    own = [{"weight": 1.0, "density": 0.5}]

    found = doubtful("ties", Inputs(np.zeros((1, 4)), [changed], {}, own))

    assert found.tolist() == [[False, True, True, False]]


def test_a_sum_of_zero_has_no_sign():
    assert undecided(np.array([[1.0, 0.0, 1.0], [-1.0, 0.0, 0.5]])).tolist() == [True, False, False]
    assert near(np.array([1.0, 1.1]), 1.0000001).tolist() == [True, False]


@pytest.mark.parametrize("family", [LLAMA, QWEN, LARGE], ids=lambda family: family.name)
def test_changes_are_exact_in_float32_and_no_two_are_equally_large(family):
    shapes = family.shapes()
    tensors = ("model.layers.0.mlp.up_proj.weight", "model.norm.weight")
    values = weights({tensor: shapes[tensor] for tensor in tensors})

    for tensor in tensors:
        for name in NAMES:
            change = values[name][tensor] - values["base"][tensor]
            exact = values[name][tensor].astype(float) - values["base"][tensor].astype(float)
            sizes = np.abs(change[change != 0])
            assert (change == exact).all()
            assert len(np.unique(sizes)) == sizes.size


def test_the_distance_of_no_number_is_infinite():
    one = np.ones(2, np.float32)

    assert relative(one * 2, one) == 1.0
    assert relative(one, np.ones(3, np.float32)) == float("inf")
    assert relative(one * np.float32("nan"), one) == float("inf")


def test_short_names_become_folders_wherever_they_stand(tmp_path):
    recipe = {"base_model": "base", "models": [{"model": "base+lora"}], "merge_method": "ties"}

    found = with_paths(recipe, {"base": tmp_path / "b", "lora": tmp_path / "l"})

    assert found["base_model"] == str(tmp_path / "b")
    assert found["models"] == [{"model": f"{tmp_path}/b+{tmp_path}/l"}]
    assert found["merge_method"] == "ties"


def drawn(seed, change, density):
    random = np.random.default_rng(seed)
    draws = (random.random((64, change.size)) < density) * change / density
    side = object.__new__(parity_random.Side)
    side.draws, side.mean, side.variance = draws, draws.mean(0), draws.var(0, ddof=1)
    return side


def test_equal_chances_are_told_from_unequal_ones():
    change = np.random.default_rng(0).normal(size=20_000)
    one, same, other = drawn(1, change, 0.5), drawn(2, change, 0.5), drawn(3, change, 0.6)

    assert abs(parity_random.expectation(one, same, change**2) - 1) < parity_random.OFF
    assert abs(parity_random.spread(one, same) - 1) < parity_random.SPREAD_OFF
    assert abs(parity_random.spread(one, other) - 1) > parity_random.SPREAD_OFF


def test_a_wrong_expectation_is_seen():
    change = np.random.default_rng(0).normal(size=20_000)
    one, scaled = drawn(1, change, 0.5), drawn(2, change * 1.1, 0.5)

    assert parity_random.expectation(one, scaled, change**2) > 1 + parity_random.OFF


def test_a_wrong_density_is_seen():
    kept = np.random.default_rng(0).random((32, 5000)) < 0.5

    assert abs(parity_random.density(kept, np.full(5000, 0.5))) < parity_random.DEVIATIONS
    assert abs(parity_random.density(kept, np.full(5000, 0.53))) > parity_random.DEVIATIONS
