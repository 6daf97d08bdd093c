"""The exact search against enumeration, z3, known optima, and itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from exact_optimum import exact_optimum
from generated import generated_problems
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.solvers.exact import driver

import sparseopt as so
from sparseopt import models, solvers

HERE = Path(__file__).parent


def _square(points: int, k: int) -> so.TrainingProblem:
    half = points // 2
    x = [Fraction(i, half) for i in range(-half, half + 1)]
    return so.TrainingProblem(so.families.dense([1, k, 1]), [[v] for v in x], [v * v for v in x])


def _noise(points: int, d: int, k: int, seed: int = 0) -> so.TrainingProblem:
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(points, d)), rng.normal(size=(d, k)), rng.normal(size=k)
    y = np.maximum(X @ W + b, 0) @ rng.choice([-1, 1], k) + 0.1 * rng.normal(size=points)
    return so.TrainingProblem(so.families.dense([d, k, 1]), X, y)


def _unit(problem: so.TrainingProblem) -> float:
    return ScalarFit.of(problem).objective_scale


def test_kernels_in_plain_python() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "exact_kernels.py")],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        cwd=HERE,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 10


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
@pytest.mark.parametrize("seed", [51, 52])
def test_equals_enumeration(seed: int, loss: str) -> None:
    compared = 0
    for name, problem in generated_problems(50, seed, loss):
        exact, cells = so.solve(problem, "exact"), so.solve(problem, "enumerate")
        assert exact.status is so.Status.OPTIMAL, name
        assert exact.weight_limit is None
        assert exact.objective == pytest.approx(cells.objective, abs=1e-6 * _unit(problem)), name
        assert exact.bound <= cells.objective + 1e-8 * _unit(problem), name
        compared += 1
    print(f"{loss}: {compared} problems, exact equals enumeration")
    assert compared == 50


@pytest.mark.parametrize(("loss", "largest"), [("linf", 13), ("l1", 10)])
def test_equals_the_exact_optimum_of_z3(loss: str, largest: int) -> None:
    compared = 0
    for name, problem in generated_problems(30, 61, loss, points=(8, largest)):
        if (value := exact_optimum(problem, 10_000)) is None:
            continue
        optimum = float(value)
        result = so.solve(problem, "exact")
        assert result.objective == pytest.approx(optimum, abs=1e-6 * _unit(problem)), name
        assert result.bound <= optimum + 1e-9 * _unit(problem), name
        compared += 1
    print(f"{loss}: {compared} exact optima of z3 compared")
    assert compared >= 20


@pytest.mark.parametrize(
    ("points", "k", "optimum"),
    [(11, 2, Fraction(1, 25)), (21, 3, Fraction(3, 70)), (21, 4, Fraction(1, 50)), (21, 5, Fraction(1, 100))],
)
def test_known_optima(points: int, k: int, optimum: Fraction) -> None:
    result = so.solve(_square(points, k), "exact")
    assert result.status is so.Status.OPTIMAL
    assert result.objective == pytest.approx(float(optimum), abs=1e-8)
    assert result.bound == pytest.approx(float(optimum), abs=1e-6)


def test_the_order_of_points_does_not_matter() -> None:
    compared = 0
    for points, d, k in ((30, 1, 3), (30, 2, 3), (25, 2, 4)):
        problem = _noise(points, d, k)
        first = so.solve(problem, "exact")
        order = np.random.default_rng(1).permutation(points)
        second = so.solve(so.TrainingProblem(problem.pattern, problem.X[order], problem.Y[order]), "exact")
        assert first.status is second.status is so.Status.OPTIMAL
        assert first.objective == pytest.approx(second.objective, abs=1e-6 * _unit(problem))
        compared += 1
    assert compared == 3


def test_inputs_and_targets_in_other_units() -> None:
    problem = _noise(25, 2, 3)
    base = so.solve(problem, "exact").objective
    for factor in (1e6, 1e-6):
        inputs = so.TrainingProblem(problem.pattern, problem.X * factor, problem.Y)
        targets = so.TrainingProblem(problem.pattern, problem.X, problem.Y * factor + 3 * factor)
        assert so.solve(inputs, "exact").objective == pytest.approx(base, rel=1e-6)
        assert so.solve(targets, "exact").objective / factor == pytest.approx(base, rel=1e-6)


def test_sparse_supports_are_used() -> None:
    """Neurons on one input each: variables follow the distinct values of that input, not the points."""
    from sparseopt.solvers.exact.instance import instance_of
    from sparseopt.solvers.exact.search import new_search

    rng = np.random.default_rng(3)
    X = rng.integers(0, 5, (60, 3)).astype(float)
    pattern = so.SparsityPattern([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 1]]])
    problem = so.TrainingProblem(pattern, X, np.abs(X[:, 0] - 2) + X[:, 1] ** 2 + 0.3 * rng.normal(size=60))
    fit = ScalarFit.of(problem)
    inst = instance_of(fit, fit.sign_classes()[0])
    play = new_search(inst, 1.0, np.arange(60)).play
    assert play.known.sum() == sum(len(np.unique(X[:, i])) for i in range(3))
    result, cells = so.solve(problem, "exact"), so.solve(problem, "enumerate")
    assert result.objective == pytest.approx(cells.objective, abs=1e-6 * _unit(problem))


def test_every_bound_of_the_trace_is_valid() -> None:
    checked = 0
    problems = [_noise(40, 2, 3), _noise(30, 3, 3), _square(21, 5)]
    fit = _noise(30, 1, 2)
    problems += [so.TrainingProblem(fit.pattern, fit.X, fit.Y, loss) for loss in ("l1", "l2")]
    for problem in problems:
        result = so.solve(problem, "exact")
        assert result.status is so.Status.OPTIMAL
        for row in result.trace:
            assert row.bound <= result.objective + 1e-9
            assert row.objective >= result.objective - 1e-9
            checked += 1
    print(f"{checked} trace rows checked")
    assert checked >= 10


def test_a_cut_off_search_keeps_a_valid_bound() -> None:
    problem = _noise(30, 3, 4)
    stopped = so.solve(problem, "exact", time_limit=1.5)
    assert stopped.status is so.Status.TIME_LIMIT
    assert stopped.seconds < 2.5
    assert 0 <= stopped.bound < stopped.objective
    assert stopped.network is not None


def test_an_incumbent_that_prunes_too_much_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the search once: with a tolerance of 0.2 it must miss optima, and this comparison must see it."""
    from sparseopt.solvers.exact import driver

    monkeypatch.setattr(driver, "TOLERANCE", 0.2)
    wrong = 0
    for _, problem in generated_problems(30, 51, "linf"):
        exact, cells = so.solve(problem, "exact"), so.solve(problem, "enumerate")
        wrong += abs(exact.objective - cells.objective) > 1e-6 * _unit(problem)
        assert exact.bound <= cells.objective + 1e-8 * _unit(problem)
    print(f"{wrong} wrong optima of a broken search")
    assert wrong > 0


def test_compiled_code_is_found_again_and_a_first_use_says_why_it_waits(tmp_path: Path) -> None:
    """Also where nothing can be written beside the sources: then the code is kept in the user's cache."""
    package = tmp_path / "lib" / "sparseopt"
    for module, folder in ((so, package), (models, package / "models"), (solvers, package / "solvers")):
        shutil.copytree(Path(module.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "solvers" / "exact" / "__pycache__").write_text("a file where numba would make a folder")
    code = (
        "import time; start = time.time(); from sparseopt.solvers.exact import warm_up; warm_up.warm_up(); "
        "print(time.time() - start, warm_up.__file__)"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "lib")}
    environment = {**os.environ, **home, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        for _ in range(2)
    ]
    assert [r.returncode for r in runs] == [0, 0], runs[0].stderr
    assert "compiling the exact search" in runs[0].stderr
    assert runs[1].stderr == ""
    (first, file), (second, _) = (r.stdout.split() for r in runs)
    assert Path(file).is_relative_to(package)
    assert float(second) < float(first) / 3
    assert list((tmp_path / "cache").rglob("*run_slice*.nbc"))


def test_snapshots_that_do_not_fit_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for four levels only, deeper backjumps start cold: slower, same optimum."""
    from sparseopt.solvers.exact import snapshots
    from sparseopt.solvers.exact.basis import new_basis
    from sparseopt.solvers.exact.instance import instance_of

    problem = _noise(30, 2, 3)
    base = so.solve(problem, "exact")
    monkeypatch.setattr(snapshots, "MAX_BYTES", 1)
    inst = instance_of(fit := ScalarFit.of(problem), np.ones(len(fit.neurons)))
    assert snapshots.level_limit(new_basis(inst)) == 4
    cold = so.solve(problem, "exact")
    assert cold.status is so.Status.OPTIMAL
    assert cold.objective == pytest.approx(base.objective, abs=1e-6 * _unit(problem))


def test_a_search_without_room_for_more_points_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a split class, too, whose assumptions then have other numbers; proofs are of the last start."""
    base = {problem: so.solve(problem, "exact") for problem in (_square(41, 3), _noise(30, 2, 3))}
    begun: list[int] = []
    begin = driver._ClassSearch._begin_anew
    monkeypatch.setattr(driver, "ROOM", 3)
    monkeypatch.setattr(driver, "SPLIT_FROM", 0)
    monkeypatch.setattr(driver._ClassSearch, "_begin_anew", lambda one, room: begun.append(room) or begin(one, room))
    for problem, found in base.items():
        for workers in (1, 2, 2, 2):
            result = so.solve(problem, "exact", workers=workers)
            assert result.status is so.Status.OPTIMAL
            assert result.objective == pytest.approx(found.objective, abs=1e-6 * _unit(problem))
        assert so.verify(so.solve(problem, "exact", certificate=True).certificate).valid
    print(f"{len(begun)} times with more room")
    assert max(begun) >= 12


def test_sums_over_many_points_are_refused_and_auto_knows() -> None:
    x = np.linspace(-1, 1, 2001)[:, None]
    problem = so.TrainingProblem(so.families.dense([1, 1, 1]), x, np.abs(x[:, 0]), "l1")
    with pytest.raises(so.InputError, match="2001 points are too many for loss l1, at most 2000"):
        so.solve(problem, "exact")
    assert so.solve(problem, "auto", time_limit=0.5).solver == "local"


def test_compiled_code_of_other_sources_is_dropped(tmp_path: Path) -> None:
    from sparseopt.solvers.exact.warm_up import drop_stale_code

    sources, cached = tmp_path / "sources", tmp_path / "cached"
    sources.mkdir()
    cached.mkdir()
    (sources / "one.py").write_text("a = 1\n")
    drop_stale_code(cached, sources)
    code = cached / "one.kernel.nbc"
    code.write_text("compiled")
    drop_stale_code(cached, sources)
    assert code.exists()
    (sources / "one.py").write_text("a = 2\n")
    drop_stale_code(cached, sources)
    assert not code.exists()


def test_workers_find_the_same_optimum_and_split_a_single_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads on the sign classes of each problem, and on the halves of those that are split."""
    from sparseopt.solvers.exact import driver

    splits, heard = [], []
    split, believe = driver._ClassSearch.split, driver.believe
    monkeypatch.setattr(driver, "believe", lambda *a: heard.append(a[4].size) or believe(*a))
    monkeypatch.setattr(driver, "SPLIT_FROM", 0)
    monkeypatch.setattr(driver._ClassSearch, "split", lambda one: splits.append(1) or split(one))
    for problem in (_noise(30, 2, 4), _noise(25, 3, 3), _square(21, 5)):
        one, two = so.solve(problem, "exact"), so.solve(problem, "exact", workers=2)
        assert two.status is so.Status.OPTIMAL
        assert two.objective == pytest.approx(one.objective, abs=1e-6 * _unit(problem))
        assert two.bound <= one.objective + 1e-9 * _unit(problem)
    assert splits
    assert any(heard)
    with pytest.raises(so.InputError, match="workers: 0 is not a number of threads"):
        so.solve(problem, "exact", workers=0)


@pytest.mark.parametrize(("width", "loss"), [(4, "linf"), (2, "l1"), (2, "l2")])
def test_one_worker_gives_the_same_run_however_long_slices_are(
    width: int, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = _noise(30, 2, width)
    problem = so.TrainingProblem(noise.pattern, noise.X, noise.Y, loss)
    runs = []
    for seconds in (0.05, 0.05, 0.0005):
        monkeypatch.setattr(driver, "_SLICE_SECONDS", seconds)
        runs.append(so.solve(problem, "exact"))
    assert len({run.trace[-1].nodes for run in runs}) == 1
    assert runs[0].trace[-1].nodes > 1000
    assert len({run.objective for run in runs}) == 1
