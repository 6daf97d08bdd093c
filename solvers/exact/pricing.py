"""Rows of a node's program, and which one is violated most at θ.

- a *sign row* for each decided variable: ± a·θ_j ≥ 0;
- an *upper row* ω_i ρ(f_i - y_i) ≤ e_i for a point whose - neurons are all decided: its active - neurons enter as they
  are, its + neurons as any subset (σ(p) ≥ p and σ(p) ≥ 0): each subset gives a valid row, the violated one has p > 0;
- a *lower row* ω_i ρ(y_i - f_i) ≤ e_i, mirrored, for a point whose + neurons are all decided.

For linf all points share one variable e and ρ(r) = r; for l1 every point has its own. For l2, ρ(r) = r² is replaced
by its tangents 2 r₀ r - r₀²: each is a valid row, and the most violated one has r₀ = r, the `slope` of the row.

Rows are computed for all points in play at once, in vectors over points, and written out only when they enter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import GEOMETRY, Assignment
from sparseopt.solvers.exact.basis import (
    BLAMED,
    FLOOR,
    GROUP,
    INDEX,
    KIND,
    LOWER,
    NO_GROUP,
    SIGN,
    SUBSET,
    UPPER,
    Basis,
    slot,
)
from sparseopt.solvers.exact.chords import Chords, find_chord, gather
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import inlined_kernel, kernel, vector_kernel
from sparseopt.solvers.exact.play import Play, padded


class Prices(NamedTuple):
    """Values at θ by place in play, of which there are Q (see :class:`Play`).

    Attributes
    ----------
    pre : (k, Q) pre-activations
    active : (k, Q) 1 where decided active, else 0
    side : (k, Q) ± 1 / length of the feature row where decided (not by geometry), else 0
    upper_open, lower_open : (Q,) how many undecided neurons keep the row out
    upper, lower : (Q,) f - y and y - f of the rows
    upper_square, lower_square : (Q,) squared length of the rows in θ for ω = 1
    e : (Q,) error variable of the point
    excess : (2, Q) by how much upper and lower rows are violated
    rest : (Q,) what is left of a row with chords
    error : (Q,) f - y of the true network
    """

    pre: Any
    active: Any
    side: Any
    upper_open: Any
    lower_open: Any
    upper: Any
    lower: Any
    upper_square: Any
    lower_square: Any
    e: Any
    excess: Any
    rest: Any
    error: Any


def new_prices(play: Play) -> Prices:
    """Zero where no point is in play."""
    k, Q = play.square.shape
    shapes: list[tuple[int, ...]] = [*[(k, Q)] * 3, *[(Q,)] * 7, (2, Q), (Q,), (Q,)]
    return Prices(*map(np.zeros, shapes))


@inlined_kernel
def note_decisions(inst: Instance, play: Play, prices: Prices, asg: Assignment) -> None:
    """What the decisions say about every neuron and place."""
    count = play.counts[0]
    for a in range(count):
        prices.upper_open[a] = 0.0
        prices.lower_open[a] = 0.0
    for j in range(inst.plus.size):
        for a in range(count):
            v = play.variable[j, a]
            state = 0
            prices.side[j, a] = 0.0
            if v >= 0:
                state = asg.value[v] * play.orient[j, a]
                if state == 0 and inst.plus[j]:
                    prices.lower_open[a] += 1.0
                elif state == 0:
                    prices.upper_open[a] += 1.0
                elif asg.reason[v] != GEOMETRY:
                    prices.side[j, a] = state * play.inverse_length[j, a]
            prices.active[j, a] = 1.0 if state > 0 else 0.0


@vector_kernel
def evaluate(inst: Instance, play: Play, prices: Prices, basis: Basis) -> None:
    """Pre-activations and rows at θ."""
    theta, count, k = basis.theta, padded(play.counts[0]), inst.plus.size
    N = theta.size
    for a in range(count):
        prices.upper[a] = -play.target[a]
        prices.upper_square[a] = 0.0
        prices.lower_square[a] = 0.0
    for q in range(inst.place[k], N):
        for a in range(count):
            prices.upper[a] += theta[q] * play.columns[q, a]
    for a in range(count):
        prices.lower[a] = -prices.upper[a]
    for j in range(k):
        for a in range(count):
            prices.pre[j, a] = 0.0
        for q in range(inst.place[j], inst.place[j + 1]):
            for a in range(count):
                prices.pre[j, a] += theta[q] * play.columns[q, a]
        if inst.plus[j]:
            for a in range(count):
                p, active = prices.pre[j, a], prices.active[j, a]
                prices.upper[a] += max(p, 0.0)
                prices.lower[a] -= active * p
                prices.upper_square[a] += play.square[j, a] if p > 0.0 else 0.0
                prices.lower_square[a] += active * play.square[j, a]
        else:
            for a in range(count):
                p, active = prices.pre[j, a], prices.active[j, a]
                prices.lower[a] += max(p, 0.0)
                prices.upper[a] -= active * p
                prices.lower_square[a] += play.square[j, a] if p > 0.0 else 0.0
                prices.upper_square[a] += active * play.square[j, a]


@vector_kernel
def error_variables(inst: Instance, play: Play, prices: Prices, basis: Basis) -> float:
    """e of every place in play, from the keys; the most negative, as a positive number."""
    N, G = basis.theta.size, basis.kappa.size
    for g in range(G):
        prices.e[g] = basis.keys[N, g]
    for q in range(N):
        for g in range(G):
            prices.e[g] -= basis.theta[q] * basis.keys[q, g]
    lowest = 0.0
    for g in range(G):
        lowest = max(lowest, -prices.e[g])
    if G == 1:
        for a in range(1, padded(play.counts[0])):
            prices.e[a] = prices.e[0]
    return lowest


@vector_kernel
def total_error(prices: Prices, errors: int) -> float:
    """The objective from the error variables that were computed last."""
    total = 0.0
    for g in range(errors):
        total += prices.e[g]
    return total


@vector_kernel
def _fill_excess(play: Play, squared: bool, row: Any, e: Any, barred: Any, excess: Any) -> None:
    """By how much ω ρ(r) exceeds e, where the row is in the program; elsewhere not positive."""
    for a in range(padded(play.counts[0])):
        r, w = max(row[a], 0.0), play.weight[a]
        over = (w * r * r if squared else w * r) - e[a]
        excess[a] = over if barred[a] == 0.0 and r > 0.0 else -1.0


@inlined_kernel
def _worst_error(play: Play, squared: bool, row: Any, length: Any, excess: Any, best: float) -> Any:
    """The largest excess over length of the row, if it is larger than `best`, and its place or -1."""
    chosen = -1
    for a in range(play.counts[0]):
        if excess[a] > best:
            slope = 2.0 * play.weight[a] * row[a] if squared else play.weight[a]
            scaled = excess[a] / np.sqrt(1.0 + slope * slope * length[a])
            if scaled > best:
                best, chosen = scaled, a
    return best, chosen


@vector_kernel
def _worst_sign(play: Play, pre: Any, side: Any) -> float:
    """The largest violation of a sign row of one neuron."""
    largest = 0.0
    for a in range(padded(play.counts[0])):
        largest = max(largest, -side[a] * pre[a])
    return largest


@inlined_kernel
def price(inst: Instance, play: Play, prices: Prices, basis: Basis, feasible: float) -> bool:
    """Write the row with the largest scaled violation (of more than `feasible`) into the slot; False if none."""
    evaluate(inst, play, prices, basis)
    lowest = error_variables(inst, play, prices, basis)
    excess = prices.excess
    _fill_excess(play, inst.squared, prices.upper, prices.e, prices.upper_open, excess[0])
    _fill_excess(play, inst.squared, prices.lower, prices.e, prices.lower_open, excess[1])
    best, upper = _worst_error(play, inst.squared, prices.upper, prices.upper_square, excess[0], feasible)
    best, lower = _worst_error(play, inst.squared, prices.lower, prices.lower_square, excess[1], best)
    neuron = -1
    for j in range(inst.plus.size):
        worst = _worst_sign(play, prices.pre[j], prices.side[j])
        if worst > best:
            best, neuron = worst, j
    if lowest > best:
        g = 0
        while -prices.e[g] != lowest:
            g += 1
        write_floor(basis, g)
    elif neuron >= 0:
        a = 0
        while -prices.side[neuron, a] * prices.pre[neuron, a] != best:
            a += 1
        write_sign_row(inst, play, basis, play.variable[neuron, a], prices.side[neuron, a] * play.orient[neuron, a] > 0)
    elif lower >= 0:
        write_error_row(inst, play, prices, basis, LOWER, lower)
    elif upper >= 0:
        write_error_row(inst, play, prices, basis, UPPER, upper)
    else:
        return False
    return True


@kernel
def _clear(basis: Basis, kind: int, index: int, group: int) -> int:
    e = slot(basis)
    for q in range(basis.rows.shape[1]):
        basis.rows[e, q] = 0.0
    basis.code[e, KIND], basis.code[e, INDEX], basis.code[e, SUBSET] = kind, index, 0
    basis.code[e, GROUP], basis.code[e, BLAMED] = group, 0
    return e


@kernel
def write_floor(basis: Basis, g: int) -> None:
    """e_g ≥ 0."""
    _clear(basis, FLOOR, g, g)


@kernel
def write_sign_row(inst: Instance, play: Play, basis: Basis, v: int, active: bool) -> None:
    """± a·θ_j ≥ 0."""
    e = _clear(basis, SIGN, v, NO_GROUP)
    start, side = inst.place[play.neuron[v]], 1.0 if active else -1.0
    for q in range(inst.place[play.neuron[v] + 1] - start):
        basis.rows[e, start + q] = side * play.direction[v, q]
    basis.code[e, SUBSET] = 1 if active else 0
    basis.blame[e, 0] = v
    basis.code[e, BLAMED] = 1


@kernel
def write_error_row(inst: Instance, play: Play, prices: Prices, basis: Basis, kind: int, a: int) -> None:
    """The upper or lower row of place a that is violated most at θ; SUBSET says which neurons it contains."""
    e = _clear(basis, kind, a, min(a, inst.errors - 1))
    N, k = basis.theta.size, inst.plus.size
    w = play.weight[a]
    slope = prices.upper[a] if kind == UPPER else prices.lower[a]
    scale = -w if kind == UPPER else w
    if inst.squared:
        scale *= 2.0 * slope
    blamed = 0
    for j in range(k):
        loose = inst.plus[j] == (kind == UPPER)
        if (loose and prices.pre[j, a] > 0.0) or (not loose and prices.active[j, a] > 0.0):
            basis.code[e, SUBSET] |= 1 << j
            signed = scale if inst.plus[j] else -scale
            for q in range(inst.place[j], inst.place[j + 1]):
                basis.rows[e, q] = signed * play.columns[q, a]
        if not loose and play.variable[j, a] >= 0:
            basis.blame[e, blamed] = play.variable[j, a]
            blamed += 1
    basis.code[e, BLAMED] = blamed
    for q in range(inst.place[k], N):
        basis.rows[e, q] = scale * play.columns[q, a]
    basis.rows[e, N] = scale * play.target[a]
    if inst.squared:
        basis.rows[e, N] -= w * slope * slope


@kernel
def price_chords(
    inst: Instance, play: Play, prices: Prices, basis: Basis, asg: Assignment, chords: Chords, least: float
) -> bool:
    """Write the error row that chords complete and that is violated most (by more than `least`) into the slot.

    Uses `error`, the true errors at θ; False if there is none.
    """
    k, count = inst.plus.size, play.counts[0]
    for a in range(count):
        upper = prices.error[a] > 0.0
        barred = (prices.upper_open[a] if upper else prices.lower_open[a]) > 0.0
        candidate = barred and abs(prices.error[a]) - prices.e[a] > least
        prices.rest[a] = (prices.upper[a] if upper else prices.lower[a]) if candidate else -1.0
    for j in range(k):
        spans, gathered = False, False
        for a in range(count):
            if prices.rest[a] > 0.0 and _barred_by(inst, play, prices, asg, j, a):
                if not gathered:
                    spans, gathered = gather(inst, play, asg, chords, basis.theta, j), True
                prices.rest[a] -= find_chord(inst, play, asg, chords, j, a) if spans else np.inf
    best, chosen = least, count
    for a in range(count):
        r = prices.rest[a]
        if r > 0.0:
            excess = play.weight[a] * (r * r if inst.squared else r) - prices.e[a]
            if excess > best:
                best, chosen = excess, a
    if chosen < count:
        _write_chord_row(inst, play, prices, basis, asg, chords, chosen)
    return chosen < count


@kernel
def _barred_by(inst: Instance, play: Play, prices: Prices, asg: Assignment, j: int, a: int) -> bool:
    """Whether undecided neuron j keeps the row of the true error's side at place a out of the program."""
    v = play.variable[j, a]
    return v >= 0 and asg.value[v] == 0 and inst.plus[j] != (prices.error[a] > 0.0)


@kernel
def _write_chord_row(
    inst: Instance, play: Play, prices: Prices, basis: Basis, asg: Assignment, chords: Chords, a: int
) -> None:
    """The error row of place a on the side of its true error, with chords for the undecided neurons."""
    kind = UPPER if prices.error[a] > 0.0 else LOWER
    slope = prices.rest[a]
    if kind == UPPER:
        prices.upper[a] = slope
    else:
        prices.lower[a] = slope
    write_error_row(inst, play, prices, basis, kind, a)
    e = slot(basis)
    scale = -play.weight[a] if kind == UPPER else play.weight[a]
    if inst.squared:
        scale *= 2.0 * slope
    blamed = 0
    for j in range(inst.plus.size):
        if inst.plus[j] == (kind == UPPER) or play.variable[j, a] < 0:
            continue
        if not _barred_by(inst, play, prices, asg, j, a):
            basis.blame[e, blamed] = play.variable[j, a]
            blamed += 1
            continue
        gather(inst, play, asg, chords, basis.theta, j)
        find_chord(inst, play, asg, chords, j, a)
        signed = scale if inst.plus[j] else -scale
        for q in range(inst.place[j + 1] - inst.place[j]):
            basis.rows[e, inst.place[j] + q] = signed * chords.chord[j, q]
            if chords.used[j, q] >= 0:
                basis.blame[e, blamed] = chords.used[j, q]
                blamed += 1
    basis.code[e, BLAMED] = blamed
    basis.code[e, SUBSET] = ~basis.code[e, SUBSET]  # a negative number: the row has chords


@kernel
def blocking_variable(
    inst: Instance, play: Play, prices: Prices, asg: Assignment, j: int, a: int, tolerance: float
) -> int:
    """The variable of neuron j that keeps the violated row of place a out of the program, or -1. Uses `error`."""
    if abs(prices.error[a]) - prices.e[a] <= tolerance or inst.plus[j] != (prices.error[a] < 0):
        return -1
    v = play.variable[j, a]
    return v if v >= 0 and asg.value[v] == 0 else -1


@vector_kernel
def true_errors(inst: Instance, play: Play, prices: Prices, basis: Basis) -> float:
    """ω ρ of the true network's errors at θ (with sign) from the pre-activations; the loss on the points in play."""
    theta, count, k = basis.theta, padded(play.counts[0]), inst.plus.size
    for a in range(count):
        prices.error[a] = -play.target[a]
    for q in range(inst.place[k], theta.size):
        for a in range(count):
            prices.error[a] += theta[q] * play.columns[q, a]
    for j in range(k):
        sign = 1.0 if inst.plus[j] else -1.0
        for a in range(count):
            prices.error[a] += sign * max(prices.pre[j, a], 0.0)
    largest, total = 0.0, 0.0
    for a in range(count):
        r = prices.error[a]
        r = play.weight[a] * (r * abs(r) if inst.squared else r)
        prices.error[a] = r
        largest = max(largest, abs(r))
        total += abs(r)
    return largest if inst.errors == 1 else total
