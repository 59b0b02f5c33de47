"""Every kind of expectation can hold and can fail, and says what it found."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from despoolr_core.records.kinds.run import ExpectationChecked
from despoolr_core.records.stream import of
from despoolr_lab.scenario import model
from despoolr_lab.scenario.run import RunResult
from worlds.scenario import blocked_update, hold, play

JOB = {
    "do": "job",
    "at": "0s",
    "name": "PATCH",
    "package": "OFFICE",
    "command": "SETUP.EXE",
    "expires_after": "4h",
}
STEPS: list[dict[str, Any]] = [
    hold(),
    JOB,
    {"do": "noidmif", "at": "30m", "machine": "WS2", "group": "Status", "attributes": {"A": "1"}},
    {"do": "execute", "at": "2h", "machine": "WS2", "job": "PATCH"},
    {
        "do": "put",
        "at": "3h",
        "server": "SITE1",
        "share": "SMS_SITE",
        "path": "X.SNI",
        "text": "garbage",
    },
]

HOLDS: list[dict[str, Any]] = [
    {"that": "job", "job": "UPDATE", "status": "Retrying"},
    {"that": "job", "job": "UPDATE", "status": ["Failed", "Retrying"]},
    {"that": "reached", "job": "FIRST", "status": "Complete", "after": "1m", "before": "1h"},
    {"that": "reached", "job": "UPDATE", "status": "Complete", "never": True},
    {"that": "workstations", "job": "PATCH", "rows": {"WS1": "Canceled", "WS2": "Canceled"}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": "Retrying"}},
    {
        "that": "workstations",
        "job": "PATCH",
        "rows": {
            "WS1": {"one_of": ["Canceled", "Failed"]},
            "WS2": {"not": "Failed"},
            "WS3": {"not": ["Failed", "Complete"]},
        },
    },
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": True}},
    {"that": "arrivals", "job": "UPDATE", "rows": {"BPC": "Complete"}},
    {"that": "completions", "job": "UPDATE", "rows": {"BPC": "None"}},
    {"that": "completions", "job": "UPDATE", "rows": {"BPC": False}, "at": "2h 1m"},
    {
        "that": "files",
        "package": "OFFICE",
        "files": {"a.dat": "a, second", "b.dat": True, "x": False},
    },
    {
        "that": "files",
        "package": "OFFICE",
        "files": dict.fromkeys(("a.dat", "b.dat", "c.dat"), True),
        "only": True,
    },
    {
        "that": "master",
        "package": "OFFICE",
        "files": {n: f"{n[0]}, second" for n in ("a.dat", "b.dat", "c.dat")},
    },
    {"that": "master", "package": "OFFICE", "none": True, "at": "1m"},
    {
        "that": "package_status",
        "package": "OFFICE",
        "of_site": "BPC",
        "server": "LOGON1",
        "status": "Retrying",
    },
    {
        "that": "log",
        "component": "SMS_DESPOOLER",
        "text": "job {job:UPDATE} later",
        "site": "BPC",
        "at_least": 3,
    },
    {
        "that": "box",
        "server": "LOGON1",
        "share": "SMS_PKGD",
        "path": "{package:OFFICE}",
        "extension": ".DAT",
        "at_least": 3,
    },
    {"that": "events", "code": 1, "count": 1},
    {"that": "events", "code": 108, "job": "UPDATE", "at_least": 2, "text": "LOGON1"},
    {"that": "log", "component": "SMS_DESPOOLER", "text": "Win32 Error = 32", "at_least": 2},
    {
        "that": "episode",
        "path": "B.DAT",
        "blocker": "WS1",
        "program": "WINWORD.EXE",
        "state": "waiting",
        "attempts": 3,
    },
    {"that": "episode", "blocked_at_least": "4h", "blocked_at_most": "5h", "attempts_at_least": 3},
    {"that": "episode", "blocker": "WS3", "none": True},
    {"that": "mifs", "job": "PATCH", "count": 4},
    {"that": "mifs", "job": "PATCH", "machine": "WS2", "status": "Complete", "count": 1},
    {"that": "expiries", "job": "PATCH", "count": 3},
    {"that": "attribute", "machine": "WS2", "group": "Status", "attribute": "A", "value": "1"},
    {"that": "pcm", "machine": "WS2", "pending": [], "executed": ["PATCH"], "at": "3h"},
    {"that": "runs", "job": "PATCH", "machine": "WS2", "server": "LOGON1", "count": 1},
    {"that": "runs", "job": "PATCH", "machine": "WS1", "count": 0},
    {"that": "runs", "job": "PATCH"},
    {"that": "run_order", "machine": "WS2", "jobs": ["PATCH"]},
    {"that": "open", "machine": "WS1", "path": "B.DAT", "program": "winword.exe", "count": 1},
    {"that": "open", "path": "{package:OFFICE}/b.dat", "server": "LOGON1"},
    {"that": "open", "machine": "WS1", "count": 0, "at": "30m"},
    {
        "that": "box",
        "server": "SITE1",
        "share": "SMS_SHRD",
        "path": "SITE.SRV/DESPOOLR.BOX/BAD",
        "extension": "SNI",
        "count": 1,
    },
]

FAILS: list[dict[str, Any]] = [
    {"that": "job", "job": "UPDATE", "status": "Complete"},
    {"that": "reached", "job": "FIRST", "status": "Complete", "after": "1h"},
    {"that": "reached", "job": "FIRST", "status": "Complete", "before": "1m"},
    {"that": "reached", "job": "FIRST", "status": "Failed"},
    {"that": "reached", "job": "FIRST", "status": "Complete", "never": True},
    {"that": "workstations", "job": "PATCH", "rows": {"WS1": "Complete"}},
    {"that": "workstations", "job": "PATCH", "rows": {"WS1": "Canceled"}, "at": "3h"},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": "Complete"}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": False}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": {"not": "Retrying"}}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON9": {"not": "Retrying"}}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON9": True}},
    {"that": "servers", "job": "UPDATE", "rows": {"LOGON1": {"one_of": ["Complete", "Active"]}}},
    {"that": "arrivals", "job": "UPDATE", "rows": {"BPC": "Failed"}},
    {"that": "completions", "job": "UPDATE", "rows": {"BPC": "Complete"}},
    {"that": "files", "package": "OFFICE", "files": {"a.dat": "a, first"}},
    {"that": "files", "package": "OFFICE", "files": {"a.dat": False}},
    {"that": "files", "package": "OFFICE", "files": {"x.dat": True}},
    {"that": "files", "package": "OFFICE", "files": {"a.dat": True}, "only": True},
    {"that": "master", "package": "OFFICE", "files": {"a.dat": "a, first"}},
    {"that": "master", "package": "OFFICE", "none": True},
    {"that": "master", "package": "OFFICE", "files": {"a.dat": "a, first"}, "at": "1m"},
    {
        "that": "package_status",
        "package": "OFFICE",
        "of_site": "BPC",
        "server": "LOGON1",
        "status": "Complete",
    },
    {"that": "package_status", "package": "OFFICE", "of_site": "BPC", "status": "Success"},
    {"that": "log", "component": "SMS_DESPOOLER", "text": "job {job:PATCH} later"},
    {"that": "events", "code": 1, "count": 2},
    {"that": "events", "code": 374},
    {"that": "log", "component": "SMS_DESPOOLER", "text": "tea", "at_least": 1},
    {"that": "log", "component": "SMS_SCHEDULER", "text": "Win32 Error = 32"},
    {"that": "episode", "path": "a.dat"},
    {"that": "episode", "blocker": "WS2"},
    {"that": "episode", "attempts": 2},
    {"that": "episode", "blocked_at_least": "2d"},
    {"that": "episode", "blocked_at_most": "1h"},
    {"that": "episode", "state": "resolved"},
    {"that": "episode", "none": True},
    {"that": "mifs", "job": "PATCH", "count": 3},
    {"that": "expiries", "job": "PATCH", "count": 0},
    {"that": "attribute", "machine": "WS2", "group": "Status", "attribute": "A", "value": "2"},
    {"that": "attribute", "machine": "WS1", "group": "Status", "attribute": "A", "value": "1"},
    {"that": "pcm", "machine": "WS2", "pending": ["PATCH"]},
    {"that": "runs", "job": "PATCH", "machine": "WS1"},
    {"that": "runs", "job": "PATCH", "machine": "WS2", "count": 2},
    {"that": "run_order", "machine": "WS1", "jobs": ["PATCH"]},
    {"that": "run_order", "machine": "WS2", "jobs": ["PATCH", "PATCH"]},
    {"that": "open", "machine": "WS2"},
    {"that": "open", "machine": "WS1", "path": "a.dat"},
    {"that": "open", "machine": "WS1", "count": 0},
    {"that": "pcm", "machine": "WS2", "executed": ["PATCH"]},
    {
        "that": "box",
        "server": "SITE1",
        "share": "SMS_SHRD",
        "path": "SITE.SRV/DESPOOLR.BOX/BAD",
        "extension": "SNI",
        "count": 0,
    },
]


@cache
def result() -> RunResult:
    staged = blocked_update(
        *STEPS,
        hours=6.5,
        clients=[{"names": ["WS1", "WS2", "WS3"], "poll_every": "1h"}],
        expect=HOLDS + FAILS,
    )
    return play(staged, "1.1")


@pytest.mark.parametrize(
    "number", range(len(HOLDS)), ids=[f"{n}-{e['that']}" for n, e in enumerate(HOLDS)]
)
def test_an_expectation_that_is_true_holds(number: int) -> None:
    finding = result().findings[number]
    assert finding.ok, finding


@pytest.mark.parametrize(
    "number", range(len(FAILS)), ids=[f"{n}-{e['that']}" for n, e in enumerate(FAILS)]
)
def test_an_expectation_that_is_not_true_fails_and_says_what_is(number: int) -> None:
    finding = result().findings[len(HOLDS) + number]
    assert not finding.ok, finding
    assert finding.actual != finding.expected


def test_every_kind_of_expectation_is_tried_both_ways() -> None:
    kinds = {kind.__struct_config__.tag for kind in model.Expectation.__args__}
    assert {e["that"] for e in HOLDS} == {e["that"] for e in FAILS} == kinds


def test_findings_come_in_the_order_of_the_file_and_have_names() -> None:
    findings = result().findings
    assert len(findings) == len(HOLDS) + len(FAILS)
    assert findings[0].name == "job UPDATE at the end"
    assert (
        findings[HOLDS.index(next(e for e in HOLDS if e["that"] == "pcm"))].name == "pcm WS2 at 3h"
    )


def test_what_was_found_is_on_record() -> None:
    recorded = [fact.ok for _, fact in of(result().records, ExpectationChecked)]
    assert sorted(recorded) == [False] * len(FAILS) + [True] * len(HOLDS)
