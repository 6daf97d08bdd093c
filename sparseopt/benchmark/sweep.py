"""A sweep: all cells of a suite, in parallel, into an append-only file of JSON lines that survives a kill.

The first line says what every run got; each further line is one run. A line that a kill cut short is dropped, and the
next sweep with the same file does what is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sparseopt.benchmark.known import records
from sparseopt.benchmark.machine import machine
from sparseopt.benchmark.run import Limits, run
from sparseopt.errors import InputError

FORMAT = "sparseopt-bench/1"


class Rows:
    """The file of one sweep.

    Raises
    ------
    InputError
        If the file belongs to another suite or other limits, or cannot be read or written.
    """

    def __init__(self, path: Path, suite: str, limits: Limits) -> None:
        self.path = path
        settings = {"format": FORMAT, "suite": suite, **asdict(limits)}
        try:
            lines = _whole_lines(path)
            if not lines:
                self._append({**settings, "machine": machine()})
                lines = _whole_lines(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; choose another --out") from None
        try:
            self.header, *self.rows = [json.loads(line) for line in lines]
        except ValueError:
            raise InputError(f"{path}: is not a file of JSON lines; choose another --out") from None
        for key, value in settings.items():
            if (there := self.header.get(key) if isinstance(self.header, dict) else None) != value:
                raise InputError(f"{path}: was made with {key} {there}, not {value}; use that or another --out")
        for row in self.rows:
            if row["digest"] != records()[row["instance"]]["digest"]:
                raise InputError(f"{path}: {row['instance']} has changed since; choose another --out")

    @property
    def done(self) -> set[tuple[str, str]]:
        """(instance, peer) of the runs in the file."""
        return {(row["instance"], row["peer"]) for row in self.rows}

    def add(self, row: dict[str, Any]) -> None:
        """Append one run."""
        self._append(row)
        self.rows.append(row)

    def _append(self, document: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(document).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of the file that end; what follows the last line end is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return whole.splitlines()


def sweep(
    cells: Sequence[tuple[str, str]],
    rows: Rows,
    limits: Limits,
    jobs: int,
    scheduler: str | None = None,
    on_row: Callable[[dict[str, Any]], object] = lambda row: None,
) -> None:
    """Run the cells that the file does not hold yet.

    Parameters
    ----------
    cells : sequence of (instance, peer)
    rows : Rows
    limits : Limits
    jobs : int
        Runs at the same time on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers do the runs instead.
    on_row : callable
        Called with each new row.
    """
    from joblib import Parallel, delayed, parallel_config

    todo = [cell for cell in dict.fromkeys(cells) if cell not in rows.done]
    with _cluster(scheduler) as client:
        backend = parallel_config("threading", n_jobs=jobs) if client is None else parallel_config("dask")
        with backend:
            for row in Parallel(return_as="generator_unordered")(delayed(run)(*cell, limits) for cell in todo):
                rows.add(row)
                on_row(row)


def _cluster(scheduler: str | None) -> Any:
    """A client of the Dask scheduler; nothing without an address."""
    if scheduler is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--scheduler: the package distributed is not installed: pip install 'sparseopt[dask]'"
        ) from None
    try:
        return Client(scheduler, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--scheduler: {scheduler} does not answer ({error})") from None
