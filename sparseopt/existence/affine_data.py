"""Data that are exactly affine, Y = X Aᵀ + 1 cᵀ: where A lies decides whether the infimum 0 is attained.

A ∈ 𝓛: large biases make the network affine on the data, an exact fit. A in the closure of 𝓛 but not in 𝓛: the
diverging sequence of theorem N has loss → 0, and its counting argument excludes an exact fit if enough points are in
general position. Inputs that are constant on the data take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm

import numpy as np

from sparseopt.exact import ExactArray
from sparseopt.existence.contraction import LinearNetwork, contract
from sparseopt.existence.divergence import DivergingSequence, diverging_sequence, piece_bound
from sparseopt.existence.kernels import Block, KernelForm, reduce
from sparseopt.existence.linear_counterpart import linear_factors
from sparseopt.existence.placement import place
from sparseopt.existence.report import PAPER, ExistenceReport, Scope, Verdict
from sparseopt.linalg import solve_consistent
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem

MAX_HYPERPLANES = 3_000_000
_PRIME = 2**31 - 1


@dataclass(frozen=True)
class AffineSequence:
    """Parameters whose predictions tend to X Aᵀ + 1 cᵀ; `outside`: a block that shows A ∉ 𝓛, None for an exact fit."""

    sequence: DivergingSequence
    outside: Block | None


def affine_sequence(
    pattern: SparsityPattern, X: ExactArray, A: ExactArray, c: ExactArray, used: Sequence[int]
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
    """
    contraction = contract(LinearNetwork.of(pattern).restrict(range(pattern.n_outputs), used))
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
    return AffineSequence(sequence, placement.outside)


def affine_data(problem: TrainingProblem) -> ExistenceReport | str:
    """Decide a problem whose targets are an exact affine function of its inputs, or say why not."""
    pattern = problem.pattern
    used = [c for c in range(pattern.n_inputs) if len(set(problem.X_exact[:, c])) > 1]
    points = problem.X_exact[:, used]
    design = np.concatenate([points, np.full((problem.n_points, 1), Fraction(1))], axis=1)
    solution = solve_consistent(design, problem.Y_exact)
    if solution is None:
        return "the targets are not one exact affine function of the inputs"
    limit = np.full((pattern.n_outputs, pattern.n_inputs), Fraction(0), dtype=object)
    limit[:, used] = solution[:-1].T
    found = affine_sequence(pattern, problem.X_exact, limit, solution[-1], used)
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
            certificate={"claim": "attained", "theorem": "A", "loss": "0", "parameters": network.to_dict()},
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
        certificate={
            "claim": "not attained",
            "theorem": "N",
            "infimum": "0",
            "outside": {"outputs": list(rows), "inputs": list(found.outside[1])},
            "points_needed": needed,
            "sequence": found.sequence.to_dict(),
        },
    )


def enough_in_general_position(points: ExactArray, needed: int) -> bool | str:
    """Whether `needed` of the points can be picked so that any d + 1 of them are affinely independent.

    Points are picked greedily, with determinants modulo a prime: independent there means independent. False means
    that the greedy choice found fewer; a sentence says that the check was too large.
    """
    distinct = sorted(set(map(tuple, points)))
    d = points.shape[1]
    if len(distinct) < needed:
        return False
    lifted = np.array([_residues((*p, Fraction(1))) for p in distinct], dtype=np.int64)
    picked: list[int] = []
    planes = np.zeros((0, d + 1), dtype=np.int64)
    for i, point in enumerate(lifted):
        if planes.size and (_dot(planes, point) == 0).any():
            continue
        subsets = np.array([(*s, i) for s in combinations(picked, d - 1)], dtype=int).reshape(-1, d)
        if len(planes) + len(subsets) > MAX_HYPERPLANES:
            return f"the check of {needed} points for general position in {d} dimensions is too large"
        new = _hyperplanes(lifted[subsets])
        if (new == 0).all(axis=1).any():
            continue
        planes = np.concatenate([planes, new])
        picked.append(i)
        if len(picked) == needed:
            return True
    return False


def _residues(values: tuple[Fraction, ...]) -> list[int]:
    """A non-zero multiple of the rationals, modulo the prime."""
    scale = lcm(*(v.denominator for v in values))
    return [int(v * scale) % _PRIME for v in values]


def _dot(planes: np.ndarray, point: np.ndarray) -> np.ndarray:
    total = np.zeros(len(planes), dtype=np.int64)
    for column, x in zip(planes.T, point, strict=True):
        total = (total + column * x % _PRIME) % _PRIME
    return total


def _hyperplanes(stacks: np.ndarray) -> np.ndarray:
    """Coefficients modulo the prime of the hyperplanes through d points each; `stacks` has shape (m, d, d + 1)."""
    width = stacks.shape[2]
    columns = [
        _determinants(np.delete(stacks, k, axis=2)) * (1 if k % 2 == 0 else _PRIME - 1) % _PRIME for k in range(width)
    ]
    return np.stack(columns, axis=1)


def _determinants(stacks: np.ndarray) -> np.ndarray:
    """Determinants modulo the prime of matrices of shape (m, d, d), by expansion along the first row."""
    d = stacks.shape[1]
    if d == 1:
        return stacks[:, 0, 0]
    total = np.zeros(len(stacks), dtype=np.int64)
    for k in range(d):
        minor = _determinants(np.delete(stacks[:, 1:], k, axis=2))
        term = stacks[:, 0, k] * minor % _PRIME
        total = (total + (term if k % 2 == 0 else _PRIME - term)) % _PRIME
    return total
