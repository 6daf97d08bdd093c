"""Small generated training problems with the degeneracies that break solvers. Deterministic for a seed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from sparseopt import SparsityPattern, TrainingProblem

KINDS = ("plain", "ties", "repeated", "collinear", "zero column", "affine", "constant target")


def generated_problems(
    count: int,
    seed: int,
    loss: str = "linf",
    inputs: tuple[int, ...] = (1, 2),
    points: tuple[int, int] = (4, 8),
    widths: tuple[int, ...] = (1, 2),
) -> Iterator[tuple[str, TrainingProblem]]:
    """Yield (description, problem): small rational data; sparse supports, skips, missing biases, weights, scales."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        d, k = int(rng.choice(inputs)), int(rng.choice(widths))
        size = int(rng.integers(points[0], points[1] + 1))
        kind = KINDS[number % len(KINDS)]
        pattern = _pattern(rng, d, k)
        X, Y = _data(rng, kind, size, d)
        weights = [Fraction(int(w)) for w in rng.integers(1, 4, size)] if rng.random() < 0.25 else None
        problem = TrainingProblem(pattern, X, Y, loss, weights)
        yield f"{number}: {kind}, {size} points, {pattern!r}", problem


def _pattern(rng: np.random.Generator, d: int, k: int) -> SparsityPattern:
    hidden = rng.random((k, d)) < 0.75
    bias = rng.random(k) < 0.85
    output_bias = rng.random(1) < 0.85
    skip = rng.random((1, d)) < 0.6 if rng.random() < 0.3 else None
    return SparsityPattern([hidden, np.ones((1, k))], [bias, output_bias], skip)


def _data(rng: np.random.Generator, kind: str, size: int, d: int) -> tuple[list[list[Fraction]], list[Fraction]]:
    x = rng.integers(-6, 7, (size, d))
    y = rng.integers(-6, 7, size)
    if kind == "ties":
        y = rng.integers(-1, 2, size)
    elif kind == "repeated":
        x[size // 2 :] = x[: size - size // 2]
    elif kind == "collinear" and d == 2:
        x[:, 1] = 2 * x[:, 0] + 1
    elif kind == "zero column":
        x[:, -1] = 0
    elif kind == "affine":
        y = x @ rng.integers(-2, 3, d) + 1
    elif kind == "constant target":
        y = np.full(size, 3)
    rows = [[Fraction(int(v), 2) for v in row] for row in x]
    return rows, [Fraction(int(v), 3) for v in y]
