"""Learned clauses: two watched literals, unit propagation, storage that can be halved."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import NO_REASON, PROPAGATED, TRAIL, Assignment, assign, truth
from sparseopt.solvers.exact.kernel import entry, kernel

CLAUSES, LITERALS = 0, 1
"""Places in `counts`: clauses and literals stored."""


class Clauses(NamedTuple):
    """Clause c is `literals[start[c] : start[c] + size[c]]`, its first two literals are watched.

    Watches are linked lists: `head[literal]` is a watch 2 c + (0 or 1), `next[watch]` the one after it. `lbd` is the
    number of decision levels when the clause was learned, `used` when it was last a reason in an analysis.
    """

    literals: Any
    start: Any
    size: Any
    lbd: Any
    used: Any
    head: Any
    next: Any
    counts: Any


def new_clauses(variables: int, clauses: int = 1 << 12, literals: int = 1 << 15) -> Clauses:
    """Empty storage."""
    return Clauses(
        np.zeros(literals, dtype=np.int32),
        np.zeros(clauses, dtype=np.int64),
        np.zeros(clauses, dtype=np.int64),
        np.zeros(clauses, dtype=np.int64),
        np.zeros(clauses, dtype=np.int64),
        np.full(2 * variables, -1, dtype=np.int64),
        np.full(2 * clauses, -1, dtype=np.int64),
        np.zeros(2, dtype=np.int64),
    )


def grown(old: Clauses) -> Clauses:
    """The same clauses in twice the space."""
    fresh = new_clauses(old.head.size // 2, 2 * old.start.size, 2 * old.literals.size)
    for name in ("literals", "start", "size", "lbd", "used", "next"):
        getattr(fresh, name)[: getattr(old, name).size] = getattr(old, name)
    fresh.head[:] = old.head
    fresh.counts[:] = old.counts
    return fresh


@kernel
def has_room(store: Clauses, clauses: int, literals: int) -> bool:
    """Whether so many more clauses and literals fit."""
    return (
        store.counts[CLAUSES] + clauses <= store.start.size and store.counts[LITERALS] + literals <= store.literals.size
    )


@kernel
def watch(store: Clauses, c: int) -> None:
    """Put the first two literals of clause c into the watch lists."""
    for side in range(2):
        literal = store.literals[store.start[c] + side]
        store.next[2 * c + side] = store.head[literal]
        store.head[literal] = 2 * c + side


@kernel
def add_clause(store: Clauses, literals: Any, size: int, lbd: int, used: int) -> int:
    """Store a clause of at least two literals, ordered so that the first two may be watched; returns its number."""
    c = store.counts[CLAUSES]
    begin = store.counts[LITERALS]
    for e in range(size):
        store.literals[begin + e] = literals[e]
    store.start[c] = begin
    store.size[c] = size
    store.lbd[c] = lbd
    store.used[c] = used
    store.counts[CLAUSES] += 1
    store.counts[LITERALS] += size
    watch(store, c)
    return c


@kernel
def propagate(store: Clauses, asg: Assignment) -> int:
    """Unit propagation; the number of a violated clause, or -1."""
    while asg.counts[PROPAGATED] < asg.counts[TRAIL]:
        false = asg.trail[asg.counts[PROPAGATED]] ^ 1
        asg.counts[PROPAGATED] += 1
        before, w = -1, store.head[false]
        while w >= 0:
            after = store.next[w]
            c, side = w >> 1, w & 1
            begin = store.start[c]
            other = store.literals[begin + 1 - side]
            state = truth(asg.value, other)
            if state > 0:
                before, w = w, after
                continue
            moved = False
            for e in range(2, store.size[c]):
                literal = store.literals[begin + e]
                if truth(asg.value, literal) >= 0:
                    store.literals[begin + e] = false
                    store.literals[begin + side] = literal
                    if before < 0:
                        store.head[false] = after
                    else:
                        store.next[before] = after
                    store.next[w] = store.head[literal]
                    store.head[literal] = w
                    moved = True
                    break
            if moved:
                w = after
                continue
            if state < 0:
                return c
            assign(asg, other, c)
            before, w = w, after
    return -1


def forget_half(store: Clauses, asg: Assignment, patience: int) -> None:
    """Drop the long clauses that were least useful of late. Only at level 0, where no clause is needed as a reason."""
    count = int(store.counts[CLAUSES])
    lbd, size, used = store.lbd[:count], store.size[:count], store.used[:count]
    score = np.where((lbd <= 2) | (size <= 2), np.inf, used - lbd * patience)
    keep = np.isinf(score) | (score > np.median(score)) if count else np.zeros(0, dtype=bool)
    store.head[:] = -1
    _compact(store, keep)
    asg.reason[asg.trail[: asg.counts[TRAIL]] >> 1] = NO_REASON


@entry
def _compact(store: Clauses, keep: Any) -> None:
    """Move the clauses to keep together and watch them again."""
    kept, end = 0, 0
    for c in range(keep.size):
        if keep[c]:
            begin, length = store.start[c], store.size[c]
            for e in range(length):
                store.literals[end + e] = store.literals[begin + e]
            store.start[kept], store.size[kept] = end, length
            store.lbd[kept], store.used[kept] = store.lbd[c], store.used[c]
            watch(store, kept)
            end += length
            kept += 1
    store.counts[CLAUSES], store.counts[LITERALS] = kept, end
