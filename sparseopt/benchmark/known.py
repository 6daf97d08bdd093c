"""Optima that are proved in exact arithmetic, and digests of the instances: data/benchmark.jsonl."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def records() -> dict[str, dict[str, Any]]:
    """The stored facts of each instance, by its name."""
    text = files("sparseopt.data").joinpath("benchmark.jsonl").read_text(encoding="utf-8")
    return {record["instance"]: record for record in map(json.loads, text.splitlines())}


def known_optima() -> dict[str, float]:
    """The proved optimum of every instance that has one, rounded to a float."""
    return {name: float(Fraction(r["optimum"])) for name, r in records().items() if r["optimum"] is not None}
