"""J: factors u_j = p_j + q_j/n with 0/1 vectors, and every matrix that the kernels approach along them.

In column c the vectors u_j with c ∈ C_j (rows outside V) span a space that tends to some S_c as n grows. A basis of S_c
comes by saturation: while some combination of the vectors tends to 0, it is multiplied by n and takes the place of one
of them. Any A with A_c ∈ S_c is a limit, and the combinations, multiplied out, are the v_j: polynomials in n. The
columns of A are 0/1 combinations of the bases. The same with rows and columns exchanged. Draws are pseudo-random with a
fixed seed, under names that do not depend on the given ones. Floating point only picks candidates; a limit counts if an
identity excludes it from the set.
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
from sparseopt.existence.least_squares import seem_outside
from sparseopt.existence.naming import least_naming, turning
from sparseopt.existence.outside import outside
from sparseopt.linalg import first_dependence

ROUNDS, DRAWS, MATRICES = 2, 150, 6
"""Rounds of drawn u in each direction, and matrices taken for each u."""
TRIED = 4
"""Matrices of a round given to exact algebra."""
MAX_SATURATIONS = 12

Vector = list[Fraction]
Column = tuple[list[Vector], dict[int, Laurent]]
"""A vector as its coefficients of 1, 1/n, 1/n², …, and the combination of kernels that it is."""


Candidate = tuple[Matrix, list[Factor]]
"""A limit and factors that tend to it."""


def jets(form: KernelForm, kernels: Sequence[Kernel]) -> Escape | None:
    """J: search for first-order factors with a limit outside the set; says nothing if none is found."""
    if len(kernels) > MAX_KERNELS or len(frozenset().union(*(k.entries for k in kernels)) - form.free) > MAX_ENTRIES:
        return None
    naming = least_naming(kernels, form.free)
    for found in _doubtful(*naming.apply(kernels, form.free)):
        limit, factors = naming.invert(*found)
        statement = f"{len(kernels)} kernels approach a matrix that a polynomial identity excludes (J)"
        escape = Escape(statement, limit, factors, "J")
        if (identity := outside(form, [k.within(escape.block) for k in kernels], limit)) is not None:
            return replace(escape, identity=identity)
    return None


def _doubtful(kernels: Sequence[Kernel], free: frozenset[Entry]) -> Iterator[Candidate]:
    """Limits for which least squares find no factors, round by round, matrices with few entries first."""
    rng, turn = np.random.default_rng(0), turning(kernels)
    entries = sorted(frozenset().union(*(k.entries for k in kernels)) - free)
    for _ in range(ROUNDS):
        found = [
            *_limits(kernels, free, rng),
            *(turn.invert(*candidate) for candidate in _limits(*turn.apply(kernels, free), rng)),
        ]
        distinct = {frozenset(limit.items()): (limit, factors) for limit, factors in found}
        candidates = sorted(distinct.values(), key=lambda pair: len(pair[0]))
        places = islice(seem_outside(kernels, entries, [A for A, _ in candidates]), TRIED)
        yield from (candidates[i] for i in places)


def _limits(kernels: Sequence[Kernel], free: frozenset[Entry], rng: np.random.Generator) -> Iterator[Candidate]:
    for _ in range(DRAWS):
        u = [_drawn(sorted(k.rows), rng) for k in kernels]
        spaces = _spaces(kernels, free, u)
        if any(x.degree for space in spaces.values() for _, taken in space for x in taken.values()):
            for _ in range(MATRICES):
                yield _matrix(kernels, u, spaces, rng)


def _drawn(rows: list[int], rng: np.random.Generator) -> dict[int, Laurent]:
    """p + q/n with few ones, at different places."""
    order = [rows[i] for i in rng.permutation(len(rows))]
    ones, more = int(rng.choice([1, 1, 1, 2, 2, 3])), int(rng.choice([0, 1, 1, 2]))
    return {r: Laurent({0 if i < ones else -1: 1}) for i, r in enumerate(order[: ones + more])}


Space = list[tuple[dict[int, Fraction], dict[int, Laurent]]]
"""A basis of S_c: vectors by row, each with the coefficients v_j[c] that approach it."""


def _spaces(kernels: Sequence[Kernel], free: frozenset[Entry], u: Sequence[dict[int, Laurent]]) -> dict[int, Space]:
    spaces: dict[int, Space] = {}
    for c in sorted(frozenset().union(*(k.columns for k in kernels))):
        holding = [j for j, k in enumerate(kernels) if c in k.columns]
        rows = sorted(r for r in frozenset().union(*(kernels[j].rows for j in holding)) if (r, c) not in free)
        vectors: list[Column] = [
            ([[u[j].get(r, Laurent({})).terms.get(-e, Fraction(0)) for r in rows] for e in (0, 1)], {j: Laurent.of(1)})
            for j in holding
        ]
        spaces[c] = [
            ({r: x for r, x in zip(rows, vector[0], strict=True) if x}, taken) for vector, taken in _saturated(vectors)
        ]
    return spaces


def _saturated(vectors: list[Column]) -> list[Column]:
    """Vectors that stay independent as n grows and span the same space before; none if they do not come soon."""
    for _ in range(MAX_SATURATIONS):
        vectors = [vector for vector in vectors if any(map(any, vector[0]))]
        if not vectors or (weights := first_dependence(np.array([terms[0] for terms, _ in vectors]))) is None:
            return vectors
        longest = max(len(terms) for terms, _ in vectors)
        width = range(len(vectors[0][0][0]))
        zero = [Fraction(0)] * len(width)
        padded = [terms + [zero] * (longest - len(terms)) for terms, _ in vectors]
        sums = [
            [sum((w * terms[e][r] for w, terms in zip(weights, padded, strict=True)), Fraction(0)) for r in width]
            for e in range(1, longest)
        ]
        taken: dict[int, Laurent] = {}
        for w, (_, combination) in zip(weights, vectors, strict=True):
            for j, x in combination.items():
                taken[j] = taken.get(j, Laurent({})) + x * Laurent({1: w})
        vectors[max(i for i, w in enumerate(weights) if w)] = (sums or [zero], taken)
    return []


def _matrix(
    kernels: Sequence[Kernel], u: Sequence[dict[int, Laurent]], spaces: dict[int, Space], rng: np.random.Generator
) -> Candidate:
    """A limit whose columns are 0/1 combinations of the bases, and its factors."""
    limit: Matrix = {}
    v: list[dict[int, Laurent]] = [{} for _ in kernels]
    for c, space in spaces.items():
        for (vector, taken), chosen in zip(space, rng.random(len(space)) < 1 / 3, strict=True):
            if chosen:
                for r, x in vector.items():
                    limit[r, c] = limit.get((r, c), Fraction(0)) + x
                for j, y in taken.items():
                    v[j][c] = v[j].get(c, Laurent({})) + y
    factors = [Factor(a, {c: x for c, x in b.items() if x}) for a, b in zip(u, v, strict=True)]
    return {e: x for e, x in limit.items() if x}, [f if f.v else Factor({}, {}) for f in factors]
