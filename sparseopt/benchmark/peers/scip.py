"""SCIP with indicator constraints (PySCIPOpt), one output sign class after the other; no bounds on weights.

For neuron j and point n of the scaled fit, p the pre-activation: h ≥ 0, h ≥ p, z = 1 ⇒ h ≤ p, z = 0 ⇒ h ≤ 0.
l2 is the epigraph of the sum of squares. Each class is asked to beat the best value so far. Default settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Clock, Task
from sparseopt.losses import Loss
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray


def refuses(problem: TrainingProblem) -> str | None:
    """Only one output."""
    return "takes one output" if problem.pattern.n_outputs > 1 else None


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """One SCIP model per sign class, built before the clock starts."""
    fit = ScalarFit.of(problem)
    models = [(signs, *_model(fit, signs, task.seed)) for signs in fit.sign_classes()]

    def run() -> Answer:
        clock = Clock(task.time_limit)
        best, bound, finished = float("inf"), float("inf"), True
        network = None
        for signs, model, theta in models:
            model.setParam("limits/time", clock.left)
            if np.isfinite(best):
                model.setObjlimit(best)
            model.optimize()
            ended = model.getStatus() in ("optimal", "infeasible")
            finished &= ended
            if not ended or model.getStatus() == "optimal":
                bound = min(bound, model.getDualbound())
            if model.getNSols() and (value := model.getObjVal()) < best:
                built = ShallowParameters(problem.pattern)
                fit.add_to(built, 0, signs, fit.unscaled(np.array([model.getVal(v) for v in theta])))
                best, network = value, built.network()
        bound = min(bound, best)
        unit = fit.objective_scale
        claim = Claim.OPTIMAL if finished and network is not None else Claim.NONE
        return Answer(claim, finished, unit * best if network else None, unit * max(bound, 0.0), network)

    return run


def _model(fit: ScalarFit, signs: FloatArray, seed: int) -> tuple[Any, list[Any]]:
    """The model of one sign class and its parameter variables in the order of θ."""
    import pyscipopt as scip

    model = scip.Model()
    model.hideOutput()
    model.setParam("randomization/randomseedshift", seed)
    theta = [model.addVar(f"theta_{i}", lb=None, ub=None) for i in range(fit.n_parameters)]
    tail = theta[fit.linear_start :]
    total = model.addVar("loss", lb=0, ub=None)
    errors = []
    for n in range(fit.n_points):
        prediction = scip.quicksum(float(a) * v for a, v in zip(fit.linear_features[n], tail, strict=True))
        for j, (sign, place) in enumerate(zip(signs, fit.places, strict=True)):
            pre = scip.quicksum(float(a) * v for a, v in zip(fit.features[j][n], theta[place], strict=True))
            h, z = model.addVar(f"h_{j}_{n}", lb=0, ub=None), model.addVar(f"z_{j}_{n}", vtype="B")
            model.addCons(h >= pre)
            model.addConsIndicator(h - pre <= 0, binvar=z)
            model.addConsIndicator(h <= 0, binvar=z, activeone=False)
            prediction += float(sign) * h
        error = total if fit.loss is Loss.LINF else model.addVar(f"e_{n}", lb=0, ub=None)
        # the weight of a squared residual is the square of the residual's weight
        weight = float(np.sqrt(fit.weights[n]) if fit.loss is Loss.L2 else fit.weights[n])
        residual = weight * (prediction - float(fit.y[n]))
        model.addCons(residual <= error)
        model.addCons(-residual <= error)
        errors.append(error)
    if fit.loss is Loss.L1:
        model.addCons(scip.quicksum(errors) <= total)
    elif fit.loss is Loss.L2:
        model.addCons(scip.quicksum(e * e for e in errors) <= total)
    model.setObjective(total)
    return model, theta
