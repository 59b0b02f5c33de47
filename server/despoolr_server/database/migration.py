"""Brings a site database up to the schema of this version, whether it is new, old or current.

The law: every change of `schema.py` has a migration, and the migrations make exactly that schema (a
test compares them on SQLite and PostgreSQL). A new file gets the same tables at once, from their
text. A database of version 0.1.0, which kept no account of itself, is taken to be at the first
migration. One that a later version changed is refused: `SchemaError`.

Alembic, and for a file SQLAlchemy, are imported only where there is something to bring up to date:
they took 0.45 s of the processor at each start of a server, of 0.95.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from despoolr_server.database.protocol import Connection
from despoolr_server.database.tables import TABLES
from despoolr_server.engine.names import printable

NEWEST: Final = "0005"
"""The latest migration."""
OURS: Final = frozenset({"Jobs", "JobDetails", "SMSPackages", "Counters"})
"""Tables that every site database has had from the first version on."""
_ACCOUNT: Final = """\
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"""
"""Where alembic looks what a database is at, as it makes it."""


class SchemaError(Exception):
    """The database is not one this version can use. Who must act: the operator. `advice` is what to
    do if that is not what is done with any such database; whoever tells of it says one of the two.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


def is_current(db: Connection, tables: Collection[str], *, may_make: bool) -> bool:
    """Whether a database with these tables has the schema of this version; an empty one gets it
    here and now if this may make it. Raises `SchemaError` for one that is not a site's.
    """
    if foreign := why_foreign(tables):
        raise SchemaError(foreign)
    if "alembic_version" in tables:
        return _version(db) == NEWEST
    if tables or not may_make:
        return False
    # the driver's own call for several statements would end the transaction
    for statement in (TABLES + _ACCOUNT).split(";\n")[:-1]:
        db.change(statement)
    db.change("INSERT INTO alembic_version VALUES (:version)", {"version": NEWEST})
    return True


def why_foreign(tables: Collection[str]) -> str:
    """Why a database with these tables is not a site's, as a clause; `""` if it is, or has no
    tables yet.
    """
    if not tables or OURS <= set(tables):
        return ""
    others = ", ".join(sorted(set(tables) - {"alembic_version"})[:3])
    return f"it is no site database: it has {printable(others) or 'no tables of a site'}"


def _version(db: Connection) -> str:
    """What the database says it is. Raises `SchemaError` where it says nothing."""
    found = db.value("SELECT version_num FROM alembic_version")
    if not found:
        raise SchemaError("its table `alembic_version` names no version", "restore a backup")
    return str(found)
