"""`report.html`: what is in it, that it is safe, bounded, and the same for the same run."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import despoolr_lab
import despoolr_lab.report
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted
from despoolr_core.records.stream import Record
from despoolr_lab.report.html import ROWS_MAX, stream_report
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.report import Site, blocked_update, render_report

SECTIONS = [
    "picture",
    "episodes",
    "expectations",
    "workstations",
    "jobs",
    "events",
    "story",
    "words",
]
SUMMARY = {
    "kb": "Q147819",
    "scenario": "q147819-update-in-use",
    "version": "1.1",
    "seed": 1,
    "verdict": "Who was it?",
}
SCENARIOS = Path(__file__).parents[4] / "scenarios" / "kb"
LAB = Path(despoolr_lab.__file__).parent
TEMPLATES = Path(despoolr_lab.report.__file__).parent / "templates"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements close in order, and collects ids, text and the addresses the page would
    fetch.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.addresses.append(value or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def of_article(name: str, version: str) -> tuple[list[Record], dict[str, Any]]:
    records: list[Record] = []
    result = run_scenario(
        load_scenario(SCENARIOS / name), RunOptions(version=version), listeners=[records.append]
    )
    return records, result.to_json()


@pytest.fixture(scope="module")
def update_in_use() -> tuple[list[Record], dict[str, Any]]:
    return of_article("q147819_update_in_use.toml", "1.1")


@pytest.fixture(scope="module")
def expired_jobs() -> tuple[list[Record], dict[str, Any]]:
    return of_article("q152229_expired_jobs.toml", "1.1")


@pytest.mark.slow
def test_the_report_of_q147819_names_holder_attempts_and_outcome(
    update_in_use: tuple[list[Record], dict[str, Any]],
) -> None:
    records, summary = update_in_use
    page = Page(render_report(records, summary))
    assert [name for name in SECTIONS if name not in page.ids] == []
    order = [name for name in page.ids if name in ("verdict", "picture", "truth", "files")]
    assert order == ["verdict", "picture", "truth", "files"]
    assert summary["verdict"] in page.words
    for part in (
        r"\\LOGON1\SMS_PKGD\BPC00001\b.dat",
        "WINWORD.EXE on WS1",
        "refused 100 times",
        "it wants to write; the holder lets others read",
        "✗ Failed",
        "✓ got through",
        "22 h 55 min while the file was held, then 1 h 5 min until the next try",
        "b.dat to LOGON1: refused (Win32 32)",
        "194 more records like these, over 8 d",
    ):
        assert part in page.words, part


@pytest.mark.slow
def test_the_report_of_q152229_shows_each_workstation_before_and_after(
    expired_jobs: tuple[list[Record], dict[str, Any]],
) -> None:
    records, summary = expired_jobs
    page = Page(render_report(records, summary))
    assert [name for name in SECTIONS if name not in page.ids] == []
    assert "WS4 PATCH-ALL ↻ Retrying 1996-06-03 14:10 ⊘ Canceled 1996-06-05 08:45 yes" in page.words
    assert "No open was refused because of another one." in page.words
    assert "374" in page.words and "not enough disk space on drive C" in page.words


def test_a_workstation_that_never_reported_is_known_from_the_summary() -> None:
    details = [{"kind": "Workstation", "site": "BPC", "machine": "WS77", "status": "None"}]
    page = Page(render_report(blocked_update(), {"job": {"job": "J1", "details": details}}))
    assert "WS77" in page.words and "None 1" in page.words


def test_equal_runs_give_equal_reports_whatever_the_wall_clock_said() -> None:
    first = render_report(blocked_update(), {**SUMMARY, "wall_s": 0.5})
    second = render_report(blocked_update(), {**SUMMARY, "wall_s": 7.25})
    assert first == second


def test_the_file_fetches_nothing_from_anywhere() -> None:
    html = render_report(blocked_update(), SUMMARY)
    assert all(address.startswith("#") for address in Page(html).addresses)
    assert (
        "@import" not in html
        and re.search(r"url\((?!#)", html) is None
        and "http://" not in html
        and "https://" not in html
    )


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    evil = '"><script>alert(1)</script><svg onload=alert(2)>'
    site = (
        Site()
        .at(0)
        .step()
        .job("Active", name=evil)
        .hold(evil, path=f"PKG/{evil}", program=f"{evil}\x1b[31m\u202e")
    )
    site.at(1).refuse(program=evil).workstation(evil, evil).event(evil).at(9).step()
    summary = {
        "verdict": evil,
        "scenario": evil,
        "digest": evil,
        "notes": [evil],
        "expectations": [{"name": evil, "actual": {evil: evil}}],
    }
    html = render_report(site.records, summary)
    page = Page(html)
    assert page.tags.count("script") == 1 and "onload" not in re.sub(
        r"&#34;.*?&gt;|&lt;[^<]*", "", html
    )
    assert "<script>alert" not in html and "\x1b" not in html and "\u202e" not in html
    assert "<script>alert(1)</script>" in page.words


def test_tables_say_how_many_rows_they_leave_out() -> None:
    site = Site().at(0).step()
    for number in range(500):
        site.job("Active", job=f"J{number}").event(f"event {number}").workstation(
            f"WS{number}", "Complete", job=f"J{number}"
        )
    findings = [
        {"name": f"expectation {n}", "expected": n, "actual": n, "ok": True} for n in range(500)
    ]
    page = Page(
        render_report(site.at(9).step().records, {"expectations": findings, "notes": [*"n" * 500]})
    )
    assert "500 of 500 expectations hold" in page.words
    for table, noun in (
        ("notes", "notes"),
        ("expectations", "expectations"),
        ("jobs", "jobs"),
        ("events", "events"),
        ("workstations", "workstations"),
    ):
        assert f"{500 - ROWS_MAX[table]} more {noun} not shown" in page.words


def test_hundreds_of_attempts_become_a_density_with_counts() -> None:
    few, many = (
        render_report(blocked_update(40), SUMMARY),
        render_report(blocked_update(2000), SUMMARY),
    )
    cross = re.compile(r'<use href="#m-refused" x="\d')
    columns = re.compile(r'text-anchor="middle">(\d+)</text></g>')
    assert len(cross.findall(few)) == 40 + 1  # and one in the legend
    counts = [int(number) for number in columns.findall(many)]
    assert not cross.findall(many) and sum(counts) == 2000 and len(counts) < 40
    assert len(many) < len(few) * 2


@pytest.mark.slow
def test_two_hundred_thousand_records_stay_small_and_quick() -> None:
    site = Site().at(0).step()
    for number in range(50_000):
        handle, path = f"O{number}", f"PKG{number % 300}/b.dat"
        site.at(number / 100).hold(f"WS{number % 500}", handle, path).refuse(
            handle, job=f"J{number % 300}"
        )
        site.workstation(f"WS{number % 700}", ("Complete", "Retrying")[number % 2]).close(handle)
    records = site.at(600).step().records
    began = time.process_time()
    html = render_report(records, SUMMARY)
    assert len(records) > 200_000 and len(html.encode()) < 2_000_000
    assert time.process_time() - began < 30


def test_a_file_that_is_open_when_the_run_ends_was_never_closed() -> None:
    records = Site().at(0).step().hold("WS1").at(1).refuse().at(300).step().records
    assert "never closed" in render_report(records, {})


def test_a_file_that_is_closed_in_the_last_moment_of_a_run_is_closed() -> None:
    records = Site().at(0).step().hold("WS1").at(1).refuse().at(300).step().close().records
    assert "never closed" not in render_report(records, {})


def test_what_ends_because_a_server_stops_is_not_told_as_its_holders_doing() -> None:
    site = Site().at(0).step().hold("WS1").at(1).refuse().at(300).close(reason="server stopped")
    page = render_report(site.at(400).step().records, {})
    assert "server stopped" in page and "let go at" not in page


@pytest.mark.parametrize(
    "records", [[], Site().at(0).step().records, Site().at(0).hold("WS1").records]
)
def test_a_run_with_hardly_anything_in_it_still_has_a_report(records: list[Record]) -> None:
    page = Page(render_report(records, {}))
    assert (
        "Nobody was in the way" in page.words and "Nothing was expected of this run." in page.words
    )


def test_the_picture_speaks_to_those_who_cannot_see_it() -> None:
    html = render_report(blocked_update(), SUMMARY)
    assert html.count('<svg class="plot"') <= html.count('aria-hidden="true"')
    description = re.search(r'<p class="sr" id="timeline-desc">(.*?)</p>', html, re.S)
    assert (
        description
        and "SMS_DESPOOLER on SITE1 was refused" in description[1]
        and "held by WINWORD.EXE on WS1" in description[1]
    )
    assert 'role="rowheader" scope="row"' in html and html.count("<thead") == html.count(
        '<table role="table"'
    ) == html.count("<table")


def test_a_message_that_is_false_on_purpose_has_its_note() -> None:
    about = {"job": "J1", "package": "PKG", "server": "LOGON1"}
    site = Site().at(0).step().hold("WS1").at(1).job("Active")
    site.record("BPC/D", CopyStarted(attempt=1, **about)).refuse()
    refused = CopyEnded(attempt=1, result="refused", file="b.dat", win32=32, **about)
    site.record("BPC/D", refused).event("There isn't sufficient disk space.", 109)
    html = render_report(site.at(9).step().records, {})
    page = Page(html)
    assert "“There isn't sufficient disk space.” is false, on purpose. The disk had room." in (
        page.words.replace("† ", "")
    )
    assert "Q193766" in page.words and html.count('href="#false-1"') == 2
    assert page.ids.count("false-1") == 1


def test_text_is_legible_in_both_themes() -> None:
    for theme in ("light", "dark"):
        css = (TEMPLATES / f"{theme}.css").read_text()
        colour = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", css))
        grounds = ("bg", "panel", "sunk")
        texts = ("ink", "ink2", "hold", "refuse", "ok", "retry", "new", "act", "link")
        for text in texts:
            for ground in grounds:
                assert contrast(colour[text], colour[ground]) >= 4.5, (theme, text, ground)
        for text, ground in (
            ("hold-on", "hold"),
            ("hold-on", "act"),
            ("hold-on", "refuse"),
            ("old-on", "old"),
            ("new", "new-bg"),
            ("refuse", "refuse-bg"),
            ("ok", "ok-bg"),
            ("ink", "retry-fill"),
            ("ink", "sunk"),
        ):
            assert contrast(colour[text], colour[ground]) >= 4.5, (theme, text, ground)
        assert all(contrast(colour["edge"], colour[ground]) >= 3 for ground in grounds)


@pytest.mark.parametrize("page", sorted(LAB.rglob("*.html.j2")), ids=lambda page: page.name)
def test_a_page_asks_for_no_colour_that_is_not_there(page: Path) -> None:
    css = (TEMPLATES / "report.css").read_text()
    told = css + (TEMPLATES / "light.css").read_text()
    asked = set(re.findall(r"var\((--[a-z0-9-]+)", css + page.read_text()))
    assert asked - set(re.findall(r"(--[a-z0-9-]+):", told)) == set()


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2.1 computes of two colours."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_comes_piece_by_piece_and_records_are_not_kept() -> None:
    class Anew:
        """Records that are there only while they are read."""

        passes = 0

        def __iter__(self) -> Iterator[Record]:
            self.passes += 1
            yield from blocked_update()

    records = Anew()
    pieces = stream_report(records, SUMMARY)
    assert next(pieces) and "".join(pieces).endswith("</html>") and records.passes == 3
