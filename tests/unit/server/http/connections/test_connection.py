"""Nobody is waited for without an end, and what is no HTTP is answered once. In virtual time, so at
the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.clock import Clock
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import LockElement, LockRequest, OpenRequest, SessionRequest
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual
from despoolr_server.engine.names import ROOT
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connection_limits import UNLIMITED, ConnectionLimits
from despoolr_server.http.connections.connections import Connections, Runner
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from worlds.engine_law import check_locking
from worlds.raw_http import Raw, dial, dial_in_memory
from worlds.share_server import EPOCH, Site
from worlds.support import FAST_LANE

LIMITS = ConnectionLimits()
HEAD = b"GET /healthz HTTP/1.1\r\nHost: logon1\r\n"


class World:
    """LOGON1 on a network in memory, in virtual time."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.network = Network()
        self.clock: Clock = LoopClock(EPOCH)
        self.host = ShareHost(
            "LOGON1", self.clock, Recorder(self.clock.now, []), ShareLimits(file_size_max=1_000_000)
        )
        self.store = MemoryFileStore()
        self.host.add_share("S", self.store)
        auth = Auth(b"sixteen bytes!!!")
        self.app = make_app(self.host, auth, self.clock)
        self.authorization = (
            f"Authorization: Bearer {auth.issue('PC07', 'anna', Role.CLIENT)}\r\n".encode()
        )
        self.runner = Runner(
            self.app,
            limits=limits,
            lane=FAST_LANE,
            keepalive_timeout=limits.idle_s or 1e6,
            shutdown_timeout=1.0,
        )

    async def dial(self) -> Raw:
        return await dial_in_memory(self.network, "logon1")

    @property
    def counts(self) -> dict[str, int]:
        server = self.runner.server
        assert isinstance(server, Connections)
        return {kind: count for kind, count in server.traffic.counts.items() if count}

    def put(self, *headers: bytes) -> bytes:
        return (
            b"\r\n".join(
                [b"PUT /S/x HTTP/1.1", b"Host: logon1", self.authorization.rstrip(), *headers]
            )
            + b"\r\n\r\n"
        )


def within(test: Callable[[World], Awaitable[Any]], limits: ConnectionLimits = LIMITS) -> Any:
    """Run a test in a world of its own."""

    async def main() -> Any:
        world = World(limits)
        await world.runner.setup()
        await world.network.serve(world.runner, "logon1")
        try:
            return await test(world)
        finally:
            await world.runner.cleanup()

    return run_virtual(main)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("said", "answered"),
    [(b"", b""), (HEAD, b"HTTP/1.1 408 Request Timeout"), (b"G", b"HTTP/1.1 408 Request Timeout")],
)
def test_a_head_that_does_not_come_is_waited_for_head_s(said: bytes, answered: bytes) -> None:
    async def test(world: World) -> None:
        began = now()
        raw = await world.dial()
        raw.say(said)
        heard = await raw.heard()
        assert heard.startswith(answered)
        assert bool(heard) is bool(answered)
        assert now() - began == pytest.approx(LIMITS.head_s, abs=0.1)
        assert world.counts == {"too_slow": 1}

    within(test)


def test_a_head_that_comes_just_in_time_is_answered() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(HEAD)
        await asyncio.sleep(LIMITS.head_s - 0.5)
        raw.say(b"\r\n")
        assert (await raw.answer())[0] == 200
        assert world.counts == {}

    within(test)


def test_the_head_of_a_later_request_has_a_time_of_its_own() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(HEAD + b"\r\n")
        await raw.answer()
        await asyncio.sleep(60.0)
        began = now()
        raw.say(HEAD)
        assert (await raw.answer())[0] == 408
        assert now() - began == pytest.approx(LIMITS.head_s, abs=0.1)

    within(test)


def test_an_idle_connection_is_kept_for_idle_s() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        for _ in range(3):
            raw.say(HEAD + b"\r\n")
            assert (await raw.answer())[0] == 200
            await asyncio.sleep(LIMITS.idle_s - 1.0)
        raw.say(HEAD + b"\r\n")
        await raw.answer()
        began = now()
        assert await raw.heard() == b""
        assert now() - began == pytest.approx(LIMITS.idle_s, abs=1.0)

    within(test)


def test_a_body_that_stops_is_waited_for_body_s() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put(b"Content-Length: 200000") + b"x" * 100_000)
        began = now()
        status, body = await raw.answer()
        assert (status, b"request-timeout" in body) == (408, True)
        assert now() - began == pytest.approx(LIMITS.body_s, abs=0.1)
        assert await raw.heard() == b""
        assert world.host.engine.table.file("S/X") is None

    within(test)


def test_a_body_that_trickles_is_waited_for_as_long_as_its_rate_allows() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put(b"Content-Length: 200000"))
        began = now()

        async def trickle() -> None:
            while True:
                await asyncio.sleep(1.0)
                raw.say(b"x" * 250)

        trickling = asyncio.create_task(trickle())
        assert (await raw.answer())[0] == 408
        trickling.cancel()
        assert now() - began == pytest.approx(2 * LIMITS.body_s, abs=1.5), (
            "half of the least rate: twice the time"
        )

    within(test)


def test_a_body_that_is_slow_but_fast_enough_is_stored() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put(b"Content-Length: 40000"))
        for _ in range(40):
            await asyncio.sleep(1.5)
            raw.say(b"x" * 1000)
        assert (await raw.answer())[0] == 201

    within(test)


@pytest.mark.parametrize(
    "garbage", [b"ZZ\r\n", b"4\r\nHello\r\n0\r\n\r\n", b"-1\r\n", b"1\r\nx\r\n0x5\r\n", b"1\nx\n"]
)
def test_a_chunk_that_is_none_in_a_later_packet_gets_400_and_the_end(garbage: bytes) -> None:
    async def test(world: World) -> None:
        before = asyncio.all_tasks()
        raw = await world.dial()
        raw.say(world.put(b"Transfer-Encoding: chunked"))
        await asyncio.sleep(0.1)
        began = now()
        raw.say(garbage)
        status, body = await raw.answer()
        assert (status, b"framing" in body) == (400, True)
        assert await raw.heard() == b""
        await asyncio.sleep(0.1)
        assert now() - began < 1.0
        assert asyncio.all_tasks() == before, "nothing is left waiting"
        assert world.counts == {"malformed": 1}

    within(test)


@pytest.mark.parametrize(
    "coding", [b"gzip, chunked", b"Deflate,chunked", b"identity, chunked", b"x;q=1, chunked"]
)
@pytest.mark.parametrize("before", [b"", HEAD + b"\r\n"])
def test_a_body_in_a_transfer_coding_but_chunks_is_not_stored(coding: bytes, before: bytes) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(before + world.put(b"Transfer-Encoding: " + coding) + b"1\r\nx\r\n0\r\n\r\n")
        if before:
            assert (await raw.answer())[0] == 200
        status, body = await raw.answer()
        assert (status, b"unknown-coding" in body, b"chunked" in body) == (501, True, True)
        assert await raw.heard() == b"", "what follows may be anything"
        assert world.host.open_count == 0 and world.store.list(ROOT) == []

    within(test)


def test_a_bad_chunk_before_its_request_is_looked_at_stores_nothing() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(HEAD + b"\r\n" + world.put(b"Transfer-Encoding: chunked"))
        raw.say(b"ZZ\r\n")
        await raw.heard()
        assert world.host.engine.table.file("S/X") is None
        raw = await world.dial()
        raw.say(b"HEAD /S/x HTTP/1.1\r\nHost: logon1\r\n" + world.authorization + b"\r\n")
        head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404")

    within(test)


def test_who_takes_no_answer_is_let_go_after_send_s() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put(b"Content-Length: 900000") + b"x" * 900_000)
        assert (await raw.answer())[0] == 201
        raw.transport.pause_reading()
        raw.say((b"GET /S/x HTTP/1.1\r\nHost: logon1\r\n" + world.authorization + b"\r\n") * 4)
        await asyncio.sleep(LIMITS.send_s - 1.0)
        assert world.counts == {}
        await asyncio.sleep(2.0)
        assert world.counts == {"too_slow": 1}

    within(test)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"VERSION-CONTROLLED /S/x HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: \xff\r\n\r\n", 400),
        (b"GET /S/\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /S/\xed\xa0\x80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b'PUT /S/x HTTP/1.1\r\nHost: x\r\nIf-Match: "\xff"\r\nContent-Length: 1\r\n\r\nx', 400),
    ],
)
def test_what_is_no_http_is_answered_once_with_a_problem_and_closed(
    said: bytes, status: int
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(said)
        head, _, body = (await raw.heard()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\nConnection: close" in head
        assert b"\r\nContent-Length: %d" % len(body) in head
        assert body.startswith(b'{"type":"/problems/')
        assert world.counts == {"malformed": 1}

    within(test)


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
        (b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
        (b"GET http://x?y HTTP/1.1\r\nHost: x\r\n\r\n", [200]),
        (b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2, [200, 200]),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/2.0\r\nHost: x\r\n\r\n", [200, 400]),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: \xff\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nX: \xff\r\n\r\n",
            [200, 400],
        ),
    ],
)
def test_every_head_of_a_packet_is_looked_at_and_means_a_path_of_this_server(
    said: bytes, statuses: list[int]
) -> None:
    async def test(world: World) -> None:
        for is_first in (True, False):
            raw = await world.dial()
            if not is_first:
                raw.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await raw.answer())[0] == 200
            raw.say(said)
            for status in statuses:
                assert (await raw.answer())[0] == status
            if statuses[-1] >= 400:
                assert await raw.heard() == b""
            raw.hang_up()

    within(test)


def test_a_tunnel_is_a_method_that_no_address_answers() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = await raw.heard()
        assert b" 405 " in heard and b"\r\nAllow: \r\n" in heard

    within(test)


def test_a_head_that_is_not_utf_8_in_two_packets_is_refused_too_and_head_has_no_body() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(b"HEAD / HTTP/1.1\r\nHost: x\r\nX: \xff\r\n")
        await asyncio.sleep(0.1)
        raw.say(b"\r\n")
        heard = await raw.heard()
        assert b" 400 " in heard
        assert heard.endswith(b"\r\n\r\n")

    within(test)


def test_utf_8_in_a_head_and_any_bytes_in_a_body_are_fine() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put("X: Straße".encode(), b"Content-Length: 2") + b"\xff\xfe")
        assert (await raw.answer())[0] == 201

    within(test)


def test_a_caller_that_goes_ends_its_wait_and_is_granted_nothing() -> None:
    async def test(world: World) -> None:
        handles = await two_handles(world)
        raw = await waiting_for(world, handles[1])
        assert world.host.engine.locking.waiting_count == 1
        raw.hang_up()
        await asyncio.sleep(0.01)
        assert world.host.engine.locking.waiting_count == 0
        world.host.range_locks.unlock(PC07, handles[0], 0, 10)
        await asyncio.sleep(0.01)
        assert world.host.range_locks.held(PC07, handles[1]).locks == []  # type: ignore[union-attr]
        assert world.counts == {"hung_up": 1}
        check_locking(world.host.engine.locking)

    within(test)


@pytest.mark.parametrize("behind", [30, 200])
def test_who_sends_more_than_is_read_ahead_is_not_waited_with(behind: int) -> None:
    """Nothing is read of it any more, so that it would not be seen to go."""

    async def test(world: World) -> None:
        handles = await two_handles(world)
        raw = await waiting_for(world, handles[1])
        raw.say((HEAD + world.authorization + b"\r\n") * behind)
        await asyncio.sleep(4.9)
        assert world.host.engine.locking.waiting_count == 1
        await asyncio.sleep(6)
        assert world.host.engine.locking.waiting_count == (behind < 32)
        raw.hang_up()
        await asyncio.sleep(0.01)
        assert world.host.engine.locking.waiting_count == 0
        check_locking(world.host.engine.locking)

    within(test)


def test_a_lock_that_is_granted_in_the_turn_in_which_its_caller_goes_is_taken_back() -> None:
    async def test(world: World) -> None:
        handles = await two_handles(world)
        raw = await waiting_for(world, handles[1])
        server = world.runner.server
        assert server is not None
        [connection] = server.connections
        assert connection.transport is not None
        world.host.range_locks.unlock(
            PC07, handles[0], 0, 10
        )  # grants; its call has not been told yet
        connection.connection_lost(None)
        await asyncio.sleep(0.01)
        assert world.host.range_locks.held(PC07, handles[1]).locks == []  # type: ignore[union-attr]
        check_locking(world.host.engine.locking)
        raw.hang_up()

    within(test)


def test_a_caller_that_goes_in_the_middle_of_a_body_is_counted_and_prints_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(world.put(b"Content-Length: 1000") + b"x")
        await asyncio.sleep(0.1)
        raw.hang_up()
        await asyncio.sleep(0.1)
        assert world.counts == {"hung_up": 1}

    within(test)
    assert "Traceback" not in caplog.text
    assert [record.name for record in caplog.records] == ["despoolr.http"]


def test_a_simulated_network_has_no_time_outs() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(HEAD)
        await asyncio.sleep(3600.0)
        raw.say(b"\r\n")
        assert (await raw.answer())[0] == 200

    within(test, UNLIMITED)


async def test_a_real_socket_is_answered_and_closed_in_the_same_way(site: Site) -> None:
    raw = await dial(int(site.base.rpartition(":")[2]))
    put = (
        "PUT /SMS_SHR/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{site.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    raw.say(put.encode())
    async with asyncio.timeout(60):
        raw.say(b"ZZ\r\n")
        assert (await raw.answer())[0] == 400
        assert await raw.heard() == b""
    raw.transport.close()


# -- what they stand on


PC07 = Principal("PC07", "anna", Role.CLIENT)


async def two_handles(world: World) -> list[str]:
    """Two opens of one file; the first has locked its first ten bytes."""
    session = world.host.sessions.start(PC07, SessionRequest(program="X", lease_s=3600.0)).session  # type: ignore[union-attr]
    request = OpenRequest(
        session=session,
        share="S",
        path="f",
        access="READ|WRITE",
        share_mode="READ|WRITE|DELETE",
        disposition="OPEN_IF",
    )
    handles = [(await world.host.handles.open(PC07, request)).open for _ in range(2)]  # type: ignore[union-attr]
    await world.host.range_locks.lock(
        PC07, handles[0], LockRequest([LockElement(0, 10, "EXCLUSIVE|FAIL_IMMEDIATELY")])
    )
    return handles


async def waiting_for(world: World, handle: str) -> Raw:
    """A caller whose lock request waits."""
    raw = await world.dial()
    body = b'{"locks": [{"offset": 0, "length": 1, "flags": "SHARED"}], "wait_s": 300}'
    head = (
        f"POST /api/v1/opens/{handle}/locks HTTP/1.1\r\nHost: logon1\r\nContent-Length: "
        f"{len(body)}\r\n"
    )
    raw.say(head.encode() + world.authorization + b"\r\n" + body)
    await asyncio.sleep(0.01)
    return raw
