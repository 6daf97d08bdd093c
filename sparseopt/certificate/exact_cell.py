"""The exact optimum of one activation cell."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.certificate.bound_lemma import gradient, least_squares
from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.exact_program import ErrorRow, ExactProgram, SignRow
from sparseopt.losses import Loss
from sparseopt.rationals import FloatArray

MAX_STEPS = 200
"""Changes of the active set of an l2 cell."""
_NEAR = 1e-6
"""Pre-activations, relative to the largest, that start in the active set of an l2 cell."""


def exact_cell(fit: ExactFit, signs: list[int], theta: FloatArray | list[Fraction]) -> tuple[Fraction, list[Fraction]]:
    """The least loss with the activations of given parameters, and parameters that have it, exactly.

    Goes on to the cell across all walls that the optimum lies on, while that is better. For l2 the active set may end
    off the optimum (the loss returned is that of the parameters all the same).
    """
    best = [Fraction(x) for x in theta]
    loss = fit.loss(signs, best)
    pre = fit.pre_activations(best)
    zero = np.array([[z == 0 for z in numbers] for numbers in fit.statements], dtype=bool).reshape(-1, fit.n_points).T
    state = np.where((pre > 0) & ~zero, 1, -1).astype(np.int8)
    while True:
        if fit.shape.loss is Loss.L2:
            found = _least_squares_in_cell(fit, signs, state, pre)
        else:
            found = ExactProgram(fit, signs, state).solve().theta
        if (least := fit.loss(signs, found)) >= loss:
            return loss, best
        best, loss = found, least
        pre = fit.pre_activations(best)
        state = np.where((pre == 0) & ~zero, -state, state).astype(np.int8)


def _least_squares_in_cell(fit: ExactFit, signs: list[int], state: Any, pre: Any) -> list[Fraction]:
    """An active-set method: sign rows leave with negative multipliers and enter when violated."""
    active = [sum(1 << j for j in np.flatnonzero(row > 0).tolist()) for row in state]
    errors = [ErrorRow(i, 1, on) for i, on in enumerate(active)]
    near = _NEAR * float(np.abs(pre).max(initial=0)) if pre.size else 0.0
    tight = list(
        dict.fromkeys(_row(fit, state, i, j) for i, j in np.argwhere(np.abs(pre) <= near) if fit.statements[j][i])
    )
    for _ in range(MAX_STEPS):
        rows: list[ErrorRow | SignRow] = [*errors, *tight]
        found = least_squares(fit, np.array([gradient(fit, signs, row) for row in rows], dtype=object), rows)
        assert found is not None, "zero parameters satisfy all equations"
        theta, m = found
        if tight and min(m[len(errors) :]) < 0:
            del tight[min(range(len(tight)), key=lambda r: m[len(errors) + r])]
            continue
        wrong = fit.pre_activations(theta) * -state
        i, j = divmod(int(wrong.argmax()), wrong.shape[1]) if wrong.size else (0, 0)
        if not wrong.size or wrong[i, j] <= 0:
            break
        tight.append(_row(fit, state, i, j))
    return theta


def _row(fit: ExactFit, state: Any, i: int, j: int) -> SignRow:
    """The sign row of a point, in the name of its direction's first point."""
    z = fit.statements[j][i]
    return SignRow(z if state[i, j] > 0 else -z)
