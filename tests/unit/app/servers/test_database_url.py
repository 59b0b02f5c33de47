"""The site database in a file: made whole, and never mistaken for another or for a new one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from despoolr_app.process.runtime import StartError
from despoolr_app.servers.database_url import SiteDatabase, open_site_database
from despoolr_server.database import sqlite
from despoolr_server.database.protocol import Connection, insert_into


async def opened(path: Path, code: str = "BPC") -> SiteDatabase:
    return await open_site_database("", path, "", code, lambda line: None)


async def served(path: Path, code: str = "BPC") -> None:
    """A database in which something happened."""
    database = await opened(path, code)
    row = {
        "At": 1.0,
        "Code": 1,
        "Severity": "",
        "Component": "",
        "MachineName": "",
        "SiteCode": code,
        "JobID": "",
        "Text": "x",
    }
    await database.database.run(lambda db: db.change(insert_into("Events", *row), row))
    await database.close()


async def test_a_new_database_is_made_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "BPC.db"
    await served(path)
    assert [file.name for file in tmp_path.iterdir()] == ["BPC.db"]
    database = await opened(path)
    assert await database.database.run(lambda db: db.value('SELECT count(*) FROM "Events"')) == 1
    await database.close()


async def test_a_link_to_what_is_not_there_is_no_empty_site(tmp_path: Path) -> None:
    path = tmp_path / "BPC.db"
    path.symlink_to(tmp_path / "a disk that is not there" / "BPC.db")
    with pytest.raises(StartError, match="it is a link that leads nowhere"):
        await opened(path)
    assert [file.name for file in tmp_path.iterdir()] == ["BPC.db"] and path.is_symlink()


def sql(text: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(text)

    return run


def made_of(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.unlink()
        sql(text)(path)

    return make


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "without tables": (made_of("CREATE TABLE x (y); DROP TABLE x"), "it is empty"),
    "text": (lambda path: path.write_text("no database " * 500), "file is not a database"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "database"),
    "another program's": (
        made_of("CREATE TABLE users (name)"),
        "it is no site database: it has users",
    ),
    "another program's with the same tool": (
        made_of("CREATE TABLE alembic_version (version_num)"),
        "it is no site database",
    ),
    "another program's with a table like ours": (
        made_of("CREATE TABLE Jobs (id)"),
        "it is no site database",
    ),
    "another site's": (
        sql("UPDATE Counters SET Value = 4276803 WHERE Name = 'Site'"),
        "it is that of site ABC",
    ),
    "one damaged page": (
        lambda path: path.write_bytes(
            path.read_bytes()[:4096] + bytes([9] * 9) + path.read_bytes()[4105:]
        ),
        "age 2",
    ),
    "half": (
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        "cannot be used",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_not_this_sites_database_is_not_used_and_not_changed(
    tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "BPC.db"
    await served(path)
    do, said = DAMAGES[damage]
    do(path)
    before = path.read_bytes()
    with pytest.raises(StartError) as caught:
        await opened(path)
    assert said in str(caught.value) and str(caught.value).endswith(
        "restore it, or move it away"
    ), str(caught.value)
    assert path.read_bytes() == before
    path.rename(tmp_path / "aside")
    for left in ("-wal", "-shm"):
        path.with_name(path.name + left).unlink(missing_ok=True)
    await served(path)  # as the message says


async def test_who_uses_the_file_is_to_be_ended_and_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PRAGMAS", (*sqlite.PRAGMAS, "PRAGMA busy_timeout=1"))
    path = tmp_path / "BPC.db"
    await served(path)
    with closing(sqlite3.connect(path)) as another:
        another.execute("BEGIN IMMEDIATE")
        with pytest.raises(StartError, match=r"is locked.*; end the program that uses it$"):
            await opened(path)
    await served(path)


async def test_a_database_of_a_version_that_did_not_say_whose_it_is_says_so_from_now_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "BPC.db"
    await served(path)
    sql("DELETE FROM Counters WHERE Name = 'Site'")(path)
    await served(path)
    with pytest.raises(StartError, match="it is that of site BPC"):
        await opened(path, "ABC")


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        (
            "UPDATE alembic_version SET version_num = '9999'",
            "use that version, or restore a backup",
        ),
        ("DELETE FROM alembic_version", "restore a backup"),
    ],
)
async def test_what_to_do_is_said_once(tmp_path: Path, damage: str, advice: str) -> None:
    path = tmp_path / "BPC.db"
    await served(path)
    sql(damage)(path)
    with pytest.raises(StartError) as caught:
        await opened(path)
    told = str(caught.value)
    assert told.endswith(f"); {advice}") and told.count("restore") == told.count("; ") == 1, told


GONE = (
    r"BPC\.db-wal is gone, [a-z ]+\); restore both, or remove BPC\.db-in-use if it is right "
    "without them$"
)


async def test_a_database_whose_log_was_taken_away_after_a_kill_is_not_used(tmp_path: Path) -> None:
    path, log, mark = (tmp_path / f"BPC.db{suffix}" for suffix in ("", "-wal", "-in-use"))
    database = await opened(path)

    def count(db: Connection) -> None:
        db.change(insert_into("Counters", "Name", "Value"), {"Name": "N", "Value": 1})

    await database.database.run(count)
    for file in (path, log, mark):
        shutil.copy(file, tmp_path / f"killed-{file.name}")
    await database.close()
    assert not log.exists() and not mark.exists(), "it was closed in order"
    await served(path)
    for file in (path, mark):
        shutil.copy(tmp_path / f"killed-{file.name}", file)
    with pytest.raises(StartError, match=GONE):
        await opened(path)
    shutil.copy(tmp_path / "killed-BPC.db-wal", log)
    await served(path)
    path.unlink()
    mark.touch()
    await served(path)  # moved away: a new one


async def test_a_log_without_its_database_and_a_damaged_log_are_told_of(tmp_path: Path) -> None:
    path, log = tmp_path / "BPC.db", tmp_path / "BPC.db-wal"
    database = await opened(path)

    def count(name: str, value: int, db: Connection) -> None:
        db.change(insert_into("Counters", "Name", "Value"), {"Name": name, "Value": value})

    for number in range(6):
        await database.database.run(partial(count, f"N{number}", number))
    for file in (path, log):
        shutil.copy(file, tmp_path / f"killed-{file.name}")
    await database.close()
    path.unlink()
    shutil.copy(tmp_path / "killed-BPC.db-wal", log)
    with pytest.raises(
        StartError, match=r"it is gone, but BPC\.db-wal beside it holds changes to it"
    ):
        await opened(path)
    shutil.copy(tmp_path / "killed-BPC.db", path)
    data = bytearray(log.read_bytes())
    data[32 + 24 + 50] ^= 1
    log.write_bytes(data)
    with pytest.raises(StartError, match=r"BPC\.db-wal is damaged at byte 32"):
        await opened(path)
    shutil.copy(tmp_path / "killed-BPC.db-wal", log)
    database = await opened(path)
    assert await database.database.run(lambda db: db.value('SELECT count(*) FROM "Counters"')) == 7
    await database.close()
