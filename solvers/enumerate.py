"""``enumerate``: every sign class × every realizable activation cell × the cell's LP or QP.

Slow, simple, exact in theory (Theorem S): the reference that other solvers are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from math import comb, prod
from typing import Any

import numpy as np
from sparseopt.models.cell import cell_of
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.activation_cells import activation_cells, cell_count_bound
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control

from sparseopt.errors import InputError
from sparseopt.rationals import FloatArray

MAX_CELLS = 200_000

OPTIONS = {
    "max_cells": "refuse problems with more cells than this",
    "weight_limit": "restrict the parameters of the scaled problem to this box (for comparison with milp)",
}


def run(fit: ScalarFit, control: Control, max_cells: int = MAX_CELLS, weight_limit: float | None = None) -> None:
    """Enumerate the cells of a scalar fit.

    Raises
    ------
    InputError
        If there may be more than `max_cells` cells.
    """
    control.weight_limit = weight_limit
    if (count := count_cells(fit)) > max_cells:
        raise InputError(
            f"solver enumerate: up to {count:,} cells, more than max_cells = {max_cells:,}; "
            "use another solver, fewer neurons or raise max_cells"
        )
    control.points = fit.n_points
    solver = CellSolver(fit, weight_limit)
    least = float("inf")
    patterns: dict[tuple[tuple[int, ...], bool], np.ndarray[Any, np.dtype[np.bool_]]] = {}
    for neuron, features in zip(fit.neurons, fit.features, strict=True):
        if neuron.kind not in patterns:
            patterns[neuron.kind] = activation_cells(features)
    for signs in fit.sign_classes():
        for activations in _cells(fit, signs, patterns):
            control.check()
            value, theta = solver.solve(cell_of(fit, signs, activations))
            control.nodes += 1
            least = min(least, value)
            if value < control.objective:
                control.incumbent(fit.loss_of(fit.predict(signs, theta)), (signs, theta))
    control.raise_bound(least)


def count_cells(fit: ScalarFit) -> int:
    """At most so many cells over all sign classes."""
    per_kind = {}
    for neuron, features in zip(fit.neurons, fit.features, strict=True):
        per_kind[neuron.kind] = cell_count_bound(len(np.unique(features, axis=0)), neuron.size)
    total = 0
    for signs in fit.sign_classes():
        total += prod(
            comb(per_kind[kind] + len(members) - 1, len(members)) for (kind, _), members in _alike(fit, signs).items()
        )
    return total


def _alike(fit: ScalarFit, signs: FloatArray) -> dict[tuple[tuple[tuple[int, ...], bool], float], list[int]]:
    """Neurons by kind and sign: those of one class are interchangeable."""
    classes: dict[tuple[tuple[tuple[int, ...], bool], float], list[int]] = {}
    for j, (neuron, sign) in enumerate(zip(fit.neurons, signs, strict=True)):
        classes.setdefault((neuron.kind, float(sign)), []).append(j)
    return classes


def _cells(
    fit: ScalarFit, signs: FloatArray, patterns: dict[Any, Any]
) -> Iterator[np.ndarray[Any, np.dtype[np.bool_]]]:
    """Activations, shape (P, k), up to exchanging interchangeable neurons."""
    classes = _alike(fit, signs)
    choices = [
        combinations_with_replacement(range(len(patterns[kind])), len(members))
        for (kind, _), members in classes.items()
    ]
    for picks in product(*choices):
        activations = np.zeros((fit.n_points, len(fit.neurons)), dtype=bool)
        for ((kind, _), members), pick in zip(classes.items(), picks, strict=True):
            activations[:, members] = patterns[kind][list(pick)].T
        yield activations
