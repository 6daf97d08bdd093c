"""Divergence made visible: training from several starts on data, beside the exact sequence where one is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from sparseopt.certification import certify
from sparseopt.existence.report import ExistenceReport
from sparseopt.files import write_file
from sparseopt.plot import check_target
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray
from sparseopt.solvers.gradient import SmoothLoss

RECORDED = 60
"""Points recorded of each run, evenly spaced in the logarithm of the iteration."""


@dataclass(frozen=True)
class Run:
    """One training run: rows (iteration, loss, largest weight), the loss being the problem's own."""

    method: str
    rows: list[tuple[int, float, float]]


@dataclass(frozen=True)
class Divergence:
    """Training runs on a problem, what :func:`sparseopt.certify` says of it, and the rows (n, …) of its sequence."""

    runs: list[Run]
    report: ExistenceReport
    sequence: list[tuple[int, float, float]]


def diverge(problem: TrainingProblem, starts: int = 5, iterations: int = 5_000, seed: int = 0) -> Divergence:
    """Train with L-BFGS and with plain gradient descent from the same starts and record loss and largest weight.

    Both minimise the sum of squared errors (l1: a smoothed sum of absolute errors) of the scaled data.
    """
    report = certify(problem)
    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(starts):
        start = rng.normal(size=SmoothLoss(problem).size)
        runs += [_run(problem, method, start, iterations) for method in (_lbfgs, _descent)]
    sequence = []
    if report.sequence is not None:
        for n in (2**e for e in range(21)):
            network = report.sequence.at(n)
            sequence.append((n, float(problem.evaluate_exact(network)), network.largest_weight))
    return Divergence(runs, report, sequence)


Watch = Callable[[FloatArray], None]


def _run(
    problem: TrainingProblem, method: Callable[[SmoothLoss, FloatArray, int, Watch], str], start: FloatArray, most: int
) -> Run:
    smooth = SmoothLoss(problem)
    recorded = set(np.geomspace(1, most, RECORDED).astype(int).tolist())
    rows: list[tuple[int, float, float]] = []
    count = 0

    def watch(z: FloatArray) -> None:
        nonlocal count
        count += 1
        if count in recorded:
            network = smooth.network(z)
            rows.append((count, float(problem.evaluate(network)), network.largest_weight))

    return Run(method(smooth, start, most, watch), rows)


def _lbfgs(smooth: SmoothLoss, start: FloatArray, most: int, watch: Watch) -> str:
    from scipy.optimize import minimize

    options: Any = {"maxiter": most, "maxfun": 10 * most, "ftol": 0.0, "gtol": 0.0}
    callback: Any = watch  # scipy's stubs know only some of the callables that minimize takes
    minimize(smooth, start, jac=True, method="L-BFGS-B", callback=callback, options=options)
    return "L-BFGS"


def _descent(smooth: SmoothLoss, start: FloatArray, most: int, watch: Watch) -> str:
    """Gradient descent; the step doubles after a decrease and halves until there is one."""
    z, step = start, 1e-2
    loss, slope = smooth(z)
    for _ in range(most):
        new = z - step * slope
        new_loss, new_slope = smooth(new)
        while new_loss >= loss and step > 1e-14:
            step /= 2
            new = z - step * slope
            new_loss, new_slope = smooth(new)
        if new_loss >= loss:
            break
        z, loss, slope, step = new, new_loss, new_slope, step * 1.5
        watch(z)
    return "gradient descent"


def plot_divergence(problem: TrainingProblem, shown: Divergence, path: str | PathLike[str]) -> None:
    """Draw loss and largest weight against iterations (runs) and against n (sequence), and write the picture.

    Raises
    ------
    InputError
        If the suffix is not .png, .svg or .pdf.
    """
    check_target(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    both = figure.subplots(1, 2)
    colours = {"L-BFGS": "#2f6fb0", "gradient descent": "#d9822b"}
    for k, (ax, what) in enumerate(zip(both, (f"loss ({problem.loss.value})", "largest weight"), strict=True), start=1):
        named: set[str] = set()
        for run in shown.runs:
            label = None if run.method in named else run.method
            named.add(run.method)
            _line(ax, run.rows, k, color=colours[run.method], lw=1.1, alpha=0.75, label=label)
        if shown.sequence:
            _line(ax, shown.sequence, k, color="0.1", lw=1.6, ls="--", label="exact sequence")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("iteration, or n")
        ax.set_title(what, loc="left", fontsize=10)
        ax.grid(alpha=0.25)
    both[0].legend(frameon=False, fontsize=9)
    verdict = shown.report.verdict.value.replace("_", " ").lower()
    name = problem.name or "-".join(map(str, problem.pattern.sizes))
    figure.suptitle(f"{name} (certify: {verdict})", x=0.01, ha="left", fontsize=11)
    write_file(path, lambda temporary: figure.savefig(temporary, dpi=150))


def _line(ax: Any, rows: list[tuple[int, float, float]], k: int, **style: Any) -> None:
    positive = [(row[0], row[k]) for row in rows if row[k] > 0]
    if positive:
        ax.plot(*zip(*positive, strict=True), **style)
