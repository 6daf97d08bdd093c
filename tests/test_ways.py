"""Rules and searches, each asked by itself, never contradict each other; engines: ``compare_ways.py`` as a script."""

from __future__ import annotations

import pytest
from compare_ways import RULES, compare

import sparseopt as so
from sparseopt.existence.atlas import TABLES


def test_no_two_ways_contradict_each_other() -> None:
    """Some classes of every table of the atlas; every way answers; T, J, M find nothing where rules say closed."""
    patterns = [
        pattern for name, step in (("2-2-2-2", 3), ("3-2-3", 3), ("3-3-3", 9)) for pattern in [*TABLES[name]()][::step]
    ]
    answers, pairs = compare(patterns, RULES)
    print(f"{len(patterns)} classes, {sum(pairs.values())} pairs of answers: {dict(answers)}")
    assert {answer.split(":")[0] for answer in answers} == set(RULES)
    assert sum(pairs.values()) > 150


def test_a_contradiction_is_noticed() -> None:
    with pytest.raises(AssertionError, match="liar"):
        compare([so.families.lu(2)], {**RULES, "liar": lambda pattern: True})
