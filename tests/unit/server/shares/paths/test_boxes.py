"""The short way of files that come and go together: what the long one would do with each, and only
where nothing is in the way of any.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import NtStatus, Role
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.faults.full_disk import FillableFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.paths.boxes import TOGETHER_MAX
from worlds.journals import contents
from worlds.share import SERVICE, World, client

CALLER = Caller(SERVICE)
NAMES = ["BOX/A", "BOX/B", "BOX/C"]
FILES = [(name, name.encode()) for name in NAMES]


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def a_world(root: Path, *, file_size_max: int = 1 << 20) -> World:
    world = World(JournalledFileStore(root, threads=False), file_size_max=file_size_max)
    for directory in ("BOX", "BOX/IN", "OTHER"):
        world.store.make_directory(n(directory), world.clock.time)
    return world


def create(world: World, caller: Caller = CALLER, *, passing: bool = True) -> int:
    return len(world.host.boxes.create(caller, "open", FILES, passing=passing))


def delete(world: World, caller: Caller = CALLER) -> int:
    return world.host.boxes.delete(caller, "open", NAMES)


async def test_files_come_and_go_in_one(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert create(world) == 3
    assert [world.store.read(n(name)) for name in NAMES] == [data for _, data in FILES]
    assert create(world) == 0, "they are there"
    assert delete(world) == 3
    assert delete(world) == 0, "they are gone"
    assert world.kinds()[-6:] == ["file.written"] * 3 + ["file.deleted"] * 3


async def _one_is_open(world: World) -> None:
    await world.hold(client(), world.session(client()), "BOX/B", disposition="OPEN_IF")


async def _one_is_locked_by_dav(world: World) -> None:
    assert isinstance(await world.host.dav.lock(CALLER, "OPEN", "BOX/B", LockWish()), tuple)


async def _one_may_not_be_touched(world: World) -> None:
    world.host.set_rights("OPEN", "BOX/B", Role.SERVICE, Rights.READ)


@pytest.mark.parametrize("happens", [_one_is_open, _one_is_locked_by_dav, _one_may_not_be_touched])
async def test_what_something_may_be_in_the_way_of_ends_the_short_way(
    tmp_path: Path, happens: Callable[[World], Awaitable[None]]
) -> None:
    world = a_world(tmp_path)
    await happens(world)
    assert create(world) == 1
    assert create(world) == 0
    assert delete(world) == 1
    assert delete(world) == 0


async def test_what_somebody_has_open_does_not_go_with_the_others(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    assert create(world) == 3
    await world.hold(client(), world.session(client()), "BOX/B", access="READ")
    assert delete(world) == 1
    assert delete(world) == 0
    (refused,) = await world.share().delete_all(["BOX/B"])
    assert status(refused) is NtStatus.SHARING_VIOLATION
    left = [facts.path for facts in world.store.list(n("BOX"))]
    assert left == ["BOX/B", "BOX/C", "BOX/IN"]


async def _the_directory_is_open(world: World) -> None:
    await world.hold(client(), world.session(client()), "BOX", options="DIRECTORY_FILE")


async def _the_directory_is_locked(world: World) -> None:
    assert isinstance(await world.host.dav.lock(CALLER, "OPEN", "BOX", LockWish()), tuple)


async def _nothing_may_be_changed(world: World) -> None:
    world.host.set_rights("OPEN", "BOX", Role.SERVICE, Rights.READ)


@pytest.mark.parametrize(
    "happens", [_the_directory_is_open, _the_directory_is_locked, _nothing_may_be_changed]
)
async def test_what_may_be_in_the_way_of_all_leaves_no_short_way(
    tmp_path: Path, happens: Callable[[World], Awaitable[None]]
) -> None:
    world = a_world(tmp_path)
    await happens(world)
    before = [*world.records]
    assert create(world) == 0
    assert world.records == before
    assert not world.store.find(n("BOX/A"))


async def test_who_asks_for_something_special_takes_the_long_way(tmp_path: Path) -> None:
    world = a_world(tmp_path, file_size_max=5)
    assert (
        len(world.host.boxes.create(CALLER, "OPEN", [*FILES, ("BOX/D", b"123456")], passing=True))
        == 3
    )
    assert not world.host.boxes.create(
        CALLER, "OPEN", [("BOX/D", b"123456"), ("BOX/E", b"")], passing=True
    )
    assert (
        len(
            world.host.boxes.create(
                CALLER, "OPEN", [("BOX/D", b"12345"), ("BOX/E", b"")], passing=True
            )
        )
        == 2
    )
    for caller in (
        replace(CALLER, session="S1"),
        replace(CALLER, tokens=frozenset({"opaquelocktoken:x"})),
    ):
        assert delete(world, caller) == 0
    for path in ("BOX/X/", "BOX/a*b", "", "NOWHERE/A", ".despoolr/A", "BOX/IN"):
        assert not world.host.boxes.create(CALLER, "OPEN", [(path, b"")], passing=True), path
        assert world.host.boxes.delete(CALLER, "OPEN", [path]) == 0, path
    assert [world.host.boxes.takes(one) for one in ("open", "SMS_SHR", "NO")] == [
        True,
        False,
        False,
    ]


async def test_a_full_disk_lets_nothing_come_and_all_go(tmp_path: Path) -> None:
    store = FillableFileStore(JournalledFileStore(tmp_path, threads=False))
    world = World(store)
    store.make_directory(n("BOX"), 0.0)
    assert create(world) == 3
    store.fill(n("OTHER"))
    assert not world.host.boxes.create(CALLER, "OPEN", [("BOX/D", b"")], passing=True)
    assert delete(world) == 3


def status(error: ShareError | None) -> NtStatus | None:
    return None if error is None else error.nt_status


@pytest.mark.parametrize("seed", range(12))
async def test_a_service_is_answered_as_if_there_were_no_short_way(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes in which anything may lie, that anybody may have open, whatever is asked."""
    told = []
    for how in ("short", "long"):
        (tmp_path / how).mkdir()
        world, chance = a_world(tmp_path / how), random.Random(seed)
        if how == "long":
            monkeypatch.setattr(world.host.boxes, "create", lambda *_, passing: ())
            monkeypatch.setattr(world.host.boxes, "delete", lambda *_: 0)
        who: Principal = chance.choice([SERVICE, client()])
        share, other, answers = world.share(who), world.session(client()), []
        for _ in range(12):
            world.clock.time += 1
            paths = [
                f"{chance.choice(['BOX'] * 9 + ['OTHER', 'NOWHERE'])}/F{chance.randrange(60)}"
                for _ in range(chance.choice([1, 5, 3 * TOGETHER_MAX // 2]))
            ]
            if chance.random() < 0.5:
                await world.open(
                    client(), other, chance.choice(paths), disposition="OPEN_IF", access="READ"
                )
            files = [(path, chance.randbytes(chance.randrange(200))) for path in paths]
            made = await (share.create_all if chance.random() < 0.7 else share.write_all)(files)
            gone = await share.delete_all(chance.sample(paths, len(paths) // 2))
            answers.append([*map(status, made), *map(status, gone)])
        told.append((answers, contents(world.store), world.records))  # type: ignore[arg-type]
    assert told[0] == told[1]
