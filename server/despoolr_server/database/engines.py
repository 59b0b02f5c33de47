"""What SQLAlchemy opens: PostgreSQL, and for as long as that takes a file of an earlier version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy import Connection as Opened
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from despoolr_server.database.migration import SchemaError, is_current
from despoolr_server.database.protocol import Connection, DatabaseLost, Values

LOCK: Final = 0x534D53
"""PostgreSQL's advisory lock while one process migrates; ours, arbitrary: "SMS"."""


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


class EngineDatabase:
    """A database that is open, with the schema of this version.

    Raises `SchemaError`, SQLAlchemy's errors, or `ModuleNotFoundError` where the driver is not
    installed.
    """

    failures: Final = SQLAlchemyError

    def __init__(self, url: str) -> None:
        self._engine = create_engine(with_driver(url))
        try:
            with self._engine.begin() as connection:
                migrate(connection)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is done in it is done atomically. Raises SQLAlchemy's errors, or
        `DatabaseLost` where there is no connection, or none any more.
        """
        try:
            connection = self._engine.connect()
        except DBAPIError as error:
            raise _lost(error) from error
        with connection:
            try:
                with connection.begin():
                    yield EngineConnection(connection)
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise _lost(error) from error
                raise

    def close(self) -> None:
        """Let go of the connections, none of which is in use."""
        self._engine.dispose()


def _lost(error: DBAPIError) -> DatabaseLost:
    lines = str(error.orig).splitlines() or [type(error).__name__]
    return DatabaseLost(f"the site database is lost: {lines[0]}")


def upgrade_file(path: str) -> None:
    """Bring a file up to date. Raises `SchemaError`."""
    engine = create_engine(URL.create("sqlite", database=path))  # a path may have a `?`
    try:
        with engine.begin() as connection:
            migrate(connection)
    except SQLAlchemyError as error:
        raise SchemaError(str(getattr(error, "orig", None) or error)) from error
    finally:
        engine.dispose()


def migrate(connection: Opened) -> None:
    """Upgrade atomically, in the transaction of `connection`. Raises `SchemaError`."""
    is_file = connection.dialect.name == "sqlite"
    if is_file:
        # the driver begins none for CREATE TABLE by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    tables = set(inspect(connection).get_table_names())
    if is_current(EngineConnection(connection), tables, may_make=is_file):
        return
    from despoolr_server.database.upgrade import upgrade  # noqa: PLC0415

    if reason := upgrade(connection, tables):
        raise SchemaError(
            f"it was made by a later version of Despoolr: {reason}",
            "use that version, or restore a backup",
        )


def with_driver(url: str) -> URL:
    """The URL with a driver named: `postgresql://` means psycopg 3."""
    made = make_url(url)
    return (
        made.set(drivername="postgresql+psycopg")
        if made.drivername in ("postgresql", "postgres")
        else made
    )
