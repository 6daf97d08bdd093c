"""Certificates for the tests: made once per process."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import cache
from typing import Any

from generated import generated_problems

import sparseopt as so


class Enough(Exception):  # noqa: N818
    """Raised to stop."""


class Counting:
    """A check that counts its calls, and stops after so many."""

    def __init__(self, most: float = math.inf) -> None:
        self.most, self.calls = most, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls > self.most:
            raise Enough


def square(points: int, k: int, loss: str = "linf") -> so.TrainingProblem:
    """x² on a grid of rationals on [-1, 1]."""
    half = points // 2
    x = [Fraction(i, half) for i in range(-half, half + 1)]
    return so.TrainingProblem(so.families.dense([1, k, 1]), [[v] for v in x], [v * v for v in x], loss)


@cache
def generated_certificates(loss: str, count: int, seed: int) -> list[tuple[str, so.TrainingProblem, Any]]:
    """(description, problem, certificate document) of generated problems, points and weights of all kinds."""
    out = []
    for name, problem in generated_problems(count, seed, loss):
        result = so.solve(problem, "exact", certificate=True)
        assert result.certificate is not None, (name, result.message)
        out.append((name, problem, result.certificate.document))
    return out


def steps(document: Any) -> list[tuple[Any, int]]:
    """(list of steps, place) of every step."""
    return [
        (part["steps"], at)
        for output in document["outputs"]
        for part in output["classes"]
        for at in range(len(part["steps"]))
    ]


def copy_of(document: Any) -> Any:
    """A deep copy."""
    return json.loads(json.dumps(document))
