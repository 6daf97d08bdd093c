"""Malformed problem files: exit code 2 and one line that names the file, the field and what is wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparseopt.cli import main
from sparseopt.files import load_problem

FORMAT = "sparseopt-problem/1"
TABLE = "a,b,c,c,word\n1,2,3,4,5\n2,1/2,4,4,x\n"


def document(**changes: Any) -> dict[str, Any]:
    """A good problem with some entries replaced; `...` removes an entry."""
    good: dict[str, Any] = {
        "format": FORMAT,
        "pattern": {"family": "dense", "sizes": [1, 2, 1]},
        "data": {"X": [["0"], ["1/2"], [1]], "Y": [0, 0.5, "1"]},
        "loss": "linf",
    }
    return {k: v for k, v in {**good, **changes}.items() if v is not ...}


def data(**changes: Any) -> dict[str, Any]:
    """A good problem with changed data."""
    entry = {"X": [["0"], ["1/2"], [1]], "Y": [0, 0.5, "1"], **changes}
    return document(data={k: v for k, v in entry.items() if v is not ...})


def table(**changes: Any) -> dict[str, Any]:
    """A good problem on table.csv with changed data."""
    entry = {"csv": "table.csv", "inputs": ["a"], "targets": ["b"], **changes}
    return document(data={k: v for k, v in entry.items() if v is not ...})


def masks(*layers: Any, **more: Any) -> dict[str, Any]:
    """A problem with the given masks."""
    return document(pattern={"masks": list(layers), **more})


def family(name: Any, **parameters: Any) -> dict[str, Any]:
    """A problem with the given family."""
    return document(pattern={"family": name, **parameters})


def text(replace: str, **changes: Any) -> str:
    """The text of a problem in which one entry, marked "@", is replaced by text that json.dumps would not write."""
    return json.dumps(document(**changes)).replace('"@"', replace)


XY = {"Y": [[1]]}
"""Targets for a single point, whose input is the mark."""

CASES: list[tuple[str, Any, str]] = [
    # the file
    ("empty", "", "is not JSON"),
    ("not JSON", "x^2", "is not JSON: Expecting value at line 1, column 1"),
    ("cut off", json.dumps(document())[:-5], "is not JSON"),
    ("two objects", json.dumps(document()) * 2, "is not JSON: Extra data"),
    ("comment", "// problem\n" + json.dumps(document()), "is not JSON"),
    ("byte order mark", "\ufeff" + json.dumps(document()), "is not JSON"),
    ("UTF-16", json.dumps(document()).encode("utf-16"), "is not UTF-8 text"),
    ("Latin-1", json.dumps(document(name="é"), ensure_ascii=False).encode("latin-1"), "is not UTF-8 text"),
    ("deep nesting", "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    ("nested data", text("[" * 500 + "1" + "]" * 500, data={"X": "@", "Y": [1]}), "data: X[0][0]"),
    ("nested masks", text("[" * 500 + "1" + "]" * 500, pattern={"masks": "@"}), "pattern: masks[0]"),
    ("nested loss", text("[" * 500 + "1" + "]" * 500, loss="@"), "loss"),
    ("array", [document()], "the file: must be a JSON object"),
    ("number", 3, "the file: must be a JSON object"),
    ("null", None, "the file: must be a JSON object"),
    # keys
    ("no format", document(format=...), "the key 'format' is missing"),
    ("no pattern", document(pattern=...), "the key 'pattern' is missing"),
    ("no data", document(data=...), "the key 'data' is missing"),
    ("no loss", document(loss=...), "the key 'loss' is missing"),
    ("unknown key", document(solver="milp"), "unknown key 'solver'; use format, pattern, data, loss, name"),
    ("empty key", document(**{"": 1}), "unknown key ''"),
    ("key of another case", document(Loss="l1", loss=...), "'loss'"),
    ("duplicate key", text('"linf", "loss": "l1"', loss="@"), "the key 'loss' stands twice; keep one"),
    ("duplicate inner key", text('{"X": [[1]], "X": [[2]], "Y": [[1]]}', data="@"), "the key 'X' stands twice"),
    ("wrong format", document(format="sparseopt-problem/9"), f"format: is 'sparseopt-problem/9', expected '{FORMAT}'"),
    ("format a number", document(format=1), "format: is '1', expected"),
    ("name a number", document(name=3), "name: must be text"),
    ("name null", document(name=None), "name: must be text"),
    # loss
    ("unknown loss", document(loss="l3"), "loss: loss 'l3' is not known: use linf, l1, l2"),
    ("loss upper case", document(loss="L1"), "loss: loss 'L1' is not known"),
    ("loss a list", document(loss=["l1"]), "loss: loss"),
    ("loss null", document(loss=None), "loss: loss"),
    # pattern as masks
    ("pattern a list", document(pattern=[[[1]]]), 'pattern: must be an object with "family" or "masks"'),
    ("pattern empty", document(pattern={}), "pattern: the key 'masks' is missing"),
    ("pattern unknown key", masks([[1]], mask=[[1]]), "pattern: unknown key 'mask'; use masks, biases, skip"),
    ("no layers", masks(), "pattern: masks: give at least one layer"),
    ("masks an object", document(pattern={"masks": {"1": [[1]]}}), "pattern: masks: must be a list of matrices"),
    ("mask a number", masks(1), "pattern: masks[0]: expected a list of rows"),
    ("mask a vector", masks([1, 1]), "pattern: masks[0]: expected a list of rows"),
    ("mask of no rows", masks([[1]], []), "pattern: masks[1]: expected a list of rows of 0 and 1, not empty"),
    ("mask of empty rows", masks([[]]), "pattern: masks[0]: expected a list of rows of 0 and 1, not empty"),
    ("ragged mask", masks([[1, 0], [1]], [[1, 1]]), "pattern: masks[0]: rows have different lengths"),
    ("masks that do not fit", masks([[1], [1]], [[1, 1, 1]]), "masks[1]: has 3 columns but masks[0] has 2 rows"),
    ("mask with a 2", masks([[2]]), "pattern: masks[0]: masks hold only 0 and 1"),
    ("mask with a half", masks([[0.5]]), "pattern: masks[0]: masks hold only 0 and 1"),
    ("mask with text", masks([["1"]]), "pattern: masks[0]: masks hold only 0 and 1"),
    ("mask with null", masks([[None]]), "pattern: masks[0]: masks hold only 0 and 1"),
    ("too few biases", masks([[1]], [[1]], biases=[[1]]), "pattern: biases: give one list for each of the 2 layers"),
    ("bias mask too long", masks([[1]], biases=[[1, 1]]), "biases[0]: has 2 entries but masks[0] has 1 rows"),
    ("biases a number", masks([[1]], biases=1), "pattern: biases: must be a list or null"),
    ("bias mask with a 3", masks([[1]], biases=[[3]]), "pattern: biases[0]: masks hold only 0 and 1"),
    ("skip of a wrong shape", masks([[1]], skip=[[1, 1]]), "skip: has shape (1, 2), expected (1, 1)"),
    ("skip empty", masks([[1]], skip=[]), "pattern: skip: expected a list of rows"),
    ("skip false", masks([[1]], skip=False), "pattern: skip: must be a list or null"),
    # pattern as a family
    ("unknown family", family("dens", sizes=[1, 1]), "pattern: unknown family 'dens'; use one of dense, lu"),
    ("family a number", family(3), "pattern: family: must be text"),
    ("family null", family(None), "pattern: family: must be text"),
    ("family and masks", family("dense", sizes=[1, 1], masks=[[[1]]]), "unknown parameter 'masks'; use sizes"),
    ("unknown parameter", family("lu", n=1, m=1), "family 'lu': unknown parameter 'm'; use n"),
    ("missing parameter", family("dense"), "family 'dense': parameter 'sizes' is missing"),
    ("size zero", family("dense", sizes=[1, 0, 1]), "sizes: 0 is not a whole number of at least 1"),
    ("size negative", family("dense", sizes=[1, -2, 1]), "sizes: -2 is not a whole number of at least 1"),
    ("size fractional", family("dense", sizes=[1, 2.5, 1]), "sizes must be a list of whole numbers"),
    ("size as text", family("dense", sizes=[1, "2", 1]), "sizes must be a list of whole numbers"),
    ("size true", family("dense", sizes=[1, True, 1]), "sizes must be a list of whole numbers"),
    ("sizes a number", family("dense", sizes=3), "sizes must be a list of whole numbers"),
    ("sizes an object", family("dense", sizes={"1": 1}), "sizes must be a list of whole numbers"),
    ("one size", family("dense", sizes=[1]), "sizes: give at least the numbers of inputs and outputs"),
    ("size huge", family("dense", sizes=[1, 10**9, 1]), "sizes: masks with 2000000000 entries are too large"),
    ("size astronomic", family("dense", sizes=[1, 10**200, 1]), "are too large"),
    ("n true", family("lu", n=True), "family 'lu': n must be a whole number"),
    ("n zero", family("lu", n=0), "n: 0 is not a whole number of at least 1"),
    ("not a power of two", family("butterfly", n=6), "butterfly: n = 6 is not a power of two"),
    ("blocks zero", family("block_diagonal", sizes=[2, 2], blocks=0), "blocks: 0 is not a whole number"),
    ("density text", family("random", sizes=[1, 1], density="1"), "family 'random': density must be a number"),
    ("density over 1", family("random", sizes=[1, 1], density=1.5), "density = 1.5 is not between 0 and 1"),
    ("seed negative", family("random", sizes=[1, 1], density=1, seed=-1), "seed: -1 is not a whole number"),
    ("family with bad biases", family("dense", sizes=[1, 1], biases=[[1, 1]]), "biases[0]: has 2 entries"),
    # numbers
    ("NaN", text("NaN", data={"X": [["@"]], **XY}), "NaN is not a finite number"),
    ("Infinity", text("Infinity", data={"X": [["@"]], **XY}), "Infinity is not a finite number"),
    ("-Infinity", text("-Infinity", data={"X": [["@"]], **XY}), "-Infinity is not a finite number"),
    ("JSON 1e999999999", text("1e999999999", data={"X": [["@"]], **XY}), "'1e999999999'"),
    ("JSON 1e400", text("1e400", data={"X": [["@"]], **XY}), "the number '1e400' does not fit a float"),
    ("JSON integer of 309 digits", text("2" * 310, data={"X": [["@"]], **XY}), "does not fit a float: rescale"),
    ("JSON integer of 9999 digits", text("1" * 9999, data={"X": [["@"]], **XY}), "has 9999 characters"),
    ("text 1e999999999", data(X=[["1e999999999"], [0], [1]]), "data: X[0][0]: '1e999999999'"),
    ("text 1e-400", data(Y=[0, "1e-400", 0]), "data: Y[1][0]: the number '1e-400' does not fit a float"),
    ("text of 9999 digits", data(X=[["1" * 9999], [0], [1]]), "data: X[0][0]: the number '1111"),
    ("text nan", data(X=[["nan"], [0], [1]]), "data: X[0][0]: 'nan' is not a number"),
    ("division by zero", data(Y=[0, "1/0", 0]), "data: Y[1][0]: the number '1/0' divides by zero"),
    ("comma for a point", data(X=[["0,5"], [0], [1]]), "data: X[0][0]: '0,5' is not a number: write a decimal"),
    ("empty text", data(X=[[""], [0], [1]]), "data: X[0][0]: '' is not a number"),
    ("true", data(X=[[True], [0], [1]]), "data: X[0][0]: true is not a number"),
    ("null entry", data(Y=[0, None, 1]), "data: Y[1][0]: null is not a number"),
    ("object entry", data(X=[[{"x": 1}], [0], [1]]), "data: X[0][0]"),
    # data in the file
    ("data a list", document(data=[[0], [1]]), 'data: must be an object with "csv" or with "X" and "Y"'),
    ("data null", document(data=None), "data: must be an object"),
    ("no X", data(X=...), "data: the key 'X' is missing"),
    ("no Y", data(Y=...), "data: the key 'Y' is missing"),
    ("unknown key in data", data(Z=[1]), "data: unknown key 'Z'; use X, Y, weights"),
    ("X empty", data(X=[], Y=[]), "data: X: must be a list of rows, not empty"),
    ("rows empty", data(X=[[], [], []]), "data: X: has shape (3, 0), expected (points, 1)"),
    ("X a number", data(X=1), "data: X: must be a list of rows"),
    ("X ragged", data(X=[[0], [1, 2], [1]]), "data: X[1]: has 2 entries, the rows before have 1"),
    ("Y ragged", data(Y=[[0], [1], [1, 2]]), "data: Y[2]: has 2 entries, the rows before have 1"),
    ("too few targets", data(Y=[0, 1]), "data: Y: has shape (2, 1), expected (3, 1)"),
    ("targets of two outputs", data(Y=[[0, 0], [1, 1], [2, 2]]), "data: Y: has shape (3, 2), expected (3, 1)"),
    ("other number of inputs", family("dense", sizes=[2, 1]), "data: X: has shape (3, 1), expected (points, 2)"),
    ("other number of outputs", family("dense", sizes=[1, 2]), "data: Y: has shape (3, 1), expected (3, 2)"),
    ("weight zero", data(weights=[1, 0, 1]), "data: weights[1]: is not positive"),
    ("weight negative", data(weights=[1, 1, "-1/2"]), "data: weights[2]: is not positive"),
    ("weight true", data(weights=[1, True, 1]), "data: weights[1]: true is not a number"),
    ("weights too few", data(weights=[1]), "data: weights: has shape (1,), expected (3,)"),
    ("weights a number", data(weights=2), "data: weights: must be a list of numbers"),
    ("too many input names", data(inputs=["x", "z"]), "data: inputs: has 2 names, expected 1"),
    ("names not text", data(targets=[1]), "data: targets: must be a list of column names"),
    # data in a table
    ("csv a number", table(csv=3), "data: csv: must be a file name"),
    ("csv missing", table(csv="no.csv"), "no.csv cannot be read (No such file or directory)"),
    ("csv is the folder", table(csv="."), "data: csv:"),
    ("csv name empty", table(csv=""), "data: csv:"),
    ("csv name with NUL", table(csv="a\0b.csv"), "data: csv:"),
    ("csv name half a surrogate pair", table(csv="\ud800.csv"), "data: csv:"),
    ("csv and X", table(X=[[1]]), "data: unknown key 'X'; use csv, inputs, targets, weights"),
    ("no inputs", table(inputs=...), "data: the key 'inputs' is missing"),
    ("inputs empty", table(inputs=[]), "data: inputs: must be a list of column names, not empty"),
    ("inputs text", table(inputs="a"), "data: inputs: must be a list of column names"),
    ("targets with a number", table(targets=[1]), "data: targets: must be a list of column names"),
    ("column missing", table(inputs=["speed"]), "has no column 'speed'; it has a, b, c, c, word"),
    ("column twice in the table", table(inputs=["c"]), "has more than one column 'c'"),
    ("column named twice", table(targets=["a"]), "data: column 'a' is used twice"),
    ("weights column missing", table(weights="w"), "has no column 'w'"),
    ("weights a list", table(weights=[1, 1]), "data: weights: must be a column name"),
    ("text in a column", table(inputs=["word"]), "table.csv, row 3: 'x' is not a number"),
    ("two columns for one input", table(inputs=["a", "word2"]), "'word2'"),
    ("pattern wants other inputs", table(inputs=["a", "b"], targets=["c2"]), "'c2'"),
    ("too few fields", table(csv="short.csv"), "short.csv, row 3: has 1 fields, the header has 2"),
    ("too many fields", table(csv="long.csv"), "long.csv, row 2: has 3 fields, the header has 2"),
    ("empty field", table(csv="gap.csv"), "gap.csv, row 2: '' is not a number"),
    ("header only", table(csv="header.csv"), "header.csv has no rows below its header"),
    ("empty table", table(csv="empty.csv"), "empty.csv has no rows below its header"),
    ("table not UTF-8", table(csv="latin.csv"), "latin.csv is not a text table"),
    ("NA in the table", table(csv="na.csv"), "na.csv, row 3: 'NA' is not a number"),
    ("weight zero in the table", table(csv="weights.csv", weights="w"), "data: weights[1]: is not positive"),
    ("pattern wants one input of two", table(csv="weights.csv", inputs=["a", "w"]), "data: inputs"),
    ("pattern wants one output of two", table(csv="weights.csv", targets=["b", "w"]), "data: targets"),
]

TABLES = {
    "table.csv": TABLE.encode(),
    "short.csv": b"a,b\n1,2\n3\n",
    "long.csv": b"a,b\n1,2,3\n",
    "gap.csv": b"a,b\n1,\n",
    "header.csv": b"a,b\n",
    "empty.csv": b"",
    "latin.csv": "a,b\n1,2\né,3\n".encode("latin-1"),
    "na.csv": b"a,b\n1,2\n3,NA\n",
    "weights.csv": b"a,b,w\n1,2,3\n4,5,0\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tables."""
    for name, content in TABLES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def write(folder: Path, content: Any) -> Path:
    """Write bytes or text as they are, and anything else as JSON."""
    path = folder / "problem.json"
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else json.dumps(content)).encode()
    path.write_bytes(content)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sparseopt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return call


def assert_one_line(code: int, out: str, err: str, *needed: str) -> None:
    """Exit code 2, nothing on stdout and one line on stderr that holds the needed words."""
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert "Traceback" not in err
    for word in needed:
        assert word in err


def test_there_are_many_cases() -> None:
    names = [name for name, _, _ in CASES]
    print(f"{len(names)} malformed problem files")
    assert len(names) >= 40
    assert len(set(names)) == len(names)


def test_the_good_documents_are_good(folder: Path) -> None:
    """Otherwise every case would fail for another reason than its own."""
    good = [
        document(name="p"),
        data(weights=[1, "2", 0.5], inputs=["x"], targets=["y"]),
        table(),
        table(csv="weights.csv", targets=["w"], weights="b"),
        masks([[1], [0]], [[1, 1]], biases=[None, [0]], skip=[[1]]),
        masks([[1]], biases=None, skip=None),
        family("dense", sizes=[1, 1], biases=[[0]], skip=[[1]]),
        json.loads(text("[[0], [1], [2]]", data={"X": "@", "Y": [1, 2, 3]})),
    ]
    for one in good:
        assert load_problem(write(folder, one)).n_points in (2, 3)


@pytest.mark.parametrize(("content", "needed"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_malformed(
    content: Any, needed: str, folder: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(folder, content)
    assert_one_line(*run("solve", str(path), "--json"), str(path), needed)


@pytest.mark.parametrize("command", [["solve"], ["certify"], ["export"]])
def test_every_command_checks_the_file(
    command: list[str], folder: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    path = write(folder, document(loss="l3"))
    out = [str(folder / "out.mps")] if command == ["export"] else []
    assert_one_line(*run(*command, str(path), *out), str(path), "loss")
    assert not (folder / "out.mps").exists()


@pytest.mark.parametrize(
    ("name", "needed"),
    [("missing.json", "cannot be read (No such file or directory)"), (".", "cannot be read (Is a directory)")],
)
def test_no_such_file(name: str, needed: str, folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    path = folder / name
    assert_one_line(*run("solve", str(path)), str(path), needed)
    assert_one_line(*run("certify", str(path)), str(path), needed)


def test_a_nested_document_of_any_depth(folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """Depths around the recursion limit: what the reader takes, the messages take too."""
    compared = 0
    for depth in [*range(800, 1001, 8), *range(940, 1000, 3)]:
        for content in (
            text("[" * depth + "]" * depth, loss="@"),
            text("[" * depth + "]" * depth, format="@"),
            text("[" * depth + "]" * depth, data={"X": "@", "Y": [1]}),
            text("[" * depth + "]" * depth, pattern={"family": "dense", "sizes": "@"}),
        ):
            path = write(folder, content)
            assert_one_line(*run("solve", str(path)), str(path))
            compared += 1
    print(f"tried {compared} documents")
    assert compared > 100


@pytest.mark.parametrize("name", ["empty", "NaN", "wrong format", "text in a column", "nested data"])
def test_in_a_real_process(name: str, folder: Path) -> None:
    content, needed = next(c[1:] for c in CASES if c[0] == name)
    path = write(folder, content)
    done = subprocess.run(
        [sys.executable, "-c", "from sparseopt.cli import main; main()", "solve", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert_one_line(done.returncode, done.stdout, done.stderr, str(path), needed)


def test_a_table_with_a_byte_order_mark(folder: Path) -> None:
    """Spreadsheets write one before the first column's name."""
    (folder / "bom.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n")
    assert load_problem(write(folder, table(csv="bom.csv"))).X.tolist() == [[1], [3]]


def test_table_details(folder: Path) -> None:
    """Spaces round names, blank lines, quotes and CRLF are read; an absolute path is taken as it is."""
    (folder / "odd.csv").write_bytes(b' a , "b"\r\n\r\n"1/3", 2e1 \r\n')
    (folder / "odd.csv").write_bytes(b' a ,"b"\r\n\r\n"1/3", 2e1 \r\n')
    problem = load_problem(write(folder, table(csv=str(folder / "odd.csv"))))
    assert [str(v) for v in (*problem.X_exact.flat, *problem.Y_exact.flat)] == ["1/3", "20"]
    assert (problem.input_names, problem.target_names) == (("a",), ("b",))


def test_row_numbers_count_lines_of_the_file(folder: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """The row in a message is the one that an editor shows, blank lines counted."""
    (folder / "blank.csv").write_text("a,b\n\n1,2\n\nx,4\n")
    path = write(folder, table(csv="blank.csv"))
    _, _, err = run("solve", str(path))
    assert re.search(r"row 5: 'x' is not a number", err)
