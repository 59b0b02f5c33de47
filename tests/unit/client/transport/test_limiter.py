"""Who is let in first, and that no place is ever lost."""

from __future__ import annotations

import asyncio

from despoolr_client.transport.limiter import LimiterQueue, PriorityLimiter


def free_count(limiter: PriorityLimiter) -> int:
    """Places that nobody has: those that can be taken, given back at once."""
    count = 0
    while limiter.acquire_nowait():
        count += 1
    for _ in range(count):
        limiter.release()
    return count


async def test_a_gate_lets_others_in_as_places_are_given_back() -> None:
    limiter = PriorityLimiter(1)
    await limiter.polls.acquire()
    waiter = asyncio.ensure_future(limiter.polls.acquire())
    await asyncio.sleep(0)
    assert not waiter.done()
    limiter.polls.release()
    await waiter
    assert free_count(limiter) == 0
    limiter.polls.release()
    assert free_count(limiter) == 1


async def test_whoever_is_further_on_goes_first() -> None:
    limiter = PriorityLimiter(2)
    order: list[str] = []

    async def through(queue: LimiterQueue, name: str) -> None:
        async with queue:
            order.append(name)
            await asyncio.sleep(0)

    async with limiter.polls, limiter.polls, asyncio.TaskGroup() as group:
        for queue, name in (
            (limiter.polls, "poll 1"),
            (limiter.starts, "start 1"),
            (limiter.ends, "end 1"),
            (limiter.polls, "poll 2"),
            (limiter.ends, "end 2"),
            (limiter.starts, "start 2"),
        ):
            group.create_task(through(queue, name))
        await asyncio.sleep(0)
        assert order == []
        limiter.polls.release()
        await asyncio.sleep(0.01)
        await limiter.ends.acquire()
    assert order == ["end 1", "end 2", "start 1", "start 2", "poll 1", "poll 2"]
    assert free_count(limiter) == 2


async def test_one_who_gives_up_waiting_takes_no_place() -> None:
    limiter = PriorityLimiter(1)
    await limiter.starts.acquire()
    one, other = (asyncio.ensure_future(limiter.starts.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.sleep(0)
    limiter.starts.release()
    await other
    assert (one.cancelled(), free_count(limiter)) == (True, 0)


async def test_a_place_given_to_one_who_is_told_to_go_at_the_same_moment_goes_to_the_next() -> None:
    limiter = PriorityLimiter(1)
    await limiter.starts.acquire()
    one, other = (asyncio.ensure_future(limiter.starts.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    limiter.starts.release()  # the place is one's now
    one.cancel()
    await other
    assert (one.cancelled(), free_count(limiter)) == (True, 0)
    limiter.starts.release()
    assert free_count(limiter) == 1
