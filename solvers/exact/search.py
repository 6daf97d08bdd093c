"""The search of one sign class: conflict-driven clause learning with the node's linear program as its theory.

Runs in slices: :func:`run_slice` returns after a given number of linear programs, when storage is full, or at the end.
Everything it needs is in arrays, so the caller can look at limits, report and resume.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.analysis import (
    LONGEST_COPY,
    Learning,
    asserting_level,
    conflict_level,
    decay,
    learn,
    levels_in,
    new_learning,
    store_with_copies,
)
from sparseopt.solvers.exact.assignment import (
    LEVEL,
    TRAIL,
    Assignment,
    assign,
    backjump,
    new_assignment,
    open_level,
)
from sparseopt.solvers.exact.clauses import CLAUSES, Clauses, has_room, new_clauses, propagate
from sparseopt.solvers.exact.geometry import Geometry, check_new_literals, imply, new_geometry
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, kernel
from sparseopt.solvers.exact.simplex import (
    CUT,
    FEASIBLE,
    LOWER,
    ROUGHLY_FEASIBLE,
    SIGN,
    STALLED,
    UPPER,
    Basis,
    new_basis,
    solve_node,
)
from sparseopt.solvers.exact.snapshots import Snapshots, level_limit, new_snapshots, restore, save

PROVED, PAUSED, NEEDS_ROOM, TOO_MANY = 0, 1, 2, 3
"""How a slice ends: nothing better exists; the slice is over; clause storage or snapshots must grow;
there are so many clauses that half of them should be forgotten."""

NODES, PIVOTS, CONFLICTS, RESTARTS, RESTART_AT, FORGET_AT, STALLS, LEAVES, IN_PLAY, FOUND, LEVEL_LIMIT = range(11)
"""Places in `counts`: linear programs, pivots, conflicts, restarts, conflict counts of the next restart and of the next
forgetting, stalled programs, leaves closed by their own bound only, points in play, improved incumbents,
levels that have a snapshot at most."""

UPPER_BOUND, LEAST_LEAF, ROOT_BOUND, PRECISION = 0, 1, 2, 3
"""Places in `values`: loss of the incumbent, least bound of such leaves, bound of the program at level 0, violation
from which rows count in the next program."""

_RESTART_UNIT = 200
FORGET_FIRST = 20_000
PATIENCE = 100
_MULTIPLIER = 1e-10
"""Multipliers up to this size do not make a row part of the conflict (their share of the bound is added to it)."""


class Search(NamedTuple):
    """The whole state of a search."""

    asg: Assignment
    store: Clauses
    learning: Learning
    geo: Geometry
    basis: Basis
    snapshots: Snapshots
    play: Any
    in_play: Any
    listed: Any
    pre: Any
    error: Any
    conflict: Any
    best: Any
    counts: Any
    values: Any


def new_search(inst: Instance, upper_bound: float, start: Any) -> Search:
    """A search with the given points in play."""
    (variables, m), (P, k) = inst.direction.shape, inst.square.shape
    parameters = inst.features.shape[1]
    n = parameters + inst.errors
    search = Search(
        new_assignment(variables, m),
        new_clauses(variables),
        new_learning(variables),
        new_geometry(inst),
        new_basis(parameters, inst.errors),
        new_snapshots(min(16, level_limit(n)), n),
        np.zeros(P, dtype=np.int64),
        np.zeros(P, dtype=np.bool_),
        np.zeros(variables, dtype=np.bool_),
        np.zeros((P, k)),
        np.zeros(P),
        np.zeros(variables + 2, dtype=np.int64),
        np.zeros(parameters),
        np.zeros(11, dtype=np.int64),
        np.array([upper_bound, np.inf, 0.0, ROUGHLY_FEASIBLE if inst.squared else FEASIBLE]),
    )
    search.counts[RESTART_AT] = _RESTART_UNIT
    search.counts[FORGET_AT] = FORGET_FIRST
    search.counts[LEVEL_LIMIT] = level_limit(n)
    for i in start:
        add_point(inst, search, int(i))
    return search


@entry
def add_point(inst: Instance, s: Search, i: int) -> None:
    """Bring a point into play, with its variables."""
    if s.in_play[i]:
        return
    s.in_play[i] = True
    s.play[s.counts[IN_PLAY]] = i
    s.counts[IN_PLAY] += 1
    for j in range(inst.plus.size):
        v = inst.variable[i, j]
        s.geo.dirty[j] = True
        if v >= 0 and not s.listed[v]:
            s.listed[v] = True
            s.geo.listed[inst.first[j] + s.geo.listed_count[j]] = v
            s.geo.listed_count[j] += 1


@kernel
def evaluate(inst: Instance, s: Search) -> int:
    """Errors ± ω ρ(r) of the true network at the program's parameters on all points; the worst point."""
    point = s.basis.point
    k = inst.plus.size
    worst = 0
    for i in range(inst.targets.size):
        f = 0.0
        for q in range(inst.place[k], point.size - inst.errors):
            f += inst.features[i, q] * point[q]
        for j in range(k):
            p = 0.0
            for q in range(inst.place[j], inst.place[j + 1]):
                p += inst.features[i, q] * point[q]
            s.pre[i, j] = p
            if p > 0.0:
                f += p if inst.plus[j] else -p
        r = f - inst.targets[i]
        s.error[i] = inst.weights[i] * (r * abs(r) if inst.squared else r)
        if abs(s.error[i]) > abs(s.error[worst]):
            worst = i
    return worst


@kernel
def _loss(inst: Instance, s: Search, worst: int) -> float:
    """The true network's loss from the errors."""
    if inst.errors == 1:
        return abs(s.error[worst])
    total = 0.0
    for i in range(inst.errors):
        total += abs(s.error[i])
    return total


@kernel
def _infer(inst: Instance, s: Search) -> int:
    """Clauses and geometry to a fixed point; size of a conflict in `s.conflict`, 0 if there is none."""
    while True:
        c = propagate(s.store, s.asg)
        if c >= 0:
            for e in range(s.store.size[c]):
                s.conflict[e] = s.store.literals[s.store.start[c] + e]
            return s.store.size[c]
        size = check_new_literals(inst, s.asg, s.geo, s.conflict)
        if size > 0:
            return size
        if imply(inst, s.asg, s.geo, s.basis.point) == 0:
            return 0


@kernel
def _blame(inst: Instance, s: Search, variable: int, size: int) -> int:
    """Add the (false) negation of a variable's decision to the conflict, once."""
    if variable < 0 or s.learning.seen[variable]:
        return size
    s.learning.seen[variable] = True
    s.conflict[size] = 2 * variable + (1 if s.asg.value[variable] > 0 else 0)
    return size + 1


@kernel
def _explain(inst: Instance, s: Search) -> int:
    """The decisions behind the program's bound: those of its rows with a multiplier. Size of the conflict."""
    n = s.basis.point.size
    size = 0
    for b in range(n):
        if s.basis.inverse[b, n] > _MULTIPLIER:
            kind, index = s.basis.code[b, 0], s.basis.code[b, 1]
            if kind == SIGN:
                size = _blame(inst, s, index, size)
            elif kind in (UPPER, LOWER):
                for j in range(inst.plus.size):
                    if inst.plus[j] == (kind == LOWER):
                        size = _blame(inst, s, inst.variable[index, j], size)
    for e in range(size):
        s.learning.seen[s.conflict[e] >> 1] = False
    return size


@kernel
def _blame_all(s: Search) -> int:
    """All literals of the trail as conflict, for a leaf that only its own bound closes."""
    size = s.asg.counts[TRAIL]
    for a in range(size):
        s.conflict[a] = s.asg.trail[a] ^ 1
    return size


@kernel
def _choose(inst: Instance, s: Search, tolerance: float) -> int:
    """The literal to decide: the most active undecided neuron that keeps a violated point's row out; -1 if none.

    Its phase is that of the program's parameters.
    """
    parameters = s.basis.point.size - inst.errors
    weight = 1e-3 if inst.errors == 1 else 1.0
    best, chosen = -1.0, -1
    for a in range(s.counts[IN_PLAY]):
        i = s.play[a]
        excess = abs(s.error[i]) - s.basis.point[parameters + (i if inst.errors > 1 else 0)]
        if excess <= tolerance / inst.errors:
            continue
        for j in range(inst.plus.size):
            v = inst.variable[i, j]
            if v >= 0 and s.asg.value[v] == 0 and inst.plus[j] == (s.error[i] < 0):
                score = s.learning.activity[v] / s.learning.increment[0] + weight * excess
                if score > best:
                    best = score
                    chosen = 2 * v + (0 if (s.pre[i, j] > 0) == (inst.orient[i, j] > 0) else 1)
    return chosen


@kernel
def luby(i: int) -> int:
    """1, 1, 2, 1, 1, 2, 4, … (i from 1)."""
    while True:
        k = 1
        while (1 << k) - 1 < i:
            k += 1
        if (1 << k) - 1 == i:
            return 1 << (k - 1)
        i -= (1 << (k - 1)) - 1


@kernel
def _resolve(inst: Instance, s: Search, size: int) -> bool:
    """Learn from a conflict, jump back, store the clause and its copies. False if the conflict holds at level 0."""
    s.counts[CONFLICTS] += 1
    highest = conflict_level(s.asg, s.conflict, size)
    if highest == 0:
        return False
    length = learn(s.store, s.asg, s.learning, s.conflict, size, highest, s.counts[CONFLICTS])
    decay(s.learning)
    level = asserting_level(s.asg, s.learning, length)
    lbd = levels_in(s.asg, s.learning, length)
    if s.counts[CONFLICTS] >= s.counts[RESTART_AT]:
        s.counts[RESTARTS] += 1
        s.counts[RESTART_AT] = s.counts[CONFLICTS] + _RESTART_UNIT * luby(s.counts[RESTARTS] + 1)
        level = 0
    backjump(s.asg, level)
    for j in range(s.geo.dirty.size):
        s.geo.dirty[j] = False
    restore(inst, s.snapshots, s.basis, s.asg.counts[LEVEL])
    store_with_copies(inst, s.store, s.asg, s.learning, length, lbd, s.counts[CONFLICTS])
    return True


@kernel
def _cutoff(s: Search, tolerance: float, gap: float) -> float:
    """Nodes with this bound are closed: the incumbent's loss less the tolerance or the asked relative gap."""
    return s.values[UPPER_BOUND] - max(tolerance, gap * s.values[UPPER_BOUND])


@kernel
def _node(inst: Instance, s: Search, tolerance: float, gap: float) -> int:
    """Solve the node's program. Size of a conflict if the node is closed, 0 to decide, -1 if a point came into play."""
    s.counts[NODES] += 1
    cutoff = _cutoff(s, tolerance, gap)
    end = solve_node(
        inst,
        s.basis,
        s.asg.value,
        s.asg.trail,
        s.asg.counts[TRAIL],
        s.play,
        s.counts[IN_PLAY],
        cutoff,
        s.values[PRECISION],
        s.counts,
    )
    s.values[PRECISION] = ROUGHLY_FEASIBLE if inst.squared else FEASIBLE
    if end == STALLED:
        s.counts[STALLS] += 1
    if end != CUT:
        worst = evaluate(inst, s)
        loss = _loss(inst, s, worst)
        if loss < s.values[UPPER_BOUND]:
            s.values[UPPER_BOUND] = loss
            for q in range(s.best.size):
                s.best[q] = s.basis.point[q]
            s.counts[FOUND] += 1
            cutoff = _cutoff(s, tolerance, gap)
        if s.basis.value[0] < cutoff:
            if s.asg.counts[LEVEL] == 0:
                s.values[ROOT_BOUND] = max(s.values[ROOT_BOUND], s.basis.value[0])
            if not s.in_play[worst]:
                add_point(inst, s, worst)
                return -1
            return 0
    return _explain(inst, s)


@kernel
def _has_room(inst: Instance, s: Search) -> bool:
    """Room for one more level, and for one more clause (at most all variables in play) with its copies."""
    copies, listed = inst.copies.shape[0], 0
    for j in range(s.geo.listed_count.size):
        listed += s.geo.listed_count[j]
    levels = s.snapshots.point.shape[0]
    return (s.asg.counts[LEVEL] + 1 < levels or levels >= s.counts[LEVEL_LIMIT]) and has_room(
        s.store, copies, listed + 2 + copies * LONGEST_COPY
    )


@entry
def run_slice(inst: Instance, s: Search, tolerance: float, gap: float, nodes: int) -> int:
    """Search on for about so many linear programs; PROVED, PAUSED or NEEDS_ROOM."""
    stop = s.counts[NODES] + nodes
    while True:
        if not _has_room(inst, s):
            return NEEDS_ROOM
        if s.store.counts[CLAUSES] > s.counts[FORGET_AT] and s.asg.counts[LEVEL] == 0:
            return TOO_MANY
        size = _infer(inst, s)
        if size == 0:
            fine = s.values[PRECISION] == FEASIBLE
            size = _node(inst, s, tolerance, gap)
            if size < 0:
                continue
            if size == 0:
                if _cutoff(s, tolerance, gap) <= s.basis.value[0]:
                    return PROVED
                literal = _choose(inst, s, tolerance)
                if literal < 0 and inst.squared and not fine:
                    s.values[PRECISION] = FEASIBLE  # a leaf: solve its program again, to the end
                    continue
                if literal < 0:
                    s.counts[LEAVES] += 1
                    s.values[LEAST_LEAF] = min(s.values[LEAST_LEAF], s.basis.value[0])
                    size = _blame_all(s)
                else:
                    save(s.snapshots, s.basis, s.asg.counts[LEVEL])
                    open_level(s.asg)
                    assign(s.asg, literal, -1)
                    if s.counts[NODES] >= stop:
                        return PAUSED
                    continue
        if not _resolve(inst, s, size):
            return PROVED
