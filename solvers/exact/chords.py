"""Rows for points that undecided neurons keep out of the program: σ from above by convexity.

Write a feature row u in terms of decided directions, u = Σ c_v d_v. As σ is convex and homogeneous,

    σ(u·θ) ≤ Σ_v  c_v⁺ σ(d_v·θ) + c_v⁻ σ(-d_v·θ)  =  Σ_{v active} c_v⁺ d_v·θ - Σ_{v inactive} c_v⁻ d_v·θ  =  h·θ,

where the last step uses the decisions. So h·θ may stand for the undecided neuron wherever σ is needed from above: a
*chord* of σ between decided directions. The best c at θ solves a linear program with one row per parameter of the
neuron, whose basic solutions combine as many independent directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import GEOMETRY, Assignment
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play

MAX_CHORDS = 20
"""Rows with chords that enter one node's program at most, for l1 and l2. For linf they gain nothing."""
LEAST_CHORD = 0.1
"""Such a row must be violated by this share of a loss of 1 spread evenly over all points."""
_MAX_STEPS = 40
_INDEPENDENT = 1e-7
_GAIN = 1e-9


class Chords(NamedTuple):
    """Work space; V variables, k neurons, m parameters of a neuron.

    `owner[:count[0]]` are the decided variables of the neuron at hand, `cost[:, 0]` and `cost[:, 1]` the price of each
    direction with a positive and a negative coefficient. `basis` holds the places of the m directions used, `sign`
    their orientation, `inverse` the inverse of their matrix, `amount` their coefficients. `chord` is h, per neuron.
    """

    owner: Any
    count: Any
    cost: Any
    basis: Any
    sign: Any
    inverse: Any
    amount: Any
    price: Any
    column: Any
    chord: Any
    used: Any


def new_chords(play: Play) -> Chords:
    """Work space."""
    k, (variables, m) = play.known.size, play.direction.shape
    return Chords(
        np.empty(variables, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.empty((variables, 2)),
        np.zeros(m, dtype=np.int64),
        np.zeros(m),
        np.zeros((m, m)),
        np.zeros(m),
        np.zeros(m),
        np.zeros(m),
        np.zeros((k, m)),
        np.zeros((k, m), dtype=np.int64),
    )


@kernel
def gather(inst: Instance, play: Play, asg: Assignment, chords: Chords, theta: Any, j: int) -> bool:
    """Collect neuron j's decided directions with their prices at θ and a first basis; False if they do not span."""
    m = inst.place[j + 1] - inst.place[j]
    first, start = j * play.points.size, inst.place[j]
    count = 0
    for v in range(first, first + play.known[j]):
        if asg.value[v] != 0 and asg.reason[v] != GEOMETRY:
            p = 0.0
            for q in range(m):
                p += play.direction[v, q] * theta[start + q]
            chords.owner[count] = v
            chords.cost[count, 0] = max(p, 0.0) if asg.value[v] > 0 else 0.0
            chords.cost[count, 1] = max(-p, 0.0) if asg.value[v] < 0 else 0.0
            count += 1
    chords.count[0] = count
    return count >= m and _first_basis(play, chords, m)


@kernel
def _first_basis(play: Play, chords: Chords, m: int) -> bool:
    """Independent directions by elimination; `inverse` maps a vector to its coefficients in them."""
    M = chords.inverse
    size = 0
    for p in range(m):
        for q in range(m):
            M[p, q] = 1.0 if p == q else 0.0
        chords.basis[p] = -1
    for a in range(chords.count[0]):
        _coefficients(play, chords, chords.owner[a], m)
        row, largest = -1, _INDEPENDENT
        for p in range(m):
            if chords.basis[p] < 0 and abs(chords.column[p]) > largest:
                row, largest = p, abs(chords.column[p])
        if row >= 0:
            _replace(chords, row, m)
            chords.basis[row], chords.sign[row] = a, 1.0
            size += 1
            if size == m:
                return True
    return False


@kernel
def _coefficients(play: Play, chords: Chords, v: int, m: int) -> None:
    """Direction v in terms of the basis, into `column`."""
    for p in range(m):
        total = 0.0
        for q in range(m):
            total += chords.inverse[p, q] * play.direction[v, q]
        chords.column[p] = total


@kernel
def _replace(chords: Chords, row: int, m: int) -> None:
    """Update the inverse when the direction whose coefficients are in `column` takes the place of basis row `row`."""
    scale = chords.column[row]
    for q in range(m):
        chords.inverse[row, q] /= scale
    for p in range(m):
        factor = chords.column[p]
        if p != row and factor != 0.0:
            for q in range(m):
                chords.inverse[p, q] -= factor * chords.inverse[row, q]


@kernel
def _price_of(chords: Chords, a: int, sign: float) -> float:
    return chords.cost[a, 0] if sign > 0 else chords.cost[a, 1]


@kernel
def find_chord(inst: Instance, play: Play, asg: Assignment, chords: Chords, j: int, a: int) -> float:
    """The least h·θ for neuron j at place a, from the basis at hand; h into `chord[j]`, its variables to `used[j]`."""
    start = inst.place[j]
    m = inst.place[j + 1] - start
    M = chords.inverse
    for p in range(m):
        total = 0.0
        for q in range(m):
            total += M[p, q] * play.columns[start + q, a]
        if total < 0.0:
            total = -total
            chords.sign[p] = -chords.sign[p]
            for q in range(m):
                M[p, q] = -M[p, q]
        chords.amount[p] = total
    for _ in range(_MAX_STEPS):
        for q in range(m):
            total = 0.0
            for p in range(m):
                total += M[p, q] * _price_of(chords, chords.basis[p], chords.sign[p])
            chords.price[q] = total
        entering, sign, best = -1, 1.0, _GAIN
        for b in range(chords.count[0]):
            v = chords.owner[b]
            total = 0.0
            for q in range(m):
                total += chords.price[q] * play.direction[v, q]
            if total - chords.cost[b, 0] > best:
                entering, sign, best = b, 1.0, total - chords.cost[b, 0]
            if -total - chords.cost[b, 1] > best:
                entering, sign, best = b, -1.0, -total - chords.cost[b, 1]
        if entering < 0:
            break
        _coefficients(play, chords, chords.owner[entering], m)
        row, ratio = -1, np.inf
        for p in range(m):
            rate = sign * chords.column[p]
            if rate > _INDEPENDENT and chords.amount[p] < ratio * rate:
                row, ratio = p, chords.amount[p] / rate
        if row < 0:
            break
        for p in range(m):
            chords.column[p] *= sign
            chords.amount[p] = max(chords.amount[p] - ratio * chords.column[p], 0.0)
        _replace(chords, row, m)
        chords.amount[row] = ratio
        chords.basis[row], chords.sign[row] = entering, sign
    total = 0.0
    for q in range(m):
        chords.chord[j, q] = 0.0
    for p in range(m):
        v = chords.owner[chords.basis[p]]
        total += chords.amount[p] * _price_of(chords, chords.basis[p], chords.sign[p])
        chords.used[j, p] = v if chords.amount[p] > 1e-12 else -1
        if (chords.sign[p] > 0) == (asg.value[v] > 0):
            for q in range(m):
                chords.chord[j, q] += chords.amount[p] * chords.sign[p] * play.direction[v, q]
    return total
