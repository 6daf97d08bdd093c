"""The basis at the decision that ended each level, for a warm start after a backjump."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.solvers.exact.basis import Basis, reset_basis
from sparseopt.solvers.exact.kernel import kernel


class Snapshots(NamedTuple):
    """The parts of a basis, with the level as first index."""

    theta: Any
    inverse: Any
    rows: Any
    code: Any
    blame: Any
    keys: Any
    key_code: Any
    key_blame: Any
    value: Any


MAX_BYTES = 2**28
"""Memory for the snapshots of one search; levels beyond it start cold after a backjump."""


def level_limit(basis: Basis) -> int:
    """How many levels fit into the memory."""
    return max(4, MAX_BYTES // sum(getattr(basis, name).nbytes for name in Snapshots._fields))


def new_snapshots(basis: Basis, levels: int) -> Snapshots:
    """Room for so many levels."""
    parts = (getattr(basis, name) for name in Snapshots._fields)
    return Snapshots(*(np.zeros((levels, *part.shape), dtype=part.dtype) for part in parts))


def more_snapshots(old: Snapshots, basis: Basis) -> Snapshots:
    """The same snapshots in twice the space, as far as the memory allows."""
    levels = old.value.shape[0]
    fresh = new_snapshots(basis, max(levels, min(2 * levels, level_limit(basis))))
    for new, kept in zip(fresh, old, strict=True):
        new[:levels] = kept
    return fresh


@kernel
def save(snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Keep the basis of a level, if there is room for it."""
    if level >= snapshots.value.shape[0]:
        return
    N = basis.theta.size
    snapshots.value[level, 0] = basis.value[0]
    for b in range(N):
        snapshots.theta[level, b] = basis.theta[b]
        for q in range(N + 1):
            snapshots.inverse[level, b, q] = basis.inverse[b, q]
            snapshots.rows[level, b, q] = basis.rows[b, q]
        for q in range(5):
            snapshots.code[level, b, q] = basis.code[b, q]
        for q in range(basis.blame.shape[1]):
            snapshots.blame[level, b, q] = basis.blame[b, q]
    for g in range(basis.kappa.size):
        for q in range(5):
            snapshots.key_code[level, g, q] = basis.key_code[g, q]
        for q in range(basis.blame.shape[1]):
            snapshots.key_blame[level, g, q] = basis.key_blame[g, q]
    for q in range(N + 1):
        for g in range(basis.kappa.size):
            snapshots.keys[level, q, g] = basis.keys[q, g]


@kernel
def restore(snapshots: Snapshots, basis: Basis, level: int) -> None:
    """Go back to the basis of a level, or to the starting basis if it was not kept."""
    if level >= snapshots.value.shape[0]:
        reset_basis(basis)
        return
    N = basis.theta.size
    basis.value[0] = snapshots.value[level, 0]
    for b in range(N):
        basis.theta[b] = snapshots.theta[level, b]
        for q in range(N + 1):
            basis.inverse[b, q] = snapshots.inverse[level, b, q]
            basis.rows[b, q] = snapshots.rows[level, b, q]
        for q in range(5):
            basis.code[b, q] = snapshots.code[level, b, q]
        for q in range(basis.blame.shape[1]):
            basis.blame[b, q] = snapshots.blame[level, b, q]
    for g in range(basis.kappa.size):
        for q in range(5):
            basis.key_code[g, q] = snapshots.key_code[level, g, q]
        for q in range(basis.blame.shape[1]):
            basis.key_blame[g, q] = snapshots.key_blame[level, g, q]
    for q in range(N + 1):
        for g in range(basis.kappa.size):
            basis.keys[q, g] = snapshots.keys[level, q, g]
