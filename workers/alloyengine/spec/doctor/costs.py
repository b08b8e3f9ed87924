"""What merging costs, measured; the one table behind every estimate.

Nanoseconds for one element of one model, on one core of an AMD EPYC without AVX-512, on matrices
of a 1.1B model in bfloat16, by the compiled loops (`merge/loops`). Small merges, which go without
them, take a second or two whatever is assumed here.
"""

from alloyengine.spec.methods import MergeMethod

ELEMENT: dict[MergeMethod, float] = {
    "linear": 0.7,
    "slerp": 1.2,
    "nuslerp": 1.3,
    "multislerp": 1.3,
    "karcher": 0.9,
    "task_arithmetic": 0.5,
    "ties": 3.3,
    "dare_ties": 2.4,
    "dare_linear": 1.9,
    "breadcrumbs": 3.7,
    "breadcrumbs_ties": 4.1,
    "della": 4.0,
    "della_linear": 3.1,
    "model_stock": 1.4,
    "sce": 4.2,
    "arcee_fusion": 3.1,
    "nearswap": 1.4,
    "ram": 1.9,
    "ramplus_tl": 3.6,
    "passthrough": 0.6,
}
WRITTEN = 0.6  # nanoseconds for a byte that is written
START = 0.5  # seconds
FIXED = 110 << 20  # bytes of a process before it merges
CHUNK, BLOCK = 2 << 20, 1 << 18  # elements that a core maps of each model, and works on at once
CORES = 2
WIDTHS = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}  # bytes of a number
"""Others, such as float8, have one byte."""
