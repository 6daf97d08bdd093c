"""Certificates of existence: what ``certify`` and ``linear_counterpart`` say, checked from the certificate alone."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from certificates import copy_of

import sparseopt as so
from sparseopt.certification import certify_box
from sparseopt.existence.contraction import LinearNetwork
from sparseopt.existence.linear_counterpart import reduce_network
from sparseopt.files import pattern_document

DATA = Path(__file__).parents[1] / "data"


def random_patterns(count: int, seed: int) -> list[so.SparsityPattern]:
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
    for pattern in random_patterns(150, 3):
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
    assert "is not the least loss" in so.verify(wrong).failure


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

    def one_point(d: dict) -> None:
        for key in ("X", "Y"):
            d["problem"]["data"][key] = [d["problem"]["data"][key][0]] * 9

    assert "in general position" in failure(fewer_points)
    assert "in general position" in failure(repeated_point)
    assert "not the least loss" in failure(lambda d: d["problem"]["data"]["Y"][0].__setitem__(0, "5"))
    used = [tuple(item["entry"]) for item in original["parts"][0]["outside"]["identity"]]
    [(row, column)] = set(product({r for r, _ in used}, {c for _, c in used})) - set(used)
    assert "not affine" in failure(lambda d: _parameters(d)["limit"][row].__setitem__(column, "7"))
    assert "does not tend" in failure(lambda d: _parameters(d)["weights"][0][0][1].update({"1": "2"}))
    assert "outside the pattern" in failure(lambda d: _parameters(d)["weights"][0][2].__setitem__(0, {"0": "1"}))
    assert "input does not vary" in failure(one_point)
    assert "in general position" in failure(
        lambda d: [row.__setitem__(2, str(i)) for i, row in enumerate(d["problem"]["data"]["X"])]
    )
    free = copy_of(original)
    free["problem"]["pattern"]["masks"][0] = [[1] * 3] * 3
    free["problem"]["pattern"]["masks"][1] = [[1] * 3] * 3
    assert "the identity does not hold" in so.verify(free).failure


def test_points_on_a_line_do_not_count() -> None:
    """Data that theorem N decides, off the moment curve; with all but one of the points on a line it does not."""
    rng = np.random.default_rng(1)
    X = rng.integers(-9, 10, size=(16, 2))
    original = so.certify(so.TrainingProblem(so.families.lu(2), X, X[:, ::-1])).certificate
    report = so.verify(original)
    assert report.checked["points in general position"] == 9
    document = copy_of(original)
    line = [[v, v] for v in range(-8, 7)] + [[0, 1]]
    document["problem"]["data"] |= {"X": line, "Y": [[b, a] for a, b in line]}
    assert "fewer than 9 in general position" in so.verify(document).failure


def test_parts_that_do_not_show_the_claim_are_rejected() -> None:
    original = so.certify(so.families.lu(3)).certificate
    for outputs in ([0, 1, 2, 2], [0, 1, 2, 3], [-1, 0, 1, 2], []):
        document = copy_of(original)
        document["parts"][0]["outputs"] = outputs
        assert "or an output stands in two, or is none" in so.verify(document).failure, outputs
    assert "against the claim" in so.verify(original | {"claim": "attained"}).failure
    repeated = copy_of(original)
    data = repeated["problem"]["data"]
    first = data["Y"][0]
    for shift in (1, -1):  # the predictions tend to the middle, which is the least loss, but not 0
        data["X"].append(data["X"][0])
        data["Y"].append([str(Fraction(first[0]) + shift), *first[1:]])
    repeated["parts"][0]["multipliers"] = [[0] * (len(data["X"]) - 2) + [-1, 1] for _ in first]
    repeated["parts"][0]["multipliers"][1:] = [[0] * len(data["X"]) for _ in first[1:]]
    assert "does not tend to 0" in so.verify(repeated).failure


def _parameters(document: dict) -> dict:
    return document["parts"][0]["parameters"]


def test_a_closed_counterpart_is_not_called_open() -> None:
    """A limit inside the set has no evidence, whatever block is named."""
    document = copy_of(so.linear_counterpart(so.families.lu(2)).certificate)
    document["limit"] = [["1", "1"], ["1", "1"]]
    document["factors"] = [[[{"0": "1"}, {"0": "1"}], [{}, {}]], [[{"0": "1"}, {}], [{"0": "1"}, {}]]]
    report = so.verify(document)
    assert not report.valid
    assert "the identity does not hold" in report.failure


def test_closed_counterparts_are_checked_by_their_reductions() -> None:
    """Every closed verdict is valid, by steps of all kinds; it relies on a rule only where F1 or F2 decided."""
    counted: Counter[str] = Counter()
    for pattern in [*random_patterns(300, 11), *_deep_patterns(120, 2)]:
        lc = so.linear_counterpart(pattern)
        if not lc.closed:
            continue
        report = so.verify(lc.certificate)
        assert report.valid, (pattern.draw(), lc.reason, report)
        assert bool(report.relies_on) == bool(set(lc.rules) & {"F1", "F2"}), (lc.rules, report)
        counted["relying" if report.relies_on else "complete"] += 1
        counted.update(lc.rules)
        counted.update(step[0] for step in lc.certificate["reductions"])
    print(dict(counted))
    assert counted["complete"] >= 200
    assert min(counted[kind] for kind in ("split", "peel", "keep", "rely")) >= 5
    assert counted["F0"] >= 1


def _deep_patterns(count: int, seed: int) -> list[so.SparsityPattern]:
    rng = np.random.default_rng(seed)
    shapes = [(4, 4, 4), (2, 2, 2, 2), (3, 2, 2, 3), (3, 3, 3, 3)]
    random = [[rng.random((b, a)) < 0.75 for a, b in pairwise(shapes[n % 4])] for n in range(count)]
    butterflies = [so.families.butterfly(n) for n in (4, 8, 16)]
    return [*(so.SparsityPattern(masks) for masks in random), *butterflies]


def test_steps_that_do_not_follow_are_rejected() -> None:
    """Each kind of reduction on a network where its condition fails."""
    dense, deep = so.families.dense([2, 1, 2]), so.families.dense([3, 2, 2, 3])
    h, a, b = [1, 0], [[0, 0], [0, 1]], [[2, 0], [2, 1]]
    every = [[x, y] for x in a for y in b]
    wrong = [
        (dense, ["span", [h]], "not every matrix"),
        (dense, ["span", [h], [every[:2]]], "not every matrix"),
        (dense, ["span", [h], [every]], "not every matrix"),
        (dense, ["span", [h], [[[[0, 0], [2, 2]]]]], "entries of other nodes"),
        (dense, ["span", [h, h], [every[:2], every[2:]]], "a node stands twice"),
        (dense, ["span", [[0, 0]]], "not a hidden node"),
        (dense, ["split", h, [[a[:1], b], [a[1:], b]]], "not disjoint"),
        (dense, ["split", h, [[a[:1], b[:1]], [a[1:], b[1:]]]], "in no part"),
        (dense, ["split", h, []], "in no part"),
        (deep, ["span", [[1, 0], [2, 0]], [[], []]], "feed each other"),
        (deep, ["peel", [[1, 0]], "inputs"], "there is another way"),
        (deep, ["peel", [[2, 0], [2, 1]], "inputs"], "not at an end"),
        (so.families.dense([1, 2, 2, 3]), ["peel", [[1, 0], [1, 1]], "inputs"], "more nodes than ends"),
        (so.families.lu(2), ["peel", [[1, 0], [1, 1]], "inputs"], "different neighbours"),
        (dense, ["keep", [[a[0], h], [h, b[0]]], [["span", [h]]]], "some matrices are lost"),
        (dense, ["keep", every, []], "some matrices are lost"),
        (dense, ["rely", "F0"], "unknown"),
        (dense, ["rely", "z4", [], []], "unknown"),
        (dense, ["rely", "F1", [[h, h]], []], "edges that there are not"),
        (dense, ["free"], "unknown"),
        (so.families.lu(2), None, "a free entry lies in one"),
        (deep, None, "hidden nodes feed hidden nodes"),
        (so.SparsityPattern([[[1, 1, 0], [0, 1, 1]], [[1, 0], [1, 1], [0, 1]]]), None, "neither disjoint nor crossing"),
    ]
    for pattern, step, why in wrong:
        document = so.linear_counterpart(dense).certificate
        document |= {"pattern": pattern_document(pattern), "reductions": [step] if step else []}
        if pattern.depth == 2 and step is None:
            document["reductions"] = reduce_network(LinearNetwork.of(pattern)).evidence
        assert why in so.verify(document).failure, (step, so.verify(document).failure)
    relying = so.verify(document | {"reductions": [["rely", "z3"]]})
    assert str(relying).startswith("valid, relying on z3")
    lu = document | {"pattern": pattern_document(so.families.lu(2))}
    replaced = so.verify(lu | {"reductions": [["rely", "F1", [[h, b[0]]], []]]})
    assert str(replaced).startswith("valid, relying on F1 (that what is left after reduction is closed)")
    assert "neither disjoint nor crossing" in so.verify(lu | {"reductions": [["rely", "F1", [], []]]}).failure


def test_no_open_counterpart_passes_as_closed() -> None:
    """Reductions that do not hold, and patterns that are not closed, under the claim that they are."""
    refused = 0
    for pattern in random_patterns(300, 11):
        lc = so.linear_counterpart(pattern)
        if lc.closed is False:
            document = so.linear_counterpart(so.families.dense([2, 1, 2])).certificate
            document |= {"pattern": lc.certificate["pattern"]}
            assert not so.verify(document).valid, pattern.draw()
            document["reductions"] = list(reduce_network(LinearNetwork.of(pattern)).evidence)
            assert "kernels: " in so.verify(document).failure, pattern.draw()
            refused += 1
    assert refused >= 30


def _dense_without_optimum(name: str) -> so.TrainingProblem:
    """Data of a dense network without optimum: of a file, or the four points of 1-2-2 moved and turned."""
    if name != "moved":
        return so.load_problem(DATA / f"{name}.json")
    four = so.load_problem(DATA / "dense-1-2-2-four.json")
    X, Y = 2 - four.X_exact / 3, four.Y_exact @ np.array([[1, 2], [0, 3]]) + [[Fraction(1, 7), -4]]
    return so.TrainingProblem(four.pattern, X, Y, "l1")


@pytest.mark.parametrize("name", ["dense-1-2-2-four", "dense-1-2-2", "moved", "dense-2-2-2-four"])
def test_an_engine_s_word_is_named(name: str) -> None:
    """Data whose least loss is only approached: that nothing attains it is z3's word."""
    report = so.certify(_dense_without_optimum(name), engine_seconds=60)
    assert report.theorem == "G", report.reason
    checked = so.verify(report.certificate)
    assert checked.valid, checked
    assert str(checked).startswith("valid, relying on z3")
    other = copy_of(report.certificate)
    other["parts"][0]["engine"] = "z4"
    assert "engine: unknown" in so.verify(other).failure
    wrong = copy_of(report.certificate)
    wrong["problem"]["data"]["Y"][0][0] = "77/7"
    assert "not the least loss" in so.verify(wrong).failure


def test_groups_of_outputs_are_checked_one_by_one() -> None:
    pattern = so.SparsityPattern([[[1], [1], [1]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    x = [[0], [1], [2]]
    report = so.certify(so.TrainingProblem(pattern, x, [[v, 2 * v, v * v] for [v] in x]))
    assert report.theorem == "C"
    assert so.verify(report.certificate), so.verify(report.certificate)
    wrong = copy_of(report.certificate)
    wrong["parts"][0]["outputs"] = [0]
    assert "share a hidden neuron" in so.verify(wrong).failure
    wrong["parts"] = []
    assert "no theorem applies" in so.verify(wrong).failure
    lu = so.families.lu(2)
    witness = so.certify(lu).witness
    both = so.SparsityPattern([np.kron(np.eye(2, dtype=int), m) for m in lu.masks])
    X, Y = np.tile(witness.X_exact, 2), np.tile(witness.Y_exact, 2)
    report = so.certify(so.TrainingProblem(both, X, Y, "l1"))
    assert len(report.certificate["parts"]) == 2
    assert so.verify(report.certificate).valid
    Y[:, 3] = [Fraction(i % 3) for i in range(len(Y))]
    report = so.certify(so.TrainingProblem(both, X, Y, "l1"), 1.0)
    assert report.theorem == "C"
    assert len(report.certificate["parts"]) == 1
    assert so.verify(report.certificate).valid
    other = copy_of(report.certificate)
    other["problem"]["loss"] = "linf"
    assert "do not show the claim" in so.verify(other).failure
    other = copy_of(report.certificate)
    other["parts"][0]["outputs"] = [0]
    assert not so.verify(other).valid
    assert not so.verify(report.certificate | {"parts": []}).valid


def test_a_statement_about_a_box_or_a_set_is_none_about_data() -> None:
    """The evidence of another claim, under a problem's name."""
    lu = so.families.lu(2)
    problem = so.TrainingProblem(lu, [[0, 0], [1, 0]], [[0, 0], [1, 1]], "l1")
    for certificate in (certify_box(lu).certificate, so.linear_counterpart(lu).certificate):
        assert so.verify(certificate)
        for claim in (certificate["claim"], "attained", "attained for every dataset", "not attained"):
            assert not so.verify(certificate | {"problem": problem.document, "claim": claim}).valid
        assert not so.verify(certificate | {"claim": "attained"}).valid
        assert not so.verify(certificate | {"claim": "attained for every dataset"}).valid
        assert not so.verify(certificate | {"claim": "not attained"}).valid


def test_factors_with_another_limit_are_rejected() -> None:
    original = so.linear_counterpart(so.families.lu(2)).certificate
    for change in ({"0": "1"}, {"1": "1"}):
        document = copy_of(original)
        row = document["factors"][0][0]
        row[0] = row[0] | change if row[0] | change != row[0] else {"0": "2"}
        assert not so.verify(document).valid
    document = copy_of(original)
    document["limit"][0][0] = str(Fraction(document["limit"][0][0]) + 1)
    assert "another limit" in so.verify(document).failure
    for r, c in product(range(-2, 0), range(2)):  # no path leads there, and Python counts from the end
        if value := Fraction(original["limit"][r][c]):
            document = copy_of(original)
            document["outside"]["identity"] = [{"entry": [r, c], "cofactor": [[str(-1 / value), []]]}]
            assert "no such entry" in so.verify(document).failure
    document = copy_of(original)
    document["outside"]["identity"][0]["cofactor"][0][1] *= 1000
    assert "degree" in so.verify(document).failure


def test_verdicts_on_a_box_are_checked() -> None:
    for pattern in (
        so.families.dense([2, 3, 2]),
        so.families.dense([2, 3, 3, 1]),
        so.SparsityPattern([[[1]], [[1]]], [[0], [1]]),
    ):
        wrong = certify_box(so.families.dense([2, 3, 1])).certificate | {"pattern": pattern_document(pattern)}
        assert "theorem K does not apply" in so.verify(wrong).failure
    for pattern in (so.families.lu(2), so.families.dense([2, 3, 1])):
        checked = so.verify(certify_box(pattern).certificate)
        assert checked.valid, checked
        assert "on a box" in checked.claim


def test_changed_claims_about_sets_are_true_or_rejected() -> None:
    """Masks, lines, cofactors and factors changed at random: what is still accepted is what the rules say."""
    rng = random.Random(4)
    counted: Counter[str] = Counter()
    for pattern in random_patterns(60, 5):
        original = so.linear_counterpart(pattern).certificate
        if original is None:
            continue
        for _ in range(10):
            changed = copy_of(original)
            mask = rng.choice(changed["pattern"]["masks"])
            row = rng.choice(mask)
            row[rng.randrange(len(row))] ^= 1
            if rng.random() < 0.5 and changed.get("reductions"):
                del changed["reductions"][rng.randrange(len(changed["reductions"]))]
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
