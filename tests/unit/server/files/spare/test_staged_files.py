"""Where temporary files are made: small ones together, so many and no more; large ones in the one
directory that is always there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import Name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.spare import staged_files

AT = 825_926_400.0


def n(path: str) -> Name:
    return Name(path, fold(path))


def put(store: DiskFileStore, count: int) -> None:
    for number in range(count):
        store.write_whole(n(f"F{number}"), b"%d" % number, AT)


def temporary(store: DiskFileStore) -> list[Path]:
    return sorted(store.private.glob("tmp/*"))


def test_after_so_many_small_files_the_next_ones_are_made_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_files, "TOGETHER_MAX", 3)
    store = DiskFileStore(tmp_path, threads=False)
    seen: list[Path] = []
    for number in range(10):
        store.write_whole(n(f"F{number}"), b"%d" % number, AT)
        seen += temporary(store)  # the first one is made of a file that lay ready
    assert len(seen) == 9
    assert [seen.count(one) for one in dict.fromkeys(seen)] == [3, 3, 3]
    assert all((tmp_path / f"F{number}").read_bytes() == b"%d" % number for number in range(10))


def test_a_directory_that_cannot_go_yet_is_swept_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_files, "TOGETHER_MAX", 1)
    store = DiskFileStore(tmp_path, threads=False)
    put(store, 2)
    (first,) = temporary(store)
    (first / "left").write_bytes(b"half")
    store.write_whole(n("G"), b"g", AT)
    assert len(temporary(store)) == 2
    assert temporary(DiskFileStore(tmp_path, threads=False)) == []
    assert (tmp_path / "G").read_bytes() == b"g"


def test_a_large_file_is_staged_where_a_journal_finds_it(tmp_path: Path) -> None:
    store = DiskFileStore(tmp_path, inline_max=10)
    staged = asyncio.run(store.stage(b"x" * 1000, AT))
    assert Path(staged).parent == Path(store.base) / ".despoolr" / "tmp"
