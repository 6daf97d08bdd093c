"""Evidence that a matrix is not in the set of a kernel form: a polynomial identity (Hilbert's Nullstellensatz).

If A were Σ_j u_j v_jᵀ outside V, the polynomials f_rc = Σ_j u_j[r] v_j[c] - A_rc would have a common zero. Cofactors
g_rc with Σ g_rc f_rc = 1 show that they have none, over any field. Cofactors are sought degree by degree: the products
m f_rc that the monomial 1 can be reached through are the columns of a linear system, solved modulo a prime, rounded to
rationals, and expanded exactly before it is returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import Any

from sparseopt.existence.kernels import Entry, Kernel, KernelForm, Matrix

Variable = tuple[str, int, int]
"""("u" or "v", kernel, row or column)."""
Monomial = tuple[Variable, ...]
"""Variables in order, repeated for powers."""
Polynomial = dict[Monomial, Fraction]

_PRIME = 2**61 - 1
MAX_DEGREE = 4
"""Cofactors times equations have at most this degree in the products u_j[r] v_j[c]."""
MAX_SIZE = 60_000
"""Largest number of unknowns of the linear system."""
MAX_WORK = 1_000_000
"""Term by term, the work of one elimination."""


@dataclass(frozen=True)
class Identity:
    """Cofactors g with Σ g_rc (Σ_j u_j[r] v_j[c] - A_rc) = 1, (r, c) outside V."""

    cofactors: dict[Entry, Polynomial]

    def renumbered(self, names: Sequence[int]) -> Identity:
        """The same identity with kernel j called names[j]; kernels of one name must have disjoint rows and columns."""
        return Identity(
            {
                e: {tuple(sorted((side, names[j], i) for side, j, i in m)): x for m, x in g.items()}
                for e, g in self.cofactors.items()
            }
        )

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready: per entry the terms of its cofactor, a coefficient and variables ["u" or "v", kernel, index]."""
        return [
            {"entry": list(e), "cofactor": [[str(x), [list(v) for v in m]] for m, x in sorted(g.items())]}
            for e, g in sorted(self.cofactors.items())
        ]


def outside(form: KernelForm, kernels: Sequence[Kernel], A: Matrix, max_degree: int = MAX_DEGREE) -> Identity | None:
    """An identity that shows that A, on the kernels' entries outside V, is not Σ u_j v_jᵀ; None if none is found."""
    entries = sorted({e for k in kernels for e in k.entries if e not in form.free})
    equations = {e: _equation(kernels, e, A) for e in entries}
    for degree in range(1, max_degree + 1):
        rows = _reachable(equations, degree)
        if rows is None:
            return None
        if (found := _combination(equations, rows)) is not None:
            return found
    return None


def _equation(kernels: Sequence[Kernel], entry: Entry, A: Matrix) -> Polynomial:
    r, c = entry
    out: Polynomial = {
        (("u", j, r), ("v", j, c)): Fraction(1) for j, k in enumerate(kernels) if r in k.rows and c in k.columns
    }
    if entry in A:
        out[()] = -A[entry]
    return out


def _reachable(equations: dict[Entry, Polynomial], degree: int) -> list[tuple[Monomial, Entry]] | None:
    """Products (m, f) of at most this degree that are linked to the monomial 1 by common monomials."""
    through: dict[Monomial, list[Entry]] = {}
    for entry, f in equations.items():
        for m in f:
            through.setdefault(m, []).append(entry)
    rows: dict[tuple[Monomial, Entry], None] = {}
    seen: set[Monomial] = {()}
    work: list[Monomial] = [()]
    while work:
        monomial = work.pop()
        for part in _parts(monomial):
            if part not in through:
                continue
            rest = _quotient(monomial, part)
            if len(rest) // 2 + 1 > degree:
                continue
            for entry in through[part]:
                if (rest, entry) in rows:
                    continue
                rows[rest, entry] = None
                if len(rows) > MAX_SIZE:
                    return None
                for m in equations[entry]:
                    new = _times(rest, m)
                    if new not in seen:
                        seen.add(new)
                        work.append(new)
    return list(rows)


def _parts(monomial: Monomial) -> list[Monomial]:
    """1 and the distinct products u_j[r] v_j[c] that divide a monomial."""
    distinct = list(dict.fromkeys(monomial))
    pairs = [(a, b) for a in distinct for b in distinct if a[0] == "u" and b[0] == "v" and a[1] == b[1]]
    return [(), *pairs]


def _quotient(monomial: Monomial, part: Monomial) -> Monomial:
    left = Counter(monomial) - Counter(part)
    return tuple(sorted(left.elements()))


def _times(a: Monomial, b: Monomial) -> Monomial:
    return tuple(sorted(a + b))


def _combination(equations: dict[Entry, Polynomial], rows: list[tuple[Monomial, Entry]]) -> Identity | None:
    """Coefficients y with Σ y_i m_i f_i = 1, or None."""
    products = []
    for m, entry in rows:
        terms = equations[entry].items()
        products.append({_times(m, t): x.numerator * pow(x.denominator, -1, _PRIME) % _PRIME for t, x in terms})
    if (found := _eliminate(products)) is None:
        return None
    cofactors: dict[Entry, Polynomial] = {}
    for i, residue in found.items():
        if (value := _rational(residue)) is None:
            return None
        m, entry = rows[i]
        cofactors.setdefault(entry, {})[m] = value
    total: Polynomial = {}
    for entry, g in cofactors.items():
        for m, x in g.items():
            for term, y in equations[entry].items():
                product = _times(m, term)
                total[product] = total.get(product, Fraction(0)) + x * y
    return Identity(cofactors) if {m: x for m, x in total.items() if x} == {(): 1} else None


def _eliminate(vectors: list[dict[Monomial, int]]) -> dict[int, int] | None:
    """Coefficients y with Σ y_i vectors_i = 1 modulo the prime, or None; sparse elimination, shortest vectors first.

    Most vectors have one or two terms, so that eliminating a term only renames it. The work is limited.
    """
    at: dict[Monomial, set[int]] = {}
    for i, vector in enumerate(vectors):
        for term in vector:
            at.setdefault(term, set()).add(i)
    taken: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(vectors))}
    order: list[int] = []
    queue = [(len(vector), i) for i, vector in enumerate(vectors)]
    heapify(queue)
    done: set[int] = set()
    work = 0
    while queue and work < MAX_WORK:
        length, i = heappop(queue)
        vector = vectors[i]
        if i in done or length != len(vector) or not vector:
            continue
        done.add(i)
        order.append(i)
        if vector.keys() == {()}:
            return _expanded(i, pow(vector[()], -1, _PRIME), order, taken)
        pivot = min(vector, key=lambda term: (term == (), len(at[term])))
        inverse = pow(vector[pivot], -1, _PRIME)
        for term in vector:
            at[term].discard(i)
        for j in at.pop(pivot):
            factor = vectors[j][pivot] * inverse % _PRIME
            taken[j].append((factor, i))
            work += len(vector)
            for term, x in vector.items():
                value = (vectors[j].get(term, 0) - factor * x) % _PRIME
                if value:
                    vectors[j][term] = value
                    if term != pivot:
                        at[term].add(j)
                elif term in vectors[j]:
                    del vectors[j][term]
                    if term != pivot:
                        at[term].discard(j)
            heappush(queue, (len(vectors[j]), j))
    return None


def _expanded(last: int, scale: int, order: list[int], taken: dict[int, list[tuple[int, int]]]) -> dict[int, int]:
    """The combination of the original vectors that gave `scale` times the reduced vector `last`."""
    weights = {last: scale}
    for i in reversed(order):
        for factor, earlier in taken[i] if weights.get(i) else ():
            weights[earlier] = (weights.get(earlier, 0) - weights[i] * factor) % _PRIME
    return {i: x for i, x in weights.items() if x}


def _rational(residue: int) -> Fraction | None:
    """The rational p/q with small p and q that is `residue` modulo the prime (Wang's reconstruction)."""
    bound = 2**30
    (a, x), (b, y) = (_PRIME, 0), (residue, 1)
    while b > bound:
        q = a // b
        (a, x), (b, y) = (b, y), (a - q * b, x - q * y)
    return Fraction(b, y) if y != 0 and abs(y) <= bound else None
