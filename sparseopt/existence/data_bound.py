"""The exact loss that no function of the inputs can beat: points with equal inputs and different targets."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import lcm

import numpy as np

from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

Pairs = list[tuple[Fraction, Fraction]]
"""Targets at equal inputs, with their weights."""


def data_bound(problem: TrainingProblem) -> Fraction:
    """The least loss of any function of x on the data, exact: per distinct input and output the best single value."""
    best = [Fraction(0)]
    for _, _, pairs in _shared(problem):
        c = best_constant(problem.loss, pairs)
        errors = [w * abs(y - c) ** problem.loss.homogeneity for y, w in pairs]
        best.append(max(errors) if problem.loss is Loss.LINF else sum(errors, Fraction(0)))
    return max(best) if problem.loss is Loss.LINF else sum(best, start=Fraction(0))


def bound_multipliers(problem: TrainingProblem) -> list[list[int]] | None:
    """The proof of the bound: whole numbers m of shape (q, P) that sum to 0 over equal inputs; None if the bound is 0.

    For every function f of the inputs, Σ_i m_i (f(x_i) - y_i) = -Σ_i m_i y_i, which Hölder's inequality turns into the
    bound of an output.
    """
    rows = [[Fraction(0)] * problem.n_points for _ in range(problem.pattern.n_outputs)]
    worst = [Fraction(0)] * problem.pattern.n_outputs
    for members, o, pairs in _shared(problem):
        c = best_constant(problem.loss, pairs)
        values = _subgradient(problem.loss, c, pairs)
        if problem.loss is Loss.LINF:  # only the worst input counts
            if (error := max(w * abs(y - c) for y, w in pairs)) <= worst[o]:
                continue
            worst[o], rows[o] = error, [Fraction(0)] * problem.n_points
        for i, m in zip(members, values, strict=True):
            rows[o][i] = m
    if not any(map(any, rows)):
        return None
    scales = [lcm(*(m.denominator for m in row)) for row in rows]
    return [[int(m * scale) for m in row] for row, scale in zip(rows, scales, strict=True)]


def best_constant(loss: Loss, pairs: Pairs) -> Fraction:
    """The c with the least loss of (c - y) over (target y, weight w) pairs."""
    if loss is Loss.LINF:
        (y, v), (z, w) = _farthest(pairs)
        return (v * y + w * z) / (v + w)
    total = sum((w for _, w in pairs), Fraction(0))
    if loss is Loss.L2:
        return sum((y * w for y, w in pairs), Fraction(0)) / total
    below = Fraction(0)
    for median, w in sorted(pairs):
        below += w
        if 2 * below >= total:
            return median
    raise AssertionError("a weighted median exists")


def _farthest(pairs: Pairs) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
    """The two pairs, the lower target first, that force the largest error."""
    return max(
        product(pairs, pairs), key=lambda two: (two[1][0] - two[0][0]) * two[0][1] * two[1][1] / (two[0][1] + two[1][1])
    )


def _subgradient(loss: Loss, c: Fraction, pairs: Pairs) -> list[Fraction]:
    """Multipliers with sum 0 for which Hölder's inequality is an equality at the best constant c."""
    if loss is Loss.L2:
        return [w * (c - y) for y, w in pairs]
    if loss is Loss.LINF:
        low, high = _farthest(pairs)
        first, second = pairs.index(low), pairs.index(high)
        return [Fraction((n == first) - (n == second)) for n in range(len(pairs))]
    out = [w * (Fraction(y < c) - (y > c)) for y, w in pairs]
    left = -sum(out, Fraction(0))
    for n, (y, w) in enumerate(pairs):
        if y == c:
            out[n] = max(-w, min(w, left))
            left -= out[n]
    return out


def _shared(problem: TrainingProblem) -> list[tuple[list[int], int, Pairs]]:
    """(points, output, their targets and weights) for every input that is repeated."""
    X = problem.X if problem.X.shape[1] != 1 else problem.X[:, 0]  # numpy sorts numbers much faster than rows
    _, kind, count = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i in np.flatnonzero(count[kind.reshape(-1)] > 1):  # equal rationals have equal float views
        groups.setdefault(tuple(problem.X_exact[i]), []).append(int(i))
    return [
        (members, o, [(problem.Y_exact[i, o], problem.weights_exact[i]) for i in members])
        for members in groups.values()
        if len(members) > 1
        for o in range(problem.pattern.n_outputs)
    ]
