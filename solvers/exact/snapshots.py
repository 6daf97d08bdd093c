"""The basis at the decision that ended each level, for a warm start after a backjump."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.instance import Instance
from sparseopt.solvers.exact.kernel import kernel
from sparseopt.solvers.exact.simplex import Basis, reset_basis, sum_errors


class Snapshots(NamedTuple):
    """The parts of a basis, with the level as first index."""

    inverse: Any
    point: Any
    code: Any
    slope: Any


MAX_BYTES = 2**28
"""Memory for the snapshots of one search; levels beyond it start cold after a backjump."""


def level_limit(n: int) -> int:
    """How many levels of n × (n + 1) inverses fit into the memory."""
    return max(4, MAX_BYTES // (8 * n * (n + 6)))


def new_snapshots(levels: int, n: int) -> Snapshots:
    """Room for so many levels."""
    return Snapshots(
        np.zeros((levels, n, n + 1)),
        np.zeros((levels, n)),
        np.zeros((levels, n, 3), dtype=np.int64),
        np.zeros((levels, n)),
    )


def more_snapshots(old: Snapshots) -> Snapshots:
    """The same snapshots in twice the space, as far as the memory allows."""
    levels, n = old.point.shape
    fresh = new_snapshots(max(levels, min(2 * levels, level_limit(n))), n)
    for new, kept in zip(fresh, old, strict=True):
        new[:levels] = kept
    return fresh


@kernel
def save(snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Keep the basis of a level, if there is room for it."""
    n = basis.point.size
    if level >= snapshots.point.shape[0]:
        return
    for b in range(n):
        snapshots.point[level, b] = basis.point[b]
        snapshots.slope[level, b] = basis.slope[b]
        for q in range(n + 1):
            snapshots.inverse[level, b, q] = basis.inverse[b, q]
        for q in range(3):
            snapshots.code[level, b, q] = basis.code[b, q]


@kernel
def restore(inst: Instance, snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Go back to the basis of a level, or to the starting basis if it was not kept."""
    n = basis.point.size
    if level >= snapshots.point.shape[0]:
        reset_basis(basis, inst.errors)
        return
    for b in range(n):
        basis.point[b] = snapshots.point[level, b]
        basis.slope[b] = snapshots.slope[level, b]
        for q in range(n + 1):
            basis.inverse[b, q] = snapshots.inverse[level, b, q]
        for q in range(3):
            basis.code[b, q] = snapshots.code[level, b, q]
    sum_errors(inst, basis)
