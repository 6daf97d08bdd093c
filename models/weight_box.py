"""The fit of any pattern within a weight box, for a global solver: bilinear, with binaries for activations (Pyomo).

Every weight and bias lies in [-R, R], R the ``weight_limit``, in the units of the problem. With a_k the values of the
layer below (first the point's inputs), neuron i of layer l has on point n

    p = Σ_k w[l,i,k] a_k + b[l,i]                     bilinear from the second layer on
    h[l,i,n] ≥ 0,  p ≤ h ≤ p + M (1 - z),  h ≤ M z    h = σ(p), z[l,i,n] ∈ {0,1}; M = R (Σ_k max a_k + 1) ≥ |p|
    full[l,i,m,s] = 1 ⇒ s θ_m ≥ R,  Σ full = 1        θ the neuron's parameters: one of them is ±R

The last line loses nothing: layer after layer, a hidden neuron's parameters can be multiplied by t ≥ 1 and the weights
that read it divided by t (positive homogeneity); one whose parameters are all zero may take others and not be read.
Without it the box holds continua of equal networks, all of which a branch and bound must cut up.

    linf:  ω_n |f_on - y_on| ≤ t     l1:  Σ ω_n |f_on - y_on| ≤ t     l2:  Σ ω_n (f_on - y_on)² ≤ t
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem


def weight_box_model(problem: TrainingProblem, weight_limit: float) -> Any:
    """Build the model: minimise ``t``, the loss, over the parameters ``w[l,i,k]``, ``b[l,i]``, ``skip[o,k]``."""
    import pyomo.environ as pyo

    pattern, R = problem.pattern, float(weight_limit)
    m = pyo.ConcreteModel(name="weight_box")
    m.w, m.b, m.skip = (pyo.Var(pyo.Any, dense=False, bounds=(-R, R)) for _ in range(3))
    m.z, m.full = (pyo.Var(pyo.Any, dense=False, within=pyo.Binary) for _ in range(2))
    m.h = pyo.Var(pyo.Any, dense=False, within=pyo.NonNegativeReals)
    m.t = pyo.Var(within=pyo.NonNegativeReals)
    m.loss = pyo.Objective(expr=m.t)
    m.rows = pyo.ConstraintList()
    seen = [int(k) for k in np.flatnonzero(problem.X.any(axis=0))]  # other inputs have no effect on these points
    residuals = []
    for n, x in enumerate(problem.X):
        values: dict[int, tuple[Any, float]] = {k: (float(x[k]), abs(float(x[k]))) for k in seen}  # with largest size
        for layer, mask in enumerate(pattern.masks):
            above = {}
            for i, row in enumerate(mask):
                read = [(m.w[layer, i, k], *values[k]) for k in map(int, np.flatnonzero(row)) if k in values]
                read += [(m.b[layer, i], 1.0, 1.0)] if pattern.biases[layer][i] else []
                pre = sum(theta * value for theta, value, _ in read)
                if layer == pattern.depth - 1:
                    direct = [] if pattern.skip is None else [k for k in seen if pattern.skip[i, k]]
                    fitted = pre + sum(m.skip[i, k] * float(x[k]) for k in direct)
                    residuals.append((float(problem.weights[n]), fitted - float(problem.Y[n, i])))
                elif read:
                    if n == 0:
                        _one_is_full(m, (layer, i), [theta for theta, _, _ in read], R)
                    M = R * sum(size for *_, size in read)
                    h, z = m.h[layer, i, n], m.z[layer, i, n]
                    for row_of_model in (h >= pre, h <= pre + M * (1 - z), h <= M * z):
                        m.rows.add(row_of_model)
                    above[i] = h, M
            values = above
    _loss_rows(m, problem.loss, residuals)
    return m


def _one_is_full(m: Any, neuron: tuple[int, int], parameters: list[Any], R: float) -> None:
    """One parameter of a hidden neuron is R or -R."""
    choices = [(theta, sign, m.full[(*neuron, k, sign)]) for k, theta in enumerate(parameters) for sign in (1, -1)]
    for theta, sign, chosen in choices:
        m.rows.add(sign * theta >= R - 2 * R * (1 - chosen))
    m.rows.add(sum(chosen for *_, chosen in choices) == 1)


def _loss_rows(m: Any, loss: Loss, residuals: list[tuple[float, Any]]) -> None:
    """t is at least the loss of the weighted residuals."""
    if loss is Loss.L2:
        m.rows.add(sum(weight * residual**2 for weight, residual in residuals) <= m.t)
        return
    for k, (weight, residual) in enumerate(residuals):
        error = m.t if loss is Loss.LINF else m.h["error", k]
        m.rows.add(weight * residual <= error)
        m.rows.add(-weight * residual <= error)
    if loss is Loss.L1:
        m.rows.add(sum(m.h["error", k] for k in range(len(residuals))) <= m.t)


def network_of(problem: TrainingProblem, model: Any, weight_limit: float) -> Network:
    """The network of a solved model, parameters cut to the box."""
    pattern = problem.pattern

    def array(values: Any, shape: tuple[int, ...], *layer: int) -> Any:
        out = np.zeros(shape)
        for place in np.ndindex(*shape):
            index = (*layer, *place)
            out[place] = values[index].value if index in values else 0.0
        return np.clip(out, -weight_limit, weight_limit)

    weights = [array(model.w, mask.shape, layer) for layer, mask in enumerate(pattern.masks)]
    biases = [array(model.b, free.shape, layer) for layer, free in enumerate(pattern.biases)]
    skip = None if pattern.skip is None else array(model.skip, pattern.skip.shape)
    return Network(pattern, weights, biases, skip)
