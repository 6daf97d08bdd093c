"""Floating-point search for factors: which matrices are sums Σ u_j v_jᵀ on given entries?

A guide for searches only. Nothing is claimed from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sparseopt.existence.kernels import Entry, Kernel, Matrix
from sparseopt.rationals import FloatArray

LARGEST = 1e3
BATCH, DOUBTFUL, FEW = 200, 60, 8
"""Matrices looked at together; at most so many are looked at again, so few at a time."""


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
    """For each row of `targets`, shape (T, len(entries)): were factors of moderate size found (Levenberg-Marquardt)?"""
    rng = np.random.default_rng(0)
    found = np.zeros(len(targets), dtype=bool)
    for _ in range(starts):
        left = np.flatnonzero(~found)
        if left.size:
            found[left] = _one_start(kernels, entries, targets[left], rng, steps)
    return found


def _one_start(
    kernels: Sequence[Kernel], entries: Sequence[Entry], targets: FloatArray, rng: np.random.Generator, steps: int
) -> npt.NDArray[np.bool_]:
    terms, count = [], 0
    for k in kernels:
        u = {r: count + i for i, r in enumerate(sorted(k.rows))}
        v = {c: count + len(u) + i for i, c in enumerate(sorted(k.columns))}
        count += len(u) + len(v)
        terms += [(e, u[r], v[c]) for e, (r, c) in enumerate(entries) if r in u and c in v]
    where, left, right = (np.array(t) for t in zip(*terms, strict=True))
    gather = np.eye(len(entries))[where]
    x = rng.normal(size=(len(targets), count))
    damping = np.full(len(targets), 0.1)
    error = (x[:, left] * x[:, right]) @ gather - targets
    for _ in range(steps):
        J = np.zeros((len(targets), len(entries), count))
        for e, a, b in terms:
            J[:, e, a] += x[:, b]
            J[:, e, b] += x[:, a]
        normal = J @ J.transpose(0, 2, 1) + damping[:, None, None] * np.eye(len(entries))
        new = x - (J.transpose(0, 2, 1) @ np.linalg.solve(normal, error[:, :, None]))[:, :, 0]
        new_error = (new[:, left] * new[:, right]) @ gather - targets
        better = (new_error**2).sum(axis=1) < (error**2).sum(axis=1)
        x, error = np.where(better[:, None], new, x), np.where(better[:, None], new_error, error)
        damping = np.where(better, damping / 5, damping * 4).clip(1e-10, 1e6)
    inside: npt.NDArray[np.bool_] = (np.abs(error).max(axis=1) < 1e-8) & (np.abs(x).max(axis=1) < LARGEST)
    return inside
