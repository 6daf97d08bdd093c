"""The explicit models: formulations that must agree, and that differ in size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generated import generated_problems
from sparseopt.models.affine_fit import affine_fit_problem, reachable_support
from sparseopt.models.cell import cell_of, cell_problem
from sparseopt.models.export import export_cvxpy, export_model
from sparseopt.models.milp import milp_model
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.activation_cells import activation_cells, cell_count_bound
from sparseopt.solvers.cell_solver import CellSolver

import sparseopt as so


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_cvxpy_cell_agrees_with_the_direct_cell_solver(loss: str) -> None:
    import cvxpy as cp

    rng = np.random.default_rng(3)
    compared = 0
    for name, problem in generated_problems(25, 3, loss):
        fit = ScalarFit.of(problem)
        cells = [activation_cells(f) for f in fit.features]
        picked = [c[rng.integers(len(c))] for c in cells]
        activations = np.stack(picked, axis=1) if picked else np.zeros((fit.n_points, 0), dtype=bool)
        signs = rng.choice([-1.0, 1.0], len(cells))
        cell = cell_of(fit, signs, activations)
        model, _ = cell_problem(fit, cell)
        model.solve(solver=cp.CLARABEL if loss == "l2" else cp.HIGHS)
        bound, theta = CellSolver(fit).solve(cell)
        assert model.value == pytest.approx(bound, abs=1e-6), name
        assert fit.loss_of(cell.G @ theta) == pytest.approx(bound, abs=1e-6), name
        assert (cell.S @ theta >= -1e-7).all(), name
        assert fit.loss_of(fit.predict(signs, theta)) == pytest.approx(bound, abs=1e-5), name
        compared += 1
    print(f"{loss}: {compared} cells compared")
    assert compared == 25


def test_milp_with_given_signs_has_no_sign_binaries_and_its_best_class_is_the_optimum() -> None:
    import pyomo.environ as pyo

    compared = 0
    for name, problem in generated_problems(8, 41, "linf", points=(4, 5)):
        fit = ScalarFit.of(problem)
        free = milp_model([fit], 10.0)
        values = []
        for signs in fit.sign_classes():
            fixed = milp_model([fit], 10.0, [signs])
            assert _binaries(fixed) + len(fit.neurons) == _binaries(free), name
            values.append(_optimum(pyo, fixed))
        assert min(values) == pytest.approx(_optimum(pyo, free), abs=1e-6), name
        compared += 1
    assert compared == 8


def _binaries(model: object) -> int:
    from pyomo.environ import Var

    return sum(1 for v in model.component_data_objects(Var) if v.is_binary())  # type: ignore[attr-defined]


def _optimum(pyo: object, model: object) -> float:
    from pyomo.contrib.solver.common.factory import SolverFactory

    return float(SolverFactory("highs").solve(model, rel_gap=0.0).incumbent_objective)


def test_big_m_follows_from_the_box() -> None:
    """Every M is the largest pre-activation in the box: attained at a corner, and linear in the box."""
    _, problem = next(iter(generated_problems(1, 2, "linf", inputs=(2,), widths=(2,))))
    fit = ScalarFit.of(problem)
    compared = 0
    for box in (1.0, 7.0):
        model = milp_model([fit], box)
        for place, neuron in enumerate(fit.neurons):
            for n in range(fit.n_points):
                corner = box * np.abs(fit.features[place][n]).sum()
                assert model.pre[neuron.index, n].ub == pytest.approx(corner)
                assert model.h[neuron.index, n].ub == pytest.approx(corner)
                compared += 1
    assert compared > 0


def test_milp_refuses_l2() -> None:
    problem = so.TrainingProblem(so.families.dense([1, 1, 1]), [[0], [1]], [0, 1], "l2")
    with pytest.raises(so.InputError, match="l2 loss is not linear"):
        milp_model([ScalarFit.of(problem)])


def test_activation_cells_match_the_count_of_general_position_and_random_directions() -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for size in range(2, 8):
        for d in (1, 2, 3):
            features = np.column_stack([rng.normal(size=(size, d)), np.ones(size)])
            cells = activation_cells(features)
            assert len(cells) == cell_count_bound(size, d + 1)
            assert len({c.tobytes() for c in cells}) == len(cells)
            known = {c.tobytes() for c in cells}
            directions = rng.normal(size=(400, d + 1)) * 10 ** rng.uniform(-2, 2, (400, 1))
            assert all((features @ u > 0).tobytes() in known for u in directions)
            compared += 1
    assert compared == 18


def test_activation_cells_of_degenerate_rows() -> None:
    line = np.column_stack([np.arange(5.0), 2 * np.arange(5.0), np.ones(5)])
    assert len(activation_cells(line)) == cell_count_bound(5, 2)
    repeated = np.repeat(line, 2, axis=0)
    cells = activation_cells(repeated)
    assert len(cells) == cell_count_bound(5, 2)
    assert (cells[:, ::2] == cells[:, 1::2]).all()
    no_bias = np.array([[1.0], [-2.0], [0.0]])
    assert len(activation_cells(no_bias)) == 2


def test_affine_fit_of_the_lu_witness_is_the_limit_matrix() -> None:
    report = so.certify(so.families.lu(3))
    model, A, c = affine_fit_problem(report.witness)
    assert model.solve() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(A.value[:2, :2], report.sequence.limit[:2, :2].astype(float), atol=1e-6)
    np.testing.assert_allclose(c.value, 0, atol=1e-5)


def test_affine_fit_stays_on_the_reachable_support() -> None:
    pattern = so.SparsityPattern([[[1, 0], [0, 1]], [[1, 0], [1, 1]]], [[1, 1], [0, 1]])
    assert reachable_support(pattern).tolist() == [[True, False], [True, True]]
    rng = np.random.default_rng(1)
    for loss in ("linf", "l1", "l2"):
        problem = so.TrainingProblem(pattern, rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), loss)
        model, A, c = affine_fit_problem(problem)
        model.solve()
        assert A.value[0, 1] == pytest.approx(0)
        assert c.value[0] == pytest.approx(0)
        prediction = problem.X @ A.value.T + c.value
        assert model.value == pytest.approx(problem.loss.of(prediction - problem.Y, problem.weights), rel=1e-5)


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
def test_exported_names_are_readable(tmp_path: Path, suffix: str) -> None:
    problem = so.TrainingProblem(so.families.dense([1, 2, 1]), [[0], [1], [2]], [0, 1, 0])
    text = (export_model(problem, tmp_path / f"model{suffix}"), (tmp_path / f"model{suffix}").read_text())[1]
    for name in ("w(1_0)", "b(0)", "z(0_2)", "plus(1)", "pre_activation(0_1)", "error_above(0_2)"):
        assert name in text


@pytest.mark.parametrize("suffix", [".lp", ".mps"])
@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_exported_cvxpy_models_have_the_same_optimum(tmp_path: Path, suffix: str, loss: str) -> None:
    """The cell's LP or QP and the best affine map, written, read back by HiGHS and solved."""
    import cvxpy as cp
    import highspy

    rng = np.random.default_rng(6)
    problem = so.TrainingProblem(so.families.dense([2, 2, 1]), rng.normal(size=(7, 2)), rng.normal(size=7), loss)
    fit = ScalarFit.of(problem)
    activations = np.stack([activation_cells(f)[3] for f in fit.features], axis=1)
    cell, _ = cell_problem(fit, cell_of(fit, np.array([1.0, -1.0]), activations))
    affine, _, _ = affine_fit_problem(problem)
    for name, model, column in (("cell", cell, "theta_0"), ("affine", affine, "A_1")):
        path = tmp_path / f"{name}{suffix}"
        export_cvxpy(model, path)
        assert column in path.read_text()
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
        highs.run()
        model.solve(solver=cp.CLARABEL)
        assert highs.getInfo().objective_function_value == pytest.approx(model.value, abs=1e-5)
    with pytest.raises(so.InputError, match="unknown model format"):
        export_cvxpy(cell, tmp_path / "cell.txt")
