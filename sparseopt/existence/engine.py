"""Real algebra by z3 in a process of its own, so that a time limit holds.

A question is SMT-LIB 2 text without ``check-sat``. An answer rests on z3's word; whoever uses it says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

ENGINE = "z3"

_WORKER = """
import json, sys, z3
task = json.load(sys.stdin)
solver = z3.Tactic(task["tactic"]).solver() if task["tactic"] else z3.Solver()
solver.from_string(task["text"])
answer, values = str(solver.check()), {}
if answer == "sat":
    model = solver.model()
    for d in model.decls():
        if z3.is_rational_value(model[d]):
            values[d.name()] = str(model[d].as_fraction())
print(json.dumps([answer, values]))
"""


@dataclass(frozen=True)
class Answer:
    """sat, unsat or unknown, with the rational values of a model."""

    verdict: str
    values: dict[str, Fraction] = field(default_factory=dict)


def ask(text: str, seconds: float, tactic: str = "") -> Answer:
    """z3's answer to SMT-LIB text (by a tactic such as ``nlqsat``); unknown after the time limit or any failure."""
    task = json.dumps({"text": text, "tactic": tactic})
    try:
        done = subprocess.run(
            [sys.executable, "-c", _WORKER], input=task, capture_output=True, text=True, timeout=seconds, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return Answer("unknown")
    verdict, values = json.loads(done.stdout)
    return Answer(verdict, {name: Fraction(x) for name, x in values.items()})


def number(x: Fraction) -> str:
    """A rational as an SMT-LIB term."""
    size = f"{abs(x.numerator)}.0" if x.denominator == 1 else f"(/ {abs(x.numerator)}.0 {x.denominator}.0)"
    return f"(- {size})" if x < 0 else size


def total(terms: Iterable[str]) -> str:
    """The sum of terms."""
    terms = list(terms)
    return "0.0" if not terms else terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"


def conjunction(terms: Iterable[str]) -> str:
    """All of the terms."""
    return f"(and true {' '.join(terms)})"
