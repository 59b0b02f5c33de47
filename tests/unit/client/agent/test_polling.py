"""Polls against real shares: what is found, on which logon server, and what a poll must not
lose.
"""

from __future__ import annotations

import pytest

from despoolr_client.agent.polling import PollResult, next_poll
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.state import Folder
from worlds.client import START, World, offered, play, poll_and_run

HOUR = 3600.0


def test_a_client_without_an_instruction_file_is_fine() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        assert await agent.poll_once() is PollResult.MISSING
        assert await agent.poll_once() is PollResult.MISSING
        assert "No instruction file." in world.log
        assert not [
            record
            for record in world.records
            if record.kind.startswith("pcm.") and record.kind != "pcm.polled"
        ]

    play(main)


def test_an_unchanged_file_is_not_read_again() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0))
        agent = world.agent()
        results = [await agent.poll_once() for _ in range(3)]
        assert results == [PollResult.CHANGED, PollResult.UNCHANGED, PollResult.UNCHANGED]
        assert [fact["result"] for fact in world.facts("pcm.polled")] == [
            "changed",
            "unchanged",
            "unchanged",
        ]
        assert [fact["state"] for fact in world.facts("pcm.record")] == ["New"]

    play(main)


def test_a_broken_instruction_file_fails_the_poll_and_loses_nothing() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0))
        agent = world.agent()
        await agent.poll_once()
        await world.service("SRV1", "SMS_SHR").write("PCMINS.BOX/BPC00001.INS", b"half a fi")
        assert await agent.poll_once() is PollResult.FAILED
        assert "BPC00001.INS: line 1" in world.facts("pcm.polled")[-1]["reason"]
        assert agent.folder(Folder.PENDING) == ["BPC0001"]
        await world.offer(offered(install_by_full=0), offered("BPC0002", install_by_full=0))
        assert await agent.poll_once() is PollResult.CHANGED
        assert agent.folder(Folder.PENDING) == ["BPC0001", "BPC0002"]

    play(main)


def test_a_file_that_vanishes_cancels_its_packages() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0))
        agent = world.agent()
        await agent.poll_once()
        await world.service("SRV1", "SMS_SHR").delete("PCMINS.BOX/BPC00001.INS")
        assert await agent.poll_once() is PollResult.MISSING
        assert world.facts("pcm.record")[-1] == {
            "request": "BPC0001",
            "package": "",
            "state": "cancelled",
        }
        assert agent.folder(Folder.PENDING) == []

    play(main)


def test_a_silent_logon_server_is_replaced_by_the_next() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0), server="SRV2")
        world.down.add("SRV1")
        agent = world.agent()
        assert await agent.poll_once() is PollResult.CHANGED
        assert agent.logon_server == "SRV2"
        world.down.add("SRV2")
        assert await agent.poll_once() is PollResult.FAILED
        assert "Failed to connect to SMS Logon Server." in world.log

    play(main)


@pytest.mark.parametrize(
    ("searches", "result"), [(False, PollResult.MISSING), (True, PollResult.CHANGED)]
)
def test_a_missing_file_is_looked_for_elsewhere_only_by_a_pcm_that_does_so(
    searches: bool, result: PollResult
) -> None:
    """Q191293."""

    async def main() -> None:
        world = await World(PcmBehaviour(search_on_missing_file=searches)).set_up()
        await world.offer(offered(install_by_full=0), server="SRV2")
        assert await world.agent().poll_once() is result

    play(main)


@pytest.mark.parametrize(("faulty", "runs"), [(False, 1), (True, 0)])
def test_a_date_passes_unnoticed_in_an_unchanged_file_with_the_fault_of_q163488(
    faulty: bool, runs: int
) -> None:
    async def main() -> None:
        world = await World(
            PcmBehaviour(countdown_s=0.0, skip_unchanged_instruction_file=faulty)
        ).set_up()
        await world.offer(offered(install_by_date=START + HOUR))
        agent = world.agent()
        await poll_and_run(agent)
        await world.clock.sleep(2 * HOUR)
        await poll_and_run(agent)
        assert len(world.facts("pcm.run")) == runs
        await agent.power_off()
        await agent.power_on()
        await agent.drain()
        assert len(world.facts("pcm.run")) == 1, "at start-up every PCM reads its file"

    play(main)


def test_a_client_decides_by_its_own_wrong_clock() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(
            offered(install_by_full=0, expiration_full=1, expiration_date=START + HOUR)
        )
        ahead, behind = world.agent("PC1"), world.agent("PC2")
        ahead.clock_offset_s = 2 * HOUR
        behind.clock_offset_s = -2 * HOUR
        await ahead.poll_once()
        await world.clock.sleep(2 * HOUR)
        await behind.poll_once()
        assert [report.machine for report in await world.reports()] == ["PC1"]
        assert behind.folder(Folder.PENDING) == ["BPC0001"]

    play(main)


def test_a_late_poll_keeps_the_beat() -> None:
    assert next_poll(100, 100, 60) == 160
    assert next_poll(100, 159, 60) == 160
    assert next_poll(100, 160, 60) == 220
    assert next_poll(100, 400, 60) == 460
