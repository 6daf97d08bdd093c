"""Optimality certificates: made for what the exact search solves, and checked by an independent file."""

from __future__ import annotations

import ast
import gzip
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import Counting, Enough, copy_of, generated_certificates, square, steps
from exact_optimum import exact_optimum
from sparseopt.solvers.control import Stop

import sparseopt as so
from sparseopt.benchmark.instances import teacher
from sparseopt.certificate import branching, checker, optimality
from sparseopt.certificate.class_proof import ClassSteps
from sparseopt.certificate.steps import Steps

DATA = Path(__file__).parents[1] / "data"
SOLVED = ["square-11-k2", "square-21-k3", "mcycle-k1-l1", "stackloss-sparse-skip", "mcycle-k1-l2", "trees-sparse"]


@pytest.mark.parametrize("name", SOLVED)
def test_data_files_have_certificates_without_gap(name: str, tmp_path: Path) -> None:
    problem = so.load_problem(DATA / f"{name}.json")
    result = so.solve(problem, certificate=True)
    assert result.status is so.Status.OPTIMAL
    assert result.exact_objective == result.exact_bound == problem.evaluate_exact(result.network)
    assert float(result.exact_objective) == pytest.approx(result.objective, rel=1e-12)
    path = tmp_path / "certificate.json.gz"
    result.certificate.save(path)
    report = so.verify(path, problem)
    assert report.valid, report
    assert report.relies_on == ()
    assert report.checked["bound lemmas"] >= 4


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_generated_problems_with_all_degeneracies(loss: str) -> None:
    closed = lemmas = 0
    for name, problem, document in generated_certificates(loss, 40, 71):
        report = so.verify(document, problem)
        assert report.valid, (name, report)
        lemmas += report.checked.get("bound lemmas", 0)
        closed += document["objective"] == document["bound"]
    print(f"{loss}: {closed} of 40 without gap, {lemmas} bound lemmas")
    assert closed == 40
    assert lemmas >= 100


@pytest.mark.parametrize("loss", ["linf", "l1"])
def test_exact_objectives_are_the_optima_of_z3(loss: str) -> None:
    compared = 0
    for name, problem, document in generated_certificates(loss, 40, 71):
        if (optimum := exact_optimum(problem, 5_000)) is not None:
            assert Fraction(document["objective"]) == optimum, name
            compared += 1
    print(f"{loss}: {compared} exact optima equal z3's")
    assert compared >= 30


def test_known_optima_are_exact() -> None:
    for points, k, optimum in ((11, 2, Fraction(1, 25)), (21, 3, Fraction(3, 70)), (21, 4, Fraction(1, 50))):
        assert so.solve(square(points, k), certificate=True).exact_objective == optimum


def test_several_outputs() -> None:
    x = [[Fraction(i, 4)] for i in range(-4, 5)]
    Y = [[v * v, abs(v - Fraction(1, 3))] for [v] in x]
    pattern = so.SparsityPattern([[[1], [1], [1]], [[1, 1, 0], [0, 0, 1]]])
    for loss in ("linf", "l1", "l2"):
        problem = so.TrainingProblem(pattern, x, Y, loss)
        parts = [so.solve(problem.restrict_outputs([o]), certificate=True).exact_objective for o in range(2)]
        result = so.solve(problem, certificate=True)
        assert result.exact_objective == result.exact_bound == (max(parts) if loss == "linf" else sum(parts))
        assert so.verify(result.certificate, problem)


def test_a_gap_is_stated_exactly() -> None:
    result = so.solve(square(21, 3), gap=0.25, certificate=True)
    assert result.exact_bound == Fraction(3, 4) * result.exact_objective <= Fraction(3, 70) <= result.exact_objective
    report = so.verify(result.certificate)
    assert report.valid
    assert f"no parameters have a loss below {result.exact_bound}" in report.claim


def floats(points: int, k: int, loss: str = "linf") -> so.TrainingProblem:
    """x² on a grid of floats: many cells within 1e-16 of the optimum, which the search takes for equal."""
    x = np.linspace(-1, 1, points)
    return so.TrainingProblem(so.families.dense([1, k, 1]), x[:, None], x * x, loss)


@pytest.mark.parametrize(
    "problem", [floats(21, 3), floats(21, 4), floats(41, 4), floats(11, 2, "l1"), floats(11, 2, "l2")]
)
def test_rounded_data_leave_no_gap(problem: so.TrainingProblem) -> None:
    result = so.solve(problem, certificate=True)
    assert result.exact_objective == result.exact_bound
    assert so.verify(result.certificate, problem)


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_points_on_a_line_up_to_rounding(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Geometry that the search used does not hold exactly there; two neurons even fit the points without error."""
    refused = []
    implies = Steps.implies

    def counted(self: Steps, target: int, others: Any) -> bool:
        found = implies(self, target, others)
        refused.extend([] if found else [target])
        return found

    monkeypatch.setattr(Steps, "implies", counted)
    x = np.linspace(-1, 1, 6)
    for k in (1, 2):
        problem = so.TrainingProblem(so.families.dense([2, k, 1]), x[:, None] * [0.3, 0.7], x * x, loss)
        result = so.solve(problem, certificate=True)
        assert result.exact_objective == result.exact_bound
        assert result.objective == float(result.exact_objective)
        assert (result.exact_objective == 0) == (k == 2)
        assert so.verify(result.certificate, problem)
    assert refused


def test_a_gap_is_left_where_closing_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branching, "MAX_PROGRAMS", 3)
    result = so.solve(floats(21, 3), certificate=True)
    assert 0 < result.exact_objective - result.exact_bound < 1e-9
    assert so.verify(result.certificate)


def test_nodes_of_l2_that_were_closed_too_early_are_closed_exactly() -> None:
    """Two neurons on stopping distances, and a teacher of two inputs: the search's cutoff hides open nodes."""
    cars = so.load_problem(DATA / "cars-k2-l1.json")
    for problem in (
        so.TrainingProblem(cars.pattern, cars.X_exact, cars.Y_exact, "l2"),
        teacher(30, 2, 2, "l2").build(),
    ):
        result = so.solve(problem, certificate=True)
        assert result.exact_objective == result.exact_bound == problem.evaluate_exact(result.network)
        report = so.verify(result.certificate, problem)
        assert report.valid, report
        assert report.checked["bound lemmas"] >= 100


@pytest.mark.parametrize("problem", [floats(21, 3), square(11, 2, "l1"), square(11, 2, "l2")])
def test_a_proof_can_be_stopped_everywhere(problem: so.TrainingProblem) -> None:
    """`check` is called at every step, and where a row enters an exact program; each call may raise."""
    from sparseopt.models.scalar_fit import ScalarFit
    from sparseopt.solvers.control import Control
    from sparseopt.solvers.exact import run

    fit, control = ScalarFit.of(problem), Control(certificate=True)
    run(fit, control)
    part = optimality.Part(fit, *control.best, control.proofs)
    check = Counting()
    certificate = optimality.certify_optimum(problem, [part], 0.0, check)
    assert check.calls > certificate.n_steps
    stops = range(0, check.calls, check.calls // 40)
    for most in stops:
        with pytest.raises(Enough):
            optimality.certify_optimum(problem, [part], 0.0, Counting(most))
    print(f"stopped at {len(stops)} of {check.calls} calls")


def test_no_geometry_lemma_stands_twice() -> None:
    compared = 0
    for part in so.solve(square(21, 3, "l1"), certificate=True).certificate.document["outputs"][0]["classes"]:
        cones = [json.dumps(step) for step in part["steps"] if step[:2] == ["lemma", []]]
        assert len(set(cones)) == len(cones)
        compared += len(cones)
    assert compared >= 100


def test_an_unfinished_search_has_no_certificate() -> None:
    rng = np.random.default_rng(0)
    problem = so.TrainingProblem(so.families.dense([3, 5, 1]), rng.normal(size=(40, 3)), rng.normal(size=40))
    result = so.solve(problem, certificate=True, time_limit=0.2)
    assert result.status is so.Status.TIME_LIMIT
    assert result.certificate is None
    assert "no certificate: the search was not finished" in result.message


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        (Stop(so.Status.TIME_LIMIT), "the time limit was reached while the proof was made exact"),
        (KeyboardInterrupt(), "it was interrupted while the proof was made exact"),
    ],
)
def test_a_builder_that_is_stopped_keeps_the_answer(
    raised: BaseException, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: Any, record: list[int]) -> int:
        raise raised

    monkeypatch.setattr(ClassSteps, "_emit", stop)
    result = so.solve(square(11, 2), certificate=True)
    assert result.status is so.Status.OPTIMAL
    assert result.objective == pytest.approx(1 / 25)
    assert result.certificate is None
    assert f"no certificate: {why}" in result.message


def test_the_time_limit_holds_while_the_proof_is_made_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock says after the search counts."""
    emit = ClassSteps._emit

    def late(self: Any, record: list[int]) -> int:
        self.goal.check.__self__.deadline = 0.0
        return emit(self, record)

    monkeypatch.setattr(ClassSteps, "_emit", late)
    result = so.solve(square(11, 2), certificate=True, time_limit=1000)
    assert result.status is so.Status.OPTIMAL
    assert "the time limit was reached while the proof was made exact" in result.message


def test_a_search_without_a_certificate_writes_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log has no room, so nothing is recorded; with one, records are."""
    from sparseopt.solvers.exact import search

    logs: list[Any] = []
    make = search.new_proof_log
    monkeypatch.setattr(search, "new_proof_log", lambda *given: logs.append(make(*given)) or logs[-1])
    for certificate in (False, True):
        logs.clear()
        so.solve(square(21, 3), "exact", certificate=certificate)
        assert len(logs) >= 4
        assert any(log.data.size for log in logs) == any(log.counts.any() for log in logs) == certificate


@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_logging_changes_nothing_and_chords_are_proved(loss: str) -> None:
    """The search with a log visits the same nodes as without, and its certificate has rows with chords."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 20)).round(3)
    y = (np.sin(3 * x) + 0.3 * rng.normal(size=20)).round(3)
    problem = so.TrainingProblem(
        so.families.dense([1, 2, 1]), [[Fraction(str(v))] for v in x], [Fraction(str(v)) for v in y], loss
    )
    plain, logged = (so.solve(problem, certificate=c) for c in (False, True))
    assert plain.trace[-1].nodes == logged.trace[-1].nodes
    document = logged.certificate.document
    assert so.verify(document, problem)
    assert document["objective"] == document["bound"]
    chorded = [row for part, at in steps(document) if part[at][0] == "lemma" for row in part[at][1] if len(row) == 5]
    assert len(chorded) >= 10
    for row in chorded[:10]:  # a chord that misses its point, one from the wrong side, one point less
        for change in (1, 2):
            kept = copy_of(row)
            pair = row[4][0]
            pair[change - 1] = -int(pair[change - 1]) if change == 1 else int(pair[1]) + 1
            assert not so.verify(document).valid
            row[:] = kept
    assert so.verify(document).valid


def test_the_checker_runs_without_the_project(tmp_path: Path) -> None:
    alone = tmp_path / "checker.py"
    alone.write_bytes(Path(checker.__file__).read_bytes())
    so.solve(square(11, 2), certificate=True).certificate.save(tmp_path / "c.json")
    bad = json.loads((tmp_path / "c.json").read_text())
    bad["bound"] = "1/24"
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    for name, code, first in (("c.json", 0, "valid"), ("bad.json", 1, "INVALID")):
        done = subprocess.run(
            [sys.executable, "-S", "-I", str(alone), str(tmp_path / name)], capture_output=True, text=True, cwd=tmp_path
        )
        assert (done.returncode, done.stdout.split("\n")[0]) == (code, f"{tmp_path / name}: {first}"), done.stderr
    assert len(_code_lines(alone.read_text())) <= 485
    assert "sparseopt" not in {
        line.split()[1].split(".")[0] for line in alone.read_text().splitlines() if line[:7] in ("import ", "from sp")
    }


def _code_lines(source: str) -> set[int]:
    """Lines that hold code: no blank lines, comments, or docstrings."""
    out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not docstring:
            first = [child.lineno for child in getattr(node, "body", []) if isinstance(child, ast.stmt)]
            out.update(range(node.lineno, min([*first, (node.end_lineno or 0) + 1])))
    return out


HOSTILE: dict[str, Any] = {
    "not JSON": b"{",
    "deep nesting": b"[" * 200_000,
    "a duplicate key": b'{"format": "sparseopt-certificate/1", "kind": "optimality", "kind": "optimality"}',
    "a huge number": b'{"format": ' + b"9" * 100_000 + b"}",
    "a float": b'{"format": 1e999}',
    "not a number": b'{"format": NaN}',
    "no certificate": b"[]",
    "half a gzip file": gzip.compress(b"{}" * 1000)[:20],
    "binary": bytes(range(256)),
    "more pairs than memory": json.dumps(
        {
            "format": "sparseopt-certificate/1",
            "kind": "existence",
            "claim": "linear counterpart closed",
            "pattern": {
                "masks": [[[1]] * 30_000, [[1] * 30_000], [[1]] * 30_000, [[1] * 30_000]],
                "biases": [[1] * 30_000, [1], [1] * 30_000, [1]],
            },
            "reductions": [["span", [[2, 0]]]],
        }
    ).encode(),
    "zeros that are not written": json.dumps(
        {
            "format": "sparseopt-certificate/1",
            "kind": "existence",
            "claim": "attained for every dataset",
            "pattern": {"masks": [[[1] * 30_000], [[1]] * 30_000], "biases": [[1], [1] * 30_000]},
        }
    ).encode(),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_invalid(what: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.json"
    path.write_bytes(HOSTILE[what])
    report = so.verify(path)
    assert not report.valid
    assert report.failure
    assert "\n" not in report.failure


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MAX_BYTES", 10_000)
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b" " * 10_000_000))
    assert "larger than 10000 bytes" in so.verify(path).failure


def test_endless_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = so.solve(square(11, 2), certificate=True).certificate
    monkeypatch.setattr(checker, "MAX_WORK", 100)
    assert "more work than this checker does" in so.verify(certificate).failure
