"""A site database on a PostgreSQL server, by URL.

The law: one site server at a time. The server holds an advisory lock for as long as it lives, which
the database lets go of when its connection ends, however that ends. A database that is still
starting is waited for; whatever else is wrong with it is a `StartError` of one line that never
shows a password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import URL, create_engine, text
from sqlalchemy import Connection as Opened
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError
from despoolr_server.database.database import ThreadedDatabase
from despoolr_server.database.engines import with_driver
from despoolr_server.database.migration import SchemaError
from despoolr_server.database.protocol import Connection, DatabaseLost

WAIT_S: Final = 60.0
"""Seconds to wait for a PostgreSQL server that does not answer yet, or for another site server to
let go.
"""
STEP_S: Final = 0.5
LOCK: Final = 0x534D5301
"""PostgreSQL's advisory lock of a running site server."""


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


async def open_server(
    url: str, password: str, work: Callable[[Connection], None], say: Callable[[str], None]
) -> tuple[ThreadedDatabase, Callable[[], None]]:
    """Open the database, do `work` first, and what lets others in. `password`: for a URL without
    one. Raises `StartError` or `ConfigError`.
    """
    place = parse_database(url)
    if place.password is None and password:
        place = place.set(password=password)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + WAIT_S
    shown = place.render_as_string(hide_password=True)
    has_said = False
    while True:
        try:
            claim = _claim(place)
            if claim is not None:
                return _opened(place, claim, work), partial(_let_go, claim)
            reason = "another site server uses it"
        except ModuleNotFoundError as error:
            raise StartError(
                f"{shown} needs {error.name}, which is not installed: pip install "
                "'despoolr[postgres]'"
            ) from None
        except (OperationalError, DatabaseLost) as error:
            reason = _first_line(error)
            if "authentication failed" in reason or "does not exist" in reason:
                raise StartError(f"the site database {shown} cannot be used: {reason}") from None
        except (SQLAlchemyError, SchemaError) as error:
            advice = getattr(error, "advice", "")
            raise StartError(
                f"the site database {shown} cannot be used: {_first_line(error)}"
                f"{advice and f'; {advice}'}"
            ) from None
        if loop.time() >= deadline:
            raise StartError(
                f"the site database {shown} could not be reached for {WAIT_S:g} s: {reason}"
            )
        if not has_said:
            say(f"waiting for the site database {shown} ({reason}) ...")
            has_said = True
        await asyncio.sleep(STEP_S)


def _opened(place: URL, claim: Opened, work: Callable[[Connection], None]) -> ThreadedDatabase:
    try:
        database = ThreadedDatabase(place.render_as_string(hide_password=False))
        database.do_first(work)
        return database
    except BaseException:
        _let_go(claim)
        raise


def _let_go(claim: Opened) -> None:
    claim.close()
    claim.engine.dispose()


def _claim(place: URL) -> Opened | None:
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


def _first_line(error: BaseException) -> str:
    if isinstance(error, DatabaseLost) and error.__cause__ is not None:  # which is what it was
        error = error.__cause__
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return lines[0] if lines else type(error).__name__
