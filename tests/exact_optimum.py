"""The exact optimum of a small problem, from z3 on the exported SMT-LIB text."""

from __future__ import annotations

from fractions import Fraction

import pytest
from sparseopt.models.smt import smt_text

import sparseopt as so


def exact_optimum(problem: so.TrainingProblem, milliseconds: int) -> Fraction | None:
    """The optimum as a rational, or None if z3 does not find it in time."""
    z3 = pytest.importorskip("z3")
    optimizer = z3.Optimize()
    optimizer.set("timeout", milliseconds)
    optimizer.from_string(smt_text(problem).replace("(get-objectives)", ""))
    if optimizer.check() != z3.sat:
        return None
    value = optimizer.model().eval(z3.Real("loss"), model_completion=True)
    return Fraction(value.numerator_as_long(), value.denominator_as_long())
