"""What merging costs, measured; the one table behind every estimate.

Nanoseconds for one element of one model, on one core of an AMD EPYC without AVX-512, on matrices
of a 1.1B model in bfloat16.
"""

from alloyengine.spec.methods import MergeMethod

ELEMENT: dict[MergeMethod, float] = {
    "linear": 1.0,
    "slerp": 1.8,
    "nuslerp": 1.8,
    "multislerp": 2.2,
    "karcher": 1.8,
    "task_arithmetic": 1.1,
    "ties": 4.3,
    "dare_ties": 3.5,
    "dare_linear": 3.2,
    "breadcrumbs": 4.7,
    "breadcrumbs_ties": 5.2,
    "della": 9.0,
    "della_linear": 8.7,
    "model_stock": 1.9,
    "sce": 7.3,
    "arcee_fusion": 3.9,
    "nearswap": 1.7,
    "ram": 1.7,
    "ramplus_tl": 3.4,
    "passthrough": 0.8,
}
WRITTEN = 0.5  # nanoseconds for a byte that is written
START = 0.5  # seconds
FIXED = 60 << 20  # bytes of a process before it merges
CHUNK, BLOCK = 2 << 20, 1 << 18  # elements that a core maps of each model, and works on at once
CORES = 2
WIDTHS = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}  # bytes of a number
"""Others, such as float8, have one byte."""
