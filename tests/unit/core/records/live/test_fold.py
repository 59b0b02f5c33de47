"""What the live page remembers of the records."""

from __future__ import annotations

import pytest

from despoolr_core.records.kinds.run import FaultBegan, FaultEnded, StepTaken
from despoolr_core.records.kinds.share import MessageSent, ShareStarted
from despoolr_core.records.kinds.site import DetailStatusChanged, InstructionExecuted
from despoolr_core.records.live import fold as live_fold
from despoolr_core.records.live.fold import ATTEMPTS_MAX, JOBS_MAX, MARKS_MAX, LiveFold
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.stream import Record
from worlds.live import HOUR, START, Told, blocked_update, page_of


def test_the_same_records_make_the_same_fold() -> None:
    told = blocked_update()
    again = LiveFold()
    for record in told.records:
        again.apply(record)
    assert again.marks == told.fold.marks
    assert again.retries == told.fold.retries
    assert again.ledger.rows() == told.fold.ledger.rows()


def test_the_next_attempt_is_told_until_it_is_made() -> None:
    told = blocked_update()
    assert told.fold.next_at("BPC00002", "LOGON1") == START + 2 * HOUR
    assert told.fold.next_at("BPC00002", "LOGON9") is None
    executed = InstructionExecuted(file="x.IST", type="", job="BPC00002", result="Retrying")
    told.tell(executed)
    assert told.fold.next_at("BPC00002", "LOGON1") == START + 2 * HOUR, "it was the one before"
    told.at = START + 2 * HOUR
    told.tell(executed)
    assert told.fold.next_at("BPC00002", "LOGON1") is None


def test_a_job_that_is_over_is_not_tried_again() -> None:
    told = blocked_update()
    told.job("BPC00002", "UPDATE", "Cancelled", "Retrying")
    assert told.fold.next_at("BPC00002", "LOGON1") is None


def test_marks_are_faults_steps_and_what_somebody_did() -> None:
    told = blocked_update()
    began = told.tell(FaultBegan(fault="cut", where="LOGON1"), "scenario")
    told.tell(StepTaken(do="hold", at="1h"), "scenario")
    told.tell(StepTaken(do="hold", result={"open": "O1"}), "scenario")
    told.tell(MessageSent(machine="WS50", text="Please close"), "LOGON1")
    told.closes("O1", "forced")
    told.at += 60
    told.tell(FaultEnded(fault="cut", where="LOGON1"), "scenario", began)
    page = page_of(told.fold, PageQuery(), told.at)
    marks = [(m.kind, m.text, m.ended_at) for m in page.marks if m.at >= START + HOUR]
    assert marks == [
        ("fault", "cut, LOGON1", told.at),
        ("job", "job UPDATE was made", None),
        ("step", "step: hold", None),
        ("intervention", "message to WS50: Please close", None),
        ("intervention", "b.dat on LOGON1 was closed for WS50: forced", None),
    ]


def test_a_fault_whose_beginning_nobody_heard_is_over_all_the_same() -> None:
    told = Told()
    told.tell(FaultEnded(fault="cut", where="LOGON1"), "scenario", 99)
    assert [mark.text for mark in told.fold.marks] == ["cut, LOGON1, is over"]


def test_a_fault_lasts_until_its_end_or_that_of_the_process_that_caused_it() -> None:
    told = blocked_update()
    told.tell(FaultBegan(fault="slow_share", where="LOGON1 by 2s"), "LOGON1")
    told.tell(FaultBegan(fault="sender_dies", where="SMS_LAN_SENDER of BPC"), "SITE1")
    assert [mark.lasts for mark in told.fold.faults.values()] == [True, True]
    told.at += 60
    told.tell(ShareStarted(server="LOGON1"), "LOGON1")
    assert [mark.text for mark in told.fold.faults.values()] == [
        "sender_dies, SMS_LAN_SENDER of BPC"
    ]
    over = next(mark for mark in told.fold.marks if mark.text == "slow_share, LOGON1 by 2s")
    assert (over.lasts, over.ended_at) == (False, told.at)
    told.fold.forget_opens()
    assert told.fold.faults == {}


def test_servers_number_their_records_each_for_itself_and_no_fault_ends_anothers() -> None:
    fold = LiveFold()
    cut = FaultBegan(fault="link_down", where="LOGON1 to everybody")
    slow = FaultBegan(fault="slow_share", where="LOGON2 by 2s")
    for fact, server in ((cut, "LOGON1"), (slow, "LOGON2")):
        fold.apply(Record(7, START, server, fact))
    ended = FaultEnded(fault="slow_share", where="LOGON2 by 2s")
    fold.apply(Record(8, START + 60, "LOGON2", ended, 7))
    assert [mark.text for mark in fold.faults.values()] == ["link_down, LOGON1 to everybody"]


def test_a_server_that_starts_again_is_a_mark_and_ends_its_opens() -> None:
    told = blocked_update()
    told.started("LOGON1")
    assert told.fold.marks[-1].text == "LOGON1 was started again"
    (row,) = told.fold.ledger.rows()
    assert all(hold.released_at is not None for hold in row.holds)


def test_what_is_remembered_is_bounded() -> None:
    told = blocked_update()
    for n in range(ATTEMPTS_MAX + 5):
        told.at += 1
        told.refused("O1")
        told.tell(StepTaken(do=f"{n}", at="1h"), "scenario")
    for n in range(MARKS_MAX):
        told.tell(FaultBegan(fault=f"{n}", where="LOGON1"), "scenario")
    for n in range(JOBS_MAX + 5):
        told.job(f"BPC{n + 10:05X}", f"JOB{n}", "Pending")
        told.retries(f"BPC{n + 10:05X}", START, "LOGON1")
    assert len(told.fold.attempts["LOGON1-E1"]) == ATTEMPTS_MAX
    assert len(told.fold.faults) == MARKS_MAX
    told.tell(FaultBegan(fault="one more", where="LOGON1"), "scenario")
    assert len(told.fold.faults) == len(told.fold.marks) == MARKS_MAX
    assert len(told.fold.jobs) == JOBS_MAX
    assert len(told.fold.retries) <= JOBS_MAX
    for n in range(JOBS_MAX + 5):  # of jobs that no record has told of
        told.retries(f"CHD{n + 10:05X}", START, "LOGON1")
    assert len(told.fold.retries) == JOBS_MAX


def test_opens_of_servers_that_have_ended_are_forgotten() -> None:
    told = blocked_update()
    told.fold.forget_opens()
    (row,) = told.fold.ledger.rows()
    assert row.holds[0].released_at is not None
    assert told.fold.ledger.opens() == []


def test_rows_of_all_jobs_are_bounded_and_jobs_share_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_fold, "ROWS_MAX", 4)
    told = blocked_update()

    def row(job: str, machine: int, status: str) -> None:
        detail = DetailStatusChanged(
            job=job,
            detail="Workstation",
            site="BPC",
            machine=f"PC{machine}",
            status=status,
            was="Active",
        )
        told.tell(detail, "BPC/SMS_JOB_MIF")

    for job in ("BPC00002", "BPC00003"):
        told.job(job, job, "Active", "Pending")
        for machine in (1, 2):
            row(job, machine, "Active")
    old, new = (told.fold.jobs[job] for job in ("BPC00002", "BPC00003"))
    assert [id(key) for key in old.rows] == [id(key) for key in new.rows]
    told.job("BPC00003", "NEW", "Complete", "Active")
    row("BPC00002", 3, "Active")
    assert (len(old.rows), len(new.rows)) == (3, 0), "what is over goes first"
    row("BPC00003", 1, "Complete")
    assert new.reported["Workstation", "Active"] == 2, "what was counted stays as it was"
