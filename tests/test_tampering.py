"""A certificate that was changed, or that a wrong solver made, is not accepted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from certificates import copy_of, generated_certificates, square, steps
from exact_optimum import exact_optimum
from test_existence_certificate import random_patterns

import sparseopt as so
from sparseopt.certificate import checker, class_proof, goal, optimality
from sparseopt.certification import certify_box

MUTATIONS = 40
CLAIMS = [
    "attained",
    "not attained",
    "attained for every dataset",
    "attained on a box",
    "not attained on a box",
    "linear counterpart closed",
    "linear counterpart not closed",
]


def _numbers(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of every number below a value."""
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(entry, (dict, list)):
            _numbers(entry, found)
        elif type(entry) is int or (isinstance(entry, str) and entry.lstrip("-")[:1].isdigit()):
            found.append((value, key))
    return found


def _digit(document: Any, rng: random.Random) -> None:
    """Another last digit of a number anywhere."""
    container, key = rng.choice(_numbers(document, []))
    old = container[key]
    text = str(old)
    new = text[:-1] + rng.choice([d for d in "0123456789" if d != text[-1]])
    container[key] = new if isinstance(old, str) else int(new)


def _sign(document: Any, rng: random.Random) -> None:
    """The other sign of a number that is not zero."""
    container, key = rng.choice([(c, k) for c, k in _numbers(document, []) if str(c[k]) != "0"])
    old = container[key]
    text = str(old)[1:] if str(old).startswith("-") else f"-{old}"
    container[key] = text if isinstance(old, str) else int(text)


def _dropped_part(document: Any, rng: random.Random) -> None:
    """An element less in a list anywhere, or a field less."""
    container, key = rng.choice(list(_parts_of(document)))
    del container[key]


def _swapped_parts(document: Any, rng: random.Random) -> None:
    """Two elements of a list exchanged."""
    lists = [c for c, k in _parts_of(document) if isinstance(c, list) and k and c[k] != c[k - 1]]
    chosen = rng.choice(lists)
    i, j = rng.sample(range(len(chosen)), 2)
    chosen[i], chosen[j] = chosen[j], chosen[i]


def _parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything below a value."""
    for key, entry in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(entry, (dict, list)):
            yield from _parts_of(entry)


def _flipped_mask(document: Any, rng: random.Random) -> None:
    """A weight more or less in the pattern."""
    mask = rng.choice(document.get("problem", document)["pattern"]["masks"])
    row = rng.choice(mask)
    row[rng.randrange(len(row))] ^= 1


def _other_claim(document: Any, rng: random.Random) -> None:
    """Another claim with the same evidence."""
    document["claim"] = rng.choice([c for c in CLAIMS if c != document["claim"]])


def _dropped_step(document: Any, rng: random.Random) -> None:
    """A step less."""
    part, at = rng.choice(steps(document))
    del part[at]


def _dropped_entry(document: Any, rng: random.Random) -> None:
    """A row, literal or hint less in one step."""
    lists = [entry for part, at in steps(document) for entry in part[at] if isinstance(entry, list) and entry]
    chosen = rng.choice(lists)
    del chosen[rng.randrange(len(chosen))]


def _swapped_steps(document: Any, rng: random.Random) -> None:
    """Two steps exchanged."""
    part, at = rng.choice(steps(document))
    other = rng.randrange(len(part))
    part[at], part[other] = part[other], part[at]


def _dropped_class(document: Any, rng: random.Random) -> None:
    """A sign class less."""
    classes = rng.choice(document["outputs"])["classes"]
    del classes[rng.randrange(len(classes))]


def _raised_bound(document: Any, rng: random.Random) -> None:
    """A bound that is a little higher everywhere, and an objective that equals it."""
    bound = str(Fraction(document["bound"]) * (1 + Fraction(1, rng.choice([2, 1000, 10**9]))))
    document["bound"] = bound
    for output in document["outputs"]:
        output["bound"] = bound
    if rng.random() < 0.5:
        document["objective"] = bound


def _lowered_objective(document: Any, rng: random.Random) -> None:
    """An objective below the true one."""
    document["objective"] = document["bound"] = str(Fraction(document["objective"]) * Fraction(99, 100))


OF_OPTIMALITY: list[Callable[[Any, random.Random], None]] = [
    _digit,
    _sign,
    _dropped_step,
    _dropped_entry,
    _swapped_steps,
    _dropped_class,
    _raised_bound,
    _lowered_objective,
]
OF_EXISTENCE = [_digit, _sign, _dropped_part, _swapped_parts, _flipped_mask, _other_claim]


Documents = list[tuple[str, Any, Any]]
"""(name, problem or None, document)."""


def _survivors(
    documents: Documents, kinds: list[Callable[[Any, random.Random], None]], rng: random.Random
) -> tuple[Counter[str], list[tuple[str, str, Any, Any]]]:
    """How many changes of each kind were rejected; and those that were not: (name, kind, document, changed one)."""
    rejected: Counter[str] = Counter()
    survived = []
    for name, problem, document in documents:
        for number in range(MUTATIONS):
            changed, kind = copy_of(document), kinds[number % len(kinds)]
            for _ in range(20):
                kind(changed, rng)
                if changed != document:
                    break
            else:
                continue  # nothing that this kind could change
            if so.verify(changed, problem).valid:
                survived.append((name, kind.__name__.removeprefix("_"), document, changed))
            else:
                rejected[kind.__name__] += 1
    return rejected, survived


def _where(before: Any, after: Any) -> str:
    """The first place where two documents differ."""
    if type(before) is type(after) and isinstance(before, (dict, list)):
        keys = sorted({*before, *after}) if isinstance(before, dict) else range(max(len(before), len(after)))
        for key in keys:
            try:
                if before[key] != after[key]:
                    return f".{key}{_where(before[key], after[key])}"
            except (KeyError, IndexError):
                return f".{key}"
    return ""


def _claim(document: Any) -> tuple[Any, ...]:
    """What is claimed, and of what."""
    if "problem" in document:
        subject: Any = vars(checker.Problem(document["problem"]))
    else:
        pattern = checker.Pattern(document["pattern"])
        subject = pattern.sizes, pattern.edges
    return document.get("claim"), document.get("objective"), subject


def _clauses(document: Any, problem: Any) -> list[list[list[frozenset[int]]]]:
    """What the steps of an optimality certificate derive."""
    report, out = checker.VerificationReport(), []
    for o, output in enumerate(document["outputs"]):
        proof = checker.OutputProof(checker.Problem(document["problem"]), o, Fraction(output["bound"]), report)
        out += [proof.derive(part["signs"], part["steps"]) for part in output["classes"]]
    return out


def _harmless(before: Any, after: Any) -> str | None:
    """Why an accepted change of an optimality certificate is no harm, or None.

    The claim (problem, loss of the parameters, bound) is that of the original, or follows from it.
    """
    if _claim(before) != _claim(after) or Fraction(after["bound"]) > Fraction(before["bound"]):
        return None
    if Fraction(after["bound"]) < Fraction(before["bound"]):
        return "a smaller bound, which follows from the original one"
    if before["parameters"] != after["parameters"]:
        return "the same claim: other parameters that have the same exact loss"
    if before["outputs"] == after["outputs"]:
        return "the same claim: a field that says nothing of it"
    if _clauses(before, None) == _clauses(after, None):
        return "the same claim: every step derives the clause that it derived before"
    return "the same claim: a clause that is derived otherwise, and all that uses it still follows"


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_changed_optimality_certificates_are_rejected(loss: str) -> None:
    documents = [c for c in generated_certificates(loss, 40, 71) if Fraction(c[2]["bound"]) > 0]
    rejected, survived = _survivors(documents, OF_OPTIMALITY, random.Random(5))
    for name, kind, before, after in survived:
        why = _harmless(before, after)
        print(f"survived: {name}, {kind} at {_where(before, after)[1:]}: {why}")
        assert why is not None
    optima = {name: exact_optimum(problem, 5_000) for name, problem, _ in documents} if loss != "l2" else {}
    confirmed = [(after, optima[name]) for name, _, _, after in survived if optima.get(name) is not None]
    assert all(Fraction(after["bound"]) <= optimum <= Fraction(after["objective"]) for after, optimum in confirmed)
    print(
        f"{loss}: {len(documents)} certificates, {rejected.total()} changes rejected, {len(survived)} survived; z3's "
        f"optimum lies between the bound and the objective of {len(confirmed)} of these"
    )
    assert len(confirmed) >= 10 or loss == "l2"
    assert len(documents) >= 12
    assert rejected.total() >= 0.85 * MUTATIONS * len(documents)
    assert min(rejected[m] for m in ("_dropped_class", "_raised_bound", "_lowered_objective")) >= 4 * len(documents)


def test_lemmas_that_do_not_follow_are_rejected() -> None:
    """Each condition of a lemma, with and without error rows, in the class of signs that it is from."""
    original = so.solve(square(21, 3), certificate=True).certificate.document
    lemmas = [
        (number, step)
        for number, part in enumerate(original["outputs"][0]["classes"])
        for step in part["steps"]
        if step[0] == "lemma"
    ]
    number, bound = next((n, step) for n, step in lemmas if step[1] and step[2])
    geometry = next(step for n, step in lemmas if n == number and not step[1] and len(step[2]) >= 3)
    _, [[i, side, active, a], *rows], [[x, m], *pairs] = bound
    _, _, [[z, c], *others] = geometry
    wrong = [
        (["lemma", [], []], "nothing is added up"),
        (["lemma", [], bound[2]], "do not cancel"),
        (["lemma", bound[1], []], "do not cancel"),
        (["lemma", [[i, side, active, 0], *rows], bound[2]], "error row"),
        (["lemma", [[i, side, active, -a], *rows], bound[2]], "error row"),
        (["lemma", [[i, 2 * side, active, a], *rows], bound[2]], "error row"),
        (["lemma", [[21, side, active, a], *rows], bound[2]], "error row"),
        (["lemma", [[i, side, 8, a], *rows], bound[2]], "active neurons"),
        (["lemma", [[i, -side, active, a], *rows], bound[2]], "cancel"),
        (["lemma", rows, bound[2]], "cancel"),
        (["lemma", bound[1], [[x, -m], *pairs]], "not positive"),
        (["lemma", bound[1], [[-x, m], *pairs]], "cancel"),
        (["lemma", [], [[z, 0], *others]], "not positive"),
        (["lemma", [], [[-z, c], *others]], "cancel"),
        (["lemma", [], others], "cancel"),
        (["lemma", [], [[0, c], *others]], "no such neuron"),
        (["lemma", [], [[3 * 21 + 1, c], *others]], "no such neuron"),
        (["lemma", [[10, 1, 0, 1], [10, -1, 0, 1]], []], "do not reach the bound"),
        (["cone", geometry[2]], "unknown"),
        (["lemma", [[10, 1, 0, 1]], []], "parameters do not cancel"),
        (["rup", [], []], "no antecedent is violated"),
        (["rup", [], [0]], "not a unit"),
        (["rup", [], [1]], "not an earlier step"),
        (["rup", [], [-1]], "not an earlier step"),
        (["copy", 1, [0, 1, 2]], "not an earlier step"),
        (["copy", 0, [0, 0, 2]], "cannot be exchanged"),
        (["copy", 0, [2, 1, 0]], "cannot be exchanged"),
    ]
    assert original["outputs"][0]["classes"][number]["signs"] == [1, 1, -1]
    for step, why in wrong:
        document = copy_of(original)
        document["outputs"][0]["classes"][number]["steps"].insert(1, step)
        assert why in so.verify(document).failure, (step, so.verify(document).failure)
    for signs in ([1, 1], [1, 1, 1, -1], [1, 1, 2], [1, 1, 0], [1, 1, "-1"]):
        document = copy_of(original)
        document["outputs"][0]["classes"][number]["signs"] = signs
        assert "signs" in so.verify(document).failure
    document = copy_of(original)
    document["outputs"][0]["classes"][0]["steps"] = [["lemma", [], [[z, 1], [-z, 1]]]]
    assert "the last clause is not empty" in so.verify(document).failure


def test_claims_beyond_the_proof_are_rejected() -> None:
    original = so.solve(square(11, 2), certificate=True).certificate.document
    document = copy_of(original)
    document["bound"] = "1/24"
    assert "more than the outputs' bounds prove" in so.verify(document).failure
    for bounds in ([], ["-1"], ["1/25", "1/25"]):
        document = copy_of(original)
        document["outputs"] = [document["outputs"][0] | {"bound": bound} for bound in bounds]
        assert not so.verify(document).valid
    assert "not a bound for each" in so.verify(document).failure
    document = copy_of(original)
    row = document["parameters"]["weights"][0][0]
    row[0] = {"0": row[0], "-1": "1"}
    assert "not constant" in so.verify(document).failure


def test_neurons_that_outputs_share_have_no_proof() -> None:
    """The proof of each output is that of a network of its own, which it must be."""
    pattern = so.SparsityPattern([[[1], [1]], [[1, 0], [0, 1]]])
    x = [[v] for v in range(-3, 4)]
    problem = so.TrainingProblem(pattern, x, [[v * v, abs(v - 1)] for [v] in x])
    original = so.solve(problem, certificate=True).certificate
    assert so.verify(original)
    shared, deep = copy_of(original.document), copy_of(original.document)
    shared["problem"]["pattern"]["masks"][1] = [[1, 1], [0, 1]]
    for masks in (deep["problem"]["pattern"]["masks"], deep["parameters"]["weights"]):
        masks.insert(1, [[1, 0], [0, 1]])
    for biases in (deep["problem"]["pattern"]["biases"], deep["parameters"]["biases"]):
        biases.insert(1, [0, 0])
    for document in (shared, deep):
        assert "not a sum of neurons of its own" in so.verify(document).failure


def test_chords_that_do_not_hold_are_rejected() -> None:
    original = so.solve(square(21, 2, "l1"), certificate=True).certificate.document
    compared: Counter[str] = Counter()
    for n, (part, at) in enumerate(steps(original)):
        chorded = [r for r, row in enumerate(part[at][1]) if len(row) == 5] if part[at][0] == "lemma" else []
        if not chorded or compared.total() >= 60:
            continue
        literal, factor = part[at][1][chorded[0]][4][0]
        j = (abs(literal) - 1) // 21
        for why in ("needs none", "misses its point", "no such neuron"):
            document = copy_of(original)
            own, place = steps(document)[n]
            row = own[place][1][chorded[0]]
            if why == "needs none":
                row[2] ^= 1 << j
            else:
                row[4][0] = [literal, 2 * int(factor)] if why == "misses its point" else [2 * 21 + 1, factor]
            assert why in so.verify(document).failure
            compared[why] += 1
    assert min(compared.values()) >= 10


def test_a_point_without_features_has_no_statement() -> None:
    """A neuron without bias at the origin is neither active nor inactive for any parameters."""
    pattern = so.SparsityPattern([[[1], [1]], [[1, 1]]], biases=[[0, 0], [1]])
    problem = so.TrainingProblem(pattern, [[-2], [-1], [0], [1], [3]], [4, 1, 1, 2, 9])
    document = so.solve(problem, certificate=True).certificate.document
    assert so.verify(document)
    for literal in (3, -3, 8):
        for step in (["lemma", [], [[literal, 1]]], ["rup", [literal], []]):
            changed = copy_of(document)
            changed["outputs"][0]["classes"][0]["steps"].insert(0, step)
            assert "features are zero" in so.verify(changed).failure


def existence_certificates() -> Documents:
    """Certificates of every claim and theorem."""
    out: Documents = []
    for number, pattern in enumerate([so.families.lu(2), so.families.dense([2, 3, 1]), *random_patterns(14, 3)]):
        reports = [so.certify(pattern), certify_box(pattern), so.linear_counterpart(pattern)]
        out += [(f"pattern {number}", r.witness if hasattr(r, "witness") else None, r.certificate) for r in reports]
    x, y = [[0], [0], [1], [2], [3]], [[0, 1], [3, 2], [0, 3], [2, 2], [5, 2]]
    wide = so.SparsityPattern([[[1]] * 6, [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]])
    groups = so.SparsityPattern([[[1], [1], [1]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]])
    for number, (pattern, targets) in enumerate(
        [
            (so.families.dense([1, 3, 2]), y),
            (wide, y),
            (so.families.dense([1, 2, 2]), [[v, 2 * v + 1] for [v] in x]),
            (groups, [[v, 2 * v, v * v] for [v] in x]),
        ]
    ):
        for loss in ("linf", "l1", "l2"):
            problem = so.TrainingProblem(pattern, x, targets, loss)
            out.append((f"data {number}, {loss}", problem, so.certify(problem).certificate))
    return [entry for entry in out if entry[2] is not None]


def _true(document: Any) -> str | None:
    """Why an accepted change of a claim about a pattern is no harm: the project's own rules say that it is true."""
    masks, biases, skip = (document["pattern"].get(key) for key in ("masks", "biases", "skip"))
    pattern, claim = so.SparsityPattern(masks, biases, skip), document["claim"]
    if claim.startswith("linear counterpart"):
        holds = so.linear_counterpart(pattern).closed is (claim == "linear counterpart closed")
    else:
        report = certify_box(pattern) if claim.endswith("box") else so.certify(pattern)
        holds = report.verdict is (so.Verdict.NOT_ATTAINED if claim.startswith("not") else so.Verdict.ATTAINED)
    return "another claim, which is true as well" if holds else None


def test_changed_existence_certificates_are_rejected() -> None:
    documents = existence_certificates()
    rejected, survived = _survivors(documents, OF_EXISTENCE, random.Random(6))
    reasons: Counter[str] = Counter()
    for name, kind, before, after in survived:
        if _claim(before) == _claim(after):
            why: str | None = "the same claim, by other evidence or with a field that says nothing of it"
        else:
            why = None if "problem" in after else _true(after)
        if why is None and (relies_on := so.verify(after).relies_on):
            why = f"not claimed without relying on {relies_on[0][:2]}, which is not checked"
        print(f"survived: {name}, {kind} at {_where(before, after)[1:]}: {why}")
        assert why is not None, after
        reasons[why] += 1
    kinds = Counter(document["claim"] for _, _, document in documents)
    print(f"{dict(kinds)}, {rejected.total()} changes rejected, survived: {dict(reasons)}")
    assert len(documents) >= 30
    assert len(kinds) == 7
    assert rejected.total() >= 0.6 * MUTATIONS * len(documents)
    assert min(rejected[kind.__name__] for kind in OF_EXISTENCE) >= len(documents)


def test_a_certificate_of_other_data_is_rejected() -> None:
    certificates = [c for c in generated_certificates("linf", 40, 71) if Fraction(c[2]["bound"]) > 0]
    compared = 0
    for (_, problem, document), (_, other, foreign) in pairwise(certificates):
        swapped = copy_of(document)
        swapped["problem"] = foreign["problem"]
        assert not so.verify(swapped).valid
        assert not so.verify(swapped, problem).valid
        assert "speaks of another" in so.verify(document, other).failure
        compared += 1
    assert compared >= 12


def _searched(problem: so.TrainingProblem, start: Any = None) -> tuple[Any, Any]:
    """The fit of a scalar problem and the control of a finished search with its logs, from given parameters."""
    from sparseopt.models.scalar_fit import ScalarFit
    from sparseopt.solvers.control import Control
    from sparseopt.solvers.exact import run

    fit, control = ScalarFit.of(problem), Control(certificate=True)
    control.best = start or (np.ones(len(fit.neurons)), np.zeros(fit.n_parameters))
    control.objective = fit.loss_of(fit.predict(*control.best))
    run(fit, control)
    return fit, control


def test_a_bound_that_is_missed_by_a_millionth_is_not_accepted() -> None:
    document = so.solve(square(21, 3), certificate=True).certificate.document
    assert so.verify(document)
    claimed = str(Fraction(document["bound"]) + Fraction(1, 10**6))
    document["bound"] = document["outputs"][0]["bound"] = claimed
    assert "the rows do not reach the bound" in so.verify(document).failure


@pytest.mark.parametrize(("points", "k", "loss"), [(11, 2, "linf"), (21, 3, "linf"), (41, 4, "linf"), (11, 2, "l1")])
def test_a_solver_that_prunes_a_millionth_too_early_is_caught(
    points: int, k: int, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search starts with a loss a millionth above the optimum and closes every node that is not better by two
    millionths; the maker of the certificate believes it."""
    from sparseopt.solvers.exact import driver

    make = class_proof.ClassSteps.__init__

    def believing(self: Any, proof: Any, its: Any) -> None:
        lower = copy(its)
        lower.objective *= Fraction(99, 100)
        make(self, proof, lower)

    def as_found(fit: Any, signs: Any, theta: Any, check: Any) -> tuple[Fraction, list[Fraction]]:
        found = [Fraction(x) for x in theta]
        return fit.loss(signs, found), found

    problem = square(points, k, loss)
    optimum = so.solve(problem, certificate=True).exact_objective
    fit, control = _searched(problem)
    signs, theta = control.best[0], control.best[1].copy()
    least = control.objective
    while fit.loss_of(fit.predict(signs, theta)) < least * (1 + 1e-6):
        theta[-1] += least * 1e-7
    worse = fit.loss_of(fit.predict(signs, theta))
    monkeypatch.setattr(driver, "TOLERANCE", 2 * (worse - least))
    fit, control = _searched(problem, (signs, theta))
    assert control.objective == worse
    monkeypatch.setattr(goal, "exact_cell", as_found)
    monkeypatch.setattr(class_proof.ClassSteps, "__init__", believing)
    certificate = optimality.certify_optimum(problem, [optimality.Part(fit, *control.best, control.proofs)])
    assert 0 < certificate.objective / optimum - 1 < 3e-6
    assert certificate.objective == certificate.bound
    assert "the rows do not reach the bound" in so.verify(certificate).failure


def test_a_solver_that_skips_a_sign_class_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = square(21, 3)
    fit, control = _searched(problem)
    monkeypatch.setattr(type(fit), "sign_classes", lambda self: [])  # the maker does not notice
    for skipped in range(len(control.proofs)):
        kept = [p for n, p in enumerate(control.proofs) if n != skipped]
        certificate = optimality.certify_optimum(problem, [optimality.Part(fit, *control.best, kept)])
        report = so.verify(certificate)
        assert "3 of 4 sign classes are proved" in report.failure


def test_a_solver_that_drops_a_point_is_caught() -> None:
    problem = square(21, 3)
    caught = 0
    for dropped in (0, 10, 20):
        fewer = problem.restrict_points([i for i in range(21) if i != dropped])
        document = so.solve(fewer, certificate=True).certificate.document
        assert so.verify(document)
        document["problem"] = problem.document
        assert not so.verify(document).valid
        caught += 1
    assert caught == 3


@pytest.mark.parametrize("loss", ["linf", "l1"])
def test_z3_confirms_every_lemma(loss: str) -> None:
    """What a lemma's clause excludes is unsatisfiable: with a smaller loss (bounds), or at all (geometry). A lemma
    that claims a tenth more is refuted, unless it proved as much."""
    z3 = pytest.importorskip("z3")
    counted: Counter[str] = Counter()
    for name, _, document in generated_certificates(loss, 40, 71)[:20]:
        problem = checker.Problem(document["problem"])
        bound = Fraction(document["bound"])
        if not bound:
            continue
        proof = checker.OutputProof(problem, 0, bound, checker.VerificationReport())
        for part in document["outputs"][0]["classes"]:
            pre, loss_below = _network(z3, problem, proof.rows, part["signs"], bound)
            _, above = _network(z3, problem, proof.rows, part["signs"], bound * Fraction(11, 10))
            clauses = proof.derive(part["signs"], part["steps"])
            for step, clause in zip(part["steps"], clauses, strict=True):
                if step[0] != "lemma":
                    continue
                kind = "bound" if step[1] else "geometry"
                excluded = []
                for literal in sorted(clause):
                    j, i = divmod(abs(literal) - 1, len(problem.X))
                    strict = kind == "geometry"
                    wrong = -pre[j][i] if literal > 0 else pre[j][i]
                    excluded.append(wrong > 0 if strict else wrong >= 0)
                excluded += loss_below if kind == "bound" else []
                solver = z3.Solver()
                assert solver.check(*excluded) == z3.unsat, (name, step)
                counted[kind] += 1
                if kind == "bound":
                    raised = [*excluded[: -len(loss_below)], *above]
                    counted["refuted with a raised bound"] += solver.check(*raised) == z3.sat
    print(f"{loss}: z3 confirms {dict(counted)}")
    assert counted["bound"] >= 40
    assert counted["geometry"] >= 2
    assert counted["refuted with a raised bound"] >= 30


def _network(z3: Any, problem: Any, rows: Any, signs: list[int], bound: Fraction) -> tuple[Any, Any]:
    """z3 terms of the pre-activations, and "the loss is below the bound"."""

    def number(x: Fraction) -> Any:
        return z3.RealVal(str(x))

    theta = [[z3.Real(f"w{j}_{q}") for q in range(len(own[0]))] for j, own in enumerate(rows)]

    def dot(row: Any, parameters: Any) -> Any:
        return z3.Sum([z3.RealVal(0)] + [number(v) * p for v, p in zip(row, parameters, strict=True)])

    *pre, linear = [[dot(row, own) for row in of] for of, own in zip(rows, theta, strict=True)]
    errors = []
    for i, (y, w) in enumerate(zip(problem.Y, problem.weights, strict=True)):
        f = linear[i]
        for j, sign in enumerate(signs):
            f = f + sign * z3.If(pre[j][i] > 0, pre[j][i], 0)
        r = number(w) * (f - number(y[0]))
        errors.append(z3.If(r > 0, r, -r))
    below = [e < number(bound) for e in errors] if problem.loss == "linf" else [z3.Sum(errors) < number(bound)]
    return pre, below
