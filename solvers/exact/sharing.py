"""What parts of one sign class learn is told to each other: their clauses hold in the whole class.

Parts number variables as their points came into play, so a literal is sent as "neuron j is (in)active on point i".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.analysis import store_clause
from sparseopt.solvers.exact.assignment import GEOMETRY, LEVEL, TRAIL, Assignment
from sparseopt.solvers.exact.clauses import CLAUSES, Clauses, has_room
from sparseopt.solvers.exact.kernel import entry
from sparseopt.solvers.exact.play import Play
from sparseopt.solvers.exact.proof_log import ProofLog

MOST_LEVELS = 4
"""Clauses over at most so many levels are sent."""


class Message(NamedTuple):
    """n clauses: literals 2 (j P + i), + 1 if inactive, one clause behind the other; sizes and levels, shape (n,)."""

    literals: Any
    sizes: Any
    levels: Any


def news(store: Clauses, asg: Assignment, play: Play, clauses: int, facts: int) -> Message:
    """The clauses and literals of level 0 that came after the first so many."""
    fresh = np.arange(clauses, int(store.counts[CLAUSES]))
    fresh = fresh[store.lbd[fresh] <= MOST_LEVELS]
    units = asg.trail[facts : known_facts(asg)]
    units = units[asg.reason[units >> 1] != GEOMETRY]
    length = store.literals[store.start[fresh] - 1]
    spans = [store.literals[b : b + size] for b, size in zip(store.start[fresh], length, strict=True)]
    literals = np.concatenate([units, *spans]).astype(np.int64)
    sizes = np.concatenate([np.ones(len(units), dtype=np.int64), length])
    levels = np.concatenate([np.ones(len(units), dtype=np.int64), store.lbd[fresh]])
    return Message(on_points(play, literals), sizes, levels)


def known_facts(asg: Assignment) -> int:
    """How many literals level 0 has."""
    return int(asg.counts[TRAIL] if asg.counts[LEVEL] == 0 else asg.start[1])


def on_points(play: Play, literals: Any) -> Any:
    """Literals of variables as literals of neurons on points."""
    count, P = int(play.counts[0]), play.present.size
    place = np.zeros(play.neuron.size, dtype=np.int64)
    for row in play.variable[:, :count]:
        place[row[row >= 0]] = np.flatnonzero(row >= 0)
    v = literals >> 1
    j, a = play.neuron[v], place[v]
    return 2 * (j * P + play.points[a]) + ((literals & 1) ^ (play.orient[j, a] < 0))


def on_variables(play: Play, literals: Any) -> Any:
    """The way back; all points are in play."""
    count, P = int(play.counts[0]), play.present.size
    place = np.zeros(P, dtype=np.int64)
    place[play.points[:count]] = np.arange(count)
    j, a = (literals >> 1) // P, place[(literals >> 1) % P]
    return 2 * play.variable[j, a] + ((literals & 1) ^ (play.orient[j, a] < 0))


def points_of(play: Play, message: Message) -> Any:
    """The points that a message speaks of."""
    return np.unique((message.literals >> 1) % play.present.size)


@entry
def believe(store: Clauses, asg: Assignment, log: ProofLog, literals: Any, sizes: Any, levels: Any, used: int) -> bool:
    """Store clauses, at level 0; False if there is no room for them."""
    if not has_room(store, sizes.size, literals.size):
        return False
    start = 0
    for c in range(sizes.size):
        store_clause(store, asg, log, literals[start : start + sizes[c]], sizes[c], levels[c], used, 0)
        start += sizes[c]
    return True
