"""Shelves on disk: what a fold of a long run lays aside, and rows too many to be sorted in memory.

The law: a file of SQLite's that has no name. SQLite keeps 4 MB of it in memory and the rest in the
directory for temporary files (`TMPDIR`), and with the process it is gone, however that ends. Raises
`RunError` where there is no room for it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from despoolr_app.runs.directory import RunError

_CACHE_KIB: Final = 4096
_LONG: Final = 1024
"""Bytes of a row from which on it is compressed."""
_IN_ORDER: Final = "SELECT row FROM sorted INDEXED BY in_order ORDER BY at, name, rowid"


class DiskShelf:
    """A `despoolr_core.shelf.Shelf` that is on disk as soon as something lies on it. Raises
    `RunError` where there is no room.
    """

    @cached_property
    def _database(self) -> sqlite3.Connection:
        return _nameless("CREATE TABLE shelf (number INTEGER PRIMARY KEY, row BLOB)")

    def __del__(self) -> None:
        if "_database" in vars(self):
            self._database.close()

    def put(self, number: int, row: bytes) -> None:
        with _no_room():
            self._database.execute("REPLACE INTO shelf VALUES (?, ?)", (number, _packed(row)))

    def get(self, number: int) -> bytes:
        with _no_room():
            found = self._database.execute("SELECT row FROM shelf WHERE number = ?", (number,))
            return _unpacked(found.fetchone()[0])

    def each(self) -> Iterator[tuple[int, bytes]]:
        with _no_room():
            for number, row in self._database.execute("SELECT * FROM shelf ORDER BY number"):
                yield number, _unpacked(row)


class SortedRows:
    """Rows in the order of a time and a name; equal ones as they came. They are sorted once, before
    the first is told, so that a lack of room (`RunError`) shows before anything is printed.
    """

    def __init__(self, rows: Iterable[tuple[float, str, bytes]]) -> None:
        self._database = _nameless("CREATE TABLE sorted (at REAL, name TEXT, row BLOB)")
        with _no_room():
            self._database.executemany("INSERT INTO sorted VALUES (?, ?, ?)", rows)
            self._database.execute("CREATE INDEX in_order ON sorted (at, name)")

    def __del__(self) -> None:
        self._database.close()

    def __iter__(self) -> Iterator[bytes]:
        with _no_room():
            for (row,) in self._database.execute(_IN_ORDER):
                yield row


def _nameless(table: str) -> sqlite3.Connection:
    with _no_room():
        # the garbage collector ends what holds it in whatever thread it happens to run in
        database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA temp_store = FILE",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            table,
            "BEGIN",
        ):
            database.execute(statement)
    return database


def _packed(row: bytes) -> bytes:
    return b"z" + zlib.compress(row, 1) if len(row) > _LONG else b"-" + row


def _unpacked(row: bytes) -> bytes:
    return zlib.decompress(row[1:]) if row[:1] == b"z" else row[1:]


@contextmanager
def _no_room() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RunError(
            f"there is no room for temporary files ({error}); make some, or name another directory "
            "in TMPDIR"
        ) from None
