"""A certificate that was changed, or that a wrong solver made, is not accepted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from certificates import copy_of, generated_certificates, square, steps

import sparseopt as so
from sparseopt.certificate import checker, class_proof, optimality

MUTATIONS = 40


def _numbers(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of every number below a value."""
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(entry, (dict, list)):
            _numbers(entry, found)
        elif not isinstance(entry, str) or entry.lstrip("-")[:1].isdigit():
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


KINDS: list[Callable[[Any, random.Random], None]] = [
    _digit,
    _sign,
    _dropped_step,
    _dropped_entry,
    _swapped_steps,
    _dropped_class,
    _raised_bound,
    _lowered_objective,
]


def _harmless(original: Any, changed: Any) -> str | None:
    """Why an accepted change is no harm: what is claimed about the problem is not more than before, and is proved."""
    if Fraction(changed["objective"]) != Fraction(original["objective"]):
        return None
    bounds = [Fraction(d["bound"]) for d in (original, changed)]
    if bounds[1] < bounds[0]:
        return "a weaker bound"
    return "another derivation of the same claim" if bounds[0] == bounds[1] else None


@pytest.mark.parametrize("loss", ["linf", "l1", "l2"])
def test_changed_certificates_are_rejected(loss: str) -> None:
    rng = random.Random(5)
    rejected: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    documents = [c for c in generated_certificates(loss, 40, 71) if Fraction(c[2]["bound"]) > 0]
    for name, problem, document in documents:
        for number in range(MUTATIONS):
            changed = copy_of(document)
            mutation = KINDS[number % len(KINDS)]
            mutation(changed, rng)
            if changed == document:
                continue
            if not so.verify(changed, problem).valid:
                rejected[mutation.__name__] += 1
                continue
            why = _harmless(document, changed)
            assert why is not None, (name, mutation.__name__)
            survived[why] += 1
    print(f"{loss}: {len(documents)} certificates, {rejected.total()} changes rejected, survived: {dict(survived)}")
    assert len(documents) >= 12
    assert rejected.total() >= 0.85 * MUTATIONS * len(documents)
    assert min(rejected[m] for m in ("_dropped_class", "_raised_bound", "_lowered_objective")) >= 4 * len(documents)


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


def _parts(problem: so.TrainingProblem) -> tuple[Any, Any]:
    """The fit of a scalar problem and the control of a finished search with its logs."""
    from sparseopt.models.scalar_fit import ScalarFit
    from sparseopt.solvers.control import Control
    from sparseopt.solvers.exact import run

    fit, control = ScalarFit.of(problem), Control(certificate=True)
    control.best = np.ones(len(fit.neurons)), np.zeros(fit.n_parameters)
    control.objective = fit.loss_of(fit.predict(*control.best))
    run(fit, control)
    return fit, control


def test_a_bound_that_is_missed_by_a_millionth_is_not_accepted() -> None:
    document = so.solve(square(21, 3), certificate=True).certificate.document
    assert so.verify(document)
    claimed = str(Fraction(document["bound"]) + Fraction(1, 10**6))
    document["bound"] = document["outputs"][0]["bound"] = claimed
    assert "the rows do not reach the bound" in so.verify(document).failure


def test_a_solver_that_prunes_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are closed 0.02 below the incumbent, and the maker of the certificate believes it."""
    from sparseopt.solvers.exact import driver

    make = class_proof.ClassSteps.__init__

    def believing(self: Any, fit: Any, proof: Any, bound: Fraction, check: Any) -> None:
        make(self, fit, proof, bound - Fraction(3, 100), check)

    problems = [square(21, k) for k in (2, 3, 4)]
    optima = [so.solve(problem, certificate=True).exact_objective for problem in problems]
    monkeypatch.setattr(driver, "TOLERANCE", 0.02)
    monkeypatch.setattr(class_proof.ClassSteps, "__init__", believing)
    caught = 0
    for problem, optimum in zip(problems, optima, strict=True):
        certificate = so.solve(problem, certificate=True).certificate
        assert certificate.objective == certificate.bound
        report = so.verify(certificate)
        caught += "the rows do not reach the bound" in report.failure
        assert not report.valid or certificate.objective == optimum
    assert caught >= 2


def test_a_solver_that_skips_a_sign_class_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = square(21, 3)
    fit, control = _parts(problem)
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
    """What a lemma's clause excludes is unsatisfiable: with a smaller loss (bounds), or at all (geometry)."""
    z3 = pytest.importorskip("z3")
    counted: Counter[str] = Counter()
    for name, _, document in generated_certificates(loss, 40, 71)[:20]:
        problem = checker.Problem(document["problem"])
        bound = Fraction(document["bound"])
        if not bound:
            continue
        fit = checker.ScalarFit(problem, 0, checker.VerificationReport())
        for part in document["outputs"][0]["classes"]:
            proof = checker.Proof(fit, part["signs"], bound, checker.VerificationReport())
            pre, loss_below = _network(z3, problem, fit, part["signs"], bound)
            for step in part["steps"]:
                proof.step(step)
                if step[0] not in ("bound", "cone"):
                    continue
                solver = z3.Solver()
                for literal in proof.clauses[-1]:
                    j, i = divmod(abs(literal) - 1, len(problem.X))
                    strict = step[0] == "cone" and abs(literal) == abs(proof.statement(step[1])[2])
                    wrong = -pre[j][i] if literal > 0 else pre[j][i]
                    solver.add(wrong > 0 if strict else wrong >= 0)
                if step[0] == "bound":
                    solver.add(*loss_below)
                assert solver.check() == z3.unsat, (name, step)
                counted[step[0]] += 1
    print(f"{loss}: z3 confirms {dict(counted)}")
    assert counted["bound"] >= 40


def _network(z3: Any, problem: Any, fit: Any, signs: list[int], bound: Fraction) -> tuple[Any, Any]:
    """z3 terms of the pre-activations, and "the loss is below the bound"."""

    def number(x: Fraction) -> Any:
        return z3.RealVal(str(x))

    scale = fit.rows[0][0][-1] if fit.rows else 1  # any positive factor will do: it scales the parameters
    theta = [[z3.Real(f"w{j}_{q}") for q in range(len(rows[0]))] for j, rows in enumerate(fit.rows)]
    direct = [z3.Real(f"v{q}") for q in range(len(fit.linear[0]))]

    def dot(row: Any, parameters: Any) -> Any:
        return z3.Sum(
            [z3.RealVal(0)] + [number(Fraction(v, scale or 1)) * p for v, p in zip(row, parameters, strict=True)]
        )

    pre = [[dot(row, own) for row in rows] for rows, own in zip(fit.rows, theta, strict=True)]
    errors = []
    for i, (y, w) in enumerate(zip(problem.Y, problem.weights, strict=True)):
        f = dot(fit.linear[i], direct)
        for j, sign in enumerate(signs):
            f = f + sign * z3.If(pre[j][i] > 0, pre[j][i], 0)
        r = number(w) * (f - number(y[0]))
        errors.append(z3.If(r > 0, r, -r))
    below = [e < number(bound) for e in errors] if problem.loss == "linf" else [z3.Sum(errors) < number(bound)]
    return pre, below
