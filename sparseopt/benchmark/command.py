"""``sparseopt bench``: run what is missing of a suite, then report on everything that is there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from sparseopt.benchmark.cores import usable_cores
from sparseopt.benchmark.figures import draw_figures
from sparseopt.benchmark.page import write_page
from sparseopt.benchmark.peers.registry import PEERS, peer_named
from sparseopt.benchmark.report import Report
from sparseopt.benchmark.run import Limits
from sparseopt.benchmark.suites import INSTANCES, Suite
from sparseopt.benchmark.sweep import Rows, sweep
from sparseopt.errors import InputError

ROWS, PAGE = "rows.jsonl", "report.html"


def run_suite(
    suite: Suite,
    out: Path,
    limits: Limits,
    peers: Sequence[str] | None = None,
    instances: str = "*",
    jobs: int | None = None,
    scheduler: str | None = None,
) -> tuple[Report, bool]:
    """Run the chosen cells that `out`/rows.jsonl lacks, and write report.html and the figures beside it.

    `jobs` runs go on at the same time; by default one core is left to the watching process. Returns the report on all
    rows, and whether all that was chosen is done: Ctrl-C ends the sweep and reports on what is there.

    Raises
    ------
    InputError
        If nothing is chosen, a peer that was asked for cannot be used, or `out` belongs to another sweep.
    """
    jobs = max(1, len(usable_cores()) - 1) if jobs is None else jobs
    if jobs < 1:
        raise InputError(f"--jobs: {jobs} is not a positive number")
    cells = chosen_cells(suite, peers, instances)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made ({error.strerror}); choose another --out") from None
    rows = Rows(out / ROWS, suite.name, limits)
    with suppress(KeyboardInterrupt), _progress(len(set(cells) - rows.done)) as on_row:
        sweep(cells, rows, limits, jobs, scheduler, on_row)
    report = Report(suite, rows.header, rows.rows)
    write_page(report, draw_figures(report, out), out / PAGE)
    return report, rows.done >= set(cells)


def chosen_cells(suite: Suite, peers: Sequence[str] | None, instances: str) -> list[tuple[str, str]]:
    """The cells of the suite with these peers (all that are installed, if None) and instances that match."""
    for name in peers or ():
        if (reason := peer_named(name).missing()) is not None:
            raise InputError(f"peer {name}: {reason}")
    if peers is None:
        absent = {name: reason for name, p in PEERS.items() if (reason := p.missing()) is not None}
        for name in dict.fromkeys(peer for _, peer in suite.cells if peer in absent):
            print(f"sparseopt: peer {name} is left out: {absent[name]}", file=sys.stderr)
        peers = [name for name in PEERS if name not in absent]
    cells = [(i, p) for i, p in suite.cells if p in peers and fnmatch(i, instances)]
    if not cells:
        raise InputError(f"suite {suite.name}: nothing matches --instances {instances!r} and --peers {','.join(peers)}")
    return cells


def write_problems(suite: Suite, folder: Path) -> int:
    """Write every instance of the suite as a problem file, for ``solve`` and ``export``; how many there are."""
    names = list(dict.fromkeys(instance for instance, _ in suite.cells))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None
    for name in names:
        INSTANCES[name].problem().save(folder / f"{name}.json")
    return len(names)


def report_document(report: Report) -> dict[str, Any]:
    """JSON form of a report."""
    return {
        "suite": report.suite.name,
        "settings": report.header,
        "wrong": [
            {"instance": run.row["instance"], "peer": run.row["peer"], "reason": run.reason} for run in report.wrong
        ],
        "runs": [
            {
                "instance": run.row["instance"],
                "peer": run.row["peer"],
                "verdict": run.verdict.value,
                "reason": run.reason,
                "seconds": run.row["seconds"],
                "loss": run.row["answer"] and run.row["answer"]["loss"],
                "memory": run.row["memory"],
            }
            for run in report.judged
        ],
        "notes": report.notes,
    }


@contextmanager
def _progress(total: int) -> Iterator[Callable[[dict[str, Any]], object]]:
    """A bar on stderr, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda row: bar.update(task, advance=1, description=f"{row['instance']} {row['peer']}")
