"""`despoolr demo`: two halves, told or as one object, and what is said where one is not as
Microsoft said. Both halves run in virtual time here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_lab.cli import running
from despoolr_lab.scenario.run import RunOptions

pytestmark = pytest.mark.slow
Said = pytest.CaptureFixture[str]


def in_virtual_time(monkeypatch: pytest.MonkeyPatch, *fix: str) -> None:
    run_and_keep = running.run_and_keep

    def virtually(scenario: Any, _: RunOptions, out: Path, **more: Any) -> Any:
        return run_and_keep(scenario, RunOptions(fix=fix), out, **more)

    monkeypatch.setattr(running, "run_and_keep", virtually)


def test_the_demo_as_json_is_both_halves_and_whether_they_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    in_virtual_time(monkeypatch)
    assert run(["demo", "--json", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["passed"] and not said.err
    assert told["live"]["job"]["status"] == "Complete"
    assert told["virtual"]["job"]["status"] == "Failed"


def test_a_demo_that_does_not_go_as_microsoft_said_says_what_was_found_and_exits_10(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    in_virtual_time(monkeypatch, "Q147819")  # SMS closes the file by force: the job completes
    assert run(["demo", "--out", str(tmp_path)]) == 10
    lines = capsys.readouterr().out.splitlines()
    assert "   NOT the job is marked Failed: found never Failed" in lines
    assert "   ok  WS50 is named" in lines and any("5 of 8 as Microsoft" in line for line in lines)
    reports = [Path(line.split()[-1]) for line in lines if line.endswith("report.html")]
    assert len(reports) == 2 and all(report.is_file() for report in reports)
    assert "What next?" in lines, "the story is told to its end"
