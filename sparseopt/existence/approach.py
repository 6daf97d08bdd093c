"""M: first a matrix that seems to be outside the set, then factors that tend to it.

Matrices with entries 0 and ±1 or so are drawn, pseudo-randomly with a fixed seed, under names that do not depend on the
given ones. One for which least squares find no factors is approached with u_j = p_j + q_j/n + …: least squares find
real coefficients, which are set to small whole numbers one by one while the others still solve the equations. Then the
v_j follow column by column by exact linear algebra. Floating point only picks what exact arithmetic confirms: a matrix
counts if an identity excludes it from the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np

from sparseopt.existence.cancellation import MAX_ENTRIES, MAX_KERNELS
from sparseopt.existence.kernel_rules import Escape
from sparseopt.existence.kernels import Entry, Factor, Kernel, KernelForm, Matrix
from sparseopt.existence.laurent import Laurent
from sparseopt.existence.least_squares import least_squares, products, seem_outside, solved
from sparseopt.existence.naming import least_naming
from sparseopt.existence.outside import outside
from sparseopt.linalg import solve_any

ROUNDS, MATRICES = 8, 250
"""Rounds, and matrices of each kind drawn in a round."""
EACH_ROUND, TRIED = 2, 6
"""Matrices that seem outside looked at in a round, and in all."""
ORDERS, STARTS = (1, 2), 6
"""Orders of the factors in 1/n, and starts of least squares for each."""
STEPS, FEW_STEPS = 150, 40
SMALL = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
NEAREST = 3
"""Of the small numbers, so many are tried for a coefficient."""


def approach(form: KernelForm, kernels: Sequence[Kernel]) -> Escape | None:
    """M: search for a matrix outside the set that factors tend to; says nothing if none is found."""
    if len(kernels) > MAX_KERNELS or len(frozenset().union(*(k.entries for k in kernels)) - form.free) > MAX_ENTRIES:
        return None
    naming = least_naming(kernels, form.free)
    renamed, free = naming.apply(kernels, form.free)
    entries = sorted(frozenset().union(*(k.entries for k in renamed)) - free)
    for A in islice(_seem_outside(renamed, entries), TRIED):
        if (factors := _factors(renamed, entries, A)) is not None:
            limit, named = naming.invert(A, factors)
            statement = f"{len(kernels)} kernels approach a matrix that a polynomial identity excludes (M)"
            escape = Escape(statement, limit, named, "M")
            if (identity := outside(form, [k.within(escape.block) for k in kernels], limit)) is not None:
                return replace(escape, identity=identity)
    return None


def _seem_outside(kernels: Sequence[Kernel], entries: Sequence[Entry]) -> Iterator[Matrix]:
    """Matrices for which least squares find no factors, round by round."""
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        drawn = _drawn(entries, rng)
        yield from (drawn[i] for i in islice(seem_outside(kernels, entries, drawn), EACH_ROUND))


def _drawn(entries: Sequence[Entry], rng: np.random.Generator) -> list[Matrix]:
    """Different matrices of zeros and ones, and of small numbers, those with few entries first."""
    drawn = set()
    for values in ([1], [1, 2, 3, -1, 5]):
        for density in rng.uniform(0.3, 0.75, MATRICES):
            drawn.add(tuple(np.where(rng.random(len(entries)) < density, rng.choice(values, len(entries)), 0).tolist()))
    ordered = sorted(drawn, key=lambda row: (np.count_nonzero(row), row))
    return [{e: Fraction(x) for e, x in zip(entries, row, strict=True) if x} for row in ordered]


def _factors(kernels: Sequence[Kernel], entries: Sequence[Entry], A: Matrix) -> list[Factor] | None:
    """Factors whose product tends to A on the entries."""
    found = (_completed(kernels, entries, A, u) for order in ORDERS for u in _left_factors(kernels, entries, A, order))
    return next((factors for factors in found if factors is not None), None)


def _left_factors(
    kernels: Sequence[Kernel], entries: Sequence[Entry], A: Matrix, order: int
) -> Iterator[list[dict[int, list[int]]]]:
    """For each kernel and row the whole coefficients of 1, 1/n, …, 1/n^order."""
    sought, count = products(kernels, entries, order)
    target = np.zeros((1, sought.sums))
    target[0, order * len(entries) :] = [float(A.get(e, 0)) for e in entries]
    rng = np.random.default_rng(0)
    starts = rng.normal(size=(STARTS, sought.unknowns))
    ends = least_squares(sought, np.repeat(target, STARTS, axis=0), starts, STEPS)
    for x in ends[0][solved(*ends)]:
        open_, fixed = list(range(count)), list[int]()
        x = x[None]
        while open_:
            i = min(open_, key=lambda i: abs(x[0, i] - np.round(x[0, i])))
            for value in sorted(SMALL, key=lambda value: abs(value - x[0, i]))[:NEAREST]:
                start = x.copy()
                start[0, i] = value
                found = least_squares(sought, target, start, FEW_STEPS, [*fixed, i])
                if solved(*found).all():
                    break
            else:
                break
            x = found[0]
            open_.remove(i)
            fixed.append(i)
        else:
            coefficients = np.rint(x[0, :count]).astype(int).reshape(-1, order + 1).tolist()
            rest = iter(coefficients)
            yield [{r: next(rest) for r in sorted(k.rows)} for k in kernels]


def _completed(
    kernels: Sequence[Kernel], entries: Sequence[Entry], A: Matrix, u: Sequence[dict[int, list[int]]]
) -> list[Factor] | None:
    """The v_j with coefficients of n^order, …, 1 for which Σ u_j v_jᵀ tends to A, or None."""
    order = len(next(iter(u[0].values()))) - 1
    powers = range(order + 1)
    v: list[dict[int, Laurent]] = [{} for _ in kernels]
    for c in sorted({c for _, c in entries}):
        rows = [r for r, column in entries if column == c]
        holding = [j for j, k in enumerate(kernels) if c in k.columns]
        equations = [
            [Fraction(u[j][r][total - b] if r in u[j] and total >= b else 0) for j in holding for b in powers]
            for total in powers
            for r in rows
        ]
        wanted = [[A.get((r, c), Fraction(0)) if total == order else Fraction(0)] for total in powers for r in rows]
        solution = solve_any(np.array(equations, dtype=object), np.array(wanted, dtype=object))
        if solution is None:
            return None
        for place, j in enumerate(holding):
            part = solution[place * (order + 1) : (place + 1) * (order + 1), 0]
            if value := Laurent({order - b: x for b, x in enumerate(part)}):
                v[j][c] = value
    polynomials = [{r: Laurent({-a: x for a, x in enumerate(terms)}) for r, terms in rows.items()} for rows in u]
    return [
        Factor({r: x for r, x in a.items() if x}, b) if b else Factor({}, {})
        for a, b in zip(polynomials, v, strict=True)
    ]
