"""A scalar fit with fixed output signs as arrays for the compiled kernels.

A Boolean variable stands for "neuron j is active in direction a", where a is a unit feature row of neuron j. Points
whose rows on the neuron's support have the same direction share the variable; opposite directions share it with
opposite orientation. So work depends on unique support rows, not on points.
"""

from __future__ import annotations

from itertools import permutations, product
from math import factorial, prod
from typing import Any, NamedTuple

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss

MAX_COPIES = 120
"""Learned clauses are copied under at most so many permutations of interchangeable neurons."""


class Instance(NamedTuple):
    """P points, k neurons, N parameters, V variables.

    Attributes
    ----------
    features : (P, N) hidden feature columns of all neurons, then skip inputs and constant
    place : (k + 1,) where each neuron's columns start; place[k] is where the linear part starts
    targets, weights : (P,)
    plus : (k,) whether the output sign is +
    square : (P, k) squared length of each feature row
    variable : (P, k) variable of point and neuron; -1 where the feature row is zero
    orient : (P, k) +1 if the point's row has the variable's direction, -1 if the opposite
    direction : (V, m) unit directions, padded with zeros
    neuron : (V,) neuron of a variable
    first : (k + 1,) first variable of each neuron
    copies : (c, k) permutations of interchangeable neurons, the identity first
    errors : number of error variables, 1 for linf and P for l1 and l2
    squared : whether the loss is l2
    """

    features: Any
    place: Any
    targets: Any
    weights: Any
    plus: Any
    square: Any
    variable: Any
    orient: Any
    direction: Any
    neuron: Any
    first: Any
    copies: Any
    errors: int
    squared: bool


def instance_of(fit: ScalarFit, signs: Any) -> Instance:
    """Arrays of a scalar fit with the given output signs."""
    k, P = len(fit.neurons), fit.n_points
    place = np.array([*(s.start for s in fit.places), fit.n_parameters - fit.linear_features.shape[1]], dtype=np.int64)
    features = np.ascontiguousarray(np.concatenate([*fit.features, fit.linear_features], axis=1))
    square = np.zeros((P, k))
    variable, orient = np.full((P, k), -1, dtype=np.int64), np.ones((P, k), dtype=np.int8)
    directions, first = [], [0]
    width = max((n.size for n in fit.neurons), default=1)
    for j, rows in enumerate(fit.features):
        square[:, j] = (rows**2).sum(axis=1)
        solid = square[:, j] > 0
        unit = rows[solid] / np.sqrt(square[solid, j])[:, None]
        lead = unit[np.arange(len(unit)), (unit != 0).argmax(axis=1)]
        turn = np.where(lead < 0, -1, 1)
        # Directions equal up to rounding are one variable; + 0.0 makes -0.0 equal to 0.0.
        keys = np.round(unit * turn[:, None], 14) + 0.0
        _, place_of, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        variable[solid, j] = first[-1] + inverse.reshape(-1)
        orient[solid, j] = turn
        padded = np.zeros((len(place_of), width))
        padded[:, : rows.shape[1]] = (unit * turn[:, None])[place_of]
        directions.append(padded)
        first.append(first[-1] + len(place_of))
    count = first[-1]
    return Instance(
        features,
        place,
        fit.y.copy(),
        fit.weights.copy(),
        np.asarray(signs) > 0,
        square,
        variable,
        orient,
        np.concatenate(directions) if directions else np.zeros((0, width)),
        np.repeat(np.arange(k), np.diff(first)) if k else np.zeros(count, dtype=np.int64),
        np.array(first, dtype=np.int64),
        _copies(fit, signs),
        1 if fit.loss is Loss.LINF else P,
        fit.loss is Loss.L2,
    )


def with_signs(inst: Instance, fit: ScalarFit, signs: Any) -> Instance:
    """The same instance with other output signs; the arrays that do not depend on them are shared."""
    return inst._replace(plus=np.asarray(signs) > 0, copies=_copies(fit, signs))


def _copies(fit: ScalarFit, signs: Any) -> Any:
    """Permutations of neurons of equal kind and sign, the identity first; a fixed random choice of many."""
    k = len(fit.neurons)
    classes: dict[Any, list[int]] = {}
    for j, neuron in enumerate(fit.neurons):
        classes.setdefault((neuron.kind, float(signs[j])), []).append(j)
    members = list(classes.values())
    identity = tuple(range(k))
    if prod(factorial(len(c)) for c in members) <= 5040:
        found = []
        for choice in product(*(permutations(c) for c in members)):
            image = list(identity)
            for old, new in zip(members, choice, strict=True):
                for a, b in zip(old, new, strict=True):
                    image[a] = b
            found.append(tuple(image))
    else:
        rng = np.random.default_rng(0)
        found = []
        for _ in range(4 * MAX_COPIES):
            image = list(identity)
            for old in members:
                for a, b in zip(old, rng.permutation(old), strict=True):
                    image[a] = int(b)
            found.append(tuple(image))
        found = list(dict.fromkeys(found))
    others = [p for p in found if p != identity]
    if len(others) >= MAX_COPIES:
        picked = np.random.default_rng(0).choice(len(others), MAX_COPIES - 1, replace=False)
        others = [others[i] for i in picked]
    return np.array([identity, *others], dtype=np.int64).reshape(len(others) + 1, k)
