"""Attention by matrix products: as near to the exact numbers as torch's own, in both directions."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from alloyengine.train import attention

BFLOAT16 = 2**-8


def drawn(heads: int, groups: int, tokens: int, dtype: torch.dtype) -> list[Tensor]:
    """Query, key, value, and the gradient of what comes out."""
    chance = torch.Generator().manual_seed(tokens)
    shapes = [(1, count, tokens, 16) for count in (heads, groups, groups, heads)]
    return [torch.randn(shape, generator=chance).to(dtype) for shape in shapes]


def both_ways(given: list[Tensor], *, ours: bool, scale: float | None = None) -> list[Tensor]:
    """What comes out, and the gradients of query, key and value."""
    query, key, value = (each.clone().requires_grad_() for each in given[:3])
    if ours:
        out = attention.attend(query, key, value, scale)
    else:
        groups = query.shape[1] // key.shape[1]
        keys, values = (each.repeat_interleave(groups, dim=1) for each in (key, value))
        out = scaled_dot_product_attention(query, keys, values, is_causal=True, scale=scale)
    out.backward(given[3].to(out.dtype))
    return [out.detach(), *(each.grad for each in (query, key, value) if each.grad is not None)]


@pytest.mark.parametrize("tokens", [1, 2, 33, 160])
@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (6, 2), (3, 1)])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_it_is_torchs_attention(heads: int, groups: int, tokens: int, scale: float | None):
    given = drawn(heads, groups, tokens, torch.float32)
    found, expected = (both_ways(given, ours=ours, scale=scale) for ours in (True, False))
    assert len(found) == len(expected) == 4
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tokens", [5, 64, 300])
def test_in_bfloat16_it_is_as_near_as_torchs(tokens: int):
    given = drawn(6, 2, tokens, torch.bfloat16)
    exact = both_ways([each.double() for each in given], ours=False)
    found, theirs = (both_ways(given, ours=ours) for ours in (True, False))
    for one, other, right in zip(found, theirs, exact, strict=True):
        assert one.dtype == torch.bfloat16
        assert off(one, right) < max(1.5 * off(other, right), BFLOAT16)


def off(found: Tensor, right: Tensor) -> float:
    return float((found.double() - right).norm() / right.norm())


def test_under_autocast_it_computes_in_autocasts_type():
    """As models do, whose queries are float32 once they are rotated."""
    given = drawn(4, 2, 20, torch.float32)
    assert not attention.suits(given[0], 0.0)  # torch is faster in float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert attention.suits(given[0], 0.0)
        assert not attention.suits(given[0], 0.1)
        found = both_ways(given, ours=True)
    assert [each.dtype for each in found] == [torch.bfloat16, *[torch.float32] * 3]
    for one, other in zip(found, both_ways(given, ours=False), strict=True):
        assert off(one, other.double()) < 4 * BFLOAT16


def test_long_sequences_are_left_to_torch():
    long = torch.zeros(1, 1, attention.LONGEST + 1, 16, dtype=torch.bfloat16)
    assert attention.suits(long[:, :, 1:], 0.0) and not attention.suits(long, 0.0)
