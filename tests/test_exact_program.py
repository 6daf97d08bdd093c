"""Programs of nodes in exact arithmetic, against cvxpy and against the lemmas that their multipliers give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cvxpy
import numpy as np
import pytest
from certificates import Counting, Enough
from generated import generated_problems
from sparseopt.models.scalar_fit import ScalarFit

import sparseopt as so
from sparseopt.certificate.bound_lemma import BoundLemma
from sparseopt.certificate.exact_fit import ExactFit
from sparseopt.certificate.exact_program import exact_program
from sparseopt.certificate.node_rows import ErrorRow, Row, SignClass, SignRow

LOSSES = ["linf", "l1", "l2"]


def random_nodes(loss: str, count: int) -> Iterator[tuple[str, ExactFit, list[int], Any, list[Row]]]:
    """(description, fit, signs, state, rows to start from) of nodes with some, all or no statements decided.

    Half of them are decided as random parameters say, half of them at random.
    """
    rng = np.random.default_rng(3)
    for name, problem in generated_problems(count, 29, loss, points=(3, 9), widths=(1, 2, 3)):
        shape = ScalarFit.of(problem)
        fit = ExactFit.of(problem, 0, shape)
        signs = [int(s) for s in rng.choice([-1, 1], len(shape.neurons))]
        theta = [Fraction(int(v)) for v in rng.integers(-3, 4, shape.n_parameters)]
        truth = fit.pre_activations(theta) if rng.random() < 0.5 else rng.normal(size=(fit.n_points, len(signs)))
        decided = rng.random((fit.n_points, len(signs))) < rng.choice([0.0, 0.5, 0.9, 1.0])
        state = np.zeros((fit.n_points, len(signs)), dtype=np.int8)
        for j, numbers in enumerate(fit.statements):
            for i, z in enumerate(numbers):
                first = (abs(z) - 1) % fit.n_points
                side = (1 if truth[first, j] > 0 else -1) * int(decided[first, j])
                state[i, j] = -1 if z == 0 else side if z > 0 else -side
        start: list[Row] = [
            ErrorRow(i, side, int(rng.integers(1 << len(signs))) if side == 0 else _bits(state[i]))
            for i in range(fit.n_points)
            for side in (1, -1)
            if rng.random() < 0.5 and all(state[i, j] for j, s in enumerate(signs) if s != side)
        ]
        start += [
            SignRow(int(state[i, j]) * (1 + j * fit.n_points + int(i)))
            for i, j in np.argwhere(state)
            if rng.random() < 0.3 and fit.statements[j][i]
        ]
        yield name, fit, signs, state, start


def _bits(state: Any) -> int:
    return sum(1 << j for j, s in enumerate(state.tolist()) if s > 0)


def value_of_cvxpy(fit: ExactFit, signs: list[int], state: Any) -> float:
    """The same program, with the rows of a point as one convex function."""
    rows, linear = fit.float_rows
    theta, r = cvxpy.Variable(fit.shape.n_parameters), cvxpy.Variable(fit.n_points)
    weights = np.array([float(w) for w in fit.weights])
    limits, errors = [], []
    for i in range(fit.n_points):
        pre = [F[i] @ theta[place.start : place.stop] for F, place in zip(rows, fit.shape.places, strict=True)]
        base = linear[i] @ theta[theta.size - linear.shape[1] :] - fit.float_targets[i] if linear.shape[1] else 0
        base = base if linear.shape[1] else -fit.float_targets[i]
        limits += [int(state[i, j]) * p >= 0 for j, p in enumerate(pre) if state[i, j]]
        for side in (1, -1):
            if all(state[i, j] for j, s in enumerate(signs) if s != side):
                help_ = sum(cvxpy.pos(p) for p, s in zip(pre, signs, strict=True) if s == side)
                hurt = sum(p for j, (p, s) in enumerate(zip(pre, signs, strict=True)) if s != side and state[i, j] > 0)
                value = side * base + help_ - hurt
                errors.append(weights[i] * value)
                limits.append(side * r[i] >= value if fit.shape.loss == "l2" else weights[i] * value <= r[i])
    if fit.shape.loss == "l2":
        objective = cvxpy.sum_squares(cvxpy.multiply(np.sqrt(weights), r))
    elif fit.shape.loss == "l1":
        objective = cvxpy.sum(cvxpy.pos(r))
    else:
        objective = cvxpy.max(cvxpy.pos(r))
    return float(cvxpy.Problem(cvxpy.Minimize(objective), limits).solve(solver=cvxpy.CLARABEL))


@pytest.mark.parametrize("loss", LOSSES)
def test_values_are_those_of_cvxpy_and_of_their_lemmas(loss: str) -> None:
    counted: Counter[str] = Counter()
    for name, fit, signs, state, start in random_nodes(loss, 60):
        program = exact_program(SignClass(fit, signs), state, start)
        solution = program.solve()
        assert float(solution.value) == pytest.approx(value_of_cvxpy(fit, signs, state), abs=1e-5, rel=1e-5), name
        assert BoundLemma.of(program.its, solution.support).value >= solution.value, name
        if state.all():
            assert fit.loss(signs, solution.theta) == solution.value, name
        counted["solved"] += 1
        counted["positive"] += solution.value > 0
        counted["decided"] += bool(state.all())
        half = solution.value / 2
        early = exact_program(SignClass(fit, signs), state, start).solve(half)
        assert half <= early.value <= solution.value, name
        assert BoundLemma.of(program.its, early.support).value >= early.value, name
    print(f"{loss}: {dict(counted)}")
    assert counted["solved"] == 60
    assert min(counted["positive"], counted["decided"]) >= 10


@pytest.mark.parametrize("loss", LOSSES)
def test_a_narrowed_program_has_the_value_of_a_new_one(loss: str) -> None:
    compared = 0
    for name, fit, signs, state, start in random_nodes(loss, 40):
        wide = np.where(np.arange(len(state))[:, None] % 2, state, np.where(_zero(fit), -1, 0)).astype(np.int8)
        program = exact_program(SignClass(fit, signs), wide, [])
        before = program.solve()
        after = program.narrowed(state).solve()
        assert after.value == exact_program(SignClass(fit, signs), state, start).solve().value >= before.value, name
        assert program.solve() == before, name
        compared += after.value > before.value
    print(f"{loss}: {compared} of 40 programs grew when narrowed")
    assert compared >= 5


def _zero(fit: ExactFit) -> Any:
    return np.array([[z == 0 for z in numbers] for numbers in fit.statements], dtype=bool).reshape(-1, fit.n_points).T


@pytest.mark.parametrize("loss", LOSSES)
def test_every_pivot_asks_whether_to_stop(loss: str) -> None:
    """`check` is called for every row that enters, and may raise at any of its calls."""
    stopped = 0
    for _, fit, signs, state, _ in random_nodes(loss, 20):
        counter = Counting()
        program = exact_program(SignClass(fit, signs), state, [], counter)
        enter, entered = program._enter, Counting()
        program._enter = lambda *a, e=enter, n=entered, **kw: (n(), e(*a, **kw))  # type: ignore[method-assign]
        program.solve()
        assert entered.calls <= counter.calls
        for most in range(counter.calls):
            with pytest.raises(Enough):
                exact_program(SignClass(fit, signs), state, [], Counting(most)).solve()
            stopped += 1
    print(f"{loss}: stopped at {stopped} calls")
    assert stopped >= 50


def test_parallel_rows_and_rows_of_zeros() -> None:
    """Repeated points, zero columns, and start rows that depend on each other."""
    x = [[0, 0], [1, 0], [1, 0], [2, 0], [-1, 0]]
    problem = so.TrainingProblem(so.SparsityPattern([[[1, 1]], [[1]]], biases=[[0], [0]]), x, [1, 0, 2, -3, 1], "l2")
    fit = ExactFit.of(problem, 0, ScalarFit.of(problem))
    state = np.array([[-1], [1], [1], [1], [-1]], dtype=np.int8)
    start: list[Row] = [ErrorRow(i, side, _bits(state[i])) for i in range(5) for side in (1, -1)]
    start += [SignRow(z * int(s)) for z, s in zip(fit.statements[0], state[:, 0].tolist(), strict=True) if z]
    solution = exact_program(SignClass(fit, [1]), state, start).solve()
    assert solution.value == 1 + 4 + 9 + 1  # w = 0: the slope of least squares, (2 - 6) / 6, is negative
