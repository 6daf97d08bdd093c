"""Training problems: exact views of numbers, losses against naive formulas, save and load."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparseopt as so
from sparseopt.losses import Loss
from sparseopt.pattern import SparsityPattern
from sparseopt.rationals import parse_rational, to_rational

LOSSES = ["linf", "l1", "l2"]
LINE = so.families.dense([1, 1])


def naive_loss(loss: str, residuals: Any, weights: Any) -> Any:
    """The loss by its formula, one number at a time."""
    if loss == "linf":
        return max(w * abs(r) for row, w in zip(residuals, weights, strict=True) for r in row)
    power = 1 if loss == "l1" else 2
    return sum(w * abs(r) ** power for row, w in zip(residuals, weights, strict=True) for r in row)


def fractions(rng: np.random.Generator, shape: tuple[int, ...], low: int = -20) -> Any:
    """Random rationals with small parts; positive if `low` is 1."""
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        out[place] = Fraction(int(rng.integers(low, 21)), int(rng.integers(1, 12)))
    return out


def assert_same(a: so.TrainingProblem, b: so.TrainingProblem) -> int:
    """Two problems are equal in every part; returns how many numbers were compared."""
    assert a.pattern == b.pattern
    assert a.loss is b.loss
    assert (a.name, a.input_names, a.target_names) == (b.name, b.input_names, b.target_names)
    compared = 0
    for x, y in ((a.X_exact, b.X_exact), (a.Y_exact, b.Y_exact), (a.weights_exact, b.weights_exact)):
        assert x.tolist() == y.tolist()
        compared += x.size
    for u, v in ((a.X, b.X), (a.Y, b.Y), (a.weights, b.weights)):
        assert u.tolist() == v.tolist()
    return compared


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        ("0.1", Fraction(1, 10)),
        ("-0.1", Fraction(-1, 10)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("+3/7", Fraction(3, 7)),
        ("-6/8", Fraction(-3, 4)),
        (" 2 ", Fraction(2)),
        ("1.5e-3", Fraction(3, 2000)),
        ("1E3", Fraction(1000)),
        ("0.1000000000000000055511151231257827021181583404541015625", Fraction(0.1)),
        (0.1, Fraction(3602879701896397, 36028797018963968)),
        (-0.0, Fraction(0)),
        (5e-324, Fraction(1, 2**1074)),
        (7, Fraction(7)),
        (2**60 + 1, Fraction(2**60 + 1)),
        (Fraction(1, 3), Fraction(1, 3)),
        (np.float32(0.1), Fraction(13421773, 134217728)),
        (np.int8(-5), Fraction(-5)),
    ],
)
def test_exact_view_of_a_number(given: Any, exact: Fraction) -> None:
    assert to_rational(given) == exact
    problem = so.TrainingProblem(LINE, [[given]], [given], weights=[abs(given) if given in (7, 2**60 + 1) else 1])
    assert problem.X_exact[0, 0] == exact
    assert problem.Y_exact[0, 0] == exact
    assert problem.X[0, 0] == float(exact)
    assert isinstance(problem.X_exact[0, 0], Fraction)


def test_float_arrays_are_dyadic() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 1)), rng.normal(size=50).astype(np.float32)
    problem = so.TrainingProblem(LINE, X, Y)
    compared = 0
    for i in range(50):
        assert problem.X_exact[i, 0] == Fraction(float(X[i, 0]))
        assert problem.Y_exact[i, 0] == Fraction(float(Y[i]))
        compared += 1
    print(f"compared {compared} rows")
    assert compared == 50


def test_mixed_lists_keep_every_number_exact() -> None:
    """Numpy would turn these lists into text or floats as a whole; each entry has its own meaning."""
    mixed = so.TrainingProblem(LINE, [[0.1], ["0.1"]], [Fraction(1, 3), 0.1])
    assert mixed.X_exact.tolist() == [[Fraction(0.1)], [Fraction(1, 10)]]
    assert mixed.Y_exact.tolist() == [[Fraction(1, 3)], [Fraction(0.1)]]


@pytest.mark.parametrize("other", [0.5, -1], ids=["float", "negative"])
def test_large_integers_stay_exact(other: float) -> None:
    large = 2**63 + 1
    problem = so.TrainingProblem(LINE, [[large], [other]], [0, 0])
    assert problem.X_exact.tolist() == [[Fraction(large)], [Fraction(other)]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'' is not a number: write a decimal such as \"0.25\" or a ratio such as \"1/4\""),
        ("abc", r"'abc' is not a number"),
        ("1/0", r"the number '1/0' divides by zero"),
        ("0/000", r"divides by zero"),
        ("1/2/3", r"is not a number"),
        ("1/-2", r"is not a number"),
        ("1.5/2", r"is not a number"),
        ("1,5", r"is not a number"),
        ("1_000", r"is not a number"),
        ("nan", r"'nan' is not a number"),
        ("inf", r"'inf' is not a number"),
        ("-Infinity", r"is not a number"),
        ("0x10", r"is not a number"),
        ("٣", r"is not a number"),
        ("1e309", r"the number '1e309' does not fit a float: rescale the data"),
        ("1e-400", r"does not fit a float"),
        ("1e9999", r"does not fit a float"),
        ("1e999999999", r"'1e999999999' "),
        ("9" * 310, r"does not fit a float"),
        ("9" * 401, r"has 401 characters: at most 400 are read"),
    ],
)
def test_text_that_is_no_number(text: str, message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        parse_rational(text)


def test_three_views_of_the_same_shape() -> None:
    problem = so.TrainingProblem(
        so.families.dense([2, 1]), [["1/3", "2"], ["0.5", "-1"]], ["1", "2"], weights=["1/7", 2]
    )
    assert problem.X.shape == problem.X_exact.shape == (2, 2)
    assert problem.Y.shape == problem.Y_exact.shape == (2, 1)
    assert problem.weights.shape == problem.weights_exact.shape == (2,)
    assert problem.weights_exact.tolist() == [Fraction(1, 7), 2]
    assert problem.is_weighted
    assert problem.n_points == 2
    assert not so.TrainingProblem(LINE, [[1]], [1], weights=["2/2"]).is_weighted


@pytest.mark.parametrize(
    ("X", "Y", "keywords", "message"),
    [
        ([[1, 2]], [1], {}, r"X: has shape \(1, 2\), expected \(points, 1\) for this pattern"),
        ([1, 2], [1, 2], {}, r"X: has shape \(2,\), expected \(points, 1\)"),
        (np.zeros((0, 1)), np.zeros(0), {}, r"X: has no points; give at least one"),
        ([[1], [2]], [1], {}, r"Y: has shape \(1, 1\), expected \(2, 1\)"),
        ([[1], [2]], [[1, 2], [3, 4]], {}, r"Y: has shape \(2, 2\), expected \(2, 1\)"),
        (
            [[1], [2, 3]],
            [1, 2],
            {},
            r"X: rows have different lengths; give every row the same number of entries",
        ),
        ([[np.nan]], [1], {}, r"X\[0, 0\]: nan is not a finite number"),
        ([[1], [2]], [1, np.inf], {}, r"Y\[1\]: inf is not a finite number"),
        ([["1"], ["x"]], [1, 2], {}, r"X\[1, 0\]: 'x' is not a number"),
        ([[None]], [1], {}, r"X\[0, 0\]: NoneType 'None' is not a number"),
        ([[True]], [1], {}, r"X\[0, 0\]: .*True.* is not a number"),
        ([[1j]], [1], {}, r"X\[0, 0\]: .*is not a number"),
        (
            [[10**400]],
            [1],
            {},
            r"X\[0, 0\]: the number 'a huge integer' does not fit a float: rescale the data",
        ),
        (
            [[1]],
            [1],
            {"weights": [0]},
            r"weights\[0\]: is not positive; drop the point or give it a positive weight",
        ),
        ([[1], [2]], [1, 2], {"weights": [1, "-1/3"]}, r"weights\[1\]: is not positive"),
        ([[1]], [1], {"weights": [1, 1]}, r"weights: has shape \(2,\), expected \(1,\)"),
        ([[1]], [1], {"weights": [np.nan]}, r"weights\[0\]: nan is not a finite number"),
        ([[1]], [1], {"loss": "l3"}, r"loss 'l3' is not known: use linf, l1, l2"),
        ([[1]], [1], {"loss": None}, r"loss None is not known: use linf, l1, l2"),
        ([[1]], [1], {"input_names": ["a", "b"]}, r"input_names: has 2 names, expected 1"),
        ([[1]], [1], {"target_names": []}, r"target_names: has 0 names, expected 1"),
    ],
)
def test_bad_data_is_refused(X: Any, Y: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(so.InputError, match=message):
        so.TrainingProblem(LINE, X, Y, **keywords)


def test_default_names() -> None:
    one = so.TrainingProblem(LINE, [[1]], [1])
    assert (one.input_names, one.target_names) == (("x",), ("y",))
    two = so.TrainingProblem(so.families.dense([2, 3]), [[1, 2]], [[1, 2, 3]])
    assert (two.input_names, two.target_names) == (("x1", "x2"), ("y1", "y2", "y3"))


def test_data_are_copies() -> None:
    X, Y, weights = np.ones((2, 1)), np.ones(2), np.ones(2)
    problem = so.TrainingProblem(LINE, X, Y, weights=weights)
    X[:] = Y[:] = weights[:] = 9
    assert problem.X.tolist() == problem.Y.tolist() == [[1], [1]]
    assert problem.weights.tolist() == [1, 1]


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_against_their_formulas(loss: str) -> None:
    rng = np.random.default_rng(4)
    kind = Loss.parse(loss)
    compared = 0
    for _ in range(40):
        shape = (int(rng.integers(1, 9)), int(rng.integers(1, 4)))
        residuals, weights = fractions(rng, shape), fractions(rng, shape[:1], low=1)
        exact = kind.of(residuals, weights)
        assert exact == naive_loss(loss, residuals, weights)
        assert isinstance(exact, Fraction)
        floats = kind.of(residuals.astype(float), weights.astype(float))
        assert floats == pytest.approx(float(exact), rel=1e-13, abs=1e-13)
        scale = Fraction(-3, 2)
        assert kind.of(residuals * scale, weights) == abs(scale) ** kind.homogeneity * exact
        compared += 1
    print(f"compared {compared} losses")
    assert compared == 40


def test_the_losses_differ() -> None:
    residuals, weights = (
        np.array([[Fraction(3)], [Fraction(-4)]], dtype=object),
        np.array([Fraction(2), Fraction(1)]),
    )
    assert [Loss.parse(name).of(residuals, weights) for name in LOSSES] == [6, 10, 34]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_evaluate_and_evaluate_exact(loss: str, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(20):
        pattern = SparsityPattern([rng.random((3, 2)) < 0.8, rng.random((2, 3)) < 0.8], skip=np.eye(2))
        X, Y = fractions(rng, (6, 2)), fractions(rng, (6, 2))
        weights = fractions(rng, (6,), low=1) if weighted else None
        problem = so.TrainingProblem(pattern, X, Y, loss, weights)
        parameters = [np.where(m, fractions(rng, m.shape), Fraction(0)) for m in pattern.masks]
        biases = [fractions(rng, b.shape) for b in pattern.biases]
        network = so.Network(pattern, parameters, biases, np.where(np.eye(2), fractions(rng, (2, 2)), Fraction(0)))
        residuals = network.predict_exact(X) - Y
        expected = naive_loss(loss, residuals, [Fraction(1)] * 6 if weights is None else weights)
        exact = problem.evaluate_exact(network)
        assert exact == expected
        assert isinstance(exact, Fraction)
        assert problem.evaluate(network) == pytest.approx(float(expected), rel=1e-12)
        assert isinstance(problem.evaluate(network), float)
        compared += 1
    print(f"compared {compared} networks")
    assert compared == 20


def test_exact_evaluation_is_exact() -> None:
    """1/3 has no float: the exact loss of the exact answer is 0, that of its float is not."""
    problem = so.TrainingProblem(LINE, [["1"], ["2"]], ["1/3", "2/3"])
    assert problem.evaluate_exact(so.Network(LINE, [[[Fraction(1, 3)]]], [[0]])) == 0
    assert 0 < problem.evaluate_exact(so.Network(LINE, [[[1 / 3]]], [[0]])) < Fraction(1, 10**15)


def test_restrict_outputs() -> None:
    pattern = so.families.lu(3)
    X, Y = [[1, 2, 3], [4, 5, 6]], [["1/3", 2, 3], [4, 5, "1/7"]]
    problem = so.TrainingProblem(pattern, X, Y, "l1", [2, 3], "t", ["a", "b", "c"], ["u", "v", "w"])
    part = problem.restrict_outputs([2, 0])
    assert part.pattern == pattern.restrict_outputs([2, 0])
    assert part.Y_exact.tolist() == [[3, Fraction(1, 3)], [Fraction(1, 7), 4]]
    assert part.X_exact.tolist() == X
    assert (part.target_names, part.input_names) == (("w", "u"), ("a", "b", "c"))
    assert (part.loss, part.name, part.weights.tolist()) == (Loss.L1, "t", [2, 3])


@pytest.mark.parametrize("loss", LOSSES)
def test_save_and_load(loss: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    compared = weighted = skips = 0
    for number in range(20):
        d, k, q = rng.integers(1, 4, size=3)
        skip = rng.random((q, d)) < 0.5 if number % 3 == 0 else None
        pattern = SparsityPattern(
            [rng.random((k, d)) < 0.6, rng.random((q, k)) < 0.6],
            [rng.random(k) < 0.5, rng.random(q) < 0.5],
            skip,
        )
        X = rng.normal(size=(5, d)) * 10.0 ** rng.integers(-200, 200) if number % 2 else fractions(rng, (5, d))
        weights = fractions(rng, (5,), low=1) if number % 4 < 2 else None
        names = [f'größe {i}, "n"' for i in range(d)] if number % 5 == 0 else None
        problem = so.TrainingProblem(pattern, X, fractions(rng, (5, q)), loss, weights, f"p\n{number} é", names)
        path = tmp_path / f"{number}.json"
        problem.save(path)
        compared += assert_same(problem, so.load_problem(path))
        weighted += problem.is_weighted
        skips += pattern.skip is not None
    print(f"compared {compared} numbers; {weighted} weighted, {skips} with skip")
    assert compared > 200
    assert weighted >= 8
    assert skips >= 6
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{n}.json" for n in range(20)), "no other file is left"


def test_save_and_load_extreme_numbers(tmp_path: Path) -> None:
    floats = [5e-324, 1.7e300, -2.2250738585072014e-308, 0.1, 4.9406564584124654e-300 / 3]
    long = Fraction(3**500, 2**790)
    problem = so.TrainingProblem(LINE, [[x] for x in floats], floats)
    problem.save(tmp_path / "floats.json")
    assert assert_same(problem, so.load_problem(tmp_path / "floats.json")) == 15
    problem = so.TrainingProblem(LINE, [[long]], [long])
    problem.save(tmp_path / "long.json")
    assert assert_same(problem, so.load_problem(tmp_path / "long.json")) == 3


def test_saving_where_it_cannot_be_written(tmp_path: Path) -> None:
    problem = so.TrainingProblem(LINE, [[1]], [1])
    with pytest.raises(so.InputError, match=r"nowhere/p.json: cannot be written .*; choose a folder that exists"):
        problem.save(tmp_path / "nowhere" / "p.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(so.InputError, match=r"folder.json: cannot be written"):
        problem.save(tmp_path / "folder.json")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.json"]


def test_saving_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("old")
    so.TrainingProblem(LINE, [[1]], [1]).save(path)
    assert so.load_problem(str(path)).n_points == 1
    assert path.stat().st_mode & 0o777 != 0o600, "readable as any new file, not as a temporary one"
