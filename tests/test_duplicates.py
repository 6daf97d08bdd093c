"""Lower bounds where neurons feed several outputs: never above a network's loss, at least those of single outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from sparseopt.solvers import duplicates
from sparseopt.solvers.duplicates import duplicate_bound

import sparseopt as so

SECONDS = 60.0


def shared_problems(count: int, seed: int) -> Iterator[so.TrainingProblem]:
    """One hidden layer of two neurons, most of which feed both outputs; missing biases and skips."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        d = 1 + (number == 5)
        first, second = rng.random((2, d)) < 0.9, rng.random((2, 2)) < 0.85
        biases = [rng.random(2) < 0.9, rng.random(2) < 0.9]
        skip = rng.random((2, d)) < 0.3 if number % 3 == 0 else None
        pattern = so.SparsityPattern([first, second], biases, skip)
        loss = ("linf", "l1", "l2")[number % 3]
        yield so.TrainingProblem(
            pattern,
            rng.integers(-3, 4, (6, 2)) if d == 2 else rng.permutation(9)[:6, None],
            rng.integers(-3, 4, (6, 2)),
            loss,
        )


def test_bounds_lie_between_single_outputs_and_networks() -> None:
    compared = better = 0
    for problem in shared_problems(18, 1):
        alone = [so.solve(problem.restrict_outputs([o]), "enumerate").objective for o in range(2)]
        least = max(alone) if problem.loss is so.Loss.LINF else sum(alone)
        bound, best = duplicate_bound(problem, SECONDS), so.solve(problem, "local", starts=2).objective
        assert least - 1e-5 * max(1, least) <= bound <= best + 1e-5 * max(1, best), problem.pattern.draw()
        better += bound > least + 1e-3
        compared += 1
    print(f"{compared} bounds compared, {better} above those of single outputs")
    assert compared == 18
    assert better >= 3


def test_networks_are_never_excluded() -> None:
    """Data of a network with shared neurons: the bound is 0. Broken patterns or signs would exclude it."""
    rng = np.random.default_rng(2)
    for problem in shared_problems(12, 3):
        pattern = problem.pattern
        weights, biases = ([rng.integers(-3, 4, m.shape) * m for m in part] for part in (pattern.masks, pattern.biases))
        skip = None if pattern.skip is None else rng.integers(-3, 4, pattern.skip.shape) * pattern.skip
        Y = so.Network(pattern, weights, biases, skip).predict(problem.X)
        assert duplicate_bound(so.TrainingProblem(pattern, problem.X, Y, problem.loss), SECONDS) < 1e-5


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_equal_targets_give_the_scalar_optimum(loss: str) -> None:
    """Both outputs want the same: the relaxation is exact, and so is the bound of single outputs."""
    x, y = [[i] for i in range(6)], [0, 3, 1, 4, 0, 5]
    single = so.solve(so.TrainingProblem(so.families.dense([1, 2, 1]), x, y, loss), "enumerate").objective
    both = so.TrainingProblem(so.families.dense([1, 2, 2]), x, [[v, v] for v in y], loss)
    assert duplicate_bound(both, SECONDS) == pytest.approx(single * (1 if loss == "linf" else 2), rel=1e-5)


def test_too_many_patterns_leave_single_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = next(p for p in shared_problems(20, 1) if p.loss is so.Loss.L1)
    monkeypatch.setattr(duplicates, "MAX_PATTERNS", 0)
    alone = [so.solve(problem.restrict_outputs([o])).bound for o in range(2)]
    assert duplicate_bound(problem, SECONDS) == pytest.approx(math.fsum(alone))


def test_certify_says_where_an_undecided_infimum_lies() -> None:
    targets = [[0, 1], [1, 0], [0, 2], [3, 0], [0, 5]]
    problem = so.TrainingProblem(so.families.dense([1, 2, 2]), [[i] for i in range(5)], targets, "l1")
    report = so.certify(problem, engine_seconds=5)
    assert report.verdict is so.Verdict.UNDECIDED
    assert report.bounds is not None
    assert report.network is not None
    assert 2.99 < report.bounds[0] < report.bounds[1] == problem.evaluate(report.network)
    assert "at least 3 (every output with its own copies of shared neurons)" in report.reason
