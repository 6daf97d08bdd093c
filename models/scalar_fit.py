"""The scalar fit: one output of a network with at most one hidden layer, in the normal form of Theorem S.

By positive homogeneity every output weight is a sign, so the network is

    f(x) = Σ_j s_j σ(w_j · x_{S_j} + b_j) + v · x_V + c,        s_j ∈ {-1, +1},

with supports S_j, skip inputs V, and each b_j and c present or absent. For fixed signs and activations f is linear in
the parameter vector θ = (w_1, b_1, …, w_k, b_k, v, c). Data are scaled to [-1, 1]; the way back is part of the object.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray


@dataclass(frozen=True)
class Neuron:
    """A hidden neuron: its index in the pattern, the inputs it sees, and whether its bias is free."""

    index: int
    support: tuple[int, ...]
    bias: bool

    @property
    def kind(self) -> tuple[tuple[int, ...], bool]:
        """Neurons of one kind are interchangeable."""
        return self.support, self.bias

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.support) + self.bias


@dataclass(frozen=True)
class ScalarFit:
    """One output's fit on scaled data.

    Attributes
    ----------
    X : ndarray, shape (P, d)
        Scaled inputs (x - input_shift) / input_scale.
    y, weights : ndarray, shape (P,)
        Scaled targets (y - target_shift) / target_scale, and sample weights divided by the largest.
    loss : Loss
    neurons : tuple of Neuron
    skip : tuple of int
        Inputs with a direct weight.
    constant : bool
        Whether c is free: an output bias, or a hidden neuron with a bias and no inputs, which is a constant too.
    input_shift, input_scale : ndarray, shape (d,)
    target_shift, target_scale, weight_scale : float
    """

    X: FloatArray
    y: FloatArray
    weights: FloatArray
    loss: Loss
    neurons: tuple[Neuron, ...]
    skip: tuple[int, ...]
    constant: bool
    input_shift: FloatArray
    input_scale: FloatArray
    target_shift: float
    target_scale: float
    weight_scale: float

    @classmethod
    def of(cls, problem: TrainingProblem, output: int = 0) -> ScalarFit:
        """The scalar fit of one output whose hidden neurons feed no other output.

        Raises
        ------
        InputError
            If the pattern has more than one hidden layer.
        """
        pattern = problem.pattern
        if pattern.depth > 2:
            raise InputError(f"scalar fit: the pattern has {pattern.depth - 1} hidden layers, at most one is supported")
        constant = bool(pattern.biases[-1][output]) or _constant_neuron(pattern, output) is not None
        neurons = _neurons(pattern, output)
        skip = _skip_inputs(pattern, output)
        X, y, weights = problem.X, problem.Y[:, output], problem.weights
        shiftable = np.ones(pattern.n_inputs, dtype=bool)
        for neuron in neurons:
            if not neuron.bias:
                shiftable[list(neuron.support)] = False
        if not constant:
            shiftable[list(skip)] = False
        low, high = X.min(axis=0), X.max(axis=0)
        input_shift = np.where(shiftable, low / 2 + high / 2, 0.0)
        input_scale = _nonzero(np.abs(X - input_shift).max(axis=0))
        target_shift = float(y.min() / 2 + y.max() / 2) if constant else 0.0
        target_scale = float(_nonzero(np.abs(y - target_shift).max()))
        weight_scale = float(weights.max())
        return cls(
            (X - input_shift) / input_scale,
            (y - target_shift) / target_scale,
            weights / weight_scale,
            problem.loss,
            neurons,
            skip,
            constant,
            input_shift,
            input_scale,
            target_shift,
            target_scale,
            weight_scale,
        )

    @property
    def n_points(self) -> int:
        return len(self.y)

    @cached_property
    def places(self) -> tuple[slice, ...]:
        """Where each neuron's (w_j, b_j) stands in θ."""
        ends = np.cumsum([0, *(n.size for n in self.neurons)])
        return tuple(slice(int(a), int(b)) for a, b in itertools.pairwise(ends))

    @property
    def n_parameters(self) -> int:
        """Length of θ."""
        return self.linear_start + len(self.skip) + self.constant

    @property
    def linear_start(self) -> int:
        """Where the parameters of the linear part stand in θ: behind those of the neurons."""
        return sum(n.size for n in self.neurons)

    @cached_property
    def features(self) -> tuple[FloatArray, ...]:
        """Per neuron the matrix, shape (P, size), whose product with (w_j, b_j) is the pre-activation."""
        ones = np.ones((self.n_points, 1))
        return tuple(np.concatenate([self.X[:, list(n.support)], ones[:, : int(n.bias)]], axis=1) for n in self.neurons)

    @cached_property
    def linear_features(self) -> FloatArray:
        """The matrix, shape (P, |V| + 1 or |V|), of the skip inputs and the constant."""
        ones = np.ones((self.n_points, 1))
        return np.concatenate([self.X[:, list(self.skip)], ones[:, : int(self.constant)]], axis=1)

    def _affine(self, inputs: Sequence[int], weights: FloatArray) -> FloatArray:
        """Some inputs times weights, shape (P,), and the constant if there is one more weight."""
        out = np.full(self.n_points, weights[-1] if len(weights) > len(inputs) else 0.0)
        for q, weight in zip(inputs, weights, strict=False):  # with few inputs faster than a product of matrices
            out += weight * self.X[:, q]
        return out

    def predict(self, signs: FloatArray, theta: FloatArray) -> FloatArray:
        """Scaled predictions, shape (P,), for output signs and parameters."""
        out = self._affine(self.skip, theta[self.linear_start :])
        for sign, neuron, place in zip(signs, self.neurons, self.places, strict=True):
            out += sign * np.maximum(self._affine(neuron.support, theta[place]), 0.0)
        return out

    def activations(self, theta: FloatArray) -> npt.NDArray[np.bool_]:
        """Which neurons are active on which points, shape (P, k)."""
        out = np.zeros((self.n_points, len(self.neurons)), dtype=bool)
        for j, (neuron, place) in enumerate(zip(self.neurons, self.places, strict=True)):
            out[:, j] = self._affine(neuron.support, theta[place]) > 0
        return out

    def loss_of(self, predictions: FloatArray) -> float:
        """Scaled loss of scaled predictions."""
        return float(self.loss.of((predictions - self.y)[:, None], self.weights))

    @property
    def objective_scale(self) -> float:
        """Loss in the problem's units per unit of scaled loss."""
        return float(self.weight_scale * self.target_scale**self.loss.homogeneity)

    def sign_classes(self) -> list[FloatArray]:
        """Output signs up to exchanging neurons of one kind: only the number of + in each kind matters."""
        classes: list[tuple[float, ...]] = [()]
        for place, neuron in enumerate(self.neurons):
            earlier = [i for i in range(place) if self.neurons[i].kind == neuron.kind]
            classes = [(*signs, s) for signs in classes for s in (1.0, -1.0) if not earlier or s <= signs[earlier[-1]]]
        return [np.array(signs) for signs in classes]

    def unscaled(self, theta: FloatArray) -> FloatArray:
        """θ in the problem's units: the inverse of the scaling."""
        out = theta * self.target_scale
        for neuron, place in zip(self.neurons, self.places, strict=True):
            support = list(neuron.support)
            w = out[place][: len(support)] / self.input_scale[support]
            out[place.start : place.start + len(support)] = w
            if neuron.bias:
                out[place.stop - 1] -= w @ self.input_shift[support]
        columns, start = list(self.skip), self.linear_start
        direct = out[start : start + len(columns)] / self.input_scale[columns]
        out[start : start + len(columns)] = direct
        if self.constant:
            out[-1] += self.target_shift - direct @ self.input_shift[columns]
        return out

    def add_to(self, parameters: ShallowParameters, output: int, signs: Any, theta: Any) -> None:
        """Write signs and θ, in the problem's units, into the parameters of a network."""
        for sign, neuron, place in zip(signs, self.neurons, self.places, strict=True):
            support = list(neuron.support)
            parameters.hidden[neuron.index, support] = theta[place][: len(support)]
            if neuron.bias:
                parameters.hidden_bias[neuron.index] = theta[place][-1]
            parameters.output[output, neuron.index] = sign
        tail = theta[self.linear_start :]
        parameters.direct[output, list(self.skip)] = tail[: len(self.skip)]
        if self.constant:
            parameters.constant[output] = tail[-1]


class ShallowParameters:
    """Parameters of a network with at most one hidden layer in the making: floats, or exact numbers."""

    def __init__(self, pattern: SparsityPattern, exact: bool = False) -> None:
        kind = object if exact else np.float64
        d, q = pattern.n_inputs, pattern.n_outputs
        width = pattern.masks[0].shape[0] if pattern.depth == 2 else 0
        self.pattern = pattern
        self.hidden, self.hidden_bias = np.zeros((width, d), kind), np.zeros(width, kind)
        self.output, self.direct = np.zeros((q, width), kind), np.zeros((q, d), kind)
        self.constant = np.zeros(q, kind)

    def network(self) -> Network:
        """The network; direct weights and constants go where the pattern has room for them."""
        pattern = self.pattern
        for output in np.flatnonzero(~pattern.biases[-1]):
            if (j := _constant_neuron(pattern, int(output))) is not None:
                self.hidden_bias[j], self.output[output, j], self.constant[output] = (
                    1,
                    self.constant[output],
                    0,
                )
        if pattern.depth == 2:
            skip = None if pattern.skip is None else self.direct
            return Network(pattern, [self.hidden, self.output], [self.hidden_bias, self.constant], skip)
        own = np.where(pattern.masks[0], self.direct, 0)
        return Network(pattern, [own], [self.constant], None if pattern.skip is None else self.direct - own)


def _neurons(pattern: SparsityPattern, output: int) -> tuple[Neuron, ...]:
    """Hidden neurons that see an input and feed the output."""
    if pattern.depth == 1:
        return ()
    feeding = np.flatnonzero(pattern.masks[1][output] & pattern.live[1])
    return tuple(Neuron(int(j), pattern.support(int(j)), bool(pattern.biases[0][j])) for j in feeding)


def _constant_neuron(pattern: SparsityPattern, output: int) -> int | None:
    """A hidden neuron that sees no input, has a free bias and feeds the output."""
    if pattern.depth == 1:
        return None
    found = np.flatnonzero(pattern.masks[1][output] & pattern.biases[0] & ~pattern.sees_input[1])
    return int(found[0]) if found.size else None


def _skip_inputs(pattern: SparsityPattern, output: int) -> tuple[int, ...]:
    direct = np.zeros(pattern.n_inputs, dtype=bool)
    if pattern.skip is not None:
        direct |= pattern.skip[output]
    if pattern.depth == 1:
        direct |= pattern.masks[0][output]
    return tuple(int(i) for i in np.flatnonzero(direct))


def _nonzero(scale: FloatArray) -> FloatArray:
    """Replace a zero scale (a constant column) by one."""
    return np.where(scale > 0, scale, 1.0)
