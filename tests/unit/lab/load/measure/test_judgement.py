"""Validity first, then what was expected; each reason names the number that decided; what is not
known does not hold.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from despoolr_lab.load.measure.judgement import (
    LATE_SHARE_MAX,
    LOOKS_MIN,
    POLLS_MIN,
    EndedJob,
    LoadFacts,
    findings,
    invalid,
    seconds,
    unbearable,
)
from despoolr_lab.load.measure.tally import PollPart, Second
from despoolr_lab.load.spec.file import parse_load

BASE = """\
name = "judged"
title = "A load to be judged"
[load]
[[clients]]
name = "A"
count = 3
[[package]]
name = "OFFICE"
[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
"""
ROWS = [
    ("Site Arrival", "", "Complete"),
    *(("Workstation", f"PC0000{n}", "Complete") for n in (1, 2, 3)),
]
TARGETS = ["PC00001", "PC00002", "PC00003"]
JOB = EndedJob("BPC00001", "Complete", ROWS, TARGETS)


def polls(*times_s: float, late: int = 0, failed: int = 0) -> Second:
    second = Second(polls=len(times_s), late=late, failed=failed)
    for value in times_s:
        second.took.add(value)
        second.lag.add(0.2 if late else 0.0)
    return second


FACTS = LoadFacts(
    clients_wanted=3,
    clients_there=3,
    polls=polls(*[0.01] * 98, 0.5, 0.6),
    cpu_shares=[0.3],
    cpu_peaks=[0.5],
    refusals={("SMS_PKGD", "SMS_DESPOOLER"): 2.0, ("SMS_PKGD", "SETUP.EXE"): 1.0},
    episodes=["resolved", "waiting"],
    jobs={"FIRST": JOB},
    reports_sent=3,
    reports_unsent=0,
    settled_s=12.5,
    queues={"SITE1/SMS_SITE/SMS_SITE": 40.0},
    looks=30,
)


def judged(expect: str, **changes: Any) -> list[tuple[bool, str]]:
    load = parse_load(f"{BASE}\n[[expect]]\n{expect}\n")
    return [(finding.ok, finding.actual) for finding in findings(load, replace(FACTS, **changes))]


def reasons(processes: int = 1, processors: int = 2, **changes: Any) -> list[str]:
    return invalid(parse_load(BASE), replace(FACTS, **changes), processes, processors)


# -- validity


def test_a_run_as_it_was_meant_is_valid() -> None:
    assert reasons() == []


def test_one_client_too_few_makes_a_run_invalid() -> None:
    assert reasons(clients_there=2) == [
        "3 clients were asked for and 2 were there: give the site room for more "
        "(DESPOOLR_CLIENTS_WANTED), or ask for fewer"
    ]


def test_a_generator_may_be_late_as_often_as_stated_and_no_oftener() -> None:
    many = [0.01] * 1000
    allowed = int(LATE_SHARE_MAX * 1000)
    assert reasons(polls=polls(*many, late=allowed)) == []
    (reason,) = reasons(polls=polls(*many, late=allowed + 1), cpu_shares=[0.97], cpu_peaks=[1.0])
    assert "began 1.1% of the polls over 50ms late" in reason and "97% of a processor" in reason
    assert "--processes 2" in reason


def test_a_generator_on_all_processors_is_told_to_have_fewer_clients() -> None:
    (reason,) = reasons(processes=2, polls=polls(*[0.01] * 10, late=5), cpu_peaks=[0.95])
    assert "fewer clients, or a machine with more processors" in reason


def test_a_generator_that_did_not_get_its_processor_is_told_so() -> None:
    (reason,) = reasons(polls=polls(*[0.01] * 10, late=5), cpu_peaks=[0.2])
    assert "other programs kept it from its processor" in reason


def test_a_run_without_a_measured_poll_decides_nothing() -> None:
    assert reasons(polls=polls()) == [
        "no poll was measured: let the run go on longer than its warm-up"
    ]


def test_holders_that_could_not_hold_make_a_run_invalid_and_say_why() -> None:
    (reason,) = reasons(holders_wanted=5, holders_made=4, holders_refused="F00001.DAT: not there")
    assert "5 clients were to hold files and 4 could (F00001.DAT: not there)" in reason


def test_holders_that_lost_their_file_make_a_run_invalid_of_which_nothing_else_is_expected() -> (
    None
):
    lost: dict[str, Any] = {
        "holders_wanted": 5,
        "holders_made": 5,
        "holders_broken": 2,
        "holders_lost": "F1.DAT on LOGON1: closed",
    }
    (reason,) = reasons(**lost)
    assert "2 of 5 holders lost their file (F1.DAT on LOGON1: closed)" in reason
    load = parse_load(f"{BASE}\n[[expect]]\nthat = 'holders'\n")
    assert invalid(load, replace(FACTS, **lost), 1, 2) == [], "what is expected of them decides"


@pytest.mark.parametrize(
    ("broken", "allowed", "ok", "actual"),
    [
        (0, 0, True, "5 of 5 kept their file, 0 lost it"),
        (1, 0, False, "4 of 5 kept their file, 1 lost it (F1.DAT on LOGON1: closed)"),
        (2, 2, True, "3 of 5 kept their file, 2 lost it (F1.DAT on LOGON1: closed)"),
        (3, 2, False, "2 of 5 kept their file, 3 lost it (F1.DAT on LOGON1: closed)"),
    ],
)
def test_holders_are_counted_by_what_they_kept(
    broken: int, allowed: int, ok: bool, actual: str
) -> None:
    lost = "F1.DAT on LOGON1: closed" if broken else ""
    facts = {"holders_wanted": 5, "holders_made": 5, "holders_broken": broken, "holders_lost": lost}
    assert judged(f"that = 'holders'\nbroken = {allowed}", **facts) == [(ok, actual)]


@pytest.mark.parametrize(
    ("expect", "some", "ok", "settled"),
    [
        ("p99 = '1s'", polls(*[0.01] * POLLS_MIN), True, True),
        ("p99 = '1s'", polls(*[0.01] * (POLLS_MIN - 1)), False, False),
        ("p99 = '1s'", polls(0.01), False, False),
        ("p50 = '1ms'", polls(0.01), False, False),
        ("max = '1s'", polls(0.01), False, False),
        ("max = '1ms'", polls(0.01), False, True),
        ("failed = 0", polls(*[0.01] * (POLLS_MIN - 1)), False, False),
        ("failed = 0", polls(0.01, failed=1), False, True),
        ("failed = 0", polls(*[0.01] * POLLS_MIN), True, True),
        ("at_least = 1", polls(0.01), True, True),
    ],
)
def test_passing_on_fewer_polls_than_stated_is_not_settled(
    expect: str, some: Second, ok: bool, settled: bool
) -> None:
    load = parse_load(f"{BASE}\n[[expect]]\nthat = 'polls'\n{expect}\n")
    (finding,) = findings(load, replace(FACTS, polls=some))
    assert (finding.ok, finding.is_settled) == (ok, settled), finding
    assert finding.word == ("ok" if ok else "FAILED" if settled else "not settled")


@pytest.mark.parametrize(
    ("expect", "looks", "ok", "settled"),
    [
        ("that = 'queue'\nbox = 'SMS_SITE'\nat_most = 40", LOOKS_MIN, True, True),
        ("that = 'queue'\nbox = 'SMS_SITE'\nat_most = 40", LOOKS_MIN - 1, False, False),
        ("that = 'queue'\nbox = 'SMS_SITE'\nat_most = 39", 1, False, True),
        ("that = 'refusals'\nat_most = 3", LOOKS_MIN - 1, False, False),
        ("that = 'refusals'\nat_most = 2", 1, False, True),
        ("that = 'refusals'\nat_least = 3", 1, True, True),
    ],
)
def test_passing_on_fewer_looks_than_stated_is_not_settled(
    expect: str, looks: int, ok: bool, settled: bool
) -> None:
    (finding,) = findings(
        parse_load(f"{BASE}\n[[expect]]\n{expect}\n"), replace(FACTS, looks=looks)
    )
    assert (finding.ok, finding.is_settled) == (ok, settled), finding


def test_a_process_that_died_is_a_reason_by_itself() -> None:
    assert reasons(troubles=["process 1 of 2 ended: killed"])[0] == "process 1 of 2 ended: killed"


# -- expectations


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ('that = "polls"\np50 = "11ms"', (True, "10 ms")),
        ('that = "polls"\np99 = "504ms"', (True, "502 ms")),
        ('that = "polls"\np99 = "501ms"', (False, "502 ms")),
        ('that = "polls"\nmax = "600ms"', (True, "600 ms")),
        ('that = "polls"\nfailed = 0', (True, "0")),
        ('that = "polls"\nat_least = 101', (False, "100")),
        ('that = "refusals"\nat_most = 2', (False, "3")),
        ('that = "refusals"\nprogram = "SMS_DESPOOLER"\nat_least = 2\nat_most = 2', (True, "2")),
        ('that = "episodes"\nat_most = 2', (True, "2")),
        ('that = "episodes"\nstate = "waiting"\nat_most = 0', (False, "1")),
        ('that = "job"\njob = "FIRST"', (True, "Complete")),
        ('that = "job"\njob = "FIRST"\nstatus = ["Failed", "Retrying"]', (False, "Complete")),
        ('that = "rows"', (True, "3 Complete, 0 lost, 0 twice")),
        ('that = "rows"\ncount = 2', (False, "3 Complete, 0 lost, 0 twice")),
        ('that = "rows"\nkind = "Site Arrival"\ncount = 1', (True, "1 Complete, 0 lost, 0 twice")),
        ('that = "reports"', (True, "3 sent, 3 counted, 0 unsent")),
        ('that = "reports"\nat_least = 4', (False, "3 sent, 3 counted, 0 unsent")),
        ('that = "settled"\nwithin = "13s"', (True, "after 12.5 s")),
        ('that = "settled"\nwithin = "12s"', (False, "after 12.5 s")),
        ('that = "queue"\nbox = "SMS_SITE"\nat_most = 39', (False, "40")),
    ],
)
def test_an_expectation_is_judged_by_its_number(expect: str, found: tuple[bool, str]) -> None:
    assert judged(expect) == [found]


@pytest.mark.parametrize(
    ("expect", "unknown"),
    [
        ('that = "refusals"\nat_most = 5', {"refusals": None}),
        ('that = "episodes"\nat_most = 5', {"episodes": None}),
        ('that = "job"\njob = "FIRST"', {"jobs": None}),
        ('that = "rows"', {"jobs": None}),
        ('that = "reports"', {"jobs": None}),
        ('that = "settled"\nwithin = "1h"', {"settled_s": None}),
        ('that = "queue"\nbox = "SMS_SITE"\nat_most = 39', {"queues": {}}),
        ('that = "polls"\np99 = "1s"', {"polls": polls()}),
    ],
)
def test_what_is_not_known_does_not_hold(expect: str, unknown: dict[str, Any]) -> None:
    ((ok, actual),) = judged(expect, **unknown)
    assert not ok and any(word in actual for word in ("not known", "not settled", "no poll"))


@pytest.mark.parametrize(
    ("rows", "actual"),
    [
        (ROWS[:-1], "2 Complete, 1 lost, 0 twice"),
        ([*ROWS, ROWS[-1]], "4 Complete, 0 lost, 1 twice"),
        (
            [*ROWS[:-1], ("Workstation", "PC00003", "Active")],
            "2 Complete, 1 Active, 0 lost, 0 twice",
        ),
        ([*ROWS[:-1], ("Workstation", "PC00009", "Complete")], "3 Complete, 1 lost, 0 twice"),
    ],
)
def test_a_row_that_is_lost_twice_there_or_someone_elses_is_seen(
    rows: list[tuple[str, str, str]], actual: str
) -> None:
    assert judged('that = "rows"\njob = "FIRST"', jobs={"FIRST": replace(JOB, rows=rows)}) == [
        (False, actual)
    ]


def test_a_row_twice_there_is_not_made_up_for_by_the_count() -> None:
    rows = [*ROWS, ROWS[-1]]
    expect = 'that = "rows"\njob = "FIRST"\ncount = 4'
    assert judged(expect, jobs={"FIRST": replace(JOB, rows=rows)}) == [
        (False, "4 Complete, 0 lost, 1 twice")
    ]


def test_a_job_that_was_never_made_is_said_to_be_so() -> None:
    assert judged('that = "rows"', jobs={}) == [
        (False, "0 Complete, 0 lost, 0 twice; never made: FIRST")
    ]
    assert judged('that = "job"\njob = "FIRST"', jobs={}) == [(False, "never made")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00083, "830 us"), (0.0124, "12.4 ms"), (5.014, "5.01 s"), (250, "250 s"), (0, "0 us")],
)
def test_times_are_written_for_people(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("percentile", "polls_made", "found"),
    [
        ('p95 = "20ms"', 100, [(True, "10.1 ms")]),
        ('"p99.9" = "20ms"', 999, [(False, "10.1 ms, of 999 polls: at least 1,000 decide")]),
        ('"p99.9" = "20ms"', 1000, [(True, "10.1 ms")]),
        ('"p99.9" = "5ms"', 1000, [(False, "10.1 ms")]),
    ],
)
def test_any_percentile_needs_as_many_polls_as_it_has_to_one(
    percentile: str, polls_made: int, found: list[tuple[bool, str]]
) -> None:
    wanted = f'that = "polls"\npercentiles = {{ {percentile} }}'
    told = judged(wanted, polls=polls(*[0.0101] * (polls_made - 1), 0.0101))
    assert [(ok, text.replace("10.2 ms", "10.1 ms")) for ok, text in told] == found


def test_polls_of_one_group_and_of_one_server_are_judged_alone() -> None:
    slow, fast = PollPart(200, 4), PollPart(200, 0)
    for part, value in ((slow, 0.5), (fast, 0.001)):
        for _ in range(200):
            part.took.add(value)
    parts: dict[str, Any] = {"groups": {"A": slow}, "servers": {"LOGON1": fast, "LOGON2": slow}}
    of = 'that = "polls"\np99 = "10ms"'
    assert judged(f'{of}\nclients = "A"', **parts) == [(False, "500 ms")]
    assert judged(f'{of}\nserver = "logon1"', **parts) == [(True, "1 ms")]
    assert judged(f'{of}\nserver = "LOGON2"', **parts) == [(False, "500 ms")]
    assert judged(f'{of}\nserver = "LOGON9"', **parts) == [
        (False, "no poll, of 0 polls: at least 100 decide")
    ], "of whom nothing was heard, nothing holds"


@pytest.mark.parametrize(("share", "ok"), [(0.02, True), (0.019, False)])
def test_a_share_of_the_polls_may_fail_and_no_more(share: float, ok: bool) -> None:
    failing = polls(*[0.01] * 100, failed=2)
    told = judged(f'that = "polls"\nfailed_share = {share}', polls=failing)
    assert told == [(ok, "2.000% (2 of 100)")]


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("failed_share = 0.02", ""),
        ("failed_share = 0.019", "2.0% of the 100 polls of the last 10s failed, more than 1.9%"),
        ('p99 = "600ms"', ""),
        ('p99 = "400ms"', "the slowest in a hundred of the 100 polls of the last 10s took 50"),
    ],
)
def test_a_run_is_not_worth_going_on_with_by_its_last_seconds(when: str, says: str) -> None:
    load = parse_load(BASE.replace("[load]", f"[load]\nabort_when = {{ {when} }}"))
    assert load.load.abort_when is not None
    recent = polls(*[0.01] * 98, 0.5, 0.5, failed=2)
    reason = unbearable(recent, load.load.abort_when)
    assert reason.startswith(says) and bool(reason) == bool(says)
    assert unbearable(polls(*[9.0] * 99, failed=99), load.load.abort_when) == "", "too few decide"
