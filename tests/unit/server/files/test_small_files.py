"""Small files in memory: bounded by bytes and by files, and given out for the facts they had."""

from __future__ import annotations

import pytest

from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.small_files import FILE_SIZE_MAX, SmallFiles

FACTS = FileFacts("A.TXT", 3, 0.0, False, 0, '"1"')


def test_a_file_is_kept_with_its_facts_until_it_is_forgotten() -> None:
    small = SmallFiles()
    small.keep("A.TXT", FACTS, b"abc")
    assert small.files["A.TXT"] == (FACTS, b"abc")
    small.forget("A.TXT")
    small.forget("A.TXT")
    assert small.files == {}


def test_a_large_file_takes_the_place_of_nothing_and_its_old_content_goes() -> None:
    small = SmallFiles()
    small.keep("A.TXT", FACTS, b"abc")
    small.keep("A.TXT", FACTS, bytes(FILE_SIZE_MAX + 1))
    assert small.files == {}


@pytest.mark.parametrize(("bound", "most"), [("SIZE_MAX", 6), ("COUNT_MAX", 2)])
def test_when_it_is_full_all_of_it_goes(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(f"despoolr_server.files.small_files.{bound}", most)
    small = SmallFiles()
    for name in ("A", "B"):
        small.keep(name, FACTS, b"abc")
    assert list(small.files) == ["A", "B"]
    small.keep("C", FACTS, b"abc")
    assert list(small.files) == ["C"]


def test_what_was_forgotten_at_once_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("despoolr_server.files.small_files.SIZE_MAX", 6)
    small = SmallFiles()
    small.keep("A", FACTS, b"abc")
    small.clear()
    assert small.files == {}
    for name in ("B", "C"):
        small.keep(name, FACTS, b"abc")
    assert list(small.files) == ["B", "C"]
