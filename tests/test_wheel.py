"""The wheel installs into an empty environment and runs from another directory."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_wheel_in_an_empty_environment(tmp_path: Path) -> None:
    source = tmp_path / "source"
    _run("git", "clone", "-q", ROOT, source, cwd=tmp_path)
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info/" not in n} == {"sparseopt"}
    needed = ["py.typed", "models/milp.py", "solvers/solve.py", "benchmark/page.html", "data/benchmark.jsonl"]
    assert {f"sparseopt/{name}" for name in needed} <= set(names)
    _run(sys.executable, "-m", "venv", tmp_path / "empty", cwd=tmp_path)
    _run(tmp_path / "empty/bin/pip", "install", "-q", wheel, cwd=tmp_path)
    program = tmp_path / "empty/bin/sparseopt"
    assert "certify" in _run(program, "--help", cwd=tmp_path)
    assert "NOT_ATTAINED" in _run(program, "certify", "lu:2", cwd=tmp_path)
    assert "OPTIMAL" in _run(program, "solve", ROOT / "data/square-11-k2.json", cwd=tmp_path)
