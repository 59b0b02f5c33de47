"""The site database behind one call: `run(work)` gives `work` a connection inside a transaction and
returns its result.

Two twins keep one contract. `InlineDatabase` does the work where it stands (virtual time: no
threads). `ThreadedDatabase` hands it to one writer thread that commits everything queued in one
transaction (group commit: performance.md measured 78 k rows/s against 7 k one by one). Either way
`run` returns only after the commit.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from despoolr_server.database.schema import METADATA

IN_MEMORY = "sqlite://"
T = TypeVar("T")
Work = Callable[[Connection], T]

BATCH_MAX = 500
"""Pieces of work one group commit takes at most, so that the first in the queue does not wait for
ever.
"""


class DatabaseLost(Exception):
    """There is no connection to the database any more. Who must act: whoever started the process;
    it must start anew.

    Nothing is tried again here: what the process believes about the database may no longer be so,
    and another may have it.
    """


class Database(Protocol):
    """Where the site keeps its rows."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work(connection)` in a transaction and return its result once that is committed."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""
        ...


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path`, `sqlite://` (in memory) or `postgresql://...`, with the
    schema of this version.

    Raises `SchemaError`, SQLAlchemy's errors, or `ModuleNotFoundError` where the driver is not
    installed.
    """
    if url == IN_MEMORY:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    elif url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(with_driver(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    try:
        if url == IN_MEMORY:
            # a database that lives as long as one run needs no account of its versions
            METADATA.create_all(engine)
        else:
            from despoolr_server.database.migration import migrate  # noqa: PLC0415 - brings alembic

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
    """Does the work at once, in the loop: deterministic, no thread. For virtual time and for
    tests.
    """

    def __init__(self, url: str = "sqlite://") -> None:
        self._engine = open_engine(url)
        self._connection = self._engine.connect()
        # Whoever forgets the database without closing it must not leave an open file behind (an
        # error from Python 3.13 on).
        self._let_go = weakref.finalize(self, _let_go, self._connection, self._engine)

    async def run(self, work: Callable[[Connection], T]) -> T:
        with self._connection.begin():
            return work(self._connection)

    async def close(self) -> None:
        self._let_go()


def _let_go(connection: Connection, engine: Engine) -> None:
    connection.close()
    engine.dispose()


class ThreadedDatabase:
    """One writer thread; what queued up while it wrote is committed together."""

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
                    return [(True, work(connection)) for work in batch]
            except Exception as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
                if len(batch) == 1:
                    return [(False, error)]
        return [self._attempt([work])[0] for work in batch]
