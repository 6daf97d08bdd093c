"""A report as one self-contained HTML page: works offline, tables sort and filter, pictures are inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from sparseopt.benchmark.figures import DPI
from sparseopt.benchmark.judgement import Judged, Verdict
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.benchmark.report import Cell, Line, Report, table
from sparseopt.benchmark.suites import Section
from sparseopt.benchmark.text import IN_THE_NAME, LEGEND
from sparseopt.files import write_text


def write_page(report: Report, figures: Mapping[str, Path], path: Path) -> None:
    """Write the page; `figures` are captions and picture files."""
    template = Template(files("sparseopt.benchmark").joinpath("page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        suite=escape(report.suite.name),
        summary=escape(report.suite.summary),
        claims=_claims(report.wrong, len(report.judged)),
        notes="\n".join(f"<li>{escape(note)}</li>" for note in report.notes),
        sections="\n".join(_section(report, section, lines) for section, lines in report.sections),
        legend=escape(LEGEND),
        figures="\n".join(_figure(caption, file) for caption, file in figures.items()),
        peers="\n".join(_peers(report)),
        settings="\n".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _settings(report)),
        command=escape(command(report)),
    )
    write_text(path, page)


def command(report: Report) -> str:
    """The command that makes the same runs again."""
    settings = report.header
    return (
        f"sparseopt bench {report.suite.name} --time-limit {settings['time_limit']:g} "
        f"--memory-limit {settings['memory_limit'] / 2**30:g} --repeats {settings['repeats']} "
        f"--seed {settings['seed']} --out NEW-FOLDER"
    )


def _claims(wrong: Sequence[Judged], count: int) -> str:
    if not wrong:
        return f'<p class="claims">No wrong claim in {count} runs.</p>'
    items = [
        f"<li><b>{escape(run.row['peer'])}</b> on {escape(run.row['instance'])}: {escape(run.reason)}</li>"
        for run in wrong
    ]
    return f'<div class="claims bad">{len(wrong)} of {count} runs made a wrong claim:<ul>{"".join(items)}</ul></div>'


def _section(report: Report, section: Section, lines: Sequence[Line]) -> str:
    columns = table(section, lines, report.limit)
    kinds = ["fact" if name in IN_THE_NAME else "" for name in columns]  # narrow screens do without these
    head = "".join(
        f'<th class="{kind}"><button>{escape(name)}</button></th>' for name, kind in zip(columns, kinds, strict=True)
    )
    rows = zip(*columns.values(), strict=True)
    body = "\n".join(f"<tr>{''.join(map(_cell, cells, kinds))}</tr>" for cells in rows)
    return (
        f"<h2>{escape(section.title)} (seconds)</h2>\n"
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>\n"
        f'<p class="note">{escape(report.summary(section, lines))}</p>'
    )


def _cell(cell: Cell, kind: str) -> str:
    """A table cell; data-key is what it is sorted by, empty for "no value"."""
    key, title = "" if cell.key is None else escape(str(cell.key)), ""
    if cell.run is not None:
        bad = cell.run.verdict in (Verdict.WRONG, Verdict.CRASH)
        kind = "wrong" if bad else "" if cell.run.solved else "none"
        title = f' title="{escape(cell.run.reason or cell.run.verdict.value)}"'
    return f'<td data-key="{key}" class="{kind}"{title}>{escape(cell.text)}</td>'


def _figure(caption: str, file: Path) -> str:
    data, text = file.read_bytes(), escape(caption)
    width = int.from_bytes(data[16:20]) * 96 // DPI  # a PNG's width stands there; CSS has 96 pixels an inch
    image = f'<img alt="{text}" width="{width}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    return f'<figure><div class="scroll">{image}</div><figcaption>{text}</figcaption></figure>'


def _peers(report: Report) -> Iterable[str]:
    used = dict.fromkeys(run.row["peer"] for run in report.judged)
    for name in used:
        peer = PEERS[name]
        seen = {tuple(run.row["versions"].items()) for run in report.judged if run.row["peer"] == name}
        versions = "; ".join(sorted(", ".join(f"{k} {v}" for k, v in pairs) for pairs in seen))
        cells = (name, peer.summary, peer.claim.value, versions)
        yield f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in cells)}</tr>"


def _settings(report: Report) -> Iterable[tuple[str, str]]:
    settings = report.header
    yield from settings["machine"].items()
    yield "time limit", f"{settings['time_limit']:g} s, killed at {1.1 * settings['time_limit'] + 2:g} s"
    yield "memory limit", f"{settings['memory_limit'] / 2**30:g} GiB resident"
    yield "repeats", f"{settings['repeats']} where one takes under 10 s; the median is shown"
    yield "seed", str(settings["seed"])
    yield "threads", "one a run (two of exact-2), bound to cores that no other run uses"
