"""Sign consensus (TIES, arXiv 2306.01708, section 3.2): what a minority pulls the other way drops out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array
from alloyengine.merge.loops import compiled

_TINY = 1e-20
_SIGN = -(1 << 31)  # the bit of a float32, as int32


def total_of(arrays: Sequence[Array]) -> Array:
    """Their sum, in memory of its own."""
    first, *others = arrays
    total = first + others[0] if others else first + 0
    for other in others[1:]:
        total += other
    return total


def agreeing(
    changes: Sequence[Array], sign_of: Array, weights: Sequence[float] | None, xp: Any
) -> tuple[Array, Array | None]:
    """Σ of the weighted changes that have the sign of `sign_of` (0 counts as positive), and Σ of the
    weights that took part in each entry, if weights are given. An entry of 0 takes no part.

    Overwrites all arrays.
    """
    total = divisor = None
    if loops := compiled(xp):
        total, divisor = loops.agreeing(changes, sign_of, weights)
        return total, divisor
    # A sum is -0 only where all changes are -0: there the sign makes no difference.
    sign = _bits(sign_of, xp)
    sign &= _SIGN
    for number, change in enumerate(changes):
        flipped = _bits(change, xp)
        flipped ^= sign
        change = positive_part(change, xp)
        if weights is not None:
            part = floats(change > 0, xp)
            part *= weights[number]
            divisor = part if divisor is None else divisor.__iadd__(part)
        total = change if total is None else total.__iadd__(change)
    if total is None:
        raise ValueError("a consensus of nobody")
    flipped = _bits(total, xp)
    flipped ^= sign
    return total, divisor


def never_zero(divisor: Array, weights: Sequence[float]) -> Array:
    """The sum of weights that took part, 1 instead of 0. In place."""
    if min(weights) > _TINY:
        divisor += _TINY  # 0 only where nobody took part; there the sum is 0, too
    else:
        divisor += divisor == 0
    return divisor


def _bits(array: Array, xp: Any) -> Array:
    """The same memory as int32."""
    return array.view(xp.int32)


def floats(mask: Array, xp: Any) -> Array:
    """0 and 1 as float32."""
    return mask.astype(np.float32) if xp is np else mask.to(xp.float32)


def positive_part(array: Array, xp: Any) -> Array:
    """max(x, 0), in place. (numpy's clip is three times as fast as its maximum with a number.)"""
    return np.clip(array, 0, np.inf, out=array) if xp is np else array.clamp_(min=0)
