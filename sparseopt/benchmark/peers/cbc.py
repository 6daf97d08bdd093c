"""CBC on the big-M MILP: the program of the package cbcbox, through Pyomo's file interface; CBC's defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Task
from sparseopt.benchmark.peers.mip import Ended, prepare_mip
from sparseopt.problem import TrainingProblem


def prepare(problem: TrainingProblem, task: Task, weight_limit: float) -> Callable[[], Answer]:
    """The big-M model in a box of that size."""
    import cbcbox
    from pyomo.environ import SolverFactory
    from pyomo.opt import TerminationCondition

    solver = SolverFactory("cbc", executable=str(cbcbox.cbc_bin_path()))
    solver.options.update({"threads": 1, "seconds": task.time_limit, "randomSeed": task.seed + 1})

    def solve(model: Any) -> Ended:
        answer = solver.solve(model, load_solutions=False)
        bound, objective = answer.problem[0].lower_bound, None
        if len(answer.solution):
            model.solutions.load_from(answer)
            objective = float(answer.problem[0].upper_bound)
        proved = answer.solver[0].termination_condition == TerminationCondition.optimal
        return Ended(proved, objective, bound if bound is not None and np.isfinite(bound) else None)

    return prepare_mip(problem, weight_limit, solve)
