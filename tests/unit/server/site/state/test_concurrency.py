"""Several things at one time: all end, in order, and a failure is not lost."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_server.site.state.concurrency import gather_all


async def test_results_come_in_the_order_of_the_work() -> None:
    async def later(number: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return number

    assert await gather_all(later(n, 5 - n) for n in range(5)) == [0, 1, 2, 3, 4]
    assert await gather_all([]) == []


async def test_what_fails_is_raised_when_all_the_rest_has_ended() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number == 1:
            raise ValueError("one")
        await asyncio.sleep(0)
        done.append(number)

    with pytest.raises(ValueError, match="one"):
        await gather_all(work(n) for n in range(4))
    assert done == [0, 2, 3]
