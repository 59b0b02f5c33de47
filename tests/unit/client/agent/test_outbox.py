"""Reports that do not get through at once: nothing is lost, nothing is doubled, no name is used
twice.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from despoolr_client.agent.machine.programs import ClientProgram, MifToWrite, Programs
from despoolr_client.agent.outbox import Report
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_core.formats.instructions.instruction import Result, WireRemove, parse_instruction
from despoolr_core.formats.reports.status_mif import StatusMif, render_status_mif
from worlds.client import START, World, driven, offered, play, poll_and_run

HOUR = 3600.0
FAILED = WireRemove(
    site="BPC",
    request_id="BPC0001",
    job_id="BPC0000A",
    package_id="BPC00001",
    sms_id="BPC00001",
    machine="PC1",
    domain="DOM",
    user="JANE",
    result=Result.FAILED,
    report_id="BPC00001-BPC0001-10.000",
    finished_at=20.0,
)


@pytest.mark.parametrize(
    ("mif", "sni_first", "extensions"),
    [
        (None, False, ["SNI"]),
        (None, True, ["SNI"]),
        (b"mif", False, ["PCK", "SNI"]),
        (b"mif", True, ["SNI", "PCK"]),
    ],
)
def test_the_files_come_in_the_order_of_the_behaviour(
    mif: bytes | None, sni_first: bool, extensions: list[str]
) -> None:
    files = Report.of(FAILED, mif).files("00001000", PcmBehaviour(sni_before_pck=sni_first))
    assert [name for name, _ in files] == [f"00001000.{extension}" for extension in extensions]


def test_an_sni_reads_back_and_names_its_pck() -> None:
    files = dict(Report.of(FAILED, b"mif").files("00001000", PcmBehaviour()))
    assert files["00001000.PCK"] == b"mif"
    instruction = parse_instruction(files["00001000.SNI"])
    assert WireRemove.from_instruction(instruction) == replace(FAILED, mif_file="00001000.PCK")
    assert instruction.execute_at == 20.0
    ((_, sni),) = Report.of(FAILED).files("00001001", PcmBehaviour())
    assert parse_instruction(sni).text("MIF") == ""


def test_a_mifs_status_counts_before_the_processs_for_what_the_client_knows() -> None:
    succeeded = render_status_mif(StatusMif("Success"))
    assert Report.of(FAILED, succeeded).result == "Success"
    assert Report.of(FAILED, b"no mif").result == "Failed"
    assert Report.of(FAILED, b"x" * 70_000).result == "Failed"
    assert Report.of(FAILED).result == "Failed"


def test_a_report_that_cannot_be_written_is_kept_and_written_once() -> None:
    async def main() -> None:
        world = await World().set_up()
        world.settings = replace(world.settings, results=r"\\SRV2\SMS_SHR\despoolr.box")
        await world.offer(offered())
        agent = world.agent()
        world.down.add("SRV2")
        await poll_and_run(agent)
        assert (agent.unsent_count, world.facts("pcm.reported")) == (1, [])
        await poll_and_run(agent)
        world.down.clear()
        await poll_and_run(agent)
        await poll_and_run(agent)
        assert agent.unsent_count == 0
        assert len(await world.reports("SRV2")) == 1
        assert len(world.facts("pcm.reported")) == 1
        assert len(world.facts("pcm.run")) == 1

    play(main)


@pytest.mark.parametrize("sni_first", [True, False])
def test_a_report_whose_answer_got_lost_is_not_doubled(sni_first: bool) -> None:
    async def main() -> None:
        behaviour = PcmBehaviour(countdown_s=0.0, sni_before_pck=sni_first)
        world = await World(
            behaviour, programs=Programs(default=ClientProgram(status_mif=MifToWrite()))
        ).set_up()
        await world.offer(offered())
        agent = world.agent()
        world.lose_answers.add("create")
        for _ in range(4):
            await poll_and_run(agent)
        world.lose_answers.clear()
        await poll_and_run(agent)
        assert agent.unsent_count == 0
        assert sorted(name[-3:] for name in await world.names()) == ["PCK", "SNI"]
        assert (await world.reports())[0].mif_file in await world.names()

    play(main)


def test_a_name_that_is_taken_is_passed_over() -> None:
    async def main() -> None:
        world = await World(
            programs=Programs(default=ClientProgram(status_mif=MifToWrite()))
        ).set_up()
        await world.offer(offered())
        box = world.service("SRV1", "SMS_SHR")
        await box.write("DESPOOLR.BOX/00001000.PCK", b"somebody else's")
        await box.write("DESPOOLR.BOX/00001001.SNI", b"somebody else's")
        await poll_and_run(world.agent())
        assert await world.names() == [
            "00001000.PCK",
            "00001001.SNI",
            "00001002.PCK",
            "00001002.SNI",
        ]
        wire = parse_instruction(await box.read("DESPOOLR.BOX/00001002.SNI"))
        assert wire.text("MIF") == "00001002.PCK"

    play(main)


def test_two_clients_never_share_a_name_and_reports_of_one_have_their_own_ids() -> None:
    async def main() -> None:
        world = await World().set_up()
        agents = [world.agent(f"PC{n}", f"BPC0000{n}") for n in (1, 2)]
        for agent in agents:
            await world.offer(offered(), offered("BPC0002"), sms_id=agent.sms_id)
        for agent in agents:
            await poll_and_run(agent)
        reports = await world.reports()
        assert len(reports) == 4
        assert len({report.report_id for report in reports}) == 4
        assert await world.names() == [f"0000{c}00{n}.SNI" for c in (1, 2) for n in (0, 1)]

    play(main)


def test_an_instruction_from_a_clock_that_is_ahead_is_to_be_executed_in_the_future() -> None:
    """Q172899."""

    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        agent.clock_offset_s = 86400.0
        await poll_and_run(agent)
        [name] = await world.names()
        instruction = parse_instruction(
            await world.service("SRV1", "SMS_SHR").read(f"DESPOOLR.BOX/{name}")
        )
        assert instruction.execute_at == START + 86400 + 60

    play(main)


def test_two_senders_at_one_time_send_a_report_once() -> None:
    """The end of a run meets a poll."""

    async def main() -> None:
        behaviour = PcmBehaviour(countdown_s=0.0, between_files_s=5.0)
        world = await World(
            behaviour, programs=Programs(default=ClientProgram(status_mif=MifToWrite()))
        ).set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.poll_once()
            await world.clock.sleep(62)
            assert agent.unsent_count == 1
            await agent.poll_once()
            await world.clock.sleep(10)
        assert len(await world.names()) == 2
        assert [call for call in world.calls if call[1] == "create"] == [
            ("SRV1", "create", f"DESPOOLR.BOX/00001000.{extension}") for extension in ("PCK", "SNI")
        ]

    play(main)


@pytest.mark.parametrize("repeats", [True, False])
def test_an_expiry_is_reported_at_every_poll_until_somebody_collects_the_notice(
    repeats: bool,
) -> None:
    async def main() -> None:
        behaviour = PcmBehaviour(repeats_untaken_notices=repeats)
        world = await World(behaviour).set_up()
        await world.offer(offered(expiration_date=START - HOUR, expiration_full=1))
        agent = world.agent()
        for _ in range(4):
            await agent.poll()
        assert len(await world.names()) == (4 if repeats else 1)
        assert len({report.report_id for report in await world.reports()}) == 1
        share = world.service("SRV1", "SMS_SHR")
        for name in await world.names():
            await share.delete(f"DESPOOLR.BOX/{name}")
        for _ in range(3):
            await agent.poll()
        assert await world.names() == []

    play(main)


def test_a_request_that_was_cancelled_is_reported_no_more() -> None:
    async def main() -> None:
        world = await World(PcmBehaviour(repeats_untaken_notices=True)).set_up()
        await world.offer(offered(expiration_date=START - HOUR, expiration_full=1))
        agent = world.agent()
        await agent.poll()
        await world.offer()
        for _ in range(3):
            await agent.poll()
        assert len(await world.names()) == 1

    play(main)
