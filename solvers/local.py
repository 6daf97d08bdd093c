"""``local``: multi-start local search; returns the best network found and never claims optimality.

Scalar fits: start at random hinges through data points, minimise over the cell, and move on to the neighbouring cells
that the minimiser touches until none is better. Other patterns: the best affine map, then gradient training from
random starts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sparseopt.models.affine_fit import affine_fit_problem
from sparseopt.models.cell import cell_of
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control
from sparseopt.solvers.gradient import train

from sparseopt.existence.affine_data import affine_sequence
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray, exact_array

OPTIONS = {"starts": "number of random starts"}

_TOUCH = 1e-7
"""A point lies on a neuron's hinge if its scaled pre-activation is smaller than this times the largest."""


def run(fit: ScalarFit, control: Control, starts: int = 20) -> None:
    """Search over the cells of a scalar fit."""
    control.points = fit.n_points
    rng = np.random.default_rng(control.seed)
    solver = CellSolver(fit)
    classes = fit.sign_classes()
    for start in range(starts):
        signs = classes[start % len(classes)] if start < 2 * len(classes) else classes[rng.integers(len(classes))]
        _descend(fit, solver, control, signs, _random_activations(fit, rng))
        if control.closed:
            break


def run_network(problem: TrainingProblem, control: Control, starts: int = 20) -> None:
    """Start from the best affine map where it is realizable, then train from random starts."""
    rng = np.random.default_rng(control.seed)
    if (network := _affine_network(problem)) is not None:
        control.incumbent(problem.evaluate(network), network)
    for _ in range(starts):
        control.check()
        network = train(problem, rng)
        control.nodes += 1
        control.incumbent(problem.evaluate(network), network)
        if control.closed:
            break


def _affine_network(problem: TrainingProblem) -> Network | None:
    """The best affine map on the reachable support, realized with all ReLUs active; None if that is not possible."""
    model, A, c = affine_fit_problem(problem)
    # cvxpy's own choice would depend on what else is installed
    model.solve(solver="CLARABEL" if problem.loss is Loss.L2 else "HIGHS")
    if A.value is None:
        return None
    inputs = range(problem.pattern.n_inputs)
    found = affine_sequence(problem.pattern, problem.X_exact, exact_array(A.value), exact_array(c.value), inputs)
    return None if isinstance(found, str) or found.outside is not None else found.sequence.at(1)


def _random_activations(fit: ScalarFit, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Activations of neurons with random directions whose hinges pass through random data points."""
    columns = []
    for neuron, features in zip(fit.neurons, fit.features, strict=True):
        u = rng.normal(size=neuron.size)
        if neuron.bias:
            u[-1] = -(features[rng.integers(fit.n_points), :-1] @ u[:-1])
        columns.append(features @ u > 0)
    return np.stack(columns, axis=1) if columns else np.zeros((fit.n_points, 0), dtype=bool)


def _descend(fit: ScalarFit, solver: CellSolver, control: Control, signs: FloatArray, activations: Any) -> None:
    """Minimise over the cell, then flip the points that lie on a hinge, neuron by neuron, while that helps."""
    best, theta = _minimise(fit, solver, control, signs, activations)
    improved = True
    while improved:
        improved = False
        for j, (features, place) in enumerate(zip(fit.features, fit.places, strict=True)):
            pre = features @ theta[place]
            touching = np.abs(pre) <= _TOUCH * max(float(np.abs(pre).max()), 1e-300)
            if not touching.any():
                continue
            for flipped in (
                ~activations[:, j],
                np.ones(fit.n_points, dtype=bool),
                np.zeros(fit.n_points, dtype=bool),
            ):
                neighbour = activations.copy()
                neighbour[touching, j] = flipped[touching]
                if (neighbour == activations).all():
                    continue
                value, moved = _minimise(fit, solver, control, signs, neighbour)
                if value < best - 1e-9:
                    best, theta, activations, improved = value, moved, neighbour, True
                    break


def _minimise(
    fit: ScalarFit, solver: CellSolver, control: Control, signs: FloatArray, activations: Any
) -> tuple[float, FloatArray]:
    control.check()
    value, theta = solver.solve(cell_of(fit, signs, activations))
    control.nodes += 1
    if value < control.objective:
        control.incumbent(fit.loss_of(fit.predict(signs, theta)), (signs, theta))
    return value, theta
