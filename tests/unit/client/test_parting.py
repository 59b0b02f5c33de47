"""What ends with a report goes with it: a program's files are given back and the session ends in
the report's own round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from despoolr_client.transport.http_share import RIDING_MAX
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.records.stream import Recorder
from despoolr_core.share.contract import OpenFile, Share, ShareUnreachable
from despoolr_core.share.modes import Access, NtStatus, Role, ShareMode
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.connections.connections import Runner
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from unit.client.transport.test_server_session import LEASE_S, Logon, virtually

REPORT = [("DESPOOLR.BOX-1", b"pck"), ("DESPOOLR.BOX-2", b"sni")]
ADMIN = Principal("SITE1", "ADMIN", Role.ADMIN)
CHAIN = "POST /api/v1/chain"


async def hold(logon: Logon, count: int = 1) -> tuple[Share, list[OpenFile]]:
    share = logon.server().share("SMS_SHR")
    await share.write_all([(f"F{n}", b"x") for n in range(count)])
    opened, error = await share.open_all(
        [f"F{n}" for n in range(count)], Access.READ, ShareMode.READ
    )
    assert error is None
    logon.asked.clear()
    return share, opened


def test_a_report_takes_the_files_and_the_session_along() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon, 3)
        assert await share.create_all(REPORT, closing=opened, logoff=True) == [None, None]
        for one in opened:
            await one.close()  # costs nothing any more
        assert logon.asked == [CHAIN]
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)
        assert logon.kinds()[-6:] == [*["open.closed"] * 3, *["file.written"] * 2, "session.ended"]

    virtually(story)


def test_a_session_with_something_else_open_goes_on() -> None:
    async def story(logon: Logon) -> None:
        share, (kept, *others) = await hold(logon, 3)
        await share.create_all(REPORT, closing=others, logoff=True)
        assert [row.open for row in logon.host.opens()] == [kept.handle]
        await logon.clock.sleep(LEASE_S * 3)
        assert await kept.read() == b"x"

    virtually(story)


def test_the_next_open_after_a_logoff_logs_on_again() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon)
        await share.create_all(REPORT, closing=opened, logoff=True)
        again = await share.open("F0")
        assert logon.host.session_count == 1
        await again.close()

    virtually(story)


def test_a_refused_report_has_given_the_files_back_but_not_logged_off() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon)
        await share.write(REPORT[0][0], b"somebody's")
        (error,) = await share.create_all(REPORT, closing=opened, logoff=True)
        assert error is not None and error.nt_status is NtStatus.OBJECT_NAME_COLLISION
        assert (logon.host.open_count, logon.host.session_count) == (0, 1)

    virtually(story)


def test_a_file_that_was_closed_by_force_meanwhile_keeps_nothing_from_being_reported() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon, 3)
        for row in logon.host.opens():
            if row.path == "F1":
                logon.host.close_by_force(ADMIN, row.open, "Close Resource")
        assert await share.create_all(REPORT, closing=opened, logoff=True) == [None, None]
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)
        assert logon.asked == [CHAIN] * 3  # up to the one that was closed, the others, the report

    virtually(story)


def test_a_program_with_many_files_gives_them_back_in_few_round_trips() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon, 3 * RIDING_MAX + 40)
        await share.create_all(REPORT, closing=opened, logoff=True)
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)
        assert logon.asked == [CHAIN] * 3

    virtually(story)


@asynccontextmanager
async def beside(logon: Logon) -> AsyncIterator[tuple[Share, ShareHost]]:
    """A second server of the network, with the same accounts: its share as WS3 sees it, and its
    host.
    """
    host = ShareHost(
        "LOGON2", logon.clock, Recorder(logon.clock.now), ShareLimits(lease_s_default=LEASE_S)
    )
    host.add_share("PKG", MemoryFileStore())
    runner = Runner(make_app(host, logon.auth, logon.clock), lane=False)
    await runner.setup()
    await logon.network.serve(runner, "logon2")
    token = logon.auth.issue("WS3", "WS3", Role.CLIENT)
    try:
        yield ShareServer(logon.http, "http://logon2", token, logon.clock).share("PKG"), host
    finally:
        await runner.cleanup()


def test_files_of_another_server_are_given_back_there_and_the_session_there_ends() -> None:
    async def story(logon: Logon) -> None:
        async with beside(logon) as (packages, host):
            await packages.write("SETUP.EXE", b"MZ")
            opened, _ = await packages.open_all(["SETUP.EXE"] * 2, Access.READ, ShareMode.READ)
            share = logon.server().share("SMS_SHR")
            assert await share.create_all(REPORT, closing=opened, logoff=True) == [None, None]
            assert (host.open_count, host.session_count) == (0, 0)
            assert logon.asked == [CHAIN]  # the other server heard one call, too: its own

    virtually(story)


def test_another_server_that_is_down_does_not_keep_the_report_and_hears_of_the_close_later() -> (
    None
):
    async def story(logon: Logon) -> None:
        async with beside(logon) as (packages, host):
            await packages.write("SETUP.EXE", b"MZ")
            opened, _ = await packages.open_all(["SETUP.EXE"], Access.READ, ShareMode.READ)
            logon.network.take_down("logon2")
            share = logon.server().share("SMS_SHR")
            assert await share.create_all(REPORT, closing=opened, logoff=True) == [None, None]
            for one in opened:
                await one.close()
            logon.network.bring_up("logon2")
            assert host.open_count == 1
            await logon.clock.sleep(LEASE_S)
            assert host.open_count == 0

    virtually(story)


@pytest.mark.parametrize("after_s", [0.0, 0.005, 0.015, 0.025])
def test_a_file_opened_while_the_session_is_about_to_end_stays_open(after_s: float) -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon)

        async def sync() -> None:
            await asyncio.sleep(0.01)

        logon.store.sync = sync  # type: ignore[method-assign]
        reporting = asyncio.ensure_future(share.create_all(REPORT, closing=opened, logoff=True))
        await asyncio.sleep(after_s)
        kept = await share.open("F0")
        assert await reporting == [None, None]
        assert [row.open for row in logon.host.opens()] == [kept.handle]
        await logon.clock.sleep(LEASE_S * 3)
        assert await kept.read() == b"x"
        await kept.close()
        await logon.clock.sleep(LEASE_S * 3)
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)

    virtually(story)


def test_a_report_that_nobody_answered_leaves_the_session_as_it_was() -> None:
    async def story(logon: Logon) -> None:
        share, opened = await hold(logon)
        logon.network.take_down("logon1")
        with pytest.raises(ShareUnreachable):
            await share.create_all(REPORT, closing=opened, logoff=True)
        logon.network.bring_up("logon1")
        assert await opened[0].read() == b"x"
        assert await share.create_all(REPORT, closing=opened, logoff=True) == [None, None]
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)

    virtually(story)
