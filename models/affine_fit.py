"""The best affine map on a pattern's reachable support, as a cvxpy LP (linf, l1) or QP (l2).

    min over A, c  loss(X Aᵀ + 1 cᵀ - Y),   A_oi = 0 unless a path (or a skip) leads from input i to output o.

The linear counterpart 𝓛 lies in this coordinate subspace. The value is an upper bound on the infimum of the training
loss wherever the map is realizable: A in 𝓛 or its closure and the biases free (large biases make the network affine on
the data). For data of theorem N the value is 0, the infimum, and A is the limit matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sparseopt.models.cell import loss_of

from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem


def reachable_support(pattern: SparsityPattern) -> npt.NDArray[np.bool_]:
    """Shape (q, d): which outputs a path from which inputs leads to."""
    paths = np.eye(pattern.n_inputs, dtype=bool)
    for mask in pattern.masks:
        paths = mask.astype(int) @ paths.astype(int) > 0
    return paths if pattern.skip is None else paths | pattern.skip


def affine_fit_problem(problem: TrainingProblem) -> tuple[Any, Any, Any]:
    """The model.

    Returns
    -------
    model : cvxpy.Problem
    A : cvxpy.Expression, shape (q, d)
    c : cvxpy.Expression, shape (q,)
        Zero for outputs without a free bias.
    """
    import cvxpy as cp

    support = reachable_support(problem.pattern).astype(float)
    bias = problem.pattern.biases[-1].astype(float)
    A = cp.multiply(support, cp.Variable(support.shape, name="A"))
    c = cp.multiply(bias, cp.Variable(bias.shape, name="c"))
    residual = problem.X @ A.T + np.ones((problem.n_points, 1)) @ cp.reshape(c, (1, len(bias)), order="C") - problem.Y
    weights = np.tile(problem.weights[:, None], (1, len(bias)))
    objective, errors = loss_of(problem.loss, residual, weights)
    return cp.Problem(cp.Minimize(objective), errors), A, c
