"""The Karcher mean: the point on the sphere with the least squared angle to all models.

arXiv 2603.04972. The iteration never leaves the span of the models, so it runs on their matrix of
dot products, in float64, however large the tensors are.
"""

import numpy as np

from alloyengine.merge.declare import Settings, Tensors
from alloyengine.merge.gram import CANCELLED, blend, gram


def measure(tensors: Tensors, settings: Settings) -> list[float]:
    """The weight of each model in the mean, at the models' mean length."""
    if len(settings.own) == 1:
        return [1.0]
    products = gram(tensors)
    lengths = np.sqrt(products.diagonal())
    tol = settings.shared["tol"]
    valid = lengths > tol
    weights = np.zeros(len(lengths))
    if valid.any():
        units = products[np.ix_(valid, valid)] / np.outer(lengths[valid], lengths[valid])
        mean = _mean(units, int(settings.shared["max_iter"]), tol)
        weights[valid] = mean / lengths[valid] * lengths.mean()
    return [float(weight) for weight in weights]


def _mean(units: np.ndarray, most: int, tol: float) -> np.ndarray:
    """The mean direction's coefficients in the unit vectors, of whose dot products it is given.

    Each step goes along the mean of the directions to all of them (the logarithm maps), on the arc
    (the exponential map).
    """
    count = len(units)
    here = np.full(count, 1 / count)
    if _length(here, units) < max(tol, CANCELLED):
        here = np.eye(count)[0]
    here /= _length(here, units)
    for _ in range(most):
        cosines = np.clip(units @ here, -1, 1)
        angles = np.arccos(cosines)
        # None to where it is already, and none to the opposite, where no way is the shortest.
        led = (angles >= tol) & (angles <= np.pi - CANCELLED)
        stretch = np.where(led, angles / np.where(led, np.sin(angles), 1), 0) / count
        step = stretch - (stretch @ cosines) * here
        size = _length(step, units)
        if size < tol:
            break
        here = np.cos(size) * here + np.sin(size) / size * step
        here /= _length(here, units)
    return here


def _length(coefficients: np.ndarray, units: np.ndarray) -> float:
    return float(np.sqrt(max(coefficients @ units @ coefficients, 0)))


METHOD = blend("karcher", lambda _, measured: measured, measure)
