"""The toolkit's own solvers through ``so.solve``; building their models from float data is part of the time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sparseopt.benchmark.peers.answer import Answer, Claim, Task
from sparseopt.problem import TrainingProblem


def prepare(problem: TrainingProblem, task: Task, solver: str, **options: Any) -> Callable[[], Answer]:
    """The solver of that name with its options. Exact data get their float view before the clock starts."""
    from sparseopt.solvers.control import Status
    from sparseopt.solvers.solve import solve

    _ = problem.X, problem.Y, problem.weights

    def run() -> Answer:
        result = solve(problem, solver, task.time_limit, seed=task.seed, **options)
        claim = Claim.NONE
        if result.status is Status.OPTIMAL:
            claim = Claim.OPTIMAL if result.weight_limit is None else Claim.BOX
        trace = [(row.seconds, row.objective, row.bound) for row in result.trace if math.isfinite(row.objective)]
        finished = result.status is not Status.TIME_LIMIT
        return Answer(claim, finished, result.objective, result.bound, result.network, result.weight_limit, trace)

    return run
