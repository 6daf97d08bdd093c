"""pwlf: continuous piecewise linear least squares with k pieces (differential evolution over the breaks); no proof.

k pieces are k neurons: one that is active on all data carries the first slope, the others bend at the breaks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Task
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem


def refuses(problem: TrainingProblem) -> str | None:
    """Only dense 1-k-1 networks."""
    pattern = problem.pattern
    if pattern.sizes[::2] != (1, 1) or pattern.n_parameters != 3 * pattern.sizes[1] + 1 or problem.is_weighted:
        return "fits functions of one input only (dense 1-k-1), without sample weights"
    return None


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """One fit; pwlf has no time limit of its own."""
    import pwlf

    pieces = problem.pattern.sizes[1]
    model = pwlf.PiecewiseLinFit(problem.X[:, 0], problem.Y[:, 0], seed=task.seed)

    def run() -> Answer:
        breaks = model.fit(pieces)
        slopes, values = model.calc_slopes(), model.predict(breaks)
        weights = np.diff(slopes, prepend=0.0)
        network = Network(problem.pattern, [np.ones((pieces, 1)), weights[None]], [-breaks[:-1], values[:1]])
        return Answer(Claim.NONE, True, problem.evaluate(network), None, network)

    return run
