"""Problem files (``sparseopt-problem/1``): read with every check in one place, written whole or not at all.

Form::

    {"format": "sparseopt-problem/1",
     "name": "optional title",
     "pattern": {"family": "dense", "sizes": [1, 3, 1]}      or {"masks": [...], "biases": [...], "skip": [...]}
     "data": {"csv": "file.csv", "inputs": ["x"], "targets": ["y"]}   or {"X": [["0.1"]], "Y": [["3/7"]]}
     "loss": "linf"}

Both kinds of data take optional sample weights (a column's name, or a list); "X", "Y" take optional names "inputs" and
"targets". Numbers are JSON numbers, decimal text
or "p/q"; each means the exact rational that it spells. Paths are relative to the file.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any

from sparseopt import families
from sparseopt.errors import InputError
from sparseopt.losses import Loss
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import parse_rational, rational_text

FORMAT = "sparseopt-problem/1"
MAX_BYTES = 256 * 2**20


def load_problem(path: str | PathLike[str]) -> TrainingProblem:
    """Read a problem file.

    Raises
    ------
    InputError
        One line that names the file, the field and the remedy.
    """
    path = Path(path)
    document = read_json(path)
    try:
        return _problem(document, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None


def save_problem(problem: TrainingProblem, path: str | PathLike[str]) -> None:
    """Write a problem with its masks and exact numbers; reading it back gives an equal problem."""
    write_text(path, json.dumps(problem_document(problem), indent=1) + "\n")


def problem_document(problem: TrainingProblem) -> dict[str, Any]:
    """The content of a problem file, with masks and exact numbers."""

    def rows(array: Any) -> list[list[str]]:
        return [[rational_text(v) for v in row] for row in array]

    document: dict[str, Any] = {"format": FORMAT}
    if problem.name:
        document["name"] = problem.name
    document["pattern"] = pattern_document(problem.pattern)
    document["data"] = {
        "inputs": list(problem.input_names),
        "targets": list(problem.target_names),
        "X": rows(problem.X_exact),
        "Y": rows(problem.Y_exact),
    }
    if problem.is_weighted:
        document["data"]["weights"] = [rational_text(w) for w in problem.weights_exact]
    document["loss"] = problem.loss.value
    return document


def pattern_document(pattern: SparsityPattern) -> dict[str, Any]:
    """The ``pattern`` entry of a problem file, as masks."""
    document: dict[str, Any] = {
        "masks": [m.astype(int).tolist() for m in pattern.masks],
        "biases": [b.astype(int).tolist() for b in pattern.biases],
    }
    if pattern.skip is not None:
        document["skip"] = pattern.skip.astype(int).tolist()
    return document


def write_text(path: str | PathLike[str], text: str) -> None:
    """Write a file whole or not at all (a temporary file beside it is renamed into place)."""
    write_file(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def write_file(path: str | PathLike[str], write: Callable[[str], object]) -> None:
    """Let `write` fill a temporary file with the same suffix in the same folder, then rename it to `path`."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a folder that exists") from None
    os.close(handle)
    try:
        write(temporary)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); choose a file name") from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read strict JSON: no duplicate keys, no NaN; numbers become exact rationals or integers."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is larger than {MAX_BYTES // 2**20} MiB; keep the data in a CSV file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    try:
        return json.loads(
            text,
            parse_float=parse_rational,
            parse_int=_json_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_unique_keys,
        )
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _json_integer(text: str) -> int:
    return parse_rational(text).numerator


def _no_constant(name: str) -> Any:
    raise InputError(f"{name} is not a finite number; remove the point or give a number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise InputError(f"the key {key!r} stands twice; keep one")
        out[key] = value
    return out


def _problem(document: Any, folder: Path) -> TrainingProblem:
    _keys(document, "the file", required=("format", "pattern", "data", "loss"), optional=("name",))
    if document["format"] != FORMAT:
        raise InputError(f"format: is {str(document['format'])[:40]!r}, expected {FORMAT!r}")
    name = document.get("name", "")
    if not isinstance(name, str):
        raise InputError("name: must be text")
    try:
        loss = Loss.parse(document["loss"])
    except InputError as error:
        raise InputError(f"loss: {error}") from None
    pattern = _pattern(document["pattern"])
    X, Y, weights = _data(document["data"], folder)
    inputs, targets = (document["data"].get(key) for key in ("inputs", "targets"))
    for key, names, count in (("inputs", inputs, pattern.n_inputs), ("targets", targets, pattern.n_outputs)):
        if names is not None and len(names) != count:
            raise InputError(f"data: {key}: has {len(names)} names, expected {count} for this pattern")
    try:
        return TrainingProblem(pattern, X, Y, loss, weights, name, inputs, targets)
    except InputError as error:
        raise InputError(f"data: {error}") from None


def _pattern(entry: Any) -> SparsityPattern:
    if not isinstance(entry, dict):
        raise InputError('pattern: must be an object with "family" or "masks"')
    try:
        if "family" in entry:
            parameters = {k: v for k, v in entry.items() if k not in ("family", "biases", "skip")}
            if not isinstance(entry["family"], str):
                raise InputError("family: must be text")
            if isinstance(density := parameters.get("density"), Fraction):
                parameters["density"] = float(density)
            base = families.build(entry["family"], parameters)
            if entry.get("biases") is None and entry.get("skip") is None:
                return base
            return SparsityPattern(base.masks, _list_or_none(entry, "biases"), _list_or_none(entry, "skip"))
        _keys(entry, "pattern", required=("masks",), optional=("biases", "skip"))
        if not isinstance(entry["masks"], list):
            raise InputError("masks: must be a list of matrices")
        return SparsityPattern(entry["masks"], _list_or_none(entry, "biases"), _list_or_none(entry, "skip"))
    except InputError as error:
        raise InputError(f"pattern: {error}") from None


def _list_or_none(entry: Mapping[str, Any], key: str) -> list[Any] | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, list):
        raise InputError(f"{key}: must be a list or null")
    return value


def _data(entry: Any, folder: Path) -> tuple[Any, Any, Any]:
    if not isinstance(entry, dict):
        raise InputError('data: must be an object with "csv" or with "X" and "Y"')
    if "csv" in entry:
        _keys(entry, "data", required=("csv", "inputs", "targets"), optional=("weights",))
        return _csv_data(entry, folder)
    _keys(entry, "data", required=("X", "Y"), optional=("weights", "inputs", "targets"))
    for key in ("inputs", "targets"):
        _column_names(entry.get(key, [""]), key)
    X, Y = (_matrix(entry[key], f"data: {key}") for key in ("X", "Y"))
    weights = entry.get("weights")
    if weights is not None:
        weights = _row(weights, "data: weights")
    return X, Y, weights


def _matrix(value: Any, where: str) -> list[list[Fraction]]:
    """A list of equally long rows of numbers (a plain list of numbers is read as one column)."""
    if not isinstance(value, list) or not value:
        raise InputError(f"{where}: must be a list of rows, not empty")
    rows = [_row(r if isinstance(r, list) else [r], f"{where}[{i}]") for i, r in enumerate(value)]
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InputError(f"{where}[{i}]: has {len(row)} entries, the rows before have {len(rows[0])}")
    return rows


def _row(value: Any, where: str) -> list[Fraction]:
    if not isinstance(value, list):
        raise InputError(f"{where}: must be a list of numbers")
    out = []
    for i, entry in enumerate(value):
        if isinstance(entry, bool) or not isinstance(entry, (int, Fraction, str)):
            raise InputError(f"{where}[{i}]: {json.dumps(entry, default=str)[:40]} is not a number")
        try:
            out.append(parse_rational(entry) if isinstance(entry, str) else Fraction(entry))
        except InputError as error:
            raise InputError(f"{where}[{i}]: {error}") from None
    return out


def _csv_data(entry: Mapping[str, Any], folder: Path) -> tuple[Any, Any, Any]:
    if not isinstance(entry["csv"], str):
        raise InputError("data: csv: must be a file name")
    for key in ("inputs", "targets"):
        _column_names(entry[key], key)
    weight = entry.get("weights")
    if weight is not None and not isinstance(weight, str):
        raise InputError("data: weights: must be a column name")
    wanted = [*entry["inputs"], *entry["targets"], *([weight] if weight else [])]
    for column in wanted:
        if wanted.count(column) > 1:
            raise InputError(f"data: column {column!r} is used twice; name every column once")
    table = _read_csv(folder / entry["csv"], wanted)
    d, q = len(entry["inputs"]), len(entry["targets"])
    return [r[:d] for r in table], [r[d : d + q] for r in table], [r[-1] for r in table] if weight else None


def _column_names(value: Any, key: str) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(c, str) for c in value):
        raise InputError(f"data: {key}: must be a list of column names, not empty")


def _read_csv(path: Path, wanted: list[str]) -> list[list[Fraction]]:
    """Read the wanted columns of a CSV file with a header line, as exact rationals."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, line) for line in reader if line]
    except OSError as error:
        raise InputError(f"data: csv: {path} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"data: csv: {path} is not a text table ({error})") from None
    except ValueError as error:
        raise InputError(f"data: csv: {str(path)!r} is not a file name ({error})") from None
    if len(lines) < 2:
        raise InputError(f"data: csv: {path} has no rows below its header")
    header = [name.strip() for name in lines[0][1]]
    for name in wanted:
        if header.count(name) != 1:
            what = "has no" if name not in header else "has more than one"
            raise InputError(f"data: csv: {path} {what} column {name!r}; it has {', '.join(header)[:80]}")
    places = [header.index(name) for name in wanted]
    table = []
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise InputError(f"data: csv: {path}, row {number}: has {len(line)} fields, the header has {len(header)}")
        try:
            table.append([parse_rational(line[p]) for p in places])
        except InputError as error:
            raise InputError(f"data: csv: {path}, row {number}: {error}") from None
    return table


def _keys(entry: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be a JSON object")
    for key in required:
        if key not in entry:
            raise InputError(f"{where}: the key {key!r} is missing")
    for key in entry:
        if key not in (*required, *optional):
            raise InputError(f"{where}: unknown key {key[:40]!r}; use {', '.join((*required, *optional))}")
