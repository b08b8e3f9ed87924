"""The best approximation of a matrix by two thin ones (Eckart and Young, 1936).

Small matrices: eigenvectors of the smaller Gram matrix in float64, as exact as an SVD and several
times faster. Large ones of which few directions are wanted: block Krylov iteration (Musco and
Musco, arXiv 1504.05477), which multiplies the matrix with thin ones until the energy it has found
stops growing; a hundred times faster, and within a thousandth of the best.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array

_EXACT = 512  # up to this side length all directions are computed,
_MANY = 12  # and when one in so many is wanted
_SPARE = 8  # directions beside the wanted ones, which help these along
_MOST_STEPS = 12
_GAIN = 1e-3  # of the energy found: less than this in a step is the end
_NOISE = 1e-6  # relative to the largest singular value: what rounding alone leaves
_STRIP = 1 << 12  # rows or columns in float64 at a time


@dataclass(frozen=True)
class Wanted:
    """At most so many directions, and no more than give this share of the energy."""

    rank: int | None = None
    energy: float | None = None

    def count(self, squares: np.ndarray, total: float) -> int:
        """How many of the squared singular values to keep: float64, the largest first."""
        found = int(np.count_nonzero(squares > squares[0] * _NOISE**2)) if squares.size else 0
        if self.rank is not None:
            found = min(found, self.rank)
        if self.energy is not None:
            enough = np.searchsorted(np.cumsum(squares), self.energy * total * (1 - 1e-12)) + 1
            found = min(found, int(enough))
        return found


@dataclass(frozen=True)
class Decomposition:
    """left @ right approximates the matrix; both carry the root of the singular values.

    left: float32 [rows, rank]; right: float32 [rank, columns]. Energies are squared Frobenius
    norms: of the matrix, and of the approximation.
    """

    left: Array
    right: Array
    total: float
    kept: float

    @property
    def rank(self) -> int:
        return int(self.left.shape[1])


def decompose(matrix: Array, wanted: Wanted, xp: Any = np) -> Decomposition:
    """Of a float32 matrix [rows, columns], a numpy array or (with `xp`) a torch tensor.

    The same matrix gives the same result.
    """
    rows, columns = matrix.shape
    if rows > columns:
        found = decompose(matrix.T, wanted, xp)
        return Decomposition(found.right.T, found.left.T, found.total, found.kept)
    if wanted.rank is None or rows <= _EXACT or wanted.rank * _MANY >= rows:
        squares, vectors = _eigen(matrix, xp)
        total = float(squares.sum())
        directions = _narrow(vectors, xp)
        projected = None
    else:
        total = _energy(matrix, xp)
        basis, projected = _krylov(matrix, wanted.rank, xp)
        squares, vectors = _eigen(projected, xp)
        directions = basis @ _narrow(vectors, xp)
    count = wanted.count(squares, total)
    return _balanced(matrix, directions[:, :count], squares[:count], total, xp)


def _balanced(
    matrix: Array, directions: Array, squares: np.ndarray, total: float, xp: Any
) -> Decomposition:
    """With the root s of the singular values, left is directions · s and right directionsᵀ ·
    matrix / s: their product is a projection of the matrix, however exact the values are.
    """
    roots = _like(squares**0.25, directions, xp)
    right = (directions.T @ matrix) / roots[:, None]
    return Decomposition(directions * roots, right, total, min(total, float(squares.sum())))


def _krylov(matrix: Array, rank: int, xp: Any) -> tuple[Array, Array]:
    """Orthonormal columns [rows, n] that span the strongest directions, and the matrix projected
    on them [n, columns].
    """
    width = rank + _SPARE
    steps = min(_MOST_STEPS, matrix.shape[0] // width)
    start = np.random.default_rng(0).standard_normal((matrix.shape[1], width), np.float32)
    images = matrix @ _like(start, matrix, xp)
    basis = projected = None
    found = 0.0
    for _ in range(steps):
        block = _orthonormal(images, basis, xp)
        image = block.T @ matrix
        basis = block if basis is None else xp.concatenate([basis, block], 1)
        projected = image if projected is None else xp.concatenate([projected, image], 0)
        energy = float(_eigen(projected, xp)[0][:rank].sum())
        if energy - found <= _GAIN * energy:
            break
        found = energy
        images = matrix @ image.T
    return basis, projected


def _orthonormal(images: Array, basis: Array | None, xp: Any) -> Array:
    """Twice, because float32 loses the angle the first time."""
    for _ in range(2):
        if basis is not None:
            images = images - basis @ (basis.T @ images)
        images = xp.linalg.qr(images)[0]
    return images


def _eigen(matrix: Array, xp: Any) -> tuple[np.ndarray, Array]:
    """Squared singular values, the largest first, float64 on the CPU; and the left singular
    vectors, float64 [rows, rows]. The matrix has no more rows than columns.
    """
    gram = 0.0
    for begin in range(0, matrix.shape[1], _STRIP):
        strip = _wide(matrix[:, begin : begin + _STRIP], xp)
        gram = gram + strip @ strip.T
    values, vectors = xp.linalg.eigh(gram)
    squares = np.asarray(values if xp is np else values.cpu())[::-1]
    return np.maximum(squares, 0), xp.flip(vectors, (1,))


def _energy(matrix: Array, xp: Any) -> float:
    return sum(
        float((_wide(matrix[row : row + _STRIP], xp) ** 2).sum())
        for row in range(0, matrix.shape[0], _STRIP)
    )


def _wide(array: Array, xp: Any) -> Array:
    return array.astype(np.float64) if xp is np else array.double()


def _narrow(array: Array, xp: Any) -> Array:
    return array.astype(np.float32) if xp is np else array.float()


def _like(array: np.ndarray, other: Array, xp: Any) -> Array:
    """A numpy array as float32 where the other is."""
    narrow = array.astype(np.float32)
    return narrow if xp is np else xp.from_numpy(narrow).to(other.device)
