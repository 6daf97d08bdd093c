"""The child process of one run: warm up, build, solve as often as asked, judge; reports over a pipe.

Run as ``python -m sparseopt.benchmark.worker SPECIFICATION DESCRIPTOR`` by :mod:`sparseopt.benchmark.run`.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import signal
import sys
import time
from typing import Any

from sparseopt.benchmark.cores import usable_cores
from sparseopt.benchmark.judgement import scaled_size
from sparseopt.benchmark.known import check_digest
from sparseopt.benchmark.peers.answer import Answer, Task
from sparseopt.benchmark.peers.registry import peer_named
from sparseopt.benchmark.suites import INSTANCES
from sparseopt.families import dense
from sparseopt.problem import TrainingProblem

REPEAT_BELOW = 10.0
"""A run that took longer than so many seconds is not repeated."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Do what the specification says."""
    specification = json.loads(sys.argv[1])
    _bind(specification["cores"])
    with os.fdopen(int(sys.argv[2]), "w") as channel:

        def tell(**message: Any) -> None:
            print(json.dumps(message), file=channel, flush=True)

        peer = peer_named(specification["peer"])
        problem = INSTANCES[specification["instance"]].problem()
        check_digest(problem)
        tell(facts=_facts(problem), cores=len(usable_cores()))
        if (reason := peer.refuses(problem)) is not None:
            tell(refused=reason)
            return
        task = Task(specification["time_limit"], specification["seed"])
        tiny = TrainingProblem(dense([1, 1, 1]), [[0], [1], [2]], [0, 1, 0], problem.loss)
        peer.prepare(tiny, task)()
        for _ in range(specification["repeats"]):
            tell(stage="build")
            solve = peer.prepare(problem, task)
            tell(stage="solve")
            started = time.perf_counter()
            answer = solve()
            seconds = time.perf_counter() - started
            tell(stage="judge", seconds=seconds, memory=_peak_memory())
            tell(answer=_document(problem, answer))
            if seconds > REPEAT_BELOW or not answer.finished:
                break


def _bind(cores: list[int]) -> None:
    """Stay on these cores, and end with the process that started this one (Linux)."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, cores)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _facts(problem: TrainingProblem) -> dict[str, Any]:
    """What the report says about an instance."""
    sizes, targets = problem.pattern.sizes, problem.Y
    scale = float((targets.max(axis=0) - targets.min(axis=0)).max()) / 2
    return {
        "points": problem.n_points,
        "inputs": sizes[0],
        "width": sum(sizes[1:-1]),
        "loss": problem.loss.value,
        "unit": float(problem.weights.max()) * scale**problem.loss.homogeneity,
    }


def _peak_memory() -> int:
    """Peak resident bytes of this process or its largest child so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _document(problem: TrainingProblem, answer: Answer) -> dict[str, Any]:
    """The answer as JSON, with the network's loss on the exact data in exact arithmetic, rounded once."""
    document: dict[str, Any] = {
        "claim": answer.claim.value,
        "finished": answer.finished,
        "objective": _finite(answer.objective),
        "bound": _finite(answer.bound),
        "weight_limit": answer.weight_limit,
        "trace": answer.trace,
        "network": None,
        "loss": None,
        "size": None,
    }
    if answer.network is not None:
        document["network"] = answer.network.to_dict()
        document["loss"] = float(problem.evaluate_exact(answer.network))
        document["size"] = scaled_size(problem, answer.network)
    return document


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


if __name__ == "__main__":
    main()
