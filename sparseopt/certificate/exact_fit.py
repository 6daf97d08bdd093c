"""A scalar fit on its exact data, as whole numbers: what certificates are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from sparseopt.losses import Loss
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray

Row = tuple[int, ...]


@dataclass(frozen=True)
class ExactFit:
    """P points, k neurons, parameters θ = (w_1, b_1, …, v, c) in the problem's own units.

    Attributes
    ----------
    shape : ScalarFit
        Neurons, supports and places of the parameters.
    scale : int
        The common denominator of the inputs.
    rows : list of k lists of P tuples of int
        scale × the features of each neuron.
    linear : list of P tuples of int
        scale × the skip inputs and the constant.
    targets, weights : list of P Fractions
    """

    shape: ScalarFit
    scale: int
    rows: list[list[Row]]
    linear: list[Row]
    targets: list[Fraction]
    weights: list[Fraction]

    @classmethod
    def of(cls, problem: TrainingProblem, output: int, shape: ScalarFit) -> ExactFit:
        """The exact data of one output's scalar fit."""
        X = problem.X_exact
        scale = lcm(*(Fraction(x).denominator for x in X.reshape(-1).tolist()))
        whole = [[int(x * scale) for x in row] for row in X]

        def rows(columns: tuple[int, ...], one: bool) -> list[Row]:
            return [tuple([x[i] for i in columns] + [scale] * one) for x in whole]

        kinds = {kind: rows(*kind) for kind in {n.kind for n in shape.neurons}}
        return cls(
            shape,
            scale,
            [kinds[n.kind] for n in shape.neurons],
            rows(shape.skip, shape.constant),
            list(problem.Y_exact[:, output]),
            list(problem.weights_exact),
        )

    @property
    def n_points(self) -> int:
        return len(self.targets)

    @cached_property
    def whole_targets(self) -> tuple[list[int], int]:
        """Targets as whole numbers, and the factor."""
        return _whole(self.targets)

    @cached_property
    def whole_inverse_weights(self) -> tuple[list[int], int]:
        """1 / weights as whole numbers, and the factor."""
        return _whole([1 / w for w in self.weights])

    @cached_property
    def flint_targets(self) -> list[Any]:
        """Targets as flint's rationals."""
        return [to_flint(y) for y in self.targets]

    @cached_property
    def flint_weights(self) -> list[Any]:
        """Weights as flint's rationals."""
        return [to_flint(w) for w in self.weights]

    @cached_property
    def float_targets(self) -> FloatArray:
        """Float view of the targets."""
        return np.array([float(y) for y in self.targets])

    @cached_property
    def float_rows(self) -> tuple[list[FloatArray], FloatArray]:
        """Float views of `rows` and `linear`, divided by the scale; shapes (P, size)."""

        def view(rows: list[Row]) -> FloatArray:
            return np.array([[v / self.scale for v in row] for row in rows], dtype=float).reshape(self.n_points, -1)

        kinds: dict[Any, FloatArray] = {}
        for neuron, rows in zip(self.shape.neurons, self.rows, strict=True):
            if neuron.kind not in kinds:
                kinds[neuron.kind] = view(rows)
        return [kinds[n.kind] for n in self.shape.neurons], view(self.linear)

    @cached_property
    def statements(self) -> list[list[int]]:
        """For each neuron and point ± (1 + j P + i): i is the first point of the same direction, the sign says whether
        the directions are equal or opposite; 0 for a row of zeros."""
        out = []
        for j, rows in enumerate(self.rows):
            first: dict[tuple[Fraction, ...], tuple[int, bool]] = {}
            numbers = []
            for i, row in enumerate(rows):
                lead = next((v for v in row if v), 0)
                if not lead:
                    numbers.append(0)
                    continue
                at, positive = first.setdefault(tuple(Fraction(v, lead) for v in row), (i, lead > 0))
                number = 1 + j * self.n_points + at
                numbers.append(number if positive == (lead > 0) else -number)
            out.append(numbers)
        return out

    @cached_property
    def _matrices(self) -> tuple[list[Any], Any]:
        """`rows` and `linear` as flint's matrices."""
        kinds: dict[Any, Any] = {}
        for neuron, rows in zip(self.shape.neurons, self.rows, strict=True):
            if neuron.kind not in kinds:
                kinds[neuron.kind] = _matrix(rows)
        return [kinds[n.kind] for n in self.shape.neurons], _matrix(self.linear)

    def errors(self, signs: Sequence[int], theta: Sequence[Fraction]) -> list[Any]:
        """Residuals f(x_i) - y_i, as flint's rationals."""
        linear = self._matrices[1]
        values = _product(linear, theta[len(theta) - linear.ncols() :])
        for sign, p in zip(signs, self._pre_activations(theta), strict=True):
            values = [v + sign * x if x > 0 else v for v, x in zip(values, p, strict=True)]
        return [v / self.scale - y for v, y in zip(values, self.flint_targets, strict=True)]

    def _pre_activations(self, theta: Sequence[Fraction]) -> list[list[Any]]:
        return [_product(F, theta[place]) for F, place in zip(self._matrices[0], self.shape.places, strict=True)]

    def pre_activations(self, theta: Sequence[Fraction]) -> Any:
        """scale × p_j(x_i), as flint's rationals, shape (P, k)."""
        out = np.empty((self.n_points, len(self.rows)), dtype=object)
        for j, p in enumerate(self._pre_activations(theta)):
            out[:, j] = p
        return out

    def loss(self, signs: Sequence[int], theta: Sequence[Fraction]) -> Fraction:
        """The exact loss."""
        power = self.shape.loss.homogeneity
        parts = [w * abs(r) ** power for w, r in zip(self.flint_weights, self.errors(signs, theta), strict=True)]
        return from_flint(max(parts) if self.shape.loss is Loss.LINF else sum(parts, fmpq(0)))


def to_flint(x: Fraction | int) -> Any:
    """The same rational number as flint's fmpq."""
    return fmpq(x.numerator, x.denominator)


def from_flint(x: Any) -> Fraction:
    """The same rational number as a Fraction."""
    return Fraction(int(x.p), int(x.q))


def _whole(values: list[Fraction]) -> tuple[list[int], int]:
    factor = lcm(*(v.denominator for v in values))
    return [int(v * factor) for v in values], factor


def _matrix(rows: Sequence[Row]) -> Any:
    return fmpq_mat(len(rows), len(rows[0]), [v for row in rows for v in row])


def _product(matrix: Any, theta: Sequence[Fraction]) -> list[Any]:
    found: list[Any] = (matrix * fmpq_mat(len(theta), 1, [to_flint(x) for x in theta])).entries()
    return found
