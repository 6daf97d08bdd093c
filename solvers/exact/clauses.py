"""Learned clauses: two watched literals, unit propagation, storage that can be halved."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import NO_REASON, PROPAGATED, TRAIL, Assignment, assign, truth
from sparseopt.solvers.exact.kernel import entry, kernel

CLAUSES, LITERALS, CHUNKS, FREED = 0, 1, 2, 3
"""Places in `counts`: clauses, literals and chunks of watches stored, the first chunk of the free list or 0."""

_WATCHES = 7
"""Watches in a chunk: with the next chunk's number one cache line."""
_HEADER = 2
"""Numbers before a clause's literals, so that propagation finds all of a clause in one place."""


class Clauses(NamedTuple):
    """Clause c begins at `literals[start[c]]`, its number and size just before it; its first two literals are watched.

    The watches of a literal are a list of chunks, all full but the first: `head[literal]` is the first or 0,
    `filled[literal]` its number of watches. Chunk 0 is none; any other is (next chunk or 0, 0, start, blocker, start,
    blocker, …); a clause whose blocker, one of its literals, is true need not be looked at. `lbd` is the number of
    decision levels when the clause was learned, `used` when it was last a reason in an analysis, `origin` its
    antecedent in the proof log.
    """

    literals: Any
    start: Any
    lbd: Any
    used: Any
    origin: Any
    head: Any
    filled: Any
    chunk: Any
    counts: Any


def new_clauses(variables: int, clauses: int = 1 << 12, literals: int = 1 << 14) -> Clauses:
    """Empty storage."""
    return Clauses(
        np.empty(literals, dtype=np.int32),
        np.empty(clauses, dtype=np.int64),
        np.empty(clauses, dtype=np.int32),
        np.empty(clauses, dtype=np.int64),
        np.empty(clauses, dtype=np.int64),
        np.zeros(2 * variables, dtype=np.int32),
        np.empty(2 * variables, dtype=np.int32),
        np.empty((2 * clauses // _WATCHES + 2 * variables + 3, 2 + 2 * _WATCHES), dtype=np.int32),
        np.array([0, 0, 1, 0]),
    )


def grown(old: Clauses) -> Clauses:
    """The same clauses in twice the space."""
    fresh = new_clauses(old.head.size // 2, 2 * old.start.size, 2 * old.literals.size)
    used = (*old.counts[[LITERALS, *[CLAUSES] * 4]], len(old.head), len(old.head), old.counts[CHUNKS], len(old.counts))
    for new, kept, size in zip(fresh, old, used, strict=True):
        new[:size] = kept[:size]
    return fresh


@kernel
def has_room(store: Clauses, clauses: int, literals: int) -> bool:
    """Whether so many more clauses and literals fit."""
    room = store.literals.size - store.counts[LITERALS]
    return store.counts[CLAUSES] + clauses <= store.start.size and literals + _HEADER * clauses <= room


@kernel
def clause_size(store: Clauses, c: int) -> int:
    """Number of literals of a clause."""
    return store.literals[store.start[c] - 1]


@kernel
def _watch(store: Clauses, literal: int, begin: int, blocker: int) -> None:
    """Look at the clause that begins there when the literal becomes false."""
    chunk = store.head[literal]
    if chunk == 0 or store.filled[literal] == _WATCHES:
        fresh = store.counts[FREED]
        if fresh > 0:
            store.counts[FREED] = store.chunk[fresh, 0]
        else:
            fresh = store.counts[CHUNKS]
            store.counts[CHUNKS] += 1
        store.chunk[fresh, 0] = chunk
        store.head[literal] = fresh
        store.filled[literal] = 0
        chunk = fresh
    place = 2 + 2 * store.filled[literal]
    store.chunk[chunk, place], store.chunk[chunk, place + 1] = begin, blocker
    store.filled[literal] += 1


@kernel
def _unwatch(store: Clauses, literal: int, chunk: int, place: int) -> None:
    """Remove the watch at a place: the last one of the first chunk takes it over."""
    head = store.head[literal]
    store.filled[literal] -= 1
    last = 2 + 2 * store.filled[literal]
    store.chunk[chunk, place], store.chunk[chunk, place + 1] = store.chunk[head, last], store.chunk[head, last + 1]
    if store.filled[literal] == 0:
        store.head[literal] = store.chunk[head, 0]
        store.filled[literal] = _WATCHES
        store.chunk[head, 0] = store.counts[FREED]
        store.counts[FREED] = head


@kernel
def _watch_first_two(store: Clauses, begin: int) -> None:
    first, second = store.literals[begin], store.literals[begin + 1]
    _watch(store, first, begin, second)
    _watch(store, second, begin, first)


@kernel
def add_clause(store: Clauses, literals: Any, size: int, lbd: int, used: int, origin: int) -> int:
    """Store a clause of at least two literals, ordered so that the first two may be watched; returns its number."""
    c = store.counts[CLAUSES]
    begin = store.counts[LITERALS] + _HEADER
    store.literals[begin - 2], store.literals[begin - 1] = c, size
    for e in range(size):
        store.literals[begin + e] = literals[e]
    store.start[c] = begin
    store.lbd[c] = lbd
    store.used[c] = used
    store.origin[c] = origin
    store.counts[CLAUSES] += 1
    store.counts[LITERALS] = begin + size
    _watch_first_two(store, begin)
    return c


@kernel
def propagate(store: Clauses, asg: Assignment) -> int:
    """Unit propagation; the number of a violated clause, or -1."""
    while asg.counts[PROPAGATED] < asg.counts[TRAIL]:
        false = asg.trail[asg.counts[PROPAGATED]] ^ 1
        asg.counts[PROPAGATED] += 1
        chunk = store.head[false]
        while chunk > 0:
            after = store.chunk[chunk, 0]
            place = 2
            while place < (2 + 2 * store.filled[false] if chunk == store.head[false] else 2 + 2 * _WATCHES):
                if truth(asg.value, store.chunk[chunk, place + 1]) > 0:
                    place += 2
                    continue
                begin = store.chunk[chunk, place]
                if store.literals[begin] == false:
                    store.literals[begin], store.literals[begin + 1] = store.literals[begin + 1], false
                other = store.literals[begin]
                state = truth(asg.value, other)
                if state > 0:
                    store.chunk[chunk, place + 1] = other
                    place += 2
                    continue
                found = 0
                for e in range(begin + 2, begin + store.literals[begin - 1]):
                    if truth(asg.value, store.literals[e]) >= 0:
                        found = e
                        break
                if found > 0:
                    literal = store.literals[found]
                    store.literals[begin + 1], store.literals[found] = literal, false
                    first = chunk == store.head[false]
                    _unwatch(store, false, chunk, place)
                    _watch(store, literal, begin, other)
                    if first and chunk != store.head[false]:
                        break  # this chunk is used up
                    if not first:
                        place += 2
                    continue
                if state < 0:
                    return store.literals[begin - 2]
                assign(asg, other, store.literals[begin - 2])
                place += 2
            chunk = after
    return -1


def forget_half(store: Clauses, asg: Assignment, patience: int) -> None:
    """Drop the long clauses that were least useful of late. Only at level 0, where no clause is needed as a reason."""
    count = int(store.counts[CLAUSES])
    lbd, size, used = store.lbd[:count], store.literals[store.start[:count] - 1], store.used[:count]
    score = np.where((lbd <= 2) | (size <= 2), np.inf, used - lbd * patience)
    keep = np.isinf(score) | (score > np.median(score)) if count else np.zeros(0, dtype=bool)
    store.head[:] = 0
    store.counts[CHUNKS], store.counts[FREED] = 1, 0
    _compact(store, keep)
    asg.reason[asg.trail[: asg.counts[TRAIL]] >> 1] = NO_REASON


@entry
def _compact(store: Clauses, keep: Any) -> None:
    """Move the clauses to keep together and watch them again."""
    kept, end = 0, 0
    for c in range(keep.size):
        if keep[c]:
            begin, length = store.start[c], clause_size(store, c)
            end += _HEADER
            store.literals[end - 2], store.literals[end - 1] = kept, length
            for e in range(length):
                store.literals[end + e] = store.literals[begin + e]
            store.start[kept] = end
            store.lbd[kept], store.used[kept], store.origin[kept] = store.lbd[c], store.used[c], store.origin[c]
            _watch_first_two(store, end)
            end += length
            kept += 1
    store.counts[CLAUSES], store.counts[LITERALS] = kept, end
