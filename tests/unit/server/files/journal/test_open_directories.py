"""Directories that are found again wherever they were taken, so many at one time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_server.files.journal.open_directories import DIRECTORIES_MAX, OpenDirectories


def test_a_directory_is_found_until_it_is_gone(tmp_path: Path) -> None:
    box, elsewhere = tmp_path / "box", tmp_path / "elsewhere"
    box.mkdir()
    inode = box.stat().st_ino
    known = OpenDirectories()
    known.keep(str(box), inode)
    box.rename(elsewhere)
    box.mkdir()
    known.keep(str(box), inode)
    known.keep(str(tmp_path), inode + 1)
    known.keep(str(tmp_path / "none"), inode + 2)
    descriptor = known.find(inode)
    assert descriptor is not None and os.fstat(descriptor).st_ino == elsewhere.stat().st_ino
    assert known.find(inode + 1) is None and known.find(inode + 2) is None
    elsewhere.rmdir()
    assert known.find(inode) is None
    known.close()


def test_only_so_many_are_open_and_the_one_asked_for_last_is_among_them(tmp_path: Path) -> None:
    known = OpenDirectories()
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
