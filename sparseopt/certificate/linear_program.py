"""The program of a node in exact arithmetic: a dual simplex method on implicit rows, for linf and l1.

The same program as that of the exact search (solvers/exact/simplex.py), on the problem's own data and in rationals.
θ = 0 satisfies every sign row, so a program always has an optimum.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import fmpq

from sparseopt.certificate.dual_program import Artificial, DualProgram
from sparseopt.certificate.exact_fit import from_flint
from sparseopt.certificate.node_rows import ErrorRow, Row, SignClass, SignRow, Solution
from sparseopt.losses import Loss


class Floor(NamedTuple):
    """e_q ≥ 0."""

    place: int


BasisRow = Row | Artificial | Floor


class LinearProgram(DualProgram):
    """min Σ e over θ and e ≥ 0 subject to the rows that the decided statements give. Inside, θ is divided by the scale.

    Parameters
    ----------
    its, state
        As for :class:`NodeRows`; loss linf or l1.
    check : callable
        Called before every pivot; may raise to stop.
    """

    def __init__(self, its: SignClass, state: npt.NDArray[np.int8], check: Callable[[], object] = bool) -> None:
        super().__init__(its, state, check)
        self.random = random.Random(0)
        self.parameters = its.fit.shape.n_parameters
        self.errors = 1 if its.fit.shape.loss is Loss.LINF else its.fit.n_points
        n = self.parameters + self.errors
        zero, one = fmpq(0), fmpq(1)
        self.basis: list[BasisRow] = [Artificial(q) if q < self.parameters else Floor(q) for q in range(n)]
        self.inverse = [{q: one} for q in range(n)]  # most rows of l1 concern one error only
        self.multiplier = [one if q >= self.parameters else zero for q in range(n)]
        self.point = [zero] * n

    @property
    def value(self) -> Any:
        return sum(self.point[self.parameters :], fmpq(0))

    def _own_lists(self) -> None:
        for name in ("basis", "inverse", "multiplier", "point"):
            setattr(self, name, list(getattr(self, name)))

    def _solution(self, value: Fraction) -> Solution:
        support = [
            (row, m * self.fit.flint_weights[row.point] if isinstance(row, ErrorRow) else m)
            for row, m in zip(self.basis, self.multiplier, strict=True)
            if isinstance(row, (ErrorRow, SignRow)) and m > 0
        ]
        theta = [from_flint(x) * self.fit.scale for x in self.point[: self.parameters]]
        return Solution(value, theta, support)

    def _coefficients(self, row: BasisRow) -> tuple[list[tuple[int, Any]], Any]:
        """The row's non-zero coefficients in (θ, e) and its right-hand side."""
        if isinstance(row, (Artificial, Floor)):
            return [(row.place, fmpq(1))], fmpq(0)
        entries = [(q, -v) for q, v in enumerate(self.its.gradient(row)) if v]
        if isinstance(row, SignRow):
            return entries, fmpq(0)
        i, weight = row.point, self.fit.flint_weights[row.point]
        entries = [(q, v * weight) for q, v in entries]
        entries.append((self.parameters + (i if self.errors > 1 else 0), fmpq(1)))
        return entries, -row.side * weight * self.fit.flint_targets[i]

    def _enter(self, row: BasisRow, drawn: bool) -> None:
        entries, side = self._coefficients(row)
        alpha = [sum((line[q] * v for q, v in entries if q in line), fmpq(0)) for line in self.inverse]
        leaving = next((b for b, a in enumerate(alpha) if a and isinstance(self.basis[b], Artificial)), -1)
        if leaving < 0:
            ratios = [(self.multiplier[b] / a, b) for b, a in enumerate(alpha) if a > 0]
            least = min(r for r, _ in ratios)
            ties = [b for r, b in ratios if r == least]
            leaving = self.random.choice(ties) if drawn else max(ties, key=lambda b: alpha[b])
        scale = alpha[leaving]
        line = self.inverse[leaving] = {q: x / scale for q, x in self.inverse[leaving].items()}
        gap = side - sum((self.point[q] * v for q, v in entries), fmpq(0))
        self.multiplier[leaving] /= scale
        for q, y in line.items():
            self.point[q] += gap * y
        for b, factor in enumerate(alpha):
            if b != leaving and factor:
                own = self.inverse[b] = dict(self.inverse[b])  # narrowed programs share it
                for q, y in line.items():
                    own[q] = own.get(q, 0) - factor * y
                self.multiplier[b] -= factor * self.multiplier[leaving]
        self.basis[leaving] = row

    def _violated(self, drawn: bool) -> BasisRow | None:
        self.check()
        errors = self.point[self.parameters :]
        below = [q for q, e in enumerate(errors) if e < 0]
        if below:
            worst = self.random.choice(below) if drawn else min(below, key=lambda q: errors[q])
            return Floor(self.parameters + worst)
        if len(errors) == 1:
            errors = errors * self.fit.n_points
        allowed = [e / w for e, w in zip(errors, self.fit.flint_weights, strict=True)]
        return self.rows.violated(self.point[: self.parameters], (allowed, allowed), drawn)
