"""The site database in a file or on a server, behind one call: `run(work)` gives `work` a
connection inside a transaction and returns its result.

Three twins keep one contract. `InlineDatabase` does the work where it stands (virtual time: no
threads), and so does `memory.MemoryDatabase`, which is no file. `ThreadedDatabase` hands it to one
writer thread that commits everything queued in one transaction (group commit: performance.md
measured 78 k rows/s against 7 k one by one). Either way `run` returns only after the commit.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from despoolr_server.database.protocol import CLOSED, Connection, DatabaseLost
from despoolr_server.database.sqlite import SqliteFile

T = TypeVar("T")
Work = Callable[[Connection], T]

BATCH_MAX = 500
"""Pieces of work one group commit takes at most, so that the first in the queue does not wait for
ever.
"""


class OpenDatabase(Protocol):
    """A database that is open, with the schema of this version."""

    @property
    def failures(self) -> type[Exception]:
        """What a transaction raises where a statement fails, or its commit."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """What is done in it is done atomically. Raises `failures` or `DatabaseLost`."""

    def close(self) -> None:
        """Let go of the file, or end the connections."""


def open_database(url: str) -> OpenDatabase:
    """The database at `sqlite:///path` or `postgresql://...`.

    Raises `SchemaError`, `sqlite3.Error`, SQLAlchemy's errors, or `ModuleNotFoundError` where the
    driver is not installed.
    """
    place, _, path = url.partition(":///")
    if place == "sqlite":
        return SqliteFile(path)
    from despoolr_server.database.engines import EngineDatabase  # noqa: PLC0415

    return EngineDatabase(url)


class InlineDatabase:
    """Does the work at once, in the loop: deterministic, no thread. For virtual time that keeps its
    files, and for tests. Raises `SchemaError` for a database that is not a site's.
    """

    def __init__(self, url: str) -> None:
        self._opened = open_database(url)
        self.failures = self._opened.failures
        # Whoever forgets the database without closing it must not leave an open file behind (an
        # error from Python 3.13 on).
        self._let_go = weakref.finalize(self, self._opened.close)

    async def run(self, work: Callable[[Connection], T]) -> T:
        if not self._let_go.alive:
            raise DatabaseLost(CLOSED)
        with self._opened.transaction() as db:
            return work(db)

    async def close(self) -> None:
        self._let_go()


class ThreadedDatabase:
    """One writer thread; what queued up while it wrote is committed together. Raises
    `SchemaError` for a database that is not a site's.
    """

    def __init__(self, url: str) -> None:
        self._opened = open_database(url)
        self.failures = self._opened.failures
        self.on_lost: Callable[[DatabaseLost], None] = lambda _lost: None
        """Told in the loop when the connection is lost; everyone who waits, or asks later, gets the
        same `DatabaseLost`.
        """
        self._lost: DatabaseLost | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="site-database")
        self._queue: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        if self._lost is not None:
            raise self._lost
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((work, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="site-database-writer")
        return await done

    async def close(self) -> None:
        while self._writer is not None:
            await asyncio.shield(self._writer)
        self._lost = DatabaseLost(CLOSED)
        self._pool.shutdown()
        self._opened.close()

    def do_first(self, work: Callable[[Connection], None]) -> None:
        """Do the work here and now, before anybody else asks; let go of the database if it
        fails.
        """
        try:
            with self._opened.transaction() as db:
                work(db)
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        self._pool.shutdown()
        self._opened.close()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
                try:
                    results = await loop.run_in_executor(
                        self._pool, self._commit, [work for work, _ in batch]
                    )
                except RuntimeError as error:  # it could not be started
                    self._lost = DatabaseLost(f"the site database has no thread: {error}")
                    results = [(False, self._lost)] * len(batch)
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
            except DatabaseLost as error:
                self._lost = error
        return [(False, self._lost)] * len(batch)

    def _attempt(self, batch: list[Work[Any]]) -> list[tuple[bool, Any]]:
        """As `_commit`. Raises `DatabaseLost`."""
        try:
            with self._opened.transaction() as db:
                return [(True, work(db)) for work in batch]
        except DatabaseLost:
            raise
        except Exception as error:
            if len(batch) == 1:
                return [(False, error)]
        return [self._attempt([work])[0] for work in batch]
