"""A report as one self-contained HTML page: works offline, tables sort and filter, pictures are inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from sparseopt.benchmark.judgement import Judged, Verdict
from sparseopt.benchmark.peers.registry import PEERS
from sparseopt.benchmark.report import Line, Report, cell_text, columns, ratio_text
from sparseopt.benchmark.suites import Section
from sparseopt.benchmark.text import LEGEND
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
    ours = section.peers[0]
    heads = ["instance", "points", "inputs", "k", "loss", *columns(section, lines), f"best/{ours}", "goal", "MiB"]
    head = "".join(f"<th><button>{escape(name)}</button></th>" for name in heads)
    body = "\n".join(f"<tr>{''.join(_cells(report, section, line, columns(section, lines)))}</tr>" for line in lines)
    return (
        f"<h2>{escape(section.title)} (seconds)</h2>\n"
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>\n"
        f'<p class="note">{escape(report.summary(section, lines))}</p>'
    )


def _cells(report: Report, section: Section, line: Line, peers: Sequence[str]) -> Iterable[str]:
    """The cells of a table row; data-key is what they are sorted by, empty for "no value"."""
    ours = section.peers[0]
    yield _cell(line.instance, line.instance)
    for key in ("points", "inputs", "width", "loss"):
        value = "" if line.facts is None else str(line.facts[key])
        yield _cell(value, value)
    for peer in peers:
        run = line.runs.get(peer)
        text = cell_text(run, line, report.limit)
        kind = "wrong" if text in ("WRONG", "crash") else "" if run is not None and run.solved else "none"
        timed = run is not None and (run.solved or run.verdict in (Verdict.LIMIT, Verdict.UNPROVED))
        yield _cell(
            text, str(run.seconds) if timed and run is not None else "", kind, "" if run is None else run.reason
        )
    ratio, own = line.ratio(ours), line.runs.get(ours)
    yield _cell(ratio_text(ratio), "" if ratio is None else str(ratio[0]))
    yield _cell("" if line.goal is None else f"{line.goal:g}", "" if line.goal is None else str(line.goal))
    memory = "" if own is None else f"{own.row['memory'] / 2**20:.0f}"
    yield _cell(memory, memory)


def _cell(text: str, key: str, kind: str = "", title: str = "") -> str:
    attributes = f' class="{kind}"' if kind else ""
    attributes += f' title="{escape(title)}"' if title else ""
    return f'<td data-key="{escape(key)}"{attributes}>{escape(text)}</td>'


def _figure(caption: str, file: Path) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


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
    yield "threads", "one a run, bound to a core that no other run uses"
