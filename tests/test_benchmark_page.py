"""The benchmark's page in a real headless browser (Debian's chromium): tables, sorting, filter, pictures, widths."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparseopt.benchmark.figures import draw_figures
from sparseopt.benchmark.page import write_page
from sparseopt.benchmark.report import Report
from sparseopt.benchmark.run import Limits, run
from sparseopt.benchmark.suites import SUITES

SECONDS = {"square-11-k2": 0.02, "square-21-k2": 1.5, "sine-20-k2": 0.3}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of real rows with times that are known, one of them with a wrong claim."""
    folder = tmp_path_factory.mktemp("page")
    header = {"time_limit": 5.0, "memory_limit": 2**31, "repeats": 1, "seed": 0, "machine": {"processor": "a <b> & c"}}
    rows = []
    real = {peer: run("square-11-k2", peer, Limits(5.0, 2**31, 1, 0)) for peer in ("enumerate", "z3")}
    for instance, seconds in SECONDS.items():
        for peer, row in real.items():
            rows.append({**copy.deepcopy(row), "instance": instance, "seconds": [seconds]})
            if (instance, peer) == ("sine-20-k2", "z3"):
                rows[-1]["answer"]["objective"] = 7.5
    report = Report(SUITES["small"], header, rows)
    write_page(report, draw_figures(report, folder), folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with playwright.sync_playwright() as session:
        yield session.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.getuid() == 0 else [])


@pytest.fixture
def page(browser: Any, page_file: Path) -> Iterator[Any]:
    """The page, offline; fails at the end if it asked for anything or a script failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    tab = context.new_page()
    asked: list[str] = []
    failed: list[Any] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: failed.append(error))
    tab.goto(page_file.as_uri())
    yield tab
    assert [url for url in asked if not url.startswith(("data:", page_file.as_uri()))] == []
    assert failed == []
    context.close()


def _column(page: Any, number: int) -> list[str]:
    cells = page.locator("table.runs").first.locator(f"tbody tr:visible td:nth-child({number})")
    return list(cells.all_text_contents())


def test_tables_sort_both_ways_and_values_that_are_missing_come_last(page: Any) -> None:
    head = page.locator("table.runs").first.locator("th")
    names = head.all_text_contents()
    instance, seconds, z3 = 1, names.index("enumerate") + 1, names.index("z3") + 1
    before = _column(page, instance)
    assert before == list(SECONDS)
    head.nth(seconds - 1).locator("button").click()
    assert _column(page, instance) == ["square-11-k2", "sine-20-k2", "square-21-k2"]
    assert head.nth(seconds - 1).get_attribute("aria-sort") == "ascending"
    head.nth(seconds - 1).locator("button").click()
    assert _column(page, instance) == ["square-21-k2", "sine-20-k2", "square-11-k2"]
    for _ in range(2):
        head.nth(z3 - 1).locator("button").click()
        assert _column(page, z3)[-1] == "WRONG"
    head.nth(0).locator("button").click()
    assert _column(page, instance) == sorted(SECONDS)


def test_the_filter_hides_other_instances(page: Any) -> None:
    page.fill("#filter", "sine")
    assert _column(page, 1) == ["sine-20-k2"]
    page.fill("#filter", "")
    assert len(_column(page, 1)) == 3


def test_wrong_claims_come_before_the_tables(page: Any) -> None:
    claims = page.locator(".claims")
    assert "1 of 6 runs made a wrong claim" in claims.inner_text()
    assert "states loss 7.5" in claims.inner_text()
    assert claims.bounding_box()["y"] < page.locator("table.runs").first.bounding_box()["y"]


def test_pictures_are_inside_and_drawn(page: Any) -> None:
    widths = page.evaluate("[...document.images].map(image => image.complete ? image.naturalWidth : 0)")
    assert len(widths) >= 2
    assert min(widths) > 500


def test_text_is_shown_as_text(page: Any) -> None:
    assert "a <b> & c" in page.inner_text("dl")
    assert "sparseopt bench small --time-limit 5" in page.inner_text("body")


def test_a_phone_shows_times_beside_names_and_readable_figures(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    head = page.locator("table.runs").first.locator("th:visible")
    assert head.all_text_contents()[:2] == ["instance", "enumerate"]
    assert head.nth(1).bounding_box()["x"] < 390
    assert min(image.bounding_box()["width"] for image in page.locator("figure img").all()) >= 600
    page.set_viewport_size({"width": 1280, "height": 900})
    assert "points" in head.all_text_contents()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
