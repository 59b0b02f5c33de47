"""One client against real shares: polls, NOIDMIFs, holds, power. What runs and what is reported: the tests beside this."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from despoolr_client.pcm.behaviour import PcmBehaviour, PcmVariant
from despoolr_client.pcm.state import Folder
from despoolr_client.polling import PollResult, next_poll
from despoolr_client.programs import NoidmifToWrite, Program, Programs
from despoolr_client.windows import Windows
from despoolr_core.formats.job_mif import read_inventory_mif
from despoolr_core.formats.mif import build_attribute, build_group, build_mif, render
from despoolr_core.formats.sms_ini import SmsIni
from despoolr_core.share import ShareError
from despoolr_core.sharing import ShareMode
from unit.client.world import START, World, driven, offered, play, poll_and_run

HOUR = 3600.0


# -- the poll


def test_a_client_without_an_instruction_file_is_fine() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        assert await agent.poll_once() is PollResult.MISSING
        assert await agent.poll_once() is PollResult.MISSING
        assert "No instruction file." in world.log
        assert not [record for record in world.records if record.kind.startswith("pcm.") and record.kind != "pcm.polled"]

    play(main)


def test_an_unchanged_file_is_not_read_again() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0))
        agent = world.agent()
        results = [await agent.poll_once() for _ in range(3)]
        assert results == [PollResult.CHANGED, PollResult.UNCHANGED, PollResult.UNCHANGED]
        assert [fact["result"] for fact in world.facts("pcm.polled")] == ["changed", "unchanged", "unchanged"]
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
        assert world.facts("pcm.record")[-1] == {"request": "BPC0001", "package": "", "state": "cancelled"}
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


@pytest.mark.parametrize(("searches", "result"), [(False, PollResult.MISSING), (True, PollResult.CHANGED)])
def test_a_missing_file_is_looked_for_elsewhere_only_by_a_pcm_that_does_so(searches: bool, result: PollResult) -> None:
    """Q191293."""

    async def main() -> None:
        world = await World(PcmBehaviour(search_on_missing_file=searches)).set_up()
        await world.offer(offered(install_by_full=0), server="SRV2")
        assert await world.agent().poll_once() is result

    play(main)


@pytest.mark.parametrize(("faulty", "runs"), [(False, 1), (True, 0)])
def test_a_date_passes_unnoticed_in_an_unchanged_file_with_the_fault_of_q163488(faulty: bool, runs: int) -> None:
    async def main() -> None:
        world = await World(PcmBehaviour(countdown_s=0.0, skip_unchanged_instruction_file=faulty)).set_up()
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
        await world.offer(offered(install_by_full=0, expiration_full=1, expiration_date=START + HOUR))
        ahead, behind = world.agent("PC1"), world.agent("PC2")
        ahead.clock_offset_s = 2 * HOUR
        behind.clock_offset_s = -2 * HOUR
        await ahead.poll_once()
        await world.clock.sleep(2 * HOUR)
        await behind.poll_once()
        assert [report.machine for report in await world.reports()] == ["PC1"]
        assert behind.folder(Folder.PENDING) == ["BPC0001"]

    play(main)


def test_the_agents_run_polls_on_its_interval_from_a_seeded_start() -> None:
    async def main() -> None:
        world = await World().set_up()
        agents = [world.agent(f"PC{n}") for n in range(2)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(agent.run()) for agent in agents]
            await world.clock.sleep(3 * HOUR)
            for task in tasks:
                task.cancel()
        times = {actor: [r.at for r in world.records if r.actor == actor and r.kind == "pcm.polled"] for actor in ("PC0", "PC1")}
        assert [len(at) for at in times.values()] == [3, 3]
        assert times["PC0"][0] != times["PC1"][0]
        assert times["PC0"][1] - times["PC0"][0] == pytest.approx(HOUR, abs=0.002)

    play(main)


def test_a_late_poll_keeps_the_beat() -> None:
    assert next_poll(100, 100, 60) == 160
    assert next_poll(100, 159, 60) == 160
    assert next_poll(100, 160, 60) == 220
    assert next_poll(100, 400, 60) == 460


# -- NOIDMIFs


def noidmif(value: str) -> bytes:
    group = build_group("Package Status", 1, "ACME|PACKAGE STATUS|1.0", [build_attribute("Office", 1, value, size=16)])
    return render(build_mif("Workstation", [group]))


def test_a_noidmif_is_sent_when_it_changes_with_the_machines_identification() -> None:
    async def main() -> None:
        program = Program(noidmifs=(NoidmifToWrite("office.mif", noidmif("Complete")),))
        world = await World(programs=Programs(default=program)).set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == ["BPC00001.RAW"]
        box = world.service("SRV1", "SMS_SHR")
        inventory = read_inventory_mif(await box.read("INVENTRY.BOX/BPC00001.RAW"))
        assert (inventory.machine.sms_id, inventory.machine.name) == ("BPC00001", "PC1")
        assert inventory.groups["Package Status"] == {"Office": "Complete"}
        await box.delete("INVENTRY.BOX/BPC00001.RAW")
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == []
        agent.files.write_noidmif("OFFICE.MIF", noidmif("Failed"), world.clock.now())
        agent.files.write_noidmif("BAD.MIF", b"START COMPONENT", world.clock.now())
        agent.files.write_noidmif("SECOND.MIF", noidmif("Complete"), world.clock.now())
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == ["00001001.RAW", "BPC00001.RAW"]
        assert any(text.startswith("BAD.MIF is not sent: line ") for text in world.log)

    play(main)


def test_a_noidmif_is_sent_again_if_it_did_not_get_through() -> None:
    async def main() -> None:
        world = await World(servers=("SRV1",)).set_up()
        agent = world.agent()
        agent.files.write_noidmif("A.MIF", noidmif("Complete"), START)
        world.lose_answers.add("rename")
        await agent.poll_once()
        world.lose_answers.clear()
        await agent.poll_once()
        assert await world.names("INVENTRY.BOX") == ["BPC00001.RAW"]
        assert not agent.files.noidmifs_changed

    play(main)


# -- holds, power


def test_a_user_holds_a_file_until_it_is_released() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        hold = await agent.hold("srv1", "SMS_PKGD", "BPC00001\\DATA\\B.DAT", program="EXCEL.EXE")
        await agent.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await agent.poll_once()
        assert [program for _, program, _ in world.holders()] == ["EXCEL.EXE", "WINWORD.EXE"]
        assert await agent.release(hold) == 1
        assert await agent.release(path="bpc00001\\setup.exe") == 1
        assert world.holders() == []
        assert await agent.release() == 0

    play(main)


def test_a_hold_for_a_span_ends_by_itself() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        with pytest.raises(ValueError, match="drives the agent"):
            await agent.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", for_s=60)
        async with driven(agent):
            await agent.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", for_s=60)
            await world.clock.sleep(59)
            assert len(world.holders()) == 1
            await world.clock.sleep(2)
            assert world.holders() == []

    play(main)


def test_a_hold_that_is_refused_names_the_blocker() -> None:
    async def main() -> None:
        world = await World().set_up()
        first, second = world.agent("PC1"), world.agent("PC2", "BPC00002")
        await first.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", share_mode=ShareMode.NONE)
        with pytest.raises(ShareError) as refused:
            await second.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        assert refused.value.blockers[0].machine == "PC1"

    play(main)


def test_a_machine_without_power_closes_nothing_and_runs_its_package_again_later() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.hold("SRV2", "SMS_PKGD", "BPC00001/SETUP.EXE")
            await agent.poll_once()
            await world.clock.sleep(30)
            await agent.power_off()
            assert len(world.holders("SRV1")) == 2
            assert len(world.holders("SRV2")) == 1
            await world.clock.sleep(HOUR)
            assert await world.reports() == []
            with pytest.raises(ValueError, match="switched off"):
                await agent.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
            await agent.power_on()
            await world.clock.sleep(61)
            assert len(await world.reports()) == 1

    play(main)


def test_connections_end_when_nothing_is_open_on_them() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        await agent.poll_once()
        assert world.closed_count == 1
        hold = await agent.hold("SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await agent.poll_once()
        assert world.closed_count == 1
        await agent.release(hold)
        assert world.closed_count == 2
        assert world.hosts["SRV1"].session_count == 0

    play(main)


def test_a_lost_history_makes_a_mandatory_package_run_again() -> None:
    """Q229809."""

    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        agent.forget_history()
        await poll_and_run(agent)
        assert len(world.facts("pcm.run")) == 2
        assert len({report.report_id for report in await world.reports()}) == 2

    play(main)


def test_an_archived_command_moves_to_the_archive() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(install_by_full=0))
        agent = world.agent()
        await agent.poll_once()
        agent.archive("BPC0001")
        assert agent.folder(Folder.ARCHIVED) == ["BPC0001"]
        with pytest.raises(ValueError, match="to archive"):
            agent.archive("BPC0009")

    play(main)


def test_the_service_leaves_packages_to_the_desktop_and_says_so() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered().with_flags(background=True), offered("BPC0002"))
        desktop = world.agent()
        await poll_and_run(desktop)
        assert "Package (Request ID) BPC0001 is marked for service-only execution, skipping it." in world.log
        assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0002"]
        service = world.agent("PC2")
        service.settings = replace(world.settings, behaviour=PcmBehaviour(variant=PcmVariant.SERVICE))
        await poll_and_run(service)
        assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0002", "BPC0001"]

    play(main)


def test_sms_ini_says_where_a_client_gets_its_instructions_and_puts_its_results() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(), server="SRV2")
        files = Windows()
        files.sms_ini = (
            SmsIni()
            .with_value("Local", "CurrentLogonServer", "SRV2")
            .with_value("Package Command Manager", "ResultsSharePoint", r"\\SRV1\SMS_SHR\despoolr.box")
        )
        agent = world.agent(files=files)
        await poll_and_run(agent)
        assert (len(await world.reports("SRV1")), len(await world.reports("SRV2"))) == (1, 0)
        ini = agent.sms_ini
        assert (ini.sms_id, ini.current_logon_server, ini.servers) == ("BPC00001", "SRV2", ("SRV1", "SRV2"))
        assert ini.result_share_point == r"\\SRV1\SMS_SHR\despoolr.box"

    play(main)


def test_the_same_seed_gives_the_same_records() -> None:
    def run() -> list[object]:
        world: list[World] = []

        async def main() -> None:
            world.append(await World(PcmBehaviour(random_server_bug=True, arbitrary_mandatory_order=True)).set_up())
            await world[0].offer(*(offered(f"BPC000{n}", "SRV1", "SRV2") for n in range(6)))
            await poll_and_run(world[0].agent())

        play(main)
        return [*world[0].records]

    assert run() == run()
