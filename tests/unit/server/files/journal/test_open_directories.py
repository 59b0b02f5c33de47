"""Directories that are found again wherever they were taken, so many at one time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_server.files.journal import open_directories
from despoolr_server.files.journal.open_directories import DIRECTORIES_MAX, OpenDirectories


def test_a_directory_is_found_until_it_is_gone(tmp_path: Path) -> None:
    box, elsewhere = tmp_path / "box", tmp_path / "elsewhere"
    box.mkdir()
    inode = box.stat().st_ino
    known = OpenDirectories(str(tmp_path))
    assert known.keep(str(box), inode)
    box.rename(elsewhere)
    box.mkdir()
    assert known.keep(str(box), inode)
    assert not known.keep(str(tmp_path), inode + 1)
    assert not known.keep(str(tmp_path / "none"), inode + 2)
    descriptor = known.find(inode)
    assert descriptor is not None and os.fstat(descriptor).st_ino == elsewhere.stat().st_ino
    assert known.find(inode + 1) is None and known.find(inode + 2) is None
    elsewhere.rmdir()
    assert known.find(inode) is None
    known.close()


def test_only_so_many_are_open_and_the_one_asked_for_last_is_among_them(tmp_path: Path) -> None:
    known = OpenDirectories(str(tmp_path))
    boxes = [tmp_path / str(number) for number in range(DIRECTORIES_MAX + 1)]
    inodes = []
    for box in boxes:
        box.mkdir()
        inodes.append(box.stat().st_ino)
        known.keep(str(box), inodes[-1])
        known.keep(str(boxes[0]), inodes[0])
    assert [inode for inode in inodes if known.find(inode) is None] == [inodes[1]]
    descriptor = known.find(inodes[0])
    assert descriptor is not None
    known.close()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


def test_a_directory_on_another_mount_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file can be renamed into it: one on its way there would be so for ever, and would keep the
    store from its next start.
    """
    box = tmp_path / "box"
    box.mkdir()
    inode = box.stat().st_ino
    known = OpenDirectories(str(tmp_path))
    opened = len([*Path("/proc/self/fd").iterdir()])
    with monkeypatch.context() as mounted:
        mounted.setattr(open_directories, "mount_of", lambda descriptor: descriptor)
        assert not known.keep(str(box), inode)
    assert known.find(inode) is None
    assert known.keep(str(box), inode) and known.find(inode) is not None
    known.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == opened


def test_a_directory_is_not_taken_for_one_of_another_device_with_its_inode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each subvolume of btrfs the first directory has the same inode, on the same mount."""
    box, other = tmp_path / "box", tmp_path / "other"
    box.mkdir()
    other.mkdir()
    inode, fstat = box.stat().st_ino, os.fstat
    of_other = other.stat().st_ino

    def with_subvolume(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        if status.st_ino != of_other:
            return status
        return os.stat_result((status.st_mode, inode, status.st_dev + 1, *status[3:]))

    known = OpenDirectories(str(tmp_path))
    monkeypatch.setattr(os, "fstat", with_subvolume)
    assert known.keep(str(box), inode)
    assert not known.keep(str(other), inode)
    box.rename(tmp_path / "new")
    assert known.keep(str(tmp_path / "new"), inode) and known.find(inode) is not None
    known.close()
