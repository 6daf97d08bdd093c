"""Two hidden neurons of one layer whose hyperplanes merge: limits of networks that grow without bound.

Neurons σ(g + h/n) and σ(g + k/n) with output weights a_o n + c_o and -a_o n add, for n → ∞,

    c_o g + a_o (h - k) where g > 0,     a_o (σ(h) - σ(k)) where g = 0,     0 where g < 0

to output o; g reads the inputs that both neurons read, h and k those of their own neuron, and a_o is zero unless both
feed o. z3 looks for such a limit with the wanted predictions; the sequence is then checked in exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

import numpy as np

from sparseopt.existence.divergence import DivergingSequence
from sparseopt.existence.engine import Answer, ask, number, total
from sparseopt.existence.eventual import eventual_predictions
from sparseopt.existence.exact_fit import MAX_TERMS, Targets, declared, parameters, prediction, within
from sparseopt.existence.laurent import Laurent, zeros
from sparseopt.pattern import SparsityPattern

N, EPSILON = Laurent({1: 1}), Laurent({-1: 1})


def merging_neurons(pattern: SparsityPattern, goal: Targets, seconds: float) -> DivergingSequence | None:
    """Parameters θ(n) whose predictions tend into the wanted intervals while two neurons merge; None if none is found.

    One hidden layer. `seconds` limits the question about each pair of neurons and output.
    """
    if pattern.depth != 2 or len(goal.X) * int(pattern.live[1].sum()) > MAX_TERMS:
        return None
    for j, k, output in _pairs(pattern):
        text = f"{_limit_text(pattern, goal, j, k)}\n(assert (= a_{output} 1.0))"  # h, k may be scaled by |a_output|
        answer = ask(text, seconds)
        if answer.verdict == "sat":
            sequence = _sequence(pattern, answer, j, k)
            if tends_into(sequence, goal):
                return sequence
    return None


def tends_into(sequence: DivergingSequence, goal: Targets) -> bool:
    """Whether the predictions tend to values within the wanted intervals (exact)."""
    predictions, _ = eventual_predictions(sequence, goal.X)
    return all(
        (y.degree or 0) <= 0 and low <= y.terms.get(0, Fraction(0)) <= high
        for y, low, high in zip(predictions.flat, goal.low.flat, goal.high.flat, strict=True)
    )


def _pairs(pattern: SparsityPattern) -> Iterator[tuple[int, int, int]]:
    """Ordered pairs of neurons with a common output, one for each pair of kinds and output."""
    kind = {j: i for i, members in enumerate(pattern.equal_supports) for j in members}
    seen = set()
    for j, k in permutations(sorted(kind), 2):
        for output in np.flatnonzero(pattern.masks[1][:, j] & pattern.masks[1][:, k]):
            if (key := (kind[j], kind[k], output)) not in seen:
                seen.add(key)
                yield j, k, int(output)


def _others(pattern: SparsityPattern, j: int, k: int) -> SparsityPattern:
    """The pattern without the two neurons."""
    first, second, free = (m.copy() for m in (*pattern.masks, pattern.biases[0]))
    first[[j, k]], second[:, [j, k]], free[[j, k]] = False, False, False
    return SparsityPattern([first, second], [free, pattern.biases[1]], pattern.skip)


def _limit_text(pattern: SparsityPattern, goal: Targets, j: int, k: int) -> str:
    first, second = pattern.masks
    forms = {"g": first[j] & first[k], "h": first[j], "k": first[k]}
    free = pattern.biases[0]
    constants = {"g": free[j] and free[k], "h": free[j], "k": free[k]}
    rest = _others(pattern, j, k)
    lines, _ = declared(rest)
    for name, support in forms.items():
        lines += [f"(declare-const {name}_{i} Real)" for i in np.flatnonzero(support)]
        lines += [f"(declare-const {name}b Real)"] if constants[name] else []
    common, either = (np.flatnonzero(x) for x in (second[:, j] & second[:, k], second[:, j] | second[:, k]))
    lines += [f"(declare-const a_{o} Real)" for o in common] + [f"(declare-const c_{o} Real)" for o in either]
    for p, x in enumerate(goal.X):
        for name, support in forms.items():
            terms = [f"(* {name}_{i} {number(x[i])})" for i in np.flatnonzero(support) if x[i]]
            terms += [f"{name}b"] if constants[name] else []
            lines.append(f"(define-fun {name.upper()}{p} () Real {total(terms)})")
        positive = [f"(ite (> {name}{p} 0.0) {name}{p} 0.0)" for name in "HK"]
        jump = f"(ite (> G{p} 0.0) (- H{p} K{p}) (ite (= G{p} 0.0) (- {' '.join(positive)}) 0.0))"
        lines.append(f"(define-fun J{p} () Real {jump})")
        lines.append(f"(define-fun P{p} () Real (ite (> G{p} 0.0) G{p} 0.0))")
        extra = {int(o): [f"(* c_{o} P{p})"] for o in either}
        for o in common:
            extra[int(o)].append(f"(* a_{o} J{p})")
        lines += prediction(rest, p, x, extra)
    return "\n".join([*lines, *within(goal)])


def _sequence(pattern: SparsityPattern, answer: Answer, j: int, k: int) -> DivergingSequence:
    exact = parameters(_others(pattern, j, k), answer)
    weights, biases = ([array + zeros(*array.shape) for array in part] for part in exact[:2])
    skip = None if exact[2] is None else exact[2] + zeros(*exact[2].shape)

    def value(name: str) -> Fraction:
        return answer.values.get(name, Fraction(0))

    for neuron, name, sign in ((j, "h", 1), (k, "k", -1)):
        for i in np.flatnonzero(pattern.masks[0][neuron]):
            weights[0][neuron, i] = EPSILON * value(f"{name}_{i}") + value(f"g_{i}")
        biases[0][neuron] = EPSILON * value(f"{name}b") + value("gb")
        for o in np.flatnonzero(pattern.masks[1][:, neuron]):
            weights[1][o, neuron] = N * (sign * value(f"a_{o}"))
            if neuron == j or not pattern.masks[1][o, j]:
                weights[1][o, neuron] = weights[1][o, neuron] + value(f"c_{o}")
    return DivergingSequence(pattern, tuple(weights), tuple(biases), skip, None)
