"""Rows on disk: by number, in order, and without room for them one line that says what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from despoolr_app.runs.directory import RunError
from despoolr_app.runs.disk_shelf import _IN_ORDER, DiskShelf, SortedRows

LONG = b"x" * 5000


def test_rows_come_back_by_number_whatever_the_order_in_which_they_were_put() -> None:
    shelf = DiskShelf()
    assert [*shelf.each()] == []
    for number, row in ((3, b"c"), (1, LONG), (2, b""), (3, b"new")):
        shelf.put(number, row)
    assert (shelf.get(1), shelf.get(2)) == (LONG, b"")
    assert [*shelf.each()] == [(1, LONG), (2, b""), (3, b"new")]


def test_a_shelf_ends_in_whatever_thread_lets_go_of_it() -> None:
    shelves = [DiskShelf()]
    shelves[0].put(1, b"x")
    thread = threading.Thread(target=shelves.clear)
    thread.start()
    thread.join()


def test_rows_of_one_time_and_name_stay_as_they_came() -> None:
    rows = [(2.0, "a", b"4"), (1.0, "b", b"2"), (1.0, "b", b"3"), (1.0, "B", b"1")]
    found = SortedRows(rows)
    assert [*found] == [*found] == [b"1", b"2", b"3", b"4"]


def test_rows_are_sorted_before_the_first_of_them_is_told() -> None:
    found = SortedRows([(2.0, "a", b"2"), (1.0, "b", b"1")])
    (step,) = found._database.execute(f"EXPLAIN QUERY PLAN {_IN_ORDER}")
    assert "USING INDEX in_order" in step[-1]


def test_without_room_there_is_one_line_that_says_what_to_do() -> None:
    shelf = DiskShelf()
    shelf._database.execute("PRAGMA max_page_count = 8")

    def fill() -> None:
        for number in range(1000):
            shelf.put(number, b"x" * 1000)

    with pytest.raises(RunError, match=r"no room for temporary files .*; make some, or name .*TMP"):
        fill()


def test_an_error_of_whoever_makes_the_rows_is_his() -> None:
    def rows() -> Iterator[tuple[float, str, bytes]]:
        yield 1.0, "a", b""
        raise RunError("of a record")

    with pytest.raises(RunError, match="of a record"):
        SortedRows(rows())
