"""Geometry as propagation: a direction in the cone of decided directions has its activation decided too.

If u_v = Σ λ_a u_a (a decided active) - Σ μ_c u_c (c decided inactive) with λ, μ ≥ 0, then u_v · θ_j ≥ 0, so v may be
taken active; mirrored for inactive. The directions with positive coefficients are the reason.

A reason that was found once holds whenever its literals are true: `imply` looks for those after every decision. Cones
are computed for neurons with two parameters or fewer, else only for variables that the search might decide next
(`imply_blocking`), and not for what two witness vectors, each a possible θ_j, see on both sides. Neurons of one kind
have the same directions, so they share witnesses and reasons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import CHECKED, GEOMETRY, TRAIL, Assignment, assign, truth
from sparseopt.solvers.exact.cone import OUTSIDE, ConeWork, in_cone, new_cone_work
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play
from sparseopt.solvers.exact.pricing import Prices, blocking_variable

WITNESSES = 60
"""Kept for every kind, as bits of an integer."""
REASONS = 8
"""Reasons that are kept for a direction."""
MOST_DIRECTIONS = 4096
"""Geometry looks at so many directions of a neuron, the first ones in play."""
_EAGER = 2
"""With so many parameters cones are cheap enough to look at all directions after every decision. With more, lazy ones
make a tenth more programs, each in a fifth less time."""
_SEES = 1e-8
"""A witness sees a direction on one side if their scalar product is larger than this."""


class Geometry(NamedTuple):
    """n directions of each of k neurons. Witnesses and reasons stand where the first neuron of a kind has its own.

    Attributes
    ----------
    witness : (k, WITNESSES, m) vectors, a ring for each kind; `newest` is the place of the next
    sees : (k, 2, n) bit w says that witness w sees a direction on the active side (0) or on the inactive one (1)
    placed : (k,) how many directions are in `sees`
    decided : (k, n) true literals of neurons, but for those implied by geometry, as on the trail; `count` of them
    generators : (k, n, m) their directions, with sign
    respecting : (1,) bit w says that witness w sees no generator of the neuron at hand on its wrong side
    reason : (k, n, REASONS, m + 2) a ring for each direction: which side is implied, size, literals of neuron 0
    found : (k, n) how many reasons were found
    dirty : (k,) whether a neuron has new decisions or variables
    age : (k,) how often a neuron had a new generator; `free` : (k, n) its age when a direction was not implied
    wanted : (P,) directions in question
    """

    witness: Any
    newest: Any
    sees: Any
    placed: Any
    decided: Any
    count: Any
    generators: Any
    respecting: Any
    reason: Any
    found: Any
    dirty: Any
    age: Any
    free: Any
    wanted: Any
    cone: ConeWork


def new_geometry(play: Play) -> Geometry:
    """No witnesses, no reasons."""
    k, m = play.known.size, play.direction.shape[1]
    n = min(play.points.size, MOST_DIRECTIONS)
    return Geometry(
        np.zeros((k, WITNESSES, m)),
        np.zeros(k, dtype=np.int64),
        np.zeros((k, 2, n), dtype=np.int64),
        np.zeros(k, dtype=np.int64),
        np.empty((k, n), dtype=np.int64),
        np.zeros(k, dtype=np.int64),
        np.empty((k, n, m)),
        np.zeros(1, dtype=np.int64),
        np.empty((k, n, REASONS, m + 2), dtype=np.int32),
        np.zeros((k, n), dtype=np.int64),
        np.zeros(k, dtype=np.bool_),
        np.ones(k, dtype=np.int64),
        np.zeros((k, n), dtype=np.int64),
        np.empty(play.points.size, dtype=np.int64),
        new_cone_work(m),
    )


@kernel
def _directions(play: Play, geo: Geometry, j: int) -> int:
    """How many directions of neuron j are looked at."""
    return min(play.known[j], geo.sees.shape[2])


@kernel
def _place(play: Play, geo: Geometry, kind: int, w: int, start: int, stop: int) -> None:
    """On which side witness w of a kind sees directions start to stop."""
    first = kind * play.points.size
    for u in range(start, stop):
        seen = 0.0
        for q in range(play.direction.shape[1]):
            seen += geo.witness[kind, w, q] * play.direction[first + u, q]
        geo.sees[kind, 0, u] = geo.sees[kind, 0, u] & ~(1 << w) | (1 if seen > _SEES else 0) << w
        geo.sees[kind, 1, u] = geo.sees[kind, 1, u] & ~(1 << w) | (1 if seen < -_SEES else 0) << w


@kernel
def _place_new(play: Play, geo: Geometry, kind: int) -> None:
    """Show new directions to the witnesses."""
    start, stop = geo.placed[kind], _directions(play, geo, kind)
    if start < stop:
        for w in range(WITNESSES):
            _place(play, geo, kind, w, start, stop)
        geo.placed[kind] = stop


@kernel
def _add_witness(inst: Instance, play: Play, geo: Geometry, j: int, vector: Any, start: int, scale: float) -> None:
    """Keep scale × vector (from an index on) as the newest witness of neuron j's kind."""
    kind = inst.kinds[j]
    w = geo.newest[kind]
    geo.newest[kind] = (w + 1) % WITNESSES
    for q in range(geo.witness.shape[2]):
        geo.witness[kind, w, q] = scale * vector[start + q] if start + q < vector.size else 0.0
    _place(play, geo, kind, w, 0, geo.placed[kind])
    _note_respecting(inst, play, geo, j)


@kernel
def _note_respecting(inst: Instance, play: Play, geo: Geometry, j: int) -> None:
    """Which witnesses see all generators of neuron j on their side, or near the plane."""
    kind, wrong = inst.kinds[j], 0
    for g in range(geo.count[j]):
        literal = geo.decided[j, g]
        wrong |= geo.sees[kind, 1 - (literal & 1), (literal >> 1) - j * play.points.size]
    geo.respecting[0] = ~wrong


@kernel
def _possible(geo: Geometry, kind: int, u: int, side: int) -> bool:
    """Whether a witness that respects the decisions sees direction u on the active side (0) or the inactive one (1)."""
    return geo.respecting[0] & geo.sees[kind, side, u] != 0


@kernel
def _is_open(geo: Geometry, kind: int, u: int) -> bool:
    """Whether witnesses show that direction u is not implied."""
    return _possible(geo, kind, u, 0) and _possible(geo, kind, u, 1)


@kernel
def _test(inst: Instance, play: Play, geo: Geometry, j: int, v: int, side: float) -> int:
    """Is side × direction in the cone of the generators? If not, the residual becomes a witness."""
    for q in range(play.direction.shape[1]):
        geo.cone.target[q] = side * play.direction[v, q]
    size = in_cone(geo.cone, geo.generators[j], geo.count[j])
    if size == OUTSIDE:
        square = 0.0
        for q in range(geo.cone.residual.size):
            square += geo.cone.residual[q] * geo.cone.residual[q]
        _add_witness(inst, play, geo, j, geo.cone.residual, 0, -1.0 / np.sqrt(square))
    return size


@kernel
def check_new_literals(inst: Instance, play: Play, asg: Assignment, geo: Geometry, conflict: Any) -> int:
    """Are the new literals possible beside the older ones? Size of the conflict, literals in `conflict`; or 0.

    A conflict is a set of false literals.
    """
    while asg.counts[CHECKED] < asg.counts[TRAIL]:
        literal = asg.trail[asg.counts[CHECKED]]
        asg.counts[CHECKED] += 1
        v = literal >> 1
        j = play.neuron[v]
        u = v - j * play.points.size
        if asg.reason[v] == GEOMETRY or u >= geo.sees.shape[2]:
            continue
        if geo.count[j] > 0:
            _place_new(play, geo, inst.kinds[j])
            _note_respecting(inst, play, geo, j)
            if not _possible(geo, inst.kinds[j], u, literal & 1):
                size = _test(inst, play, geo, j, v, -float(asg.value[v]))
                if size > 0:
                    for e in range(size):
                        conflict[e] = geo.decided[j, geo.cone.passive[e]] ^ 1
                    conflict[size] = literal ^ 1
                    return size + 1
        _add_generator(play, geo, j, literal)
    return 0


@kernel
def _add_generator(play: Play, geo: Geometry, j: int, literal: int) -> None:
    """A decided literal of neuron j from now on counts."""
    g, side = geo.count[j], -1.0 if literal & 1 else 1.0
    geo.decided[j, g] = literal
    for q in range(play.direction.shape[1]):
        geo.generators[j, g, q] = side * play.direction[literal >> 1, q]
    geo.count[j] += 1
    geo.age[j] += 1
    geo.dirty[j] = True


@kernel
def drop_undone(asg: Assignment, geo: Geometry) -> None:
    """After a backjump, before anything is assigned: only literals that are still on the trail count."""
    for j in range(geo.count.size):
        while geo.count[j] > 0 and asg.value[geo.decided[j, geo.count[j] - 1] >> 1] == 0:
            geo.count[j] -= 1
        geo.dirty[j] = False


@kernel
def imply(inst: Instance, play: Play, asg: Assignment, geo: Geometry, theta: Any) -> int:
    """Assign what the decided directions of the dirty neurons imply, as far as it is cheap; how many literals."""
    added = 0
    for j in range(geo.dirty.size):
        if geo.dirty[j]:
            geo.dirty[j] = False
            kind, first, wanted = inst.kinds[j], j * play.points.size, 0
            _place_new(play, geo, kind)
            _note_respecting(inst, play, geo, j)
            for u in range(_directions(play, geo, j) if geo.count[j] > 0 else 0):
                if asg.value[first + u] == 0 and not _is_open(geo, kind, u):
                    if _recall(inst, play, asg, geo, j, u):
                        added += 1
                    else:
                        geo.wanted[wanted] = u
                        wanted += 1
            if wanted > 0 and play.direction.shape[1] <= _EAGER:
                added += _imply_wanted(inst, play, asg, geo, theta, j, wanted)
    return added


@kernel
def imply_blocking(
    inst: Instance, play: Play, asg: Assignment, geo: Geometry, prices: Prices, theta: Any, tolerance: float
) -> int:
    """Assign what is implied of the variables that keep rows of violated points out; how many literals that were."""
    added = 0
    for j in range(inst.plus.size if play.direction.shape[1] > _EAGER else 0):
        kind, first, wanted = inst.kinds[j], j * play.points.size, 0
        _place_new(play, geo, kind)
        _note_respecting(inst, play, geo, j)
        for a in range(play.counts[0] if geo.count[j] > 0 else 0):
            v = blocking_variable(inst, play, prices, asg, j, a, tolerance)
            u = v - first
            if v >= 0 and u < geo.placed[kind] and geo.free[j, u] < geo.age[j] and not _is_open(geo, kind, u):
                geo.wanted[wanted] = u
                wanted += 1
        if wanted > 0:
            added += _imply_wanted(inst, play, asg, geo, theta, j, wanted)
    return added


@kernel
def _imply_wanted(inst: Instance, play: Play, asg: Assignment, geo: Geometry, theta: Any, j: int, wanted: int) -> int:
    """Assign those of neuron j's wanted directions that its decided ones imply; how many."""
    _witness_parameters(inst, play, geo, theta, j)
    added = 0
    for e in range(wanted):
        if asg.value[j * play.points.size + geo.wanted[e]] == 0:
            added += _find(inst, play, asg, geo, j, geo.wanted[e])
    return added


@kernel
def _witness_parameters(inst: Instance, play: Play, geo: Geometry, theta: Any, j: int) -> None:
    """The program's parameters of neuron j become a witness."""
    square = 0.0
    for q in range(inst.place[j], inst.place[j + 1]):
        square += theta[q] * theta[q]
    if square > 1e-18:
        _add_witness(inst, play, geo, j, theta[: inst.place[j + 1]], inst.place[j], 1.0 / np.sqrt(square))


@kernel
def _recall(inst: Instance, play: Play, asg: Assignment, geo: Geometry, j: int, u: int) -> bool:
    """Assign direction u if an earlier reason has only true literals; whether there was one."""
    first, kind = j * play.points.size, inst.kinds[j]
    for r in range(min(geo.found[kind, u], REASONS)):
        size, e = geo.reason[kind, u, r, 1], 0
        while e < size and truth(asg.value, 2 * first + geo.reason[kind, u, r, 2 + e]) > 0:
            e += 1
        if e == size:
            _assign_for(asg, geo, kind, r, u, first)
            return True
    return False


@kernel
def _assign_for(asg: Assignment, geo: Geometry, kind: int, r: int, u: int, first: int) -> None:
    """Assign direction u of the neuron whose variables start at `first` for a kept reason."""
    v, size = first + u, geo.reason[kind, u, r, 1]
    for e in range(size):
        asg.cone_literals[v, e] = (2 * first + geo.reason[kind, u, r, 2 + e]) ^ 1
    asg.cone_size[v] = size
    assign(asg, 2 * v + geo.reason[kind, u, r, 0], GEOMETRY)


@kernel
def _find(inst: Instance, play: Play, asg: Assignment, geo: Geometry, j: int, u: int) -> int:
    """1 if the generators imply direction u, which is assigned then and whose reason is kept; else 0."""
    first, kind = j * play.points.size, inst.kinds[j]
    geo.free[j, u] = geo.age[j]
    for side in range(2):
        if _possible(geo, kind, u, 1 - side):
            continue
        size = _test(inst, play, geo, j, first + u, 1.0 - 2.0 * side)
        if size > 0:
            r = geo.found[kind, u] % REASONS
            geo.found[kind, u] += 1
            geo.reason[kind, u, r, 0], geo.reason[kind, u, r, 1] = side, size
            for e in range(size):
                geo.reason[kind, u, r, 2 + e] = geo.decided[j, geo.cone.passive[e]] - 2 * first
            _assign_for(asg, geo, kind, r, u, first)
            return 1
    return 0
