"""z3's exact optimizer on the SMT model, one output sign class after the other; all weights, rational arithmetic.

Each class is asked to beat the best value so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from sparseopt.benchmark.peers.answer import Answer, Claim, Clock, Task
from sparseopt.models.scalar_fit import Neuron, ScalarFit
from sparseopt.models.smt import smt_text
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray


def prepare(problem: TrainingProblem, task: Task) -> Callable[[], Answer]:
    """z3.Optimize per sign class of all outputs."""
    import z3

    fits = [ScalarFit.of(problem, output) for output in range(problem.pattern.n_outputs)]
    asserted = z3.parse_smt2_string(smt_text(problem).split("(minimize loss)")[0])
    loss = z3.Real("loss")

    def run() -> Answer:
        clock = Clock(task.time_limit)
        best: Fraction | None = None
        network = None
        for signs in product(*(fit.sign_classes() for fit in fits)):
            optimizer = z3.Optimize()
            optimizer.set("timeout", max(int(1000 * clock.left), 1))
            optimizer.add(asserted)
            for neuron, sign in _signed(fits, signs):
                optimizer.add(z3.Bool(f"plus_{neuron.index}") == (sign > 0))
            if best is not None:
                optimizer.add(loss < z3.RatVal(best.numerator, best.denominator))
            optimizer.minimize(loss)
            verdict = optimizer.check()
            if verdict == z3.unknown:
                return Answer(Claim.NONE, False, None if best is None else float(best), None, network)
            if verdict == z3.sat:
                model = optimizer.model()
                best, network = _value(model, "loss"), _network(problem, fits, signs, model)
        assert best is not None
        return Answer(Claim.OPTIMAL, True, float(best), float(best), network)

    return run


def _value(model: Any, name: str) -> Fraction:
    import z3

    value = model.eval(z3.Real(name), model_completion=True)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())


def _signed(fits: Sequence[ScalarFit], signs: Iterable[FloatArray]) -> Iterator[tuple[Neuron, int]]:
    """Every hidden neuron of every output, with its output sign."""
    for fit, of_output in zip(fits, signs, strict=True):
        yield from ((neuron, int(sign)) for neuron, sign in zip(fit.neurons, of_output, strict=True))


def _network(problem: TrainingProblem, fits: Sequence[ScalarFit], signs: Any, model: Any) -> Network:
    pattern = problem.pattern
    hidden, output = (np.full(mask.shape, Fraction(0)) for mask in pattern.masks)
    bias, constant = (np.full(mask.shape, Fraction(0)) for mask in pattern.biases)
    for neuron, sign in _signed(fits, signs):
        j = neuron.index
        for i in neuron.support:
            hidden[j, i] = _value(model, f"w_{j}_{i}")
        if neuron.bias:
            bias[j] = _value(model, f"b_{j}")
        output[pattern.masks[1][:, j], j] = Fraction(sign)
    for o in np.flatnonzero(pattern.biases[1]):
        constant[o] = _value(model, f"c_{o}")
    skip = None
    if pattern.skip is not None:
        skip = np.full(pattern.skip.shape, Fraction(0))
        for o, i in np.argwhere(pattern.skip):
            skip[o, i] = _value(model, f"v_{o}_{i}")
    return Network(pattern, [hidden, output], [bias, constant], skip)
