"""The pictures of a report: performance profiles, time against size, gap over time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparseopt.benchmark.judgement import Judged
from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.benchmark.report import Report
from sparseopt.benchmark.statistics import largest_comparison, performance_profile
from sparseopt.benchmark.suites import INSTANCES
from sparseopt.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = dict(
    zip(
        [p.name for p in PEERS.values()],
        [f"C{i}" for i in range(10)] + ["k", "0.5", "gold", "navy", "olivedrab"],
        strict=True,
    )
)

DPI = 150
EARLIEST = 1e-4
"""Seconds at which a logarithmic time axis starts."""


def draw_figures(report: Report, folder: Path) -> dict[str, Path]:
    """Write the pictures that the rows allow into a folder: {caption: file}."""
    from matplotlib.figure import Figure

    pictures = {
        "profile.png": ("Performance profile: share of instances solved within a factor of the fastest", _profile),
        "size.png": ("Seconds against points, by family; hollow: not solved within the limit", _sizes),
        "gap.png": ("Objective and bound over time, on the instance that took longest", _gap),
    }
    out = {}
    for name, (caption, draw) in pictures.items():
        figure = Figure(figsize=(7.2, 4.5), layout="constrained")
        if draw(report, figure):
            for axes in figure.axes:
                axes.spines[["top", "right"]].set_visible(False)
            write_file(folder / name, partial(figure.savefig, dpi=DPI))
            out[caption] = folder / name
    return out


def _provers(report: Report) -> dict[str, dict[str, Judged]]:
    """The judged runs of each peer that proves something, by instance."""
    out: dict[str, dict[str, Judged]] = {}
    for run in report.judged:
        if PEERS[run.row["peer"]].claim is not Claim.NONE and run.row["facts"]:
            out.setdefault(run.row["peer"], {})[run.row["instance"]] = run
    return out


def _profile(report: Report, figure: Any) -> bool:
    """Profiles of the peers that were given the most instances in common, on those that one of them solved."""
    provers = _provers(report)
    peers, names = largest_comparison({peer: set(runs) for peer, runs in provers.items()})
    names = [n for n in names if any(provers[p][n].solved for p in peers)]
    if len(peers) < 2 or not names:
        return False
    axes = figure.add_subplot()
    times = {p: [provers[p][n].seconds if provers[p][n].solved else np.inf for n in names] for p in peers}
    profiles = performance_profile(times)
    right = 2 * max([ratios[-1] for ratios, _ in profiles.values() if ratios.size])
    for peer, (ratios, shares) in profiles.items():
        x = np.concatenate([[1.0], ratios, [right]])
        y = np.concatenate([[0.0], shares, [shares[-1] if shares.size else 0.0]])
        axes.step(x, y, where="post", label=peer, color=COLOURS[peer], lw=1.8)
    axes.set_xscale("log")
    axes.set_xlim(1, right)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("time over the least time")
    axes.set_ylabel(f"share of {len(names)} instances")
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return True


def _sizes(report: Report, figure: Any) -> bool:
    """A panel for each of the (at most six) families with most runs."""
    from matplotlib.lines import Line2D

    provers = _provers(report)
    runs = [
        run
        for by_instance in provers.values()
        for run in by_instance.values()
        if run.row["seconds"] or run.row["answer"]
    ]
    by_family: dict[str, list[Judged]] = {}
    for run in runs:
        by_family.setdefault(INSTANCES[run.row["instance"]].family, []).append(run)
    chosen = sorted(by_family, key=lambda family: -len(by_family[family]))[:6]
    if not chosen:
        return False
    figure.set_size_inches(9.6, 3.2 * ((len(chosen) + 2) // 3))
    panels = figure.subplots((len(chosen) + 2) // 3, min(3, len(chosen)), sharey=True, squeeze=False)
    for axes, family in zip(panels.flat, chosen, strict=False):
        _points(axes, by_family[family])
        axes.set_title(family, fontsize=10)
        axes.set_xlabel("points")
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    for row in panels:
        row[0].set_ylabel("seconds")
    handles = [Line2D([], [], ls="", marker="o", ms=5, color=COLOURS[peer], label=peer) for peer in provers]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)
    return True


def _points(axes: Axes, runs: list[Judged]) -> None:
    for run in runs:
        peer = run.row["peer"]
        fill = COLOURS[peer] if run.solved else "none"
        axes.scatter(run.row["facts"]["points"], run.seconds, s=22, facecolors=fill, edgecolors=COLOURS[peer], lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    sizes = sorted({run.row["facts"]["points"] for run in runs})
    apart = max(1.6, (sizes[-1] / sizes[0]) ** (1 / 6))  # labels closer than that would overlap
    ticks = sizes[:1]
    for size in sizes:
        if size > apart * ticks[-1]:
            ticks.append(size)
    axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)


def _gap(report: Report, figure: Any) -> bool:
    """The traces of the peers with a proof, on the instance where the first of them took longest."""
    provers = {peer: _traced(runs) for peer, runs in _provers(report).items()}
    provers = {peer: runs for peer, runs in provers.items() if runs}
    if not provers:
        return False
    first = next(iter(provers.values()))
    name = max(first, key=lambda instance: first[instance][-1][0])
    axes = figure.add_subplot()
    for peer, runs in provers.items():
        if name in runs:
            seconds, objective, bound = np.array(runs[name]).T
            seconds = np.maximum(seconds, EARLIEST)
            axes.step(seconds, objective, where="post", color=COLOURS[peer], lw=1.8, label=f"{peer}, objective")
            axes.step(seconds, bound, where="post", color=COLOURS[peer], lw=1.8, ls="--", label=f"{peer}, bound")
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])
    axes.set_title(name, fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    return True


def _traced(runs: dict[str, Judged]) -> dict[str, list[list[float]]]:
    """The traces with more than three rows, by instance."""
    answers = {name: run.row["answer"] for name, run in runs.items() if run.row["answer"]}
    return {name: answer["trace"] for name, answer in answers.items() if len(answer["trace"]) > 3}
