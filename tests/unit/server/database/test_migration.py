"""The migrations make the schema of this version from every one before it, whole or not at all, and
refuse a later one.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Float, Integer, String, create_engine, inspect, select, text

from despoolr_server.database.database import open_database
from despoolr_server.database.engines import migrate
from despoolr_server.database.migration import NEWEST, SchemaError
from despoolr_server.database.schema import MACHINES, METADATA
from despoolr_server.database.tables import TABLES
from despoolr_server.database.upgrade import upgrade

LATER = {"ClientSlots", "Sites"}
"""Tables that version 0.1.0 had not."""
LATER_INDEXES = {"JobDetailsStatus", "MachinesFoldedName", "JobsStatus"}
LATER_COLUMN = ("Machines", "FoldedName")


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
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


@pytest.mark.slow
def test_the_migrations_make_exactly_the_schema_so_a_change_of_it_needs_one_more(url: str) -> None:
    engine = raw(url)
    with engine.begin() as connection:
        assert upgrade(connection, ()) == ""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": are_of_two_kinds})
        assert compare_metadata(context, METADATA) == [], (
            "write the next migration in database/migrations/versions"
        )
        assert context.get_current_revision() == NEWEST
    engine.dispose()


@pytest.mark.slow
def test_a_new_database_has_the_same_schema_and_alembic_sees_nothing_to_do(url: str) -> None:
    open_database(url).close()
    engine = raw(url)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": are_of_two_kinds})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == NEWEST
        before = connection.execute(text("SELECT * FROM alembic_version")).all()
        assert upgrade(connection, inspect(connection).get_table_names()) == ""
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == before
    engine.dispose()


def test_alembic_keeps_its_account_as_a_new_file_does(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/made.db").close()
    made, migrated = (raw(f"sqlite:///{tmp_path}/{name}.db") for name in ("made", "migrated"))
    with migrated.begin() as connection:
        upgrade(connection, ())
    asked = text("SELECT sql FROM sqlite_master WHERE name = 'alembic_version'")
    found = []
    for engine in (made, migrated):
        with engine.connect() as connection:
            found.append("".join(connection.execute(asked).scalar_one().split()))
        engine.dispose()
    assert found[0] == found[1]


def test_an_older_file_is_found_whatever_its_directory_is_called(tmp_path: Path) -> None:
    directory = tmp_path / "what?" / "%20#"
    directory.mkdir(parents=True)
    with closing(sqlite3.connect(directory / "site.db")) as older:
        older.executescript(TABLES)
        older.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        older.execute("INSERT INTO alembic_version VALUES ('0004')")
        older.execute('DROP INDEX "MachinesFoldedName"')
        older.execute('ALTER TABLE "Machines" DROP COLUMN "FoldedName"')
        older.execute('DROP INDEX "JobsStatus"')
        older.commit()
    open_database(f"sqlite:///{directory}/site.db").close()
    with closing(sqlite3.connect(directory / "site.db")) as upgraded:
        assert upgraded.execute("SELECT * FROM alembic_version").fetchall() == [(NEWEST,)]
    assert [path.name for path in tmp_path.iterdir()] == ["what?"]


@pytest.mark.slow
def test_a_server_of_a_new_or_current_file_loads_no_alembic_and_no_sqlalchemy(
    tmp_path: Path,
) -> None:
    program = (
        "import sys; from despoolr_app.servers import database_url\n"
        "from despoolr_server.database.database import open_database\n"
        "for _ in range(2): open_database('sqlite:///site.db').close()\n"
        "assert not {'alembic', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)


def test_a_database_of_version_0_1_0_is_upgraded_and_keeps_its_rows(url: str) -> None:
    engine = raw(url)
    METADATA.create_all(engine, tables=[t for t in METADATA.sorted_tables if t.name not in LATER])
    with engine.begin() as connection:
        for index in LATER_INDEXES:
            connection.execute(text(f'DROP INDEX "{index}"'))
        table, column = LATER_COLUMN
        connection.execute(text(f'ALTER TABLE "{table}" DROP COLUMN "{column}"'))
        connection.execute(METADATA.tables["Counters"].insert().values(Name="Job", Value=7))
        connection.execute(
            text(
                'INSERT INTO "Machines" ("SMSID", "Name", "Domain", "SiteCode", "OperatingSystem",'
                """ "UpdatedAt") VALUES ('BPC00001', 'Käte', 'SALES', 'BPC', 2, 0.0)"""
            )
        )
    engine.dispose()
    open_database(url).close()
    upgraded = raw(url)
    with upgraded.connect() as connection:
        assert connection.execute(METADATA.tables["Counters"].select()).all() == [("Job", 7)]
        assert set(inspect(connection).get_table_names()) >= LATER
        assert LATER_INDEXES <= {
            index["name"]
            for table in ("Jobs", "JobDetails", "Machines")
            for index in inspect(connection).get_indexes(table)
        }
        assert connection.execute(select(MACHINES.c.FoldedName)).scalars().all() == ["KÄTE"]
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
    open_database(url).close()


def test_a_database_of_a_later_version_is_refused(url: str) -> None:
    open_database(url).close()
    engine = raw(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="later version of Despoolr"):
        open_database(url)
    engine.dispose()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = ''",
        "UPDATE alembic_version SET version_num = 'no version'",
        "DELETE FROM alembic_version",
    ],
)
def test_a_database_that_names_no_version_is_refused_and_left_alone(url: str, damage: str) -> None:
    open_database(url).close()
    engine = raw(url)
    with engine.begin() as connection:
        connection.execute(text(damage))
        before = connection.execute(text("SELECT * FROM alembic_version")).all()
    with pytest.raises(SchemaError):
        open_database(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM alembic_version")).all() == before
    engine.dispose()


def test_a_current_database_is_left_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(url).close()
    monkeypatch.setattr(command, "upgrade", None)
    open_database(url).close()
