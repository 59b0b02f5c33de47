"""Messages that are false on purpose: told with what is true, and only where the records say so."""

from __future__ import annotations

from despoolr_core.records.false_messages import FALSE_MAX, FalseMessages
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.site import CopyEnded, DetailStatusChanged, EventLogged
from despoolr_core.records.stream import Record

DISK = "There isn't sufficient disk space on package server LOGON1.\nJobID = J1"


def told(*facts: Fact, actor: str = "WS1") -> FalseMessages:
    return FalseMessages(Record(n, float(n), actor, fact) for n, fact in enumerate(facts, 1))


def copy(win32: int, job: str = "J1", file: str = "b.dat") -> CopyEnded:
    return CopyEnded(
        job=job, package="P", server="LOGON1", attempt=1, result="refused", file=file, win32=win32
    )


def event(text: str = DISK, job: str = "J1", code: int = 109) -> EventLogged:
    return EventLogged(event=code, component="SMS_DESPOOLER", text=text, job=job)


def row(status: str, was: str) -> DetailStatusChanged:
    return DetailStatusChanged(
        job="J1", detail="Workstation", site="BPC", machine="WS1", status=status, was=was
    )


def result(word: str) -> ResultReported:
    return ResultReported(request="R1", package="P", report="1", result=word)


def test_an_event_that_blames_the_disk_for_a_file_in_use_is_false() -> None:
    messages = told(copy(32), event(), copy(32), event())
    (one,) = messages.found
    assert one.article == "Q193766" and one.count == 2 and (one.first_at, one.last_at) == (2, 4)
    assert one.says == DISK.partition("\n")[0]
    assert one.truth.startswith("The disk had room. b.dat of P on LOGON1 was in use")
    assert one.title == "Despooler Reports Out of Disk Space in Event Log"


def test_an_event_that_blames_a_full_disk_is_true() -> None:
    assert told(copy(112), event()).found == []
    assert told(copy(32), copy(0), event()).found == []
    assert told(copy(32), event(job="J2")).found == []
    assert told(copy(32), event("Something else.")).found == []


def test_a_status_that_an_expiry_replaced_is_false() -> None:
    (one,) = told(result("Expired"), row("Canceled", "Complete")).found
    assert one.article == "Q152229" and "says Canceled of WS1, which was Complete" in one.says
    assert told(result("Success"), row("Complete", "None")).found == []
    assert told(result("Expired"), row("Canceled", "None")).found == []


def test_a_failed_program_that_is_said_to_be_tried_again_is_false() -> None:
    (one,) = told(result("Failed"), row("Retrying", "None")).found
    assert one.article == "Q166833"


def test_messages_beyond_the_limit_are_counted() -> None:
    facts: list[Fact] = []
    for number in range(FALSE_MAX + 5):
        facts += [copy(32, file=f"{number}.dat"), event()]
    found = told(*facts).found
    assert len(found) == FALSE_MAX and found[-1].count == 6
