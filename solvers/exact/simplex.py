"""The linear program of a node, in parameter space: dual simplex on implicit rows.

    min Σ e   over θ ∈ R^N, e ≥ 0   subject to

- a *sign row* for each decided variable: ± a·θ_j ≥ 0;
- an *upper row* ω_i ρ(f_i - y_i) ≤ e_i for a point whose - neurons are all decided: its active - neurons enter as they
  are, its + neurons as any subset (σ(p) ≥ p and σ(p) ≥ 0): each subset gives a valid row, the violated one has p > 0;
- a *lower row* ω_i ρ(y_i - f_i) ≤ e_i, mirrored, for a point whose + neurons are all decided.

For linf all points share one variable e = t and ρ(r) = r; for l1 every point has its own. For l2, ρ(r) = r² is replaced
by its tangents 2 r₀ r - r₀²: each is a valid row, and the most violated one has r₀ = r, the `slope` of the row.

Rows are never stored: they are priced from the points in play. Only the inverse of the basis is kept, n × n with n the
number of variables, and as its last column the multipliers of the basis rows. θ = 0 satisfies all sign rows, so the
program is always feasible; only its value closes a node, and Σ multiplier × right-hand side is a valid bound
whenever no multiplier is negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, kernel

FREE, SIGN, UPPER, LOWER, FLOOR = 0, 1, 2, 3, 4
"""Kinds of basis rows: θ_q = 0 (artificial, multiplier 0), sign, upper and lower error rows, e ≥ 0."""

OPTIMAL, CUT, STALLED = 0, 1, 2

PIVOTS = 1
"""Place of the number of pivots in `counts`."""
FEASIBLE = 1e-9
"""A row counts as violated from this scaled violation on."""
ROUGHLY_FEASIBLE = 1e-4
"""The same for l2 at inner nodes, whose programs need not be solved to the end: their value is a bound all the way."""
_MAX_PIVOTS = 400
_REFACTOR_AFTER = 30


class Basis(NamedTuple):
    """Row b of `inverse` belongs to basis row b: (kind, index, subset) in `code` and its `slope`; (θ, e) is `point`.

    The last column of `inverse` holds the multipliers, `value[0]` the objective Σ e. `age[0]` counts pivots since the
    last refactorisation. The rest is work space.
    """

    inverse: Any
    point: Any
    code: Any
    slope: Any
    value: Any
    age: Any
    row: Any
    nonzero: Any
    alpha: Any
    square: Any


def new_basis(parameters: int, errors: int) -> Basis:
    """The starting basis θ = 0, e = 0."""
    n = parameters + errors
    basis = Basis(
        np.zeros((n, n + 1)),
        np.zeros(n),
        np.zeros((n, 3), dtype=np.int64),
        np.zeros(n),
        np.zeros(1),
        np.zeros(1, dtype=np.int64),
        np.zeros(n),
        np.zeros(n, dtype=np.int64),
        np.zeros(n),
        np.zeros((n, 2 * n)),
    )
    reset_basis(basis, errors)
    return basis


@entry
def reset_basis(basis: Basis, errors: int) -> None:
    """θ = 0, e = 0."""
    n = basis.point.size
    basis.age[0] = 0
    basis.value[0] = 0.0
    for b in range(n):
        basis.point[b] = 0.0
        basis.slope[b] = 0.0
        for q in range(n):
            basis.inverse[b, q] = 1.0 if b == q else 0.0
        basis.inverse[b, n] = 1.0 if b >= n - errors else 0.0
        basis.code[b, 0] = FLOOR if b >= n - errors else FREE
        basis.code[b, 1], basis.code[b, 2] = b, 0


@kernel
def fill_row(inst: Instance, kind: int, index: int, subset: int, slope: float, row: Any) -> float:
    """Write the row's coefficients into `row` and return its right-hand side (row · (θ, e) ≥ side).

    `index` is the variable's place for FREE and FLOOR, a Boolean variable for SIGN, a point for UPPER and LOWER.
    """
    n = row.size
    for q in range(n):
        row[q] = 0.0
    if kind in (FREE, FLOOR):
        row[index] = 1.0
        return 0.0
    if kind == SIGN:
        j = inst.neuron[index]
        side = 1.0 if subset == 1 else -1.0
        for q in range(inst.place[j + 1] - inst.place[j]):
            row[inst.place[j] + q] = side * inst.direction[index, q]
        return 0.0
    weight = -inst.weights[index] if kind == UPPER else inst.weights[index]
    if inst.squared:
        weight *= 2.0 * slope
    parameters = n - inst.errors
    for j in range(inst.plus.size):
        if (subset >> j) & 1:
            scale = weight if inst.plus[j] else -weight
            for q in range(inst.place[j], inst.place[j + 1]):
                row[q] = scale * inst.features[index, q]
    for q in range(inst.place[inst.plus.size], parameters):
        row[q] = weight * inst.features[index, q]
    row[parameters + (index if inst.errors > 1 else 0)] = 1.0
    side = weight * inst.targets[index]
    return side - inst.weights[index] * slope * slope if inst.squared else side


@kernel
def refactor(inst: Instance, basis: Basis) -> bool:
    """Rebuild the inverse and θ by Gauss-Jordan elimination; False if the basis is singular or not dual feasible."""
    n = basis.point.size
    M = basis.square
    for b in range(n):
        for q in range(2 * n):
            M[b, q] = 0.0
        basis.alpha[b] = fill_row(inst, basis.code[b, 0], basis.code[b, 1], basis.code[b, 2], basis.slope[b], basis.row)
        for q in range(n):
            M[b, q] = basis.row[q]
        M[b, n + b] = 1.0
    for c in range(n):
        p = c
        for r in range(c + 1, n):
            if abs(M[r, c]) > abs(M[p, c]):
                p = r
        if abs(M[p, c]) < 1e-11:
            return False
        if p != c:
            for q in range(2 * n):
                M[c, q], M[p, q] = M[p, q], M[c, q]
        pivot = M[c, c]
        for q in range(2 * n):
            M[c, q] /= pivot
        for r in range(n):
            if r != c and M[r, c] != 0.0:
                factor = M[r, c]
                for q in range(c, 2 * n):
                    M[r, q] -= factor * M[c, q]
    for b in range(n):
        total = 0.0
        for q in range(n):
            basis.inverse[b, q] = M[q, n + b]
            if q >= n - inst.errors:
                total += M[q, n + b]
        basis.inverse[b, n] = total
        if total < -1e-6:
            return False
    for q in range(n):
        total = 0.0
        for b in range(n):
            total += basis.inverse[b, q] * basis.alpha[b]
        basis.point[q] = total
    sum_errors(inst, basis)
    basis.age[0] = 0
    return True


@kernel
def sum_errors(inst: Instance, basis: Basis) -> None:
    n, total = basis.point.size, 0.0
    for q in range(n - inst.errors, n):
        total += basis.point[q]
    basis.value[0] = total


@kernel
def _price(
    inst: Instance, basis: Basis, value: Any, trail: Any, decided: int, play: Any, in_play: int, feasible: float
) -> Any:
    """The most violated row, scaled by its length: (kind, index, subset, slope); kind -1 if none."""
    point = basis.point
    n = point.size
    k = inst.plus.size
    parameters = n - inst.errors
    best, kind, index, subset, slope = feasible, -1, 0, 0, 0.0
    for q in range(parameters, n):
        if -point[q] > best:
            best, kind, index = -point[q], FLOOR, q
    for a in range(decided):
        v = trail[a] >> 1
        j = inst.neuron[v]
        start = inst.place[j]
        p = 0.0
        for q in range(inst.place[j + 1] - start):
            p += inst.direction[v, q] * point[start + q]
        if value[v] > 0:
            p = -p
        if p > best:
            best, kind, index, subset = p, SIGN, v, 1 if value[v] > 0 else 0
    for a in range(in_play):
        i = play[a]
        e = point[parameters + (i if inst.errors > 1 else 0)]
        base = 0.0
        for q in range(inst.place[k], parameters):
            base += inst.features[i, q] * point[q]
        upper, lower = base, base
        upper_set, lower_set = 0, 0
        upper_size, lower_size = 1.0, 1.0
        open_plus, open_minus = 0, 0
        for j in range(k):
            v = inst.variable[i, j]
            if v < 0:
                continue
            p = 0.0
            for q in range(inst.place[j], inst.place[j + 1]):
                p += inst.features[i, q] * point[q]
            state = value[v] * inst.orient[i, j]
            if inst.plus[j]:
                if p > 0.0:
                    upper += p
                    upper_set |= 1 << j
                    upper_size += inst.square[i, j]
                if state == 0:
                    open_plus += 1
                elif state > 0:
                    lower += p
                    lower_set |= 1 << j
                    lower_size += inst.square[i, j]
            else:
                if p > 0.0:
                    lower -= p
                    lower_set |= 1 << j
                    lower_size += inst.square[i, j]
                if state == 0:
                    open_minus += 1
                elif state > 0:
                    upper -= p
                    upper_set |= 1 << j
                    upper_size += inst.square[i, j]
        if open_minus == 0:
            r = upper - inst.targets[i]
            violation = _violation(inst, i, r, e, upper_size)
            if violation > best:
                best, kind, index, subset, slope = violation, UPPER, i, upper_set, r
        if open_plus == 0:
            r = inst.targets[i] - lower
            violation = _violation(inst, i, r, e, lower_size)
            if violation > best:
                best, kind, index, subset, slope = violation, LOWER, i, lower_set, r
    return kind, index, subset, slope


@kernel
def _violation(inst: Instance, i: int, r: float, e: float, size: float) -> float:
    """By how much ω ρ(r) exceeds e, over the length of the row; `size` is the row's squared length for ω = 1."""
    if r <= 0.0:
        return 0.0
    w = inst.weights[i]
    if inst.squared:
        return (w * r * r - e) / np.sqrt(1.0 + 4.0 * w * w * r * r * size)
    return (w * r - e) / np.sqrt(1.0 + w * w * size)


@kernel
def _leaving(basis: Basis) -> int:
    """Harris ratio test: the basis row that leaves, -1 if none. Artificial rows leave first."""
    n = basis.point.size
    alpha, inverse = basis.alpha, basis.inverse
    leaving = -1
    for b in range(n):
        if basis.code[b, 0] == FREE and abs(alpha[b]) > 1e-9 and (leaving < 0 or abs(alpha[b]) > abs(alpha[leaving])):
            leaving = b
    if leaving >= 0:
        return leaving
    bound = np.inf
    for b in range(n):
        if alpha[b] > 1e-9:
            ratio = (max(inverse[b, n], 0.0) + 1e-11) / alpha[b]
            bound = min(bound, ratio)
    for b in range(n):
        if (
            alpha[b] > 1e-9
            and max(inverse[b, n], 0.0) / alpha[b] <= bound
            and (leaving < 0 or alpha[b] > alpha[leaving])
        ):
            leaving = b
    return leaving


@kernel
def _fill_alpha(basis: Basis) -> None:
    """alpha = inverse × entering row, over the row's non-zero entries."""
    n, count = basis.point.size, 0
    for q in range(n):
        if basis.row[q] != 0.0:
            basis.nonzero[count] = q
            count += 1
    for b in range(n):
        total = 0.0
        for a in range(count):
            q = basis.nonzero[a]
            total += basis.inverse[b, q] * basis.row[q]
        basis.alpha[b] = total


@kernel
def _pivot(basis: Basis, leaving: int, side: float) -> None:
    """Exchange the leaving row for the entering one, whose coefficients are in `basis.row`."""
    n = basis.point.size
    gap = side
    for q in range(n):
        gap -= basis.row[q] * basis.point[q]
    scale = basis.alpha[leaving]
    step = gap / scale
    for q in range(n):
        basis.point[q] += basis.inverse[leaving, q] * step
    for q in range(n + 1):
        basis.inverse[leaving, q] /= scale
    for b in range(n):
        factor = basis.alpha[b]
        if b != leaving and factor != 0.0:
            for q in range(n + 1):
                basis.inverse[b, q] -= factor * basis.inverse[leaving, q]


@kernel
def solve_node(
    inst: Instance,
    basis: Basis,
    value: Any,
    trail: Any,
    decided: int,
    play: Any,
    in_play: int,
    cutoff: float,
    feasible: float,
    counts: Any,
) -> int:
    """Dual simplex from the current basis: OPTIMAL, CUT (the value is at the cutoff) or STALLED (it is still valid)."""
    n = basis.point.size
    for _ in range(_MAX_PIVOTS + 4 * n):
        if basis.value[0] >= cutoff:
            return CUT
        kind, index, subset, slope = _price(inst, basis, value, trail, decided, play, in_play, feasible)
        if kind < 0:
            return OPTIMAL
        side = fill_row(inst, kind, index, subset, slope, basis.row)
        _fill_alpha(basis)
        leaving = _leaving(basis)
        poor = leaving < 0 or (basis.code[leaving, 0] != FREE and basis.alpha[leaving] < 1e-7)
        if poor:
            if basis.age[0] == 0:
                if leaving < 0:
                    return STALLED
            else:
                if not refactor(inst, basis):
                    reset_basis(basis, inst.errors)
                continue
        _pivot(basis, leaving, side)
        sum_errors(inst, basis)
        basis.code[leaving, 0] = kind
        basis.code[leaving, 1] = index
        basis.code[leaving, 2] = subset
        basis.slope[leaving] = slope
        counts[PIVOTS] += 1
        basis.age[0] += 1
        if basis.age[0] >= _REFACTOR_AFTER + 2 * n and not refactor(inst, basis):
            reset_basis(basis, inst.errors)
    return STALLED
