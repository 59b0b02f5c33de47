"""Opening a program's files: all of them, in order, and what happens when one may not be opened."""

from __future__ import annotations

import pytest

from despoolr_client.agent.machine import execution
from despoolr_client.agent.machine.execution import LaunchFailed, close_all, launch, package_files
from despoolr_client.agent.machine.programs import ClientProgram, FileUse
from despoolr_core.share.contract import OpenFile
from despoolr_core.share.modes import Access, ShareMode
from worlds.client import PACKAGE, World, play

FILES = {"SETUP.EXE": b"exe", "A/B/DEEP.DAT": b"deep", "Z.DAT": b"z"}


def test_every_file_below_a_package_is_found() -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        assert await package_files(share, PACKAGE) == [
            f"{PACKAGE}/{n}" for n in ("SETUP.EXE", "Z.DAT", "A/B/DEEP.DAT")
        ]
        assert len(await package_files(share, "")) == 3

    play(main)


def test_a_package_beyond_the_limits_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        monkeypatch.setattr(execution, "PACKAGE_FILES_MAX", 1)
        with pytest.raises(LaunchFailed, match="more than 1 files"):
            await package_files(share, PACKAGE)
        monkeypatch.setattr(execution, "PACKAGE_FILES_MAX", 100)
        monkeypatch.setattr(execution, "PACKAGE_DEPTH_MAX", 1)
        with pytest.raises(LaunchFailed, match="1 deep"):
            await package_files(share, PACKAGE)

    play(main)


def test_a_program_opens_only_what_it_uses_in_the_way_it_says() -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        opens: list[OpenFile] = []
        program = ClientProgram(
            files=(
                FileUse("a\\b\\deep.dat", Access.READ | Access.WRITE, ShareMode.NONE, read=False),
            )
        )
        share = world.service("SRV1", "SMS_PKGD")
        assert await launch(share, PACKAGE, program, "SETUP.EXE", opens)
        [row] = world.hosts["SRV1"].opens()
        assert (row.program, row.access, row.share_mode) == ("SETUP.EXE", "READ|WRITE", "NONE")
        await close_all(opens)
        await close_all(opens)
        assert world.holders() == []

    play(main)


@pytest.mark.parametrize(
    "program",
    [ClientProgram(), ClientProgram(files=(FileUse("SETUP.EXE"),)), ClientProgram(files=())],
)
def test_nothing_is_started_from_a_package_that_is_not_there(program: ClientProgram) -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        opens: list[OpenFile] = []
        assert not await launch(share, "BPC09999", program, "SETUP.EXE", opens)
        assert not await launch(share, f"{PACKAGE}/SETUP.EXE", program, "SETUP.EXE", opens), (
            "a file is no package"
        )
        assert opens == []
        assert await launch(share, PACKAGE, program, "SETUP.EXE", opens)
        await close_all(opens)


@pytest.mark.parametrize("file", ["NONE.EXE", "NO/WHERE.EXE"])
def test_a_file_that_a_package_lacks_is_a_failed_start(file: str) -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        with pytest.raises(LaunchFailed):
            await launch(
                world.service("SRV1", "SMS_PKGD"),
                PACKAGE,
                ClientProgram(files=(FileUse(file),)),
                "SETUP.EXE",
                [],
            )

    play(main)


def test_what_was_opened_before_a_refusal_is_the_callers_to_close() -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        blocker = await share.open(f"{PACKAGE}/Z.DAT", Access.READ, ShareMode.NONE)
        opens: list[OpenFile] = []
        with pytest.raises(LaunchFailed) as failed:
            there = world.service("SRV1", "SMS_PKGD")
            await launch(there, PACKAGE, ClientProgram(), "SETUP.EXE", opens)
        assert failed.value.code == 32
        assert len(opens) == 1
        await close_all([*opens, blocker])

    play(main)
