"""Names of jobs: the latest of a name, or one instance of a job that repeats; and when a job is
activated.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_lab.scenario.steps import StepError
from worlds.scenario import play, scenario, share

DAILY = share("DAILY", at="0s", activate_after="1h", repeat_every="1d")


def expected(that: str, job: str, **more: Any) -> dict[str, Any]:
    return {"that": that, "job": job, **more}


def test_each_instance_of_a_repeating_job_has_a_name_and_the_plain_one_is_the_latest() -> None:
    result = play(
        scenario(
            DAILY,
            hours=50,
            expect=[
                expected("job", "DAILY", status="Pending", at="30m"),
                expected("reached", "DAILY#1", status="Active", after="1h", before="1h 10m"),
                expected("job", "DAILY#1", status="Complete", at="2h"),
                expected("job", "DAILY", status="Pending", at="2h"),
                expected("job", "DAILY#2", status="Pending", at="24h"),
                expected("arrivals", "DAILY#2", rows={"BPC": "Complete"}, at="26h"),
                expected("completions", "DAILY#3", rows={"BPC": "Complete"}, at="50h"),
                {
                    "that": "log",
                    "component": "SMS_SCHEDULER",
                    "text": "{job:DAILY#2}",
                    "at": "26h",
                },
            ],
        )
    )
    assert result.passed, [f for f in result.findings if not f.ok]


def test_the_window_of_a_client_names_the_instances() -> None:
    daily = {**DAILY, "type": "run", "command": "SETUP.EXE", "machines": ["WS1"]}
    pcm = {"that": "pcm", "machine": "WS1", "at": "40h", "executed": []}
    result = play(
        scenario(
            daily,
            hours=40,
            expect=[
                {**pcm, "pending": ["DAILY#1", "DAILY#2"]},
                {**pcm, "pending": ["DAILY", "DAILY#2"]},
                {**pcm, "pending": ["DAILY#2", "DAILY#3"]},
            ],
        )
    )
    assert [finding.ok for finding in result.findings] == [True, True, False]


def test_an_instance_is_cancelled_and_run_by_its_name() -> None:
    daily = {**DAILY, "type": "run", "command": "SETUP.EXE", "machines": ["WS1"]}
    result = play(
        scenario(
            daily,
            {"do": "execute", "at": "30h", "machine": "WS1", "job": "DAILY#1"},
            {"do": "cancel", "at": "31h", "job": "DAILY#2"},
            hours=40,
            expect=[
                expected("workstations", "DAILY#1", rows={"WS1": "Complete"}),
                expected("job", "DAILY#2", status=["Cancelling", "Cancelled"]),
            ],
        )
    )
    assert result.passed, result.findings


def test_an_instance_that_is_not_there_yet_cannot_be_cancelled() -> None:
    with pytest.raises(StepError, match="has made no DAILY#2 yet"):
        play(scenario(DAILY, {"do": "cancel", "at": "30m", "job": "DAILY#2"}))
