"""Random patterns and data for ``so.certify``; each verdict is held against the checker, z3 and the solvers.

Run by itself it does so for many: ``python tests/random_certify.py 1000``.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import z3

import sparseopt as so

SHAPES = [(1, 2, 2), (2, 2, 2), (3, 3, 3), (2, 3, 1), (1, 2, 2, 1), (2, 2, 2, 2), (3, 2, 3), (2, 1, 2), (2, 2)]
ENGINE_SECONDS = 0.4
TIMEOUT = 500
"""Milliseconds for each question to z3 asked here."""


def random_pattern(rng: np.random.Generator) -> so.SparsityPattern:
    """Any masks, also with dead neurons and outputs; sometimes without some biases, sometimes with skips."""
    sizes = SHAPES[rng.integers(len(SHAPES))]
    density = rng.choice([0.4, 0.6, 0.8, 1.0])
    masks = [rng.random((b, a)) < density for a, b in pairwise(sizes)]
    biases = [rng.random(b) < 0.6 for b in sizes[1:]] if rng.random() < 0.3 else None
    skip = rng.random((sizes[-1], sizes[0])) < 0.3 if len(sizes) > 2 and rng.random() < 0.3 else None
    return so.SparsityPattern(masks, biases, skip)


def random_problem(rng: np.random.Generator) -> so.TrainingProblem:
    """Few points on a small grid, repeated ones too; targets from a grid, constant, or from a network or linear map.

    Some are data without optimum, whole or in part: a witness of a pattern, or steps beside bends.
    """
    loss = str(rng.choice(["linf", "l1", "l2"]))
    if (special := rng.random()) < 0.1:
        return _some_points(rng, WITNESS_OF_LU, loss)
    if special < 0.2:
        return _some_points(rng, STEPS, loss)
    pattern, points = random_pattern(rng), int(rng.integers(1, 6))
    X = rng.integers(-2, 3, (points, pattern.n_inputs))
    kind = rng.choice(["grid", "grid", "constant", "linear", "bent"])
    Y = rng.integers(-1, 2, (points, pattern.n_outputs))
    if kind == "constant":
        Y = np.zeros_like(Y)
    elif kind in ("linear", "bent"):
        Y = (X if kind == "linear" else np.maximum(X, 0)) @ rng.integers(-1, 2, (pattern.n_inputs, pattern.n_outputs))
    return so.TrainingProblem(pattern, X, Y, loss)


LU = so.certify(so.families.lu(2)).witness
assert LU is not None
WITNESS_OF_LU = LU
"""Affine data of 2 × 2 LU with infimum 0, not attained."""
STEPS = so.TrainingProblem(
    so.families.dense([1, 2, 2]), [[-2], [-1], [0], [1], [2], [3]], [[0, 0], [0, 0], [0, -1], [1, -2], [2, -2], [3, -2]]
)
"""Merging neurons of dense 1-2-2 tend to these."""


def _some_points(rng: np.random.Generator, whole: so.TrainingProblem, loss: str) -> so.TrainingProblem:
    """Most of the points in another order, targets scaled."""
    chosen = rng.permutation(whole.n_points)[rng.integers(0, 3) :]
    scale = int(rng.choice([-2, 1, 3]))
    return so.TrainingProblem(whole.pattern, whole.X[chosen].astype(int), (whole.Y[chosen] * scale).astype(int), loss)


def fits_exactly(problem: so.TrainingProblem) -> str:
    """z3: 'sat' if some parameters predict all targets, 'unsat' if none do."""
    pattern, solver = problem.pattern, z3.SolverFor("QF_NRA")
    solver.set("timeout", TIMEOUT)
    weights = [_unknowns(m, f"w{layer}") for layer, m in enumerate(pattern.masks)]
    biases = [_unknowns(b[:, None], f"b{layer}") for layer, b in enumerate(pattern.biases)]
    skip = None if pattern.skip is None else _unknowns(pattern.skip, "s")
    for x, y in zip(problem.X, problem.Y, strict=True):
        start = [z3.RealVal(int(v)) for v in x]
        values = start
        for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
            values = [
                sum((w * v for w, v in zip(row, values, strict=True)), bias) for row, (bias,) in zip(W, b, strict=True)
            ]
            if layer + 1 < len(weights):
                values = [z3.If(v > 0, v, z3.RealVal(0)) for v in values]
        for o, (value, target) in enumerate(zip(values, np.atleast_1d(y), strict=True)):
            direct = [] if skip is None else [w * v for w, v in zip(skip[o], start, strict=True)]
            solver.add(sum(direct, value) == z3.RealVal(int(target)))
    return str(solver.check())


def _unknowns(mask: Any, name: str) -> list[list[Any]]:
    return [
        [z3.Real(f"{name}_{i}_{j}") if free else z3.RealVal(0) for j, free in enumerate(row)]
        for i, row in enumerate(mask)
    ]


def check_pattern(pattern: so.SparsityPattern) -> str:
    """The verdict on a pattern, after the checks."""
    report = so.certify(pattern)
    _checked(report, pattern.draw())
    lc = so.linear_counterpart(pattern)
    if report.verdict is so.Verdict.NOT_ATTAINED:
        assert report.witness is not None
        assert report.sequence is not None
        assert lc.closed is False
        assert fits_exactly(report.witness) != "sat", pattern.draw()
    elif report.verdict is so.Verdict.ATTAINED and all(b.all() for b in pattern.biases):
        assert lc.closed is not False, pattern.draw()
    return f"pattern {report.verdict.value} {report.theorem}".strip()


def check_problem(problem: so.TrainingProblem) -> str:
    """The verdict on data, after the checks."""
    report = so.certify(problem, ENGINE_SECONDS)
    described = f"{problem.pattern.draw()}\n{problem.X}\n{problem.Y}\n{report.reason}"
    _checked(report, described)
    result = so.solve(problem, time_limit=0.3)
    loss = None if result.network is None else problem.evaluate_exact(result.network)
    if report.verdict is so.Verdict.NOT_ATTAINED:
        assert result.status is not so.Status.OPTIMAL, described
        if report.theorem == "N" or len({tuple(x) for x in problem.X.tolist()}) == problem.n_points:
            assert loss != 0, described
            assert fits_exactly(problem) != "sat", described
    elif report.verdict is so.Verdict.ATTAINED:
        assert result.status is not so.Status.NOT_ATTAINED, described
        if report.network is not None:
            best = problem.evaluate_exact(report.network)
            assert loss is None or best <= loss, described
            assert best != 0 or fits_exactly(problem) != "unsat", described
    return f"data {report.verdict.value} {report.theorem}".strip()


def _checked(report: so.ExistenceReport, described: str) -> None:
    if report.certificate is None:
        assert report.verdict is so.Verdict.UNDECIDED, described
    else:
        verified = so.verify(report.certificate)
        assert verified.valid, (described, verified)


def run(count: int, seed: int) -> Counter[str]:
    """How often each verdict was given; every third case is a pattern, the others are data."""
    rng = np.random.default_rng(seed)
    return Counter(
        check_problem(random_problem(rng)) if number % 3 else check_pattern(random_pattern(rng))
        for number in range(count)
    )


if __name__ == "__main__":
    for verdict, number in run(int(sys.argv[1]), seed=0).most_common():
        print(f"{number:5d} {verdict}")
