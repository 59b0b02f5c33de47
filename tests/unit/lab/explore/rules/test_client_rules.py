"""What must hold of every client."""

from __future__ import annotations

from typing import Any

from despoolr_core.records.kinds.client import (
    CommandChanged,
    Polled,
    ProgramStarted,
    ResultReported,
)
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import MifLoaded, MifRefused
from despoolr_core.records.stream import Record
from despoolr_lab.explore.rules import client_rules
from despoolr_lab.explore.rules.client_rules import ClientRules, KnownCommands

RAN = ProgramStarted(request="BPC0001", package="BPC00001", server="LOGON1", program="SETUP.EXE")
REPORTED = ResultReported(request="BPC0001", package="BPC00001", report="1", result="Success")
EXPIRED = ResultReported(request="BPC0001", package="BPC00001", report="2", result="Expired")
TOLD = MifLoaded(file="X0000001.MIF", report="1", about="Workstation")


def told(
    *facts: Fact,
    end: float = 100_000.0,
    calm: float = 0.0,
    cut_off: tuple[tuple[float, float], ...] = (),
    **known: Any,
) -> list[str]:
    rules = ClientRules()
    records = [Record(seq, float(seq), "WS1", fact) for seq, fact in enumerate(facts, 1)]
    found = [breach for record in records for breach in rules.apply(record)]
    return [
        breach.kind
        for breach in (*found, *rules.at_end(end, calm, KnownCommands(**known), cut_off))
    ]


def test_a_command_does_not_run_again_once_its_result_is_handed_in() -> None:
    assert told(RAN, REPORTED, TOLD) == []
    assert told(RAN, RAN, REPORTED, TOLD) == []  # it was switched off in between
    assert told(RAN, REPORTED, RAN, TOLD) == [client_rules.RUN_TWICE]
    forgotten = StepTaken(do="delete_history", at="1h")
    assert told(RAN, REPORTED, forgotten, RAN, TOLD) == []


def test_a_result_is_handed_in_once() -> None:
    assert told(REPORTED, REPORTED, TOLD) == [client_rules.REPORTED_TWICE]


def test_what_was_handed_in_arrives() -> None:
    assert told(REPORTED, TOLD) == []
    assert told(REPORTED) == [client_rules.LOST_REPORT]
    other = MifLoaded(file="X0000002.MIF", report="2", about="Workstation")
    assert told(REPORTED, other) == [client_rules.LOST_REPORT]


def test_a_report_may_be_counted_before_its_second_file_is_handed_in() -> None:
    assert told(TOLD, REPORTED) == []


def test_a_command_does_not_run_after_its_expiry() -> None:
    late = (*[EXPIRED] * 100, RAN)
    assert told(*late, expires={"BPC0001": 40.0}) == [client_rules.RUN_EXPIRED]
    assert told(*late, expires={"BPC0001": 60.0}) == [], "its poll was in time"
    assert told(*late, expires={"BPC0002": 1.0}) == told(*late) == []


def test_an_expiry_is_no_result() -> None:
    assert told(EXPIRED, EXPIRED) == []


def test_nothing_is_lost_that_may_still_come_or_was_refused() -> None:
    assert told(REPORTED, end=100.0) == []
    assert told(REPORTED, calm=99_999.0) == []
    assert told(REPORTED, waiting=("1",)) == []
    assert told(REPORTED, MifRefused(file="X1.MIF", reason="no MIF")) == []


def test_of_a_request_that_was_taken_back_nothing_need_arrive() -> None:
    assert told(REPORTED) == [client_rules.LOST_REPORT]
    assert told(REPORTED, taken_back=("BPC0001",)) == []


def test_who_waited_for_a_server_that_was_cut_off_starts_late() -> None:
    late, expires = (*[EXPIRED] * 100, RAN), {"BPC0001": 30.0}
    assert told(*late, expires=expires) == [client_rules.RUN_EXPIRED]
    assert told(*late, expires=expires, cut_off=((20.0, 35.0),)) == []
    assert told(*late, expires=expires, cut_off=((20.0, 25.0),)) == [client_rules.RUN_EXPIRED]


def test_a_command_runs_at_its_time_and_not_before() -> None:
    late = (*[EXPIRED] * 100, RAN)
    mandatory = {("WS1", "BPC0001"): 90.0}
    assert told(*late, mandatory=mandatory) == []
    assert told(RAN, REPORTED, TOLD, mandatory=mandatory) == [client_rules.RUN_EARLY]
    by_hand = StepTaken(do="execute", at="1m")
    assert told(by_hand, RAN, REPORTED, TOLD, mandatory=mandatory) == []


def test_a_command_that_is_due_is_run() -> None:
    due = {("WS1", "BPC0001"): 90.0}
    assert told(RAN, REPORTED, TOLD, due=due) == []
    assert told(EXPIRED, due=due) == [client_rules.NEVER_RUN]
    assert told(EXPIRED, due=due, calm=99_000.0) == told(EXPIRED, due=due, end=200.0) == []
    assert told(EXPIRED, due=due, taken_back=("BPC0001",)) == []
    assert told(EXPIRED, due=due, expires={"BPC0001": 100.0}) == []


def test_what_was_run_is_reported() -> None:
    ran = CommandChanged(request="BPC0001", package="BPC00001", state="Executed")
    polls = {"WS1": 3600.0}
    assert told(RAN, ran, REPORTED, TOLD, polls=polls) == []
    assert told(RAN, ran, polls=polls) == [client_rules.UNREPORTED]
    assert told(RAN, ran) == told(RAN, ran, polls=polls, end=15_000.0) == []


def command(state: str) -> CommandChanged:
    return CommandChanged(request="BPC0001", package="BPC00001", state=state)


def test_a_client_goes_by_its_instruction_file() -> None:
    new, gone, over = map(command, ("New", "cancelled", "expired"))
    assert told(new, gone) == told(new, gone, new, RAN) == []
    assert told(new, gone, RAN) == [client_rules.RUN_CANCELLED]
    assert told(new, gone, gone) == [client_rules.CANCELLED_TWICE]
    assert told(new, over, expires={"BPC0001": 2.0}) == []
    assert told(new, over, expires={"BPC0001": 9.0}) == [client_rules.EXPIRED_EARLY]


def test_a_command_that_an_older_file_lacks_may_come_back_with_the_next_file() -> None:
    new, gone = map(command, ("New", "cancelled"))
    read = Polled(result="changed", server="LOGON2")
    assert told(read, new, gone, read, RAN) == told(read, new, gone, read, gone) == []
    assert told(read, new, read, gone, RAN) == [client_rules.RUN_CANCELLED]
    rules, kinds = ClientRules(), []
    for seq, (fact, cause) in enumerate([(read, 0), (gone, 1), (read, 0), (gone, 3)], 1):
        found = rules.apply(Record(seq, float(seq), "WS1", fact, cause))
        kinds += [breach.kind for breach in found]
    assert kinds == [client_rules.CANCELLED_TWICE], "the file that it read then had it no more"


def test_what_is_known_in_time_runs_at_the_next_poll() -> None:
    key = ("WS1", "BPC0001")
    idle = [StepTaken(do="poll", at="1h")] * 70
    known: dict[str, Any] = {"polls": {"WS1": 2.0}, "mandatory": {key: 1.0}, "due": {key: 6.0}}
    assert told(command("New"), *idle[:60], RAN, **known) == []
    assert told(command("New"), *idle, RAN, **known) == [client_rules.RUN_LATE]
    assert told(command("New"), *idle, RAN, calm=2.0, **known) == []
    assert told(*idle, command("New"), RAN, **known) == []
    gone = command("cancelled"), Polled(result="changed", server="LOGON1")
    assert told(command("New"), *gone, *idle, RAN, **known) == []
    assert told(StepTaken(do="execute", at="1h"), command("New"), *idle, RAN, **known) == []
