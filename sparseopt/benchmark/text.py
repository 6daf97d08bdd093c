"""A report as text for the terminal."""

from __future__ import annotations

import sys

from sparseopt.benchmark.report import Report, cell_text, columns, ratio_text


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
        ours, peers = section.peers[0], columns(section, lines)
        table = Table(title=f"\n{section.title} (seconds)", title_justify="left", title_style="bold", box=None)
        table.add_column("instance", no_wrap=True)
        for peer in peers:
            table.add_column(peer, justify="right", no_wrap=True)
        extra = [
            ("best/" + ours, any(line.ratio(ours) for line in lines)),
            ("goal", bool(section.goals)),
            ("MiB", True),
        ]
        for name, shown in extra:
            if shown:
                table.add_column(name, justify="right", no_wrap=True)
        for line in lines:
            cells = [cell_text(line.runs.get(peer), line, report.limit) for peer in peers]
            own = line.runs.get(ours)
            tail = [
                ratio_text(line.ratio(ours)),
                "" if line.goal is None else f"{line.goal:g}",
                "" if own is None else f"{own.row['memory'] / 2**20:.0f}",
            ]
            shown_tail = [text for text, (_, shown) in zip(tail, extra, strict=True) if shown]
            table.add_row(line.instance, *cells, *shown_tail)
        console.print(table)
        console.print(report.summary(section, lines), soft_wrap=True)
    console.print()
    for note in report.notes:
        console.print(note, soft_wrap=True)
    console.print(LEGEND, soft_wrap=True)


LEGEND = (
    "seconds: median of the repeats, solving only; > limit not solved; * proved in a weight box that excludes a better "
    "network; – not taken; + %: no proof, loss above the best known; MiB: peak memory of the first peer"
)
