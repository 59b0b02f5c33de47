"""A database in memory, and a new file, have the tables that the migrations make."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from despoolr_server.database.schema import METADATA
from despoolr_server.database.tables import TABLES
from despoolr_server.database.upgrade import upgrade


def written() -> Iterator[str]:
    """The statements by which SQLAlchemy would make the schema, as they stand in the file."""
    for table in METADATA.sorted_tables:
        parts: list[CreateTable | CreateIndex] = [
            CreateTable(table),
            *map(CreateIndex, sorted(table.indexes, key=lambda i: i.name or "")),
        ]
        for part in parts:
            text = str(part.compile(dialect=sqlite.dialect())).strip()
            yield text.replace("\t", "    ").replace(" \n", "\n") + ";\n"


def test_the_tables_are_those_of_the_schema_word_for_word() -> None:
    assert "".join(written()) == TABLES, "".join(written())


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Columns by name and kind, keys and indexes of each table."""
    found: dict[str, object] = {}
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'"
    for (table,) in connection.execute(tables).fetchall():
        columns = {
            name: (re.sub(r"\(\d+\)", "", kind), is_needed, key)
            for _, name, kind, is_needed, _, key in connection.execute(
                f'PRAGMA table_info("{table}")'
            )
        }
        indexes = {
            (
                is_unique,
                tuple(c for _, _, c in connection.execute(f'PRAGMA index_info("{index}")')),
            )
            for _, index, is_unique, _, _ in connection.execute(f'PRAGMA index_list("{table}")')
        }
        found[table] = (columns, indexes)
    return found


def test_the_tables_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/site.db")
    with engine.begin() as connection:
        upgrade(connection, ())
    engine.dispose()
    with (
        closing(sqlite3.connect(tmp_path / "site.db")) as migrated,
        closing(sqlite3.connect(":memory:")) as made,
    ):
        made.executescript(TABLES)
        assert shape(made) == shape(migrated)
        assert "Jobs" in shape(made)
