"""Bound lemmas: rows and positive multipliers whose sum proves that some decisions force the loss to be large.

With error rows side (f_i - y_i) ≥ side (l + Σ s_j p_j - y_i), sign rows ± p ≥ 0, and multipliers for which the
parameters cancel, Σ_i M_i r_i ≥ K follows for the residuals r, M_i = Σ side × multiplier over the rows of point i.
Hölder's inequality turns it into a bound: K / Σ (|M_i| / ω_i) for linf, K / max (|M_i| / ω_i) for l1, K² / Σ (M_i² /
ω_i) for l2.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Any

import numpy as np

from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.node_rows import ErrorRow, Row, SignRow, gradient
from sparseopt.linalg import solve_consistent
from sparseopt.losses import Loss
from sparseopt.rationals import exact_array

Support = Sequence[tuple[Row, Fraction | int]]


@dataclass(frozen=True)
class BoundLemma:
    """Rows with coprime positive integer multipliers, the bound that they prove, and the clause that they give."""

    support: list[tuple[Row, int]]
    value: Fraction
    clause: frozenset[int]

    @classmethod
    def of(cls, fit: ExactFit, signs: Sequence[int], support: Support) -> BoundLemma:
        """The lemma of rows whose multipliers are known up to a common factor."""
        kept = [(row, m) for row, m in support if m]
        scaled = [m * c for row, m in kept if isinstance(row, ErrorRow) for _, c in row.chords]
        common = lcm(*(m.denominator for m in [*(m for _, m in kept), *scaled]))
        whole = [int(m * common) for _, m in kept]
        factor = gcd(*whole, *(int(m * common) for m in scaled)) or 1
        rows = [(row, m // factor) for (row, _), m in zip(kept, whole, strict=True)]
        return cls(rows, _value(fit, rows), _clause(fit, signs, rows))

    def step(self) -> list[Any]:
        """The certificate's step."""
        errors = [_error(row, m) for row, m in self.support if isinstance(row, ErrorRow)]
        literals = [[row.literal, number(m)] for row, m in self.support if isinstance(row, SignRow)]
        return ["bound", errors, literals]


def _error(row: ErrorRow, m: int) -> list[Any]:
    out: list[Any] = [row.point, row.side, row.active, number(m)]
    return [*out, [[literal, number(int(m * c))] for literal, c in row.chords]] if row.chords else out


def number(value: int) -> int | str:
    """An integer as JSON: a number while every reader can hold it, else text."""
    return value if abs(value) < 2**53 else str(value)


def _value(fit: ExactFit, support: Sequence[tuple[Row, int]]) -> Fraction:
    targets, scale = fit.whole_targets
    inverse, inverse_scale = fit.whole_inverse_weights
    net: dict[int, int] = {}
    constant = 0
    for row, m in support:
        if isinstance(row, ErrorRow):
            net[row.point] = net.get(row.point, 0) + row.side * m
            constant -= row.side * m * targets[row.point]
    if constant <= 0:
        return Fraction(0)
    if fit.shape.loss is Loss.L2:
        return Fraction(constant**2 * inverse_scale, sum(m * m * inverse[i] for i, m in net.items()) * scale**2)
    parts = [abs(m) * inverse[i] for i, m in net.items()]
    return Fraction(constant * inverse_scale, (sum(parts) if fit.shape.loss is Loss.LINF else max(parts)) * scale)


def _clause(fit: ExactFit, signs: Sequence[int], support: Sequence[tuple[Row, int]]) -> frozenset[int]:
    """The negations of the statements that the rows need."""
    out = set()
    for row, _ in support:
        if isinstance(row, SignRow):
            out.add(-statement(fit, row.literal))
        else:
            out.update(-statement(fit, literal) for literal, _ in row.chords)
            with_chord = {(abs(literal) - 1) // fit.n_points for literal, _ in row.chords}
            for j, sign in enumerate(signs):
                if sign == -row.side and (z := fit.statements[j][row.point]) and j not in with_chord:
                    out.add(-z if row.active >> j & 1 else z)
    return frozenset(out)


def statement(fit: ExactFit, literal: int) -> int:
    """The literal's statement, in the name of its direction's first point."""
    j, i = divmod(abs(literal) - 1, fit.n_points)
    return fit.statements[j][i] if literal > 0 else -fit.statements[j][i]


def multipliers(
    fit: ExactFit, signs: Sequence[int], rows: Sequence[Row], loose: Collection[int] = ()
) -> Support | None:
    """linf, l1: positive multipliers for which the parameters cancel, or None where the rows have none or several.

    `loose` are the points whose error variable is at its floor with a multiplier (l1): Σ multipliers < weight.
    """
    A = np.array([gradient(fit, signs, row) for row in rows], dtype=object).reshape(len(rows), -1)
    found: Sequence[Fraction | int] | None
    found = kernel_vector(A.T.tolist(), len(rows)) if fit.shape.loss is Loss.LINF else _saturated(fit, A, rows, loose)
    if found is None or any(m < 0 for m in found):
        return None
    return list(zip(rows, found, strict=True))


def kernel_vector(A: list[list[int]], columns: int) -> list[int] | None:
    """The integer vector a with A a = 0, its last entry not negative, if it is unique up to a factor."""
    from flint import fmpz_mat

    if not A:
        return [1] if columns == 1 else None
    space, dimension = fmpz_mat(A).nullspace()
    if dimension != 1:
        return None
    found = [int(space[q, 0]) for q in range(columns)]
    return [-a for a in found] if next((a for a in reversed(found) if a), 0) < 0 else found


def _saturated(fit: ExactFit, A: Any, rows: Sequence[Row], loose: Collection[int]) -> list[Fraction] | None:
    """l1: the one vector with Aᵀ a = 0 and Σ a = weight over the rows of each point that is not loose."""
    of_point: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        if isinstance(row, ErrorRow) and row.point not in loose:
            of_point.setdefault(row.point, []).append(place)
    out = [Fraction(0)] * len(rows)
    for i, places in of_point.items():
        if len(places) == 1:
            out[places[0]] = fit.weights[i]
    unknown = [place for place, m in enumerate(out) if not m]
    several = [(i, places) for i, places in of_point.items() if len(places) > 1]
    sums = np.array([[int(place in places) for place in unknown] for _, places in several], dtype=object)
    left = np.concatenate([A[unknown].T, sums.reshape(len(several), len(unknown))])
    known = [place for place, m in enumerate(out) if m]
    right = [-sum((A[place, q] * out[place] for place in known), Fraction(0)) for q in range(A.shape[1])]
    right += [fit.weights[i] for i, _ in several]
    solution = solve_consistent(exact_array(left), np.array(right, dtype=object)[:, None])
    if solution is None:
        return None
    for place, m in zip(unknown, solution[:, 0], strict=True):
        out[place] = m
    return out
