"""`top` on a terminal of the test's own: keys, what is asked, what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from despoolr_app.site_client.errors import SiteError
from despoolr_app.top.answer import TopAnswer
from despoolr_core.records.live.model import LiveWatched
from worlds.support import leave_out
from worlds.top import blocked_answer

NEVER_S = 3600.0


class Site:
    """A site that answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str], TopAnswer] = lambda _: blocked_answer()) -> None:
        self.answer = answer
        self.words: list[str] = []
        self.released: list[tuple[str, str]] = []

    def look(self, word: str) -> TopAnswer:
        self.words.append(word)
        return self.answer(word)

    def release(self, server: str, open_: str) -> None:
        self.released.append((server, open_))


@pytest.fixture(scope="module")
def screen() -> Any:
    """The module that needs Textual."""
    if find_spec("textual") is None:
        leave_out("Textual is not installed; pip install 'despoolr[tui]'")
    return import_module("despoolr_app.top.screen")


def seen(app: Any) -> str:
    """All that is on the terminal."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_the_page_is_as_wide_as_the_terminal(screen: Any, width: int) -> None:
    async with (app := screen.TopApp(Site(), NEVER_S)).run_test(size=(width, 16)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        told = seen(app).splitlines()
        assert told[0].startswith("despoolr top  SITE1  Tue 06-04 14:00:00  x60  live")
        assert told[2].startswith("[blocked]") and "UPDATE on LOGON1" in told[4]
        assert ("OPEN SINCE" in told[3]) == (width >= 120)
        assert told[-1].startswith("tab pane")


@pytest.mark.slow
async def test_keys_lead_to_every_pane_and_to_why(screen: Any) -> None:
    async with (app := screen.TopApp(Site(), NEVER_S)).run_test(size=(100, 20)) as pilot:
        await app.workers.wait_for_complete()
        for heading in ("OPEN FOR", "DATABASE SAYS", "No client has run", "NEXT RETRY"):
            await pilot.press("tab")
            assert heading in seen(app)
        await pilot.press("enter")
        assert "b.dat" in seen(app)
        await pilot.press("w")
        assert "was refused b.dat" in seen(app)
        await pilot.press("escape")
        assert "was refused b.dat" not in seen(app)


async def test_a_pane_that_a_watch_has_not_is_left_once_that_is_known(screen: Any) -> None:
    watched = blocked_answer()
    watched.watched = LiveWatched("runs/x-watch-FS1", "Grade B", ["smbstatus -L"])
    async with (app := screen.TopApp(Site(lambda _: watched), NEVER_S)).run_test() as pilot:
        await app.workers.wait_for_complete()
        app.pane = "jobs"  # as after two tabs before the first answer
        app.look()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "[blocked]" in seen(app)
        await pilot.press("tab")
        assert "[holders]" in seen(app)


@pytest.mark.slow
async def test_nothing_is_closed_before_y(screen: Any) -> None:
    site = Site()
    async with (app := screen.TopApp(site, NEVER_S)).run_test(size=(100, 20)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("r")
        assert isinstance(app.screen, screen.MessageScreen) and "Close b.dat on LOGON1" in seen(app)
        await pilot.press("escape")
        assert site.released == []
        await pilot.press("r", "y")
        await app.workers.wait_for_complete()
        assert site.released == [("LOGON1", "O1")]


@pytest.mark.slow
async def test_a_filter_is_asked_of_the_site(screen: Any) -> None:
    site = Site()
    async with (app := screen.TopApp(site, NEVER_S)).run_test(size=(80, 16)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("slash", *"win", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert site.words == ["", "win"] and "with 'win'" in seen(app)


@pytest.mark.slow
async def test_only_lines_that_changed_are_drawn_anew(screen: Any) -> None:
    async with (app := screen.TopApp(Site(), NEVER_S)).run_test(size=(80, 16)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        rows = app.query_one(screen.TopRows)
        drawn = rows.drawn_count
        for _ in range(5):
            app.draw()
            await pilot.pause()
        assert rows.drawn_count == drawn
        lines = [*rows.lines]
        lines[1] = lines[0]
        rows.put(lines, 79)
        await pilot.pause()
        assert rows.drawn_count == drawn + 1


async def test_a_site_that_does_not_answer_leaves_the_last_page_and_says_so(screen: Any) -> None:
    site = Site()
    async with (app := screen.TopApp(site, NEVER_S)).run_test(size=(100, 16)) as pilot:
        await app.workers.wait_for_complete()

        def silent(_: str) -> TopAnswer:
            raise SiteError("SITE1 does not answer")

        site.answer = silent
        app.look()
        await app.workers.wait_for_complete()
        await pilot.pause()
        told = seen(app)
        assert "~ no answer: SITE1 does not answer" in told and "UPDATE on LOGON1" in told


@pytest.mark.slow
async def test_a_pane_is_ordered_by_its_columns_in_turn_and_each_keeps_its_order(
    screen: Any,
) -> None:
    async with (app := screen.TopApp(Site(), NEVER_S)).run_test(size=(80, 16)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("s")
        assert "by refused" in seen(app).splitlines()[2]
        await pilot.press("tab")
        assert " by " not in seen(app).splitlines()[2]
        await pilot.press("shift+tab")
        assert "by refused" in seen(app)
        await pilot.press("s", "s", "s")
        assert " by " not in seen(app).splitlines()[2], "round and round"


@pytest.mark.slow
async def test_the_history_of_what_waits_is_told_and_left(screen: Any) -> None:
    async with (app := screen.TopApp(Site(), NEVER_S)).run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("h")
        told = seen(app)
        assert "WINWORD.EXE on WS1 opened b.dat" in told and "was refused" in told
        await pilot.press("escape")
        assert "opened b.dat" not in seen(app)
        assert seen(app).splitlines()[-1] == screen.KEYS and len(screen.KEYS) <= 80
