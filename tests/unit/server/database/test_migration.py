"""The migrations make the schema of this version from every one before it, whole or not at all, and
refuse a later one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Float, Integer, String, create_engine, inspect, text

from despoolr_server.database.database import open_engine
from despoolr_server.database.migration import SchemaError, migrate
from despoolr_server.database.schema import COUNTERS, METADATA

LATER = {"ClientSlots", "Sites"}
"""Tables that version 0.1.0 had not."""
LATER_INDEX = "JobDetailsStatus"


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path}/site.db"
    return str(request.getfixturevalue("postgres").create())


def raw(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def are_of_two_kinds(context: Any, found_column: Any, column: Any, found: Any, wanted: Any) -> bool:
    """Whether two column types differ in kind. Sizes do not matter: neither database enforces
    them.
    """
    return [isinstance(found, kind) for kind in (String, Integer, Float)] != [
        isinstance(wanted, kind) for kind in (String, Integer, Float)
    ]


def test_the_migrations_make_exactly_the_schema_so_a_change_of_it_needs_one_more(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": are_of_two_kinds})
        assert compare_metadata(context, METADATA) == [], (
            "write the next migration in store/migrations/versions"
        )
    engine.dispose()


def test_a_database_of_version_0_1_0_is_upgraded_and_keeps_its_rows(url: str) -> None:
    engine = raw(url)
    METADATA.create_all(engine, tables=[t for t in METADATA.sorted_tables if t.name not in LATER])
    with engine.begin() as connection:
        connection.execute(text(f'DROP INDEX "{LATER_INDEX}"'))
        connection.execute(COUNTERS.insert().values(Name="Job", Value=7))
    engine.dispose()
    upgraded = open_engine(url)
    with upgraded.connect() as connection:
        assert connection.execute(COUNTERS.select()).all() == [("Job", 7)]
        assert set(inspect(connection).get_table_names()) >= LATER
        assert LATER_INDEX in {
            index["name"] for index in inspect(connection).get_indexes("JobDetails")
        }
    upgraded.dispose()


def test_a_migration_that_breaks_off_leaves_nothing_behind(url: str) -> None:
    engine = raw(url)
    with pytest.raises(KeyboardInterrupt), engine.begin() as connection:
        migrate(connection)
        assert "Jobs" in inspect(connection).get_table_names()
        raise KeyboardInterrupt
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    open_engine(url).dispose()


def test_a_database_of_a_later_version_is_refused(url: str) -> None:
    open_engine(url).dispose()
    engine = raw(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="later version of Despoolr"):
        open_engine(url)
    engine.dispose()


def test_a_current_database_is_left_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine(url).dispose()
    monkeypatch.setattr(command, "upgrade", None)
    open_engine(url).dispose()
