"""The basis of a node's linear program, with one key row for each error variable (generalised upper bounds).

    min Σ_g e_g   over θ ∈ R^N, e ≥ 0   subject to rows   a·θ + e_g ≥ s   (error rows)   and   a·θ ≥ 0   (sign rows)

Its dual asks for multipliers λ ≥ 0 with Σ λ a = 0 that sum to 1 over the rows of each e_g. So each e_g has a *key* row
in the basis whose multiplier is one minus the others', and only N *working* rows remain: those of e_g less its key,
sign rows as they are. The inverse of this N × N matrix is all that is kept, however many error variables there are.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, inlined_kernel, kernel

FREE, SIGN, UPPER, LOWER, FLOOR = map(np.int64, range(5))
"""Kinds of rows: θ_q = 0 (artificial, multiplier 0), sign, upper and lower error rows, e_g ≥ 0."""

KIND, INDEX, SUBSET, GROUP, BLAMED = 0, 1, 2, 3, 4
"""Columns of `code`; SUBSET is a set of bits (its complement, a negative number, for rows with chords), GROUP is the
error variable or NO_GROUP, BLAMED the number of variables in `blame`."""

NO_GROUP = np.int64(-1)

_SMALL = 1e-9


class Basis(NamedTuple):
    """N parameters, G error variables.

    Attributes
    ----------
    floats, integers : memory of the arrays up to `value` and up to `key_blame`, which are views of it
    theta : (N,)
    inverse : (N, N + 1) row b belongs to working row b and ends with its multiplier
    rows : (N + 1, N + 1) coefficients and right-hand sides of the working rows, the last is the entering row (`slot`)
    code, blame : per row which one it is, and the variables whose decisions it needs
    keys : (N + 1, G) the same of the keys, one per column; key_code, key_blame
    value : (1,) the objective
    age : (1,) pivots since the last refactorisation, of whichever basis
    alpha, kappa, rest, difference, square : work space
    """

    floats: Any
    theta: Any
    inverse: Any
    rows: Any
    keys: Any
    value: Any
    integers: Any
    code: Any
    blame: Any
    key_code: Any
    key_blame: Any
    age: Any
    alpha: Any
    kappa: Any
    rest: Any
    difference: Any
    square: Any


def _views(memory: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """Arrays of these shapes one behind the other in a flat array."""
    views, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        views.append(memory[start : start + size].reshape(shape))
        start += size
    return views


def _basis_in(floats: Any, integers: Any, N: int, G: int, k: int) -> Basis:
    """A basis in the given memory, with work space of its own."""
    theta, inverse, rows, keys, value = _views(floats, (N,), (N, N + 1), (N + 1, N + 1), (N + 1, G), (1,))
    code, blame, key_code, key_blame = _views(integers, (N + 1, 5), (N + 1, k), (G, 5), (G, k))
    return Basis(
        floats=floats,
        theta=theta,
        inverse=inverse,
        rows=rows,
        keys=keys,
        value=value,
        integers=integers,
        code=code,
        blame=blame,
        key_code=key_code,
        key_blame=key_blame,
        age=np.zeros(1, dtype=np.int64),
        alpha=np.zeros(N),
        kappa=np.zeros(G),
        rest=np.zeros(G),
        difference=np.zeros(N + 1),
        square=np.zeros((N, 2 * N)),
    )


def new_basis(inst: Instance) -> Basis:
    """The starting basis θ = 0, e = 0."""
    N, G, k = inst.column.size, inst.errors, int(inst.place[-1]) + 1
    floats = np.zeros((N + 1) * (2 * N + 2 + G))
    basis = _basis_in(floats, np.zeros((N + 1 + G) * (5 + k), dtype=np.int64), N, G, k)
    reset_basis(basis)
    return basis


def copy_of_basis(basis: Basis) -> Basis:
    """The same basis in memory of its own."""
    G, k = basis.key_blame.shape
    copy = _basis_in(basis.floats.copy(), basis.integers.copy(), basis.theta.size, G, k)
    copy.age[:] = basis.age
    return copy


@entry
def reset_basis(basis: Basis) -> None:
    """θ = 0, e = 0."""
    N, G = basis.theta.size, basis.kappa.size
    basis.age[0] = 0
    basis.value[0] = 0.0
    for b in range(N):
        basis.theta[b] = 0.0
        for q in range(N + 1):
            basis.rows[b, q] = 0.0
            basis.inverse[b, q] = 0.0
        basis.rows[b, b] = 1.0
        basis.inverse[b, b] = 1.0
        basis.code[b, KIND], basis.code[b, INDEX], basis.code[b, SUBSET] = FREE, b, 0
        basis.code[b, GROUP], basis.code[b, BLAMED] = NO_GROUP, 0
    for g in range(G):
        for q in range(N + 1):
            basis.keys[q, g] = 0.0
        basis.key_code[g, KIND], basis.key_code[g, INDEX], basis.key_code[g, SUBSET] = FLOOR, g, 0
        basis.key_code[g, GROUP], basis.key_code[g, BLAMED] = g, 0


@kernel
def slot(basis: Basis) -> int:
    """The row of `rows` where the entering row is written."""
    return basis.theta.size


@kernel
def error_variable(basis: Basis, g: int) -> float:
    """e_g at θ, from its key row."""
    N = basis.theta.size
    total = basis.keys[N, g]
    for q in range(N):
        total -= basis.keys[q, g] * basis.theta[q]
    return total


@kernel
def sum_errors(basis: Basis) -> None:
    """The objective, afresh."""
    total = 0.0
    for g in range(basis.kappa.size):
        total += error_variable(basis, g)
    basis.value[0] = total


@kernel
def key_multipliers(basis: Basis) -> None:
    """One minus the multipliers of the working rows of each error variable, into `rest`."""
    N = basis.theta.size
    for g in range(basis.rest.size):
        basis.rest[g] = 1.0
    for b in range(N):
        if basis.code[b, GROUP] >= 0:
            basis.rest[basis.code[b, GROUP]] -= basis.inverse[b, N]


@kernel
def dual_error(basis: Basis) -> float:
    """How far the multipliers are from proving the value: the largest of what should vanish or not be negative."""
    N, G = basis.theta.size, basis.kappa.size
    key_multipliers(basis)
    total, worst = basis.difference, 0.0
    for q in range(N + 1):
        total[q] = 0.0
        for g in range(G):
            total[q] += basis.rest[g] * basis.keys[q, g]
    for g in range(G):
        worst = max(worst, -basis.rest[g])
    for b in range(N):
        multiplier = basis.inverse[b, N]
        worst = max(worst, abs(multiplier) if basis.code[b, KIND] == FREE else -multiplier)
        for q in range(N + 1):
            total[q] += multiplier * basis.rows[b, q]
    total[N] -= basis.value[0]
    for q in range(N + 1):
        worst = max(worst, abs(total[q]))
    return worst


@kernel
def working_row(basis: Basis, b: int) -> None:
    """Row b less the key of its error variable, into `difference` (right-hand side last)."""
    N = basis.theta.size
    g = basis.code[b, GROUP]
    for q in range(N + 1):
        basis.difference[q] = basis.rows[b, q]
    if g >= 0:
        for q in range(N + 1):
            basis.difference[q] -= basis.keys[q, g]


@kernel
def refactor(basis: Basis) -> bool:
    """Rebuild inverse, multipliers and θ by Gauss-Jordan elimination; False if singular or not dual feasible."""
    N, G = basis.theta.size, basis.kappa.size
    M = basis.square
    for b in range(N):
        working_row(basis, b)
        for q in range(N):
            M[b, q] = basis.difference[q]
            M[b, N + q] = 0.0
        M[b, N + b] = 1.0
        basis.alpha[b] = basis.difference[N]
    for c in range(N):
        p = c
        for r in range(c + 1, N):
            if abs(M[r, c]) > abs(M[p, c]):
                p = r
        if abs(M[p, c]) < 1e-11:
            return False
        if p != c:
            for q in range(2 * N):
                M[c, q], M[p, q] = M[p, q], M[c, q]
        pivot = M[c, c]
        for q in range(2 * N):
            M[c, q] /= pivot
        for r in range(N):
            if r != c and M[r, c] != 0.0:
                factor = M[r, c]
                for q in range(c, 2 * N):
                    M[r, q] -= factor * M[c, q]
    for q in range(N):
        basis.theta[q] = 0.0
        basis.difference[q] = 0.0
        for g in range(G):
            basis.difference[q] += basis.keys[q, g]
    for b in range(N):
        multiplier = 0.0
        for q in range(N):
            basis.inverse[b, q] = M[q, N + b]
            multiplier -= M[q, N + b] * basis.difference[q]
            basis.theta[q] += M[q, N + b] * basis.alpha[b]
        basis.inverse[b, N] = multiplier
        if multiplier < -1e-6:
            return False
    key_multipliers(basis)
    for g in range(G):
        if basis.rest[g] < -1e-6:
            return False
    sum_errors(basis)
    basis.age[0] = 0
    return True


@inlined_kernel
def express_entering_row(basis: Basis) -> float:
    """The entering row as Σ alpha × working rows; for keys the rate `kappa` and multiplier `rest`. Its violation."""
    N = basis.theta.size
    entering = slot(basis)
    working_row(basis, entering)
    gap = basis.difference[N]
    for q in range(N):
        gap -= basis.difference[q] * basis.theta[q]
    for b in range(N):
        total = 0.0
        for q in range(N):
            total += basis.inverse[b, q] * basis.difference[q]
        basis.alpha[b] = total
        g = basis.code[b, GROUP]
        if g >= 0:
            basis.kappa[g] = 0.0
            basis.rest[g] = 1.0
    g = basis.code[entering, GROUP]
    if g >= 0:
        basis.kappa[g] = 1.0
        basis.rest[g] = 1.0
    for b in range(N):
        g = basis.code[b, GROUP]
        if g >= 0:
            basis.kappa[g] -= basis.alpha[b]
            basis.rest[g] -= basis.inverse[b, N]
    return gap


@kernel
def rate(basis: Basis, b: int) -> float:
    """How fast the multiplier of row b falls when the entering row's grows."""
    N = basis.theta.size
    return basis.alpha[b] if b < N else basis.kappa[b - N]


@inlined_kernel
def leaving_row(basis: Basis) -> int:
    """Harris ratio test: the row that leaves, -1 if none. Artificial rows leave first, whatever their sign."""
    N = basis.theta.size
    alpha, inverse = basis.alpha, basis.inverse
    leaving, largest = -1, _SMALL
    for b in range(N):
        if basis.code[b, KIND] == FREE and abs(alpha[b]) > largest:
            leaving, largest = b, abs(alpha[b])
    if leaving >= 0:
        return leaving
    bound = np.inf
    entering_group = basis.code[slot(basis), GROUP]
    for b in range(N + 1):
        g = basis.code[b, GROUP] if b < N else entering_group
        if b < N and alpha[b] > _SMALL:
            bound = min(bound, (max(inverse[b, N], 0.0) + 1e-11) / alpha[b])
        if g >= 0 and basis.kappa[g] > _SMALL:
            bound = min(bound, (max(basis.rest[g], 0.0) + 1e-11) / basis.kappa[g])
    largest = 0.0
    for b in range(N + 1):
        g = basis.code[b, GROUP] if b < N else entering_group
        if b < N and alpha[b] > max(largest, _SMALL) and max(inverse[b, N], 0.0) / alpha[b] <= bound:
            leaving, largest = b, alpha[b]
        if g >= 0 and basis.kappa[g] > max(largest, _SMALL) and max(basis.rest[g], 0.0) / basis.kappa[g] <= bound:
            leaving, largest = N + g, basis.kappa[g]
    return leaving


@kernel
def _enter_as_row(basis: Basis, b: int) -> None:
    """Copy the entering row to working row b."""
    e = slot(basis)
    for q in range(basis.rows.shape[1]):
        basis.rows[b, q] = basis.rows[e, q]
    for q in range(5):
        basis.code[b, q] = basis.code[e, q]
    for q in range(basis.code[e, BLAMED]):
        basis.blame[b, q] = basis.blame[e, q]


@kernel
def _exchange_with_key(basis: Basis, b: int, g: int) -> None:
    """Swap a row with the key of e_g."""
    for q in range(basis.rows.shape[1]):
        basis.rows[b, q], basis.keys[q, g] = basis.keys[q, g], basis.rows[b, q]
    for q in range(5):
        basis.code[b, q], basis.key_code[g, q] = basis.key_code[g, q], basis.code[b, q]
    for q in range(basis.blame.shape[1]):
        basis.blame[b, q], basis.key_blame[g, q] = basis.key_blame[g, q], basis.blame[b, q]


@kernel
def _make_working(basis: Basis, g: int) -> int:
    """Exchange the key of e_g with one of its working rows, whose place is returned; -1 if it has none."""
    N = basis.theta.size
    p = -1
    for b in range(N):
        if basis.code[b, GROUP] == g and (p < 0 or basis.inverse[b, N] > basis.inverse[p, N]):
            p = b
    if p < 0:
        return -1
    for q in range(N):
        total = 0.0
        for b in range(N):
            if basis.code[b, GROUP] == g:
                total -= basis.inverse[b, q]
        basis.inverse[p, q] = total
    basis.inverse[p, N] = basis.rest[g]
    basis.alpha[p] = basis.kappa[g]
    _exchange_with_key(basis, p, g)
    return p


@inlined_kernel
def pivot(basis: Basis, leaving: int, gap: float) -> None:
    """The entering row, violated by `gap`, takes the place of the leaving row."""
    N = basis.theta.size
    place = leaving
    if leaving >= N:
        place = _make_working(basis, leaving - N)
    if place < 0:  # the only row of its error variable: one key for another
        for b in range(N):
            basis.inverse[b, N] -= basis.alpha[b]
        basis.value[0] += gap
        _exchange_with_key(basis, slot(basis), leaving - N)
        return
    scale = basis.alpha[place]
    for q in range(N):
        basis.theta[q] += basis.inverse[place, q] * (gap / scale)
    for q in range(N + 1):
        basis.inverse[place, q] /= scale
    basis.value[0] += basis.inverse[place, N] * gap
    for b in range(N):
        factor = basis.alpha[b]
        if b != place and factor != 0.0:
            for q in range(N + 1):
                basis.inverse[b, q] -= factor * basis.inverse[place, q]
    _enter_as_row(basis, place)
