"""The truth about answers: claims against exactly evaluated networks.

A claim is called wrong only where evidence refutes it: the exact loss of its own network, of another peer's network, or
an optimum proved in exact arithmetic (data/benchmark.jsonl).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

import numpy as np

from sparseopt.benchmark.peers.answer import Claim
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.models.scalar_fit import ScalarFit
from sparseopt.network import Network
from sparseopt.problem import TrainingProblem
from sparseopt.solvers.registry import has_scalar_form

Row = Mapping[str, Any]


class Verdict(StrEnum):
    """What became of one run."""

    WRONG = "wrong"
    """Something that it claimed is refuted."""
    PROVED = "proved"
    """It claims the optimum over all weights, and nothing refutes it."""
    BOX = "proved in its box"
    """It claims the optimum within its weight box, and nothing refutes it."""
    CUT_OFF = "box too small"
    """As above, but a network outside the box is better."""
    UNPROVED = "not proved"
    """It stopped without claiming optimality."""
    LIMIT = "stopped"
    """It was killed at its time or memory limit."""
    CRASH = "crash"
    """Its process failed."""
    REFUSED = "refused"
    """It does not take the instance."""


SOLVED = (Verdict.PROVED, Verdict.BOX, Verdict.CUT_OFF)
"""Verdicts that count as solved within the time. A box that is too small is counted in favour of the peer."""


@dataclass(frozen=True)
class Judged:
    """A row with its verdict.

    Attributes
    ----------
    row : mapping
    verdict : Verdict
    reason : str
        What refutes the claim, or why there is none.
    seconds : float
        Median time, or the time limit where it was not solved.
    """

    row: Row
    verdict: Verdict
    reason: str
    seconds: float

    @property
    def solved(self) -> bool:
        """Whether the run ended with a claim that nothing refutes."""
        return self.verdict in SOLVED


def judge(rows: Sequence[Row], time_limit: float, optima: Mapping[str, float]) -> list[Judged]:
    """Judge every row against all rows of its instance and the known optimum."""
    by_instance: dict[str, list[Row]] = {}
    for row in rows:
        by_instance.setdefault(row["instance"], []).append(row)
    out = []
    for row in rows:
        verdict, reason = _verdict(row, by_instance[row["instance"]], optima.get(row["instance"]))
        solved = verdict in SOLVED
        out.append(Judged(row, verdict, reason, median(row["seconds"]) if solved else time_limit))
    return out


def _verdict(row: Row, rivals: Iterable[Row], optimum: float | None) -> tuple[Verdict, str]:
    if row["end"] != "done":
        return Verdict.CRASH if row["end"] == "crash" else Verdict.LIMIT, f"{row['end']}: {row['detail']}"
    if row["answer"] is None:
        return Verdict.REFUSED, row["detail"]
    if reason := refutation(row, rivals, optimum):
        return Verdict.WRONG, reason
    answer = row["answer"]
    if answer["claim"] == Claim.NONE:
        return Verdict.UNPROVED, "" if answer["finished"] else "time limit"
    if answer["claim"] == Claim.OPTIMAL:
        return Verdict.PROVED, ""
    better = _best(rivals, math.inf)
    if better is not None and better["answer"]["loss"] < answer["loss"] - _tolerance(row):
        return Verdict.CUT_OFF, f"{better['peer']} found {better['answer']['loss']:.9g} outside the box"
    return Verdict.BOX, ""


def refutation(row: Row, rivals: Iterable[Row], optimum: float | None) -> str:
    """What refutes a row's claims, in words; empty if nothing does."""
    answer, tolerance = row["answer"], _tolerance(row)
    box = answer["weight_limit"] or math.inf
    best = _best(rivals, box)
    loss, bound = answer["loss"], answer["bound"]
    if answer["claim"] != Claim.NONE:
        if abs(answer["objective"] - loss) > tolerance:
            return f"states loss {answer['objective']:.9g}, but its network has {loss:.9g}"
        if best is not None and best["answer"]["loss"] < loss - tolerance:
            return f"claims {loss:.9g} to be optimal, but {best['peer']} found {best['answer']['loss']:.9g}"
    if bound is not None and best is not None and bound > best["answer"]["loss"] + tolerance:
        return f"claims the bound {bound:.9g}, but {best['peer']} found {best['answer']['loss']:.9g}"
    if bound is not None and optimum is not None and not math.isfinite(box) and bound > optimum + tolerance:
        return f"claims the bound {bound:.9g}, but the optimum is {optimum:.9g}"
    if any(step_bound > loss + tolerance for _, _, step_bound in answer["trace"]):
        return f"a bound in its trace exceeds the loss {loss:.9g} of its network"
    return ""


def _best(rows: Iterable[Row], box: float) -> Row | None:
    """The row whose network has the least loss among those with scaled parameters in the box."""
    found = [r for r in rows if r["answer"] and r["answer"]["network"]]
    inside = [r for r in found if box == math.inf or r["answer"]["size"] <= box]
    return min(inside, key=lambda r: r["answer"]["loss"], default=None)


def _tolerance(row: Row) -> float:
    """How far a claim may be off: the peer's stated precision times the loss or the scale of the targets."""
    return PEERS[row["peer"]].precision * max(float(row["facts"]["unit"]), row["answer"]["loss"] or 0.0)


def scaled_size(problem: TrainingProblem, network: Network) -> float | None:
    """The largest parameter of a network in the units of its scaled fits, output weights ±1, for weight boxes.

    The inverse of :meth:`~sparseopt.models.scalar_fit.ScalarFit.add_to`. None for patterns that have no scalar fits:
    no peer with a box takes them.
    """
    if not has_scalar_form(problem):
        return None
    return max(_scaled_size(problem, network, output) for output in range(problem.pattern.n_outputs))


def _scaled_size(problem: TrainingProblem, network: Network, output: int) -> float:
    fit = ScalarFit.of(problem, output)
    W, V = network.weights
    b, c = network.biases
    size = np.abs(V[output])
    hidden = size[:, None] * W * fit.input_scale / fit.target_scale
    hidden_bias = size * (b + W @ fit.input_shift) / fit.target_scale
    skip = np.zeros(problem.pattern.n_inputs) if network.skip is None else network.skip[output]
    constant = (c[output] - fit.target_shift + skip @ fit.input_shift) / fit.target_scale
    parts = [hidden, hidden_bias, skip * fit.input_scale / fit.target_scale, [constant]]
    return float(max(np.abs(part).max() for part in parts))
