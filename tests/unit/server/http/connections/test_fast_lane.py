"""The fast lane: what goes through it, what does not, and that nothing is done twice or out of
order.
"""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from aiohttp import web

from despoolr_lab.sim.hosts import LATENCY_S
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.fast_lane import TOGETHER_MAX, TURN_MAX
from despoolr_server.http.connections.field_block import (
    BLOCK_SIZE_MAX,
    FIELDS_MAX,
)
from despoolr_server.http.connections.lane import (
    FIELD_SIZE_KNOWN,
    KNOWN_MAX,
    KNOWN_SIZE_MAX,
    LINE_SIZE_MAX,
    FastLane,
)
from despoolr_server.http.connections.short_ways import (
    LANE_CALLS,
)
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX
from worlds.lane_twins import exchanges, play
from worlds.lane_world import CALLS, World, ask, within
from worlds.raw_http import dial_in_memory

GET = ask("GET /S/A")


def make_lane() -> FastLane:
    async def nothing(request: web.Request) -> web.Response:
        return web.Response()

    routes = [
        Route("*", "/{share}/{path:.*}", nothing),
        Route("DELETE", "/o/{open}", nothing),
    ]
    return FastLane(App(routes, things={LANE_CALLS: CALLS}))


def test_a_request_that_came_whole_is_answered_in_the_turn_in_which_it_came() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        raw.say(ask("PUT /S/B", "Content-Length: 3", body=b"abc"))
        assert (await raw.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204 ")
        for handle in ("O1", "O2"):  # the second is known by its pattern
            raw.say(ask(f"DELETE /o/{handle}"))
            assert await raw.answer() == (200, f"/o/{handle}".encode())
        assert world.asked == [
            ("GET /S/A", True),
            ("PUT /S/B", True),
            ("DELETE /o/O1", True),
            ("DELETE /o/O2", True),
        ]
        assert world.bodies == [b"abc"]

    within(test)


@pytest.mark.parametrize(
    "other",
    [
        ask("POST /S/A"),
        ask("GET /S/A?x=y"),
        ask("GET /S//A"),
        ask("HEAD /S/A"),
        ask("DELETE /o/x-y"),
        ask("PUT /S/A", "Content-Length: 5000", body=b"x" * 5000),
    ],
)
def test_what_is_read_but_is_not_for_the_lane_goes_to_aiohttp_and_the_next_is_in_the_lane(
    other: bytes,
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        half = len(other) // 2
        if b"5000" in other:  # a body in two parts
            raw.say(other[:half])
            await asyncio.sleep(1.0)
            raw.say(other[half:])
        else:
            raw.say(other)
        await asyncio.sleep(1.0)
        raw.say(GET)
        await asyncio.sleep(1.0)
        assert world.asked[-1] == ("GET /S/A", True)
        # aiohttp's router has all but the one that the lane has not learnt
        assert [lane for _, lane in world.asked[:-1]] in ([False], [True], [])

    within(test)


@pytest.mark.parametrize("cut", [1, 10, 20, len(GET) - 2, len(GET) - 1])
def test_a_head_in_two_parts_is_aiohttps_and_the_next_request_is_in_the_lane(cut: int) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(GET[:cut])
        await asyncio.sleep(1.0)
        raw.say(GET[cut:])
        assert await raw.answer() == (200, b"/S/A")
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        assert world.asked == [("GET /S/A", False), ("GET /S/A", True)]

    within(test)


@pytest.mark.parametrize(
    "fields",
    [
        ("X: a", "x: b"),
        ("Content-Length: 0", "Content-Length: 0"),
        ("Transfer-Encoding: identity",),
        ("Expect: 100-continue",),
        ("Upgrade: h2c",),
        ("TE: trailers",),
        ("Connection: keep-alive, X",),
        ("Proxy-Connection: close",),
        ("X: \xfc",),
        ("X: " + "y" * BLOCK_SIZE_MAX,),
        tuple(f"X{n}: y" for n in range(FIELDS_MAX)),
    ],
)
def test_what_is_not_understood_makes_the_connection_ordinary_for_good(
    fields: tuple[str, ...],
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(GET)
        await raw.answer()
        raw.say(ask("GET /S/A", *fields))
        await asyncio.sleep(1.0)
        raw.say(GET)
        await asyncio.sleep(1.0)
        assert world.asked[0] == ("GET /S/A", True)
        assert all(not lane for _, lane in world.asked[1:])

    within(test)


def test_heads_at_the_bounds_are_read_and_past_them_are_not() -> None:
    lane = make_lane()
    assert lane.line(b"GET /" + b"a" * (LINE_SIZE_MAX - 14) + b" HTTP/1.1") is not None
    assert lane.line(b"GET /" + b"a" * (LINE_SIZE_MAX - 13) + b" HTTP/1.1") is None
    host = b"Host: x\r\nX: "
    assert lane.block(host + b"y" * (BLOCK_SIZE_MAX - len(host))) is not None
    assert lane.block(host + b"y" * (BLOCK_SIZE_MAX - len(host) + 1)) is None
    fields = [b"Host: x", *(b"X%d: y" % n for n in range(FIELDS_MAX))]
    assert lane.block(b"\r\n".join(fields[:-1])) is not None
    assert lane.block(b"\r\n".join(fields)) is None


def test_what_is_remembered_of_heads_is_bounded() -> None:
    lane = make_lane()
    for n in range(KNOWN_MAX + 10):
        lane.line(b"GET /S/%d.x HTTP/1.1" % n)
        lane.line(b"DELETE /o/O%d HTTP/1.1" % n)
        lane.block(b"Host: x\r\nX: %048d" % n)
    for known in (lane._lines, lane._blocks):
        assert len(known) == KNOWN_MAX
        assert (known.count_max, known.size_max) == (KNOWN_MAX, KNOWN_SIZE_MAX)
    assert len(lane._patterns) == 1


@pytest.mark.slow
def test_all_that_is_remembered_of_heads_takes_a_few_megabytes() -> None:
    lane = make_lane()
    tracemalloc.start()
    for n in range(KNOWN_MAX):
        lane.line(b"GET /S/%d.x HTTP/1.1" % n)
        lane.block(
            b"Host: 127.0.0.1:8802\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
            b"User-Agent: despoolr/0.1.0\r\nAuthorization: Bearer client.PC%06d.%032d\r\n"
            b'If-None-Match: "%032d"' % (n, n, n)
        )
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lane._blocks) == len(lane._lines) == KNOWN_MAX
    assert size < 12 * 1024 * 1024


def test_many_short_fields_are_not_remembered() -> None:
    lane = make_lane()
    fields = [b"Host: x", *(b"X%d: y" % n for n in range(9))]
    short = b"\r\n".join(fields)
    room = FIELD_SIZE_KNOWN * len(fields) - len(short)
    assert lane.block(short + b"y" * (room - 1)) is not None
    assert len(lane._blocks) == 0
    assert lane.block(short + b"y" * room) is not None
    assert len(lane._blocks) == 1


def test_a_short_head_with_a_token_is_remembered() -> None:
    lane = make_lane()
    head = b"Host: 127.0.0.1\r\nAuthorization: Bearer client.WS1.%032d" % 1
    assert lane.block(head) is not None
    assert lane._blocks.get(head) is lane.block(head)


@pytest.mark.parametrize(
    "line",
    [
        b"GET /S/A HTTP/1.0",
        b"GET  /S/A HTTP/1.1",
        b"GET /S/A HTTP/1.1 ",
        b"get /S/A HTTP/1.1",
        b"GET S/A HTTP/1.1",
        b"GET http://x/S/A HTTP/1.1",
        b"GET /S/\xfc HTTP/1.1",
        b"GET /S/A\nX HTTP/1.1",
        b"CONNECT /S/A HTTP/1.1",
        b"",
    ],
)
def test_a_line_of_another_form_is_not_understood(line: bytes) -> None:
    assert make_lane().line(line) is None


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"X: y",
        b"Host: x\r\n folded",
        b"Host : x",
        b"Host: x\r\n: y",
        b"Host: x\r\nX: a\nb",
        b"Host: x\r\nX: a\x00b",
        b"Host: x\r\nContent-Length: +1",
        b"Host: x\r\nContent-Length: 1, 1",
        b"Host: x\r\nContent-Length:",
        b"Host: x\r\nContent-Length: 1_0",
        b"Host: x\r\nContent-Length: 9999999999999",
    ],
)
def test_a_block_of_another_form_is_not_understood(block: bytes) -> None:
    assert make_lane().block(block) is None


def test_a_handler_that_waits_is_begun_once_and_answers_before_those_behind_it() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask("GET /S/waits") + ask("GET /S/B"))
        await asyncio.sleep(1.0)
        raw.say(ask("GET /S/C"))
        await asyncio.sleep(1.0)
        assert world.asked == [("GET /S/waits", True)]
        world.gate.set()
        assert await raw.answer() == (200, b"/S/waits")
        assert await raw.answer() == (200, b"/S/B")
        assert await raw.answer() == (200, b"/S/C")
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        assert world.asked == [
            ("GET /S/waits", True),
            ("GET /S/B", False),
            ("GET /S/C", False),
            ("GET /S/A", True),
        ]

    within(test)


@pytest.mark.parametrize("what", ["plain", "large", "breathes"])
def test_an_answer_that_is_not_one_short_write_is_aiohttps_and_the_next_is_in_the_lane(
    what: str,
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask(f"GET /S/{what}"))
        assert (await raw.answer())[0] == 200
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        assert world.asked == [(f"GET /S/{what}", True), ("GET /S/A", True)]

    within(test)


def test_a_caller_that_has_gone_is_answered_nothing_and_a_mistake_is_500() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask("GET /S/gone"))
        assert await raw.heard() == b""
        raw = await world.dial()
        raw.say(ask("GET /S/fails"))
        assert (await raw.heard()).startswith(b"HTTP/1.1 500 ")

    within(test)


def test_so_many_are_answered_in_one_turn_and_the_others_after_them() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(GET * (TURN_MAX + 2))
        for _ in range(TURN_MAX + 2):
            assert await raw.answer() == (200, b"/S/A")
        assert [lane for _, lane in world.asked] == [True] * TURN_MAX + [False] * 2

    within(test)


@pytest.mark.parametrize("more", [0, 1])
def test_more_at_once_than_are_read_in_one_turn_make_the_connection_ordinary(more: int) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(GET * (TOGETHER_MAX + more))
        for _ in range(TOGETHER_MAX + more):
            assert await raw.answer() == (200, b"/S/A")
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        assert world.asked[-1] == ("GET /S/A", not more)

    within(test)


def test_a_connection_in_the_lane_is_closed_when_it_has_been_idle_for_long_enough() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        for _ in range(3):
            raw.say(GET)
            await raw.answer()
            await asyncio.sleep(100.0)
        raw.say(GET)
        await raw.answer()
        began = asyncio.get_running_loop().time()
        assert await raw.heard() == b""
        idle_s = ConnectionLimits().idle_s
        assert asyncio.get_running_loop().time() - began == pytest.approx(idle_s, abs=1.0)

    within(test)


def test_a_wait_that_is_longer_than_a_connection_may_be_idle_is_waited_for() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask("GET /S/waits-long"))
        assert await raw.answer() == (200, b"/S/waits-long")
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        await raw.heard()

    within(test)


def test_a_server_that_stops_waits_for_what_was_begun_in_the_lane() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask("GET /S/waits"))
        await asyncio.sleep(1.0)
        stopping = asyncio.create_task(world.runner.cleanup())
        await asyncio.sleep(0.5)
        world.gate.set()
        heard = await raw.heard()
        assert heard.endswith(b"/S/waits")
        await stopping

    within(test)


@pytest.mark.parametrize("size", [7, BODY_SIZE_MAX + 1])
def test_a_server_that_stops_waits_for_what_is_not_safe_yet_and_for_all_of_its_answer(
    caplog: pytest.LogCaptureFixture, size: int
) -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        told = str(size).encode()
        raw.say(ask("PUT /kept", f"Content-Length: {len(told)}", body=told))
        await asyncio.sleep(1.0)
        stopping = asyncio.create_task(world.runner.cleanup())
        await asyncio.sleep(0.5)
        assert not stopping.done()
        world.gate.set()
        heard = await raw.heard()
        assert heard.startswith(b"HTTP/1.1 200 ") and heard.endswith(b"x" * size)
        await stopping

    within(test)
    assert not caplog.records, "it was said to be over twice"


def test_a_server_that_stops_waits_for_no_connection_of_that_moment() -> None:
    async def test(world: World) -> None:
        loop = asyncio.get_running_loop()
        dialling = asyncio.create_task(dial_in_memory(world.network, "logon1"))
        await asyncio.sleep(LATENCY_S)
        assert not dialling.done(), "it has come to the server in this turn"
        began = loop.time()
        await world.runner.cleanup()
        assert loop.time() == began
        assert await (await dialling).heard() == b""

    within(test)


def test_a_caller_that_goes_while_its_answer_waits_leaves_nothing_behind() -> None:
    async def test(world: World) -> None:
        raw = await world.dial()
        raw.say(ask("GET /S/waits"))
        await asyncio.sleep(1.0)
        raw.hang_up()
        await asyncio.sleep(1.0)
        world.gate.set()
        await asyncio.sleep(1.0)
        assert not world.runner.server.connections  # type: ignore[union-attr]

    within(test)


@pytest.mark.slow
def test_with_the_lane_and_without_a_server_answers_and_records_the_same() -> None:
    lane_count = answer_count = 0
    for seed in range(32):
        said = exchanges(seed, 20)
        ours, theirs = play(said, lane=True), play(said, lane=False)
        for number, (one, other) in enumerate(zip(ours.answers, theirs.answers, strict=True)):
            assert one == other, (seed, number, said[number])
        assert ours.records == theirs.records, seed
        lane_count += ours.lane_count
        answer_count += sum(heard.count(b"HTTP/1.1 ") for heard in ours.answers)
        assert theirs.lane_count == 0
    assert answer_count > 1500
    assert lane_count > 150
