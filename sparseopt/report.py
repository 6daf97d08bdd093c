"""Results and existence reports as text for people and as JSON-ready documents."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from sparseopt.diverge import Divergence
from sparseopt.existence.data_bound import data_bound
from sparseopt.existence.divergence import DivergingSequence
from sparseopt.existence.large_masks import MaskReport
from sparseopt.existence.report import ExistenceReport
from sparseopt.growing_boxes import BoxOptimum
from sparseopt.network import Network
from sparseopt.pattern import SparsityPattern
from sparseopt.problem import TrainingProblem
from sparseopt.solvers.control import Result
from sparseopt.solvers.registry import SOLVERS

TABLE_N = (1, 10, 100, 1000, 10**4, 10**6)
MAX_ROWS = 12
WIDTH = 110
MAX_DRAWN = 24


def result_document(problem: TrainingProblem, result: Result) -> dict[str, Any]:
    """JSON form of a result; infinite numbers become null."""

    def finite(x: float) -> float | None:
        return x if math.isfinite(x) else None

    def exact(x: Fraction | None) -> str | None:
        return None if x is None else str(x)

    return {
        "status": result.status.value,
        "objective": finite(result.objective),
        "bound": finite(result.bound),
        "gap": finite(result.gap),
        "exact_objective": exact(result.exact_objective),
        "exact_bound": exact(result.exact_bound),
        "weight_limit": result.weight_limit,
        "loss": problem.loss.value,
        "solver": result.solver,
        "message": result.message,
        "seconds": round(result.seconds, 6),
        "network": None if result.network is None else result.network.to_dict(),
        "trace": [[finite(x) for x in row] for row in result.trace],
    }


def result_text(problem: TrainingProblem, result: Result) -> str:
    """What ``sparseopt solve`` prints."""
    sizes = "-".join(map(str, problem.pattern.sizes))
    limit = "" if result.weight_limit is None else f" within ±{result.weight_limit:g} (scaled parameters)"
    lines = [
        f"problem    {problem.name or 'unnamed'}: {problem.n_points} points, {sizes}, loss {problem.loss.value}",
        f"status     {result.status.value}{limit}",
        f"objective  {result.objective:.10g}",
        f"bound      {result.bound:.10g}",
        f"gap        {100 * result.gap:.4g} %",
        *_exact(result),
        *_field("proof", result.message),
        f"solver     {result.solver}, {result.seconds:.2f} s, {result.trace[-1].nodes if result.trace else 0} nodes",
    ]
    if result.network is not None:
        lines += _field("network", *formula(result.network, problem.input_names))
    return "\n".join(lines)


def _exact(result: Result) -> list[str]:
    """The exact objective and gap, where they are known."""
    if result.exact_objective is None or result.exact_bound is None:
        return []
    text = str(result.exact_objective)
    shown = text if len(text) <= 60 else f"a rational with {len(text) - 1} digits"
    left = result.exact_objective - result.exact_bound
    return [f"exact      {shown}, " + ("gap 0" if not left else f"gap {float(left):.3g}")]


def _field(name: str, *texts: str) -> list[str]:
    """A named field of a report, folded to the report's width."""
    folded = [line for text in texts for line in textwrap.wrap(text, WIDTH - 11, break_on_hyphens=False)]
    return [f"{name if i == 0 else '':<11}{line}" for i, line in enumerate(folded)]


def formula(network: Network, names: Sequence[str] | None = None) -> list[str]:
    """The network as formulas, one line per output; only sizes for deep or large networks."""
    pattern = network.pattern
    names = names or [f"x{i + 1}" for i in range(pattern.n_inputs)]
    if pattern.depth > 2 or pattern.n_parameters > 60:
        return [repr(network)]
    lines = []
    for o in range(pattern.n_outputs):
        text = ""
        if pattern.depth == 2:
            (W, V), (b, _) = network.weights, network.biases
            for j in np.flatnonzero(V[o]):
                inner = _linear(W[j], names) + _signed(b[j], first=not W[j].any())
                text += _signed(V[o, j], times=f"σ({inner.strip() or '0'})", first=not text)
        direct = (network.weights[0][o] if pattern.depth == 1 else 0.0) + (
            0.0 if network.skip is None else network.skip[o]
        )
        if np.any(direct):
            linear = _linear(np.atleast_1d(direct), names)
            text += linear if not text or linear.startswith("-") else " + " + linear
        constant = network.biases[-1][o]
        text += _signed(constant, first=not text)
        lines.append(f"f{o + 1 if pattern.n_outputs > 1 else ''} = {text.strip() or '0'}")
    return lines


def _linear(weights: Any, names: Sequence[str]) -> str:
    text = ""
    for i in np.flatnonzero(weights):
        text += _signed(weights[i], times=names[int(i)], first=not text)
    return text


def _signed(value: float, times: str = "", first: bool = False) -> str:
    if value == 0:
        return ""
    size = abs(value)
    body = times if times and size == 1 else f"{size:.6g} {times}".strip()
    if first:
        return f"-{body}" if value < 0 else body
    return f" - {body}" if value < 0 else f" + {body}"


def report_document(report: ExistenceReport) -> dict[str, Any]:
    """JSON form of an existence report."""
    return {
        "verdict": report.verdict.value,
        "scope": report.scope.value,
        "theorem": report.theorem,
        "reason": report.reason,
        "bounds": report.bounds,
        "certificate": report.certificate,
    }


def report_text(subject: SparsityPattern | TrainingProblem, report: ExistenceReport) -> str:
    """What ``sparseopt certify`` prints."""
    pattern = subject.pattern if isinstance(subject, TrainingProblem) else subject
    names = subject.input_names if isinstance(subject, TrainingProblem) else None
    lines = [repr(subject)]
    if max(pattern.sizes) <= MAX_DRAWN:
        lines.append(pattern.draw())
    lines += ["", f"verdict    {report.verdict.value} ({report.scope.value})", *_field("reason", report.reason)]
    if report.network is not None:
        lines += _field("network", *formula(report.network, names))
    problem = report.witness or (subject if isinstance(subject, TrainingProblem) else None)
    if report.sequence is not None and problem is not None:
        lines += ["", *_divergence_text(problem, report.sequence)]
    return "\n".join(lines)


def _divergence_text(problem: TrainingProblem, sequence: DivergingSequence) -> list[str]:
    lines, how = [], ""
    if sequence.limit is not None:
        lines = ["limit matrix A (outputs × inputs), in the closure of the linear counterpart but not in it:"]
        lines += ["  " + row for row in _grid(sequence.limit)] + [""]
        how = ", targets affine in the inputs with matrix A"
    lines.append(f"dataset: {problem.n_points} points{how}")
    width = max(len(str(x)) for x in [*problem.X_exact.flat, *problem.Y_exact.flat])
    for x, y in zip(problem.X_exact[:MAX_ROWS], problem.Y_exact[:MAX_ROWS], strict=True):
        left, right = (" ".join(f"{v!s:>{width}}" for v in row) for row in (x, y))
        lines.append(f"  x = ({left})   y = ({right})")
    if problem.n_points > MAX_ROWS:
        lines.append(f"  … and {problem.n_points - MAX_ROWS} more")
    lines += ["", "parameters as functions of n (entries that are not zero):"]
    entries = _entries(sequence)
    lines += ["  " + entry for entry in entries[: 2 * MAX_ROWS]]
    if len(entries) > 2 * MAX_ROWS:
        lines.append(f"  … and {len(entries) - 2 * MAX_ROWS} more")
    lines += ["", f"{'n':>10}  {'loss (' + problem.loss.value + ', exact)':>20}  {'largest weight':>15}"]
    for n in TABLE_N:
        network = sequence.at(n)
        lines.append(f"{n:>10}  {float(problem.evaluate_exact(network)):>20.6g}  {network.largest_weight:>15.6g}")
    lines.append(f"The loss tends to {data_bound(problem)}; no parameters reach it.")
    return lines


def _grid(matrix: Any) -> list[str]:
    width = max(len(str(x)) for x in matrix.flat)
    return [" ".join(f"{x!s:>{width}}" for x in row) for row in matrix]


def _entries(sequence: DivergingSequence) -> list[str]:
    named = [(f"W{i}", W) for i, W in enumerate(sequence.weights, 1)] + [
        (f"b{i}", b) for i, b in enumerate(sequence.biases, 1)
    ]
    if sequence.skip is not None:
        named.append(("skip", sequence.skip))
    return [
        f"{name}[{', '.join(str(i + 1) for i in place)}] = {value}"
        for name, array in named
        for place, value in np.ndenumerate(array)
        if value
    ]


def solver_rows() -> list[dict[str, Any]]:
    """One row per solver: name, summary, capabilities, options, and why it cannot be used here (or null)."""
    return [
        {
            "name": s.name,
            "available": s.missing() is None,
            "reason": s.missing(),
            "capabilities": sorted(c.value for c in s.capabilities),
            "options": dict(s.options),
            "summary": s.summary,
        }
        for s in SOLVERS.values()
    ]


def solvers_text() -> str:
    """What ``sparseopt solvers`` prints."""
    lines = ["auto       exact wherever hidden neurons are private to one output in one layer, else local"]
    for row in solver_rows():
        lines.append(f"{row['name']:<10} {row['summary']}")
        lines.append(f"           can: {', '.join(row['capabilities'])}")
        lines += [f"           option {name}: {what}" for name, what in row["options"].items()]
        if row["reason"]:
            lines.append(f"           not usable here: {row['reason']}")
    return "\n".join(lines)


def atlas_table(rows: Sequence[tuple[str, int, int, int, int, str]]) -> str:
    """What ``sparseopt atlas`` prints: one line per table of :func:`sparseopt.existence.atlas.summary`."""
    head = f"{'sizes':<9}{'classes':>8}{'closed':>8}{'not closed':>12}{'undecided':>11}  decided by"
    return "\n".join([head, *(f"{n:<9}{c:>8}{yes:>8}{no:>12}{open_:>11}  {by}" for n, c, yes, no, open_, by in rows)])


def masks_text(reports: Sequence[tuple[str, MaskReport]]) -> str:
    """What ``sparseopt masks`` prints: each pair of layers as a network of its own."""
    lines = []
    for name, report in reports:
        verdict = {True: "closed", False: "not closed", None: "undecided"}[report.closed]
        lines.append(f"{name}: {'-'.join(map(str, report.sizes))}, {report.density:.1%} of the weights free: {verdict}")
        if report.block is not None:
            outputs, inputs = (", ".join(str(i) for i in part) for part in report.block)
            where = f"outputs {outputs} and inputs {inputs} at hidden neuron {report.neuron} (counting from 0)"
            if report.blocks:
                least = "" if report.counted_all else "at least "
                lines.append(
                    f"  {least}{report.blocks:,} blocks of 2 outputs and 2 inputs are 2 × 2 LU patterns, for example"
                )
            else:
                lines.append("  neurons with equal weights free hold a block alone but for one entry:")
            lines.append(f"  {where}")
        elif report.rule == "F0":
            lines.append("  every matrix is a product, but for entries without a path (rule F0)")
        elif report.closed:
            lines.append("  rectangles of hidden neurons are equal or disjoint: blocks of bounded rank (rule P)")
        else:
            part = "" if report.counted_all else " looked at"
            lines.append(
                f"  none of the {report.examined:,} blocks of 2 × 2 entries of one neuron{part} is an LU pattern,"
            )
            lines.append(
                "  no equal neurons hold a corner, and neither F0 (everything) nor P (disjoint rectangles) applies"
            )
            if (few := report.fewest_paths) > 1:
                lines.append(
                    f"  every block of at most {few} outputs or inputs is everything (F0): no small block shows more"
                )
    return "\n".join(lines)


def box_rows(boxes: Sequence[BoxOptimum]) -> list[dict[str, Any]]:
    """JSON form of the optima within weight boxes; an infinite objective becomes null."""
    return [
        {
            "weight_limit": box.weight_limit,
            "objective": None if box.network is None else box.objective,
            "bound": box.bound,
            "status": box.status.value,
        }
        for box in boxes
    ]


def divergence_table(shown: Divergence, no_boxes: str | None = None) -> str:
    """What ``sparseopt diverge`` prints: where each run ended, the exact sequence, and the optima within boxes, or why
    there are none."""
    lines = [f"verdict    {shown.report.verdict.value}", *_field("reason", shown.report.reason), ""]
    lines.append(f"{'run':<24}{'iterations':>12}{'loss':>14}{'largest weight':>16}")
    for run in shown.runs:
        if run.rows:
            lines.append(f"{run.method:<24}{run.rows[-1][0]:>12}{run.rows[-1][1]:>14.6g}{run.rows[-1][2]:>16.6g}")
    for n, loss, weight in shown.sequence[::5]:
        lines.append(f"{f'exact sequence, n = {n}':<36}{loss:>14.6g}{weight:>16.6g}")
    if no_boxes:
        lines += ["", *_field("boxes", no_boxes)]
    if shown.boxes:
        lines += ["", f"{'all parameters within ±R':<24}{'status (SCIP)':>16}{'bound':>14}{'best loss':>14}"]
    for box in shown.boxes:
        lines.append(f"{f'R = {box.weight_limit:g}':<24}{box.status.value:>16}{box.bound:>14.6g}{box.objective:>14.6g}")
    return "\n".join(lines)
