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
    features : (P, N) hidden feature columns of all neurons, then skip inputs and constant
    place : (k + 1,) where each neuron's columns start; place[k] is where the linear part starts
    targets, weights : (P,)
    plus : (k,) whether the output sign is +
    twins : (k,) the first neuron of each neuron's kind and sign; they are interchangeable
    errors : number of error variables, 1 for linf and P for l1 and l2
    squared : whether the loss is l2
    """

    features: Any
    place: Any
    targets: Any
    weights: Any
    plus: Any
    twins: Any
    errors: int
    squared: bool


def instance_of(fit: ScalarFit, signs: Any) -> Instance:
    """Arrays of a scalar fit with the given output signs."""
    place = np.array([*(s.start for s in fit.places), fit.n_parameters - fit.linear_features.shape[1]], dtype=np.int64)
    return Instance(
        np.ascontiguousarray(np.concatenate([*fit.features, fit.linear_features], axis=1)),
        place,
        fit.y.copy(),
        fit.weights.copy(),
        np.asarray(signs) > 0,
        _twins(fit, signs),
        1 if fit.loss is Loss.LINF else fit.n_points,
        fit.loss is Loss.L2,
    )


def with_signs(inst: Instance, fit: ScalarFit, signs: Any) -> Instance:
    """The same instance with other output signs; the arrays that do not depend on them are shared."""
    return inst._replace(plus=np.asarray(signs) > 0, twins=_twins(fit, signs))


def _twins(fit: ScalarFit, signs: Any) -> Any:
    """Per neuron the first one of its kind and sign."""
    kinds = [(neuron.kind, float(sign)) for neuron, sign in zip(fit.neurons, signs, strict=True)]
    return np.array([kinds.index(kind) for kind in kinds], dtype=np.int64)
