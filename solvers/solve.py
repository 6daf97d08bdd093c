"""``so.solve``: choose a solver, split the problem, run, and say what is proved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sparseopt.models.scalar_fit import ScalarFit, ShallowParameters
from sparseopt.solvers import exact
from sparseopt.solvers.control import TOLERANCE, Control, Progress, Result, Status, Stop
from sparseopt.solvers.registry import Capability, Solver, has_scalar_form, solver_named

from sparseopt.errors import InputError
from sparseopt.existence.affine_data import affine_data
from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.report import ExistenceReport, Verdict
from sparseopt.existence.theorems import always_attained
from sparseopt.losses import Loss
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem

if TYPE_CHECKING:
    from sparseopt.certificate.optimality import OptimalityCertificate

WITNESS_N = 1000
"""Where the infimum is not attained, the network returned is that of the diverging sequence at this n."""


def solve(
    problem: TrainingProblem,
    solver: str = "auto",
    time_limit: float | None = None,
    gap: float = 0.0,
    certificate: bool = False,
    callback: Callable[[Progress], object] | None = None,
    seed: int = 0,
    **options: Any,
) -> Result:
    """Find a global optimum of a training problem, or the best network and bound within the limits.

    Parameters
    ----------
    problem : TrainingProblem
    solver : str
        A name that ``sparseopt solvers`` lists, or "auto": the strongest proof that is feasible.
    time_limit : float, optional
        Seconds.
    gap : float
        Stop when (objective - bound) / objective is at most this. 0 asks for an optimum.
    certificate : bool
        Make the answer exact and keep its proof (`result.certificate`, `exact_objective`, `exact_bound`).
    callback : callable, optional
        Called with :class:`Progress` rows; a true return value stops the run.
    seed : int
        For solvers that draw random numbers.
    **options
        Options of the solver, see ``sparseopt solvers``.

    Returns
    -------
    Result
        ``Status.OPTIMAL`` only with objective and bound equal within the tolerance of docs/tolerances.md.

    Raises
    ------
    InputError
        If the solver is unknown, not installed, refuses the problem or does not know an option.

    Examples
    --------
    >>> import sparseopt as so
    >>> x = [[i / 5] for i in range(-5, 6)]
    >>> problem = so.TrainingProblem(so.families.dense([1, 2, 1]), x, [v * v for [v] in x])
    >>> result = so.solve(problem)
    >>> result.status.value, round(result.objective, 6)
    ('OPTIMAL', 0.04)
    """
    _check_limits(time_limit, gap, seed)
    theorem = always_attained(problem.pattern)
    if theorem is None and solver == "auto":
        report = affine_data(problem)
        if isinstance(report, ExistenceReport):
            return _from_report(problem, report)
    chosen = _choose(problem) if solver == "auto" else solver_named(solver)
    if certificate and Capability.CERTIFICATE not in chosen.capabilities:
        raise InputError(f"solver {chosen.name}: writes no optimality certificates; solve without one")
    if (refusal := chosen.refuses(problem)) is not None:
        raise InputError(refusal)
    if unknown := [name for name in options if name not in chosen.options]:
        known = ", ".join(chosen.options) or "none"
        raise InputError(f"solver {chosen.name}: unknown option {unknown[0]!r}; it takes {known}")
    deadline = None if time_limit is None else time.perf_counter() + time_limit
    control = Control(gap=gap, seed=seed, deadline=deadline, callback=callback, certificate=certificate)
    run = _run_scalar if has_scalar_form(problem) else _run_network
    return _result(problem, chosen, theorem, control, run(problem, chosen, control, options))


def _check_limits(time_limit: float | None, gap: float, seed: int) -> None:
    if time_limit is not None and not (isinstance(time_limit, (int, float)) and time_limit > 0):
        raise InputError(f"time_limit: {time_limit!r} is not a positive number of seconds")
    if not 0 <= gap < math.inf:
        raise InputError(f"gap: {gap!r} is not a number of at least 0")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed: {seed!r} is not a whole number of at least 0")


def _choose(problem: TrainingProblem) -> Solver:
    """exact wherever Theorem S or U holds and the problem is not too large for it, else local."""
    return solver_named("exact" if has_scalar_form(problem) and exact.takes(problem) else "local")


def _from_report(problem: TrainingProblem, report: ExistenceReport) -> Result:
    """The answer that theory gives for exactly affine data."""
    if report.verdict is Verdict.ATTAINED:
        return Result(Status.OPTIMAL, 0.0, 0.0, report.network, "theory", report.reason, certificate=report.certificate)
    assert report.sequence is not None
    network = report.sequence.at(WITNESS_N)
    loss = float(problem.evaluate_exact(network))
    message = f"{report.reason}; the network shown is the diverging sequence at n = {WITNESS_N}"
    return Result(Status.NOT_ATTAINED, loss, 0.0, network, "theory", message, certificate=report.certificate)


@dataclass
class _Outcome:
    """What a run left behind, in the problem's units; `stopped` is None where the solver came to its own end."""

    network: Network | None
    bound: float
    closed: bool
    stopped: Status | None = None
    trouble: str = ""
    weight_limit: float | None = None
    certificate: OptimalityCertificate | None = None
    remark: str = ""


def _guarded(run: Callable[[], None]) -> tuple[Status | None, str]:
    """Run a solver; why it was stopped, and numerical trouble in words. What it reported by then is kept."""
    try:
        run()
    except Stop as stop:
        return stop.status, ""
    except KeyboardInterrupt:
        return Status.INTERRUPTED, ""
    except ArithmeticError as error:
        return None, str(error)
    return None, ""


def _run_scalar(problem: TrainingProblem, solver: Solver, control: Control, options: dict[str, Any]) -> _Outcome:
    """One scalar fit per output; the loss is the greatest (linf) or the sum (l1, l2) of the parts."""
    fits = [ScalarFit.of(problem, o) for o in range(problem.pattern.n_outputs)]
    scales = [fit.objective_scale for fit in fits]
    parts = [_part(problem, o, fit, control) for o, fit in enumerate(fits)]

    def combine(values: Iterable[float]) -> float:
        values = [v * scale for v, scale in zip(values, scales, strict=True)]
        return max(values) if problem.loss is Loss.LINF else math.fsum(values)

    def show(row: Progress) -> object:
        control.nodes = sum(part.nodes for part in parts)
        control.points = row.points
        return control.record(combine(p.objective for p in parts), combine(p.bound for p in parts))

    stopped: Status | None = None
    trouble = ""

    def run_part(fit: ScalarFit, part: Control) -> None:
        if not part.closed or part.proofs is not None:
            part.report()
            solver.module.run(fit, part, **options)

    for fit, part in zip(fits, parts, strict=True):
        part.callback = show
        halted, words = _guarded(partial(run_part, fit, part))
        stopped, trouble = halted or stopped, words or trouble
        if stopped in (Status.TIME_LIMIT, Status.INTERRUPTED):
            break
    built = ShallowParameters(problem.pattern)
    for o, (fit, part) in enumerate(zip(fits, parts, strict=True)):
        fit.add_to(built, o, part.best[0], fit.unscaled(part.best[1]))
    control.nodes = sum(part.nodes for part in parts)
    outcome = _Outcome(
        built.network(),
        combine(p.bound for p in parts),
        all(p.closed for p in parts),
        stopped,
        trouble,
        next((part.weight_limit for part in parts if part.weight_limit is not None), None),
    )
    if control.proofs is not None:
        _add_certificate(outcome, problem, fits, parts)
    return outcome


def _add_certificate(outcome: _Outcome, problem: TrainingProblem, fits: list[ScalarFit], parts: list[Control]) -> None:
    """Make the answer exact, if every output was searched to the end; else say why there is no certificate.

    The time limit and Ctrl-C hold for this too: then the answer stays as it is.
    """
    from sparseopt.certificate.optimality import Part, certify_optimum

    searched = [Part(fit, part.best[0], part.best[1], part.proofs or []) for fit, part in zip(fits, parts, strict=True)]

    def make() -> None:
        outcome.certificate = certify_optimum(problem, searched, parts[0].gap, parts[0].check)
        outcome.network = outcome.certificate.network
        outcome.bound = max(outcome.bound, float(outcome.certificate.bound))

    halted, why = _guarded(make)
    if halted is not None:
        cause = "the time limit was reached" if halted is Status.TIME_LIMIT else "it was interrupted"
        why = f"{cause} while the proof was made exact"
    if outcome.certificate is None:
        outcome.remark = f"; no certificate: {why}"


def _part(problem: TrainingProblem, output: int, fit: ScalarFit, control: Control) -> Control:
    """The control of one output's fit, in scaled units; it starts from zero parameters and the data's own bound."""
    part = Control(
        gap=control.gap,
        seed=control.seed,
        tolerance=TOLERANCE,
        deadline=control.deadline,
        certificate=control.proofs is not None,
    )
    zero = (np.ones(len(fit.neurons)), np.zeros(fit.n_parameters))
    part.objective, part.best = fit.loss_of(np.zeros(fit.n_points)), zero
    part.bound = min(float(data_bound(problem.restrict_outputs([output]))) / fit.objective_scale, part.objective)
    return part


def _run_network(problem: TrainingProblem, solver: Solver, control: Control, options: dict[str, Any]) -> _Outcome:
    """A pattern that does not split: the solver works on the whole network."""
    control.bound, control.points = float(data_bound(problem)), problem.n_points
    control.tolerance = 0.0
    stopped, trouble = _guarded(partial(solver.module.run_network, problem, control, **options))
    return _Outcome(control.best, control.bound, control.closed, stopped, trouble)


def _result(problem: TrainingProblem, solver: Solver, theorem: str | None, control: Control, end: _Outcome) -> Result:
    """Re-evaluate the network on the original data and say why the run stopped and what is proved."""
    objective = math.inf if end.network is None else problem.evaluate(end.network)
    if end.certificate is not None:
        objective = float(end.certificate.objective)  # exact parameters may be too large for floats
    bound = min(end.bound, objective)
    control.record(objective, bound)
    status = end.stopped or Status.FAILED
    if end.closed:
        status = Status.OPTIMAL
    return Result(
        status,
        objective,
        bound,
        end.network,
        solver.name,
        _message(solver, theorem, status, end) + end.remark,
        end.weight_limit,
        None if end.certificate is None else end.certificate.objective,
        None if end.certificate is None else end.certificate.bound,
        end.certificate,
        trace=control.trace,
        seconds=control.seconds,
    )


def _message(solver: Solver, theorem: str | None, status: Status, end: _Outcome) -> str:
    exists = theorem or "whether an optimum exists is undecided for this pattern: see certify"
    if status is Status.OPTIMAL:
        if end.weight_limit is not None:
            return f"proved optimal among parameters of the scaled problem within ±{end.weight_limit:g} only. {exists}"
        return f"proved optimal over all parameters. {exists}"
    if end.trouble:
        return f"numerical trouble: {end.trouble}; the bound is what was proved before. {exists}"
    if status is Status.FAILED:
        why = (
            "the method proves nothing" if Capability.PROOF not in solver.capabilities else "bound and objective differ"
        )
        return f"{why}; this is the best network found. {exists}"
    return f"stopped early; the best network and bound so far are kept. {exists}"
