"""Each fault by its name: what it breaks, and that it is whole again when the fault is over."""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.run import FaultBegan, FaultEnded
from despoolr_core.records.stream import of
from despoolr_core.timing import Timing
from despoolr_lab.report.content.facts import read_facts
from despoolr_lab.report.timeline import draw
from despoolr_lab.scenario import model
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from despoolr_lab.scenario.steps import StepError
from despoolr_server.faults.catalogue import FAULTS
from worlds.scenario import hours, play, scenario, share, update

RUN = share("RUN", type="run", command="SETUP.EXE", machines=["WS1"], mandatory_after="4h")


def held(job: str, status: str | list[str], at: str = "") -> dict[str, Any]:
    return {"that": "job", "job": job, "status": status, "at": at}


def broken(*steps: dict[str, Any], expect: list[dict[str, Any]], **more: Any) -> RunResult:
    result = play(scenario(*steps, expect=expect, **more))
    assert result.passed, [finding for finding in result.findings if not finding.ok]
    return result


def test_every_fault_has_a_beginning() -> None:
    assert set(FAULTS) == {kind.__struct_config__.tag for kind in model.Fault.__args__}


def test_nothing_leaves_a_site_whose_sender_has_died_until_it_is_started() -> None:
    dies = {"do": "sender_dies", "at": "1m", "for": "3h"}
    broken(
        dies,
        share(at="10m"),
        hours=6,
        expect=[
            {"that": "arrivals", "job": "FIRST", "rows": {"BPC": "Complete"}},
            {"that": "files", "package": "OFFICE", "files": {"a.dat": True}},
            {"that": "box", "server": "LOGON1", "share": "SMS_PKGD", "path": "", "count": 0},
            held("FIRST", "Complete"),
            held("FIRST", ["Pending", "Active"], "3h"),
        ],
    )


def test_a_sender_whose_site_was_killed_is_not_started_twice() -> None:
    dies = {"do": "sender_dies", "at": "10m", "for": "2h"}
    kill = {"do": "kill", "at": "1h", "down_for": "10m"}
    broken(share(at="5m"), dies, kill, hours=6, expect=[held("FIRST", "Complete")])


def test_a_handle_that_a_service_forgets_blocks_the_update_until_it_is_closed() -> None:
    leaks = {"do": "handle_leaks", "at": "1h", "package": "OFFICE", "file": "b.dat", "for": "4h"}
    open_ = {"that": "open", "machine": "SITE1", "path": "b.dat", "program": "SMS_DESPOOLER"}
    broken(
        share(),
        leaks,
        *update(at="2h"),
        hours=10,
        expect=[
            held("UPDATE", "Retrying", "4h"),
            held("UPDATE", "Complete"),
            {**open_, "at": "3h", "count": 1},
            {**open_, "count": 0},
            {"that": "episode", "path": "b.dat", "blocker": "SITE1", "state": "resolved"},
        ],
    )


def test_a_handle_goes_with_the_process_that_forgot_it() -> None:
    leaks = {"do": "handle_leaks", "at": "1h", "package": "OFFICE", "file": "b.dat", "for": "9h"}
    kill = {"do": "kill", "at": "3h", "down_for": "10m"}
    broken(
        share(),
        leaks,
        kill,
        *update(at="5h"),
        hours=12,
        expect=[
            {"that": "open", "path": "b.dat", "at": "6h", "count": 0},
            held("UPDATE", "Complete"),
        ],
    )


@pytest.mark.parametrize("where", [{}, {"share": "SMS_PKGD", "path": "{package:OFFICE}"}])
def test_an_update_waits_until_a_full_disk_has_room(where: dict[str, str]) -> None:
    full = {"do": "disk_full", "at": "1h", "server": "LOGON1", "for": "4h", **where}
    broken(
        share(),
        full,
        *update(at="2h"),
        hours=10,
        expect=[held("UPDATE", "Retrying", "4h"), held("UPDATE", "Complete")],
    )


def test_a_clock_that_jumps_makes_a_command_due_early_and_jumps_back() -> None:
    jump = {"do": "clock_jumps", "at": "1h", "machine": "WS1", "by": "+3h", "for": "2h"}
    result = broken(
        RUN,
        jump,
        hours=9,
        clients=[{"names": ["WS1"], "poll_every": "30m"}],
        expect=[
            {"that": "runs", "job": "RUN", "machine": "WS1", "count": 0, "at": "59m"},
            {"that": "runs", "job": "RUN", "machine": "WS1", "count": 1, "at": "2h"},
        ],
    )
    assert [hours(result, r.at) for r, _ in of(result.records, FaultEnded)] == [3.0]


@pytest.mark.parametrize("other", [{}, {"other": "SITE1"}])
def test_a_link_that_is_down_comes_back_by_itself(other: dict[str, str]) -> None:
    down = {"do": "link_down", "at": "1h", "server": "LOGON1", "for": "4h", **other}
    broken(
        share(),
        down,
        *update(at="2h"),
        hours=12,
        expect=[
            {"that": "job", "job": "UPDATE", "status": ["Active", "Retrying"], "at": "4h"},
            held("UPDATE", "Complete"),
        ],
    )


def test_a_slow_share_takes_longer_and_answers_all_the_same() -> None:
    def took(*faults: dict[str, Any]) -> float:
        result = broken(
            share(), *faults, *update(at="2h"), hours=6, expect=[held("UPDATE", "Complete")]
        )
        (_, copied) = [r.at for r in result.records if r.kind == "despooler.copy.end"] or (
            0.0,
            result.virtual_s,
        )
        return copied

    slow = {"do": "slow_share", "at": "1h", "server": "LOGON1", "delay": "5s", "for": "4h"}
    assert took(slow) >= took()


def test_what_was_broken_is_on_record_with_its_end_and_in_the_picture() -> None:
    down = {"do": "link_down", "at": "1h", "server": "LOGON1", "for": "1h"}
    dies = {"do": "sender_dies", "at": "2h"}
    result = broken(share(), down, dies, hours=4, expect=[held("FIRST", "Complete", "30m")])
    assert [fact.fault for _, fact in of(result.records, FaultBegan)] == [
        "link_down",
        "sender_dies",
    ]
    assert [fact.where for _, fact in of(result.records, FaultEnded)] == ["LOGON1 to everybody"]
    faults = read_facts(result.records).faults
    assert [(f.fault, hours(result, f.began_at), f.ended_at is None) for f in faults] == [
        ("link_down", 1.0, False),
        ("sender_dies", 2.0, True),
    ]
    group = draw(read_facts(result.records)).groups[-1]
    assert group.heading == "Broken on purpose"
    assert [lane.outcome for lane in group.lanes] == ["broken 1 h", "broken 2 h"]
    assert [lane.bars[0].is_open for lane in group.lanes] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        {"do": "disk_full", "server": "LOGON1"},
        {"do": "link_down", "server": "LOGON1"},
        {"do": "slow_share", "server": "LOGON1"},
    ],
)
def test_what_only_a_simulation_can_break_says_so_in_real_time(step: dict[str, Any]) -> None:
    with pytest.raises(StepError, match="--time virtual"):
        run_scenario(scenario(step, hours=0.01), RunOptions(timing=Timing(3600.0)))
