"""Gradient training (L-BFGS of scipy) from random starts: the usual practice, no proof."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Clock, Task
from sparseopt.problem import TrainingProblem

STARTS = 20


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """The best of STARTS starts, or of as many as the time allows."""
    from sparseopt.solvers.gradient import train

    def run() -> Answer:
        clock, rng = Clock(task.time_limit), np.random.default_rng(task.seed)
        networks = [train(problem, rng)]
        while len(networks) < STARTS and clock.left:
            networks.append(train(problem, rng))
        best = min(networks, key=problem.evaluate)
        return Answer(Claim.NONE, len(networks) == STARTS, problem.evaluate(best), None, best)

    return run
