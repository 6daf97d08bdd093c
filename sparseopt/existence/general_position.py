"""Are there enough points in general position? Exact answers from arithmetic modulo a prime.

Points of R^d are in general position if any d + 1 of them are affinely independent. A determinant that is not zero
modulo the prime is not zero, so points picked here really are in general position.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb, lcm
from typing import Any

import numpy as np

from sparseopt.rationals import ExactArray

MAX_HYPERPLANES = 400_000
_PRIME = 2**31 - 1


def enough_in_general_position(points: ExactArray, needed: int) -> bool | str:
    """Whether `needed` of the points, shape (P, d), can be picked in general position.

    They are picked greedily: a point is taken if it lies on no hyperplane through d points taken before. False means
    that this found fewer; a sentence says that the check was too large.
    """
    distinct = sorted(set(map(tuple, points)))
    d = points.shape[1]
    if len(distinct) < needed:
        return False
    if comb(needed - 1, d) > MAX_HYPERPLANES:
        return f"the check of {needed} points for general position in {d} dimensions is too large"
    lifted = np.array([_residues((*p, Fraction(1))) for p in distinct], dtype=np.int64)
    picked: list[int] = []
    planes = np.zeros((0, d + 1), dtype=np.int64)
    for i, point in enumerate(lifted):
        if (_dot(planes, point) == 0).any():
            continue
        subsets = np.array([(*s, i) for s in combinations(picked, d - 1)], dtype=int).reshape(-1, d)
        new = _hyperplanes(lifted[subsets])
        if (new == 0).all(axis=1).any():
            continue
        planes = np.concatenate([planes, new])
        picked.append(i)
        if len(picked) == needed:
            return True
    return False


def _residues(values: tuple[Fraction, ...]) -> list[int]:
    """A non-zero multiple of the rationals, modulo the prime."""
    scale = lcm(*(v.denominator for v in values))
    return [int(v * scale) % _PRIME for v in values]


def _dot(planes: Any, point: Any) -> Any:
    total = np.zeros(len(planes), dtype=np.int64)
    for column, x in zip(planes.T, point, strict=True):
        total = (total + column * x % _PRIME) % _PRIME
    return total


def _hyperplanes(stacks: Any) -> Any:
    """Coefficients of the hyperplanes through d points each, `stacks` of shape (m, d, d + 1); 0 for dependent points.

    Gauss-Jordan elimination of all stacks at once; the free column gets coefficient 1.
    """
    count, d, width = stacks.shape
    M, rows = stacks % _PRIME, np.arange(count)
    pivots = np.zeros((count, d), dtype=int)
    is_pivot = np.zeros((count, width), dtype=bool)
    independent = np.ones(count, dtype=bool)
    for k in range(d):
        column = (M[:, k] != 0).argmax(axis=1)
        value = M[rows, k, column]
        independent &= value != 0
        M[:, k] = M[:, k] * _inverse(np.where(value == 0, 1, value))[:, None] % _PRIME
        pivots[:, k] = column
        is_pivot[rows, column] = True
        factor = M[rows, :, column]
        factor[:, k] = 0
        M = (M - factor[:, :, None] * M[:, k][:, None, :] % _PRIME) % _PRIME
    free = is_pivot.argmin(axis=1)
    out = np.zeros((count, width), dtype=np.int64)
    out[rows, free] = 1
    for k in range(d):
        out[rows, pivots[:, k]] = (_PRIME - M[rows, k, free]) % _PRIME
    out[~independent] = 0
    return out


def _inverse(values: Any) -> Any:
    """Inverses modulo the prime, by Fermat's little theorem."""
    out, power, exponent = np.ones_like(values), values.copy(), _PRIME - 2
    while exponent:
        if exponent & 1:
            out = out * power % _PRIME
        power = power * power % _PRIME
        exponent >>= 1
    return out
