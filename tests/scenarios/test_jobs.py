"""Jobs over their life: cancelled, repeated, sent only, rewritten by an expiry, blocked at one file
after another.
"""

from __future__ import annotations

import pytest

from worlds.scenario import (
    FILES,
    blocked_update,
    failed,
    hold,
    log,
    play,
    reached,
    scenario,
    share,
    status,
    update,
)

# -- jobs


def test_a_cancelled_job_leaves_the_clients_and_what_they_reported_stays() -> None:
    result = play(
        scenario(
            {"do": "job", "at": "0s", "name": "PATCH", "package": "OFFICE", "command": "SETUP.EXE"},
            {"do": "execute", "at": "5h", "machine": "WS1", "job": "PATCH"},
            {"do": "cancel", "at": "10h", "job": "PATCH"},
            programs=[{"command": "SETUP.EXE", "runs": "1m"}],
            hours=20,
            expect=[
                {"that": "pcm", "machine": "WS2", "pending": ["PATCH"], "at": "9h"},
                {"that": "job", "job": "PATCH", "status": "Cancelled"},
                {
                    "that": "workstations",
                    "job": "PATCH",
                    "rows": {"WS1": "Complete", "WS2": "Canceled", "WS3": "Canceled"},
                },
                {"that": "pcm", "machine": "WS1", "executed": [], "pending": []},
                {"that": "pcm", "machine": "WS2", "executed": [], "pending": []},
                {"that": "events", "code": 6, "job": "PATCH", "count": 1},
                {
                    "that": "reached",
                    "job": "PATCH",
                    "status": "Cancelling",
                    "after": "10h",
                    "before": "10h 1m",
                },
            ],
        ),
        "1.2",
    )
    assert failed(result) == []


def test_a_repeating_update_is_made_anew_each_day_and_blocked_each_day() -> None:
    result = play(
        blocked_update(
            hold(),
            share(
                "DAILY",
                at="4h",
                send="even if previously sent",
                refresh_existing=True,
                repeat_every="1d",
            ),
            hours=55,
        ),
        "1.1",
    )
    daily = [job for job in result.jobs if job["name"] == "DAILY"]
    assert [job["status"] for job in daily] == ["Retrying", "Retrying", "Retrying", "Pending"]


def test_a_send_only_job_is_complete_once_its_package_arrived_though_no_server_has_it() -> None:
    result = play(
        scenario(
            share("SEND", distribute=False),
            hours=2,
            expect=[
                {"that": "job", "job": "SEND", "status": "Complete"},
                {"that": "master", "package": "OFFICE", "files": FILES},
                {"that": "files", "package": "OFFICE", "files": {}, "only": True},
            ],
        ),
        "1.2",
    )
    assert failed(result) == []


@pytest.mark.parametrize(
    ("version", "second"), [("1.1", "1996-06-04 08:10"), ("1.2 SP2", "1996-06-05 08:10")]
)
def test_a_repetitions_mandatory_date_moves_on_but_in_the_versions_of_q141192(
    version: str, second: str
) -> None:
    """In 1.1 the second instance is mandatory at the date of the first, which is over: it runs at
    once.
    """
    result = play(
        scenario(
            {
                "do": "job",
                "at": "0s",
                "name": "PATCH",
                "package": "OFFICE",
                "command": "SETUP.EXE",
                "mandatory_after": "1d",
                "repeat_every": "1d",
            },
            programs=[{"command": "SETUP.EXE", "runs": "1m"}],
            clients=[{"names": ["WS1"], "poll_every": "10m"}],
            hours=60,
        ),
        version,
    )
    runs = [r.at for r in result.records if r.kind == "pcm.run"]
    start = result.scenario.start
    days = [round((at - start) / 86400, 1) for at in runs]
    assert days[:2] == ([1.0, 1.0] if version == "1.1" else [1.0, 2.0]), second


def test_when_the_whole_disk_is_full_nothing_goes_on_and_everything_does_once_there_is_room() -> (
    None
):
    result = play(
        scenario(
            share(),
            {"do": "disk", "at": "2h 5m 1.5s", "server": "SITE1", "free": 0},
            {"do": "disk", "at": "5h", "server": "SITE1", "free": -1},
            *update(at="2h"),
            hours=6,
            expect=[
                {"that": "job", "job": "UPDATE", "status": "Active", "at": "4h 55m"},
                {"that": "job", "job": "UPDATE", "status": "Complete"},
                {"that": "events", "code": 248, "count": 1},
            ],
        ),
        "1.2",
    )
    assert failed(result) == []
    assert len(log(result, "DESPOOLER", "Cannot execute the instruction")) < 40, (
        "once a poll, not more"
    )


def test_a_job_that_was_complete_retries_when_an_expiry_rewrites_its_rows_in_1_0() -> None:
    def expired(version: str) -> str:
        result = play(
            scenario(
                {
                    "do": "job",
                    "at": "0s",
                    "name": "PATCH",
                    "package": "OFFICE",
                    "command": "X",
                    "expires_after": "1d",
                },
                {"do": "execute", "at": "5h", "machine": "WS1", "job": "PATCH"},
                clients=[{"names": ["WS1"], "poll_every": "1h"}],
                programs=[{"command": "X", "runs": "1m"}],
                hours=30,
            ),
            version,
        )
        assert reached(result, "Complete", "PATCH") != []
        return status(result, "PATCH")

    assert {version: expired(version) for version in ("1.0", "1.1", "1.2")} == {
        "1.0": "Retrying",
        "1.1": "Complete",
        "1.2": "Complete",
    }


def test_a_cancelled_retry_is_not_waited_for_in_any_time() -> None:
    result = play(
        blocked_update(
            hold(), {"do": "cancel", "at": "3h", "job": "UPDATE"}, hours=9, response="Very Fast"
        ),
        "1.2 SP4",
    )
    assert status(result) == "Cancelled"


def test_each_file_that_an_update_stopped_at_is_named_with_who_held_it() -> None:
    result = play(
        blocked_update(
            hold("WS1", "a.dat", program="EXCEL.EXE", **{"for": "90m"}),
            hold("WS2", "c.dat", program="ACCESS.EXE", **{"for": "4h"}),
            hours=9,
            expect=[
                {"that": "episode", "path": "a.dat", "blocker": "WS1"},
                {"that": "episode", "path": "c.dat", "blocker": "WS2"},
            ],
        ),
        "1.1",
    )
    assert failed(result) == []
    assert "a.dat once because EXCEL.EXE on WS1" in result.verdict
    assert "c.dat once because ACCESS.EXE on WS2" in result.verdict
