"""The SMS Executive in virtual time: cycles on a grid, pausing, restarting, and what a bug in one
service does.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.response import POLLING_S, Response
from despoolr_core.share.contract import ShareUnreachable, Watch
from despoolr_lab.sim.world import EPOCH, run_virtual
from despoolr_server.site.services.service import START_STAGGER_S, Executive, Service
from worlds.site import Bench


class Counting(Service):
    """Notes when it was due, may take its time, may fail."""

    component = "SMS_SCHEDULER"

    def __init__(self, bench: Bench, takes_s: float = 0.0, error: Exception | None = None) -> None:
        super().__init__(bench.site)
        self.ticks: list[float] = []
        self.takes_s = takes_s
        self.error = error
        self.starts = 0

    async def started(self) -> None:
        self.starts += 1

    async def cycle(self, tick: float) -> None:
        self.ticks.append(tick - EPOCH)
        await self.site.clock.sleep(self.takes_s)
        if self.error is not None:
            raise self.error


class Other(Counting):
    component = "SMS_DESPOOLER"


def play(main: Callable[[Bench], Awaitable[None]], **more: object) -> None:
    async def scene() -> None:
        bench = Bench(**more)  # type: ignore[arg-type]
        clock = LoopClock(EPOCH)
        bench.site.clock = clock
        await main(bench)

    run_virtual(scene, limit_s=40 * 86400.0)


async def run_for(executive: Executive, seconds: float) -> None:
    task = asyncio.create_task(executive.run())
    await executive.site.clock.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("response", Response)
def test_cycles_lie_on_the_grid_of_the_response_setting(response: Response) -> None:
    async def main(bench: Bench) -> None:
        service = Counting(bench)
        await run_for(Executive(bench.site, [service]), 3.5 * POLLING_S[response])
        assert service.ticks == [n * POLLING_S[response] for n in range(4)]

    play(main, response=response)


def test_services_start_in_the_order_work_flows_through_them() -> None:
    async def main(bench: Bench) -> None:
        first, second = Counting(bench), Other(bench)
        await run_for(Executive(bench.site, [first, second]), 301.5)
        assert (first.ticks, second.ticks) == (
            [0, 300.0],
            [START_STAGGER_S, 300.0 + START_STAGGER_S],
        )

    play(main)


def test_a_cycle_that_takes_too_long_skips_what_it_missed_and_stays_on_the_grid() -> None:
    async def main(bench: Bench) -> None:
        service = Counting(bench, takes_s=700.0)
        await run_for(Executive(bench.site, [service]), 2000.0)
        assert service.ticks == [0, 900.0, 1800.0]

    play(main)


def test_a_server_that_does_not_answer_ends_one_cycle_only() -> None:
    async def main(bench: Bench) -> None:
        service = Counting(bench, error=ShareUnreachable("LOGON1 does not answer"))
        await run_for(Executive(bench.site, [service]), 700.0)
        assert len(service.ticks) == 3
        assert any(
            "Cannot reach a server this cycle: LOGON1 does not answer" in line
            for line in bench.log("SCHEDULER")
        )

    play(main)


def test_a_bug_in_one_service_ends_the_executive_and_event_376_names_it() -> None:
    async def main(bench: Bench) -> None:
        executive = Executive(
            bench.site, [Counting(bench), Other(bench, error=ZeroDivisionError("a bug"))]
        )
        with pytest.raises(ExceptionGroup) as raised:
            await executive.run()
        assert isinstance(raised.value.exceptions[0], ZeroDivisionError)
        (event,) = await bench.administrator.events()
        assert (event.code, event.text) == (
            376,
            "SMS_DESPOOLER caused an exception. Shutting down the SMS Executive.",
        )

    play(main)


def test_a_paused_service_rests_and_goes_on_by_the_time_that_it_is_then() -> None:
    async def main(bench: Bench) -> None:
        service = Counting(bench)
        executive = Executive(bench.site, [service])
        task = asyncio.create_task(executive.run())
        await bench.site.clock.sleep(10.0)
        service.pause()
        assert service.is_paused
        await bench.site.clock.sleep(1000.0)
        assert service.ticks == [0]
        service.resume()
        await bench.site.clock.sleep(300.0)
        assert service.ticks == [0, 1010.0, 1200.0]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(main)


def test_a_service_can_be_restarted_alone() -> None:
    async def main(bench: Bench) -> None:
        first, second = Counting(bench), Other(bench)
        executive = Executive(bench.site, [first, second])
        task = asyncio.create_task(executive.run())
        await bench.site.clock.sleep(100.0)
        await executive.restart("SMS_DESPOOLER")
        await bench.site.clock.sleep(250.0)
        assert (first.starts, second.starts) == (1, 2)
        assert second.ticks == [1.0, 100.0]
        assert first.ticks == [0, 300.0]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(main)


def test_a_cycle_asked_for_waits_for_the_one_under_way() -> None:
    async def main(bench: Bench) -> None:
        service = Counting(bench, takes_s=50.0)
        await asyncio.gather(service.cycle_now(EPOCH), service.cycle_now(EPOCH + 1))
        assert bench.site.clock.now() == EPOCH + 100.0

    play(main)


def test_there_is_no_service_of_another_name() -> None:
    bench = Bench()
    with pytest.raises(KeyError):
        bench.server.executive.service("SMS_TELEPATHY")
    assert [s.component for s in bench.services][:3] == [
        "SMS_SCHEDULER",
        "SMS_LAN_SENDER",
        "SMS_DESPOOLER",
    ]


class Resting(Counting):
    """Finds nothing to do until what it watches has changed, or a time has come."""

    def __init__(self, bench: Bench, until: float = math.inf) -> None:
        super().__init__(bench)
        self.seen: object | None = "nothing yet"
        self.until = until

    def watched(self) -> Sequence[Watch]:
        return (lambda _until: self.seen,)

    async def cycle(self, tick: float) -> None:
        await super().cycle(tick)
        self.idle_until = EPOCH + self.until


def test_a_service_that_found_nothing_passes_over_its_cycles_until_something_changes() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench)
        executive = Executive(bench.site, [service])
        running = asyncio.create_task(run_for(executive, 3000.5))
        await bench.site.clock.sleep(1000.0)
        service.seen = "something"
        await running
        assert service.ticks == [0, 1200.0]
        assert service.cycle_count == 11

    play(main)


def test_a_service_rests_no_longer_than_until_its_time_comes() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench, until=1000.0)
        await run_for(Executive(bench.site, [service]), 1600.5)
        assert service.ticks == [0, 1200.0, 1500.0]

    play(main)


def test_a_service_does_not_rest_while_only_a_look_can_tell() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench)
        service.seen = None
        await run_for(Executive(bench.site, [service]), 600.5)
        assert service.ticks == [0, 300.0, 600.0]

    play(main)


def test_what_changes_while_a_cycle_is_at_work_is_looked_at_by_the_next() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench)
        service.takes_s = 10.0
        running = asyncio.create_task(run_for(Executive(bench.site, [service]), 900.5))
        await bench.site.clock.sleep(5.0)
        service.seen = "something"
        await running
        assert service.ticks == [0, 300.0]

    play(main)


def test_a_resting_service_that_is_paused_passes_over_nothing() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench)
        running = asyncio.create_task(run_for(Executive(bench.site, [service]), 3000.5))
        await bench.site.clock.sleep(100.0)
        service.pause()
        await bench.site.clock.sleep(1000.0)
        count = service.cycle_count
        service.resume()
        await running
        assert (count, service.ticks[:2]) == (1, [0, 1100.0])

    play(main)


def test_a_service_that_is_started_again_looks_first() -> None:
    async def main(bench: Bench) -> None:
        service = Resting(bench)
        executive = Executive(bench.site, [service])
        running = asyncio.create_task(run_for(executive, 1000.5))
        await bench.site.clock.sleep(700.0)
        await executive.restart(service.component)
        await running
        assert service.ticks == [0, 700.0]

    play(main)


class Thorough(Resting):
    """One whose every fifth cycle is done, and which may have an extra one."""

    component = "SMS_DESPOOLER"
    extra_after_s = math.inf

    def passes_max(self) -> float:
        return -self.cycle_count % 5

    def is_resting(self, tick: float) -> bool:
        return self.passes_max() > 0 and super().is_resting(tick)

    async def cycle(self, tick: float) -> None:
        await super().cycle(tick)
        self.wake_at, self.extra_after_s = tick + self.extra_after_s, math.inf


class AskedEachTime(Resting):
    """One that is asked at each of its cycles, as on a loop of real time."""

    def asked_at(self, deadline: float) -> float:
        return deadline


class ThoroughAskedEachTime(AskedEachTime, Thorough):
    pass


def _respond(executive: Executive, response: Response) -> None:
    executive.site.response = response
    for service in executive.services:
        service.look_again()


async def _do(deed: str, executive: Executive, service: Resting) -> None:
    if deed == "change":
        service.seen = object()
    elif deed == "change and back":
        before, service.seen = service.seen, "something"
        await executive.site.clock.sleep(1.0)
        service.seen = before
    elif deed == "only a look can tell":
        service.seen = None
    elif deed == "pause":
        service.pause()
    elif deed == "resume":
        service.resume()
    elif deed == "look again":
        service.look_again()
    elif deed == "slower":
        _respond(executive, Response.SLOW)
    elif deed == "faster":
        _respond(executive, Response.VERY_FAST)
    elif deed == "cycle":
        await service.cycle_now(executive.site.clock.now())
    elif deed == "restart":
        await executive.restart(service.component)
    elif deed == "extra cycle":
        assert isinstance(service, Thorough)
        service.extra_after_s = 100.0
        service.seen = object()


def _told(kinds: Sequence[type[Resting]], deeds: list[tuple[int, int, str]]) -> list[object]:
    """When two services had cycles, and how many they counted each time that something was done."""
    told: list[object] = []

    async def main(bench: Bench) -> None:
        services = [kinds[0](bench), kinds[1](bench, until=20_000.0)]
        executive = Executive(bench.site, services)
        running = asyncio.create_task(executive.run())
        for wait_s, number, deed in deeds:
            await bench.site.clock.sleep(wait_s)
            await _do(deed, executive, services[number])
            told.append([service.cycle_count for service in services])
        await bench.site.clock.sleep(40_000.5)
        told.extend([service.ticks, service.cycle_count] for service in services)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(main)
    return told


EITHER = (
    "change",
    "change and back",
    "only a look can tell",
    "pause",
    "resume",
    "look again",
    "slower",
    "faster",
    "cycle",
    "restart",
)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from([0, 1, 299, 300, 301, 3_000]), st.integers(0, 9_000)),
            st.just(0),
            st.sampled_from(EITHER),
        )
        | st.tuples(st.integers(0, 9_000), st.just(1), st.sampled_from([*EITHER, "extra cycle"])),
        max_size=12,
    )
)
def test_stretches_that_are_passed_over_as_a_whole_show_nowhere(
    deeds: list[tuple[int, int, str]],
) -> None:
    asked_each_time = _told([AskedEachTime, ThoroughAskedEachTime], deeds)
    assert _told([Resting, Thorough], deeds) == asked_each_time


def test_a_service_is_not_asked_at_each_of_the_cycles_that_it_passes_over() -> None:
    looks = 0

    class Watched(Resting):
        def watched(self) -> Sequence[Watch]:
            def look(_until: float) -> object:
                nonlocal looks
                looks += 1
                return None if self.seen is None else "as it was"

            return (look,)

    async def main(bench: Bench) -> None:
        service = Watched(bench)
        await run_for(Executive(bench.site, [service]), 1_000 * 300.0 + 0.5)
        assert service.cycle_count == 1_001
        assert looks < 10

    play(main)
