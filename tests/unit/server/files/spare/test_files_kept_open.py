"""Names that are put over and over again: their files stay open, few of them, and nobody else can
tell.
"""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.spare import originals
from despoolr_server.files.spare.originals import OPEN_MAX
from despoolr_server.files.system.exchange import is_unread, let_read
from worlds.support import leave_out, open_below

AT = 833785200.0
PRIVATE = ".despoolr"


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


def put(store: DiskFileStore, path: str, *data: bytes) -> None:
    for one in data:
        store.write_whole(n(path), one, AT)


@pytest.fixture(autouse=True)
def a_file_system_that_can(tmp_path: Path) -> None:
    put(store := DiskFileStore(tmp_path / "trial"), "A", *(b"%d" % number for number in range(6)))
    if not open_below(tmp_path):
        leave_out("this file system exchanges no files, or leases none")
    del store


def test_files_that_are_kept_open_are_bounded(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    names = [f"F{number}" for number in range(OPEN_MAX)]
    for name in names:
        put(store, name, b"1", b"2", b"3", b"4")
    assert not open_below(root), "nothing was written over"
    for name in names:
        put(store, name, b"5", b"6")
    assert len(open_below(root)) == 2 * OPEN_MAX
    put(store, "G", b"1", b"2", b"3", b"4", b"5", b"6")
    assert len(open_below(root)) == 2 * OPEN_MAX
    assert {"F1", "G"} < {*open_below(root)}
    assert "F0" not in open_below(root)
    for name in [*names, "G"]:
        put(store, name, b"8", b"9")
        assert store.read(n(name)) == (root / name).read_bytes() == b"9"


def test_a_store_that_is_gone_has_nothing_open(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")
    assert len(open_below(root)) == 2
    del store
    gc.collect()
    assert not open_below(root)


def test_whoever_opens_what_was_put_again_does_not_wait(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    for number in range(9):
        put(store, "A", b"%d" % number)
        descriptor = os.open(root / "A", os.O_RDWR | os.O_NONBLOCK)
        assert os.read(descriptor, 9) == b"%d" % number
        os.close(descriptor)
    assert len(open_below(root)) == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_the_disk_takes_in_parts_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    root, pwrite = tmp_path / "root", os.pwrite
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")

    def in_parts(descriptor: int, data: bytes, offset: int) -> int:
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, data[:count], offset)

    monkeypatch.setattr(os, "pwrite", in_parts)
    for data in (b"a long one", b"x", b"another one"):
        put(store, "A", data)
        assert store.read(n("A")) == (root / "A").read_bytes() == data


def test_what_was_there_before_and_is_gone_takes_no_place(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")
    (spare,) = [path for path in (root / PRIVATE / "tmp").rglob("*") if path.is_file()]
    spare.unlink()
    put(store, "A", b"seven")
    assert store.read(n("A")) == (root / "A").read_bytes() == b"seven"
    assert not open_below(root)


def test_what_is_renamed_away_and_replaced_in_the_middle_of_a_put_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")

    def let_read_late(descriptor: int) -> None:
        let_read(descriptor)
        (root / "A").rename(away)
        (root / "A").write_bytes(b"theirs")

    with monkeypatch.context() as patch:
        patch.setattr(originals, "let_read", let_read_late)
        put(store, "A", b"seven")
    put(store, "A", b"eight", b"nine", b"ten")
    assert away.read_bytes() == b"six"
    assert store.read(n("A")) == (root / "A").read_bytes() == b"ten"


def test_what_somebody_has_lengthened_a_moment_ago_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    store = DiskFileStore(root, threads=False)
    put(store, "A", b"one", b"two", b"three", b"four", b"five", b"six")
    (spare,) = [path for path in (root / PRIVATE / "tmp").rglob("*") if path.is_file()]

    def asked_late(descriptor: int) -> bool:
        with spare.open("ab") as theirs:
            theirs.write(b" and more")
        return is_unread(descriptor)

    monkeypatch.setattr("despoolr_server.files.spare.inode_pool.is_unread", asked_late)
    put(store, "A", b"seven")
    assert store.read(n("A")) == (root / "A").read_bytes() == b"seven"
