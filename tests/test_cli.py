"""The command line: exit codes, JSON, pictures, exports, limits, interrupts and the progress line."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sparseopt as so
from sparseopt.cli import main
from sparseopt.rationals import exact_array

DATA = Path(__file__).parent.parent / "data"
BOOT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from sparseopt.cli import main; main()"
COMMAND = [sys.executable, "-c", BOOT]
"""The entry point in a fresh process, where Ctrl-C works even if the test runner ignores it."""


class Ended(NamedTuple):
    """How a run of the command line ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process."""

    def call(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["sparseopt", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return call


def refused(ended: Ended, *needed: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with the needed words."""
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert "Traceback" not in ended.err
    for word in needed:
        assert word in ended.err


def json_object(text: str) -> dict[str, Any]:
    """The one JSON object that is all of the text."""
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(found, dict)
    return found


def network_of(document: dict[str, Any], problem: so.TrainingProblem) -> so.Network:
    """The network that a result document holds."""
    found = document["network"]
    skip = found.get("skip")
    weights, biases = ([exact_array(array) for array in found[key]] for key in ("weights", "biases"))
    return so.Network(problem.pattern, weights, biases, None if skip is None else exact_array(skip))


def assert_bounds(document: dict[str, Any], path: Path) -> None:
    """The objective is finite and is the network's loss, and the bound is not above it."""
    problem = so.load_problem(path)
    objective, bound = document["objective"], document["bound"]
    assert isinstance(objective, float)
    assert problem.evaluate(network_of(document, problem)) == pytest.approx(objective, rel=1e-9)
    assert 0 <= bound <= objective
    assert document["trace"], "the trace has rows"
    for column, sign in ((1, -1), (2, 1)):
        values = [row[column] for row in document["trace"] if row[column] is not None]
        for before, after in pairwise(values):
            assert sign * (after - before) >= -1e-9 * abs(before), "the trace gets better"


def minimum_of_file(path: Path) -> float:
    """The optimum of an exported .mps or .lp file, in the units that its note gives."""
    import highspy

    note = re.search(r"loss = objective \* (\S+)", path.read_text())
    assert note
    solver = highspy.Highs()
    solver.silent()
    assert solver.readModel(str(path)) == highspy.HighsStatus.kOk
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(solver.getInfo().objective_function_value) * float(note[1])


def minimum_of_smt(path: Path) -> Fraction:
    """The exact optimum of an exported .smt2 file."""
    import z3

    solver = z3.Optimize()
    solver.from_file(str(path))
    assert [str(o) for o in solver.objectives()] == ["loss"]
    assert solver.check() == z3.sat
    found = solver.model()[z3.Real("loss")].as_fraction()
    assert isinstance(found, Fraction)
    return found


# solve


def test_solve_json(run: Run) -> None:
    path = DATA / "square-11-k2.json"
    ended = run("solve", path, "--json")
    assert (ended.code, ended.err) == (0, "")
    document = json_object(ended.out)
    assert document["status"] == "OPTIMAL"
    assert document["objective"] == pytest.approx(1 / 25, abs=1e-9)
    assert document["weight_limit"] is None
    assert document["loss"] == "linf"
    assert document["gap"] < 1e-5
    assert_bounds(document, path)


def test_solve_text(run: Run) -> None:
    ended = run("solve", DATA / "square-11-k2.json")
    assert (ended.code, ended.err) == (0, "")
    lines = dict(line.split(None, 1) for line in ended.out.splitlines() if line[0] != " ")
    assert lines["status"] == "OPTIMAL"
    assert float(lines["objective"]) == pytest.approx(1 / 25, abs=1e-9)
    assert float(lines["bound"]) == pytest.approx(1 / 25, abs=1e-6)
    assert "over all parameters" in lines["proof"]
    assert "σ(" in lines["network"]


def test_solve_in_a_box_says_so(run: Run) -> None:
    arguments = ("solve", DATA / "square-11-k2.json", "--solver", "milp", "--option", "weight_limit=3")
    document = json_object(run(*arguments, "--json").out)
    assert document["weight_limit"] == 3
    ended = run(*arguments)
    assert ended.code == 0
    assert "within ±3" in ended.out
    assert "over all parameters" not in ended.out


def test_a_proved_non_attainment_is_done(run: Run) -> None:
    ended = run("solve", DATA / "lu-3.json", "--json")
    document = json_object(ended.out)
    assert ended.code == 0
    assert document["status"] == "NOT_ATTAINED"
    assert document["bound"] == 0
    assert_bounds(document | {"trace": [[0, 1, 0, 0]]}, DATA / "lu-3.json")


def test_a_gap_that_is_reached_is_done(run: Run) -> None:
    ended = run("solve", DATA / "mcycle-k1.json", "--gap", "0.9", "--json")
    document = json_object(ended.out)
    assert ended.code == 0
    assert document["status"] in ("GAP_REACHED", "OPTIMAL")
    assert document["gap"] <= 0.9


def test_no_proof_is_exit_1(run: Run) -> None:
    ended = run("solve", DATA / "square-11-k2.json", "--solver", "local", "--json")
    document = json_object(ended.out)
    assert ended.code == 1
    assert document["status"] == "FAILED"
    assert_bounds(document, DATA / "square-11-k2.json")


def test_time_limit() -> None:
    path = DATA / "mcycle-k2.json"
    started = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, "solve", str(path), "--solver", "enumerate", "--time-limit", "2", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    seconds = time.perf_counter() - started
    document = json_object(done.stdout)
    print(f"{seconds:.1f} s, objective {document['objective']}, bound {document['bound']}")
    assert done.returncode == 1
    assert document["status"] == "TIME_LIMIT"
    assert 0 < document["gap"] < 1
    assert document["bound"] > 0
    assert_bounds(document, path)
    assert 1.9 < document["seconds"] < 6
    assert seconds < 15


def test_a_gap_reached_in_a_box_says_so(run: Run) -> None:
    """Within ±0.5 the bound is above the optimum over all parameters, 1/25: it must not pass for one on it."""
    options = ("--solver", "milp", "--option", "weight_limit=0.5", "--gap", "0.3")
    document = json_object(run("solve", DATA / "square-11-k2.json", *options, "--json").out)
    assert document["weight_limit"] == 0.5 or document["bound"] <= 1 / 25


def test_time_limit_in_a_box_says_so(run: Run) -> None:
    """A bound that was proved in a box is not one over all parameters, also when the time was up."""
    ended = run("solve", DATA / "mcycle-k3.json", "--solver", "milp", "--time-limit", "1", "--json")
    document = json_object(ended.out)
    assert (ended.code, document["status"]) == (1, "TIME_LIMIT")
    assert document["weight_limit"] == 10


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mcycle-k2", ["--solver", "enumerate"]),
        ("mcycle-k3", ["--solver", "milp"]),
        ("deep-lu-3", ["--solver", "local", "--option", "starts=100000"]),
    ],
)
def test_interrupt(name: str, options: list[str]) -> None:
    path = DATA / f"{name}.json"
    process = subprocess.Popen(
        [*COMMAND, "solve", str(path), "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        time.sleep(3)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        sent = time.perf_counter()
        out, err = process.communicate(timeout=30)
        print(f"ended {time.perf_counter() - sent:.2f} s after Ctrl-C")
    finally:
        process.kill()
        process.wait()
    assert err == ""
    assert process.returncode == 1
    document = json_object(out)
    assert document["status"] == "INTERRUPTED"
    assert_bounds(document, path)


def test_interrupt_with_nothing_to_keep() -> None:
    with subprocess.Popen([*COMMAND, "atlas"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "sparseopt: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--solver", "cplex"], "solver 'cplex' is not known: use auto, "),
        (["--time-limit", "0"], "time_limit: 0.0 is not a positive number of seconds"),
        (["--time-limit", "-1"], "time_limit: -1.0 is not a positive number"),
        (["--time-limit", "nan"], "time_limit: nan is not a positive number"),
        (["--time-limit", "soon"], "--time-limit"),
        (["--gap", "-1"], "gap: -1.0 is not a number of at least 0"),
        (["--gap", "nan"], "gap: nan is not a number of at least 0"),
        (["--seed", "-1"], "seed: -1 is not a whole number of at least 0"),
        (["--seed", "1.5"], "--seed"),
        (["--option", "weight_limit"], "--option 'weight_limit': write NAME=VALUE"),
        (["--option", "weight_limit=big"], "--option 'weight_limit=big': the value is not a number"),
        (["--solver", "milp", "--option", "speed=9"], "solver milp: unknown option 'speed'; it takes "),
        (["--fast"], "No such option: --fast"),
        (["surplus"], "surplus"),
        (["--plot", "fit.jpg"], "fit.jpg: unknown picture format; use .png, .svg, .pdf"),
        (["--plot", "fit"], "fit: unknown picture format"),
    ],
)
def test_solve_refuses(arguments: list[str], needed: str, run: Run) -> None:
    refused(run("solve", DATA / "square-11-k2.json", *arguments), needed)


def test_solver_that_does_not_take_the_loss(run: Run) -> None:
    refused(run("solve", DATA / "trees-sparse-l2.json", "--solver", "milp"), "does not take loss l2, only linf, l1")


def test_numbers_near_the_end_of_the_float_range(tmp_path: Path) -> None:
    """They fit a float, their squares and sums do not: an answer or one line, never a traceback or a warning."""
    compared = 0
    for loss in ("linf", "l1", "l2"):
        path = tmp_path / f"{loss}.json"
        ends = ["1e308", "-1e308", "1e308"]
        document = {
            "format": "sparseopt-problem/1",
            "pattern": {"family": "dense", "sizes": [1, 1, 1]},
            "data": {"X": [["-1"], ["0"], ["1"]], "Y": ends},
            "loss": loss,
        }
        path.write_text(json.dumps(document))
        done = subprocess.run([*COMMAND, "solve", str(path), "--json"], capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, loss
        assert "Warning" not in done.stderr, loss
        if done.returncode == 2:
            assert done.stderr.count("\n") == 1
        else:
            json_object(done.stdout)
        compared += 1
    assert compared == 3


# pictures


@pytest.mark.parametrize(
    ("name", "suffix", "start", "end"),
    [
        ("square-11-k2", "png", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
        ("square-11-k2", "svg", b"<?xml", b"</svg>\n"),
        ("square-11-k2", "pdf", b"%PDF-", b"%%EOF\n"),
        ("lu-3", "png", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    ],
)
def test_plot_is_written_whole(name: str, suffix: str, start: bytes, end: bytes, run: Run, tmp_path: Path) -> None:
    picture = tmp_path / f"fit.{suffix}"
    ended = run("solve", DATA / f"{name}.json", "--plot", picture)
    assert ended.code == 0
    assert str(picture) in ended.out
    content = picture.read_bytes()
    assert content.startswith(start)
    assert content.endswith(end)
    assert len(content) > 3000
    assert [p.name for p in tmp_path.iterdir()] == [picture.name]


@pytest.mark.parametrize("name", ["fit.jpg", "fit", "nowhere/fit.png", "folder.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_any_work(
    name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.png").mkdir()
    solver = import_module("sparseopt.solvers.solve")
    monkeypatch.setattr(solver, "solve", lambda *_, **__: pytest.fail("it went to work first"))
    refused(run("solve", DATA / "square-11-k2.json", "--plot", tmp_path / name), name)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


def test_json_and_plot_together(run: Run, tmp_path: Path) -> None:
    ended = run("solve", DATA / "square-11-k2.json", "--json", "--plot", tmp_path / "fit.png")
    assert json_object(ended.out)["status"] == "OPTIMAL"
    assert (tmp_path / "fit.png").exists()


# certify, witness


@pytest.mark.parametrize(
    ("subject", "code", "verdict", "scope"),
    [
        ("dense:2,3,1", 0, "ATTAINED", "EVERY_DATASET"),
        ("lu:3", 0, "NOT_ATTAINED", "SOME_DATASET"),
        ("lu-3.json", 0, "NOT_ATTAINED", "THIS_DATASET"),
        ("mcycle-k2.json", 0, "ATTAINED", "THIS_DATASET"),
    ],
)
def test_certify(subject: str, code: int, verdict: str, scope: str, run: Run) -> None:
    subject = str(DATA / subject) if subject.endswith(".json") else subject
    ended = run("certify", subject, "--json")
    document = json_object(ended.out)
    assert (ended.code, ended.err) == (code, "")
    assert (document["verdict"], document["scope"]) == (verdict, scope)
    assert document["reason"]
    assert document["certificate"]
    text = run("certify", subject)
    assert text.code == code
    assert f"{verdict} ({scope})" in text.out


def test_certify_undecided_is_exit_1(run: Run) -> None:
    ended = run("certify", "dense:2,2,2", "--json")
    document = json_object(ended.out)
    assert (ended.code, document["verdict"]) == (1, "UNDECIDED")


def test_certificate_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lu.json"
    ended = run("certify", "lu:2", "--certificate", path)
    assert ended.code == 0
    assert str(path) in ended.out
    document = json_object(path.read_text())
    assert document["claim"]
    quiet = run("certify", "lu:2", "--certificate", path, "--json")
    assert json_object(quiet.out)["verdict"] == "NOT_ATTAINED"
    assert json_object(path.read_text()) == document


def test_a_proof_is_written_and_verified(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "proof.json.gz"
    ended = run("solve", DATA / "square-11-k2.json", "--certificate", path)
    assert ended.code == 0
    assert "exact      1/25, gap 0" in ended.out
    assert f"certificate {path}" in ended.out
    checked = run("verify", path, "--problem", DATA / "square-11-k2.json")
    assert (checked.code, checked.out.split("\n")[0]) == (0, "valid")
    assert "the parameters have loss 1/25, which is optimal" in checked.out
    other = run("verify", path, "--problem", DATA / "square-21-k3.json", "--json")
    assert other.code == 1
    assert "speaks of another" in json_object(other.out)["failure"]
    refused(run("verify", tmp_path / "nothing.json"), "nothing.json: there is no such file")
    refused(
        run("solve", DATA / "lu-3.json", "--solver", "local", "--certificate", path),
        "writes no optimality certificates",
    )


def test_a_proof_that_theory_gives(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    assert run("solve", DATA / "lu-3.json", "--certificate", path).code == 0
    assert "no parameters attain the infimum" in run("verify", path).out


def test_no_certificate_without_a_decision(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    ended = run("certify", "dense:2,2,2", "--certificate", path)
    assert ended.code in (1, 2)
    assert not path.exists()


@pytest.mark.parametrize(
    ("subject", "needed"),
    [
        ("lu", "family 'lu': parameter 'n' is missing"),
        ("fancy:3", "unknown family 'fancy'; use one of dense"),
        ("", "sparseopt: "),
        ("nothing.json", "nothing.json: cannot be read"),
        ("dense:" + "1," * 300 + "0", "sizes: 0 is not a whole number"),
    ],
)
def test_certify_refuses(subject: str, needed: str, run: Run) -> None:
    refused(run("certify", subject), needed)


def test_a_deep_family_has_a_long_name(run: Run) -> None:
    ended = run("certify", "dense:" + "1," * 150 + "1", "--json")
    assert ended.code in (0, 1)
    assert json_object(ended.out)["verdict"] in ("ATTAINED", "UNDECIDED")


def test_certificate_in_no_folder(run: Run, tmp_path: Path) -> None:
    refused(run("certify", "lu:2", "--certificate", tmp_path / "nowhere" / "c.json"), "nowhere", "cannot be written")


def test_witness_then_certify_and_solve(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "witness.json"
    ended = run("witness", "lu:3", path)
    assert (ended.code, ended.err) == (0, "")
    assert "not attained" in ended.out
    problem = so.load_problem(path)
    assert problem.pattern == so.families.lu(3)
    assert f"{problem.n_points} points" in ended.out
    certified = run("certify", path, "--json")
    document = json_object(certified.out)
    assert (certified.code, document["verdict"], document["scope"]) == (0, "NOT_ATTAINED", "THIS_DATASET")
    solved = run("solve", path, "--json")
    document = json_object(solved.out)
    assert (solved.code, document["status"], document["bound"]) == (0, "NOT_ATTAINED", 0)
    assert 0 < document["objective"] < 1


def test_no_witness_where_an_optimum_exists(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "witness.json"
    ended = run("witness", "dense:2,3,1", path)
    assert ended.code == 1
    assert ended.out == ""
    assert "no witness: ATTAINED" in ended.err
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_witness_in_no_folder(run: Run, tmp_path: Path) -> None:
    refused(run("witness", "lu:2", tmp_path / "nowhere" / "w.json"), "nowhere", "cannot be written")


# export


@pytest.mark.parametrize("suffix", ["mps", "lp"])
def test_exported_milp_has_the_same_optimum(suffix: str, run: Run, tmp_path: Path) -> None:
    import highspy

    path = tmp_path / f"model.{suffix}"
    ended = run("export", DATA / "square-11-k2.json", path)
    assert (ended.code, ended.err) == (0, "")
    note = re.search(r"loss = objective \* (\S+)", path.read_text())
    assert note
    assert note[0] in ended.out
    solver = highspy.Highs()
    solver.silent()
    solver.readModel(str(path))
    binaries = sum(kind == highspy.HighsVarType.kInteger for kind in solver.getLp().integrality_)
    assert binaries == 2 * 11 + 2
    assert minimum_of_file(path) == pytest.approx(1 / 25, abs=1e-7)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("name", "optimum"), [("square-11-k2", Fraction(1, 25)), ("square-21-k3", Fraction(3, 70))])
def test_exported_smt_has_the_exact_optimum(name: str, optimum: Fraction, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.smt2"
    ended = run("export", DATA / f"{name}.json", path)
    assert (ended.code, ended.err) == (0, "")
    assert minimum_of_smt(path) == optimum


def test_a_narrow_box_raises_the_exported_optimum(run: Run, tmp_path: Path) -> None:
    values = []
    for limit in ("10", "0.5"):
        path = tmp_path / f"box-{limit}.lp"
        assert run("export", DATA / "square-11-k2.json", path, "--weight-limit", limit).code == 0
        values.append(minimum_of_file(path))
    assert values[1] > values[0] + 0.05


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("loss", ["linf", "l1"])
def test_exports_agree_with_the_solver(sign: int, loss: str, run: Run, tmp_path: Path) -> None:
    """Two outputs in different units, weighted points, a skip weight, both signs of the curvature."""
    X = [Fraction(n, 2) for n in range(-3, 4)]
    Y = [[sign * x * x + 1, -100 * sign * abs(x - 1) + 3 * x] for x in X]
    weights = [Fraction(n + 1, 3) for n in range(7)]
    pattern = so.SparsityPattern([[[1], [1]], [[1, 0], [0, 1]]], [[1, 1], [1, 0]], [[0], [1]])
    problem = so.TrainingProblem(pattern, [[x] for x in X], Y, loss, weights)
    problem.save(tmp_path / "p.json")
    expected = so.solve(problem, "enumerate")
    assert expected.status is so.Status.OPTIMAL
    assert expected.objective > 0.1
    for suffix in ("mps", "lp", "smt2"):
        path = tmp_path / f"p.{suffix}"
        assert run("export", tmp_path / "p.json", path).code == 0
        found = float(minimum_of_smt(path)) if suffix == "smt2" else minimum_of_file(path)
        assert found == pytest.approx(expected.objective, rel=1e-6), suffix


def test_exported_smt_uses_negative_signs(run: Run, tmp_path: Path) -> None:
    squares = so.load_problem(DATA / "square-11-k2.json")
    so.TrainingProblem(squares.pattern, squares.X_exact, -squares.Y_exact).save(tmp_path / "p.json")
    assert run("export", tmp_path / "p.json", tmp_path / "p.smt2").code == 0
    assert minimum_of_smt(tmp_path / "p.smt2") == Fraction(1, 25)


@pytest.mark.parametrize(
    ("name", "out", "options", "needed"),
    [
        ("square-11-k2", "model.nl", [], "unknown model format '.nl'; use .mps, .lp or .smt2"),
        ("square-11-k2", "model", [], "unknown model format ''"),
        ("square-11-k2", "nowhere/model.lp", [], "cannot be written"),
        ("square-11-k2", "nowhere/model.smt2", [], "cannot be written"),
        ("trees-sparse-l2", "model.lp", [], "the l2 loss has no linear model; use loss linf or l1"),
        ("trees-sparse-l2", "model.smt2", [], "the l2 loss is not linear"),
        ("lu-3", "model.smt2", [], "needs at most one hidden layer and no hidden neuron that feeds two outputs"),
        ("lu-3", "model.lp", [], "hidden neuron"),
        ("deep-lu-3", "model.mps", [], "at most one is supported"),
        ("square-11-k2", "model.lp", ["--weight-limit", "0"], "--weight-limit: 0.0 is not a positive number"),
        ("square-11-k2", "model.lp", ["--weight-limit", "nan"], "--weight-limit: nan is not a positive number"),
        ("square-11-k2", "model.lp", ["--weight-limit", "inf"], "--weight-limit: inf is not a positive number"),
    ],
)
def test_export_refuses(name: str, out: str, options: list[str], needed: str, run: Run, tmp_path: Path) -> None:
    refused(run("export", DATA / f"{name}.json", tmp_path / out, *options), needed)
    assert list(tmp_path.iterdir()) == []


# the rest


def test_solvers(run: Run) -> None:
    ended = run("solvers")
    assert (ended.code, ended.err) == (0, "")
    for name in ("auto", "enumerate", "milp", "local"):
        assert re.search(rf"^{name} ", ended.out, re.MULTILINE)


def test_solvers_json_is_one_object(run: Run) -> None:
    ended = run("solvers", "--json")
    assert (ended.code, ended.err) == (0, "")
    text = json.dumps(json_object(ended.out))
    for name in ("enumerate", "milp", "local"):
        assert f'"{name}"' in text


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["sovle"], "No such command 'sovle'"),
        (["solve"], "Missing argument 'PROBLEM'"),
        (["witness", "lu:2"], "Missing argument 'OUT'"),
        (["--nothing"], "No such option: --nothing"),
        (["solvers", "extra"], "extra"),
    ],
)
def test_wrong_use(arguments: list[str], needed: str, run: Run) -> None:
    refused(run(*arguments), needed)


def test_help_and_version(run: Run) -> None:
    ended = run("--help")
    assert ended.code == 0
    for command in ("solve", "certify", "witness", "export", "solvers"):
        assert re.search(rf"^\s+{command} ", ended.out, re.MULTILINE)
        assert run(command, "--help").code == 0
    assert run("--version").out == f"sparseopt {so.__version__}\n"


def test_the_installed_command() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "sparseopt"), "certify", "dense:2,3,1", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json_object(done.stdout)["verdict"] == "ATTAINED"


@pytest.mark.parametrize("arguments", [["certify", "lu:2"], ["solve", str(DATA / "square-11-k2.json")]])
def test_a_terminal_without_unicode(arguments: list[str]) -> None:
    """Signs that an encoding lacks are replaced, the answer is printed all the same."""
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0
    assert done.stdout


def test_a_name_that_no_encoding_has(tmp_path: Path) -> None:
    """JSON can spell half a surrogate pair, a terminal cannot."""
    path = tmp_path / "p.json"
    so.TrainingProblem(so.families.dense([1, 1]), [[0], [1]], [0, 1], name="half \ud800").save(path)
    done = subprocess.run([*COMMAND, "solve", str(path)], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 2)


# progress


def test_progress_line_on_a_terminal() -> None:
    """Nothing for two seconds, then one line with objective, bound, gap, nodes and points."""
    master, slave = pty.openpty()
    started = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "solve", str(DATA / "mcycle-k2.json"), "--solver", "enumerate", "--time-limit", "4", "--json"],
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**os.environ, "COLUMNS": "200", "TERM": "xterm"},
    )
    os.close(slave)
    seen, first = b"", None
    try:
        while time.perf_counter() - started < 30:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    chunk = os.read(master, 65536)
                except OSError:
                    break
                if not chunk:
                    break
                first = first or time.perf_counter() - started
                seen += chunk
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert json_object(out.decode())["status"] == "TIME_LIMIT"
    assert first is not None, "no progress was shown"
    print(f"first line after {first:.2f} s, {len(seen)} bytes")
    assert first >= 2.0
    text = seen.decode()
    for word in ("objective", "bound 42.8", "gap", "nodes", "points 133"):
        assert word in text


def test_no_progress_line_in_a_pipe() -> None:
    done = subprocess.run(
        [*COMMAND, "solve", str(DATA / "mcycle-k2.json"), "--solver", "enumerate", "--time-limit", "3", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert json_object(done.stdout)["seconds"] > 2.5
