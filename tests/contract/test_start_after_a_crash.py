"""A start after a crash takes nothing for what it is not, and what comes after can be done."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.records import Make, Remove
from despoolr_server.files.journal.segments import identity_of, read_segments
from despoolr_server.files.protocol import StoreError
from worlds.journals import contents, same_inodes

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def started(root: Path) -> JournalledFileStore:
    return JournalledFileStore(root, threads=False)


def test_a_directory_is_not_taken_for_the_renamed_one_whose_inode_it_has(tmp_path: Path) -> None:
    """A file system gives the inode of a directory that is gone to the next one."""
    store = started(tmp_path)
    store.make_directory(n("D"), AT)
    store.rename(n("D"), n("E"))
    store.remove(n("E"))
    store.make_directory(n("D"), AT)
    (tmp_path / "D" / "past the server").write_bytes(b"one")
    directory = tmp_path / ".despoolr"
    entries = read_segments(directory / "journal", identity_of(directory)).entries
    assert [type(entry) for entry in entries] == [Remove, Make]
    for one in (store, started(tmp_path)):
        assert sorted(one.below(ROOT)) == ["D", "D/past the server"]


@pytest.mark.parametrize("somebody", ["a directory", "a file", "a link", "nobody", "nothing"])
def test_a_rename_that_somebody_undid_keeps_no_store_from_its_start(
    tmp_path: Path, somebody: str
) -> None:
    store = started(tmp_path)
    for name in ("D", "T"):
        store.make_directory(n(name), AT)
    store.write_whole(n("D/A"), b"one", AT)
    store.rename(n("D"), n("T/E"))
    (tmp_path / "T/E").rename(tmp_path / "D")
    if somebody == "a directory":
        (tmp_path / "T/E").mkdir()
    elif somebody == "a file":
        (tmp_path / "T/E").write_bytes(b"somebody's")
    elif somebody == "a link":
        (tmp_path / "T/E").symlink_to(tmp_path / "D")
    elif somebody == "nobody":
        (tmp_path / "T").rmdir()
    again = started(tmp_path)
    assert again.findings == []
    assert again.read(n("T/E/A" if somebody == "nothing" else "D/A")) == b"one"


def test_small_files_are_put_after_a_start_that_made_one_anew(tmp_path: Path) -> None:
    """It was made in a directory that the start then swept away."""
    store = started(tmp_path)
    store.write_whole(n("A"), b"one", AT)
    (tmp_path / "A").unlink()  # as a power cut leaves it
    again = started(tmp_path)
    names = [f"F{number}" for number in range(3)]  # the first one is made of a file that lay ready
    for name in names:
        again.write_whole(n(name), b"later", AT)
    assert [again.read(n(name)) for name in names] == [b"later"] * 3
    assert again.read(n("A")) == b"one"


@pytest.mark.parametrize("name", ["D", "D/A"])
def test_a_name_that_somebody_has_taken_for_a_link_is_left_alone(tmp_path: Path, name: str) -> None:
    store = started(tmp_path / "s")
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"one", AT)
    store.write_whole(n("B"), b"two", AT)
    path, outside = tmp_path / "s" / name, tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    (tmp_path / "s/B").unlink()
    again = started(tmp_path / "s")
    assert again.findings == [] and again.read(n("B")) == b"two"
    assert path.readlink() == outside and again.find(n(name)) is None


@pytest.mark.parametrize("somebody", ["a directory", "a link", "a file for its directory"])
@pytest.mark.parametrize("was_put", [True, False])
def test_a_file_whose_new_name_somebody_has_taken_stays_where_he_took_it(
    tmp_path: Path, somebody: str, was_put: bool
) -> None:
    store = started(tmp_path)
    store.make_directory(n("T"), AT)
    if was_put:
        store.write_whole(n("A"), b"one", AT)
    else:
        (tmp_path / "A").write_bytes(b"one")
    store.rename(n("A"), n("T/B"))
    (tmp_path / "T/B").rename(tmp_path / "A")
    if somebody == "a directory":
        (tmp_path / "T/B").mkdir()
    elif somebody == "a link":
        (tmp_path / "T/B").symlink_to(tmp_path / "A")
    else:
        (tmp_path / "T").rmdir()
        (tmp_path / "T").write_bytes(b"somebody's")
    again = started(tmp_path)
    assert again.findings == []
    assert again.read(n("A")) == b"one"


@pytest.mark.parametrize("directory", ["", "D/"])
def test_a_file_without_any_of_its_names_is_called_nearly_as_it_should_be(
    tmp_path: Path, directory: str
) -> None:
    """Its new one somebody has taken for a directory, and its old one has another file now."""
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    store.make_directory(n("D"), AT)
    for path in (f"{directory}A", "C"):
        store.write_whole(n(path), path.encode(), AT)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    store.rename(n(f"{directory}A"), n(f"{directory}B"))
    store.rename(n("C"), n(f"{directory}A"))
    shutil.rmtree(snapshot / ".despoolr" / "journal")
    shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
    (snapshot / f"{directory}B").mkdir()
    assert contents(JournalledFileStore(snapshot, threads=False)) == {
        "D": None,
        f"{directory}A": b"C",
        f"{directory}B": None,
        f"{directory}B~1": f"{directory}A".encode(),
    }


@pytest.mark.parametrize("lists", ["as they were", "as they are"])
@pytest.mark.parametrize("has_new_one", [False, True])
def test_a_file_that_is_called_as_before_or_nearly_has_what_was_kept_beside_it(
    tmp_path: Path, lists: str, has_new_one: bool
) -> None:
    """Somebody has taken its new name for a directory; of its old one the records say that another
    file is there, or none.
    """
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    store.write_whole(n("A"), b"A", AT, 2)
    store.set_properties(n("A"), {"{x}is": "<A/>"})
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    before = tmp_path / "before"
    shutil.copytree(root / ".despoolr", before)
    store = JournalledFileStore(root, threads=False)
    store.rename(n("A"), n("B"))
    if has_new_one:
        store.write_whole(n("A"), b"new", AT)
    source = before if lists == "as they were" else root / ".despoolr"
    for name, place in (("properties", source), ("journal", root / ".despoolr")):
        shutil.rmtree(snapshot / ".despoolr" / name)
        shutil.copytree(place / name, snapshot / ".despoolr" / name)
    (snapshot / ".despoolr" / "attributes.json").unlink()
    shutil.copy(source / "attributes.json", snapshot / ".despoolr")
    (snapshot / "B").mkdir()
    again = JournalledFileStore(snapshot, threads=False)
    new: dict[str, object] = {"A": b"new"} if has_new_one else {}
    called = "B~1" if has_new_one else "A"
    assert contents(again) == new | {"B": None, called: b"A"}
    told = {facts.path: facts.attributes for facts in again.list(ROOT)}
    assert told == dict.fromkeys(new, 0) | {"B": 16, called: 2}
    assert {path: dict(again.properties(n(path))) for path in told} == {
        path: {"{x}is": "<A/>"} if path == called else {} for path in told
    }


@pytest.mark.parametrize("has_new_one", [False, True])
def test_a_file_that_is_called_as_before_or_nearly_has_what_was_written_into_it_since(
    tmp_path: Path, has_new_one: bool
) -> None:
    """A power cut left the disk as it was before the rename; the records have all that came
    after.
    """
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    store.write_whole(n("A"), b"before", AT)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    store.write_at(n("A"), 0, b"B", AT)
    store.rename(n("A"), n("B"))
    store.write_at(n("B"), 6, b"hand", AT)
    store.set_size(n("B"), 9, AT)
    if has_new_one:
        store.write_whole(n("A"), b"new", AT)
    shutil.rmtree(snapshot / ".despoolr" / "journal")
    shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
    (snapshot / "A").write_bytes(b"before")
    (snapshot / "B").mkdir()
    new: dict[str, bytes | None] = {"A": b"new"} if has_new_one else {}
    called = "B~1" if has_new_one else "A"
    assert contents(JournalledFileStore(snapshot, threads=False)) == new | {
        "B": None,
        called: b"Beforehan",
    }


async def test_a_start_takes_nothing_back_that_was_changed_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor if that stop left something in the journal, for which the disk had no room."""
    store = started(tmp_path)
    for name in ("A", "B"):
        store.write_whole(n(name), b"one", AT)
    store.write_whole(n("C"), b"on its way", AT, passing=True)

    def is_full(*_: object) -> None:
        raise StoreError(NtStatus.DISK_FULL)

    monkeypatch.setattr(store._disk, "put_in_place", is_full)
    await store.close()
    (tmp_path / "A").unlink()
    (tmp_path / "B").write_bytes(b"two")
    again = started(tmp_path)
    assert again.findings == []
    assert sorted(again.below(ROOT)) == ["B", "C"]
    assert (again.read(n("B")), again.read(n("C"))) == (b"two", b"on its way")
