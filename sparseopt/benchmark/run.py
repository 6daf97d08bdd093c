"""One run: an instance given to a peer, in a process of its own, on cores of its own, under limits."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

from sparseopt.benchmark.cores import own_cores
from sparseopt.benchmark.known import records
from sparseopt.benchmark.limits import run_limited
from sparseopt.benchmark.peers.registry import peer_named
from sparseopt.errors import InputError

START_SECONDS = 300.0
"""For imports and the one-time compilation."""
BUILD_SECONDS = 120.0
JUDGE_SECONDS = 600.0
GRACE = 2.0
"""A peer may overrun its time limit by so many seconds and a tenth before it is killed."""

_THREAD_COUNTS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in _THREAD_COUNTS}


@dataclass(frozen=True)
class Limits:
    """What every run of a sweep gets.

    Attributes
    ----------
    time_limit : float
        Seconds for the timed part.
    memory_limit : int
        Bytes of resident memory.
    repeats : int
        So many timed runs, if the first takes less than ten seconds.
    seed : int
    """

    time_limit: float
    memory_limit: int
    repeats: int
    seed: int

    @classmethod
    def checked(cls, seconds: float, gibibytes: float, repeats: int, seed: int) -> Limits:
        """Limits from what a user gives, or an InputError that names the option."""
        for name, value in (("time-limit", seconds), ("memory-limit", gibibytes), ("repeats", repeats)):
            if not 0 < value < math.inf:
                raise InputError(f"--{name}: {value} is not a positive number")
        if seed < 0:
            raise InputError(f"--seed: {seed} is not a whole number of at least 0")
        return cls(seconds, int(gibibytes * 2**30), repeats, seed)

    def seconds_for(self, stage: str) -> float:
        """The limit of a stage of the worker."""
        overrun = 1.1 * self.time_limit + GRACE
        return {"start": START_SECONDS, "build": BUILD_SECONDS, "solve": overrun, "judge": JUDGE_SECONDS}[stage]


def run(instance: str, peer: str, limits: Limits) -> dict[str, Any]:
    """Run one cell of a sweep and return its row, ready for JSON."""
    with own_cores(peer_named(peer).threads) as cores:
        specification = {"instance": instance, "peer": peer, "cores": list(cores), **asdict(limits)}
        command = [sys.executable, "-m", "sparseopt.benchmark.worker", json.dumps(specification)]
        ended = run_limited(command, limits.seconds_for, limits.memory_limit, ONE_THREAD, [*cores.values()])
    said: dict[str, list[Any]] = {}
    for message in ended.messages:
        for key, value in message.items():
            said.setdefault(key, []).append(value)
    answers = said.get("answer", []) if ended.end == "done" else []
    return {
        "instance": instance,
        "digest": records()[instance]["digest"],
        "peer": peer,
        "end": ended.end.value,
        "detail": said["refused"][0] if "refused" in said else ended.detail,
        "seconds": said.get("seconds", []),
        "memory": max(said.get("memory", [ended.peak_memory])),
        "cores": said["cores"][0] if "cores" in said else None,
        "versions": peer_named(peer).versions(),
        "facts": said["facts"][0] if "facts" in said else None,
        "answer": max(answers, key=lambda a: a["loss"] or 0.0, default=None),
    }
