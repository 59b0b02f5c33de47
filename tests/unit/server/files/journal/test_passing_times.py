"""When files that only pass through a box take their places in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from despoolr_server.files.journal import passing
from unit.server.files.journal.test_passing import AT, crashed, journal_of, n, on_disk
from worlds.journals import PassingStore


@pytest.fixture
def store(tmp_path: Path) -> PassingStore:
    made = PassingStore(tmp_path / "s", threads=False)
    made.make_directory(n("BOX"), AT)
    return made


class Moments:
    """A loop whose time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        self._calls.append((when, call, arguments))

    def pass_until(self, now: float) -> None:
        self.now = now
        while due := [one for one in self._calls if one[0] <= now]:
            self._calls.remove(due[0])
            due[0][1](*due[0][2])


def test_where_files_are_taken_out_all_the_while_those_behind_them_pass_for_longer(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Moments()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    store.make_directory(n("QUIET"), AT)
    for path in ("QUIET/A", "BOX/A", "BOX/B"):
        store.write_whole(n(path), b"x", AT)
    for second in range(1, 15):
        loop.pass_until(second)
        store.write_whole(n("BOX/NEXT"), b"x", AT)
        store.remove(n("BOX/NEXT"))
        assert on_disk(store) == []
        assert (store.root / "QUIET/A").exists() == (second >= passing.REST_S)
    loop.pass_until(passing.REST_EMPTIED_S)
    assert on_disk(store) == ["A", "B"]
    store.write_whole(n("BOX/C"), b"x", AT)
    store.remove(n("BOX/A"))  # from the disk: somebody is behind, and comes
    loop.pass_until(passing.REST_EMPTIED_S + passing.REST_S - 1)
    store.remove(n("BOX/B"))
    loop.pass_until(passing.REST_EMPTIED_S + passing.REST_S)
    assert on_disk(store) == []
    loop.pass_until(passing.REST_EMPTIED_S + 2 * passing.REST_S)
    assert on_disk(store) == ["C"]


def test_where_files_of_several_directories_are_taken_out_in_one_each_is_waited_for(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Moments()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    store.make_directory(n("OTHER"), AT)
    for path in ("BOX/A", "BOX/B", "OTHER/A", "OTHER/B"):
        store.write_whole(n(path), b"x", AT)
    loop.pass_until(passing.REST_S - 1)
    assert len(store.remove_together([n("BOX/A"), n("OTHER/A")])) == 2
    loop.pass_until(passing.REST_S)
    assert not (store.root / "BOX/B").exists() and not (store.root / "OTHER/B").exists()
    loop.pass_until(2 * passing.REST_S)
    assert (store.root / "BOX/B").exists() and (store.root / "OTHER/B").exists()


def test_it_is_remembered_of_so_many_directories_when_a_file_was_taken_out(
    store: PassingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "get_running_loop", Moments)
    for number in range(passing.DIRECTORIES_MAX + 1):
        store.make_directory(n(f"D{number}"), AT)
        store.write_whole(n(f"D{number}/A"), b"x", AT)
        store.remove(n(f"D{number}/A"))
        assert len(store._passing._emptied) == number % passing.DIRECTORIES_MAX + 1


async def test_what_has_just_come_gets_one_new_record_before_its_segment_goes(
    store: PassingStore, tmp_path: Path
) -> None:
    store.write_whole(n("BOX/A"), b"answered", AT)
    (one,) = store._passing.files.values()
    first = one.sequence
    assert await store._settle_up_to(first)
    assert (one.sequence, on_disk(store)) == (first + 1, [])
    assert crashed(store, tmp_path).read(n("BOX/A")) == b"answered"
    assert await store._settle_up_to(first + 1)
    assert (journal_of(store).sequence, on_disk(store)) == (first + 1, ["A"])
    await store.close()
