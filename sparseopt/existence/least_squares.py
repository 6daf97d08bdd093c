"""Floating-point search for factors: which matrices are sums Σ u_j v_jᵀ on given entries, or limits of such sums?

A guide for searches only. Nothing is claimed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparseopt.existence.kernels import Entry, Kernel, Matrix
from sparseopt.rationals import FloatArray

LARGEST = 1e3
BATCH, DOUBTFUL, FEW = 200, 60, 8
"""Matrices looked at together; at most so many are looked at again, so few at a time."""


@dataclass(frozen=True)
class Products:
    """Sums of products of two unknowns: each of `terms` is (sum, left unknown, right unknown), and all are numbered."""

    terms: tuple[tuple[int, int, int], ...]
    sums: int
    unknowns: int

    def minus(self, targets: FloatArray, x: FloatArray) -> FloatArray:
        """The sums at x, shape (T, unknowns), without the targets, shape (T, sums)."""
        out = -targets
        for e, a, b in self.terms:
            out[:, e] += x[:, a] * x[:, b]
        return out

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Derivatives of the sums, shape (T, sums, unknowns)."""
        out = np.zeros((len(x), self.sums, self.unknowns))
        for e, a, b in self.terms:
            out[:, e, a] += x[:, b]
            out[:, e, b] += x[:, a]
        return out


def products(kernels: Sequence[Kernel], entries: Sequence[Entry], order: int = 0) -> tuple[Products, int]:
    """Coefficients of n^order, …, n, 1 of Σ u_j v_jᵀ on the entries, and how many of the unknowns are those of the u_j.

    u_j[r] has coefficients of 1, …, 1/n^order, v_j[c] of n^order, …, 1. Unknowns: all u_j[r], then all v_j[c].
    """
    lines = [("u", j, r) for j, k in enumerate(kernels) for r in sorted(k.rows)]
    count = len(lines) * (order + 1)
    lines += [("v", j, c) for j, k in enumerate(kernels) for c in sorted(k.columns)]
    start = {line: i * (order + 1) for i, line in enumerate(lines)}
    terms = [
        ((a + b) * len(entries) + e, start["u", j, r] + a, start["v", j, c] + b)
        for e, (r, c) in enumerate(entries)
        for j, k in enumerate(kernels)
        if r in k.rows and c in k.columns
        for a in range(order + 1)
        for b in range(order + 1 - a)
    ]
    return Products(tuple(terms), len(entries) * (order + 1), len(lines) * (order + 1)), count


def seem_outside(kernels: Sequence[Kernel], entries: Sequence[Entry], limits: Sequence[Matrix]) -> Iterator[int]:
    """Places of the matrices for which no factors are found, not even by a longer search."""
    targets = np.array([[float(A.get(e, 0)) for e in entries] for A in limits])
    batches = [np.arange(i, min(i + BATCH, len(limits))) for i in range(0, len(limits), BATCH)]
    doubtful = [i for batch in batches for i in batch[~seems_inside(kernels, entries, targets[batch], 6, 30)]]
    for i in range(0, min(len(doubtful), DOUBTFUL), FEW):
        few = np.array(doubtful[i : i + FEW])
        yield from map(int, few[~seems_inside(kernels, entries, targets[few], 25, 80)])


def seems_inside(
    kernels: Sequence[Kernel], entries: Sequence[Entry], targets: FloatArray, starts: int, steps: int
) -> npt.NDArray[np.bool_]:
    """For each row of `targets`, shape (T, len(entries)): were factors of moderate size found?"""
    rng = np.random.default_rng(0)
    sought, _ = products(kernels, entries)
    found = np.zeros(len(targets), dtype=bool)
    for _ in range(starts):
        left = np.flatnonzero(~found)
        if left.size:
            start = rng.normal(size=(left.size, sought.unknowns))
            found[left] = solved(*least_squares(sought, targets[left], start, steps))
    return found


def solved(x: FloatArray, error: FloatArray) -> npt.NDArray[np.bool_]:
    """Which rows of x, of moderate size, meet their targets."""
    inside: npt.NDArray[np.bool_] = (np.abs(error).max(axis=1) < 1e-8) & (np.abs(x).max(axis=1) < LARGEST)
    return inside


def least_squares(
    sought: Products, targets: FloatArray, x: FloatArray, steps: int, fixed: Sequence[int] = ()
) -> tuple[FloatArray, FloatArray]:
    """Levenberg-Marquardt from each row of x, some unknowns fixed: the new rows and what they miss of the targets."""
    free = np.setdiff1d(np.arange(sought.unknowns), fixed)
    damping = np.full(len(targets), 0.1)
    error = sought.minus(targets, x)
    for _ in range(steps):
        J = sought.jacobian(x)[:, :, free]
        normal = J @ J.transpose(0, 2, 1) + damping[:, None, None] * np.eye(sought.sums)
        new = x.copy()
        new[:, free] -= (J.transpose(0, 2, 1) @ np.linalg.solve(normal, error[:, :, None]))[:, :, 0]
        new_error = sought.minus(targets, new)
        better = (new_error**2).sum(axis=1) < (error**2).sum(axis=1)
        x, error = np.where(better[:, None], new, x), np.where(better[:, None], new_error, error)
        damping = np.where(better, damping / 5, damping * 4).clip(1e-10, 1e6)
    return x, error
