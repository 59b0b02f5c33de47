"""The page of a running load: what there is so far, beside what was planned."""

from __future__ import annotations

import time

import pytest

from despoolr_lab.load.live.course import SECONDS_AT_ONCE, LoadCourse
from despoolr_lab.load.measure.tally import PollOwner, Second, Tally, total
from despoolr_lab.load.outcome.report import SecondPercentiles
from despoolr_lab.load.plan import PLANNED_MAX, planned_of
from despoolr_lab.load.run import LoadProgress
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.load.watch import LoadSecond
from despoolr_lab.load.workers.protocol import WorkerStatus
from despoolr_lab.measured.page import render_course

LOAD = """\
name = "one"
title = "One"
[load]
for = "{seconds}s"
[[clients]]
name = "A"
count = {count}
poll_every = "2s"
[[package]]
name = "OFFICE"
[[program]]
command = "SETUP.EXE"
[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
[[holders]]
clients = "A"
count = 2
package = "OFFICE"
at = "4s"
for = "4s"
[[update]]
name = "UPDATE"
package = "OFFICE"
at = "6s"
"""


def load(seconds: int = 20, count: int = 10) -> LoadFile:
    return parse_load(LOAD.format(seconds=seconds, count=count))


def progress(
    second: float,
    course: dict[int, Second] | None = None,
    states: dict[str, tuple[str, float]] | None = None,
) -> LoadProgress:
    if course is None:
        tally = Tally(0.05)
        for number in range(50):
            at = number / 5
            tally.poll(PollOwner("A", "LOGON1"), at, at, at, at + 0.01, failed=number == 49)
        course = tally.take()
    row = LoadSecond(int(second), refusals=7, waiting=1, rows_ended=3, silent=["LOGON<1>"])
    return LoadProgress(
        "running",
        second,
        20.0,
        WorkerStatus("told", clients=10, reports=4, holds=2, under_way=3),
        total(course.values()),
        row,
        course=course,
        rows=[row],
        made={"FIRST": "J1"},
        states=states or {},
        cpu_shares=[0.25],
    )


def test_what_is_meant_for_each_second_is_what_the_clients_are_told_to_do() -> None:
    planned = planned_of(load(), 1.0)
    assert len(planned) == 20 and sum(planned.values()) == 100
    assert planned_of(load(), 2.0).keys() == set(range(10)), "in time of this machine"


def test_of_very_many_polls_some_clients_stand_for_all() -> None:
    began = time.process_time()
    planned = planned_of(load(seconds=2_000, count=5_000), 1.0)
    assert sum(planned.values()) == pytest.approx(5_000_000, rel=0.02)
    assert sum(planned.values()) > 10 * PLANNED_MAX
    assert time.process_time() - began < 20


def test_rates_refusals_and_blocked_updates_stand_beside_the_plan() -> None:
    page = LoadCourse(load(), "19960603T080000Z").page(progress(10.5))
    told = {figure.label: (figure.value, figure.small, figure.css) for figure in page.figures}
    assert told["polls a second now"] == (
        "5.0",
        "4.5 planned; 3 clients wait for an answer",
        "hold",
    )
    assert told["updates that wait now"] == ("1", "7 opens refused since the start", "bad")
    assert told["p99 of polls now"][0] == "10 ms" and told["p99 of polls now"][2] == "bad"
    assert told["reports handed in"] == ("4", "3 counted at the site", "hold")
    rates = next(chart for chart in page.charts if chart.title == "Polls a second")
    assert [line.name for line in rates.lines] == ["polls", "planned", "failed"]
    assert page.verdict == "running: 0:10 of 0:20"


def test_the_plan_says_what_was_made_what_is_held_and_what_is_to_come() -> None:
    course = LoadCourse(load(), "19960603T080000Z")
    seen = []
    for second in (2.0, 5.0, 9.0):
        (plan,) = course.page(progress(second)).checks
        seen.append([(row.state, *row.cells) for row in plan.rows])
    assert [row[0] for row in seen[0]] == ["made", "to come", "to come"]
    assert seen[0][1][1:] == ("2 of A hold OFFICE", "0:04 for 0:04", "")
    assert [told[1][0] for told in seen] == ["to come", "held", "over"]


def test_a_job_is_told_with_what_the_site_says_of_it_and_since_when() -> None:
    course = LoadCourse(load(), "19960603T080000Z")
    (plan,) = course.page(progress(9.0, states={"FIRST": ("Retrying", 4.5)})).checks
    first = plan.rows[0]
    assert (first.state, first.css) == ("Retrying", "bad")
    assert first.cells == ("job FIRST", "0:00", "0:04")
    assert plan.rows[-1].state == "to come", "the update was not made yet"


def test_a_percentile_is_worked_out_again_only_for_seconds_that_changed() -> None:
    course = LoadCourse(load(), "19960603T080000Z")
    first = progress(10.5)
    course.page(first)
    known = dict(course._known._known)
    changed = dict(first.course)
    changed[3] = Second(polls=changed[3].polls + 1, took=changed[3].took)
    course.page(progress(11.5, changed))
    after = course._known._known
    assert [n for n in after if after[n] is not known.get(n)] == [3]


def test_whoever_comes_late_gets_the_newest_seconds_first_and_the_rest_afterwards() -> None:
    tally = Tally(0.05)
    for at in range(2 * SECONDS_AT_ONCE + 10):
        tally.poll(PollOwner("A", "LOGON1"), at, at, at, at + 0.01, failed=False)
    polled = tally.take()
    times = SecondPercentiles(SECONDS_AT_ONCE)
    newest = max(polled)
    assert set(times.of(polled)) == set(range(newest - SECONDS_AT_ONCE + 1, newest + 1))
    assert len(times.of(polled)) == 2 * SECONDS_AT_ONCE
    assert times.of(polled) == SecondPercentiles().of(polled)


def test_a_name_of_a_server_is_text() -> None:
    page = LoadCourse(load(), "19960603T080000Z").page(progress(10.5))
    html = render_course(page)
    assert "LOGON&lt;1&gt;" in html and "LOGON<1>" not in html
