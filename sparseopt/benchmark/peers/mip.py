"""What the MILP peers share: a Pyomo model of the scaled fits in a weight box, and the way back to a network.

A peer's parameters are taken as its solver returns them, so that the benchmark sees what its tolerances do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Task
from sparseopt.models.milp import milp_model
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem


class Ended(NamedTuple):
    """What a MILP solver says: whether it proved optimality in its own sense, and its values (None: it has none)."""

    proved: bool
    objective: float | None
    bound: float | None


def prepare_mip(
    problem: TrainingProblem,
    weight_limit: float,
    solve: Callable[[Any], Ended],
    formulation: Callable[..., Any] = milp_model,
) -> Callable[[], Answer]:
    """Build the model; the function returned times `solve`, which loads its solution into the model."""
    fits = [ScalarFit.of(problem, output) for output in range(problem.pattern.n_outputs)]
    model = formulation(fits, weight_limit)
    unit = max(fit.objective_scale for fit in fits)

    def run() -> Answer:
        proved, objective, bound = solve(model)
        if objective is None:
            return Answer(Claim.NONE, False, None, bound and unit * bound, None, weight_limit)
        claim = Claim.BOX if proved else Claim.NONE
        bound = None if bound is None else unit * bound
        return Answer(claim, proved, unit * objective, bound, _network(problem, fits, model), weight_limit)

    return run


def solve_with_pyomo(name: str, task: Task, **options: Any) -> Callable[[Any], Ended]:
    """A solver of Pyomo's current interface (highs, gurobi_direct), one thread, its own default tolerances."""
    from pyomo.contrib.solver.common.factory import SolverFactory
    from pyomo.contrib.solver.common.results import TerminationCondition

    def solve(model: Any) -> Ended:
        answer = SolverFactory(name).solve(
            model,
            time_limit=task.time_limit,
            threads=1,
            load_solutions=False,
            raise_exception_on_nonoptimal_result=False,
            solver_options=options,
        )
        objective, bound = answer.incumbent_objective, answer.objective_bound
        if objective is not None and np.isfinite(objective):
            answer.solution_loader.load_vars()
        else:
            objective = None
        proved = answer.termination_condition is TerminationCondition.convergenceCriteriaSatisfied
        return Ended(proved, objective, bound if bound is not None and np.isfinite(bound) else None)

    return solve


def _network(problem: TrainingProblem, fits: list[ScalarFit], model: Any) -> Network:
    """The network of the model's parameter values and signs."""
    from pyomo.environ import value

    built = ShallowParameters(problem.pattern)
    for o, fit in enumerate(fits):
        theta: list[float] = []
        for neuron in fit.neurons:
            theta += [value(model.w[neuron.index, i]) for i in neuron.support]
            theta += [value(model.b[neuron.index])] if neuron.bias else []
        theta += [value(model.v[o, i]) for i in fit.skip] + ([value(model.c[o])] if fit.constant else [])
        signs = np.array([1.0 if value(model.plus[n.index]) > 0.5 else -1.0 for n in fit.neurons])
        fit.add_to(built, o, signs, fit.unscaled(np.array(theta)))
    return built.network()
