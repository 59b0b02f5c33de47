"""Where new files are made: together, so many and no more, and elsewhere if they take long."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import pytest

from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import Name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.spare import new_files
from despoolr_server.files.spare.new_files import PLACES_MAX, SLOW_IN_A_ROW, SLOW_NS, NewFiles

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
    monkeypatch.setattr(new_files, "TOGETHER_MAX", 3)
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
    monkeypatch.setattr(new_files, "TOGETHER_MAX", 1)
    store = DiskFileStore(tmp_path, threads=False)
    put(store, 2)
    (first,) = temporary(store)
    (first / "left").write_bytes(b"half")
    store.write_whole(n("G"), b"g", AT)
    assert len(temporary(store)) == 2
    assert temporary(DiskFileStore(tmp_path, threads=False)) == []
    assert (tmp_path / "G").read_bytes() == b"g"


def made(directory: Path, takes_ns: Iterable[int]) -> list[str]:
    """The directories in which files are made that take so long each, without repetitions."""
    ticks = list(takes_ns)
    clock = chain.from_iterable((0, one) for one in ticks)
    files = NewFiles(str(directory), now_ns=clock.__next__)
    directory.mkdir(exist_ok=True)
    seen: dict[str, None] = {}
    for _ in ticks:
        path, descriptor = files.make_small()
        os.close(descriptor)
        Path(path).unlink()
        seen[str(Path(path).parent)] = None
    return list(seen)


def test_where_new_files_take_long_they_are_made_elsewhere(tmp_path: Path) -> None:
    slow = [SLOW_NS] * SLOW_IN_A_ROW
    quick = [SLOW_NS - 1] * 20
    assert len(made(tmp_path, [*slow, *quick])) == 2
    assert len(made(tmp_path, [*slow[1:], *quick, *slow[1:], *quick])) == 1


def test_where_all_are_slow_few_places_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = SLOW_IN_A_ROW * (PLACES_MAX + 3)
    assert len(made(tmp_path / "A", repeat(SLOW_NS, count))) == 1 + PLACES_MAX
    monkeypatch.setattr(new_files, "TOGETHER_MAX", count)
    assert len(made(tmp_path / "B", repeat(SLOW_NS, 2 * count))) == 2 * (1 + PLACES_MAX)
    assert len(list((tmp_path / "B").iterdir())) == 1 + PLACES_MAX


def test_a_place_that_cannot_be_had_leaves_the_slow_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = NewFiles(str(tmp_path), now_ns=iter(range(0, 10**9, SLOW_NS)).__next__)
    path, descriptor = files.make_small()
    os.close(descriptor)

    def full(_path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    for _ in range(2 * SLOW_IN_A_ROW):
        again, descriptor = files.make_small()
        os.close(descriptor)
        assert Path(again).parent == Path(path).parent
