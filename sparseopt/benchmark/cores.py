"""One processor core for each timed run: two runs never share one, not even those of two sweeps on one machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def usable_cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def own_core() -> Iterator[tuple[int, int]]:
    """Wait for a free core and hold it: gives (core, descriptor).

    The core is held by a lock on a file, as long as any process has the descriptor open: pass it to the child that
    uses the core, and a child that outlives its parent keeps its core.
    """
    folder = Path(tempfile.gettempdir()) / f"sparseopt-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        for core in usable_cores():
            descriptor = os.open(folder / str(core), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            try:
                yield core, descriptor
                return
            finally:
                os.close(descriptor)
        time.sleep(0.1)
