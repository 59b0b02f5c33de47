"""What the HTTP share client adds to the contract: sessions kept alive, servers that do not
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.transport.http_share import HttpOpen
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.records.kinds.share import SessionEnded
from despoolr_core.records.stream import Record, Recorder, of
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, Disposition, NtStatus, Role, ShareMode
from despoolr_core.share.wire import Problem
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.served import application
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.host import ShareHost

T = TypeVar("T")
LEASE_S = 60.0


class Logon:
    """A logon server on the simulated network, and the requests that reached it."""

    def __init__(self, network: Network, http: aiohttp.ClientSession) -> None:
        self.network = network
        self.http = http
        self.clock = LoopClock(833_785_200.0)
        self.records: list[Record] = []
        self.asked: list[str] = []
        recorder = Recorder(self.clock.now, [self.records.append])
        self.host = ShareHost("LOGON1", self.clock, recorder, ShareLimits(lease_s_default=LEASE_S))
        self.store = MemoryFileStore()
        self.host.add_share("SMS_SHR", self.store)
        self.auth = Auth(b"sixteen bytes!!!")

    def server(self, machine: str = "WS3", role: Role = Role.CLIENT, **options: Any) -> ShareServer:
        token = self.auth.issue(machine, machine, role)
        return ShareServer(self.http, "http://logon1/", token, self.clock, **options)

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records]


@asynccontextmanager
async def logging_on() -> AsyncIterator[Logon]:
    network = Network()
    async with network.session("ws3") as http:
        logon = Logon(network, http)
        app = application(make_app(logon.host, logon.auth, logon.clock))

        @web.middleware
        async def note(request: web.Request, handler: Any) -> Any:
            logon.asked.append(f"{request.method} {request.path_qs}")
            return await handler(request)

        app.middlewares.append(note)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "logon1")
        try:
            yield logon
        finally:
            await runner.cleanup()


def virtually(story: Callable[[Logon], Awaitable[T]]) -> T:
    async def main() -> T:
        async with logging_on() as logon:
            return await story(logon)

    return run_virtual(main)


def test_the_first_open_logs_on_and_the_next_ones_share_the_session() -> None:
    async def story(logon: Logon) -> None:
        server = logon.server(program="EXCEL.EXE")
        share = server.share("SMS_SHR")
        await share.write("A", b"1")
        opens = await asyncio.gather(*(share.open("A") for _ in range(5)))
        assert logon.asked.count("POST /api/v1/sessions") == 1
        assert {row.program for row in logon.host.opens()} == {"EXCEL.EXE"}
        for file in opens:
            await file.close()
        await server.close()
        assert logon.host.session_count == 0

    virtually(story)


@pytest.mark.slow
def test_a_held_file_stays_open_for_a_day() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        await share.write("A", b"1")
        file = await share.open("A")
        await logon.clock.sleep(86_400)
        assert await file.read() == b"1"
        assert logon.host.open_count == 1

    virtually(story)


def test_a_session_of_no_use_is_ended_and_the_next_open_starts_another() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        await share.write("A", b"1")
        await (await share.open("A")).close()
        await logon.clock.sleep(2 * LEASE_S)
        assert [fact.reason for _, fact in of(logon.records, SessionEnded)] == ["logoff"]
        await share.open("A")
        assert logon.host.session_count == 1

    virtually(story)


def test_a_session_started_on_purpose_is_kept_until_it_is_ended() -> None:
    async def story(logon: Logon) -> None:
        server = logon.server()
        reply = await server.session.start("WINWORD.EXE", lease_s=30.0)
        assert (reply.machine, reply.program, reply.lease_s, server.session.id) == (
            "WS3",
            "WINWORD.EXE",
            30.0,
            reply.session,
        )
        await logon.clock.sleep(3600)
        assert logon.host.session_count == 1
        await server.session.end()
        await server.session.end()
        assert (logon.host.session_count, server.session.id) == (0, "")

    virtually(story)


def test_a_program_that_stops_keeping_alive_loses_its_opens_by_the_lease() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        await share.write("A", b"1")
        file = await share.open("A")
        logon.network.cut("ws3", "logon1")
        await logon.clock.sleep(LEASE_S + 1)
        assert logon.host.opens() == []
        logon.network.heal("ws3", "logon1")
        await logon.clock.sleep(600)
        with pytest.raises(ShareError) as caught:
            await file.read()
        assert caught.value.nt_status is NtStatus.USER_SESSION_DELETED
        await file.close()
        await share.open("A")

    virtually(story)


def test_an_open_after_the_session_died_starts_another_and_asks_again() -> None:
    async def story(logon: Logon) -> None:
        server = logon.server()
        share = server.share("SMS_SHR")
        await share.write("A", b"1")
        await share.open("A")
        logon.host.stop()
        file = await share.open("A")
        assert await file.read() == b"1"
        await logon.clock.sleep(10 * LEASE_S)
        assert logon.host.open_count == 1

    virtually(story)


def test_a_close_that_could_not_be_delivered_is_delivered_later() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        await share.write("A", b"1")
        file, kept = await share.open("A"), await share.open("A")
        logon.network.take_down("logon1")
        await file.close()
        logon.network.bring_up("logon1")
        assert logon.host.open_count == 2
        await logon.clock.sleep(LEASE_S)
        assert [row.open for row in logon.host.opens()] == [kept.handle]

    virtually(story)


def test_a_cancelled_close_is_delivered_later_too() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        await share.write("A", b"1")
        file, kept = await share.open("A"), await share.open("A")
        logon.network.cut("ws3", "logon1")
        closing = asyncio.create_task(file.close())
        await asyncio.sleep(0.1)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled()
        logon.network.heal("ws3", "logon1")
        await logon.clock.sleep(LEASE_S / 2)
        assert [row.open for row in logon.host.opens()] == [kept.handle]

    virtually(story)


def test_a_session_is_kept_alive_until_it_is_ended() -> None:
    async def story(logon: Logon) -> None:
        async with logon.server() as server:
            share = server.share("SMS_SHR")
            await share.open("A", Access.WRITE, ShareMode.NONE, Disposition.CREATE)
            await logon.clock.sleep(LEASE_S * 3)
            assert logon.host.session_count == 1
        assert logon.host.session_count == 0

    virtually(story)


def test_sessions_begun_at_one_time_leave_one() -> None:
    async def story(logon: Logon) -> None:
        server = logon.server()
        share = server.share("SMS_SHR")
        opening = share.open("A", Access.WRITE, ShareMode.NONE, Disposition.CREATE)
        await asyncio.gather(server.session.start(), opening, server.session.start())
        assert logon.host.session_count == 1
        await logon.clock.sleep(LEASE_S * 3)
        assert logon.host.session_count == 1
        await server.close()
        asked_count = len(logon.asked)
        await logon.clock.sleep(LEASE_S * 3)
        assert len(logon.asked) == asked_count and logon.host.session_count == 0

    virtually(story)


@pytest.mark.parametrize("is_at_it", [False, True])
def test_who_falls_silent_keeps_nothing_alive(*, is_at_it: bool) -> None:
    async def story(logon: Logon) -> None:
        server = logon.server()
        share = server.share("SMS_SHR")
        await share.open("A", Access.WRITE, ShareMode.NONE, Disposition.CREATE)
        before = asyncio.all_tasks()
        if is_at_it:
            logon.network.cut("ws3", "logon1")
            await logon.clock.sleep(LEASE_S / 2 + 0.01)
            assert len(asyncio.all_tasks() - before) == 1
        server.abandon()
        logon.network.heal("ws3", "logon1")
        asked_count = len(logon.asked)
        await logon.clock.sleep(LEASE_S * 2)
        assert not asyncio.all_tasks() - before
        # what is on the wire already arrives when that is mended
        assert len(logon.asked) <= asked_count + is_at_it

    virtually(story)


def test_nobody_there_is_unreachable_and_says_where() -> None:
    async def story(logon: Logon) -> None:
        share = logon.server().share("SMS_SHR")
        logon.network.take_down("logon1")
        for asking in (share.read("A"), share.open("A"), share.list(), share.stat("A")):
            with pytest.raises(ShareUnreachable, match="LOGON1 does not answer at http://logon1"):
                await asking

    virtually(story)


@pytest.mark.slow
def test_a_black_hole_is_unreachable_after_the_timeout() -> None:
    async def story(logon: Logon) -> float:
        share = logon.server(timeout=aiohttp.ClientTimeout(total=5.0)).share("SMS_SHR")
        await share.write("A", b"1")
        logon.network.cut("ws3", "logon1")
        before = logon.clock.now()
        with pytest.raises(ShareUnreachable):
            await share.read("A")
        return logon.clock.now() - before

    assert 5.0 <= virtually(story) < 7.0


def test_a_token_that_proves_nothing_is_access_denied() -> None:
    async def story(logon: Logon) -> None:
        server = ShareServer(logon.http, "http://logon1", "not.one", logon.clock)
        with pytest.raises(ShareError) as caught:
            await server.share("SMS_SHR").read("A")
        assert (caught.value.nt_status, caught.value.problem.status) == (
            NtStatus.ACCESS_DENIED,
            401,
        )

    virtually(story)


UNKNOWN_STATUS = b'{"type":"x","title":"y","status":423,"nt_status":"STATUS_NEW"}'
KNOWN_STATUS = msgspec.json.encode(Problem("x", "y", 423, nt_status="STATUS_DELETE_PENDING"))


@pytest.mark.parametrize(
    ("status", "content_type", "body", "wanted"),
    [
        (502, "text/html", b"<h1>Bad Gateway</h1>", ShareUnreachable),
        (301, "text/html", b"", ShareUnreachable),
        (200, "text/html", b"<h1>Welcome</h1>", ShareUnreachable),
        (404, "text/html", b"<h1>Not Found</h1>", NtStatus.OBJECT_NAME_NOT_FOUND),
        (500, "text/plain", b"500 Internal Server Error", NtStatus.IO_DEVICE_ERROR),
        (423, "application/problem+json", UNKNOWN_STATUS, NtStatus.SHARING_VIOLATION),
        (423, "application/problem+json", KNOWN_STATUS, NtStatus.DELETE_PENDING),
    ],
)
def test_answers_that_no_share_gave_are_understood_as_far_as_possible(
    status: int, content_type: str, body: bytes, wanted: object
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type=content_type)

    async def main() -> None:
        network = Network()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "proxy")
        async with network.session("ws3") as http:
            share = ShareServer(http, "http://proxy", "", LoopClock(0.0)).share("SMS_SHR")
            with pytest.raises((ShareError, ShareUnreachable)) as caught:
                await share.list()
            if wanted is ShareUnreachable:
                assert isinstance(caught.value, ShareUnreachable)
            else:
                assert isinstance(caught.value, ShareError)
                assert caught.value.nt_status is wanted
        await runner.cleanup()

    run_virtual(main)


@pytest.mark.parametrize(
    ("status", "wanted"), [(200, True), (404, False), (503, ShareError), (502, ShareUnreachable)]
)
def test_a_file_stands_until_its_server_says_that_it_does_not(
    status: int, wanted: bool | type[Exception]
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(
            status=status,
            body=b"" if status == 502 else msgspec.json.encode(Problem("x", "y", status)),
        )

    async def main() -> None:
        network = Network()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await network.serve(runner, "logon1")
        async with network.session("ws3") as http:
            opened = HttpOpen(
                ShareServer(http, "http://logon1", "", LoopClock(0.0)).session, "O1", 0
            )
            if isinstance(wanted, bool):
                assert await opened.stands() is wanted
            else:
                with pytest.raises(wanted):
                    await opened.stands()
        await runner.cleanup()

    run_virtual(main)


async def _fenced(story: Callable[[Logon, ShareServer, list[bool]], Awaitable[None]]) -> None:
    async with logging_on() as logon:
        await logon.server(role=Role.SERVICE).share("SMS_SHR").write("b.dat", b"one")
        held = [True]
        server = logon.server()
        server.may_act = lambda: held[0]
        await story(logon, server, held)
        await server.close()


def test_past_its_lease_a_client_sends_nothing_but_what_lets_go() -> None:
    async def story(logon: Logon, server: ShareServer, held: list[bool]) -> None:
        share = server.share("SMS_SHR")
        opened = await share.open("b.dat")
        held[0] = False
        before = len(logon.asked)
        for work in (
            share.read("b.dat"),
            share.write("c.dat", b"x"),
            share.delete("b.dat"),
            share.open("b.dat"),
        ):
            with pytest.raises(ShareUnreachable, match="may not act for that machine any more"):
                await work
        assert len(logon.asked) == before, "nothing went out"
        await opened.close()
        assert len(logon.host.opens()) == 0
        await server.close()
        assert logon.kinds()[-1] == "session.ended"

    run_virtual(lambda: _fenced(story))


def test_a_request_that_waited_for_its_connection_is_not_sent_past_the_lease() -> None:
    """A process that was paused while it connected wakes with a connection and without its
    lease.
    """

    async def story(logon: Logon, server: ShareServer, held: list[bool]) -> None:
        asked = [True, False]
        server.may_act = lambda: asked.pop(0)
        assert await server.share("SMS_SHR").read("b.dat") == b"one"
        before = len(logon.asked)
        with pytest.raises(ShareUnreachable):
            await server.share("SMS_SHR").read("b.dat")
        assert asked == [] and len(logon.asked) == before, (
            "asked once for each, when there was a connection"
        )
        server.may_act = None

    run_virtual(lambda: _fenced(story))
