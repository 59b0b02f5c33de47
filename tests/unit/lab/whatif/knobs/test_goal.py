"""What had to come true: read from a scenario and what its run told."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_lab.scenario.expectations import expectations_named
from despoolr_lab.scenario.model import FilesExpectation, JobExpectation, WorkstationsExpectation
from despoolr_lab.scenario.reading.written import baked
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.whatif.knobs.goal import (
    EXPIRY,
    FAILURE,
    REMOVAL,
    RESULT,
    RUN,
    STATUS,
    UPDATE,
    GoalError,
    asked_goal,
    first_attempt,
    reached_at,
)
from despoolr_lab.whatif.knobs.run_goals import goals
from despoolr_lab.whatif.ladder import base_of
from worlds.scenario import (
    NEW,
    article,
    blocked_update,
    hold,
    hours,
    play,
    reached,
    scenario,
    share,
)

pytestmark = pytest.mark.slow


def test_an_update_is_to_be_new_on_every_server_and_the_job_to_say_so() -> None:
    staged = blocked_update(hours=6, servers=("LOGON1", "LOGON2"))
    (goal,) = goals(staged, play(staged, "1.1").records)
    assert goal.kind == UPDATE
    assert goal.says == "OFFICE is new on LOGON1 and LOGON2 and job UPDATE says so"
    files = [one for one in goal.expectations if isinstance(one, FilesExpectation)]
    assert [(one.server, one.files) for one in files] == [("LOGON1", NEW), ("LOGON2", NEW)]
    assert isinstance(goal.expectations[-1], JobExpectation)


def remove(at: str, **more: Any) -> dict[str, Any]:
    return {
        "do": "job", "at": at, "name": "REMOVE", "package": "OFFICE", "type": "remove", **more
    }  # fmt: skip


def test_what_was_removed_is_to_be_gone_from_who_had_it_and_the_job_to_say_so() -> None:
    staged = scenario(share(), hold(), remove("2h"), hours=6, servers=("LOGON1", "LOGON2"))
    (goal,) = goals(staged, play(staged, "1.1").records)
    assert goal.kind == REMOVAL
    assert goal.says == "OFFICE is gone from LOGON1 and LOGON2 and job REMOVE says so"
    files = [one for one in goal.expectations if isinstance(one, FilesExpectation)]
    assert [(one.server, one.files, one.only) for one in files] == [
        ("LOGON1", {}, True),
        ("LOGON2", {}, True),
    ]
    assert goal.expectations[-1] == JobExpectation(job="REMOVE", status="Complete")


def test_what_came_back_or_was_not_removed_after_all_is_not_to_be_gone() -> None:
    back = share("AGAIN", at="4h", send="even if previously sent")
    cancelled = {"do": "cancel", "at": "1h 59m", "job": "REMOVE"}
    for steps in ([remove("2h"), back], [remove("1h 58m"), cancelled]):
        staged = scenario(share(), *steps, hours=6)
        kinds = {goal.kind for goal in goals(staged, play(staged, "1.1").records)}
        assert kinds == {UPDATE}


def test_a_removal_is_asked_of_the_sites_that_it_goes_to() -> None:
    result = article("Q185179", "1.2")
    goal = goals(result.scenario, result.records)[0]
    assert (goal.kind, goal.says) == (
        REMOVAL,
        "OLD is gone from LOGON2 and job REMOVE says so",
    )
    assert goals(*of_article("Q153637", "1.1"))[0].kind == REMOVAL


def test_a_removal_that_was_not_made_is_asked_for_by_nobody() -> None:
    staged = scenario(share(), remove("2h"), hours=6)
    stopped = play(staged, "1.1", for_s=3600.0)
    assert goals(staged, stopped.records) == []


def test_of_a_removal_that_repeats_the_last_one_is_asked() -> None:
    staged = scenario(share(), remove("2h", repeat_every="90m"), hours=6)
    (goal,) = goals(staged, play(staged, "1.1").records)
    assert goal.says == "OFFICE is gone from LOGON1 and job REMOVE#3 says so"


def test_a_removal_is_through_so_long_after_it_was_tried_first() -> None:
    staged = scenario(share(), remove("2h"), hours=6)
    records = play(staged, "1.1").records
    (goal,) = goals(staged, records)
    begun, gone = first_attempt(goal, records), reached_at(goal, records)
    assert begun is not None and gone is not None
    assert staged.start + 2 * 3600 <= begun < gone <= begun + 1800


def of_article(kb: str, version: str) -> tuple[Any, Any]:
    result = article(kb, version)
    return result.scenario, result.records


def test_servers_that_a_job_was_not_to_refresh_are_none_of_its_goal() -> None:
    result = article("Q195936", "1.2")
    found = [goal for goal in goals(result.scenario, result.records) if goal.kind == UPDATE]
    assert "UPDATE" in [goal.jobs[0] for goal in found]
    assert "TOOLS-UPDATE" not in [goal.jobs[0] for goal in found]


def test_a_file_that_the_source_lost_is_to_be_gone() -> None:
    staged = scenario(
        share(),
        {"do": "source", "at": "1h", "package": "OFFICE", "delete": ["c.dat"]},
        share("UPDATE", at="1h", send="even if previously sent", refresh_existing=True),
        hours=4,
    )
    (goal,) = goals(staged, play(staged).records)
    first = goal.expectations[0]
    assert isinstance(first, FilesExpectation)
    assert first.files["c.dat"] is False


@pytest.mark.parametrize(
    ("kb", "version", "kind"),
    [
        ("Q152229", "1.1", EXPIRY),
        ("Q166833", "1.2", FAILURE),
        ("Q172899", "1.2", RESULT),
        ("Q182414", "1.2", RUN),
        ("Q235805", "2.0", STATUS),
    ],
)
def test_the_goal_of_an_article_comes_first(kb: str, version: str, kind: str) -> None:
    result = article(kb, version)
    assert goals(result.scenario, result.records)[0].kind == kind


def test_what_was_reported_before_a_job_expired_is_to_stand() -> None:
    result = article("Q152229", "1.1")
    (rows,) = goals(result.scenario, result.records)[0].expectations
    assert isinstance(rows, WorkstationsExpectation)
    assert rows.rows == {
        "WS1": "Complete",
        "WS2": "Complete",
        "WS3": "Complete",
        "WS4": "Retrying",
    }


def test_it_came_true_with_the_last_that_it_waited_for() -> None:
    staged = blocked_update(hold(**{"for": "4h"}), hours=12)
    result = play(staged, "1.1")
    (goal,) = goals(staged, result.records)
    at, began = reached_at(goal, result.records), first_attempt(goal, result.records)
    assert at is not None and began is not None
    assert hours(result, at) == pytest.approx(reached(result, "Complete")[-1], abs=0.001)
    assert hours(result, began) == pytest.approx(2.084, abs=0.01)


AGAIN: dict[str, Any] = {"send": "even if previously sent", "refresh_existing": True}
CHANGED = {"do": "source", "at": "3h", "package": "OFFICE", "files": NEW}


@pytest.mark.parametrize(
    ("job", "name"),
    [({"repeat_every": "5h"}, "UPDATE#3"), ({"activate_after": "4h"}, "UPDATE")],
    ids=["repeating", "activated later"],
)
def test_a_job_is_to_bring_the_files_that_were_there_when_it_began(
    job: dict[str, str], name: str
) -> None:
    staged = scenario(share(), share("UPDATE", at="2h", **AGAIN, **job), CHANGED, hours=14)
    (goal,) = goals(staged, play(staged).records)
    assert goal.says == f"OFFICE is new on LOGON1 and job {name} says so"
    assert isinstance(goal.expectations[0], FilesExpectation)
    assert goal.expectations[0].files == NEW
    assert base_of(baked(staged, RunOptions())).goal is None, "it holds as it was"


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"do": "cancel", "at": "3h", "job": "UPDATE"}], []),
        (
            [
                share("GONE", at="5h", type="remove", activate_after="4h"),
                {"do": "cancel", "at": "6h", "job": "GONE"},
            ],
            ["OFFICE is new on LOGON1 and LOGON2 and job UPDATE says so"],
        ),
        (
            [share("GONE", at="5h", type="remove", put_on=["LOGON2"])],
            [
                "OFFICE is new on LOGON1 and job UPDATE says so",
                "OFFICE is gone from LOGON2 and job GONE says so",
            ],
        ),
        (
            [share("GONE", at="5h", type="remove")],
            ["OFFICE is gone from LOGON1 and LOGON2 and job GONE says so"],
        ),
    ],
    ids=["cancelled under way", "never removed", "removed from one server", "removed"],
)
def test_what_was_cancelled_or_removed_is_none_of_an_updates_goal(
    steps: list[dict[str, Any]], says: list[str]
) -> None:
    staged = blocked_update(hold(), *steps, hours=10, servers=("LOGON1", "LOGON2"))
    assert [goal.says for goal in goals(staged, play(staged, "1.1").records)] == says


def test_what_a_workstation_reported_is_to_arrive() -> None:
    staged = scenario(
        share("RUN", type="run", command="SETUP.EXE", machines=["WS1"], mandatory_after="1h"),
        clients=[{"names": ["WS1"], "poll_every": "30m", "clock_offset": "1d"}],
        hours=14,
    )
    (goal,) = [one for one in goals(staged, play(staged, "1.2").records) if one.kind == RESULT]
    assert goal.says == "what WS1 reported of job RUN has arrived"
    (rows,) = goal.expectations
    assert isinstance(rows, WorkstationsExpectation)
    assert rows.rows == {"WS1": "Complete"}


def test_who_was_refused_a_package_is_to_run_it_and_its_failure_is_none() -> None:
    taken = {"server": "LOGON1", "share": "SMS_PKGD", "path": "{package:OFFICE}", "rights": "NONE"}
    staged = scenario(
        share(),
        {"do": "acl", "at": "30m", **taken},
        share("RUN", at="1h", type="run", command="SETUP.EXE", mandatory_after="0s"),
        clients=[{"names": ["WS1"], "poll_every": "30m"}],
        programs=[{"command": "SETUP.EXE", "opens": ["b.dat"]}],
        hours=14,
    )
    found = goals(staged, play(staged, "1.1").records)
    assert [goal.says for goal in found if goal.kind in (RUN, RESULT, FAILURE)] == [
        "WS1 can run job RUN"
    ]


@pytest.mark.parametrize(("kb", "status"), [("Q138241", "Retrying"), ("Q166833", "Failed")])
def test_a_failure_is_to_be_told_as_the_version_tells_it_or_as_its_article_wants(
    kb: str, status: str
) -> None:
    result = article(kb, "1.2")
    found = [one for one in goals(result.scenario, result.records) if one.kind == FAILURE]
    rows = found[0].expectations[0]
    assert isinstance(rows, WorkstationsExpectation)
    assert set(rows.rows.values()) == {status}


def test_a_failure_of_a_repeating_job_is_asked_of_the_instance_that_failed() -> None:
    job = {"repeat_every": "5h", "mandatory_after": "1h"}
    staged = scenario(
        share("RUN", type="run", command="SETUP.EXE", machines=["WS1"], **job),
        clients=[{"names": ["WS1"], "poll_every": "30m"}],
        programs=[{"command": "SETUP.EXE", "mif": {"status": "Failed"}}],
        hours=14,
    )
    found = goals(staged, play(staged, "1.2").records)
    assert [goal.says for goal in found if goal.kind == FAILURE] == [
        "the failure of WS1 stands in job RUN#1",
        "the failure of WS1 stands in job RUN#2",
    ]


def test_a_goal_is_named_by_a_part_of_an_expectation() -> None:
    staged = blocked_update(
        hours=6,
        expect=[
            {"that": "job", "job": "UPDATE", "status": "Complete", "name": "the update is through"},
            {"that": "job", "job": "FIRST", "status": "Complete"},
        ],
    )
    assert asked_goal(staged, ["is through"]).says == "the update is through"
    told_by_run = [one.label for one in expectations_named(staged, "job FIRST at the end")]
    assert asked_goal(staged, ["job FIRST at"]).says == "job FIRST at the end" == told_by_run[0]
    with pytest.raises(GoalError, match="none has 'colour' in its name; the expectations are: the"):
        asked_goal(staged, ["colour"])
