"""Gurobi on the big-M MILP through Pyomo, Gurobi's default tolerances; only models that its free licence takes."""

from __future__ import annotations

from collections.abc import Callable

from sparseopt.benchmark.peers.answer import Answer, Task
from sparseopt.benchmark.peers.mip import prepare_mip, solve_with_pyomo
from sparseopt.problem import TrainingProblem

FREE_SIZE = 2000
"""Variables and rows that the licence inside the gurobipy wheel takes."""


def refuses(problem: TrainingProblem) -> str | None:
    """The model has eight rows per neuron and point, and per output and point two for the error, one for the fit."""
    rows = problem.n_points * (8 * problem.pattern.sizes[1] + 3 * problem.pattern.n_outputs)
    return f"{rows} rows, more than the {FREE_SIZE} of the free licence" if rows > FREE_SIZE else None


def prepare(problem: TrainingProblem, task: Task, weight_limit: float) -> Callable[[], Answer]:
    """The big-M model in a box of that size."""
    return prepare_mip(problem, weight_limit, solve_with_pyomo("gurobi_direct", task, Seed=task.seed))
