"""Where a given matrix A lies: in 𝓛, in its closure only, or not found.

Answers are constructive: factors with product A (inside), or factors that tend to A together with the entries that
show that A is not in 𝓛 (boundary). Groups of kernels are placed one by one, since their entries outside V are disjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter

import numpy as np

from sparseopt.existence.kernels import Block, Entry, Factor, Kernel, KernelForm, Matrix, components, groups
from sparseopt.existence.laurent import Laurent
from sparseopt.linalg import rank_factors


@dataclass(frozen=True)
class Placement:
    """Factors (one per kernel) whose product tends to A; `outside` is a block that shows A ∉ 𝓛, None if A ∈ 𝓛."""

    factors: list[Factor]
    outside: Block | None


def place(form: KernelForm, A: Matrix) -> Placement | None:
    """Place A (non-zero entries) relative to the set of a reduced kernel form; None if no way is known."""
    covered = form.free.union(*(k.entries for k in form.kernels))
    if any(e not in covered for e in A):
        return None
    factors = [Factor({}, {})] * len(form.kernels)
    outside = None
    for members in groups(form):
        kernels = [form.kernels[j] for j in members]
        found = _place_group(form, kernels, A)
        if found is None:
            return None
        for j, factor in zip(members, found.factors, strict=True):
            factors[j] = factor
        outside = outside or found.outside
    return Placement(factors, outside)


def _place_group(form: KernelForm, kernels: Sequence[Kernel], A: Matrix) -> Placement | None:
    bound = frozenset().union(*(form.bound_entries(k) for k in kernels))
    own = {e: x for e, x in A.items() if e in bound}
    for j, kernel in enumerate(kernels):
        if own.keys() <= kernel.entries and (found := _one_kernel(form, kernel, own)) is not None:
            if found.outside is not None and len(kernels) > 1:
                continue
            factors = [Factor({}, {})] * len(kernels)
            factors[j] = found.factors[0]
            return Placement(factors, found.outside)
    if len(set(kernels)) == 1 and not kernels[0].entries & form.free:
        return _equal_kernels(kernels, own)
    if len(kernels) == 2 and not any(k.entries & form.free for k in kernels):
        return _cancelling_pair(kernels[0], kernels[1], own)
    return None


def _one_kernel(form: KernelForm, kernel: Kernel, A: Matrix) -> Placement | None:
    """One kernel: decide exactly whether a rank-one completion exists, or one is approached with powers of n.

    The non-zero entries fix u and v up to a factor n^t on each connected component. A zero entry between supported row
    and column of components K, K' asks for t_K < t_K', which an order of the components satisfies.
    """
    u: dict[int, Fraction] = {}
    v: dict[int, Fraction] = {}
    row_of: dict[int, int] = {}
    column_of: dict[int, int] = {}
    for number, part in enumerate(components(A)):
        start = min(part)[0]
        u[start] = Fraction(1)
        left = set(part)
        while left:
            for r, c in sorted(left):
                if r in u and row_of.get(r, number) == number:
                    v.setdefault(c, A[r, c] / u[r])
                elif c in v:
                    u[r] = A[r, c] / v[c]
                else:
                    continue
                if u[r] * v[c] != A[r, c]:
                    return None
                row_of[r], column_of[c] = number, number
                left.discard((r, c))
    zeros = [
        (r, c)
        for r in sorted(u)
        for c in sorted(v)
        if (r, c) in kernel.entries and (r, c) not in A and (r, c) not in form.free
    ]
    order: TopologicalSorter[int] = TopologicalSorter({row: set() for row in row_of.values()})
    for r, c in zeros:
        order.add(column_of[c], row_of[r])
    try:
        height = {part: level for level, part in enumerate(order.static_order())}
    except CycleError:
        return None
    if not zeros:
        height = dict.fromkeys(height, 0)
    factor = Factor(
        {r: Laurent({height[row_of[r]]: x}) for r, x in u.items()},
        {c: Laurent({-height[column_of[c]]: x}) for c, x in v.items()},
    )
    return Placement([factor], _corner(A, zeros[0]) if zeros else None)


def _corner(A: Matrix, zero: Entry) -> Block:
    """The block around a zero entry and non-zero entries in its row and its column."""
    r1, c1 = zero
    c2 = next(c for r, c in sorted(A) if r == r1)
    r2 = next(r for r, c in sorted(A) if c == c1)
    return tuple(sorted((r1, r2))), tuple(sorted((c1, c2)))


def _equal_kernels(kernels: Sequence[Kernel], A: Matrix) -> Placement | None:
    """r equal kernels: inside ⇔ rank A ≤ r."""
    rows, columns = sorted(kernels[0].rows), sorted(kernels[0].columns)
    dense = np.array([[A.get((r, c), Fraction(0)) for c in columns] for r in rows], dtype=object)
    U, V = rank_factors(dense)
    if V.shape[0] > len(kernels):
        return None
    factors = [
        Factor(
            {r: Laurent.of(x) for r, x in zip(rows, U[:, i], strict=True)},
            {c: Laurent.of(x) for c, x in zip(columns, V[i], strict=True)},
        )
        for i in range(V.shape[0])
    ]
    return Placement(factors + [Factor({}, {})] * (len(kernels) - len(factors)), None)


def _cancelling_pair(a: Kernel, b: Kernel, A: Matrix) -> Placement | None:
    """Two kernels that cancel at a common entry (r, c): limits e_r dᵀ + b e_cᵀ; only if A is seen to be outside."""
    outside = _corner_of(a, b, A) or _corner_of(b, a, A) or _rows_of(a, b, A)
    if outside is None and (turned := _rows_of(_turn(a), _turn(b), {(c, r): x for (r, c), x in A.items()})) is not None:
        outside = turned[1], turned[0]
    if outside is None:
        return None
    one, n, epsilon = Laurent({0: 1}), Laurent({1: 1}), Laurent({-1: 1})
    for r in sorted(a.rows & b.rows):
        for c in sorted(a.columns & b.columns):
            if any(e[0] != r and e[1] != c for e in A):
                continue
            first, second = Factor({r: one}, {c: n}), Factor({r: -one}, {c: n})
            for (row, column), x in A.items():
                mine = row in a.rows and column in a.columns
                factor, sign = (first, 1) if mine else (second, -1)
                if row == r:
                    factor.v[column] = factor.v.get(column, Laurent({})) + sign * x
                else:
                    factor.u[row] = epsilon * x
            return Placement([first, second], outside)
    return None


def _turn(kernel: Kernel) -> Kernel:
    return Kernel(kernel.columns, kernel.rows)


def _corner_of(a: Kernel, b: Kernel, A: Matrix) -> Block | None:
    """Entries of `a` alone with values 0, x, y ≠ 0 at (r1, c1), (r, c1), (r1, c): no rank-one matrix has these."""
    alone = a.entries - b.entries
    for r1, c1 in sorted(alone):
        if (r1, c1) in A:
            continue
        r = next((r for r, c in sorted(A) if c == c1 and (r, c) in alone), None)
        c = next((c for row, c in sorted(A) if row == r1 and (row, c) in alone), None)
        if r is not None and c is not None:
            return tuple(sorted((r1, r))), tuple(sorted((c1, c)))
    return None


def _rows_of(a: Kernel, b: Kernel, A: Matrix) -> Block | None:
    """Rows r1 of `a` alone, r2 of `b` alone are multiples of e_c on columns c, c', a common row is not."""
    for c in sorted(a.columns & b.columns):
        for other in sorted((a.columns & b.columns) - {c}):
            r1 = next((r for r in sorted(a.rows - b.rows) if (r, c) in A and (r, other) not in A), None)
            r2 = next((r for r in sorted(b.rows - a.rows) if (r, c) in A and (r, other) not in A), None)
            r = next((r for r in sorted(a.rows & b.rows) if (r, other) in A), None)
            if r1 is not None and r2 is not None and r is not None:
                return tuple(sorted((r1, r2, r))), tuple(sorted((c, other)))
    return None
