"""Sleepers who share timers: nobody early, nobody late, nothing kept of those who have gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.clocks.shared_wakes import LATE_S_MAX, PART, PURGE_MIN, SharedWakes
from despoolr_lab.sim.time.loop import VirtualLoop


class CountingLoop(VirtualLoop):
    """A loop of virtual time that counts its timers."""

    count = 0

    def call_at(self, *args: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        """One timer more."""
        self.count += 1
        return super().call_at(*args, **options)


async def asleep(wakes: SharedWakes, seconds: float) -> float:
    """How much longer somebody slept than they wanted to."""
    loop = asyncio.get_running_loop()
    when = loop.time() + seconds
    await wakes.sleeper(when)
    return loop.time() - when


@pytest.mark.parametrize("late_s_max", [0.0001, 0.004, LATE_S_MAX])
@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.003, 0.7, 1.0, 5.003, 3600.1])
def test_nobody_wakes_early_or_much_later(seconds: float, late_s_max: float) -> None:
    loop = VirtualLoop()
    late = loop.run_until_complete(asleep(SharedWakes(loop, late_s_max), seconds))
    assert -1e-9 <= late <= max(0.001, min(late_s_max, seconds * PART)) + 1e-9
    loop.close()


@pytest.mark.parametrize(("scale", "late_s_max"), [(1.0, LATE_S_MAX), (60.0, 0.25 / 60)])
async def test_nobody_sleeps_longer_by_more_than_a_part_of_a_sites_second(
    scale: float, late_s_max: float
) -> None:
    clock = LoopClock(0.0, scale)
    await clock.sleep(0.001)
    assert clock._wait.__self__.late_s_max == late_s_max  # type: ignore[attr-defined]


def test_those_who_sleep_until_nearly_the_same_moment_share_a_timer() -> None:
    async def story(wakes: SharedWakes) -> list[float]:
        return await asyncio.gather(*(asleep(wakes, 5.0 + n / 1e6) for n in range(1000)))

    loop = CountingLoop()
    assert max(loop.run_until_complete(story(SharedWakes(loop)))) <= LATE_S_MAX + 1e-9
    assert loop.count <= 2
    loop.close()


def test_they_wake_in_the_order_in_which_they_lay_down() -> None:
    async def story(wakes: SharedWakes) -> list[int]:
        woken: list[int] = []

        async def sleep(number: int) -> None:
            await asleep(wakes, 1.0)
            woken.append(number)

        await asyncio.gather(*map(sleep, range(100)))
        return woken

    loop = VirtualLoop()
    assert loop.run_until_complete(story(SharedWakes(loop))) == list(range(100))
    loop.close()


async def test_who_is_told_to_go_keeps_nobody_from_waking() -> None:
    wakes = SharedWakes(asyncio.get_running_loop())
    first, second = (asyncio.create_task(asleep(wakes, 0.05)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first, second])
    assert first.cancelled() and not second.cancelled()


@pytest.mark.parametrize("count", [PURGE_MIN - 1, PURGE_MIN])
async def test_those_who_have_gone_are_not_kept_until_their_time(count: int) -> None:
    wakes = SharedWakes(asyncio.get_running_loop())
    for _ in range(count):
        wakes.sleeper(asyncio.get_running_loop().time() + 3600.0).cancel()
    kept = sum(len(found.waiters) for found in wakes._asleep.values())
    # who lay down last is looked at before it is told to go
    assert kept == (count if count < PURGE_MIN else 1)


async def test_a_clock_on_an_ordinary_loop_sleeps_so() -> None:
    clock = LoopClock(0.0, 60.0)
    before = clock.now()
    await asyncio.gather(*(clock.sleep(6.0) for _ in range(3)))
    assert clock.now() - before >= 6.0 - 0.06  # the loop rounds to a millisecond
