"""Gradient training of any pattern: L-BFGS on a smooth version of the loss, with an exact last layer on request."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from sparseopt.linalg import solve_any
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import ExactArray, FloatArray

MAX_ITERATIONS = 400


class SmoothLoss:
    """The smoothed loss of a pattern's parameters, as a function of one vector of its free entries.

    linf becomes a p-norm mean, l1 a sum of √(r² + δ²); l2 is smooth. Data are scaled by column.
    """

    def __init__(self, problem: TrainingProblem, power: float = 2.0) -> None:
        self.problem = problem
        self.pattern = problem.pattern
        self.power = power
        self.input_scale = _scale(problem.X)
        self.target_scale = float(_scale(problem.Y.reshape(-1, 1))[0])
        self.X = problem.X / self.input_scale
        self.Y = problem.Y / self.target_scale
        self.size = self.pattern.n_parameters

    def unpack(self, z: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray | None]:
        """Free entries → weight matrices, biases, skip weights (in scaled units)."""
        start, arrays = 0, []
        skip = [] if self.pattern.skip is None else [self.pattern.skip]
        for mask in (*self.pattern.masks, *self.pattern.biases, *skip):
            full = np.zeros(mask.shape)
            count = int(mask.sum())
            full[mask] = z[start : start + count]
            start += count
            arrays.append(full)
        depth = self.pattern.depth
        return arrays[:depth], arrays[depth : 2 * depth], arrays[-1] if skip else None

    def network(self, z: FloatArray) -> Network:
        """The network in the problem's units."""
        weights, biases, skip = self.unpack(z)
        weights[0] = weights[0] / self.input_scale
        weights[-1] = weights[-1] * self.target_scale
        biases[-1] = biases[-1] * self.target_scale
        return Network(
            self.pattern,
            weights,
            biases,
            None if skip is None else skip * self.target_scale / self.input_scale,
        )

    def __call__(self, z: FloatArray) -> tuple[float, FloatArray]:
        """Loss and gradient."""
        weights, biases, skip = self.unpack(z)
        values, inputs = self.X, []
        for number, (W, b) in enumerate(zip(weights, biases, strict=True)):
            if number:
                values = np.maximum(values, 0.0)
            inputs.append(values)
            values = values @ W.T + b
        if skip is not None:
            values = values + self.X @ skip.T
        loss, delta = self._residual_loss(values - self.Y)
        parts: list[FloatArray] = []
        tail = [] if skip is None else [(delta.T @ self.X)[self.pattern.skip]]
        bias_parts: list[FloatArray] = []
        for number in reversed(range(len(weights))):
            parts.append((delta.T @ inputs[number])[self.pattern.masks[number]])
            bias_parts.append(delta.sum(axis=0)[self.pattern.biases[number]])
            delta = (delta @ weights[number]) * (inputs[number] > 0)
        return loss, np.concatenate([*reversed(parts), *reversed(bias_parts), *tail])

    def _residual_loss(self, r: FloatArray) -> tuple[float, FloatArray]:
        w = self.problem.weights[:, None]
        if self.problem.loss is Loss.L1:
            soft = np.sqrt(r * r + 1e-8)
            return float((w * soft).sum()), w * r / soft
        if self.problem.loss is Loss.L2 or self.power == 2:
            return float((w * r * r).sum()), 2 * w * r
        size = np.abs(w * r)
        if not size.any():
            return 0.0, np.zeros_like(r)
        top = float(size.max())
        mean = ((size / top) ** self.power).mean()
        loss = top * mean ** (1 / self.power)
        slope = mean ** (1 / self.power - 1) * (size / top) ** (self.power - 1) / r.size
        return float(loss), slope * np.sign(r) * w


def train(problem: TrainingProblem, rng: np.random.Generator) -> Network:
    """One start from random parameters, trained with L-BFGS; for linf the power of the norm grows."""
    from scipy.optimize import minimize

    smooth = SmoothLoss(problem)
    z = rng.normal(size=smooth.size)
    for power in (2.0, 8.0, 64.0) if problem.loss is Loss.LINF else (2.0,):
        smooth.power = power
        found = minimize(smooth, z, jac=True, method="L-BFGS-B", options={"maxiter": MAX_ITERATIONS})
        if np.isfinite(found.x).all():
            z = found.x
    return smooth.network(z)


def exact_candidates(problem: TrainingProblem, starts: int = 12, seed: int = 0) -> Iterator[Network]:
    """Networks with rational parameters near trained ones that fit the data exactly; few or none.

    Hidden parameters are rounded to small denominators, the last layer is solved exactly.
    """
    squared = TrainingProblem(problem.pattern, problem.X, problem.Y, "l2", problem.weights)
    rng = np.random.default_rng(seed)
    for _ in range(starts):
        network = balanced(train(squared, rng))
        if squared.evaluate(network) > 1e-6 * max(1.0, float((problem.Y**2).sum())):
            continue
        for denominator in (1, 2, 4, 6, 12, 60, 1000):
            if (fitted := _exact_last_layer(problem, network, denominator)) is not None:
                yield fitted
                break


def balanced(network: Network) -> Network:
    """The same function with every hidden neuron's largest parameter ±1 (positive homogeneity)."""
    weights, biases = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    for layer in range(network.pattern.depth - 1):
        size = np.maximum(np.abs(weights[layer]).max(axis=1), np.abs(biases[layer]))
        size = np.where(size > 0, size, 1.0)
        weights[layer] /= size[:, None]
        biases[layer] /= size
        weights[layer + 1] *= size
    return Network(network.pattern, weights, biases, network.skip)


def _exact_last_layer(problem: TrainingProblem, network: Network, denominator: int) -> Network | None:
    """Round the hidden layers and solve the output layer for an exact fit, or None."""
    pattern = problem.pattern
    hidden = (
        [_rounded(W, denominator) for W in network.weights[:-1]],
        [_rounded(b, denominator) for b in network.biases[:-1]],
    )
    values = problem.X_exact
    for W, b in zip(*hidden, strict=True):
        values = np.maximum(values @ W.T + b, 0)
    last = np.full(pattern.masks[-1].shape, Fraction(0), dtype=object)
    bias = np.full(pattern.n_outputs, Fraction(0), dtype=object)
    skip = np.full((pattern.n_outputs, pattern.n_inputs), Fraction(0), dtype=object)
    ones = np.full((problem.n_points, 1), Fraction(1), dtype=object)
    for o in range(pattern.n_outputs):
        used = np.flatnonzero(pattern.masks[-1][o])
        direct = np.flatnonzero(pattern.skip[o]) if pattern.skip is not None else np.zeros(0, dtype=int)
        free = bool(pattern.biases[-1][o])
        design = np.concatenate([values[:, used], problem.X_exact[:, direct], ones[:, : int(free)]], axis=1)
        solution = solve_any(design, problem.Y_exact[:, [o]])
        if solution is None:
            return None
        last[o, used] = solution[: len(used), 0]
        skip[o, direct] = solution[len(used) : len(used) + len(direct), 0]
        if free:
            bias[o] = solution[-1, 0]
    return Network(pattern, [*hidden[0], last], [*hidden[1], bias], None if pattern.skip is None else skip)


def _rounded(values: FloatArray, denominator: int) -> ExactArray:
    out = np.empty(values.shape, dtype=object)
    for place, x in np.ndenumerate(values):
        out[place] = Fraction(float(x)).limit_denominator(denominator)
    return out


def _scale(columns: FloatArray) -> FloatArray:
    size = np.abs(columns).max(axis=0)
    return np.where(size > 0, size, 1.0)
