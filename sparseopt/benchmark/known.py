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
from sparseopt.errors import InputError
from sparseopt.files import write_text
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import exact_array

_FILE = files("sparseopt.data").joinpath("benchmark.jsonl")


@cache
def records() -> dict[str, dict[str, Any]]:
    """{instance: {"instance", "digest", "optimum"}}; the optimum is a rational as text, or null."""
    return {record["instance"]: record for record in map(json.loads, _FILE.read_text(encoding="utf-8").splitlines())}


def known_optima() -> dict[str, float]:
    """The proved optimum of every instance that has one, rounded to a float."""
    return {name: float(Fraction(r["optimum"])) for name, r in records().items() if r["optimum"] is not None}


def check_digest(problem: TrainingProblem) -> None:
    """Refuse an instance that is not regenerated bit for bit."""
    if digest(problem) != records()[problem.name]["digest"]:
        raise InputError(
            f"instance {problem.name}: differs from the library's; try the numpy version of pyproject.toml"
        )


def network_of(pattern: SparsityPattern, document: Mapping[str, Any]) -> Network:
    """The network of a row: the inverse of ``Network.to_dict``, with exact parameters."""

    def exact(values: Any) -> Any:
        return exact_array(np.array(values, dtype=object))

    skip = document.get("skip")
    weights, biases = (list(map(exact, document[key])) for key in ("weights", "biases"))
    return Network(pattern, weights, biases, None if skip is None else exact(skip))


def record(rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of data/benchmark.jsonl: every instance, with the optima known so far and those that z3 proved here."""
    problems = {name: instance.problem() for name, instance in INSTANCES.items()}
    digests = {name: digest(problem) for name, problem in problems.items()}
    optima = {name: r["optimum"] for name, r in records().items() if r["digest"] == digests.get(name)}
    for row in rows:
        name, answer = row["instance"], row["answer"]
        proved = row["peer"] == "z3" and answer and answer["claim"] == Claim.OPTIMAL
        if proved and row["digest"] == digests.get(name):
            network = network_of(problems[name].pattern, answer["network"])
            optima[name] = str(problems[name].evaluate_exact(network))
    lines = [
        json.dumps({"instance": name, "digest": digests[name], "optimum": optima.get(name)})
        for name in sorted(problems)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    texts = [Path(name).read_text(encoding="utf-8").splitlines()[1:] for name in sys.argv[1:]]
    with as_file(_FILE) as path:
        write_text(path, record(json.loads(line) for lines in texts for line in lines))
