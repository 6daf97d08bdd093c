"""Two consecutive layers of real size: blocks that are not closed, or a proof of closedness, by linear algebra.

With N = M_2 M_1, the paths from every input to every output: an entry of a hidden neuron's rectangle R_j × C_j with
N = 1 is its *own*, with N > 1 it is *shared*.

- Not closed: a 2 × 2 block inside a rectangle with three own entries and one shared one. In that block the other
  neurons cover just the shared entry, which is then free: the 2 × 2 LU pattern (heredity).
- Not closed: r neurons with equal rectangles and r + 1 rows and columns of these with one entry that others share, the
  rest own (no other neuron has them): "rank ≤ r but for a corner". The case r = 1 is the one above.
- Closed: neurons with one input or one output give free entries; the other rectangles are equal or disjoint, and
  disjoint from the free entries: matrices of bounded rank on disjoint rectangles (rule P). Monarch, two-factor
  butterfly and block-diagonal masks are of this kind.
- Everything that the paths reach, so closed: in every column the outputs with a path can be matched into the neurons
  that hold them (Hall, rule F0), or the same for rows and inputs. If every entry has at least m paths, blocks with at
  most m outputs or m inputs are everything: they show nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import comb, isqrt
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from sparseopt.errors import InputError
from sparseopt.existence.kernels import Block

Mask = npt.NDArray[np.bool_]
MAX_WORK = 10**8
"""Blocks are counted until so many multiplications, and a larger rectangle in its first rows: then a lower bound."""
MAX_EDGES = 5 * 10**7
"""Matchings are looked for in graphs with at most so many edges in all."""
FEW_ROWS = 64
"""Rows that are looked at first, to see at little cost that rectangles overlap."""
SPARSE = 2e-3
"""Products of masks whose densities multiply to less are taken sparse."""


@dataclass(frozen=True)
class MaskReport:
    """What is known of two layers, taken as a network of their own.

    Attributes
    ----------
    sizes : (inputs, hidden, outputs)
    density : fraction of free weights
    closed : bool or None
        Whether the linear counterpart is closed; None if no proof applies.
    rule : str or None
        What shows that it is closed: F0 (everything) or P (disjoint rectangles).
    examined : int
        2 × 2 blocks within rectangles of hidden neurons; `counted_all` False: not all of them were looked at.
    blocks : int
        How many of these are not closed; `counted_all` False: at least so many.
    fewest_paths : paths of the entry with the fewest
    block : (outputs, inputs) or None
        The first of them, or without any a larger one, and `neuron`, a hidden neuron whose rectangle holds it.
    """

    sizes: tuple[int, int, int]
    density: float
    closed: bool | None
    rule: str | None
    examined: int
    blocks: int
    counted_all: bool
    fewest_paths: int
    block: Block | None = None
    neuron: int | None = None


def read_masks(path: str | PathLike[str]) -> list[tuple[str, Mask]]:
    """The two-dimensional arrays of an ``.npz`` file in its order, non-zero entries free.

    A single matrix is put between dense layers, as wide as itself on both sides.

    Raises
    ------
    InputError
        If the file cannot be read, holds no matrix, or two consecutive ones do not fit.
    """
    try:
        with np.load(Path(path)) as stored:
            masks = [(name, stored[name] != 0) for name in stored.files if stored[name].ndim == 2]
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not an .npz file of masks ({error})") from None
    if not masks:
        raise InputError(f"{path}: holds no matrix; give one mask (outputs, inputs) per layer, first layer first")
    if len(masks) == 1:
        outputs, inputs = masks[0][1].shape
        dense = (("dense", np.ones((n, n), dtype=bool)) for n in (inputs, outputs))
        return [next(dense), *masks, next(dense)]
    for (low, a), (high, b) in pairwise(masks):
        if a.shape[0] != b.shape[1]:
            raise InputError(
                f"{path}: {high} has {b.shape[1]} columns but {low} has {a.shape[0]} rows; "
                "store masks as (outputs, inputs), first layer first"
            )
    return masks


def scan(first: Mask, second: Mask) -> MaskReport:
    """Look for blocks that are not closed, or for a proof of closedness, in two masks (k, d) and (q, k)."""
    sizes = (first.shape[1], first.shape[0], second.shape[0])
    density = float(first.sum() + second.sum()) / (first.size + second.size)
    rows = [np.flatnonzero(column) for column in second.T]
    columns = [np.flatnonzero(row) for row in first]
    paths = _paths(second, first)
    shared, own = paths > 1, paths == 1
    near = own.any(axis=1), own.any(axis=0)  # rows and columns without own entries are in no such block
    owned = (_paths(second.T, own) * first).sum(axis=1) if own.any() else np.zeros(len(first))
    blocks, work, counted_all, found = 0, 0, True, None
    for j in np.flatnonzero(owned >= 3):
        R, C = rows[j][near[0][rows[j]]], columns[j][near[1][columns[j]]]
        inside = shared[np.ix_(R, C)]
        R, inside = R[~inside.all(axis=1)], inside[~inside.all(axis=1)]
        if not inside.any():
            continue
        most = max(2, isqrt(MAX_WORK // len(C)))
        counted_all &= len(R) <= most
        R, inside = R[:most], inside[:most]
        if (work := work + inside.shape[0] ** 2 * inside.shape[1]) > MAX_WORK and found is not None:
            counted_all = False
            break
        counts = _blocks_of_row_pairs(inside)
        blocks += int(counts.sum())
        if found is None and counts.any():
            found = (_block(shared, R, C), int(j))
    fewest = int(paths.min())
    examined = sum(comb(len(R), 2) * comb(len(C), 2) for R, C in zip(rows, columns, strict=True))
    if found := found or _with_a_corner(rows, columns, paths):
        return MaskReport(sizes, density, False, None, examined, blocks, counted_all, fewest, *found)
    rule = None
    if fewest >= min(paths.shape) or _full(second, first, paths) or _full(first.T, second.T, paths.T):
        rule = "F0"
    elif _disjoint(first, second, rows, columns):
        rule = "P"
    return MaskReport(sizes, density, True if rule else None, rule, examined, blocks, counted_all, fewest)


def _paths(second: Mask, first: Mask) -> Any:
    """Numbers of paths, exact in single precision below 2²⁴; sparse where that is faster."""
    if first.mean() * second.mean() < SPARSE:
        return (csr_array(second.astype(np.float32)) @ csr_array(first.astype(np.float32))).toarray()
    return second.astype(np.float32) @ first.astype(np.float32)


def _blocks_of_row_pairs(shared: Mask) -> Any:
    """For each pair of rows r < s: the pairs of columns with three own entries and one shared one."""
    other = shared.astype(np.float32)
    own = 1 - other
    mixed = other @ own.T
    return np.triu((own @ own.T).astype(np.int64) * (mixed + mixed.T).astype(np.int64), k=1)


def _block(shared: Mask, R: Any, C: Any) -> Block:
    inside = shared[np.ix_(R, C)]
    i, j = map(int, np.argwhere(_blocks_of_row_pairs(inside) > 0)[0])
    both = int(np.flatnonzero(~inside[i] & ~inside[j])[0])
    mixed = int(np.flatnonzero(inside[i] != inside[j])[0])
    return (int(R[i]), int(R[j])), (int(C[min(both, mixed)]), int(C[max(both, mixed)]))


def _full(second: Mask, first: Mask, paths: Any) -> bool:
    """Whether in every column the rows with a path can be matched into the column's neurons."""
    if ((paths > 0).sum(axis=0) > first.sum(axis=0)).any():
        return False
    _, place = np.unique(np.packbits(first, axis=0), axis=1, return_index=True)  # equal columns are asked once
    columns = first.T[place]
    if int(columns.sum(axis=0) @ second.sum(axis=0)) > MAX_EDGES:
        return False
    by_neuron = csr_array(second.T)
    for column, reached in zip(columns, paths.T[place] > 0, strict=True):
        matched = maximum_bipartite_matching(by_neuron[np.flatnonzero(column)], perm_type="row")
        if (matched[reached] < 0).any():
            return False
    return True


def _with_a_corner(rows: list[Any], columns: list[Any], paths: Any) -> tuple[Block, int] | None:
    """r + 1 rows and columns that r equal neurons hold, alone but for one entry; and one of these neurons."""
    kinds: dict[tuple[bytes, bytes], list[int]] = {}
    with_own: dict[int, tuple[Any, Any]] = {}
    for j, (R, C) in enumerate(zip(rows, columns, strict=True)):
        kinds.setdefault((R.tobytes(), C.tobytes()), []).append(j)
    for j, *others in kinds.values():
        if not others:
            continue
        r = 1 + len(others)
        if r not in with_own:
            with_own[r] = (paths == r).any(axis=1), (paths == r).any(axis=0)
        R, C = rows[j][with_own[r][0][rows[j]]], columns[j][with_own[r][1][columns[j]]]
        own = paths[np.ix_(R, C)] == r
        near = own.sum(axis=1) >= r, own.sum(axis=0) >= r  # others are in no such block
        if min(near[0].sum(), near[1].sum()) <= r:
            continue
        R, C = R[near[0]], C[near[1]]
        own, kind, count = np.unique(own[np.ix_(*near)], axis=0, return_inverse=True, return_counts=True)
        both, only_first = (own.astype(np.float32) @ x.astype(np.float32).T for x in (own, ~own))
        for a, b in np.argwhere((both >= r) & (only_first > 0) & (count >= r)[:, None])[:1]:
            outputs = [*R[np.flatnonzero(kind == a)[:r]], R[np.flatnonzero(kind == b)[0]]]
            inputs = [*C[np.flatnonzero(own[a] & own[b])[:r]], C[np.flatnonzero(own[a] & ~own[b])[0]]]
            return (tuple(sorted(map(int, outputs))), tuple(sorted(map(int, inputs)))), j
    return None


def _disjoint(first: Mask, second: Mask, rows: list[Any], columns: list[Any]) -> bool:
    """Whether rectangles are equal or disjoint, apart from free entries, and disjoint from these."""
    kinds: dict[tuple[bytes, bytes], int] = {}
    for j, (R, C) in enumerate(zip(rows, columns, strict=True)):
        if min(len(R), len(C)) >= 2:
            kinds.setdefault((R.tobytes(), C.tobytes()), j)
    if not kinds:
        return True
    lines = [j for j, (R, C) in enumerate(zip(rows, columns, strict=True)) if min(len(R), len(C)) == 1]
    one_each = _paths(second[:FEW_ROWS, list(kinds.values())], first[list(kinds.values())])
    if one_each.max() > 1:
        return False
    one_each = _paths(second[:, list(kinds.values())], first[list(kinds.values())])
    if not lines:
        return bool(one_each.max() <= 1)
    return bool(one_each.max() <= 1) and not bool((one_each * _paths(second[:, lines], first[lines])).any())
