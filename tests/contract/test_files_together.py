"""Files that come, or go, several in one: as if each had by itself, or none."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.journal import passing, segments
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import write_at

AT = 833785200.0


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def store(tmp_path: Path) -> JournalledFileStore:
    made = JournalledFileStore(tmp_path / "s", threads=False)
    made.make_directory(n("BOX"), AT)
    return made


def crashed(store: JournalledFileStore, tmp_path: Path) -> JournalledFileStore:
    """What the next start makes of the disk as it is now."""
    return JournalledFileStore(shutil.copytree(store.root, tmp_path / "crashed"), threads=False)


def listed(store: JournalledFileStore) -> list[str]:
    return [facts.path for facts in store.list(n("BOX"))]


def some(*names: str) -> list[tuple[Name, bytes]]:
    return [(n(f"BOX/{name}"), name.encode()) for name in names]


def test_those_that_come_together_are_records_of_one_write(
    store: JournalledFileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []

    def written(descriptor: int, offset: int, data: bytes) -> None:
        writes.append(data)
        write_at(descriptor, offset, data)

    monkeypatch.setattr(segments, "write_at", written)
    plain = store.create_together(some("A", "b", "C"), AT)
    assert [facts.path for facts in plain] == ["BOX/A", "BOX/b", "BOX/C"]
    assert len(writes) == 1
    assert not any((store.root / "BOX").iterdir())
    assert [store.find(n(f"BOX/{name}")) for name in "ABC"] == plain
    assert len({facts.etag for facts in plain}) == 3
    again = crashed(store, tmp_path)
    assert [again.read(n(f"BOX/{name}")) for name in "AbC"] == [b"A", b"b", b"C"]
    writes.clear()
    assert store.remove_together([n("BOX/a"), n("BOX/B")]) == plain[:2]
    assert len(writes) == 1
    assert listed(store) == ["BOX/C"]
    shutil.rmtree(again.root)
    assert listed(crashed(store, tmp_path)) == ["BOX/C"]


def test_those_that_come_together_end_with_the_first_that_cannot(
    store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store.root / "BOX" / "There").write_bytes(b"somebody else's")
    store.make_directory(n("IN"), AT)
    for last in (n("BOX/THERE"), n("BOX/" + 200 * "ü"), n("BOX/a"), n("BOX"), n("IN/X"), n("X")):
        made = store.create_together([*some("A"), (last, b""), *some("Z")], AT)
        assert [facts.path for facts in made] == ["BOX/A"], last
        assert store.create_together(some("A", "Z"), AT) == []
        assert store.remove_together([n("BOX/A"), n("BOX/a"), n("BOX/Z")]) == made
        assert store.remove_together([n("BOX/THERE")]) == []
    assert store.create_together([(n("NOWHERE/A"), b"")], AT) == []
    assert store.create_together([(n(".DESPOOLR/A"), b"")], AT) == []
    monkeypatch.setattr(passing, "COUNT_MAX", 2)
    assert len(store.create_together(some("A", "B", "C"), AT)) == 2
    store.remove_together([n("BOX/A"), n("BOX/B")])
    monkeypatch.setattr(passing, "SIZE_MAX", 4)
    assert len(store.create_together([(n(f"BOX/{x}"), b"xy") for x in "ABC"], AT)) == 2


def test_of_those_whose_records_cannot_be_written_none_comes_and_none_goes(
    store: JournalledFileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_together(some("A", "B"), AT)
    spares = len(store._disk.pool)

    def fail(_descriptor: int, offset: int, data: bytes) -> None:
        os.pwrite(_descriptor, data[: len(data) // 2], offset)
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(segments, "write_at", fail)
        with pytest.raises(StoreError):
            store.create_together(some("C", "D"), AT)
        with pytest.raises(StoreError):
            store.remove_together([n("BOX/A"), n("BOX/B")])
    assert listed(store) == ["BOX/A", "BOX/B"]
    assert len(store._disk.pool) == spares + 2
    assert len(store.create_together(some("C"), AT)) == 1
    assert listed(crashed(store, tmp_path)) == ["BOX/A", "BOX/B", "BOX/C"]
