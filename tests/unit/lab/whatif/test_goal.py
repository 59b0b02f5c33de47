"""What had to come true: read from a scenario and what its run told."""

from __future__ import annotations

import pytest

from despoolr_lab.scenario.model import FilesExpectation, JobExpectation, WorkstationsExpectation
from despoolr_lab.whatif.goal import (
    EXPIRY,
    FAILURE,
    STATUS,
    UPDATE,
    GoalError,
    asked_goal,
    first_attempt,
    goals,
    reached_at,
)
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


def test_an_update_is_to_be_new_on_every_server_and_the_job_to_say_so() -> None:
    staged = blocked_update(hours=6, servers=("LOGON1", "LOGON2"))
    (goal,) = goals(staged, play(staged, "1.1").records)
    assert goal.kind == UPDATE
    assert goal.says == "OFFICE is new on LOGON1 and LOGON2 and job UPDATE says so"
    files = [one for one in goal.expectations if isinstance(one, FilesExpectation)]
    assert [(one.server, one.files) for one in files] == [("LOGON1", NEW), ("LOGON2", NEW)]
    assert isinstance(goal.expectations[-1], JobExpectation)


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
    [("Q152229", "1.1", EXPIRY), ("Q166833", "1.2", FAILURE), ("Q235805", "2.0", STATUS)],
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


def test_a_goal_is_named_by_a_part_of_an_expectation() -> None:
    staged = blocked_update(
        hours=6,
        expect=[
            {"that": "job", "job": "UPDATE", "status": "Complete", "name": "the update is through"},
            {"that": "job", "job": "FIRST", "status": "Complete"},
        ],
    )
    assert asked_goal(staged, ["is through"]).says == "the update is through"
    with pytest.raises(GoalError, match="none has 'colour' in its name; the expectations are: the"):
        asked_goal(staged, ["colour"])
