"""What is told of directories without a call: the same as long as a look would be answered alike,
and nothing where only a look can tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from despoolr_core.share.modes import Access, CreateOption, Role, ShareMode
from despoolr_server.files import MemoryFileStore
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.directory_watch import SOON_S, DirectoryWatch
from despoolr_server.shares.local import LocalShare
from worlds.share import World, client

BOX = "DESPOOLR.BOX"


class Watched:
    """A share with two boxes of which one is watched."""

    def __init__(self) -> None:
        self.world = World()
        self.share = self.world.share()

    async def begin(self) -> DirectoryWatch:
        await self.share.make_directory(f"{BOX}/inner")
        await self.share.make_directory("other.box")
        await self.share.write(f"{BOX}/1.SNI", b"one")
        return self.world.host.watch("open", [BOX])


async def put(share: LocalShare) -> None:
    await share.write(f"{BOX}/2.SNI", b"two")


async def put_over(share: LocalShare) -> None:
    await share.write(f"{BOX}/1.SNI", b"two")


async def delete(share: LocalShare) -> None:
    await share.delete(f"{BOX}/1.SNI")


async def rename(share: LocalShare) -> None:
    await share.rename(f"{BOX}/1.SNI", f"{BOX}/2.SNI")


async def make_directory(share: LocalShare) -> None:
    await share.make_directory(f"{BOX}/more")


@pytest.mark.parametrize("change", [put, put_over, delete, rename, make_directory])
async def test_what_changes_a_directory_changes_what_is_told(
    change: Callable[[LocalShare], Awaitable[None]],
) -> None:
    watched = Watched()
    watch = await watched.begin()
    before = watch()
    assert before is not None
    assert watch() == before
    await change(watched.share)
    assert watch() not in (before, None)


async def test_other_directories_do_not_matter() -> None:
    watched = Watched()
    watch = await watched.begin()
    before = watch()
    await watched.share.write("other.box/1.SNI", b"one")
    await watched.share.write(f"{BOX}/inner/1.SNI", b"one")
    await watched.share.read(f"{BOX}/1.SNI")
    assert watch() == before


async def test_a_role_that_may_look_no_more_must_look() -> None:
    watched = Watched()
    watch = await watched.begin()
    before = watch()
    watched.world.host.set_rights("OPEN", BOX, Role.SERVICE, Rights.NONE)
    assert watch() not in (before, None)


async def test_nothing_is_told_of_a_directory_that_is_not_there() -> None:
    watched = Watched()
    await watched.begin()
    assert watched.world.host.watch("OPEN", ["missing"])() is None
    assert watched.world.host.watch("MISSING", [BOX])() is None


async def test_nothing_is_told_of_a_directory_that_somebody_holds_open() -> None:
    watched = Watched()
    watch = await watched.begin()
    held = await watched.share.open(
        BOX, Access.READ, ShareMode.NONE, options=CreateOption.DIRECTORY_FILE
    )
    assert watch() is None
    await held.close()
    assert watch() is not None


async def test_nothing_is_told_while_somebody_has_a_watched_file_open() -> None:
    watched = Watched()
    await watched.begin()
    watch = watched.world.host.watch("open", [BOX], [f"{BOX}/1.sni"])
    before = watch()
    opened = await watched.share.open(f"{BOX}/1.SNI", Access.READ, ShareMode.READ)
    assert before is not None and watch() is None
    await opened.close()
    assert watch() == before


async def test_nothing_is_told_when_a_lease_ends_with_the_next_visit() -> None:
    watched = Watched()
    watch = await watched.begin()
    clock = watched.world.clock
    watched.world.session(client(), "WINWORD.EXE", 60.0)
    assert watch() is not None
    clock.time += 60.0 - SOON_S
    assert watch() is None
    clock.time += SOON_S
    await watched.share.stat(BOX)
    assert watch() is not None


async def test_nothing_is_told_for_longer_than_until_a_lease_ends() -> None:
    watched = Watched()
    watch = await watched.begin()
    now = watched.world.clock.time
    watched.world.session(client(), "WINWORD.EXE", 60.0)
    assert watch() is not None
    assert watch(now + 50.0) == watch()
    assert watch(now + 60.0 - SOON_S) is None


async def test_nothing_is_told_to_who_comes_late_when_a_lease_has_ended_meanwhile() -> None:
    watched = Watched()
    watch = await watched.begin()
    clock = watched.world.clock
    due = clock.time + 30.0
    watched.world.session(client(), "WINWORD.EXE", 60.0)
    assert watch(due) is not None
    clock.time += 100.0
    assert watch(due) is None


async def test_a_lease_that_was_renewed_keeps_nobody_from_resting() -> None:
    watched = Watched()
    watch = await watched.begin()
    clock, sessions = watched.world.clock, watched.world.host.engine.sessions
    session = sessions.find(watched.world.session(client(), "WINWORD.EXE", 60.0), clock.time)
    assert session is not None
    clock.time += 30.0
    sessions.renew(session, clock.time)
    assert watch(clock.time + 40.0) is not None
    assert watch(clock.time + 60.0) is None


async def test_nothing_is_told_of_a_directory_that_is_open_however_its_share_is_spelled() -> None:
    world = World()
    world.host.add_share("Mixed", MemoryFileStore())
    share = world.share(share="mixed")
    await share.make_directory(BOX)
    watch = world.host.watch("MIXED", [BOX])
    assert watch() is not None
    held = await share.open(BOX, Access.READ, ShareMode.NONE, options=CreateOption.DIRECTORY_FILE)
    assert watch() is None
    await held.close()
