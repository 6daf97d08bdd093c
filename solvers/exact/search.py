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
    NO_REASON,
    TRAIL,
    Assignment,
    assign,
    backjump,
    new_assignment,
    open_level,
    true_literal,
    truth,
)
from sparseopt.solvers.exact.basis import BLAMED, Basis, copy_of_basis, key_multipliers, new_basis
from sparseopt.solvers.exact.chords import MAX_CHORDS, Chords, new_chords
from sparseopt.solvers.exact.clauses import CLAUSES, Clauses, clause_size, has_room, new_clauses, propagate
from sparseopt.solvers.exact.evaluation import BLOCK, EAGER, worst_errors
from sparseopt.solvers.exact.geometry import (
    Geometry,
    check_new_literals,
    drop_undone,
    imply,
    imply_blocking,
    new_geometry,
)
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, kernel
from sparseopt.solvers.exact.play import Play, bring_into_play, new_play
from sparseopt.solvers.exact.pricing import Prices, blocking_variable, new_prices, true_errors
from sparseopt.solvers.exact.proof_log import (
    CONFLICT,
    ProofLog,
    clause_antecedent,
    log_bound,
    log_cone_conflict,
    log_has_room,
    log_learned,
    new_proof_log,
)
from sparseopt.solvers.exact.simplex import CUT, FEASIBLE, ROUGHLY_FEASIBLE, STALLED, solve_node
from sparseopt.solvers.exact.snapshots import Snapshots, level_limit, new_snapshots, restore, save
from sparseopt.solvers.exact.symmetry import MAX_COPIES

PROVED, PAUSED, NEEDS_POINTS, NEEDS_CLAUSES, NEEDS_LEVELS, TOO_MANY = 0, 1, 2, 3, 4, 5
"""How a slice ends: nothing better exists; the slice is over, or the proof log full; there must be room for more points
in play, clause storage or snapshots must grow; there are so many clauses that half of them should be forgotten."""

ENOUGH = -1
"""Nothing is short."""

NONE, MADE, REFUTED = 0, 1, 2
"""What became of the next assumption."""

NODES, PIVOTS, CONFLICTS, RESTARTS, RESTART_AT, FORGET_AT, STALLS, LEAVES, FOUND, LEVEL_LIMIT, ASSUMED = range(11)
"""Places in `counts`: linear programs, pivots, conflicts, restarts, conflict counts of the next restart and of the next
forgetting, stalled programs, leaves closed by their own bound only, improved incumbents, levels that have a snapshot at
most, assumptions."""

UPPER_BOUND, LEAST_LEAF, ROOT_BOUND, PRECISION = 0, 1, 2, 3
"""Places in `values`: loss of the incumbent, least bound of such leaves, bound of the program at level 0, violation
from which rows count in the next program."""

MOST_ASSUMED = 60
"""A search can be split so often."""
_RESTART_UNIT = 200
FORGET_FIRST = 5000
PATIENCE = 1000
_MULTIPLIER = 1e-10
"""Multipliers up to this size do not make a row part of the conflict (their share of the bound is added to it)."""


ROOM = 1024
"""A search begins with room for so many points in play: few of many come into play."""


class Search(NamedTuple):
    """The whole state of a search."""

    asg: Assignment
    store: Clauses
    learning: Learning
    log: ProofLog
    geo: Geometry
    basis: Basis
    snapshots: Snapshots
    play: Play
    prices: Prices
    chords: Chords
    conflict: Any
    block: Any
    best: Any
    counts: Any
    values: Any
    assumed: Any


NO_LOG = np.zeros(0, dtype=np.int64)


def new_search(inst: Instance, upper_bound: float, start: Any, log: Any = NO_LOG, room: int = ROOM) -> Search:
    """A search with the given points in play; `log` is the array for its proof log, of size 0 for none."""
    play, basis = new_play(inst, min(inst.data.targets.size, max(room, len(start)))), new_basis(inst)
    variables, m = play.direction.shape
    levels = level_limit(basis)
    search = Search(
        new_assignment(variables, m),
        new_clauses(variables),
        new_learning(variables, inst.plus.size),
        new_proof_log(variables, log),
        new_geometry(play),
        basis,
        new_snapshots(basis, min(16, levels)),
        play,
        new_prices(play),
        new_chords(play),
        np.empty(variables + 2, dtype=np.int64),
        np.empty((2, BLOCK)),
        np.zeros(inst.column.size),
        np.zeros(11, dtype=np.int64),
        np.array([upper_bound, np.inf, 0.0, ROUGHLY_FEASIBLE if inst.squared else FEASIBLE]),
        np.empty(MOST_ASSUMED, dtype=np.int64),
    )
    search.counts[RESTART_AT] = _RESTART_UNIT
    search.counts[FORGET_AT] = FORGET_FIRST
    search.counts[LEVEL_LIMIT] = levels
    add_points(inst, play, search.geo.dirty, start)
    return search


@entry
def add_points(inst: Instance, play: Play, dirty: Any, points: Any) -> None:
    """Bring points into play that are not yet; all neurons have variables that geometry has not looked at."""
    for i in points:
        if not play.present[i]:
            _add_point(inst, play, dirty, i)


@kernel
def _add_point(inst: Instance, play: Play, dirty: Any, i: int) -> None:
    bring_into_play(inst, play, i)
    for j in range(dirty.size):
        dirty[j] = True


@kernel
def _add_worse(inst: Instance, play: Play, dirty: Any, extremes: Any, bound: float) -> bool:
    """Bring the points of the extreme errors into play that exceed the bound; whether there was one."""
    highest, most, lowest, least = extremes
    before = play.counts[0]
    if most > bound and not play.present[highest]:
        _add_point(inst, play, dirty, highest)
    if -least > bound and not play.present[lowest]:
        _add_point(inst, play, dirty, lowest)
    return play.counts[0] > before


@kernel
def _infer(inst: Instance, s: Search) -> int:
    """Clauses and geometry to a fixed point; size of a conflict in `s.conflict`, 0 if there is none."""
    while True:
        c = propagate(s.store, s.asg)
        if c >= 0:
            size = clause_size(s.store, c)
            for e in range(size):
                s.conflict[e] = s.store.literals[s.store.start[c] + e]
            s.log.counts[CONFLICT] = clause_antecedent(s.log, s.store, c)
            return size
        size = check_new_literals(inst, s.play, s.asg, s.geo, s.conflict)
        if size > 0:
            log_cone_conflict(s.log, s.conflict, size)
            return size
        if imply(inst, s.play, s.asg, s.geo, s.basis.theta) == 0:
            return 0


@kernel
def _blame(asg: Assignment, seen: Any, conflict: Any, blame: Any, row: int, count: int, size: int) -> int:
    """Add the (false) negations of the decisions that a row rests on to the conflict, each once."""
    for e in range(count):
        v = blame[row, e]
        if not seen[v]:
            seen[v] = True
            conflict[size] = true_literal(asg, v) ^ 1
            size += 1
    return size


@kernel
def _explain(asg: Assignment, basis: Basis, log: ProofLog, seen: Any, conflict: Any) -> int:
    """The decisions behind the program's bound: those of its rows with a multiplier. Size of the conflict."""
    N = basis.theta.size
    size = 0
    key_multipliers(basis)
    for b in range(N):
        if basis.inverse[b, N] > _MULTIPLIER:
            size = _blame(asg, seen, conflict, basis.blame, b, basis.code[b, BLAMED], size)
    for g in range(basis.rest.size):
        if basis.rest[g] > _MULTIPLIER:
            size = _blame(asg, seen, conflict, basis.key_blame, g, basis.key_code[g, BLAMED], size)
    for e in range(size):
        seen[conflict[e] >> 1] = False
    log_bound(log, basis, asg, _MULTIPLIER)
    return size


@kernel
def _blame_all(asg: Assignment, conflict: Any) -> int:
    """All literals of the trail as conflict, for a leaf that only its own bound closes."""
    size = asg.counts[TRAIL]
    for a in range(size):
        conflict[a] = asg.trail[a] ^ 1
    return size


@kernel
def _choose(inst: Instance, play: Play, prices: Prices, asg: Assignment, learning: Learning, tolerance: float) -> int:
    """The literal to decide: the most active undecided neuron that keeps a violated point's row out; -1 if none.

    Its phase is that of the program's parameters.
    """
    weight = 1e-3 if inst.errors == 1 else 1.0
    best, chosen = -1.0, -1
    for a in range(play.counts[0]):
        for j in range(inst.plus.size):
            v = blocking_variable(inst, play, prices, asg, j, a, tolerance)
            if v >= 0:
                score = learning.activity[v] / learning.increment[0] + weight * (abs(prices.error[a]) - prices.e[a])
                if score > best:
                    best = score
                    chosen = 2 * v + (0 if (prices.pre[j, a] > 0) == (play.orient[j, a] > 0) else 1)
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
        log_learned(s.log, s.store, s.asg, s.conflict, size, s.conflict, 0)
        return False
    length = learn(s.store, s.asg, s.learning, s.conflict, size, highest, s.counts[CONFLICTS])
    origin = log_learned(s.log, s.store, s.asg, s.conflict, size, s.learning.clause, length)
    decay(s.learning)
    level = asserting_level(s.asg, s.learning, length)
    lbd = levels_in(s.asg, s.learning, length)
    if s.counts[CONFLICTS] >= s.counts[RESTART_AT]:
        s.counts[RESTARTS] += 1
        s.counts[RESTART_AT] = s.counts[CONFLICTS] + _RESTART_UNIT * luby(s.counts[RESTARTS] + 1)
        level = 0
    backjump(s.asg, level)
    drop_undone(s.asg, s.geo)
    restore(s.snapshots, s.basis, s.asg.counts[LEVEL])
    store_with_copies(inst, s.play, s.store, s.asg, s.learning, s.log, length, lbd, s.counts[CONFLICTS], origin)
    return True


@kernel
def _cutoff(values: Any, tolerance: float, gap: float) -> float:
    """Nodes with this bound are closed: the incumbent's loss less the tolerance or the asked relative gap."""
    return values[UPPER_BOUND] - max(tolerance, gap * values[UPPER_BOUND])


@kernel
def _node(inst: Instance, s: Search, tolerance: float, gap: float) -> int:
    """Solve the node's program. Size of a conflict if the node is closed, 0 to decide, -1 if a point came into play."""
    s.counts[NODES] += 1
    cutoff = _cutoff(s.values, tolerance, gap)
    most_chords = MAX_CHORDS if inst.errors > 1 else 0
    end = solve_node(
        inst, s.play, s.prices, s.basis, s.asg, s.chords, most_chords, cutoff, s.values[PRECISION], s.counts
    )
    s.values[PRECISION] = ROUGHLY_FEASIBLE if inst.squared else FEASIBLE
    if end == STALLED:
        s.counts[STALLS] += 1
    if end != CUT:
        loss = true_errors(inst, s.play, s.prices, s.basis)
        if loss < s.values[UPPER_BOUND] or (inst.errors == 1 and inst.data.targets.size < EAGER):
            extremes = (0, 0.0, 0, 0.0)
            if inst.errors == 1:
                extremes = worst_errors(inst, s.basis.theta, s.block, s.values[UPPER_BOUND])
                loss = max(extremes[1], -extremes[3])
            if loss < s.values[UPPER_BOUND]:
                s.values[UPPER_BOUND] = loss
                for q in range(s.best.size):
                    s.best[q] = s.basis.theta[q]
                s.counts[FOUND] += 1
                cutoff = _cutoff(s.values, tolerance, gap)
            elif _add_worse(inst, s.play, s.geo.dirty, extremes, s.values[UPPER_BOUND]):
                return -1
        if s.basis.value[0] < cutoff:
            if s.asg.counts[LEVEL] == 0:
                s.values[ROOT_BOUND] = max(s.values[ROOT_BOUND], s.basis.value[0])
            return 0
    return _explain(s.asg, s.basis, s.log, s.learning.seen, s.conflict)


@kernel
def _assumption(s: Search) -> int:
    """Decide the assumption of the next level: MADE, REFUTED if it is false, or NONE."""
    level = s.asg.counts[LEVEL]
    if level >= s.counts[ASSUMED]:
        return NONE
    state = truth(s.asg.value, s.assumed[level])
    if state < 0:
        return REFUTED
    save(s.snapshots, s.basis, level)
    open_level(s.asg)
    if state == 0:
        assign(s.asg, s.assumed[level], NO_REASON)
    return MADE


@entry
def restart(asg: Assignment, geo: Geometry, snapshots: Snapshots, basis: Basis) -> None:
    """Back to level 0."""
    if asg.counts[LEVEL] > 0:
        backjump(asg, 0)
        drop_undone(asg, geo)
        restore(snapshots, basis, 0)


@entry
def assume(asg: Assignment, literal: int) -> None:
    """Make a literal true at level 0, where the search must be."""
    assign(asg, literal, NO_REASON)


def suppose(s: Search, literal: int) -> None:
    """Search only where a literal is true, too; what is learned holds in general all the same."""
    s.assumed[s.counts[ASSUMED]] = literal
    s.counts[ASSUMED] += 1


def most_active_open(s: Search) -> int:
    """The undecided and not assumed variable with the largest activity, -1 if there is none or it is one too many."""
    room, assumptions = s.play.points.size, int(s.counts[ASSUMED])
    if assumptions == MOST_ASSUMED:
        return -1
    v = np.concatenate([j * room + np.arange(known) for j, known in enumerate(s.play.known)])
    v = v[(s.asg.value[v] == 0) & ~np.isin(v, s.assumed[:assumptions] >> 1)]
    return int(v[s.learning.activity[v].argmax()]) if v.size else -1


def copy_of(s: Any) -> Any:
    """A search, or part of one, with arrays of its own."""
    if isinstance(s, Basis):
        return copy_of_basis(s)
    return s.copy() if isinstance(s, np.ndarray) else type(s)(*map(copy_of, s))


@kernel
def _lack(inst: Instance, s: Search) -> int:
    """How a slice must end for lack of room for one more pair of points, level or clause (with copies), or ENOUGH."""
    listed = s.play.known.sum()
    levels = s.snapshots.floats.shape[0]
    if s.play.counts[0] + 2 > s.play.points.size and s.play.points.size < s.play.present.size:
        return NEEDS_POINTS
    if s.asg.counts[LEVEL] + 1 >= levels and levels < s.counts[LEVEL_LIMIT]:
        return NEEDS_LEVELS
    if not has_room(s.store, MAX_COPIES + 1, listed + 2 + MAX_COPIES * LONGEST_COPY):
        return NEEDS_CLAUSES
    m, rows, blamed = s.play.direction.shape[1], s.basis.theta.size + inst.errors, s.basis.blame.shape[1]
    return ENOUGH if log_has_room(s.log, listed, m, rows, blamed) else PAUSED


@entry
def run_slice(inst: Instance, s: Search, tolerance: float, gap: float, nodes: int) -> int:
    """Search on for about so many linear programs; how it ended, PROVED to TOO_MANY.

    For l2 also until an incumbent is found, which the caller can improve: so a run does not depend on slices' lengths.
    """
    stop, found = s.counts[NODES] + nodes, s.counts[FOUND]
    while True:
        lack = _lack(inst, s)
        if lack != ENOUGH:
            return lack
        if s.store.counts[CLAUSES] > s.counts[FORGET_AT] and s.asg.counts[LEVEL] == 0:
            return TOO_MANY
        size = _infer(inst, s)
        if size == 0:
            fine = s.values[PRECISION] == FEASIBLE
            size = _node(inst, s, tolerance, gap)
            if size < 0:
                continue
            if size == 0:
                if _cutoff(s.values, tolerance, gap) <= s.basis.value[0]:
                    return PROVED
                assumed = _assumption(s)
                if assumed == REFUTED:
                    return PROVED
                if assumed == MADE:
                    continue
                if imply_blocking(inst, s.play, s.asg, s.geo, s.prices, s.basis.theta, tolerance / inst.errors) > 0:
                    continue
                literal = _choose(inst, s.play, s.prices, s.asg, s.learning, tolerance / inst.errors)
                if literal < 0 and inst.errors == 1:
                    bound = s.basis.value[0] + tolerance
                    extremes = worst_errors(inst, s.basis.theta, s.block, bound)
                    if _add_worse(inst, s.play, s.geo.dirty, extremes, bound):
                        continue
                if literal < 0 and inst.squared and not fine:
                    s.values[PRECISION] = FEASIBLE  # a leaf: solve its program again, to the end
                    continue
                if literal < 0:
                    s.counts[LEAVES] += 1
                    s.values[LEAST_LEAF] = min(s.values[LEAST_LEAF], s.basis.value[0])
                    _explain(s.asg, s.basis, s.log, s.learning.seen, s.conflict)
                    size = _blame_all(s.asg, s.conflict)
                else:
                    save(s.snapshots, s.basis, s.asg.counts[LEVEL])
                    open_level(s.asg)
                    assign(s.asg, literal, -1)
                    if s.counts[NODES] >= stop or (inst.squared and s.counts[FOUND] > found):
                        return PAUSED
                    continue
        if not _resolve(inst, s, size):
            return PROVED
