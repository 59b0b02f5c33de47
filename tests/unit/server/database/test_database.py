"""What is particular to each database: durability of the file, and the group commit of the
thread.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from despoolr_server.database import database as module
from despoolr_server.database.database import InlineDatabase, ThreadedDatabase
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Connection, DatabaseLost, insert_into


async def pragma(database: InlineDatabase | ThreadedDatabase, name: str) -> object:
    return await database.run(lambda db: db.value(f"PRAGMA {name}"))


async def test_the_file_is_in_wal_mode_and_synchronous(tmp_path: Path) -> None:
    database = InlineDatabase(f"sqlite:///{tmp_path}/site.db")
    assert await pragma(database, "journal_mode") == "wal"
    assert await pragma(database, "synchronous") == 2
    await database.close()


async def test_inline_work_is_done_where_it_stands() -> None:
    database = MemoryDatabase()
    assert await database.run(lambda db: threading.current_thread()) is threading.current_thread()
    await database.close()


async def test_threaded_work_is_done_by_one_other_thread(tmp_path: Path) -> None:
    database = ThreadedDatabase(f"sqlite:///{tmp_path}/site.db")
    threads = {await database.run(lambda db: threading.current_thread()) for _ in range(5)}
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    await database.close()


async def test_what_queued_up_is_committed_together(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr(module, "BATCH_MAX", 40)  # type: ignore[attr-defined]
    database = ThreadedDatabase(f"sqlite:///{tmp_path}/site.db")
    batches: list[int] = []
    commit = database._commit

    def counted(batch: list[object]) -> object:
        batches.append(len(batch))
        return commit(batch)  # type: ignore[arg-type]

    database._commit = counted  # type: ignore[method-assign, assignment]

    def work(n: int) -> object:
        def put(db: Connection) -> None:
            db.change(insert_into("Counters", "Name", "Value"), {"Name": f"n{n}", "Value": n})

        return put

    await asyncio.gather(*(database.run(work(n)) for n in range(100)))  # type: ignore[arg-type]
    assert sum(batches) == 100
    assert max(batches) == 40, "a batch is bounded"
    assert len(batches) <= 4
    await database.close()


async def test_a_thread_that_cannot_be_started_is_told_to_all_who_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ThreadedDatabase(f"sqlite:///{tmp_path}/site.db")
    told: list[DatabaseLost] = []
    database.on_lost = told.append

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    async with asyncio.timeout(60):
        for _ in range(2):
            with pytest.raises(DatabaseLost, match="no thread: can't start new thread"):
                await database.run(lambda db: db.value("SELECT 1"))
    assert len(told) == 1
    await database.close()
