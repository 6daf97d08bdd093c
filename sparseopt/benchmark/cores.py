"""Processor cores for timed runs: two runs never share one, not even those of two sweeps on one machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sparseopt.errors import InputError


def usable_cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def own_cores(count: int = 1) -> Iterator[dict[int, int]]:
    """Wait for so many free cores and hold them: gives {core: descriptor}.

    A core is held by a lock on a file, as long as any process has the descriptor open: pass it to the child that
    uses the core, and a child that outlives its parent keeps its core. Who collects cores holds the gate, so that two
    who want several never wait for each other.

    Raises
    ------
    InputError
        If the process may not use so many.
    """
    if count > (there := len(usable_cores())):
        raise InputError(f"a run needs {count} cores, and this process may use {there}")
    folder = Path(tempfile.gettempdir()) / f"sparseopt-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as held:
        cores: dict[int, int] = {}
        with ExitStack() as passage:
            while _lock(folder / "gate", passage) is None:
                time.sleep(0.1)
            while len(cores) < count:
                for core in usable_cores():
                    if (descriptor := _lock(folder / str(core), held)) is not None:
                        cores[core] = descriptor
                        break
                else:
                    time.sleep(0.1)
        yield cores


def _lock(path: Path, held: ExitStack) -> int | None:
    """Lock a file until `held` closes: its descriptor; None if another has it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.callback(os.close, descriptor)
        return descriptor
    os.close(descriptor)
    return None
