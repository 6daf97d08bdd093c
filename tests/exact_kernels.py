"""The exact search's kernels one by one, as plain Python (NUMBA_DISABLE_JIT=1). Run by tests/test_exact.py."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from generated import generated_problems
from scipy.optimize import linprog, nnls
from sparseopt.models.cell import cell_of, cell_problem
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.exact import analysis, assignment, clauses, cone, geometry, search, simplex
from sparseopt.solvers.exact.instance import Instance, instance_of

if not numba.config.DISABLE_JIT:
    pytest.skip("inner kernels have no Python wrappers: set NUMBA_DISABLE_JIT=1", allow_module_level=True)


def _instances(count: int, seed: int, loss: str = "linf") -> list[tuple[Instance, np.random.Generator]]:
    rng = np.random.default_rng(seed)
    out = []
    for _, problem in generated_problems(count, seed, loss, points=(4, 7), widths=(1, 2, 3)):
        fit = ScalarFit.of(problem)
        signs = fit.sign_classes()
        out.append((instance_of(fit, signs[rng.integers(len(signs))]), rng))
    return out


def _decide_some(inst: Instance, s: search.Search, rng: np.random.Generator, share: float) -> None:
    for v in range(inst.neuron.size):
        if rng.random() < share:
            assignment.assign(s.asg, 2 * v + int(rng.integers(2)), assignment.NO_REASON)


def _solve(inst: Instance, s: search.Search) -> int:
    """Solve the node's program to the end; how it ended."""
    return simplex.solve_node(
        inst,
        s.basis,
        s.asg.value,
        s.asg.trail,
        s.asg.counts[assignment.TRAIL],
        s.play,
        s.counts[search.IN_PLAY],
        np.inf,
        simplex.FEASIBLE,
        s.counts,
    )


def _node_by_highs(inst: Instance, value: Any) -> float:
    """The node's program with all its rows: every subset of + (or -) neurons, solved by HiGHS."""
    n, k = inst.features.shape[1] + inst.errors, inst.plus.size
    rows, sides = [], []
    row = np.zeros(n)
    for v in np.flatnonzero(value):
        simplex.fill_row(inst, simplex.SIGN, int(v), 1 if value[v] > 0 else 0, 0.0, row)
        rows.append(row.copy())
        sides.append(0.0)
    for i in range(inst.targets.size):
        for kind, fixed in ((simplex.UPPER, ~inst.plus), (simplex.LOWER, inst.plus)):
            states = [value[v] * inst.orient[i, j] if (v := inst.variable[i, j]) >= 0 else 1 for j in range(k)]
            if any(states[j] == 0 for j in range(k) if fixed[j]):
                continue
            base = sum(1 << j for j in range(k) if fixed[j] and states[j] > 0)
            loose = [j for j in range(k) if not fixed[j]]
            for pick in range(1 << len(loose)):
                subset = base + sum(1 << j for b, j in enumerate(loose) if (pick >> b) & 1)
                sides.append(simplex.fill_row(inst, kind, i, subset, 0.0, row))
                rows.append(row.copy())
    if not rows:
        return 0.0
    bounds = [(None, None)] * (n - inst.errors) + [(0, None)] * inst.errors
    cost = np.append(np.zeros(n - inst.errors), np.ones(inst.errors))
    found = linprog(cost, -np.array(rows), -np.array(sides), bounds=bounds, method="highs")
    assert found.status == 0
    return float(found.fun)


def test_node_program_equals_highs_on_all_its_rows() -> None:
    compared = 0
    for inst, rng in _instances(60, 1) + _instances(60, 1, "l1"):
        s = search.new_search(inst, 10.0, range(inst.targets.size))
        _decide_some(inst, s, rng, rng.random())
        assert _solve(inst, s) == simplex.OPTIMAL
        bound = s.basis.value[0]
        assert abs(bound - _node_by_highs(inst, s.asg.value)) <= 1e-7
        multipliers = s.basis.inverse[:, -1]
        assert (multipliers >= -1e-9).all()
        assert (multipliers[s.basis.code[:, 0] == simplex.FREE] == 0).all()
        compared += 1
    print(f"{compared} node programs compared with HiGHS")
    assert compared == 120


def test_explanation_alone_gives_the_bound() -> None:
    """With only the decisions that the explanation names, the program's value is the same."""
    compared = 0
    for inst, rng in _instances(60, 2) + _instances(60, 2, "l1"):
        s = search.new_search(inst, 10.0, range(inst.targets.size))
        _decide_some(inst, s, rng, 0.7)
        decided = s.asg.counts[assignment.TRAIL]
        _solve(inst, s)
        bound = s.basis.value[0]
        size = search._explain(inst, s)
        named = np.zeros_like(s.asg.value)
        for e in range(size):
            assert assignment.truth(s.asg.value, s.conflict[e]) < 0
            named[s.conflict[e] >> 1] = s.asg.value[s.conflict[e] >> 1]
        assert abs(_node_by_highs(inst, named) - bound) <= 1e-7
        compared += size < decided
    print(f"{compared} explanations that leave decisions out")
    assert compared >= 20


def test_l2_node_program_equals_a_convex_program() -> None:
    """Decide everything as some θ does: the node is one cell, whose QP cvxpy solves."""
    import cvxpy as cp

    compared = 0
    for _, problem in generated_problems(25, 8, "l2", points=(4, 7)):
        fit = ScalarFit.of(problem)
        signs = fit.sign_classes()[0]
        inst = instance_of(fit, signs)
        rng = np.random.default_rng(compared)
        theta = rng.normal(size=fit.n_parameters)
        s = search.new_search(inst, np.inf, range(inst.targets.size))
        active = [f @ theta[p] > 0 for f, p in zip(fit.features, fit.places, strict=True)]
        for j, column in enumerate(active):
            for i in range(fit.n_points):
                if (v := int(inst.variable[i, j])) >= 0 and s.asg.value[v] == 0:
                    assignment.assign(s.asg, 2 * v + (0 if column[i] == (inst.orient[i, j] > 0) else 1), -1)
        assert _solve(inst, s) == simplex.OPTIMAL
        activations = np.stack(active, axis=1) if active else np.zeros((fit.n_points, 0), dtype=bool)
        model, _ = cell_problem(fit, cell_of(fit, signs, activations))
        model.solve(solver=cp.CLARABEL)
        assert abs(s.basis.value[0] - model.value) <= 1e-6
        compared += 1
    assert compared == 25


def test_refactorisation_changes_nothing() -> None:
    compared = 0
    for inst, rng in _instances(15, 3) + _instances(15, 3, "l1"):
        s = search.new_search(inst, 10.0, range(inst.targets.size))
        _decide_some(inst, s, rng, 0.5)
        _solve(inst, s)
        point, inverse = s.basis.point.copy(), s.basis.inverse.copy()
        assert simplex.refactor(inst, s.basis)
        np.testing.assert_allclose(s.basis.point, point, atol=1e-8)
        np.testing.assert_allclose(s.basis.inverse, inverse, atol=1e-7)
        compared += 1
    assert compared == 30


def test_cone_equals_scipy_nnls() -> None:
    rng = np.random.default_rng(4)
    inside = outside = 0
    for _ in range(300):
        m, count = int(rng.integers(1, 5)), int(rng.integers(1, 9))
        A = rng.normal(size=(count, m))
        A /= np.linalg.norm(A, axis=1)[:, None]
        b = np.maximum(rng.normal(size=count), 0) @ A if rng.random() < 0.5 else rng.normal(size=m)
        if np.linalg.norm(b) < 1e-9:
            continue
        b /= np.linalg.norm(b)
        work = cone.new_cone_work(count, m)
        work.generators[:], work.target[:] = A, b
        size = cone.in_cone(work, count, m)
        _, distance = nnls(A.T, b)
        if size >= 0:
            assert distance < 1e-7
            np.testing.assert_allclose(work.weights[:size] @ A[work.passive[:size]], b, atol=1e-8)
            assert (work.weights[:size] > 0).all()
            inside += 1
        elif size == cone.OUTSIDE:
            assert abs(np.linalg.norm(work.residual) - distance) < 1e-7
            assert (A @ work.residual <= 1e-8).all()
            outside += 1
    print(f"{inside} in the cone, {outside} outside")
    assert inside >= 80
    assert outside >= 60


def test_what_geometry_implies_is_true_of_every_parameter_vector() -> None:
    """Decide as a random θ does: no conflict, and every implied literal agrees with θ."""
    implied = 0
    for inst, rng in _instances(80, 5):
        s = search.new_search(inst, 10.0, range(inst.targets.size))
        theta = rng.normal(size=(inst.plus.size, inst.direction.shape[1]))
        side = np.array([inst.direction[v] @ theta[inst.neuron[v]] > 0 for v in range(inst.neuron.size)], dtype=bool)
        for v in range(inst.neuron.size):
            if rng.random() < 0.6:
                assignment.assign(s.asg, 2 * v + (0 if side[v] else 1), assignment.NO_REASON)
        assert geometry.check_new_literals(inst, s.asg, s.geo, s.conflict) == 0
        geometry.imply(inst, s.asg, s.geo, s.basis.point)
        for v in np.flatnonzero(s.asg.reason == assignment.GEOMETRY):
            assert (s.asg.value[v] > 0) == side[v]
            assert s.asg.cone_size[v] >= 1
            implied += 1
    print(f"{implied} implied activations")
    assert implied >= 20


def test_impossible_decisions_are_a_geometric_conflict() -> None:
    """On a line, active at the ends and inactive between is impossible for one neuron."""
    _, problem = next(iter(generated_problems(1, 6, "linf", inputs=(1,), points=(8, 8), widths=(1,))))
    fit = ScalarFit.of(problem)
    assert fit.neurons[0].bias
    inst = instance_of(fit, fit.sign_classes()[0])
    order = np.argsort(fit.X[:, 0])
    low, middle, high = (int(inst.variable[order[p], 0]) for p in (0, 3, -1))
    s = search.new_search(inst, 10.0, range(inst.targets.size))
    for v, point, wanted in ((low, order[0], 1), (high, order[-1], 1), (middle, order[3], -1)):
        active = wanted * inst.orient[point, 0] > 0
        assignment.assign(s.asg, 2 * v + (0 if active else 1), assignment.NO_REASON)
    assert geometry.check_new_literals(inst, s.asg, s.geo, s.conflict) == 3


def test_unit_propagation_learning_and_backjump() -> None:
    """x0; x1 ∨ ¬x0; then deciding x2 with ¬x2 ∨ x3 and ¬x2 ∨ ¬x3 must teach ¬x2."""
    asg, store, learning = assignment.new_assignment(4, 1), clauses.new_clauses(4), analysis.new_learning(4)
    for literals in ([2, 1], [5, 6], [5, 7]):
        clauses.add_clause(store, literals, 2, 1, 0)
    assignment.assign(asg, 0, assignment.NO_REASON)
    assert clauses.propagate(store, asg) == -1
    assert asg.value.tolist() == [1, 1, 0, 0]
    assignment.open_level(asg)
    assignment.assign(asg, 4, assignment.NO_REASON)
    c = clauses.propagate(store, asg)
    assert c in (1, 2)
    conflict = store.literals[store.start[c] : store.start[c] + 2]
    assert analysis.conflict_level(asg, conflict, 2) == 1
    assert analysis.learn(store, asg, learning, conflict, 2, 1, 1) == 1
    assert learning.clause[0] == 5
    assert analysis.asserting_level(asg, learning, 1) == 0
    assignment.backjump(asg, 0)
    assert asg.value.tolist() == [1, 1, 0, 0]
    assert not learning.seen.any()


def test_forgetting_keeps_short_clauses_and_the_watches() -> None:
    asg, store = assignment.new_assignment(6, 1), clauses.new_clauses(6)
    clauses.add_clause(store, [0, 2], 2, 1, 0)
    for used in range(10):
        clauses.add_clause(store, [4, 6, 8, 10], 4, 4, used)
    clauses.forget_half(store, asg, 1)
    assert store.counts[clauses.CLAUSES] == 1 + 4
    assert store.size[:5].tolist() == [2, 4, 4, 4, 4]
    assert store.used[1:5].tolist() == [6, 7, 8, 9]
    assignment.assign(asg, 1, assignment.NO_REASON)
    assert clauses.propagate(store, asg) == -1
    assert asg.value[1] == 1


def test_luby() -> None:
    assert [search.luby(i) for i in range(1, 16)] == [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]
