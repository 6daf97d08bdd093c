"""Networks: parameters confined to a sparsity pattern, and the functions that they realize."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sparseopt.errors import InputError
from sparseopt.pattern import SparsityPattern
from sparseopt.rationals import ExactArray, FloatArray, exact_array, float_array, rational_text


class Network:
    """Parameters on a pattern; realizes R(x) = W_L σ(… σ(W_1 x + b_1) …) + b_L + W_skip x.

    Parameters
    ----------
    pattern : SparsityPattern
    weights : sequence of L array_like, shape (N_l, N_{l-1})
    biases : sequence of L array_like, shape (N_l,)
    skip : array_like, shape (N_L, N_0), optional
        Entries are floats or exact rationals (:class:`fractions.Fraction`). A float stands for its dyadic rational.

    Raises
    ------
    InputError
        If a shape is wrong, an entry is not finite, or an entry outside the pattern is not zero.

    Examples
    --------
    >>> import sparseopt as so
    >>> absolute = so.Network(so.families.dense([1, 2, 1]), [[[1], [-1]], [[1, 1]]], [[0, 0], [0]])
    >>> absolute.predict([[-2.0], [0.5]]).tolist()
    [[2.0], [0.5]]
    """

    def __init__(
        self, pattern: SparsityPattern, weights: Sequence[Any], biases: Sequence[Any], skip: Any = None
    ) -> None:
        self.pattern = pattern
        if len(weights) != pattern.depth or len(biases) != pattern.depth:
            raise InputError(f"network: give {pattern.depth} weight matrices and {pattern.depth} bias vectors")
        self._weights = tuple(_own(w, f"weights[{i}]") for i, w in enumerate(weights))
        self._biases = tuple(_own(b, f"biases[{i}]") for i, b in enumerate(biases))
        self._skip = None if skip is None else _own(skip, "skip")
        for i, (w, m) in enumerate(zip(self._weights, pattern.masks, strict=True)):
            _confined(w, m, f"weights[{i}]")
        for i, (b, m) in enumerate(zip(self._biases, pattern.biases, strict=True)):
            _confined(b, m, f"biases[{i}]")
        if self._skip is not None:
            mask = pattern.skip
            shape = (pattern.n_outputs, pattern.n_inputs)
            _confined(self._skip, np.zeros(shape, dtype=bool) if mask is None else mask, "skip")

    @cached_property
    def weights(self) -> tuple[FloatArray, ...]:
        """Float view of the weight matrices."""
        return tuple(float_array(w) for w in self._weights)

    @cached_property
    def biases(self) -> tuple[FloatArray, ...]:
        """Float view of the bias vectors."""
        return tuple(float_array(b) for b in self._biases)

    @cached_property
    def skip(self) -> FloatArray | None:
        """Float view of the skip weights."""
        return None if self._skip is None else float_array(self._skip)

    @cached_property
    def exact(self) -> tuple[tuple[ExactArray, ...], tuple[ExactArray, ...], ExactArray | None]:
        """(weights, biases, skip) as exact rationals."""
        return (
            tuple(exact_array(w) for w in self._weights),
            tuple(exact_array(b) for b in self._biases),
            None if self._skip is None else exact_array(self._skip),
        )

    @property
    def largest_weight(self) -> float:
        """Largest absolute value among all weights, biases and skip weights."""
        arrays = [*self.weights, *self.biases, *([] if self.skip is None else [self.skip])]
        return max(float(np.abs(a).max()) for a in arrays)

    def predict(self, X: Any) -> FloatArray:
        """Outputs for points `X` of shape (P, d), as an array of shape (P, q), in floating point."""
        X = float_array(X)
        self._check_points(X)
        return np.asarray(self._forward(X, self.weights, self.biases, self.skip, 0.0))

    def predict_exact(self, X: Any) -> ExactArray:
        """Outputs for points `X` of shape (P, d), as exact rationals of shape (P, q)."""
        X = exact_array(X)
        self._check_points(X)
        return np.asarray(self._forward(X, *self.exact, 0), dtype=object)

    @staticmethod
    def _forward(X: Any, weights: Any, biases: Any, skip: Any, zero: Any) -> Any:
        values = X
        for number, (W, b) in enumerate(zip(weights, biases, strict=True)):
            if number:
                values = np.maximum(values, zero)
            values = values @ W.T + b
        return values if skip is None else values + X @ skip.T

    def activations(self, X: Any) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
        """For each hidden layer, which neurons are active (pre-activation > 0): arrays of shape (P, N_l)."""
        values, out = float_array(X), []
        for W, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = values @ W.T + b
            out.append(values > 0)
            values = np.maximum(values, 0.0)
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready parameters: numbers for floats, "p/q" text for rationals."""

        def rows(array: Any) -> Any:
            return [rational_text(v) for v in array] if array.dtype == object else array.astype(float).tolist()

        out: dict[str, Any] = {
            "weights": [[rows(row) for row in w] for w in self._weights],
            "biases": [rows(b) for b in self._biases],
        }
        if self._skip is not None:
            out["skip"] = [rows(row) for row in self._skip]
        return out

    def _check_points(self, X: Any) -> None:
        if X.ndim != 2 or X.shape[1] != self.pattern.n_inputs:
            raise InputError(f"X: has shape {X.shape}, expected (points, {self.pattern.n_inputs})")

    def __repr__(self) -> str:
        return f"Network(sizes={self.pattern.sizes}, largest weight {self.largest_weight:.4g})"


def _own(values: Any, name: str) -> Any:
    """A read-only copy."""
    try:
        array = np.array(values)
    except ValueError:
        raise InputError(f"{name}: rows have different lengths; give every row the same number of entries") from None
    array.setflags(write=False)
    return array


def _confined(values: Any, mask: Any, name: str) -> None:
    if values.shape != mask.shape:
        raise InputError(f"{name}: has shape {values.shape}, expected {mask.shape}")
    if values.dtype == object:
        exact_array(values)
    elif values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise InputError(f"{name}: every entry must be a finite number")
    if (outside := np.argwhere((values != 0) & ~mask)).size:
        place = ", ".join(map(str, outside[0]))
        raise InputError(f"{name}[{place}]: is not zero but lies outside the pattern")
