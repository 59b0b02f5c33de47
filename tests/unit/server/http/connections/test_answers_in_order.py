"""Calls of one connection whose answers wait for the disk: done at once, and answered in order."""

from __future__ import annotations

import asyncio
from unittest.mock import ANY

import pytest

from despoolr_server.http.connections.fast_lane import TURN_MAX
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX
from worlds.lane_world import World, ask, kept, usual, within

GET = ask("GET /S/A")
CUT = kept(-1)


def test_what_comes_behind_an_answer_that_is_not_safe_is_done_at_once_and_answered_in_order() -> (
    None
):
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) + usual(b"b") + kept(3))
        await asyncio.sleep(0.1)
        raw.say(kept(4))
        await asyncio.sleep(0.1)
        assert world.asked == [
            ("kept 1", True),
            ("usual b", True),
            ("kept 3", True),
            ("kept 4", True),
        ]
        answers = asyncio.ensure_future(raw.answer())
        for number in (2, 1):
            world.kept_one[number](None)
            await asyncio.sleep(0.1)
            assert not answers.done(), "the first is not safe yet"
        world.kept_one[0](None)
        assert await answers == (200, b"x")
        assert [await raw.answer() for _ in range(3)] == [
            (200, b"b"),
            (200, b"xxx"),
            (200, b"xxxx"),
        ]
        raw.say(GET)
        assert await raw.answer() == (200, b"/S/A")
        assert world.asked[-1] == ("GET /S/A", True), "the lane goes on"

    within(test)


@pytest.mark.parametrize("behind", [usual(b"long way"), GET, usual(b"waits")])
def test_what_has_no_short_way_waits_for_those_in_front_of_it_and_those_behind_wait_for_it(
    behind: bytes,
) -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) + behind + usual(b"last"))
        await asyncio.sleep(0.1)
        begun = [("usual waits", True)] if behind == usual(b"waits") else []
        assert world.asked == [("kept 1", True), *begun]
        world.kept_one[0](None)
        assert await raw.answer() == (200, b"x")
        await asyncio.sleep(0.1)
        assert ("usual last", True) not in world.asked
        world.gate.set()
        first = 204 if b"long" in behind else 200
        assert [(await raw.answer())[0] for _ in range(2)] == [first, 204]
        assert world.bodies[-1] == b"last", "aiohttp's: the long way"
        raw.say(usual(b"again"))
        assert await raw.answer() == (200, b"again")

    within(test)


@pytest.mark.parametrize("odd", [BODY_SIZE_MAX + 1, 0], ids=["long", "mistake"])
def test_an_odd_answer_among_those_that_wait_is_said_in_its_turn(odd: int) -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) + kept(odd) + kept(2) + usual(b"b"))
        await asyncio.sleep(0.1)
        for number in (2, 1, 0):
            world.kept_one[number](None)
        assert await raw.answer() == (200, b"x")
        assert await raw.answer() == ((200, b"x" * odd) if odd else (500, ANY))
        if odd:
            assert [await raw.answer() for _ in range(2)] == [(200, b"xx"), (200, b"b")]
            raw.say(usual(b"again"))
            assert await raw.answer() == (200, b"again")

    within(test)


def test_no_more_wait_for_the_disk_in_one_connection_than_are_answered_in_one_turn() -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) * (TURN_MAX - 1))
        await asyncio.sleep(0.1)
        raw.say(kept(1) + usual(b"b"))
        await asyncio.sleep(0.1)
        assert len(world.asked) == TURN_MAX
        for call in world.kept_one:
            call(None)
        for _ in range(TURN_MAX):
            assert await raw.answer() == (200, b"x")
        assert (await raw.answer())[0] == 204, "the long way"

    within(test)


def test_a_server_that_stops_waits_for_all_that_are_not_safe_yet_in_a_connection() -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) + kept(2))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(world.runner.cleanup())
        await asyncio.sleep(0.1)
        world.kept_one[0](None)
        await asyncio.sleep(0.1)
        assert not stopping.done()
        world.kept_one[1](None)
        assert (await raw.heard()).endswith(b"\r\n\r\nxx")
        await stopping

    within(test)


@pytest.mark.parametrize("safe_last", [0, 1], ids=["behind first", "in turn"])
@pytest.mark.parametrize("last", [b"b", b"waits"])
def test_a_server_that_stops_answers_what_was_done_behind_an_answer_that_is_long(
    caplog: pytest.LogCaptureFixture, last: bytes, safe_last: int
) -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(BODY_SIZE_MAX + 1) + kept(2) + usual(last) + usual(b"never"))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(world.runner.cleanup())
        for number in (1 - safe_last, safe_last):
            await asyncio.sleep(0.1)
            assert not stopping.done()
            world.kept_one[number](None)
        await asyncio.sleep(0.1)
        world.gate.set()
        heard = await raw.heard()
        assert heard.count(b"HTTP/1.1 200 ") == 3 + (("usual never", True) in world.asked)
        assert heard.endswith((last, b"never")) and b"\r\n\r\nxxHTTP" in heard
        await stopping

    within(test)
    assert not caplog.records


def test_a_caller_that_goes_while_several_wait_leaves_nothing_behind() -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        raw.say(kept(1) + kept(2) + usual(b"b"))
        await asyncio.sleep(0.1)
        raw.hang_up()
        await asyncio.sleep(0.1)
        for call in reversed(world.kept_one):
            call(None)
        await asyncio.sleep(0.1)
        assert not world.runner.server.connections  # type: ignore[union-attr]

    within(test)


@pytest.mark.parametrize("ends", ["caller", "line", "long"])
def test_a_call_that_was_begun_behind_others_is_done_to_its_end_if_nobody_hears_it(
    ends: str,
) -> None:
    async def test(world: World) -> None:
        world.is_by_hand = True
        raw = await world.dial()
        front = {"caller": kept(1), "line": CUT, "long": kept(BODY_SIZE_MAX + 1)}[ends]
        raw.say(front + kept(2) + usual(b"waits"))
        await asyncio.sleep(0.1)
        if ends != "line":
            raw.hang_up()
            await asyncio.sleep(0.1)
        for call in world.kept_one:
            call(None)
        world.gate.set()
        await asyncio.sleep(0.1)
        assert world.ended == [b"waits"]
        assert not world.runner.server.connections  # type: ignore[union-attr]

    within(test)
