"""The story of a stuck run names each task and the line that matters."""

from __future__ import annotations

import asyncio

from despoolr_lab.sim.time.waits import LINES_MAX, describe_waiting, tasks_in_order
from despoolr_lab.sim.world import run_virtual


async def _inner(event):
    await event.wait()


async def _outer(event):
    await _inner(event)


def _generator_based():
    async def generator():
        await asyncio.Event().wait()
        yield

    async def consume():
        async for _ in generator():
            pass

    return consume()


def _lines(*coros, then=lambda: asyncio.sleep(1.0)):
    async def main():
        tasks = [asyncio.ensure_future(coro) for coro in coros]
        await then()
        lines = describe_waiting(asyncio.get_running_loop())
        for task in tasks:
            task.cancel()
        return lines

    return run_virtual(main)


def test_the_innermost_frame_is_at_the_end_of_the_chain_of_awaits():
    line = _lines(_outer(asyncio.Event()))[1]
    assert "(_outer) waits at asyncio/locks.py:" in line
    assert "called from sim/test_waits.py:" in line
    assert line.endswith("in _inner")


def test_a_task_that_has_not_started_says_so():
    async def nothing():
        pass

    assert _lines(_outer(asyncio.Event()), then=nothing)[1].endswith("(_outer) has not started")


def test_async_generators_are_followed():
    assert "in generator" in _lines(_generator_based())[1]


def test_a_crowd_is_cut_short():
    lines = _lines(*(_outer(asyncio.Event()) for _ in range(LINES_MAX + 10)))
    assert len(lines) == LINES_MAX + 1
    assert lines[-1] == "... and 11 more"


def test_tasks_are_listed_in_the_order_in_which_they_were_made():
    async def main():
        made = [asyncio.ensure_future(asyncio.sleep(1.0)) for _ in range(100)]
        return [task for task in tasks_in_order(asyncio.get_running_loop()) if task in made] == made

    assert run_virtual(main)
