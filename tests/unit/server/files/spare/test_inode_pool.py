"""Spare files: deleted files become new ones, with nothing of what they held, and only if they were
ours.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.spare.inode_pool import SIZE_MAX, InodePool
from despoolr_server.files.spare.new_files import NewFiles

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def spares(tmp_path: Path) -> InodePool:
    made = InodePool(tmp_path / "spare", NewFiles(str(tmp_path)), count_max=3)
    made.start()
    while taken := made.take():
        os.close(taken[1])
        Path(taken[0]).unlink()
    return made


def put(path: Path, size: int = 100) -> Path:
    path.write_bytes(b"x" * size)
    return path


def kept(spares: InodePool, path: Path) -> bool:
    return spares.keep(str(path), path.lstat())


def test_what_is_laid_aside_is_empty_and_is_taken_again(spares: InodePool, tmp_path: Path) -> None:
    file = put(tmp_path / "a")
    inode = file.stat().st_ino
    assert kept(spares, file)
    assert not file.exists()
    taken = spares.take()
    assert taken is not None
    path, descriptor = taken
    assert (os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size) == (inode, 0)
    os.close(descriptor)
    assert Path(path).parent == tmp_path / "spare"
    assert spares.take() is None


def test_no_more_are_kept_than_stated_and_none_that_is_large(
    spares: InodePool, tmp_path: Path
) -> None:
    assert not kept(spares, put(tmp_path / "large", SIZE_MAX + 1))
    assert kept(spares, put(tmp_path / "edge", SIZE_MAX))
    assert kept(spares, put(tmp_path / "b"))
    assert kept(spares, put(tmp_path / "c"))
    assert not kept(spares, put(tmp_path / "d"))
    assert len(spares) == 3
    assert (tmp_path / "d").exists()


def test_a_file_that_somebody_else_made_or_has_another_name_for_is_not_touched(
    spares: InodePool, tmp_path: Path
) -> None:
    file = put(tmp_path / "linked")
    (tmp_path / "other name").hardlink_to(file)
    assert not kept(spares, file)
    private = put(tmp_path / "private")
    private.chmod(private.stat().st_mode ^ 0o040)  # whatever the umask is
    assert not kept(spares, private)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert not kept(spares, link)
    assert file.read_bytes() == b"x" * 100


def test_what_an_earlier_process_left_is_used_unless_it_is_not_empty(
    spares: InodePool, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        assert kept(spares, put(tmp_path / name))
    put(tmp_path / "spare" / "77")
    again = InodePool(tmp_path / "spare", NewFiles(str(tmp_path)))
    again.start()
    assert len(again) == 3  # the two, and the one by which it learns what a file of ours looks like
    assert not (tmp_path / "spare" / "77").exists()
    assert kept(again, put(tmp_path / "c"))
    assert (tmp_path / "spare" / "78").exists()


def test_a_spare_that_somebody_took_away_is_passed_over(spares: InodePool, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert kept(spares, put(tmp_path / name))
    (tmp_path / "spare" / "2").unlink()
    taken = spares.take()
    assert taken is not None
    os.close(taken[1])
    assert spares.take() is None


def test_a_store_makes_new_files_of_deleted_ones_and_shows_only_the_new(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path / "root")
    store.write_whole(n("OLD.SNI"), b"a long old report", AT)
    inode = (store.root / "OLD.SNI").stat().st_ino
    old = store.find(n("OLD.SNI"))
    store.remove(n("OLD.SNI"))
    assert store.find(n("OLD.SNI")) is None
    store.write_whole(n("OLD.SNI"), b"new", AT)
    new = store.find(n("OLD.SNI"))
    assert (store.root / "OLD.SNI").stat().st_ino == inode
    assert store.read(n("OLD.SNI")) == b"new"
    assert old is not None and new is not None and old.etag != new.etag
    assert [facts.path for facts in store.list(n(""))] == ["OLD.SNI"]


def test_an_empty_file_that_cannot_be_laid_ready_is_not_left(
    tmp_path: Path, spares: InodePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_one: str, _other: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        spares.reserve()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
