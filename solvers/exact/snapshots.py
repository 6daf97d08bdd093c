"""The basis at the decision that ended each level, for a warm start after a backjump."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.basis import Basis, reset_basis
from sparseopt.solvers.exact.kernel import kernel


class Snapshots(NamedTuple):
    """The memory of a basis, with the level as first index."""

    floats: Any
    integers: Any


MAX_BYTES = 2**28
"""Memory for the snapshots of one search; levels beyond it start cold after a backjump."""


def level_limit(basis: Basis) -> int:
    """How many levels fit into the memory."""
    return max(4, MAX_BYTES // (basis.floats.nbytes + basis.integers.nbytes))


def new_snapshots(basis: Basis, levels: int) -> Snapshots:
    """Room for so many levels."""
    return Snapshots(np.empty((levels, basis.floats.size)), np.empty((levels, basis.integers.size), dtype=np.int64))


def more_snapshots(old: Snapshots, basis: Basis) -> Snapshots:
    """The same snapshots in twice the space, as far as the memory allows."""
    levels = len(old.floats)
    fresh = new_snapshots(basis, max(levels, min(2 * levels, level_limit(basis))))
    for new, kept in zip(fresh, old, strict=True):
        new[:levels] = kept
    return fresh


@kernel
def save(snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Keep the basis of a level, if there is room for it."""
    if level < snapshots.floats.shape[0]:
        for q in range(basis.floats.size):
            snapshots.floats[level, q] = basis.floats[q]
        for q in range(basis.integers.size):
            snapshots.integers[level, q] = basis.integers[q]


@kernel
def restore(snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Go back to the basis of a level, or to the starting basis if it was not kept."""
    if level >= snapshots.floats.shape[0]:
        reset_basis(basis)
        return
    for q in range(basis.floats.size):
        basis.floats[q] = snapshots.floats[level, q]
    for q in range(basis.integers.size):
        basis.integers[q] = snapshots.integers[level, q]
