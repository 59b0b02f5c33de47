"""The site database of a run in virtual time: SQLite in memory, done at once, in the loop.

The law: it is asked as any other is, by the same statements, and its tables are those that the
migrations make. It needs nothing but `sqlite3`: what opens files and servers is slow to import.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from typing import Final, TypeVar

from despoolr_server.database.protocol import CLOSED, Connection, DatabaseLost
from despoolr_server.database.sqlite import STATEMENTS, SqliteConnection
from despoolr_server.database.tables import TABLES

T = TypeVar("T")


class MemoryDatabase:
    """A database of its own, as long as it is held."""

    failures: Final = sqlite3.Error

    def __init__(self) -> None:
        sqlite = sqlite3.connect(":memory:", check_same_thread=False, cached_statements=STATEMENTS)
        sqlite.executescript(TABLES)
        self._sqlite = sqlite
        self._connection = SqliteConnection(sqlite)
        # Whoever forgets the database without closing it must not leave it open (an error from
        # Python 3.13 on).
        self._let_go = weakref.finalize(self, sqlite.close)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do it here and now. Raises what it raises, and then nothing has been changed."""
        if not self._let_go.alive:
            raise DatabaseLost(CLOSED)
        with self._sqlite:
            return work(self._connection)

    async def close(self) -> None:
        """Let go of all that was in it."""
        self._let_go()
