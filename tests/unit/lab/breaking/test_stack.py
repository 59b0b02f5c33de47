"""The servers of a stack, broken and mended: which is asked for what, and that nothing is left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.process.runtime import StartError
from despoolr_app.servers.breakable import BreakableServer
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.errors import SiteError
from despoolr_core.records.stream import Recorder
from despoolr_core.share.fault_api import DiskFull, Fault, LinkDown, SenderDies, SlowShare
from despoolr_core.share.modes import Role
from despoolr_lab.breaking.stack import BreakableStack
from despoolr_lab.breaking.tables import BrokenSpan, DiskFullTable, SlowShareTable, asked
from despoolr_lab.load.run import LoadOptions, LoadRun
from despoolr_lab.load.spec.file import parse_load
from despoolr_server.faults.book import FaultBook
from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.site.faults import FaultRoutes
from worlds.share import EPOCH
from worlds.share_server import serving

LOAD = """
name = "broken"
title = "A disk that there is not"
load = { for = "10m" }

[[clients]]
name = "A"
count = 1

[[fault]]
fault = "disk_full"
at = "1m"
server = "LOGON1"
share = "X"
"""
AUTH = Auth(b"sixteen bytes!!!")


class Running:
    def __init__(self, book: FaultBook, address: ServerAddress, http: aiohttp.ClientSession):
        self.book, self.address, self.http = book, address, http
        self.now = 5.0
        self.stack = BreakableStack(60.0, lambda: self.now)

    async def meet(self, *faults: Fault) -> None:
        await self.stack.meet(self.http, [self.address], faults)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    clock = LoopClock(EPOCH, 60.0)
    machine = BreakableServer("LOGON1", ServerLine(clock), dict, lambda _name: None)
    book = FaultBook("LOGON1", machine, clock, Recorder(clock.now), "")
    async with serving(AUTH, FaultRoutes("LOGON1", "", book).routes()) as site:
        token = AUTH.issue("ADMIN1", "Administrator", Role.ADMIN)
        yield Running(book, ServerAddress(site.base, site.base, token), site.http)
        await book.close()


async def test_what_was_begun_is_told_in_seconds_of_the_run_and_ended_with_it(
    running: Running,
) -> None:
    slow, down = SlowShare(server="logon1", for_="1h"), LinkDown(server="LOGON1", other="PC1")
    await running.meet(slow, down)
    await running.stack.begin(slow)
    running.now = 7.5
    await running.stack.begin(down)
    assert running.stack.spans == [
        BrokenSpan("slow_share", "LOGON1 by 2s", 5.0, 65.0),
        BrokenSpan("link_down", "LOGON1 to PC1", 7.5, None),
    ]
    assert len(running.book.rows) == 2
    await running.stack.mend_all()
    assert running.book.rows == []
    await running.stack.mend_all()


async def test_what_cannot_begin_is_an_error_and_nothing_that_was_broken(running: Running) -> None:
    full = DiskFull(server="LOGON1", share="X")
    await running.meet(full)
    with pytest.raises(SiteError, match="LOGON1 says: LOGON1 has no share X"):
        await running.stack.begin(full)
    assert running.stack.spans == []


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            LinkDown(server="MARS"),
            "link_down: there is no server MARS that may be broken",
        ),
        (SenderDies(), "sender_dies: there is no server of the site that may be broken"),
    ],
)
async def test_a_stack_that_cannot_be_broken_so_is_not_used(
    running: Running, fault: Fault, why: str
) -> None:
    with pytest.raises(StartError, match=why):
        await running.meet(fault)


async def test_a_stack_that_was_not_started_for_it_says_so() -> None:
    async with serving(AUTH, FaultRoutes("LOGON1", "", None).routes()) as site:
        token = AUTH.issue("ADMIN1", "Administrator", Role.ADMIN)
        address = ServerAddress(site.base, site.base, token)
        stack = BreakableStack(60.0, lambda: 0.0)
        with pytest.raises(StartError, match="LOGON1 was not started with --allow-faults"):
            await stack.meet(site.http, [address], [LinkDown(server="LOGON1")])


async def test_a_load_that_was_to_be_broken_and_was_not_proves_nothing(running: Running) -> None:
    load = parse_load(LOAD)
    options = LoadOptions("http://127.0.0.1:9", "t", (), "20261129T000000Z")
    run = LoadRun(load, options, lambda _progress: None, lambda _text: None)
    await running.meet(asked(load.fault[0]))
    run._stage.broken = running.stack
    await run._break(load.fault[0])
    assert run._outcome(1.0).reasons[0] == (
        "disk_full at 1m did not begin: LOGON1 says: LOGON1 has no share X; there is "
    )


async def test_each_fault_begins_at_its_moment_and_one_that_does_not_is_kept(
    running: Running,
) -> None:
    slow = SlowShareTable(server="LOGON1", at="5m")
    full = DiskFullTable(server="LOGON1", share="X", at="0s")
    told: list[str] = []
    await running.meet(asked(slow), asked(full))
    await running.stack.begin_all([slow, full], told.append)
    why = "disk_full at 0s did not begin: LOGON1 says: LOGON1 has no share X; there is "
    assert running.stack.not_begun == [why]
    assert told == [why, "broken on purpose: slow_share, LOGON1 by 2s"]
