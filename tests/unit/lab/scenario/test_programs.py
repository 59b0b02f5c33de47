"""Programs as a file describes them: outcomes in turn, hanging, restarting, files left open; and
clients that have the service.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.stream import of
from despoolr_lab.scenario.run import RunResult
from worlds.scenario import hold, play, scenario, share, update

RUN = share("RUN", type="run", command="SETUP.EXE", machines=["WS1"], mandatory_after="1h")
OPENS = {"command": "SETUP.EXE", "opens": ["b.dat"]}


def run(
    *steps: dict[str, Any], program: dict[str, Any], expect: list[Any], **more: Any
) -> RunResult:
    clients = [{"names": ["WS1"], "poll_every": "1h", **more.pop("clients", {})}]
    staged = scenario(
        RUN, *steps, programs=[{**OPENS, **program}], expect=expect, clients=clients, **more
    )
    result = play(staged, more.get("version", ""))
    assert result.passed, [f for f in result.findings if not f.ok]
    return result


def starts(result: RunResult) -> int:
    return len([1 for _, _ in of(result.records, ProgramStarted)])


def row(status: str, at: str = "") -> dict[str, Any]:
    return {"that": "workstations", "job": "RUN", "rows": {"WS1": status}, "at": at}


def test_a_program_that_fails_first_and_then_succeeds_is_told_so_both_times() -> None:
    again = share(
        "AGAIN", at="4h", type="run", command="SETUP.EXE", machines=["WS1"], mandatory_after="1h"
    )
    result = run(
        again,
        program={"exit_code": 1, "then": [{"exit_code": 0}]},
        expect=[row("Retrying"), {**row("Complete"), "job": "AGAIN"}],
        hours=8,
    )
    assert starts(result) == 2


def test_a_program_that_does_not_start_is_reported_as_an_error() -> None:
    run(
        program={"launch_error": 5},
        expect=[row("None", "50m"), row("Retrying")],
        hours=5,
    )


def test_a_program_that_hangs_holds_its_files_until_its_machine_goes() -> None:
    run(
        {"do": "power", "at": "9h", "machine": "WS1", "on": False},
        *update(at="4h"),
        program={"hangs": True},
        expect=[
            row("None"),
            {"that": "episode", "blocker": "WS1", "program": "SETUP.EXE", "state": "resolved"},
            {"that": "job", "job": "UPDATE", "status": "Retrying", "at": "8h"},
        ],
        hours=16,
    )


def test_a_program_that_hangs_with_copies_of_its_own_holds_nothing() -> None:
    run(
        *update(at="4h"),
        program={"hangs": True},
        clients={"copies_first": True},
        expect=[row("None"), {"that": "job", "job": "UPDATE", "status": "Complete"}],
        hours=6,
    )


def test_a_restart_loses_the_report_and_the_next_start_makes_it() -> None:
    result = run(
        program={"restarts": True, "then": [{}]},
        expect=[row("None", "1h 10m"), row("Complete")],
        hours=5,
    )
    assert starts(result) == 2


def test_a_program_that_restarts_each_time_never_reports() -> None:
    result = run(program={"restarts": True}, expect=[row("None")], hours=5)
    assert starts(result) > 2


@pytest.mark.parametrize("is_faulty", [True, False])
def test_files_left_open_block_an_update_where_the_profile_says_so(is_faulty: bool) -> None:
    run(
        *update(at="5h"),
        program={"leaves_open": True},
        expect=[
            row("Complete"),
            {"that": "episode", "blocker": "WS1", "none": not is_faulty},
        ],
        hours=8,
        profile={"leaked_drive_after_run": is_faulty},
    )


@pytest.mark.parametrize(
    ("pcm", "background", "status"),
    [
        ("PCMSVC32", True, "Complete"),
        ("PCMSVC32", False, "None"),
        ("PCMWIN32", True, "None"),
        ("PCMWIN32", False, "Complete"),
        ("PCMWIN16", False, "Complete"),
    ],
)
def test_the_service_runs_what_is_for_it_and_the_desktop_the_rest(
    pcm: str, background: bool, status: str
) -> None:
    staged = scenario(
        {**RUN, "background": background},
        clients=[{"names": ["WS1"], "pcm": pcm}],
        expect=[row(status)],
        version="1.2 SP2",
        hours=5,
    )
    assert play(staged).passed


def test_a_hold_of_the_desktop_stands_beside_a_program_of_the_service() -> None:
    staged = scenario(
        {**RUN, "background": True, "machines": ["WS2"]},
        hold(at="30m"),
        clients=[{"names": ["WS1"]}, {"names": ["WS2"], "pcm": "PCMSVC32"}],
        expect=[{"that": "workstations", "job": "RUN", "rows": {"WS2": "Complete"}}],
        version="1.2 SP2",
        hours=5,
    )
    assert play(staged).passed


def test_two_commands_run_one_after_the_other_and_the_order_is_told() -> None:
    other = {**RUN, "name": "OTHER", "command": "OTHER.EXE", "mandatory_after": "3h"}
    order = {"that": "run_order", "machine": "WS1"}
    result = play(
        scenario(
            RUN,
            other,
            hours=10,
            clients=[{"names": ["WS1"], "poll_every": "1h"}],
            expect=[{**order, "jobs": ["RUN", "OTHER"]}, {**order, "jobs": ["OTHER", "RUN"]}],
        )
    )
    assert [finding.ok for finding in result.findings] == [True, False]
