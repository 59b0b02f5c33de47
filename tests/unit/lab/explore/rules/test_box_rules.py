"""What must hold of the files in boxes."""

from __future__ import annotations

from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import InstructionExecuted, MifLoaded, MifRefused
from despoolr_core.records.stream import Record
from despoolr_lab.explore.rules import box_rules
from despoolr_lab.explore.rules.box_rules import DESPOOLER, LOADER, MAINTENANCE, BoxRules
from despoolr_server.site.state import boxes

MIF = f"{boxes.DELTA_MIFS}/X0000001.MIF"
LOADED = MifLoaded(file="X0000001.MIF", report="1", about="Server")


def told(*facts: Fact, is_clean: bool = True, actor: str = "BPC/SMS_DESPOOLER") -> list[str]:
    rules = BoxRules({"SITE1": "BPC"}, is_clean)
    records = [Record(seq, float(seq), actor, fact) for seq, fact in enumerate(facts, 1)]
    return [breach.kind for record in records for breach in rules.apply(record)]


def written(path: str, program: str = DESPOOLER, server: str = "SITE1", share: str = "") -> Fact:
    share = share or (boxes.ROOT_SHARE if "/" in path else boxes.SITE_SHARE)
    return FileWritten(
        server=server, share=share, path=path, size=1, machine="SITE1", program=program, purpose=""
    )


def gone(path: str, program: str = DESPOOLER, server: str = "SITE1", share: str = "") -> Fact:
    share = share or (boxes.ROOT_SHARE if "/" in path else boxes.SITE_SHARE)
    return FileDeleted(
        server=server, share=share, path=path, machine="SITE1", program=program, purpose=""
    )


def test_a_mif_goes_when_it_is_counted_or_set_aside() -> None:
    assert told(written(MIF), LOADED, gone(MIF, LOADER)) == []
    assert told(written(MIF), gone(MIF, LOADER), LOADED) == [box_rules.TAKEN_TOO_EARLY]
    aside = written(f"{boxes.BAD_MIFS}/X0000001.MIF", LOADER)
    assert told(written(MIF), aside, gone(MIF, LOADER)) == []
    again = written(MIF), gone(MIF, LOADER)
    assert told(written(MIF), LOADED, gone(MIF, LOADER), *again) == [box_rules.TAKEN_TOO_EARLY]


def test_what_a_client_left_goes_from_there_when_it_has_come_here() -> None:
    there = {"server": "LOGON1", "share": boxes.LOGON_SHARE}
    left = written("DESPOOLR.BOX/0000100A.SNI", "PCM", **there)
    taken = gone("DESPOOLR.BOX/0000100A.SNI", MAINTENANCE, **there)
    came = written("0000100A.SNI", MAINTENANCE)
    assert told(left, came, taken) == []
    assert told(left, taken, came) == [box_rules.TAKEN_TOO_EARLY]
    assert told(left, came, taken, left, taken) == [], "the same again, and it is there"
    executed = gone("0000100A.SNI")
    assert told(left, came, taken, executed, left, taken) == [box_rules.TAKEN_TOO_EARLY]


def result(outcome: str) -> InstructionExecuted:
    return InstructionExecuted(file="0000100A.SNI", type=WIREMOVE, job="BPC00002", result=outcome)


def test_a_report_goes_when_its_mif_is_written() -> None:
    came, taken = written("0000100A.SNI", MAINTENANCE), gone("0000100A.SNI")
    assert told(came, written(MIF), taken, result("Complete")) == []
    assert told(came, taken, written(MIF), result("Complete")) == [box_rules.TAKEN_TOO_EARLY]
    assert told(came, taken, result("expired: the last reported status stays")) == []
    assert told(came, taken, result("38a: no such request in the instruction files")) == []


def test_an_instruction_is_executed_once_each_time_it_is_written() -> None:
    retry = "BPC00002_R.SNI"
    executed = InstructionExecuted(file=retry, type="SHARE", job="BPC00002", result="Complete")
    assert told(written(retry), written(retry), executed, gone(retry), executed) == []
    last = gone(retry), executed
    assert told(written(retry), *last, written(retry), *last) == []
    assert told(written(retry), *last, executed) == [box_rules.EXECUTED_TWICE]
    renamed = FileRenamed(
        server="SITE1",
        share=boxes.SITE_SHARE,
        path="BPC00002.INS",
        new_path="BPC00002.IST",
        machine="SITE1",
        program=DESPOOLER,
        purpose="",
    )
    first = InstructionExecuted(
        file="BPC00002.IST", type="SHARE", job="BPC00002", result="Retrying"
    )
    assert told(renamed, gone("BPC00002.IST"), first) == []
    assert told(renamed, gone("BPC00002.IST"), first, first) == [box_rules.EXECUTED_TWICE]


def test_what_services_wrote_is_not_set_aside_as_bad() -> None:
    bad = MifRefused(file="X0000001.MIF", reason="no MIF")
    aside = InstructionExecuted(file="BPC00002.INS", type="", job="", result="refused: it is bad")
    kept = written(f"{boxes.BAD_MIFS}/X0000001.MIF", LOADER)
    there = written(f"{boxes.BAD_INSTRUCTIONS}/BPC00002~2f8c1b3e90a7d564.INS")
    assert told(kept, bad) == told(there, aside) == [box_rules.GOOD_REFUSED]
    assert told(kept, bad, there, aside, is_clean=False) == []


def test_what_is_set_aside_stays_there() -> None:
    bad = MifRefused(file="X0000001.MIF", reason="no MIF")
    aside = InstructionExecuted(file="BPC00002.INS", type="", job="", result="refused: it is bad")
    reason = written(f"{boxes.BAD_MIFS}/X0000001.MIF.TXT", LOADER)
    assert told(reason, bad, is_clean=False) == [box_rules.NOT_KEPT]
    assert told(aside, is_clean=False) == [box_rules.NOT_KEPT]
    kept = f"{boxes.BAD_MIFS}/X0000001.MIF"
    assert told(written(kept, LOADER), bad, gone(kept, LOADER), is_clean=False) == [
        box_rules.NOT_KEPT
    ]


def test_a_report_comes_twice_only_where_something_was_disturbed() -> None:
    twice = MifRefused(file="X0000001.MIF", reason="report 1 has been counted already")
    assert told(StepTaken(do="job", at="1h"), twice) == [box_rules.TOLD_TWICE]
    assert told(StepTaken(do="kill", at="1h"), twice) == []
