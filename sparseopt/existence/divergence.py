"""Theorem N: from a matrix A in the closure of 𝓛 but not in 𝓛 to training data without optimum.

With enough points in general position and targets A x, the infimum is 0 and no parameters reach it:

- *Infimum 0.* Take factors W_l(n) with product → A. Hidden biases keep every ReLU active on the data, and the output
  biases remove the constant. The loss is then that of the matrix W_L(n) ⋯ W_1(n) - A on the data, O(1/n).
- *Not attained.* Let N_l count the hidden neurons on a path from the block's inputs to its outputs, d the block's
  inputs. Their hyperplanes cut the block's input space into at most R = Π_l Σ_{i≤d} C(N_l, i) regions on each of which
  the network is affine. Among d R + 1 points some region holds d + 1 affinely independent ones; an exact fit would
  there equal A x, so A = W_L D_{L-1} ⋯ D_1 W_1 with 0/1 diagonal D's on the block, and A would lie in 𝓛.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np

from sparseopt.existence.laurent import Laurent, sizes, values_at, zeros
from sparseopt.existence.linear_counterpart import LinearCounterpart, LinearFactors
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import ExactArray

MAX_POINTS = 20_000


@dataclass(frozen=True)
class DivergingSequence:
    """Parameters θ(n), entries in Q[n, 1/n], whose loss on a problem tends to 0 while they grow without bound.

    Attributes
    ----------
    pattern : SparsityPattern
    weights, biases : tuple of ndarray of Laurent
    skip : ndarray of Laurent or None
    limit : ndarray of Fraction, shape (q, d), or None
        The affine map's matrix that the predictions tend to; None if they do not tend to an affine map.
    """

    pattern: SparsityPattern
    weights: tuple[Any, ...]
    biases: tuple[Any, ...]
    skip: Any
    limit: Any

    def at(self, n: int | Fraction) -> Network:
        """The network with parameters θ(n), exact rationals, for n ≥ 1."""
        return Network(
            self.pattern,
            [values_at(W, n) for W in self.weights],
            [values_at(b, n) for b in self.biases],
            None if self.skip is None else values_at(self.skip, n),
        )

    def loss_bound(self, problem: TrainingProblem) -> Laurent:
        """A polynomial in 1/n without constant term that is at least the loss at every n ≥ 1."""
        error = sizes(LinearFactors(self.weights, self.skip).product() - self.limit)
        residuals = (np.abs(problem.X_exact) @ error.T).reshape(-1)
        weights = np.repeat(problem.weights_exact, problem.pattern.n_outputs)
        total = Laurent({})
        for r, w in zip(residuals, weights, strict=True):
            total = total + r * (r if problem.loss is Loss.L2 else 1) * w
        return total

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: every entry maps exponents of n to coefficients."""
        out: dict[str, Any] = {
            "weights": [[[x.to_dict() for x in row] for row in W] for W in self.weights],
            "biases": [[x.to_dict() for x in b] for b in self.biases],
        }
        if self.limit is not None:
            out["limit"] = [[str(x) for x in row] for row in self.limit]
        if self.skip is not None:
            out["skip"] = [[x.to_dict() for x in row] for row in self.skip]
        return out


def diverging_sequence(
    pattern: SparsityPattern,
    factors: LinearFactors,
    limit: ExactArray,
    X: ExactArray,
    constant: ExactArray | None = None,
) -> DivergingSequence | None:
    """Add biases to diverging factors so that the predictions on X tend to X limitᵀ + constant.

    The bias of a hidden neuron makes its pre-activation at least 0 on X for every n ≥ 1 (interval arithmetic on the
    coefficients). Returns None if a bias that is needed is not free.
    """
    reach = np.array([max(abs(x) for x in column) for column in X.T], dtype=object)
    biases, through, offset = [], None, None
    for number, (W, free) in enumerate(zip(factors.weights, pattern.biases, strict=True)):
        carried = zeros(W.shape[0]) if offset is None else W @ offset
        through = W if through is None else W @ through
        if number < pattern.depth - 1:
            offset = sizes(through) @ reach + zeros(W.shape[0])
            for i in np.flatnonzero(~free):  # without a bias of its own, what comes from below may be enough
                if all(c >= 0 for c in (carried[i] - offset[i]).terms.values()):
                    offset[i] = carried[i]
        else:
            offset = zeros(W.shape[0]) + (0 if constant is None else constant)
        bias = offset - carried
        if any(b and not f for b, f in zip(bias, free, strict=True)):
            return None
        biases.append(bias)
    return DivergingSequence(pattern, factors.weights, tuple(biases), factors.skip, limit)


def piece_bound(pattern: SparsityPattern, outputs: tuple[int, ...], inputs: tuple[int, ...]) -> int:
    """R: at most so many affine pieces for the chosen outputs as functions of the chosen inputs alone."""
    block = pattern.restrict_outputs(outputs).restrict_inputs(inputs)
    pieces = 1
    for live in block.live[1:-1]:
        pieces *= sum(comb(int(live.sum()), i) for i in range(len(inputs) + 1))
    return pieces


def witness_problem(
    pattern: SparsityPattern, lc: LinearCounterpart, loss: str = "linf"
) -> tuple[TrainingProblem, DivergingSequence] | str:
    """The dataset and the sequence of theorem N, or a sentence that says why the theorem does not apply.

    The points lie on the moment curve (t, t², …, t^d) in the block's inputs, t = whole numbers around 0; other inputs
    are 0. Any d + 1 of them are affinely independent (Vandermonde).
    """
    assert lc.factors is not None
    outputs, inputs = lc.block or (tuple(range(pattern.n_outputs)), tuple(range(pattern.n_inputs)))
    count = len(inputs) * piece_bound(pattern, outputs, inputs) + 1
    if count > MAX_POINTS:
        return f"the witness dataset would need {count} points, more than the {MAX_POINTS} that are built"
    X = np.full((count, pattern.n_inputs), Fraction(0), dtype=object)
    for i in range(count):
        for power, column in enumerate(inputs, start=1):
            X[i, column] = Fraction(i - count // 2) ** power
    sequence = diverging_sequence(pattern, lc.factors, lc.limit, X)
    if sequence is None:
        return "the diverging sequence needs a bias that the pattern keeps at zero"
    problem = TrainingProblem(pattern, X, X @ lc.limit.T, loss, name="witness: infimum 0, not attained")
    return problem, sequence
