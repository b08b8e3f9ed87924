"""The signal-to-noise ratio of one weight matrix.

`spectrum` is the published score (Hartford et al., arXiv 2406.06623) as the authors' script has it,
faults included, so that selections agree with what everybody knows. `mp` takes the threshold where
random matrix theory has it: the Marchenko-Pastur edge of noise whose deviation is estimated from the
median singular value (Gavish and Donoho, "The optimal hard threshold for singular values is 4/√3",
2014, section 4).
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np

Method = Literal["spectrum", "mp"]
Score = Callable[[np.ndarray, int, int], float]

_IQR_OF_NORMAL = 1.349  # interquartile range of a standard normal distribution
_GRID = 200_000


def spectrum(values: np.ndarray, rows: int, columns: int) -> float:
    """Of singular values, descending. Those above the edge are signal, the rest is noise.

    The edge takes its sigma from the spread of the singular values themselves, and the ratio is
    divided by the largest of them: so it is not free of scale, and favours flat spectra.
    """
    return _ratio(values, spectrum_edge(values, rows, columns), over=float(values[0]))


def spectrum_edge(values: np.ndarray, rows: int, columns: int) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low) / _IQR_OF_NORMAL * (1 + math.sqrt(_beta(rows, columns)))


def mp(values: np.ndarray, rows: int, columns: int) -> float:
    """As `spectrum`, with the edge of the noise's own spectrum, and free of scale."""
    return _ratio(values, mp_edge(values, rows, columns), over=1.0)


def mp_edge(values: np.ndarray, rows: int, columns: int) -> float:
    """The largest singular value of noise, √n + √m times its deviation, which the median tells: of
    noise it is √(n · the median of the Marchenko-Pastur law) times that.
    """
    beta = _beta(rows, columns)
    return float(np.median(values)) * (1 + math.sqrt(beta)) / math.sqrt(median_of_noise(beta))


SCORES: dict[Method, Score] = {"spectrum": spectrum, "mp": mp}
EDGES: dict[Method, Score] = {"spectrum": spectrum_edge, "mp": mp_edge}


@lru_cache(maxsize=64)
def median_of_noise(beta: float) -> float:
    """The median of the Marchenko-Pastur law of ratio beta, 0 < beta ≤ 1, unit variance.

    With x = c + r·cos(t) the density's roots at its ends vanish, and a midpoint sum is exact enough.
    """
    centre, radius = 1 + beta, 2 * math.sqrt(beta)
    angles = (np.arange(_GRID) + 0.5) * (math.pi / _GRID)
    x = centre - radius * np.cos(angles)
    mass = np.cumsum(np.sin(angles) ** 2 / x)
    return float(np.interp(mass[-1] / 2, mass, x))


def _beta(rows: int, columns: int) -> float:
    return min(rows, columns) / max(rows, columns)


def _ratio(values: np.ndarray, edge: float, over: float) -> float:
    if values[0] == 0:
        return 0.0
    signal = float(values[values > edge].sum(dtype=np.float64))
    noise = float(values[values <= edge].sum(dtype=np.float64))
    return signal / (noise if noise > 0 else 1.0) / over
