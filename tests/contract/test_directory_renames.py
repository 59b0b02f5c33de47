"""A directory's rename has nothing to wait for when it is decided: what it needs of the disk was
done ahead, by a thread, and whatever happens meanwhile is as safe as ever.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from despoolr_core.share.modes import FileAttribute
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files.journal import segments
from despoolr_server.files.journal.directory_renames import TRIES_MAX
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.passing import AT_ONE_TIME
from despoolr_server.files.journal.records import Entry, MoveDirectory
from despoolr_server.files.journal.segments import identity_of, read_segments
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import sync_all_data, sync_file_system
from worlds.share import SERVICE, World

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def contents(store: JournalledFileStore, directory: Name = ROOT) -> dict[str, bytes | None]:
    """Everything in a store: paths to content, None for a directory."""
    found: dict[str, bytes | None] = {}
    for facts in store.list(directory):
        found[facts.path] = None if facts.directory else store.read(n(facts.path))
        if facts.directory:
            found |= contents(store, n(facts.path))
    return found


def entries_of(root: Path) -> list[Entry]:
    private = root / ".despoolr"
    return read_segments(private / "journal", identity_of(private)).entries


@contextmanager
def syncs_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What waits for the disk in the loop's own thread."""
    found, loop = list[str](), threading.current_thread()

    def note(what: str) -> None:
        if threading.current_thread() is loop:
            found.append(what)

    def everything(path: str) -> None:
        note("everything")
        sync_file_system(path)

    def records(descriptors: list[int]) -> None:
        note("records")
        sync_all_data(descriptors)

    with monkeypatch.context() as patch:
        patch.setattr(segments, "sync_file_system", everything)
        patch.setattr(segments, "sync_all_data", records)
        yield found


@asynccontextmanager
async def preparing(
    store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch, name: str, new_name: str
) -> AsyncIterator[list[str]]:
    """A rename is prepared, and the disk takes its time for all that is done in here. The list has
    an item for each time that it was synced for that.
    """
    syncs: list[str] = []
    begun, may_end, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()
    here = threading.current_thread()

    def slow(path: str) -> None:
        if threading.current_thread() is not here:
            syncs.append(path)
            loop.call_soon_threadsafe(begun.set)
            assert may_end.wait(60)
        sync_file_system(path)

    monkeypatch.setattr(segments, "sync_file_system", slow)
    work = asyncio.ensure_future(store.ready(n(name), n(new_name)))
    await begun.wait()
    yield syncs
    may_end.set()
    await work
    monkeypatch.undo()


@pytest.fixture
def store(tmp_path: Path) -> JournalledFileStore:
    made = JournalledFileStore(tmp_path / "root")
    for directory in ("D", "D/In", "T", "OTHER"):
        made.make_directory(n(directory), AT)
    for file in ("D/A", "D/In/B", "OTHER/A"):
        made.write_whole(n(file), b"before", AT)
    return made


async def test_a_directory_is_renamed_and_removed_without_a_wait_in_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = JournalledFileStore(tmp_path / "root")
    world = World(files)
    share = world.share()
    await share.make_directory("D/In")
    await share.create("D/In/A", b"answered")
    with syncs_in_the_loop(monkeypatch) as found:
        await share.rename("D", "E")
        await share.rename("E", "F")
        await share.delete("F/In/A")
        await share.delete("F/In")
        await share.delete("F")
        await share.make_directory("D")
    assert found == []
    for one in (files, JournalledFileStore(tmp_path / "root")):
        assert contents(one) == {"D": None}


@pytest.mark.parametrize("has_attributes", [False, True])
async def test_a_rename_by_a_handle_does_not_wait_either_unless_attributes_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_attributes: bool
) -> None:
    """These are in a list of their own, which must not be ahead of the record."""
    files = JournalledFileStore(tmp_path / "root")
    files.make_directory(n("D"), AT)
    if has_attributes:
        files.set_attributes(n("D"), int(FileAttribute.HIDDEN))
    world = World(files)
    words = {"access": "DELETE", "options": "DIRECTORY_FILE"}
    handle = await world.hold(SERVICE, world.session(SERVICE), "D", **words)
    with syncs_in_the_loop(monkeypatch) as found:
        refused = await world.host.file_info.rename(SERVICE, handle, "E", replace=False)
    assert refused is None
    assert found == ["records"] * has_attributes
    again = JournalledFileStore(tmp_path / "root")
    assert contents(again) == {"E": None}
    hidden = int(FileAttribute.HIDDEN) if has_attributes else 0
    (facts,) = again.list(ROOT)
    assert facts.attributes == hidden | int(FileAttribute.DIRECTORY)


Meanwhile = Callable[[JournalledFileStore], object]


def _put(path: str, *, passing: bool = False) -> Meanwhile:
    return lambda store: store.write_whole(n(path), b"meanwhile", AT, passing=passing)


def _rename(path: str, new_path: str) -> Meanwhile:
    return lambda store: store.rename(n(path), n(new_path))


def _come_and_go(store: JournalledFileStore) -> None:
    store.write_whole(n("T/E"), b"x", AT)
    store.remove(n("T/E"))


def _another_parent(store: JournalledFileStore) -> None:
    store.remove(n("T"))
    store.make_directory(n("T"), AT)


ELSEWHERE: dict[str, Meanwhile] = {
    "nothing": lambda _: None,
    "a file elsewhere": _put("OTHER/A"),
    "a new file elsewhere": _put("OTHER/NEW"),
    "a new file that passes elsewhere": _put("OTHER/NEW", passing=True),
    "a file whose name begins alike": _put("DA"),
    "another directory": _rename("OTHER", "ELSE"),
    "a directory elsewhere": lambda store: store.make_directory(n("OTHER/E"), AT),
}
HERE: dict[str, Meanwhile] = {
    "a file in it": _put("d/a"),
    "a new file deep in it that passes": _put("D/IN/NEW", passing=True),
    "a directory in it": lambda store: store.make_directory(n("D/E"), AT),
    "a file that goes": lambda store: store.remove(n("D/A")),
    "a file that leaves": _rename("D/A", "OTHER/B"),
    "a file that comes": _rename("OTHER/A", "D/In/C"),
    "a directory that leaves": _rename("D/In", "OTHER/In"),
    "a file under the new name": _come_and_go,
    "another directory above the new name": _another_parent,
}


@pytest.mark.parametrize("undone", ["nothing", "the rename", "its record"])
@pytest.mark.parametrize("what", [*ELSEWHERE, *HERE])
async def test_whatever_happens_while_a_rename_is_prepared_survives_a_power_cut(
    tmp_path: Path,
    store: JournalledFileStore,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    undone: str,
) -> None:
    """The disk may have the rename and no record of it, or the record alone."""
    async with preparing(store, monkeypatch, "D", "T/E"):
        (ELSEWHERE | HERE)[what](store)
    journal = tmp_path / "root/.despoolr/journal"
    await store.sync()
    await store.ready(n("D"), n("T/E"))
    shutil.copytree(journal, tmp_path / "before")
    with syncs_in_the_loop(monkeypatch) as found:
        store.rename(n("D"), n("T/E"))
    assert found == []
    expected = contents(store)
    if undone == "its record":
        shutil.rmtree(journal)
        shutil.copytree(tmp_path / "before", journal)
    else:
        await store.sync()
        store.write_whole(n("T/E/A"), b"after", AT)
        store.write_whole(n("OTHER.DAT"), b"after", AT)
        await store.sync()
        expected = contents(store)
    if undone == "the rename":
        (tmp_path / "root/T/E").rename(tmp_path / "root/D")
        (tmp_path / "root/OTHER/NEW").unlink(missing_ok=True)
    again = JournalledFileStore(tmp_path / "root")
    assert again.findings == []
    assert contents(again) == expected


@pytest.mark.parametrize("what", [*ELSEWHERE, *HERE])
async def test_what_is_recorded_of_its_names_meanwhile_has_a_rename_prepared_again(
    store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async with preparing(store, monkeypatch, "D", "T/E") as syncs:
        (ELSEWHERE | HERE)[what](store)
    assert len(syncs) == 1 + (what in HERE)


async def test_what_takes_its_place_elsewhere_while_a_rename_is_prepared_survives_a_power_cut(
    tmp_path: Path, store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come too late for the sync, and has no record of the meantime."""
    store.write_whole(n("OTHER/B"), b"answered", AT, passing=True)
    await store.sync()
    async with preparing(store, monkeypatch, "D", "T/E"):
        assert not (store.root / "OTHER/B").exists()
        store._passing.settle(n("OTHER/B").key)
    store.rename(n("D"), n("T/E"))
    await store.sync()
    (store.root / "OTHER/B").unlink()
    again = JournalledFileStore(tmp_path / "root")
    assert again.read(n("OTHER/B")) == b"answered" and again.read(n("T/E/A")) == b"before"


async def test_no_record_goes_if_the_disk_fails_while_a_rename_is_prepared(
    tmp_path: Path, store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync that then succeeds says nothing of what the failed one lost."""

    def fail(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = entries_of(tmp_path / "root")
    async with preparing(store, monkeypatch, "D", "T/E"):
        monkeypatch.setattr(segments, "sync_all_data", fail)
        with pytest.raises(StoreError):
            await store.sync()
    with pytest.raises(StoreError, match="the disk failed"):
        store.rename(n("D"), n("T/E"))
    assert len(before) > 1 and entries_of(tmp_path / "root") == before


async def test_a_rename_of_what_is_written_to_all_the_time_waits_in_the_end(
    store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[str] = []
    loop = asyncio.get_running_loop()

    async def write() -> None:
        store.write_whole(n("D/A"), b"again", AT)

    def busy(path: str) -> None:
        syncs.append(path)
        asyncio.run_coroutine_threadsafe(write(), loop).result(60)
        sync_file_system(path)

    with monkeypatch.context() as patch:
        patch.setattr(segments, "sync_file_system", busy)
        await store.ready(n("D"), n("E"))
    assert len(syncs) == TRIES_MAX
    with syncs_in_the_loop(monkeypatch) as found:
        store.rename(n("D"), n("E"))
    assert found == ["everything", "records"]
    again = JournalledFileStore(store.root)
    assert again.read(n("E/A")) == b"again" and again.find(n("D")) is None


async def test_what_is_on_its_way_takes_its_place_some_in_each_turn_before_a_rename(
    tmp_path: Path, store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is recorded anew for no second rename."""
    count = 3 * AT_ONE_TIME
    for number in range(count):
        store.write_whole(n(f"D/F{number}"), b"answered", AT, passing=True)
    store.write_whole(n("OTHER/B"), b"answered", AT, passing=True)
    journal = store._journal
    assert journal is not None
    places: list[int] = []
    working = asyncio.ensure_future(store.ready(n("D"), n("E")))
    while not working.done():
        await asyncio.sleep(0)
        places.append(len([*(store.root / "D").glob("F*")]))
    steps = [after - before for before, after in zip([0, *places], places, strict=False)]
    assert max(steps) <= AT_ONE_TIME and places[-1] == count
    assert not (store.root / "OTHER/B").exists()
    for name, new_name in (("D", "E"), ("E", "G")):
        await store.ready(n(name), n(new_name))
        written = journal.sequence
        with syncs_in_the_loop(monkeypatch) as found:
            store.rename(n(name), n(new_name))
        assert journal.sequence == written + 1 and found == []
    await store.sync()
    again = JournalledFileStore(tmp_path / "root")
    assert len(again.list(n("G"))) == count + 2 and again.read(n("OTHER/B")) == b"answered"


async def test_a_rename_counts_no_more_when_its_directory_is_about_to_be_removed(
    tmp_path: Path, store: JournalledFileStore
) -> None:
    """What is made next may have its inode."""
    await store.ready(n("OTHER"), n("E"))
    store.rename(n("OTHER"), n("E"))
    await store.sync()
    assert any(isinstance(entry, MoveDirectory) for entry in entries_of(tmp_path / "root"))
    await store.ready(n("E/A"))
    assert any(isinstance(entry, MoveDirectory) for entry in entries_of(tmp_path / "root"))
    await store.ready(n("E"))
    assert entries_of(tmp_path / "root") == []
