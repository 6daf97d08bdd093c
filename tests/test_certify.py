"""Adversarial tests of ``so.certify``: exact sequences, round trips of witnesses, no false verdicts."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import z3

import sparseopt as so
from sparseopt.certification import attained_by_bound, certify_box
from sparseopt.existence.affine_data import affine_data, enough_in_general_position
from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.divergence import piece_bound, witness_problem
from sparseopt.existence.theorems import independent_groups, interpolation
from sparseopt.rationals import exact_array

Array = np.ndarray[Any, Any]
STEPS = (10, 10**3, 10**6)
UPPER, LOWER, EYE = np.triu(np.ones((2, 2))), np.tril(np.ones((2, 2))), np.eye(2)


# --------------------------------------------------------------------------------------------- helpers


def random_pattern(
    rng: np.random.Generator, sizes: tuple[int, ...], density: float, skip: float = 0.0, bias: float = 1.0
) -> so.SparsityPattern:
    """Free weights, skip weights and biases drawn independently."""
    masks = [rng.random((b, a)) < density for a, b in pairwise(sizes)]
    biases = [rng.random(s) < bias for s in sizes[1:]]
    return so.SparsityPattern(masks, biases, rng.random((sizes[-1], sizes[0])) < skip if skip else None)


def product_of(pattern: so.SparsityPattern, rng: np.random.Generator, low: int = -2, high: int = 3) -> Array:
    """W_L ⋯ W_1 (+ W_skip) for random whole numbers on the pattern."""
    total = np.eye(pattern.n_inputs, dtype=int)
    for mask in pattern.masks:
        total = (rng.integers(low, high, mask.shape) * mask) @ total
    if pattern.skip is not None:
        total = total + rng.integers(low, high, pattern.skip.shape) * pattern.skip
    return total


def moment_points(count: int, d: int) -> Array:
    """Whole points (t, …, t^d), any d + 1 of them affinely independent."""
    return np.array([[(i - count // 2) ** k for k in range(1, d + 1)] for i in range(count)])


def reluctant(pattern: so.SparsityPattern, X: Array, Y: Array) -> str:
    """z3: 'unsat' if no parameters of the pattern (all biases free) fit the data exactly."""
    solver = z3.SolverFor("QF_NRA")
    solver.set("timeout", 8000)
    parameters = []
    for k, m in enumerate(pattern.masks):
        rows = [[z3.Real(f"w{k}_{i}_{j}") if m[i, j] else None for j in range(m.shape[1])] for i in range(len(m))]
        parameters.append((rows, [z3.Real(f"b{k}_{i}") for i in range(len(m))]))
    for x, y in zip(X, Y, strict=True):
        values = [z3.RealVal(str(v)) for v in x]
        for k, (W, b) in enumerate(parameters):
            if k:
                values = [z3.If(v > 0, v, z3.RealVal(0)) for v in values]
            values = [
                z3.Sum([c, *(w * v for w, v in zip(row, values, strict=True) if w is not None)])
                for row, c in zip(W, b, strict=True)
            ]
        solver.add([v == z3.RealVal(str(t)) for v, t in zip(values, y, strict=True)])
    return str(solver.check())


def check_sequence(report: so.ExistenceReport, problem: so.TrainingProblem) -> None:
    """Exact losses at growing n: positive, below the bound, falling like 1/n (linf, l1) or 1/n² (l2)."""
    assert report.sequence is not None
    bound = report.sequence.loss_bound(problem)
    assert bound.degree is not None
    assert bound.degree <= -1
    losses = [problem.evaluate_exact(report.sequence.at(n)) for n in STEPS]
    power = 2 if problem.loss is so.Loss.L2 else 1
    for n, loss in zip(STEPS, losses, strict=True):
        assert 0 < loss <= bound.at(n)
        assert loss * n**power <= 2 * losses[0] * STEPS[0] ** power, "the loss does not fall like 1/n"
    assert report.sequence.at(STEPS[-1]).largest_weight > report.sequence.at(STEPS[0]).largest_weight


# -------------------------------------------------------------------------------------- theorem letters


def affine_problem(pattern: so.SparsityPattern, A: Any, count: int, loss: str = "linf") -> so.TrainingProblem:
    """Targets A x + (1, 2, …) on the moment curve."""
    X = moment_points(count, pattern.n_inputs)
    Y = X @ np.array(A).T + np.arange(1, pattern.n_outputs + 1)
    return so.TrainingProblem(pattern, X, Y, loss)


def interpolating() -> so.TrainingProblem:
    """Two outputs with two private neurons each, one shared neuron, three points."""
    pattern = so.SparsityPattern([np.ones((5, 1)), [[1, 1, 0, 0, 1], [0, 0, 1, 1, 1]]])
    return so.TrainingProblem(pattern, [[0], [1], [2]], [[0, 1], [5, 0], [1, 7]])


EVERY, SOME, THIS = so.Scope.EVERY_DATASET, so.Scope.SOME_DATASET, so.Scope.THIS_DATASET
YES, NO = so.Verdict.ATTAINED, so.Verdict.NOT_ATTAINED
LU = so.families.lu(2)
LETTERS: dict[str, tuple[Any, so.Verdict, so.Scope, str]] = {
    "no hidden layer": (so.families.dense([3, 2]), YES, EVERY, "D"),
    "skip only": (so.SparsityPattern([np.zeros((2, 2)), np.ones((2, 2))], None, EYE), YES, EVERY, "D"),
    "no live path": (so.SparsityPattern([[[1, 1], [0, 0]], EYE, [[0, 1], [0, 1]]]), YES, EVERY, "D"),
    "one output": (so.families.dense([2, 3, 1]), YES, EVERY, "S"),
    "one output, given data": (
        so.TrainingProblem(so.families.dense([1, 1, 1]), [[0], [1], [2]], [0, 1, 0]),
        YES,
        THIS,
        "S",
    ),
    "unshared": (so.SparsityPattern([np.ones((4, 2)), [[1, 1, 0, 0], [0, 0, 1, 1]]]), YES, EVERY, "U"),
    "LU": (LU, NO, SOME, "N"),
    "deep LU": (so.SparsityPattern([UPPER, EYE, LOWER]), NO, SOME, "N"),
    "interpolation": (interpolating(), YES, THIS, "I"),
    "affine, a product": (affine_problem(LU, [[1, 1], [1, 1]], 9), YES, THIS, "A"),
    "affine, no product": (affine_problem(LU, [[0, 1], [1, 0]], 9), NO, THIS, "N"),
    "dense 2-2-2": (so.families.dense([2, 2, 2]), so.Verdict.UNDECIDED, EVERY, ""),
}


@pytest.mark.parametrize(("subject", "verdict", "scope", "theorem"), LETTERS.values(), ids=LETTERS)
def test_theorem_letters(subject: Any, verdict: so.Verdict, scope: so.Scope, theorem: str) -> None:
    """Each theorem is reached, with its verdict and scope."""
    report = so.certify(subject)
    assert (report.verdict, report.scope, report.theorem) == (verdict, scope, theorem)
    assert report.reason
    if report.network is not None:
        assert subject.evaluate_exact(report.network) == data_bound(subject)


def test_theorem_c_statement() -> None:
    """C: groups of D, S, U give an optimum; one group outside these gives nothing."""
    scalar = so.SparsityPattern([np.ones((4, 2)), [[1, 1, 0, 0], [0, 0, 1, 1]]])
    assert scalar.output_groups == ((0,), (1,))
    statement = independent_groups(scalar)
    assert statement is not None
    assert statement.startswith("Theorem C")
    first = np.kron([[1], [0]], UPPER) + np.kron([[0], [1]], np.ones((2, 2)))
    second = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    mixed = so.SparsityPattern([first, second])
    assert mixed.output_groups == ((0, 1), (2,))
    assert independent_groups(mixed) is None
    assert independent_groups(so.families.lu(2)) is None
    report = so.certify(mixed)
    assert (report.verdict, report.theorem) == (NO, "N"), "one bad group makes the whole pattern bad"


def test_undecided_has_a_reason() -> None:
    """Dense 2-2-2: closed linear counterpart, no theorem, no guess; also on data that nothing decides."""
    report = so.certify(so.families.dense([2, 2, 2]))
    assert report.verdict is so.Verdict.UNDECIDED
    assert "closed" in report.reason
    assert report.witness is None
    assert report.sequence is None
    X = np.array([[-2], [-1], [0], [1], [2], [3]])
    Y = np.array([[0, 0], [0, 0], [0, -1], [1, -2], [2, -2], [3, -2]])
    hard = so.certify(so.TrainingProblem(so.families.dense([1, 2, 2]), X, Y))
    assert hard.verdict is not YES, "the infimum 0 of this dense problem is not attained (MATH 5)"
    assert hard.reason


def test_theorems_stay_within_their_statements() -> None:
    """S needs one hidden layer, U unshared neurons, I enough private or common ones: one step outside none applies."""
    for sizes in ([2, 2, 2, 1], [1, 2, 1, 2], [2, 1, 2]):
        assert so.certify(so.families.dense(sizes)).verdict is so.Verdict.UNDECIDED
    X, Y = [[0], [1], [2]], [[0, 1], [5, 0], [1, 7]]
    one_private = so.SparsityPattern([np.ones((3, 1)), [[1, 0, 1], [0, 1, 1]]])
    second_poor = so.SparsityPattern([np.ones((4, 1)), [[1, 1, 0, 1], [0, 0, 1, 1]]])
    no_bias = so.SparsityPattern([np.ones((5, 1)), [[1, 1, 0, 0, 1], [0, 0, 1, 1, 1]]], [[0] * 5, [1, 1]])
    no_last = so.SparsityPattern([np.ones((5, 1)), [[1, 1, 0, 0, 1], [0, 0, 1, 1, 1]]], [[1] * 5, [1, 0]])
    for pattern in (so.families.dense([1, 1, 2]), one_private, second_poor, no_bias, no_last):
        assert interpolation(so.TrainingProblem(pattern, X, Y)) is None
    assert interpolation(interpolating()) is not None
    assert interpolation(so.TrainingProblem(so.families.dense([1, 2, 2]), X, Y)) is not None, "two common neurons"
    rich = so.SparsityPattern([np.tile([[1, 0]], (5, 1)), [[1, 1, 0, 0, 1], [0, 0, 1, 1, 1]]])
    assert interpolation(so.TrainingProblem(rich, [[0, 0], [0, 1], [1, 1]], Y)) is None, "input 1 repeats"
    assert interpolation(so.TrainingProblem(rich, [[0, 0], [2, 1], [1, 1]], Y)) is not None


def test_bound_of_equal_inputs() -> None:
    """The bound behind rule A is the best loss of one value per input, checked over all candidate values."""
    rng = np.random.default_rng(12)
    checks = 0
    for _ in range(40):
        y, w = (exact_array(x) for x in (rng.integers(-4, 5, 4), rng.integers(1, 4, 4)))
        pairs = [(i, j) for i in range(4) for j in range(4)]
        values = [(w[i] * y[i] + w[j] * y[j]) / (w[i] + w[j]) for i, j in pairs] + [(w * y).sum() / w.sum()]
        for loss in so.Loss:
            problem = so.TrainingProblem(so.families.dense([1, 1]), [[3]] * 4, y, loss, w)
            best = min(loss.of((c - y)[:, None], w) for c in values)
            assert data_bound(problem) == best
            checks += 1
    print(f"{checks} bounds of equal inputs")
    two = so.TrainingProblem(LU, [[1, 1]] * 3, [[0, 0], [1, 5], [4, 5]], "l2")
    means = [Fraction(5, 3), Fraction(10, 3)]
    network = so.Network(LU, [np.zeros((2, 2))] * 2, [[0, 0], exact_array(means)])
    report = attained_by_bound(two, network)
    assert report is not None
    assert (report.verdict, report.scope, report.theorem) == (YES, THIS, "A")
    assert two.evaluate_exact(network) == data_bound(two) > 0
    assert attained_by_bound(two, so.Network(LU, [np.zeros((2, 2))] * 2, [[0, 0], [1, 3]])) is None


# -------------------------------------------------------------------------------------------- witnesses

CHAIN = [so.SparsityPattern([EYE] * a + [UPPER] + [EYE] * b + [LOWER]) for a in (0, 1) for b in (0, 1, 2)]


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_witness_sequences(loss: str) -> None:
    """Witness sequences, evaluated exactly: loss → 0 like 1/n below the bound, weights diverge."""
    rng = np.random.default_rng(4)
    patterns = [*(so.families.lu(n) for n in (2, 3, 4)), *CHAIN]
    patterns += [random_pattern(rng, (3, 3, 3), 0.75, float(rng.choice([0.0, 0.2]))) for _ in range(60)]
    checked = 0
    for pattern in patterns:
        lc = so.linear_counterpart(pattern)
        if lc.closed is not False:
            continue
        found = witness_problem(pattern, lc, loss)
        assert not isinstance(found, str), found
        problem, sequence = found
        if problem.n_points > 150:
            continue
        report = so.ExistenceReport(NO, SOME, "", "N", problem, sequence)
        check_sequence(report, problem)
        checked += 1
    print(f"{checked} witness sequences with {loss}")
    assert checked >= 12


def test_witness_problems_round_trip() -> None:
    """``certify(report.witness)`` says NOT_ATTAINED for this dataset, with a sequence of its own."""
    rng = np.random.default_rng(11)
    patterns = [*(so.families.lu(n) for n in (2, 3, 4)), *CHAIN]
    patterns += [random_pattern(rng, (3, int(rng.integers(2, 4)), 3), 0.75) for _ in range(150)]
    done: Counter[int] = Counter()
    for pattern in patterns:
        report = so.certify(pattern)
        if report.verdict is not NO:
            continue
        assert report.witness is not None
        if report.witness.n_points > 150:
            continue
        back = affine_data(report.witness)
        assert not isinstance(back, str), f"{back}: {pattern.draw()}"
        assert (back.verdict, back.scope, back.theorem) == (NO, THIS, "N")
        check_sequence(back, report.witness)
        done[report.witness.n_points] += 1
    print(f"round trips by number of points: {dict(done)}")
    assert sum(done.values()) >= 15
    again = so.certify(so.certify(LU).witness)  # type: ignore[arg-type]
    assert (again.verdict, again.scope, again.theorem) == (NO, THIS, "N")


LU_AND_CONSTANT = so.SparsityPattern([[[1, 1], [0, 1], [0, 0]], [[1, 0, 1], [1, 1, 1]]])


HARD_ROUND_TRIPS: list[tuple[list[Any], Any, Any]] = [
    ([[[1, 1], [0, 1], [0, 1]], np.ones((2, 3)), [[0, 1], [1, 1], [0, 1]]], None, [[0, 0], [0, 0], [0, 1]]),
    ([[[1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 0, 1]], [[1, 1, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1]]], None, None),
    (
        [
            [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 1]],
            [[1, 1, 0, 0, 0], [0, 0, 0, 1, 0]],
            [[0, 1], [1, 1], [0, 0]],
        ],
        [[1, 1, 0, 1, 1], [0, 1], [1, 1, 1]],
        None,
    ),
]


@pytest.mark.parametrize(("masks", "biases", "skip"), HARD_ROUND_TRIPS)
def test_witnesses_of_blocks_round_trip(masks: Any, biases: Any, skip: Any) -> None:
    """Witnesses found on a block of outputs: the other outputs' targets are 0 and must not matter."""
    report = so.certify(so.SparsityPattern(masks, biases, skip))
    assert report.verdict is NO
    assert report.witness is not None
    back = affine_data(report.witness)
    assert not isinstance(back, str), back
    assert (back.verdict, back.scope, back.theorem) == (NO, THIS, "N")
    check_sequence(back, report.witness)


@pytest.mark.parametrize("pattern", [LU, LU_AND_CONSTANT])
def test_witness_has_no_exact_fit(pattern: so.SparsityPattern) -> None:
    """z3, which knows nothing of the counting argument, finds no exact fit of the witness data."""
    problem = so.certify(pattern).witness
    assert problem is not None
    assert reluctant(pattern, problem.X_exact, problem.Y_exact) == "unsat"


def test_exact_fits_exist_for_products() -> None:
    """The same question for a product of factors is answered 'sat': the z3 encoding is not vacuous."""
    problem = affine_problem(LU, [[1, 1], [1, 2]], 4)
    assert reluctant(LU, problem.X_exact, problem.Y_exact) == "sat"


# --------------------------------------------------------------------------------------------- affine data


def general_count(pattern: so.SparsityPattern) -> int:
    """Points that are enough for theorem N with all inputs and outputs (or 60)."""
    outputs, inputs = tuple(range(pattern.n_outputs)), tuple(range(pattern.n_inputs))
    return min(pattern.n_inputs * piece_bound(pattern, outputs, inputs) + 1, 60)


def test_products_are_never_called_unattained() -> None:
    """Affine data whose matrix is a product: never NOT_ATTAINED; ATTAINED comes with an exact fit."""
    rng = np.random.default_rng(21)
    answers: Counter[str] = Counter()
    for _ in range(500):
        layers = 2 if rng.random() < 0.8 else 3
        sizes = tuple(int(x) for x in rng.integers(1, 4, size=layers + 1))
        skip, bias = float(rng.choice([0.0, 0.0, 0.3])), float(rng.choice([1.0, 1.0, 0.7]))
        pattern = random_pattern(rng, sizes, float(rng.choice([0.6, 0.8])), skip, bias)
        A = product_of(pattern, rng, *((-1, 2) if rng.random() < 0.5 else (-2, 3)))
        problem = affine_problem(pattern, A, general_count(pattern), str(rng.choice(["linf", "l1", "l2"])))
        report = affine_data(problem)
        if isinstance(report, str):
            answers["not decided"] += 1
            continue
        answers[report.verdict.value] += 1
        assert report.verdict is not NO, f"A = {A.tolist()} is a product: {pattern.draw()}"
        assert report.network is not None
        assert problem.evaluate_exact(report.network) == 0
    print(f"affine data with a product: {dict(answers)}")
    assert answers["ATTAINED"] > 150


def test_perturbed_targets_are_never_decided_by_n() -> None:
    """One changed target makes the data not affine: theorem N must not speak."""
    rng = np.random.default_rng(22)
    checks = 0
    for pattern in (LU, so.families.lu(3), *CHAIN[:3]):
        witness = so.certify(pattern).witness
        assert witness is not None
        for _ in range(8):
            Y = witness.Y_exact.copy()
            place = int(rng.integers(Y.shape[0])), int(rng.integers(Y.shape[1]))
            Y[place] += Fraction(int(rng.integers(1, 5)), 10**6)
            assert isinstance(affine_data(so.TrainingProblem(pattern, witness.X_exact, Y)), str)
            checks += 1
    print(f"{checks} perturbed targets")
    assert checks == 40


def test_too_few_points_are_not_decided() -> None:
    """Below the count of theorem N, or with points on a line, a matrix outside the set decides nothing."""
    for count in range(4, 9):
        assert isinstance(affine_data(affine_problem(LU, [[0, 1], [1, 0]], count)), str)
    report = affine_data(affine_problem(LU, [[0, 1], [1, 0]], 9))
    assert not isinstance(report, str)
    assert report.verdict is NO
    grid = np.array([[i, j] for i in range(3) for j in range(3)])
    on_grid = so.TrainingProblem(LU, grid, grid[:, ::-1])
    assert isinstance(affine_data(on_grid), str), "nine points with three on a line are not enough"
    doubled = np.repeat(moment_points(5, 2), 2, axis=0)
    assert isinstance(affine_data(so.TrainingProblem(LU, doubled, doubled[:, ::-1])), str)


def test_matrices_that_only_look_outside() -> None:
    """A second neuron can realize what one cannot, and a matrix of too high rank is not in the closure at all."""
    helped = so.SparsityPattern([[[1, 1, 1], [1, 1, 1], [0, 1, 0]], [[1, 1, 0], [1, 1, 1], [1, 1, 0]]])
    A = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    report = affine_data(affine_problem(helped, A, general_count(helped)))
    assert isinstance(report, str) or report.verdict is YES
    for r, size in ((1, 3), (2, 3), (1, 2)):
        pattern = so.families.low_rank(size, r, size)
        assert isinstance(affine_data(affine_problem(pattern, np.eye(size, dtype=int), 30)), str)
    inside = affine_data(affine_problem(so.families.low_rank(3, 2, 3), A, 30))
    assert not isinstance(inside, str)
    assert inside.verdict is YES


def test_few_points_can_be_fitted() -> None:
    """Three points do have an exact fit with the same matrix: the count in theorem N is not idle."""
    X = np.array([[0, 0], [1, 1], [2, 4]])
    assert reluctant(LU, X, X[:, ::-1]) == "sat"


def test_constant_inputs_take_no_part() -> None:
    """An input that is the same on all points acts like a bias: LU data with it are decided as without it."""
    first = np.hstack([UPPER, np.ones((2, 1))])
    pattern = so.SparsityPattern([first, LOWER])
    X = np.hstack([moment_points(9, 2), np.full((9, 1), 3)])
    report = affine_data(so.TrainingProblem(pattern, X, X[:, [1, 0]]))
    assert not isinstance(report, str)
    assert report.verdict is NO
    inside = affine_data(so.TrainingProblem(pattern, X, X[:, [0, 1]]))
    assert not isinstance(inside, str)
    assert inside.verdict is YES


def test_sample_weights_and_constants() -> None:
    """Weights, offsets and rational scales keep the verdict, and the bound stays a bound."""
    X = moment_points(11, 2)
    Y = np.array([[Fraction(int(b), 7) + 5, Fraction(int(a), 3) - 2] for a, b in X], dtype=object)
    for loss in ("linf", "l1", "l2"):
        problem = so.TrainingProblem(LU, X, Y, loss, weights=[Fraction(k, 4) for k in range(1, 12)])
        report = so.certify(problem)
        assert (report.verdict, report.scope, report.theorem) == (NO, THIS, "N")
        check_sequence(report, problem)


def test_missing_biases_are_respected() -> None:
    """Without hidden biases the sequence of theorem N does not exist: no verdict from it."""
    for biases in ([[0, 0], [1, 1]], [[1, 1], [0, 0]], [[0, 1], [1, 1]]):
        pattern = so.SparsityPattern([UPPER, LOWER], biases)
        assert so.certify(pattern).verdict is so.Verdict.UNDECIDED
        X = moment_points(9, 2)
        assert isinstance(affine_data(so.TrainingProblem(pattern, X, X[:, ::-1])), str)


def test_general_position() -> None:
    """The greedy search agrees with determinants over the rationals."""
    rng = np.random.default_rng(1)
    counts: Counter[Any] = Counter()
    for _ in range(60):
        d = int(rng.integers(1, 4))
        points = exact_array(rng.integers(-1, 2, (6, d)))
        for needed in range(1, 7):
            found = enough_in_general_position(points, needed)
            brute = any(_general(points[list(chosen)]) for chosen in combinations(range(6), needed))
            assert not found or brute, "points called general that are not"
            counts[bool(found), brute] += 1
    print(f"general position (greedy, brute force): {dict(counts)}")
    assert counts[True, True] > 50
    assert counts[False, False] > 50
    assert enough_in_general_position(exact_array(moment_points(20, 3)), 20) is True


def _general(points: Array) -> bool:
    """Any d + 1 of the points (or all of fewer) are affinely independent."""
    size = min(points.shape[1] + 1, len(points))
    lifted = np.hstack([points, np.ones((len(points), 1))]).astype(float)
    return all(np.linalg.matrix_rank(lifted[list(c)]) == size for c in combinations(range(len(points)), size))


def test_other_subjects_are_refused() -> None:
    """certify takes a pattern or a problem."""
    with pytest.raises(so.InputError, match="expected a SparsityPattern"):
        so.certify(np.eye(2))  # type: ignore[arg-type]


def test_groups_of_outputs_are_asked_one_by_one() -> None:
    """One group covered by U, one by I; then the same with a group whose infimum is not attained."""
    private = [[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1]]
    shared = [[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]]
    pattern = so.SparsityPattern([private, shared])
    X = [[0, 0], [1, 1], [2, 4], [3, 9]]
    affine = [[y0, 2 * x[1] + 1, -x[1]] for y0, x in zip([1, 5, 2, 0], X, strict=True)]
    for loss in ("linf", "l1", "l2"):
        report = so.certify(so.TrainingProblem(pattern, X, affine, loss))
        assert (report.verdict, report.scope, report.theorem) == (so.Verdict.ATTAINED, THIS, "C"), report.reason
    lu = so.certify(LU).witness
    assert lu is not None
    first = np.zeros((3, 4))
    first[:2, :2], first[2, 2:] = LU.masks[0], 1
    last = np.zeros((3, 3))
    last[:2, :2], last[2, 2] = LU.masks[1], 1
    both = so.SparsityPattern([first, last])
    points = np.concatenate([lu.X_exact, lu.X_exact], axis=1)
    targets = np.concatenate([lu.Y_exact, (lu.X_exact[:, [0]] ** 3)], axis=1)
    verdicts = {loss: so.certify(so.TrainingProblem(both, points, targets, loss)) for loss in ("linf", "l1", "l2")}
    assert [verdicts[loss].verdict for loss in ("l1", "l2")] == [NO, NO]
    assert verdicts["l1"].theorem == "C"
    assert verdicts["linf"].verdict is so.Verdict.UNDECIDED


def test_box_domain() -> None:
    """K: one hidden layer, one output, free biases; a linear counterpart that is not closed excludes it."""
    assert certify_box(so.families.dense([2, 3, 1])).verdict is YES
    assert certify_box(so.families.lu(3)).verdict is NO
    assert certify_box(so.families.dense([2, 2, 2])).verdict is so.Verdict.UNDECIDED
    for pattern in (so.families.dense([2, 2, 1]), so.families.lu(2)):
        bound = so.SparsityPattern(pattern.masks, [[0, 1], None])
        assert certify_box(bound).verdict is so.Verdict.UNDECIDED, "a bias is not free"


def test_an_interrupt_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sparseopt.certification.exact_fit", interrupted)
    x = [[0], [0], [1], [2], [3], [4]]
    report = so.certify(
        so.TrainingProblem(so.families.dense([1, 2, 2]), x, [[0, 1], [1, 1], [0, 3], [2, 1], [0, 4], [1, 1]])
    )
    assert (report.verdict, report.scope) == (so.Verdict.UNDECIDED, so.Scope.THIS_DATASET)
    assert report.reason.startswith(
        "interrupted before every rule was tried; equal inputs force a loss of at least 1/2"
    )
