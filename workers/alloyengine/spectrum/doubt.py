"""By how much a score may be off whose singular values come from a Gram matrix in float32.

Rounding moves every eigenvalue by a small share of the largest, and so small singular values more than large
ones. The constants are several times what was measured on SmolLM2 and on random models.
"""

import numpy as np

_ROUNDING = 2.0**-22  # of the largest eigenvalue: what each may be off
_SHARE = 3e-6  # of a score: what rounding makes of its threshold
_TIMES = 4  # the sum of what singular values may be off; measured: 2.3 at most
_ON_EDGE = 8e-6  # of the threshold: a singular value nearer than this may be on its wrong side
_ANY = 1e6  # a share so large that nothing is known


def doubt(values: np.ndarray, edge: float) -> float:
    """The share by which signal over noise may be off; `values` descending, divided by `edge`."""
    wide = values.astype(np.float64)
    moved = np.minimum(wide, _ROUNDING * wide[0] ** 2 / (2 * np.maximum(wide, 1e-30)))
    above = wide > edge
    signal, noise = wide[above].sum(), wide[~above].sum()
    off = _SHARE + _TIMES * (_over(moved[above].sum(), signal) + _over(moved[~above].sum(), noise))
    near = _ON_EDGE + _ROUNDING * (wide[0] / edge) ** 2 if edge > 0 else 0.0
    on_edge = int((abs(wide - edge) <= near * edge).sum())
    if not on_edge:
        return float(off)
    # They may count on either side.
    least = min(signal, noise) - on_edge * edge
    return float(off + 2 * on_edge * edge / least) if least > 0 else _ANY


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
