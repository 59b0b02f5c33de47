"""Many clients in one process: evenly spread polls, a bound on what is in flight, and a small
client.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import force_setattr

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.polling import File, PollResult, Told, Wanted
from despoolr_client.agent.user_holds import hold
from despoolr_client.fleet import IN_TURN_MAX, Fleet
from despoolr_client.pcm.state import Folder
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_client.transport.replies import SEVERAL_MAX
from despoolr_core.formats.sms_id import SmsId
from despoolr_core.share.contract import ShareError
from worlds.client import PACKAGE, START, World, offered, play

HOUR = 3600.0
IDLE_BYTES_MAX = {"nothing": 1024, "an optional package": 1088}
"""The goal is 4 KB; this is what we have, with room for another Python."""


def clients(world: World, count: int) -> list[PcmAgent]:
    return [
        world.agent(f"PC{n:05}", str(SmsId("BPC", n // 40_000, n % 40_000))) for n in range(count)
    ]


def test_polls_are_spread_evenly_and_stay_so() -> None:
    async def main() -> None:
        world = await World().set_up()
        fleet = Fleet(world.clock, world.limiter)
        fleet.add_spread(clients(world, 60))
        await fleet.start()
        await world.clock.sleep(3 * HOUR - 1)
        await fleet.stop()
        polls = [r for r in world.records if r.kind == "pcm.polled"]
        assert (len(polls), fleet.counts.polls) == (180, 180)
        assert set(Counter(int((r.at - START) // 60) for r in polls).values()) == {1}
        assert fleet.counts.late_count == 0

    play(main)


def test_no_more_clients_talk_at_one_time_than_the_gate_lets_through() -> None:
    async def main() -> None:
        world = await World().set_up()
        inside = most = 0

        class SlowShare:
            async def read_if_changed(self, path: str, etag: str) -> Any:
                nonlocal inside, most
                inside += 1
                most = max(most, inside)
                await world.clock.sleep(10)
                inside -= 1
                return await world.service("SRV1", "SMS_SHR").read_if_changed(path, etag)

        class SlowServer:
            def share(self, name: str) -> Any:
                return SlowShare()

            async def close(self) -> None: ...
            def abandon(self) -> None: ...

        limiter = PriorityLimiter(4)
        force_setattr(world.settings, "connect", lambda server, machine, user: SlowServer())
        force_setattr(world.settings, "limiter", limiter)
        fleet = Fleet(world.clock, limiter)
        for agent in clients(world, 20):
            fleet.add(agent)
        await fleet.start()
        await world.clock.sleep(100)
        await fleet.stop()
        assert (most, fleet.counts.polls) == (4, 20)
        assert fleet.counts.late_count == 16
        assert fleet.counts.late_s_max == 40

    play(main)


def test_who_polls_one_after_the_other_in_a_place_gives_it_to_whoever_waits() -> None:
    async def main() -> None:
        world = await World().set_up()
        waited_for: list[int] = []

        async def read(server: str, machine: str, path: str, etag: str) -> tuple[bytes, str] | None:
            await world.clock.sleep(10)
            return None if etag else (b"", '"1"')

        limiter = PriorityLimiter(1)
        for name, value in (("read_if_changed", read), ("limiter", limiter)):
            force_setattr(world.settings, name, value)
        fleet = Fleet(world.clock, limiter)
        for agent in clients(world, 2 * IN_TURN_MAX):
            fleet.add(agent)
        await fleet.start()
        for after in (1, 45, IN_TURN_MAX * 10):
            await world.clock.sleep(after)
            async with limiter.ends:
                waited_for.append(fleet.counts.polls)
        await world.clock.sleep(HOUR / 2)
        assert waited_for == [1, 6, 6 + IN_TURN_MAX]
        assert fleet.counts.polls == 2 * IN_TURN_MAX, "each had its turn"
        await fleet.stop()

    play(main)


class Together:
    """How clients ask together: each question goes to the share as it would alone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, list[str]]] = []
        self.answered_max = SEVERAL_MAX
        self.may = True
        self.alone_s = 0.0
        for name, value in (
            ("read_if_changed", self.read),
            ("asks_several", self),
            ("records_idle_polls", False),
            ("log", None),
        ):
            force_setattr(world.settings, name, value)

    async def read(self, server: str, machine: str, path: str, etag: str) -> File | None:
        self.asked.append((server, [machine]))
        await self.world.clock.sleep(self.alone_s)
        return await self.world.service(server, "SMS_SHR").read_if_changed(path, etag)

    def may_ask(self, server: str) -> bool:
        return self.may

    async def ask(self, server: str, wanted: Sequence[Wanted]) -> list[Told | None]:
        self.asked.append((server, [machine for machine, _, _ in wanted]))
        share, told = self.world.service(server, "SMS_SHR"), list[Told | None]()
        for _, path, etag in wanted[: self.answered_max]:
            try:
                told.append(await share.read_if_changed(path, etag))
            except ShareError as error:
                told.append(error)
        return told

    def sizes(self) -> list[int]:
        """How many asked at a time, since this was asked last."""
        sizes = [len(machines) for _, machines in self.asked]
        self.asked.clear()
        return sizes


def test_who_is_due_together_asks_together_as_each_would_alone() -> None:
    async def main() -> None:
        world = await World().set_up()
        together = Together(world)
        agents = clients(world, SEVERAL_MAX + 4)
        for agent in agents[:2]:
            agent.logon_server = "SRV2"
        fleet = Fleet(world.clock, world.limiter, tick_s=0.5)
        for number, agent in enumerate(agents):
            fleet.add(agent, number * 0.01)
        await fleet.start()
        await world.clock.sleep(60)
        assert together.sizes() == [1] * len(agents), "the first poll is everybody's own"
        await world.clock.sleep(HOUR)
        assert together.asked[0] == ("SRV2", ["PC00000", "PC00001"])
        assert sorted(together.sizes()) == [2, 4, SEVERAL_MAX - 2]
        await world.offer(offered(), sms_id=agents[3].sms_id)
        await agents[5].power_off()
        await world.clock.sleep(HOUR)
        assert sorted(together.sizes()) == [2, 3, SEVERAL_MAX - 2], "PC00005 asks nobody"
        assert (fleet.counts.changed, fleet.counts.failed) == (1, 0)
        assert fleet.counts.polls == 3 * len(agents)
        assert sum(fleet.counts.poll_s_classes) == fleet.counts.polls
        await world.clock.sleep(HOUR / 2)
        assert agents[3].folder(Folder.EXECUTED) == ["BPC0001"]
        assert len(await world.reports()) == 1
        await fleet.stop()

    play(main)


def test_a_slow_server_holds_up_no_clients_of_another_that_were_due_with_its_own() -> None:
    async def main() -> None:
        world = await World().set_up()

        class OneIsSlow(Together):
            async def ask(self, server: str, wanted: Sequence[Wanted]) -> list[Told | None]:
                await world.clock.sleep(9 if server == "SRV2" else 0)
                return await super().ask(server, wanted)

        together = OneIsSlow(world)
        agents = clients(world, 4)
        for agent in agents[:2]:
            agent.logon_server = "SRV2"
        fleet = Fleet(world.clock, world.limiter)
        for agent in agents:
            fleet.add(agent)
        await fleet.start()
        await world.clock.sleep(HOUR - 1)
        together.asked.clear()
        await world.clock.sleep(2)
        assert (together.asked, fleet.counts.polls) == ([("SRV1", ["PC00002", "PC00003"])], 6)
        await world.clock.sleep(10)
        assert (together.sizes(), fleet.counts.polls) == ([2, 2], 8)
        await fleet.stop()

    play(main)


def test_for_whom_another_server_has_news_goes_on_in_a_place_of_his_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        world = await World().set_up()
        limiter = PriorityLimiter(1)
        force_setattr(world.settings, "limiter", limiter)
        Together(world)
        agents = clients(world, 6)
        for number, agent in enumerate(agents):
            agent.logon_server = f"SRV{1 + number % 2}"
        fleet = Fleet(world.clock, limiter)
        for agent in agents:
            fleet.add(agent)
        await fleet.start()
        await world.clock.sleep(60)
        for agent in agents:
            for server in ("SRV1", "SRV2"):
                await world.offer(offered(), sms_id=agent.sms_id, server=server)
        inside = most = 0
        poll = PcmAgent.poll

        async def slow_poll(agent: PcmAgent, told: Told | None = None) -> PollResult:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await world.clock.sleep(1)
            inside -= 1
            return await poll(agent, told)

        monkeypatch.setattr(PcmAgent, "poll", slow_poll)
        await world.clock.sleep(HOUR)
        assert (most, fleet.counts.polls, fleet.counts.changed) == (1, 12, 6)
        await fleet.stop()

    play(main)


def test_who_was_not_answered_among_others_asks_alone() -> None:
    async def main() -> None:
        world = await World().set_up()
        together = Together(world)
        fleet = Fleet(world.clock, world.limiter)
        for agent in clients(world, 5):
            fleet.add(agent)
        await fleet.start()
        await world.clock.sleep(60)
        together.asked.clear()
        together.answered_max = 2
        await world.clock.sleep(HOUR)
        assert together.sizes() == [5, 1, 1, 1]
        together.may = False
        await world.clock.sleep(HOUR)
        assert together.sizes() == [1] * 5
        assert (fleet.counts.polls, fleet.counts.failed) == (15, 0)
        await fleet.stop()

    play(main)


def test_who_waits_alone_for_a_server_holds_up_nobody_who_asked_with_him() -> None:
    async def main() -> None:
        world = await World().set_up()
        together = Together(world)
        fleet = Fleet(world.clock, world.limiter)
        agents = clients(world, 5)
        for agent in agents:
            fleet.add(agent)
        await fleet.start()
        await world.clock.sleep(60)
        together.answered_max, together.alone_s = 2, 60.0
        await world.offer(offered(), sms_id=agents[0].sms_id)
        await world.clock.sleep(HOUR - 50)
        assert fleet.counts.polls == 5 + 2
        await world.clock.sleep(60)
        assert fleet.counts.polls == 5 + 5, "three wait for a minute, at one time"
        await fleet.stop()

    play(main)


def test_packages_run_in_the_fleets_own_task_group_and_holds_end_with_it() -> None:
    async def main() -> None:
        world = await World().set_up()
        agents = clients(world, 10)
        for agent in agents:
            await world.offer(offered(), sms_id=agent.sms_id)
        fleet = Fleet(world.clock, world.limiter)
        fleet.add_spread(agents)
        await fleet.start()
        await world.clock.sleep(1)
        await hold(agents[5], "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await world.clock.sleep(HOUR + 61)
        assert len(await world.reports()) == 10
        assert [agent.folder(Folder.EXECUTED) for agent in agents] == [["BPC0001"]] * 10
        assert len(world.holders()) == 1
        await fleet.stop()
        assert world.holders() == []

    play(main)


def test_a_client_that_joins_later_and_is_due_earlier_does_not_wait_for_the_others() -> None:
    async def main() -> None:
        world = await World().set_up()
        fleet = Fleet(world.clock, world.limiter)
        await fleet.start()
        await world.clock.sleep(10)
        first, second = clients(world, 2)
        fleet.add(first, 1000)
        await world.clock.sleep(10)
        fleet.add(second, 100)
        await world.clock.sleep(101)
        assert [r.actor for r in world.records if r.kind == "pcm.polled"] == ["PC00001"]
        await fleet.stop()

    play(main)


def test_a_halted_fleet_holds_nothing_does_nothing_and_goes_on_where_it_was() -> None:
    async def main() -> None:
        world = await World().set_up()
        fleet = Fleet(world.clock, world.limiter)
        agents = clients(world, 4)
        agents[1].logon_server = "SRV2"
        fleet.add_spread(agents)
        await fleet.start()
        await world.clock.sleep(HOUR)
        for agent in agents[:2]:
            await hold(agent, "SRV1", "SMS_PKGD", f"{PACKAGE}/SETUP.EXE")
        assert len(world.holders()) == 2
        assert await fleet.halt(10.0) == 0
        assert world.holders() == []
        polls = fleet.counts.polls
        await world.clock.sleep(HOUR / 2)
        assert fleet.counts.polls == polls
        await fleet.start()
        await world.clock.sleep(HOUR)
        assert (
            fleet.counts.polls >= polls + 4
            and agents[1].logon_server == "SRV2"
            and all(agent.is_on for agent in agents)
        )
        await fleet.stop()

    play(main)


def test_a_client_that_cannot_let_go_in_time_falls_silent_and_holds_up_nobody() -> None:
    async def main() -> None:
        world = await World().set_up()
        fleet = Fleet(world.clock, world.limiter)
        agents = clients(world, 2)

        class Hung:
            async def close(self) -> None:
                await world.clock.sleep(HOUR)

        fleet.add_spread(agents)
        await fleet.start()
        await world.clock.sleep(1)
        for agent in agents:
            await hold(agent, "SRV1", "SMS_PKGD", f"{PACKAGE}/SETUP.EXE")
        agents[0].connections.holds[0].opened = Hung()  # type: ignore[assignment]
        began = world.clock.now()
        assert await fleet.halt(10.0) == 1
        assert world.clock.now() - began <= 10.0 and not agents[0].is_connected
        assert [machine for machine, *_ in world.holders()] == ["PC00000"], (
            "its server's lease ends that"
        )

    play(main)


def test_a_fault_of_ours_stops_the_fleet_and_is_told() -> None:
    async def main() -> None:
        world = await World().set_up()
        force_setattr(world.settings, "connect", lambda *_: 1 / 0)
        fleet = Fleet(world.clock, world.limiter)
        fleet.add_spread(clients(world, 2))
        await fleet.start()
        await world.clock.sleep(1)
        with pytest.raises(ExceptionGroup):
            await fleet.stop()

    play(main)


def test_starting_twice_is_a_mistake_and_stopping_twice_is_not() -> None:
    async def main() -> None:
        world = await World().set_up()
        fleet = Fleet(world.clock, world.limiter)
        await fleet.start()
        with pytest.raises(RuntimeError, match="runs already"):
            await fleet.start()
        await fleet.stop()
        await fleet.stop()

    play(main)


@pytest.mark.slow
@pytest.mark.parametrize("offer", IDLE_BYTES_MAX)
def test_an_idle_client_costs_little(offer: str) -> None:
    """What a client has allocated after it polled."""
    costs: list[float] = []

    async def main() -> None:
        world = await World(records_idle_polls=False).set_up()
        force_setattr(world.settings, "log", None)
        count = 500
        if offer != "nothing":
            for agent in clients(world, count):
                await world.offer(offered(install_by_full=0), sms_id=agent.sms_id)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        fleet = Fleet(world.clock, world.limiter)
        for agent in clients(world, count):
            fleet.add(agent, 1.0)
        await fleet.start()
        await world.clock.sleep(HOUR / 2)
        world.records.clear()
        world.calls.clear()
        gc.collect()
        costs.append((tracemalloc.get_traced_memory()[0] - before) / count)
        tracemalloc.stop()
        assert fleet.counts.polls == count
        await fleet.stop()

    play(main)
    print(f"bytes for each idle client with {offer} on offer: {costs[0]:.0f}")
    assert costs[0] < IDLE_BYTES_MAX[offer]
