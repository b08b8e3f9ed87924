"""Sign consensus (TIES, arXiv 2306.01708, section 3.2): what a minority pulls the other way drops out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array


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

    Overwrites the changes.
    """
    sign = floats(sign_of >= 0, xp)
    sign *= 2
    sign -= 1
    total = divisor = None
    for number, change in enumerate(changes):
        change *= sign
        change = positive_part(change, xp)
        if weights is not None:
            part = floats(change > 0, xp)
            part *= weights[number]
            divisor = part if divisor is None else divisor.__iadd__(part)
        total = change if total is None else total.__iadd__(change)
    return sign.__imul__(total), divisor


def floats(mask: Array, xp: Any) -> Array:
    """0 and 1 as float32."""
    return mask.astype(np.float32) if xp is np else mask.to(xp.float32)


def positive_part(array: Array, xp: Any) -> Array:
    """max(x, 0), in place. (numpy's clip is three times as fast as its maximum with a number.)"""
    return np.clip(array, 0, np.inf, out=array) if xp is np else array.clamp_(min=0)
