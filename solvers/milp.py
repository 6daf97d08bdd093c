"""``milp``: the big-M model of :mod:`sparseopt.models.milp` solved by HiGHS through Pyomo; l1 and linf.

Optimal only within the stated weight box. HiGHS's answer is a hint: its activations name a cell, the cell's LP gives
the parameters, and the loss is evaluated afresh. The bound is HiGHS's own, in floating point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sparseopt.models.cell import cell_of
from sparseopt.models.milp import DEFAULT_WEIGHT_LIMIT, milp_model
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.cell_solver import CellSolver
from sparseopt.solvers.control import Control, Status, Stop

OPTIONS = {"weight_limit": "bound on every parameter of the scaled problem", "threads": "threads for HiGHS"}

HIGHS_OPTIONS = {
    "mip_rel_gap": 0.0,
    "mip_abs_gap": 1e-9,
    "mip_feasibility_tolerance": 1e-9,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}


def run(fit: ScalarFit, control: Control, weight_limit: float = DEFAULT_WEIGHT_LIMIT, threads: int = 1) -> None:
    """Solve a scalar fit within the weight box."""
    from pyomo.contrib.solver.common.factory import SolverFactory
    from pyomo.contrib.solver.common.results import TerminationCondition

    control.weight_limit, control.points = weight_limit, fit.n_points
    model = milp_model([fit], weight_limit)
    answer = SolverFactory("highs").solve(
        model,
        time_limit=control.remaining,
        threads=threads,
        rel_gap=control.gap,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        solver_options={**HIGHS_OPTIONS, "mip_rel_gap": control.gap, "random_seed": control.seed % 2**31},
    )
    bound = answer.objective_bound
    if answer.incumbent_objective is not None and np.isfinite(answer.incumbent_objective):
        answer.solution_loader.load_vars()
        _offer(fit, control, model, weight_limit)
    if bound is not None and np.isfinite(bound):
        control.raise_bound(float(bound))
    if answer.termination_condition is TerminationCondition.maxTimeLimit:
        raise Stop(Status.TIME_LIMIT)
    if answer.termination_condition is TerminationCondition.interrupted:
        raise Stop(Status.INTERRUPTED)
    if answer.termination_condition is not TerminationCondition.convergenceCriteriaSatisfied:
        raise ArithmeticError(f"HiGHS ended with {answer.termination_condition.name}")


def _offer(fit: ScalarFit, control: Control, model: Any, weight_limit: float) -> None:
    """Solve the cell that the model's solution names and offer its parameters."""
    from pyomo.environ import value

    signs = np.array([1.0 if value(model.plus[n.index]) > 0.5 else -1.0 for n in fit.neurons])
    activations = np.zeros((fit.n_points, len(fit.neurons)), dtype=bool)
    for place, neuron in enumerate(fit.neurons):
        for n in range(fit.n_points):
            activations[n, place] = value(model.z[neuron.index, n]) > 0.5
    _, theta = CellSolver(fit, weight_limit).solve(cell_of(fit, signs, activations))
    control.incumbent(fit.loss_of(fit.predict(signs, theta)), (signs, theta))
