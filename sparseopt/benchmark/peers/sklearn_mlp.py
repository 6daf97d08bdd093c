"""scikit-learn's MLPRegressor (squared error, L-BFGS) from random starts: the usual practice, no proof."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from sparseopt.benchmark.peers.answer import Answer, Claim, Clock, Task
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem

STARTS = 20


def refuses(problem: TrainingProblem) -> str | None:
    """Only dense networks, without skip."""
    pattern = problem.pattern
    free = [*pattern.masks, *pattern.biases]
    if pattern.depth < 2 or pattern.skip is not None or not all(m.all() for m in free) or problem.is_weighted:
        return "trains dense networks with hidden layers only, without sample weights"
    return None


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """The best of STARTS starts by the problem's loss, or of as many as the time allows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    def trained(seed: int) -> Network:
        net = MLPRegressor(
            hidden_layer_sizes=problem.pattern.sizes[1:-1], solver="lbfgs", alpha=0, max_iter=2000, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            net.fit(problem.X, problem.Y.squeeze())
        return Network(problem.pattern, [w.T for w in net.coefs_], net.intercepts_)

    def run() -> Answer:
        clock = Clock(task.time_limit)
        networks = [trained(STARTS * task.seed)]
        while len(networks) < STARTS and clock.left:
            networks.append(trained(STARTS * task.seed + len(networks)))
        best = min(networks, key=problem.evaluate)
        return Answer(Claim.NONE, len(networks) == STARTS, problem.evaluate(best), None, best)

    return run
