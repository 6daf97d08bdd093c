"""What is known of the instances: digests, and optima proved in exact arithmetic, in data/benchmark.jsonl.

``python -m sparseopt.benchmark.known ROWS.jsonl …`` adds the optima that z3 proved in these sweeps.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from sparseopt.benchmark.instances import digest
from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.suites import INSTANCES
from sparseopt.files import write_text
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.rationals import exact_array

_FILE = files("sparseopt.data").joinpath("benchmark.jsonl")


@cache
def records() -> dict[str, dict[str, Any]]:
    """{instance: {"instance", "digest", "optimum"}}; the optimum is a rational as text, or null."""
    return {record["instance"]: record for record in map(json.loads, _FILE.read_text(encoding="utf-8").splitlines())}


def known_optima() -> dict[str, float]:
    """The proved optimum of every instance that has one, rounded to a float."""
    return {name: float(Fraction(r["optimum"])) for name, r in records().items() if r["optimum"] is not None}


def network_of(pattern: SparsityPattern, document: Mapping[str, Any]) -> Network:
    """The network of a row: the inverse of ``Network.to_dict``, with exact parameters."""

    def exact(values: Any) -> Any:
        return exact_array(np.array(values, dtype=object))

    skip = document.get("skip")
    weights, biases = (list(map(exact, document[key])) for key in ("weights", "biases"))
    return Network(pattern, weights, biases, None if skip is None else exact(skip))


def record(rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of data/benchmark.jsonl: every instance, with the optima known so far and those that z3 proved here."""
    optima = {name: r["optimum"] for name, r in records().items()}
    problems = {name: instance.problem() for name, instance in INSTANCES.items()}
    for row in rows:
        if row["peer"] == "z3" and row["answer"] and row["answer"]["claim"] == Claim.OPTIMAL:
            problem = problems[row["instance"]]
            loss = problem.evaluate_exact(network_of(problem.pattern, row["answer"]["network"]))
            optima[row["instance"]] = str(loss)
    lines = [
        json.dumps({"instance": name, "digest": digest(problem), "optimum": optima.get(name)})
        for name, problem in sorted(problems.items())
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    texts = [Path(name).read_text(encoding="utf-8").splitlines()[1:] for name in sys.argv[1:]]
    with as_file(_FILE) as path:
        write_text(path, record(json.loads(line) for lines in texts for line in lines))
