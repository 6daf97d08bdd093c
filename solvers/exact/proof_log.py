"""The proof that a search leaves behind: what each learned clause follows from, in the order of learning.

Records are numbered in order. Each is [kind, length, …]:

- BOUND: the rows with a multiplier of a program that closed a node: kind, index, subset, the number of literals, and
  for rows with chords (negative subset) all literals that they rest on;
- CONE: literals; the first one's direction is in the cone of the directions that the others negate;
- LEARNED, FACT: the number of literals, the literals, and the records that they follow from in the order of
  propagation, the violated one last. A FACT is a literal of level 0;
- IMAGE: a record, and the literals of its clause after exchanging interchangeable neurons.

In the search a record has an *antecedent* 2 r; 2 r + 1 stands for an image of record r that is not logged yet. Images
and geometry are logged when they are used. The log is written by kernels and emptied by Python between slices. Without
room (a data array of size 0) nothing is logged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import GEOMETRY, LEVEL, NO_REASON, TRAIL, Assignment, true_literal
from sparseopt.solvers.exact.basis import BLAMED, SUBSET, Basis
from sparseopt.solvers.exact.clauses import Clauses, clause_size
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, kernel
from sparseopt.solvers.exact.play import Play

BOUND, CONE, LEARNED, FACT, IMAGE = 1, 2, 3, 4, 5

USED, RECORDS, CONFLICT, FACTS, LOST = range(5)
"""Places in `counts`: entries in `data`, records so far, antecedent of the conflict at hand, literals of level 0 that
are logged, entries that did not fit."""


class ProofLog(NamedTuple):
    """`fact[v]` is the antecedent that says variable v's value at level 0, -1 if none is logged; the rest is work
    space."""

    data: Any
    counts: Any
    fact: Any
    marked: Any
    hints: Any


class ClassProof(NamedTuple):
    """The whole log of a sign class that was searched to the end: its points and variables, output signs, entries."""

    play: Play
    signs: Any
    entries: Any


def log_size(inst: Instance) -> int:
    """Entries that one conflict may need, twice, and at least a slice's worth."""
    width = int(max(np.diff(inst.place), default=0))
    rows = inst.column.size + inst.errors
    return max(1 << 20, 2 * _most_entries(inst.data.targets.size * inst.plus.size, width, rows, inst.place[-1] + 1))


def new_proof_log(variables: int, data: Any) -> ProofLog:
    """An empty log that writes into `data`."""
    count = variables + 2 if data.size else 0
    return ProofLog(
        data,
        np.zeros(5, dtype=np.int64),
        np.full(count, -1, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
        np.zeros(count, dtype=np.int64),
    )


def drained(log: ProofLog) -> Any:
    """Take the entries out of the log.

    Raises
    ------
    ArithmeticError
        If some did not fit.
    """
    if log.counts[LOST]:
        raise ArithmeticError("the proof log was too small")
    entries = log.data[: log.counts[USED]].astype(np.int32)
    log.counts[USED] = 0
    return entries


def _most_entries(variables: int, m: int, rows: int, blamed: int) -> int:
    return (4 + blamed) * rows + (variables + 2) * (m + 16)


_most = kernel(_most_entries)


@kernel
def log_has_room(log: ProofLog, variables: int, m: int, rows: int, blamed: int) -> bool:
    """Whether one more conflict fits, with so many variables in play, of at most m features, and rows of the basis,
    each of which rests on so many variables at most."""
    return log.data.size == 0 or log.counts[USED] + _most(variables, m, rows, blamed) <= log.data.size


@kernel
def _put(log: ProofLog, value: int) -> None:
    if log.counts[USED] < log.data.size:
        log.data[log.counts[USED]] = value
        log.counts[USED] += 1
    else:
        log.counts[LOST] += 1


@kernel
def _begin(log: ProofLog, kind: int, length: int) -> int:
    """Open a record; returns its antecedent."""
    _put(log, kind)
    _put(log, length)
    log.counts[RECORDS] += 1
    return 2 * (log.counts[RECORDS] - 1)


@kernel
def _put_row(log: ProofLog, asg: Assignment, code: Any, blame: Any, row: int) -> None:
    for q in range(3):
        _put(log, code[row, q])
    count = code[row, BLAMED] if code[row, SUBSET] < 0 else 0
    _put(log, count)
    for e in range(count):
        _put(log, true_literal(asg, blame[row, e]))


@kernel
def log_bound(log: ProofLog, basis: Basis, asg: Assignment, least: float) -> None:
    """The rows of a program whose multipliers exceed `least` (the keys' are in `rest`); the conflict's antecedent."""
    if log.data.size == 0:
        return
    N, start = basis.theta.size, log.counts[USED]
    log.counts[CONFLICT] = _begin(log, BOUND, 0)
    for b in range(N):
        if basis.inverse[b, N] > least:
            _put_row(log, asg, basis.code, basis.blame, b)
    for g in range(basis.rest.size):
        if basis.rest[g] > least:
            _put_row(log, asg, basis.key_code, basis.key_blame, g)
    if log.counts[LOST] == 0:
        log.data[start + 1] = log.counts[USED] - start - 2


@kernel
def log_cone_conflict(log: ProofLog, conflict: Any, size: int) -> None:
    """A conflict of geometry, its target last; it becomes the conflict's antecedent."""
    if log.data.size == 0:
        return
    log.counts[CONFLICT] = _begin(log, CONE, size)
    for e in range(size - 1, -1, -1):
        _put(log, conflict[e])


@kernel
def _log_image(log: ProofLog, origin: int, literals: Any, begin: int, size: int) -> int:
    found = _begin(log, IMAGE, 1 + size)
    _put(log, origin >> 1)
    for e in range(begin, begin + size):
        _put(log, literals[e])
    return found


@kernel
def log_unit(log: ProofLog, literals: Any, origin: int) -> None:
    """A clause of one literal, which becomes a literal of level 0."""
    if log.data.size:
        log.fact[literals[0] >> 1] = _log_image(log, origin, literals, 0, 1) if origin & 1 else origin


@kernel
def clause_antecedent(log: ProofLog, store: Clauses, c: int) -> int:
    """A stored clause as an antecedent; its image is logged the first time that it is used."""
    if log.data.size and store.origin[c] & 1:
        store.origin[c] = _log_image(log, store.origin[c], store.literals, store.start[c], clause_size(store, c))
    return store.origin[c]


@kernel
def _antecedent(log: ProofLog, store: Clauses, asg: Assignment, v: int) -> int:
    """The antecedent that assigned v."""
    if log.fact[v] >= 0:
        return log.fact[v]
    if asg.reason[v] != GEOMETRY:
        return clause_antecedent(log, store, asg.reason[v])
    found = _begin(log, CONE, asg.cone_size[v] + 1)
    _put(log, true_literal(asg, v))
    for e in range(asg.cone_size[v]):
        _put(log, asg.cone_literals[v, e])
    return found


@kernel
def _mark_reason(store: Clauses, asg: Assignment, log: ProofLog, v: int) -> None:
    if asg.reason[v] == GEOMETRY:
        for e in range(asg.cone_size[v]):
            log.marked[asg.cone_literals[v, e] >> 1] = True
    elif asg.reason[v] != NO_REASON:
        begin = store.start[asg.reason[v]]
        for e in range(begin, begin + clause_size(store, asg.reason[v])):
            log.marked[store.literals[e] >> 1] = True


@kernel
def _derive(
    log: ProofLog, store: Clauses, asg: Assignment, kind: int, clause: Any, begin: int, size: int, last: int, end: int
) -> int:
    """Log a clause that follows by propagation along the marked variables of the trail before `end` and from `last`."""
    for e in range(begin, begin + size):
        log.marked[clause[e] >> 1] = False
    count = 0
    for place in range(end - 1, -1, -1):
        v = asg.trail[place] >> 1
        if not log.marked[v]:
            continue
        log.marked[v] = False
        known = False
        for e in range(begin, begin + size):
            known = known or clause[e] >> 1 == v
        if known:
            continue
        if log.fact[v] < 0:
            _mark_reason(store, asg, log, v)
            log.marked[v] = False
        log.hints[count] = _antecedent(log, store, asg, v)
        count += 1
    found = _begin(log, kind, 2 + size + count)
    _put(log, size)
    for e in range(begin, begin + size):
        _put(log, clause[e])
    for h in range(count - 1, -1, -1):
        _put(log, log.hints[h] >> 1)
    _put(log, last >> 1)
    return found


@entry
def log_facts(log: ProofLog, store: Clauses, asg: Assignment) -> None:
    """Log the literals of level 0 that are new, so that their reasons may be forgotten."""
    if log.data.size == 0:
        return
    end = asg.counts[TRAIL] if asg.counts[LEVEL] == 0 else asg.start[1]
    while log.counts[FACTS] < end:
        place = log.counts[FACTS]
        v = asg.trail[place] >> 1
        if log.fact[v] < 0:
            last = _antecedent(log, store, asg, v)
            _mark_reason(store, asg, log, v)
            log.fact[v] = _derive(log, store, asg, FACT, asg.trail, place, 1, last, place)
        log.counts[FACTS] += 1


@kernel
def log_learned(
    log: ProofLog, store: Clauses, asg: Assignment, conflict: Any, count: int, clause: Any, size: int
) -> int:
    """Log the clause learned from a conflict, before the backjump; returns its antecedent."""
    if log.data.size == 0:
        return 0
    log_facts(log, store, asg)
    for e in range(count):
        log.marked[conflict[e] >> 1] = True
    return _derive(log, store, asg, LEARNED, clause, 0, size, log.counts[CONFLICT], asg.counts[TRAIL])
