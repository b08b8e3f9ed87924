"""The methods that join changes to a base, in float64; the random ones for density 1 alone."""

from collections.abc import Callable, Sequence

import numpy as np

from bench.parity_inputs import Floats, Inputs, Mask, add, near, undecided

Bounds = tuple[int, int]
"""Of the entries in order of magnitude: which are kept, from … to."""

Keep = Callable[[int, float, float], Bounds]


def largest(size: int, density: float, gamma: float) -> Bounds:
    count = size if density >= 1 else max(1, int(density * size)) if density > 0 else 0
    return size - count, size


def middle(size: int, density: float, gamma: float) -> Bounds:
    """Without the largest either, unless that would leave too few."""
    count, outliers = int(density * size), int(gamma * size)
    start = max(0, size - count - outliers)
    return (0, size) if density >= 1 else (start, start + count)


def everything(size: int, density: float, gamma: float) -> Bounds:
    return 0, size


class Family:
    """One method of the family."""

    def __init__(self, keep: Keep, consensus: bool, normalize: bool, random: bool = False) -> None:
        self.keep, self.consensus, self.normalize, self.random = keep, consensus, normalize, random

    def __call__(self, inputs: Inputs) -> Floats:
        if self.random and any(density < 1 for density in inputs.each("density")):
            raise ValueError("a random method is compared by what it draws")
        parts, weights = self._parts(inputs), inputs.each("weight")
        counted = np.ones(parts.shape, bool)
        if self.consensus:
            counted = np.sign(parts) == np.where(parts.sum(0) >= 0, 1, -1)
        total = (parts * counted).sum(0)
        if inputs.shared.get("normalize", self.normalize):
            divisor = add(weights, counted.astype(float))
            total = total / np.where(np.abs(divisor) < 1e-8, 1, divisor)
        moved: Floats = float(inputs.shared.get("lambda", 1.0)) * total
        return inputs.origin + moved

    def doubtful(self, inputs: Inputs) -> Mask:
        """Entries that may be taken either way: as large as the last that is kept, or of a sum
        that is zero but for rounding."""
        found = np.zeros(inputs.origin.shape, bool)
        for change, (start, stop) in zip(inputs.changes, self._bounds(inputs), strict=True):
            sizes, ordered = np.abs(change), np.sort(np.abs(change), axis=None)
            for cut in (cut for cut in (start, stop) if 0 < cut < sizes.size):
                if near(ordered[cut - 1], ordered[cut]).all():
                    found |= near(sizes, ordered[cut])
        if self.consensus:
            found |= undecided(self._parts(inputs))
        return found

    def _bounds(self, inputs: Inputs) -> list[Bounds]:
        size, settings = inputs.origin.size, (inputs.each("density"), inputs.each("gamma", 0.01))
        return [self.keep(size, density, gamma) for density, gamma in zip(*settings, strict=True)]

    def _parts(self, inputs: Inputs) -> Floats:
        """Every model's share, weighed: [models, *shape]."""
        kept = [
            _rescaled(change, _cut(change, bounds), bool(inputs.shared.get("rescale", False)))
            for change, bounds in zip(inputs.changes, self._bounds(inputs), strict=True)
        ]
        return np.stack([w * change for w, change in zip(inputs.each("weight"), kept, strict=True)])


def _cut(change: Floats, bounds: Sequence[int]) -> Floats:
    mask = np.zeros(change.size, bool)
    mask[np.argsort(np.abs(change), axis=None, kind="stable")[slice(*bounds)]] = True
    return change * mask.reshape(change.shape)


def _rescaled(change: Floats, kept: Floats, wanted: bool) -> Floats:
    """Of the L1 norm that the whole change has."""
    before, after = np.abs(change).sum(), np.abs(kept).sum()
    return kept * (before / after) if wanted and min(before, after) >= 1e-7 else kept


METHODS = {
    "task_arithmetic": Family(everything, consensus=False, normalize=False),
    "ties": Family(largest, consensus=True, normalize=True),
    "breadcrumbs": Family(middle, consensus=False, normalize=False),
    "breadcrumbs_ties": Family(middle, consensus=True, normalize=False),
    "dare_linear": Family(everything, consensus=False, normalize=False, random=True),
    "dare_ties": Family(everything, consensus=True, normalize=False, random=True),
    "della_linear": Family(everything, consensus=False, normalize=False, random=True),
    "della": Family(everything, consensus=True, normalize=True, random=True),
}
