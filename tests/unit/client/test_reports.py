"""What a client reports: the status MIF and its date, the order of the files, and one expiry."""

from __future__ import annotations

import pytest

from despoolr_client.agent.machine.programs import ClientProgram, MifToWrite, Programs
from despoolr_client.agent.polling import PollResult
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.pcm.history import HistoryState
from despoolr_client.pcm.state import Folder
from despoolr_core.formats.instructions.instruction import Result
from despoolr_core.formats.reports.status_mif import read_status_mif
from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.stream import of
from worlds.client import START, World, offered, play, poll_and_run

HOUR = 3600.0


# -- the status MIF

MIF_CASES = [
    # offset of the MIF's time, collected?
    (None, True),
    (0.001, True),
    (0.0, False),
    (-1.0, False),
    (-30 * 86400.0, False),
]


@pytest.mark.parametrize(("offset", "is_collected"), MIF_CASES)
def test_a_mif_is_collected_only_if_it_is_later_than_the_start_of_the_run(
    offset: float | None, is_collected: bool
) -> None:
    """Q166833."""

    async def main() -> None:
        mif = MifToWrite("Failed", "ErrorJamalz", modified_offset_s=offset)
        world = await World(programs=Programs(default=ClientProgram(status_mif=mif))).set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        [report] = await world.reports()
        assert report.result is Result.SUCCESS, "the .SNI states the process's result"
        pcks = [name for name in await world.names() if name.endswith(".PCK")]
        assert bool(pcks) is is_collected
        assert report.mif_file == (pcks[0] if is_collected else "")
        assert ("INS_NOTE.MIF" in agent.files.files) is not is_collected, "a collected MIF is moved"
        assert world.facts("pcm.reported")[0]["result"] == ("Failed" if is_collected else "Success")
        if is_collected:
            content = await world.service("SRV1", "SMS_SHR").read(f"DESPOOLR.BOX/{pcks[0]}")
            status = read_status_mif(content)
            assert (status.status, status.description) == ("Failed", "ErrorJamalz")

    play(main)


def test_a_mif_that_lay_there_before_is_not_collected() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        agent.files.write("AUDIT.MIF", b"whatever", START - 1)
        await poll_and_run(agent)
        assert (await world.reports())[0].mif_file == ""
        assert "AUDIT.MIF" in agent.files.files

    play(main)


def test_of_several_new_mifs_the_newest_is_reported() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        agent.files.write("A.MIF", b"a", START + 5)
        agent.files.write("B.MIF", b"b", START + 9)
        agent.files.write("C.TXT", b"c", START + 10)
        await poll_and_run(agent)
        [name] = [name for name in await world.names() if name.endswith(".PCK")]
        assert await world.service("SRV1", "SMS_SHR").read(f"DESPOOLR.BOX/{name}") == b"b"
        assert world.facts("pcm.reported")[0]["result"] == "Success", (
            "a MIF that is none says nothing"
        )

    play(main)


@pytest.mark.parametrize(("sni_first", "order"), [(True, ["SNI", "PCK"]), (False, ["PCK", "SNI"])])
def test_the_order_of_the_two_files_is_a_behaviour(sni_first: bool, order: list[str]) -> None:
    """Q138241 against Q169491."""

    async def main() -> None:
        behaviour = PcmBehaviour(countdown_s=0.0, sni_before_pck=sni_first, between_files_s=5.0)
        world = await World(
            behaviour, programs=Programs(default=ClientProgram(status_mif=MifToWrite()))
        ).set_up()
        await world.offer(offered())
        await poll_and_run(world.agent())
        written = [
            (r.at, fact.path)
            for r, fact in of(world.records, FileWritten)
            if fact.path.startswith("DESPOOLR.BOX/")
        ]
        assert [path[-3:] for _, path in written] == order
        assert written[1][0] - written[0][0] == 5.0

    play(main)


# -- expiry


@pytest.mark.parametrize("runs_before", [True, False])
def test_an_expired_package_leaves_the_window_and_writes_exactly_one_sni(runs_before: bool) -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(
            offered(
                install_by_full=int(runs_before), expiration_full=1, expiration_date=START + HOUR
            )
        )
        agent = world.agent()
        await poll_and_run(agent)
        before = len(await world.reports())
        await world.clock.sleep(2 * HOUR)
        for _ in range(3):
            await poll_and_run(agent)
        await agent.power_off()
        await agent.power_on()
        expired = [report for report in await world.reports() if report.result is Result.EXPIRED]
        assert (before, len(expired)) == (int(runs_before), 1)
        assert [agent.folder(folder) for folder in Folder] == [[], []]
        assert agent.history == {"BPC0001": HistoryState.EXPIRED}

    play(main)


def test_a_client_that_never_polls_after_the_expiry_reports_nothing() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(
            offered(install_by_full=0, expiration_full=1, expiration_date=START + HOUR)
        )
        agent = world.agent()
        await agent.poll_once()
        await agent.power_off()
        await world.clock.sleep(2 * HOUR)
        assert await agent.poll_once() is PollResult.OFF
        assert await world.reports() == []

    play(main)
