"""What a sequence of networks with parameters in Q[n, 1/n] predicts for all large n, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from sparseopt.existence.divergence import DivergingSequence
from sparseopt.existence.laurent import Laurent, zeros
from sparseopt.rationals import ExactArray


def eventual_predictions(sequence: DivergingSequence, X: ExactArray) -> tuple[Any, int]:
    """Predictions on X, an object array of Laurent polynomials of shape (P, q), and an n from which on they hold.

    The sign of a pre-activation is that of its leading coefficient once n exceeds Cauchy's bound on its roots.
    """
    values, start = X + zeros(*X.shape), 1
    for W, b in zip(sequence.weights[:-1], sequence.biases[:-1], strict=True):
        values = values @ W.T + b
        start = max([start, *(_settled(x) for x in values.flat)])
        for place, x in _entries(values):
            if not x or x.terms[x.degree or 0] < 0:
                values[place] = Laurent({})
    out = values @ sequence.weights[-1].T + sequence.biases[-1]
    return out if sequence.skip is None else out + X @ sequence.skip.T, start


def _entries(values: Any) -> list[tuple[tuple[int, int], Laurent]]:
    return [((i, j), values[i, j]) for i in range(values.shape[0]) for j in range(values.shape[1])]


def _settled(x: Laurent) -> int:
    if not x:
        return 1
    *lower, lead = x.terms.values()
    return 1 + ceil(max((abs(c / lead) for c in lower), default=Fraction(0)))
