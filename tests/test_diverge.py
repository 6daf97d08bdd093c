"""``sparseopt diverge``: recorded losses are the problem's, weights grow without optimum, pictures are written."""

from __future__ import annotations

from pathlib import Path

import pytest

import sparseopt as so
from sparseopt.diverge import diverge, plot_divergence

DATA = Path(__file__).parent.parent / "data"


def test_training_on_data_without_optimum(tmp_path: Path) -> None:
    """On the LU witness some run drives the loss down while its weights grow, as the exact sequence does."""
    problem = so.load_problem(DATA / "lu-3.json")
    shown = diverge(problem, starts=3, iterations=1500)
    assert {run.method for run in shown.runs} == {"L-BFGS", "gradient descent"}
    best = min((run for run in shown.runs if run.rows), key=lambda run: run.rows[-1][1])
    assert best.rows[-1][1] < 0.02 * best.rows[0][1]
    assert best.rows[-1][2] > 5 * best.rows[0][2]
    assert all(loss > 0 for run in shown.runs for _, loss, _ in run.rows), "no parameters reach the infimum"
    n, loss, weight = shown.sequence[-1]
    assert (loss, weight) == (problem.evaluate(shown.report.sequence.at(n)), shown.report.sequence.at(n).largest_weight)
    picture = tmp_path / "d.png"
    plot_divergence(problem, shown, picture)
    assert picture.stat().st_size > 10_000
    with pytest.raises(so.InputError, match="unknown picture format"):
        plot_divergence(problem, shown, tmp_path / "d.gif")


def test_same_seed_same_runs() -> None:
    """Runs repeat; a problem with an optimum has no sequence."""
    problem = so.TrainingProblem(so.families.dense([1, 2, 1]), [[0], [1], [2], [3]], [0, 1, 0, 2])
    first, second = (diverge(problem, starts=1, iterations=50, seed=7) for _ in range(2))
    assert first.runs == second.runs
    assert first.sequence == []
