"""Files that come, or go, several in one: as if each had by itself, or none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.journal import passing, segments
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.small_files import FILE_SIZE_MAX
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
    plain = store.create_together(some("A", "b", "C"), AT, passing=True)
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
        made = store.create_together([*some("A"), (last, b""), *some("Z")], AT, passing=True)
        assert [facts.path for facts in made] == ["BOX/A"], last
        assert store.create_together(some("A", "Z"), AT, passing=True) == []
        assert store.remove_together([n("BOX/A"), n("BOX/a"), n("BOX/Z")]) == made
        assert store.remove_together([n("BOX/THERE")]) == []
    assert store.create_together([(n("NOWHERE/A"), b"")], AT, passing=True) == []
    assert store.create_together([(n(".DESPOOLR/A"), b"")], AT, passing=True) == []
    monkeypatch.setattr(passing, "COUNT_MAX", 2)
    assert len(store.create_together(some("A", "B", "C"), AT, passing=True)) == 2
    store.remove_together([n("BOX/A"), n("BOX/B")])
    monkeypatch.setattr(passing, "SIZE_MAX", 4)
    assert (
        len(store.create_together([(n(f"BOX/{x}"), b"xy") for x in "ABC"], AT, passing=True)) == 2
    )


def test_of_those_whose_records_cannot_be_written_none_comes_and_none_goes(
    store: JournalledFileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_together(some("A", "B"), AT, passing=True)
    spares = len(store._disk.pool)

    def fail(_descriptor: int, offset: int, data: bytes) -> None:
        os.pwrite(_descriptor, data[: len(data) // 2], offset)
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(segments, "write_at", fail)
        with pytest.raises(StoreError):
            store.create_together(some("C", "D"), AT, passing=True)
        with pytest.raises(StoreError):
            store.remove_together([n("BOX/A"), n("BOX/B")])
    assert listed(store) == ["BOX/A", "BOX/B"]
    assert len(store._disk.pool) == spares + 2
    assert len(store.create_together(some("C"), AT, passing=True)) == 1
    assert listed(crashed(store, tmp_path)) == ["BOX/A", "BOX/B", "BOX/C"]


def test_those_that_are_to_stay_take_their_places_after_records_of_one_write(
    store: JournalledFileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bool] = []

    def written(descriptor: int, offset: int, data: bytes) -> None:
        writes.append(any((store.root / "BOX").iterdir()))
        write_at(descriptor, offset, data)

    monkeypatch.setattr(segments, "write_at", written)
    made = store.create_together(some("A", "b", "C"), AT, passing=False)
    assert writes == [False]
    assert [facts.path for facts in made] == ["BOX/A", "BOX/b", "BOX/C"]
    assert [store.find(n(f"BOX/{name}")) for name in "ABC"] == made
    assert [(store.root / f"BOX/{name}").read_bytes() for name in "AbC"] == [b"A", b"b", b"C"]
    for path in (store.root / "BOX").iterdir():
        path.unlink()
    again = crashed(store, tmp_path)
    assert [again.read(n(f"BOX/{name}")) for name in "AbC"] == [b"A", b"b", b"C"]


def test_those_that_are_to_stay_end_with_the_first_that_is_not_as_usual(
    store: JournalledFileStore,
) -> None:
    (store.root / "BOX" / "There").write_bytes(b"somebody else's")
    store.make_directory(n("IN"), AT)
    store.create_together(some("PASSES"), AT, passing=True)
    store.set_attributes(n("BOX/THERE"), 1)
    (store.root / "BOX" / "There").rename(store.root / "BOX" / "other")
    large = (n("BOX/L"), bytes(FILE_SIZE_MAX + 1))
    lasts = [(n(f"BOX/{last}"), b"") for last in ("other", "passes", "THERE", "a")]
    for number, last in enumerate([*lasts, large, (n("IN/X"), b""), (n("X"), b"")]):
        first = f"A{number}" if last[0].key != "BOX/A" else "A"
        made = store.create_together([*some(first), last, *some("Z")], AT, passing=False)
        assert [facts.path for facts in made] == [f"BOX/{first}"], last
    assert store.find(n("BOX/Z")) is None
    edge = store.create_together([(large[0], large[1][1:])], AT, passing=False)
    assert [facts.size for facts in edge] == [FILE_SIZE_MAX]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_of_those_that_are_to_stay_none_comes_behind_one_that_cannot(
    store: JournalledFileStore, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory refuses a name: it, and those behind it, were never there."""
    store.create_together(some("0"), AT, passing=False)
    replace, names = os.replace, ["A", "B", "C"]

    def fail(source: str, target: str) -> None:
        if target.endswith(f"BOX/{names[at]}"):
            raise OSError(errno.EIO, "no")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        made = store.create_together(some(*names), AT, passing=False)
    assert [facts.path for facts in made] == [f"BOX/{name}" for name in names[:at]]
    left = ["BOX/0", *(facts.path for facts in made)]
    assert listed(store) == left
    assert listed(crashed(store, tmp_path)) == left
    assert not [*(store.root / ".despoolr" / "tmp").glob("*/*")]


def test_of_those_that_are_to_stay_and_cannot_be_recorded_none_comes(
    store: JournalledFileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int, _offset: int, _data: bytes) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(segments, "write_at", fail)
        with pytest.raises(StoreError):
            store.create_together(some("A", "B"), AT, passing=False)
    assert listed(store) == []
    assert not [*(store.root / ".despoolr" / "tmp").glob("*/*")]


def test_a_kill_leaves_of_those_that_are_to_stay_what_the_journal_says(
    store: JournalledFileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every call of the system that makes or renames a file, or writes the journal."""
    seen: list[list[str]] = []

    def after(call: Callable[..., object]) -> Callable[..., object]:
        def done(*arguments: object, **options: object) -> object:
            before = call(*arguments, **options)
            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", replace)
                patch.setattr(os, "utime", utime)
                patch.setattr(segments, "write_at", write_at)
                again = crashed(store, tmp_path / str(len(seen)))
            assert [again.read(n(path)) for path in listed(again)] == [
                path.removeprefix("BOX/").encode() for path in listed(again)
            ]
            seen.append(listed(again))
            return before

        return done

    replace, utime = os.replace, os.utime
    monkeypatch.setattr(os, "replace", after(replace))
    monkeypatch.setattr(os, "utime", after(utime))
    monkeypatch.setattr(segments, "write_at", after(write_at))
    store.create_together(some("A", "B", "C"), AT, passing=False)
    names = ["BOX/A", "BOX/B", "BOX/C"]
    assert seen == [[]] * 3 + [names] * 4
