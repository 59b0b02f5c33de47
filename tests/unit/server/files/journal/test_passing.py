"""Files that only pass through a box: seen by every call from the first moment, on disk after some
seconds, and never lost.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from despoolr_core.share.modes import Disposition, NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal import open_directories, passing
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.records import Entry, Remove
from despoolr_server.files.journal.segments import Journal, numbers_in
from despoolr_server.files.small_files import FILE_SIZE_MAX
from despoolr_server.files.spare import staged_files
from despoolr_server.files.spare.inode_pool import Spare
from despoolr_server.files.system.descriptors import sync_path
from worlds.journals import PassingStore, rest
from worlds.share import SERVICE, World

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def store(tmp_path: Path) -> PassingStore:
    made = PassingStore(tmp_path / "s", threads=False)
    made.make_directory(n("BOX"), AT)
    return made


def on_disk(store: JournalledFileStore) -> list[str]:
    return sorted(path.name for path in (store.root / "BOX").iterdir())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - nobody tells of a disk
            await asyncio.sleep(0.01)


def crashed(store: JournalledFileStore, tmp_path: Path) -> JournalledFileStore:
    """What the next start makes of the disk as it is now."""
    return JournalledFileStore(shutil.copytree(store.root, tmp_path / "crashed"), threads=False)


def listed(store: JournalledFileStore, directory: str = "BOX") -> list[str]:
    return [facts.path for facts in store.list(n(directory))]


def journal_of(store: JournalledFileStore) -> Journal:
    assert store._journal is not None
    return store._journal


def test_what_passes_is_seen_and_is_not_on_disk(store: PassingStore) -> None:
    etag = store.find(n("BOX"))
    facts = store.write_whole(n("BOX/b.txt"), b"two", AT)
    assert on_disk(store) == []
    assert store.find(n("box/B.TXT")) == facts == store.look(n("BOX/b.txt")).facts
    assert (facts.path, facts.size, facts.modified_at) == ("BOX/b.txt", 3, AT)
    assert store.find(n("BOX")) != etag, "a box in which something came is another one"
    assert store.read(n("BOX/B.TXT"), 1, 1) == b"w"
    assert store.content(n("BOX/B.TXT"), facts) == b"two"
    (store.root / "BOX" / "C.TXT").write_bytes(b"somebody else's")
    store.write_whole(n("BOX/A.TXT"), b"one", AT)
    store.write_whole(n("BOX/D.TXT"), b"one", AT)
    assert listed(store) == ["BOX/A.TXT", "BOX/b.txt", "BOX/C.TXT", "BOX/D.TXT"]
    assert sorted(store.below(ROOT)) == sorted(["BOX", *listed(store)])
    assert asyncio.run(store.tally(n("BOX"))) == (4, ())
    assert on_disk(store) == ["C.TXT"]


def test_what_is_gone_before_it_had_a_place_leaves_nothing(
    store: PassingStore, tmp_path: Path
) -> None:
    for number in range(3):
        store.write_whole(n("BOX/A"), b"%d" % number, AT)
        before = store.find(n("BOX"))
        store.remove(n("BOX/A"))
        assert store.find(n("BOX/A")) is None
        assert store.find(n("BOX")) != before
        assert not store.has_children(n("BOX"))
        assert listed(store) == []
    assert on_disk(store) == []
    assert crashed(store, tmp_path).list(n("BOX")) == []


async def test_it_takes_its_place_after_a_while_with_the_etag_that_it_had(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "REST_S", 0.01)
    names = [f"F{number:03}" for number in range(3 * passing.AT_ONE_TIME)]
    facts = [store.write_whole(n(f"BOX/{name}"), name.encode(), AT) for name in names]
    box, directories = (store.root / "BOX").stat().st_ino, store._passing.directories
    assert directories.find(box) is not None
    await until(lambda: on_disk(store) == names and directories.find(box) is None)
    assert store.list(n("BOX")) == facts
    assert DiskFileStore(store.root).list(n("BOX")) == facts
    assert [(store.root / "BOX" / name).read_bytes() for name in names] == [
        name.encode() for name in names
    ]
    store.remove(n("BOX/F000"))
    assert on_disk(store) == names[1:]
    await store.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.write_whole(n("BOX/A"), b"new", AT),
        lambda store: store.write_at(n("BOX/A"), 0, b"new", AT),
        lambda store: store.set_size(n("BOX/A"), 3, AT),
        lambda store: store.set_attributes(n("BOX/A"), 1),
        lambda store: store.set_properties(n("BOX/A"), {"{urn:o}p": "x"}),
        lambda store: store.rename(n("BOX/A"), n("BOX/B")),
    ],
)
def test_it_takes_its_place_before_anything_is_done_to_it(
    store: PassingStore, change: Callable[[PassingStore], object], tmp_path: Path
) -> None:
    store.write_whole(n("BOX/A"), b"old", AT)
    assert on_disk(store) == []
    change(store)
    assert [path.stat().st_size for path in store.root.glob("BOX/*")] == [3]
    again = crashed(store, tmp_path)
    assert [*store.below(ROOT)] == [*again.below(ROOT)]


def test_a_directory_is_not_empty_while_a_file_is_on_its_way_into_it(store: PassingStore) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    with pytest.raises(StoreError) as refused:
        store.remove(n("BOX"))
    assert refused.value.status is NtStatus.DIRECTORY_NOT_EMPTY
    with pytest.raises(StoreError) as refused:
        store.make_directory(n("BOX/A"), AT)
    assert refused.value.status is NtStatus.OBJECT_NAME_COLLISION


async def test_what_somebody_else_put_there_meanwhile_stays(
    store: PassingStore, tmp_path: Path
) -> None:
    store.write_whole(n("BOX/A"), b"ours", AT)
    (store.root / "BOX" / "A").write_bytes(b"theirs")
    await store._passing.settle_all()
    assert store.read(n("BOX/A")) == b"theirs"
    assert crashed(store, tmp_path).read(n("BOX/A")) == b"theirs"


async def test_what_is_in_a_box_that_somebody_took_away_is_gone_with_it(
    store: PassingStore,
) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    (store.root / "BOX").rmdir()
    await store._passing.settle_all()
    assert store.find(n("BOX/A")) is None
    await store.close()


@pytest.mark.parametrize("where", ["CASE", "OTHER/BOX", "../away"])
async def test_what_is_on_its_way_into_a_box_that_somebody_renamed_takes_its_place_there(
    store: PassingStore, where: str, tmp_path: Path
) -> None:
    store.make_directory(n("OTHER"), AT)
    facts = [store.write_whole(n(f"BOX/{name}"), name.encode(), AT) for name in "abc"]
    place = (store.root / "BOX").rename(store.root / where)
    (place / "b").write_bytes(b"theirs")
    await store._passing.settle_all()
    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "a": b"a",
        "b": b"theirs",
        "c": b"c",
    }
    assert place.joinpath("a").stat().st_ino == int(facts[0].etag.strip('"').split("-")[2], 16)
    assert store.find(n("BOX/a")) is None and store.find(n("BOX")) is None
    if where != "../away":
        cut_off = shutil.copytree(store.root, tmp_path / "cut off")
        (cut_off / where / "a").unlink()  # as a power cut leaves it
        (cut_off / "BOX").mkdir()
        again = JournalledFileStore(cut_off, threads=False)
        assert again.read(n(f"{where}/a")) == b"a" and again.list(n("BOX")) == []
    await store.close()
    assert DiskFileStore(store.root).find(n("BOX")) is None


async def test_what_takes_its_place_outside_the_share_is_on_disk_before_its_record_goes(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut would leave neither."""
    store.write_whole(n("BOX/A"), b"answered", AT)
    place = (store.root / "BOX").rename(store.root / "../away")
    done: list[object] = []

    def watched(deed: Callable[..., Any], told: Callable[..., object]) -> Callable[..., Any]:
        def does(*given: Any, **more: Any) -> Any:
            found = deed(*given, **more)
            done.append(told(*given))
            return found

        return does

    with monkeypatch.context() as patch:
        patch.setattr(passing, "sync_path", watched(sync_path, lambda at: Path(at).read_bytes()))
        patch.setattr(os, "rename", watched(os.rename, lambda *_: "named"))
        patch.setattr(os, "fsync", watched(os.fsync, lambda it: os.fstat(it).st_ino))
        patch.setattr(store._passing, "_log", watched(store._passing._log, type))
        await store._passing.settle_all()
    told = [one for one in done if not isinstance(one, int) or one == place.stat().st_ino]
    assert told == [b"answered", "named", place.stat().st_ino, Remove]
    assert (place / "A").read_bytes() == b"answered"
    await store.close()


async def test_what_took_its_place_in_a_renamed_box_is_there_when_the_box_is_taken_back(
    store: PassingStore,
) -> None:
    store.write_whole(n("BOX/A"), b"answered", AT)
    (store.root / "BOX").rename(store.root / "CASE")
    await store._passing.settle_all()
    (store.root / "CASE").rename(store.root / "BOX")
    again = JournalledFileStore(store.root, threads=False)
    assert again.read(n("BOX/A")) == b"answered" and listed(again) == ["BOX/A"]


@pytest.mark.parametrize("is_passing", [True, False])
def test_what_was_put_into_a_renamed_box_is_in_it_if_its_rename_is_taken_back_and_its_name_taken(
    store: PassingStore, is_passing: bool
) -> None:
    store.write_whole(n("BOX/A"), b"before", AT, passing=is_passing)
    store.rename(n("BOX"), n("CASE"))
    store.write_whole(n("CASE/B"), b"after", AT, passing=is_passing)
    store.make_directory(n("CASE/IN"), AT)
    (store.root / "CASE").rename(store.root / "BOX")
    (store.root / "CASE").mkdir()
    again = JournalledFileStore(store.root, threads=False)
    assert again.list(n("CASE")) == [] and listed(again) == ["BOX/A", "BOX/B", "BOX/IN"]
    assert (again.read(n("BOX/A")), again.read(n("BOX/B"))) == (b"before", b"after")


async def test_what_a_full_disk_does_not_take_into_a_renamed_box_is_kept(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_whole(n("BOX/A"), b"answered", AT)
    (store.root / "BOX").rename(store.root / "CASE")

    def is_full(_: int, __: bytes) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as full:
        full.setattr(staged_files, "write_whole", is_full)
        with pytest.raises(StoreError) as refused:
            await store._passing.settle_all()
        assert refused.value.status is NtStatus.DISK_FULL
    await store._passing.settle_all()
    assert (store.root / "CASE/A").read_bytes() == b"answered"


async def test_no_segment_goes_before_what_it_says_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the segments, nothing but the directory has the files."""
    store = PassingStore(tmp_path / "s", threads=False, journal_max=2000)
    store.make_directory(n("BOX"), AT)
    monkeypatch.setattr(passing, "REST_S", 1e6)
    for number in range(20):
        store.write_whole(n(f"BOX/F{number:02}"), b"x" * 300, AT)
        await store.sync()
        journal = store._journal
        assert journal is not None
        while journal._dropping is not None:
            await asyncio.wait([journal._dropping])
    here, there = set(on_disk(store)), set(listed(store))
    assert here and len(there) == 20
    shutil.rmtree(tmp_path / "again", ignore_errors=True)
    assert set(listed(crashed(store, tmp_path))) == there
    await store.close()
    assert len(on_disk(store)) == 20


def takes_none(status: NtStatus, directory: str = "") -> Callable[..., None]:
    """A disk's refusal to give a file its place, in a directory or anywhere."""

    def refuse(disk: DiskFileStore, spare: Spare, name: Name, *rest: Any) -> Any:
        if name.key.startswith(directory):
            raise StoreError(status)
        return _PUT_IN_PLACE(disk, spare, name, *rest)

    return refuse


_PUT_IN_PLACE: Any = DiskFileStore.put_in_place


async def test_while_the_disk_takes_none_all_is_safe_and_no_more_pass(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(passing, "REST_S", 0.01)
    store.write_whole(n("BOX/A"), b"answered", AT)
    with monkeypatch.context() as full:
        full.setattr(DiskFileStore, "put_in_place", takes_none(NtStatus.DISK_FULL))
        await until(lambda: bool(store._passing._refused))
        assert store.read(n("BOX/A")) == b"answered"
        store.write_whole(n("BOX/B"), b"at once", AT)
        assert on_disk(store) == ["B"]
        assert crashed(store, tmp_path).read(n("BOX/A")) == b"answered"
    await until(lambda: on_disk(store) == ["A", "B"])
    await store.close()


async def test_files_pass_again_when_the_one_that_the_disk_did_not_take_is_gone(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    with monkeypatch.context() as full:
        full.setattr(DiskFileStore, "put_in_place", takes_none(NtStatus.DISK_FULL))
        with pytest.raises(StoreError):
            store._passing.settle(n("BOX/A").key)
    store.remove(n("BOX/A"))
    store.write_whole(n("BOX/B"), b"x", AT)
    assert on_disk(store) == []


async def test_an_etag_stays_though_the_disk_was_full_when_the_file_took_its_place(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = store.write_whole(n("BOX/A"), b"x" * 100, AT)

    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:50])
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as full:
        full.setattr(staged_files, "write_whole", half)
        with pytest.raises(StoreError) as refused:
            store._passing.settle(n("BOX/A").key)
    assert refused.value.status is NtStatus.DISK_FULL
    assert {path.stat().st_size for path in (store.root / ".despoolr/spare").iterdir()} == {0}
    await store._passing.settle_all()
    assert store.find(n("BOX/A")) == facts
    assert store.read(n("BOX/A")) == b"x" * 100


@pytest.mark.parametrize("lost", ["nothing", "its content", "its place"])
async def test_an_etag_is_the_same_after_a_kill_and_after_a_power_cut(
    store: PassingStore, lost: str
) -> None:
    """Who goes on with half of a file asks for the rest of the one with this ETag."""
    facts = [store.write_whole(n(f"BOX/{name}"), name.encode() * 99, AT) for name in "ABC"]
    if lost != "nothing":
        store._passing.settle(n("BOX/B").key)
    if lost == "its content":
        os.truncate(store.root / "BOX/B", 0)
    elif lost == "its place":
        (store.root / "BOX/B").rename(store.root / ".despoolr/spare/77")
    again = JournalledFileStore(store.root, threads=False)
    assert again.list(n("BOX")) == facts
    assert [again.read(n(f"BOX/{name}")) for name in "ABC"] == [
        one * 99 for one in (b"A", b"B", b"C")
    ]
    await again.close()


async def test_what_one_directory_does_not_take_is_in_no_others_way(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "REST_S", 0.01)
    refuse = takes_none(NtStatus.ACCESS_DENIED, n("CLOSED").key)
    monkeypatch.setattr(DiskFileStore, "put_in_place", refuse)
    store.make_directory(n("CLOSED"), AT)
    for number in range(passing.AT_ONE_TIME):
        store.write_whole(n(f"CLOSED/{number}"), b"x", AT)
    store.write_whole(n("BOX/A"), b"x", AT)
    await until(lambda: on_disk(store) == ["A"])
    assert len(store.list(n("CLOSED"))) == passing.AT_ONE_TIME
    await store.close()


async def test_a_segment_goes_though_the_disk_does_not_take_a_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one file whose directory cannot be written would let the journal grow for ever."""
    monkeypatch.setattr(passing, "REST_S", 1e6)
    refuse = takes_none(NtStatus.ACCESS_DENIED)
    store = PassingStore(tmp_path / "s", threads=False, journal_max=2000)
    store.make_directory(n("BOX"), AT)
    store.write_whole(n("BOX/A"), b"answered", AT)
    with monkeypatch.context() as closed:
        closed.setattr(DiskFileStore, "put_in_place", refuse)
        for _ in range(40):
            store.write_whole(n("B"), b"x" * 300, AT, passing=False)
            await store.sync()
            await rest(store)
        assert len(numbers_in(store.root / ".despoolr/journal")) <= 3
        assert crashed(store, tmp_path).read(n("BOX/A")) == b"answered"


@pytest.mark.parametrize("takes", [True, False])
async def test_a_directorys_rename_waits_for_no_file_that_is_on_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, takes: bool
) -> None:
    """Thousands of them took their places first, in one turn of the loop, or were recorded anew;
    and one that the disk does not take stopped the rename.
    """
    store = PassingStore(tmp_path / "s", threads=False)
    for directory in ("BOX", "D", "D/In"):
        store.make_directory(n(directory), AT)
    before = [store.write_whole(n(path), path.encode(), AT) for path in ("d/b", "D/IN/c", "BOX/A")]
    if not takes:
        refuse = takes_none(NtStatus.ACCESS_DENIED)
        monkeypatch.setattr(DiskFileStore, "put_in_place", refuse)
        with pytest.raises(StoreError):
            store._passing.settle(n("D/b").key)
    sequence = journal_of(store).sequence
    store.rename(n("D"), n("E"))
    assert journal_of(store).sequence == sequence + 2, "however many are on their way"
    assert on_disk(store) == [] and not [*(store.root / "E").glob("*[bc]")]
    after = {
        "E/b": replace(before[0], path="E/b"),
        "E/In/c": replace(before[1], path="E/In/c"),
        "BOX/A": before[2],
    }
    store.write_whole(n("E/In/d"), b"later", AT, passing=takes)
    assert {path: store.find(n(path)) for path in after} == after
    for again in (store, crashed(store, tmp_path)):
        assert [again.read(n(path)) for path in after] == [b"d/b", b"D/IN/c", b"BOX/A"]
        assert again.read(n("E/In/d")) == b"later"
        assert [facts.path for facts in again.list(ROOT)] == ["BOX", "E"]
    assert listed(store, "E/In") == ["E/In/c", "E/In/d"]
    store.remove(n("E/In/d"))
    monkeypatch.undo()
    store.make_directory(n("D"), AT)
    store.rename(n("E"), n("e"))
    store.rename(n("e"), n("D/E"))
    await store.sync()
    await rest(store)
    await store._passing.settle_all()
    assert store._passing.room == 0
    assert sorted(path.name for path in (store.root / "D/E").rglob("?")) == ["b", "c"]
    assert store.find(n("D/E/In/c")) == replace(before[1], path="D/E/In/c")
    await store.close()


def test_what_is_on_its_way_goes_along_with_every_rename_of_its_directory(
    store: PassingStore, tmp_path: Path
) -> None:
    """Its record has the first name, and the first rename's is not needed any more."""
    store.make_directory(n("BOX/IN"), AT)
    facts = store.write_whole(n("BOX/IN/A"), b"answered", AT)
    store.rename(n("BOX"), n("CASE"))
    store.write_whole(n("CASE/B"), b"later", AT)
    store.rename(n("CASE"), n("CHEST"))
    store.rename(n("CHEST/IN"), n("OUT"))
    again = crashed(store, tmp_path)
    for one in (store, again):
        assert listed(one, "OUT") == ["OUT/A"] and listed(one, "CHEST") == ["CHEST/B"]
        assert one.read(n("OUT/A")) == b"answered"
    assert again.find(n("OUT/A")) is not None and store.find(n("OUT/A")) == replace(
        facts, path="OUT/A"
    )


def test_nothing_passes_into_a_directory_on_another_mount(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_directories, "mount_of", lambda descriptor: descriptor)
    store.write_whole(n("BOX/A"), b"x", AT)
    assert on_disk(store) == ["A"]
    store.write_whole(n("B"), b"x", AT)
    assert not (store.root / "B").exists()


async def test_what_went_along_with_a_directory_meanwhile_takes_its_place_before_its_segment_goes(
    store: PassingStore,
) -> None:
    for number in range(passing.AT_ONE_TIME + 1):
        store.write_whole(n(f"BOX/{number}"), b"x", AT)
    assert await store._settle_up_to(journal_of(store).sequence)  # all have new records
    assert on_disk(store) == []
    settling = asyncio.ensure_future(store._settle_up_to(journal_of(store).sequence))
    await asyncio.sleep(0)
    assert len(on_disk(store)) == passing.AT_ONE_TIME
    store.rename(n("BOX"), n("CASE"))
    assert await settling
    assert len([*(store.root / "CASE").iterdir()]) == passing.AT_ONE_TIME + 1
    await store.close()


async def test_a_segment_stays_where_neither_disk_nor_journal_takes_a_file_of_it(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(_: Entry) -> int:
        raise StoreError(NtStatus.DISK_FULL)

    store.write_whole(n("BOX/A"), b"answered", AT)
    monkeypatch.setattr(DiskFileStore, "put_in_place", takes_none(NtStatus.DISK_FULL))
    assert await store._settle_up_to(99)
    monkeypatch.setattr(store._passing, "_log", is_full)
    assert not await store._settle_up_to(99)


async def test_what_the_disk_does_not_take_at_the_end_is_there_at_the_next_start(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_whole(n("BOX/A"), b"answered", AT)
    with monkeypatch.context() as full:
        full.setattr(DiskFileStore, "put_in_place", takes_none(NtStatus.DISK_FULL))
        await store.close()
    assert on_disk(store) == []
    again = JournalledFileStore(store.root, threads=False)
    assert again.read(n("BOX/A")) == b"answered"
    await again.close()


async def test_nothing_passes_that_comes_while_the_store_is_closed(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be in a journal that nobody reads any more."""
    journal = store._journal
    assert journal is not None
    close = journal.close

    async def closes(needed: Callable[[], list[int]]) -> None:
        store.write_whole(n("BOX/A"), b"x", AT)
        await close(needed)

    monkeypatch.setattr(journal, "close", closes)
    await store.close()
    assert on_disk(store) == ["A"]


async def test_a_disk_that_does_not_answer_has_not_lost_a_directory(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    lstat = os.lstat

    def fails(path: str) -> os.stat_result:
        if path.endswith("/BOX"):
            raise OSError(errno.EIO, "no answer")
        return lstat(path)

    with monkeypatch.context() as silent:
        silent.setattr(os, "lstat", fails)
        with pytest.raises(StoreError):
            store._passing.settle(n("BOX/A").key)
    assert store.read(n("BOX/A")) == b"x"
    await store._passing.settle_all()
    assert on_disk(store) == ["A"]


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_share_whose_directory_is_away_has_its_files_when_it_is_put_back(
    store: PassingStore, tmp_path: Path, *, is_open: bool
) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    if not is_open:
        store._passing.directories.close()
    store.root.rename(tmp_path / "away")
    with pytest.raises(StoreError):
        store._passing.settle(n("BOX/A").key)
    (tmp_path / "away").rename(store.root)
    await store._passing.settle_all()
    assert on_disk(store) == ["A"]


def test_nothing_passes_where_nothing_can_be_changed(store: PassingStore) -> None:
    store.write_whole(n("BOX/A"), b"x", AT)
    segment = store.root / ".despoolr/journal/1"
    content = bytearray(segment.read_bytes())
    content[60] ^= 1
    segment.write_bytes(content)
    shutil.rmtree(store.root / ".despoolr/spare")
    for _ in range(2):
        damaged = PassingStore(store.root, threads=False)
        with pytest.raises(StoreError) as refused:
            damaged.write_whole(n("BOX/B"), b"x", AT)
        assert refused.value.status is NtStatus.MEDIA_WRITE_PROTECTED
    assert not (store.root / ".despoolr/spare").exists()


async def test_a_box_never_has_an_etag_again_that_it_had_before_a_start(
    store: PassingStore,
) -> None:
    """What passes leaves the box's own time as it is."""
    await store.close()
    seen = set()
    for name in ("BOX/A", "BOX/B", "BOX/C"):
        again = PassingStore(store.root, threads=False)
        again.write_whole(n(name), b"x", AT)
        facts = again.find(n("BOX"))
        assert facts is not None
        seen.add(facts.etag)
        again.remove(n(name))
        await again.close()
    assert len(seen) == 3


def test_only_so_many_pass_and_none_that_is_large(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_whole(n("BOX/LARGE"), bytes(FILE_SIZE_MAX + 1), AT)
    store.write_whole(n("BOX/SMALL"), bytes(FILE_SIZE_MAX), AT)
    assert on_disk(store) == ["LARGE"]
    monkeypatch.setattr(passing, "COUNT_MAX", 2)
    for name in ("A", "B"):
        store.write_whole(n(f"BOX/{name}"), b"x", AT)
    assert on_disk(store) == ["B", "LARGE"]
    monkeypatch.setattr(passing, "COUNT_MAX", 9)
    monkeypatch.setattr(passing, "SIZE_MAX", FILE_SIZE_MAX + 3)
    for name in ("C", "D", "E"):
        store.write_whole(n(f"BOX/{name}"), b"x", AT)
    assert on_disk(store) == ["B", "E", "LARGE"]


async def test_the_room_that_they_will_take_is_not_free(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskFileStore, "free_bytes", lambda _: 20_000)
    monkeypatch.setattr(DiskFileStore, "used_bytes", lambda _: 10_000)
    seen = []
    for name, size in (("A", 1), ("B", 4096), ("C", 4097), ("D", 9000)):
        store.write_whole(n(f"BOX/{name}"), bytes(size), AT)
        seen.append((store.free_bytes(), store.used_bytes()))
    assert seen == [(15_904, 14_096), (11_808, 18_192), (3616, 26_384), (0, 38_672)]
    for name in "ABC":
        store.remove(n(f"BOX/{name}"))
    await store._passing.settle_all()
    assert (store.free_bytes(), store.used_bytes()) == (20_000, 10_000)


async def test_what_is_made_in_a_box_passes_and_is_refused_as_any_file(tmp_path: Path) -> None:
    """By whoever makes several at a time: an open that is in the way is in the way."""
    store = JournalledFileStore(tmp_path / "s", threads=False)
    world = World(store=store)
    share = world.share(SERVICE)
    await share.make_directory("BOX")
    assert await share.create_all([("BOX/A", b"a"), ("BOX/B", b"b")]) == [None, None]
    assert on_disk(store) == []
    held = await share.open("BOX/A", disposition=Disposition.OPEN)
    refused, gone = await share.delete_all(["BOX/A", "BOX/B"])
    assert refused is not None and refused.nt_status is NtStatus.SHARING_VIOLATION
    assert gone is None
    (clash,) = await share.create_all([("BOX/a", b"again")])
    assert clash is not None and clash.nt_status is NtStatus.OBJECT_NAME_COLLISION
    await held.close()
    assert await share.delete_all(["BOX/A"]) == [None]
    assert on_disk(store) == []
    assert await share.stat("BOX/A") is None
    await share.write("BOX/C", b"alone")
    assert on_disk(store) == ["C"]
