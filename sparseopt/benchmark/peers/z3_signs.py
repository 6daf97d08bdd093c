"""z3's exact optimizer on the SMT model, one output sign class after the other; all weights, rational arithmetic.

Each class is asked to beat the best value so far.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Clock, Task
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.models.smt import smt_text
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """z3.Optimize per sign class."""
    import z3

    fit = ScalarFit.of(problem)
    asserted = z3.parse_smt2_string(smt_text(problem).split("(minimize loss)")[0])
    loss = z3.Real("loss")

    def run() -> Answer:
        clock = Clock(task.time_limit)
        best: Fraction | None = None
        network = None
        for signs in fit.sign_classes():
            optimizer = z3.Optimize()
            optimizer.set("timeout", max(int(1000 * clock.left), 1))
            optimizer.add(asserted)
            for neuron, sign in zip(fit.neurons, signs, strict=True):
                optimizer.add(z3.Bool(f"plus_{neuron.index}") == bool(sign > 0))
            if best is not None:
                optimizer.add(loss < z3.RatVal(best.numerator, best.denominator))
            optimizer.minimize(loss)
            verdict = optimizer.check()
            if verdict == z3.unknown:
                return Answer(Claim.NONE, False, None if best is None else float(best), None, network)
            if verdict == z3.sat:
                model = optimizer.model()
                best, network = _value(model, "loss"), _network(problem, fit, signs, model)
        assert best is not None
        return Answer(Claim.OPTIMAL, True, float(best), float(best), network)

    return run


def _value(model: Any, name: str) -> Fraction:
    import z3

    value = model.eval(z3.Real(name), model_completion=True)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())


def _network(problem: TrainingProblem, fit: ScalarFit, signs: Any, model: Any) -> Network:
    pattern = problem.pattern
    hidden = np.full(pattern.masks[0].shape, Fraction(0))
    bias, output = np.full(len(hidden), Fraction(0)), np.full((1, len(hidden)), Fraction(0))
    for neuron, sign in zip(fit.neurons, signs, strict=True):
        j = neuron.index
        for i in neuron.support:
            hidden[j, i] = _value(model, f"w_{j}_{i}")
        if neuron.bias:
            bias[j] = _value(model, f"b_{j}")
        output[0, j] = Fraction(int(sign))
    constant = np.array([_value(model, "c_0") if pattern.biases[1][0] else Fraction(0)], dtype=object)
    skip = None
    if pattern.skip is not None:
        skip = np.full((1, pattern.n_inputs), Fraction(0))
        for i in fit.skip:
            skip[0, i] = _value(model, f"v_0_{i}")
    return Network(pattern, [hidden, output], [bias, constant], skip)
