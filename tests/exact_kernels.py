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
from sparseopt.solvers.exact import (
    analysis,
    assignment,
    basis,
    chords,
    clauses,
    cone,
    geometry,
    search,
    sharing,
    simplex,
    symmetry,
)
from sparseopt.solvers.exact.instance import Instance, instance_of

import sparseopt as so

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


def _search(inst: Instance) -> search.Search:
    """A search with all points in play."""
    return search.new_search(inst, 10.0, np.arange(inst.data.targets.size))


def _variables(s: search.Search) -> list[int]:
    """All variables of the points in play."""
    P = s.play.points.size
    return [j * P + a for j, known in enumerate(s.play.known) for a in range(known)]


def _decide_some(s: search.Search, rng: np.random.Generator, share: float) -> None:
    for v in _variables(s):
        if rng.random() < share:
            assignment.assign(s.asg, 2 * v + int(rng.integers(2)), assignment.NO_REASON)


def _solve(inst: Instance, s: search.Search) -> int:
    """Solve the node's program to the end; how it ended."""
    most = chords.MAX_CHORDS if inst.errors > 1 else 0
    return simplex.solve_node(
        inst, s.play, s.prices, s.basis, s.asg, s.chords, most, np.inf, simplex.FEASIBLE, s.counts
    )


def _multipliers(s: search.Search) -> np.ndarray:
    """Multipliers of all rows of the basis: working rows, then keys."""
    N = s.basis.theta.size
    working = s.basis.inverse[:, N]
    keys = np.ones(s.basis.key_code.shape[0])
    for b in range(N):
        if (g := s.basis.code[b, basis.GROUP]) >= 0:
            keys[g] -= working[b]
    return np.concatenate([working, keys])


def _node_by_highs(inst: Instance, s: search.Search, value: Any) -> float:
    """The node's program with all its rows: every subset of + (or -) neurons, solved by HiGHS."""
    N, k, P, G = inst.column.size, inst.plus.size, inst.data.targets.size, inst.errors
    features = inst.data.inputs[inst.column].T
    rows, sides = [], []
    for v in np.flatnonzero(value):
        row, j = np.zeros(N + G), s.play.neuron[v]
        size = inst.place[j + 1] - inst.place[j]
        row[inst.place[j] : inst.place[j + 1]] = value[v] * s.play.direction[v, :size]
        rows.append(row)
        sides.append(0.0)
    for i in range(P):
        states = [value[v] * s.play.orient[j, i] if (v := s.play.variable[j, i]) >= 0 else 1 for j in range(k)]
        for upper in (True, False):
            loose = [j for j in range(k) if inst.plus[j] == upper]
            fixed = [j for j in range(k) if inst.plus[j] != upper]
            if any(states[j] == 0 for j in fixed):
                continue
            for pick in range(1 << len(loose)):
                chosen = [j for j in fixed if states[j] > 0] + [j for b, j in enumerate(loose) if (pick >> b) & 1]
                row = np.zeros(N + G)
                for j in chosen:
                    place = slice(inst.place[j], inst.place[j + 1])
                    row[place] = features[i, place] * (1.0 if inst.plus[j] else -1.0)
                row[inst.place[k] : N] = features[i, inst.place[k] :]
                row *= -inst.data.weights[i] if upper else inst.data.weights[i]
                row[N + (i if G > 1 else 0)] = 1.0
                rows.append(row)
                sides.append(inst.data.targets[i] * (-inst.data.weights[i] if upper else inst.data.weights[i]))
    if not rows:
        return 0.0
    bounds = [(None, None)] * N + [(0, None)] * G
    cost = np.append(np.zeros(N), np.ones(G))
    found = linprog(cost, -np.array(rows), -np.array(sides), bounds=bounds, method="highs")
    assert found.status == 0
    return float(found.fun)


def test_node_program_equals_highs_on_all_its_rows() -> None:
    """For l1 chords may lift the value above that of these rows."""
    compared = chords = 0
    for inst, rng in _instances(60, 1) + _instances(60, 1, "l1"):
        s = _search(inst)
        _decide_some(s, rng, rng.random())
        assert _solve(inst, s) == simplex.OPTIMAL
        bound, plain = s.basis.value[0], _node_by_highs(inst, s, s.asg.value)
        assert bound == pytest.approx(plain, abs=1e-7) if inst.errors == 1 else bound >= plain - 1e-7
        multipliers = _multipliers(s)
        assert (multipliers >= -1e-9).all()
        free = np.flatnonzero(s.basis.code[: s.basis.theta.size, basis.KIND] == basis.FREE)
        assert (abs(multipliers[free]) <= 1e-12).all()
        chords += bound > plain + 1e-6
        compared += 1
    print(f"{compared} node programs compared with HiGHS, chords raise {chords} of them")
    assert compared == 120
    assert chords >= 10


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_a_value_counts_only_with_multipliers_that_prove_it(loss: str) -> None:
    """An inverse that drifted is noticed before the node is closed, and computed afresh."""
    spoiled = 0
    for inst, rng in _instances(40, 12, loss):
        s = _search(inst)
        _decide_some(s, rng, 0.8)
        assert _solve(inst, s) == simplex.OPTIMAL
        value = s.basis.value[0]
        assert basis.dual_error(s.basis) < 1e-9
        working = np.flatnonzero(s.basis.inverse[:, -1] > 1e-3)
        if value < 1e-3 or not working.size:
            continue
        spoiled += 1
        s.basis.inverse[working[0]] *= 1.2
        s.basis.value[0] *= 1.2
        assert basis.dual_error(s.basis) > 1e-5
        end = simplex.solve_node(
            inst, s.play, s.prices, s.basis, s.asg, s.chords, 0, 1.1 * value, simplex.FEASIBLE, s.counts
        )
        assert end == simplex.OPTIMAL
        assert s.basis.value[0] == pytest.approx(value, rel=1e-6)
    assert spoiled >= 10


def test_explanation_alone_gives_the_bound() -> None:
    """With only the decisions that the explanation names, the program's value is the same."""
    compared = 0
    for inst, rng in _instances(60, 2) + _instances(60, 2, "l1"):
        s = _search(inst)
        _decide_some(s, rng, 0.7)
        decided = s.asg.counts[assignment.TRAIL]
        _solve(inst, s)
        bound = s.basis.value[0]
        size = search._explain(s.asg, s.basis, s.log, s.learning.seen, s.conflict)
        named = _search(inst)
        for e in range(size):
            assert assignment.truth(s.asg.value, s.conflict[e]) < 0
            assignment.assign(named.asg, s.conflict[e] ^ 1, assignment.NO_REASON)
        _solve(inst, named)
        if inst.errors == 1:
            assert abs(named.basis.value[0] - bound) <= 1e-7
        else:  # which chords enter depends on the way to the optimum
            assert named.basis.value[0] >= 0.9 * bound - 1e-7
        compared += size < decided
    print(f"{compared} explanations that leave decisions out")
    assert compared >= 20


def test_a_program_s_value_is_below_the_loss_of_every_network_of_its_decisions() -> None:
    """Decide as a random θ does: no row, plain or with chords, may exclude θ or better."""
    compared = 0
    for loss in ("linf", "l1", "l2"):
        for inst, rng in _instances(60, 12, loss):
            s = _search(inst)
            theta = rng.normal(size=inst.column.size)
            values = inst.data.inputs[inst.column].T * theta
            f = values[:, inst.place[-1] :].sum(axis=1) - inst.data.targets
            for j in range(inst.plus.size):
                p = values[:, inst.place[j] : inst.place[j + 1]].sum(axis=1)
                f += np.maximum(p, 0) * (1 if inst.plus[j] else -1)
                for i in range(inst.data.targets.size):
                    v = int(s.play.variable[j, i])
                    if v >= 0 and s.asg.value[v] == 0 and rng.random() < 0.6:
                        assignment.assign(s.asg, 2 * v + (0 if (p[i] > 0) == (s.play.orient[j, i] > 0) else 1), -1)
            errors = inst.data.weights * (f**2 if inst.squared else abs(f))
            assert _solve(inst, s) == simplex.OPTIMAL
            assert s.basis.value[0] <= (errors.max() if inst.errors == 1 else errors.sum()) + 1e-8
            compared += 1
    assert compared == 180


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
        s = _search(inst)
        active = [f @ theta[p] > 0 for f, p in zip(fit.features, fit.places, strict=True)]
        for j, column in enumerate(active):
            for i in range(fit.n_points):
                if (v := int(s.play.variable[j, i])) >= 0 and s.asg.value[v] == 0:
                    assignment.assign(s.asg, 2 * v + (0 if column[i] == (s.play.orient[j, i] > 0) else 1), -1)
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
        s = _search(inst)
        _decide_some(s, rng, 0.5)
        _solve(inst, s)
        theta, inverse = s.basis.theta.copy(), s.basis.inverse.copy()
        assert basis.refactor(s.basis)
        np.testing.assert_allclose(s.basis.theta, theta, atol=1e-8)
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
        work = cone.new_cone_work(m)
        work.target[:] = b
        size = cone.in_cone(work, A, count)
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


def _imply_everything(inst: Instance, s: search.Search) -> None:
    """All that the decided directions imply."""
    for j, known in enumerate(s.play.known):
        geometry._place_new(s.play, s.geo, inst.kinds[j])
        geometry._note_respecting(inst, s.play, s.geo, j)
        s.geo.wanted[:known] = np.arange(known)
        geometry._imply_wanted(inst, s.play, s.asg, s.geo, s.basis.theta, j, known)


def test_geometry_implies_what_nnls_finds_in_the_cone_and_remembers_it() -> None:
    """Decide as a random θ does: no conflict, every implied literal agrees with θ, none is missing, all come again."""
    implied = recalled = 0
    for inst, rng in _instances(80, 5):
        s = _search(inst)
        theta = rng.normal(size=(inst.plus.size, s.play.direction.shape[1]))
        side = {v: s.play.direction[v] @ theta[s.play.neuron[v]] > 0 for v in _variables(s)}
        decided = [2 * v + (0 if side[v] else 1) for v in side if rng.random() < 0.6]
        assignment.open_level(s.asg)
        for literal in decided:
            assignment.assign(s.asg, literal, assignment.NO_REASON)
        assert geometry.check_new_literals(inst, s.play, s.asg, s.geo, s.conflict) == 0
        _imply_everything(inst, s)
        values = s.asg.value.copy()
        for v in set(side) - {literal >> 1 for literal in decided}:
            own = [u for u in (literal >> 1 for literal in decided) if s.play.neuron[u] == s.play.neuron[v]]
            generators = np.array([s.play.direction[u] * (1 if side[u] else -1) for u in own])
            toward = s.play.direction[v] * (1 if side[v] else -1)
            assert (values[v] != 0) == (bool(own) and nnls(generators.T, toward)[1] < 1e-9)
            if values[v] != 0:
                assert (values[v] > 0) == side[v]
                assert s.asg.cone_size[v] >= 1
                implied += 1
        assignment.backjump(s.asg, 0)
        geometry.drop_undone(s.asg, s.geo)
        assert not s.geo.count.any()
        assignment.open_level(s.asg)
        for literal in decided:
            assignment.assign(s.asg, literal, assignment.NO_REASON)
        assert geometry.check_new_literals(inst, s.play, s.asg, s.geo, s.conflict) == 0
        recalled += geometry.imply(inst, s.play, s.asg, s.geo, s.basis.theta)
        assert (s.asg.value == values).all()
    print(f"{implied} implied activations")
    assert implied == recalled >= 20


def test_messages_mean_the_same_to_a_search_with_other_points_in_another_order() -> None:
    """Clauses and facts of one search, as another one numbers them, are true of the same parameter vectors."""
    compared = 0
    for inst, rng in _instances(40, 11):
        order = rng.permutation(inst.data.targets.size)
        one = search.new_search(inst, 10.0, order)
        two = search.new_search(inst, 10.0, rng.permutation(inst.data.targets.size)[:2])
        variables = _variables(one)
        if len(variables) < 4:
            continue
        clauses_ = [2 * rng.choice(variables, 3, replace=False) + rng.integers(0, 2, 3) for _ in range(5)]
        for levels, clause in enumerate(clauses_, start=sharing.MOST_LEVELS - 3):
            clauses.add_clause(one.store, clause, 3, levels, 0, 0)
        fact = 2 * variables[-1] + int(rng.integers(2))
        assignment.assign(one.asg, fact, assignment.NO_REASON)
        message = sharing.news(one.store, one.asg, one.play, 1, 0)
        assert message.sizes.tolist() == [1, 3, 3, 3]  # the first one was told before, the last has too many levels
        search.add_points(inst, two.play, two.geo.dirty, sharing.points_of(two.play, message))
        told = sharing.on_variables(two.play, message.literals)
        for theta in rng.normal(size=(5, inst.plus.size, one.play.direction.shape[1])):
            meant = [_true_of(theta, one, literal) for literal in [fact, *np.concatenate(clauses_[1:4])]]
            assert [_true_of(theta, two, literal) for literal in told] == meant
            compared += len(meant)
    print(f"{compared} literals compared")
    assert compared > 1000


def _true_of(theta: Any, s: search.Search, literal: int) -> bool:
    """Whether parameters, shape (k, m), make a literal true."""
    v = literal >> 1
    return bool((s.play.direction[v] @ theta[s.play.neuron[v]] > 0) != bool(literal & 1))


def test_impossible_decisions_are_a_geometric_conflict() -> None:
    """On a line, active at the ends and inactive between is impossible for one neuron."""
    _, problem = next(iter(generated_problems(1, 6, "linf", inputs=(1,), points=(8, 8), widths=(1,))))
    fit = ScalarFit.of(problem)
    assert fit.neurons[0].bias
    inst = instance_of(fit, fit.sign_classes()[0])
    order = np.argsort(fit.X[:, 0])
    s = _search(inst)
    low, middle, high = (int(s.play.variable[0, order[p]]) for p in (0, 3, -1))
    for v, point, wanted in ((low, order[0], 1), (high, order[-1], 1), (middle, order[3], -1)):
        active = wanted * s.play.orient[0, point] > 0
        assignment.assign(s.asg, 2 * v + (0 if active else 1), assignment.NO_REASON)
    assert geometry.check_new_literals(inst, s.play, s.asg, s.geo, s.conflict) == 3


def test_unit_propagation_learning_and_backjump() -> None:
    """x0; x1 ∨ ¬x0; then deciding x2 with ¬x2 ∨ x3 and ¬x2 ∨ ¬x3 must teach ¬x2."""
    asg, store, learning = assignment.new_assignment(4, 1), clauses.new_clauses(4), analysis.new_learning(4, 1)
    for literals in ([2, 1], [5, 6], [5, 7]):
        clauses.add_clause(store, literals, 2, 1, 0, 0)
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


def test_watches_find_what_a_look_at_every_clause_finds() -> None:
    """Random clauses, decisions and backjumps: the same literals follow, and a conflict is found if there is one."""
    rng = np.random.default_rng(9)
    assigned = conflicts = 0
    for _ in range(60):
        n = 12
        asg, store = assignment.new_assignment(n, 1), clauses.new_clauses(n)
        sets = []
        for _ in range(60):
            literals = [
                2 * int(v) + int(rng.integers(2)) for v in rng.choice(n, int(rng.integers(2, 5)), replace=False)
            ]
            clauses.add_clause(store, literals, len(literals), 1, 0, 0)
            sets.append(literals)
        for _ in range(6):
            open_ = np.flatnonzero(asg.value == 0)
            if open_.size == 0:
                break
            assignment.open_level(asg)
            assignment.assign(asg, 2 * int(rng.choice(open_)) + int(rng.integers(2)), assignment.NO_REASON)
            expected, conflict = _closure(asg.value.copy(), sets)
            found = clauses.propagate(store, asg)
            assert (found >= 0) == conflict
            if found >= 0:
                assert all(assignment.truth(asg.value, literal) < 0 for literal in sets[found])
                conflicts += 1
                assignment.backjump(asg, int(rng.integers(asg.counts[assignment.LEVEL])))
            else:
                assert (asg.value == expected).all()
                assigned += 1
    assert assigned >= 60
    assert conflicts >= 30


def _closure(value: Any, sets: list[list[int]]) -> tuple[Any, bool]:
    """Unit propagation by looking at every clause."""
    while True:
        before = value.copy()
        for literals in sets:
            truths = [int(assignment.truth(value, literal)) for literal in literals]
            if max(truths) < 0:
                return value, True
            if max(truths) == 0 and truths.count(0) == 1:
                literal = literals[truths.index(0)]
                value[literal >> 1] = -1 if literal & 1 else 1
        if (value == before).all():
            return value, False


def test_images_are_all_distinct_and_all_there() -> None:
    """Three twins and one other neuron; a clause on two of the twins that treats them differently, then alike."""
    problem = so.TrainingProblem(so.families.dense([1, 4, 1]), np.arange(8.0)[:, None], np.arange(8.0) ** 2)
    inst = instance_of(ScalarFit.of(problem), np.array([1.0, 1.0, 1.0, -1.0]))
    s = _search(inst)
    P = s.play.points.size
    for clause, expected in (([0, 2 * P + 2], 5), ([0, 2 * P], 2), ([0, 6 * P], 2), ([6 * P], 0)):
        symmetry.first_image(inst, s.play, s.learning.images, np.array(clause), len(clause))
        seen, images = {frozenset(clause)}, 0
        while symmetry.next_image(inst, s.learning.images):
            image = s.learning.images.image
            seen.add(frozenset(q + 2 * P * int(image[q // (2 * P)] - q // (2 * P)) for q in clause))
            images += 1
        assert images == expected
        assert len(seen) == 1 + images


def test_forgetting_keeps_short_clauses_and_the_watches() -> None:
    asg, store = assignment.new_assignment(6, 1), clauses.new_clauses(6)
    clauses.add_clause(store, [0, 2], 2, 1, 0, 0)
    for used in range(10):
        clauses.add_clause(store, [4, 6, 8, 10], 4, 4, used, 0)
    clauses.forget_half(store, asg, 1)
    assert store.counts[clauses.CLAUSES] == 1 + 4
    assert [clauses.clause_size(store, c) for c in range(5)] == [2, 4, 4, 4, 4]
    assert store.used[1:5].tolist() == [6, 7, 8, 9]
    assignment.assign(asg, 1, assignment.NO_REASON)
    assert clauses.propagate(store, asg) == -1
    assert asg.value[1] == 1


def test_luby() -> None:
    assert [search.luby(i) for i in range(1, 16)] == [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]
