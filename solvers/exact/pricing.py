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
from sparseopt.solvers.exact.basis import BLAMED, FLOOR, GROUP, INDEX, KIND, LOWER, SIGN, SUBSET, UPPER, Basis, slot
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel, vector_kernel
from sparseopt.solvers.exact.play import Play


class Prices(NamedTuple):
    """Values at θ by place in play.

    Attributes
    ----------
    pre : (k, P) pre-activations
    active : (k, P) 1 where decided active, else 0
    side : (k, P) ± 1 / length of the feature row where decided (not by geometry), else 0
    upper_open, lower_open : (P,) how many undecided neurons keep the row out
    upper, lower : (P,) f - y and y - f of the rows
    upper_square, lower_square : (P,) squared length of the rows in θ for ω = 1
    e : (P,) error variable of the point
    score : (2, P) squared scaled violation of upper and lower rows
    error : (P,) f - y of the true network
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
    score: Any
    error: Any


def new_prices(inst: Instance) -> Prices:
    """Room for all points."""
    P, k = inst.targets.size, inst.plus.size
    return Prices(
        np.zeros((k, P)),
        np.zeros((k, P)),
        np.zeros((k, P)),
        np.zeros(P),
        np.zeros(P),
        np.zeros(P),
        np.zeros(P),
        np.zeros(P),
        np.zeros(P),
        np.zeros(P),
        np.zeros((2, P)),
        np.zeros(P),
    )


@kernel
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
                    prices.side[j, a] = state / np.sqrt(play.square[j, a])
            prices.active[j, a] = 1.0 if state > 0 else 0.0


@vector_kernel
def evaluate(inst: Instance, play: Play, prices: Prices, basis: Basis) -> None:
    """Pre-activations and rows at θ."""
    theta, count, k = basis.theta, play.counts[0], inst.plus.size
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
        for a in range(1, play.counts[0]):
            prices.e[a] = prices.e[0]
    return lowest


@vector_kernel
def _score(play: Play, squared: bool, row: Any, e: Any, length: Any, barred: Any, score: Any) -> float:
    """Squared violation over squared length of the rows ω ρ(r) ≤ e that are in the program; the largest."""
    largest = 0.0
    for a in range(play.counts[0]):
        r, w = row[a], play.weight[a]
        slope = 2.0 * w * r if squared else w
        excess = w * r * r - e[a] if squared else w * r - e[a]
        violated = excess > 0.0 and r > 0.0 and barred[a] == 0.0
        score[a] = excess * excess / (1.0 + slope * slope * length[a]) if violated else 0.0
        largest = max(largest, score[a])
    return largest


@vector_kernel
def _worst_sign(play: Play, pre: Any, side: Any) -> float:
    """The largest violation of a sign row of one neuron."""
    largest = 0.0
    for a in range(play.counts[0]):
        largest = max(largest, -side[a] * pre[a])
    return largest


@kernel
def price(inst: Instance, play: Play, prices: Prices, basis: Basis, feasible: float) -> bool:
    """Write the row with the largest scaled violation (of more than `feasible`) into the slot; False if none."""
    evaluate(inst, play, prices, basis)
    lowest = error_variables(inst, play, prices, basis)
    best, neuron = lowest, -1
    for j in range(inst.plus.size):
        worst = _worst_sign(play, prices.pre[j], prices.side[j])
        if worst > best:
            best, neuron = worst, j
    args = prices.score
    upper = _score(play, inst.squared, prices.upper, prices.e, prices.upper_square, prices.upper_open, args[0])
    lower = _score(play, inst.squared, prices.lower, prices.e, prices.lower_square, prices.lower_open, args[1])
    if max(upper, lower, best * best) <= feasible * feasible:
        return False
    if max(upper, lower) > best * best:
        kind = UPPER if upper >= lower else LOWER
        a = 0
        while prices.score[0 if kind == UPPER else 1, a] != max(upper, lower):
            a += 1
        write_error_row(inst, play, prices, basis, kind, a)
    elif neuron >= 0:
        a = 0
        while -prices.side[neuron, a] * prices.pre[neuron, a] != best:
            a += 1
        write_sign_row(inst, play, basis, play.variable[neuron, a], prices.side[neuron, a] * play.orient[neuron, a] > 0)
    else:
        g = 0
        while -prices.e[g] != best:
            g += 1
        write_floor(basis, g)
    return True


@kernel
def _clear(basis: Basis, kind: int, index: int, group: int) -> int:
    e = slot(basis)
    for q in range(basis.rows.shape[1]):
        basis.rows[e, q] = 0.0
    basis.code[e, KIND], basis.code[e, INDEX], basis.code[e, SUBSET] = kind, index, 0
    basis.code[e, GROUP], basis.code[e, BLAMED] = group, 0
    basis.slope[e] = 0.0
    return e


@kernel
def write_floor(basis: Basis, g: int) -> None:
    """e_g ≥ 0."""
    _clear(basis, FLOOR, g, g)


@kernel
def write_sign_row(inst: Instance, play: Play, basis: Basis, v: int, active: bool) -> None:
    """± a·θ_j ≥ 0."""
    e = _clear(basis, SIGN, v, -1)
    start, side = inst.place[play.neuron[v]], 1.0 if active else -1.0
    for q in range(inst.place[play.neuron[v] + 1] - start):
        basis.rows[e, start + q] = side * play.direction[v, q]
    basis.code[e, SUBSET] = 1 if active else 0
    basis.blame[e, 0] = v
    basis.code[e, BLAMED] = 1


@kernel
def write_error_row(inst: Instance, play: Play, prices: Prices, basis: Basis, kind: int, a: int) -> None:
    """The upper or lower row of place a that is violated most at θ; SUBSET says which neurons it contains."""
    e = _clear(basis, kind, a, 0 if inst.errors == 1 else a)
    N, k = basis.theta.size, inst.plus.size
    w = play.weight[a]
    slope = prices.upper[a] if kind == UPPER else prices.lower[a]
    scale = -w if kind == UPPER else w
    if inst.squared:
        scale *= 2.0 * slope
        basis.slope[e] = slope
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


@vector_kernel
def true_errors(inst: Instance, play: Play, prices: Prices, basis: Basis) -> float:
    """ω ρ of the true network's errors at θ (with sign) from the pre-activations; the loss on the points in play."""
    theta, count, k = basis.theta, play.counts[0], inst.plus.size
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
