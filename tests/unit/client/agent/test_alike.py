"""A client of a fleet asks its server at every poll, and does no more if it is answered alike."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.polling import PollResult
from despoolr_client.pcm.state import Folder
from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.share.contract import ShareUnreachable
from worlds.client import START, World, offered, play

HOUR = 3600.0


class Asking:
    """A client of a fleet: its instruction file is asked for past its connections."""

    def __init__(self) -> None:
        self.world = World()
        self.asked: list[str] = []
        self.connected_count = 0
        connect = self.world.settings.connect

        def counted(*who: str) -> Any:
            self.connected_count += 1
            return connect(*who)

        self.world.settings = replace(
            self.world.settings,
            log=None,
            records_idle_polls=False,
            connect=counted,
            read_if_changed=self.read,
        )
        self.agent = self.world.agent()
        self.silent: set[str] = set()

    async def read(
        self, server: str, machine: str, path: str, etag: str
    ) -> tuple[bytes, str] | None:
        assert machine == self.agent.machine
        self.asked.append(server)
        if server in self.silent:
            raise ShareUnreachable("no answer")
        return await self.world.service(server, "SMS_SHR").read_if_changed(path, etag)

    async def poll(self) -> PollResult:
        """Poll and let what is due run."""
        result = await self.agent.poll_once()
        await self.agent.drain()
        return result


def test_a_poll_that_is_answered_alike_makes_no_connection_and_asks_once() -> None:
    async def main() -> None:
        asking = Asking()
        await asking.world.set_up()
        assert [await asking.poll() for _ in range(3)] == [PollResult.MISSING] * 3
        await asking.world.offer(offered(install_by_full=0))
        results = [await asking.poll() for _ in range(3)]
        assert results == [PollResult.CHANGED, *[PollResult.UNCHANGED] * 2]
        assert asking.asked == ["SRV1"] * 6, "each answer is asked for once, a new file's as well"
        assert asking.connected_count == 0
        assert asking.agent.folder(Folder.PENDING) == ["BPC0001"]
        await asking.world.service("SRV1", "SMS_SHR").delete("PCMINS.BOX/BPC00001.INS")
        assert [await asking.poll() for _ in range(2)] == [PollResult.MISSING] * 2
        assert asking.agent.folder(Folder.PENDING) == []

    play(main)


def test_a_package_runs_at_its_time_though_its_file_has_not_changed() -> None:
    async def main() -> None:
        asking = Asking()
        world = await asking.world.set_up()
        await world.offer(offered(install_by_date=START + 3 * HOUR - 60))
        ran: list[int] = []
        for _ in range(5):
            await asking.poll()
            ran.append(len(world.facts(ProgramStarted.KIND)))
            await world.clock.sleep(HOUR)
        assert ran == [0, 0, 0, 1, 1]

    play(main)


@pytest.mark.parametrize("change", ["forget", "power", "clock"])
def test_what_changes_at_the_client_is_looked_at_whatever_the_server_answers(change: str) -> None:
    async def main() -> None:
        asking = Asking()
        world = await asking.world.set_up()
        await world.offer(offered(install_by_date=START + 9 * HOUR))
        for _ in range(2):
            await asking.poll()
        agent = asking.agent
        if change == "forget":
            agent.forget_history()
        elif change == "power":
            await agent.power_off()
            assert await agent.poll_once() is PollResult.OFF
            agent.is_on = True
        else:
            agent.turn_clock(10 * HOUR)
        result = await asking.poll()
        assert result is (PollResult.UNCHANGED if change == "clock" else PollResult.CHANGED)
        assert len(world.facts(ProgramStarted.KIND)) == (change == "clock")

    play(main)


def test_what_was_run_in_vain_while_a_poll_sent_its_reports_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        asking = Asking()
        world = await asking.world.set_up()
        await world.offer(offered())
        world.down |= {"open", "open_all"}
        send = PcmAgent.send

        async def slowly(agent: PcmAgent, *, is_poll: bool = False, **how: Any) -> None:
            if is_poll:
                await agent.drain()
            await send(agent, is_poll=is_poll, **how)

        monkeypatch.setattr(PcmAgent, "send", slowly)
        for _ in range(3):
            await asking.poll()
        assert world.facts(ProgramStarted.KIND) == [], "no server can be had"
        world.down.clear()
        await asking.poll()
        assert len(world.facts(ProgramStarted.KIND)) == 1

    play(main)


def test_a_report_that_was_not_sent_goes_with_the_next_poll() -> None:
    async def main() -> None:
        asking = Asking()
        world = await asking.world.set_up()
        await world.offer(offered())
        world.down.add("create_all")
        await asking.poll()
        world.down.clear()
        assert await asking.poll() is PollResult.UNCHANGED
        assert len(await world.reports()) == 1
        assert asking.agent.unsent_count == 0

    play(main)


def test_when_its_server_is_silent_a_client_asks_the_others_and_it_no_more() -> None:
    async def main() -> None:
        asking = Asking()
        world = await asking.world.set_up()
        for server in ("SRV1", "SRV2"):
            await world.offer(offered(install_by_full=0), server=server)
        for _ in range(2):
            await asking.poll()
        asking.asked.clear()
        asking.silent = {"SRV1"}
        assert await asking.poll() is PollResult.CHANGED
        assert asking.asked == ["SRV1", "SRV2"]
        asking.silent = {"SRV1", "SRV2"}
        assert await asking.poll() is PollResult.FAILED
        assert asking.asked[2:] == ["SRV2", "SRV1"]

    play(main)
