"""The optimum within weight boxes that grow, |parameter| ≤ R for R = 1, 2, 4, …, by SCIP.

Within a box an optimum always exists. Where none exists over all parameters, these optima fall to the infimum without
reaching it. A network's loss is evaluated afresh; the bound is SCIP's, in floating point (tolerance 1e-9).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import StrEnum

from sparseopt.errors import InputError
from sparseopt.existence.data_bound import data_bound
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.solvers.registry import missing_package

GRACE = 15.0
"""Seconds that SCIP may take to end by itself after its time limit."""
MAX_ACTIVATIONS = 30
"""Larger products of points and hidden neurons are tried only when asked for."""
TOLERANCES = {"numerics/feastol": 1e-9, "numerics/dualfeastol": 1e-9}


class BoxStatus(StrEnum):
    """Why SCIP stopped."""

    PROVED = "proved"
    """Bound and objective meet, to SCIP's tolerances."""
    TIME_LIMIT = "time limit"
    """The best network and bound so far."""


@dataclass(frozen=True)
class BoxOptimum:
    """What is known of the least loss of networks whose parameters lie in [-R, R].

    Attributes
    ----------
    weight_limit : R
    objective : loss of `network`, evaluated afresh; infinite without a network
    bound : no network in the box has a smaller loss (SCIP's word, or what equal inputs force)
    status : BoxStatus
    network : the best known in the box, or None
    """

    weight_limit: float
    objective: float
    bound: float
    status: BoxStatus
    network: Network | None


def suits(problem: TrainingProblem) -> str | None:
    """None if SCIP is worth asking and can be, else why not and what to do."""
    size = problem.n_points * int(sum(problem.pattern.sizes[1:-1]))
    if size > MAX_ACTIVATIONS:
        return f"{size} activations (points × hidden neurons) are many for a global solver; ask with --boxes"
    return missing_package(("pyscipopt",), "scip")


def box_optima(problem: TrainingProblem, limits: list[float], seconds: float) -> list[BoxOptimum]:
    """The optima of growing boxes, each in so many seconds. The best network of a box is kept for the larger ones.

    Raises
    ------
    InputError
        If SCIP is not installed.
    """
    if limits and (reason := missing_package(("pyscipopt",), "scip")) is not None:
        raise InputError(f"boxes: {reason}")
    out: list[BoxOptimum] = []
    for limit in limits:
        found = _in_a_process(problem, limit, seconds)
        if out and out[-1].objective < found.objective:
            found = replace(found, objective=out[-1].objective, network=out[-1].network)
        out.append(found)
    return out


def _in_a_process(problem: TrainingProblem, limit: float, seconds: float) -> BoxOptimum:
    """Solve in a process of its own, since SCIP can overstep its time limit."""
    task = pickle.dumps((problem, limit, seconds))
    worker = "from sparseopt.growing_boxes import worker; worker()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", worker], input=task, stdout=subprocess.PIPE, timeout=seconds + GRACE, check=True
        )
    except subprocess.TimeoutExpired:
        return BoxOptimum(limit, float("inf"), float(data_bound(problem)), BoxStatus.TIME_LIMIT, None)
    answer = pickle.loads(done.stdout)
    assert isinstance(answer, BoxOptimum)
    return answer


def worker() -> None:
    """Solve the pickled task of standard input and write the pickled answer to standard output."""
    answer = box_optimum(*pickle.load(sys.stdin.buffer))
    sys.stdout.buffer.write(pickle.dumps(answer))


def box_optimum(problem: TrainingProblem, limit: float, seconds: float) -> BoxOptimum:
    """Ask SCIP for the optimum within a weight box."""
    from pyomo.contrib.solver.common.factory import SolverFactory
    from pyomo.contrib.solver.common.results import TerminationCondition

    from sparseopt.models.weight_box import network_of, weight_box_model

    model = weight_box_model(problem, limit)
    answer = SolverFactory("scip_direct").solve(
        model,
        time_limit=seconds,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        solver_options=TOLERANCES,
    )
    network = None
    if answer.incumbent_objective is not None:
        answer.solution_loader.load_vars()
        network = network_of(problem, model, limit)
    proved = answer.termination_condition is TerminationCondition.convergenceCriteriaSatisfied
    return BoxOptimum(
        limit,
        float("inf") if network is None else problem.evaluate(network),
        max(float(answer.objective_bound or 0.0), float(data_bound(problem))),
        BoxStatus.PROVED if proved else BoxStatus.TIME_LIMIT,
        network,
    )
