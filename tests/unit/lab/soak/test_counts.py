"""Exact counts: what is lost, invented, missing, doubled or left is found, each by its own count
and with its name.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pytest

from despoolr_core.records.kinds.client import CommandChanged, ResultReported
from despoolr_core.records.stream import Record
from despoolr_lab.soak.counts import (
    Count,
    Found,
    Job,
    Reported,
    WorkstationRow,
    count_all,
    failed_runs,
    request_of,
)
from worlds.record_samples import sample

MACHINES = {"PC00001": "BPC00001", "PC00002": "BPC00002"}
REQUEST = "BPC0001"


def report(sms_id: str, started: str = "100.000") -> str:
    return f"{sms_id}-{REQUEST}-{started}"


def all_is_well(**changes: Any) -> Found:
    """Two machines that ran one job and said so."""
    reported = Reported()
    for sms_id in MACHINES.values():
        reported.add(
            Record(1, 0.0, "PC", CommandChanged(request=REQUEST, package="P", state="Executed")),
            sms_id,
        )
        reported.add(
            Record(2, 0.0, "PC", sample(ResultReported, report=report(sms_id), result="Success")),
            sms_id,
        )
    found = Found(
        clients_wanted=2,
        clients_live=2,
        reported=reported,
        loaded=frozenset(map(report, MACHINES.values())),
        rows=tuple(
            WorkstationRow("J1", sms_id, machine, "Complete")
            for machine, sms_id in MACHINES.items()
        ),
        jobs=(
            Job("J1", "RUN0001", REQUEST, "Complete"),
            Job("J2", "UPDATE0001", "BPC0002", "Complete"),
        ),
        ordered=("RUN0001", "UPDATE0001"),
        run=("RUN0001",),
        stops={"SITE1": 0},
    )
    return dataclasses.replace(found, **changes)


def wrong(found: Found) -> list[Count]:
    return [count for count in count_all(found) if not count.ok]


def the_one(found: Found) -> Count:
    (count,) = wrong(found)
    return count


def test_a_stack_in_which_all_is_well_has_no_wrong_count() -> None:
    assert wrong(all_is_well()) == []
    assert failed_runs(all_is_well()) == 0


def test_a_report_that_was_handed_in_and_does_not_count_is_lost() -> None:
    count = the_one(all_is_well(loaded=frozenset({report("BPC00001")})))
    assert (count.name, count.expected, count.actual) == (
        "reports that count or were answered, of those handed in",
        2,
        1,
    )
    assert count.examples == (report("BPC00002"),)


def test_a_report_for_a_command_that_was_gone_is_answered_by_an_event_and_not_lost() -> None:
    found = all_is_well(loaded=frozenset({report("BPC00001")}))
    answered = dataclasses.replace(found, unknown=Counter({(REQUEST, "PC00002"): 1}))
    assert wrong(answered) == []
    answered.reported.handed_in[report("BPC00002", "200.000")] = "Success"
    answered.reported.begun["BPC00002", REQUEST] += 1
    assert the_one(answered).examples == (report("BPC00002", "200.000"),), (
        "one event answers one report"
    )


def test_a_report_that_counts_and_nobody_began_is_invented() -> None:
    found = all_is_well()
    assert (
        the_one(
            dataclasses.replace(found, loaded=found.loaded | {report("BPC00001", "200.000")})
        ).actual
        == 1
    )


def test_a_report_that_was_begun_and_cut_off_may_count_or_not() -> None:
    found = all_is_well()
    found.reported.begun["BPC00001", REQUEST] += 1
    assert wrong(found) == []
    assert (
        wrong(dataclasses.replace(found, loaded=found.loaded | {report("BPC00001", "200.000")}))
        == []
    )


def test_an_expiry_is_no_report_that_has_to_count() -> None:
    found = all_is_well()
    said = sample(ResultReported, report="BPC00001-BPC0009-expired", result="Expired")
    found.reported.add(Record(3, 0.0, "PC00001", said), "BPC00001")
    assert wrong(found) == []


def test_a_row_that_is_missing_is_missed() -> None:
    found = all_is_well()
    count = the_one(dataclasses.replace(found, rows=found.rows[:1]))
    assert (count.expected, count.actual) == (2, 1)


def test_a_row_that_is_there_twice_is_named() -> None:
    found = all_is_well()
    assert the_one(dataclasses.replace(found, rows=(*found.rows, found.rows[0]))).examples == (
        "PC00001 in J1",
    )


def test_a_machine_without_a_result_is_named() -> None:
    found = all_is_well()
    rows = (found.rows[0], dataclasses.replace(found.rows[1], status="None"))
    assert the_one(dataclasses.replace(found, rows=rows)).examples == ("PC00002 in J1: None",)


def test_a_row_that_says_what_its_machine_did_not_report_is_named() -> None:
    found = all_is_well()
    rows = (found.rows[0], dataclasses.replace(found.rows[1], status="Failed"))
    assert the_one(dataclasses.replace(found, rows=rows)).examples == (
        "PC00002 in J1: Failed, it reported Complete",
    )


def test_a_failure_that_was_reported_is_no_wrong_count() -> None:
    found = all_is_well()
    found.reported.handed_in[report("BPC00002")] = "Failed"
    found = dataclasses.replace(
        found,
        rows=(found.rows[0], dataclasses.replace(found.rows[1], status="Failed")),
        jobs=(dataclasses.replace(found.jobs[0], status="Retrying"), found.jobs[1]),
    )
    assert wrong(found) == [] and failed_runs(found) == 1


@pytest.mark.parametrize(
    ("jobs", "name"),
    [
        ((Job("J1", "RUN0001", REQUEST, "Complete"),), "jobs that are there, of those ordered"),
        (
            (
                Job("J1", "RUN0001", REQUEST, "Complete"),
                *(Job(j, "UPDATE0001", "R", "Complete") for j in ("J2", "J3")),
            ),
            "jobs that were made twice",
        ),
        (
            (Job("J1", "RUN0001", REQUEST, "Complete"), Job("J2", "UPDATE0001", "R", "Retrying")),
            "jobs that have not ended",
        ),
        (
            (Job("J1", "RUN0001", REQUEST, "Complete"), Job("J2", "UPDATE0001", "R", "Failed")),
            "jobs that failed",
        ),
    ],
)
def test_a_job_that_is_lost_doubled_unended_or_failed_is_found(
    jobs: tuple[Job, ...], name: str
) -> None:
    assert the_one(all_is_well(jobs=jobs)).name == name


def test_repetitions_of_a_job_are_not_doubles_of_it() -> None:
    found = all_is_well()
    again = (
        Job("J3", "UPDATE0001", "R", "Complete", "J2"),
        Job("J4", "UPDATE0001", "R", "Cancelled", "J2"),
    )
    assert wrong(dataclasses.replace(found, jobs=(*found.jobs, *again))) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"left_open": {"LOGON1": 2}}, "opens left"),
        ({"left_waiting": 1}, "updates left waiting"),
        ({"left_unsent": 3}, "reports left unsent"),
        ({"left_files": {"LOGON1 DESPOOLR.BOX": 4}}, "files left in boxes"),
        ({"events": ("245: X.MIF",)}, "events that something was lost or moved aside"),
        ({"stops": {"SITE1": -9}}, "processes that did not stop cleanly"),
    ],
)
def test_whatever_is_left_is_counted(change: dict[str, Any], name: str) -> None:
    assert the_one(all_is_well(**change)).name == name


@pytest.mark.parametrize("change", [{"clients_live": 1}, {"fleets_lapsed": 1}])
def test_clients_that_were_not_there_make_the_run_invalid(change: dict[str, int]) -> None:
    assert the_one(all_is_well(**change)).is_about_validity


def test_a_report_id_says_whose_report_about_what() -> None:
    assert request_of("BPC0000A-BPC0003-1795661095.296") == ("BPC0000A", "BPC0003")
