"""Thins out task vectors: which entries of each model's change are kept, and how they are rescaled.

Magnitude: TIES (arXiv 2306.01708). Random: DARE (arXiv 2311.03099), which divides by the density;
as in the field's tools the L1 norm of the whole change is restored instead. Breadcrumbs
(arXiv 2312.06795): without the largest and the smallest. DELLA (arXiv 2406.11617): at random, the
larger the likelier.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alloyengine.errors import InputError
from alloyengine.merge.chance import SPAN, another, chosen, halves, key_of
from alloyengine.merge.consensus import floats
from alloyengine.merge.declare import Array, Block, Settings, Tensors
from alloyengine.merge.gram import differences, dot, summed, total
from alloyengine.merge.loops import compiled
from alloyengine.merge.selection import cuts

_CACHED = 1 << 17  # elements
_NO_NORM = 1e-7  # a smaller L1 norm is not rescaled

Mask = Callable[[Block, int, Array], Array | None]
"""Of a block, a model's number and its change: what is kept (bool), or None for everything."""


@dataclass(frozen=True)
class Sparse:
    """How the changes of one tensor are thinned out."""

    mask: Mask
    scales: Sequence[float]

    def apply(self, block: Block, weights: Sequence[float]) -> list[Array]:
        """Every model's change in this block: thinned, rescaled and weighed."""
        deltas = differences(block)
        for number, delta in enumerate(deltas):
            kept = self.mask(block, number, delta)
            scale = self.scales[number] * weights[number]
            if kept is not None and (loops := compiled(block.xp)):
                loops.thin(delta, kept, scale)
                continue
            if kept is not None:
                delta *= kept
            delta *= scale
        return deltas


Sparsify = Callable[[Tensors, Settings], Sparse]


def by_magnitude(tensors: Tensors, settings: Settings) -> Sparse:
    """The largest, `density` of all and at least one; exactly so many, also where many are equal."""
    size = tensors.shape[0] * tensors.shape[1]
    counts = [max(1, int(d * size)) if d > 0 else 0 for d in settings.each("density")]
    found = cuts(tensors, _magnitudes, counts)

    def mask(block: Block, number: int, delta: Array) -> Array | None:
        if counts[number] >= size:
            return None
        return found[number].largest(abs(delta), block.row, block.xp)

    return _rescaled(tensors, settings, mask)


def without_outliers(tensors: Tensors, settings: Settings) -> Sparse:
    """Without the largest, `gamma` of all, then the next largest until `density` of all is kept."""
    size = tensors.shape[0] * tensors.shape[1]
    wanted = [
        _crumbs(size, density, gamma)
        for density, gamma in zip(settings.each("density"), settings.each("gamma"), strict=True)
    ]
    found = cuts(
        tensors,
        lambda block: _magnitudes(block) * 2,
        [*(top for top, _ in wanted), *(reach for _, reach in wanted)],
    )

    def mask(block: Block, number: int, delta: Array) -> Array | None:
        top, reach = wanted[number]
        if (top, reach) == (0, size):
            return None
        scores = abs(delta)
        kept = found[len(wanted) + number].largest(scores, block.row, block.xp)
        if top:
            kept ^= found[number].largest(scores, block.row, block.xp)
        return kept

    return _rescaled(tensors, settings, mask)


def _crumbs(size: int, density: float, gamma: float) -> tuple[int, int]:
    """How many of the largest to drop, and where to stop keeping, both counted from the largest."""
    if density >= 1:
        return 0, size  # as in the field's tools: gamma has no effect then
    kept, top = int(density * size), int(gamma * size)
    top = min(top, size - kept)
    return top, top + kept


def at_random(tensors: Tensors, settings: Settings) -> Sparse:
    """Each with the probability `density`."""
    densities = settings.each("density")
    keys = [key_of(settings.key, number) for number in range(len(densities))]

    def draw(block: Block, number: int, delta: Array) -> Array | None:
        if densities[number] >= 1:
            return None
        return chosen(keys[number], block.start, delta, densities[number], block.xp)

    return _remembered(tensors, settings, draw)


def by_rank(tensors: Tensors, settings: Settings) -> Sparse:
    """With a probability that grows with the rank in the row, from density - epsilon to + epsilon."""
    chances = list(zip(settings.each("density"), settings.each("epsilon"), strict=True))
    for density, epsilon in chances:
        if 0 < density < 1 and not 0 < density - epsilon <= density + epsilon < 1:
            raise InputError(
                "recipe_wrong",
                f"recipe: density {density} ± epsilon {epsilon} leaves the range from 0 to 1.",
                "Choose a smaller epsilon.",
            )
    keys = [key_of(settings.key, number) for number in range(len(chances))]

    def draw(block: Block, number: int, delta: Array) -> Array | None:
        density, epsilon = chances[number]
        if density >= 1:
            return None
        if density <= 0 or delta.shape[1] == 1:
            return chosen(keys[number], block.start, delta, density, block.xp)
        return _ranked(delta, block, keys[number], density - epsilon, density + epsilon)

    return _remembered(tensors, settings, draw)


def _ranked(delta: Array, block: Block, key: int, lowest: float, highest: float) -> Array:
    """A mask by ranks; with plain numpy by some rows at a time, or its many steps would leave the cache."""
    xp, (rows, columns) = block.xp, delta.shape
    if loops := compiled(xp):
        ends = round(lowest * SPAN), round(highest * SPAN)
        return loops.drawn_by_rank(delta, block.start, key, *ends)
    some = max(1, _CACHED // columns) if xp is np else rows
    parts = [
        _drawn_by_rank(
            delta[row : row + some], block.start + row * columns, key, lowest, highest, xp
        )
        for row in range(0, rows, some)
    ]
    return parts[0] if len(parts) == 1 else xp.concatenate(parts)


def _drawn_by_rank(
    delta: Array, start: int, key: int, lowest: float, highest: float, xp: Any
) -> Array:
    """Kept with the lowest probability, dropped with one minus the highest; otherwise kept if it is
    larger than another entry of its row: that adds what its rank is worth.
    """
    low, high, drawn = round(lowest * SPAN), round(highest * SPAN), halves(key, start, delta, xp)
    kept: Array = drawn < low
    if low < high:
        larger = another(abs(delta), drawn, low, high, xp)
        larger &= drawn < high
        kept |= larger
    return kept


def _magnitudes(block: Block) -> list[Array]:
    return [abs(delta) for delta in differences(block)]


def _rescaled(tensors: Tensors, settings: Settings, mask: Mask) -> Sparse:
    """With one more look at the tensor where the L1 norm is to be restored."""
    count = len(settings.each("weight"))
    if not settings.shared["rescale"] or min(settings.each("density")) >= 1:
        return Sparse(mask, [1.0] * count)

    def look(block: Block) -> list[tuple[float, float]]:
        deltas = differences(block)
        return [_norms(delta, mask(block, i, delta), block.xp) for i, delta in enumerate(deltas)]

    return Sparse(mask, _scales(tensors.each(look)))


def _norms(delta: Array, kept: Array | None, xp: Any) -> tuple[float, float]:
    """L1 norms before and after."""
    if kept is not None and (loops := compiled(xp)):
        whole, part = loops.norms(delta, kept)
        return float(whole), float(part)
    sizes = abs(delta)
    whole = total(sizes, xp)
    return whole, whole if kept is None else dot(sizes, floats(kept, xp), xp)


def _scales(norms: Sequence[Sequence[tuple[float, float]]]) -> list[float]:
    sums = summed(norms)
    return [
        float(before / after) if before >= _NO_NORM and after >= _NO_NORM else 1.0
        for before, after in sums
    ]


def _remembered(tensors: Tensors, settings: Settings, draw: Mask) -> Sparse:
    """What was drawn to measure the norms is kept, a bit an entry, to be applied later."""
    count = len(settings.each("weight"))
    if not settings.shared["rescale"] or min(settings.each("density")) >= 1:
        return Sparse(draw, [1.0] * count)

    def look(block: Block) -> tuple[int, list[Any], list[tuple[float, float]]]:
        deltas = differences(block)
        kept = [draw(block, number, delta) for number, delta in enumerate(deltas)]
        norms = [_norms(delta, mask, block.xp) for delta, mask in zip(deltas, kept, strict=True)]
        return block.row, [_packed(mask, block.xp) for mask in kept], norms

    looks = tensors.each(look)
    bits = {row: packed for row, packed, _ in looks}

    def recall(block: Block, number: int, delta: Array) -> Array | None:
        return _unpacked(bits[block.row][number], delta, block.xp)

    return Sparse(recall, _scales([norms for _, _, norms in looks]))


def _packed(mask: Array | None, xp: Any) -> Any:
    return np.packbits(mask) if mask is not None and xp is np else mask


def _unpacked(bits: Any, like: Array, xp: Any) -> Array | None:
    if bits is None or xp is not np:
        return bits
    return np.unpackbits(bits, count=like.size).reshape(like.shape).view(bool)
