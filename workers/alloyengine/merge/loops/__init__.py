"""Whether inner loops are compiled. Each has a twin in plain numpy, which says what it does.

numpy passes over a block once for every operation; compiled loops pass once for all of them, and
leave Python's lock to the other threads meanwhile.

kernels.py    the loops, in Python
machine.py    compiles them once on a machine, by numba, and keeps the machine code
twins.py      the loops as functions of arrays
"""

from importlib.util import find_spec
from typing import Any

WORTH = 100_000_000  # elements to read: a merge of so many is faster for it

_compiled: Any = None


def compiled(xp: Any = None) -> Any:
    """The module `twins`, if it is in use and `xp` is numpy (or not told); else None."""
    return _compiled if _compiled and xp in (None, _compiled.np) else None


def prepare(elements: int) -> None:
    """Chooses for this process, given how many are going to be read. Without numba nothing changes."""
    global _compiled  # one process, one choice
    _compiled = None
    if elements >= WORTH and find_spec("numba"):
        from alloyengine.merge.loops import twins

        _compiled = twins
