"""The exact loss that no function of the inputs can beat: points with equal inputs and different targets."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem


def data_bound(problem: TrainingProblem) -> Fraction:
    """The least loss of any function of x on the data, exact: per distinct input and output the best single value."""
    X = problem.X if problem.X.shape[1] != 1 else problem.X[:, 0]  # numpy sorts numbers much faster than rows
    _, kind, count = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(count[kind.reshape(-1)] > 1)  # equal rationals have equal float views
    if not shared.size:
        return Fraction(0)
    problem = problem.restrict_points(shared)
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, x in enumerate(problem.X_exact):
        groups.setdefault(tuple(x), []).append(i)
    best = [
        _best_constant(problem.loss, [(problem.Y_exact[i, o], problem.weights_exact[i]) for i in members])
        for members in groups.values()
        for o in range(problem.pattern.n_outputs)
    ]
    return max(best) if problem.loss is Loss.LINF else sum(best, start=Fraction(0))


def _best_constant(loss: Loss, pairs: list[tuple[Fraction, Fraction]]) -> Fraction:
    """min over c of the loss of (y - c) over (target y, weight w) pairs."""
    if len(pairs) == 1:
        return Fraction(0)
    if loss is Loss.LINF:
        return max(abs(y - z) * v * w / (v + w) for y, v in pairs for z, w in pairs)
    total = sum((w for _, w in pairs), Fraction(0))
    if loss is Loss.L2:
        mean = sum((y * w for y, w in pairs), Fraction(0)) / total
        return sum((w * (y - mean) ** 2 for y, w in pairs), Fraction(0))
    below = Fraction(0)
    for median, w in sorted(pairs):
        below += w
        if 2 * below >= total:
            return sum((v * abs(y - median) for y, v in pairs), Fraction(0))
    raise AssertionError("a weighted median exists")
