"""``so.certify``: does an optimum exist, for every dataset of a pattern or for given data?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparseopt.errors import InputError
from sparseopt.existence.affine_data import affine_data
from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.divergence import witness_problem
from sparseopt.existence.engine import ENGINE
from sparseopt.existence.exact_fit import exact_fit, targets
from sparseopt.existence.linear_counterpart import linear_counterpart
from sparseopt.existence.merging import merging_neurons
from sparseopt.existence.report import (
    PAPER,
    ExistenceReport,
    Scope,
    Verdict,
    certificate_of_parameters,
    data_certificate,
    existence_certificate,
    part_of_whole,
)
from sparseopt.existence.theorems import always_attained, interpolation
from sparseopt.files import pattern_document
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem


def certify(subject: SparsityPattern | TrainingProblem, engine_seconds: float = 10.0) -> ExistenceReport:
    """Decide whether the infimum of the training loss is attained.

    Parameters
    ----------
    subject : SparsityPattern or TrainingProblem
        A pattern asks about every dataset, a problem about its own.
    engine_seconds : float
        Time limit for each question about a problem's data that z3 is asked, and for each bound on the infimum of an
        undecided problem; 0 asks none.

    Returns
    -------
    ExistenceReport
        ATTAINED for every dataset, NOT_ATTAINED with a witness dataset, or UNDECIDED; for a problem, verdicts about
        this dataset. Ctrl-C ends the questions about a problem with UNDECIDED and what is known by then.

    Notes
    -----
    Theorems D, S, U, C, I, A, N and G of docs/existence.md; the source is Le, Riccietti, Gribonval (2023).

    Examples
    --------
    >>> import sparseopt as so
    >>> so.certify(so.families.dense([2, 3, 1])).verdict.value
    'ATTAINED'
    >>> report = so.certify(so.families.lu(2))
    >>> report.verdict.value, report.scope.value, report.witness.n_points
    ('NOT_ATTAINED', 'SOME_DATASET', 9)
    """
    if isinstance(subject, SparsityPattern):
        return _certify_pattern(subject)
    if isinstance(subject, TrainingProblem):
        try:
            report = _certify_problem(subject, engine_seconds)
        except KeyboardInterrupt:
            return _interrupted(subject)
        undecided = report.verdict is Verdict.UNDECIDED and engine_seconds > 0
        return _with_bounds(report, subject, engine_seconds) if undecided else report
    raise InputError(f"certify: expected a SparsityPattern or a TrainingProblem, got {type(subject).__name__}")


def certify_box(pattern: SparsityPattern) -> ExistenceReport:
    """Whether every continuous function on a box has a best uniform approximation by the pattern.

    Rule K (the paper, on the cube): one hidden layer, one output, free biases: yes. If the linear counterpart is not
    closed and all biases are free: no.

    Examples
    --------
    >>> import sparseopt as so
    >>> certify_box(so.families.lu(2)).verdict.value
    'NOT_ATTAINED'
    """
    free = all(b.all() for b in pattern.biases)
    scope = Scope.EVERY_BOX_FUNCTION
    if pattern.depth == 2 and pattern.n_outputs == 1 and free:
        statement = (
            "Theorem K: one hidden layer, one output, free biases: on a box the functions are closed in the uniform "
            f"norm, so every continuous function has a best approximation ({PAPER})"
        )
        certificate = existence_certificate("attained on a box", pattern=pattern_document(pattern))
        return ExistenceReport(Verdict.ATTAINED, scope, statement, "K", certificate=certificate)
    lc = linear_counterpart(pattern)
    if lc.closed is False and free:
        assert lc.certificate is not None
        return ExistenceReport(
            Verdict.NOT_ATTAINED,
            Scope.SOME_BOX_FUNCTION,
            f"a box needs a closed linear counterpart, and it is not closed ({lc.reason}): the linear map x ↦ A x is a "
            f"uniform limit on the box and is not realized ({PAPER})",
            "K",
            certificate=lc.certificate | {"claim": "not attained on a box"},
        )
    why = f"linear counterpart: {lc.reason}" if free else "some bias is not free"
    return ExistenceReport(Verdict.UNDECIDED, scope, f"rule K does not apply ({_shape(pattern)}); {why}")


def _certify_pattern(pattern: SparsityPattern) -> ExistenceReport:
    if (statement := always_attained(pattern)) is not None:
        return _attained(
            "attained for every dataset", Scope.EVERY_DATASET, statement, pattern=pattern_document(pattern)
        )
    lc = linear_counterpart(pattern)
    if lc.closed is False:
        found = witness_problem(pattern, lc)
        if not isinstance(found, str):
            witness, sequence = found
            return ExistenceReport(
                Verdict.NOT_ATTAINED,
                Scope.SOME_DATASET,
                f"Theorem N: the linear counterpart is not closed ({lc.reason}); the witness dataset has infimum 0, "
                f"which no parameters reach ({PAPER})",
                "N",
                witness,
                sequence,
                certificate=data_certificate(
                    "not attained",
                    "N",
                    witness,
                    sequence.to_dict(),
                    outside=None if lc.outside is None else lc.outside.to_dict(),
                ),
            )
        why = f"the linear counterpart is not closed, but {found}"
    elif lc.closed:
        why = (
            f"the linear counterpart is closed ({lc.reason}), which theorem N needs it not to be, and no theorem says "
            "that an optimum always exists"
        )
    else:
        why = f"whether the linear counterpart is closed is undecided ({lc.reason})"
    return ExistenceReport(
        Verdict.UNDECIDED,
        Scope.EVERY_DATASET,
        f"theorems D, S, U, C do not apply ({_shape(pattern)}); {why}",
    )


def _certify_problem(problem: TrainingProblem, engine_seconds: float) -> ExistenceReport:
    if (statement := always_attained(problem.pattern)) is not None:
        return _attained("attained", Scope.THIS_DATASET, statement, problem=problem.document, parts=[])
    if (found := interpolation(problem)) is not None:
        statement, network = found
        certificate = certificate_of_parameters(problem, network, "I")
        return ExistenceReport(
            Verdict.ATTAINED, Scope.THIS_DATASET, statement, "I", network=network, certificate=certificate
        )
    affine = affine_data(problem)
    if isinstance(affine, ExistenceReport):
        return affine
    if (by_groups := _certify_groups(problem, engine_seconds)) is not None:
        return by_groups
    from sparseopt.solvers.gradient import exact_candidates

    for network in exact_candidates(problem):
        if (report := attained_by_bound(problem, network)) is not None:
            return report
    fit = exact_fit(problem, engine_seconds) if engine_seconds > 0 else None
    if isinstance(fit, Network) and (report := attained_by_bound(problem, fit)) is not None:
        return report
    bound = data_bound(problem)
    if fit is False and (report := _never_reached(problem, engine_seconds)) is not None:
        return report
    missed = f"no parameters reach the bound {bound} ({ENGINE})" if fit is False else f"no network was found at {bound}"
    return ExistenceReport(
        Verdict.UNDECIDED,
        Scope.THIS_DATASET,
        f"theorems D, S, U, C, I do not apply ({_shape(problem.pattern)}); {affine}; {missed}, the loss that equal "
        f"inputs force (rule A), and no diverging parameters were found that tend to it (G)",
    )


def _never_reached(problem: TrainingProblem, engine_seconds: float) -> ExistenceReport | None:
    """G: the bound that equal inputs give is the limit of a diverging sequence; z3 has said that nothing reaches it."""
    goal, bound = targets(problem), data_bound(problem)
    sequence = merging_neurons(problem.pattern, goal, engine_seconds)
    if sequence is None:
        return None
    return ExistenceReport(
        Verdict.NOT_ATTAINED,
        Scope.THIS_DATASET,
        f"Theorem G: two hidden neurons whose hyperplanes merge bring the loss as close to {bound} as one likes "
        f"(exact), and no parameters reach {bound} ({ENGINE} on exact real arithmetic; this half rests on its word)",
        "G",
        sequence=sequence,
        certificate=data_certificate("not attained", "G", problem, sequence.to_dict(), engine=ENGINE),
    )


def _interrupted(problem: TrainingProblem) -> ExistenceReport:
    reason = f"interrupted before every rule was tried; equal inputs force a loss of at least {data_bound(problem)}"
    return ExistenceReport(Verdict.UNDECIDED, Scope.THIS_DATASET, reason)


def _with_bounds(report: ExistenceReport, problem: TrainingProblem, seconds: float) -> ExistenceReport:
    """An undecided report with the best network that was found and a lower bound, in floating point."""
    from sparseopt.solvers.duplicates import duplicate_bound
    from sparseopt.solvers.gradient import balanced
    from sparseopt.solvers.solve import solve

    found = solve(problem, "local", time_limit=seconds)
    if found.network is None:
        return report
    bound, how = found.bound, "equal inputs"
    if problem.pattern.depth == 2 and (copies := duplicate_bound(problem, seconds)) > bound:
        bound, how = min(copies, found.objective), "every output with its own copies of shared neurons"
    size = balanced(found.network).largest_weight
    reason = (
        f"{report.reason}. In floating point, the infimum is at least {bound:.6g} ({how}) and at most "
        f"{found.objective:.6g}, the loss of the best network found (largest weight {size:.3g})"
    )
    return replace(report, reason=reason, network=found.network, bounds=(bound, found.objective))


def _certify_groups(problem: TrainingProblem, engine_seconds: float) -> ExistenceReport | None:
    """C on data: groups of outputs that share no hidden neuron are fitted independently.

    The loss is the sum (l1, l2) or the greatest (linf) of the groups' losses. Attained if each group's is; for a sum
    also not attained if one group's is not. (A greatest value may be attained by another group.)
    """
    groups = problem.pattern.output_groups
    if len(groups) < 2:
        return None
    parts = [_certify_problem(problem.restrict_outputs(list(group)), engine_seconds) for group in groups]
    named = [f"outputs {', '.join(str(o + 1) for o in g)}: {p.reason}" for g, p in zip(groups, parts, strict=True)]

    def certificate(verdict: Verdict, claim: str) -> dict[str, Any]:
        own = [
            part_of_whole(part, group, problem.pattern)
            for group, report in zip(groups, parts, strict=True)
            if report.verdict is verdict and report.certificate is not None
            for part in report.certificate["parts"]
        ]
        return existence_certificate(claim, theorem="C", problem=problem.document, parts=own)

    if all(p.verdict is Verdict.ATTAINED for p in parts):
        reason = f"Theorem C: {len(groups)} groups of outputs share no hidden neuron. " + "; ".join(named)
        proof = certificate(Verdict.ATTAINED, "attained")
        return ExistenceReport(Verdict.ATTAINED, Scope.THIS_DATASET, reason, "C", certificate=proof)
    failing = [n for n, p in zip(named, parts, strict=True) if p.verdict is Verdict.NOT_ATTAINED]
    if failing and problem.loss is not Loss.LINF:
        reason = f"Theorem C: the loss is a sum over groups of outputs that share no hidden neuron. {failing[0]}"
        proof = certificate(Verdict.NOT_ATTAINED, "not attained")
        return ExistenceReport(Verdict.NOT_ATTAINED, Scope.THIS_DATASET, reason, "C", certificate=proof)
    return None


def attained_by_bound(problem: TrainingProblem, network: Network) -> ExistenceReport | None:
    """A: parameters whose exact loss equals a valid lower bound are an optimum, whatever the pattern.

    The bound is that of any function of the inputs (:func:`sparseopt.existence.data_bound.data_bound`).
    """
    loss = problem.evaluate_exact(network)
    if loss != data_bound(problem):
        return None
    return ExistenceReport(
        Verdict.ATTAINED,
        Scope.THIS_DATASET,
        f"Rule A: a network reaches the exact loss {loss}, which no function of these inputs can beat",
        "A",
        network=network,
        certificate=certificate_of_parameters(problem, network),
    )


def _attained(claim: str, scope: Scope, statement: str, **subject: Any) -> ExistenceReport:
    theorem = statement.split(":")[0].removeprefix("Theorem ")
    certificate = existence_certificate(claim, theorem=theorem, **subject)
    return ExistenceReport(Verdict.ATTAINED, scope, statement, theorem, certificate=certificate)


def _shape(pattern: SparsityPattern) -> str:
    hidden = pattern.depth - 1
    layers = f"{hidden} hidden layer{'s' if hidden != 1 else ''}"
    outputs = f"{pattern.n_outputs} output{'s' if pattern.n_outputs != 1 else ''}"
    shared = ", some hidden neuron feeds several" if hidden == 1 else ""
    return f"{layers}, {outputs}{shared}"
