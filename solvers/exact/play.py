"""Points in play and their Boolean variables.

A variable stands for "neuron j is active in direction a", where a is a unit feature row of neuron j. Points whose rows
on the neuron's support have the same direction share the variable; opposite directions share it with opposite
orientation. So work depends on unique support rows, not on points. Variables exist only for points in play.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import entry, kernel

_LANES = 8
"""Numbers in the widest vector instructions; loops over points that need no remainder are much faster."""
SAME = 1e-14
"""Unit directions that differ by at most this in every entry are one variable."""


class Play(NamedTuple):
    """P points, room for R in play, k neurons, N parameters; a is a place in play; neuron j has variables from j R on.

    Q is :func:`padded` R: places behind those in play are points 0 with target 0 and weight 0.

    Attributes
    ----------
    points : (R,) the points in play, in order of entry; `counts[0]` of them
    present : (P,) whether a point is in play
    columns : (N, Q) features, parameter first
    target, weight : (Q,)
    square, inverse_length : (k, Q) squared length of each feature row, 1 / length or 0
    variable : (k, R) variable of neuron and place, -1 where the feature row is zero
    orient : (k, R) +1 if the row has the variable's direction, -1 if the opposite
    direction : (k R, m) unit directions, padded with zeros
    neuron : (k R,) neuron of a variable
    known : (k,) variables of each neuron
    """

    points: Any
    counts: Any
    present: Any
    columns: Any
    target: Any
    weight: Any
    square: Any
    inverse_length: Any
    variable: Any
    orient: Any
    direction: Any
    neuron: Any
    known: Any


@entry
def padded(count: int) -> int:
    """The next multiple of the length of vectors."""
    return (count + _LANES - 1) // _LANES * _LANES


def new_play(inst: Instance, room: int) -> Play:
    """No points in play, and room for so many."""
    Q, N, k = padded(room), inst.column.size, inst.plus.size
    width = int(max(np.diff(inst.place), default=0))
    return Play(
        np.empty(room, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.zeros(inst.data.targets.size, dtype=np.bool_),
        np.zeros((N, Q)),
        np.zeros(Q),
        np.zeros(Q),
        np.zeros((k, Q)),
        np.zeros((k, Q)),
        np.empty((k, room), dtype=np.int64),
        np.empty((k, room), dtype=np.int8),
        np.empty((k * room, width)),
        np.empty(k * room, dtype=np.int64),
        np.zeros(k, dtype=np.int64),
    )


@kernel
def bring_into_play(inst: Instance, play: Play, i: int) -> None:
    """Add point i and the variables it needs. Neurons of one kind number their variables alike."""
    a = play.counts[0]
    play.points[a] = i
    play.present[i] = True
    play.target[a], play.weight[a] = inst.data.targets[i], inst.data.weights[i]
    for q in range(inst.column.size):
        play.columns[q, a] = inst.data.inputs[inst.column[q], i]
    for j in range(inst.plus.size):
        _find_variable(inst, play, j, a)
    play.counts[0] += 1


@kernel
def _find_variable(inst: Instance, play: Play, j: int, a: int) -> None:
    """The variable of neuron j and place a: an earlier one of the same direction, or a new one."""
    start, size = inst.place[j], inst.place[j + 1] - inst.place[j]
    square, lead = 0.0, 0.0
    for q in range(start, start + size):
        square += play.columns[q, a] ** 2
        if lead == 0.0:
            lead = play.columns[q, a]
    play.square[j, a] = square
    if square == 0.0:
        play.variable[j, a] = -1
        return
    play.inverse_length[j, a] = 1.0 / np.sqrt(square)
    turn = -1 if lead < 0.0 else 1
    found = j * play.points.size
    new = found + play.known[j]
    for q in range(play.direction.shape[1]):
        play.direction[new, q] = turn * play.inverse_length[j, a] * play.columns[start + q, a] if q < size else 0.0
    while not _same(play.direction, found, new):
        found += 1
    if found == new:
        play.neuron[new] = j
        play.known[j] += 1
    play.variable[j, a] = found
    play.orient[j, a] = turn


@kernel
def _same(direction: Any, v: int, u: int) -> bool:
    for q in range(direction.shape[1]):  # noqa: SIM110, a generator expression would not compile
        if abs(direction[v, q] - direction[u, q]) > SAME:
            return False
    return True
