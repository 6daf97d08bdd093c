"""What a sweep shows: tables of its sections, wrong claims, summaries; the source of text, page and figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sparseopt.benchmark.judgement import Judged, Verdict, judge
from sparseopt.benchmark.known import known_optima
from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.peers.registry import OURS, PEERS
from sparseopt.benchmark.statistics import shifted_geometric_mean
from sparseopt.benchmark.suites import Section, Suite

SHIFT = 1.0
"""Seconds by which times are shifted before their geometric mean is taken."""
NEARLY_ZERO = 1e-9
"""A loss below this times the scale of the targets counts as 0."""


@dataclass(frozen=True)
class Line:
    """One instance in a section's table.

    Attributes
    ----------
    instance : str
    facts : dict or None
    runs : dict
        The judged runs by peer, in the section's order; a peer without a run is missing.
    goal : float or None
        Seconds that the first peer is to reach.
    best : float
        The least loss of all networks that any peer of the suite found, or the known optimum.
    """

    instance: str
    facts: dict[str, Any] | None
    runs: dict[str, Judged]
    goal: float | None
    best: float

    def ratio(self, ours: str) -> tuple[float, bool] | None:
        """Time of the best other prover over that of `ours`, and whether that prover solved the instance.

        A prover that did not solve it counts with the time limit.
        """
        rivals = [run for peer, run in self.runs.items() if peer != ours and PEERS[peer].claim is not Claim.NONE]
        rivals = [run for run in rivals if run.verdict is not Verdict.REFUSED]
        if not rivals or ours not in self.runs or not self.runs[ours].solved:
            return None
        best = min(rivals, key=lambda run: run.seconds)
        return best.seconds / self.runs[ours].seconds, best.solved


class Report:
    """Judged rows of a suite."""

    def __init__(self, suite: Suite, header: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
        order = {cell: place for place, cell in enumerate(suite.cells)}
        known = [row for row in rows if (row["instance"], row["peer"]) in order]
        known.sort(key=lambda row: order[row["instance"], row["peer"]])
        self.suite = suite
        self.header = header
        self.limit = float(header["time_limit"])
        self._optima = known_optima()
        self.judged = judge(known, self.limit, self._optima)
        self._by_cell = {(j.row["instance"], j.row["peer"]): j for j in self.judged}

    @property
    def wrong(self) -> list[Judged]:
        """Runs with a refuted claim."""
        return [j for j in self.judged if j.verdict is Verdict.WRONG]

    @property
    def wrong_of_ours(self) -> list[Judged]:
        """Those of them that are the exact search's."""
        return [run for run in self.wrong if run.row["peer"] in OURS]

    @property
    def missing(self) -> int:
        """Runs of the suite that the file does not hold."""
        return len(self.suite.cells) - len(self.judged)

    @cached_property
    def sections(self) -> list[tuple[Section, list[Line]]]:
        """Every section with a line for each instance that has a run."""
        return [(section, lines) for section in self.suite.sections if (lines := self._lines(section))]

    def _lines(self, section: Section) -> list[Line]:
        lines = []
        for instance in section.instances:
            runs = {p: self._by_cell[instance.name, p] for p in section.peers if (instance.name, p) in self._by_cell}
            if runs:
                facts = next((run.row["facts"] for run in runs.values() if run.row["facts"]), None)
                losses = [
                    j.row["answer"]["loss"]
                    for j in self.judged
                    if j.row["instance"] == instance.name and j.row["answer"] and j.row["answer"]["network"]
                ]
                goal = section.goals.get(instance.name)
                best = min([*losses, self._optima.get(instance.name, math.inf)])
                lines.append(Line(instance.name, facts, runs, goal, best))
        return lines

    def summary(self, section: Section, lines: Sequence[Line]) -> str:
        """Solved counts, shifted geometric means, and the geometric mean of the ratios, in one sentence each."""
        parts = []
        for peer in section.peers:
            runs = [line.runs[peer] for line in lines if peer in line.runs]
            runs = [run for run in runs if run.verdict is not Verdict.REFUSED]
            if runs and PEERS[peer].claim is not Claim.NONE:
                mean = shifted_geometric_mean([run.seconds for run in runs], SHIFT)
                parts.append(f"{peer} {sum(run.solved for run in runs)}/{len(runs)} in {seconds_text(mean)}")
        if not parts:
            return "No peer here has a proof of its own."
        text = f"solved, shifted geometric mean (shift {SHIFT:g} s): " + ", ".join(parts) + "."
        ratios = [ratio for line in lines if (ratio := line.ratio(section.peers[0]))]
        if ratios:
            mean = shifted_geometric_mean([value for value, _ in ratios], 0)
            text += f" {section.versus}, geometric mean: {mean:,.3g}."
        return f"{text} Goal: {section.aim}." if section.aim else text

    @property
    def notes(self) -> list[str]:
        """Counts over all runs that a sceptic asks for."""
        traced = [j.row["answer"] for j in self.judged if j.row["answer"] and j.row["answer"]["trace"]]
        steps = sum(len(answer["trace"]) for answer in traced)
        own = [j for j in self.judged if j.row["peer"] in OURS]
        notes = [
            f"{len(self.judged)} runs, {len(self.wrong)} with a wrong claim"
            + (f", {self.missing} still to do" if self.missing else ""),
            f"no bound above the loss in {steps} trace rows of {len(traced)} runs"
            if not any("trace" in j.reason for j in self.wrong)
            else "a bound in a trace exceeds the loss: see the wrong claims",
        ]
        for peer, count in Counter(j.row["peer"] for j in self.wrong).items():
            tried = sum(j.row["peer"] == peer and j.verdict is not Verdict.REFUSED for j in self.judged)
            notes.append(f"{peer}: a wrong claim on {count} of the {tried} instances that it took")
        if own:
            worst = max(own, key=lambda j: j.row["memory"])
            notes.append(
                f"peak memory of {worst.row['peer']}: {worst.row['memory'] / 2**20:.0f} MiB ({worst.row['instance']})"
            )
        if (ratio := self._many_points()) is not None:
            notes.append(f"100,000 points over 1,000 points of the same law: {ratio:.2f} times the seconds")
        return notes

    def _many_points(self) -> float | None:
        pair = [self._by_cell.get((f"sine-{points}-k3", "exact")) for points in (100_000, 1000)]
        if any(run is None or not run.solved for run in pair):
            return None
        large, small = pair
        assert large is not None
        assert small is not None
        return large.seconds / small.seconds


class Cell(NamedTuple):
    """A cell of a section's table: what is shown, and what it is sorted by (None: no value, always last)."""

    text: str
    key: float | str | None
    run: Judged | None = None


def table(section: Section, lines: Sequence[Line], limit: float) -> dict[str, list[Cell]]:
    """The columns of a section's table; a column without any value is left out."""
    ours = section.peers[0]
    columns: dict[str, list[Cell]] = {"instance": [Cell(line.instance, line.instance) for line in lines]}
    for head, key in (("points", "points"), ("inputs", "inputs"), ("k", "width"), ("loss", "loss")):
        facts = [line.facts[key] if line.facts else None for line in lines]
        columns[head] = [Cell("" if fact is None else str(fact), fact) for fact in facts]
    for peer in section.peers:
        columns[peer] = [_run_cell(line.runs.get(peer), line, limit) for line in lines]
    ratios = [line.ratio(ours) for line in lines]
    columns[section.versus] = [Cell(ratio_text(ratio), ratio and ratio[0]) for ratio in ratios]
    columns["goal"] = [Cell("" if line.goal is None else f"{line.goal:g}", line.goal) for line in lines]
    memory = [line.runs[ours].row["memory"] / 2**20 if ours in line.runs else None for line in lines]
    columns["MiB"] = [Cell("" if value is None else f"{value:.0f}", value) for value in memory]
    return {head: cells for head, cells in columns.items() if any(c.key is not None or c.run for c in cells)}


def _run_cell(run: Judged | None, line: Line, limit: float) -> Cell:
    timed = run is not None and (run.solved or run.verdict in (Verdict.LIMIT, Verdict.UNPROVED))
    return Cell(cell_text(run, line, limit), run.seconds if run is not None and timed else None, run)


def cell_text(run: Judged | None, line: Line, limit: float) -> str:
    """A run in a table: its seconds, or why there are none; for methods without proof how far they are off."""
    if run is None:
        return "·"
    if run.verdict is Verdict.WRONG:
        return "WRONG"
    if run.solved:
        return seconds_text(run.seconds) + ("*" if run.verdict is Verdict.CUT_OFF else "")
    if run.verdict is Verdict.UNPROVED and PEERS[run.row["peer"]].claim is Claim.NONE:
        return _excess(run, line)
    if run.verdict is Verdict.REFUSED:
        return "–"
    if run.verdict is Verdict.CRASH:
        return "crash"
    return "memory" if run.row["end"] == "memory limit" else f"> {limit:g}"


def _excess(run: Judged, line: Line) -> str:
    """By how much a network's loss exceeds the best one; the loss itself where the best one is 0."""
    loss = run.row["answer"]["loss"]
    if line.best < NEARLY_ZERO * run.row["facts"]["unit"]:
        return f"loss {loss:.1e}"
    return f"+{round(100 * (loss / line.best - 1), 4):.3g} %"


def ratio_text(ratio: tuple[float, bool] | None) -> str:
    """How many times faster; "≥" where no other prover solved the instance."""
    if ratio is None:
        return "·"
    value, solved = ratio
    digits = 0 if value >= 100 else 1 if value >= 1 else 3
    return f"{'' if solved else '≥ '}{value:,.{digits}f}"


def seconds_text(value: float) -> str:
    """Seconds with three significant digits."""
    if value <= 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"
