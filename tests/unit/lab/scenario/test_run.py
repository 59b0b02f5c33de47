"""One run: what a caller may change about it, what its result says, and in what order a timeline is
done.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from despoolr_core.profile import ProfileError
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.stream import decode, encode, of
from despoolr_core.timing import parse_timing
from despoolr_lab.scenario.run import RunOptions, profiles_of, run_scenario
from despoolr_lab.scenario.steps import StepError
from worlds.scenario import blocked_update, hold, play, scenario, share


def test_the_version_comes_first_then_the_site_then_the_switches_then_the_overrides() -> None:
    staged = scenario(version="1.0", profile={"attempts_max": 7, "expiry_status": "Retrying"})
    assert profiles_of(staged, RunOptions())["BPC"].version == "1.0"
    wished = profiles_of(
        staged, RunOptions(version="1.2", fix=("Q152229",), overrides={"attempts_max": 9})
    )["BPC"]
    assert (wished.version, wished.expiry_status, wished.attempts_max) == ("1.2", "", 9)
    bug = profiles_of(scenario(), RunOptions(version="1.2", bug=("Q152229",)))["BPC"]
    assert bug.expiry_status == "Canceled"


@pytest.mark.parametrize(
    "options", [{"version": "3.0"}, {"fix": ("Q1",)}, {"overrides": {"colour": 1}}]
)
def test_an_option_that_cannot_be_is_an_error_before_anything_runs(options: dict[str, Any]) -> None:
    with pytest.raises(ProfileError):
        run_scenario(scenario(), RunOptions(**options))


def test_the_json_of_a_result_has_the_keys_of_the_command_line() -> None:
    answer = play(
        blocked_update(hours=4, expect=[{"that": "job", "job": "UPDATE", "status": "Failed"}]),
        "1.1",
    ).to_json()
    assert set(answer) >= {
        *(
            "kb",
            "version",
            "seed",
            "time",
            "passed",
            "verdict",
            "expectations",
            "job",
            "workstations",
            "episodes",
            "digest",
        ),
        *("virtual_s", "wall_s"),
    }
    assert (answer["passed"], answer["time"], answer["version"]) == (False, "virtual", "1.1")
    assert answer["expectations"] == [
        {"name": "job UPDATE at the end", "expected": "Failed", "actual": "Retrying", "ok": False}
    ]
    assert answer["job"]["name"] == "UPDATE"
    assert msgspec.json.decode(msgspec.json.encode(answer))["virtual_s"] == pytest.approx(
        4 * 3600.0, abs=1.0
    )


def test_at_one_moment_expectations_are_checked_before_steps_are_done() -> None:
    staged = scenario(
        share("J", at="1h"),
        hours=2,
        expect=[{"that": "job", "job": "J", "status": "Complete", "at": "1h"}],
    )
    assert play(staged).findings[0].actual is None


def test_the_order_of_the_file_decides_between_steps_of_one_moment() -> None:
    released = {"do": "release", "at": "1h", "machine": "WS1"}
    done = [
        step.do
        for _, step in of(play(scenario(share(), hold(), released, hours=2)).records, StepTaken)
        if step.at is not UNSET
    ]
    assert done == ["job", "hold", "release"]


def test_steps_and_expectations_of_other_versions_are_left_out() -> None:
    staged = scenario(
        {**share("OLD"), "versions": ["1.0"]},
        {**share("NEW"), "versions": ["1.2"]},
        hours=1,
        expect=[
            {"that": "job", "job": "OLD", "status": "Complete", "versions": ["1.0"]},
            {
                "that": "job",
                "job": "NEW",
                "status": "Complete",
                "when": {"copy_strategy": "delete_then_copy"},
            },
        ],
    )
    result = play(staged, "1.2")
    assert [f.name for f in result.findings] == ["job NEW at the end"]
    assert result.passed


def test_a_version_that_the_scenario_does_not_speak_of_is_noted() -> None:
    staged = scenario(share(), hours=1)
    assert play(staged, "1.1").notes == []
    staged.versions = ["1.2", "1.2 SP4"]
    assert play(staged, "1.2").notes == []
    assert play(staged, "1.1").notes == [
        "the scenario does not speak of SMS 1.1, but of 1.2, 1.2 SP4"
    ]


def test_a_caller_may_ask_for_more_clients_and_for_another_length() -> None:
    staged = scenario(
        {"do": "job", "name": "J", "package": "OFFICE", "command": "X"},
        clients=[{"name": "PC{n}", "count": 2}],
        hours=9,
    )
    result = play(staged, clients=5, for_s=3600.0)
    assert sorted(result.workstations) == ["PC1", "PC2", "PC3", "PC4", "PC5"]
    assert result.virtual_s == pytest.approx(3600.0, abs=1.0)


def test_a_step_the_world_cannot_do_is_the_scenarios_fault() -> None:
    for step in (
        {"do": "release", "at": "1h", "machine": "WS1", "file": "b.dat"},
        {"do": "execute", "at": "1h", "machine": "WS1", "job": "FIRST"},
        {
            "do": "hold",
            "at": "1h",
            "machine": "WS1",
            "package": "OFFICE",
            "file": "b.dat",
            "server": "SITE1",
        },
    ):
        with pytest.raises(StepError):
            play(scenario(share(), step, hours=2))


def test_a_hold_that_is_refused_is_on_record_and_the_run_goes_on() -> None:
    first = hold("WS1", share_mode="NONE")
    result = play(scenario(share(), first, hold("WS2", at="90m"), hours=2))
    (note,) = [fact.result for _, fact in of(result.records, StepTaken) if fact.result]
    assert note["blockers"] == ["WS1"]


@pytest.mark.slow
def test_files_rows_and_shares_of_a_virtual_run_can_lie_in_a_directory(tmp_path: Path) -> None:
    memory = play(blocked_update(hours=3), "1.1")
    disk = play(blocked_update(hours=3), "1.1", directory=tmp_path)
    assert (tmp_path / "LOGON1" / "SMS_PKGD" / "BPC00001" / "a.dat").read_text() == "a, second"
    assert (tmp_path / "BPC.db").exists()
    assert [j["status"] for j in disk.jobs] == [j["status"] for j in memory.jobs]
    assert disk.verdict == memory.verdict


def test_listeners_hear_every_record_and_progress_every_step() -> None:
    heard: list[Any] = []
    said: list[tuple[float, float, str]] = []
    result = run_scenario(
        blocked_update(hours=3),
        RunOptions(),
        [heard.append],
        lambda now, end, what: said.append((now, end, what)),
    )
    assert heard == result.records
    assert "hold WS1 b.dat" in [what for _, _, what in said]
    assert [now for now, _, _ in said] == sorted(now for now, _, _ in said)
    assert all(now <= end for now, end, _ in said)


def test_the_digest_is_that_of_the_records_up_to_the_end_of_the_timeline() -> None:
    """What follows it in the records is the world being taken down."""
    result = play(blocked_update(hours=3))
    running, found = hashlib.sha256(), 0
    for number, record in enumerate(result.records, 1):
        running.update(encode(record) + b"\n")
        if running.hexdigest() == result.digest:
            found = number
    assert found
    assert {r.kind for r in result.records[found:]} <= {"session.ended", "open.closed"}
    assert decode(encode(result.records[0])) == result.records[0]


@pytest.mark.parametrize(
    ("text", "scale"), [("virtual", None), ("real", 1.0), ("x20000", 20000.0), ("x0.5", 0.5)]
)
def test_a_timing_is_read_and_shown_as_it_is_typed(text: str, scale: float | None) -> None:
    timing = parse_timing(text)
    assert (timing.scale, str(timing)) == (scale, text)


@pytest.mark.parametrize(
    "text", ["", "fast", "x", "x0", "x-1", "20000", "xnan", "x99999999", "xinf"]
)
def test_what_is_no_timing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not real, virtual or xN"):
        parse_timing(text)
