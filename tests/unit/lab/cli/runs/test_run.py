"""`despoolr run`: a scenario file of one's own, what is told of it, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_lab.cli.runs import running
from despoolr_lab.cli.runs.running import Interrupted
from worlds.answer import answer_of, data_of
from worlds.scenario import SHARED

pytestmark = pytest.mark.usefixtures("here")
Said = pytest.CaptureFixture[str]


def test_a_scenario_that_holds_is_told_kept_and_exits_0(capsys: Said) -> None:
    assert run(["run", "shared.toml"]) == 0
    said = capsys.readouterr().out
    assert "EXPECTATIONS  1 of 1 hold" in said
    report = Path(said.splitlines()[-1].removeprefix("report: "))
    assert report.is_file() and (report.parent / "records.jsonl").is_file()


def test_an_expectation_that_does_not_hold_exits_10_and_says_what_was_found(capsys: Said) -> None:
    Path("shared.toml").write_text(SHARED.replace('"Complete"', '"Failed"'))
    assert run(["run", "shared.toml", "--json", "--out", "elsewhere"]) == 10
    said = capsys.readouterr()
    told = data_of(said.out)
    assert not told["passed"] and not said.err
    assert told["expectations"] == [
        {"name": "job FIRST at the end", "expected": "Failed", "actual": "Complete", "ok": False}
    ]
    assert Path("elsewhere/latest/summary.json").is_file() and not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "shared.toml:1:"),
        (SHARED.replace("title =", "titel ="), "shared.toml"),
        (
            SHARED.replace('do = "job"\n', 'do = "release"\nmachine = "WS1"\n')
            .replace('name = "FIRST"\npackage = "OFFICE"\ntype = "share"\n', 'file = "a.dat"\n'),
            "WS1",
        ),
    ],
    ids=["no TOML", "no such key", "a step that cannot be done"],
)  # fmt: skip
def test_a_scenario_that_cannot_be_run_is_one_line_and_exit_code_2(
    capsys: Said, text: str, says: str
) -> None:
    Path("shared.toml").write_text(text)
    assert run(["run", "shared.toml", "--json"]) == 2
    said = capsys.readouterr()
    assert says in said.err and len(said.err.splitlines()) == 1
    assert says in answer_of(said.out)["error"]["message"]


TWO = (
    SHARED
    + """
[[expect]]
that = "job"
job = "FIRST"
name = "it fails"
status = "Failed"
exact_only = true
"""
)


@pytest.mark.parametrize(
    ("name", "code"), [("job FIRST at the end", 0), ("it fails", 10)], ids=["holds", "does not"]
)
def test_one_expectation_alone_decides_the_exit_code(name: str, code: int, capsys: Said) -> None:
    Path("two.toml").write_text(TWO)
    assert run(["run", "two.toml", "--json"]) == 10
    assert run(["run", "two.toml", "--expect", name]) == code
    assert "of 1 hold" in capsys.readouterr().out


def test_an_expectation_that_is_not_there_or_not_asked_is_exit_code_2(capsys: Said) -> None:
    Path("two.toml").write_text(TWO)
    assert run(["run", "two.toml", "--expect", "it fail"]) == 2
    assert "did you mean 'it fails'?" in capsys.readouterr().err
    assert run(["run", "two.toml", "--expect", "it fails", "--seed", "4"]) == 2
    assert "say --seed 0" in capsys.readouterr().err


def test_an_interrupted_scenario_exits_130(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = {"verdict": "Interrupted after 1 h.", "expectations": []}

    def run_and_keep(*_: Any, **__: Any) -> Any:
        raise Interrupted(summary, [], Path("runs/one"))

    monkeypatch.setattr(running, "run_and_keep", run_and_keep)
    assert run(["run", "shared.toml", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["data"] == summary
