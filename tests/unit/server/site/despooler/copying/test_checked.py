"""SP4's replacement (Q184489): a directory has the old files or the new ones, whoever comes in
between, and whatever runs out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.shares.local import LocalOpenFile
from despoolr_server.site.despooler.copying.shipped import delete_then_copy_checked as strategy
from despoolr_server.site.despooler.copying.steps import present_files
from despoolr_server.site.despooler.copying.target import CopyResult, Target
from worlds.share import ADMIN, World, client

OLD = {"a.dat": b"old a", "c.dat": b"old c, long", "gone.dat": b"old", "z.dat": b""}
NEW = {"a.dat": b"new a, longer", "c.dat": b"new c", "sub/x.dat": b"new", "z.dat": b"new z"}
READ = ShareMode.READ
ALL = ShareMode.READ | ShareMode.WRITE | ShareMode.DELETE


class Between:
    """A share that has somebody else come before each of its calls that change something."""

    def __init__(self, share: Any, come: Callable[[int], Awaitable[None]]) -> None:
        self._share = share
        self._come = come
        self.call_count = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._share, name)
        if name not in ("open", "write", "delete", "make_directory", "set_size", "close"):
            return real

        async def call(*args: Any, **more: Any) -> Any:
            self.call_count += 1
            await self._come(self.call_count)
            done = await real(*args, **more)
            return _Opened(done, self) if name == "open" else done

        return call


class _Opened:
    def __init__(self, opened: Any, between: Between) -> None:
        self._opened = opened
        self._between = between

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    async def write(self, *args: Any) -> None:
        await self._come()
        await self._opened.write(*args)

    async def set_size(self, size: int) -> None:
        await self._come()
        await self._opened.set_size(size)

    async def delete(self) -> None:
        await self._come()
        await self._opened.delete()

    async def close(self) -> None:
        await self._come()
        await self._opened.close()

    async def _come(self) -> None:
        self._between.call_count += 1
        await self._between._come(self._between.call_count)


async def world_with(files: dict[str, bytes] = OLD, store: MemoryFileStore | None = None) -> World:
    world = World(store)
    share = world.share()
    await share.make_directory("PKG")
    for name, data in files.items():
        await share.write(f"PKG/{name}", data)
    return world


async def replace(share: Any, new: dict[str, bytes] = NEW) -> CopyResult:
    return await strategy.delete_then_copy_checked(Target(share, "PKG", new, "job J", False))


async def there(world: World) -> dict[str, bytes]:
    share = world.share()
    return {
        name: await share.read(f"PKG/{name}", purpose="look")
        for name in await present_files(share, "PKG")
    }


@pytest.mark.parametrize("file", sorted({*OLD, *NEW}))
async def test_who_comes_at_any_moment_finds_the_old_files_or_the_new_ones(file: str) -> None:
    at, count = 1, 1
    while at <= count:
        world = await world_with()
        held: list[LocalOpenFile] = []

        async def come(
            call: int, at: int = at, world: World = world, held: list[LocalOpenFile] = held
        ) -> None:
            if call == at:
                try:
                    held.append(await world.share(client()).open(f"PKG/{file}", Access.READ, READ))
                except ShareError:
                    return

        share = Between(world.share(), come)
        result = await replace(share)
        count = share.call_count
        assert await there(world) == (NEW if result.is_complete else OLD), at
        assert world.host.open_count == len(held)
        for one in held:
            await one.close()
        assert (await replace(world.share())).is_complete
        assert await there(world) == NEW
        at += 1
    assert count > 10


@pytest.mark.parametrize("file", ["a.dat", "c.dat", "z.dat"])
async def test_an_open_of_attributes_only_neither_stops_it_nor_loses_a_file(file: str) -> None:
    world = await world_with()
    looking = await world.share(client()).open(f"PKG/{file}", Access.READ_ATTRIBUTES, ALL)
    assert (await replace(world.share())).is_complete
    assert await there(world) == NEW
    await looking.close()
    assert await there(world) == NEW


async def test_a_file_that_left_the_package_goes_with_the_last_look_at_it() -> None:
    world = await world_with()
    looking = await world.share(client()).open("PKG/gone.dat", Access.READ_ATTRIBUTES, ALL)
    assert (await replace(world.share())).is_complete
    await looking.close()
    assert await there(world) == NEW


@pytest.mark.parametrize("room", range(18))
async def test_where_there_is_no_room_every_old_file_is_as_it_was(room: int) -> None:
    store = MemoryFileStore(capacity=sum(map(len, OLD.values())) + room)
    world = await world_with(store=store)
    result = await replace(world.share())
    fits = room >= 16  # what is longer or has a new name, before anything goes
    assert (await there(world), result.win32) == ((NEW, 0) if fits else (OLD, 112))
    store.capacity = None
    assert (await replace(world.share())).is_complete
    assert await there(world) == NEW


async def test_a_server_that_goes_away_while_files_are_held_is_a_failure_and_no_crash() -> None:
    async def come(call: int) -> None:
        if call > 3:
            raise ShareUnreachable("gone")

    world = await world_with()
    result = await replace(Between(world.share(), come))
    assert isinstance(result.failed[0][1], ShareUnreachable)


async def test_names_are_one_whatever_their_letters() -> None:
    world = await world_with({"A.DAT": b"old", "KEPT.DAT": b"same", "old.dat": b"old"})
    result = await replace(world.share(), {"a.dat": b"new", "kept.dat": b"same"})
    assert result.is_complete
    assert await there(world) == {"A.DAT": b"new", "KEPT.DAT": b"same"}


async def test_a_directory_takes_the_place_of_a_file() -> None:
    world = await world_with({"lib": b"a file", "a.dat": b"old"})
    new = {"lib/deep/x.dat": b"new", "a.dat": b"new"}
    result = await replace(world.share(), new)
    assert result.is_complete
    assert await there(world) == new


class Died(Exception):
    """The process is gone; its opens are closed by the server."""


async def test_who_dies_in_between_leaves_a_mix_until_the_next_attempt() -> None:
    """Nothing puts it right before: the instruction is still there, and is executed anew."""
    found: list[dict[str, bytes]] = []
    is_done = False
    while not is_done:
        world, at = await world_with(), len(found) + 1

        async def die(call: int, at: int = at) -> None:
            if call == at:
                raise Died

        with suppress(Died):
            is_done = (await replace(Between(world.share(), die))).is_complete
        for row in world.host.opens():
            world.host.close_by_force(ADMIN, row.open, "its process is gone")
        found.append(await there(world))
        assert world.host.open_count == 0
        assert (await replace(world.share())).is_complete
        assert await there(world) == NEW
    assert {**OLD, "a.dat": b"old a, longer"} in found, "longer by what is new"
    assert any(files not in (OLD, NEW) and "gone.dat" not in files for files in found), "a mix"


async def test_more_files_than_are_held_at_one_time_are_replaced_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strategy, "HELD_MAX", 2)
    world = await world_with()
    held = await world.share(client()).open("PKG/z.dat", Access.READ, READ)
    assert [name for name, _ in (await replace(world.share())).failed] == ["z.dat"]
    assert await there(world) == OLD
    await held.close()
    assert (await replace(world.share())).is_complete
    assert await there(world) == NEW
