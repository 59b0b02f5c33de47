"""What Job Details must say: what happened last, and nothing else."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from despoolr_core.profile import Profile, profile_of
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    DetailStatusChanged,
    InstructionExecuted,
    JobStatusChanged,
    MifLoaded,
    MifRefused,
)
from despoolr_core.records.stream import Record
from despoolr_lab.explore.rules import row_rules
from despoolr_lab.explore.rules.row_rules import Row, RowRules

JOB = "BPC00002"
DESPOOLER, LOADER = "BPC/SMS_DESPOOLER", "BPC/SMS_INVENTORY_DATA_LOADER"
SERVER: Row = ("BPC", JOB, "Server", "BPC", "LOGON1")
COMPLETION: Row = ("BPC", JOB, "Completion", "BPC", "")
WORKSTATION: Row = ("BPC", JOB, "Workstation", "BPC", "WS1")
RIGHT = profile_of("2.0")


def told(
    *facts: tuple[str, Fact],
    rows: dict[Row, str] | None = None,
    profile: Profile = RIGHT,
    end: float = 100_000.0,
    calm: float = 0.0,
) -> list[str]:
    rules = RowRules({"BPC": profile, "KID": profile})
    records = [Record(seq, float(seq), actor, fact) for seq, (actor, fact) in enumerate(facts, 1)]
    found = [breach for record in records for breach in rules.apply(record)]
    return [breach.kind for breach in (*found, *rules.at_end(rows or {}, end, calm))]


def copy(result: str) -> tuple[str, Fact]:
    fact = CopyEnded(
        job=JOB, package="BPC00001", server="LOGON1", attempt=1, result=result, file="", win32=0
    )
    return DESPOOLER, fact


def executed(result: str) -> tuple[str, Fact]:
    return DESPOOLER, InstructionExecuted(file="1.IST", type="SHARE", job=JOB, result=result)


def test_the_row_of_a_server_says_how_the_last_copy_ended() -> None:
    both = copy("refused"), copy("complete")
    assert told(*both, rows={SERVER: "Complete"}) == []
    assert told(*both, rows={SERVER: "Retrying"}) == [row_rules.ROW_UNTRUE]
    assert told(both[0], rows={SERVER: "Complete"}) == [row_rules.ROW_UNTRUE]
    assert told(both[0], rows={SERVER: "Failed"}) == []
    assert told(*both, rows={SERVER: "Canceled"}) == []


def test_the_row_of_a_site_says_how_the_last_instruction_ended() -> None:
    done = executed("Retrying"), executed("Complete")
    assert told(*done, rows={COMPLETION: "Complete"}) == []
    assert told(*done, rows={COMPLETION: "None"}) == [row_rules.ROW_UNTRUE]
    given_up = executed("Failed: the retries are used up")
    assert told(given_up, rows={COMPLETION: "Failed"}) == []
    assert told(given_up, rows={COMPLETION: "Complete"}) == [row_rules.ROW_UNTRUE]
    assert told(executed("Canceled: 2 commands removed"), rows={COMPLETION: "Complete"}) == []


def server_row(status: str) -> tuple[str, Fact]:
    fact = DetailStatusChanged(
        job=JOB, detail="Server", site="BPC", machine="LOGON1", status=status, was="?"
    )
    return LOADER, fact


def test_a_servers_row_is_told_once_for_each_copy() -> None:
    once = copy("refused"), server_row("Retrying")
    assert told(*once, copy("complete"), server_row("Complete")) == []
    assert told(copy("refused"), *once) == []
    assert told(*once, server_row("Failed")) == []
    assert told(*once, server_row("Retrying")) == [row_rules.TOLD_OFTEN]
    assert told(server_row("Retrying")) == []  # of a removal, which copies nothing


def test_nothing_is_asked_of_what_may_still_come() -> None:
    wrong = {SERVER: "Retrying"}
    assert told(copy("complete"), rows=wrong, end=100.0) == []
    assert told(copy("complete"), rows=wrong, calm=99_999.0) == []


def result(said: str) -> tuple[tuple[str, Fact], ...]:
    report = f"of WS1 {said}"
    reported: Any = ResultReported(
        request="BPC0001", package="BPC00001", report=report, result=said
    )
    changed = DetailStatusChanged(
        job=JOB, detail="Workstation", site="BPC", machine="WS1", status="?", was="None"
    )
    return (
        ("WS1", reported),
        (LOADER, MifLoaded(file="X1.MIF", report=report, about="Workstation")),
        (LOADER, changed),
    )


def test_a_workstations_row_says_what_that_reported() -> None:
    assert told(*result("Success"), rows={WORKSTATION: "Complete"}) == []
    assert told(*result("Success"), rows={WORKSTATION: "Retrying"}) == [row_rules.RESULT_UNTRUE]
    assert told(*result("Failed"), rows={WORKSTATION: "Failed"}) == []
    assert told(*result("Failed"), rows={WORKSTATION: "Complete"}) == [row_rules.RESULT_UNTRUE]


def comes(path: str, share: str = "SMS_SITE", machine: str = "SITE1") -> tuple[str, Fact]:
    fact: Any = FileWritten(
        server="S", machine=machine, program="P", share=share, path=path, size=1, purpose=""
    )
    return machine, fact


def test_a_status_mif_that_came_before_its_report_was_read() -> None:
    late = replace(RIGHT, sni_before_pck=True)
    sent = comes("DESPOOLR.BOX/00001000.SNI", "SMS_SHR", "WS1")
    pck, sni = comes("00001000.PCK"), comes("00001000.SNI")
    reported, *loaded = result("Failed")
    rows = {WORKSTATION: "Complete"}
    early = (sent, reported, pck, sni, *loaded)
    assert told(*early, rows=rows, profile=late) == [row_rules.RESULT_UNTRUE]
    assert told(sent, reported, sni, pck, *loaded, rows=rows, profile=late) == []
    assert told(sent, reported, sni, *loaded, rows=rows, profile=late) == []


def test_what_sms_tells_wrongly_on_purpose_is_no_breach() -> None:
    late = replace(RIGHT, sni_before_pck=True)  # Q138241
    assert told(*result("Failed"), rows={WORKSTATION: "Complete"}, profile=late) == []
    bad = (DESPOOLER, MifRefused(file="1.PCK", reason="no MIF"))  # Q190135
    assert told(*result("Failed"), bad, rows={WORKSTATION: "Complete"}) == []
    assert told(*result("Expired"), rows={WORKSTATION: "Canceled"}) == []
    expiry = replace(RIGHT, expiry_status="Retrying")  # Q152229
    assert told(*result("Expired"), rows={WORKSTATION: "Retrying"}, profile=expiry) == []
    counted = told(*result("Expired"), rows={WORKSTATION: "Complete"}, profile=expiry)
    assert counted == [row_rules.EXPIRY_COUNTED]


def test_an_expiry_is_no_result() -> None:
    assert told(*result("Expired"), rows={WORKSTATION: "Complete"}) == [row_rules.EXPIRY_COUNTED]


def status(now: str, was: str) -> tuple[str, Fact]:
    return DESPOOLER, JobStatusChanged(job=JOB, status=now, was=was, reason="details")


def test_what_is_final_stays_so() -> None:
    assert told(status("Active", "Pending"), status("Complete", "Active")) == []
    back = status("Complete", "Active"), status("Active", "Complete")
    assert told(*back) == [row_rules.MOVED_BACK]
    assert told(status("Failed", "Active"), status("Retrying", "Failed")) == [row_rules.MOVED_BACK]
    again = status("Complete", "Active"), status("Retrying", "Complete")
    assert told(*again) == [row_rules.MOVED_BACK]
    assert told(*again, profile=replace(RIGHT, expiry_status="Retrying")) == []
    assert told(status("Cancelled", "Pending"), status("Cancelling", "Cancelled")) == []


def test_a_parent_says_what_its_child_says() -> None:
    fact = DetailStatusChanged(
        job=JOB, detail="Server", site="KID", machine="LOGON2", status="Complete", was="None"
    )
    changed = ("KID/SMS_INVENTORY_DATA_LOADER", fact)
    here: Row = ("KID", JOB, "Server", "KID", "LOGON2")
    there: Row = ("BPC", *here[1:])
    assert told(changed, rows={here: "Complete", there: "Complete"}) == []
    assert told(changed, rows={here: "Complete", there: "None"}) == [row_rules.PARENT_UNTRUE]
    assert told(changed, rows={here: "None", there: "Retrying"}) == []
    assert told(changed, rows={here: "Complete"}) == []
