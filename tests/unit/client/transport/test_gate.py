"""Who is let in first, and that no place is ever lost."""

from __future__ import annotations

import asyncio

from despoolr_client.transport.gate import Gate, Line


def free_count(gate: Gate) -> int:
    """Places that nobody has: those that can be taken, given back at once."""
    count = 0
    while gate.take():
        count += 1
    for _ in range(count):
        gate.give_back()
    return count


async def test_a_gate_lets_others_in_as_places_are_given_back() -> None:
    gate = Gate(1)
    await gate.polls.enter()
    waiter = asyncio.ensure_future(gate.polls.enter())
    await asyncio.sleep(0)
    assert not waiter.done()
    gate.polls.leave()
    await waiter
    assert free_count(gate) == 0
    gate.polls.leave()
    assert free_count(gate) == 1


async def test_whoever_is_further_on_goes_first() -> None:
    gate = Gate(2)
    order: list[str] = []

    async def through(line: Line, name: str) -> None:
        async with line:
            order.append(name)
            await asyncio.sleep(0)

    async with gate.polls, gate.polls, asyncio.TaskGroup() as group:
        for line, name in (
            (gate.polls, "poll 1"),
            (gate.starts, "start 1"),
            (gate.ends, "end 1"),
            (gate.polls, "poll 2"),
            (gate.ends, "end 2"),
            (gate.starts, "start 2"),
        ):
            group.create_task(through(line, name))
        await asyncio.sleep(0)
        assert order == []
        gate.polls.leave()
        await asyncio.sleep(0.01)
        await gate.ends.enter()
    assert order == ["end 1", "end 2", "start 1", "start 2", "poll 1", "poll 2"]
    assert free_count(gate) == 2


async def test_one_who_gives_up_waiting_takes_no_place() -> None:
    gate = Gate(1)
    await gate.starts.enter()
    one, other = (asyncio.ensure_future(gate.starts.enter()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.sleep(0)
    gate.starts.leave()
    await other
    assert (one.cancelled(), free_count(gate)) == (True, 0)


async def test_a_place_given_to_one_who_is_told_to_go_at_the_same_moment_goes_to_the_next() -> None:
    gate = Gate(1)
    await gate.starts.enter()
    one, other = (asyncio.ensure_future(gate.starts.enter()) for _ in range(2))
    await asyncio.sleep(0)
    gate.starts.leave()  # the place is one's now
    one.cancel()
    await other
    assert (one.cancelled(), free_count(gate)) == (True, 0)
    gate.starts.leave()
    assert free_count(gate) == 1
