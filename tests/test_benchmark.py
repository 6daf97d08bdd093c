"""The benchmark: instances, peers, limits, judgement, sweeps that survive a kill, the command."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated import generated_problems
from sparseopt.models.export import export_model
from sparseopt.models.gdp import hull_model
from sparseopt.models.milp import milp_model
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters

import sparseopt as so
from sparseopt.benchmark import cores, known
from sparseopt.benchmark.cores import own_cores, usable_cores
from sparseopt.benchmark.instances import digest, heads, planted
from sparseopt.benchmark.judgement import Verdict, judge, scaled_size
from sparseopt.benchmark.known import (
    Proved,
    agreeing,
    check_digest,
    compare,
    known_optima,
    network_of,
    prove,
    records,
    sha256,
    sources,
    started,
    updated,
    with_z3,
)
from sparseopt.benchmark.limits import End, run_limited
from sparseopt.benchmark.peers import registry
from sparseopt.benchmark.peers.answer import Claim, Task
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.benchmark.report import Report, table
from sparseopt.benchmark.run import Limits, run
from sparseopt.benchmark.suites import INSTANCES, SUITES
from sparseopt.benchmark.sweep import Rows
from sparseopt.certificate.checker import VerificationReport
from sparseopt.cli import main
from sparseopt.existence.data_bound import data_bound

CONFORMING = (
    *("exact", "exact-2", "enumerate", "z3", "milp", "highs", "highs-wide", "hull", "scip", "cbc", "gurobi"),
    *("local", "gradient", "sklearn", "pwlf"),
)
MISLED = "highs-wide"
"""Its big-M constants are so large that its tolerances let it claim wrong optima."""
WRONG_INSTANCE = "square-21-k2"
LIMITS = Limits(5.0, 2**31, 1, 0)


@pytest.fixture(autouse=True)
def own_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Core locks of a test's own: no waiting for other tests and sweeps, whose times matter."""
    (tmp_path / "locks").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "locks"))
    monkeypatch.setattr(tempfile, "tempdir", None)


# --- instances


def test_every_instance_is_regenerated_bit_for_bit() -> None:
    stored = records()
    assert set(stored) == set(INSTANCES)
    for name, instance in INSTANCES.items():
        problem = instance.problem()
        assert digest(problem) == stored[name]["digest"], name
        assert problem.name == name
    print(f"{len(stored)} instances regenerated")
    assert len(stored) > 90


def test_the_digest_sees_every_part_of_a_problem() -> None:
    pattern = so.families.dense([1, 1, 1])
    base = so.TrainingProblem(pattern, [[0], [1]], [0, 1])
    others = [
        so.TrainingProblem(pattern, [[0], [2]], [0, 1]),
        so.TrainingProblem(pattern, [[0], [1]], [0, 2]),
        so.TrainingProblem(pattern, [[0], [1]], [0, 1], "l1"),
        so.TrainingProblem(pattern, [[0], [1]], [0, 1], weights=[1, 2]),
        so.TrainingProblem(so.families.dense([1, 2, 1]), [[0], [1]], [0, 1]),
    ]
    assert len({digest(p) for p in [base, *others]}) == 6
    assert digest(base) == digest(so.TrainingProblem(pattern, [["0"], ["1"]], [0.0, 1.0], name="again"))


def test_an_instance_that_is_not_the_librarys_is_refused() -> None:
    problem = INSTANCES["square-11-k2"].problem()
    check_digest(problem)
    problem.name = "square-21-k2"
    with pytest.raises(so.InputError, match="differs from the library's"):
        check_digest(problem)


def test_stored_optima_are_those_that_the_exact_search_finds() -> None:
    optima, compared = known_optima(), 0
    for name in {i for i, _ in SUITES["small"].cells} & set(optima):
        assert math.isclose(so.solve(INSTANCES[name].problem()).objective, optima[name], abs_tol=2e-6)
        compared += 1
    assert compared >= 8


def test_certificates_and_z3_prove_the_same_optima() -> None:
    both = [r for r in map(agreeing, records().values()) if r["optimum"] is not None and r["z3"] is not None]
    assert all(Fraction(record["optimum"]) == Fraction(record["z3"]) for record in both)
    print(f"{len(both)} optima proved twice")
    assert len(both) > 60
    with pytest.raises(RuntimeError, match="the certificate proves 1/2, z3 1/3"):
        agreeing({**both[0], "optimum": "1/2", "z3": "1/3"})


PROVED_AGAIN = ("square-11-k2", "square-21-k3", "teacher-15x1-k2", "planted-40-1x2x2-n10-s2")


@pytest.mark.parametrize("name", PROVED_AGAIN)
def test_a_stored_optimum_is_proved_again(name: str, tmp_path: Path) -> None:
    record, found = records()[name], prove(INSTANCES[name])
    assert not isinstance(found, str)
    assert (str(found.optimum), found.steps > 0) == (record["optimum"], "planted" not in name)
    same, words = compare(INSTANCES[name], tmp_path)
    assert same, words
    assert so.verify(tmp_path / f"{name}.json", INSTANCES[name].problem()).valid
    assert sha256((tmp_path / f"{name}.json").read_text()) == sha256(found.certificate), "two runs, two texts"
    if record["search"] != sources():
        pytest.skip("proved by other sources: python -m sparseopt.benchmark.known proves it by these")
    assert sha256(found.certificate) == record["certificate"]


def test_a_proof_of_another_optimum_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    instance = INSTANCES["square-11-k2"]
    stored = {**records()["square-11-k2"], "search": "older"}
    for change, same, words in (
        ({"optimum": "1/26"}, False, "the record says 1/26"),
        ({"certificate": "0"}, True, "by other sources"),
        ({"certificate": "0", "search": sources()}, False, "on another machine"),
    ):
        monkeypatch.setattr(known, "records", lambda change=change: {"square-11-k2": {**stored, **change}})
        equal, said = compare(instance, tmp_path)
        assert (equal, words in said) == (same, True), said


def test_a_record_keeps_what_was_proved_until_its_instance_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {**records()["square-11-k2"], "optimum": "1/25", "certificate": "c", "search": "older", "z3": "1/25"}
    assert updated(old, "no time") == old
    new = updated(old, Proved(Fraction(1, 25), "text", 3))
    assert new == {**old, "certificate": sha256("text"), "steps": 3, "search": sources()}
    with pytest.raises(RuntimeError, match="z3 1/25"):
        updated(old, Proved(Fraction(1, 26), "text", 3))
    name = "square-11-k2"
    monkeypatch.setattr(known, "INSTANCES", {name: INSTANCES[name]})
    assert started({name: old})[name] == old
    empty = started({name: {**old, "digest": "0"}})[name]
    assert (empty["digest"], empty["optimum"], empty["z3"]) == (old["digest"], None, None)
    assert updated(empty, "no time") == {**empty, "search": sources()}


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (VerificationReport(False, "", failure="wrong"), "INVALID"),
        (VerificationReport(True, "", relies_on=("z3",)), "relying on z3"),
    ],
)
def test_a_certificate_that_the_checker_does_not_accept_is_no_proof(
    report: VerificationReport, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparseopt.certificate.checker.verify", lambda *_: report)
    with pytest.raises(RuntimeError, match=f"square-11-k2: the checker does not accept its certificate: .*{words}"):
        prove(INSTANCES["square-11-k2"])


def test_the_records_are_made_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The command proves what the file lacks, one instance after the other, and nothing twice."""
    file, rows = tmp_path / "benchmark.jsonl", tmp_path / "rows.jsonl"
    monkeypatch.setattr(known, "INSTANCES", {f"square-{p}-k2": INSTANCES[f"square-{p}-k2"] for p in (11, 21)})
    old = {**records()["square-11-k2"], "digest": "of another problem"}
    file.write_text(json.dumps(old) + "\n")
    rows.write_text("{}\n" + json.dumps(run("square-21-k2", "z3", LIMITS)) + "\n")
    monkeypatch.setattr(known, "_FILE", file)
    for chosen, made in (("square-11-k2", 1), ("square-?1-k2", 1), ("square-?1-k2", 0)):
        monkeypatch.setattr(known, "records", cache(known.records.__wrapped__))
        assert known.main([str(rows), "--instances", chosen]) == 0
        assert capsys.readouterr().err.count(" steps, ") == made
    first, second = (json.loads(line) for line in file.read_text().splitlines())
    assert (first["optimum"], first["z3"], first["search"]) == ("1/25", None, sources())
    assert (second["optimum"], second["z3"], second["search"]) == ("9/200", "9/200", sources())
    monkeypatch.setattr(known, "records", cache(known.records.__wrapped__))
    assert known.main(["--instances", "square-11-k2", "--certificates", str(tmp_path / "c")]) == 0
    assert "square-11-k2: valid, 1/25, the same text" in capsys.readouterr().out


def test_planted_parameters_have_the_least_loss_of_any_function() -> None:
    compared = 0
    for loss in ("linf", "l1", "l2"):
        for sizes in ((1, 2, 1), (2, 3, 2), (1, 2, 2, 1), (3, 4, 4, 2)):
            for seed, noise, support in itertools.product((0, 1), (0, 7), (None, 2)):
                instance = planted(10, sizes, noise, support, loss, seed)
                problem, network = instance.problem(), instance.optimal()
                assert problem.evaluate_exact(network) == data_bound(problem) == _planted_loss(problem, noise)
                assert problem.pattern.sizes == sizes
                assert max(m.sum(axis=1).max() for m in problem.pattern.masks) <= (support or 9)
                compared += 1
    assert compared == 96


def _planted_loss(problem: so.TrainingProblem, noise: int) -> Fraction:
    each, count = Fraction(noise, 100), problem.n_points * problem.pattern.n_outputs
    return {"linf": each, "l1": count * each, "l2": count * each**2}[problem.loss.value]


# --- export


SMALLEST = {
    family: min((i for i in INSTANCES.values() if i.family == family), key=lambda i: i.problem().n_points)
    for family in sorted({i.family for i in INSTANCES.values()})
}


@pytest.mark.parametrize("family", SMALLEST)
def test_every_family_is_exported(family: str, tmp_path: Path) -> None:
    """Other programs read the three files of the family's smallest instance; networks that need no MILP are refused."""
    import highspy
    import z3

    problem = SMALLEST[family].problem()
    if problem.loss is so.Loss.L2:
        problem = so.TrainingProblem(problem.pattern, problem.X_exact, problem.Y_exact)
    if family == "planted":
        for suffix in ("mps", "lp", "smt2"):
            with pytest.raises(so.InputError, match="hidden"):
                export_model(problem, tmp_path / f"p.{suffix}")
        return
    fits = [ScalarFit.of(problem, output) for output in range(problem.pattern.n_outputs)]
    model = milp_model(fits)
    for suffix in ("mps", "lp"):
        export_model(problem, tmp_path / f"p.{suffix}")
        highs = highspy.Highs()
        highs.silent()
        assert highs.readModel(str(tmp_path / f"p.{suffix}")) == highspy.HighsStatus.kOk
        assert highs.getNumCol() >= model.nvariables()
        assert highs.getNumRow() == model.nconstraints()
    export_model(problem, tmp_path / "p.smt2")
    asserted = z3.parse_smt2_file(str(tmp_path / "p.smt2"))
    assert len(asserted) >= 2 * problem.n_points * problem.pattern.n_outputs


# --- peers


def test_every_registered_peer_is_tested_here() -> None:
    assert set(PEERS) == set(CONFORMING)


@pytest.mark.parametrize("name", CONFORMING)
def test_peer_contract(name: str) -> None:
    """Claims agree with the enumeration of all cells (in the same box), networks with what the peer says of them."""
    peer = PEERS[name]
    if (reason := peer.missing()) is not None:
        pytest.skip(reason)
    assert set(peer.versions()) == set(peer.packages.values())
    compared = 0
    for loss in peer.losses:
        for what, problem in _problems(loss.value)[: 1 if peer.claim is Claim.NONE else None]:
            if peer.refuses(problem) is not None:
                continue
            answer = peer.prepare(problem, Task(20.0))()
            assert answer.finished, what
            assert answer.network is not None, what
            assert answer.claim in (peer.claim, Claim.OPTIMAL), what
            if name == MISLED:
                compared += 1
                continue
            tolerance = peer.precision * max(ScalarFit.of(problem).objective_scale, answer.objective)
            assert abs(answer.objective - problem.evaluate_exact(answer.network)) <= tolerance, what
            assert answer.objective >= _optimum(loss.value, what) - tolerance, what
            if peer.claim is not Claim.NONE:
                optimum = _optimum(loss.value, what, answer.weight_limit)
                assert abs(answer.objective - optimum) <= tolerance, what
                assert answer.bound is None or answer.bound <= optimum + tolerance, what
                assert scaled_size(problem, answer.network) <= (answer.weight_limit or math.inf) * (1 + 1e-6), what
            compared += 1
    print(f"{name}: {compared} problems")
    of_each = 1 if peer.claim is Claim.NONE else 3 if name == "scip" else 4
    assert compared == len(peer.losses) * of_each


@pytest.mark.parametrize("name", CONFORMING)
def test_deep_patterns_are_taken_or_refused(name: str) -> None:
    peer = PEERS[name]
    if (reason := peer.missing()) is not None:
        pytest.skip(reason)
    for instance in (planted(8, (1, 2, 2), 10, seed=2), planted(8, (1, 2, 2, 1), 10, seed=2)):
        problem = instance.problem()
        if not peer.any_pattern:
            assert "hidden" in str(peer.refuses(problem))
            continue
        assert peer.refuses(problem) is None
        answer = peer.prepare(problem, Task(1.0))()
        assert math.isclose(answer.objective, problem.evaluate_exact(answer.network), rel_tol=1e-9)
        assert answer.objective >= 0.1 - 1e-9
        assert scaled_size(problem, answer.network) is None


@cache
def _optimum(loss: str, what: str, weight_limit: float | None = None) -> float:
    """The optimum by enumeration of all cells."""
    return so.solve(dict(_problems(loss))[what], "enumerate", weight_limit=weight_limit).objective


def _problems(loss: str) -> list[tuple[str, so.TrainingProblem]]:
    """One that every peer takes, some generated problems, and one with two outputs."""
    rng = np.random.default_rng(5)
    x = np.sort(rng.integers(-9, 10, 7))[:, None]
    plain = so.TrainingProblem(so.families.dense([1, 2, 1]), x, rng.integers(-3, 4, 7), loss)
    two = heads(5, 1, 1, 2, loss).problem()
    return [("plain", plain), *generated_problems(2, 11, loss, points=(4, 6)), ("two outputs", two)]


def test_a_peer_that_takes_no_more_time_says_so() -> None:
    problem = INSTANCES["teacher-30x3-k3"].problem()
    for name, seconds in {"scip": 0.2, "highs": 0.2, "gradient": 1e-6, "sklearn": 1e-6}.items():  # less than one start
        answer = PEERS[name].prepare(problem, Task(seconds))()
        assert not answer.finished, name
        assert answer.claim is Claim.NONE, name


def test_gurobi_is_not_asked_beyond_its_free_licence() -> None:
    assert "free licence" in PEERS["gurobi"].refuses(INSTANCES["square-201-k3"].problem())
    assert PEERS["gurobi"].refuses(INSTANCES["square-11-k2"].problem()) is None


def test_the_hull_and_the_big_m_model_differ_in_size() -> None:
    fit = ScalarFit.of(INSTANCES["square-11-k2"].problem())
    assert hull_model([fit]).nvariables() > milp_model([fit]).nvariables()


# --- processes


def _child(code: str, seconds: float = 20.0, memory: int = 2**30) -> Any:
    boot = "import os, sys, json, time\ndef tell(**m): os.write(int(sys.argv[1]), (json.dumps(m) + '\\n').encode())\n"
    return run_limited([sys.executable, "-c", boot + code], lambda stage: seconds, memory, {})


def test_a_child_reports_and_ends() -> None:
    ended = _child("tell(stage='solve'); tell(answer=1)")
    assert (ended.end, ended.messages) == (End.DONE, [{"stage": "solve"}, {"answer": 1}])


def test_the_time_limit_is_enforced_on_children_of_children_too(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"import subprocess; p = subprocess.Popen(['sleep', '60']); open({str(file)!r}, 'w').write(str(p.pid))\n"
    ended = _child(code + "tell(stage='solve'); time.sleep(60)", seconds=1.0)
    assert ended.end is End.TIME
    assert "solve" in ended.detail
    for _ in range(100):
        state = Path(f"/proc/{file.read_text()}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the grandchild is still there")


def test_the_memory_limit_is_enforced() -> None:
    ended = _child("x = []\nwhile True: x.append(bytearray(b'1' * 2**22)); time.sleep(0.001)", memory=200 * 2**20)
    assert ended.end is End.MEMORY
    assert 200 * 2**20 < ended.peak_memory < 600 * 2**20


def test_crashes_are_told_from_ends() -> None:
    for code, needed in (("raise ValueError('sorry')", "sorry"), ("os.kill(os.getpid(), 11)", "SIGSEGV")):
        ended = _child(code)
        assert ended.end is End.CRASH
        assert needed in ended.detail


def test_no_two_runs_share_a_core() -> None:
    usable = usable_cores()
    code = "from sparseopt.benchmark.cores import own_cores\nwith own_cores() as held: print(*held)"
    with own_cores() as held:
        (first,) = held
        assert first in usable
        if len(usable) > 1:
            with own_cores() as others:
                assert not held.keys() & others.keys()
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
            assert int(done.stdout) != first


def test_those_who_want_several_cores_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that want one to three of three cores: nobody waits for ever, no core is held twice."""
    monkeypatch.setattr(cores, "usable_cores", lambda: time.sleep(0.005) or [0, 1, 2])
    held: list[int] = []
    done: list[bool] = []

    def hold(count: int) -> None:
        with cores.own_cores(count) as mine:
            held.extend(mine)
            done.append(len(mine) == count and len(set(held)) == len(held))
            time.sleep(0.02)
            for core in mine:
                held.remove(core)

    threads = [threading.Thread(target=hold, args=(n,), daemon=True) for n in (3, 1, 2, 1, 3, 2, 1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done == [True] * 9


def test_a_peer_of_two_threads_needs_two_cores(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: [0])
    monkeypatch.setattr(registry, "usable_cores", lambda: [0])
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, "exact", "--peers", "exact-2") == 2
    assert capsys.readouterr().err == "sparseopt: peer exact-2: needs 2 cores, and this process may use 1\n"
    with pytest.raises(so.InputError, match="a run needs 2 cores"), cores.own_cores(2):
        pass


def test_a_run_of_two_threads_has_two_cores() -> None:
    if len(usable_cores()) < 2:
        pytest.skip("one core")
    row = run("square-11-k2", "exact-2", LIMITS)
    assert row["end"] == "done"
    assert row["cores"] == 2
    assert row["answer"]["claim"] == Claim.OPTIMAL


def test_a_row_of_a_real_run() -> None:
    row = run("square-11-k2", "enumerate", LIMITS)
    assert row["end"] == "done"
    assert row["facts"] == {"points": 11, "inputs": 1, "width": 2, "loss": "linf", "unit": 0.5}
    assert abs(row["answer"]["loss"] - 0.04) < 1e-9
    assert len(row["seconds"]) == 1
    assert 2**24 < row["memory"] < 2**31
    assert row["versions"]["highspy"]
    problem = INSTANCES["square-11-k2"].problem()
    network = network_of(problem.pattern, row["answer"]["network"])
    assert float(problem.evaluate_exact(network)) == row["answer"]["loss"]
    refused = run("teacher-10x1-k2-l2", "highs", LIMITS)
    assert refused["answer"] is None
    assert "l2" in refused["detail"]


def test_a_run_past_its_limit_is_killed() -> None:
    row = run("sine-100-k4", "pwlf", Limits(0.01, 2**31, 1, 0))  # pwlf has no time limit of its own
    assert row["end"] in ("time limit", "done")
    row = run("square-11-k2", "z3", Limits(5.0, 2**20, 1, 0))
    assert row["end"] == "memory limit"
    assert row["answer"] is None


# --- judgement


def _row(peer: str = "exact", loss: float = 1.0, claim: str = "optimal", **answer: Any) -> dict[str, Any]:
    base = {"claim": claim, "finished": True, "objective": loss, "bound": loss, "weight_limit": None, "trace": []}
    full = {**base, "network": {"weights": []}, "loss": loss, "size": 1.0, **answer}
    facts = {"points": 5, "inputs": 1, "width": 1, "loss": "linf", "unit": 1.0}
    row = {"instance": "i", "peer": peer, "end": "done", "detail": "", "seconds": [0.3, 0.1, 0.2], "memory": 1}
    return {**row, "versions": {}, "facts": facts, "answer": full}


def _verdicts(*rows: dict[str, Any], **optima: float) -> list[Verdict]:
    return [j.verdict for j in judge(rows, 60.0, optima)]


def test_true_claims_stand() -> None:
    exact, scip = _row(), _row("scip", 1.00005)
    (first, second) = judge([exact, scip], 60.0, {"i": 1.0})
    assert (first.verdict, second.verdict) == (Verdict.PROVED, Verdict.PROVED)
    assert first.seconds == 0.2
    assert _verdicts(_row("highs", claim="optimal in a box", weight_limit=10.0)) == [Verdict.BOX]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([_row(objective=0.9)], "its network has"),
        ([_row(loss=1.001), _row("scip")], "scip found 1"),
        ([_row("local", claim="none", bound=1.1)], "claims the bound"),
        ([_row("scip", bound=1.2)], "claims the bound"),
        ([_row(trace=[(0.1, 2.0, 0.5), (0.2, 1.0, 1.5)])], "trace"),
        ([_row("highs", 1.1, "optimal in a box", weight_limit=10.0), _row(size=9.0)], "exact found 1"),
    ],
)
def test_refuted_claims_are_wrong(rows: list[dict[str, Any]], reason: str) -> None:
    judged = judge(rows, 60.0, {})
    assert judged[0].verdict is Verdict.WRONG
    assert reason in judged[0].reason
    assert judged[0].seconds == 60.0
    assert not any(j.verdict is Verdict.WRONG for j in judged[1:])


def test_a_bound_above_a_known_optimum_is_wrong() -> None:
    assert _verdicts(_row(loss=1.1), i=1.0) == [Verdict.WRONG]


def test_a_true_claim_in_too_small_a_box_is_not_wrong() -> None:
    boxed = _row("highs", 1.1, "optimal in a box", weight_limit=10.0)
    assert _verdicts(boxed, _row(size=11.0)) == [Verdict.CUT_OFF, Verdict.PROVED]


def test_runs_that_failed_count_with_the_limit() -> None:
    for end, verdict in (("crash", Verdict.CRASH), ("time limit", Verdict.LIMIT), ("memory limit", Verdict.LIMIT)):
        (judged,) = judge([{**_row(), "end": end, "answer": None, "seconds": []}], 60.0, {})
        assert (judged.verdict, judged.seconds) == (verdict, 60.0)
    unproved = _row("z3", claim="none", finished=False, network=None, loss=None, objective=None, bound=None)
    assert _verdicts(unproved) == [Verdict.UNPROVED]


def test_scaled_size_is_the_size_of_the_parameters_of_the_scaled_fit() -> None:
    compared = 0
    for what, problem in generated_problems(60, 3):
        fit = ScalarFit.of(problem)
        rng = np.random.default_rng(compared)
        theta = rng.normal(size=fit.n_parameters) * 10
        built = ShallowParameters(problem.pattern)
        fit.add_to(built, 0, rng.choice([-1.0, 1.0], len(fit.neurons)), fit.unscaled(theta))
        if fit.n_parameters and problem.pattern.biases[-1][0]:
            assert math.isclose(scaled_size(problem, built.network()), np.abs(theta).max(), rel_tol=1e-9), what
            compared += 1
    assert compared > 20


def test_a_mip_with_default_settings_claims_a_wrong_optimum_and_is_caught() -> None:
    limits = Limits(20.0, 2**31, 1, 0)
    rows = [run(WRONG_INSTANCE, peer, limits) for peer in ("z3", MISLED)]
    honest, misled = judge(rows, 20.0, {})
    assert honest.verdict is Verdict.PROVED
    assert misled.row["answer"]["claim"] == Claim.BOX
    assert misled.verdict is Verdict.WRONG
    print(misled.reason)


# --- sweeps


def _bench(out: Path, *more: str) -> list[str]:
    code = "import sys; from sparseopt.cli import main; main()"
    chosen = ["--peers", "z3,gradient", "--instances", "s*-k2", "--repeats", "1", "--jobs", "1", *more]
    return [sys.executable, "-c", code, "bench", "small", "--out", str(out), *chosen]


def _rows(out: Path) -> list[dict[str, Any]]:
    """The rows of a sweep without what may differ: times and memory."""
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()[1:]]
    for row in rows:
        del row["seconds"], row["memory"]
        if row["answer"]:
            row["answer"]["trace"] = [step[1:] for step in row["answer"]["trace"]]
    return sorted(rows, key=lambda row: (row["instance"], row["peer"]))


def test_a_sweep_killed_five_times_ends_like_one_that_was_not(tmp_path: Path) -> None:
    subprocess.run(_bench(tmp_path / "whole"), check=True, timeout=120, capture_output=True)
    rng = random.Random(1)
    for _ in range(5):
        process = subprocess.Popen(_bench(tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.1, 1.5))
        assert process.poll() is None, "it ended before it was killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(_bench(tmp_path / "killed"), check=True, timeout=120, capture_output=True)
    whole, pieces = _rows(tmp_path / "whole"), _rows(tmp_path / "killed")
    print(f"{len(whole)} rows compared")
    assert len(whole) == 6
    assert pieces == whole


def test_ctrl_c_reports_on_what_is_there(tmp_path: Path) -> None:
    boot = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = _bench(tmp_path)
    command[2] = boot + command[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "rows.jsonl").exists() or len((tmp_path / "rows.jsonl").read_bytes().splitlines()) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "still to do" in out
    assert (tmp_path / "report.html").exists()


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = Rows(path, "small", LIMITS)
    first, second = ({"instance": f"square-{p}-k2", "peer": "z3", "digest": _digest(p)} for p in (11, 21))
    rows.add(first)
    with path.open("ab") as file:
        file.write(json.dumps(second).encode()[:30])
    again = Rows(path, "small", LIMITS)
    assert again.rows == [first]
    again.add(second)
    assert [json.loads(line) for line in path.read_text().splitlines()][1:] == [first, second]
    again.add({**first, "digest": "0"})
    with pytest.raises(so.InputError, match="square-11-k2 has changed"):
        Rows(path, "small", LIMITS)


def _digest(points: int) -> str:
    return str(records()[f"square-{points}-k2"]["digest"])


def test_a_sweep_on_dask_loses_nothing_when_a_worker_dies(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from sparseopt.benchmark.sweep import sweep

    cells = [(f"square-{p}-k2", peer) for p in (11, 21) for peer in ("z3", "scip", "gradient")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONWARNINGS": "ignore"}
    address = f"tcp://127.0.0.1:{_free_port()}"
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", address]
    processes = [_quiet(start, environment)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    processes += [_quiet([*worker, "--no-nanny", "--death-timeout", "60"], environment) for _ in range(2)]
    try:
        rows = Rows(tmp_path / "rows.jsonl", "small", LIMITS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sweep(cells, rows, LIMITS, 2, address, on_row=lambda row: processes[1].kill())
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert rows.done == set(cells)
    assert len(rows.rows) == len(cells)
    assert all(row["end"] == "done" for row in rows.rows)


def _quiet(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# --- report and command


@pytest.fixture(scope="module")
def report() -> Report:
    """A report on two real runs and fabricated others."""
    header = {"time_limit": 5.0, "memory_limit": 2**31, "repeats": 1, "seed": 0, "machine": {"cores": "2"}}
    rows = [run("square-11-k2", peer, LIMITS) for peer in ("exact", "z3")]
    wrong = copy.deepcopy(rows[1])
    wrong["peer"], wrong["answer"]["objective"] = "scip", 0.03
    late = {**copy.deepcopy(rows[1]), "peer": "cbc", "end": "time limit", "answer": None, "seconds": []}
    return Report(SUITES["small"], header, [late, wrong, *rows])


def test_the_report_shows_wrong_claims_and_counts(report: Report) -> None:
    assert [run.row["peer"] for run in report.wrong] == ["scip"]
    assert report.missing == len(SUITES["small"].cells) - 4
    (section, (line, *_)), *_ = report.sections
    assert list(line.runs) == ["exact", "z3", "scip", "cbc"]
    value, solved = line.ratio("exact")
    assert solved
    assert value == line.runs["z3"].seconds / line.runs["exact"].seconds
    assert "exact 1/1" in report.summary(section, [line])
    assert "cbc 0/1 in 5.00" in report.summary(section, [line])
    assert "scip: a wrong claim on 1 of the 1 instances that it took" in report.notes


def _exact_report(seconds: dict[tuple[str, str], float]) -> Report:
    """A report of the suite exact on fabricated times."""
    header = {"time_limit": 60.0, "memory_limit": 2**31, "repeats": 1, "seed": 0, "machine": {"cores": "2"}}
    optima = known_optima()
    rows = [
        {**_row(peer, optima.get(name, 1.0)), "instance": name, "seconds": [s], "digest": ""}
        for (name, peer), s in seconds.items()
    ]
    return Report(SUITES["exact"], header, rows)


def test_the_report_compares_two_workers_with_one_and_many_points_with_few() -> None:
    report = _exact_report(
        {
            ("teacher-30x3-k4", "exact"): 30.0,
            ("teacher-30x3-k4", "exact-2"): 20.0,
            ("sine-1000-k3", "exact"): 0.1,
            ("sine-100000-k3", "exact"): 0.4,
        }
    )
    (workers, lines), (many, others) = report.sections
    assert table(workers, lines, 60.0)["exact/exact-2"][0].text == "1.5"
    assert "exact/exact-2, geometric mean: 1.5. Goal: at least 1.6 on searches over 20 s." in report.summary(
        workers, lines
    )
    assert "Goal: 100,000 points take at most 5 times the seconds of 1,000." in report.summary(many, others)
    assert "100,000 points over 1,000 points of the same law: 4.00 times the seconds" in report.notes
    assert not any("same law" in note for note in _exact_report({("sine-1000-k3", "exact"): 0.1}).notes)


def test_networks_without_proof_are_compared_with_the_known_optimum() -> None:
    header = {"time_limit": 10.0, "memory_limit": 2**31, "repeats": 1, "seed": 0, "machine": {"cores": "2"}}
    row = {**_row("gradient", 0.12, "none", bound=None), "instance": "planted-40-1x2x2-n10-s2", "digest": ""}
    ((section, lines),) = Report(SUITES["deep"], header, [row]).sections
    assert table(section, lines, 10.0)["gradient"][0].text == "+20 %"


def test_goals_are_shown() -> None:
    report = _exact_report({("mcycle-k4", "exact"): 0.1, ("pairs-200x12-k6", "exact"): 2.0})
    goals = [cell.text for section, lines in report.sections for cell in table(section, lines, 60.0)["goal"]]
    assert goals == ["60", "10"]


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["sparseopt", "bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chosen = (
        "small",
        "--out",
        tmp_path / "b",
        "--peers",
        "z3,enumerate",
        "--instances",
        "square-11-k2",
        "--repeats",
        1,
    )
    assert _main(monkeypatch, *chosen) == 0
    out = capsys.readouterr().out
    assert "no wrong claim in 2 runs" in out
    assert "square-11-k2" in out
    assert (tmp_path / "b" / "report.html").exists()
    assert _main(monkeypatch, *chosen, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [r["verdict"] for r in document["runs"]] == ["proved", "proved"]
    rows = [json.loads(line) for line in (tmp_path / "b" / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == 3
    assert (
        with_z3({"square-11-k2": {**records()["square-11-k2"], "z3": None}}, rows[1:])["square-11-k2"]["z3"] == "1/25"
    )
    assert _main(monkeypatch, "small", "--problems", tmp_path / "p") == 0
    assert digest(so.load_problem(tmp_path / "p" / "step-6-k2-1000.json")) == records()["step-6-k2-1000"]["digest"]
    monkeypatch.setattr(sys, "argv", ["sparseopt", "solve", *_certified(tmp_path, "square-11-k2")])
    with pytest.raises(SystemExit):
        main()
    found = prove(INSTANCES["square-11-k2"])
    assert not isinstance(found, str)
    assert (tmp_path / "c.json").read_text() == found.certificate


def _certified(folder: Path, name: str) -> list[str]:
    return [str(folder / "p" / f"{name}.json"), "--certificate", str(folder / "c.json")]


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["nothing"], "suite 'nothing' is not known"),
        (["small", "--peers", "nobody"], "peer 'nobody' is not known"),
        (["small", "--instances", "nothing"], "nothing matches"),
        (["small", "--time-limit", "-1"], "--time-limit"),
        (["small", "--repeats", "0"], "--repeats"),
        (["small", "--jobs", "0"], "--jobs"),
        (["small", "--scheduler", "nonsense://nowhere:1"], "--scheduler"),
    ],
)
def test_bad_requests_are_one_line(
    arguments: list[str],
    needed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _main(monkeypatch, *arguments) == 2
    ended = capsys.readouterr()
    assert needed in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


def test_another_sweeps_folder_is_refused(tmp_path: Path) -> None:
    Rows(tmp_path / "rows.jsonl", "small", LIMITS)
    with pytest.raises(so.InputError, match="made with time_limit 5"):
        Rows(tmp_path / "rows.jsonl", "small", Limits(6.0, 2**31, 1, 0))
    (tmp_path / "rows.jsonl").write_text("hello\n")
    with pytest.raises(so.InputError, match="JSON lines"):
        Rows(tmp_path / "rows.jsonl", "small", LIMITS)
