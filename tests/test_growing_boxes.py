"""Optima within weight boxes: closed forms, proved by SCIP, on shallow, deep and skip networks."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

import sparseopt as so
from sparseopt import growing_boxes
from sparseopt.cli import main
from sparseopt.growing_boxes import BoxStatus, box_optima, box_optimum

DATA = Path(__file__).parent.parent / "data"
STEP = [[0], [1]], [0, 5]
"""With |w| ≤ R, a network of these layers rises by at most R^L (and R more by a skip) from x = 0 to 1."""


@pytest.mark.parametrize(
    ("sizes", "skip", "loss", "R", "value"),
    [
        ([1, 1, 1], False, "linf", 1, 2),
        ([1, 1, 1], False, "linf", 2, 0.5),
        ([1, 1, 1], False, "l1", 1, 4),
        ([1, 1, 1], False, "l2", 1, 8),
        ([1, 1, 1], True, "linf", 1, 1.5),
        ([1, 2, 1], False, "linf", 1, 1.5),
        ([1, 1, 1, 1], False, "linf", 1, 2),
        ([1, 1], False, "linf", 1, 3),
    ],
)
def test_closed_forms(sizes: list[int], skip: bool, loss: str, R: float, value: float) -> None:
    """The rise is all that counts, but for one layer, where the output bias is at most R too."""
    dense = so.families.dense(sizes)
    pattern = so.SparsityPattern(dense.masks, skip=[[1]]) if skip else dense
    found = box_optimum(so.TrainingProblem(pattern, *STEP, loss), R, 30)
    assert found.status is BoxStatus.PROVED
    assert found.bound == pytest.approx(value, abs=1e-6)
    assert found.objective == pytest.approx(value, abs=1e-6)
    assert found.network is not None
    assert found.network.largest_weight <= R


def test_weights_and_inputs_without_effect() -> None:
    """Weighted points count as often as they weigh, and an input that is always 0 changes nothing."""
    problem = so.TrainingProblem(so.families.dense([2, 1, 1]), [[0, 0], [1, 0]], [0, 5], "l1", weights=[3, 1])
    found = box_optimum(problem, 1, 30)
    assert found.bound == pytest.approx(4, abs=1e-6)
    assert np.allclose(found.network.predict(problem.X)[:, 0], [0, 1], atol=1e-5)


def test_nothing_beats_a_proved_box() -> None:
    """Four points, dense 1-2-2: (2 - √2)/4 in the first box; random networks in the box are no better."""
    problem = so.load_problem(DATA / "dense-1-2-2-four.json")
    found = box_optimum(problem, 1, 60)
    assert found.status is BoxStatus.PROVED
    assert found.bound == pytest.approx((2 - sqrt(2)) / 4, abs=1e-6)
    rng = np.random.default_rng(0)
    near = found.network
    for size in np.geomspace(1e-3, 1, 2000):

        def shaken(arrays: tuple[np.ndarray, ...], size: float = size) -> list[np.ndarray]:
            return [np.clip(a + size * rng.normal(size=a.shape), -1, 1) for a in arrays]

        assert problem.evaluate(so.Network(problem.pattern, shaken(near.weights), shaken(near.biases))) > found.bound


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``sparseopt diverge`` shows a box with its status and bound, and draws it."""
    so.TrainingProblem(so.families.dense([1, 1, 1]), *STEP).save(tmp_path / "p.json")
    base = ["sparseopt", "diverge", str(tmp_path / "p.json"), "--starts", "1", "--iterations", "20", "--boxes", "2"]
    for extra in (["--json", "--plot", str(tmp_path / "p.png")], []):
        monkeypatch.setattr("sys.argv", base + extra)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        out = capsys.readouterr().out
        if extra:
            rows = json.loads(out)["boxes"]
            assert [(r["weight_limit"], r["status"]) for r in rows] == [(1, "proved"), (2, "proved")]
            assert [r["bound"] for r in rows] == pytest.approx([2, 0.5], abs=1e-6)
    assert "R = 2" in out
    assert "0.5" in out
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that oversteps is stopped; what is known is then the bound of equal inputs. A missing SCIP is named."""
    problem = so.TrainingProblem(so.families.dense([1, 1, 1]), [[0], [0], [1]], [0, 2, 5])
    monkeypatch.setattr(growing_boxes, "GRACE", -29.99)
    (stopped,) = box_optima(problem, [1.0], 30.0)
    assert (stopped.status, stopped.bound, stopped.network) == (BoxStatus.TIME_LIMIT, 1.0, None)
    monkeypatch.setattr(growing_boxes, "missing_package", lambda *_: "not installed: pip install 'sparseopt[scip]'")
    with pytest.raises(so.InputError, match=r"sparseopt\[scip\]"):
        box_optima(problem, [1.0], 30.0)
    assert "sparseopt[scip]" in growing_boxes.suits(problem)
    large = so.TrainingProblem(so.families.dense([1, 9, 1]), [[k] for k in range(9)], range(9))
    assert "--boxes" in growing_boxes.suits(large)
