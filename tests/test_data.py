"""The data files: every problem loads, and data/README.md tells the truth about them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import sparseopt as so

DATA = Path(__file__).parent.parent / "data"
README = (DATA / "README.md").read_text(encoding="utf-8")
PROBLEMS = sorted(p for p in DATA.glob("*.json") if p.stem != "atlas")
TABLES = sorted(DATA.glob("*.csv"))


def table_rows() -> dict[str, int]:
    """CSV file names and their numbers of rows, as the README's table gives them."""
    return {name: int(rows) for name, rows in re.findall(r"^\| `([^`]+\.csv)` \| (\d+) \|", README, re.MULTILINE)}


def test_there_are_data() -> None:
    print(f"{len(PROBLEMS)} problem files, {len(TABLES)} tables")
    assert len(PROBLEMS) >= 20
    assert len(TABLES) >= 10


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda p: p.stem)
def test_every_problem_loads(path: Path, tmp_path: Path) -> None:
    problem = so.load_problem(path)
    assert problem.n_points > 0
    assert problem.name
    assert problem.X.shape == (problem.n_points, problem.pattern.n_inputs)
    problem.save(tmp_path / "again.json")
    again = so.load_problem(tmp_path / "again.json")
    assert again.pattern == problem.pattern
    assert again.X_exact.tolist() == problem.X_exact.tolist()
    assert again.Y_exact.tolist() == problem.Y_exact.tolist()


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.stem)
def test_row_counts_are_as_the_readme_says(path: Path) -> None:
    with path.open(newline="", encoding="ascii") as file:
        header, *rows = csv.reader(file)
    assert len(rows) == table_rows()[path.name]
    assert all(len(row) == len(header) for row in rows)
    line = next(line for line in README.splitlines() if line.startswith(f"| `{path.name}`"))
    for column in header:
        assert f"`{column}`" in line


def test_problems_use_every_row_of_their_table() -> None:
    compared = 0
    for path in PROBLEMS:
        table = re.search(r'"csv": "([^"]+)"', path.read_text(encoding="utf-8"))
        if table:
            assert so.load_problem(path).n_points == table_rows()[table[1]]
            compared += 1
    print(f"compared {compared} problems with their tables")
    assert compared >= 10


def test_the_readme_names_every_file() -> None:
    assert set(table_rows()) == {p.name for p in TABLES}
    section = README.split("## Problem files")[1]
    if section.strip() == "(table)":
        pytest.skip("the table of problem files is not written yet")
    named = set(re.findall(r"`([^`\s]+\.json)`", section))
    assert named == {p.name for p in PROBLEMS} | {"atlas.json"}
