"""A file that takes another's place by exchange: whatever ends the process or the power in between,
the name has the old content or the new one, whole.

The power is cut as ext4 does it (seen on a loop device, `despoolr_server.files.system.exchange`):
the names are as they were last, and what was put by exchange has no content.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_server.engine.names import ROOT, Name, parse_name
from despoolr_server.files import StoreError
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal import journalled
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.spare.inode_pool import InodePool
from despoolr_server.files.system.exchange import begin_writing_out, can_tell_readers, exchange
from worlds.deadly import DEADLY
from worlds.support import leave_out

AT = 833785200.0
NAMES = ["A", "B", "D/A"]


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def contents(store: JournalledFileStore, directory: Name = ROOT) -> dict[str, bytes]:
    """The content of every file of a store."""
    found: dict[str, bytes] = {}
    for facts in store.list(directory):
        if facts.directory:
            found |= contents(store, n(facts.path))
        else:
            found[n(facts.path).key] = store.read(n(facts.path))
    return found


@pytest.fixture(autouse=True)
def a_file_system_that_can(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    if not (can_tell_readers() and exchange(str(tmp_path / "one"), str(tmp_path / "two"))):
        leave_out("this file system exchanges no files, or leases none")


def note_exchanges(patch: pytest.MonkeyPatch) -> set[int]:
    """The inodes of files that take others' places by exchange from now on, and are not written
    out after.
    """
    inodes: set[int] = set()
    original, aside = InodePool.exchange, DiskFileStore.put_aside

    def noted(pool: InodePool, staged: str, path: str, status: os.stat_result) -> bool:
        inode = os.lstat(staged).st_ino
        done = original(pool, staged, path, status)
        if done:
            inodes.add(inode)
        return done

    def put_aside(disk: DiskFileStore, data: bytes, at: float) -> tuple[str, os.stat_result]:
        staged, status = aside(disk, data, at)
        inodes.discard(status.st_ino)  # one that was lost is another file now
        return staged, status

    def written_out(path: str) -> None:
        inodes.discard(os.lstat(path).st_ino)
        begin_writing_out(path)

    patch.setattr(InodePool, "exchange", noted)
    patch.setattr(DiskFileStore, "put_aside", put_aside)
    patch.setattr(journalled, "begin_writing_out", written_out)
    return inodes


@pytest.fixture
def exchanged(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    return note_exchanges(monkeypatch)


def cut_off(root: Path, target: Path, journal: Path, lost: set[int]) -> JournalledFileStore:
    """The store after a power cut: the tree as it is, `lost` without content, the journal as far
    as it was on disk.
    """
    shutil.copytree(root, target, copy_function=os.link)
    for path in target.rglob("*"):
        if path.is_file() and path.stat().st_ino in lost and ".despoolr" not in path.parts:
            os.truncate(path, 0)
    shutil.rmtree(target / ".despoolr" / "journal")
    shutil.copytree(journal, target / ".despoolr" / "journal")
    return JournalledFileStore(target, threads=False)


def test_a_file_whose_content_the_journal_has_is_put_by_exchange(
    tmp_path: Path, exchanged: set[int]
) -> None:
    store = JournalledFileStore(tmp_path / "root", threads=False)
    store.write_whole(n("A"), b"first", AT)
    asyncio.run(store.sync())
    before = store.find(n("A"))
    store.write_whole(n("A"), b"second", AT)
    assert len(exchanged) == 1
    after = store.find(n("A"))
    assert before is not None and after is not None and before.etag != after.etag
    assert (store.read(n("A")), after.size) == (b"second", 6)
    assert [facts.path for facts in store.list(ROOT)] == ["A"]
    asyncio.run(store.close())


def test_a_file_that_is_put_again_is_exchanged_where_the_journal_has_what_was_there(
    tmp_path: Path, exchanged: set[int]
) -> None:
    root, journal = tmp_path / "root", tmp_path / "journal"
    store = JournalledFileStore(root, threads=False)
    store.write_whole(n("A"), b"first", AT)
    assert store.put_again(n("a"), b"second", AT) is not None
    assert not exchanged, "the record of the first is not on the disk"
    asyncio.run(store.sync())
    shutil.copytree(root / ".despoolr" / "journal", journal)
    after = store.put_again(n("A"), b"third", AT)
    assert after is not None and len(exchanged) == 1
    assert after == store.find(n("A"))
    assert contents(cut_off(root, tmp_path / "cut", journal, exchanged)) == {"A": b"second"}


def put(store: JournalledFileStore) -> None:
    store.write_whole(n("A"), b"first", AT)


def put_and_synced(store: JournalledFileStore) -> None:
    put(store)
    asyncio.run(store.sync())


def put_and_renamed(store: JournalledFileStore) -> None:
    store.write_whole(n("B"), b"first", AT)
    asyncio.run(store.sync())
    store.rename(n("B"), n("A"))


def put_and_patched(store: JournalledFileStore) -> None:
    put_and_synced(store)
    store.write_at(n("A"), 1, b"x", AT + 1)


def put_and_changed_by_somebody_else(store: JournalledFileStore) -> None:
    put_and_synced(store)
    (store.root / "A").write_bytes(b"other")


def put_and_linked(store: JournalledFileStore) -> None:
    put_and_synced(store)
    (store.root / "link").hardlink_to(store.root / "A")


def put_before_a_directory_was_renamed(store: JournalledFileStore) -> None:
    store.make_directory(n("D"), AT)
    put_and_synced(store)
    store.rename(n("D"), n("E"))


@pytest.mark.parametrize(
    "how",
    [
        put,
        put_and_renamed,
        put_and_patched,
        put_and_changed_by_somebody_else,
        put_and_linked,
        put_before_a_directory_was_renamed,
    ],
)
def test_what_the_journal_would_not_restore_is_replaced_by_a_rename(
    tmp_path: Path, exchanged: set[int], how: Callable[[JournalledFileStore], None]
) -> None:
    store = JournalledFileStore(tmp_path / "root", threads=False)
    how(store)
    store.write_whole(n("A"), b"second", AT + 2)
    assert not exchanged
    assert store.read(n("A")) == b"second"
    asyncio.run(store.close())


def test_what_only_an_older_journal_had_is_replaced_by_a_rename(
    tmp_path: Path, exchanged: set[int]
) -> None:
    store = JournalledFileStore(tmp_path / "root", threads=False)
    put_and_synced(store)
    asyncio.run(store.close())
    store = JournalledFileStore(tmp_path / "root", threads=False)
    store.write_whole(n("A"), b"second", AT)
    assert not exchanged
    asyncio.run(store.sync())
    store.make_directory(n("D"), AT)
    store.rename(n("D"), n("E"))  # begins a new journal
    store.write_whole(n("A"), b"third", AT)
    assert not exchanged
    asyncio.run(store.close())


def test_a_file_is_written_out_before_it_is_renamed(tmp_path: Path, exchanged: set[int]) -> None:
    store = JournalledFileStore(tmp_path / "root", threads=False)
    put_and_synced(store)
    store.write_whole(n("A"), b"second", AT)
    assert len(exchanged) == 1
    store.rename(n("A"), n("B"))
    assert not exchanged
    asyncio.run(store.close())


def test_who_reads_a_file_that_is_replaced_reads_the_whole_of_it(tmp_path: Path) -> None:
    store = JournalledFileStore(tmp_path / "root", threads=False)
    store.write_whole(n("A"), b"first" * 100, AT)
    asyncio.run(store.sync())
    with (store.root / "A").open("rb") as reader:
        store.write_whole(n("A"), b"second", AT)
        asyncio.run(store.sync())
        store.write_whole(n("A"), b"third", AT)
        assert reader.read() == b"first" * 100
    asyncio.run(store.close())


def test_files_that_are_remembered_are_bounded(
    tmp_path: Path, exchanged: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalled, "PUTS_MAX", 2)
    store = JournalledFileStore(tmp_path / "root", threads=False)
    for name in ("A", "B", "C"):
        store.write_whole(n(name), b"first", AT)
    asyncio.run(store.sync())
    for name, count in (("A", 0), ("C", 1)):
        store.write_whole(n(name), b"second", AT)
        assert len(exchanged) == count
    asyncio.run(store.close())


def test_a_file_system_that_exchanges_nothing_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_server.files.spare.inode_pool.exchange", lambda *_: False)
    store = JournalledFileStore(tmp_path / "root", threads=False)
    put_and_synced(store)
    store.write_whole(n("A"), b"second", AT)
    assert store.read(n("A")) == b"second"
    asyncio.run(store.close())


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "sync", "sync", "remove", "rename", "patch"]),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.binary(min_size=1, max_size=6),
    ),
    max_size=25,
)


def carry_out(store: JournalledFileStore, kind: str, path: str, other: str, data: bytes) -> None:
    with suppress(StoreError):
        if kind == "put" and store.put_again(n(path), data, AT) is None:
            store.write_whole(n(path), data, AT)
        elif kind == "remove":
            store.remove(n(path))
        elif kind == "rename" and path != other:
            store.rename(n(path), n(other))
        elif kind == "patch":
            store.write_at(n(path), 2, data, AT)


@settings(max_examples=40, deadline=None)
@given(operations=OPERATIONS)
def test_after_a_power_cut_every_name_has_what_was_answered_or_what_came_after(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, str, bytes]]
) -> None:
    base = tmp_path_factory.mktemp("exchange")
    root, journal = base / "root", base / "journal"
    with pytest.MonkeyPatch.context() as patch:
        lost = note_exchanges(patch)
        store = JournalledFileStore(root, threads=False, journal_max=1 << 20)
        store.make_directory(n("D"), AT)
        asyncio.run(store.sync())
        shutil.copytree(root / ".despoolr" / "journal", journal)
        since = [contents(store)]
        for operation in operations:
            if operation[0] == "sync":
                asyncio.run(store.sync())
                shutil.rmtree(journal)
                shutil.copytree(root / ".despoolr" / "journal", journal)
                since = [contents(store)]
            else:
                carry_out(store, *operation)
                since.append(contents(store))
        # one after the other: both have the same files, by links
        answered = contents(cut_off(root, base / "answered", journal, lost))
        written = contents(cut_off(root, base / "written", root / ".despoolr" / "journal", lost))
    for key in map(str.upper, NAMES):
        assert answered.get(key) in [state.get(key) for state in since]
    assert written == since[-1]


KILLED = (
    DEADLY
    + """
import asyncio, os, sys
from despoolr_server.engine.names import parse_name
from despoolr_server.files.spare import inode_pool
from despoolr_server.files.journal.journalled import JournalledFileStore

root, step = sys.argv[1:]
store = JournalledFileStore(root, threads=False)
store.write_whole(parse_name("A"), b"old" * 100, 833785200.0)
asyncio.run(store.sync())

owner, name, when = step.split()
deadly({"os": os, "pool": inode_pool, "store": JournalledFileStore}[owner], name, when)
store.write_whole(parse_name("A"), b"new" * 100, 833785200.0)
"""
)
STEPS = [
    ("os utime after", b"old"),
    ("store _log before", b"old"),
    ("store _log after", b"new"),
    ("pool exchange before", b"new"),
    ("pool exchange after", b"new"),
    ("pool is_unread before", b"new"),
    ("os ftruncate before", b"new"),
    ("os ftruncate after", b"new"),
]


@pytest.mark.parametrize(("step", "expected"), STEPS, ids=[step for step, _ in STEPS])
def test_a_kill_at_any_step_leaves_the_old_content_or_the_new_and_nothing_else(
    tmp_path: Path, step: str, expected: bytes
) -> None:
    root = tmp_path / "root"
    process = subprocess.run([sys.executable, "-c", KILLED, str(root), step], check=False)
    assert process.returncode == -signal.SIGKILL
    assert (root / "A").read_bytes() in (b"old" * 100, b"new" * 100)
    store = JournalledFileStore(root, threads=False)
    assert contents(store) == {"A": expected * 100}
    spares = [path for path in (root / ".despoolr" / "spare").iterdir() if path.stat().st_size]
    assert spares == [], "what waits to become another file holds nothing"
    store.write_whole(n("A"), b"later", AT)
    assert store.read(n("A")) == b"later"
    asyncio.run(store.close())


PLAIN = (
    KILLED.replace("JournalledFileStore(root", "DiskFileStore(root")
    .replace(
        "from despoolr_server.files.journal.journalled import JournalledFileStore",
        "from despoolr_server.files.disk import DiskFileStore",
    )
    .replace('"store": JournalledFileStore', '"store": DiskFileStore')
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("os utime after", b"old"),
        ("store publish_at before", b"old"),
        ("os replace before", b"old"),
        ("os replace after", b"new"),
    ],
)
def test_a_kill_at_any_step_on_a_disk_without_a_journal_leaves_a_whole_file(
    tmp_path: Path, step: str, expected: bytes
) -> None:
    root = tmp_path / "root"
    process = subprocess.run([sys.executable, "-c", PLAIN, str(root), step], check=False)
    assert process.returncode == -signal.SIGKILL
    store = DiskFileStore(root, threads=False)
    assert store.read(n("A")) == expected * 100
    assert [facts.path for facts in store.list(ROOT)] == ["A"]
