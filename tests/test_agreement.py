"""Solvers against each other, and against z3 in exact arithmetic, on generated problems."""

from __future__ import annotations

import pytest
from exact_optimum import exact_optimum
from generated import generated_problems
from sparseopt.models.scalar_fit import ScalarFit

import sparseopt as so

BOX = 10.0


def _close(a: float, b: float, scale: float) -> bool:
    return abs(a - b) <= 2e-6 * max(scale, 1e-9)


def _scale(problem: so.TrainingProblem) -> float:
    """Loss of the zero network in scaled units, at least one scaled unit."""
    return ScalarFit.of(problem).objective_scale * max(1, problem.n_points if problem.loss != "linf" else 1)


@pytest.mark.parametrize("loss", ["linf", "l1"])
@pytest.mark.parametrize("seed", [0, 1])
def test_enumerate_and_milp_agree_within_the_box(loss: str, seed: int) -> None:
    compared = inside = boxed = 0
    for name, problem in generated_problems(50, seed, loss):
        by_cells = so.solve(problem, "enumerate", weight_limit=BOX)
        by_milp = so.solve(problem, "milp", weight_limit=BOX)
        everywhere = so.solve(problem, "enumerate")
        scale = _scale(problem)
        assert by_cells.status == by_milp.status == everywhere.status == so.Status.OPTIMAL, name
        assert _close(by_cells.objective, by_milp.objective, scale), name
        assert _close(by_milp.objective, by_milp.bound, scale), name
        assert everywhere.objective <= by_milp.objective + 2e-6 * scale, name
        assert by_milp.weight_limit == BOX or by_milp.bound == pytest.approx(by_milp.objective), name
        assert everywhere.weight_limit is None
        boxed += by_milp.weight_limit is not None
        compared += 1
        inside += _close(everywhere.objective, by_milp.objective, scale)
    print(f"{loss}, seed {seed}: {compared} problems compared, {inside} with the global optimum inside the box")
    assert compared == 50
    assert inside >= 25
    assert boxed >= 30


@pytest.mark.parametrize("loss", ["linf", "l1"])
def test_enumerate_equals_the_exact_optimum_of_z3(loss: str) -> None:
    compared = 0
    for name, problem in generated_problems(60, 7, loss, points=(4, 7)):
        if (value := exact_optimum(problem, 20_000)) is None:
            continue
        result = so.solve(problem, "enumerate")
        assert result.status is so.Status.OPTIMAL, name
        assert _close(result.objective, float(value), _scale(problem)), (name, result.objective, value)
        assert result.bound <= float(value) + 2e-6 * _scale(problem), name
        compared += 1
    print(f"{loss}: {compared} exact optima compared")
    assert compared >= 50


def test_local_never_beats_the_proved_optimum_and_often_finds_it() -> None:
    compared = found = 0
    for loss in ("linf", "l1", "l2"):
        for name, problem in generated_problems(25, 11, loss):
            proved, searched = so.solve(problem, "enumerate"), so.solve(problem, "local", starts=8)
            scale = _scale(problem)
            assert searched.objective >= proved.bound - 2e-6 * scale, name
            assert searched.status in (so.Status.FAILED, so.Status.OPTIMAL), name
            compared += 1
            found += _close(searched.objective, proved.objective, scale)
    print(f"{compared} compared, local found the optimum of {found}")
    assert compared == 75
    assert found >= 60


def test_l2_bound_and_objective_meet() -> None:
    compared = 0
    for name, problem in generated_problems(40, 13, "l2"):
        result = so.solve(problem, "enumerate")
        assert result.status is so.Status.OPTIMAL, name
        assert _close(result.objective, result.bound, _scale(problem)), name
        compared += 1
    print(f"{compared} l2 problems: bound equals objective")
    assert compared == 40


def test_several_outputs_split_as_the_loss_asks() -> None:
    compared = 0
    for loss in ("linf", "l1", "l2"):
        pairs = list(generated_problems(12, 17, loss, inputs=(2,), points=(6, 6), widths=(1,)))
        for (_, a), (_, b) in zip(pairs[::2], pairs[1::2], strict=True):
            masks = [[*a.pattern.masks[0], *b.pattern.masks[0]], [[1, 0], [0, 1]]]
            biases = [
                [*a.pattern.biases[0], *b.pattern.biases[0]],
                [*a.pattern.biases[1], *b.pattern.biases[1]],
            ]
            pattern = so.SparsityPattern(masks, biases)
            Y = [[u[0], v[0]] for u, v in zip(a.Y_exact, b.Y_exact, strict=True)]
            both = so.solve(so.TrainingProblem(pattern, a.X_exact, Y, loss), "enumerate")
            alone = []
            for o in range(2):
                one = so.SparsityPattern([[masks[0][o]], [[1]]], [[biases[0][o]], [biases[1][o]]])
                alone.append(
                    so.solve(so.TrainingProblem(one, a.X_exact, [y[o] for y in Y], loss), "enumerate").objective
                )
            expected = max(alone) if loss == "linf" else sum(alone)
            assert both.status is so.Status.OPTIMAL
            assert both.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)
            compared += 1
    assert compared == 18
