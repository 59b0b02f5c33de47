"""The segments of a journal: the next one comes in time, and where the disk has no room for it
nothing that was answered is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files.journal import segments
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.segments import OVERFULL, Journal, numbers_in
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import sync_all_data, sync_file_system, sync_path
from worlds.journals import rest

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def contents(store: JournalledFileStore) -> list[str]:
    return [facts.path for facts in store.list(ROOT)]


async def test_a_segment_comes_to_twice_its_size_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    lay_out = Journal._lay_out

    def slow(journal: Journal, number: int) -> None:
        if number == 2:
            may_end.wait(60)
        lay_out(journal, number)

    monkeypatch.setattr(Journal, "_lay_out", slow)
    store = JournalledFileStore(tmp_path, journal_max=20_000)
    first, third = (tmp_path / ".despoolr/journal" / name for name in ("1", "3"))
    written = 0
    while not third.exists():
        assert first.stat().st_size <= OVERFULL * 20_000
        store.write_whole(n(f"F{written}"), b"x" * 500, AT)
        await store.sync()
        written += 1
    assert first.stat().st_size > OVERFULL * 20_000 - 1_000
    may_end.set()
    await store.close()
    assert len(contents(JournalledFileStore(tmp_path))) == written


async def test_the_segment_that_is_written_is_not_laid_out_again(tmp_path: Path) -> None:
    """A directory is renamed just when the next segment is to be laid out."""
    store = JournalledFileStore(tmp_path / "s", journal_max=20_000)
    journal = store._journal
    assert journal is not None
    store.make_directory(n("D"), AT)
    store.write_whole(n("A"), bytes(12_000), AT)
    syncing = asyncio.ensure_future(store.sync())
    while not journal.restores(journal.sequence):  # noqa: ASYNC110 - seen before the next turn
        await asyncio.sleep(0)
    laying_out = journal._laying_out
    assert laying_out is not None and journal._being_laid_out is None
    store.rename(n("D"), n("E"))
    await asyncio.wait([syncing, laying_out])
    store.write_whole(n("B"), b"answered", AT)
    await store.sync()
    await rest(store)
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "crashed"))
    assert (again.findings, sorted(contents(again))) == ([], ["A", "B", "E"])
    await again.close()
    await store.close()


async def test_a_segment_for_which_the_disk_has_no_room_takes_none_and_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "JOURNAL_MAX", 20_000)
    store = JournalledFileStore(tmp_path, journal_max=20_000)
    journal = store._journal
    assert journal is not None
    new = tmp_path / ".despoolr/journal/2.new"
    new.symlink_to("/dev/full")
    tries = 0
    for number in range(30):
        store.write_whole(n(f"F{number}"), b"x" * 500, AT)
        await store.sync()
        if journal._laying_out is not None:
            await asyncio.wait([journal._laying_out])
            assert not os.path.lexists(new)
            new.symlink_to("/dev/full")
            tries += 1
    assert tries == 1
    assert sorted(path.name for path in new.parent.iterdir()) == ["1", "2.new", "mark"]
    new.unlink()  # there is room again
    for number in range(20):
        store.write_whole(n(f"G{number}"), b"x" * 500, AT)
        await store.sync()
    assert journal.capacity == 20_000, "the loop waits for it: it is no larger than the first"
    await store.close()
    assert len(contents(JournalledFileStore(tmp_path))) == 50


async def test_a_segment_that_does_not_fit_the_disk_is_none_after_a_kill(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path / "s", threads=False, journal_max=20_000)
    store.write_whole(n("A"), bytes(15_000), AT)
    (tmp_path / "s/.despoolr/journal/2.new").symlink_to("/dev/full")
    with pytest.raises(StoreError) as refused:
        store.write_whole(n("B"), bytes(10_000), AT)
    assert refused.value.status is NtStatus.DISK_FULL
    store.write_whole(n("C"), b"fits", AT)
    await store.sync()
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "crashed"))
    assert (again.findings, sorted(contents(again))) == ([], ["A", "C"])
    await again.close()
    await store.close()


@dataclass
class Room:
    """What `statvfs` says of a disk that has so much left."""

    f_bavail: int
    f_frsize: int = 1
    f_blocks: int = 1


async def test_a_segment_is_as_large_as_there_is_room_for_and_none_is_begun_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "JOURNAL_MAX", 4096)
    store = JournalledFileStore(tmp_path / "s", journal_max=4096)
    journal = store._journal
    assert journal is not None
    journal.size_max = 16_384
    room = Room(5000)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    journal._lay_out(2)
    laid_out = tmp_path / "s/.despoolr/journal/2"
    assert laid_out.stat().st_size == 4096, "the half of the half that fits"
    laid_out.unlink()
    (tmp_path / "s/.despoolr/journal/2.new").mkdir()  # whoever opened it would be told so
    room.f_bavail = 4095
    with pytest.raises(OSError, match="no room"):
        journal._lay_out(2)
    (tmp_path / "s/.despoolr/journal/2.new").rmdir()
    room.f_bavail = 4096
    journal._lay_out(2)
    laid_out.unlink()
    await store.close()


@pytest.mark.parametrize("left", [4, 40], ids=["for nothing", "for one record of two"])
async def test_a_directory_that_a_full_disk_cannot_rename_leaves_the_journal_as_it_was(
    tmp_path: Path, left: int
) -> None:
    store = JournalledFileStore(tmp_path / "s", threads=False, journal_max=20_000)
    journal = store._journal
    assert journal is not None
    store.make_directory(n("D"), AT)
    store.write_whole(n("A"), b"", AT)
    record = journal._size
    store.write_whole(n("A"), bytes(300), AT)
    record = journal._size - record - 300 + left
    store.write_whole(n("A"), bytes(journal.capacity - journal._size - record), AT)
    assert journal.capacity - journal._size == left
    new = tmp_path / "s/.despoolr/journal/2.new"
    new.symlink_to("/dev/full")
    with pytest.raises(StoreError) as refused:
        store.rename(n("D"), n("E" * 100))
    assert refused.value.status is NtStatus.DISK_FULL
    assert journal.sequence == 4 + (left > 4)
    for name in ("A", "B", "C"):
        store.write_whole(n(name), b"answered", AT)
        await store.sync()
        await rest(store)  # what is no longer needed goes
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "crashed"))
    assert (again.findings, sorted(contents(again))) == ([], ["A", "B", "C", "D"])
    await again.close()
    await store.close()


async def test_a_directory_is_renamed_when_all_that_was_recorded_before_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records count no more, and the new name is on disk when the next ones are."""
    store = JournalledFileStore(tmp_path, threads=False)
    journal = store._journal
    assert journal is not None
    store.make_directory(n("D"), AT)
    steps: list[tuple[str, int, bool]] = []

    def note(what: str) -> None:
        steps.append((what, journal.sequence, (tmp_path / "E").exists()))

    monkeypatch.setattr(segments, "sync_file_system", lambda _: note("everything"))
    monkeypatch.setattr(segments, "sync_all_data", lambda _: note("records"))
    store.rename(n("D"), n("E"))
    assert steps == [("everything", 1, False), ("records", 3, False)]
    assert (tmp_path / "E").exists()


async def test_a_full_segment_that_is_being_synced_is_among_all_that_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory renamed meanwhile would be on disk before what tells of it."""
    store = JournalledFileStore(tmp_path, journal_max=2000)
    journal, may_end = store._journal, threading.Event()
    assert journal is not None
    store.make_directory(n("D"), AT)
    while not journal._older:
        store.write_whole(n("A"), b"x" * 500, AT)
    (full,) = [descriptor for descriptor, _ in journal._older]
    loop, synced, sync_all = threading.current_thread(), list[list[int]](), sync_all_data

    def slow(descriptors: list[int]) -> None:
        if threading.current_thread() is loop:
            synced.append(descriptors)
        else:
            may_end.wait(60)
        sync_all(descriptors)

    monkeypatch.setattr(segments, "sync_all_data", slow)
    syncing = asyncio.ensure_future(store.sync())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.rename(n("D"), n("E"))
    assert full in synced[0]
    may_end.set()
    await syncing
    await rest(store)
    assert journal._older == []
    await store.close()


async def test_a_journal_goes_though_there_is_no_room_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one is laid out when it is needed, and fails then if it must."""
    store = JournalledFileStore(tmp_path / "s", threads=False, journal_max=2000)
    journal = store._journal
    assert journal is not None
    while not journal._older:
        store.write_whole(n("A"), b"x" * 500, AT)

    drop, failures = journal._drop, []

    def has_no_room(_: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    async def noting(full: list[tuple[int, int]]) -> None:
        try:
            await drop(full)
        except BaseException as error:
            failures.append(error)
            raise

    with monkeypatch.context() as full:
        full.setattr(journal, "_lay_out", has_no_room)
        full.setattr(journal, "_drop", noting)
        await store.sync()
        await rest(store)
    assert failures == []
    assert numbers_in(tmp_path / "s/.despoolr/journal") == [2]
    await store.close()


async def test_a_segment_that_went_does_not_come_back_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two others that are gone it would be a journal with a gap, which is damage."""
    store = JournalledFileStore(tmp_path, threads=False, journal_max=20_000)
    directory = tmp_path / ".despoolr/journal"
    unlink, sync, lay_out = Path.unlink, sync_path, Journal._lay_out
    unsafe: set[str] = set()

    def gone(path: Path, *, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        if path.name.isdigit():
            unsafe.add(path.name)

    def safe(path: str) -> None:
        sync(path)
        if path == str(directory):
            unsafe.clear()

    def ahead(journal: Journal, number: int) -> None:
        before = {*unsafe}
        lay_out(journal, number)
        unsafe.update(before)  # another time the next one lies there, and nothing is laid out

    monkeypatch.setattr(Path, "unlink", gone)
    monkeypatch.setattr(Journal, "_lay_out", ahead)
    monkeypatch.setattr(segments, "sync_path", safe)
    store.make_directory(n("D"), AT)
    for number in range(3):
        store.write_whole(n(f"F{number}"), bytes(15_000), AT)
        await store.sync()
        await rest(store)
        assert unsafe == set() and numbers_in(directory)[0] == number + 1
    store.rename(n("D"), n("E"))
    assert unsafe == set()
    await store.close()
    assert unsafe == set() and numbers_in(directory) == []


async def test_a_segment_stays_before_later_ones_if_what_it_says_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal without it would have a gap, which is damage."""
    store = JournalledFileStore(tmp_path, threads=False, journal_max=2000)
    journal, directory = store._journal, tmp_path / ".despoolr/journal"
    assert journal is not None

    def fail(_: str) -> None:
        raise OSError(errno.EMFILE, "no descriptor to sync with")

    async def fill() -> None:
        begun = journal._number
        while journal._number == begun:
            store.write_whole(n("A"), b"x" * 500, AT)
        await store.sync()
        await rest(store)

    with monkeypatch.context() as broken:
        broken.setattr(segments, "sync_file_system", fail)
        await fill()
    assert numbers_in(directory)[0] == 1
    identity = segments.identity_of(tmp_path / ".despoolr")
    assert segments.read_segments(directory, identity).damage == ""
    await fill()
    assert segments.read_segments(directory, identity).damage == ""
    assert numbers_in(directory)[0] > 1
    await store.close()


@pytest.mark.parametrize("failing", ["sync_file_system", "sync_all_data"])
async def test_after_a_sync_that_failed_nothing_is_answered_and_no_segment_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The next one would say that all is well, of what the disk has lost."""
    store = JournalledFileStore(tmp_path, threads=False, journal_max=2000)
    journal, directory = store._journal, tmp_path / ".despoolr/journal"
    assert journal is not None

    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(segments, failing, fail)
        while not journal._older:
            store.write_whole(n("A"), b"x" * 500, AT)
        with contextlib.suppress(StoreError):
            await store.sync()
        await rest(store)
    with pytest.raises(StoreError, match="nothing can be changed here: the disk failed"):
        store.write_whole(n("B"), b"later", AT)
    if failing == "sync_all_data":
        with pytest.raises(StoreError, match="the disk failed"):
            await store.sync()
    assert store.read(n("A")) == b"x" * 500
    await store.close()
    assert numbers_in(directory)[0] == 1
    again = JournalledFileStore(tmp_path, threads=False)
    assert again.findings == [] and again.read(n("A")) == b"x" * 500
    await again.close()


async def test_a_segment_stays_if_the_disk_fails_while_it_is_about_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync of the file system may say nothing of what another one lost."""
    store = JournalledFileStore(tmp_path, journal_max=2000)
    journal, may_end = store._journal, threading.Event()
    assert journal is not None

    def slow(path: str) -> None:
        may_end.wait(60)
        sync_file_system(path)

    def fail(_: list[int]) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(segments, "sync_file_system", slow)
    while not journal._older:
        store.write_whole(n("A"), b"x" * 500, AT)
    await store.sync()
    assert journal._dropping is not None
    store.write_whole(n("A"), b"later", AT)
    with monkeypatch.context() as broken:
        broken.setattr(segments, "sync_all_data", fail)
        with pytest.raises(StoreError):
            await store.sync()
    may_end.set()
    await rest(store)
    assert numbers_in(tmp_path / ".despoolr/journal")[0] == 1
    await store.close()


async def test_a_journal_of_a_disk_that_failed_is_closed_when_nobody_writes_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark would be written into whatever was opened next."""
    store, may_end = JournalledFileStore(tmp_path), threading.Event()
    loop = threading.current_thread()

    def slow(descriptors: list[int]) -> None:
        if threading.current_thread() is not loop:
            may_end.wait(60)
        sync_all_data(descriptors)

    def fail(_: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(segments, "sync_all_data", slow)
    store.make_directory(n("D"), AT)
    syncing = asyncio.ensure_future(store.sync())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with monkeypatch.context() as broken:
        broken.setattr(segments, "sync_file_system", fail)
        with pytest.raises(StoreError):
            store.rename(n("D"), n("E"))
    closing = asyncio.ensure_future(store._journal.close(list))  # type: ignore[union-attr]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not closing.done()
    may_end.set()
    await closing
    await syncing


async def test_who_is_called_is_called_when_what_was_written_before_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One `fdatasync` for all who wait, and another for those who came during it."""
    store = JournalledFileStore(tmp_path)
    journal, sync_all = store._journal, sync_all_data
    assert journal is not None
    may_end, synced, said = threading.Event(), list[int](), list[str]()

    def slow(descriptors: list[int]) -> None:
        synced.append(len(said))
        may_end.wait(60)
        sync_all(descriptors)

    monkeypatch.setattr(segments, "sync_all_data", slow)
    for name in "AB":
        store.write_whole(n(name), b"x", AT)
        store.when_safe(lambda error, name=name: said.append(f"{name} {error}"))  # type: ignore[misc]
    while not synced:  # noqa: ASYNC110 - a thread begins
        await asyncio.sleep(0)
    store.write_whole(n("C"), b"x", AT)
    store.when_safe(lambda error: said.append(f"C {error}"))
    waiting = asyncio.ensure_future(store.sync())
    await asyncio.sleep(0)
    assert not said
    may_end.set()
    await waiting
    assert said == ["A None", "B None", "C None"]
    assert synced == [0, 2]
    await store.close()


async def test_who_is_called_hears_why_the_disk_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, said = JournalledFileStore(tmp_path, threads=False), list[StoreError | None]()

    def broken(_descriptors: list[int]) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store.write_whole(n("A"), b"x", AT)
    with monkeypatch.context() as patch:
        patch.setattr(segments, "sync_all_data", broken)
        store.when_safe(said.append)
        store.when_safe(said.append)
        with pytest.raises(StoreError):
            await store.sync()
    assert [error and error.status for error in said] == [NtStatus.IO_DEVICE_ERROR] * 2
    store.when_safe(said.append)
    with pytest.raises(StoreError, match="the disk failed"):
        await store.sync()
    assert len(said) == 3 and isinstance(said[2], StoreError)
    await store.close()


@pytest.mark.parametrize("is_broken", [False, True])
async def test_who_fails_when_called_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    store, said = JournalledFileStore(tmp_path, threads=False), list[StoreError | None]()
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failed.append(str(context["exception"]))
    )

    def fail(_error: StoreError | None) -> None:
        raise RuntimeError("nobody is there")

    def broken(_descriptors: list[int]) -> None:
        raise RuntimeError("no thread")

    store.write_whole(n("A"), b"x", AT)
    with monkeypatch.context() as patch:
        if is_broken:
            patch.setattr(segments, "sync_all_data", broken)
        store.when_safe(fail)
        store.when_safe(said.append)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [error is None for error in said] == [not is_broken]
    assert failed[0] == "nobody is there"
    await store.close()


async def test_who_waits_for_the_disk_waits_for_nobody_who_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, may_end = JournalledFileStore(tmp_path), threading.Event()
    failures: list[OSError | None] = [OSError(errno.EIO, "Input/output error"), None]

    def slow(descriptors: list[int]) -> None:
        may_end.wait(60)
        failure = failures.pop()
        if failure is not None:
            raise failure
        sync_all_data(descriptors)

    monkeypatch.setattr(segments, "sync_all_data", slow)
    for heard in (type(None), StoreError):
        may_end.clear()
        store.write_whole(n("F"), b"x", AT)
        waiting = [asyncio.ensure_future(store.sync()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert not waiting[1].done() and not waiting[2].done()
        may_end.set()
        _, *others = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(other) for other in others] == [heard] * 2
    await store.close()
