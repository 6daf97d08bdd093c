"""Importing sparseopt: quick, light, and possible from any module first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import sparseopt

ROOT = Path(__file__).parent.parent
HEAVY = [
    "cvxpy",
    "pyomo",
    "scipy",
    "highspy",
    "matplotlib",
    "z3",
    "flint",
    "clarabel",
    "numba",
    "typer",
    "rich",
    "joblib",
]


def run_python(code: str) -> str:
    """Standard output of a fresh Python process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout


def submodules() -> list[str]:
    """Every module of the installed package, from the source tree."""
    out = []
    for folder, package in (
        ("sparseopt", "sparseopt"),
        ("models", "sparseopt.models"),
        ("solvers", "sparseopt.solvers"),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if parts[-1] != "__main__":
                out.append(".".join([package, *(p for p in parts if p != "__init__")]))
    return out


def test_importing_is_quick_and_light() -> None:
    code = (
        "import time, sys, json; t = time.perf_counter(); import sparseopt; s = time.perf_counter() - t; "
        f"print(json.dumps([s, [m for m in {HEAVY} if m in sys.modules]]))"
    )
    runs = [json.loads(run_python(code)) for _ in range(3)]
    seconds = min(run[0] for run in runs)
    print(f"import sparseopt: {seconds:.3f} s")
    assert seconds < 0.5
    assert [run[1] for run in runs] == [[], [], []]


def test_stating_a_problem_loads_no_solver() -> None:
    """Patterns, networks and files need none of the heavy libraries."""
    code = (
        "import sys, sparseopt as so; p = so.families.dense([1, 2, 1]); "
        "so.TrainingProblem(p, [['1/3']], ['2']); so.load_problem; so.Network; "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_every_public_name_can_be_imported() -> None:
    names = sparseopt.__all__
    assert len(names) >= 17
    assert sorted(set(names)) == sorted(names)
    code = f"from sparseopt import {', '.join(names)}; import sparseopt; print(len(sparseopt.__all__))"
    assert int(run_python(code)) == len(names)
    star = run_python("from sparseopt import *; print(sorted(n for n in dir() if n[0] != '_'))")
    assert json.loads(star.replace("'", '"')) == sorted(names)


def test_the_contract_names_are_public() -> None:
    promised = [
        "SparsityPattern",
        "families",
        "TrainingProblem",
        "load_problem",
        "certify",
        "Verdict",
        "Scope",
        "solve",
        "Status",
        "Network",
        "linear_counterpart",
    ]
    assert [name for name in promised if name not in sparseopt.__all__] == []


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(sparseopt, "no_such_name")


def test_any_module_can_be_imported_first() -> None:
    """One forked child per module: numpy is loaded once, every module of sparseopt anew."""
    modules = submodules()
    code = f"""
import os, sys, traceback, numpy
failed = []
for module in {modules}:
    child = os.fork()
    if child == 0:
        try:
            assert not any(m.split(".")[0] == "sparseopt" for m in sys.modules)
            __import__(module)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(module)
print("failed", failed)
"""
    out = run_python(code)
    print(f"imported each of {len(modules)} modules first")
    assert len(modules) > 30
    assert out.strip().splitlines()[-1] == "failed []", out
