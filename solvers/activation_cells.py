"""Realizable activation patterns of one neuron: the cells of the arrangement {u : a_i · u = 0} in parameter space.

The rows a_i are the neuron's feature rows (x_i on its support, and 1 for a free bias). A network with activations on
the boundary of a cell belongs to that closed cell too, so cells of full dimension suffice.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

from sparseopt.rationals import FloatArray

MARGIN = 1e-8
"""A cell counts if some u in [-1, 1]^m has |a_i · u| > MARGIN for all rows a_i of unit length."""


def cell_count_bound(rows: int, dimension: int) -> int:
    """At most this many cells: 2 Σ_{i<m} C(P-1, i) for P distinct rows in m dimensions (all in general position)."""
    return 2 * sum(comb(max(rows - 1, 0), i) for i in range(dimension))


def activation_cells(features: FloatArray) -> npt.NDArray[np.bool_]:
    """All realizable activation patterns.

    Parameters
    ----------
    features : ndarray, shape (P, m)
        Rows a_i, m ≥ 1.

    Returns
    -------
    ndarray of bool, shape (cells, P)
        True where a_i · u > 0 in the cell's interior; True for rows of zeros, whose sign does not matter.

    Examples
    --------
    >>> x = np.array([[-1.0, 1.0], [0.0, 1.0], [2.0, 1.0]])
    >>> len(activation_cells(x)) == cell_count_bound(3, 2) == 6
    True
    """
    unique, inverse = np.unique(features, axis=0, return_inverse=True)
    lengths = np.linalg.norm(unique, axis=1)
    solid = lengths > 0
    rows = unique[solid] / lengths[solid, None]
    patterns = np.ones((1, 0), dtype=bool) if not len(rows) else _cells(rows)
    full = np.ones((len(patterns), len(unique)), dtype=bool)
    full[:, solid] = patterns
    return full[:, inverse.reshape(-1)]


def _cells(rows: FloatArray) -> npt.NDArray[np.bool_]:
    if rows.shape[1] == 1:
        return np.stack([rows[:, 0] > 0, rows[:, 0] < 0])
    return _cells_of_plane(rows) if rows.shape[1] == 2 else _cells_by_insertion(rows)


def _cells_of_plane(rows: FloatArray) -> npt.NDArray[np.bool_]:
    """m = 2: the directions where a_i · u = 0 cut the circle into arcs; take each arc's middle."""
    walls = np.unique(np.mod(np.arctan2(rows[:, 1], rows[:, 0]) + np.pi / 2, np.pi))
    ends = np.append(walls, walls[0] + np.pi)
    middle = (ends[:-1] + ends[1:]) / 2
    u = np.stack([np.cos(middle), np.sin(middle)], axis=1)
    half = np.unique(u @ rows.T > 0, axis=0)
    return np.unique(np.concatenate([half, ~half]), axis=0)


def _cells_by_insertion(rows: FloatArray) -> npt.NDArray[np.bool_]:
    """Insert the rows one by one; a cell's own interior point decides one side, a linear program the other."""
    cells: list[tuple[FloatArray, FloatArray]] = [(np.zeros(0), np.zeros(rows.shape[1]))]
    for count, row in enumerate(rows):
        grown: list[tuple[FloatArray, FloatArray]] = []
        for signs, inner in cells:
            value = float(row @ inner)
            side = 1.0 if value >= 0 else -1.0
            for new in (side, -side):
                extended = np.append(signs, new)
                if new == side and abs(value) > MARGIN:
                    grown.append((extended, inner))
                elif (point := _interior_point(extended[:, None] * rows[: count + 1])) is not None:
                    grown.append((extended, point))
        cells = grown
    return np.array([signs > 0 for signs, _ in cells])


def _interior_point(rows: FloatArray) -> FloatArray | None:
    """The u in [-1, 1]^m with the largest min_i rows_i · u, if that is more than MARGIN."""
    from scipy.optimize import linprog

    m = rows.shape[1]
    found = linprog(
        np.append(np.zeros(m), -1.0),
        A_ub=np.column_stack([-rows, np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        bounds=[(-1, 1)] * m + [(None, 1)],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.status != 0 or found.x is None:
        raise ArithmeticError(f"the linear program of a cell's interior failed: {found.message}")
    u = np.asarray(found.x[:m])
    return u if float((rows @ u).min()) > MARGIN else None
