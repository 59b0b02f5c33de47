"""A start on a full disk: all that was answered can be read, and is laid out when there is room."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal import waiting_for_room
from despoolr_server.files.journal.chain import render_header
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.segments import numbers_in
from despoolr_server.loop import pace
from worlds.journals import PassingStore, SmallDisk

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    return SmallDisk(monkeypatch)


def killed(root: Path) -> list[str]:
    """What a store told that was killed while files were on their way; the paths of these."""
    store = PassingStore(root, threads=False, journal_max=20_000)
    store.make_directory(n("BOX"), AT)
    store.write_whole(n("BOX/OLD"), b"old", AT, passing=False)
    paths = [f"BOX/{number}" for number in range(5)]
    for path in paths:
        store.write_whole(n(path), path.encode() * 100, AT)
    return paths


CHANGES: list[Callable[[JournalledFileStore], object]] = [
    lambda store: store.write_whole(n("BOX/0"), b"x", AT),
    lambda store: store.write_whole(n("BOX/NEW"), b"x", AT, passing=True),
    lambda store: store.write_at(n("BOX/4"), 0, b"x", AT),
    lambda store: store.set_size(n("BOX/4"), 0, AT),
    lambda store: store.set_attributes(n("BOX/4"), 1),
    lambda store: store.set_properties(n("BOX/4"), {}),
    lambda store: store.make_directory(n("NEW"), AT),
    lambda store: store.remove(n("BOX/4")),
    lambda store: store.remove(n("BOX/OLD")),
    lambda store: store.rename(n("BOX/4"), n("BOX/5")),
    lambda store: store.rename(n("BOX"), n("CASE")),
]


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as often:
        often.setattr(waiting_for_room, "LOOK_S", 0.01)
        yield


@pytest.fixture
def looks_when_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as seldom:
        seldom.setattr(waiting_for_room, "LOOK_S", 3600.0)
        yield


@pytest.mark.usefixtures("looks_often")
async def test_what_was_answered_can_be_read_on_a_full_disk_and_is_laid_out_when_there_is_room(
    tmp_path: Path, disk: SmallDisk
) -> None:
    root = tmp_path / "s"
    paths = killed(root)
    disk.free = 1_200  # two of the five
    store = JournalledFileStore(root, threads=False, journal_max=20_000)
    assert ["3 files" in finding for finding in store.findings] == [True]
    told = [store.find(n(path)) for path in paths]
    assert [store.read(n(path)) for path in paths] == [path.encode() * 100 for path in paths]
    assert [facts.path for facts in store.list(n("BOX"))] == [*paths, "BOX/OLD"]
    assert sorted(store.below(n("BOX"))) == ["0", "1", "2", "3", "4", "OLD"]
    for change in CHANGES:
        with pytest.raises(StoreError) as refused:
            change(store)
        assert refused.value.status is NtStatus.DISK_FULL
    with pytest.raises(StoreError):
        await store.stage(b"x", AT)
    await store.sync()
    assert {len(path.read_bytes()) for path in (root / "BOX").iterdir()} == {3, 500}
    disk.free += 100  # not enough, and the next look is told so
    waiting = store._waiting
    assert waiting is not None
    async with asyncio.timeout(60):
        while waiting._free != disk.free:  # noqa: ASYNC110 - nobody tells of a look
            await asyncio.sleep(0.01)
    assert store.findings and store.read(n(paths[4])) == b"BOX/4" * 100
    disk.free = 1 << 30
    async with asyncio.timeout(60):
        while store.findings:  # noqa: ASYNC110 - nobody tells of a disk
            await asyncio.sleep(0.01)
    assert [store.find(n(path)) for path in paths] == told, "with the ETags that they had"
    assert DiskFileStore(root).read(n("BOX/4")) == b"BOX/4" * 100
    store.write_whole(n("BOX/NEW"), b"x", AT, passing=True)
    store.remove(n("BOX/0"))
    await store.sync()
    await store.close()
    assert sorted(path.name for path in (root / "BOX").iterdir()) == [*"1234", "NEW", "OLD"]


@pytest.mark.usefixtures("looks_when_told")
async def test_others_have_turns_while_a_start_is_made_up_for_and_can_change_nothing_before(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONG_S", 0.0)
    paths = killed(tmp_path)
    disk.free = 0
    store = JournalledFileStore(tmp_path, threads=False, journal_max=20_000)
    waiting = store._waiting
    assert waiting is not None
    told = [store.find(n(path)) for path in paths]
    disk.free = 1 << 30
    waiting._look()
    turns = 0
    while store.findings:
        assert [store.find(n(path)) for path in paths] == told
        assert [store.read(n(path)) for path in paths] == [path.encode() * 100 for path in paths]
        for change in CHANGES:
            with pytest.raises(StoreError) as refused:
                change(store)
            assert refused.value.status is NtStatus.DISK_FULL
        turns += 1
        await asyncio.sleep(0)
    assert turns > len(paths)
    assert [store.find(n(path)) for path in paths] == told
    store.write_whole(n("BOX/NEW"), b"x", AT)
    await store.close()


@pytest.mark.usefixtures("looks_when_told")
async def test_a_start_that_is_made_up_for_while_its_server_ends_is_made_up_for_by_the_next(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONG_S", 0.0)
    paths = killed(tmp_path)
    for turns in range(0, 40, 3):
        disk.free = 0
        store = JournalledFileStore(tmp_path, threads=False, journal_max=20_000)
        assert store._waiting is not None
        disk.free = 1 << 30
        store._waiting._look()
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.close()
    again = JournalledFileStore(tmp_path, threads=False, journal_max=20_000)
    assert again.findings == []
    assert [again.read(n(path)) for path in paths] == [path.encode() * 100 for path in paths]
    await again.close()


@pytest.mark.usefixtures("looks_when_told")
async def test_a_store_is_closed_when_no_thread_of_its_start_is_at_work_any_more(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(tmp_path)
    disk.free = 0
    store = JournalledFileStore(tmp_path, journal_max=20_000)
    is_begun, may_end = threading.Event(), threading.Event()
    ends: list[str] = []

    def sweep(_: DiskFileStore) -> None:
        is_begun.set()
        may_end.wait(60.0)
        ends.append("swept")

    monkeypatch.setattr(DiskFileStore, "sweep", sweep)
    assert store._waiting is not None
    disk.free = 1 << 30
    store._waiting._look()
    assert await asyncio.to_thread(is_begun.wait, 60.0)
    closing = asyncio.create_task(store.close())
    closing.add_done_callback(lambda _: ends.append("closed"))
    for _ in range(10):
        await asyncio.sleep(0)
    may_end.set()
    await closing
    assert ends == ["swept", "closed"]


async def test_a_server_that_ends_before_there_is_room_has_lost_nothing(
    tmp_path: Path, disk: SmallDisk
) -> None:
    root = tmp_path / "s"
    paths = killed(root)
    for free in (0, 700, 1_300):
        disk.free = free
        store = JournalledFileStore(root, threads=False, journal_max=20_000)
        assert store.findings and [store.read(n(path))[:5].decode() for path in paths] == paths
        await store.close()
    disk.free = 1 << 30
    store = JournalledFileStore(root, threads=False, journal_max=20_000)
    assert store.findings == []
    assert [store.read(n(path)) for path in paths] == [path.encode() * 100 for path in paths]
    await store.close()


async def renamed(root: Path, count: int) -> None:
    """A store that was killed when it had told of renames, none of which the disk has kept."""
    store = JournalledFileStore(root, threads=False)
    store.make_directory(n("BOX"), AT)
    for number in range(count):
        store.write_whole(n(f"BOX/F{number}"), b"%d" % number, AT)
    store.set_attributes(n("BOX/F1"), 1)
    await store.close()
    store = JournalledFileStore(root, threads=False)
    store.make_directory(n("NEW"), AT)
    store.rename(n("BOX/F0"), n("NEW/F0"))
    for number in range(1, count):
        store.rename(n(f"BOX/F{number}"), n(f"BOX/G{number}"))
    await store.sync()
    (root / "NEW/F0").rename(root / "BOX/F0")
    (root / "NEW").rmdir()
    for number in range(1, count):
        (root / f"BOX/G{number}").rename(root / f"BOX/F{number}")


@pytest.mark.usefixtures("looks_when_told")
async def test_files_that_a_start_renames_can_be_read_where_it_has_no_room_to_go_on(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "s"
    await renamed(root, 3)
    make_directory = os.mkdir

    def refusing(path: str, mode: int = 0o777) -> None:
        if not disk.free:
            raise OSError(errno.ENOSPC, "no room")
        make_directory(path, mode)

    monkeypatch.setattr(os, "mkdir", refusing)
    disk.free = 0
    store = JournalledFileStore(root, threads=False)
    told = ["BOX/F0", "BOX/G1", "BOX/G2"]
    waiting = store._waiting
    assert waiting is not None
    for _ in range(2):
        assert store.findings and [store.read(n(path)) for path in told] == [b"0", b"1", b"2"]
        assert [facts.path for facts in store.list(n("BOX"))] == told
        disk.free = 1
        waiting._free = 0
        waiting._look()  # the second start has no room either
        disk.free = 0
        assert waiting._trying is not None
        await waiting._trying
    disk.free = 1 << 30
    waiting._look()
    assert waiting._trying is not None
    await waiting._trying
    told[0] = "NEW/F0"
    assert not store.findings and [store.read(n(path)) for path in told] == [b"0", b"1", b"2"]
    found = store.find(n("BOX/G1"))
    assert found is not None and found.attributes & 1 and store.find(n("BOX/F0")) is None
    await store.close()


async def test_a_start_reads_no_directory_for_each_file_that_it_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took 22 s for 5,000 of one directory."""
    root, count = tmp_path / "s", 50
    await renamed(root, count)
    read: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> object:
        read.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    store = JournalledFileStore(root, threads=False)
    assert not store.findings and read.count(f"{root}/BOX") < 5
    for number in range(1, count):
        assert store.read(n(f"BOX/G{number}")) == b"%d" % number
    await store.close()


async def test_what_was_changed_before_the_disk_was_full_can_be_read_as_it_is(
    tmp_path: Path, disk: SmallDisk
) -> None:
    """It is made anew from its records, but not over itself."""
    root = tmp_path / "s"
    store = JournalledFileStore(root, threads=False, journal_max=20_000)
    store.write_whole(n("A"), b"first", AT)
    store.write_at(n("A"), 0, b"F", AT)
    disk.free = 0
    waiting = JournalledFileStore(root, threads=False, journal_max=20_000)
    assert waiting.findings and waiting.read(n("A")) == b"First"
    await waiting.close()


async def test_a_file_of_which_the_disk_has_a_part_is_counted_once(
    tmp_path: Path, disk: SmallDisk
) -> None:
    killed(tmp_path)
    (tmp_path / "BOX/0").touch()  # as a power cut leaves one
    disk.free = 0
    store = JournalledFileStore(tmp_path, threads=False, journal_max=20_000)
    assert store.findings and store.read(n("BOX/0")) == b"BOX/0" * 100
    assert await store.tally(n("BOX")) == (len(store.list(n("BOX"))), ()) == (6, ())
    await store.close()


def test_a_name_that_somebody_has_taken_for_a_link_is_not_shown_while_a_store_waits(
    tmp_path: Path, disk: SmallDisk
) -> None:
    root = tmp_path / "s"
    paths = killed(root)
    (root / "BOX/2").symlink_to(root / "BOX/OLD")
    disk.free = 0
    store = JournalledFileStore(root, threads=False, journal_max=20_000)
    assert store.findings and [path for path in paths if store.find(n(path)) is None] == ["BOX/2"]


def test_a_disk_with_no_room_for_a_journal_can_be_read(tmp_path: Path, disk: SmallDisk) -> None:
    root = tmp_path / "s"
    store = JournalledFileStore(root, threads=False)
    store.write_whole(n("A"), b"x", AT)
    asyncio.run(store.close())
    disk.free = 1000
    store = JournalledFileStore(root, threads=False)
    assert len(store.findings) == 1 and "files" not in store.findings[0]
    assert [facts.path for facts in store.list(ROOT)] == ["A"] and store.read(n("A")) == b"x"
    assert numbers_in(root / ".despoolr/journal") == []


def test_what_was_laid_out_for_later_goes_before_a_disk_is_full(
    tmp_path: Path, disk: SmallDisk
) -> None:
    """The next segment of the journal may be 64 MiB."""
    root = tmp_path / "s"
    paths = killed(root)
    journal = root / ".despoolr/journal"
    header = render_header(int((root / ".despoolr/store").read_text(), 16), 2, 9_000)
    (journal / "2").write_bytes(header + bytes(9_000 - len(header)))
    (journal / "3.new").write_bytes(b"half of it")
    disk.free = 0
    waiting = JournalledFileStore(root, threads=False, journal_max=20_000)
    assert waiting.findings and waiting.read(n(paths[0]))
    assert sorted(path.name for path in journal.iterdir()) == ["1", "mark"]


@pytest.mark.usefixtures("looks_often")
async def test_a_disk_that_does_not_say_how_much_is_free_is_asked_again(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = killed(tmp_path / "s")
    disk.free = 0
    store = JournalledFileStore(tmp_path / "s", threads=False, journal_max=20_000)
    asked = 0
    with monkeypatch.context() as silent:

        def fails(_: DiskFileStore) -> int:
            nonlocal asked
            asked += 1
            raise StoreError(NtStatus.IO_DEVICE_ERROR, "Stale file handle")

        silent.setattr(DiskFileStore, "free_bytes", fails)
        disk.free = 1_200  # two of the five, and nobody says so after the start that fails
        async with asyncio.timeout(60):
            while asked < 3:  # noqa: ASYNC110 - nobody tells of a look
                await asyncio.sleep(0.01)
    asked = 0
    with monkeypatch.context() as silent:
        begin = store._waiting._begin  # type: ignore[union-attr]

        def silenced() -> Iterator[waiting_for_room.Wait | None]:
            silent.setattr(DiskFileStore, "free_bytes", fails)
            yield from begin()

        silent.setattr(store._waiting, "_begin", silenced)
        async with asyncio.timeout(60):
            while asked < 3:  # noqa: ASYNC110 - nobody tells of a look
                await asyncio.sleep(0.01)
    assert store.findings
    disk.free = 1 << 30
    async with asyncio.timeout(60):
        while store.findings:  # noqa: ASYNC110 - nobody tells of a disk
            await asyncio.sleep(0.01)
    assert [store.read(n(path)) for path in paths] == [path.encode() * 100 for path in paths]
    await store.close()


@pytest.mark.usefixtures("looks_when_told")
async def test_a_start_that_fails_for_another_reason_when_there_is_room_says_so(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = killed(tmp_path / "s")
    disk.free = 0
    store = JournalledFileStore(tmp_path / "s", threads=False, journal_max=20_000)
    waiting = store._waiting
    assert waiting is not None

    def fails() -> Iterator[None]:
        yield
        raise StoreError(NtStatus.IO_DEVICE_ERROR, "broken")

    monkeypatch.setattr(waiting, "_begin", fails)
    disk.free = 1 << 30
    waiting._look()
    assert waiting._trying is not None
    assert waiting._trying is not None
    await waiting._trying
    assert store.findings == ["broken: start the server again"]
    assert store.read(n(paths[0])) == b"BOX/0" * 100
    await store.close()


@pytest.mark.usefixtures("looks_when_told")
async def test_a_start_that_breaks_off_leaves_nothing_that_can_be_changed(
    tmp_path: Path, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = killed(tmp_path)
    disk.free = 0
    store = JournalledFileStore(tmp_path, threads=False)
    waiting = store._waiting
    assert waiting is not None

    def breaks() -> Iterator[None]:
        yield
        raise RuntimeError

    monkeypatch.setattr(waiting, "_begin", breaks)
    disk.free = 1 << 30
    waiting._look()
    assert waiting._trying is not None
    with pytest.raises(RuntimeError):
        await waiting._trying
    for change in CHANGES:
        with pytest.raises(StoreError):
            change(store)
    assert store.read(n(paths[0])) == b"BOX/0" * 100
    await store.close()
