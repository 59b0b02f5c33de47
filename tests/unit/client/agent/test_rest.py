"""A client whose poll would bring nothing need not ask, where somebody tells what is on its logon
server; and it asks as soon as anything may be otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.rest import REST_S_MAX
from despoolr_client.agent.settings import nobody_tells
from despoolr_client.fleet import Fleet
from despoolr_core.share.contract import Watch
from despoolr_core.share.modes import Access, ShareMode
from worlds.client import START, World, offered, play

HOUR = 3600.0
INS = "PCMINS.BOX/BPC00001.INS"


class Resting:
    """A fleet of one client, which is told of its instruction file."""

    def __init__(self, *, is_told: bool = True) -> None:
        self.world = World()
        told = replace(self.world.settings, log=None, records_idle_polls=False)
        self.world.settings = replace(told, watch=self.watch if is_told else nobody_tells)
        self.agent: PcmAgent = self.world.agent()
        self.fleet = Fleet(self.world.clock, self.world.limiter)
        self.fleet.add(self.agent)

    def watch(self, server: str, sms_id: str) -> Watch:
        path = f"PCMINS.BOX/{sms_id}.INS"
        return self.world.hosts[server].watch("SMS_SHR", ["PCMINS.BOX"], [path])

    async def begin(self) -> None:
        await self.world.set_up()
        await self.fleet.start()

    async def asked_in(self, seconds: float) -> int:
        """How often the client asks for its instruction file meanwhile."""
        before = len(self.world.calls)
        await self.world.clock.sleep(seconds)
        return sum(call == "read_if_changed" for _, call, _ in self.world.calls[before:])


def test_a_client_does_not_ask_for_what_would_be_answered_alike_but_once_a_day() -> None:
    async def main() -> None:
        resting = Resting()
        await resting.begin()
        assert await resting.asked_in(REST_S_MAX - 1) == 1
        assert await resting.asked_in(REST_S_MAX) == 1
        assert resting.fleet.counts.polls == 48
        await resting.fleet.stop()

    play(main)


def test_where_nobody_tells_a_client_asks_each_time() -> None:
    async def main() -> None:
        resting = Resting(is_told=False)
        await resting.begin()
        assert await resting.asked_in(5 * HOUR - 1) == 5
        await resting.fleet.stop()

    play(main)


def test_a_client_whose_idle_polls_are_on_record_asks_each_time() -> None:
    async def main() -> None:
        resting = Resting()
        resting.agent.settings = replace(resting.agent.settings, records_idle_polls=True)
        await resting.begin()
        assert await resting.asked_in(5 * HOUR - 1) == 5
        await resting.fleet.stop()

    play(main)


async def offer(resting: Resting) -> None:
    await resting.world.offer(offered())


async def hold(resting: Resting) -> None:
    await resting.world.service("SRV1", "SMS_SHR").open(INS, Access.READ, ShareMode.NONE)


async def write_to_another(resting: Resting) -> None:
    await resting.world.offer(offered(), sms_id="BPC00002")


async def forget(resting: Resting) -> None:
    resting.agent.forget_history()


async def set_the_clock(resting: Resting) -> None:
    resting.agent.clock_offset_s = 2 * REST_S_MAX


async def set_the_clock_back(resting: Resting) -> None:
    resting.agent.clock_offset_s = -REST_S_MAX


@pytest.mark.parametrize(
    "change", [offer, hold, write_to_another, forget, set_the_clock, set_the_clock_back]
)
def test_a_client_asks_at_its_next_poll_when_something_may_be_otherwise(
    change: Callable[[Resting], Awaitable[None]],
) -> None:
    async def main() -> None:
        resting = Resting()
        await resting.world.set_up()
        await resting.world.offer(offered(install_by_full=0))
        await resting.fleet.start()
        await resting.world.clock.sleep(3 * HOUR + 1)
        await change(resting)
        assert await resting.asked_in(HOUR) == 1
        await resting.fleet.stop()

    play(main)


@pytest.mark.parametrize("what", ["display_date", "install_by_date", "expiration_date"])
def test_a_client_asks_when_a_date_of_a_record_that_it_has_comes(what: str) -> None:
    async def main() -> None:
        resting = Resting()
        await resting.world.set_up()
        fields: dict[str, Any] = {"install_by_full": 0, what: START + 9 * HOUR + 60}
        if what == "expiration_date":
            fields["expiration_full"] = 1
        await resting.world.offer(offered(**fields))
        await resting.fleet.start()
        assert await resting.asked_in(9 * HOUR + 1) == 2
        assert await resting.asked_in(HOUR) == 1
        await resting.fleet.stop()

    play(main)


def test_a_mandatory_package_runs_at_its_time_though_its_client_rested() -> None:
    async def main() -> None:
        resting = Resting()
        await resting.world.set_up()
        await resting.world.offer(offered(install_by_date=START + 9 * HOUR + 60))
        await resting.fleet.start()
        await resting.world.clock.sleep(9 * HOUR + 1)
        assert await resting.world.reports() == []
        await resting.world.clock.sleep(HOUR + 120)
        assert len(await resting.world.reports()) == 1
        await resting.fleet.stop()

    play(main)
