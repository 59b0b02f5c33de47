"""Brings a site database up to the schema of this version, whether it is new, old or current.

The law: every change of `schema.py` has a migration, and the migrations make exactly that schema (a
test compares them on SQLite and PostgreSQL). A database of version 0.1.0, which kept no account of
itself, is taken to be at the first one. One that a later version changed is refused: `SchemaError`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from despoolr_server.engine.names import printable

FIRST: Final = "0001"
OURS: Final = frozenset({"Jobs", "JobDetails", "SMSPackages", "Counters"})
"""Tables that every site database has had from the first version on."""
LOCK: Final = 0x534D53
"""PostgreSQL's advisory lock while one process migrates; ours, arbitrary: "SMS"."""


class SchemaError(Exception):
    """The database is not one this version can use. Who must act: the operator."""


def migrate(connection: Connection) -> None:
    """Upgrade in the transaction of `connection`, whole or not at all. Raises `SchemaError`."""
    if connection.dialect.name == "sqlite":
        # the driver begins none for CREATE TABLE by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = _config(connection)
    tables = set(inspect(connection).get_table_names())
    if foreign := why_foreign(tables):
        raise SchemaError(foreign)
    try:
        if "alembic_version" in tables:
            if _version(connection) == ScriptDirectory.from_config(config).get_current_head():
                return
        elif "Jobs" in tables:
            command.stamp(config, FIRST)
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaError(
            f"it was made by a later version of Despoolr ({error}); use that version, or "
            "restore a backup"
        ) from None


def why_foreign(tables: Collection[str]) -> str:
    """Why a database with these tables is none of a site, as a clause; `""` if it is one, or has no
    tables yet.
    """
    if not tables or OURS <= set(tables):
        return ""
    others = ", ".join(sorted(set(tables) - {"alembic_version"})[:3])
    return f"it is no site database: it has {printable(others) or 'no tables of a site'}"


def _version(connection: Connection) -> str:
    """What the database says it is. Raises `SchemaError` where it says nothing."""
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    if row is None or not row[0]:
        raise SchemaError("its table `alembic_version` names no version; restore a backup")
    return str(row[0])


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "despoolr_server.database:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
