"""Training problems: a pattern, data kept exactly, and a loss."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.rationals import MAX_BITS, ExactArray, FloatArray, exact_array, float_array, to_rational


class TrainingProblem:
    """Fit a network of a given pattern to data: minimise the loss of (R(x_i) - y_i) over all parameters.

    Parameters
    ----------
    pattern : SparsityPattern
    X : array_like, shape (P, d)
        Inputs: floats (each means its dyadic rational), rationals, or number text ("0.1", "3/7").
    Y : array_like, shape (P,) or (P, q)
        Targets, likewise.
    loss : {"linf", "l1", "l2"}
        max |r|, sum |r| or sum r² over points and outputs.
    weights : array_like, shape (P,), optional
        Positive sample weights, which multiply |r| (linf, l1) or r² (l2). Default: 1.
    name : str, optional
        Shown in reports.
    input_names, target_names : sequence of str, optional
        Shown in plots and formulas. Default: x1, x2, … and y1, y2, …; x and y where there is one.

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a weight is not positive.

    Examples
    --------
    >>> import sparseopt as so
    >>> problem = so.TrainingProblem(so.families.dense([1, 2, 1]), [["-1"], ["0"], ["1"]], ["1", "0", "1"])
    >>> problem.X_exact[0, 0], problem.n_points, problem.loss.value
    (Fraction(-1, 1), 3, 'linf')
    """

    def __init__(
        self,
        pattern: SparsityPattern,
        X: Any,
        Y: Any,
        loss: str = "linf",
        weights: Any = None,
        name: str = "",
        input_names: Sequence[str] | None = None,
        target_names: Sequence[str] | None = None,
    ) -> None:
        self.pattern = pattern
        self.loss = Loss.parse(loss)
        self.name = name
        self.input_names = _names(input_names, "x", pattern.n_inputs, "input_names")
        self.target_names = _names(target_names, "y", pattern.n_outputs, "target_names")
        self._X = _numbers(X, "X")
        self._Y = _numbers(Y, "Y")
        if self._Y.ndim == 1:
            self._Y = self._Y[:, None]
        if self._X.ndim != 2 or self._X.shape[1] != pattern.n_inputs:
            raise InputError(f"X: has shape {self._X.shape}, expected (points, {pattern.n_inputs}) for this pattern")
        if self._X.shape[0] == 0:
            raise InputError("X: has no points; give at least one")
        if self._Y.shape != (self._X.shape[0], pattern.n_outputs):
            raise InputError(f"Y: has shape {self._Y.shape}, expected ({self._X.shape[0]}, {pattern.n_outputs})")
        self._weights = _numbers(np.ones(self.n_points, dtype=int) if weights is None else weights, "weights")
        if self._weights.shape != (self.n_points,):
            raise InputError(f"weights: has shape {self._weights.shape}, expected ({self.n_points},)")
        if (bad := np.flatnonzero(self._weights <= 0)).size:
            raise InputError(f"weights[{bad[0]}]: is not positive; drop the point or give it a positive weight")
        largest = 2 * Fraction(to_rational(np.abs(self._Y).max()))
        total = largest**self.loss.homogeneity * to_rational(self._weights.max()) * self.n_points
        if total > Fraction(sys.float_info.max):
            raise InputError("Y: numbers are so large that the loss does not fit a float; rescale the data")

    @property
    def n_points(self) -> int:
        """Number of points P."""
        return int(self._X.shape[0])

    @cached_property
    def X(self) -> FloatArray:
        """Inputs as floats, shape (P, d)."""
        return float_array(self._X)

    @cached_property
    def Y(self) -> FloatArray:
        """Targets as floats, shape (P, q)."""
        return float_array(self._Y)

    @cached_property
    def weights(self) -> FloatArray:
        """Sample weights as floats, shape (P,)."""
        return float_array(self._weights)

    @cached_property
    def X_exact(self) -> ExactArray:
        """Inputs as exact rationals."""
        return exact_array(self._X)

    @cached_property
    def Y_exact(self) -> ExactArray:
        """Targets as exact rationals."""
        return exact_array(self._Y)

    @cached_property
    def weights_exact(self) -> ExactArray:
        """Sample weights as exact rationals."""
        return exact_array(self._weights)

    @property
    def is_weighted(self) -> bool:
        """Whether some sample weight differs from 1."""
        return bool((self._weights != 1).any())

    def evaluate(self, network: Network) -> float:
        """Loss of a network on the data, in floating point."""
        return float(self.loss.of(network.predict(self.X) - self.Y, self.weights))

    def evaluate_exact(self, network: Network) -> Fraction:
        """Loss of a network on the exact data, as a rational."""
        return Fraction(self.loss.of(network.predict_exact(self.X_exact) - self.Y_exact, self.weights_exact))

    def restrict_outputs(self, outputs: list[int]) -> TrainingProblem:
        """The same data with the chosen outputs alone; the problem itself if these are all."""
        if outputs == list(range(self.pattern.n_outputs)):
            return self
        pattern = self.pattern.restrict_outputs(outputs)
        names = [self.target_names[o] for o in outputs]
        X, Y, weights = self._X, self._Y[:, outputs], self._weights
        return TrainingProblem(pattern, X, Y, self.loss, weights, self.name, self.input_names, names)

    def restrict_points(self, points: Any) -> TrainingProblem:
        """The chosen points alone (indices)."""
        X, Y, weights = self._X[points], self._Y[points], self._weights[points]
        return TrainingProblem(self.pattern, X, Y, self.loss, weights, self.name, self.input_names, self.target_names)

    @property
    def document(self) -> dict[str, Any]:
        """The content of the problem's file, with exact numbers."""
        from sparseopt.files import problem_document

        return problem_document(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a ``sparseopt-problem/1`` file that :func:`sparseopt.load_problem` reads back exactly."""
        from sparseopt.files import save_problem

        save_problem(self, path)

    def __repr__(self) -> str:
        weighted = ", weighted" if self.is_weighted else ""
        return f"TrainingProblem({self.n_points} points, {self.pattern!r}, loss={self.loss.value}{weighted})"


def _names(given: Sequence[str] | None, letter: str, count: int, where: str) -> tuple[str, ...]:
    if given is None:
        return (letter,) if count == 1 else tuple(f"{letter}{i + 1}" for i in range(count))
    if len(given) != count:
        raise InputError(f"{where}: has {len(given)} names, expected {count}")
    return tuple(given)


def _numbers(values: Any, name: str) -> Any:
    """A read-only copy as floats or integers, or as exact rationals if any entry is text or a rational."""
    try:
        array = np.array(values) if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        if array.dtype == object and any(isinstance(v, (list, tuple, np.ndarray)) for v in array.flat):
            raise ValueError
        if array.dtype == object and all(isinstance(v, float) for v in array.flat):
            array = array.astype(np.float64)
    except ValueError:
        raise InputError(f"{name}: rows have different lengths; give every row the same number of entries") from None
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        if (bad := np.argwhere(~np.isfinite(array))).size:
            where = ", ".join(map(str, bad[0]))
            raise InputError(f"{name}[{where}]: {array[tuple(bad[0])]} is not a finite number")
        array = array.astype(np.float64)
    elif array.dtype.kind not in "iu":
        exact = np.empty(array.shape, dtype=object)
        for place, value in np.ndenumerate(array):
            try:
                exact[place] = number = to_rational(value)
                if number.numerator.bit_length() + number.denominator.bit_length() > MAX_BITS:
                    raise InputError(f"a rational with more than {MAX_BITS} bits; round it")
            except InputError as error:
                raise InputError(f"{name}[{', '.join(map(str, place))}]: {error}") from None
        array = exact
    array.setflags(write=False)
    return array
