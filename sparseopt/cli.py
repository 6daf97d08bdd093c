"""The command line: ``sparseopt``, one function a command.

Exit codes: 0 done, 1 not proved, 2 bad input (one line on stderr).
"""

from __future__ import annotations

import io
import json
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Abort, TyperException

from sparseopt.errors import InputError

if TYPE_CHECKING:
    from sparseopt.pattern import SparsityPattern
    from sparseopt.problem import TrainingProblem

INTERRUPTED = 130
"""Exit code after Ctrl-C where nothing is kept, as in shells."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Existence and proven global optima of sparse ReLU network training problems.",
)

ProblemFile = Annotated[Path, typer.Argument(metavar="PROBLEM", help="A sparseopt-problem/1 file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.command()
def solve(
    problem_file: ProblemFile,
    solver: Annotated[str, typer.Option(help="auto, or a name that 'sparseopt solvers' lists.")] = "auto",
    time_limit: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    gap: Annotated[float, typer.Option(help="Stop at this relative gap between objective and bound.")] = 0.0,
    seed: Annotated[int, typer.Option(help="For solvers that draw random numbers.")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, an option of the solver.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Make the answer exact; write its proof to this .json or .json.gz file.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the fit into this .png, .svg or .pdf file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Fit a network to global optimality, or as far as the limits allow."""
    from sparseopt.files import load_problem
    from sparseopt.plot import check_target, plot_fit
    from sparseopt.progress import live_progress
    from sparseopt.report import result_document, result_text
    from sparseopt.solvers.control import Status
    from sparseopt.solvers.solve import solve as run

    problem = load_problem(problem_file)
    if plot is not None:
        check_target(plot)
    options = dict(map(_option, option or []))
    with live_progress() as callback:
        result = run(problem, solver, time_limit, gap, certificate is not None, callback, seed, **options)
    if certificate is not None and result.certificate is not None:
        _write_certificate(certificate, result.certificate)
    if plot is not None:
        plot_fit(problem, result, plot)
    if as_json:
        _print_json(result_document(problem, result))
    else:
        print(result_text(problem, result))
        if certificate is not None and result.certificate is not None:
            print(f"certificate {certificate}")
        if plot is not None:
            print(f"plot       {plot}")
    if certificate is not None and result.certificate is None:
        print(f"sparseopt: no certificate was written; {result.message}", file=sys.stderr)
        return 1
    return 0 if result.status in (Status.OPTIMAL, Status.GAP_REACHED, Status.NOT_ATTAINED) else 1


@app.command()
def certify(
    subject: Annotated[
        str, typer.Argument(metavar="PROBLEM|FAMILY", help="A problem file, or a family: lu:3, dense:2,3,1 …")
    ],
    domain: Annotated[str, typer.Option(help="data, or box: best uniform approximation on a box.")] = "data",
    certificate: Annotated[Path | None, typer.Option(help="Write the evidence to this JSON file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Does an optimum exist: for every dataset of a family, or for a problem's own data?"""
    from sparseopt.certification import certify as decide
    from sparseopt.certification import certify_box
    from sparseopt.existence.report import Verdict
    from sparseopt.problem import TrainingProblem
    from sparseopt.report import report_document, report_text

    if domain not in ("data", "box"):
        raise InputError(f"--domain {domain!r} is not known: use data or box")
    asked = _subject(subject)
    if domain == "box":
        asked = asked.pattern if isinstance(asked, TrainingProblem) else asked
        report = certify_box(asked)
    else:
        report = decide(asked)
    if certificate is not None:
        if report.certificate is None:
            raise InputError(f"{certificate}: an undecided question has no certificate; nothing was written")
        _write_certificate(certificate, report.certificate)
    if as_json:
        _print_json(report_document(report))
    else:
        print(report_text(asked, report))
        if certificate is not None:
            print(f"certificate {certificate}")
    return 1 if report.verdict is Verdict.UNDECIDED else 0


@app.command()
def verify(
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="A .json or .json.gz file.")],
    problem_file: Annotated[
        Path | None, typer.Option("--problem", help="The problem file that the certificate must speak of.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check a certificate in exact arithmetic, from its data alone."""
    from dataclasses import asdict

    from sparseopt.certificate.checker import verify as check
    from sparseopt.files import load_problem

    if not certificate.is_file():
        raise InputError(f"{certificate}: there is no such file")
    report = check(certificate, None if problem_file is None else load_problem(problem_file))
    if as_json:
        _print_json(asdict(report))
    else:
        print(report)
    return 0 if report.valid else 1


@app.command()
def witness(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="lu:3 …, or a problem file whose pattern is taken.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The problem file to write.")],
) -> int:
    """Write a dataset on which the pattern has no optimum: infimum 0, not attained."""
    from sparseopt.certification import certify as decide
    from sparseopt.problem import TrainingProblem

    asked = _subject(family)
    report = decide(asked.pattern if isinstance(asked, TrainingProblem) else asked)
    if report.witness is None:
        print(f"no witness: {report.verdict.value}, {report.reason}", file=sys.stderr)
        return 1
    report.witness.save(out)
    print(f"{out}: {report.witness.n_points} points, infimum 0, not attained. {report.reason}")
    return 0


@app.command()
def atlas(
    out: Annotated[
        Path | None, typer.Option(help="Write every verdict with its certificate to this JSON file.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw all classes into this .png, .svg or .pdf file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Decide for every small pattern, up to permutations, whether its linear counterpart is closed."""
    from sparseopt.existence.atlas import atlas_text, build, summary
    from sparseopt.existence.atlas_plot import plot_atlas
    from sparseopt.files import write_text
    from sparseopt.plot import check_target
    from sparseopt.report import atlas_table

    if plot is not None:
        check_target(plot)
    built = build()
    if out is not None:
        write_text(out, atlas_text(built))
    if plot is not None:
        plot_atlas(built, plot)
    rows = summary(built)
    if as_json:
        names = ("sizes", "classes", "closed", "not_closed", "undecided", "rules")
        _print_json({"tables": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print(atlas_table(rows))
    return 1 if any(row[4] for row in rows) else 0


@app.command()
def diverge(
    problem_file: ProblemFile,
    starts: Annotated[int, typer.Option(min=1, help="Random starts for each training method.")] = 8,
    iterations: Annotated[int, typer.Option(min=1, help="At most so many iterations a run.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Of the random starts.")] = 0,
    boxes: Annotated[
        int | None,
        typer.Option(min=0, max=20, help="Weight boxes R = 1, 2, 4, … that SCIP solves.", show_default="4 if small"),
    ] = None,
    box_seconds: Annotated[float, typer.Option(min=0.1, help="Time limit of each box.")] = 60.0,
    plot: Annotated[Path | None, typer.Option(help="Draw the runs into this .png, .svg or .pdf file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Train on data without optimum: the loss falls and the weights grow, beside the exact sequence and the optima
    within growing weight boxes."""
    from dataclasses import asdict

    from rich.console import Console

    from sparseopt.diverge import diverge as train
    from sparseopt.diverge import plot_divergence
    from sparseopt.files import load_problem
    from sparseopt.growing_boxes import suits
    from sparseopt.plot import check_target
    from sparseopt.report import box_rows, divergence_table

    problem = load_problem(problem_file)
    if plot is not None:
        check_target(plot)
    unsuited = suits(problem) if boxes is None else None
    count = boxes if boxes is not None else 0 if unsuited else 4
    with Console(stderr=True).status(f"training, and {count} weight boxes of at most {box_seconds:g} s each"):
        shown = train(problem, starts, iterations, seed, count, box_seconds)
    if plot is not None:
        plot_divergence(problem, shown, plot)
    if as_json:
        verdict, runs = shown.report.verdict.value, [asdict(run) for run in shown.runs]
        rows = box_rows(shown.boxes)
        _print_json({"verdict": verdict, "runs": runs, "sequence": shown.sequence, "boxes": rows})
    else:
        print(divergence_table(shown, unsuited))
    return 0


@app.command()
def masks(
    file: Annotated[Path, typer.Argument(metavar="MASKS", help="An .npz file: one mask (outputs, inputs) per layer.")],
    as_json: AsJson = False,
) -> int:
    """Scan every two consecutive layers of a pruned network: is their linear counterpart closed?"""
    from dataclasses import asdict

    from sparseopt.existence.large_masks import read_masks, scan
    from sparseopt.report import masks_text

    named = read_masks(file)
    reports = [(f"{low}, {high}", scan(a, b)) for (low, a), (high, b) in pairwise(named)]
    if as_json:
        _print_json({"layers": [{"masks": name, **asdict(report)} for name, report in reports]})
    else:
        print(masks_text(reports))
    return 0 if all(report.closed is not None for _, report in reports) else 1


@app.command()
def export(
    problem_file: ProblemFile,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A file ending in .mps, .lp or .smt2.")],
    weight_limit: Annotated[float, typer.Option(help="Box on the scaled parameters, for .mps and .lp.")] = 10.0,
) -> int:
    """Write the problem's explicit model for another solver."""
    from sparseopt.files import load_problem
    from sparseopt.models.export import export_model

    if not 0 < weight_limit < float("inf"):
        raise InputError(f"--weight-limit: {weight_limit} is not a positive number")
    print(f"{out}: {export_model(load_problem(problem_file), out, weight_limit)}")
    return 0


@app.command()
def solvers(as_json: AsJson = False) -> int:
    """List the solvers, what they can do, and whether they can be used here."""
    from sparseopt.report import solver_rows, solvers_text

    if as_json:
        _print_json({"solvers": solver_rows()})
    else:
        print(solvers_text())
    return 0


@app.command()
def bench(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="small, exact, real, deep or adversarial.")],
    out: Annotated[Path | None, typer.Option(help="Folder of rows and report; default bench-SUITE.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds a run; default: the suite's own.")] = None,
    memory_limit: Annotated[float, typer.Option(help="GiB a run.")] = 4.0,
    repeats: Annotated[int, typer.Option(help="Timed runs where one takes under 10 s.")] = 3,
    seed: Annotated[int, typer.Option(help="For peers that draw random numbers.")] = 0,
    peers: Annotated[
        str | None, typer.Option(help="Names with commas between; default: all that are installed.")
    ] = None,
    instances: Annotated[str, typer.Option(help="Only instances that match, such as 'square-*'.")] = "*",
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time, each on its own core; default: all but one.")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to run on.")] = None,
    problems: Annotated[Path | None, typer.Option(help="Only write the instances as problem files here.")] = None,
    as_json: AsJson = False,
) -> int:
    """Compare solvers on a suite of instances; a run that was stopped goes on where it was."""
    from sparseopt.benchmark import command
    from sparseopt.benchmark.run import Limits
    from sparseopt.benchmark.suites import suite_named
    from sparseopt.benchmark.text import print_report

    chosen = suite_named(suite)
    if problems is not None:
        print(f"{problems}: {command.write_problems(chosen, problems)} problem files")
        return 0
    limits = Limits.checked(chosen.time_limit if time_limit is None else time_limit, memory_limit, repeats, seed)
    folder = out or Path(f"bench-{suite}")
    names = None if peers is None else peers.split(",")
    report, complete = command.run_suite(chosen, folder, limits, names, instances, jobs, scheduler)
    if as_json:
        _print_json(command.report_document(report))
    else:
        print_report(report)
        print(f"report     {folder / command.PAGE}")
    return 0 if complete and not report.wrong_of_ours else 1


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        import sparseopt

        print(f"sparseopt {sparseopt.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Entry point: every bad input ends in one line on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without σ or ■ gets ? instead of a traceback
    try:
        if (code := app(standalone_mode=False)) == INTERRUPTED:
            _complain("interrupted")
    except InputError as error:
        code = _complain(str(error))
    except TyperException as error:
        code = _complain(f"{error.format_message()} See sparseopt --help.")
    except (Abort, KeyboardInterrupt):
        _complain("interrupted")
        code = INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    sys.exit(code)


def _complain(text: str) -> int:
    print("sparseopt: " + " ".join(text.split()), file=sys.stderr)
    return 2


def _subject(text: str) -> SparsityPattern | TrainingProblem:
    """A problem file if there is such a file or the text looks like one, else a family."""
    from sparseopt import families
    from sparseopt.files import load_problem

    if os.path.exists(text) or text.endswith(".json"):
        return load_problem(text)
    return families.parse(text)


def _write_certificate(path: Path, certificate: Any) -> None:
    from sparseopt.files import write_text

    if hasattr(certificate, "save"):
        certificate.save(path)
    else:
        write_text(path, json.dumps(certificate, indent=1) + "\n")


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--option {text!r}: write NAME=VALUE")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    raise InputError(f"--option {text!r}: the value is not a number")


def _print_json(document: Any) -> None:
    print(json.dumps(document, allow_nan=False))
