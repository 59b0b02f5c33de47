"""Rows of Job Details set many at one time say what they would say had each report been set
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.formats.reports.job_mif import JobReport
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Connection
from despoolr_server.site.loader.detail_rows import ASKED_AT_ONE_TIME, DetailRows, Key
from despoolr_server.site.state.rows import queries
from worlds.site import Bench
from worlds.statements import Watched


def said(key: Key, status: str, at: float, description: str = "") -> JobReport:
    """A report about a row."""
    job, kind, site, machine = key
    return JobReport("", job, kind, site, status, at, machine=machine, description=description)


def set_row(db: Connection, key: Key, status: str, at: float) -> str | None:
    """One row, alone."""
    rows = DetailRows(db)
    was = rows.set(said(key, status, at))
    rows.write()
    return was


async def test_a_row_is_made_when_it_is_missing_and_keeps_the_newest() -> None:
    bench = Bench()
    job = await bench.job(await bench.package())
    key = (job, "Server", "BPC", "LOGON1")
    was = [
        await bench.database.run(partial(set_row, key=key, status=status, at=at))
        for status, at in (("Retrying", 10.0), ("Complete", 20.0), ("Retrying", 15.0))
    ]
    assert was == [None, "Retrying", "Complete"]
    assert bench.details(job) == {("Server", "LOGON1"): "Complete"}
    assert await bench.database.run(lambda db: queries.detail_statuses(db, job)) == {
        ("Server", "Complete")
    }


async def test_a_row_of_which_nothing_was_reported_takes_a_report_from_before_it_was_made() -> None:
    """A round of the Despooler that began earlier may take up an instruction that was made since
    (found by a soak).
    """
    bench = Bench()
    await bench.machines(1)
    job = await bench.run_job(await bench.package())
    await bench.pump(1)
    made_at = min(
        row.UpdatedAt for row in await bench.database.run(lambda db: queries.details(db, job))
    )
    key = (job, "Completion", "BPC", "")
    await bench.database.run(lambda db: set_row(db, key, "Complete", made_at - 300.0))
    assert bench.details(job)["Completion", ""] == "Complete"
    await bench.database.run(lambda db: set_row(db, key, "Retrying", made_at - 400.0))
    assert bench.details(job)["Completion", ""] == "Complete"


@contextmanager
def on_its_own() -> Iterator[Connection]:
    """A connection to a new database, outside of any loop."""
    database = MemoryDatabase()
    yield database._connection
    database._let_go()


REPORTS = st.lists(
    st.tuples(
        st.sampled_from([("BPC00001", "Workstation", "BPC", f"WS{n}") for n in range(3)]),
        st.sampled_from(["None", "Active", "Retrying", "Complete", "Failed"]),
        st.floats(0.0, 5.0).map(round),
        st.text("ab", max_size=2),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(REPORTS, st.integers(0, 3))
def test_together_they_become_what_they_would_have_become_one_by_one(
    reports: list[tuple[Key, str, float, str]], asked_for: int
) -> None:
    told, found = [], []
    for together in (True, False):
        with on_its_own() as db:
            rows = DetailRows(db, [said(*one) for one in reports[:asked_for]])
            was = []
            for one in reports:
                was.append(rows.set(said(*one)))
                if not together:
                    rows.write()
                    rows = DetailRows(db)
            rows.write()
            told.append(was)
            found.append(db.all('SELECT * FROM "JobDetails" ORDER BY "MachineName"'))
    assert told[0] == told[1]
    assert [row[1:] for row in found[0]] == [row[1:] for row in found[1]]


def test_many_rows_are_asked_for_and_set_in_few_statements_through_an_index() -> None:
    keys = [("BPC00001", "Workstation", "BPC", f"WS{n}") for n in range(2 * ASKED_AT_ONE_TIME)]
    with on_its_own() as connection:
        db = Watched(connection)
        queries.add_details(
            db, "BPC00001", "BPC", [{"Kind": k, "MachineName": m} for _, k, _, m in keys], 1.0
        )
        db.texts.clear()
        reports = [said(key, "Complete", 2.0) for key in keys]
        rows = DetailRows(db, reports)
        assert {rows.set(report) for report in reports} == {"None"}
        rows.write()
        assert [text.split()[0] for text in db.texts] == ["SELECT", "SELECT", "UPDATE"]
        plan = db.all(
            'EXPLAIN QUERY PLAN SELECT "Status" FROM "JobDetails" '
            """WHERE "JobID" = 'BPC00001' AND "Kind" = 'Workstation' """
            """AND "SiteCode" = 'BPC' AND "MachineName" IN ('WS1', 'WS2')"""
        )
        assert any("SEARCH JobDetails USING INDEX" in row[-1] for row in plan), plan
        assert queries.detail_statuses(db, "BPC00001") == {("Workstation", "Complete")}
