"""Fill: kernels that together give every matrix on their entries outside V (exact: these entries join V).

A is Σ_j u_j v_jᵀ outside V exactly if u_j exist with A_c ∈ span(u_j : c ∈ C_j) + R^{V_c} for every column c. Rows of a
column below are those outside V. A column with as many independent u_j as rows is *full*: it needs no more attention.

- F0: generic u make every column full. A column is full for generic u exactly if its rows can be matched to its
  kernels (Hall): distinct matchings are distinct monomials of the determinant.
- F1: every column but c0 can be made full while Σ_{k ∈ S} u_k = A_c0. Checked for each support that A_c0 may have,
  with a set S of one or two kernels that hold it and all other entries generic: some determinant has a coefficient
  that is one monomial in the non-zero entries of A_c0, so it does not vanish.
- F2: every column but c0 and c1 can be made full. Kernel k holds both columns with all their rows, l holds c0 and m
  holds c1, each with all rows but one. If A_c0 and A_c1 are independent, u_k is generic, and u_l = A_c0 - α u_k,
  u_m = A_c1 - β u_k vanish where they must; a column that holds k, l, m then has u_k and the span of A_c0 and A_c1,
  and is full if for every two rows the others can be matched to k and its other kernels (some minor of A_c0, A_c1 is
  not zero, and the minors have distinct monomials as coefficients). If they are dependent, F1's argument serves both.

Each also holds for the transposed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, permutations
from typing import Any

from sparseopt.existence.kernel_rules import Closed
from sparseopt.existence.kernels import Entry, Kernel, span_step

MAX_SIZE = 5
"""F1 and F2 look at forms with at most so many kernels and rows per column."""


def fills(kernels: Sequence[Kernel], free: frozenset[Entry]) -> Closed | None:
    """Why the kernels give every matrix on their entries outside V, by which rule (F0, F1 or F2), or None."""
    wanted = frozenset().union(*(k.entries for k in kernels)) - free
    turned = [Kernel(k.columns, k.rows) for k in kernels]
    forms = [("column", _Columns(kernels, wanted)), ("row", _Columns(turned, frozenset((c, r) for r, c in wanted)))]
    for name, rule in (("F0", _Columns.f0), ("F1", _Columns.f1), ("F2", _Columns.f2)):
        for line, form in forms:
            if (kept := rule(form)) is not None:
                given = f" but {' and '.join(str(c + 1) for c in kept)}" if kept else ""
                statement = (
                    f"{len(kernels)} kernels give every matrix on their entries ({name}: every {line}{given} is full)"
                )
                shares = form.shares(line == "row") if name == "F0" else [()] * len(kernels)
                return Closed(statement, (name,), (span_step(kernels, shares, "" if name == "F0" else name),))
    return None


class _Columns:
    """Kernels seen column by column; `rows[c]` are the rows of column c outside V, `of[c]` its kernels."""

    def __init__(self, kernels: Sequence[Kernel], wanted: frozenset[Entry]) -> None:
        self.kernels = kernels
        self.rows: dict[int, list[int]] = {}
        for r, c in sorted(wanted):
            self.rows.setdefault(c, []).append(r)
        self.of = {c: [j for j, k in enumerate(kernels) if c in k.columns] for c in self.rows}
        self.matchings = {c: self._matched(rows, self.of[c]) for c, rows in self.rows.items()}
        self.deficient = [c for c, matching in self.matchings.items() if matching is None]
        self.small = len(kernels) <= MAX_SIZE and max(map(len, self.rows.values()), default=0) <= MAX_SIZE

    def shares(self, turned: bool) -> list[list[Entry]]:
        """F0: what each kernel gives, at most one entry in each column; `turned` gives the entries as (c, r)."""
        out: list[list[Entry]] = [[] for _ in self.kernels]
        for c, matching in self.matchings.items():
            for j, r in (matching or {}).items():
                out[j].append((c, r) if turned else (r, c))
        return out

    def f0(self) -> tuple[int, ...] | None:
        return None if self.deficient else ()

    def f1(self) -> tuple[int, ...] | None:
        if not self.small or len(self.deficient) != 1:
            return None
        return tuple(self.deficient) if self._served(self.deficient) else None

    def f2(self) -> tuple[int, ...] | None:
        if not self.small or len(self.deficient) != 2 or not self._served(self.deficient):
            return None
        for c0, c1 in permutations(self.deficient):
            if any(self._independent(c0, c1, *klm) for klm in permutations(range(len(self.kernels)), 3)):
                return tuple(self.deficient)
        return None

    def _matched(self, rows: Sequence[int], usable: Sequence[int]) -> dict[int, int] | None:
        """Usable kernels for all rows, each a different one that holds it: kernel → row; None if there are none."""
        taken: dict[int, int] = {}

        def place(row: int, tried: set[int]) -> bool:
            for j in usable:
                if row in self.kernels[j].rows and j not in tried:
                    tried.add(j)
                    if j not in taken or place(taken[j], tried):
                        taken[j] = row
                        return True
            return False

        return taken if all(place(row, set()) for row in rows) else None

    def _served(self, columns: Sequence[int]) -> bool:
        """F1: columns that are multiples of one vector can be given while the others are full, for each support."""
        rows = sorted(set().union(*(self.rows[c] for c in columns)))
        common = [j for j in range(len(self.kernels)) if all(c in self.kernels[j].columns for c in columns)]
        return all(
            any(self._full_with(columns, set(support), rows, serving) for serving in _subsets(common, 1, 2))
            for support in _subsets(rows, 1, len(rows))
        )

    def _full_with(
        self, columns: Sequence[int], support: set[int], rows: Sequence[int], serving: Sequence[int]
    ) -> bool:
        """Whether Σ_{k ∈ serving} u_k = a, a vector with this support, leaves the other columns full."""
        if not support <= set().union(*(self.kernels[k].rows for k in serving)):
            return False
        names = [f"a{r}" for r in rows] + [f"t{j}_{r}" for j, k in enumerate(self.kernels) for r in sorted(k.rows)]
        ring = _ring(tuple(names))
        entry = {(j, r): ring.gen(names.index(f"t{j}_{r}")) for j, k in enumerate(self.kernels) for r in k.rows}
        for i, r in enumerate(rows):
            holding = [k for k in serving if r in self.kernels[k].rows]
            if holding:
                a = ring.gen(i) if r in support else ring.constant(0)
                entry[holding[0], r] = a - sum((entry[k, r] for k in holding[1:]), ring.constant(0))
        zero = ring.constant(0)

        def full(c: int, wanted: Sequence[int]) -> bool:
            chosen = combinations(self.of[c], len(wanted))
            minors = ([[entry.get((j, r), zero) for j in js] for r in wanted] for js in chosen)
            return any(_never_zero(_determinant(M), len(rows)) for M in minors)

        return all(full(c, wanted) for c, wanted in self.rows.items() if c not in columns)

    def _independent(self, c0: int, c1: int, k: int, low: int, m: int) -> bool:
        """F2 for independent A_c0, A_c1 with the kernels k, l, m of the statement."""
        K, L, M = (self.kernels[j] for j in (k, low, m))
        rows = set(self.rows[c0])
        if rows != set(self.rows[c1]) or not rows <= K.rows or not {c0, c1} <= K.columns:
            return False
        if c0 not in L.columns or c1 not in M.columns or len(rows - L.rows) > 1 or len(rows - M.rows) > 1:
            return False
        for c, wanted in self.rows.items():
            special = {k, low, m} & set(self.of[c])
            if c in (c0, c1) or not special - {k}:
                continue
            others = [j for j in self.of[c] if j not in (low, m)]
            if special != {k, low, m} or set(wanted) != rows:
                return False
            lefts = ([r for r in wanted if r not in two] for two in combinations(wanted, 2))
            if any(self._matched(left, others) is None for left in lefts):
                return False
        return True


def _subsets(items: Sequence[int], least: int, most: int) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(items, n) for n in range(least, most + 1))


def _ring(names: tuple[str, ...]) -> Any:
    from flint import Ordering, fmpz_mpoly_ctx

    return fmpz_mpoly_ctx.get(names, Ordering.lex)


def _determinant(M: list[list[Any]]) -> Any:
    if len(M) == 1:
        return M[0][0]
    total = M[0][0] * 0
    for j, x in enumerate(M[0]):
        if x:
            total += (-1) ** j * x * _determinant([row[:j] + row[j + 1 :] for row in M[1:]])
    return total


def _never_zero(polynomial: Any, count: int) -> bool:
    """Whether some coefficient is one monomial in the first `count` variables, which are not zero."""
    terms: dict[tuple[int, ...], int] = {}
    for exponents in polynomial.monoms():
        terms[exponents[count:]] = terms.get(exponents[count:], 0) + 1
    return 1 in terms.values()
