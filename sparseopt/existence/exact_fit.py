"""Is there a network on given data whose loss is the bound that equal inputs give? A question for z3 (QF_NRA).

The bound is a sum or maximum over the distinct inputs, and reached exactly if every prediction lies in the interval of
best values of its input (:func:`targets`): one point where inputs are distinct. Networks of any depth; one ``ite`` per
neuron and point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.engine import Answer, ask, number, total
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import ExactArray

MAX_TERMS = 120
"""Larger products of distinct points and hidden neurons are not asked about."""


@dataclass(frozen=True)
class Targets:
    """Distinct inputs, shape (P, d), and the intervals [low, high] of best predictions, each of shape (P, q)."""

    X: ExactArray
    low: ExactArray
    high: ExactArray


def targets(problem: TrainingProblem) -> Targets:
    """The predictions whose loss is the bound that no function of the inputs can beat."""
    bound = data_bound(problem)
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, x in enumerate(problem.X_exact):
        groups.setdefault(tuple(x), []).append(i)
    intervals = np.array(
        [
            [
                _best(problem.loss, [(problem.Y_exact[i, o], problem.weights_exact[i]) for i in members], bound)
                for o in range(problem.pattern.n_outputs)
            ]
            for members in groups.values()
        ],
        dtype=object,
    )
    X = np.array([list(x) for x in groups], dtype=object)
    return Targets(X, intervals[:, :, 0], intervals[:, :, 1])


def _best(loss: Loss, pairs: list[tuple[Fraction, Fraction]], bound: Fraction) -> tuple[Fraction, Fraction]:
    """The constants that reach the bound on (target, weight) pairs: for linf within the bound, else least loss."""
    if loss is Loss.LINF:
        return max(y - bound / w for y, w in pairs), min(y + bound / w for y, w in pairs)
    weight = sum((w for _, w in pairs), Fraction(0))
    if loss is Loss.L2:
        mean = sum((y * w for y, w in pairs), Fraction(0)) / weight
        return mean, mean
    below, ordered = Fraction(0), sorted(pairs)
    for i, (y, w) in enumerate(ordered):
        below += w
        if 2 * below >= weight:
            return y, ordered[i + 1][0] if 2 * below == weight else y
    raise AssertionError("a weighted median exists")


def exact_fit(problem: TrainingProblem, seconds: float) -> Network | bool | None:
    """A network whose loss is the bound, False if z3 proves that there is none, None if it is not known."""
    pattern, goal = problem.pattern, targets(problem)
    if len(goal.X) * sum(int(live.sum()) for live in pattern.live[1:-1]) > MAX_TERMS:
        return None
    lines, names = declared(pattern)
    for p, x in enumerate(goal.X):
        lines += prediction(pattern, p, x)
    answer = ask("\n".join([*lines, *within(goal)]), seconds)
    if answer.verdict == "unsat":
        return False
    found = answer.verdict == "sat" and names <= answer.values.keys()
    return Network(pattern, *parameters(pattern, answer)) if found else None


def declared(pattern: SparsityPattern) -> tuple[list[str], set[str]]:
    """Declarations of all free parameters, and their names: w<layer>_<i>_<j>, b<layer>_<i>, s_<i>_<j>."""
    names = [f"w{n}_{i}_{j}" for n, mask in enumerate(pattern.masks) for i, j in np.argwhere(mask)]
    names += [f"b{n}_{i}" for n, free in enumerate(pattern.biases) for i in np.flatnonzero(free)]
    if pattern.skip is not None:
        names += [f"s_{i}_{j}" for i, j in np.argwhere(pattern.skip)]
    return [f"(declare-const {name} Real)" for name in names], set(names)


def prediction(pattern: SparsityPattern, p: int, x: Any, extra: Mapping[int, list[str]] | None = None) -> list[str]:
    """Definitions of y<o>_<p>, the outputs at the input x; `extra` maps outputs to terms that are added."""
    values = {j: number(v) for j, v in enumerate(x) if v}
    lines = []
    for n, (mask, free) in enumerate(zip(pattern.masks, pattern.biases, strict=True)):
        last = n == pattern.depth - 1
        above: dict[int, str] = {}
        for i, row in enumerate(mask):
            terms = [f"(* w{n}_{i}_{j} {values[j]})" for j in map(int, np.flatnonzero(row)) if j in values]
            terms += [f"b{n}_{i}"] if free[i] else []
            if last:
                terms += [] if pattern.skip is None else _skip(pattern, i, x)
                terms += (extra or {}).get(i, [])
                lines.append(f"(define-fun y{i}_{p} () Real {total(terms)})")
            elif terms:
                lines.append(f"(define-fun h{n}_{i}_{p} () Real (let ((a {total(terms)})) (ite (> a 0.0) a 0.0)))")
                above[i] = f"h{n}_{i}_{p}"
        values = above
    return lines


def _skip(pattern: SparsityPattern, i: int, x: Any) -> list[str]:
    assert pattern.skip is not None
    return [f"(* s_{i}_{j} {number(x[j])})" for j in np.flatnonzero(pattern.skip[i]) if x[j]]


def within(goal: Targets) -> list[str]:
    """Assertions that every y<o>_<p> lies in its interval."""
    out = []
    intervals: Iterable[Any] = zip(np.ndindex(*goal.low.shape), goal.low.flat, goal.high.flat, strict=True)
    for (p, o), low, high in intervals:
        y = f"y{o}_{p}"
        both = f"(and (<= {number(low)} {y}) (<= {y} {number(high)}))"
        out.append(f"(assert {f'(= {y} {number(low)})' if low == high else both})")
    return out


def parameters(
    pattern: SparsityPattern, answer: Answer
) -> tuple[list[ExactArray], list[ExactArray], ExactArray | None]:
    """Weights, biases and skip weights of a model."""

    def array(prefix: str, shape: tuple[int, ...]) -> ExactArray:
        out = np.full(shape, Fraction(0), dtype=object)
        for place in np.ndindex(*shape):
            out[place] = answer.values.get("_".join([prefix, *map(str, place)]), Fraction(0))
        return out

    weights = [array(f"w{n}", mask.shape) for n, mask in enumerate(pattern.masks)]
    biases = [array(f"b{n}", free.shape) for n, free in enumerate(pattern.biases)]
    return weights, biases, None if pattern.skip is None else array("s", pattern.skip.shape)
