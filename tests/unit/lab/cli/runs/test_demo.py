"""`despoolr demo`: two halves, told or as one object, and what is said where one is not as
Microsoft said. Both halves ran in virtual time before: what the command makes of them is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click import ClickException

from despoolr.console import run
from despoolr_core.records.stream import Listener
from despoolr_core.records.whatif.ladder import CANNOT_HELP, FIXES, Ladder, LadderRow
from despoolr_lab.cli.runs import demo, remedy, running
from despoolr_lab.cli.runs.demo import SCALES, WORLDS
from despoolr_lab.cli.runs.running import StepRefused
from despoolr_lab.scenario.expectations import Finding
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from despoolr_lab.toml.shipped_files import shipped_directory
from despoolr_lab.whatif.ladder import Question
from worlds.answer import data_of

pytestmark = pytest.mark.slow
Said = pytest.CaptureFixture[str]
LADDER = Ladder(
    source="demo-nobody-closes",
    goal="OFFICE is new",
    as_it_was="never",
    rows=(
        LadderRow(
            change="a new folder", cost="setting", word=FIXES, worlds=2, held=2, goal_after_s=300.0
        ),
        LadderRow(change="a rename", cost="setting", word=CANNOT_HELP, why="WS50 shares READ only"),
    ),
)
LIVE, NOBODY_CLOSES = "demo_live.toml", "demo_nobody_closes.toml"


@cache
def played(file: str, *fix: str) -> RunResult:
    return run_scenario(load_scenario(shipped_directory() / file), RunOptions(fix=fix))


def as_it_went(
    monkeypatch: pytest.MonkeyPatch, *halves: RunResult | ClickException
) -> list[tuple[str, Path]]:
    """The command hears these halves instead of running; returns what it asked for."""
    asked: list[tuple[str, Path]] = []
    left = list(halves)

    def run_and_keep(
        scenario: Scenario,
        options: RunOptions,
        out: Path,
        *,
        quiet: bool,
        listeners: Sequence[Listener],
    ) -> Any:
        assert quiet
        asked.append((f"{scenario.name} {options.timing}", out))
        half = left.pop(0)
        if isinstance(half, ClickException):
            raise half
        for record in half.records:
            for listener in listeners:
                listener(record)
        return half, out / scenario.name

    def find_remedy(scenario: Scenario, run: Path, question: Question, *, quiet: bool) -> Ladder:
        assert quiet and (question.worlds, run.name) == (WORLDS, scenario.name)
        return LADDER

    monkeypatch.setattr(running, "run_and_keep", run_and_keep)
    monkeypatch.setattr(remedy, "find_remedy", find_remedy)
    return asked


def test_the_demo_tells_both_halves_with_their_verdicts_and_where_their_pictures_are(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    asked = as_it_went(monkeypatch, played(LIVE), played(NOBODY_CLOSES))
    assert run(["demo", "--out", "kept"]) == 0
    assert asked == [
        ("demo-live x3000", Path("kept")),
        ("demo-nobody-closes virtual", Path("kept")),
    ]
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert said.count("   VERDICT  SMS_DESPOOLER on SITE1 was refused b.dat") == 2
    assert said.index("1. LIVE") < said.index("Job UPDATE is Complete, after Retrying.")
    assert said.index("2. NOBODY CLOSES IT") < said.index("Job UPDATE is Failed, after Retrying.")
    assert said.index("Job UPDATE is Failed") < said.index("3. WHAT WOULD HAVE FIXED IT?")
    assert "   fixes        a new folder" in lines
    assert f"{'':16}through after 5 min; nobody disturbed" in lines
    assert f"{'':16}WS50 shares READ only" in lines
    assert "   Pictures: kept/demo-live/report.html" in lines
    assert "   ok  WS50 is named" in lines and "   NOT" not in said
    assert any(line.startswith("   8 of 8 as Microsoft said, in ") for line in lines)
    assert "What next?" in lines


def test_the_demo_as_json_is_both_halves_and_whether_they_passed(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    as_it_went(monkeypatch, played(LIVE), played(NOBODY_CLOSES))
    assert run(["demo", "--json"]) == 0
    said = capsys.readouterr()
    told = data_of(said.out)
    assert told["passed"] and not said.err
    assert told["live"]["job"]["status"] == "Complete"
    assert told["virtual"]["job"]["status"] == "Failed"
    assert [row["word"] for row in told["whatif"]["rows"]] == ["fixes", "cannot help"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_demo_that_does_not_go_as_microsoft_said_says_what_was_found_and_exits_10(
    monkeypatch: pytest.MonkeyPatch, capsys: Said, options: tuple[str, ...]
) -> None:
    # with the fix SMS closes the file by force: the job completes
    as_it_went(monkeypatch, played(LIVE), played(NOBODY_CLOSES, "Q147819"))
    assert run(["demo", *options]) == 10
    said = capsys.readouterr().out
    if options:
        assert data_of(said)["passed"] is False
        return
    assert "   NOT the job is marked Failed: found never Failed\n" in said
    assert "   5 of 8 as Microsoft said, in " in said
    assert "What next?" in said, "the story is told to its end"


def test_on_a_machine_that_is_too_slow_the_live_half_runs_again_slower(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """Where a step came too early for what it needs, and where something was found too late."""
    late = msgspec.structs.replace(
        played(LIVE), findings=[Finding(name="files", expected="", actual="", ok=False)]
    )
    asked = as_it_went(
        monkeypatch,
        StepRefused("WS50 holds no b.dat"),
        late,
        played(LIVE),
        played(NOBODY_CLOSES),
    )
    assert run(["demo"]) == 0
    assert [what for what, _ in asked][:3] == [f"demo-live x{scale:g}" for scale in SCALES]
    said = capsys.readouterr().out
    assert "   Once more, 750 times faster than real:\n" in said
    assert "   8 of 8 as Microsoft said, in " in said and "holds no b.dat" not in said


def test_what_fails_at_every_pace_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    as_it_went(monkeypatch, *[StepRefused("WS50 holds no b.dat")] * len(SCALES))
    assert run(["demo"]) == 2
    assert "WS50 holds no b.dat" in capsys.readouterr().err


def test_what_no_pace_can_mend_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    asked = as_it_went(monkeypatch, ClickException("cannot write runs"))
    assert run(["demo"]) == 2 and len(asked) == 1
    said = capsys.readouterr()
    assert "cannot write runs" in said.err and "Once more" not in said.out


def test_no_line_of_the_story_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(demo, "page_width", lambda _: 79)
    as_it_went(monkeypatch, played(LIVE), played(NOBODY_CLOSES))
    assert run(["demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 79] == []
    told = lines.index(next(line for line in lines if line.startswith("   VERDICT  ")))
    assert lines[told + 1].startswith(" " * 12) and lines[told + 1][12] != " "
