"""Path operations: an open, the work, a close."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Entry, Problem
from despoolr_server.files import MemoryFileStore, path_index
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.path_index import NAMES_AT_ONE_TIME
from despoolr_server.files.protocol import StoreError
from despoolr_server.loop.pace import BATCH
from despoolr_server.shares.base.principal import NOT_MODIFIED, Caller, Content, Written
from worlds.share import EPOCH, SERVICE, World, client, status

WS3 = client("WS3", "ALICE")
SVC = Caller(SERVICE, program="SMS_DESPOOLER")
ALL = "READ|WRITE|DELETE"


async def test_a_file_is_put_and_got_with_its_etag_and_time() -> None:
    world = World()
    etag = await world.put("Note.txt", b"hello")
    content = await world.host.paths.get(SVC, "open", "NOTE.TXT")
    assert content == Content(b"hello", etag, EPOCH)
    assert await world.host.paths.get(SVC, "OPEN", "note.txt", etag) is NOT_MODIFIED
    world.clock.time += 1
    again = await world.put("note.txt", b"hello")
    assert again != etag
    assert isinstance(await world.host.paths.get(SVC, "OPEN", "note.txt", etag), Content)


async def test_a_name_is_created_only_once() -> None:
    world = World()
    assert isinstance(await world.host.paths.put(SVC, "OPEN", "F", b"1", create_only=True), Written)
    assert (
        status(await world.host.paths.put(SVC, "OPEN", "f", b"2", create_only=True))
        is NtStatus.OBJECT_NAME_COLLISION
    )


@pytest.mark.parametrize("path", ["../x", "CON", "D/NUL.TXT", "a\0b", "x" * 256, "trailing."])
async def test_a_bad_path_is_refused_recorded_and_touches_nothing(path: str) -> None:
    world = World()
    refusal = await world.host.paths.put(SVC, "OPEN", path, b"x")
    assert isinstance(refusal, Problem)
    assert (refusal.nt_status, refusal.win32, refusal.status) == (
        NtStatus.OBJECT_NAME_INVALID,
        123,
        400,
    )
    assert world.last("open.refused")["nt_status"] == "STATUS_OBJECT_NAME_INVALID"
    assert world.host.listings.list(SVC, "OPEN", "") == []


async def test_what_is_missing_is_said_and_not_recorded() -> None:
    world = World()
    assert status(await world.host.paths.get(SVC, "OPEN", "F")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert status(await world.host.paths.get(SVC, "OPEN", "D/F")) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert (
        status(await world.host.paths.put(SVC, "OPEN", "D/F", b""))
        is NtStatus.OBJECT_PATH_NOT_FOUND
    )
    assert status(await world.host.paths.delete(SVC, "OPEN", "F")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "F", "G", replace=False))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )
    assert status(world.host.listings.stat(SVC, "OPEN", "F")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert status(world.host.listings.list(SVC, "OPEN", "D")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert status(await world.host.paths.get(SVC, "NOSUCH", "F")) is NtStatus.BAD_NETWORK_NAME
    assert world.kinds() == []


async def test_a_reader_stops_a_writer_and_a_writer_stops_a_reader() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3, "WINWORD.EXE")
    reader = await world.hold(WS3, session, "F")
    refusal = await world.host.paths.put(SVC, "OPEN", "F", b"y")
    assert isinstance(refusal, Problem)
    assert (refusal.nt_status, refusal.win32, refusal.status) == (
        NtStatus.SHARING_VIOLATION,
        32,
        423,
    )
    assert refusal.type == "/problems/sharing-violation"
    assert (
        "WINWORD.EXE on WS3 (user ALICE) with READ access sharing READ since 1996-06-03 07:00"
        in refusal.detail
    )
    assert status(await world.host.paths.get(SVC, "OPEN", "F")) is NtStatus.SUCCESS
    assert status(await world.host.paths.delete(SVC, "OPEN", "F")) is NtStatus.SHARING_VIOLATION
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "F", "G", replace=True))
        is NtStatus.SHARING_VIOLATION
    )
    await world.host.handles.close(WS3, reader)
    await world.hold(WS3, session, "F", access="WRITE")
    assert status(await world.host.paths.get(SVC, "OPEN", "F")) is NtStatus.SHARING_VIOLATION


async def test_a_file_too_large_is_refused_before_anything_is_written() -> None:
    world = World(file_size_max=100)
    assert (
        status(await world.host.paths.put(SVC, "OPEN", "F", b"x" * 101)) is NtStatus.FILE_TOO_LARGE
    )
    assert world.last("open.refused")["nt_status"] == "STATUS_FILE_TOO_LARGE"
    assert status(await world.host.paths.put(SVC, "OPEN", "F", b"x" * 100)) is NtStatus.SUCCESS


async def test_a_full_disk_keeps_the_old_file() -> None:
    world = World(MemoryFileStore(capacity=10))
    await world.put("F", b"12345")
    refusal = await world.host.paths.put(SVC, "OPEN", "F", b"x" * 11)
    assert isinstance(refusal, Problem)
    assert (refusal.nt_status, refusal.status, refusal.win32) == (NtStatus.DISK_FULL, 507, 112)
    assert refusal.free_bytes == 5
    assert status(await world.host.paths.put(SVC, "OPEN", "G", b"x" * 6)) is NtStatus.DISK_FULL
    assert world.host.listings.list(SVC, "OPEN", "") == [Entry("F", 5, EPOCH)]


async def test_a_refusal_for_want_of_room_says_how_much_is_left_where_it_would_go() -> None:
    store = MemoryFileStore(capacity=100)
    world = World(store)
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=False)
    store.quotas["D"] = 3
    for path, left in (("D/F", 3), ("F", 100)):
        refusal = await world.host.paths.put(SVC, "OPEN", path, b"x" * 101)
        assert isinstance(refusal, Problem)
        assert (refusal.nt_status, refusal.free_bytes) == (NtStatus.DISK_FULL, left)


async def test_a_disk_that_does_not_say_how_much_is_left_is_full_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryFileStore(capacity=0)

    def failing() -> int:
        raise StoreError(NtStatus.IO_DEVICE_ERROR)

    monkeypatch.setattr(store, "_reserve", full)
    monkeypatch.setattr(store, "free_bytes", failing)
    refusal = await World(store).host.paths.put(SVC, "OPEN", "F", b"x")
    assert isinstance(refusal, Problem)
    assert (refusal.nt_status, refusal.free_bytes) == (NtStatus.DISK_FULL, None)


def full(_more: int) -> None:
    raise StoreError(NtStatus.DISK_FULL)


async def test_deleting_what_others_share_for_deletion_waits_for_them() -> None:
    world = World()
    await world.put("F")
    reader = await world.hold(WS3, world.session(WS3), "F", share_mode=ALL)
    assert await world.host.paths.delete(SVC, "OPEN", "F") is None
    assert "file.deleted" not in world.kinds()
    assert status(await world.host.paths.get(SVC, "OPEN", "F")) is NtStatus.DELETE_PENDING
    assert await world.host.handles.read(WS3, reader, 0, None) == b"x"
    await world.host.handles.close(WS3, reader)
    assert world.last("file.deleted")["program"] == "SMS_DESPOOLER"
    assert (
        status(await world.host.paths.put(SVC, "OPEN", "F", b"new", create_only=True))
        is NtStatus.SUCCESS
    )


async def test_what_is_read_only_or_filled_is_not_deleted() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D/E", parents=True)
    assert status(await world.host.paths.delete(SVC, "OPEN", "D")) is NtStatus.DIRECTORY_NOT_EMPTY
    handle = await world.hold(
        WS3,
        world.session(WS3),
        "F",
        access="WRITE",
        disposition="CREATE",
        attributes="READONLY",
        share_mode=ALL,
    )
    await world.host.handles.close(WS3, handle)
    assert status(await world.host.paths.delete(SVC, "OPEN", "F")) is NtStatus.CANNOT_DELETE
    assert status(await world.host.paths.put(SVC, "OPEN", "F", b"x")) is NtStatus.ACCESS_DENIED
    assert status(await world.host.paths.delete(SVC, "OPEN", "")) is NtStatus.ACCESS_DENIED


async def test_moving_renames_replaces_and_changes_case() -> None:
    world = World()
    await world.put("F", b"f")
    await world.put("G", b"g")
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "F", "G", replace=False))
        is NtStatus.OBJECT_NAME_COLLISION
    )
    assert await world.host.paths.move(SVC, "OPEN", "F", "g", replace=True) is None
    entries = world.host.listings.list(SVC, "OPEN", "")
    assert isinstance(entries, list)
    assert [entry.name for entry in entries] == ["g"]
    assert await world.host.paths.move(SVC, "OPEN", "g", "G", replace=False) is None
    assert world.last("file.renamed") == {
        "server": "LOGON1",
        "share": "OPEN",
        "path": "g",
        "new_path": "G",
        "machine": "SITE1",
        "program": "SMS_DESPOOLER",
        "purpose": "",
    }


async def test_a_move_onto_an_open_file_is_denied_and_names_who_has_it() -> None:
    world = World()
    await world.put("F")
    await world.put("G")
    await world.hold(WS3, world.session(WS3, "WINWORD.EXE"), "G", share_mode=ALL)
    refusal = await world.host.paths.move(SVC, "OPEN", "F", "G", replace=True)
    assert isinstance(refusal, Problem)
    assert refusal.nt_status == NtStatus.ACCESS_DENIED
    assert [blocker.program for blocker in refusal.blockers] == ["WINWORD.EXE"]


async def test_a_directory_with_something_open_in_it_does_not_move() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D/E", parents=True)
    await world.put("D/E/F")
    handle = await world.hold(WS3, world.session(WS3), "D/E/F", share_mode=ALL)
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "D", "X", replace=False))
        is NtStatus.ACCESS_DENIED
    )
    await world.host.handles.close(WS3, handle)
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "D", "D/E/D", replace=False))
        is NtStatus.SHARING_VIOLATION
    )
    assert await world.host.paths.move(SVC, "OPEN", "D", "X", replace=False) is None
    assert status(await world.host.paths.get(SVC, "OPEN", "X/E/F")) is NtStatus.SUCCESS


async def test_the_target_of_a_move_must_be_writable_too() -> None:
    world = World()
    caller = Caller(WS3)
    for box in ("DESPOOLR.BOX", "PCMINS.BOX"):
        await world.host.paths.make_directory(SVC, "SMS_SHR", box, parents=True)
    assert (
        status(await world.host.paths.put(caller, "SMS_SHR", "DESPOOLR.BOX/A.TMP", b"x"))
        is NtStatus.SUCCESS
    )
    assert (
        status(await world.host.paths.put(caller, "SMS_SHR", "PCMINS.BOX/A.INS", b"x"))
        is NtStatus.ACCESS_DENIED
    )
    there = await world.host.paths.move(
        caller, "SMS_SHR", "DESPOOLR.BOX/A.TMP", "PCMINS.BOX/A.INS", replace=False
    )
    assert status(there) is NtStatus.ACCESS_DENIED
    here = await world.host.paths.move(
        caller, "SMS_SHR", "DESPOOLR.BOX/A.TMP", "DESPOOLR.BOX/A.PCK", replace=False
    )
    assert here is None


async def test_directories_are_made_with_those_above() -> None:
    world = World()
    assert (
        status(await world.host.paths.make_directory(SVC, "OPEN", "A/B", parents=False))
        is NtStatus.OBJECT_PATH_NOT_FOUND
    )
    assert await world.host.paths.make_directory(SVC, "OPEN", "A/B", parents=True) is None
    assert await world.host.paths.make_directory(SVC, "OPEN", "a/b", parents=True) is None
    assert (
        status(await world.host.paths.make_directory(SVC, "OPEN", "A/B", parents=False))
        is NtStatus.OBJECT_NAME_COLLISION
    )
    assert await world.host.paths.make_directory(SVC, "OPEN", "", parents=True) is None
    await world.put("F")
    assert (
        status(await world.host.paths.make_directory(SVC, "OPEN", "F/G", parents=True))
        is NtStatus.OBJECT_NAME_COLLISION
    )


async def test_a_held_directory_cannot_be_listed_when_nothing_is_shared() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=True)
    handle = await world.hold(
        WS3, world.session(WS3), "D", options="DIRECTORY_FILE", share_mode="NONE"
    )
    assert status(world.host.listings.list(SVC, "OPEN", "D")) is NtStatus.SHARING_VIOLATION
    assert status(world.host.listings.stat(SVC, "OPEN", "D")) is NtStatus.SUCCESS
    await world.host.handles.close(WS3, handle)
    assert world.host.listings.list(SVC, "OPEN", "D") == []


async def test_stat_conflicts_with_nothing() -> None:
    world = World()
    await world.put("F", b"abc")
    await world.hold(WS3, world.session(WS3), "F", access="READ|WRITE|DELETE", share_mode="NONE")
    found = world.host.listings.stat(SVC, "OPEN", "f")
    assert not isinstance(found, Problem)
    assert found[0] == Entry("F", 3, EPOCH)


async def test_a_large_file_on_its_way_is_an_open_like_any_other(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path, inline_max=1000))
    large = b"x" * 200_000
    first = asyncio.create_task(world.host.paths.put(SVC, "OPEN", "BIG", large))
    await asyncio.sleep(0)
    assert [row.path for row in world.host.opens()] == ["BIG"]
    refusal = await world.host.paths.put(Caller(WS3), "OPEN", "BIG", b"small")
    assert isinstance(refusal, Problem)
    assert (refusal.nt_status, refusal.blockers[0].machine) == (NtStatus.SHARING_VIOLATION, "SITE1")
    assert status(world.host.listings.stat(SVC, "OPEN", "BIG")) is NtStatus.OBJECT_NAME_NOT_FOUND
    assert isinstance(await first, Written)
    assert (world.host.open_count, world.host.session_count) == (0, 0)
    content = await world.host.paths.get(SVC, "OPEN", "BIG")
    assert isinstance(content, Content)
    assert content.data == large
    assert [kind for kind in world.kinds() if kind.startswith(("open.", "session."))] == [
        "open.refused"
    ]


async def test_a_cancelled_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path, inline_max=1000))
    upload = asyncio.create_task(world.host.paths.put(SVC, "OPEN", "BIG", b"x" * 5_000_000))
    await asyncio.sleep(0)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert world.host.open_count == 0
    assert world.host.listings.list(SVC, "OPEN", "") == []
    assert list((tmp_path / ".despoolr" / "tmp").iterdir()) == []


async def test_a_large_file_forced_closed_on_its_way_never_appears(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path, inline_max=1000))
    upload = asyncio.create_task(world.host.paths.put(SVC, "OPEN", "BIG", b"x" * 200_000))
    await asyncio.sleep(0)
    assert world.host.close_by_force(SERVICE, world.host.opens()[0].open, "forced") is None
    assert status(await upload) is NtStatus.FILE_CLOSED
    assert world.host.listings.list(SVC, "OPEN", "") == []


async def test_a_waiting_reader_that_gets_through_ends_its_episode() -> None:
    world = World()
    await world.put("F")
    handle = await world.hold(WS3, world.session(WS3), "F", access="WRITE")
    await world.host.paths.get(SVC, "OPEN", "F")
    world.clock.time += 60
    await world.host.handles.close(WS3, handle)
    await world.host.paths.get(SVC, "OPEN", "F")
    (row,) = world.host.episodes()
    assert (row.state, row.blocked_s) == ("resolved", 60.0)


@pytest.mark.slow
async def test_a_large_directory_is_listed_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(DiskFileStore(tmp_path / "root"))
    (tmp_path / "root" / "BOX").mkdir()
    for number in range(4 * NAMES_AT_ONE_TIME):
        (tmp_path / "root" / "BOX" / f"F{number:05}").touch()
    work = 0
    look = os.stat

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            nonlocal work
            work += 1
            return call(*arguments, **options)

        return counting

    monkeypatch.setattr(path_index, "fold", counted(fold))
    monkeypatch.setattr(os, "stat", counted(look))
    turns: list[int] = []

    async def others() -> None:
        while True:
            before = work
            await asyncio.sleep(0)
            turns.append(work - before)

    watching = asyncio.create_task(others())
    entries = await world.share().list("BOX")
    watching.cancel()
    assert [entry.name for entry in entries[:2]] == ["F00000", "F00001"]
    assert len(entries) == 4 * NAMES_AT_ONE_TIME
    assert sum(turns) >= 6 * NAMES_AT_ONE_TIME
    assert max(turns) <= NAMES_AT_ONE_TIME + BATCH


@pytest.mark.slow
async def test_what_is_put_while_a_large_directory_is_read_is_found_after(tmp_path: Path) -> None:
    world = World(DiskFileStore(tmp_path / "root"))
    for number in range(2 * NAMES_AT_ONE_TIME):
        (tmp_path / "root" / f"F{number:05}").touch()
    listing = asyncio.create_task(world.share().list())
    await asyncio.sleep(0)
    assert not listing.done()
    await world.put("Put meanwhile")
    await listing
    assert status(world.host.listings.stat(SVC, "OPEN", "put MEANWHILE")) is NtStatus.SUCCESS
    assert len(await world.share().list()) == 2 * NAMES_AT_ONE_TIME + 1
