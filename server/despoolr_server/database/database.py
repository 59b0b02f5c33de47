"""The site database in a file or on a server, behind one call: `run(work)` gives `work` a
connection inside a transaction and returns its result.

Three twins keep one contract. `InlineDatabase` does the work where it stands (virtual time: no
threads), and so does `memory.MemoryDatabase`, which is no file. `ThreadedDatabase` hands it to one
writer thread that commits everything queued in one transaction (group commit: performance.md
measured 78 k rows/s against 7 k one by one). Either way `run` returns only after the commit.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy import Connection as Opened
from sqlalchemy.exc import DBAPIError

from despoolr_server.database.migration import migrate
from despoolr_server.database.protocol import Connection, DatabaseLost, Values

T = TypeVar("T")
Work = Callable[[Connection], T]

BATCH_MAX = 500
"""Pieces of work one group commit takes at most, so that the first in the queue does not wait for
ever.
"""


class EngineConnection(Connection):
    """Asks over SQLAlchemy's connection, in the words of its driver."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._is_postgresql = opened.dialect.name == "postgresql"

    def change_each(self, text: str, rows: Sequence[Values]) -> None:
        if rows:  # SQLAlchemy takes no rows for one without values
            fit = [self._fit(row) for row in rows] if self._is_postgresql else list(rows)
            self._opened.exec_driver_sql(self._said(text), fit)

    def _found(self, text: str, values: Values) -> tuple[tuple[str, ...], Sequence[Any]]:
        result = self._opened.exec_driver_sql(self._said(text), self._fit(values))
        return tuple(result.keys()), result.fetchall()

    def _changed(self, text: str, values: Values) -> int:
        return self._opened.exec_driver_sql(self._said(text), self._fit(values)).rowcount

    def _said(self, text: str) -> str:
        return _in_psycopgs_words(text) if self._is_postgresql else text

    def _fit(self, values: Values) -> dict[str, Any]:
        """PostgreSQL's text has no NUL: U+2400 stands for it there."""
        if not self._is_postgresql:
            return dict(values)
        return {
            name: value.replace("\0", "\N{SYMBOL FOR NULL}")
            if isinstance(value, str) and "\0" in value
            else value
            for name, value in values.items()
        }


@lru_cache(maxsize=512)
def _in_psycopgs_words(text: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", text.replace("%", "%%"))


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`, with the schema of this version.

    Raises `SchemaError`, SQLAlchemy's errors, or `ModuleNotFoundError` where the driver is not
    installed.
    """
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(with_driver(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


def with_driver(url: str) -> URL:
    """The URL with a driver named: `postgresql://` means psycopg 3."""
    made = make_url(url)
    return (
        made.set(drivername="postgresql+psycopg")
        if made.drivername in ("postgresql", "postgres")
        else made
    )


def _set_pragmas(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # group commit makes it cheap; a file is deleted only after its row is safe
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


class InlineDatabase:
    """Does the work at once, in the loop: deterministic, no thread. For virtual time that keeps its
    files, and for tests. Raises `SchemaError` for a database that is not a site's.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._connection = self._engine.connect()
        # Whoever forgets the database without closing it must not leave an open file behind (an
        # error from Python 3.13 on).
        self._let_go = weakref.finalize(self, _let_go, self._connection, self._engine)

    async def run(self, work: Callable[[Connection], T]) -> T:
        with self._connection.begin():
            return work(EngineConnection(self._connection))

    async def close(self) -> None:
        self._let_go()


def _let_go(connection: Opened, engine: Engine) -> None:
    connection.close()
    engine.dispose()


class ThreadedDatabase:
    """One writer thread; what queued up while it wrote is committed together. Raises
    `SchemaError` for a database that is not a site's.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self.on_lost: Callable[[DatabaseLost], None] = lambda _lost: None
        """Told in the loop when the connection is lost; everyone who waits, or asks later, gets the
        same `DatabaseLost`.
        """
        self._lost: DatabaseLost | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="site-database")
        self._queue: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((work, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="site-database-writer")
        return await done

    async def close(self) -> None:
        while self._writer is not None:
            await asyncio.shield(self._writer)
        self._pool.shutdown()
        self._engine.dispose()

    def abandon(self) -> None:
        """Let go of a database that nobody has used yet."""
        self._pool.shutdown()
        self._engine.dispose()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
                results = await loop.run_in_executor(
                    self._pool, self._commit, [work for work, _ in batch]
                )
                for (_, done), (ok, value) in zip(batch, results, strict=True):
                    if done.cancelled():
                        continue
                    if ok:
                        done.set_result(value)
                    else:
                        done.set_exception(value)
            if self._lost is not None:
                self.on_lost(self._lost)
        finally:
            self._writer = None

    def _commit(self, batch: list[Work[Any]]) -> list[tuple[bool, Any]]:
        """All in one transaction; if one fails, each in its own, so that one bad piece does not
        undo its neighbours.
        """
        if self._lost is None:
            try:
                return self._attempt(batch)
            except DBAPIError as error:
                lines = str(error.orig).splitlines() or [type(error).__name__]
                self._lost = DatabaseLost(f"the site database is lost: {lines[0]}")
        return [(False, self._lost)] * len(batch)

    def _attempt(self, batch: list[Work[Any]]) -> list[tuple[bool, Any]]:
        """As `_commit`. Raises `DBAPIError` where there is no connection, or none any more."""
        with self._engine.connect() as connection:
            try:
                with connection.begin():
                    asked = EngineConnection(connection)
                    return [(True, work(asked)) for work in batch]
            except Exception as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
                if len(batch) == 1:
                    return [(False, error)]
        return [self._attempt([work])[0] for work in batch]
