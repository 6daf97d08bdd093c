"""Every registered solver against the same contract."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from generated import generated_problems
from sparseopt.solvers.registry import SOLVERS, Capability, Solver

import sparseopt as so

PROVED = {Capability.PROOF, Capability.BOX_PROOF}
CONFORMING = ("exact", "enumerate", "milp", "local")


def _losses(solver: Solver) -> list[str]:
    return [loss.value for loss in so.Loss if Capability(loss.value) in solver.capabilities]


def _square(loss: str = "linf") -> so.TrainingProblem:
    x = [[f"{i}/5"] for i in range(-5, 6)]
    return so.TrainingProblem(so.families.dense([1, 2, 1]), x, [f"{i * i}/25" for i in range(-5, 6)], loss)


def test_every_registered_solver_is_tested_here() -> None:
    assert set(SOLVERS) == set(CONFORMING)


@pytest.mark.parametrize("name", CONFORMING)
def test_contract(name: str) -> None:
    solver = SOLVERS[name]
    assert solver.missing() is None
    compared = 0
    for loss in _losses(solver):
        for what, problem in generated_problems(5, 19, loss, points=(4, 6)):
            rows: list[so.Progress] = []
            result = so.solve(problem, name, callback=rows.append)
            assert result.solver == name
            assert result.network is not None, what
            assert result.objective == problem.evaluate(result.network), what
            assert result.bound <= result.objective, what
            assert len(result.trace) == len(rows) >= 1, what
            objectives, bounds = [r.objective for r in result.trace], [r.bound for r in result.trace]
            scale = 1e-6 * max(1, result.objective)
            assert all(a >= b - scale for a, b in itertools.pairwise(objectives)), what
            assert all(a <= b + scale for a, b in itertools.pairwise(bounds)), what
            assert max(bounds) <= result.objective + scale, what
            if solver.capabilities & PROVED:
                assert result.status is so.Status.OPTIMAL, what
            if result.status is so.Status.OPTIMAL and Capability.BOX_PROOF not in solver.capabilities:
                assert result.weight_limit is None
                assert "over all parameters" in result.message
            compared += 1
    assert compared >= 5 * len(_losses(solver))


@pytest.mark.parametrize("name", CONFORMING)
def test_same_seed_same_answer(name: str) -> None:
    a, b = so.solve(_square(), name, seed=3), so.solve(_square(), name, seed=3)
    assert a.objective == b.objective
    assert all((u == v).all() for u, v in zip(a.network.weights, b.network.weights, strict=True))


@pytest.mark.parametrize("name", CONFORMING)
def test_the_callback_stops_a_run_and_the_best_so_far_is_kept(name: str) -> None:
    loss = "l1" if Capability.L1 in SOLVERS[name].capabilities else "linf"
    result = so.solve(_square(loss), name, callback=lambda row: True)
    assert result.status is so.Status.INTERRUPTED
    assert result.network is not None
    assert math.isfinite(result.objective)
    assert result.bound <= result.objective


@pytest.mark.parametrize("name", ["exact", "enumerate", "milp"])
def test_time_limit_keeps_network_and_bound(name: str) -> None:
    rng = np.random.default_rng(0)
    d, k = (3, 6) if name == "exact" else (1, 3)
    x = rng.uniform(-1, 1, (40, d))
    problem = so.TrainingProblem(so.families.dense([d, k, 1]), x, rng.normal(size=40))
    options = {"max_cells": 10**9} if name == "enumerate" else {}
    result = so.solve(problem, name, time_limit=1.0, **options)
    assert result.status is so.Status.TIME_LIMIT
    assert result.seconds < 5
    assert result.network is not None
    assert result.bound <= result.objective < math.inf
    assert "stopped early" in result.message


def test_gap_reached_is_not_optimal() -> None:
    result = so.solve(_square(), "milp", gap=0.6)  # 0.5 is a bound that HiGHS meets exactly, up to rounding
    assert result.status in (so.Status.GAP_REACHED, so.Status.OPTIMAL)
    assert result.gap <= 0.6
    repeated = so.TrainingProblem(so.families.dense([1, 1, 1]), [[0], [0], [1], [2], [3]], [0, 1, 5, 0, 5])
    early = so.solve(repeated, "enumerate", gap=0.95)
    assert early.status is so.Status.GAP_REACHED
    assert 0 < early.gap <= 0.95
    assert early.bound == 0.5


def test_a_gap_reached_on_the_first_output_is_not_forgotten_by_the_second() -> None:
    """Two outputs: the first stops at the gap at once, the second is fitted exactly."""
    X, Y = [[0], [0], [1], [2], [3]], [[0, 0], [1, 0], [5, 1], [0, 2], [5, 3]]
    pattern = so.SparsityPattern([[[1], [1]], [[1, 0], [0, 1]]])
    result = so.solve(so.TrainingProblem(pattern, X, Y), "enumerate", gap=0.95)
    assert result.status is so.Status.GAP_REACHED
    assert 0 < result.gap <= 0.95


def test_keyboard_interrupt_keeps_the_best_so_far() -> None:
    rows: list[so.Progress] = []

    def interrupt(row: so.Progress) -> None:
        rows.append(row)
        if len(rows) == 3:
            raise KeyboardInterrupt

    result = so.solve(_square(), "enumerate", callback=interrupt)
    assert result.status is so.Status.INTERRUPTED
    assert result.network is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"solver": "cplex"}, "solver 'cplex' is not known: use auto, enumerate"),
        ({"solver": "enumerate", "max_cells": 5}, "more than max_cells = 5"),
        ({"solver": "enumerate", "colour": 1}, "unknown option 'colour'; it takes max_cells"),
        ({"solver": "local", "certificate": True}, "writes no optimality certificates"),
        ({"time_limit": -1}, "time_limit: -1 is not a positive number"),
        ({"gap": -0.1}, "gap: -0.1 is not a number"),
        ({"gap": math.nan}, "gap: nan is not a number"),
        ({"seed": -1}, "seed: -1 is not a whole number"),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        so.solve(_square(), **arguments)


def test_solvers_refuse_what_they_cannot_do() -> None:
    shared = so.TrainingProblem(so.families.dense([1, 2, 2]), [[0], [1]], [[0, 1], [1, 0]])
    with pytest.raises(so.InputError, match="no hidden neuron that feeds two outputs"):
        so.solve(shared, "enumerate")
    with pytest.raises(so.InputError, match="does not take loss l2, only linf, l1"):
        so.solve(_square("l2"), "milp")


def test_patterns_without_a_theorem_are_never_called_optimal_without_a_bound() -> None:
    rng = np.random.default_rng(2)
    compared = 0
    for sizes in ([1, 2, 2], [2, 3, 2], [1, 2, 2, 1], [2, 2, 2, 2]):
        for loss in ("linf", "l1", "l2"):
            problem = so.TrainingProblem(
                so.families.dense(sizes),
                rng.normal(size=(12, sizes[0])),
                rng.normal(size=(12, sizes[-1])),
                loss,
            )
            result = so.solve(problem, "auto")
            assert result.solver == "local"
            assert result.network is not None
            assert result.objective == problem.evaluate(result.network)
            assert result.status is so.Status.FAILED
            assert "undecided" in result.message
            zero = problem.loss.of(-problem.Y, problem.weights)
            assert result.objective <= zero
            compared += 1
    assert compared == 12


def test_affine_data_are_answered_by_theory() -> None:
    witness = so.certify(so.families.lu(2)).witness
    result = so.solve(witness)
    assert result.status is so.Status.NOT_ATTAINED
    assert result.bound == 0 < result.objective < 0.01
    inside = so.TrainingProblem(
        so.families.dense([2, 2, 2]), [[0, 0], [1, 0], [0, 1], [2, 3]], [[1, 2], [3, 0], [0, 2], [2, -2]]
    )
    fitted = so.solve(inside)
    assert fitted.status is so.Status.OPTIMAL
    assert fitted.objective == 0


def test_local_uses_the_affine_map_of_a_deep_scalar_pattern() -> None:
    """The best affine map is realizable for a deep dense scalar network, so local is at least as good."""
    from sparseopt.models.affine_fit import affine_fit_problem

    rng = np.random.default_rng(4)
    problem = so.TrainingProblem(so.families.dense([2, 3, 3, 1]), rng.normal(size=(20, 2)), rng.normal(size=20), "l1")
    model, _, _ = affine_fit_problem(problem)
    assert so.solve(problem, "local", starts=1).objective <= model.solve() + 1e-6


def test_depth_one_and_constants() -> None:
    """Theorem D: linear patterns, and a hidden neuron without inputs that serves as the output's constant."""
    x, y = [[0], [1], [2]], [1, 1, 4]
    linear = so.solve(so.TrainingProblem(so.families.dense([1, 1]), x, y))
    assert linear.status is so.Status.OPTIMAL
    assert linear.objective == pytest.approx(0.75)
    constant = so.SparsityPattern([[[0]], [[1]]], [[1], [0]], [[1]])
    by_neuron = so.solve(so.TrainingProblem(constant, x, y))
    assert by_neuron.objective == pytest.approx(0.75)
    nothing = so.SparsityPattern([[[0]], [[1]]], [[0], [0]])
    assert so.solve(so.TrainingProblem(nothing, x, y)).objective == 4
