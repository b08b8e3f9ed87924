import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alloyengine.merge.declare import Settings
from alloyengine.merge.methods import METHODS

BASE = torch.tensor([[1, -2, 3, -4], [0.5, 1.5, -2.5, 3.5], [2, 0, -1, 1]])
FIRST = BASE + torch.tensor([[0.1, -0.2, 0.3, 0.4], [-0.5, 0.6, 0, 0.8], [0.05, -0.05, 0.9, -1]])
SECOND = BASE + torch.tensor([[-0.3, -0.1, 0.2, 0.5], [0.4, 0.7, -0.6, 0], [0.02, 0.3, -0.8, -0.2]])
AVERAGE = [[0.94, -2.16, 3.26, -3.56], [0.36, 2.14, -2.74, 3.98], [2.038, 0.09, -0.78, 0.32]]


def linear(tensors, weights, normalize=True):
    own = tuple({"weight": weight} for weight in weights)
    return METHODS["linear"].combine(tensors, Settings({"normalize": normalize}, own))


def task_arithmetic(tensors, weights, scale=1.0, normalize=False):
    own = ({}, *({"weight": weight} for weight in weights))
    shared = {"lambda": scale, "normalize": normalize}
    return METHODS["task_arithmetic"].combine([BASE, *tensors], Settings(shared, own))


def slerp(base, other, t):
    return METHODS["slerp"].combine([base, other], Settings({"t": t}, ({}, {})))


# Measured from the field's standard tool, float32, rounded to five decimals.
GOLDEN = {
    "linear": (lambda: linear([FIRST, SECOND], [0.6, 0.4]), AVERAGE),
    "linear, not normalised": (
        lambda: linear([FIRST, SECOND], [0.6, 0.6], normalize=False),
        [[1.08, -2.58, 3.9, -4.26], [0.54, 2.58, -3.36, 4.68], [2.442, 0.15, -1.14, 0.48]],
    ),
    "slerp": (
        lambda: slerp(FIRST, SECOND, 0.35),
        [
            [0.96955, -2.18737, 3.29879, -3.6019],
            [0.31921, 2.15727, -2.73876, 4.0609],
            [2.06064, 0.07362, -0.70399, 0.28374],
        ],
    ),
    "task_arithmetic": (lambda: task_arithmetic([FIRST, SECOND], [0.6, 0.4]), AVERAGE),
    "task_arithmetic, lambda": (
        lambda: task_arithmetic([FIRST, SECOND], [0.6, 0.4], scale=0.5),
        [[0.97, -2.08, 3.13, -3.78], [0.43, 1.82, -2.62, 3.74], [2.019, 0.045, -0.89, 0.66]],
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_it_agrees_with_the_standard_tool(case: str):
    merge, expected = GOLDEN[case]
    torch.testing.assert_close(merge(), torch.tensor(expected), atol=1e-5, rtol=0)


weights = st.floats(0.1, 2.0)


@given(a=weights, b=weights)
def test_linear_does_not_mind_the_order(a: float, b: float):
    one = linear([FIRST, SECOND], [a, b])
    torch.testing.assert_close(one, linear([SECOND, FIRST], [b, a]))


@given(t=st.floats(0, 1))
def test_a_model_merged_with_itself_stays_itself(t: float):
    torch.testing.assert_close(slerp(FIRST, FIRST, t), FIRST)
    torch.testing.assert_close(linear([FIRST, FIRST], [t, 1.1 - t]), FIRST)


def test_slerp_reaches_both_ends():
    torch.testing.assert_close(slerp(FIRST, SECOND, 0.0), FIRST)
    torch.testing.assert_close(slerp(FIRST, SECOND, 1.0), SECOND)


@given(t=st.floats(0, 1))
def test_slerp_between_equal_lengths_keeps_the_length(t: float):
    a, b = FIRST / FIRST.norm(), SECOND / SECOND.norm()
    torch.testing.assert_close(slerp(a, b, t).norm(), torch.tensor(1.0), atol=1e-4, rtol=0)


def test_slerp_of_a_zero_tensor_is_a_straight_line():
    torch.testing.assert_close(slerp(torch.zeros(3), torch.ones(3), 0.25), torch.full((3,), 0.25))


def test_task_arithmetic_of_weight_zero_is_the_base():
    assert torch.equal(task_arithmetic([FIRST, SECOND], [0.0, 0.0]), BASE)


def test_task_arithmetic_normalised_is_the_average():
    merged = task_arithmetic([FIRST, SECOND], [1.5, 1.0], normalize=True)
    torch.testing.assert_close(merged, torch.tensor(AVERAGE), atol=1e-5, rtol=0)


@pytest.mark.parametrize("normalize", [True, False])
def test_weights_that_sum_to_nothing_divide_by_nothing(normalize: bool):
    expected = (FIRST - SECOND) * 0.5
    torch.testing.assert_close(linear([FIRST, SECOND], [0.5, -0.5], normalize), expected)
    merged = task_arithmetic([FIRST, SECOND], [0.5, -0.5], normalize=normalize)
    torch.testing.assert_close(merged, BASE + expected)


def test_inputs_are_left_as_they_were():
    before = [tensor.clone() for tensor in (BASE, FIRST, SECOND)]
    linear([FIRST, SECOND], [0.6, 0.4])
    task_arithmetic([FIRST, SECOND], [0.6, 0.4])
    slerp(FIRST, SECOND, 0.5)
    assert all(torch.equal(a, b) for a, b in zip((BASE, FIRST, SECOND), before, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_names_its_source(name: str):
    assert METHODS[name].paper.startswith("https://")
