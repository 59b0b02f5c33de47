"""What must hold of every site's services: each rule with records that keep it, and that break
it.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from despoolr_core.profile import profile_of
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    EventLogged,
    InstructionExecuted,
    InstructionWritten,
    JobStatusChanged,
    MifLoaded,
)
from despoolr_core.records.stream import Record
from despoolr_lab.explore.rules import site_rules
from despoolr_lab.explore.rules.site_rules import RetryRule, SiteRules, attempts_max, is_even

JOB = "BPC00002"
RULES = {"BPC": RetryRule(7200.0, 1, attempts_max=100, is_even=True)}
NOT_COPIED = EventLogged(event=108, component="SMS_DESPOOLER", text="", job=JOB)
KILL = StepTaken(do="kill", at="1h")
LOADED = MifLoaded(file="X1.MIF", report=f"{JOB}/BPC/Server/LOGON1/Complete/0", about="Server")


def written(retries: int, execute_at: float, **more: Any) -> InstructionWritten:
    facts: dict[str, Any] = {"servers": ("LOGON1",), "file": f"{JOB}_R.SNI", "type": "SHARE"}
    return InstructionWritten(**{**facts, **more}, job=JOB, retries=retries, execute_at=execute_at)


def executed(result: str) -> InstructionExecuted:
    return InstructionExecuted(file=f"{JOB}_R.SNI", type="SHARE", job=JOB, result=result)


def copy(result: str) -> CopyEnded:
    return CopyEnded(
        job=JOB, package="BPC00001", server="LOGON1", attempt=1, result=result, file="", win32=0
    )


def told(
    *steps: tuple[float, Fact],
    calm: float = 0.0,
    end: float = 100_000.0,
    rules: dict[str, RetryRule] | None = None,
) -> list[str]:
    """What is broken where each copy that was refused is told by its event."""
    fold_over = SiteRules(dict(rules or RULES))
    facts = [
        (at, one)
        for at, fact in steps
        for one in (fact, *([NOT_COPIED] if getattr(fact, "result", "") == "refused" else []))
    ]
    records = [
        Record(seq, at, "BPC/SMS_DESPOOLER", fact) for seq, (at, fact) in enumerate(facts, 1)
    ]
    found = [breach for record in records for breach in fold_over.apply(record)]
    return [breach.kind for breach in (*found, *fold_over.at_end(end, calm))]


def test_a_report_counts_once() -> None:
    assert told((1, LOADED)) == []
    assert told((1, LOADED), (2, LOADED)) == [site_rules.COUNTED_TWICE]


def status(now: str, was: str) -> JobStatusChanged:
    return JobStatusChanged(job=JOB, status=now, was=was, reason="details")


def row(now: str, was: str) -> DetailStatusChanged:
    return DetailStatusChanged(
        job=JOB, detail="Server", site="BPC", machine="LOGON1", status=now, was=was
    )


def test_a_status_follows_the_one_before_it_unless_a_death_lies_between() -> None:
    assert told((1, status("Active", "Pending")), (2, status("Complete", "Active"))) == []
    gap = (1, status("Active", "Pending")), (3, status("Complete", "Retrying"))
    assert told(*gap) == [site_rules.OUT_OF_TURN]
    assert told(gap[0], (2, KILL), gap[1]) == []
    assert told((1, row("Retrying", "None")), (2, row("Complete", "None"))) == [
        site_rules.OUT_OF_TURN
    ]


def test_a_refused_update_that_is_told_as_retrying_has_a_retry() -> None:
    refused = (10, copy("refused"))
    assert told(refused, (10, executed("Retrying")), calm=1e9) == [site_rules.LOST_RETRY]
    kept = refused, (10, written(1, 7210)), (10, executed("Retrying"))
    assert told(*kept, end=100) == []


def test_a_retry_that_is_due_and_never_made_is_lost() -> None:
    kept = (10.0, copy("refused")), (10.0, written(1, 7210)), (10.0, executed("Retrying"))
    assert told(*kept) == [site_rules.LOST_RETRY]
    assert told(*kept, calm=99_900) == []
    assert told(*kept, (7210, copy("complete")), (7210, executed("Complete"))) == []


def test_a_job_that_is_over_waits_for_nothing() -> None:
    kept = (10.0, copy("refused")), (10.0, written(1, 7210)), (10.0, executed("Retrying"))
    assert told(*kept, (20, status("Failed", "Retrying"))) == []


def test_a_refused_job_is_not_complete_unless_its_version_forgets() -> None:
    refused = (10, copy("refused"))
    assert told(refused, (10, executed("Complete"))) == [site_rules.DONE_UNDONE]
    forgotten = (10, written(1, 7210, forgotten=("LOGON1",)))
    assert told(refused, forgotten, (7210, executed("Complete"))) == []
    nobody = (10, EventLogged(event=13, component="SMS_DESPOOLER", text="", job=JOB))
    assert told(refused, nobody, (10, executed("Complete"))) == []


def test_a_retry_comes_at_its_time() -> None:
    started = CopyStarted(job=JOB, package="BPC00001", server="LOGON1", attempt=2)
    first = (10, written(1, 7210))
    assert told(first, (7210, started), end=7211) == []
    assert told(first, (3000, started), end=7211) == [site_rules.EARLY_RETRY]
    assert told((10, written(1, 9999)), end=100) == [site_rules.LATE_RETRY]


def test_retries_are_counted_by_the_step_of_the_version() -> None:
    first = (10, written(1, 7210))
    assert told(first, (7210, written(2, 14410)), end=7211) == []
    assert told(first, (7210, written(4, 14410)), end=7211) == [site_rules.RETRY_COUNT]
    seven = (10, written(1, 7210)), (20, written(2, 7210))
    assert told(*seven, (30, KILL), (7210, written(1, 14410)), end=7211) == []


def test_records_are_in_order() -> None:
    rules = SiteRules({})
    assert not list(rules.apply(Record(1, 5.0, "BPC/A", LOADED)))
    found = [breach.kind for breach in rules.apply(Record(3, 4.0, "BPC/A", KILL, 9))]
    assert found == [site_rules.OUT_OF_ORDER] * 2


def test_what_the_database_says_of_a_row_was_told() -> None:
    rules = SiteRules(dict(RULES))
    list(rules.apply(Record(1, 1.0, "BPC/LOADER", row("Complete", "None"))))
    key = ("BPC", JOB, "Server", "BPC", "LOGON1")
    assert not list(rules.says_otherwise({key: "Complete"}))
    assert not list(rules.says_otherwise({key: "Canceled"}))
    found = [breach.kind for breach in rules.says_otherwise({key: "Retrying"})]
    assert found == [site_rules.ROW_UNTOLD]


STARTED = CopyStarted(job=JOB, package="BPC00001", server="LOGON1", attempt=1)


def test_a_retry_is_due_an_interval_after_the_one_before_it() -> None:
    first = (10, STARTED), (20, written(1, 7210))
    assert told(*first, end=100) == []
    assert told(*first, (7300, written(2, 14_410)), end=7400) == []
    assert told((10, STARTED), (20, written(1, 3610)), end=100) == [site_rules.EARLY_RETRY]
    assert told(*first, (7300, written(2, 9000)), end=7400) == [site_rules.EARLY_RETRY]
    late = (20_000, written(2, 27_200))  # it was down when the retry was due
    assert told(*first, late, end=20_100) == []
    waits_for_closes = RetryRule(7200.0, 1)
    rules = SiteRules({"BPC": waits_for_closes})
    assert not list(rules.apply(Record(1, 10.0, "BPC/SMS_DESPOOLER", STARTED)))
    assert not list(rules.apply(Record(2, 20.0, "BPC/SMS_DESPOOLER", written(1, 3610))))


def test_a_job_is_given_up_when_its_retries_are_used_up_and_not_before() -> None:
    hundred = [(7200.0 * n, written(n, 7200.0 * (n + 1))) for n in range(1, 101)]
    over = (730_000.0, executed("Failed: the retries are used up"))
    assert told(*hundred, over, end=730_000) == []
    assert told(*hundred[:98], over, end=730_000) == [site_rules.GIVEN_UP]
    more = (727_200.0, written(101, 734_400))
    assert told(*hundred, more, end=730_000) == [site_rules.GIVEN_UP]


def test_a_week_or_a_close_that_is_waited_for_is_no_count_and_no_interval() -> None:
    assert attempts_max(profile_of("1.1")) == 100
    assert attempts_max(replace(profile_of("1.1"), give_up_rule="time")) == 0
    assert is_even(profile_of("1.0"))
    assert not is_even(replace(profile_of("1.1"), copy_strategy="retry_on_close"))
    assert not is_even(replace(profile_of("1.2"), use_forced_disconnect=True))


def test_a_cancelled_job_copies_nothing_any_more() -> None:
    over = status("Cancelled", "Cancelling")
    assert told((1, STARTED), (2, over)) == []
    assert told((1, over), (2, STARTED)) == [site_rules.GOES_ON]


def of_workstation(machine: str, was: str = "None", file: str = "X2.MIF") -> tuple[Fact, Fact]:
    changed = DetailStatusChanged(
        job=JOB, detail="Workstation", site="BPC", machine=machine, status="Complete", was=was
    )
    return MifLoaded(file=file, report=f"of WS1 {machine}", about="Workstation"), changed


def test_a_result_sets_the_row_of_the_machine_that_handed_it_in() -> None:
    def kinds(machine: str) -> list[str]:
        rules = SiteRules({})
        loaded, changed = of_workstation(machine)
        result = ResultReported(
            request="BPC0001", package="BPC00001", report=f"of WS1 {machine}", result="Success"
        )
        facts = ("BPC/LOADER", loaded), ("BPC/LOADER", changed), ("WS1", result)
        for seq, (actor, fact) in enumerate(facts, 1):
            assert not list(rules.apply(Record(seq, float(seq), actor, fact)))
        return [breach.kind for breach in rules.at_end(9.0, 0.0)]

    assert kinds("ws1") == []
    assert kinds("WS2") == [site_rules.OF_ANOTHER]


def test_a_result_of_a_machine_that_the_job_was_not_for_is_told() -> None:
    assert told(*((n, fact) for n, fact in enumerate(of_workstation("WS1"), 1))) == []
    made = of_workstation("WS1", was="")
    assert told(*((n, fact) for n, fact in enumerate(made, 1))) == [site_rules.UNASKED]


def test_a_report_that_bears_an_event_logs_it() -> None:
    loaded, changed = of_workstation("WS1", file="X2.EMF")
    event = EventLogged(event=374, component="SMS_DESPOOLER", text="", job=JOB, machine="WS1")
    assert told((1, loaded), (2, changed), (3, event)) == []
    assert told((1, loaded), (2, changed)) == [site_rules.EVENT_LOST]
    assert told((1, loaded), (2, changed), (3, LOADED)) == [site_rules.EVENT_LOST]
    assert told((1, loaded)) == []  # it is of no job of this site


def ended(server: str, result: str) -> CopyEnded:
    return replace(copy(result), server=server)


def test_a_retry_is_of_all_the_servers_that_refused() -> None:
    both = (1, ended("LOGON1", "refused")), (2, ended("LOGON9", "refused"))
    assert told(*both, (3, written(1, 7201, servers=("LOGON1", "LOGON9"))), end=9) == []
    assert told(*both, (3, written(1, 7201)), end=9) == [site_rules.FORGOTTEN_SERVER]
    assert told(*both, (3, written(1, 7201, servers=())), end=9) == [site_rules.FORGOTTEN_SERVER]


def test_a_list_is_lost_where_a_version_loses_it_and_others_were_done() -> None:
    lost = (2, written(1, 7201, servers=()))
    one, done = (1, ended("LOGON1", "refused")), (1, ended("LOGON9", "complete"))
    loses = {"BPC": RetryRule(7200.0, 1, loses_list=True)}
    assert told(one, done, lost, end=9, rules=loses) == []
    assert told(one, lost, end=9, rules=loses) == [site_rules.FORGOTTEN_SERVER]
    assert told(one, done, lost, end=9) == [site_rules.FORGOTTEN_SERVER]


def test_a_copy_that_failed_is_told_by_an_event() -> None:
    def kinds(*facts: Fact) -> list[str]:
        rules = SiteRules({})
        records = [Record(n, float(n), "BPC/A", fact) for n, fact in enumerate(facts, 1)]
        return [breach.kind for record in records for breach in rules.apply(record)]

    assert kinds(copy("refused"), NOT_COPIED, written(1, 7201)) == []
    assert kinds(copy("refused"), written(1, 7201)) == [site_rules.FAILURE_UNTOLD]
    assert kinds(copy("refused"), KILL, written(1, 7201)) == []


def test_a_sender_goes_on_for_a_week() -> None:
    active = (1, status("Active", "Pending"))
    given_up = EventLogged(event=21, component="SMS_LAN_SENDER", text="", job=JOB)
    assert told(active, (700_000, given_up), end=700_001) == []
    assert told(active, (7_200, given_up), end=7_201) == [site_rules.GIVEN_UP]
