"""Rules that decide a group of kernels after reduction: one kernel, two kernels (W2), ordered kernels (P).

Each returns :class:`Closed`, :class:`Escape` (a matrix in the closure of 𝓛 but not in 𝓛, with factors that tend to it)
or None where the rule does not apply. ``ε = 1/n`` throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, product
from typing import Any

from sparseopt.existence.kernels import Block, Factor, Kernel, KernelForm, Matrix
from sparseopt.existence.laurent import Laurent
from sparseopt.existence.outside import Identity

ONE, N, EPSILON = Laurent({0: 1}), Laurent({1: 1}), Laurent({-1: 1})


@dataclass(frozen=True)
class Closed:
    """The group's set is closed, by the named rules; `evidence` holds reductions, as in :class:`Reduction`."""

    statement: str
    rules: tuple[str, ...]
    evidence: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Escape:
    """Not closed: `limit` is in the closure but not in the set; `factors` (one per kernel of the group) tend to it.

    On V the products may grow; V's own weights cancel that. The proof that `limit` is not in the set (`identity`) looks
    only at the rows and columns that the factors use, so the block of these is not closed either.
    """

    statement: str
    limit: Matrix
    factors: list[Factor]
    rule: str
    identity: Identity | None = None

    @property
    def block(self) -> Block:
        """Rows and columns that the factors use."""
        rows = {r for f in self.factors for r in f.u}
        columns = {c for f in self.factors for c in f.v}
        return tuple(sorted(rows)), tuple(sorted(columns))


Rule = Callable[[KernelForm, Sequence[Kernel]], Closed | Escape | None]


def one_kernel(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | Escape | None:
    """One kernel left: closed ⇔ every component of E is complete bipartite (after splitting: V ∩ (R × C) = ∅).

    Otherwise E has an induced path r2-c1-r1-c2 with (r2, c2) ∈ V; with A = 0, 1, 1 on (r1,c1), (r2,c1), (r1,c2) no
    rank-one completion exists, and u_r1 = ε, v_c1 = 1, u_r2 = 1, v_c2 = 1/ε tend to it.
    """
    if len(kernels) != 1:
        return None
    kernel = kernels[0]
    bound = form.bound_entries(kernel)
    if bound == kernel.entries:
        return Closed(f"one kernel, {kernel}, without free entries: matrices of rank at most 1", ("K1",))
    for r2, c2 in sorted(kernel.entries & form.free):
        for r1, c1 in product(sorted(kernel.rows), sorted(kernel.columns)):
            if {(r2, c1), (r1, c1), (r1, c2)} <= bound:
                factor = Factor({r1: EPSILON, r2: ONE}, {c1: ONE, c2: N})
                return Escape(
                    f"one kernel, {kernel}, whose entry ({r2 + 1},{c2 + 1}) is free: a rank-one matrix with "
                    f"{_a(r2, c1)} = {_a(r1, c2)} = 1 cannot have {_a(r1, c1)} = 0, but comes as close as one likes",
                    {(r2, c1): Fraction(1), (r1, c2): Fraction(1)},
                    [factor],
                    "K1",
                )
    return None


def two_kernels(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | Escape | None:
    """W2: two kernels that V does not touch are closed ⇔ they are disjoint or crossing."""
    if len(kernels) != 2 or _touched(form, kernels):
        return None
    if _orderly(*kernels):
        return Closed(f"two kernels, {kernels[0]} and {kernels[1]}, disjoint or crossing (W2)", ("W2",))
    a, b = kernels
    escape = _exclusive_corner(a, b) or _swapped(_exclusive_corner(b, a)) or _exclusive_rows(a, b)
    if escape is None:
        transposed = _exclusive_rows(_transpose(a), _transpose(b))
        assert transposed is not None, "kernels that are neither disjoint nor crossing have an escape"
        escape = Escape(
            f"for the transposed matrix: {transposed.statement}",
            {(c, r): x for (r, c), x in transposed.limit.items()},
            [Factor(f.v, f.u) for f in transposed.factors],
            "W2",
        )
    return escape


def ordered_kernels(form: KernelForm, kernels: Sequence[Kernel]) -> Closed | Escape | None:
    """P: kernels that V does not touch and that are pairwise disjoint or crossing are closed (any number of them)."""
    if _touched(form, kernels) or not all(_orderly(a, b) for a, b in combinations(kernels, 2)):
        return None
    if len(set(kernels)) == 1:
        return Closed(
            f"{len(kernels)} equal kernels, {kernels[0]}: matrices of rank at most {len(kernels)} (P)", ("P",)
        )
    return Closed(f"{len(kernels)} kernels, pairwise disjoint or crossing (P)", ("P",))


def _touched(form: KernelForm, kernels: Sequence[Kernel]) -> bool:
    return any(k.entries & form.free for k in kernels)


def _orderly(a: Kernel, b: Kernel) -> bool:
    """Disjoint in rows or in columns, or crossing."""
    disjoint = not (a.rows & b.rows) or not (a.columns & b.columns)
    crossing = (a.rows <= b.rows and b.columns <= a.columns) or (b.rows <= a.rows and a.columns <= b.columns)
    return disjoint or crossing


def _exclusive_corner(a: Kernel, b: Kernel) -> Escape | None:
    """A row r1 and a column c1 of `a` alone, and a common entry (r, c): A = E(r,c1) + E(r1,c)."""
    rows, columns = a.rows - b.rows, a.columns - b.columns
    if not rows or not columns:
        return None
    r1, c1, r, c = min(rows), min(columns), min(a.rows & b.rows), min(a.columns & b.columns)
    return Escape(
        f"two kernels, {a} and {b}: the three entries {_a(r, c1)} = {_a(r1, c)} = 1 and {_a(r1, c1)} = 0 belong to "
        f"the first alone and cannot be met by a rank-one matrix, but the kernels can cancel at ({r + 1},{c + 1}) (W2)",
        {(r, c1): Fraction(1), (r1, c): Fraction(1)},
        [Factor({r: ONE, r1: EPSILON}, {c: N, c1: ONE}), Factor({r: -ONE}, {c: N})],
        "W2",
    )


def _exclusive_rows(a: Kernel, b: Kernel) -> Escape | None:
    """Equal columns, rows r1 of `a` alone and r2 of `b` alone, common row r: A = E(r,c') + E(r1,c) + E(r2,c)."""
    if a.columns != b.columns or not (a.rows - b.rows) or not (b.rows - a.rows):
        return None
    r1, r2, r = min(a.rows - b.rows), min(b.rows - a.rows), min(a.rows & b.rows)
    c, other = sorted(a.columns)[:2]
    return Escape(
        f"two kernels, {a} and {b}: rows {r1 + 1} and {r2 + 1} fix both directions, and row {r + 1} lies outside "
        f"their span, but the kernels can cancel at ({r + 1},{c + 1}) (W2)",
        {(r, other): Fraction(1), (r1, c): Fraction(1), (r2, c): Fraction(1)},
        [Factor({r: ONE, r1: EPSILON}, {c: N, other: ONE}), Factor({r: -ONE, r2: EPSILON}, {c: N})],
        "W2",
    )


def _swapped(escape: Escape | None) -> Escape | None:
    return None if escape is None else replace(escape, factors=escape.factors[::-1])


def _transpose(kernel: Kernel) -> Kernel:
    return Kernel(kernel.columns, kernel.rows)


def _a(r: int, c: int) -> str:
    return f"A[{r + 1},{c + 1}]"


RULES: tuple[Rule, ...] = (one_kernel, two_kernels, ordered_kernels)
