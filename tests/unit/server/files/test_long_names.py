"""Names too long for the disk: where they lie, and what a death leaves of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.long_names import DISK_MAX, LongNames, on_disk

AT = 833785200.0
LONG = "\u6f22" * 255


def n(text: str) -> Name:
    name = parse_name(text)
    assert isinstance(name, Name)
    return name


def test_a_name_that_fits_the_disk_lies_under_itself_and_one_byte_more_under_a_hash() -> None:
    for name in ("a", "~a.long", "x" * DISK_MAX, "\u00e9" * 127):
        assert on_disk(name) == name
    for name in ("\u00e9" * 128, LONG, on_disk(LONG), on_disk(LONG).upper()):
        assert on_disk(name) != name
        assert len(on_disk(name)) < 64
    assert len({on_disk(name) for name in (LONG, on_disk(LONG), LONG[:-1])}) == 3


@pytest.mark.parametrize("kind", [DiskFileStore, JournalledFileStore])
def test_another_start_finds_long_names_again(tmp_path: Path, kind: type[DiskFileStore]) -> None:
    kind(tmp_path / "root").write_whole(n(LONG), b"x", AT)
    again = kind(tmp_path / "root")
    assert again.read(n(LONG)) == b"x"
    assert [entry.path for entry in again.list(n(""))] == [LONG]


def test_a_journal_brings_back_a_long_name_that_the_disk_lost(tmp_path: Path) -> None:
    root = tmp_path / "root"
    JournalledFileStore(root).write_whole(n(LONG), b"x", AT)
    (root / on_disk(LONG)).unlink()
    for kept in (root / ".despoolr" / "names").iterdir():
        kept.unlink()
    assert JournalledFileStore(root).read(n(LONG)) == b"x"


def test_the_name_is_kept_before_the_file_and_a_death_between_them_leaves_nothing_to_see(
    tmp_path: Path,
) -> None:
    names = LongNames(str(tmp_path / ".despoolr" / "names"))
    names.keep(LONG)
    assert LongNames(str(tmp_path / ".despoolr" / "names")).name_of(on_disk(LONG)) == LONG
    assert DiskFileStore(tmp_path).list(n("")) == []


def test_a_hash_that_nothing_explains_or_a_wrong_name_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / on_disk(LONG)).write_bytes(b"x")
    names = tmp_path / ".despoolr" / "names"
    assert DiskFileStore(tmp_path).list(n("")) == []
    names.mkdir(parents=True)
    (names / on_disk(LONG)).write_bytes(b"another name")
    assert DiskFileStore(tmp_path).list(n("")) == []
    (names / on_disk(LONG)).write_bytes(LONG.encode())
    assert [entry.path for entry in DiskFileStore(tmp_path).list(n(""))] == [LONG]
