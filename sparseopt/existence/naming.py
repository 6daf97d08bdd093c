"""Names of rows, columns and kernels: a search under the least names answers alike for renamed and transposed forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial

from sparseopt.existence.kernels import Entry, Factor, Kernel, Matrix

MAX_IMAGES = 3000
"""Forms with more permutations of rows and columns keep their names."""


@dataclass(frozen=True)
class Naming:
    """New names of rows and columns, which change places if `turned`, and the kernels in their new order."""

    rows: dict[int, int]
    columns: dict[int, int]
    order: tuple[int, ...]
    turned: bool

    def entry(self, e: Entry) -> Entry:
        r, c = self.rows[e[0]], self.columns[e[1]]
        return (c, r) if self.turned else (r, c)

    def apply(self, kernels: Sequence[Kernel], free: frozenset[Entry]) -> tuple[list[Kernel], frozenset[Entry]]:
        """The renamed kernels, and the renamed free entries that they touch."""
        out = []
        for j in self.order:
            rows = frozenset(self.rows[r] for r in kernels[j].rows)
            columns = frozenset(self.columns[c] for c in kernels[j].columns)
            out.append(Kernel(columns, rows) if self.turned else Kernel(rows, columns))
        touched = frozenset().union(*(k.entries for k in kernels)) & free
        return out, frozenset(map(self.entry, touched))

    def invert(self, limit: Matrix, factors: Sequence[Factor]) -> tuple[Matrix, list[Factor]]:
        """A matrix and factors of the renamed kernels under the old names."""
        rows, columns = ({new: old for old, new in names.items()} for names in (self.rows, self.columns))
        if self.turned:
            limit = {(r, c): x for (c, r), x in limit.items()}
            factors = [Factor(f.v, f.u) for f in factors]
        out = [Factor({}, {})] * len(factors)
        for j, f in zip(self.order, factors, strict=True):
            out[j] = Factor({rows[r]: x for r, x in f.u.items()}, {columns[c]: x for c, x in f.v.items()})
        return {(rows[r], columns[c]): x for (r, c), x in limit.items()}, out


def turning(kernels: Sequence[Kernel], turned: bool = True) -> Naming:
    """Rows and columns change places, all else is kept."""
    rows, columns = _lines(kernels)
    return Naming({r: r for r in rows}, {c: c for c in columns}, tuple(range(len(kernels))), turned)


def least_naming(kernels: Sequence[Kernel], free: frozenset[Entry]) -> Naming:
    """The naming with the least image, the same for all forms that differ in names only or are transposed."""
    rows, columns = _lines(kernels)
    if factorial(len(rows)) * factorial(len(columns)) > MAX_IMAGES:
        return turning(kernels, False)
    free = frozenset().union(*(k.entries for k in kernels)) & free
    best: tuple[tuple[list[tuple[int, ...]], list[Entry]], Naming] | None = None
    for p, q in product(permutations(range(len(rows))), permutations(range(len(columns)))):
        bit, place = dict(zip(rows, p, strict=True)), dict(zip(columns, q, strict=True))
        codes: list[tuple[int, ...]] = [
            (sum(1 << bit[r] for r in k.rows), sum(1 << place[c] for c in k.columns)) for k in kernels
        ]
        for turned in (False, True):
            seen = [code[::-1] for code in codes] if turned else codes
            order = tuple(sorted(range(len(seen)), key=seen.__getitem__))
            naming = Naming(bit, place, order, turned)
            image = ([seen[j] for j in order], sorted(map(naming.entry, free)))
            if best is None or image < best[0]:
                best = image, naming
    assert best is not None
    return best[1]


def _lines(kernels: Sequence[Kernel]) -> tuple[list[int], list[int]]:
    return sorted(frozenset().union(*(k.rows for k in kernels))), sorted(
        frozenset().union(*(k.columns for k in kernels))
    )
