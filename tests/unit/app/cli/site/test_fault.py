"""`despoolr fault`: which server is asked to break, and what is said of what cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from click.testing import CliRunner

from despoolr_app.cli.site.fault import FIELDS, command
from despoolr_app.servers.breakable import BreakableServer
from despoolr_app.site_client.client import ServerAddress
from despoolr_app.site_client.live import LiveSource
from despoolr_app.site_client.queries import Wanted
from despoolr_core.records.stream import Recorder
from despoolr_core.share.fault_api import KINDS, LinkDown
from despoolr_core.share.modes import Role
from despoolr_server.faults.book import FaultBook
from despoolr_server.faults.line import ServerLine
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.site.faults import FaultRoutes
from worlds.answer import data_of
from worlds.share import EPOCH, StillClock
from worlds.share_server import serving

Ask = Callable[..., Awaitable[tuple[int, str]]]


class StandingClock(StillClock):
    async def sleep_until(self, deadline: float) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """LOGON1, which may be broken; the exit code and all that a command says of it."""
    clock, auth = StandingClock(), Auth(b"sixteen bytes!!!")
    line = ServerLine(clock)
    machine = BreakableServer("LOGON1", line, dict, lambda _name: None)
    book = FaultBook("LOGON1", machine, clock, Recorder(clock.now), "")
    async with serving(auth, FaultRoutes("LOGON1", "", book).routes()) as site:
        token = auth.issue("ADMIN1", "Administrator", Role.ADMIN)

        async def asked(*words: str) -> tuple[int, str]:
            whom = ("--url", site.base, "--token", token)
            done = await asyncio.to_thread(CliRunner().invoke, command, [*words, *whom])
            return done.exit_code, done.output

        yield asked


def test_there_is_an_option_for_whatever_a_fault_may_say() -> None:
    fields = {field for kind in KINDS.values() for field in kind.__struct_encode_fields__}
    assert fields == set(FIELDS)


async def test_a_fault_is_added_listed_and_cleared(ask: Ask) -> None:
    assert await ask("list") == (0, "Nothing is broken on purpose.\n")
    assert await ask("add", "link-down", "--server", "logon1", "--for", "2h") == (
        0,
        "LOGON1-1 has begun: link_down, LOGON1 to everybody, until 1996-06-03 09:00:00\n",
    )
    code, said = await ask("add", "slow_share", "--server", "LOGON1")
    assert (code, said.endswith("slow_share, LOGON1 by 2s, until it is cleared\n")) == (0, True)
    code, said = await ask("list")
    head, *rows = said.splitlines()
    assert (code, head.split()) == (0, ["ID", "SINCE", "UNTIL", "FAULT", "WHERE"])
    assert [row.split()[0] for row in rows] == ["LOGON1-1", "LOGON1-2"]
    assert await ask("clear", "logon1-1") == (
        0,
        "LOGON1-1 is over: link_down, LOGON1 to everybody\n",
    )
    assert (await ask("clear", "--all"))[1] == "LOGON1-2 is over: slow_share, LOGON1 by 2s\n"
    assert await ask("clear", "--all") == (0, "Nothing was broken on purpose.\n")


async def test_programs_read_the_same(ask: Ask) -> None:
    row = {
        "id": "LOGON1-1",
        "fault": "link_down",
        "where": "LOGON1 to PC7",
        "began_at": EPOCH,
        "ends_at": None,
    }
    _, added = await ask("add", "link_down", "--server", "LOGON1", "--other", "PC7", "--json")
    assert data_of(added) == {"server": "LOGON1", **row}
    assert data_of((await ask("list", "--json"))[1]) == {"faults": [{"server": "LOGON1", **row}]}
    assert data_of((await ask("clear", "--all", "--json"))[1]) == {"cleared": [row]}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("add fire", "no kind of fault 'fire'; there are sender_dies, handle_leaks, disk_full"),
        ("add disk_ful --server A", "did you mean 'disk_full'?"),
        ("add disk_full", "disk_full needs --server"),
        ("add slow_share --server LOGON1 --share A", "has no --share; it has --server, --delay"),
        ("add slow_share --server LOGON1 --delay 2d", "more than nothing, 1h at most"),
        ("add slow_share --server LOGON1 --for soon", "'soon' is not a span of time"),
        ("add slow_share --server MARS", "no server MARS that may be broken runs here; there is L"),
        (
            "add sender_dies",
            "no site server that may be broken runs here, and sender_dies needs one",
        ),
        ("add disk_full --server LOGON1 --share X", "LOGON1 says: LOGON1 has no share X"),
        ("clear", "say which: IDs as `despoolr fault list` tells them, or --all"),
        ("clear --all LOGON1-1", "say which"),
        ("clear MARS-1", "there is no fault MARS-1; there is none"),
    ],
)
async def test_what_cannot_be_is_one_line(ask: Ask, words: str, why: str) -> None:
    code, said = await ask(*words.split())
    assert code == 2 and why in said and len(said.splitlines()) == 1


async def test_a_server_that_was_not_started_for_it_says_so() -> None:
    auth = Auth(b"sixteen bytes!!!")
    async with serving(auth, FaultRoutes("LOGON1", "", None).routes()) as site:
        token = auth.issue("ADMIN1", "Administrator", Role.ADMIN)
        words = ["list", "--url", site.base, "--token", token]
        done = await asyncio.to_thread(CliRunner().invoke, command, words)
    assert done.exit_code == 2
    assert "LOGON1 was not started with --allow-faults (DESPOOLR_ALLOW_FAULTS=1)" in done.output


async def test_what_is_broken_on_purpose_is_beside_why_updates_are_refused() -> None:
    clock, auth = StandingClock(), Auth(b"sixteen bytes!!!")
    machine = BreakableServer("LOGON1", ServerLine(clock), dict, lambda _name: None)
    book = FaultBook("LOGON1", machine, clock, Recorder(clock.now), "")
    await book.add(LinkDown(server="LOGON1", other="PC7"))
    async with serving(auth, FaultRoutes("LOGON1", "", book).routes()) as site:
        token = auth.issue("ADMIN1", "Administrator", Role.ADMIN)
        source = LiveSource([ServerAddress("LOGON1", site.base, token)])
        told = await asyncio.to_thread(source.why, Wanted(), None)
    assert told.notes == ["broken on purpose: link_down, LOGON1 to PC7, since 1996-06-03 07:00"]
