"""Is a vector in a cone? Non-negative least squares on unit generators (Lawson and Hanson's active set)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.kernel import kernel

OUTSIDE, UNCLEAR = -1, -2
_MAX_STEPS = 60
_IN_CONE = 1e-20
"""Squared distance (of unit vectors) below which a vector counts as in the cone."""


class ConeWork(NamedTuple):
    """Work space: weights and indices of the generators in the passive set, the residual."""

    weights: Any
    passive: Any
    residual: Any
    target: Any
    Q: Any
    R: Any
    z: Any


def new_cone_work(m: int) -> ConeWork:
    """For m dimensions."""
    return ConeWork(
        np.zeros(m + 2),
        np.zeros(m + 2, dtype=np.int64),
        np.zeros(m),
        np.zeros(m),
        np.zeros((m + 1, m)),
        np.zeros((m + 1, m + 1)),
        np.zeros(m + 1),
    )


@kernel
def in_cone(work: ConeWork, generators: Any, count: int) -> int:
    """Size of a support with target = Σ weights × generators[passive], or OUTSIDE with the residual, or UNCLEAR.

    Outside, the residual r separates: r · target > 0 and r · generator ≤ 0 (up to rounding) for every generator.
    """
    A, b, residual = generators, work.target, work.residual
    m, size = b.size, 0
    for q in range(m):
        residual[q] = b[q]
    for _ in range(_MAX_STEPS):
        norm = 0.0
        for q in range(m):
            norm += residual[q] * residual[q]
        if norm < _IN_CONE:
            return size
        entering, best = -1, 1e-10
        for a in range(count):
            total = 0.0
            for q in range(m):
                total += A[a, q] * residual[q]
            if total > best:
                known = False
                for e in range(size):
                    if work.passive[e] == a:
                        known = True
                if not known:
                    best, entering = total, a
        if entering < 0:
            return OUTSIDE
        if size >= m:
            return UNCLEAR
        work.passive[size] = entering
        work.weights[size] = 0.0
        size = _move_to_passive(work, A, size + 1, m)
        if size < 0:
            return UNCLEAR
        for q in range(m):
            total = b[q]
            for e in range(size):
                total -= work.weights[e] * A[work.passive[e], q]
            residual[q] = total
    return UNCLEAR


@kernel
def _move_to_passive(work: ConeWork, A: Any, size: int, m: int) -> int:
    """Least squares on the passive set, dropping generators whose weight turns negative; its size, -1 on trouble."""
    while size > 0:
        if not _least_squares(work, A, size, m):
            return -1
        step, negative = 1.0, False
        for e in range(size):
            if work.z[e] <= 1e-14:
                negative = True
                change = work.weights[e] - work.z[e]
                step = min(step, work.weights[e] / change if change > 0 else 0.0)
        if not negative:
            for e in range(size):
                work.weights[e] = work.z[e]
            return size
        kept = 0
        for e in range(size):
            weight = work.weights[e] + step * (work.z[e] - work.weights[e])
            if weight > 1e-13:
                work.weights[kept] = weight
                work.passive[kept] = work.passive[e]
                kept += 1
        size = kept if kept < size else size - 1
    return 0


@kernel
def _least_squares(work: ConeWork, A: Any, size: int, m: int) -> bool:
    """z = weights of the least squares solution on the passive set (modified Gram-Schmidt, twice)."""
    Q, R = work.Q, work.R
    for e in range(size):
        for q in range(m):
            Q[e, q] = A[work.passive[e], q]
        for f in range(e):
            R[f, e] = 0.0
        for _ in range(2):
            for f in range(e):
                total = 0.0
                for q in range(m):
                    total += Q[f, q] * Q[e, q]
                R[f, e] += total
                for q in range(m):
                    Q[e, q] -= total * Q[f, q]
        total = 0.0
        for q in range(m):
            total += Q[e, q] * Q[e, q]
        length = np.sqrt(total)
        if length < 1e-11:
            return False
        R[e, e] = length
        for q in range(m):
            Q[e, q] /= length
    for e in range(size):
        total = 0.0
        for q in range(m):
            total += Q[e, q] * work.target[q]
        work.z[e] = total
    for e in range(size - 1, -1, -1):
        total = work.z[e]
        for f in range(e + 1, size):
            total -= R[e, f] * work.z[f]
        work.z[e] = total / R[e, e]
    return True
