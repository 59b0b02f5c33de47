"""The site database of a running site server: a SQLite file of its own, or a PostgreSQL database,
by URL (`postgresql`).

The law: one site server at a time, which the data directory sees to for the file. A database says
whose it is, in a row of `Counters`. A file is made beside its place and gets its name when it is
whole, so that an empty one is never ordinary.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from despoolr_app.process.runtime import StartError
from despoolr_server.database.database import ThreadedDatabase
from despoolr_server.database.migration import SchemaError, why_foreign
from despoolr_server.database.protocol import Connection, insert_into
from despoolr_server.database.sqlite import SqliteFile
from despoolr_server.database.write_ahead import why_log_broken
from despoolr_server.engine.names import printable

IN_USE: Final = "-in-use"
"""What the name of the mark ends in: a server has the file open, or was killed with it open."""
CHECK_SIZE_MAX: Final = 256 * 1024 * 1024
"""Bytes up to which a SQLite file is checked whole at start."""
WHOSE: Final = "Site"
"""The row of `Counters` that says whose the database is: its value is the site code's letters as
one number.
"""


class SiteDatabase(msgspec.Struct):
    """The database, and what keeps others out of it."""

    database: ThreadedDatabase
    let_go: Callable[[], None] = lambda: None
    """Lets others in, of a database on a server."""
    mark: Path | None = None
    """The file that says that the latest changes are in the log beside a SQLite file."""

    async def close(self) -> None:
        """Finish what is queued, then let others in."""
        if self.mark is not None:
            self.mark.unlink(missing_ok=True)  # first: SQLite takes the log away as it closes
        await self.database.close()
        self.let_go()


async def open_site_database(
    url: str, path: Path, password: str, code: str, say: Callable[[str], None]
) -> SiteDatabase:
    """Open the database of site `code` at `url`, or the file `path`. `password`: for a URL without
    one.

    Raises `StartError` or `ConfigError`.
    """
    if not url:
        return _open_file(path, code)
    from despoolr_app.servers.postgresql import open_server  # noqa: PLC0415

    database, let_go = await open_server(url, password, partial(belong, code), say)
    return SiteDatabase(database, let_go)


def _open_file(path: Path, code: str) -> SiteDatabase:
    try:
        if path.exists():
            _check_file(path)
        else:
            _make_file(path, code)
        database = ThreadedDatabase(f"sqlite:///{path}")
        database.do_first(partial(belong, code))
        mark = path.with_name(f"{path.name}{IN_USE}")
        if path.with_name(f"{path.name}-wal").exists():
            mark.touch(0o600)
        return SiteDatabase(database, mark=mark)
    except (sqlite3.Error, SchemaError, OSError) as error:
        is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        advice = (
            "end the program that uses it"
            if is_busy
            else getattr(error, "advice", "") or "restore it, or move it away"
        )
        raise StartError(f"the site database {path} cannot be used ({error}); {advice}") from None


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
            f"{log.name} is gone, which has its latest changes",
            f"restore both, or remove {mark.name} if it is right without them",
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
        raise sqlite3.DatabaseError(str(found).splitlines()[-1])  # the first may be a heading


def _make_file(path: Path, code: str) -> None:
    """A new database, under its name when it is whole. Raises `SchemaError`, `sqlite3.Error` or
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
    with closing(SqliteFile(str(new))) as made, made.transaction() as db:
        belong(code, db)
    descriptor = os.open(new, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)


def belong(code: str, db: Connection) -> None:
    """Let a database say whose it is. Raises `SchemaError` if it is another site's."""
    number = int.from_bytes(code.encode("ascii"), "big")
    found = db.value('SELECT "Value" FROM "Counters" WHERE "Name" = :name', {"name": WHOSE})
    if found is None:
        db.change(insert_into("Counters", "Name", "Value"), {"Name": WHOSE, "Value": number})
    elif found != number:
        other = int(found).to_bytes(8, "big").lstrip(b"\0").decode("ascii", "replace")
        raise SchemaError(f"it is that of site {printable(other)}")
