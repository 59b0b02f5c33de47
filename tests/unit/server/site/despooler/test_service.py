"""Despooler: the order of its work, what waits, and that no bad file stops the others."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from despoolr_core.formats.instructions.instruction import (
    Result,
    parse_instruction,
    render_instruction,
)
from despoolr_core.formats.reports.status_mif import StatusMif
from despoolr_core.share.modes import Access, NtStatus, ShareMode
from despoolr_server.files.protocol import StoreError
from despoolr_server.site.state import boxes
from worlds.site import Bench

PACKAGE = "BPC00001"


async def running(count: int = 2, **overrides: object) -> tuple[Bench, str, str]:
    """A job whose package is in place; with its JobID and RequestID."""
    bench = Bench(**overrides)  # type: ignore[arg-type]
    await bench.machines(count)
    job = await bench.run_job(await bench.package())
    await bench.pump(2)
    return bench, job, (await bench.administrator.jobs())[0].request


def executed(bench: Bench) -> list[tuple[str, str]]:
    return [(fact["file"], fact["result"]) for fact in bench.facts("instruction.executed")]


async def test_old_work_comes_first_then_reports_then_new_instructions() -> None:
    bench = Bench()
    names = ["D.INS", "C.SNI", "B.NIL", "A.IST", "A.SNI"]
    for name in names:
        await bench.receive.write(name, b"garbage")
    await bench.cycle("DESPOOLER")
    assert [name for name, _ in executed(bench)] == ["A.IST", "B.NIL", "A.SNI", "C.SNI", "D.INS"]


@pytest.mark.parametrize("name", ["X.INS", "X.SNI", "X.IST", "X.NIL"])
@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"\x00\xff" * 500, b"The execution time is M/D/Y 1-1-1996\n"]
)
async def test_garbage_is_set_aside_with_a_reason_and_event_1(name: str, data: bytes) -> None:
    bench = Bench()
    await bench.receive.write(name, data)
    await bench.cycle("DESPOOLER")
    assert bench.names("SITE1/SMS_SITE") == []
    aside = bench.files("SITE1/SMS_SHRD", boxes.BAD_INSTRUCTIONS)
    assert aside[f"{boxes.BAD_INSTRUCTIONS}/{name}"] == data
    assert (
        aside[f"{boxes.BAD_INSTRUCTIONS}/{name}.TXT"].startswith(f"{name}: line".encode())
        or data == b""
    )
    assert bench.events() == [1]
    assert any(
        f"failed to execute the instruction {name}" in line for line in bench.log("DESPOOLER")
    )


async def test_a_truncated_report_is_set_aside_and_the_next_one_counts() -> None:
    bench, job, request = await running()
    await bench.report(
        job, request, machine="WS1", sms_id="BPC00001", mif=StatusMif("Success", "ok")
    )
    await bench.report(
        job, request, machine="WS2", sms_id="BPC00002", mif=StatusMif("Success", "ok")
    )
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    whole = await logon.read("DESPOOLR.BOX/00001001.SNI")
    await logon.write("DESPOOLR.BOX/00001001.SNI", whole[: len(whole) // 2])
    await bench.pump(2)
    assert bench.details(job)["Workstation", "WS1"] == "None"
    assert bench.details(job)["Workstation", "WS2"] == "Complete"
    assert bench.events() == [1]
    reason = (await bench.root.read(f"{boxes.BAD_INSTRUCTIONS}/00001001.SNI.TXT")).decode()
    assert "truncated" in reason


async def test_every_possible_truncation_of_an_instruction_is_refused() -> None:
    bench, job, request = await running()
    await bench.report(job, request)
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    whole = await logon.read("DESPOOLR.BOX/00001001.SNI")
    await logon.delete("DESPOOLR.BOX/00001001.SNI")
    for length in range(0, len(whole) - 1, 7):
        await bench.receive.write(f"T{length:07}.SNI", whole[:length])
    await bench.pump(2)
    assert bench.details(job)["Workstation", "WS1"] == "None"
    assert set(bench.events()) == {1}
    assert bench.names("SITE1/SMS_SITE") == []


async def test_a_report_of_a_name_no_file_can_have_is_set_aside_and_does_not_stop_the_rest() -> (
    None
):
    bench, job, request = await running()
    for name, field in (("00000000.SNI", "Domain"), ("00000001.SNI", "MIF")):
        report = await bench.report(job, request)
        instruction = report.to_instruction()
        instruction = type(instruction)(
            instruction.type,
            instruction.words,
            {**instruction.fields, field: "..\\..\\CON"},
            execute_at=None,
            retries=0,
        )
        await bench.receive.write(name, render_instruction(instruction))
    await bench.pump(2)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert bench.events() == [1, 1]


async def test_a_file_its_sender_still_holds_is_read_on_the_next_poll() -> None:
    bench, job, request = await running()
    await bench.report(job, request)
    await bench.cycle("MAINTENANCE_MANAGER")
    held = await bench.receive.open("00001001.SNI", Access.READ | Access.WRITE, ShareMode.NONE)
    await bench.cycle("DESPOOLER")
    # Q161043
    assert any(
        "failed to open" in line and "WIN32 ERROR = 32" in line for line in bench.log("DESPOOLER")
    )
    await held.close()
    bench.clock.time += 300.0
    await bench.pump(1)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"


async def test_what_is_due_later_waits_and_is_not_lost_when_the_service_restarts() -> None:
    bench, job, request = await running()
    report = await bench.report(job, request)
    logon = bench.share("LOGON1", boxes.LOGON_SHARE)
    await logon.delete("DESPOOLR.BOX/00001001.SNI")
    later = report.to_instruction(execute_at=bench.clock.now() + 1500.0)
    await bench.receive.write("LATER.SNI", render_instruction(later))
    await bench.pump(3)
    assert any("won't be processed till" in line for line in bench.log("DESPOOLER"))  # Q172899
    await bench.service("DESPOOLER").started()  # the SMS Service Manager stops and starts it
    await bench.pump(1)
    assert bench.details(job)["Workstation", "WS1"] == "None"
    await bench.pump(3)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"


async def test_sp4_executes_a_report_whatever_its_clock_said_and_a_retry_when_it_is_due() -> None:
    bench, job, request = await running(version="1.2 SP4")
    report = await bench.report(job, request)
    await bench.share("LOGON1", boxes.LOGON_SHARE).delete("DESPOOLR.BOX/00001001.SNI")
    later = report.to_instruction(execute_at=bench.clock.now() + 2 * 86400.0)
    await bench.receive.write("LATER.SNI", render_instruction(later))
    await bench.hold(f"{PACKAGE}/b.dat")
    update = await bench.update(PACKAGE)
    await bench.pump(3)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert bench.names("SITE1/SMS_SITE") == [f"{update}_R.SNI"]  # two hours ahead, and waits
    assert [line for line in bench.log("DESPOOLER") if "won't be processed till" in line] != []


@pytest.mark.parametrize(("resets", "left"), [(True, 0), (False, 1)])
async def test_a_restart_resets_the_count_of_retries_in_the_versions_that_do(
    resets: bool, left: int
) -> None:
    bench = Bench(restart_resets_retry_count=resets)
    package = await bench.package()
    await bench.job(package)
    await bench.pump(2)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package)
    await bench.pump(2)
    await bench.service("DESPOOLER").started()
    assert parse_instruction(await bench.receive.read(f"{job}_R.SNI")).retries == left  # Q140374


async def test_more_files_than_a_batch_are_all_done_in_one_cycle() -> None:
    bench = Bench()
    for n in range(120):
        await bench.receive.write(f"{n:08}.SNI", b"garbage")
    await bench.cycle("DESPOOLER")
    assert len(executed(bench)) == 120
    assert [name for name, _ in executed(bench)] == [f"{n:08}.SNI" for n in range(120)]


async def test_files_of_other_kinds_are_left_alone() -> None:
    bench = Bench()
    await bench.receive.write("README.TXT", b"hello")
    await bench.receive.write("LONE.PCK", b"hello")
    await bench.pump(2)
    assert bench.names("SITE1/SMS_SITE") == ["LONE.PCK", "README.TXT"]


async def test_a_bad_file_stays_when_there_is_no_room_to_set_it_aside_and_reports_go_on() -> None:
    bench, job, request = await running()
    await bench.receive.write("A.SNI", b"garbage" * 100)
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used + 50
    await bench.cycle("DESPOOLER")
    assert bench.names("SITE1/SMS_SITE") == ["A.SNI"], "nothing is lost"
    root.capacity = None
    await bench.report(job, request)
    bench.clock.time += 300.0
    await bench.pump(2)
    assert bench.names("SITE1/SMS_SITE") == []
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert bench.events() == [248, 1]


async def test_a_failed_result_of_a_client_is_no_failure_of_the_instruction() -> None:
    bench, job, request = await running()
    await bench.report(job, request, result=Result.FAILED, mif=StatusMif("Failed", "no disk"))
    await bench.pump(1)
    assert any("successfully executed one instruction" in line for line in bench.log("DESPOOLER"))


async def test_a_report_whose_mif_somebody_holds_waits_for_the_next_poll_and_the_rest_goes_on() -> (
    None
):
    bench, job, request = await running()
    await bench.report(
        job, request, machine="WS1", sms_id="BPC00001", mif=StatusMif("Success", "ok")
    )
    await bench.report(
        job, request, machine="WS2", sms_id="BPC00002", mif=StatusMif("Success", "ok")
    )
    await bench.cycle("MAINTENANCE_MANAGER")
    held = await bench.receive.open("00001001.PCK", Access.WRITE, ShareMode.NONE)
    await bench.pump(1)
    assert (bench.details(job)["Workstation", "WS1"], bench.details(job)["Workstation", "WS2"]) == (
        "None",
        "Complete",
    )
    assert any(
        "Cannot execute the instruction 00001001.SNI yet" in line for line in bench.log("DESPOOLER")
    )
    await held.close()
    await bench.pump(1)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert bench.events() == []


@pytest.mark.parametrize("held", ["00001001.PCK", "00001001.SNI"])
async def test_a_report_that_cannot_be_taken_away_stays_whole_and_counts_once(held: str) -> None:
    bench, job, request = await running()
    await bench.report(
        job, request, machine="WS1", sms_id="BPC00001", mif=StatusMif("Success", "ok")
    )
    await bench.report(
        job, request, machine="WS2", sms_id="BPC00002", mif=StatusMif("Success", "ok")
    )
    await bench.cycle("MAINTENANCE_MANAGER")
    # reads along, and lets nobody delete it
    reader = await bench.receive.open(held, Access.READ, ShareMode.READ)
    await bench.cycle("DESPOOLER")
    left = ["00001001.PCK", "00001001.SNI"] if held.endswith("PCK") else ["00001001.SNI"]
    assert bench.names("SITE1/SMS_SITE") == left, "its instruction goes last"
    await reader.close()
    await bench.pump(2)
    assert bench.names("SITE1/SMS_SITE") == []
    assert (bench.details(job)["Workstation", "WS1"], bench.details(job)["Workstation", "WS2"]) == (
        "Complete",
        "Complete",
    )
    loaded = [fact["report"] for fact in bench.facts("mif.loaded") if fact["kind"] == "Workstation"]
    assert len(loaded) == len(set(loaded)) == 2
    assert [fact["reason"] for fact in bench.facts("mif.refused")] != [], (
        "it was made twice, and refused once"
    )


async def test_a_report_whose_mif_has_no_room_stays_and_the_rest_of_its_batch_goes_on() -> None:
    bench, job, request = await running()
    await bench.report(job, request, machine="WS1", sms_id="BPC00001")
    await bench.report(job, request, machine="WS2", sms_id="BPC00002")
    await bench.cycle("MAINTENANCE_MANAGER")
    root = bench.stores["SITE1/SMS_SHRD"]
    root.capacity = root.used + 3000  # room for one MIF
    await bench.cycle("DESPOOLER")
    assert bench.names("SITE1/SMS_SITE") == ["00002001.SNI"]
    root.capacity = None
    await bench.pump(2)
    assert (bench.details(job)["Workstation", "WS1"], bench.details(job)["Workstation", "WS2"]) == (
        "Complete",
        "Complete",
    )


async def test_a_disk_that_keeps_nothing_for_a_while_loses_no_result_and_holds_up_no_instruction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, job, request = await running()
    await bench.report(job, request, machine="WS1", sms_id="BPC00001")
    await bench.cycle("MAINTENANCE_MANAGER")

    async def fails() -> None:
        raise StoreError(NtStatus.IO_DEVICE_ERROR, "the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(bench.stores["SITE1/SMS_SHRD"], "sync", fails)
        await bench.cycle("DESPOOLER")
    assert bench.names("SITE1/SMS_SITE") == ["00001001.SNI"]
    assert any(
        "Cannot execute the instruction 00001001.SNI yet" in line for line in bench.log("DESPOOLER")
    )
    await bench.pump(2)
    assert bench.details(job)["Workstation", "WS1"] == "Complete"
    assert bench.names("SITE1/SMS_SITE") == []


async def test_an_instruction_waits_until_one_of_its_name_is_done() -> None:
    bench = Bench()
    package = await bench.package()
    await bench.job(package)
    for service in ("SCHEDULER", "LAN_SENDER"):
        await bench.cycle(service)
    (name,) = [n for n in bench.names("SITE1/SMS_SITE") if n.endswith(".INS")]
    stem = name.removesuffix(".INS")
    first = parse_instruction(await bench.receive.read(name))
    await bench.receive.rename(name, f"{stem}.IST")
    held = await bench.receive.open(f"{stem}.IST", Access.READ | Access.WRITE, ShareMode.NONE)
    await bench.receive.write(name, render_instruction(replace(first, retries=5)))
    await bench.cycle("DESPOOLER")
    assert {f"{stem}.IST", name} <= set(bench.names("SITE1/SMS_SITE"))
    await held.close()
    bench.clock.time += 300.0
    await bench.cycle("DESPOOLER")
    assert executed(bench)[0] == (f"{stem}.IST", "Complete")
    assert name not in bench.names("SITE1/SMS_SITE")
