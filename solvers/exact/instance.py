"""A scalar fit with fixed output signs as arrays for the compiled kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss

SAMPLE = 32
"""Where there are many points, every so manyth of them often shows that a network is no better."""


class Data(NamedTuple):
    """P points: `inputs` of shape (D, P) by row, and ones; `targets` and `weights`, (P,)."""

    inputs: Any
    targets: Any
    weights: Any


class Instance(NamedTuple):
    """P points, k neurons, N parameters.

    Attributes
    ----------
    data, sample : all points, every so manyth
    column : (N,) the row of `inputs` that a parameter multiplies: neurons first, then skip inputs and constant
    place : (k + 1,) where each neuron's columns start; place[k] is where the linear part starts
    plus : (k,) whether the output sign is +
    kinds : (k,) the first neuron of each neuron's kind; they see the same directions
    twins : (k,) the first neuron of each neuron's kind and sign; they are interchangeable
    errors : number of error variables, 1 for linf and P for l1 and l2
    squared : whether the loss is l2
    """

    data: Data
    sample: Data
    column: Any
    place: Any
    plus: Any
    kinds: Any
    twins: Any
    errors: int
    squared: bool


def instance_of(fit: ScalarFit, signs: Any) -> Instance:
    """Arrays of a scalar fit with the given output signs."""
    place = np.array([*(s.start for s in fit.places), fit.linear_start], dtype=np.int64)
    ones = fit.X.shape[1]
    columns = [[*n.support, *[ones] * n.bias] for n in fit.neurons] + [[*fit.skip, *[ones] * fit.constant]]
    inputs = np.concatenate([fit.X.T, np.ones((1, fit.n_points))])
    return Instance(
        Data(np.ascontiguousarray(inputs), fit.y.copy(), fit.weights.copy()),
        Data(np.ascontiguousarray(inputs[:, ::SAMPLE]), fit.y[::SAMPLE].copy(), fit.weights[::SAMPLE].copy()),
        np.concatenate(columns).astype(np.int64),
        place,
        np.asarray(signs) > 0,
        _firsts([n.kind for n in fit.neurons]),
        _twins(fit, signs),
        1 if fit.loss is Loss.LINF else fit.n_points,
        fit.loss is Loss.L2,
    )


def with_signs(inst: Instance, fit: ScalarFit, signs: Any) -> Instance:
    """The same instance with other output signs; the arrays that do not depend on them are shared."""
    return inst._replace(plus=np.asarray(signs) > 0, twins=_twins(fit, signs))


def _twins(fit: ScalarFit, signs: Any) -> Any:
    """Per neuron the first one of its kind and sign."""
    return _firsts([(neuron.kind, float(sign)) for neuron, sign in zip(fit.neurons, signs, strict=True)])


def _firsts(items: list[Any]) -> Any:
    """Per item the place of the first one that equals it."""
    return np.array([items.index(item) for item in items], dtype=np.int64)
