"""Certificates of existence: what ``certify`` and ``linear_counterpart`` say, checked from the certificate alone."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from certificates import copy_of

import sparseopt as so
from sparseopt.certificate import checker
from sparseopt.certification import certify_box
from sparseopt.existence.contraction import LinearNetwork
from sparseopt.existence.linear_counterpart import reduce_network

DATA = Path(__file__).parents[1] / "data"


def _random_patterns(count: int, seed: int) -> list[so.SparsityPattern]:
    rng = np.random.default_rng(seed)
    shapes = [(3, 3, 3), (3, 2, 3), (2, 3, 2), (3, 3, 2, 3), (2, 2, 2, 2), (3, 3, 1), (2, 4, 4)]
    out = []
    for number in range(count):
        sizes = shapes[number % len(shapes)]
        masks = [rng.random((b, a)) < 0.7 for a, b in pairwise(sizes)]
        skip = rng.random((sizes[-1], sizes[0])) < 0.2 if rng.random() < 0.3 else None
        out.append(so.SparsityPattern(masks, None, skip))
    return out


def test_every_verdict_on_a_pattern_is_checked() -> None:
    counted: Counter[str] = Counter()
    for pattern in _random_patterns(150, 3):
        report = so.certify(pattern)
        if report.certificate is None:
            assert report.verdict is so.Verdict.UNDECIDED
            continue
        checked = so.verify(report.certificate)
        assert checked.valid, (pattern.draw(), report.reason, checked)
        assert ("no parameters attain" in checked.claim) == (report.verdict is so.Verdict.NOT_ATTAINED)
        counted[f"{report.verdict} {report.theorem}"] += 1
        lc = so.linear_counterpart(pattern)
        if lc.closed is False:
            checked = so.verify(lc.certificate)
            assert checked.valid, (pattern.draw(), lc.reason, checked)
            counted["not closed"] += 1
    print(dict(counted))
    assert counted["NOT_ATTAINED N"] >= 15
    assert counted["not closed"] >= 15
    assert counted["ATTAINED S"] >= 10


@pytest.mark.parametrize("name", ["lu-3", "deep-lu-3", "deep-lu-2-chain", "mcycle-k2"])
def test_data_files(name: str) -> None:
    report = so.certify(so.load_problem(DATA / f"{name}.json"))
    assert so.verify(report.certificate)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_lu_with_pass_through_layers_and_dead_neurons(order: int) -> None:
    """Identity masks before, between and after the triangular ones, up to five layers, and neurons without outputs."""
    upper, lower = so.families.lu(order).masks
    eye, dead = np.eye(order), np.ones((2, order))
    chains = [[upper, lower], [np.vstack([upper, dead]), np.hstack([lower, 0 * dead.T])]]
    chains += [[eye] * a + [upper] + [eye] * b + [lower] + [eye] * c for a, b, c in ((1, 0, 0), (0, 1, 1), (1, 1, 1))]
    for masks in chains:
        report = so.certify(so.SparsityPattern(masks))
        assert (report.verdict, report.theorem) == (so.Verdict.NOT_ATTAINED, "N")
        assert so.verify(report.certificate).valid


def test_rules_about_given_data() -> None:
    wide = so.SparsityPattern([[[1]] * 6, [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], [[1, 1]]][:2])
    dense = so.families.dense([1, 2, 2])
    x = [[0], [1], [2], [3]]
    problems = {
        "S": so.TrainingProblem(so.families.dense([1, 1, 1]), x, [0, 1, 0, 2]),
        "U": so.TrainingProblem(wide, x, [[0, 1], [1, 0], [0, 3], [2, 2]]),
        "I": so.TrainingProblem(
            so.SparsityPattern([np.ones((7, 1)), [[1, 1, 1, 0, 0, 0, 1], [0, 0, 0, 1, 1, 1, 1]]]),
            x,
            [[0, 1], [1, 0], [0, 3], [2, 2]],
        ),
        "A": so.TrainingProblem(dense, x, [[v, 2 * v + 1] for [v] in x]),
    }
    for theorem, problem in problems.items():
        report = so.certify(problem)
        assert report.theorem == theorem, report.reason
        assert so.verify(report.certificate), (theorem, so.verify(report.certificate))
    wrong = copy_of(so.certify(problems["A"]).certificate)
    wrong["problem"]["data"]["Y"][0][0] = "1/7"
    assert "not the least" in so.verify(wrong).failure


def test_changed_existence_certificates_are_rejected() -> None:
    original = so.certify(so.families.lu(3)).certificate

    def failure(change: object) -> str:
        document = copy_of(original)
        change(document)  # type: ignore[operator]
        report = so.verify(document)
        assert not report.valid
        return report.failure

    def fewer_points(d: dict) -> None:
        for key in ("X", "Y"):
            del d["problem"]["data"][key][0]

    def repeated_point(d: dict) -> None:
        for key in ("X", "Y"):
            d["problem"]["data"][key][0] = d["problem"]["data"][key][1]

    assert "in general position" in failure(fewer_points)
    assert "in general position" in failure(repeated_point)
    assert "not affine" in failure(lambda d: d["problem"]["data"]["Y"][0].__setitem__(0, "5"))
    assert "does not tend" in failure(lambda d: d["sequence"]["weights"][0][0][1].update({"1": "2"}))
    assert "outside the pattern" in failure(lambda d: d["sequence"]["weights"][0][2].__setitem__(0, {"0": "1"}))
    assert "misses an entry" in failure(lambda d: d["block"].update(outputs=[2], inputs=[2]))
    assert "varies too" in failure(
        lambda d: [row.__setitem__(2, str(i)) for i, row in enumerate(d["problem"]["data"]["X"])]
    )
    free = copy_of(original)
    free["problem"]["pattern"]["masks"][0] = [[1] * 3] * 3
    free["problem"]["pattern"]["masks"][1] = [[1] * 3] * 3
    assert "do not meet one node" in so.verify(free).failure


def test_a_closed_counterpart_is_not_called_open() -> None:
    """A limit inside the set has no evidence, whatever block is named."""
    document = copy_of(so.linear_counterpart(so.families.lu(2)).certificate)
    document["limit"] = [["1", "1"], ["1", "1"]]
    document["factors"] = [[[{"0": "1"}, {"0": "1"}], [{}, {}]], [[{"0": "1"}, {}], [{"0": "1"}, {}]]]
    report = so.verify(document)
    assert not report.valid
    assert "the identity does not hold" in report.failure


def test_closed_counterparts_are_checked_by_their_reductions() -> None:
    """Every closed verdict is valid; it relies on a rule only where fill, thinning or an engine decided."""
    counted: Counter[str] = Counter()
    for pattern in _random_patterns(300, 11):
        lc = so.linear_counterpart(pattern)
        if not lc.closed:
            continue
        report = so.verify(lc.certificate)
        assert report.valid, (pattern.draw(), lc.reason, report)
        assert bool(report.relies_on) == bool(set(lc.rules) & checker.UNCHECKED_RULES), (lc.rules, report)
        counted["relying" if report.relies_on else "complete"] += 1
    print(dict(counted))
    assert counted["complete"] >= 60


def test_no_open_counterpart_passes_as_closed() -> None:
    """Reductions that do not hold, and patterns that are not closed, under the claim that they are."""
    refused = 0
    for pattern in _random_patterns(300, 11):
        lc = so.linear_counterpart(pattern)
        if lc.closed is False:
            document = so.linear_counterpart(so.families.dense([2, 1, 2])).certificate
            document |= {"pattern": lc.certificate["pattern"], "rules": ["P", "W2"]}
            assert not so.verify(document).valid, pattern.draw()
            lines = reduce_network(LinearNetwork.of(pattern)).lines
            assert "do not decide" in so.verify(document | {"lines": list(lines)}).failure, pattern.draw()
            refused += 1
    assert refused >= 30
    lu = so.families.lu(2)
    closed = so.linear_counterpart(so.families.dense([2, 1, 2])).certificate
    wrong = closed | {"pattern": so.linear_counterpart(lu).certificate["pattern"]}
    assert "do not decide" in so.verify(wrong | {"rules": ["P"]}).failure
    line = [[0, 1], [0, 1], "row", 0]
    assert "do not cover" in so.verify(closed | {"lines": [[line]], "rules": ["P"]}).failure
    assert "no such kernel" in so.verify(closed | {"lines": [[[[0], [0], "row", 0]]]}).failure
    relying = so.verify(wrong | {"rules": ["F0"]})
    assert str(relying).startswith("valid, relying on F0")


@pytest.mark.parametrize("name", ["dense-1-2-2-four", "dense-2-2-2-four"])
def test_an_engine_s_word_is_named(name: str) -> None:
    """Data whose least loss is only approached: that nothing attains it is z3's word."""
    report = so.certify(so.load_problem(DATA / f"{name}.json"), engine_seconds=60)
    assert report.theorem == "G"
    checked = so.verify(report.certificate)
    assert checked.valid, checked
    assert str(checked).startswith("valid, relying on z3")
    wrong = copy_of(report.certificate)
    wrong["problem"]["data"]["Y"][0][0] = "77/7"
    assert "does not tend" in so.verify(wrong).failure


def test_groups_of_outputs_are_checked_one_by_one() -> None:
    pattern = so.SparsityPattern([[[1], [1], [1]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    x = [[0], [1], [2]]
    report = so.certify(so.TrainingProblem(pattern, x, [[v, 2 * v, v * v] for [v] in x]))
    assert report.theorem == "C"
    assert so.verify(report.certificate), so.verify(report.certificate)
    wrong = copy_of(report.certificate)
    wrong["groups"] = [[0], [1, 2]]
    assert "share a hidden neuron" in so.verify(wrong).failure


def test_a_statement_about_a_box_or_a_set_is_none_about_data() -> None:
    """Parts of theorem C that prove something else than the claim about their group's problem."""
    x = [[0, 0, 0, 0], [1, 0, 1, 0]]
    groups = [[0, 1], [2, 3]]
    for family, about in (
        (so.families.lu(2), lambda p: certify_box(p).certificate),
        (so.families.dense([2, 1, 2]), lambda p: so.linear_counterpart(p).certificate),
    ):
        pattern = so.SparsityPattern([np.kron(np.eye(2, dtype=int), m) for m in family.masks])
        problem = so.TrainingProblem(pattern, x, [[0, 0, 0, 0], [1, 1, 1, 1]], "l1")
        own = [problem.restrict_outputs(g) for g in groups]
        parts = [about(p.pattern) | {"problem": p.document} for p in own]
        assert all(so.verify(part) for part in parts)
        document = {"format": parts[0]["format"], "kind": "existence", "claim": parts[0]["claim"], "theorem": "C"}
        report = so.verify(document | {"problem": problem.document, "groups": groups, "parts": parts})
        assert not report.valid, report


def test_verdicts_on_a_box_are_checked() -> None:
    for pattern in (so.families.lu(2), so.families.dense([2, 3, 1])):
        checked = so.verify(certify_box(pattern).certificate)
        assert checked.valid, checked
        assert "on a box" in checked.claim


def test_changed_claims_about_sets_are_true_or_rejected() -> None:
    """Masks, lines, cofactors and factors changed at random: what is still accepted is what the rules say."""
    rng = random.Random(4)
    counted: Counter[str] = Counter()
    for pattern in _random_patterns(60, 5):
        original = so.linear_counterpart(pattern).certificate
        if original is None:
            continue
        for _ in range(10):
            changed = copy_of(original)
            mask = rng.choice(changed["pattern"]["masks"])
            row = rng.choice(mask)
            row[rng.randrange(len(row))] ^= 1
            if rng.random() < 0.5 and changed.get("lines"):
                del changed["lines"][rng.randrange(len(changed["lines"]))]
            elif rng.random() < 0.5 and "outside" in changed:
                del changed["outside"]["identity"][0]
            report = so.verify(changed)
            if report.valid and not report.relies_on:
                masks = [np.array(m) for m in changed["pattern"]["masks"]]
                skip = changed["pattern"].get("skip")
                truth = so.linear_counterpart(so.SparsityPattern(masks, None, skip)).closed
                assert truth is not (original["claim"] == "linear counterpart not closed"), changed
                counted[original["claim"]] += 1
            counted["rejected"] += not report.valid
    print(dict(counted))
    assert counted["rejected"] >= 150
    assert min(counted.values()) >= 10
