"""KeptListings that are told again: only of what the directory still says, and within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.listings import NAMES_MAX, KeptListings, Place
from despoolr_server.files.path_index import DirectoryIndex, PathIndex
from despoolr_server.loop.pace import BATCH
from worlds.support import leave_out


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    box = tmp_path / "BOX"
    box.mkdir()
    for name in ("b.txt", "A.TXT", "c.txt"):
        (box / name).write_bytes(b"1")
    return tmp_path


def read(index: PathIndex, path: str = "BOX") -> DirectoryIndex:
    folder = index.folder(n(path))
    index.names_in(folder)
    return folder


def places(folder: DirectoryIndex) -> list[Place]:
    return [(key, f"/{text}", text, text) for text, key in sorted(folder.keys.items())]


def test_a_listing_is_kept_of_the_very_directory_that_was_read(root: Path) -> None:
    index, listings = PathIndex(str(root)), KeptListings()
    folder = read(index)
    listings.keep(folder, places(folder))
    kept = listings.find(folder)
    assert kept is not None
    assert sorted(kept.names) == ["A.TXT", "b.txt", "c.txt"]
    again = DirectoryIndex(folder.path, folder.key, folder.stored, folder.inode)
    assert listings.find(again) is None


@pytest.mark.parametrize("what", ["a link", "another case", "no name for a share"])
def test_none_is_kept_where_the_names_alone_do_not_tell_what_is_shown(
    root: Path, what: str
) -> None:
    if what == "a link":
        (root / "BOX" / "L").symlink_to(root)
    elif what == "another case":
        (root / "BOX" / "B.TXT").touch()
    else:
        (root / "BOX" / "a:b").touch()
    index, listings = PathIndex(str(root)), KeptListings()
    folder = read(index)
    listings.keep(folder, places(folder))
    assert not folder.is_plain
    assert listings.find(folder) is None


@pytest.mark.slow
def test_the_listings_of_a_store_have_a_bound_of_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "OTHER").mkdir()
    (root / "OTHER" / "D").touch()
    index, listings = PathIndex(str(root)), KeptListings()
    box, other = read(index), read(index, "OTHER")
    for _ in range(2):
        listings.keep(box, places(box))
    size = listings.size
    monkeypatch.setattr("despoolr_server.files.listings.SIZE_MAX", size)
    listings.keep(other, places(other))
    assert listings.find(box) is None
    assert listings.find(other) is not None
    assert 0 < listings.size < size


def test_listings_of_directories_without_a_name_have_it_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody makes those, lists them and removes them again."""
    monkeypatch.setattr("despoolr_server.files.listings.SIZE_MAX", 10_000)
    index, listings = PathIndex(str(root)), KeptListings()
    folders: list[DirectoryIndex] = []
    for number in range(20):
        (root / f"D{number}").mkdir()
        folders.append(read(index, f"D{number}"))
        listings.keep(folders[-1], [])
        assert listings.find(folders[-1]) is not None
        assert listings.size <= 10_000
    assert len([one for one in folders if listings.find(one) is not None]) < 10


def test_a_directory_with_very_many_names_is_listed_anew_each_time(root: Path) -> None:
    index, listings = PathIndex(str(root)), KeptListings()
    folder = read(index)
    listings.keep(folder, [("A", "/A", "A", "A")] * (NAMES_MAX + 1))
    assert listings.find(folder) is None


def test_names_are_the_same_only_if_there_is_neither_more_nor_less(root: Path) -> None:
    index = PathIndex(str(root))
    folder = read(index)
    names = [*folder.keys]

    def still() -> bool:
        telling = index.still_tells(folder, names)
        while True:
            try:
                next(telling)
            except StopIteration as end:
                return bool(end.value)

    assert still()
    (root / "BOX" / "d.txt").touch()
    assert not still()
    (root / "BOX" / "d.txt").unlink()
    assert still()
    (root / "BOX" / "c.txt").rename(root / "BOX" / "C.TXT")
    assert not still()
    (root / "BOX" / "C.TXT").unlink()
    assert not still()


@pytest.mark.parametrize("has_statx", [True, False])
def test_what_is_listed_again_is_what_is_there(
    root: Path, has_statx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_statx:
        monkeypatch.setattr("despoolr_server.files.system.statuses._statx", None)
    store = DiskFileStore(root)

    def told() -> dict[str, tuple[int, bool]]:
        return {facts.path: (facts.size, facts.directory) for facts in store.list(n("BOX"))}

    first = told()
    assert list(first) == ["BOX/A.TXT", "BOX/b.txt", "BOX/c.txt"]
    assert told() == first
    assert [*map(id, store.list(n("BOX")))] == [*map(id, store.list(n("BOX")))]
    (root / "BOX" / "d.txt").touch()
    assert told() == first | {"BOX/d.txt": (0, False)}
    (root / "BOX" / "d.txt").unlink()
    assert told() == told() == first
    (root / "BOX" / "A.TXT").write_bytes(b"longer")
    (root / "BOX" / "b.txt").unlink()
    (root / "BOX" / "b.txt").mkdir()
    (root / "BOX" / "c.txt").unlink()
    (root / "BOX" / "c.txt").symlink_to("A.TXT")
    assert told() == {"BOX/A.TXT": (6, False), "BOX/b.txt": (0, True)}
    (root / "BOX" / "c.txt").unlink()
    os.mkfifo(root / "BOX" / "c.txt")
    assert told() == {"BOX/A.TXT": (6, False), "BOX/b.txt": (0, True)}
    store.set_attributes(n("BOX/A.TXT"), 1)
    assert [facts.attributes & 1 for facts in store.list(n("BOX"))] == [1, 0]


def test_of_files_that_were_listed_twice_the_one_that_changed_is_told_anew(tmp_path: Path) -> None:
    box, count = tmp_path / "BOX", 2 * BATCH + 3
    box.mkdir()
    for number in range(count):
        (box / f"{number:04}").write_bytes(b"old")
        os.utime(box / f"{number:04}", ns=(1, 10**18))
    store = DiskFileStore(tmp_path)

    def changed(what: str) -> set[str]:
        """The files of which others facts are told than before."""
        now = store.list(n("BOX"))
        assert len(now) == count
        others = {one.path for one, other in zip(now, before, strict=True) if one != other}
        before[:] = now
        again = store.list(n("BOX"))
        assert [*map(id, again)] == [*map(id, now)], what
        return others

    before = store.list(n("BOX"))
    assert changed("nothing") == set()
    for number in (0, BATCH - 1, BATCH, count - 1):
        file = box / f"{number:04}"
        stored = f"BOX/{file.name}"
        file.write_bytes(b"longer")
        os.utime(file, ns=(1, 10**18))
        assert changed("a size") == {stored}
        os.utime(file, ns=(1, 10**18 + 1))
        assert changed("a time") == {stored}
        other = tmp_path / "other"
        other.write_bytes(b"latter")
        os.utime(other, ns=(1, 10**18 + 1))
        other.replace(file)
        assert changed("an inode") == {stored}
        store.set_attributes(n(stored), 1)
        assert changed("an attribute") == {stored}
        file.read_bytes()
        assert changed("nothing but that it was read") == set()


def test_what_is_not_ascii_counts_with_the_bytes_that_it_takes(tmp_path: Path) -> None:
    sizes = []
    for name in ("x" * 60, "漢" * 60):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
        listings = KeptListings()
        folder = read(PathIndex(str(tmp_path)), name)
        listings.keep(folder, places(folder))
        sizes.append(listings.size)
    assert sizes[1] - sizes[0] > 2 * 3 * 60


def test_a_listing_that_nobody_hears_to_its_end_keeps_nothing_open(root: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        leave_out("only Linux tells what is open")
    store = DiskFileStore(root)
    listing = store.each(n("BOX"))
    assert next(listing) is not None
    assert root / "BOX" in paths_open()
    del listing
    assert root / "BOX" not in paths_open()


def paths_open() -> set[Path]:
    return {one.resolve() for one in Path("/proc/self/fd").iterdir()}


def test_a_directory_that_goes_while_it_is_listed_has_nothing_in_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskFileStore(root)
    assert len(store.list(n("BOX"))) == 3
    open_before = os.open

    def open_too_late(path: str, flags: int) -> int:
        (root / "BOX").rename(root / "GONE")
        monkeypatch.setattr(os, "open", open_before)
        return open_before(path, flags)

    monkeypatch.setattr(os, "open", open_too_late)
    assert store.list(n("BOX")) == []
