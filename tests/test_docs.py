"""Examples in docstrings and documents run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import sparseopt

ROOT = Path(__file__).parent.parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_docstrings() -> None:
    tried = 0
    for found in pkgutil.walk_packages(sparseopt.__path__, "sparseopt."):
        module = importlib.import_module(found.name)
        result = doctest.testmod(module, optionflags=OPTIONS)
        assert result.failed == 0, found.name
        tried += result.attempted
    print(f"{tried} examples in docstrings")
    assert tried >= 18


def test_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    tried = 0
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = "\n".join(re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL))
        test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
        runner = doctest.DocTestRunner(optionflags=OPTIONS)
        runner.run(test)
        assert runner.failures == 0, path.name
        tried += runner.tries
    print(f"{tried} examples in documents")
    assert tried >= 5


def test_links_between_documents_lead_somewhere() -> None:
    checked = 0
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
            checked += 1
    assert checked > 0


def test_the_readme_shows_what_the_program_prints() -> None:
    """Commands in ```text blocks that start with `$ sparseopt` print the lines that follow (times left out)."""
    import shlex
    import subprocess
    import sys

    shown = 0
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"```text\n\$ (sparseopt [^\n]*)\n(.*?)```", text, re.DOTALL):
        command, expected = block
        code = f"import sys; sys.argv = {shlex.split(command)!r}; from sparseopt.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
        got = _comparable(done.stdout)
        for line in filter(None, (part.strip() for part in _comparable(expected).splitlines())):
            if line != "…":
                assert line in got, f"{command}: {line}"
        shown += 1
    print(f"{shown} commands of the README compared")
    assert shown >= 2


def _comparable(text: str) -> str:
    text = re.sub(r"\d+\.\d+ s, \d+ nodes", "TIME", text)
    text = re.sub(r"^network .*?(?=^\S|\Z)", "", text, flags=re.DOTALL | re.MULTILINE)  # optima need not be unique
    return re.sub(r"gap +[-+.e\d]+ %", "gap", text)
