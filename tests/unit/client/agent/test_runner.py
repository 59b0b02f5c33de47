"""Packages that run on a client: when, from which server, with which files open, and how it
went.
"""

from __future__ import annotations

import asyncio

import pytest

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.machine.programs import ClientProgram, FileUse, Programs
from despoolr_client.agent.machine.windows import Windows
from despoolr_client.agent.polling import PollResult
from despoolr_client.agent.user_holds import hold
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.state import Folder
from despoolr_core.formats.instructions.instruction import Result
from despoolr_core.formats.sms_ini import parse_sms_ini
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import Access, ShareMode
from worlds.client import START, World, driven, offered, play, poll_and_run

HOUR = 3600.0


# -- running


def test_a_mandatory_package_runs_reports_and_stays_in_executed_commands() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        assert agent.folder(Folder.EXECUTED) == ["BPC0001"]
        [report] = await world.reports()
        assert (report.result, report.machine, report.sms_id, report.job_id, report.mif_file) == (
            Result.SUCCESS,
            "PC1",
            "BPC00001",
            "BPC0000A",
            "",
        )
        assert report.finished_at == START + 60
        await poll_and_run(agent)
        assert len(world.facts("pcm.run")) == 1
        assert [fact["state"] for fact in world.facts("pcm.record")] == ["New", "Executed"]
        assert world.facts("pcm.reported")[0]["report"] == report.report_id

    play(main)


def test_the_program_holds_its_files_while_it_runs_and_not_after() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.poll_once()
            await world.clock.sleep(30)
            assert world.holders() == [
                ("PC1", "SETUP.EXE", f"BPC00001/{name}") for name in ("SETUP.EXE", "DATA/B.DAT")
            ]
            with pytest.raises(ShareError) as refused:
                await world.service("SRV1", "SMS_PKGD").write("BPC00001/DATA/B.DAT", b"new")
            assert refused.value.win32 == 32
            assert refused.value.blockers[0].machine == "PC1"
            await world.clock.sleep(31)
            assert world.holders() == []
            await world.service("SRV1", "SMS_PKGD").write("BPC00001/DATA/B.DAT", b"new")

    play(main)


@pytest.mark.parametrize(("faulty", "left"), [(True, 2), (False, 0)])
def test_files_an_application_leaves_open_stay_open_with_the_fault_of_q163597(
    faulty: bool, left: int
) -> None:
    async def main() -> None:
        behaviour = PcmBehaviour(countdown_s=0.0, leaks_open_files=faulty)
        world = await World(
            behaviour, programs=Programs(default=ClientProgram(leaks_handles=True))
        ).set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        assert len(world.holders()) == left
        await agent.close()
        assert world.holders() == []

    play(main)


def test_a_program_that_has_ended_gives_its_files_back_before_others_poll_or_start() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        await world.offer(offered(), sms_id="BPC00002")
        first, second, *others = (world.agent(f"PC{n}", f"BPC0000{n}") for n in (1, 2, 3, 4, 5))
        limiter = world.settings.limiter
        async with driven(first), driven(second), asyncio.TaskGroup() as group:
            await first.poll_once()
            await world.clock.sleep(10)
            for _ in range(limiter.in_flight_max):
                await limiter.polls.acquire()
            for agent in (second, *others):
                group.create_task(_poll(agent))
            await world.clock.sleep(100)
            assert [held[0] for held in world.holders()] == ["PC1"] * 2, (
                "it has ended, and waits for a place"
            )
            limiter.polls.release()
            await world.clock.sleep(1)
            told = [
                (r.actor, r.kind)
                for r in world.records
                if r.kind in ("pcm.polled", "pcm.run", "pcm.reported")
            ][2:]
            for _ in range(limiter.in_flight_max - 1):
                limiter.polls.release()
            assert told == [
                ("PC1", "pcm.reported"),
                ("PC2", "pcm.polled"),
                ("PC3", "pcm.polled"),
                ("PC2", "pcm.run"),
                ("PC4", "pcm.polled"),
                ("PC5", "pcm.polled"),
            ]
            assert [held[0] for held in world.holders()] == ["PC2"] * 2

    play(main)


async def _poll(agent: PcmAgent) -> None:
    await agent.poll_once()


def test_a_desktop_counts_down_five_minutes_before_a_mandatory_package() -> None:
    async def main() -> None:
        world = await World(PcmBehaviour()).set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        assert next(r.at for r in world.records if r.kind == "pcm.run") == START + 300
        other = world.agent("PC2", "BPC00002", files=Windows())
        other.files.sms_ini = parse_sms_ini("[Local]\nDisablePCMCountdown=TRUE")
        await world.offer(offered(), sms_id="BPC00002")
        before = world.clock.now()
        await poll_and_run(other)
        assert [r.at for r in world.records if r.kind == "pcm.run"][1] == before

    play(main)


def test_a_package_that_is_cancelled_during_the_countdown_does_not_run() -> None:
    async def main() -> None:
        world = await World(PcmBehaviour()).set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.poll_once()
            await world.clock.sleep(100)
            await world.offer()
            await agent.poll_once()
            await world.clock.sleep(300)
            assert world.facts("pcm.run") == []
            assert not agent.is_running

    play(main)


def test_pcm_polls_on_while_a_package_runs_and_starts_nothing_else() -> None:
    """Q214448."""

    async def main() -> None:
        programs = Programs(default=ClientProgram(duration_s=10 * HOUR))
        world = await World(programs=programs).set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.poll_once()
            await world.clock.sleep(HOUR)
            await world.offer(offered(), offered("BPC0002"))
            assert await agent.poll_once() is PollResult.CHANGED
            await world.clock.sleep(HOUR)
            assert await agent.poll_once() is PollResult.UNCHANGED
            assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0001"]
            await world.clock.sleep(20 * HOUR)
            assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0001", "BPC0002"]

    play(main)


def test_an_optional_package_runs_when_the_user_says_so() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0, display_date=START + HOUR))
        agent = world.agent()
        await poll_and_run(agent)
        with pytest.raises(ValueError, match="no package BPC0001 to run"):
            agent.execute("BPC0001")
        await world.clock.sleep(HOUR)
        await poll_and_run(agent)
        assert world.facts("pcm.run") == []
        agent.execute("BPC0001")
        await agent.drain()
        assert len(world.facts("pcm.run")) == 1
        assert len(await world.reports()) == 1

    play(main)


@pytest.mark.parametrize(
    ("program", "result", "description"),
    [
        (ClientProgram(exit_code=3), Result.FAILED, "The program ended with error 3."),
        (ClientProgram(launch_error=20), Result.FAILED, "The program ended with error 20."),
        (
            ClientProgram(files=(FileUse("nowhere.dat"),)),
            Result.FAILED,
            "The program ended with error 2.",
        ),
        (ClientProgram(files=()), Result.SUCCESS, ""),
    ],
)
def test_the_process_says_how_it_went_when_there_is_no_mif(
    program: ClientProgram, result: Result, description: str
) -> None:
    async def main() -> None:
        world = await World(programs=Programs(default=program)).set_up()
        await world.offer(offered())
        await poll_and_run(world.agent())
        [report] = await world.reports()
        assert (report.result, report.description) == (result, description)
        assert world.holders() == []

    play(main)


def test_a_program_that_may_not_open_its_file_fails_with_win32_32() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        blocker = await world.service("SRV1", "SMS_PKGD").open(
            "BPC00001/DATA/B.DAT", Access.WRITE, ShareMode.NONE
        )
        await poll_and_run(world.agent())
        assert "Execution error #32 detected." in world.log
        assert [row[0] for row in world.holders()] == ["SRV1"], (
            "what it had opened before is closed again"
        )
        await blocker.close()

    play(main)


# -- servers


def test_the_package_comes_from_the_next_server_when_one_is_silent() -> None:
    async def main() -> None:
        world = await World(servers=("SRV1", "SRV2", "SRV3")).set_up()
        await world.offer(offered("BPC0001", "SRV2", "SRV3"))
        world.down.add("SRV2")
        await world.package("SRV1", {})
        agent = world.agent()
        await world.service("SRV1", "SMS_PKGD").delete("BPC00001/DATA/B.DAT")
        await world.service("SRV1", "SMS_PKGD").delete("BPC00001/DATA")
        await world.service("SRV1", "SMS_PKGD").delete("BPC00001/SETUP.EXE")
        await world.service("SRV1", "SMS_PKGD").delete("BPC00001")
        await poll_and_run(agent)
        [run] = world.facts("pcm.run")
        assert (run["server"], run["step"]) == ("SRV3", "random")

    play(main)


def test_a_package_that_no_server_has_stays_pending_and_is_tried_again() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered("BPC0001", "SRV2"))
        world.down.add("SRV2")
        await world.service("SRV1", "SMS_PKGD").rename("BPC00001", "ELSEWHERE")
        agent = world.agent()
        await poll_and_run(agent)
        assert r"Unable to connect to \\SRV2\SMS_PKGD\BPC00001" in world.log
        assert (agent.folder(Folder.PENDING), await world.reports()) == (["BPC0001"], [])
        world.down.clear()
        await poll_and_run(agent)
        assert agent.folder(Folder.EXECUTED) == ["BPC0001"]

    play(main)


def test_a_held_file_makes_its_server_a_connected_drive() -> None:
    async def main() -> None:
        world = await World(servers=("SRV1", "SRV2", "SRV3")).set_up()
        await world.offer(offered("BPC0001", "SRV2", "SRV3"))
        agent = world.agent()
        await hold(agent, "SRV3", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await poll_and_run(agent)
        assert world.facts("pcm.run")[0]["step"] == "connected drive"
        assert world.facts("pcm.run")[0]["server"] == "SRV3"

    play(main)


async def _until_it_waits_to_end(world: World, agent: PcmAgent) -> None:
    """A program of the agent has ended, and no place is free for its report."""
    await agent.poll_once()
    await world.clock.sleep(10)
    for _ in range(world.limiter.in_flight_max):
        await world.limiter.polls.acquire()
    await world.clock.sleep(100)
    assert (len(world.holders()), agent.unsent_count) == (2, 1)


def test_whoever_sends_a_report_gives_the_programs_files_back_before_it() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await _until_it_waits_to_end(world, agent)
            await agent.poll()  # one that has its place already
            told = [
                r.kind
                for r in world.records
                if r.kind in ("open.closed", "file.written", "pcm.reported")
            ][-4:]
            assert told == ["open.closed", "open.closed", "file.written", "pcm.reported"]
            for _ in range(world.limiter.in_flight_max):
                world.limiter.polls.release()
            await agent.drain()
        assert (world.holders(), len(await world.reports())) == ([], 1)

    play(main)


def test_a_machine_that_lost_its_power_reports_later_and_gives_nothing_back_with_it() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await _until_it_waits_to_end(world, agent)
            await agent.power_off()
            for _ in range(world.limiter.in_flight_max):
                world.limiter.polls.release()
            await agent.power_on()
            await agent.drain()
            assert (len(world.holders()), len(await world.reports())) == (2, 1), (
                "what was open is the lease's to end"
            )
        assert all(world.limiter.acquire_nowait() for _ in range(world.limiter.in_flight_max)), (
            "every place was given back"
        )

    play(main)
