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
from math import gcd
from typing import Any

from flint import fmpq, fmpq_mat, fmpz_mat

from sparseopt.certificate.exact_fit import ExactFit, to_flint
from sparseopt.certificate.node_rows import ErrorRow, Row, SignClass, SignRow
from sparseopt.losses import Loss

Support = Sequence[tuple[Row, Any]]
"""Rows and flint's rational numbers or integers."""


@dataclass(frozen=True)
class BoundLemma:
    """Rows with coprime positive integer multipliers, the bound that they prove, and the clause that they give."""

    support: list[tuple[Row, int]]
    value: Fraction
    clause: frozenset[int]

    @classmethod
    def of(cls, its: SignClass, support: Support) -> BoundLemma:
        """The lemma of rows whose multipliers are known up to a common factor."""
        kept = [(row, m) for row, m in support if m]
        scaled = [m * to_flint(c) for row, m in kept if isinstance(row, ErrorRow) for _, c in row.chords]
        whole, _ = fmpq_mat(1, len(kept) + len(scaled), [*(m for _, m in kept), *scaled]).numer_denom()
        factor = gcd(*(numbers := [int(x) for x in whole.entries()])) or 1
        rows = [(row, m // factor) for (row, _), m in zip(kept, numbers, strict=False)]
        return cls(rows, _value(its.fit, rows), _clause(its, rows))

    def step(self) -> list[Any]:
        """The certificate's step."""
        errors = [_error(row, m) for row, m in self.support if isinstance(row, ErrorRow)]
        literals = [[row.literal, number(m)] for row, m in self.support if isinstance(row, SignRow)]
        return ["lemma", errors, literals]


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


def _clause(its: SignClass, support: Sequence[tuple[Row, int]]) -> frozenset[int]:
    """The negations of the statements that the rows need."""
    out = set()
    for row, _ in support:
        if isinstance(row, SignRow):
            out.add(-statement(its.fit, row.literal))
        else:
            out.update(-statement(its.fit, literal) for literal, _ in row.chords)
            with_chord = {(abs(literal) - 1) // its.fit.n_points for literal, _ in row.chords}
            for j, sign in enumerate(its.signs):
                if sign == -row.side and (z := its.fit.statements[j][row.point]) and j not in with_chord:
                    out.add(-z if row.active >> j & 1 else z)
    return frozenset(out)


def statement(fit: ExactFit, literal: int) -> int:
    """The literal's statement, in the name of its direction's first point."""
    j, i = divmod(abs(literal) - 1, fit.n_points)
    return fit.statements[j][i] if literal > 0 else -fit.statements[j][i]


def multipliers(its: SignClass, rows: Sequence[Row], loose: Collection[int] = ()) -> Support | None:
    """linf, l1: positive multipliers for which the parameters cancel, or None where the rows have none or several.

    `loose` are the points whose error variable is at its floor with a multiplier (l1): Σ multipliers < weight.
    """
    found = _saturated(its, rows, loose) if its.fit.shape.loss is Loss.L1 else _kernel(its, rows)
    if found is None or any(m < 0 for m in found):
        return None
    return list(zip(rows, found, strict=True))


def _kernel(its: SignClass, rows: Sequence[Row]) -> list[int] | None:
    """linf: the multipliers up to a factor."""
    columns = [[int(v) for v in its.gradient(row)] for row in rows]
    return kernel_vector([list(line) for line in zip(*columns, strict=True)], len(rows))


def kernel_vector(A: list[list[int]], columns: int) -> list[int] | None:
    """The integer vector a with A a = 0, its last entry not negative, if it is unique up to a factor."""
    if not A:
        return [1] if columns == 1 else None
    space, dimension = fmpz_mat(A).nullspace()
    if dimension != 1:
        return None
    found = [int(space[q, 0]) for q in range(columns)]
    return [-a for a in found] if next((a for a in reversed(found) if a), 0) < 0 else found


def _saturated(its: SignClass, rows: Sequence[Row], loose: Collection[int]) -> list[Any] | None:
    """l1: the one vector of multipliers that sum to the weight over the rows of each point that is not loose."""
    of_point: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        if isinstance(row, ErrorRow) and row.point not in loose:
            of_point.setdefault(row.point, []).append(place)
    weights = its.fit.flint_weights
    out = {places[0]: weights[i] for i, places in of_point.items() if len(places) == 1}
    several = [(i, places) for i, places in of_point.items() if len(places) > 1]
    unknown = [place for place in range(len(rows)) if place not in out]
    known = [[m * v for v in its.gradient(rows[place])] for place, m in out.items()]
    cancelled = [-sum(column, fmpq(0)) for column in zip(*known, strict=True)]
    lines = [
        *zip(
            *(its.gradient(rows[place]) for place in unknown),
            cancelled or [0] * its.fit.shape.n_parameters,
            strict=True,
        ),
        *([int(place in places) for place in unknown] + [weights[i]] for i, places in several),
    ]
    solution = _only_solution(lines, len(unknown))
    if solution is None:
        return None
    out |= dict(zip(unknown, solution, strict=True))
    return [out[place] for place in range(len(rows))]


def _only_solution(lines: Sequence[Sequence[Any]], unknowns: int) -> list[Any] | None:
    """The solution of equations [coefficients, right-hand side], or None if there is none or several."""
    reduced, rank = fmpq_mat([list(line) for line in lines]).rref()
    if rank != unknowns or any(reduced[q, q] != 1 for q in range(unknowns)):
        return None
    return [reduced[q, unknowns] for q in range(unknowns)]
