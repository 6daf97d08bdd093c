"""Answers do not depend on units: scaling inside, mapped back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from generated import generated_problems
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters

import sparseopt as so


@pytest.mark.parametrize("solver", ["enumerate", "milp"])
def test_inputs_times_a_million_or_a_millionth(solver: str) -> None:
    compared = 0
    for loss in ("linf", "l1") if solver == "milp" else ("linf", "l1", "l2"):
        for name, problem in generated_problems(8, 23, loss, points=(4, 6)):
            base = so.solve(problem, solver)
            for factor in (Fraction(10**6), Fraction(1, 10**6)):
                scaled = so.TrainingProblem(
                    problem.pattern, problem.X_exact * factor, problem.Y_exact, loss, problem.weights_exact
                )
                result = so.solve(scaled, solver)
                assert result.status is so.Status.OPTIMAL, name
                assert result.objective == pytest.approx(base.objective, rel=1e-6, abs=1e-6), name
                assert result.bound == pytest.approx(base.bound, rel=1e-6, abs=1e-6), name
                compared += 1
    print(f"{solver}: {compared} rescaled problems compared")
    assert compared >= 32


@pytest.mark.parametrize("solver", ["enumerate", "milp"])
def test_affine_change_of_targets(solver: str) -> None:
    """y → a y + b scales the loss by |a|^p where the output bias is free."""
    compared = 0
    for loss, power in (("linf", 1), ("l1", 1), ("l2", 2)):
        if solver == "milp" and loss == "l2":
            continue
        for name, problem in generated_problems(10, 29, loss, points=(4, 6)):
            shift = Fraction(7000) if problem.pattern.biases[-1][0] else Fraction(0)
            for slope in (Fraction(10**6), Fraction(1, 10**6)):
                changed = so.TrainingProblem(
                    problem.pattern,
                    problem.X_exact,
                    problem.Y_exact * slope + shift * slope,
                    loss,
                    problem.weights_exact,
                )
                base, result = so.solve(problem, solver), so.solve(changed, solver)
                unit = float(slope) ** power
                assert result.status is so.Status.OPTIMAL, name
                assert result.objective / unit == pytest.approx(base.objective, rel=1e-6, abs=1e-6), name
                compared += 1
    print(f"{solver}: {compared} changed targets compared")
    assert compared >= 40


def test_scaled_parameters_map_back_to_the_same_function() -> None:
    """The walk there and back: any θ of the scaled fit gives a network with the same (unscaled) predictions."""
    rng = np.random.default_rng(5)
    compared = 0
    for name, problem in generated_problems(60, 31, "linf"):
        fit = ScalarFit.of(problem)
        theta = rng.normal(size=fit.n_parameters)
        signs = rng.choice([-1.0, 1.0], size=len(fit.neurons))
        built = ShallowParameters(problem.pattern)
        fit.add_to(built, 0, signs, fit.unscaled(theta))
        expected = fit.predict(signs, theta) * fit.target_scale + fit.target_shift
        np.testing.assert_allclose(
            built.network().predict(problem.X)[:, 0], expected, rtol=1e-9, atol=1e-9, err_msg=name
        )
        assert np.abs(fit.X).max() <= 1 + 1e-12
        assert np.abs(fit.y).max() <= 1 + 1e-12
        compared += 1
    assert compared == 60


def test_data_far_from_the_origin_keep_their_digits() -> None:
    x = [[10**9 + i] for i in range(7)]
    problem = so.TrainingProblem(so.families.dense([1, 2, 1]), x, [abs(i - 3) for i in range(7)])
    assert so.solve(problem, "enumerate").objective == pytest.approx(0, abs=1e-6)
