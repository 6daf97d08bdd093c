"""From a conflict to a learned clause: first unique implication point, minimisation, copies under symmetry.

A conflict is a set of literals that are all false. Resolving with reasons until one literal of the highest level is
left gives a clause that is false now and becomes unit after a backjump.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import GEOMETRY, LEVEL, NO_REASON, TRAIL, Assignment, assign, truth
from sparseopt.solvers.exact.clauses import Clauses, add_clause, clause_size
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play
from sparseopt.solvers.exact.proof_log import ProofLog, log_unit
from sparseopt.solvers.exact.symmetry import Images, first_image, new_images, next_image

LONGEST_COPY = 12
"""Clauses up to this size are copied under permutations of interchangeable neurons."""
_COPY_AGE = 50
"""A copy counts as used so many conflicts earlier than the clause itself."""
_DECAY = 1000.0 / 950.0


class Learning(NamedTuple):
    """Activities of variables with their increment, the clause at hand, and work space."""

    activity: Any
    increment: Any
    clause: Any
    copy: Any
    seen: Any
    touched: Any
    images: Images


def new_learning(variables: int, neurons: int) -> Learning:
    """No activity."""
    return Learning(
        np.zeros(variables),
        np.ones(1),
        np.empty(variables + 2, dtype=np.int64),
        np.empty(variables + 2, dtype=np.int64),
        np.zeros(variables, dtype=np.bool_),
        np.empty(variables + 2, dtype=np.int64),
        new_images(neurons),
    )


@kernel
def _reason_size(store: Clauses, asg: Assignment, v: int) -> int:
    return asg.cone_size[v] if asg.reason[v] == GEOMETRY else clause_size(store, asg.reason[v])


@kernel
def _reason_literal(store: Clauses, asg: Assignment, v: int, e: int) -> int:
    if asg.reason[v] == GEOMETRY:
        return asg.cone_literals[v, e]
    return store.literals[store.start[asg.reason[v]] + e]


@kernel
def conflict_level(asg: Assignment, conflict: Any, size: int) -> int:
    """The highest decision level among the conflict's literals; 0 closes the search."""
    highest = 0
    for e in range(size):
        highest = max(highest, asg.level[conflict[e] >> 1])
    return highest


@kernel
def _bump(learning: Learning, v: int) -> None:
    learning.activity[v] += learning.increment[0]


@kernel
def learn(
    store: Clauses, asg: Assignment, learning: Learning, conflict: Any, size: int, highest: int, conflicts: int
) -> int:
    """Write the learned clause into `learning.clause` (its asserting literal first) and return its size."""
    seen, clause = learning.seen, learning.clause
    length, open_paths = 1, 0
    for e in range(size):
        v = conflict[e] >> 1
        if not seen[v] and asg.level[v] > 0:
            seen[v] = True
            _bump(learning, v)
            if asg.level[v] == highest:
                open_paths += 1
            else:
                clause[length] = conflict[e]
                length += 1
    place = asg.counts[TRAIL] - 1
    while True:
        while not (seen[asg.trail[place] >> 1] and asg.level[asg.trail[place] >> 1] == highest):
            place -= 1
        literal = asg.trail[place]
        v = literal >> 1
        place -= 1
        open_paths -= 1
        seen[v] = False
        if open_paths == 0:
            clause[0] = literal ^ 1
            break
        if asg.reason[v] >= 0:
            store.used[asg.reason[v]] = conflicts
        for e in range(_reason_size(store, asg, v)):
            other = _reason_literal(store, asg, v, e)
            u = other >> 1
            if u != v and not seen[u] and asg.level[u] > 0:
                seen[u] = True
                _bump(learning, u)
                if asg.level[u] == highest:
                    open_paths += 1
                else:
                    clause[length] = other
                    length += 1
    return _minimise(store, asg, learning, length)


@kernel
def _minimise(store: Clauses, asg: Assignment, learning: Learning, length: int) -> int:
    """Drop literals whose reason consists of literals of the clause (and facts)."""
    seen, clause = learning.seen, learning.clause
    for e in range(length):
        learning.touched[e] = clause[e]
    seen[clause[0] >> 1] = True
    kept = 1
    for e in range(1, length):
        v = clause[e] >> 1
        redundant = asg.reason[v] != NO_REASON
        if redundant:
            for f in range(_reason_size(store, asg, v)):
                u = _reason_literal(store, asg, v, f) >> 1
                if u != v and not seen[u] and asg.level[u] > 0:
                    redundant = False
                    break
        if not redundant:
            clause[kept] = clause[e]
            kept += 1
    for e in range(length):
        seen[learning.touched[e] >> 1] = False
    return kept


@kernel
def decay(learning: Learning) -> None:
    """Recent conflicts count for more."""
    learning.increment[0] *= _DECAY
    if learning.increment[0] > 1e100:
        for v in range(learning.activity.size):
            learning.activity[v] *= 1e-100
        learning.increment[0] *= 1e-100


@kernel
def asserting_level(asg: Assignment, learning: Learning, size: int) -> int:
    """Put a literal of the second highest level in the clause's second place and return that level (0 for a unit)."""
    clause = learning.clause
    level, place = 0, 1
    for e in range(1, size):
        if asg.level[clause[e] >> 1] > level:
            level, place = asg.level[clause[e] >> 1], e
    if size > 1:
        clause[1], clause[place] = clause[place], clause[1]
    return level


@kernel
def levels_in(asg: Assignment, learning: Learning, size: int) -> int:
    """Number of different decision levels in the clause (its LBD)."""
    clause, count = learning.clause, 0
    for e in range(size):
        fresh = True
        for f in range(e):
            if asg.level[clause[f] >> 1] == asg.level[clause[e] >> 1]:
                fresh = False
                break
        if fresh:
            count += 1
    return count


@kernel
def store_with_copies(
    inst: Instance,
    play: Play,
    store: Clauses,
    asg: Assignment,
    learning: Learning,
    log: ProofLog,
    size: int,
    lbd: int,
    conflicts: int,
    origin: int,
) -> None:
    """After the backjump: store the clause and its images under symmetry, and assign what becomes unit.

    `origin` is the clause as an antecedent in the proof log.
    """
    images, clause, copy = learning.images, learning.clause, learning.copy
    for e in range(size):
        copy[e] = clause[e]
    store_clause(store, asg, log, copy, size, lbd, conflicts, origin)
    if size > LONGEST_COPY:
        return
    first_image(inst, play, images, clause, size)
    while next_image(inst, images):
        for e in range(size):
            j = play.neuron[clause[e] >> 1]
            copy[e] = clause[e] + 2 * (images.image[j] - j) * play.points.size
        store_clause(store, asg, log, copy, size, lbd, conflicts - _COPY_AGE, origin + 1)


@kernel
def store_clause(
    store: Clauses, asg: Assignment, log: ProofLog, literals: Any, size: int, lbd: int, used: int, origin: int
) -> None:
    """Store one clause with its best two literals first; false clauses are left out (weaker, but sound)."""
    for a in range(min(2, size)):
        best, best_rank = a, -1
        for e in range(a, size):
            state = truth(asg.value, literals[e])
            rank = asg.level[literals[e] >> 1] if state < 0 else 1 << 40
            if rank > best_rank:
                best, best_rank = e, rank
        literals[a], literals[best] = literals[best], literals[a]
    first = truth(asg.value, literals[0])
    if first < 0:
        return
    if size == 1:
        if first == 0 and asg.counts[LEVEL] == 0:
            log_unit(log, literals, origin)
            assign(asg, literals[0], NO_REASON)
        return
    c = add_clause(store, literals, size, lbd, used, origin)
    if first == 0 and truth(asg.value, literals[1]) < 0:
        assign(asg, literals[0], c)
