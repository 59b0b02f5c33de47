"""The site database of a run in virtual time: SQLite in memory, done at once, in the loop.

The law: it is asked as any other is, by the same statements, and its tables are those that the
migrations make. It needs nothing but `sqlite3`: what opens files and servers is slow to import.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from despoolr_server.database.protocol import Connection, Values
from despoolr_server.database.tables import TABLES

T = TypeVar("T")
_STATEMENTS: Final = 256
"""Statements that SQLite keeps ready."""


class MemoryDatabase:
    """A database of its own, as long as it is held."""

    def __init__(self) -> None:
        sqlite = sqlite3.connect(":memory:", check_same_thread=False, cached_statements=_STATEMENTS)
        sqlite.executescript(TABLES)
        self._sqlite = sqlite
        self._connection = _SqliteConnection(sqlite)
        # Whoever forgets the database without closing it must not leave it open (an error from
        # Python 3.13 on).
        self._let_go = weakref.finalize(self, sqlite.close)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do it here and now. Raises what it raises, and then nothing has been changed."""
        try:
            result = work(self._connection)
        except BaseException:
            self._sqlite.rollback()
            raise
        self._sqlite.commit()
        return result

    async def close(self) -> None:
        """Let go of all that was in it."""
        self._let_go()


class _SqliteConnection(Connection):
    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite

    def change_each(self, text: str, rows: Sequence[Values]) -> None:
        self._sqlite.executemany(text, rows)

    def _found(self, text: str, values: Values) -> tuple[tuple[str, ...], Sequence[Any]]:
        cursor = self._sqlite.execute(text, values)
        return tuple([column[0] for column in cursor.description]), cursor.fetchall()

    def _changed(self, text: str, values: Values) -> int:
        return self._sqlite.execute(text, values).rowcount
