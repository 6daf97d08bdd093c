"""Theorems that say "an optimum exists", one function each.

A function returns its statement, with source, where the theorem applies, and None where it does not. Proofs and
precise statements: docs/existence.md. All hold for the losses linf, l1 and l2 and for every sample weighting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import count, pairwise

import numpy as np

from sparseopt.existence.data_bound import best_constant
from sparseopt.existence.report import PAPER
from sparseopt.network import Network
from sparseopt.pattern import Mask, SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import ExactArray


def depth_one(pattern: SparsityPattern) -> str | None:
    """D: without a hidden neuron between an input and an output, F(Ω) is a linear subspace, hence closed."""
    if any(layer.any() for layer in pattern.live[1:-1]):
        return None
    return "Theorem D: no hidden neuron lies between an input and an output, so the functions form a linear space"


def one_hidden_layer_one_output(pattern: SparsityPattern) -> str | None:
    """S: one hidden layer and one output. F(Ω) is a finite union of closed polyhedral cones for every finite Ω.

    Source: the paper's main existence theorem. Output weights can be taken as signs; for fixed signs and activations
    the parameters form a polyhedral cone that maps linearly to the predictions.
    """
    if pattern.depth != 2 or pattern.n_outputs != 1:
        return None
    return (
        "Theorem S: one hidden layer and one output, so the functions on the data form a finite union of closed "
        f"polyhedral cones ({PAPER})"
    )


def no_shared_hidden_neuron(pattern: SparsityPattern) -> str | None:
    """U: one hidden layer, every hidden neuron that sees an input feeds at most one output: a product of cases of S."""
    if pattern.depth != 2 or (pattern.masks[1][:, pattern.live[1]].sum(axis=0) > 1).any():
        return None
    return f"Theorem U: one hidden layer and no hidden neuron feeds two outputs: a product of scalar cases ({PAPER})"


def independent_groups(pattern: SparsityPattern) -> str | None:
    """C: outputs in groups that share no hidden neuron; closed ⇔ each group is. Applies if all are by D, S, U."""
    if len(pattern.output_groups) < 2:
        return None
    parts = [always_attained(pattern.restrict_outputs(group)) for group in pattern.output_groups]
    if any(p is None for p in parts):
        return None
    names = sorted({p.split(":")[0] for p in parts if p is not None})
    return (
        f"Theorem C: the outputs fall into {len(parts)} groups that share no hidden neuron, each covered by "
        f"{', '.join(names)}"
    )


PATTERN_THEOREMS: tuple[Callable[[SparsityPattern], str | None], ...] = (
    depth_one,
    one_hidden_layer_one_output,
    no_shared_hidden_neuron,
    independent_groups,
)


def always_attained(pattern: SparsityPattern) -> str | None:
    """The first of D, S, U, C that shows that an optimum exists for every dataset, or None."""
    return next((s for theorem in PATTERN_THEOREMS if (s := theorem(pattern)) is not None), None)


def interpolation(problem: TrainingProblem) -> tuple[str, Network] | None:
    """I: if F(Ω) holds every function on the P distinct inputs it is closed; with a network of the best values.

    Sufficient: one hidden layer, and each output has a free bias and reads at least P - 1 hidden neurons, private or
    common to all outputs, with free biases and a common support on which the distinct inputs stay distinct (then some
    projection separates them). Private and common ones may serve different outputs.
    """
    pattern = problem.pattern
    if pattern.depth != 2 or not pattern.biases[1].all():
        return None
    points = len(_distinct(problem, range(pattern.n_inputs)))
    readers = pattern.masks[1].sum(axis=0)
    common = readers == pattern.n_outputs
    weights = [np.full(mask.shape, Fraction(0), dtype=object) for mask in pattern.masks]
    biases = [np.full(free.shape, Fraction(0), dtype=object) for free in pattern.biases]
    for output in range(pattern.n_outputs):
        private = (readers == 1) & pattern.masks[1][output]
        chosen = (_interpolating(problem, usable & pattern.biases[0], points) for usable in (private, common))
        if (neurons := next((found for found in chosen if found is not None), None)) is None:
            return None
        _interpolate(problem, output, neurons, weights, biases)
    statement = (
        f"Theorem I: every output can interpolate the {points} distinct inputs with hidden neurons of its own "
        "or common to all, so every function on the data is realized"
    )
    return statement, Network(pattern, weights, biases)


def _interpolating(problem: TrainingProblem, usable: Mask, points: int) -> list[int] | None:
    """`points` - 1 of the usable neurons with a common support that keeps the inputs distinct."""
    of_support: dict[bytes, list[int]] = {}
    for j in np.flatnonzero(usable):
        of_support.setdefault(problem.pattern.masks[0][j].tobytes(), []).append(int(j))
    for key, neurons in of_support.items():
        support = np.flatnonzero(np.frombuffer(key, dtype=bool))
        if len(neurons) >= points - 1 and len(_distinct(problem, support)) == points:
            return neurons[: points - 1]
    return None


def _interpolate(
    problem: TrainingProblem, output: int, neurons: list[int], weights: list[ExactArray], biases: list[ExactArray]
) -> None:
    """c + Σ a_j σ(t - t_j) with the best value at each input, t a projection that keeps the inputs apart."""
    support = np.flatnonzero(problem.pattern.masks[0][neurons[:1]].any(axis=0))
    along = _separating(problem.X_exact[:, support])
    of_place: dict[Fraction, list[tuple[Fraction, Fraction]]] = {}
    for t, y, w in zip(
        problem.X_exact[:, support] @ along, problem.Y_exact[:, output], problem.weights_exact, strict=True
    ):
        of_place.setdefault(Fraction(t), []).append((y, w))
    values = sorted((t, best_constant(problem.loss, pairs)) for t, pairs in of_place.items())
    biases[1][output], slope = values[0][1], Fraction(0)
    for j, ((t, y), (after, z)) in zip(neurons, pairwise(values), strict=True):
        weights[0][j, support], biases[0][j] = along, -t
        weights[1][output, j] = (z - y) / (after - t) - slope
        slope = (z - y) / (after - t)


def _separating(X: ExactArray) -> ExactArray:
    """Whole coefficients (1, m, m², …) whose products with different rows of X differ."""
    distinct = len({tuple(row) for row in X})
    for m in count(1):
        along = np.array([Fraction(m) ** power for power in range(X.shape[1])], dtype=object)
        if len(set(X @ along)) == distinct:
            return along
    raise AssertionError("two different rows agree for finitely many m only")


def _distinct(problem: TrainingProblem, inputs: Iterable[int]) -> set[tuple[object, ...]]:
    """Distinct rows of the exact inputs on some columns."""
    return {tuple(row) for row in problem.X_exact[:, list(inputs)]}
