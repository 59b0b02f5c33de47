"""A name that is put over and over again, on a disk without a journal: whatever ends the process or
the power in between, it has a content that it had, whole, and nobody else's.

The power is cut as ext4 does it (seen on a loop device: 60 of 60 names that had lost what was put
had the content before after the next start): the names are as they were last, and a file that was
put by exchange is empty, or as long as it was and full of zeros.
"""

from __future__ import annotations

import errno
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
from despoolr_server.files.spare import originals
from despoolr_server.files.spare.inode_pool import InodePool, Seen
from despoolr_server.files.spare.originals import SIZE_MAX
from despoolr_server.files.spare.staged_files import StagedFiles
from despoolr_server.files.system.descriptors import write_whole
from despoolr_server.files.system.exchange import begin_writing_out, can_tell_readers, exchange
from worlds.deadly import DEADLY
from worlds.support import leave_out, open_below

AT = 833785200.0
PRIVATE = ".despoolr"


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture(autouse=True)
def a_file_system_that_can(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    try:
        os.setxattr(one, "user.despoolr.put", b"x")
    except (AttributeError, OSError):
        leave_out("this file system keeps no extended attributes")
    if not (can_tell_readers() and exchange(str(one), str(two))):
        leave_out("this file system exchanges no files, or leases none")


class Cut:
    """Which files lose their content if the power goes now: those that were put by exchange, and
    not written out after.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.inodes: set[int] = set()
        swap, make, rename = InodePool.swap, StagedFiles._make, os.replace
        take_back = InodePool.take_back
        rewritten: set[int] = set()

        def swapped(pool: InodePool, staged: str, path: str) -> bool:
            inode = os.lstat(staged).st_ino
            done = swap(pool, staged, path)
            if done:
                self.inodes.add(inode)
            return done

        def made_anew(
            staged: StagedFiles, data: bytes, stamps: tuple[int, int]
        ) -> tuple[str, os.stat_result]:
            made = make(staged, data, stamps)
            rewritten.discard(made[1].st_ino)
            self.inodes.discard(made[1].st_ino)
            return made

        def taken_back(pool: InodePool, path: str, file: Seen, size: int, descriptor: int) -> int:
            descriptor = take_back(pool, path, file, size, descriptor)
            rewritten.add(file[1])
            self.inodes.discard(file[1])
            return descriptor

        def replaced(one: str, other: str) -> None:
            inode = os.lstat(one).st_ino
            if inode in rewritten:  # ext4 writes out only what has no room on the disk yet
                self.inodes.add(inode)
            elif os.path.lexists(other):
                self.inodes.discard(inode)
            rename(one, other)

        def written_out(path: str) -> None:
            inode = os.lstat(path).st_ino
            rewritten.discard(inode)
            self.inodes.discard(inode)
            begin_writing_out(path)

        patch.setattr(InodePool, "swap", swapped)
        patch.setattr(StagedFiles, "_make", made_anew)
        patch.setattr(InodePool, "take_back", taken_back)
        patch.setattr("despoolr_server.files.disk.os.replace", replaced)
        patch.setattr(originals, "begin_writing_out", written_out)

    def after(self, root: Path, target: Path, *, zeros: bool = False) -> DiskFileStore:
        """The store that is started after the power was cut."""
        shutil.copytree(root, target, symlinks=True)
        for path in root.rglob("*"):
            status = path.lstat()
            if path.is_file() and status.st_ino in self.inodes:
                copy = target / path.relative_to(root)
                copy.write_bytes(b"\0" * status.st_size if zeros else b"")
                os.utime(copy, ns=(status.st_mtime_ns, status.st_mtime_ns))
        return DiskFileStore(target, threads=False)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    return Cut(monkeypatch)


def contents(store: DiskFileStore, directory: Name = ROOT) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for facts in store.list(directory):
        if facts.directory:
            found |= contents(store, n(facts.path))
        else:
            found[n(facts.path).key] = store.read(n(facts.path))
    return found


def put(store: DiskFileStore, path: str, *data: bytes) -> None:
    for one in data:
        store.write_whole(n(path), one, AT)


def kept(root: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (root / PRIVATE / "originals").iterdir())


def test_what_is_put_again_takes_its_place_by_exchange(tmp_path: Path, cut: Cut) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"one", b"two")
    assert not cut.inodes, "the first is new, the second is written out by its rename"
    etags = set()
    for data in (b"three", b"", b"a longer one", b"4"):
        put(store, "A", data)
        facts = store.find(n("A"))
        assert facts is not None and facts.size == len(data)
        etags.add(facts.etag)
        assert store.read(n("A")) == (tmp_path / "root" / "A").read_bytes() == data
        assert kept(tmp_path / "root") == [b"two"]
    assert len(etags) == 4
    assert (tmp_path / "root" / "A").stat().st_ino in cut.inodes
    assert [facts.path for facts in store.list(ROOT)] == ["A"]


@pytest.mark.parametrize("zeros", [False, True], ids=["empty", "zeros"])
def test_a_power_cut_brings_back_the_last_content_that_was_written_out(
    tmp_path: Path, cut: Cut, zeros: bool
) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    store.make_directory(n("D"), AT)
    put(store, "D/A", b"one", b"two", b"three", b"four")
    put(store, "B", b"one", b"two")
    after = cut.after(tmp_path / "root", tmp_path / "after", zeros=zeros)
    assert contents(after) == {"D/A": b"two", "B": b"two"}
    assert kept(tmp_path / "after") == []


def test_an_ordinary_start_keeps_what_was_put_last(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"one", b"two", b"three", b"four")
    assert contents(DiskFileStore(tmp_path / "root", threads=False)) == {"A": b"four"}
    assert kept(tmp_path / "root") == []


def test_a_start_writes_out_what_was_put_before_it_lets_go_what_is_kept(
    tmp_path: Path, cut: Cut
) -> None:
    """A kill, a start, and then the power is cut."""
    root = tmp_path / "root"
    put(DiskFileStore(root, threads=False), "A", b"one", b"two", b"three", b"four")
    DiskFileStore(root, threads=False)
    assert kept(root) == []
    assert contents(cut.after(root, tmp_path / "after")) == {"A": b"four"}


def changed(path: Path) -> None:
    path.write_bytes(b"")


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"theirs")
    other.rename(path)


def deleted(path: Path) -> None:
    path.unlink()


def made_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def made_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("how", [changed, replaced, deleted, made_a_directory, made_a_link])
def test_what_somebody_else_did_to_a_name_is_not_undone(
    tmp_path: Path, how: Callable[[Path], None]
) -> None:
    root = tmp_path / "root"
    put(DiskFileStore(root, threads=False), "A", b"one", b"two", b"three")
    how(root / "A")
    before = sorted((path.name, path.lstat().st_ino) for path in root.iterdir())
    DiskFileStore(root, threads=False)
    assert sorted((path.name, path.lstat().st_ino) for path in root.iterdir()) == before
    assert kept(root) == []


def test_nothing_outside_the_share_is_brought_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    DiskFileStore(root, threads=False)
    outside = tmp_path / "A"
    outside.write_bytes(b"")
    os.setxattr(outside, "user.despoolr.put", b"%d 00000001" % outside.stat().st_mtime_ns)
    (root / PRIVATE / "originals" / "..|A").write_bytes(b"evil")
    DiskFileStore(root, threads=False)
    assert outside.read_bytes() == b""
    assert kept(root) == []


@pytest.mark.parametrize("before", [0, 6])
def test_who_reads_a_file_reads_the_whole_of_it(tmp_path: Path, before: int) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"one" * 99, *(b"%d" % number for number in range(before)))
    readers = []
    for data in (b"two" * 99, b"three" * 99, b"four" * 99, b"five"):
        put(store, "A", data)
        readers.append(((tmp_path / "root" / "A").open("rb"), data))
    put(store, "A", b"six", b"seven")
    for reader, data in readers:
        assert reader.read() == data
        reader.close()
    assert store.read(n("A")) == b"seven"


def removed(store: DiskFileStore) -> None:
    store.remove(n("D/A"))


def renamed(store: DiskFileStore) -> None:
    store.rename(n("D/A"), n("D/B"))


def renamed_over(store: DiskFileStore) -> None:
    put(store, "D/B", b"1", b"2", b"3")
    store.rename(n("D/B"), n("D/A"))


def with_its_directory(store: DiskFileStore) -> None:
    store.rename(n("D"), n("E"))


def patched(store: DiskFileStore) -> None:
    store.write_at(n("D/A"), 0, b"x", AT)


def cut_short(store: DiskFileStore) -> None:
    store.set_size(n("D/A"), 2, AT)


def put_large(store: DiskFileStore) -> None:
    put(store, "D/A", b"x" * (SIZE_MAX + 1))


@pytest.mark.parametrize(
    "how",
    [removed, renamed, renamed_over, with_its_directory, patched, cut_short, put_large],
)
def test_a_name_that_changes_in_another_way_is_written_out_first(
    tmp_path: Path, cut: Cut, how: Callable[[DiskFileStore], None]
) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    store.make_directory(n("D"), AT)
    put(store, "D/A", b"one", b"two", b"three", b"four", b"five", b"six")
    assert len(open_below(root)) == 2
    how(store)
    assert not open_below(root)
    assert kept(root) == []
    there = {path.stat().st_ino for path in root.rglob("*") if PRIVATE not in path.parts}
    assert not there & cut.inodes, "no file without its content on the disk is left"
    assert contents(cut.after(root, tmp_path / "after")) == contents(store)


def test_a_pipe_that_somebody_put_in_its_place_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, opened = tmp_path / "root", list[str]()
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three")
    (root / "A").unlink()
    os.mkfifo(root / "A")
    monkeypatch.setattr(originals, "begin_writing_out", opened.append)
    store._originals.settle_oldest()
    assert not opened
    assert kept(root) == []


def test_what_is_kept_and_has_another_name_by_now_is_not_emptied(tmp_path: Path) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three")
    link.hardlink_to(root / PRIVATE / "originals" / "A")
    store.remove(n("A"))
    assert kept(root) == []
    assert link.read_bytes() == b"two"


def test_what_was_there_before_and_has_another_name_by_now_is_not_written_over(
    tmp_path: Path,
) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")
    (spare,) = [path for path in (root / PRIVATE / "tmp").rglob("*") if path.is_file()]
    assert spare.read_bytes() == b"five"
    link.hardlink_to(spare)
    put(store, "A", b"seven", b"eight")
    assert link.read_bytes() == b"five"
    assert store.read(n("A")) == b"eight"


def test_what_cannot_be_laid_aside_does_not_take_its_name_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)

    def full(_pool: InodePool, _path: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(InodePool, "recycle", full)
    for data in (b"one", b"two", b"three", b"four", b"five"):
        store.write_whole(n("A"), data, AT, 2)  # with attributes nothing is written over
        assert store.read(n("A")) == (root / "A").read_bytes() == data


def test_names_that_are_remembered_are_bounded(
    tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "NAMES_MAX", 2)
    store = DiskFileStore(tmp_path / "root", threads=False)
    for name in ("A", "B"):
        put(store, name, b"one", b"two", b"three")
    put(store, "C", b"one", b"two")
    assert kept(tmp_path / "root") == [b"two"], "the longest unchanged is written out: A"
    assert len(cut.inodes & {(tmp_path / "root" / "B").stat().st_ino}) == 1
    assert not cut.inodes & {(tmp_path / "root" / "A").stat().st_ino}


@pytest.mark.parametrize("why", ["no room for more", "refused", "not refused before"])
def test_what_cannot_be_exchanged_is_renamed_and_written_out(
    tmp_path: Path, cut: Cut, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two")
    if why == "not refused before":
        put(store, "A", b"three", b"four", b"five", b"six")
        assert len(open_below(root)) == 2
    if why == "no room for more":
        monkeypatch.setattr(store.pool, "_count_max", 0)
    else:
        monkeypatch.setattr("despoolr_server.files.spare.inode_pool.exchange", lambda *_: False)
    put(store, "A", b"five")
    assert kept(root) == []
    assert contents(cut.after(root, tmp_path / "after")) == {"A": b"five"}
    assert not open_below(root)
    left = [path for name in ("spare", "tmp") for path in (root / PRIVATE / name).iterdir()]
    assert not any(path.is_file() and path.stat().st_size for path in left)


def test_a_file_that_gets_attributes_leaves_nothing_of_those_before(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four")
    for bits in (2, 0, 2):
        store.write_whole(n("A"), b"more", AT, bits)
    put(store, "A", b"five")
    files = [path for path in (root / PRIVATE).rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in files if path.parent.name != PRIVATE) == [
        b"",
        b"more",
        b"two",
    ]


@pytest.mark.parametrize(("size", "count"), [(SIZE_MAX, 1), (SIZE_MAX + 1, 0)])
def test_large_files_are_put_by_a_rename(tmp_path: Path, cut: Cut, size: int, count: int) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"1" * size, b"2" * size, b"3" * size)
    put(store, "B", b"1", b"2", b"3" * size)
    put(store, "C", b"1" * size, b"2" * size, b"3")
    assert len(kept(tmp_path / "root")) == 3 * count


@pytest.mark.parametrize(("length", "count"), [(123, 1), (124, 0)])
def test_a_path_that_is_no_name_is_put_by_a_rename(
    tmp_path: Path, cut: Cut, length: int, count: int
) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    path = f"{'D' * 131}/{'F' * length}"
    store.make_directory(n("D" * 131), AT)
    put(store, path, b"1", b"2", b"3")
    assert store.read(n(path)) == b"3"
    assert len(kept(tmp_path / "root")) == count


def test_a_full_disk_takes_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"one", b"two", b"three")
    original = write_whole

    def full(descriptor: int, data: bytes) -> None:
        if kept(tmp_path / "root"):
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor, data)

    monkeypatch.setattr("despoolr_server.files.spare.staged_files.write_whole", full)
    put(store, "B", b"one")
    assert contents(store) == {"A": b"three", "B": b"one"}


def test_a_full_disk_takes_no_more_than_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "GIVEN_UP", 2)
    root, original = tmp_path / "root", write_whole
    store = DiskFileStore(root, threads=False)
    for name in "ABCDE":
        put(store, name, b"one", b"two", name.encode())

    def full(descriptor: int, data: bytes) -> None:
        if len(kept(root)) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor, data)

    monkeypatch.setattr("despoolr_server.files.spare.staged_files.write_whole", full)
    put(store, "F", b"one")
    assert sorted(path.name for path in (root / PRIVATE / "originals").iterdir()) == ["E"]
    assert store.read(n("F")) == b"one"


async def test_a_full_disk_takes_it_for_a_large_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskFileStore(tmp_path / "root")
    put(store, "A", b"one", b"two", b"three")
    original = StagedFiles._write

    async def full(staged: StagedFiles, path: str, data: bytes, at: float) -> None:
        if kept(tmp_path / "root"):
            raise OSError(errno.ENOSPC, "No space left on device")
        await original(staged, path, data, at)

    monkeypatch.setattr(StagedFiles, "_write", full)
    store.publish(await store.stage(b"large", AT), n("B"))
    assert contents(store) == {"A": b"three", "B": b"large"}


def no_attributes(*_: object, **__: object) -> None:
    raise OSError(errno.ENOTSUP, "Operation not supported")


@pytest.mark.parametrize("missing", ["attributes", "exchange"])
def test_a_file_system_that_cannot_do_it_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "attributes":
        monkeypatch.setattr(os, "setxattr", no_attributes)
    else:
        monkeypatch.setattr("despoolr_server.files.spare.inode_pool.exchange", lambda *_: False)
    store = DiskFileStore(tmp_path / "root", threads=False)
    put(store, "A", b"one", b"two", b"three", b"four")
    assert contents(store) == {"A": b"four"}
    assert kept(tmp_path / "root") == []
    assert sorted(path.name for path in (tmp_path / "root").iterdir()) == [PRIVATE, "A"]


def test_a_system_without_such_calls_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    put(DiskFileStore(root, threads=False), "A", b"one", b"two", b"three")
    for call in ("setxattr", "getxattr"):
        monkeypatch.delattr(os, call)
    monkeypatch.setattr("despoolr_server.files.spare.inode_pool.can_tell_readers", lambda: False)
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"four", b"five", b"six")
    assert contents(store) == {"A": b"six"}
    assert kept(root) == []


NAMES = ["A", "B", "D/A"]
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "put", "put", "put", "put", "remove", "rename", "patch", "size", "folder"]
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.binary(min_size=1, max_size=6).map(lambda data: data.replace(b"\0", b"-")),
    ),
    max_size=30,
)


def carry_out(store: DiskFileStore, kind: str, path: str, other: str, data: bytes) -> None:
    with suppress(StoreError):
        if kind == "put" and store.put_again(n(path), data, AT) is None:
            put(store, path, data)
        elif kind == "remove":
            store.remove(n(path))
        elif kind == "rename" and path != other:
            store.rename(n(path), n(other))
        elif kind == "patch":
            store.write_at(n(path), 2, data, AT)
        elif kind == "size":
            store.set_size(n(path), 2, AT)
        elif kind == "folder":
            store.rename(n("D"), n("E"))
            store.rename(n("E"), n("D"))


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS, zeros=st.booleans())
def test_after_a_power_cut_every_name_has_a_content_that_it_had(
    tmp_path_factory: pytest.TempPathFactory,
    operations: list[tuple[str, str, str, bytes]],
    zeros: bool,
) -> None:
    base = tmp_path_factory.mktemp("plain")
    had: dict[str, set[bytes]] = {}
    with pytest.MonkeyPatch.context() as patch:
        cut = Cut(patch)
        store = DiskFileStore(base / "root", threads=False)
        store.make_directory(n("D"), AT)
        for operation in operations:
            carry_out(store, *operation)
            for name, content in contents(store).items():
                had.setdefault(name, set()).add(content)
        last = contents(store)
        after = contents(cut.after(base / "root", base / "after", zeros=zeros))
    assert after.keys() == last.keys()
    for name, content in after.items():
        assert content in had[name]


KILLED = (
    DEADLY
    + """
import os, sys
from despoolr_server.engine.names import parse_name
from despoolr_server.files.system.descriptors import write_whole
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.spare import inode_pool

root, step, count = sys.argv[1:]
store = DiskFileStore(root, threads=False)
for number in range(int(count)):
    store.write_whole(parse_name("A"), b"%d" % number * 100, 833785200.0)

owner, name, when = step.split()
deadly({"os": os, "pool": inode_pool}[owner], name, when)
store.write_whole(parse_name("A"), b"new" * 100, 833785200.0)
"""
)
FIRST = [
    ("os utime after", False),
    ("os setxattr before", False),
    ("os setxattr after", False),
    ("os rename before", False),
    ("os rename after", False),
    ("pool exchange before", False),
    ("pool exchange after", True),
]
LATER = [
    ("pool is_unread before", False),
    ("os utime after", False),
    ("os setxattr after", False),
    ("pool exchange before", False),
    ("pool exchange after", True),
]


@pytest.mark.parametrize(
    ("count", "step", "done"),
    [(2, *one) for one in FIRST] + [(4, *one) for one in LATER],
    ids=lambda value: str(value),
)
def test_a_kill_at_any_step_leaves_the_old_content_or_the_new_and_nothing_else(
    tmp_path: Path, count: int, step: str, done: bool
) -> None:
    root = tmp_path / "root"
    command = [sys.executable, "-c", KILLED, str(root), step, str(count)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    expected = b"new" * 100 if done else b"%d" % (count - 1) * 100
    assert (root / "A").read_bytes() == expected
    store = DiskFileStore(root, threads=False)
    assert contents(store) == {"A": expected}
    places = [root / PRIVATE / name for name in ("originals", "spare", "tmp")]
    left = [path for place in places for path in place.iterdir() if path.stat().st_size]
    assert left == [], "nothing is left of what was begun"
    put(store, "A", b"later", b"and", b"later")
    assert contents(store) == {"A": b"later"}
