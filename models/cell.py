"""One activation cell of a scalar fit: for fixed output signs and activations, an LP (linf, l1) or a QP (l2).

For signs s and activations Z ∈ {0,1}^{P×k} the predictions are G θ, and θ lies in the cone {S θ ≥ 0}:

    G θ = Σ_j s_j Z_ij (w_j · x_i + b_j) + v · x_V + c,        (2 Z_ij - 1)(w_j · x_i + b_j) ≥ 0.

    linf:  min t   s.t.  |G θ - y|_i ≤ t / ω_i         l1:  min Σ ω_i e_i  s.t.  |G θ - y| ≤ e
    l2:    min Σ ω_i r_i²  s.t.  r = G θ - y           all with S θ ≥ 0

θ = 0 satisfies every cone, so a cell is never infeasible. The least over all cells is the global optimum (Theorem S).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss
from sparseopt.rationals import FloatArray


@dataclass(frozen=True)
class Cell:
    """Predictions `G` θ on the cone `S` θ ≥ 0."""

    G: FloatArray
    S: FloatArray


def cell_of(fit: ScalarFit, signs: FloatArray, activations: npt.NDArray[np.bool_]) -> Cell:
    """The cell with output signs, shape (k,), and activations, shape (P, k)."""
    predictions, cone = [], []
    width = fit.n_parameters
    for j, (sign, features, place) in enumerate(zip(signs, fit.features, fit.places, strict=True)):
        active = activations[:, j]
        predictions.append(sign * active[:, None] * features)
        rows = np.zeros((fit.n_points, width))
        rows[:, place] = np.where(active, 1.0, -1.0)[:, None] * features
        cone.append(rows)
    G = np.concatenate([*predictions, fit.linear_features], axis=1)
    S = np.unique(np.concatenate(cone), axis=0) if cone else np.zeros((0, width))
    return Cell(G, S)


def cell_problem(fit: ScalarFit, cell: Cell) -> tuple[Any, Any]:
    """The cell's LP or QP as a cvxpy problem.

    Returns
    -------
    problem : cvxpy.Problem
    theta : cvxpy.Variable
        Shape (n_parameters,), in the scaled units of the fit.
    """
    import cvxpy as cp

    theta = cp.Variable(fit.n_parameters, name="theta")
    constraints = [cell.S @ theta >= 0] if len(cell.S) else []
    objective, errors = loss_of(fit.loss, cell.G @ theta - fit.y, fit.weights)
    return cp.Problem(cp.Minimize(objective), constraints + errors), theta


def loss_of(loss: Loss, residual: Any, weights: FloatArray) -> tuple[Any, list[Any]]:
    """A loss of cvxpy residuals as (objective, constraints), with explicit error variables ``t`` (linf) or ``e`` (l1).

    The atoms max and abs are avoided: cvxpy 1.9 derives a wrong upper bound for max(ω |G θ - y|) and tells it HiGHS.
    """
    import cvxpy as cp

    if loss is Loss.L2:
        return cp.sum_squares(cp.multiply(np.sqrt(weights), residual)), []
    error = cp.Variable(name="t") if loss is Loss.LINF else cp.Variable(residual.shape, name="e")
    weighted = cp.multiply(weights, residual)
    return cp.sum(error), [weighted <= error, weighted >= -error]
