"""Divergence made visible: training from several starts on data, beside the exact sequence where one is known and
the optima within growing weight boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from sparseopt.certification import certify
from sparseopt.existence.report import ExistenceReport
from sparseopt.files import write_file
from sparseopt.growing_boxes import BoxOptimum, BoxStatus, box_optima
from sparseopt.plot import check_target
from sparseopt.problem import TrainingProblem
from sparseopt.rationals import FloatArray
from sparseopt.solvers.gradient import SmoothLoss

RECORDED = 60
"""Points recorded of each run, evenly spaced in the logarithm of the iteration."""
COLOURS = {"L-BFGS": "#2f6fb0", "gradient descent": "#d9822b"}
BOX_COLOUR = "#1b7f4d"


@dataclass(frozen=True)
class Run:
    """One training run: rows (iteration, loss, largest weight), the loss being the problem's own."""

    method: str
    rows: list[tuple[int, float, float]]


@dataclass(frozen=True)
class Divergence:
    """Training runs on a problem, what :func:`sparseopt.certify` says of it, the rows (n, …) of its sequence, and the
    optima within weight boxes."""

    runs: list[Run]
    report: ExistenceReport
    sequence: list[tuple[int, float, float]]
    boxes: list[BoxOptimum]


def diverge(
    problem: TrainingProblem,
    starts: int = 8,
    iterations: int = 5_000,
    seed: int = 0,
    boxes: int = 0,
    box_seconds: float = 60.0,
) -> Divergence:
    """Train with L-BFGS and with plain gradient descent from the same starts and record loss and largest weight.

    Both minimise the sum of squared errors (l1: a smoothed sum of absolute errors) of the scaled data. SCIP is asked
    for the optima within the first `boxes` weight boxes R = 1, 2, 4, …, each for at most `box_seconds`.

    Raises
    ------
    InputError
        If boxes are asked for and SCIP is not installed.
    """
    optima = box_optima(problem, [2.0**e for e in range(boxes)], box_seconds)
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
    return Divergence(runs, report, sequence, optima)


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
    """Draw loss and largest weight against iterations (runs) and n (sequence), and the one against the other, where
    every curve stays above the optima within weight boxes; write the picture.

    Raises
    ------
    InputError
        If the suffix is not .png, .svg or .pdf.
    """
    check_target(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.5, 4.4), layout="constrained")
    panels = figure.subplots(1, 3)
    loss, weight = f"loss ({problem.loss.value})", "largest weight"
    for ax, (x, y, across, up) in zip(
        panels,
        [(0, 1, "iteration, or n", loss), (0, 2, "iteration, or n", weight), (2, 1, weight, loss)],
        strict=True,
    ):
        named: set[str] = set()
        for run in shown.runs:
            label = None if run.method in named else run.method
            named.add(run.method)
            _line(ax, run.rows, x, y, color=COLOURS[run.method], lw=1.1, alpha=0.75, label=label)
            _line(ax, run.rows[-1:], x, y, color=COLOURS[run.method], marker="o", ms=4)
        if shown.sequence:
            _line(ax, shown.sequence, x, y, color="0.1", lw=1.6, ls="--", label="exact sequence")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(across)
        ax.set_title(up, loc="left", fontsize=10)
        ax.grid(alpha=0.25)
    _draw_boxes(panels[2], shown)
    panels[0].legend(frameon=False, fontsize=9)
    verdict = shown.report.verdict.value.replace("_", " ").lower()
    name = problem.name or "-".join(map(str, problem.pattern.sizes))
    figure.suptitle(f"{name} (certify: {verdict})", x=0.01, ha="left", fontsize=11)
    write_file(path, lambda temporary: figure.savefig(temporary, dpi=150))


def _draw_boxes(ax: Any, shown: Divergence) -> None:
    """Best losses at R, filled where proved; a bar down to the bound, which ends at the frame where that is 0."""
    known = [box for box in shown.boxes if 0 < box.objective < float("inf")]
    if not known:
        return
    rows = [row for run in shown.runs for row in run.rows] + [(0, b.objective, b.weight_limit) for b in known]
    right, low, high = 2 * max(row[2] for row in rows), min(row[1] for row in rows), max(row[1] for row in rows)
    ax.set_xlim(0.5 * min(row[2] for row in rows), right)
    ax.set_ylim(0.2 * low, 8 * high)
    ax.plot([b.weight_limit for b in known], [b.objective for b in known], color=BOX_COLOUR, lw=1.2)
    handles = []
    for status, fill, label in (
        (BoxStatus.PROVED, BOX_COLOUR, "optimum in box R, proved (SCIP)"),
        (BoxStatus.TIME_LIMIT, "white", "best in box R, bar to SCIP's bound"),
    ):
        if some := [box for box in known if box.status is status]:
            at, best = [b.weight_limit for b in some], [b.objective for b in some]
            handles += ax.plot(at, best, "s", ms=7, mec=BOX_COLOUR, mfc=fill, label=label, zorder=5)
            ax.vlines(at, [max(b.bound, 1e-3 * low) for b in some], best, color=BOX_COLOUR, lw=1.2)
    ax.set_xlabel("largest weight; R of the box |weights| ≤ R")
    ax.legend(handles=handles, frameon=False, fontsize=9, loc="upper right")


def _line(ax: Any, rows: list[tuple[int, float, float]], x: int, y: int, **style: Any) -> None:
    positive = [(row[x], row[y]) for row in rows if row[y] > 0]
    if positive:
        ax.plot(*zip(*positive, strict=True), **style)
