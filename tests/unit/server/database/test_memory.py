"""A database in memory is left by those who forget it."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Connection


async def test_work_that_fails_is_undone_to_the_last_row() -> None:
    database = MemoryDatabase()

    def work(db: Connection) -> None:
        db.change("""INSERT INTO "Counters" ("Name", "Value") VALUES ('half', 1)""")
        raise LookupError

    try:
        await database.run(work)
    except LookupError:
        pass
    assert await database.run(lambda db: db.value('SELECT count(*) FROM "Counters"')) == 0
    await database.close()


@pytest.mark.slow
def test_a_forgotten_one_is_closed() -> None:
    MemoryDatabase()
    gc.collect()  # an open one would be told of here: warnings are errors


def test_it_needs_no_sqlalchemy() -> None:
    said = "import sys, despoolr_server.database.memory; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
