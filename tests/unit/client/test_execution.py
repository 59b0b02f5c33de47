"""Opening a program's files: all of them, in order, and what happens when one may not be opened."""

from __future__ import annotations

import pytest

from despoolr_client import execution
from despoolr_client.execution import LaunchFailed, close_all, connect, launch, package_files
from despoolr_client.programs import FileUse, Program
from despoolr_core.share import OpenFile
from despoolr_core.sharing import Access, ShareMode
from unit.client.world import PACKAGE, World, play

FILES = {"SETUP.EXE": b"exe", "A/B/DEEP.DAT": b"deep", "Z.DAT": b"z"}


def test_every_file_below_a_package_is_found() -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        assert await package_files(share, PACKAGE) == [f"{PACKAGE}/{n}" for n in ("SETUP.EXE", "Z.DAT", "A/B/DEEP.DAT")]
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
        program = Program(files=(FileUse("a\\b\\deep.dat", Access.READ | Access.WRITE, ShareMode.NONE, read=False),))
        share = world.service("SRV1", "SMS_PKGD")
        files = await connect(share, PACKAGE, program)
        assert files == [], "no other file is of interest"
        await launch(share, PACKAGE, files, program, "SETUP.EXE", opens)
        [row] = world.hosts["SRV1"].opens()
        assert (row.program, row.access, row.share_mode) == ("SETUP.EXE", "READ|WRITE", "NONE")
        await close_all(opens)
        await close_all(opens)
        assert world.holders() == []

    play(main)


@pytest.mark.parametrize("program", [Program(), Program(files=(FileUse("SETUP.EXE"),))])
def test_a_package_that_is_not_there_is_not_connected_to(program: Program) -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        assert await connect(share, "BPC09999", program) is None
        assert await connect(share, f"{PACKAGE}/SETUP.EXE", program) is None, "a file is no package"
        assert await connect(share, PACKAGE, program) is not None

    play(main)


def test_what_was_opened_before_a_refusal_is_the_callers_to_close() -> None:
    async def main() -> None:
        world = await World().set_up(FILES)
        share = world.service("SRV1", "SMS_PKGD")
        blocker = await share.open(f"{PACKAGE}/Z.DAT", Access.READ, ShareMode.NONE)
        opens: list[OpenFile] = []
        with pytest.raises(LaunchFailed) as failed:
            there = world.service("SRV1", "SMS_PKGD")
            await launch(there, PACKAGE, await package_files(there, PACKAGE), Program(), "SETUP.EXE", opens)
        assert failed.value.code == 32
        assert len(opens) == 1
        await close_all([*opens, blocker])

    play(main)
