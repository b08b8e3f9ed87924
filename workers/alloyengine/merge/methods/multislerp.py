"""Spherical mean of any number of models, or of their changes to a base.

Goddard, "Multi-SLERP" (goddard.blog, 2025): interpolation in the tangent space at the weighted mean
of the directions. There the weighted tangents sum to nothing, by the mean's own definition: what
remains is the direction of the mean, at the mean length.
"""

from alloyengine.errors import InputError
from alloyengine.merge.declare import Settings, Tensors
from alloyengine.merge.gram import CANCELLED, blend, from_first, gram

_NO_SUM = 1e-8


def measure(tensors: Tensors, settings: Settings) -> list[float]:
    """The models' weights. InputError when the directions cancel each other out."""
    given = settings.each("weight")
    if len(given) == 1:
        return [1.0]
    weights = _normalized(given) if settings.shared["normalize_weights"] else given
    eps = settings.shared["eps"]
    products = gram(tensors, deltas=_has_base(settings))
    lengths = products.diagonal() ** 0.5
    units = [weight / (length + eps) for weight, length in zip(weights, lengths, strict=True)]
    size = max(0.0, float(units @ products @ units)) ** 0.5
    if size < max(eps, CANCELLED * sum(map(abs, weights))):
        return _opposite(weights)
    mean = float(lengths @ weights)
    return [unit * mean / size for unit in units]


def _normalized(weights: list[float]) -> list[float]:
    if abs(sum(weights)) < _NO_SUM:
        raise InputError(
            "recipe_wrong",
            "recipe: multislerp: the weights sum to 0 and can't be normalized.",
            "Change them, or set normalize_weights: false.",
        )
    return [weight / sum(weights) for weight in weights]


def _opposite(weights: list[float]) -> list[float]:
    """Two opposite directions: a straight line through the origin. More have no mean."""
    if len(weights) == 2:
        return weights
    raise InputError(
        "recipe_wrong",
        "recipe: multislerp: the models' directions cancel each other out.",
        "Use other weights.",
    )


def weights(settings: Settings, measured: list[float]) -> list[float]:
    return from_first(measured) if _has_base(settings) else measured


def _has_base(settings: Settings) -> bool:
    return not settings.own[0]


METHOD = blend("multislerp", weights, measure)
