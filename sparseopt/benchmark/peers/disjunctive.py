"""HiGHS on the hull of the disjunctive formulation (pyomo.gdp), HiGHS's default tolerances."""

from __future__ import annotations

from collections.abc import Callable

from sparseopt.benchmark.peers.answer import Answer, Task
from sparseopt.benchmark.peers.mip import prepare_mip, solve_with_pyomo
from sparseopt.models.gdp import hull_model
from sparseopt.problem import TrainingProblem


def prepare(problem: TrainingProblem, task: Task, weight_limit: float) -> Callable[[], Answer]:
    """The hull model in a box of that size."""
    return prepare_mip(problem, weight_limit, solve_with_pyomo("highs", task, random_seed=task.seed), hull_model)
