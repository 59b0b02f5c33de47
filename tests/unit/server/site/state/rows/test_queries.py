"""The few queries the services share."""

from __future__ import annotations

import gc
from functools import partial

import pytest

from despoolr_server.database.protocol import Connection
from despoolr_server.site.jobs.model import JobStatus
from despoolr_server.site.state.rows import queries
from worlds.site import Bench
from worlds.statements import Watched


async def test_numbers_count_from_one_each_on_its_own() -> None:
    bench = Bench()
    got = [
        await bench.database.run(partial(queries.next_number, name=name))
        for name in ("job", "job", "package")
    ]
    assert got == [1, 2, 1]


async def test_machines_are_found_whatever_the_case_and_in_the_order_of_their_ids() -> None:
    bench = Bench()
    await bench.machines(3)
    found = await bench.database.run(lambda db: queries.machines(db, ["ws3", "WS1", "GHOST"]))
    assert [machine.name for machine in found] == ["WS1", "WS3"]
    assert len(await bench.database.run(queries.machines)) == 3


async def test_one_machine_among_many_is_found_by_the_index_of_names() -> None:
    bench = Bench()
    await bench.machines(3)

    def ask(connection: Connection) -> list[str]:
        db = Watched(connection)
        queries.machines(db, ["ws2"])
        (statement,) = db.texts
        plan = db.all(f"EXPLAIN QUERY PLAN {statement}", {"some_0": "WS2"})
        return [str(row.detail) for row in plan]

    plan = await bench.database.run(ask)
    assert any("USING INDEX MachinesFoldedName (FoldedName=?)" in line for line in plan), plan


async def test_rows_of_a_job_come_in_the_order_a_person_reads_them() -> None:
    bench = Bench()
    await bench.machines(2)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    rows = await bench.database.run(lambda db: queries.details(db, job))
    assert [(r.Kind, r.MachineName) for r in rows] == [
        ("Site Arrival", ""),
        ("Completion", ""),
        ("Server", "LOGON1"),
        ("Workstation", "WS1"),
        ("Workstation", "WS2"),
    ]


async def test_jobs_are_found_by_status_and_keep_their_phases() -> None:
    bench = Bench()
    job = await bench.job(await bench.package(), priority=1)
    (row,) = await bench.database.run(lambda db: queries.jobs(db, [JobStatus.PENDING]))
    assert (row.JobID, queries.spec_of(row).priority) == (job, 1)
    assert await bench.database.run(lambda db: queries.jobs(db, [JobStatus.ACTIVE])) == []


async def test_what_a_server_says_of_a_package_is_one_row() -> None:
    bench = Bench()
    for status in ("Retrying", "Complete"):
        await bench.database.run(
            partial(
                queries.set_package_status,
                package_id="BPC00001",
                site="BPC",
                server="LOGON1",
                status=status,
                version=1,
                at=10.0,
            )
        )
    assert bench.rows("PackageStatus", "Server", "Status", "Version") == [("LOGON1", "Complete", 1)]


@pytest.mark.slow
async def test_what_is_asked_each_cycle_leaves_nothing_for_the_garbage_collector() -> None:
    bench = Bench()
    await bench.machines(3)
    await bench.job(await bench.package())

    def ask(db: Connection) -> None:
        queries.jobs(db, [JobStatus.PENDING, JobStatus.ACTIVE])
        queries.jobs(db)
        queries.loaded_reports(db, ["one", "two"])
        queries.machines(db, ["WS1"])

    def left(db: Connection) -> int:
        gc.collect()
        for _ in range(100):
            ask(db)
        return gc.collect()

    gc.disable()
    try:
        await bench.database.run(left)  # what is kept of a statement is made when it first runs
        assert await bench.database.run(left) < 100
    finally:
        gc.enable()
