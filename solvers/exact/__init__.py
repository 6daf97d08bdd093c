"""``exact``: the exact search. Proves global optima over all weights, without boxes; see docs/exact-search.md."""

from __future__ import annotations

from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.control import Control

from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

OPTIONS = {"workers": "threads that search at the same time (default 1; -1: one per core)"}

MAX_POINTS_OF_SUMS = 2000
"""l1 and l2 have a variable and a key row per point, and every program looks at all of them: more are refused."""


def takes(problem: TrainingProblem) -> bool:
    """Whether the problem is small enough; linf has no limit."""
    return problem.loss is Loss.LINF or problem.n_points <= MAX_POINTS_OF_SUMS


def run(fit: ScalarFit, control: Control, workers: int = 1) -> None:
    """Search all sign classes of a scalar fit. The compiled kernels are loaded on first use.

    Raises
    ------
    InputError
        If an l1 or l2 fit has more than MAX_POINTS_OF_SUMS points, or `workers` is no number of threads.
    """
    if fit.loss is not Loss.LINF and fit.n_points > MAX_POINTS_OF_SUMS:
        raise InputError(
            f"solver exact: {fit.n_points} points are too many for loss {fit.loss.value}, at most "
            f"{MAX_POINTS_OF_SUMS}; use loss linf or the solver local"
        )
    if isinstance(workers, bool) or not isinstance(workers, int) or workers == 0:
        raise InputError(f"solver exact: workers: {workers!r} is not a number of threads; give 1 or more, or -1")
    import joblib
    from sparseopt.solvers.exact.driver import search_all_classes

    search_all_classes(fit, control, joblib.effective_n_jobs(workers))
