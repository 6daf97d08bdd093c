"""Theorem G: exact fits, and diverging sequences that the toolkit finds for given data."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import sparseopt as so
from sparseopt.cli import main
from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.engine import ask
from sparseopt.existence.eventual import eventual_predictions
from sparseopt.existence.exact_fit import targets

SIX = Path(__file__).parent.parent / "data" / "dense-1-2-2.json"


def check_divergence(problem: so.TrainingProblem, report: so.ExistenceReport) -> None:
    """The exact loss at growing n falls to the bound, above it, as 1/n, while weights grow."""
    sequence, bound = report.sequence, data_bound(problem)
    assert sequence is not None
    _, start = eventual_predictions(sequence, targets(problem).X)
    gaps = [problem.evaluate_exact(sequence.at(start * 10**e)) - bound for e in (1, 3, 5, 7)]
    assert all(gap > 0 for gap in gaps)
    assert gaps[-1] < Fraction(1, 10**3) * gaps[0]
    assert sequence.at(10**7).largest_weight > 10 * sequence.at(10**3).largest_weight


def changed(problem: so.TrainingProblem, point: int, output: int, value: int) -> so.TrainingProblem:
    Y = problem.Y_exact.copy()
    Y[point, output] = Fraction(value)
    return so.TrainingProblem(problem.pattern, problem.X_exact, Y, problem.loss)


@pytest.mark.parametrize("loss", ["linf", "l2"])
def test_six_points_of_the_dense_network(loss: str) -> None:
    """NOT_ATTAINED with infimum 0, unaided; with one target moved a network fits."""
    six = so.load_problem(SIX)
    six = so.TrainingProblem(six.pattern, six.X_exact, six.Y_exact, loss)
    report = so.certify(six)
    assert (report.verdict, report.theorem) == (so.Verdict.NOT_ATTAINED, "G")
    assert "z3" in report.reason
    check_divergence(six, report)
    fitted = changed(six, 2, 1, 0)
    report = so.certify(fitted)
    assert (report.verdict, report.theorem) == (so.Verdict.ATTAINED, "A")
    assert report.network is not None
    assert fitted.evaluate_exact(report.network) == 0


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``sparseopt certify`` prints the sequence that it found, or the network that fits once a target is moved."""
    moved = tmp_path / "moved.json"
    changed(so.load_problem(SIX), 2, 1, 0).save(moved)
    for path, verdict, shown in ((SIX, "NOT_ATTAINED", "W2[2, 1] = "), (moved, "ATTAINED", "network    f1 = ")):
        monkeypatch.setattr("sys.argv", ["sparseopt", "certify", str(path)])
        with pytest.raises(SystemExit) as ended:
            main()
        text = capsys.readouterr().out
        assert ended.value.code == 0
        assert f"verdict    {verdict} (THIS_DATASET)" in text
        assert shown in text


@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_repeated_inputs_give_a_positive_infimum(loss: str) -> None:
    """Two targets at one input: the infimum is the loss of the best constants there, attained or not."""
    six = so.load_problem(SIX)
    rows = list(range(6))
    for problem, expected in ((six, so.Verdict.NOT_ATTAINED), (changed(six, 2, 1, 0), so.Verdict.ATTAINED)):
        X, Y = problem.X_exact[[*rows, 5]], problem.Y_exact[[*rows, 5]]
        Y[5, 1], Y[6, 1] = Fraction(-1), Fraction(-3)  # the old target -2 is the best constant
        again = so.TrainingProblem(problem.pattern, X, Y, loss)
        report = so.certify(again)
        assert data_bound(again) > 0
        if report.verdict is so.Verdict.ATTAINED:
            assert again.evaluate_exact(report.network) == data_bound(again)
        elif report.verdict is so.Verdict.NOT_ATTAINED:
            check_divergence(again, report)
        assert report.verdict is expected


def test_random_data_is_never_decided_wrongly() -> None:
    """Small networks and data: a network or a sequence comes with every verdict, and both are evaluated exactly."""
    rng = np.random.default_rng(3)
    verdicts = Counter[str]()
    for _ in range(10):
        sizes = [(1, 2, 2), (2, 2, 2), (1, 2, 2, 1), (1, 3, 2)][int(rng.integers(4))]
        masks = [rng.random((b, a)) < 0.9 for a, b in pairwise(sizes)]
        pattern = so.SparsityPattern(masks)
        X = rng.integers(-3, 4, (int(rng.integers(3, 7)), sizes[0]))
        problem = so.TrainingProblem(pattern, X, rng.integers(-2, 3, (len(X), sizes[-1])), "l1")
        report = so.certify(problem, engine_seconds=3)
        verdicts[report.theorem or "undecided"] += 1
        if report.theorem == "A":
            assert problem.evaluate_exact(report.network) == data_bound(problem)
        if report.theorem == "G":
            check_divergence(problem, report)
    print(f"verdicts: {dict(verdicts)}")
    assert verdicts["A"] > 0


def test_engine_is_stopped() -> None:
    """A hard question ends at its time limit with 'unknown', and so does nonsense."""
    squares = " ".join(f"(* x{i} x{i} x{i})" for i in range(3))
    text = "".join(f"(declare-const x{i} Int)" for i in range(3)) + f"(assert (= (+ {squares}) 114))"
    assert ask(text, 2.0).verdict == "unknown"
    assert ask("(nonsense", 5.0).verdict == "unknown"
    assert ask("(declare-const x Real)(assert (= (* 3.0 x) 1.0))", 20.0).values == {"x": Fraction(1, 3)}
