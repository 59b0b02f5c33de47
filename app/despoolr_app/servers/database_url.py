"""The site database of a running site server: a SQLite file of its own, or a PostgreSQL database,
by URL.

The law: one site server at a time. The data directory sees to that for the file; in PostgreSQL the
server holds an advisory lock for as long as it lives, which the database lets go of when its
connection ends, however that ends. A database that is still starting is waited for; whatever else
is wrong with it is a `StartError` of one line that never shows a password. A database says whose it
is, in a row of `Counters`. A file is made beside its place and gets its name when it is whole, so
that an empty one is never ordinary.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, insert, select, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError
from despoolr_server.database.database import ThreadedDatabase, open_engine, with_driver
from despoolr_server.database.migration import SchemaError, why_foreign
from despoolr_server.database.schema import COUNTERS
from despoolr_server.database.write_ahead import why_log_broken
from despoolr_server.engine.names import printable

IN_USE: Final = "-in-use"
"""What the name of the mark ends in: a server has the file open, or was killed with it open."""
CHECK_SIZE_MAX: Final = 256 * 1024 * 1024
"""Bytes up to which a SQLite file is checked whole at start."""
WAIT_S: Final = 60.0
"""Seconds to wait for a PostgreSQL server that does not answer yet, or for another site server to
let go.
"""
STEP_S: Final = 0.5
WHOSE: Final = "Site"
"""The row of `Counters` that says whose the database is: its value is the site code's letters as
one number.
"""
LOCK: Final = 0x534D5301
"""PostgreSQL's advisory lock of a running site server."""


class SiteDatabase(msgspec.Struct):
    """The database, and what keeps others out of it."""

    database: ThreadedDatabase
    claim: Connection | None = None
    mark: Path | None = None
    """The file that says that the latest changes are in the log beside a SQLite file."""

    async def close(self) -> None:
        """Finish what is queued, then let others in."""
        if self.mark is not None:
            self.mark.unlink(missing_ok=True)  # first: SQLite takes the log away as it closes
        await self.database.close()
        if self.claim is not None:
            self.claim.close()
            self.claim.engine.dispose()


async def open_site_database(
    url: str, path: Path, password: str, code: str, say: Callable[[str], None]
) -> SiteDatabase:
    """Open the database of site `code` at `url`, or the file `path`. `password`: for a URL without
    one.

    Raises `StartError` or `ConfigError`.
    """
    if not url:
        return _open_file(path, code)
    place = parse_database(url)
    if place.password is None and password:
        place = place.set(password=password)
    return await _open_server(place, code, say)


def parse_database(url: str) -> URL:
    """The URL of a PostgreSQL database. Raises `ConfigError`."""
    try:
        place = with_driver(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "the URL of the site database cannot be read; give postgresql://USER@HOST/NAME"
        ) from None
    if place.get_backend_name() != "postgresql":
        raise ConfigError(
            f"no site database can be {place.drivername}; give postgresql://USER@HOST/NAME, or none"
        )
    return place


def _open_file(path: Path, code: str) -> SiteDatabase:
    try:
        if path.exists():
            _check_file(path)
        else:
            _make_file(path, code)
        url = f"sqlite:///{path}"
        database = ThreadedDatabase(url)
        try:
            _belong(create_engine(url), code)
        except BaseException:
            database.abandon()
            raise
        mark = path.with_name(f"{path.name}{IN_USE}")
        if path.with_name(f"{path.name}-wal").exists():
            mark.touch(0o600)
        return SiteDatabase(database, mark=mark)
    except (sqlite3.Error, SQLAlchemyError, SchemaError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        raise StartError(
            f"the site database {path} cannot be used ({reason}); restore it, or move it away"
        ) from None


def _check_file(path: Path) -> None:
    """What is wrong with a file, before anything of ours opens it to write. Raises `SchemaError`,
    `OSError`, `sqlite3.Error`.
    """
    size = path.stat().st_size
    if not size:
        raise SchemaError("it is empty")
    for suffix in ("-wal", "-shm", "-journal"):
        beside = path.with_name(f"{path.name}{suffix}")
        if beside.exists() and not beside.is_file():
            raise SchemaError(f"{beside.name} beside it is not a file")
    log, mark = (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", IN_USE))
    if mark.exists() and not log.exists():
        raise SchemaError(
            f"{log.name} is gone, which has its latest changes; if it is right without them, "
            f"remove {mark.name}"
        )
    broken_at = why_log_broken(log)
    if broken_at:
        raise SchemaError(broken_at)
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        found = (
            connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if size <= CHECK_SIZE_MAX
            else "ok"
        )
    if not tables:
        raise SchemaError("it is empty")
    if foreign := why_foreign(tables):
        raise SchemaError(foreign)
    if found != "ok":
        raise sqlite3.DatabaseError(str(found).splitlines()[0])


def _make_file(path: Path, code: str) -> None:
    """A new database, under its name when it is whole. Raises `SchemaError`, SQLAlchemy's errors or
    `OSError`.
    """
    log = path.with_name(f"{path.name}-wal")
    if path.is_symlink():  # its disk is not there
        raise SchemaError("it is a link that leads nowhere")
    if log.exists() and log.stat().st_size:
        raise SchemaError(f"it is gone, but {log.name} beside it holds changes to it")
    path.with_name(f"{path.name}{IN_USE}").unlink(missing_ok=True)
    new = path.with_name(f"{path.name}.new")
    for suffix in ("", "-wal", "-shm", "-journal"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    engine = open_engine(f"sqlite:///{new}")
    _belong(engine, code)
    descriptor = os.open(new, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)


def _belong(engine: Engine, code: str) -> None:
    """Let a database say whose it is. Raises `SchemaError` if it is another site's. Lets go of
    `engine`.
    """
    number = int.from_bytes(code.encode("ascii"), "big")
    try:
        with engine.begin() as connection:
            found = connection.execute(
                select(COUNTERS.c.Value).where(COUNTERS.c.Name == WHOSE)
            ).scalar()
            if found is None:
                connection.execute(insert(COUNTERS).values(Name=WHOSE, Value=number))
            elif found != number:
                other = int(found).to_bytes(8, "big").lstrip(b"\0").decode("ascii", "replace")
                raise SchemaError(f"it is that of site {printable(other)}")
    finally:
        engine.dispose()


async def _open_server(place: URL, code: str, say: Callable[[str], None]) -> SiteDatabase:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_S
    shown = place.render_as_string(hide_password=True)
    has_said = False
    while True:
        try:
            claim = _claim(place)
            if claim is not None:
                return SiteDatabase(_opened(place, claim, code), claim)
            reason = "another site server uses it"
        except ModuleNotFoundError as error:
            raise StartError(
                f"{shown} needs {error.name}, which is not installed: pip install "
                "'despoolr[postgres]'"
            ) from None
        except OperationalError as error:
            reason = _first_line(error)
            if "authentication failed" in reason or "does not exist" in reason:
                raise StartError(f"the site database {shown} cannot be used: {reason}") from None
        except (SQLAlchemyError, SchemaError) as error:
            raise StartError(
                f"the site database {shown} cannot be used: {_first_line(error)}"
            ) from None
        if loop.time() >= deadline:
            raise StartError(
                f"the site database {shown} could not be reached for {WAIT_S:g} s: {reason}"
            )
        if not has_said:
            say(f"waiting for the site database {shown} ({reason}) ...")
            has_said = True
        await asyncio.sleep(STEP_S)


def _opened(place: URL, claim: Connection, code: str) -> ThreadedDatabase:
    try:
        database = ThreadedDatabase(place.render_as_string(hide_password=False))
        try:
            _belong(create_engine(place), code)
        except BaseException:
            database.abandon()
            raise
        return database
    except BaseException:
        claim.close()
        claim.engine.dispose()
        raise


def _claim(place: URL) -> Connection | None:
    """A connection that holds the lock for as long as it is open; None if somebody else holds
    it.
    """
    engine = create_engine(place, connect_args={"connect_timeout": 5}, isolation_level="AUTOCOMMIT")
    connection = None
    try:
        connection = engine.connect()
        if connection.execute(
            text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}
        ).scalar_one():
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
