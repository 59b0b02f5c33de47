"""The store of runs in a browser: at three widths, dark and light, by keys, and for who does not
see it (axe-core).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from despoolr_app.process.settings import Listen
from despoolr_app.runs.store import RunStore
from despoolr_app.runs_page.server import RunsPage
from despoolr_core.records.whatif.ladder import FIXES, HARMS, Effects, Ladder, LadderRow
from worlds.axe import axe_script
from worlds.browser import Page
from worlds.report import blocked_update, render_report

pytestmark = pytest.mark.long
NAME: Final = "19960603T080000Z-q147819-update-in-use-seed0"
WIDTHS: Final = (390, 1280, 1600)
VERDICT: Final = "SMS_DESPOOLER on SITE1 was refused b.dat 100 times over 8 d 6 h. " * 3


def keep(root: Path, name: str = NAME) -> None:
    path = root / name
    path.mkdir(parents=True)
    summary = {"kb": "Q147819", "version": "1.2", "verdict": VERDICT, "digest": "ab" * 32}
    (path / "summary.json").write_bytes(msgspec.json.encode(summary))
    (path / "records.jsonl").write_text("{}\n")
    (path / "report.html").write_text(render_report(blocked_update(100), {}), "utf-8")
    rows = (
        LadderRow("forced disconnect after 1 h", "setting", FIXES, worlds=5, held=5),
        LadderRow("closing by hand", "force", HARMS, worlds=5, effects=Effects(data_lost=1)),
    )
    told = Ladder("x", "the update is through", "it is not", rows, sentence="It could have been.")
    (path / "whatif.json").write_bytes(msgspec.json.encode(told))


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[str]:
    page = RunsPage(RunStore(root), "secret")
    url = await page.start(Listen("127.0.0.1", 0))
    try:
        yield url.replace("://", "://runs:secret@")
    finally:
        await page.stop()


async def test_it_fits_every_width_and_who_does_not_see_it_can_use_it(
    tmp_path: Path, page: Page
) -> None:
    script = axe_script()
    for number in range(30):
        keep(tmp_path / "many", f"19960603T0800{number:02}Z-q147819-update-in-use-seed{number}")
    one = "/runs/19960603T080000Z-q147819-update-in-use-seed0"
    for state, paths in (("many", ("/", one, "/no")), ("none", ("/",))):
        async with serving(tmp_path / state) as url:
            for path in paths:
                for width in WIDTHS:
                    await page.look(width, dark=width == 1280)
                    await page.open(url + path)
                    root = "document.documentElement"
                    assert await page.value(f"{root}.scrollWidth") == width, (path, width)
                    await page.value(script)
                    assert await page.value(AXE) == [], (path, width)
    assert [error for error in page.errors if "404" not in error] == []


async def test_from_a_filter_to_a_run_to_its_report_by_keys_alone(
    tmp_path: Path, page: Page
) -> None:
    keep(tmp_path)
    keep(tmp_path, "19960604T080000Z-other-seed0")
    async with serving(tmp_path) as url:
        await page.look(1280)
        await page.open(url + "/")
        await page.value("q.value = 'update-in'; q.form.requestSubmit()")
        await page.until("location.search.includes('q=update-in')")
        await page.until("document.readyState == 'complete'")
        rows = "document.querySelectorAll('tbody tr').length"
        assert await page.value(rows) == 1, "a filter is an address: it can be passed on"
        await page.value("document.querySelector('tbody th a').click()")
        await page.until(f"location.pathname == '/runs/{NAME}'")
        await page.until("document.querySelector('a.button')")
        await page.value("document.querySelector('a.button').click()")
        await page.until("location.pathname.endsWith('/report')")
        await page.until("document.querySelector('#range')")
        assert await page.value("window.origin") == "null"
        await page.open(f"{url}/runs/{NAME}/report#t=1996-06-03T10:00/1996-06-04T12:00")
        shown = "document.querySelector('#shown').textContent"
        await page.until(f"{shown}.startsWith('Mon 06-03 10:00 to Tue 06-04 12:00')")
        assert await page.value("fetch('/').then(() => 'got', () => 'refused')") == "refused"


AXE: Final = (
    "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', "
    "'wcag21aa', 'wcag22aa', 'best-practice']}).then(told => told.violations.map(v => "
    "`${v.id}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`))"
)
