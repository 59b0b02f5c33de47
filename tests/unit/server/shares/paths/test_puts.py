"""The short way of a file that is put again: what the long one would do, and only where nothing is
in its way.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from despoolr_core.share.modes import NtStatus, Role
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.principal import Caller, Content, Written
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.dav import LockWish
from despoolr_server.shares.paths.puts import PutNow
from worlds.share import SERVICE, World, client

CALLER = Caller(SERVICE)


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def way(world: World, path: str = "A", share: str = "OPEN") -> PutNow:
    """The short way, of a file that was put once."""
    put = world.host.puts.put_of(share, path)
    assert put is not None
    assert put(CALLER, b"first") is None, "the first time"
    return put


async def content(world: World, path: str = "A") -> bytes:
    found = await world.host.paths.get(CALLER, "OPEN", path)
    assert isinstance(found, Content)
    return found.data


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("who", [SERVICE, client()])
async def test_a_file_is_put_again_as_the_long_way_puts_it(
    tmp_path: Path, on_disk: bool, who: object
) -> None:
    told = []
    for how in ("short", "long"):
        (tmp_path / how).mkdir()
        world = World(DiskFileStore(tmp_path / how) if on_disk else MemoryFileStore())
        caller = Caller(who)  # type: ignore[arg-type]
        await world.put("a.txt", b"one")
        put = way(world, "A.TXT")
        for number in range(4):
            world.clock.time += 1
            data = b"x" * number
            written = (
                put(caller, data)
                if how == "short"
                else await world.host.paths.put(caller, "OPEN", "A.TXT", data)
            )
            assert isinstance(written, Written)
            assert not written.is_new
            found = await world.host.paths.get(caller, "open", "a.txt")
            assert found == Content(data, written.etag, world.clock.time)
        assert world.store.list(n("")) == [world.store.find(n("a.txt"))]
        told.append(world.records)
    assert told[0] == told[1]


async def _is_open(world: World) -> None:
    session = world.session(client())
    await world.hold(client(), session, "A", access="READ_ATTRIBUTES", share_mode="READ|WRITE")


async def _is_locked_by_dav(world: World) -> None:
    assert isinstance(await world.host.dav.lock(CALLER, "OPEN", "A", LockWish()), tuple)


async def _is_in_a_locked_directory(world: World) -> None:
    await world.host.paths.make_directory(CALLER, "OPEN", "D", parents=False)
    assert isinstance(await world.host.dav.lock(CALLER, "OPEN", "D", LockWish()), tuple)


async def _has_an_attribute(world: World) -> None:
    world.store.set_attributes(n("A"), 2)


async def _has_gone(world: World) -> None:
    world.store.remove(n("A"))


async def _is_a_directory(world: World) -> None:
    world.store.remove(n("A"))
    world.store.make_directory(n("A"), 0.0)


async def _may_not_be_written(world: World) -> None:
    world.host.set_rights("OPEN", "A", Role.SERVICE, Rights.READ)


async def _is_on_a_full_disk(world: World) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise StoreError(NtStatus.DISK_FULL, "no room")

    world.store.write_whole = fail  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    "happens",
    [
        _is_open,
        _is_locked_by_dav,
        _is_in_a_locked_directory,
        _has_an_attribute,
        _has_gone,
        _is_a_directory,
        _may_not_be_written,
        _is_on_a_full_disk,
    ],
)
async def test_a_file_that_something_may_be_in_the_way_of_takes_the_long_way(
    happens: Callable[[World], Awaitable[None]],
) -> None:
    world = World()
    await world.put("A", b"one")
    put = way(world)
    assert put(CALLER, b"two") is not None
    await happens(world)
    before, files = [*world.records], world.store.list(n(""))
    assert put(CALLER, b"three") is None
    assert (world.records, world.store.list(n(""))) == (before, files)


async def test_a_file_that_a_service_put_again_is_not_put_by_a_client_without_the_right() -> None:
    world = World()
    world.host.set_rights("OPEN", "A", Role.CLIENT, Rights.READ)
    await world.put("A", b"one")
    put, caller = way(world), Caller(client())
    for _ in range(2):
        assert put(CALLER, b"two") is not None
        assert put(caller, b"three") is None
    world.host.set_rights("OPEN", "A", Role.CLIENT, Rights.CHANGE)
    assert put(caller, b"three") is not None
    assert await content(world) == b"three"


async def test_who_asks_for_something_special_takes_the_long_way() -> None:
    world = World(file_size_max=5)
    await world.put("A", b"one")
    put = way(world)
    for caller, data in (
        (replace(CALLER, session="S1"), b"two"),
        (replace(CALLER, tokens=frozenset({"opaquelocktoken:x"})), b"two"),
        (CALLER, b"123456"),
    ):
        assert put(caller, data) is None
    assert await content(world) == b"one"
    assert put(CALLER, b"12345") is not None
    assert await content(world) == b"12345"


async def test_a_lease_that_is_over_is_in_nobodys_way() -> None:
    world = World()
    await world.put("A", b"one")
    put = way(world)
    await world.hold(client(), world.session(client(), lease_s=60.0), "A", access="READ")
    assert put(CALLER, b"two") is None
    world.clock.time += 61
    assert put(CALLER, b"two") is not None


async def test_a_name_that_had_gone_is_put_as_if_for_the_first_time() -> None:
    world = World()
    await world.put("A", b"one")
    put = way(world)
    world.store.remove(n("A"))
    assert put(CALLER, b"two") is None
    await world.put("A", b"two")
    assert put(CALLER, b"three") is None, "as the first time"
    assert put(CALLER, b"four") is not None


@pytest.mark.parametrize(
    ("share", "path"), [("NONE", "A"), ("OPEN", ".."), ("OPEN", "A/"), ("OPEN", "a:b")]
)
async def test_what_is_no_file_of_a_share_has_no_short_way(share: str, path: str) -> None:
    assert World().host.puts.put_of(share, path) is None


async def test_a_file_of_a_journal_is_put_again_and_safe_when_that_is_said(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = JournalledFileStore(root, threads=False)
    world = World(store)
    await world.put("D", b"one")
    assert world.host.puts.when_safe("SMS_SHR") is None
    when_safe = world.host.puts.when_safe("open")
    assert when_safe is not None
    put, said = way(world, "d"), list[StoreError | None]()
    for number in range(20):
        written = put(CALLER, b"%d" % number * 100)
        assert written is not None
        when_safe(said.append)
        assert (root / "D").read_bytes() == b"%d" % number * 100
    assert not said
    await store.sync()
    assert said == [None] * 20
    crashed = JournalledFileStore(shutil.copytree(root, tmp_path / "crashed"), threads=False)
    (facts,) = crashed.list(n(""))
    assert facts.path == "D"
    assert crashed.read(n("D")) == b"19" * 100
    await crashed.close()
    await store.close()


async def test_what_others_did_to_a_file_of_a_journal_is_seen(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path, threads=False)
    world = World(store)
    await world.put("A", b"one")
    put = way(world)
    assert put(CALLER, b"two") is not None
    await store.sync()
    (tmp_path / "A").write_bytes(b"theirs")
    assert put(CALLER, b"three") is not None
    (tmp_path / "A").unlink()
    assert put(CALLER, b"four") is None
    await world.put("A", b"four")
    store.set_attributes(n("A"), 2)
    assert put(CALLER, b"five") is None
    assert store.read(n("A")) == b"four"
    await store.close()


async def test_a_disk_that_takes_no_record_has_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JournalledFileStore(tmp_path, threads=False)
    world = World(store)
    await world.put("A", b"one")
    put = way(world)
    assert put(CALLER, b"two") is not None

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("despoolr_server.files.journal.segments.write_at", full)
        assert put(CALLER, b"three") is None
    assert (tmp_path / "A").read_bytes() == b"two"
    with monkeypatch.context() as patch:
        patch.setattr(store._disk, "exchange", full)
        patch.setattr("despoolr_server.files.disk.os.replace", full)
        assert put(CALLER, b"four") is None
    assert (tmp_path / "A").read_bytes() == b"two"
    left = [path for path in (tmp_path / ".despoolr" / "tmp").rglob("*") if path.is_file()]
    assert not any(path.stat().st_size for path in left)
    assert put(CALLER, b"five") is not None
    await store.close()
    again = JournalledFileStore(tmp_path, threads=False)
    assert again.read(n("A")) == b"five"
    await again.close()


async def test_what_others_did_to_a_file_on_the_disk_is_seen(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path))
    await world.put("A", b"one")
    put = way(world)
    for number in range(4):
        written = put(CALLER, b"%d" % number)
        assert written is not None
    (tmp_path / "A").unlink()
    assert put(CALLER, b"none") is None
    (tmp_path / "A").symlink_to(tmp_path / "B")
    put(CALLER, b"none")
    assert put(CALLER, b"none") is None
    assert (tmp_path / "A").readlink() == tmp_path / "B"
    assert not (tmp_path / "B").exists()


async def test_a_file_is_put_again_without_being_looked_for_where_it_was_put_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(DiskFileStore(tmp_path))
    await world.host.paths.make_directory(CALLER, "OPEN", "D", parents=False)
    await world.put("D/A", b"one")
    put = way(world, "d/a")
    for data in (b"two", b"three", b"four"):
        assert put(CALLER, data) is not None

    def fail(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("it was looked for")

    monkeypatch.setattr(world.store, "look", fail)
    monkeypatch.setattr(world.store, "write_whole", fail)
    etags = set()
    for data in (b"five", b"", b"six" * 99):
        written = put(CALLER, data)
        assert written is not None
        etags.add(written.etag)
        assert (tmp_path / "D" / "A").read_bytes() == data
        assert await world.host.paths.get(CALLER, "OPEN", "D/A") == Content(
            data, written.etag, world.clock.time
        )
        assert [facts.etag for facts in world.store.list(n("D"))] == [written.etag]
    assert len(etags) == 3


@pytest.mark.parametrize("step", [1, 100, 1000, 10**9])
async def test_a_file_that_is_put_again_has_the_time_that_the_disk_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    utime = os.utime

    def in_steps(file: str | int, *, ns: tuple[int, int]) -> None:
        time = min(ns[1], 10**9 << 34) // step * step
        utime(file, ns=(time, time))

    monkeypatch.setattr(os, "utime", in_steps)
    world = World(DiskFileStore(tmp_path))
    await world.put("A", b"one")
    put = way(world)
    for at in [*range(220), 1 << 31, (1 << 34) + 1, 1 << 33, 1]:
        world.clock.time = float(at)
        written, status = put(CALLER, b"more"), (tmp_path / "A").stat()
        assert written is not None
        assert written.etag == f'"{status.st_mtime_ns:x}-4-{status.st_ino:x}"'
        assert world.store.find(n("A")).etag == written.etag  # type: ignore[union-attr]


def _moved_and_linked(root: Path, outside: Path) -> None:
    (root / "D").rename(outside / "D")
    (root / "D").symlink_to(outside / "D")


def _spelled_otherwise(root: Path, outside: Path) -> None:
    (root / "D" / "A").rename(outside / "A")
    (root / "D" / "a").write_bytes(b"theirs")


def _changed_in_place(root: Path, _outside: Path) -> None:
    (root / "D" / "A").write_bytes(b"theirs")


def _given_another_name(root: Path, outside: Path) -> None:
    (outside / "A").hardlink_to(root / "D" / "A")


def _for_its_owner_alone(root: Path, _outside: Path) -> None:
    (root / "D" / "A").chmod(0o600)


def _read(root: Path, outside: Path) -> None:
    (outside / "A").symlink_to(root / "D" / "A")


@pytest.mark.parametrize(
    ("happens", "now"),
    [
        (_moved_and_linked, None),
        (_spelled_otherwise, "a"),
        (_changed_in_place, "A"),
        (_given_another_name, "A"),
        (_for_its_owner_alone, "A"),
        (_read, "A"),
    ],
)
async def test_what_others_did_to_a_file_that_is_put_again_is_seen(
    tmp_path: Path, happens: Callable[[Path, Path], None], now: str | None
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    world = World(DiskFileStore(root))
    await world.host.paths.make_directory(CALLER, "OPEN", "D", parents=False)
    await world.put("D/A", b"one")
    put = way(world, "D/A")
    for data in (b"two", b"three", b"four"):
        assert put(CALLER, data) is not None
    happens(root, outside)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    reader = (root / "D" / "A").open("rb") if happens is _read else None
    written = put(CALLER, b"five")
    assert (written is None) == (now is None)
    if now is not None:
        assert [path.name for path in (root / "D").iterdir()] == [now]
        assert (root / "D" / now).read_bytes() == b"five"
    if reader is None:
        assert before == {path: path.read_bytes() for path in before}
    else:
        assert reader.read() == b"four"
        reader.close()


async def test_a_file_that_got_attributes_is_put_again_by_nobody_here(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path))
    await world.put("A", b"one")
    put = way(world)
    for data in (b"two", b"three", b"four"):
        assert put(CALLER, data) is not None
    world.store.set_attributes(n("A"), 2)
    assert put(CALLER, b"five") is None
    assert (tmp_path / "A").read_bytes() == b"four"
