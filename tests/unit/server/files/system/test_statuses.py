"""The statuses of many files: the same bytes for the same files, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_server.files.system import statuses
from despoolr_server.files.system.descriptors import opened_directory
from despoolr_server.files.system.statuses import STATUS_SIZE, Statuses, unchanged
from worlds.support import leave_out

NAMES = [b"a", b"b", b"c"]


@pytest.fixture(autouse=True)
def box(tmp_path: Path) -> Path:
    if statuses._statx is None:
        leave_out("only Linux tells statuses as bytes")
    for name in NAMES:
        (tmp_path / os.fsdecode(name)).write_bytes(b"1")
    return tmp_path


def read(box: Path, names: list[bytes], count_max: int = 3) -> bytes | None:
    with opened_directory(str(box)) as directory:
        assert directory is not None
        return Statuses(count_max).read(directory, names)


def test_each_file_has_its_place_among_the_bytes(box: Path) -> None:
    before = read(box, NAMES)
    assert before is not None
    assert len(before) == 3 * STATUS_SIZE
    assert read(box, NAMES) == before
    (box / "b").write_bytes(b"12")
    now = read(box, NAMES)
    assert now is not None
    assert [*unchanged(before, now)] == [True, False, True]
    assert read(box, [b"c"]) == before[2 * STATUS_SIZE :]


def test_the_size_inode_and_time_are_in_them(box: Path) -> None:
    (box / "a").write_bytes(b"x" * 77_777)
    os.utime(box / "a", ns=(1, 123_456_789_987_654_321))
    found, status = read(box, [b"a"]), (box / "a").stat()
    assert found is not None
    for number in (status.st_size, status.st_ino, 123_456_789):
        assert number.to_bytes(8, "little") in found or number.to_bytes(8, "big") in found


def test_nothing_is_told_where_one_file_is_missing(box: Path) -> None:
    assert read(box, [b"a", b"none", b"c"]) is None
    assert read(box, []) == b""


def test_a_link_is_not_what_it_stands_for(box: Path) -> None:
    (box / "l").symlink_to("a")
    assert read(box, [b"l"]) != read(box, [b"a"])


def test_no_more_files_are_asked_about_than_there_is_room_for(box: Path) -> None:
    with pytest.raises(AssertionError, match="more names"):
        read(box, NAMES, count_max=2)


def test_nothing_is_told_where_the_system_has_no_such_call(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "_statx", None)
    assert read(box, NAMES) is None
