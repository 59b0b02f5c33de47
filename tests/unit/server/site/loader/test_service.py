"""Data Loader: rows once, bad files aside, and one bad file disturbs no other."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_core.formats.reports.job_mif import (
    JobReport,
    Machine,
    add_identification,
    render_job_mif,
)
from despoolr_core.formats.reports.noidmif import render_noidmif
from despoolr_core.formats.reports.site_mif import read_delta_mif
from despoolr_core.share.modes import Access, ShareMode
from despoolr_server.database.database import ThreadedDatabase
from despoolr_server.database.protocol import Connection, insert_into
from despoolr_server.site.loader import service as loader
from despoolr_server.site.services.box_service import PARSED_HERE
from despoolr_server.site.state import boxes
from despoolr_server.site.state.rows import queries
from worlds.share import EPOCH
from worlds.site import Bench


async def with_job(machines: int = 2) -> tuple[Bench, str]:
    bench = Bench()
    await bench.machines(machines)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    return bench, job


def report(
    job: str, number: int = 1, status: str = "Complete", at: float = EPOCH + 9000.0, **more: Any
) -> JobReport:
    facts: dict[str, Any] = {
        "site": "BPC",
        "domain": "SALES",
        "machine": "WS1",
        "sms_id": "BPC00001",
        **more,
    }
    return JobReport(
        report=f"R{number}", job_id=job, kind="Workstation", status=status, time=at, **facts
    )


async def put(bench: Bench, name: str, data: bytes) -> None:
    await bench.root.write(f"{boxes.DELTA_MIFS}/{name}", data)


GARBAGE = [
    b"",
    b"garbage",
    b"\x00\xff\x1a" * 300,
    b'START COMPONENT\r\nNAME = "X"\r\n',
    b"JOBDETAILS",
    render_job_mif(report("BPC00001"))[:200],
    render_job_mif(report("BPC00001")).replace(b"JOBDETAILS|1.0", b"JOBDETAILS|9.9"),
    render_job_mif(report("BPC00001", event=376)),
    render_job_mif(report("BPC00001", event=99999)),
    render_job_mif(report("BPC00001", status="Weird")),
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_goes_to_badmifs_with_a_reason_and_event_245_and_the_rest_is_loaded(
    data: bytes,
) -> None:
    bench, job = await with_job()
    await put(bench, "X000000A.MIF", data)
    await put(bench, "X000000B.MIF", render_job_mif(report(job)))
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_MIFS)
    assert kept[f"{boxes.BAD_MIFS}/X000000A.MIF"] == data
    assert kept[f"{boxes.BAD_MIFS}/X000000A.MIF.TXT"].startswith(b"X000000A.MIF: ")
    assert bench.events() == [245]
    assert any(line.startswith("~Bad MIF X000000A.MIF: ") for line in bench.log("DATA_LOADER"))
    assert [n for n in bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS) if "BADMIFS" not in n] == []


async def test_an_oversized_mif_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MIF_SIZE_MAX", 1000)
    bench, job = await with_job()
    await put(bench, "X000000A.MIF", render_job_mif(report(job)) + b" " * 5000)
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "None"
    assert any("more than the 1,000 of Max MIF Size" in line for line in bench.log("DATA_LOADER"))


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_a_server_has_the_version_that_its_report_is_about(version: int) -> None:
    """Not the newest one when the report is read."""
    bench, job = await with_job()
    server = {"kind": "Server", "machine": "LOGON1"}
    late = msgspec.structs.replace(report(job), version=version, **server)
    await bench.update("BPC00001")
    await bench.pump(1)
    await put(bench, "X000000A.MIF", render_job_mif(late))
    await bench.cycle("DATA_LOADER")
    (row,) = await bench.database.run(lambda db: queries.package_statuses(db, "BPC00001"))
    assert (row.Server, row.Status, row.Version) == ("LOGON1", "Complete", version)


async def test_the_despooler_reports_which_version_a_server_has() -> None:
    bench, _ = await with_job()
    await bench.update("BPC00001")
    await bench.pump(2)
    (row,) = await bench.database.run(lambda db: queries.package_statuses(db, "BPC00001"))
    package = await bench.database.run(lambda db: queries.package(db, "BPC00001"))
    assert package is not None and row.Version == package.StoredVersion == 2


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
async def test_no_damage_to_a_report_stops_the_loader(data: st.DataObject) -> None:
    bench, job = await with_job()
    good = bytearray(render_job_mif(report(job)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    await put(bench, "X000000A.MIF", bytes(good))
    await put(bench, "X000000B.MIF", render_job_mif(report(job, 2, machine="WS2")))
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS2"] == "Complete"
    assert [n for n in bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS) if "BADMIFS" not in n] == []


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.0"])
@pytest.mark.parametrize("description", ['file "a" is in use', '"', "C:\\TEMP\\", "plain"])
async def test_before_1_2_a_job_status_mif_with_an_escaped_quote_is_not_loaded(
    version: str, description: str
) -> None:
    bench = Bench(version)
    await bench.machines(2)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    bad = report(job, status="Retrying", event=374, description=description)
    await put(bench, "X000000A.EMF", render_job_mif(bad))
    await put(bench, "X000000B.MIF", render_job_mif(report(job, 2, machine="WS2")))
    await bench.cycle("DATA_LOADER")
    is_lost = '"' in description and version in ("1.0", "1.1")
    details = bench.details(job)
    assert details["Workstation", "WS1"] == ("None" if is_lost else "Retrying")
    assert details["Workstation", "WS2"] == "Complete"
    assert bench.events() == [245 if is_lost else 374]
    kept = bench.names("SITE1/SMS_SHRD", boxes.BAD_MIFS)
    assert (f"{boxes.BAD_MIFS}/X000000A.EMF" in kept) is is_lost


async def test_the_same_file_twice_counts_once() -> None:
    bench, job = await with_job()
    data = render_job_mif(report(job, status="Retrying", event=374, description="no"))
    for name in ("X000000A.EMF", "X000000B.EMF"):
        await put(bench, name, data)
    await bench.cycle("DATA_LOADER")
    await put(bench, "X000000A.EMF", data)
    await bench.cycle("DATA_LOADER")
    assert bench.events() == [374]
    assert len([f for f in bench.facts("detail.status") if f["machine"] == "WS1"]) == 1
    assert (
        len(
            [
                f
                for f in bench.facts("mif.refused")
                if f["reason"] == "report R1 has been counted already"
            ]
        )
        == 2
    )


async def test_a_report_that_was_overtaken_changes_nothing() -> None:
    bench, job = await with_job()
    await put(bench, "X000000A.MIF", render_job_mif(report(job, 1, "Complete", EPOCH + 9000)))
    await put(bench, "X000000B.MIF", render_job_mif(report(job, 2, "Retrying", EPOCH + 8000)))
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    told = [fact for fact in bench.facts("detail.status") if fact["machine"] == "WS1"]
    assert [fact["status"] for fact in told] == ["Complete"]


async def test_a_server_says_of_a_package_what_was_reported_last() -> None:
    bench, job = await with_job()
    for name, number, status, at in (("A", 1, "Complete", 9000), ("B", 2, "Retrying", 8000)):
        said = msgspec.structs.replace(
            report(job, number, status, EPOCH + at), kind="Server", machine="LOGON1"
        )
        await put(bench, f"X000000{name}.MIF", render_job_mif(said))
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Server", "LOGON1"] == "Complete"
    rows = await bench.database.run(lambda db: db.all('SELECT * FROM "PackageStatus"'))
    assert {(row.Server, row.Status) for row in rows if row.Server} == {("LOGON1", "Complete")}


async def test_a_file_its_writer_still_holds_is_loaded_on_the_next_cycle() -> None:
    bench, job = await with_job()
    await put(bench, "X000000A.MIF", render_job_mif(report(job)))
    held = await bench.root.open(f"{boxes.DELTA_MIFS}/X000000A.MIF", Access.WRITE, ShareMode.NONE)
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "None"
    await held.close()
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "Complete"


async def test_a_full_disk_leaves_the_bad_file_and_loads_the_good_ones() -> None:
    bench, job = await with_job()
    await put(bench, "X000000A.MIF", b"garbage" * 50)
    await put(bench, "X000000B.MIF", render_job_mif(report(job)))
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used
    await bench.cycle("DATA_LOADER")
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert [n for n in bench.names("SITE1/SMS_SHRD", boxes.DELTA_MIFS) if "BADMIFS" not in n] == [
        f"{boxes.DELTA_MIFS}/X000000A.MIF"
    ]
    root.capacity = None
    await bench.cycle("DATA_LOADER")
    assert bench.events() == [245]


async def test_more_files_than_a_batch_are_loaded_in_one_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loader, "BATCH_MAX", 5)
    bench, job = await with_job()
    for n in range(23):
        await put(
            bench,
            f"X{n:07}.MIF",
            render_job_mif(report(job, n, at=EPOCH + 9000 + n, description=str(n))),
        )
    await bench.cycle("DATA_LOADER")
    _, details = await bench.administrator.job(job)
    assert next(d.description for d in details if d.machine == "WS1") == "22"


async def test_an_inventory_makes_the_machine_known_and_replaces_its_groups() -> None:
    bench = Bench()
    machine = Machine("BPC", "SALES", "PC9", "BPC00009")
    first = add_identification(
        render_noidmif("Package Status", {"PATCH": "Complete", "TOOLS": "Failed"}), machine
    )
    second = add_identification(render_noidmif("Package Status", {"PATCH": "Failed"}), machine)
    await put(bench, "I0000000.MIF", first)
    await bench.cycle("DATA_LOADER")
    assert bench.rows("Machines", "SMSID", "Name", "Domain", "SiteCode") == [
        ("BPC00009", "PC9", "SALES", "BPC")
    ]
    assert (await bench.administrator.machine("PC9"))["attributes"] == {
        "Package Status": {"PATCH": "Complete", "TOOLS": "Failed"}
    }
    await put(bench, "I0000001.MIF", second)
    await bench.cycle("DATA_LOADER")
    assert bench.rows("MachineAttributes", "Attribute", "Value") == [("PATCH", "Failed")]
    assert len(bench.rows("Machines", "SMSID")) == 1


def fill(db: Connection, count: int) -> None:
    """Job Details of other jobs, and the reports that made them."""
    blank = {
        "Kind": "Workstation",
        "SiteCode": "BPC",
        "Domain": "SALES",
        "MachineID": 0,
        "Status": "Complete",
        "UpdatedAt": EPOCH,
        "Description": "",
    }
    rows = [
        {**blank, "JobID": f"BPC1{n // 1000:04}", "MachineName": f"PC{n % 1000:05}"}
        for n in range(count)
    ]
    db.change_each(queries.ADD_DETAIL, rows)
    loaded = [{"Report": f"OLD{n}", "At": EPOCH} for n in range(count)]
    db.change_each(insert_into("LoadedReports", "Report", "At"), loaded)


async def steps_of_a_load(rows: int) -> int:
    """Instructions that SQLite's machine takes to load the statuses of nine machines into a table
    of so many rows: no clock.
    """
    bench, job = await with_job(9)
    await bench.database.run(lambda db: fill(db, rows))
    for number in range(9):
        mif = report(job, number, machine=f"WS{number + 1}", sms_id=f"BPC{number + 1:05}")
        await put(bench, f"X00000{number}0.MIF", render_job_mif(mif))
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    bench.database._sqlite.set_progress_handler(step, 1)
    await bench.cycle("DATA_LOADER")
    bench.database._sqlite.set_progress_handler(None, 1)
    assert bench.details(job)["Workstation", "WS9"] == "Complete"
    return count


@pytest.mark.slow
async def test_loading_a_status_costs_the_same_in_a_table_of_230_000_rows() -> None:
    """Q162558: 1.2's loader was 50 times slower there. (`make bench` asks the clock.)"""
    few, many = await steps_of_a_load(100), await steps_of_a_load(230_000)
    assert few > 100
    assert many <= 1.2 * few


async def test_a_large_mif_is_parsed_by_the_databases_thread_and_refused_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ThreadedDatabase(f"sqlite:///{tmp_path}/site.db")
    monkeypatch.setattr("worlds.site.MemoryDatabase", lambda: database)
    bench, parsed = Bench(), list[bool]()
    await bench.start()

    def noting(data: bytes) -> object:
        parsed.append(threading.current_thread() is threading.main_thread())
        return read_delta_mif(data)

    monkeypatch.setattr(loader, "read_delta_mif", noting)
    values = {f"Attribute {number}": "x" * 200 for number in range(PARSED_HERE // 200)}
    raw = add_identification(
        render_noidmif("Software", values), Machine("BPC", "SALES", "PC9", "BPC00009")
    )
    await put(bench, "I0000000.MIF", raw)
    await put(bench, "I0000001.MIF", b"garbage" * PARSED_HERE)
    await put(bench, "I0000002.MIF", b"garbage")
    await bench.cycle("DATA_LOADER")
    assert parsed == [False, False, True]
    assert (await bench.administrator.machine("PC9"))["attributes"] == {"Software": values}
    kept = bench.files("SITE1/SMS_SHRD", boxes.BAD_MIFS)
    assert sorted(name.rpartition("/")[2] for name in kept if name.endswith(".MIF")) == [
        "I0000001.MIF",
        "I0000002.MIF",
    ]
    await database.close()
