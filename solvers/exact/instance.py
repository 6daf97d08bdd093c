"""A scalar fit with fixed output signs as arrays for the compiled kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss


class Instance(NamedTuple):
    """P points, k neurons, N parameters.

    Attributes
    ----------
    inputs : (D, P) inputs by row, and ones
    column : (N,) the row of `inputs` that a parameter multiplies: neurons first, then skip inputs and constant
    place : (k + 1,) where each neuron's columns start; place[k] is where the linear part starts
    targets, weights : (P,)
    plus : (k,) whether the output sign is +
    kinds : (k,) the first neuron of each neuron's kind; they see the same directions
    twins : (k,) the first neuron of each neuron's kind and sign; they are interchangeable
    errors : number of error variables, 1 for linf and P for l1 and l2
    squared : whether the loss is l2
    """

    inputs: Any
    column: Any
    place: Any
    targets: Any
    weights: Any
    plus: Any
    kinds: Any
    twins: Any
    errors: int
    squared: bool


def instance_of(fit: ScalarFit, signs: Any) -> Instance:
    """Arrays of a scalar fit with the given output signs."""
    place = np.array([*(s.start for s in fit.places), fit.n_parameters - fit.linear_features.shape[1]], dtype=np.int64)
    ones = fit.X.shape[1]
    columns = [[*n.support, *[ones] * n.bias] for n in fit.neurons] + [[*fit.skip, *[ones] * fit.constant]]
    return Instance(
        np.ascontiguousarray(np.concatenate([fit.X.T, np.ones((1, fit.n_points))])),
        np.concatenate(columns).astype(np.int64),
        place,
        fit.y.copy(),
        fit.weights.copy(),
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
