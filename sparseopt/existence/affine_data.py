"""Data that are exactly affine, Y = X Aᵀ + 1 cᵀ: where A lies decides whether the infimum 0 is attained.

A ∈ 𝓛: large biases make the network affine on the data, an exact fit. A in the closure of 𝓛 but not in 𝓛: the
diverging sequence of theorem N has loss → 0, and its counting argument excludes an exact fit if enough points are in
general position. Inputs that are constant on the data, or that no output reads, take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sparseopt.existence.contraction import LinearNetwork, contract
from sparseopt.existence.divergence import DivergingSequence, diverging_sequence, piece_bound
from sparseopt.existence.general_position import enough_in_general_position
from sparseopt.existence.kernels import Block, KernelForm, reduce
from sparseopt.existence.linear_counterpart import Outside, excluding, linear_counterpart, linear_factors
from sparseopt.existence.placement import place
from sparseopt.existence.report import (
    PAPER,
    ExistenceReport,
    Scope,
    Verdict,
    certificate_of_parameters,
    data_certificate,
)
from sparseopt.linalg import solve_consistent
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import ExactArray


@dataclass(frozen=True)
class AffineSequence:
    """Parameters whose predictions tend to X Aᵀ + 1 cᵀ; `outside`: a block that shows A ∉ 𝓛, None for an exact fit.

    `evidence` is the proof on that block.
    """

    sequence: DivergingSequence
    outside: Block | None
    evidence: Outside | None = None


def affine_sequence(
    pattern: SparsityPattern,
    X: ExactArray,
    A: ExactArray,
    c: ExactArray,
    used: Sequence[int],
    outputs: Sequence[int] | None = None,
) -> AffineSequence | str:
    """Realize an affine map on points, exactly or in the limit, or say why that fails.

    Parameters
    ----------
    X : ndarray of Fraction, shape (P, d)
    A : ndarray of Fraction, shape (q, d)
        Zero in the columns of inputs that are not used.
    c : ndarray of Fraction, shape (q,)
    used : sequence of int
        Inputs that the map may read.
    outputs : sequence of int, optional
        Outputs whose rows of A may be non-zero. Default: all.
    """
    rows = range(pattern.n_outputs) if outputs is None else outputs
    contraction = contract(LinearNetwork.of(pattern).restrict(rows, used))
    found = KernelForm.of(contraction.network)
    if found is None:
        return "hidden neurons in several layers remain after contraction"
    form, nodes = found
    reduction = reduce(form)
    target = {(int(r), int(i)): A[r, i] for r, i in zip(*np.nonzero(A), strict=True)}
    placement = place(reduction.form, target)
    if placement is None:
        return "their matrix is not seen to lie in the closure of the linear counterpart"
    factors = reduction.lift(placement.factors, target)
    weights = contraction.lift(form.network_weights(contraction.network, nodes, factors, target))
    sequence = diverging_sequence(pattern, linear_factors(pattern, weights), A, X, c)
    if sequence is None:
        return "a bias that an affine fit needs is not free"
    if placement.outside is None:
        return AffineSequence(sequence, None)
    origins = [nodes[j] for j in reduction.origins]
    evidence = excluding(reduction.form, reduction.form.kernels, origins, placement.outside, target)
    if evidence is None:
        return "no short identity shows that their matrix lies outside the linear counterpart"
    return AffineSequence(sequence, placement.outside, evidence)


def _known_limit(pattern: SparsityPattern, X: ExactArray, A: ExactArray, c: ExactArray) -> AffineSequence | None:
    """The sequence of the pattern's own witness, if A is its limit matrix."""
    lc = linear_counterpart(pattern)
    if lc.closed is not False or not (lc.limit == A).all() or lc.factors is None:
        return None
    sequence = diverging_sequence(pattern, lc.factors, A, X, c)
    return None if sequence is None else AffineSequence(sequence, lc.block, lc.outside)


def affine_data(problem: TrainingProblem) -> ExistenceReport | str:
    """Decide a problem whose targets are an exact affine function of its inputs, or say why not."""
    pattern = problem.pattern
    read = pattern.reaches_output[0] if pattern.skip is None else pattern.reaches_output[0] | pattern.skip.any(axis=0)
    used = [int(c) for c in np.flatnonzero(read) if len(set(problem.X_exact[:, c])) > 1]
    points = problem.X_exact[:, used]
    design = np.concatenate([points, np.full((problem.n_points, 1), Fraction(1))], axis=1)
    solution = solve_consistent(design, problem.Y_exact)
    if solution is None:
        return "the targets are not one exact affine function of the inputs"
    limit = np.full((pattern.n_outputs, pattern.n_inputs), Fraction(0), dtype=object)
    limit[:, used] = solution[:-1].T
    found = affine_sequence(pattern, problem.X_exact, limit, solution[-1], used)
    if isinstance(found, str):
        # Outputs that are constant on the data need no hidden neuron: look at the others alone.
        varying = [int(o) for o in np.flatnonzero(limit.any(axis=1))]
        found = affine_sequence(pattern, problem.X_exact, limit, solution[-1], used, varying)
    if isinstance(found, str):
        found = _known_limit(pattern, problem.X_exact, limit, solution[-1]) or found
    if isinstance(found, str):
        return f"the targets are affine, but {found}"
    if found.outside is None:
        network = found.sequence.at(1)
        if problem.evaluate_exact(network) != 0:
            raise AssertionError("an affine fit must be exact")
        return ExistenceReport(
            Verdict.ATTAINED,
            Scope.THIS_DATASET,
            "Rule A: the targets are an exact affine function that the pattern realizes, loss 0",
            "A",
            network=network,
            certificate=certificate_of_parameters(problem, network),
        )
    rows = found.outside[0]
    needed = len(used) * piece_bound(pattern, rows, tuple(used)) + 1
    enough = enough_in_general_position(points, needed)
    if enough is not True:
        return enough or (
            "the targets are affine with a matrix outside the linear counterpart, but the counting argument needs "
            f"{needed} points in general position"
        )
    return ExistenceReport(
        Verdict.NOT_ATTAINED,
        Scope.THIS_DATASET,
        "Theorem N: the targets are affine with a matrix A in the closure of the linear counterpart but not in it "
        f"(outputs {', '.join(str(r + 1) for r in rows)}); {needed} points in general position exclude an exact fit; "
        f"infimum 0 ({PAPER})",
        "N",
        sequence=found.sequence,
        certificate=data_certificate(
            "not attained",
            "N",
            problem,
            found.sequence.to_dict(),
            outside=found.evidence.to_dict() if found.evidence else None,
        ),
    )
