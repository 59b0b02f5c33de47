"""Who sleeps past one deadline after the other wakes when it would by a timer of its own, and the
process of all of them less often.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.clocks.shared_timer import GRAIN_S, REST_S, SharedTimer
from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_server.site.services.service import Service
from worlds.site import Bench

PERIOD_S = 60.0


class Box:
    """What services look at, and how often they did."""

    def __init__(self) -> None:
        self.content = 0
        self.looked_at: set[float] = set()


class Looking:
    """One that has something to do as soon as `box` has changed, on a grid of its own."""

    def __init__(self, loop: VirtualLoop, box: Box, first: float) -> None:
        self.loop = loop
        self.box = box
        self.due = first
        self.seen = box.content
        self.passed_count = 0
        self.until = math.inf

    def is_resting(self) -> bool:
        self.box.looked_at.add(self.loop.time())
        return self.seen == self.box.content

    def following(self) -> float:
        if not self.is_resting() or self.due >= self.until:
            return 0.0
        self.passed_count += 1
        self.due += PERIOD_S
        return self.due

    def asked_at(self) -> float:
        return self.until

    def sleeps_through(self, when: float) -> bool:
        return self.is_resting()

    def pass_over(self, when: float) -> float:
        while self.due <= when:
            self.passed_count += 1
            self.due += PERIOD_S
        return self.due


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def woken(
    loop: VirtualLoop, timer: SharedTimer, services: list[Looking], *, by: float
) -> list[float | None]:
    """When each of them woke, up to a time."""

    async def one(service: Looking) -> float:
        await timer.sleeper(service.due, service)
        return loop.time()

    async def all_of_them() -> list[float | None]:
        tasks = [loop.create_task(one(service)) for service in services]
        await asyncio.wait(tasks, timeout=by)
        times = [task.result() if task.done() else None for task in tasks]
        for task in tasks:
            task.cancel()
        return times

    return loop.run_until_complete(all_of_them())


def five(loop: VirtualLoop, box: Box) -> list[Looking]:
    return [Looking(loop, box, float(number)) for number in range(1, 6)]


def test_an_idle_process_wakes_once_in_a_round(loop: VirtualLoop) -> None:
    box, timer = Box(), SharedTimer(loop)
    services = five(loop, box)
    assert woken(loop, timer, services, by=100 * PERIOD_S) == [None] * 5
    assert len(box.looked_at) < 100 + 10
    assert {service.passed_count for service in services} <= {99, 100}


@pytest.mark.parametrize("changed_at", [3.5, 62.5, 64.9, 65.1, 100.0, 120.9, 6_003.5])
def test_a_change_that_is_told_wakes_everybody_at_their_own_times(
    loop: VirtualLoop, changed_at: float
) -> None:
    box, timer = Box(), SharedTimer(loop)
    services = five(loop, box)

    def change() -> None:
        box.content += 1
        timer.stir()

    loop.call_at(changed_at, change)
    times = woken(loop, timer, services, by=changed_at + 2 * PERIOD_S)
    for first, time in enumerate(times, 1):
        rounds = math.ceil((changed_at - first) / PERIOD_S)
        assert time == pytest.approx(first + max(0, rounds) * PERIOD_S, abs=2 * GRAIN_S)


@pytest.mark.parametrize("changed_at", [3.5, 62.5, 65.0, 6_003.5])
def test_a_change_that_nobody_tells_is_found_a_round_later_at_most(
    loop: VirtualLoop, changed_at: float
) -> None:
    box, timer = Box(), SharedTimer(loop)
    services = five(loop, box)
    loop.call_at(changed_at, lambda: setattr(box, "content", 1))
    times = woken(loop, timer, services, by=changed_at + 3 * PERIOD_S)
    for first, time in enumerate(times, 1):
        assert time is not None and changed_at <= time <= changed_at + 2 * PERIOD_S
        assert (time - first) % PERIOD_S == pytest.approx(0.0, abs=2 * GRAIN_S)


def test_rounds_that_are_shorter_are_not_looked_at_one_by_one(
    loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_app.clocks.shared_timer.REST_S", 10 * PERIOD_S)
    box, timer = Box(), SharedTimer(loop)
    services = five(loop, box)
    assert woken(loop, timer, services, by=100 * PERIOD_S) == [None] * 5
    assert len(box.looked_at) < 20
    assert REST_S < PERIOD_S


def test_a_time_at_which_one_must_be_asked_is_kept(loop: VirtualLoop) -> None:
    box, timer = Box(), SharedTimer(loop)
    services = five(loop, box)
    services[2].until = 3.0 + 7 * PERIOD_S
    times = woken(loop, timer, services, by=10 * PERIOD_S)
    assert times[2] == pytest.approx(services[2].until, abs=2 * GRAIN_S)
    assert times[:2] + times[3:] == [None] * 4


def test_what_goes_wrong_while_one_is_asked_is_its_own(loop: VirtualLoop) -> None:
    class Broken(Looking):
        def following(self) -> float:
            raise ValueError("asked in vain")

    box, timer = Box(), SharedTimer(loop)
    other = Looking(loop, box, 2.0)
    other.until = 2.0 + PERIOD_S

    async def story() -> float:
        waiting = timer.sleeper(other.due, other)
        with pytest.raises(ValueError, match="asked in vain"):
            await timer.sleeper(1.0, Broken(loop, box, 1.0))
        await waiting
        return loop.time()

    assert loop.run_until_complete(story()) == pytest.approx(other.until, abs=2 * GRAIN_S)


def test_who_was_cancelled_is_asked_no_more(loop: VirtualLoop) -> None:
    box, timer = Box(), SharedTimer(loop)

    async def story() -> None:
        timer.sleeper(1.0, Looking(loop, box, 1.0)).cancel()
        await asyncio.sleep(10 * PERIOD_S)

    loop.run_until_complete(story())
    assert not box.looked_at


class Errand(Service):
    """A service that has something to do when what it watches changed; it says when it did it."""

    component = "SMS_ERRAND"

    def __init__(self, bench: Bench, done: list[tuple[float, int]]) -> None:
        super().__init__(bench.site)
        self.content = 0
        self.done = done
        self.began_at = bench.site.clock.now()

    def watched(self) -> list[Callable[[float], object]]:
        return [lambda _until: self.content]

    async def cycle(self, tick: float) -> None:
        self.done.append((tick - self.began_at, self.content))
        self.idle_until = math.inf


def cycles(*, is_shared: bool) -> tuple[list[tuple[float, int]], list[int]]:
    """What three services did, and how many cycles were due."""
    done: list[tuple[float, int]] = []

    async def story() -> list[int]:
        bench = Bench()
        clock = bench.site.clock = LoopClock(0.0)
        stir = clock.share_timer() if is_shared else lambda _told: None
        services = [Errand(bench, done) for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(service.run(float(number)))
                for number, service in enumerate(services)
            ]
            for after_s in (1600.5, 200.0, 2999.0, 100_000.0):
                await clock.sleep(after_s)
                for service in services:
                    service.content += 1
                stir(None)
            await clock.sleep(1_000.0)
            stir(None)
            for one in running:
                one.cancel()
        return [service.cycle_count for service in services]

    with closing(VirtualLoop()) as loop:
        return done, loop.run_until_complete(story())


def test_services_do_their_cycles_when_they_would_by_timers_of_their_own() -> None:
    done, due_counts = cycles(is_shared=True)
    assert (done, due_counts) == cycles(is_shared=False)
    assert done[3:6] == [(1800.0, 1), (1801.0, 2), (1802.0, 2)]
