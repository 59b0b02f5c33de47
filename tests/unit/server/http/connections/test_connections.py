"""Whoever comes finds room as long as anybody does nothing with theirs."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest
from aiohttp import web

from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual
from despoolr_server.http.base.counts.traffic import TRAFFIC, Traffic
from despoolr_server.http.connections import connections
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.connections import (
    BACKLOG_MAX,
    CONNECTIONS_MAX,
    FILES_MIN,
    NEWCOMERS,
    ROOM_S,
    Connections,
    Runner,
    backlog_of,
    descriptors,
    is_want_of_descriptors,
    limits_of,
)
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from worlds.raw_http import Raw, dial_in_memory
from worlds.support import FAST_LANE

GET = b"GET / HTTP/1.1\r\nHost: logon1\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: logon1\r\n\r\n"


class World:
    """A server with a fast and a slow address."""

    def __init__(self, connections_max: int, per_address_max: int) -> None:
        self.traffic = Traffic(line_s=0.0)
        self.done = asyncio.Event()
        routes = [Route("GET", "/", self.fast), Route("GET", "/slow", self.slow)]
        app = App(routes, things={TRAFFIC: self.traffic})
        limits = ConnectionLimits(connections_max=connections_max, per_address_max=per_address_max)
        self.network = Network()
        self.runner = Runner(app, limits=limits, lane=FAST_LANE, shutdown_timeout=1.0)

    async def fast(self, request: web.Request) -> web.Response:
        return web.Response(text="fast")

    async def slow(self, request: web.Request) -> web.Response:
        await self.done.wait()
        return web.Response(text="slow")

    async def dial(self, source: str = "ws1", said: bytes = b"") -> Raw:
        raw = await dial_in_memory(self.network, "logon1", source)
        raw.say(said)
        if said == GET:
            assert (await raw.answer())[0] == 200
        await asyncio.sleep(0.01)
        return raw

    @property
    def count(self) -> int:
        server = self.runner.server
        assert isinstance(server, Connections)
        return len(server)


def within(test, connections_max: int = 4, per_address_max: int = 4) -> None:
    async def main() -> None:
        world = World(connections_max, per_address_max)
        await world.runner.setup()
        await world.network.serve(world.runner, "logon1")
        try:
            await test(world)
        finally:
            world.done.set()
            await world.runner.cleanup()

    run_virtual(main)


async def is_open(raw: Raw) -> bool:
    await asyncio.sleep(0.01)
    return not raw.reader.at_eof()


def test_a_stop_waits_for_a_call_whose_caller_has_gone() -> None:
    async def test(world: World) -> None:
        loop = asyncio.get_running_loop()
        raw = await world.dial(said=SLOW)
        raw.hang_up()
        await asyncio.sleep(0.01)
        assert world.count == 0
        loop.call_later(0.5, world.done.set)
        stopped_at = loop.time()
        await world.runner.cleanup()
        assert loop.time() - stopped_at == pytest.approx(0.5)

    within(test)


def test_past_connections_max_the_longest_silent_one_makes_room() -> None:
    async def test(world: World) -> None:
        spoken = await world.dial(said=GET)
        silent = [await world.dial() for _ in range(3)]
        assert [await is_open(raw) for raw in (spoken, *silent)] == [True] * 4
        newcomer = await world.dial(said=GET)
        assert [await is_open(raw) for raw in (spoken, *silent, newcomer)] == [
            True,
            False,
            True,
            True,
            True,
        ]
        assert (world.count, world.traffic.counts["let_go"], world.traffic.connection_count) == (
            4,
            1,
            4,
        )

    within(test)


def test_then_the_longest_idle_one() -> None:
    async def test(world: World) -> None:
        idle = []
        for _ in range(4):
            idle.append(await world.dial(said=GET))
            await asyncio.sleep(1.0)
        idle[0].say(GET)
        assert (await idle[0].answer())[0] == 200
        newcomer = await world.dial(said=GET)
        assert [await is_open(raw) for raw in (*idle, newcomer)] == [True, False, True, True, True]

    within(test)


def test_where_all_are_at_work_the_newcomer_is_told_to_come_again() -> None:
    async def test(world: World) -> None:
        busy = [await world.dial(said=SLOW) for _ in range(4)]
        newcomer = await world.dial()
        status, body = await newcomer.answer()
        assert (status, b"/problems/server-busy" in body) == (503, True)
        assert await newcomer.heard() == b""
        assert world.traffic.counts["refused"] == 1
        world.done.set()
        for raw in busy:
            assert (await raw.answer())[0] == 200
        assert (await world.dial(said=GET)) is not None

    within(test)


def test_a_request_that_has_just_come_is_answered_and_not_closed_for_room() -> None:
    async def test(world: World) -> None:
        idle = [await world.dial(said=GET) for _ in range(4)]
        server = world.runner.server
        assert isinstance(server, Connections)
        [first, *_] = list(server._live)
        first.data_received(SLOW)
        # it is taken out of the queue; its handler begins a turn later (on Python 3.12, at once)
        for _ in range(3):
            assert not first.is_idle
            await asyncio.sleep(0)
        world.done.set()
        assert (await idle[0].answer())[0] == 200

    within(test)


def test_one_address_leaves_room_for_others() -> None:
    async def test(world: World) -> None:
        for _ in range(3):
            await world.dial("ws1", SLOW)
        assert (await (await world.dial("ws1")).answer())[0] == 503
        assert await is_open(await world.dial("ws2", GET))
        assert world.count == 4

    within(test, connections_max=4, per_address_max=3)


def test_an_address_at_its_limit_loses_its_own_idle_ones_only() -> None:
    async def test(world: World) -> None:
        other = await world.dial("ws2")
        mine = [await world.dial("ws1", GET) for _ in range(2)]
        newcomer = await world.dial("ws1", GET)
        assert [await is_open(raw) for raw in (other, *mine, newcomer)] == [True, False, True, True]

    within(test, connections_max=10, per_address_max=2)


def test_who_leaves_makes_room_and_is_forgotten() -> None:
    async def test(world: World) -> None:
        for _ in range(20):
            (await world.dial(said=GET)).hang_up()
        await asyncio.sleep(0.01)
        assert (world.count, world.traffic.counts["let_go"]) == (0, 0)
        server = world.runner.server
        assert isinstance(server, Connections)
        assert server._per_address == {}
        assert server._silent == {}

    within(test)


def test_a_want_of_descriptors_makes_room_once_however_often_a_loop_says_so() -> None:
    async def test(world: World) -> None:
        for _ in range(3):
            await world.dial(said=GET)
        for _ in range(BACKLOG_MAX):
            world.runner.find_no_descriptor()
        assert (world.count, world.traffic.counts["no_descriptor"]) == (2, 1)
        await asyncio.sleep(ROOM_S)
        world.runner.find_no_descriptor()
        assert (world.count, world.traffic.counts["no_descriptor"]) == (1, 2)

    within(test)


@pytest.mark.parametrize("left", [NEWCOMERS - 1, NEWCOMERS])
def test_room_is_made_before_the_last_descriptors_are_gone(
    monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    async def test(world: World) -> None:
        idle = [await world.dial(said=GET) for _ in range(3)]
        # in memory a connection has no descriptor: -1, the one before the first
        monkeypatch.setattr(connections, "descriptors", lambda: left)
        newcomer = await world.dial(said=GET)
        assert await is_open(newcomer)
        closed = [not await is_open(one) for one in idle]
        assert closed == ([True, False, False] if left < NEWCOMERS else [False] * 3)

    within(test)


@pytest.mark.parametrize(
    ("context", "is_one"),
    [
        ({"exception": OSError(errno.EMFILE, "x"), "socket": 1}, True),
        ({"exception": OSError(errno.ENFILE, "x"), "socket": 1}, True),
        ({"exception": OSError(errno.EMFILE, "x")}, False),
        ({"exception": OSError(errno.EBADF, "x"), "socket": 1}, False),
        ({"message": "x"}, False),
    ],
)
def test_only_a_connection_that_was_not_accepted_is_a_want_of_descriptors(
    context: dict[str, Any], *, is_one: bool
) -> None:
    assert is_want_of_descriptors(context) is is_one


@pytest.mark.parametrize(
    ("descriptors", "connections", "backlog"),
    [
        (64, 8, 8),
        (256, 144, 16),
        (1024, 832, 64),
        (4096, 3456, 128),
        (1 << 20, CONNECTIONS_MAX, BACKLOG_MAX),
    ],
)
def test_the_limit_leaves_descriptors_for_files(
    descriptors: int, connections: int, backlog: int
) -> None:
    limits = limits_of(descriptors)
    assert (limits.connections_max, backlog_of(descriptors)) == (connections, backlog)
    assert limits.per_address_max == connections * 3 // 4
    if descriptors > 2 * FILES_MIN:
        assert connections + backlog + FILES_MIN <= descriptors


def test_a_runner_has_the_limits_of_its_process() -> None:
    async def main() -> ConnectionLimits:
        runner = Runner(web.Application())
        await runner.setup()
        assert isinstance(runner.server, Connections)
        limits = runner.server.limits
        await runner.cleanup()
        return limits

    assert run_virtual(main) == limits_of(descriptors())
