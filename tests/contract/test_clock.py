"""The clock's contract, in scaled real time and in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.clock import Clock
from despoolr_lab.sim.world import EPOCH, run_virtual


@pytest.fixture(params=["virtual", "x1000"])
def run(request):
    """Runs an async function of a clock, in virtual time or a thousand times faster than life."""
    if request.param == "virtual":
        return lambda story: run_virtual(lambda: story(LoopClock(EPOCH)))
    return lambda story: asyncio.run(_scaled(story))


async def _scaled(story):
    return await story(LoopClock(EPOCH, 1000.0))


def test_a_loop_clock_is_a_clock():
    clock: Clock = LoopClock(EPOCH)
    assert clock


def test_the_clock_starts_at_its_epoch_and_never_goes_back(run):
    async def story(clock):
        times = [clock.now()]
        for _ in range(5):
            await clock.sleep(1.0)
            times.append(clock.now())
        return times

    times = run(story)
    assert EPOCH <= times[0] < EPOCH + 60
    assert times == sorted(times)


def test_sleeping_takes_at_least_as_long_as_asked_for(run):
    async def story(clock):
        start = clock.now()
        await clock.sleep(10.0)
        return clock.now() - start

    assert run(story) >= 10.0 - 1e-6


def test_sleeping_until_a_deadline_reaches_it(run):
    async def story(clock):
        shown = []
        for gap in (0.1, 1 / 3, 7.7, 20.0):
            deadline = clock.now() + gap
            await clock.sleep_until(deadline)
            shown.append(clock.now() - deadline)
        return shown

    assert all(late >= 0 for late in run(story))


def test_a_deadline_that_has_passed_only_lets_others_run(run):
    async def story(clock):
        ran: list[object] = []
        for wait, argument in (
            (clock.sleep_until, clock.now() - 1000),
            (clock.sleep, 0),
            (clock.sleep, -5),
        ):
            asyncio.get_running_loop().call_soon(ran.append, len(ran))
            await wait(argument)
            ran.append("on")
        return ran, clock.now()

    ran, now = run(story)
    assert ran == [0, "on", 2, "on", 4, "on"]
    assert now < EPOCH + 60


class TenSeconds:
    """Sleeps on every ten seconds, `times` times."""

    def __init__(self, times):
        self.times = times
        self.asked = []

    def next_after(self, deadline):
        self.asked.append(deadline)
        return deadline + 10.0 if len(self.asked) <= self.times else deadline

    def asked_at(self, deadline):
        return deadline


def test_sleeping_past_deadlines_ends_at_the_one_after_which_none_is_named(run):
    async def story(clock):
        start, sleeper = clock.now(), TenSeconds(2)
        reached = await clock.sleep_past(start + 10.0, sleeper)
        return [at - start for at in sleeper.asked], reached - start, clock.now() >= reached

    asked, reached, is_over = run(story)
    assert asked == [10.0, 20.0, 30.0]
    assert reached == 30.0
    assert is_over


def test_sleeping_past_a_deadline_that_has_passed_asks_at_once(run):
    async def story(clock):
        deadline = clock.now() - 10.0
        return await clock.sleep_past(deadline, TenSeconds(0)) == deadline

    assert run(story)


def test_a_cancelled_sleep_ends_at_once(run):
    async def story(clock):
        sleeper = asyncio.ensure_future(clock.sleep(1e9))
        await clock.sleep(1.0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        return clock.now()

    assert run(story) < EPOCH + 100


def test_a_clock_made_before_the_loop_starts_with_its_first_use():
    clock = LoopClock(EPOCH)

    async def story():
        await asyncio.sleep(100.0)
        first = clock.now()
        await clock.sleep(1.0)
        return first, clock.now()

    assert run_virtual(story) == (EPOCH, EPOCH + 1.0)


def test_a_clock_nobody_has_wound_cannot_be_read():
    with pytest.raises(RuntimeError):
        LoopClock(EPOCH).now()


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_must_be_a_positive_number(scale):
    with pytest.raises(ValueError, match="scale"):
        LoopClock(EPOCH, scale)


@given(st.lists(st.floats(min_value=0.001, max_value=1e7), min_size=1, max_size=5))
def test_virtual_deadlines_are_reached_exactly(gaps):
    async def story():
        clock = LoopClock(EPOCH)
        for gap in gaps:
            deadline = clock.now() + gap
            await clock.sleep_until(deadline)
            assert clock.now() == deadline

    run_virtual(story)


@given(
    st.floats(min_value=0, max_value=1e6),
    st.floats(min_value=0.01, max_value=1e5),
    st.floats(min_value=0.001, max_value=1e7),
)
def test_scaled_virtual_deadlines_are_reached_within_the_calendars_resolution(start, scale, gap):
    async def story():
        await asyncio.sleep(start)
        clock = LoopClock(EPOCH, scale)
        deadline = EPOCH + gap
        await clock.sleep_until(deadline)
        assert 0 <= clock.now() - deadline <= 1e-6 * max(1.0, scale * 1e-3)

    run_virtual(story)


def test_a_week_takes_no_time():
    async def story():
        clock = LoopClock(EPOCH)
        for _ in range(7 * 24):
            await clock.sleep(3600.0)
        return clock.now()

    assert run_virtual(story) == EPOCH + 7 * 24 * 3600
