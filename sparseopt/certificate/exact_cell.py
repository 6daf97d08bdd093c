"""The exact optimum of one activation cell."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.exact_program import exact_program
from sparseopt.certificate.node_rows import ErrorRow, Row, SignClass, SignRow
from sparseopt.rationals import FloatArray

_NEAR = 10**6
"""The program starts with the sign rows of pre-activations that are smaller than the largest by this factor."""


def exact_cell(
    fit: ExactFit, signs: list[int], theta: FloatArray | list[Fraction], check: Callable[[], object] = bool
) -> tuple[Fraction, list[Fraction]]:
    """The least loss with the activations of given parameters, and parameters that have it, exactly.

    Goes on to the cell across all walls that the optimum lies on, while that is better. `check` is called again and
    again and may raise to stop.
    """
    its, best = SignClass(fit, signs), [Fraction(x) for x in theta]
    loss = fit.loss(signs, best)
    pre = fit.pre_activations(best)
    zero = np.array([[z == 0 for z in numbers] for numbers in fit.statements], dtype=bool).reshape(-1, fit.n_points).T
    state = np.where((pre > 0) & ~zero, 1, -1).astype(np.int8)
    while True:
        found = exact_program(its, state, _rows(fit, state, pre), check).solve().theta
        if (least := fit.loss(signs, found)) >= loss:
            return loss, best
        best, loss = found, least
        pre = fit.pre_activations(best)
        state = np.where((pre == 0) & ~zero, -state, state).astype(np.int8)


def _rows(fit: ExactFit, state: Any, pre: Any) -> list[Row]:
    """The error rows of the cell, and the sign rows of its walls near the parameters."""
    errors = [ErrorRow(i, 1, sum(1 << j for j in np.flatnonzero(row > 0).tolist())) for i, row in enumerate(state)]
    size = np.abs(pre)
    near = np.argwhere(size * _NEAR <= size.max(initial=0)) if size.size else np.empty((0, 2), dtype=int)
    numbers = [(fit.statements[j][i], int(state[i, j])) for i, j in near]
    return [*errors, *(SignRow(z * side) for z, side in numbers if z)]
