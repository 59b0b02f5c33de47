"""The page of a load and of a soak in a browser: it fits a phone, says no error, and can be used by
who does not see it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from despoolr_app.process.settings import Listen
from despoolr_lab.load.live.server import LiveLoad
from despoolr_lab.load.measure.tally import Second
from despoolr_lab.load.run import LoadProgress
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.load.workers.protocol import WorkerStatus
from despoolr_lab.measured.charts import Series, draw, mark
from despoolr_lab.measured.page import (
    MeasuredPage,
    PageFigure,
    PageLegend,
    PageRow,
    PageTable,
    render_page,
)
from worlds.axe import axe_script
from worlds.browser import Page

pytestmark = pytest.mark.long

LONG = "files left in SMS_SHRD/PCMDOM.BOX/AN_UNUSUALLY_LONG_NAME_OF_A_DIRECTORY_THAT_NO_LINE_HOLDS"


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """A page that has everything."""
    rows = [PageRow("WRONG", "bad", (LONG, "0", "1,234")), PageRow("right", "good", ("b", "1", ""))]
    marks = [mark(100, 200, 900, "SITE1", "restart"), mark(300, 400, 900, "SITE1-LOGON1", "cut")]
    marks += [mark(500, None, 900, "disk_full"), mark(800, None, 900, "draining", "warm")]
    series = [Series(f"line {n}", f"c{n}", {0: n, 450: n + 5.0, 900: n}) for n in range(7)]
    page = MeasuredPage(
        title="a soak",
        kicker=("soak", "20261126T011919Z-soak-seed1"),
        verdict=f"{LONG}: 1,234 instead of 0.",
        reasons=("not all clients existed",),
        figures=[PageFigure("verdict", "failed", css="bad"), PageFigure("done", "3 jobs", LONG)],
        checks=[PageTable("What must be exact", ("Count", "Expected", "Actual"), rows, left_out=3)],
        course="Over time",
        course_note="minutes and seconds",
        legend=[PageLegend(css, css) for css in ("restart", "cut", "broken", "warm")],
        marks=marks,
        charts=[draw("Memory", series, 900, 60, note="resident", gap=500)],
        tables=[
            PageTable(
                "What was done to it",
                ("Where and when",),
                [PageRow("restart", "", ("SITE1: 1:40 to 3:20",))],
                states="What",
            )
        ],
        facts=[("jobs", "3"), ("deepest boxes", LONG)],
        notes=[LONG],
    )
    path = tmp_path / "report.html"
    path.write_text(render_page(page), "utf-8")
    return path


async def test_the_page_fits_a_phone_and_a_screen_and_says_no_error(
    page_file: Path, page: Page
) -> None:
    for width in (390, 1280):
        for dark in (False, True):
            await page.look(width, dark=dark)
            await page.open(page_file.as_uri())
            assert await page.value("document.documentElement.scrollWidth") == width
            heights = "[...document.querySelectorAll('.paper svg')].map(s => s.clientHeight)"
            assert await page.value(heights) == [120], "what is written beside it is legible"
    assert page.errors == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "about"}


async def test_the_live_page_of_a_load_is_drawn_anew_and_becomes_its_report(
    page_file: Path, page: Page
) -> None:
    load = parse_load('name = "one"\ntitle = "One"\n[load]\n[[clients]]\nname = "A"\ncount = 4\n')

    def progress(second: float) -> LoadProgress:
        return LoadProgress("running", second, 300.0, WorkerStatus("told"), Second(), None)

    live = LiveLoad(load, "19960603T080000Z")
    url = await live.start(Listen("127.0.0.1", 0))
    await page.look(390)
    live.show(progress(1.5))
    await page.open(url)
    headline = "document.querySelector('h1').textContent"
    await page.until(f"{headline}.startsWith('running: 0:01')")
    live.show(progress(2.5))
    await page.until(f"{headline}.startsWith('running: 0:02')")
    assert await page.value("document.documentElement.scrollWidth") == 390
    ending = asyncio.ensure_future(live.end(page_file.read_text("utf-8")))
    await page.until("document.title === 'a soak'")
    await ending
    assert page.errors == []


async def test_who_does_not_see_the_page_or_sees_little_can_use_it(
    page_file: Path, page: Page
) -> None:
    script = axe_script()
    for width, dark in ((1280, True), (390, False)):
        await page.look(width, dark=dark)
        await page.open(page_file.as_uri())
        await page.value(script)
        found = await page.value(
            "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', "
            "'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(told => "
            "told.violations.map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => "
            "n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)).join(' | ')}`))"
        )
        assert found == [], (width, dark)
