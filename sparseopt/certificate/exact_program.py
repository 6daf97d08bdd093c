"""The program of a node in exact arithmetic: a dual simplex method on implicit rows, for linf and l1.

The same program as that of the exact search (solvers/exact/simplex.py), on the problem's own data and in rationals.
Rows are looked for in floating point, which is only a guide: each is computed exactly before it enters, and the end is
exact. θ = 0 satisfies every sign row, so a program always has an optimum.
"""

from __future__ import annotations

import random
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.losses import Loss

CALM = 50
"""After so many pivots without a better value, entering and leaving rows are drawn at random, against cycles."""
MAX_CALM = 3000
"""After so many, the program is given up."""


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


class Artificial(NamedTuple):
    """θ_q = 0, before a real row takes its place."""

    place: int


class Floor(NamedTuple):
    """e_q ≥ 0."""

    place: int


BasisRow = ErrorRow | SignRow | Artificial | Floor


@dataclass
class Solution:
    """Value, parameters θ, and the rows with their positive multipliers (errors and signs only)."""

    value: Fraction
    theta: list[Fraction]
    support: list[tuple[ErrorRow | SignRow, Fraction]]


class ExactProgram:
    """min Σ e over θ and e ≥ 0 subject to the rows that the decided statements give. Inside, θ is divided by the scale.

    Parameters
    ----------
    fit : ExactFit
        Loss linf or l1.
    signs : list of int
        Output signs ±1.
    state : ndarray of int, shape (P, k)
        +1 active, -1 inactive, 0 undecided.
    """

    def __init__(self, fit: ExactFit, signs: list[int], state: npt.NDArray[np.int8]) -> None:
        from flint import fmpq

        self.fit, self.signs, self.q = fit, signs, fmpq
        self.state = state
        self.random = random.Random(0)
        self.parameters = fit.shape.n_parameters
        self.errors = 1 if fit.shape.loss is Loss.LINF else fit.n_points
        n = self.parameters + self.errors
        zero, one = fmpq(0), fmpq(1)
        self.basis: list[BasisRow] = [Artificial(q) if q < self.parameters else Floor(q) for q in range(n)]
        self.inverse = [[one if b == q else zero for q in range(n)] for b in range(n)]
        self.multiplier = [one if q >= self.parameters else zero for q in range(n)]
        self.point = [zero] * n
        self.targets = [fmpq(y.numerator, y.denominator) for y in fit.targets]
        self.weights = [fmpq(w.numerator, w.denominator) for w in fit.weights]

    def narrowed(self, state: npt.NDArray[np.int8]) -> ExactProgram:
        """The program with further statements decided, to be solved from this one's basis."""
        other = copy(self)
        other.state = state
        for name in ("basis", "inverse", "multiplier", "point"):
            setattr(other, name, list(getattr(self, name)))
        return other

    @property
    def value(self) -> Any:
        return sum(self.point[self.parameters :], self.q(0))

    def solve(self, enough: Fraction | None = None) -> Solution:
        """Pivot until the program is solved, or its value is at least `enough`."""
        target = None if enough is None else self.q(enough.numerator, enough.denominator)
        best, calm = self.value, 0
        while target is None or best < target:
            row = self._violated(drawn=calm > CALM)
            if row is None:
                break
            if calm > MAX_CALM:
                raise ToleranceError("an exact program is too degenerate")
            self._pivot(row, drawn=calm > CALM)
            calm = calm + 1 if self.value == best else 0
            best = self.value
        support = [
            (row, _fraction(m))
            for row, m in zip(self.basis, self.multiplier, strict=True)
            if isinstance(row, (ErrorRow, SignRow)) and m > 0
        ]
        return Solution(
            _fraction(best), [_fraction(x) * self.fit.scale for x in self.point[: self.parameters]], support
        )

    def _coefficients(self, row: BasisRow) -> tuple[list[tuple[int, Any]], Any]:
        """The row's non-zero coefficients in (θ, e) and its right-hand side."""
        if isinstance(row, (Artificial, Floor)):
            return [(row.place, self.q(1))], self.q(0)
        fit, places = self.fit, self.fit.shape.places
        out: list[tuple[int, Any]] = []
        if isinstance(row, SignRow):
            j, i = divmod(abs(row.literal) - 1, fit.n_points)
            side = 1 if row.literal > 0 else -1
            return [(places[j].start + q, self.q(side * v)) for q, v in enumerate(fit.rows[j][i]) if v], self.q(0)
        i, weight = row.point, -row.side * self.weights[row.point]
        for j, sign in enumerate(self.signs):
            if row.active >> j & 1:
                out += [(places[j].start + q, weight * (sign * v)) for q, v in enumerate(fit.rows[j][i]) if v]
        start = self.parameters - len(fit.linear[i])
        out += [(start + q, weight * v) for q, v in enumerate(fit.linear[i]) if v]
        out.append((self.parameters + (i if self.errors > 1 else 0), self.q(1)))
        return out, weight * self.targets[i]

    def _pivot(self, row: BasisRow, drawn: bool) -> None:
        entries, side = self._coefficients(row)
        alpha = [sum((line[q] * v for q, v in entries), self.q(0)) for line in self.inverse]
        leaving = next((b for b, a in enumerate(alpha) if a and isinstance(self.basis[b], Artificial)), -1)
        if leaving < 0:
            ratios = [(self.multiplier[b] / a, b) for b, a in enumerate(alpha) if a > 0]
            least = min(r for r, _ in ratios)
            ties = [b for r, b in ratios if r == least]
            leaving = self.random.choice(ties) if drawn else max(ties, key=lambda b: alpha[b])
        scale = alpha[leaving]
        line = self.inverse[leaving] = [x / scale for x in self.inverse[leaving]]
        gap = side - sum((self.point[q] * v for q, v in entries), self.q(0))
        self.multiplier[leaving] /= scale
        self.point = [x + gap * y if y else x for x, y in zip(self.point, line, strict=True)]
        for b, factor in enumerate(alpha):
            if b != leaving and factor:
                self.inverse[b] = [x - factor * y if y else x for x, y in zip(self.inverse[b], line, strict=True)]
                self.multiplier[b] -= factor * self.multiplier[leaving]
        self.basis[leaving] = row

    def _violated(self, drawn: bool) -> BasisRow | None:
        """A violated row: the worst in floating point, else in exact arithmetic; or one at random; None if none is."""
        if not drawn and (row := self._violated_in_floats()) is not None:
            entries, side = self._coefficients(row)
            if sum((self.point[q] * v for q, v in entries), self.q(0)) < side:
                return row
        return self._violated_exactly(drawn)

    def _violated_in_floats(self) -> BasisRow | None:
        rows, linear = self.fit.float_rows
        theta = np.array([float(x.p) / float(x.q) for x in self.point[: self.parameters]]) * float(self.fit.scale)
        errors = np.array([float(x.p) / float(x.q) for x in self.point[self.parameters :]])
        places = self.fit.shape.places
        pre = (
            np.array([F @ theta[place] for F, place in zip(rows, places, strict=True)]).reshape(-1, self.fit.n_points).T
        )
        base = linear @ theta[self.parameters - linear.shape[1] :] - np.array([float(y) for y in self.fit.targets])
        wrong = np.maximum(-pre * self.state, 0) if pre.size else np.zeros((1, 1))
        best = 0.0
        row: BasisRow | None = None
        if wrong.max(initial=0.0) > 0:
            i, j = divmod(int(wrong.argmax()), wrong.shape[1])
            best, row = float(wrong.max()), self._sign_row(i, j)
        weights = np.array([float(w) for w in self.fit.weights])
        plus = np.array([s > 0 for s in self.signs], dtype=bool)
        for side in (1, -1):
            helping = plus if side > 0 else ~plus
            known = (self.state[:, ~helping] != 0).all(axis=1)
            on = np.where(helping, pre > 0, self.state > 0)
            signed = (np.where(on, pre, 0.0) * np.where(plus, 1.0, -1.0)).sum(axis=1)
            excess = np.where(known, weights * side * (base + signed) - errors, -np.inf)
            i = int(excess.argmax())
            if excess[i] > best:
                bits = sum(1 << j for j in np.flatnonzero(on[i]).tolist())
                best, row = float(excess[i]), ErrorRow(i, side, bits)
        return row

    def _sign_row(self, i: int, j: int) -> SignRow:
        number = 1 + j * self.fit.n_points + i
        return SignRow(number if self.state[i, j] > 0 else -number)

    def _violated_exactly(self, drawn: bool) -> BasisRow | None:
        fit, zero = self.fit, self.q(0)
        violated: list[tuple[Any, BasisRow]] = []
        places = fit.shape.places
        start = self.parameters - len(fit.linear[0])
        for i in range(fit.n_points):
            found: list[tuple[Any, BasisRow]] = []
            error = self.point[self.parameters + (i if self.errors > 1 else 0)]
            base = sum((self.point[start + q] * v for q, v in enumerate(fit.linear[i]) if v), -self.targets[i])
            pre = [
                sum((self.point[place.start + q] * v for q, v in enumerate(rows[i]) if v), zero)
                for rows, place in zip(fit.rows, places, strict=True)
            ]
            found += [(-p * int(self.state[i, j]), self._sign_row(i, j)) for j, p in enumerate(pre) if self.state[i, j]]
            for side in (1, -1):
                on = [
                    p > 0 if s == side else self.state[i, j] > 0
                    for j, (p, s) in enumerate(zip(pre, self.signs, strict=True))
                ]
                if all(self.state[i, j] for j, s in enumerate(self.signs) if s != side):
                    r = base + sum((p * s for p, s, o in zip(pre, self.signs, on, strict=True) if o), zero)
                    bits = sum(1 << j for j, o in enumerate(on) if o)
                    found.append((self.weights[i] * r * side - error, ErrorRow(i, side, bits)))
            found += [(-error, Floor(self.parameters + (i if self.errors > 1 else 0)))]
            violated += [(amount, row) for amount, row in found if amount > 0]
        if not violated:
            return None
        return self.random.choice(violated)[1] if drawn else max(violated, key=lambda pair: pair[0])[1]


def _fraction(x: Any) -> Fraction:
    return Fraction(int(x.p), int(x.q))
