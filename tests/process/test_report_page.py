"""The report in a browser: its address, its keys, and no word that a phone breaks or pushes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from worlds.browser import Page
from worlds.report import blocked_update, render_report

pytestmark = pytest.mark.long

RANGE = "t=1996-06-03T10:00:00/1996-06-04T12:00:00"
SHOWN = "document.querySelector('#shown').textContent"
CROSSES = "document.querySelectorAll('g.attempts use').length"
COLUMNS = "[...document.querySelectorAll('g.attempts .column text')].map(t => +t.textContent)"


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """The report of a run with a hundred refusals, two hours apart."""
    path = tmp_path / "report.html"
    path.write_text(render_report(blocked_update(100), {}), "utf-8")
    return path


async def test_an_address_keeps_the_range_and_a_zoom_parts_columns_into_crosses(
    page_file: Path, page: Page
) -> None:
    await page.look(1280)
    await page.open(page_file.as_uri())
    assert sum(await page.value(COLUMNS)) == 100 and await page.value(CROSSES) == 0
    await page.open(f"{page_file.as_uri()}#{RANGE}")
    await page.until(f"{SHOWN}.startsWith('Mon 06-03 10:00 to Tue 06-04 12:00 (1 d 2 h')")
    assert await page.value(CROSSES) == 14 and await page.value(COLUMNS) == []
    await page.value("document.querySelector('#range').focus()")
    for key in ("n", "-", "0"):
        await page.value(
            "document.querySelector('#range').dispatchEvent("
            f"new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )
    await page.until(f"{SHOWN}.startsWith('Mon 06-03 08:00')")
    assert "t=" not in await page.value("location.hash")
    assert page.errors == []


async def test_a_phone_shows_it_without_scrolling_sideways(page_file: Path, page: Page) -> None:
    for dark in (False, True):
        await page.look(390, dark=dark)
        await page.open(page_file.as_uri())
        root = "document.documentElement"
        assert await page.value(f"{root}.scrollWidth <= {root}.clientWidth")
    assert page.errors == []
