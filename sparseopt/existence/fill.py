"""Fill: all columns of some kernels but at most two can be anything (exact: their entries join V).

Kernels T give, outside V, the matrices A with A_c ∈ span(u_j : c ∈ C_j) for every column c. A column with as many
independent u_j as rows (outside V) is *full*. Let O be at most two columns, and 𝓛_O what T gives on these. If for
every A_O ∈ 𝓛_O there are u_j and v_j that give A_O and make every column outside O full, then T gives exactly
𝓛_O × everything: the kernels of T may be confined to O, and their other entries join V. (F0, F1, F2: the number of
columns in O.)

*How it is checked.* Row r asks for Σ_j v_j u_j[r] = a_r, with v_j and a_r in the coordinates of O outside V. These
equations are linear in u for given v, and each row has its own. Scaling rows, columns of O, and v_j against u_j
changes neither membership nor fullness, so only the directions of v_j and a_r matter: a_r is 0, e_0, e_1 or (1, x)
with one x equal to 1, and v_j is 0, e_0, e_1, a direction of some a_r, or general. (A direction of v_j that is none of
the a_r's may be replaced by a general one: no row loses a solution.) So all cases are gone through: which a_r are 0,
e_0, e_1, and which share a direction. In each, either no v solves the rows (A_O ∉ 𝓛_O), or some v makes every other
column full for general solutions u. If no x is left open this is one exact example, computed modulo a prime that
divides none of its small denominators. Otherwise some minor has, as a polynomial in what is general, a coefficient in
Z[x] that is a product of numbers, x_s, x_s - 1 and x_s - x_t, which are not 0.

The same holds with rows and columns exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product
from math import prod
from random import Random
from typing import Any

from sparseopt.existence.kernels import Entry, Kernel, KernelForm, span_step

MAX_KERNELS, MAX_ROWS = 5, 5
"""Larger sets of kernels, and columns with more rows, are not looked at."""
MAX_CHOICES = 5000
"""Most choices of directions for the v_j."""
MAX_TRIED = 4
"""Choices with open x that are given to algebra."""

_PRIME = 2**31 - 1
_GENERAL = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)
"""Second coordinates of general directions in examples. 2 × 2 minors stay far below the prime."""

Direction = str | int
"""of a_r or v_j: "0", "e0", "e1", the number s of (1, x_s) with x_0 = 1; for v_j also "general"."""


@dataclass(frozen=True)
class Filled:
    """What filling leaves: the form with the kernels confined to O, the rule, what was done, and its evidence."""

    form: KernelForm
    rule: str
    statement: str
    evidence: list[Any]


def fill(form: KernelForm, kernels: Sequence[Kernel], others: Sequence[Kernel], lines: int) -> Iterator[Filled]:
    """Ways to confine `kernels` to so many columns or rows, at most two; `others` are kept as they are."""
    if len(kernels) > MAX_KERNELS:
        return
    for line in ("column", "row"):
        turned = line == "row"
        seen = _Columns(*(_turn(kernels, form.free) if turned else (kernels, form.free)))
        for kept in seen.ways(lines):
            small = [k.within((tuple(k.rows), kept)) for k in seen.kernels]
            given = frozenset((r, c) for k in seen.kernels for r, c in k.entries if c not in kept)
            if turned:
                small, given = _turn(small, given)
            left = tuple(k for k in (*small, *others) if k.rows and k.columns)
            but = f" but {' and '.join(str(c + 1) for c in kept)}" if kept else ""
            rule = f"F{len(kept)}"
            what = f"{len(kernels)} kernels give everything on every {line}{but} ({rule})"
            if kept:
                lost = [(k.node, line, c) for k in seen.kernels for c in sorted(k.columns) if c not in kept]
                evidence = ["rely", rule, lost, sorted(given)]
            else:
                shares = seen.shares()
                evidence = span_step(kernels, [[(c, r) for r, c in s] for s in shares] if turned else shares)
            yield Filled(KernelForm(left, form.free | given), rule, what, evidence)


def _turn(kernels: Sequence[Kernel], entries: frozenset[Entry]) -> tuple[list[Kernel], frozenset[Entry]]:
    return [replace(k, rows=k.columns, columns=k.rows) for k in kernels], frozenset((c, r) for r, c in entries)


class _Columns:
    """Kernels seen column by column; `rows[c]` are the rows of column c outside V, `of[c]` its kernels."""

    def __init__(self, kernels: Sequence[Kernel], free: frozenset[Entry]) -> None:
        self.kernels = kernels
        entries = frozenset().union(*(k.entries for k in kernels))
        self.columns = sorted({c for _, c in entries})
        self.rows = {c: sorted(r for r, b in entries - free if b == c) for c in self.columns}
        self.of = {c: [j for j, k in enumerate(kernels) if c in k.columns] for c in self.columns}
        self.holding = {r: [j for j, k in enumerate(kernels) if r in k.rows] for r, _ in sorted(entries)}

    def ways(self, size: int) -> Iterator[tuple[int, ...]]:
        """Sets O of a size."""
        if max(map(len, self.rows.values())) > MAX_ROWS:
            return
        deficient = [c for c in self.columns if self._rank(c, _generic(self.holding)) < len(self.rows[c])]
        rest = [c for c in self.columns if c not in deficient]
        for more in combinations(rest, size - len(deficient)) if size >= len(deficient) else ():
            kept = tuple(sorted([*deficient, *more]))
            if size < len(self.columns) and _Outside(self, kept).full():
                yield kept

    def shares(self) -> list[list[Entry]]:
        """What each kernel gives if every column is full: in a column, different kernels take its rows (Hall)."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_bipartite_matching

        out: list[list[Entry]] = [[] for _ in self.kernels]
        for c, rows in self.rows.items():
            if rows:
                holds = csr_array([[r in self.kernels[j].rows for j in self.of[c]] for r in rows])
                for r, place in zip(rows, maximum_bipartite_matching(holds, "column"), strict=True):
                    out[self.of[c][place]].append((r, c))
        return out

    def _rank(self, c: int, u: dict[int, dict[int, int]]) -> int:
        return _rank([[u[r].get(j, 0) for j in self.of[c]] for r in self.rows[c]])

    def full(self, c: int, u: dict[int, dict[int, int]]) -> bool:
        """Whether column c is full for these u[r][j]."""
        return self._rank(c, u) == len(self.rows[c])


def _generic(holding: dict[int, list[int]]) -> dict[int, dict[int, int]]:
    """Scattered residues u[r][j]: a minor that is not 0 for them is not the zero polynomial."""
    rng = Random(0)
    return {r: {j: rng.randrange(1, _PRIME) for j in members} for r, members in holding.items()}


class _Outside:
    """The columns outside `kept` for every A on the kept ones."""

    def __init__(self, form: _Columns, kept: tuple[int, ...]) -> None:
        self.form, self.kept = form, kept
        self.places = {r: [i for i, c in enumerate(kept) if r in form.rows[c]] for r in form.holding}
        self.reach = [[i for i, c in enumerate(kept) if c in k.columns] for k in form.kernels]
        self.free_u = _generic(form.holding)

    def full(self) -> bool:
        return all(self._served(case) for case in self._cases())

    def _cases(self) -> Iterator[dict[int, Direction]]:
        """Directions of all a_r, the open x numbered in order of first use."""

        def extend(rows: list[int], used: int) -> Iterator[dict[int, Direction]]:
            if not rows:
                yield {}
                return
            first, rest = rows[0], rows[1:]
            here: list[Direction] = ["0", *(f"e{i}" for i in self.places[first])]
            if len(self.places[first]) == 2:
                here += range(used + 1)
            for direction in here:
                more = used + (direction == used)
                for case in extend(rest, more):
                    yield {first: direction} | case

        return extend(sorted(self.places), 0)

    def _served(self, case: dict[int, Direction]) -> bool:
        """Whether A_O of this case is not in 𝓛_O, or some v make every column outside O full."""
        numbers = sorted({d for d in case.values() if isinstance(d, int)})
        menus: list[list[Direction]] = [
            ["general", "e0", "e1", *numbers, "0"] if len(reach) == 2 else [*(f"e{i}" for i in reach), "0"]
            for reach in self.reach
        ]
        if prod(map(len, menus)) > MAX_CHOICES:
            return False
        solved = tried = 0
        for v in product(*menus):
            u = self._example(case, v)
            if u is None:
                continue
            solved += 1
            if all(self.form.full(c, u) for c in self.form.columns if c not in self.kept):
                if len(numbers) <= 1 or _Algebra(self, case, v, numbers).full():
                    return True
                if (tried := tried + 1) == MAX_TRIED:
                    return False
        return not solved

    def _example(self, case: dict[int, Direction], v: Sequence[Direction]) -> dict[int, dict[int, int]] | None:
        """Solutions u[r][j] modulo the prime, the undetermined ones scattered, or None."""
        values = [_example_vector(d, j) for j, d in enumerate(v)]
        out = {}
        for r, members in self.form.holding.items():
            a, places = _example_vector(case[r], 0), self.places[r]
            u = dict(self.free_u[r])
            solving = _solvers(places, members, lambda i, j: values[j][i])
            left = [(a[i] - sum(values[j][i] * u[j] for j in members if j not in solving)) % _PRIME for i in (0, 1)]
            if len(solving) == 2:
                (x0, x1), (y0, y1) = values[solving[0]], values[solving[1]]
                inverse = pow(x0 * y1 - x1 * y0, -1, _PRIME)
                u[solving[0]] = (left[0] * y1 - left[1] * y0) * inverse % _PRIME
                u[solving[1]] = (x0 * left[1] - x1 * left[0]) * inverse % _PRIME
            elif solving:
                (j,) = solving
                i = next(i for i in places if values[j][i])
                u[j] = left[i] * pow(values[j][i], -1, _PRIME) % _PRIME
            if any((a[i] - sum(values[j][i] * u[j] for j in members)) % _PRIME for i in places):
                return None
            out[r] = u
        return out


def _solvers(places: Sequence[int], members: Sequence[int], value: Any) -> list[int]:
    """One or two kernels whose v span what all span in these coordinates."""
    for j, k in combinations(members, 2) if len(places) == 2 else ():
        if value(0, j) * value(1, k) - value(1, j) * value(0, k) != 0:
            return [j, k]
    return (
        [next(j for j in members if any(value(i, j) != 0 for i in places))]
        if any(value(i, j) != 0 for i in places for j in members)
        else []
    )


def _example_vector(direction: Direction, j: int) -> tuple[int, int]:
    if isinstance(direction, int):
        return (1, 1 + 30 * direction)
    return {"0": (0, 0), "e0": (1, 0), "e1": (0, 1), "general": (1, _GENERAL[j])}[direction]


class _Algebra:
    """One choice of directions with open x_1, x_2, …: is every column outside O full for all of their values?

    Polynomials in the x_s, in g_j, where (1, g_j) is the general direction of v_j, and in the undetermined u_j[r].
    """

    def __init__(
        self, outside: _Outside, case: dict[int, Direction], v: Sequence[Direction], numbers: Sequence[int]
    ) -> None:
        self.outside = outside
        members = [(r, j) for r, js in outside.form.holding.items() for j in js]
        names = [f"x{s}" for s in numbers[1:]] + [f"g{j}" for j in range(len(v))] + [f"u{r}_{j}" for r, j in members]
        self.open, self.ring = len(numbers) - 1, _ring(tuple(names))
        gens = dict(zip(names, self.ring.gens(), strict=True))
        zero, one = self.ring.constant(0), self.ring.constant(1)

        def vector(direction: Direction, j: int) -> tuple[Any, Any]:
            if isinstance(direction, int):
                return one, gens[f"x{direction}"] if direction else one
            return {"0": (zero, zero), "e0": (one, zero), "e1": (zero, one), "general": (one, gens[f"g{j}"])}[direction]

        values = [vector(d, j) for j, d in enumerate(v)]
        self.units = [*self.ring.gens()[: self.open], *(x - 1 for x in self.ring.gens()[: self.open])]
        self.units += [x - y for x, y in combinations(self.ring.gens()[: self.open], 2)]
        self.u: dict[int, dict[int, Any]] = {}
        for r, js in outside.form.holding.items():
            self.u[r] = self._row(vector(case[r], 0), values, outside.places[r], js, {j: gens[f"u{r}_{j}"] for j in js})

    @staticmethod
    def _row(a: tuple[Any, Any], values: Sequence[Any], places: Sequence[int], js: Sequence[int], u: Any) -> Any:
        """The solution of one row, multiplied by a number that is not zero in general."""
        solving = _solvers(places, js, lambda i, j: values[j][i])
        if not solving:
            return u
        left = [a[i] - sum((values[j][i] * u[j] for j in js if j not in solving), a[i] * 0) for i in (0, 1)]
        if len(solving) == 2:
            (x0, x1), (y0, y1) = values[solving[0]], values[solving[1]]
            scale = x0 * y1 - x1 * y0
            solved = [left[0] * y1 - left[1] * y0, x0 * left[1] - x1 * left[0]]
        else:
            i = next(i for i in places if values[solving[0]][i] != 0)
            scale, solved = values[solving[0]][i], [left[i]]
        return {j: scale * x for j, x in u.items()} | dict(zip(solving, solved, strict=True))

    def full(self) -> bool:
        form, kept = self.outside.form, self.outside.kept
        return all(self._full(c) for c in form.columns if c not in kept)

    def _full(self, c: int) -> bool:
        rows, form = self.outside.form.rows[c], self.outside.form
        zero = self.ring.constant(0)
        for chosen in combinations(form.of[c], len(rows)):
            minor = _determinant([[self.u[r].get(j, zero) for j in chosen] for r in rows])
            if any(map(self._unit, self._coefficients(minor))):
                return True
        return False

    def _coefficients(self, polynomial: Any) -> list[Any]:
        """Coefficients in Z[x] of a polynomial in everything else, short ones first."""
        parts: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for exponents, x in polynomial.terms():
            padding = (0,) * (len(exponents) - self.open)
            parts.setdefault(exponents[self.open :], {})[exponents[: self.open] + padding] = x
        return [self.ring.from_dict(part) for part in sorted(parts.values(), key=len)]

    def _unit(self, polynomial: Any) -> bool:
        """Whether a polynomial in the x_s is a product of numbers, x_s, x_s - 1 and x_s - x_t."""
        _, factors = polynomial.factor()
        return all(any(factor in (unit, -unit) for unit in self.units) for factor, _ in factors)


@cache
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


def _rank(M: list[list[int]]) -> int:
    """Rank modulo the prime."""
    from flint import nmod_mat

    return int(nmod_mat(M, _PRIME).rank()) if M and M[0] else 0
