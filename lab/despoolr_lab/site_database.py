"""The site database of a running site server: a SQLite file of its own, or a PostgreSQL database, by URL.

The law: one site server at a time. The data directory sees to that for the file; in PostgreSQL the server holds an advisory
lock for as long as it lives, which the database lets go of when its connection ends, however that ends. A database that is
still starting is waited for; whatever else is wrong with it is a `StartError` of one line that never shows a password.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from despoolr_lab.config import ConfigError
from despoolr_lab.ground import StartError
from despoolr_server.store.database import ThreadedDatabase, with_driver
from despoolr_server.store.migration import SchemaError

CHECK_SIZE_MAX: Final = 256 * 1024 * 1024
"""Octets up to which a SQLite file is checked whole at start."""
WAIT_S: Final = 60.0
"""Seconds to wait for a PostgreSQL server that does not answer yet, or for another site server to let go."""
STEP_S: Final = 0.5
LOCK: Final = 0x534D5301
"""PostgreSQL's advisory lock of a running site server."""


@dataclass(slots=True)
class SiteDatabase:
    """The database, and what keeps others out of it."""

    database: ThreadedDatabase
    claim: Connection | None = None

    async def close(self) -> None:
        """Finish what is queued, then let others in."""
        await self.database.close()
        if self.claim is not None:
            self.claim.close()
            self.claim.engine.dispose()


async def open_site_database(url: str, path: Path, password: str, say: Callable[[str], None]) -> SiteDatabase:
    """Open the database at `url`, or the file `path`. `password`: for a URL without one. Raises `StartError` or `ConfigError`."""
    if not url:
        return _open_file(path)
    place = parse_database(url)
    if place.password is None and password:
        place = place.set(password=password)
    return await _open_server(place, say)


def parse_database(url: str) -> URL:
    """The URL of a PostgreSQL database. Raises `ConfigError`."""
    try:
        place = with_driver(url)
    except (ArgumentError, ValueError):
        raise ConfigError("the URL of the site database cannot be read; give postgresql://USER@HOST/NAME") from None
    if place.get_backend_name() != "postgresql":
        raise ConfigError(f"no site database can be {place.drivername}; give postgresql://USER@HOST/NAME, or none")
    return place


def _open_file(path: Path) -> SiteDatabase:
    try:
        if path.exists() and path.stat().st_size <= CHECK_SIZE_MAX:
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(str(found).splitlines()[0])
        return SiteDatabase(ThreadedDatabase(f"sqlite:///{path}"))
    except (sqlite3.Error, SQLAlchemyError, SchemaError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        raise StartError(f"the site database {path} cannot be used ({reason}); restore it, or move it away") from None


async def _open_server(place: URL, say: Callable[[str], None]) -> SiteDatabase:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_S
    shown = place.render_as_string(hide_password=True)
    has_said = False
    while True:
        try:
            claim = _claim(place)
            if claim is not None:
                return SiteDatabase(_opened(place, claim), claim)
            reason = "another site server uses it"
        except ModuleNotFoundError as error:
            raise StartError(f"{shown} needs {error.name}, which is not installed: pip install 'despoolr[postgres]'") from None
        except OperationalError as error:
            reason = _first_line(error)
            if "authentication failed" in reason or "does not exist" in reason:
                raise StartError(f"the site database {shown} cannot be used: {reason}") from None
        except (SQLAlchemyError, SchemaError) as error:
            raise StartError(f"the site database {shown} cannot be used: {_first_line(error)}") from None
        if loop.time() >= deadline:
            raise StartError(f"the site database {shown} cannot be had for {WAIT_S:g} s: {reason}")
        if not has_said:
            say(f"waiting for the site database {shown} ({reason}) ...")
            has_said = True
        await asyncio.sleep(STEP_S)


def _opened(place: URL, claim: Connection) -> ThreadedDatabase:
    try:
        return ThreadedDatabase(place.render_as_string(hide_password=False))
    except BaseException:
        claim.close()
        claim.engine.dispose()
        raise


def _claim(place: URL) -> Connection | None:
    """A connection that holds the lock for as long as it is open; None if somebody else holds it."""
    engine = create_engine(place, connect_args={"connect_timeout": 5}, isolation_level="AUTOCOMMIT")
    connection = None
    try:
        connection = engine.connect()
        if connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one():
            return connection
        connection.close()
    except BaseException:
        if connection is not None:
            connection.close()
        engine.dispose()
        raise
    engine.dispose()
    return None


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0] if lines else type(error).__name__
