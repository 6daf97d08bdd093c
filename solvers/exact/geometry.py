"""Geometry as propagation: a direction in the cone of decided directions has its activation decided too.

If u_v = Σ λ_a u_a (a decided active) - Σ μ_c u_c (c decided inactive) with λ, μ ≥ 0, then u_v · θ_j ≥ 0, so v may be
taken active; mirrored for inactive. The directions with positive coefficients are the reason. Witness vectors, each a
possible θ_j, answer most questions without a cone computation: a variable that two witnesses see on both sides is free.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.assignment import CHECKED, GEOMETRY, TRAIL, Assignment, assign, true_literal
from sparseopt.solvers.exact.cone import OUTSIDE, ConeWork, in_cone, new_cone_work
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.play import Play

WITNESSES = 24
_SEES = 1e-8
"""A witness sees a direction on one side if their scalar product is larger than this."""
_HOLDS = -1e-10
"""A witness respects a decision if its scalar product with the signed direction is at least this."""


class Geometry(NamedTuple):
    """Witness vectors per neuron (a ring), and which neurons have new decisions or variables."""

    witness: Any
    newest: Any
    respects: Any
    dirty: Any
    owner: Any
    cone: ConeWork


def new_geometry(play: Play) -> Geometry:
    """No witnesses."""
    k, (variables, m) = play.known.size, play.direction.shape
    return Geometry(
        np.zeros((k * WITNESSES, m)),
        np.zeros(k, dtype=np.int64),
        np.zeros(WITNESSES, dtype=np.bool_),
        np.zeros(k, dtype=np.bool_),
        np.empty(variables // max(k, 1), dtype=np.int64),
        new_cone_work(variables // max(k, 1), m),
    )


@kernel
def _dot(A: Any, a: int, B: Any, b: int) -> float:
    """Scalar product of row a of A and row b of B."""
    total = 0.0
    for q in range(B.shape[1]):
        total += A[a, q] * B[b, q]
    return total


@kernel
def _add_witness(geo: Geometry, j: int, vector: Any, scale: float) -> int:
    """Keep scale × vector as neuron j's newest witness; returns its row."""
    w = j * WITNESSES + geo.newest[j]
    geo.newest[j] = (geo.newest[j] + 1) % WITNESSES
    for q in range(vector.size):
        geo.witness[w, q] = scale * vector[q]
    return w


@kernel
def _gather(play: Play, asg: Assignment, geo: Geometry, j: int, before: int) -> int:
    """Signed directions of neuron j's decided variables (not those implied by geometry) as generators; their number."""
    count = 0
    first = j * play.present.size
    for v in range(first, first + play.known[j]):
        if asg.value[v] != 0 and asg.reason[v] != GEOMETRY and asg.position[v] < before:
            for q in range(play.direction.shape[1]):
                geo.cone.generators[count, q] = asg.value[v] * play.direction[v, q]
            geo.owner[count] = v
            count += 1
    return count


@kernel
def _respected(witness: Any, w: int, generators: Any, count: int) -> bool:
    """Whether witness w has a non-negative product with all generators."""
    for a in range(count):  # noqa: SIM110, a generator expression would not compile
        if _dot(witness, w, generators, a) < _HOLDS:
            return False
    return True


@kernel
def _test(play: Play, geo: Geometry, j: int, v: int, side: float, count: int) -> int:
    """Is side × direction in the cone of the generators? If not, the residual becomes a witness."""
    m = play.direction.shape[1]
    for q in range(m):
        geo.cone.target[q] = side * play.direction[v, q]
    size = in_cone(geo.cone, count, m)
    if size == OUTSIDE:
        square = 0.0
        for q in range(m):
            square += geo.cone.residual[q] * geo.cone.residual[q]
        _add_witness(geo, j, geo.cone.residual, -1.0 / np.sqrt(square))
    return size


@kernel
def check_new_literals(play: Play, asg: Assignment, geo: Geometry, conflict: Any) -> int:
    """Are the new literals possible beside the older ones? Size of the conflict, literals in `conflict`; or 0.

    A conflict is a set of false literals.
    """
    while asg.counts[CHECKED] < asg.counts[TRAIL]:
        literal = asg.trail[asg.counts[CHECKED]]
        asg.counts[CHECKED] += 1
        v = literal >> 1
        if asg.reason[v] == GEOMETRY:
            continue
        j = play.neuron[v]
        geo.dirty[j] = True
        count = _gather(play, asg, geo, j, asg.position[v])
        if count == 0:
            continue
        side = float(asg.value[v])
        seen = False
        for w in range(j * WITNESSES, (j + 1) * WITNESSES):
            if side * _dot(geo.witness, w, play.direction, v) > _SEES and _respected(
                geo.witness, w, geo.cone.generators, count
            ):
                seen = True
                break
        if seen:
            continue
        size = _test(play, geo, j, v, -side, count)
        if size > 0:
            for e in range(size):
                conflict[e] = true_literal(asg, geo.owner[geo.cone.passive[e]]) ^ 1
            conflict[size] = literal ^ 1
            return size + 1
    return 0


@kernel
def imply(inst: Instance, play: Play, asg: Assignment, geo: Geometry, theta: Any) -> int:
    """Assign what the decided directions of the dirty neurons imply; how many literals that were."""
    added = 0
    for j in range(geo.dirty.size):
        if geo.dirty[j]:
            geo.dirty[j] = False
            added += _imply_neuron(inst, play, asg, geo, theta, j)
    return added


@kernel
def _imply_neuron(inst: Instance, play: Play, asg: Assignment, geo: Geometry, theta: Any, j: int) -> int:
    count = _gather(play, asg, geo, j, asg.value.size)
    if count == 0:
        return 0
    start, stop = inst.place[j], inst.place[j + 1]
    length = 0.0
    for q in range(start, stop):
        length += theta[q] * theta[q]
    if length > 1e-18:
        w = j * WITNESSES + geo.newest[j]
        geo.newest[j] = (geo.newest[j] + 1) % WITNESSES
        for q in range(stop - start):
            geo.witness[w, q] = theta[start + q] / np.sqrt(length)
    for w in range(WITNESSES):
        geo.respects[w] = _respected(geo.witness, j * WITNESSES + w, geo.cone.generators, count)
    added = 0
    first = j * play.present.size
    for v in range(first, first + play.known[j]):
        if asg.value[v] == 0:
            added += _imply_variable(play, asg, geo, j, v, count)
    return added


@kernel
def _imply_variable(play: Play, asg: Assignment, geo: Geometry, j: int, v: int, count: int) -> int:
    """1 if the variable's value follows from the generators, which then are its reason; else 0."""
    above, below = False, False
    for w in range(WITNESSES):
        if geo.respects[w]:
            seen = _dot(geo.witness, j * WITNESSES + w, play.direction, v)
            above = above or seen > _SEES
            below = below or seen < -_SEES
            if above and below:
                return 0
    for side in (1.0, -1.0):
        if (side > 0 and below) or (side < 0 and above):
            continue
        w = geo.newest[j]
        size = _test(play, geo, j, v, side, count)
        if size > 0:
            asg.cone_size[v] = size
            for e in range(size):
                asg.cone_literals[v, e] = true_literal(asg, geo.owner[geo.cone.passive[e]]) ^ 1
            assign(asg, 2 * v if side > 0 else 2 * v + 1, GEOMETRY)
            return 1
        if size == OUTSIDE:
            geo.respects[w] = _respected(geo.witness, j * WITNESSES + w, geo.cone.generators, count)
            if geo.respects[w]:
                seen = _dot(geo.witness, j * WITNESSES + w, play.direction, v)
                above = above or seen > _SEES
                below = below or seen < -_SEES
    return 0
