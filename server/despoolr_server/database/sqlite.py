"""SQLite, asked by `sqlite3` itself: what nearly every site has.

The law: a file that is opened has the schema of this version. One that lacks something is brought
up to date by `engines`, which is slow to import and needed for nothing else here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from despoolr_server.database.migration import is_current
from despoolr_server.database.protocol import Connection, Values

STATEMENTS: Final = 256
"""Statements that SQLite keeps ready."""
PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    # group commit makes it cheap; a file is deleted only after its row is safe
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=5000",
)


class SqliteConnection(Connection):
    """Asks over a connection of `sqlite3`."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite

    def change_each(self, text: str, rows: Sequence[Values]) -> None:
        self._sqlite.executemany(text, rows)

    def _found(self, text: str, values: Values) -> tuple[tuple[str, ...], Sequence[Any]]:
        cursor = self._sqlite.execute(text, values)
        return tuple([column[0] for column in cursor.description]), cursor.fetchall()

    def _changed(self, text: str, values: Values) -> int:
        return self._sqlite.execute(text, values).rowcount


class SqliteFile:
    """A file that is open. Raises `SchemaError` or `sqlite3.Error` if it cannot be used."""

    failures: Final = sqlite3.Error

    def __init__(self, path: str) -> None:
        self._sqlite = sqlite3.connect(path, check_same_thread=False, cached_statements=STATEMENTS)
        self._connection = SqliteConnection(self._sqlite)
        try:
            for pragma in PRAGMAS:
                self._sqlite.execute(pragma)
            self._bring_up_to_date(path)
        except BaseException:
            self._sqlite.close()
            raise

    def _bring_up_to_date(self, path: str) -> None:
        # the driver begins none for CREATE TABLE by itself
        self._sqlite.execute("BEGIN IMMEDIATE")
        with self.transaction() as db:
            rows = db.all("SELECT name FROM sqlite_master WHERE type = 'table'")
            if is_current(db, {name for (name,) in rows}, may_make=True):
                return
        from despoolr_server.database.engines import upgrade_file  # noqa: PLC0415

        upgrade_file(path)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is done in it is done atomically. Raises `sqlite3.Error`."""
        with self._sqlite:
            yield self._connection

    def close(self) -> None:
        """Let go of the file and what lies beside it."""
        self._sqlite.close()
