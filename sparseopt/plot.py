"""Plots of fits."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sparseopt.errors import InputError
from sparseopt.files import write_file
from sparseopt.losses import Loss
from sparseopt.problem import TrainingProblem

if TYPE_CHECKING:
    from sparseopt.solvers.control import Result

SUFFIXES = (".png", ".svg", ".pdf")


def plot_fit(problem: TrainingProblem, result: Result, path: str | PathLike[str]) -> None:
    """Draw a result's network on its data and write it to a file.

    One input: data and fitted function, with the band ± loss for linf; otherwise fitted against given targets.

    Raises
    ------
    InputError
        If the suffix is not .png, .svg or .pdf, or the result has no network.
    """
    check_target(path)
    if result.network is None:
        raise InputError(f"{path}: there is no network to draw")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    axes = figure.add_subplot()
    fitted = result.network.predict(problem.X)
    if problem.pattern.n_inputs == 1:
        x = problem.X[:, 0]
        margin = 0.03 * float(np.ptp(x))
        grid = np.unique(np.concatenate([np.linspace(x.min() - margin, x.max() + margin, 2001), x]))
        curve = result.network.predict(grid[:, None])
        for o in range(problem.pattern.n_outputs):
            label = "" if problem.pattern.n_outputs == 1 else f" {problem.target_names[o]}"
            (line,) = axes.plot(grid, curve[:, o], lw=1.8, label=f"network{label}")
            axes.plot(
                x,
                problem.Y[:, o],
                "o",
                ms=3.5,
                color="0.25" if not label else line.get_color(),
                label=f"data{label}",
            )
            if problem.loss is Loss.LINF and not problem.is_weighted:
                low, high = curve[:, o] - result.objective, curve[:, o] + result.objective
                axes.fill_between(grid, low, high, alpha=0.13, color=line.get_color(), lw=0, label="± loss")
        axes.set_xlabel(problem.input_names[0])
        axes.set_ylabel(", ".join(problem.target_names))
    else:
        for o in range(problem.pattern.n_outputs):
            axes.plot(problem.Y[:, o], fitted[:, o], "o", ms=4, alpha=0.7, label=problem.target_names[o])
        ends = np.array([problem.Y.min(), problem.Y.max()])
        axes.plot(ends, ends, color="0.3", lw=1, label="exact fit")
        if problem.loss is Loss.LINF and not problem.is_weighted:
            axes.fill_between(ends, ends - result.objective, ends + result.objective, alpha=0.13, lw=0, label="± loss")
        axes.set_xlabel("target")
        axes.set_ylabel("network's output")
    sizes = "-".join(map(str, problem.pattern.sizes))
    limit = "" if result.weight_limit is None else f" within ±{result.weight_limit:g} (scaled)"
    title = f"{problem.name}\n" if problem.name else ""
    axes.set_title(
        f"{title}{sizes}, {problem.loss.value} loss {result.objective:.6g}, bound {result.bound:.6g}: "
        f"{result.status.value}{limit}",
        fontsize=10,
    )
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    write_file(path, lambda temporary: figure.savefig(temporary, dpi=150))


def check_target(path: str | PathLike[str]) -> None:
    """Refuse a picture that cannot be written, before any work is done."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: unknown picture format; use {', '.join(SUFFIXES)}")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written; choose a file name in a folder that exists")
