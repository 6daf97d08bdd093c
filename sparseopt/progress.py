"""One line of progress on stderr while a solver works, if stderr is a terminal and the work takes over two seconds."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparseopt.solvers.control import Progress

DELAY = 2.0


@contextmanager
def live_progress() -> Iterator[Callable[[Progress], None]]:
    """Give a callback for ``solve``; the line shows its latest row until the context ends."""
    started = time.perf_counter()
    latest: list[Progress] = []
    if not sys.stderr.isatty():
        yield lambda row: None
        return
    from rich.console import Console

    # A descriptor of its own: a back end may redirect the process's stderr while it runs.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as stream:
        status = Console(file=stream, force_terminal=True).status("")

        def text() -> str:
            seconds = time.perf_counter() - started
            if not latest:
                return f"{seconds:.0f} s, no report from the solver yet"
            row = latest[-1]
            return (
                f"{seconds:.0f} s  objective {row.objective:.6g}  bound {row.bound:.6g}  "
                f"gap {_percent(row)}  nodes {row.nodes}  points {row.points}"
            )

        def callback(row: Progress) -> None:
            latest[:] = [row]

        done = threading.Event()

        def show() -> None:
            if done.wait(DELAY):
                return
            with status:
                while not done.wait(0.2):
                    status.update(text())

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield callback
        finally:
            done.set()
            thread.join()


def _percent(row: Progress) -> str:
    if row.objective == float("inf") or row.objective == 0:
        return "-"
    return f"{100 * max(row.objective - row.bound, 0) / abs(row.objective):.2f} %"
