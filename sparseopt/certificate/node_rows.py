"""The rows that decided statements give to a node's program, and which of them a point violates.

The same rows as those of the exact search (solvers/exact/pricing.py), on the problem's own data. They are looked for in
floating point, which is only a guide: a row found there is computed exactly before it is believed, and where none is
found all are computed exactly.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import fmpq

from sparseopt.certificate.exact_fit import ExactFit, to_flint
from sparseopt.rationals import FloatArray


class CertificateError(ArithmeticError):
    """No certificate can be made; the text says why."""


class ToleranceError(CertificateError):
    """The search closed nodes within its tolerance that are not closed exactly: a lower bound can be proved."""


class ErrorRow(NamedTuple):
    """side (f(x_i) - y_i) ≥ side (l + Σ_{j in active} s_j p_j - y_i); `active` is a set of bits.

    `chords` are pairs (literal, c) for neurons that are not decided on the point: with x_i = Σ c x_v over a neuron's
    literals, side s_j Σ c p_j(x_v) is added, over those with c > 0 active and those with c < 0 inactive.
    """

    point: int
    side: int
    active: int
    chords: tuple[tuple[int, Fraction], ...] = ()


class SignRow(NamedTuple):
    """literal = ± (1 + j P + i): ± p_j(x_i) ≥ 0."""

    literal: int


Row = ErrorRow | SignRow

Allowed = tuple[Sequence[Any], Sequence[Any]]
"""What the right-hand sides of the points' error rows may be: of side 1, of side -1."""


class Solution(NamedTuple):
    """Value of a program, parameters θ, and the rows (without weights) with their positive multipliers (flint's)."""

    value: Fraction
    theta: list[Fraction]
    support: list[tuple[Row, Any]]


class SignClass:
    """A fit with output signs ±1."""

    def __init__(self, fit: ExactFit, signs: list[int]) -> None:
        self.fit, self.signs = fit, signs
        self._gradients: dict[Row, list[Any]] = {}

    def gradient(self, row: Row) -> list[Any]:
        """Coefficients of the parameters in the row's right-hand side (error rows), or minus those in the sign row."""
        if row not in self._gradients:
            own = self._of_sign(row) if isinstance(row, SignRow) else self._of_error(row)
            self._gradients[row] = [to_flint(v) for v in own]
        return self._gradients[row]

    def _of_sign(self, row: SignRow) -> list[int]:
        out = [0] * self.fit.shape.n_parameters
        j, i = divmod(abs(row.literal) - 1, self.fit.n_points)
        out[self.fit.shape.places[j]] = [-v if row.literal > 0 else v for v in self.fit.rows[j][i]]
        return out

    def _of_error(self, row: ErrorRow) -> list[int | Fraction]:
        fit = self.fit
        out: list[int | Fraction] = [0] * fit.shape.n_parameters
        for j, sign in enumerate(self.signs):
            if row.active >> j & 1:
                out[fit.shape.places[j]] = [row.side * sign * v for v in fit.rows[j][row.point]]
        for literal, c in row.chords:
            j, i = divmod(abs(literal) - 1, fit.n_points)
            if (c > 0) == (literal > 0):
                for q, v in enumerate(fit.rows[j][i], fit.shape.places[j].start):
                    out[q] += row.side * self.signs[j] * c * v
        tail = fit.linear[row.point]
        out[len(out) - len(tail) :] = [row.side * v for v in tail]
        return out


class NodeRows:
    """The rows of a node.

    Parameters
    ----------
    its : SignClass
    state : ndarray of int, shape (P, k)
        +1 active, -1 inactive, 0 undecided.
    """

    def __init__(self, its: SignClass, state: npt.NDArray[np.int8]) -> None:
        self.its, self.fit, self.signs, self.state = its, its.fit, its.signs, state
        self.random = random.Random(0)

    def violated(self, theta: Sequence[Any], allowed: Allowed, drawn: bool) -> Row | None:
        """A row with side (right-hand side) > allowed, or a violated sign row; None if there is none.

        The worst in floating point, or else in exact arithmetic; with `drawn` one at random. θ is divided by the scale
        of the data; all numbers are flint's.
        """
        if not drawn:
            row = self._worst_in_floats(theta, allowed)
            if row is not None and self._is_violated(row, theta, allowed):
                return row
        found = self._all_violated(theta, allowed)
        if not found:
            return None
        return self.random.choice(found)[1] if drawn else max(found, key=lambda pair: pair[0])[1]

    def _is_violated(self, row: Row, theta: Sequence[Any], allowed: Allowed) -> bool:
        value = sum((x * v for x, v in zip(theta, self.its.gradient(row), strict=True) if v), fmpq(0))
        if isinstance(row, SignRow):
            return bool(value > 0)
        return bool(value - row.side * self.fit.flint_targets[row.point] > allowed[row.side < 0][row.point])

    def _sign_row(self, i: int, j: int) -> SignRow:
        number = 1 + j * self.fit.n_points + i
        return SignRow(number if self.state[i, j] > 0 else -number)

    def _worst_in_floats(self, theta: Sequence[Any], allowed: Allowed) -> Row | None:
        rows, linear = self.fit.float_rows
        point = _floats(theta) * float(self.fit.scale)
        pre = np.empty(self.state.shape)
        for j, place in enumerate(self.fit.shape.places):
            pre[:, j] = rows[j] @ point[place]
        base = linear @ point[len(point) - linear.shape[1] :] - self.fit.float_targets
        best = 0.0
        row: Row | None = None
        wrong = -pre * self.state
        if wrong.max(initial=0.0) > 0:
            i, j = divmod(int(wrong.argmax()), wrong.shape[1])
            best, row = float(wrong[i, j]), self._sign_row(i, j)
        plus = np.array(self.signs) > 0
        for side, limit in zip((1, -1), allowed, strict=True):
            helping = plus if side > 0 else ~plus
            known = (self.state[:, ~helping] != 0).all(axis=1)
            on = np.where(helping, pre > 0, self.state > 0)
            signed = (np.where(on, pre, 0.0) * np.where(plus, 1.0, -1.0)).sum(axis=1)
            excess = np.where(known, side * (base + signed) - _floats(limit), -np.inf)
            i = int(excess.argmax())
            if excess[i] > best:
                best, row = float(excess[i]), ErrorRow(i, side, _bits(on[i].tolist()))
        return row

    def _all_violated(self, theta: Sequence[Any], allowed: Allowed) -> list[tuple[Any, Row]]:
        """(by how much, row)."""
        fit, zero = self.fit, fmpq(0)
        found: list[tuple[Any, Row]] = []
        tail = theta[len(theta) - len(fit.linear[0]) :]
        for i in range(fit.n_points):
            base = sum((x * v for x, v in zip(tail, fit.linear[i], strict=True) if v), -fit.flint_targets[i])
            pre = [
                sum((x * v for x, v in zip(theta[place], rows[i], strict=True) if v), zero)
                for rows, place in zip(fit.rows, fit.shape.places, strict=True)
            ]
            found += [(-p * int(self.state[i, j]), self._sign_row(i, j)) for j, p in enumerate(pre) if self.state[i, j]]
            for side, limit in zip((1, -1), allowed, strict=True):
                if not all(self.state[i, j] for j, s in enumerate(self.signs) if s != side):
                    continue
                on = [
                    p > 0 if s == side else self.state[i, j] > 0
                    for j, (p, s) in enumerate(zip(pre, self.signs, strict=True))
                ]
                value = base + sum((p * s for p, s, o in zip(pre, self.signs, on, strict=True) if o), zero)
                found.append((value * side - limit[i], ErrorRow(i, side, _bits(on))))
        return [(amount, row) for amount, row in found if amount > 0]


def _bits(on: Sequence[bool]) -> int:
    return sum(1 << j for j, o in enumerate(on) if o)


def _floats(values: Sequence[Any]) -> FloatArray:
    """Floats nearest to rational numbers of any size."""
    return np.array([int(x.p) / int(x.q) for x in values])
