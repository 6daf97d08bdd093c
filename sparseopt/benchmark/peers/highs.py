"""HiGHS on the big-M MILP through Pyomo, HiGHS's default tolerances."""

from __future__ import annotations

from collections.abc import Callable

from sparseopt.benchmark.peers.answer import Answer, Task
from sparseopt.benchmark.peers.mip import prepare_mip, solve_with_pyomo
from sparseopt.problem import TrainingProblem


def prepare(problem: TrainingProblem, task: Task, weight_limit: float) -> Callable[[], Answer]:
    """The big-M model in a box of that size."""
    return prepare_mip(problem, weight_limit, solve_with_pyomo("highs", task, random_seed=task.seed))
