"""Files that wait for the start of their server take their places then, once, whatever dies."""

from __future__ import annotations

import pytest

from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.pending_renames import carry_out, staged


def name(path: str) -> Name:
    parsed = parse_name(path)
    assert isinstance(parsed, Name)
    return parsed


def stored(files: dict[str, str]) -> MemoryFileStore:
    store = MemoryFileStore()
    for path, text in files.items():
        parts = path.split("/")
        for count in range(1, len(parts)):
            directory = name("/".join(parts[:count]))
            if not store.has_directory(directory):
                store.make_directory(directory, 0.0)
        store.write_whole(name(path), text.encode(), 0.0)
    return store


def files(store: MemoryFileStore) -> dict[str, str]:
    return {
        path: store.read(name(path)).decode()
        for path in sorted(store.below(name("")))
        if not store.has_directory(name(path))
    }


WAITING = {
    "PKG/a.dat": "old a",
    "PKG/gone.dat": "old",
    staged("PKG", "a.dat"): "new a",
    staged("PKG", "sub/new.dat"): "new",
    staged("PKG", "gone.dat", deleted=True): "",
    staged("PKG", "never.dat", deleted=True): "",
}


def test_what_waits_takes_its_place_and_leaves_nothing_behind() -> None:
    store = stored(WAITING)
    done = list(carry_out(store, 0.0))
    assert sorted(done) == [
        ("PKG.$BOOT/a.dat", "PKG/a.dat"),
        ("PKG.$BOOT/sub/new.dat", "PKG/sub/new.dat"),
        ("PKG/gone.dat", ""),
        ("PKG/never.dat", ""),
    ]
    assert files(store) == {"PKG/a.dat": "new a", "PKG/sub/new.dat": "new"}
    assert store.find(name("PKG.$BOOT")) is None
    assert list(carry_out(store, 0.0)) == []


def test_a_start_that_dies_is_finished_by_the_next_one() -> None:
    for count in range(5):
        store = stored(WAITING)
        for _, _ in zip(range(count), carry_out(store, 0.0), strict=False):
            pass
        list(carry_out(store, 0.0))
        assert files(store) == {"PKG/a.dat": "new a", "PKG/sub/new.dat": "new"}


def test_what_cannot_take_its_place_waits_on() -> None:
    store = stored({staged("PKG", "a.dat"): "new a", "PKG/a.dat/b": "a directory has the name"})
    assert list(carry_out(store, 0.0)) == []
    assert staged("PKG", "a.dat") in files(store)


@pytest.mark.parametrize(
    "waiting",
    [
        ".$BOOT/a.dat",
        "PKG..$BOOT/a.dat",
        "PKG .$BOOT/a.dat",
        "PKG.$BOOT/.$DEL",
        "PKG.$BOOT/a.dat .$DEL",
        "PKG.$BOOT/sub/a..$DEL",
    ],
)
def test_what_would_have_a_name_that_no_share_accepts_waits_on(waiting: str) -> None:
    store = stored({waiting: "a client made it", staged("PKG", "b.dat"): "new b"})
    assert list(carry_out(store, 0.0)) == [("PKG.$BOOT/b.dat", "PKG/b.dat")]
    assert files(store) == {waiting: "a client made it", "PKG/b.dat": "new b"}
