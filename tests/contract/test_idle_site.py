"""What a site wakes for while nobody asks it anything: turns of its event loop are counted, and no
time is measured.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from despoolr_app.process.runtime import prepare
from despoolr_app.process.settings import Listen, LogonSettings, RuntimeSettings, SiteSettings
from despoolr_app.servers.servers import Servers
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.timing import Timing

ANYWHERE = Listen("127.0.0.1", 0)
SECRET = b"of two processes"
UNDER_WAY_S = 0.02
"""Seconds in which sockets and threads say something if anything is under way."""
WARM_S = 300.0
IDLE_S = 600.0
"""Seconds of the loop's time: what a start leaves behind goes first, then turns are counted."""


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop that does not wait for its timers once it is told to `hurry`: where nothing comes
    from anywhere, it is the time of the next one.
    """

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self.turn_count = 0
        self.hurry = False
        selector = selectors.DefaultSelector()
        self._really_select = selector.select
        selector.select = self._select  # type: ignore[method-assign]
        super().__init__(selector)

    def time(self) -> float:
        return super().time() + self._ahead_s

    def _select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turn_count += 1
        if not self.hurry or timeout is None or timeout <= UNDER_WAY_S:
            return self._really_select(timeout)
        events = self._really_select(UNDER_WAY_S)
        if not events:
            self._ahead_s += timeout - UNDER_WAY_S
        return events


async def turns_of_idle(build: Callable[[], Awaitable[list[Servers]]]) -> float:
    """Turns a minute of servers to which nobody says anything."""
    loop: Any = asyncio.get_running_loop()
    running = await build()
    try:
        await asyncio.sleep(1.0)
        loop.hurry = True
        await asyncio.sleep(WARM_S)
        before = loop.turn_count
        await asyncio.sleep(IDLE_S)
        return float(loop.turn_count - before) / IDLE_S * 60
    finally:
        loop.hurry = False
        for servers in running:
            await servers.close()


def process(directory: Path, scale: float) -> Servers:
    runtime = prepare(
        RuntimeSettings(directory / "data", Timing(scale), SECRET, listens=(ANYWHERE,))
    )
    runtime.begin(None)
    return Servers(runtime, directory, lambda _text: None)


async def add_site(servers: Servers, logon: ServerCard) -> None:
    profile = profile_of("1.2")
    await servers.add_site(
        SiteSettings(ANYWHERE, "SITE1", "BPC", "SALES", profile, Response.FAST, (logon,))
    )


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "turns_max"), [(1.0, 9.0), (60.0, 15.0), (300.0, 15.0)])
def test_an_idle_site_of_one_process_wakes_a_few_times_a_minute(
    tmp_path: Path, scale: float, turns_max: float
) -> None:
    async def build() -> list[Servers]:
        servers = process(tmp_path, scale)
        await add_site(servers, await servers.add_logon(LogonSettings(ANYWHERE, "LOGON1")))
        return [servers]

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        turns = runner.run(turns_of_idle(build))
    assert turns <= turns_max


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "turns_max"), [(1.0, 35.0), (300.0, 90.0)])
def test_an_idle_site_asks_an_idle_logon_server_of_another_process_seldom(
    tmp_path: Path, scale: float, turns_max: float
) -> None:
    async def build() -> list[Servers]:
        (tmp_path / "logon").mkdir()
        (tmp_path / "site").mkdir()
        logon, site = process(tmp_path / "logon", scale), process(tmp_path / "site", scale)
        await add_site(site, await logon.add_logon(LogonSettings(ANYWHERE, "LOGON1")))
        return [logon, site]

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        turns = runner.run(turns_of_idle(build))
    assert turns <= turns_max
