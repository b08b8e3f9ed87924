"""Gram matrices and their eigenvalues by BLAS and LAPACK themselves, through the pointers that scipy
publishes for Cython.

numpy's `eigvalsh` works in float64 whatever it is given, scipy's holds Python's lock, and torch's costs two
seconds of import. These take float32 as it is, compute the one triangle that is needed, and work without
the lock: two matrices at a time on two cores, one BLAS thread each, take two thirds of the time of one after
the other on two threads.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from alloyengine.spectrum.matrix import Matrix

Routine = Callable[..., None]
_PIECE = 8 << 20  # bytes of the matrix that are decoded at a time
_ASK = -1  # as a length of work space: tell how much is wanted
Kind = np.dtype[Any]
_LETTERS: dict[Kind, str] = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}


@dataclass(frozen=True)
class Solver:
    """`multiply` and `solve` by type: `?syrk` and `?syevd`."""

    multiply: dict[Kind, Routine]
    solve: dict[Kind, Routine]

    def gram(self, weight: Matrix, dtype: type[np.floating]) -> np.ndarray:
        """The smaller product of a matrix and its transpose; the other triangle is left as it is."""
        size, wide = min(weight.shape), weight.is_wide
        gram = np.empty((size, size), dtype)
        for number, piece in enumerate(_pieces(weight, dtype)):
            length = _int(piece.shape[1] if wide else piece.shape[0])
            self.multiply[gram.dtype](
                b"U",
                b"T" if wide else b"N",
                _int(size),
                length,
                _number(1, dtype),
                piece.ctypes.data,
                _int(piece.shape[1]),  # what is by rows here is by columns there
                _number(min(number, 1), dtype),  # added to what is there, but for the first
                gram.ctypes.data,
                _int(size),
            )
        return gram

    def eigenvalues(self, gram: np.ndarray) -> np.ndarray:
        """Ascending; overwrites the matrix. Raises ArithmeticError."""
        values, asked = np.empty(len(gram), gram.dtype), np.zeros(1, gram.dtype)
        self._solve(gram, values, asked, _ASK)
        self._solve(gram, values, np.empty(int(asked[0]), gram.dtype), int(asked[0]))
        return values

    def _solve(self, gram: np.ndarray, values: np.ndarray, work: np.ndarray, size: int) -> None:
        # Without vectors it needs no integers beside the one that an inquiry is answered in.
        integers, info = ctypes.c_int(), ctypes.c_int()
        self.solve[gram.dtype](
            b"N",
            b"U",
            _int(len(gram)),
            gram.ctypes.data,
            _int(len(gram)),
            values.ctypes.data,
            work.ctypes.data,
            _int(size),
            ctypes.byref(integers),
            _int(_ASK if size == _ASK else 1),
            ctypes.byref(info),
        )
        if info.value:
            raise ArithmeticError(f"LAPACK finds no eigenvalues (info {info.value}).")


@cache
def solver() -> Solver | None:
    """None where there is no scipy."""
    try:
        from scipy.linalg import cython_blas, cython_lapack
    except ImportError:
        return None
    return Solver(_routines(cython_blas, "syrk", 10), _routines(cython_lapack, "syevd", 11))


def _pieces(weight: Matrix, dtype: type[np.floating]) -> Iterator[np.ndarray]:
    """The matrix, some columns at a time where it is wide, else some rows."""
    length = max(1, _PIECE // (min(weight.shape) * np.dtype(dtype).itemsize))
    for start in range(0, max(weight.shape), length):
        yield weight.part(start, start + length).astype(dtype, copy=False)


def _routines(module: Any, name: str, arguments: int) -> dict[Kind, Routine]:
    # Called without Python's lock.
    form = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
    capsules = {kind: module.__pyx_capi__[f"{letter}{name}"] for kind, letter in _LETTERS.items()}
    return {kind: form(_pointer(capsule)) for kind, capsule in capsules.items()}


def _pointer(capsule: object) -> int:
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found: int = pointer(capsule, name(capsule))
    return found


def _int(value: int) -> Any:
    return ctypes.byref(ctypes.c_int(value))


def _number(value: float, dtype: type[np.floating]) -> Any:
    kind = ctypes.c_float if dtype is np.float32 else ctypes.c_double
    return ctypes.byref(kind(value))
