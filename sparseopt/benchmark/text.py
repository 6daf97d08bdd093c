"""A report as text for the terminal."""

from __future__ import annotations

import sys

from sparseopt.benchmark.report import Report, table

IN_THE_NAME = ("points", "inputs", "k", "loss")
"""Columns that the terminal does without."""


def print_report(report: Report) -> None:
    """Print wrong claims first, then a table for each section, then the summaries."""
    from rich.console import Console
    from rich.table import Table

    # a pipe or file gets whole rows, whatever width its maker assumes
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 150)
    for run in report.wrong:
        console.print(f"WRONG  {run.row['peer']} on {run.row['instance']}: {run.reason}", soft_wrap=True)
    if not report.wrong:
        console.print(f"no wrong claim in {len(report.judged)} runs")
    for section, lines in report.sections:
        shown = Table(title=f"\n{section.title} (seconds)", title_justify="left", title_style="bold", box=None)
        columns = {
            head: cells for head, cells in table(section, lines, report.limit).items() if head not in IN_THE_NAME
        }
        for head in columns:
            shown.add_column(head, justify="left" if head == "instance" else "right", no_wrap=True)
        for cells in zip(*columns.values(), strict=True):
            shown.add_row(*(cell.text for cell in cells))
        console.print(shown)
        console.print(report.summary(section, lines), soft_wrap=True)
    console.print()
    for note in report.notes:
        console.print(note, soft_wrap=True)
    console.print(LEGEND, soft_wrap=True)


LEGEND = (
    "seconds: median of the repeats, solving only; > limit not solved; * proved in a weight box that excludes a better "
    "network; – not taken; + %: no proof, loss above the best known; MiB: peak memory of the first peer"
)
