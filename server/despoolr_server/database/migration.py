"""Brings a site database up to the schema of this version, whether it is new, old or current.

The law: every change of `schema.py` has a migration, and the migrations make exactly that schema (a
test compares them on SQLite and PostgreSQL). A new file gets the same tables at once, from their
text. A database of version 0.1.0, which kept no account of itself, is taken to be at the first
migration. One that a later version changed is refused: `SchemaError`.

Alembic is imported only where there is something to bring up to date: it took 0.35 s of the
processor at each start of a server, of 0.95.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, inspect, text

from despoolr_server.database.tables import TABLES
from despoolr_server.engine.names import printable

NEWEST: Final = "0005"
"""The latest migration."""
OURS: Final = frozenset({"Jobs", "JobDetails", "SMSPackages", "Counters"})
"""Tables that every site database has had from the first version on."""
LOCK: Final = 0x534D53
"""PostgreSQL's advisory lock while one process migrates; ours, arbitrary: "SMS"."""
_ACCOUNT: Final = """\
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"""
"""Where alembic looks what a database is at, as it makes it."""


class SchemaError(Exception):
    """The database is not one this version can use. Who must act: the operator."""


def migrate(connection: Connection) -> None:
    """Upgrade atomically, in the transaction of `connection`. Raises `SchemaError`."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # the driver begins none for CREATE TABLE by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    tables = set(inspect(connection).get_table_names())
    if foreign := why_foreign(tables):
        raise SchemaError(foreign)
    if "alembic_version" in tables and _version(connection) == NEWEST:
        return
    if is_sqlite and not tables:
        _make(connection)
        return
    from despoolr_server.database.upgrade import upgrade  # noqa: PLC0415

    if reason := upgrade(connection, tables):
        raise SchemaError(
            f"it was made by a later version of Despoolr ({reason}); use that version, or "
            "restore a backup"
        )


def why_foreign(tables: Collection[str]) -> str:
    """Why a database with these tables is not a site's, as a clause; `""` if it is, or has no
    tables yet.
    """
    if not tables or OURS <= set(tables):
        return ""
    others = ", ".join(sorted(set(tables) - {"alembic_version"})[:3])
    return f"it is no site database: it has {printable(others) or 'no tables of a site'}"


def _make(connection: Connection) -> None:
    """All tables in an empty file, in its transaction: the driver's own call for several statements
    would end that.
    """
    for statement in (TABLES + _ACCOUNT).split(";\n")[:-1]:
        connection.exec_driver_sql(statement)
    connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": NEWEST})


def _version(connection: Connection) -> str:
    """What the database says it is. Raises `SchemaError` where it says nothing."""
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    if row is None or not row[0]:
        raise SchemaError("its table `alembic_version` names no version; restore a backup")
    return str(row[0])
