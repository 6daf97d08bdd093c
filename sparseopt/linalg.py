"""Exact linear algebra over the rationals (python-flint)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.rationals import ExactArray


def _to_flint(A: ExactArray) -> Any:
    from flint import fmpq, fmpq_mat

    rows, columns = A.shape
    return fmpq_mat(rows, columns, [fmpq(x.numerator, x.denominator) for x in A.reshape(-1)])


def _from_flint(M: Any) -> ExactArray:
    out = np.empty((M.nrows(), M.ncols()), dtype=object)
    for i in range(M.nrows()):
        for j in range(M.ncols()):
            out[i, j] = Fraction(int(M[i, j].p), int(M[i, j].q))
    return out


def solve_consistent(A: ExactArray, B: ExactArray) -> ExactArray | None:
    """The unique exact solution of A Z = B for A of full column rank, or None if there is none.

    Shapes: A (P, m), B (P, q), result (m, q). None also if A has not full column rank.
    """
    left, right = _to_flint(A), _to_flint(B)
    gram = left.transpose() * left
    if gram.rank() < gram.ncols():
        return None
    solution = gram.solve(left.transpose() * right)
    return _from_flint(solution) if left * solution == right else None


def _echelon(A: ExactArray) -> tuple[ExactArray, list[int]]:
    """The rows of the reduced row echelon form that are not zero, and their pivot columns."""
    reduced, rank = _to_flint(A).rref()
    rows = _from_flint(reduced)[:rank]
    return rows, [next(j for j, x in enumerate(row) if x) for row in rows]


def rank_factors(A: ExactArray) -> tuple[ExactArray, ExactArray]:
    """Exact U (q, r), V (r, d) with U V = A and r = rank A: pivot columns times reduced row echelon form."""
    V, pivots = _echelon(A)
    return A[:, pivots], V


def solve_any(A: ExactArray, B: ExactArray) -> ExactArray | None:
    """An exact solution of A Z = B with free unknowns 0, or None if there is none. Shapes: :func:`solve_consistent`."""
    m = A.shape[1]
    rows, pivots = _echelon(np.concatenate([A, B], axis=1))
    out = np.full((m, B.shape[1]), Fraction(0), dtype=object)
    for row, pivot in zip(rows, pivots, strict=True):
        if pivot >= m:
            return None
        out[pivot] = row[m:]
    return out


def first_dependence(A: ExactArray) -> ExactArray | None:
    """Weights w with w A = 0 that express the first row of A that depends on those before; None if there is none."""
    rows, pivots = _echelon(A.T)
    if len(rows) == len(A):
        return None
    dependent = next(i for i in range(len(A)) if i not in pivots)
    weights = np.full(len(A), Fraction(0), dtype=object)
    weights[dependent] = Fraction(1)
    weights[pivots] -= rows[:, dependent]  # 0 for pivots after it
    return weights
