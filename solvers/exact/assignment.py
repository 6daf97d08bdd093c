"""Decisions about the variables and what follows from them: values, levels, reasons, the trail.

Literals: 2 v is "variable v is active", 2 v + 1 its negation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.kernel import kernel

NO_REASON, GEOMETRY = -1, -2
"""Reasons that are not clauses: a decision or a fact; a conic combination, stored in `cone_literals`."""

TRAIL, PROPAGATED, CHECKED, LEVEL = 0, 1, 2, 3
"""Places in `counts`: literals on the trail, how many of them clauses and geometry have seen, decision level."""


class Assignment(NamedTuple):
    """V variables; `value` is +1 active, -1 inactive, 0 undecided (then level, reason and position mean nothing).

    `start[l]` is the length of the trail when level l began; `cone_literals[v, :cone_size[v]]` are the
    literals whose directions imply v.
    """

    value: Any
    level: Any
    reason: Any
    position: Any
    trail: Any
    start: Any
    cone_literals: Any
    cone_size: Any
    counts: Any


def new_assignment(variables: int, m: int) -> Assignment:
    """Nothing decided."""
    return Assignment(
        np.zeros(variables, dtype=np.int8),
        np.empty(variables, dtype=np.int64),
        np.empty(variables, dtype=np.int64),
        np.empty(variables, dtype=np.int64),
        np.empty(variables, dtype=np.int64),
        np.empty(variables + 2, dtype=np.int64),
        np.empty((variables, m + 1), dtype=np.int64),
        np.empty(variables, dtype=np.int64),
        np.zeros(4, dtype=np.int64),
    )


@kernel
def truth(value: Any, literal: int) -> int:
    """+1 true, -1 false, 0 undecided."""
    return -value[literal >> 1] if literal & 1 else value[literal >> 1]


@kernel
def true_literal(asg: Assignment, v: int) -> int:
    """The literal of a decided variable that is true."""
    return 2 * v if asg.value[v] > 0 else 2 * v + 1


@kernel
def assign(asg: Assignment, literal: int, reason: int) -> None:
    """Make a literal true at the current level."""
    v = literal >> 1
    asg.value[v] = -1 if literal & 1 else 1
    asg.level[v] = asg.counts[LEVEL]
    asg.reason[v] = reason
    asg.position[v] = asg.counts[TRAIL]
    asg.trail[asg.counts[TRAIL]] = literal
    asg.counts[TRAIL] += 1


@kernel
def open_level(asg: Assignment) -> None:
    """Begin the next decision level."""
    asg.counts[LEVEL] += 1
    asg.start[asg.counts[LEVEL]] = asg.counts[TRAIL]


@kernel
def backjump(asg: Assignment, level: int) -> None:
    """Undo everything above a level."""
    keep = asg.start[level + 1]
    while asg.counts[TRAIL] > keep:
        asg.counts[TRAIL] -= 1
        v = asg.trail[asg.counts[TRAIL]] >> 1
        asg.value[v] = 0
    asg.counts[LEVEL] = level
    asg.counts[PROPAGATED] = keep
    asg.counts[CHECKED] = keep
