"""A lower bound where hidden neurons of one layer feed several outputs: every output gets copies of its own.

The copies of a neuron keep a common activation pattern Z; weights and signs are their own. That is a relaxation, and
for fixed Z every output is a scalar fit on one cell a choice of signs (Theorem S):

    min_Z  Σ_o  min_s  (least loss of output o on the cell of s, Z)        (linf: the maximum over o)

is a lower bound on the loss of all networks. Where there are too many Z, each output is solved by itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
from sparseopt.models.cell import cell_of
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.activation_cells import activation_cells, cell_count_bound
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control, Stop
from sparseopt.solvers.solve import solve

from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

MAX_PATTERNS = 5_000
"""Activation patterns are gone through if there are at most so many."""


def duplicate_bound(problem: TrainingProblem, seconds: float) -> float:
    """A lower bound on the loss over all networks with one hidden layer, in floating point.

    Parameters
    ----------
    problem : TrainingProblem
        With one hidden layer.
    seconds : float
        Limit for each output by itself, and for the activation patterns.
    """
    control = Control(deadline=None)
    alone = [solve(problem.restrict_outputs([o]), time_limit=seconds).bound for o in range(problem.pattern.n_outputs)]
    control.bound = _total(problem, alone)
    if _count(problem) <= MAX_PATTERNS:
        control.deadline = time.perf_counter() + seconds
        try:
            return max(control.bound, _over_patterns(problem, alone, control))
        except (Stop, ArithmeticError):
            pass
    return control.bound


def _over_patterns(problem: TrainingProblem, alone: list[float], control: Control) -> float:
    """The least total over all activation patterns; outputs not yet looked at count with their value `alone`."""
    first, *others = np.argsort(alone)[::-1]
    outputs = [_Output(problem, o, control) for o in range(len(alone))]
    begun = [(outputs[first].least(Z), Z) for Z in _patterns(problem)]
    best = math.inf
    for value, Z in sorted(begun, key=lambda pair: pair[0]):
        values = list(alone)
        values[first] = value
        if _total(problem, values) >= best:
            break
        for o in others:
            values[o] = outputs[o].least(Z)
            if _total(problem, values) >= best:
                break
        best = min(best, _total(problem, values))
    return best


class _Output:
    """The scalar fits of one output on the cells of activation patterns, each solved once."""

    def __init__(self, problem: TrainingProblem, output: int, control: Control) -> None:
        self.fit, self.control = ScalarFit.of(problem, output), control
        self.solver = CellSolver(self.fit)
        self.known: dict[bytes, float] = {}

    def least(self, Z: Any) -> float:
        """The least loss, in the problem's units, with activations Z, shape (P, k), of the pattern's neurons."""
        own = Z[:, [n.index for n in self.fit.neurons]]
        if (key := own.tobytes()) not in self.known:
            self.known[key] = min(self._value(np.array(s), own) for s in product((1.0, -1.0), repeat=own.shape[1]))
        return self.known[key]

    def _value(self, signs: Any, activations: Any) -> float:
        self.control.check()
        return self.solver.solve(cell_of(self.fit, signs, activations))[0] * self.fit.objective_scale


def _total(problem: TrainingProblem, values: list[float]) -> float:
    return max(values) if problem.loss is Loss.LINF else math.fsum(values)


def _features(problem: TrainingProblem) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Interchangeable neurons, and the rows (x on their support, and 1 for a bias)."""
    for members in problem.pattern.equal_supports:
        bias = np.ones((problem.n_points, int(problem.pattern.biases[0][members[0]])))
        yield members, np.hstack([problem.X[:, problem.pattern.support(members[0])], bias])


def _count(problem: TrainingProblem) -> int:
    """At most so many activation patterns."""
    return math.prod(
        math.comb(cell_count_bound(len(np.unique(rows, axis=0)), rows.shape[1]) + len(members) - 1, len(members))
        for members, rows in _features(problem)
    )


def _patterns(problem: TrainingProblem) -> Iterator[Any]:
    """All activation patterns, shape (P, k), up to exchanging interchangeable neurons."""
    groups = [(list(members), activation_cells(rows)) for members, rows in _features(problem)]
    for picks in product(*(combinations_with_replacement(cells, len(members)) for members, cells in groups)):
        Z = np.zeros((problem.n_points, problem.pattern.masks[0].shape[0]), dtype=bool)
        for (members, _), pick in zip(groups, picks, strict=True):
            Z[:, members] = np.array(pick).T
        yield Z
