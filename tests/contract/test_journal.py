"""The journal: whatever a crash leaves of the files, what was done comes true, and what was undone
stays undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.beside import properties
from despoolr_server.files.journal import segments
from despoolr_server.files.journal.chain import JOURNAL_HEADER_SIZE
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.journal.records import FRAME, Entry, Make, Move, Put, encode
from despoolr_server.files.journal.segments import JOURNAL_MAX, OVERFULL, Journal
from worlds.journals import contents, rest, same_inodes

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def test_files_that_changed_places_are_put_right_after_a_power_cut(tmp_path: Path) -> None:
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    for path in ("A", "B"):
        store.write_whole(n(path), path.encode(), AT)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    store.rename(n("A"), n("T"))
    store.rename(n("B"), n("A"))
    store.rename(n("T"), n("B"))
    shutil.rmtree(snapshot / ".despoolr" / "journal")
    shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
    assert contents(JournalledFileStore(snapshot, threads=False)) == {"A": b"B", "B": b"A"}
    assert contents(JournalledFileStore(root, threads=False)) == {"A": b"B", "B": b"A"}


@pytest.mark.parametrize("lists", ["as they were", "as they are"])
def test_files_that_changed_places_have_their_own_attributes_and_properties_after_a_power_cut(
    tmp_path: Path, lists: str
) -> None:
    """The disk may have what is kept beside the files of before their renames, or of after."""
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    for path, attributes in (("A", 2), ("B", 4), ("C", 0)):
        store.write_whole(n(path), path.encode(), AT, attributes)
        store.set_properties(n(path), {"{x}is": f"<{path}/>"})
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    for path, new_path in (("A", "T"), ("B", "A"), ("T", "B"), ("C", "D")):
        store.rename(n(path), n(new_path))
    store.write_whole(n("C"), b"new", AT)
    store.set_properties(n("C"), {"{x}is": "<new/>"})
    kept = ("journal", "properties") if lists == "as they are" else ("journal",)
    for name in kept:
        shutil.rmtree(snapshot / ".despoolr" / name)
        shutil.copytree(root / ".despoolr" / name, snapshot / ".despoolr" / name)
    if lists == "as they are":
        shutil.copy(root / ".despoolr/attributes.json", snapshot / ".despoolr")
    again = JournalledFileStore(snapshot, threads=False)
    assert {
        path: (
            again.read(n(path)),
            again.list(ROOT)[at].attributes,
            [*again.properties(n(path)).values()],
        )
        for at, path in enumerate("ABCD")
    } == {
        "A": (b"B", 4, ["<B/>"]),
        "B": (b"A", 2, ["<A/>"]),
        "C": (b"new", 0, ["<new/>"]),
        "D": (b"C", 0, ["<C/>"]),
    }
    assert not again.properties(n("T"))


def test_what_is_kept_beside_a_file_is_safe_with_its_record_and_follows_it_back(
    tmp_path: Path,
) -> None:
    """Somebody has taken the new name, on the disk, for a directory."""
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    store.write_whole(n("A"), b"A", AT)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    store.set_properties(n("A"), {"{x}is": "<A/>"})
    store.set_attributes(n("A"), 2)
    store.rename(n("A"), n("B"))
    shutil.rmtree(snapshot / ".despoolr" / "journal")
    shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
    (snapshot / "B").mkdir()
    again = JournalledFileStore(snapshot, threads=False)
    facts = again.find(n("A"))
    assert facts is not None and facts.attributes == 2 and again.read(n("A")) == b"A"
    assert (dict(again.properties(n("A"))), dict(again.properties(n("B")))) == (
        {"{x}is": "<A/>"},
        {},
    )


@pytest.mark.parametrize("deeds", range(12))
def test_a_start_that_is_killed_anywhere_loses_nothing_of_files_that_were_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deeds: int
) -> None:
    """Three files go round: each is out of the way for a moment."""
    root, snapshot = tmp_path / "root", tmp_path / "snapshot"
    store = JournalledFileStore(root, threads=False)
    for path in ("A", "B", "C"):
        store.write_whole(n(path), path.encode(), AT)
    asyncio.run(store.close())
    same_inodes(root, snapshot)
    store = JournalledFileStore(root, threads=False)
    for path, new_path in (("A", "T"), ("B", "A"), ("C", "B"), ("T", "C")):
        store.rename(n(path), n(new_path))
    shutil.rmtree(snapshot / ".despoolr" / "journal")
    shutil.copytree(root / ".despoolr" / "journal", snapshot / ".despoolr" / "journal")
    left = deeds
    with monkeypatch.context() as killed:
        for name in ("rename", "replace"):
            deed = getattr(os, name)

            def dies(*given: str, deed: Callable[..., None] = deed) -> None:
                nonlocal left
                if not left:
                    raise KeyboardInterrupt
                left -= 1
                deed(*given)

            killed.setattr(os, name, dies)
        with contextlib.suppress(KeyboardInterrupt):
            JournalledFileStore(snapshot, threads=False)
    again = JournalledFileStore(snapshot, threads=False)
    assert contents(again) == {"A": b"B", "B": b"C", "C": b"A"}


@pytest.mark.parametrize("what", ["FILE", "DIRECTORY"])
def test_what_is_refused_for_full_properties_is_never_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A record that a kill leaves without its end would be redone at the next start, and fail."""
    monkeypatch.setattr(properties, "DIRECTORY_SIZE_MAX", 300)
    store = JournalledFileStore(tmp_path / "s", threads=False)
    store.make_directory(n("FULL"), AT)
    store.make_directory(n("DIRECTORY"), AT)
    for path in ("FULL/X", "FILE"):
        store.write_whole(n(path), b"x", AT)
    for path in ("FULL/X", what):
        store.set_properties(n(path), {"{urn:o}p": "y" * 200})
    before = segment_of(tmp_path / "s")
    with pytest.raises(StoreError) as refused:
        store.rename(n(what), n("FULL/NEW"))
    assert refused.value.status is NtStatus.DISK_FULL
    assert segment_of(tmp_path / "s") == before
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "killed"), threads=False)
    assert again.properties(n(what)) == {"{urn:o}p": "y" * 200}


def segment_of(root: Path) -> dict[str, bytes]:
    """The segments of a store's journal."""
    directory = root / ".despoolr" / "journal"
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def test_a_large_file_is_durable_by_its_name_alone(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path, inline_max=1000)
    large = b"x" * 100_000
    store.publish(await store.stage(large, AT), n("BIG"))
    await store.sync()
    os.rename(tmp_path / "BIG", tmp_path / ".despoolr" / "tmp" / "1")  # noqa: PTH104  as if the rename had been lost
    assert contents(JournalledFileStore(tmp_path)) == {"BIG": large}


def test_a_directory_may_be_renamed_between_other_changes(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path, threads=False)
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"one", AT)
    store.rename(n("D"), n("E"))
    store.write_whole(n("E/A"), b"two", AT)
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"three", AT)
    store.rename(n("E"), n("F"))
    expected = {"D": None, "D/A": b"three", "F": None, "F/A": b"two"}
    assert contents(store) == expected
    assert contents(JournalledFileStore(tmp_path, threads=False)) == expected


async def test_all_who_wait_share_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = JournalledFileStore(tmp_path)
    syncs: list[int] = []
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    async def upload(number: int) -> None:
        store.write_whole(n(f"F{number}"), b"x", AT)
        await store.sync()

    await asyncio.gather(*(upload(number) for number in range(200)))
    assert len(syncs) <= 3
    await store.sync()
    assert len(syncs) <= 3
    await store.close()


async def test_full_journals_are_dropped_while_it_goes_on(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path, journal_max=10_000)
    segments = (tmp_path / ".despoolr" / "journal").glob
    for number in range(200):
        store.write_whole(n(f"F{number % 20}"), b"x" * 500, AT)
        await store.sync()
    async with asyncio.timeout(60):  # a thread drops them, which may come late
        while len([*segments("[0-9]*")]) > 4:
            store.write_whole(n("F0"), b"x" * 500, AT)
            await store.sync()
    await store.close()
    assert list((tmp_path / ".despoolr" / "journal").iterdir()) == []
    assert len(contents(JournalledFileStore(tmp_path))) == 20


async def test_journals_grow_under_a_store_that_fills_them_up_to_their_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small one is soon read after a crash; a large one is seldom dropped, and dropping one costs
    a sync of the disk.
    """
    monkeypatch.setattr(segments, "JOURNAL_MAX", 4096)
    monkeypatch.setattr(segments, "JOURNAL_GROWN_MAX", 10_000)
    store = JournalledFileStore(tmp_path / "s", journal_max=4096)
    journal = store._journal
    assert journal is not None
    seen = [journal.capacity]
    for number in range(60):
        store.write_whole(n(f"F{number}"), bytes(1000), AT)
        await store.sync()
        await rest(store)  # one that the loop has to lay out itself is small again
        if journal.capacity != seen[-1]:
            seen.append(journal.capacity)
    assert seen[0] == 4096 and seen[-1] == 10_000 and seen == sorted(seen), seen
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "crashed"))
    assert len(again.list(ROOT)) == 60
    await again.close()
    await store.close()


async def test_the_next_segment_is_laid_out_by_a_thread_before_this_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a look at the longest turn of the loop: a new segment took 11 ms of it."""
    laid_out: list[bool] = []
    lay_out = Journal._lay_out

    def noting(journal: Journal, number: int) -> None:
        laid_out.append(threading.current_thread() is threading.main_thread())
        lay_out(journal, number)

    monkeypatch.setattr(Journal, "_lay_out", noting)
    store = JournalledFileStore(tmp_path, journal_max=20_000)
    journal = store._journal
    assert journal is not None
    for number in range(200):
        store.write_whole(n(f"F{number % 20}"), b"x" * 500, AT)
        await store.sync()
        await rest(store)
    assert laid_out[0], "the first one, before anybody is served"
    assert len(laid_out) > 3
    assert not any(laid_out[1:])
    await store.close()


async def test_a_segment_goes_on_past_its_end_while_the_next_one_is_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JournalledFileStore(tmp_path / "s", journal_max=20_000)
    journal = store._journal
    assert journal is not None
    may_end = threading.Event()
    lay_out = Journal._lay_out

    def slow(asked: Journal, number: int) -> None:
        if asked is journal and not may_end.is_set():
            assert threading.current_thread() is not threading.main_thread()
            may_end.wait(60)
        lay_out(asked, number)

    monkeypatch.setattr(Journal, "_lay_out", slow)
    for number in range(50):
        store.write_whole(n(f"F{number}"), b"x" * 500, AT)
        await store.sync()
    first = tmp_path / "s/.despoolr/journal/1"
    assert 20_000 < first.stat().st_size < OVERFULL * 20_000
    again = JournalledFileStore(shutil.copytree(tmp_path / "s", tmp_path / "crashed"))
    assert len(again.list(ROOT)) == 50
    await again.close()
    may_end.set()
    for number in range(50):
        store.write_whole(n(f"G{number}"), b"x" * 500, AT)
        await store.sync()
    await store.close()
    assert len(contents(JournalledFileStore(tmp_path / "s"))) == 100


def test_laying_out_a_journal_takes_no_memory_of_its_size(tmp_path: Path) -> None:
    """Found by a soak: each thread of the pool came to keep the eight megabytes of zeros that it
    had once written.
    """
    tracemalloc.start()
    try:
        JournalledFileStore(tmp_path / "root")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < JOURNAL_MAX / 8
    journal = tmp_path / "root/.despoolr/journal/1"
    assert journal.stat().st_size == JOURNAL_MAX
    # the header, and what the first record says
    assert not any(journal.read_bytes()[JOURNAL_HEADER_SIZE + 64 :])


def test_a_change_that_failed_is_not_repeated(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path, threads=False)
    store.make_directory(n("D"), AT)
    store.write_whole(n("D/A"), b"x", AT)
    with pytest.raises(StoreError) as caught:
        store.write_whole(n("D"), b"not a file", AT)
    assert caught.value.status is NtStatus.FILE_IS_A_DIRECTORY
    with pytest.raises(StoreError):
        store.remove(n("D"))
    with pytest.raises(StoreError):
        store.rename(n("D/A"), n("X/Y"))
    assert contents(JournalledFileStore(tmp_path, threads=False)) == {"D": None, "D/A": b"x"}


WORKER = """
import asyncio, os, sys
from random import Random
from despoolr_server.engine.names import parse_name
from despoolr_server.files.journal.journalled import JournalledFileStore

async def worker(store, who, rng):
    number = 0
    exists = False
    while True:
        number += 1
        kind = "delete" if exists and rng.random() < 0.3 else "put"
        os.write(1, f"begin {who} {kind} {number}\\n".encode())
        name = parse_name(f"W{who}.DAT")
        if kind == "put":
            store.write_whole(name, f"{who} {number} ".encode() * 100, 833785200.0)
        else:
            store.remove(name)
        exists = kind == "put"
        await store.sync()
        os.write(1, f"done {who} {kind} {number}\\n".encode())

async def main():
    store = JournalledFileStore(sys.argv[1], journal_max=20_000)
    rng = Random(int(sys.argv[2]))
    async with asyncio.TaskGroup() as group:
        for who in range(8):
            group.create_task(worker(store, who, rng))

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_at_any_instant_loses_no_answered_upload_and_resurrects_no_deleted_file(
    tmp_path: Path, seed: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path), str(seed)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(Random(seed).randrange(50, 1500))]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    begun: dict[str, tuple[str, str]] = {}
    done: dict[str, tuple[str, str]] = {}
    for line in lines:
        if line.endswith(b"\n"):
            word, who, kind, number = line.decode().split()
            (begun if word == "begin" else done)[who] = (kind, number)
    assert done
    after = contents(JournalledFileStore(tmp_path))
    for who, last in begun.items():
        allowed = []
        for kind, number in {last, done.get(who, ("delete", "0"))}:
            allowed.append(f"{who} {number} ".encode() * 100 if kind == "put" else None)
        assert after.get(f"W{who}.DAT") in allowed
    assert all(path.startswith("W") for path in after)


@pytest.mark.parametrize("was_put", [True, False])
@pytest.mark.parametrize("how", ["nothing was done", "what goes along went"])
def test_a_rename_that_was_begun_is_ended_with_properties_and_attributes(
    tmp_path: Path, was_put: bool, how: str
) -> None:
    mine, replaced, none = {"{x}a": "<a/>"}, {"{x}b": "<b/>"}, dict[str, str]()
    store = JournalledFileStore(tmp_path / "r", threads=False)
    for name in ("A", "P"):
        store.write_whole(n(name), name.encode(), AT, 2)
    for name in ("B", "Q"):
        store.write_whole(n(name), b"replaced", AT)
        store.set_properties(n(name), replaced)
    store.write_whole(n("M"), b"M", AT)
    store.write_whole(n("N"), b"replaced", AT, 2)
    store.set_properties(n("A"), mine)
    if not was_put:
        asyncio.run(store.close())
        store = JournalledFileStore(tmp_path / "r", threads=False)
    renamed = (("A", "B", mine, 2), ("P", "Q", none, 2), ("M", "N", none, 0))
    for old, new, expected, attributes in renamed:
        along = store._disk.attribute_list.get(old), dict(store.properties(n(old)))
        store._log(Move(old, store._inode(n(old)), store._inode(n(new)), new, *along))
        if how == "what goes along went":
            store._disk.rename_lists(old, new)
        # killed before the file itself moved
        store = JournalledFileStore(tmp_path / "r", threads=False)
        assert contents(store).get(new) == old.encode() and old not in contents(store)
        assert (dict(store.properties(n(new))), dict(store.properties(n(old)))) == (expected, {})
        facts = store.find(n(new))
        assert facts is not None and facts.attributes == attributes


# -- what is not as it was written


def killed(root: Path) -> JournalledFileStore:
    """A store that was killed: files of two versions each, one that was deleted, and all of it was
    answered.
    """
    store = JournalledFileStore(root, threads=False, journal_max=1 << 16)
    for version in (1, 2):
        for number in range(8):
            store.write_whole(n(f"F{number}"), f"version {version} ".encode() * 50, AT + version)
    store.remove(n("F7"))
    asyncio.run(store.sync())
    return store


def frames(data: bytes) -> list[tuple[int, int]]:
    """Where each frame of a journal begins and ends."""
    found, offset = [], JOURNAL_HEADER_SIZE
    while (length := FRAME.unpack_from(data, offset)[0]) > 0:
        found.append((offset, offset + FRAME.size + length))
        offset = found[-1][1]
    return found


def flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0x40]) + data[offset + 1 :]


def swapped(data: bytes) -> bytes:
    one, other = frames(data)[4:6]
    return data[: one[0]] + data[other[0] : other[1]] + data[one[0] : one[1]] + data[other[1] :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte of the header": lambda data: flipped(data, 20),
    "a byte of the first frame": lambda data: flipped(data, frames(data)[0][1] - 2),
    "a byte of a middle frame": lambda data: flipped(data, frames(data)[6][0] + 40),
    "the length of a middle frame": lambda data: flipped(data, frames(data)[6][0] + 1),
    "the checksum of a middle frame": lambda data: flipped(data, frames(data)[6][0] + 5),
    "a byte of the last frame": lambda data: flipped(data, frames(data)[-1][1] - 2),
    "all of the last frame": lambda data: (
        data[: frames(data)[-1][0]] + bytes(len(data) - frames(data)[-1][0])
    ),
    "zeros in the middle": lambda data: data[:2048] + bytes(512) + data[2560:],
    "half the file": lambda data: data[: len(data) // 2],
    "the file within a frame": lambda data: data[: frames(data)[3][1] - 3],
    "everything": lambda data: b"",
    "everything but its size": lambda data: bytes(len(data)),
    "something else": lambda data: b"no journal at all\n" * 100,
    "two frames changed places": swapped,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_changes_no_file_and_is_told_of(tmp_path: Path, damage: str) -> None:
    expected = contents(killed(tmp_path / "r"))
    journal = tmp_path / "r/.despoolr/journal/1"
    journal.write_bytes(DAMAGES[damage](journal.read_bytes()))
    left = journal.read_bytes()
    for _ in range(2):
        store = JournalledFileStore(tmp_path / "r", threads=False)
        (finding,) = store.findings
        assert finding.startswith(("journal 1 ", "the first bytes of journal 1 ")), finding
        assert "move .despoolr/journal in the share's directory away and start again" in finding
        assert contents(store) == expected
        with pytest.raises(StoreError) as caught:
            store.write_whole(n("F1"), b"new", AT)
        assert caught.value.status is NtStatus.MEDIA_WRITE_PROTECTED
        with pytest.raises(StoreError):
            asyncio.run(store.stage(b"new", AT))
        asyncio.run(store.sync())
        asyncio.run(store.close())
        assert journal.read_bytes() == left
    journal.parent.rename(tmp_path / "aside")
    store = JournalledFileStore(tmp_path / "r", threads=False)
    assert (list(store.findings), contents(store)) == ([], expected)
    store.write_whole(n("F1"), b"new", AT)
    assert contents(JournalledFileStore(tmp_path / "r", threads=False)) == expected | {"F1": b"new"}


@pytest.mark.parametrize("how", ["older", "another store's", "renumbered", "gone", "not the mark"])
def test_a_journal_that_is_not_the_one_that_was_written_changes_no_file(
    tmp_path: Path, how: str
) -> None:
    root = tmp_path / "r"
    store = killed(root)
    journals = root / ".despoolr/journal"
    older = (journals / "1").read_bytes()
    store.write_whole(n("F2"), b"the last", AT + 9)
    asyncio.run(store.sync())
    expected = contents(store)
    if how == "older":
        (journals / "1").write_bytes(older)
    elif how == "another store's":
        killed(tmp_path / "other")
        shutil.rmtree(journals)
        shutil.copytree(tmp_path / "other/.despoolr/journal", journals)
    elif how == "renumbered":
        (journals / "1").rename(journals / "2")
    elif how == "gone":
        (journals / "1").unlink()
    else:
        (journals / "mark").write_bytes(b"\0" * 24)
    again = JournalledFileStore(root, threads=False)
    assert contents(again) == expected
    # the chain is whole, and so there is nothing to doubt
    assert bool(again.findings) == (how != "not the mark")


def test_of_several_journals_none_may_be_missing_cut_or_older(tmp_path: Path) -> None:
    def several(root: Path) -> dict[str, bytes | None]:
        store = JournalledFileStore(root, threads=False, journal_max=900)
        for number in range(12):
            store.write_whole(n(f"F{number % 3}"), f"{number} ".encode() * 100, AT + number)
        return contents(store)

    expected = several(tmp_path / "whole")
    journals = sorted(
        (tmp_path / "whole/.despoolr/journal").glob("[0-9]*"), key=lambda path: int(path.name)
    )
    assert len(journals) >= 4
    assert contents(JournalledFileStore(tmp_path / "whole", threads=False)) == expected
    for case in range(3):
        root = tmp_path / str(case)
        several(root)
        second = root / ".despoolr/journal/2"
        if case == 0:
            second.unlink()
        elif case == 1:
            second.write_bytes(flipped(second.read_bytes(), JOURNAL_HEADER_SIZE + 60))
        else:
            second.write_bytes((root / ".despoolr/journal/3").read_bytes())
        store = JournalledFileStore(root, threads=False)
        assert store.findings and contents(store) == expected, case


def test_what_a_power_cut_leaves_of_the_last_frames_is_ordinary(tmp_path: Path) -> None:
    """Sectors that never reached the disk, past what was answered; what was answered comes true."""
    for case, (begin, end) in enumerate([(0.0, 1.0), (0.5, 1.0), (0.25, 0.6)]):
        root = tmp_path / str(case)
        store = killed(root)
        expected = contents(store)
        journal = root / ".despoolr/journal/1"
        safe = frames(journal.read_bytes())[-1][1]
        for number in (20, 21):
            store.write_whole(n(f"F{number}"), bytes(range(1, 256)) * 20, AT)
        data = bytearray(journal.read_bytes())
        length = frames(bytes(data))[-1][1] - safe
        lost = [max(safe, (safe + int(length * part)) // 512 * 512) for part in (begin, end)]
        data[lost[0] : lost[1] + 512] = bytes(lost[1] + 512 - lost[0])
        journal.write_bytes(data)
        for number in (20, 21):
            (root / f"F{number}").unlink()
        again = JournalledFileStore(root, threads=False)
        assert again.findings == []
        assert expected.items() <= contents(again).items()


# -- the version before


def of_first_version(entries: list[Entry], size: int = 8192) -> bytes:
    """A journal as version 0.9 wrote it: frames that check by themselves, then zeros."""
    data = b"".join(
        FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        for payload in (encode(entry) for entry in entries)
    )
    return data + bytes(size - len(data))


def test_a_journal_of_the_version_before_comes_true(tmp_path: Path) -> None:
    journals = tmp_path / "r/.despoolr/journal"
    journals.mkdir(parents=True)
    entries: list[Entry] = [Make("D", AT), Put("D/A", 1, 0, b"a", int(AT * 1e9), 0)]
    (journals / "1").write_bytes(of_first_version(entries))
    (journals / "2").write_bytes(of_first_version([Put("D/B", 2, 0, b"b", int(AT * 1e9), 0)]))
    (journals / "3").write_bytes(b"")  # one that was being laid out
    store = JournalledFileStore(tmp_path / "r", threads=False)
    assert (contents(store), store.findings) == ({"D": None, "D/A": b"a", "D/B": b"b"}, [])


def test_a_damaged_journal_of_the_version_before_changes_no_file(tmp_path: Path) -> None:
    journals = tmp_path / "r/.despoolr/journal"
    journals.mkdir(parents=True)
    entries: list[Entry] = [
        Put("A", number, 0, b"old %d" % number, int(AT * 1e9), 0) for number in range(3)
    ]
    (tmp_path / "r/A").write_bytes(b"the newest")
    for offset in (12, 50, 80):
        (journals / "1").write_bytes(flipped(of_first_version(entries), offset))
        store = JournalledFileStore(tmp_path / "r", threads=False)
        assert contents(store) == {"A": b"the newest"}
        assert store.findings[0].startswith("journal 1 is damaged at byte ")
