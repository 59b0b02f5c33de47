"""How often a client asks its servers anything: what a night of twenty thousand machines
multiplies.
"""

from __future__ import annotations

from random import Random

from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.machine.programs import ClientProgram, FileUse, Programs
from despoolr_client.agent.settings import ClientSettings
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_core.formats.instructions.winst import WinstFile
from despoolr_core.formats.instructions.winst_text import render_winst
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_server.files.memory import MemoryFileStore
from unit.client.transport.test_server_session import Logon, virtually
from worlds.client import PACKAGE, driven, offered, poll_and_run

POLL = "GET /SMS_SHR/PCMINS.BOX/BPC00001.INS"
CHAIN = "POST /api/v1/chain"


async def a_client(logon: Logon, *requests: str) -> PcmAgent:
    """WS3, to whom these commands are offered, each a package of two files that are read and kept
    open for a minute.
    """
    logon.host.add_share("SMS_PKGD", MemoryFileStore())
    service = logon.server("SITE1", Role.SERVICE)
    files = {f"{PACKAGE}/SETUP.EXE": b"MZ", f"{PACKAGE}/DATA.CAB": b"x" * 1000}
    for share, directories in (
        ("SMS_SHR", ("PCMINS.BOX", "DESPOOLR.BOX")),
        ("SMS_PKGD", (PACKAGE,)),
    ):
        for directory in directories:
            await service.share(share).make_directory(directory)
    for path, data in files.items():
        await service.share("SMS_PKGD").write(path, data)
    offers = tuple(offered(request, "LOGON1") for request in requests)
    await service.share("SMS_SHR").write(
        "PCMINS.BOX/BPC00001.INS", render_winst(WinstFile("BPC00001.INS", offers))
    )
    logon.asked.clear()
    program = ClientProgram(files=(FileUse("SETUP.EXE"), FileUse("DATA.CAB")), duration_s=60.0)
    settings = ClientSettings(
        clock=logon.clock,
        connect=lambda server, machine, user: logon.server(machine, name=server, lease_s=3600.0),
        recorder=Recorder(logon.clock.now, [logon.records.append]),
        random=lambda label: Random(label),
        limiter=PriorityLimiter(),
        site="BPC",
        domain="DOM",
        logon_servers=("LOGON1",),
        behaviour=PcmBehaviour(countdown_s=0.0),
        programs=Programs().with_program("setup.exe", program),
    )
    return PcmAgent("WS3", "BPC00001", settings)


def test_a_poll_that_finds_nothing_new_is_one() -> None:
    async def story(logon: Logon) -> None:
        agent = await a_client(logon)
        async with driven(agent):
            await poll_and_run(agent)
            await poll_and_run(agent)
        assert logon.asked == [POLL] * 2

    virtually(story)


def test_a_command_is_two_more_one_for_its_start_and_one_for_its_end() -> None:
    async def story(logon: Logon) -> None:
        agent = await a_client(logon, "BPC0001")
        async with driven(agent):
            await poll_and_run(agent)
        # log on, open and read both files | give both back, report, log off
        assert logon.asked == [POLL, CHAIN, CHAIN]
        assert (logon.host.open_count, logon.host.session_count) == (0, 0)

    virtually(story)


def test_the_session_lasts_from_the_first_command_to_the_last() -> None:
    async def story(logon: Logon) -> None:
        agent = await a_client(logon, "BPC0001", "BPC0002", "BPC0003")
        async with driven(agent):
            await poll_and_run(agent)
        assert logon.asked == [POLL, *[CHAIN] * 6]
        assert logon.kinds().count("session.started") == logon.kinds().count("session.ended") == 1
        assert logon.kinds().count("pcm.reported") == 3

    virtually(story)


def test_nothing_is_asked_between_two_polls() -> None:
    async def story(logon: Logon) -> None:
        agent = await a_client(logon, "BPC0001")
        async with driven(agent):
            await poll_and_run(agent)
            before = len(logon.asked)
            await logon.clock.sleep(86_400)
            assert len(logon.asked) == before

    virtually(story)
