"""Both databases keep one contract: `run` returns after the commit, a piece of work is whole or not
at all, in order.

On SQLite, and on a PostgreSQL server that the tests start: what holds for one holds for the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from despoolr_server.database.database import BATCH_MAX, InlineDatabase, ThreadedDatabase
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Connection, Database, DatabaseLost, insert_into
from despoolr_server.database.schema import METADATA
from despoolr_server.site.state.rows import queries
from worlds.postgres import Postgres
from worlds.support import free_port

ADD = insert_into("Counters", "Name", "Value")


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is."""
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path}/site.db"
    return str(request.getfixturevalue("postgres").create())


@pytest.fixture(params=["inline", "inline in memory", "threaded"])
async def opened(request: pytest.FixtureRequest, url: str) -> AsyncIterator[tuple[Database, str]]:
    """A database, and where a second one finds the same rows."""
    database: Database
    if "memory" in request.param:
        database, url = MemoryDatabase(), ""
    else:
        database = (ThreadedDatabase if request.param == "threaded" else InlineDatabase)(url)
    yield database, url
    await database.close()


def put(name: str, value: int = 1) -> Callable[[Connection], int]:
    def work(db: Connection) -> int:
        db.change(ADD, {"Name": name, "Value": value})
        return value

    return work


def count(db: Connection) -> int:
    return int(db.value('SELECT count(*) FROM "Counters"'))


async def test_the_result_of_the_work_comes_back(opened: tuple[Database, str]) -> None:
    database, _ = opened
    assert await database.run(put("a", 7)) == 7
    assert await database.run(count) == 1


async def test_what_run_returned_of_is_committed(opened: tuple[Database, str]) -> None:
    database, url = opened
    await database.run(put("a"))
    if not url:
        return
    other = InlineDatabase(url)
    assert await other.run(count) == 1
    await other.close()


async def test_work_that_fails_leaves_nothing_and_raises_what_it_raised(
    opened: tuple[Database, str],
) -> None:
    database, _ = opened

    def work(db: Connection) -> None:
        db.change(ADD, {"Name": "half", "Value": 1})
        raise LookupError("in the middle")

    with pytest.raises(LookupError, match="in the middle"):
        await database.run(work)
    assert await database.run(count) == 0


async def test_a_bad_piece_of_work_does_not_undo_its_neighbours(
    opened: tuple[Database, str],
) -> None:
    database, _ = opened

    def bad(db: Connection) -> None:
        raise LookupError("bad")

    work = [put(f"n{n}") if n != 5 else bad for n in range(10)]
    results = await asyncio.gather(*(database.run(piece) for piece in work), return_exceptions=True)
    assert [isinstance(result, LookupError) for result in results] == [n == 5 for n in range(10)]
    assert await database.run(count) == 9


async def test_work_is_done_in_the_order_it_was_asked_for(opened: tuple[Database, str]) -> None:
    database, _ = opened
    seen: list[int] = []

    def see(n: int, db: Connection) -> None:
        seen.append(n)

    await asyncio.gather(*(database.run(partial(see, n)) for n in range(2 * BATCH_MAX + 3)))
    assert seen == list(range(2 * BATCH_MAX + 3))


async def test_somebody_who_stops_waiting_does_not_hold_up_the_others(
    opened: tuple[Database, str],
) -> None:
    database, _ = opened
    first = asyncio.create_task(database.run(put("first")))
    second = asyncio.create_task(database.run(put("second")))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await second == 1
    assert await database.run(count) in (1, 2)


async def test_the_schema_is_made_and_an_existing_one_left_alone(url: str) -> None:
    for n in range(3):
        database = InlineDatabase(url)
        await database.run(put(f"n{n}"))
        await database.close()
    last = ThreadedDatabase(url)
    assert await last.run(count) == 3
    await last.close()


async def test_closing_finishes_what_is_queued(url: str) -> None:
    database = ThreadedDatabase(url)
    tasks = [asyncio.create_task(database.run(put(f"n{n}"))) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    assert [task.done() for task in tasks] == [True] * 50
    other = InlineDatabase(url)
    assert await other.run(count) == 50
    await other.close()


async def test_a_closed_database_says_so_at_once(opened: tuple[Database, str]) -> None:
    database, _ = opened
    await database.run(put("a"))
    await database.close()
    async with asyncio.timeout(60):
        with pytest.raises(DatabaseLost, match="the site database is closed"):
            await database.run(count)


async def test_who_asks_while_it_is_closing_is_answered_before_it_is_closed(url: str) -> None:
    database = ThreadedDatabase(url)
    first = asyncio.create_task(database.run(put("a")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    assert await database.run(count) == 1 == await first
    await closing


async def test_words_longer_than_the_fields_column_and_numbers_beyond_32_bits_are_kept(
    opened: tuple[Database, str],
) -> None:
    database, _ = opened
    words, size = "long" * 1000, 2**40

    def work(db: Connection) -> None:
        queries.add_package(db, "BPC00001", Name=words, SourcePath=words, SourceSize=size)

    await database.run(work)
    (row,) = await database.run(queries.packages)
    assert (row.Name, row.SourcePath, row.SourceSize) == (words, words, size)


async def test_a_change_for_each_of_no_rows_is_none(opened: tuple[Database, str]) -> None:
    database, _ = opened
    await database.run(lambda db: db.change_each(ADD, []))
    assert await database.run(count) == 0


async def test_a_nul_in_a_text_stops_nothing(opened: tuple[Database, str]) -> None:
    database, _ = opened
    await database.run(put("a\0b"))
    name = await database.run(lambda db: db.value('SELECT "Name" FROM "Counters"'))
    assert name in ("a\0b", "a\N{SYMBOL FOR NULL}b")


async def test_a_row_that_is_there_already_is_refused_and_the_next_piece_of_work_goes_on(
    opened: tuple[Database, str],
) -> None:
    database, _ = opened
    await database.run(put("a"))
    results = await asyncio.gather(
        *(database.run(put(name)) for name in ("b", "a", "c")),
        return_exceptions=True,
    )
    assert [type(result).__name__ == "IntegrityError" for result in results] == [False, True, False]
    assert await database.run(count) == 3


async def test_a_lost_connection_is_told_to_all_who_wait_and_nothing_is_tried_again(
    postgres: Postgres,
) -> None:
    url = postgres.create()
    database = ThreadedDatabase(url)
    told: list[DatabaseLost] = []
    database.on_lost = told.append
    await database.run(put("a"))
    postgres.cut_off(url)
    asked = [asyncio.create_task(database.run(put(name))) for name in ("b", "c")]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseLost, DatabaseLost] and told
    with pytest.raises(DatabaseLost, match="terminating connection"):
        await database.run(count)
    await database.close()
    again = InlineDatabase(url)
    assert await again.run(count) == 1
    await again.close()


async def test_a_file_that_is_moved_away_is_written_where_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database = ThreadedDatabase(f"sqlite:///{tmp_path}/data/site.db")
    await database.run(put("a"))
    (tmp_path / "data").rename(tmp_path / "moved")
    await database.run(put("b"))
    await database.close()
    again = InlineDatabase(f"sqlite:///{tmp_path}/moved/site.db")
    assert await again.run(count) == 2
    await again.close()


async def test_a_server_that_is_gone_leaves_nobody_waiting(postgres: Postgres) -> None:
    database = ThreadedDatabase(postgres.create())
    opened: Any = database._opened
    opened.close()
    opened._engine = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(DatabaseLost, match="onnection"):
        await database.run(count)
    await database.close()


async def test_what_fails_says_what_failures_it_has(opened: tuple[Database, str]) -> None:
    database, _ = opened
    with pytest.raises(database.failures, match="none_such"):
        await database.run(lambda db: db.value("SELECT none_such"))
    assert await database.run(count) == 0


def test_the_tables_have_the_names_of_the_field() -> None:
    assert {"Jobs", "JobDetails", "SMSPackages", "Machines"} <= set(METADATA.tables)
