"""One deliberate mistake each, in a scenario that holds: every one is refused with the line of its
mistake, ends the run with its line, or fails; none passes and none ends as a bug of ours.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from despoolr.console import run
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.mistaken_expectations import EXPECTATIONS
from worlds.mistaken_steps import STEPS
from worlds.mistaken_tables import TABLES
from worlds.mistakes import BASE, CANNOT, FAILING, stepped

REFUSED = {**EXPECTATIONS, **TABLES, **STEPS}


def test_there_are_a_hundred_mistakes_and_more() -> None:
    assert len(REFUSED) + len(FAILING) + len(CANNOT) >= 100


MAY_FAIL = (
    "a hold that is refused",
    "a hold of a missing file",
    "a put that is refused",
    "a delete of what is not there",
    "a delete of what is held",
)


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused_with_its_line(mistake: str) -> None:
    text, reason = REFUSED[mistake]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)
    assert reason in str(caught.value)
    assert caught.value.line > 1


def test_the_scenario_that_the_mistakes_are_made_in_holds() -> None:
    assert run_scenario(parse_scenario(BASE), RunOptions()).passed


@pytest.mark.parametrize("mistake", FAILING)
def test_what_did_not_happen_fails_the_run(mistake: str) -> None:
    result = run_scenario(parse_scenario(FAILING[mistake]), RunOptions())
    assert [finding.ok for finding in result.findings].count(False) == 1, result.findings


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MAY_FAIL)
def test_what_is_said_to_be_allowed_to_fail_may(mistake: str) -> None:
    allowed = parse_scenario(FAILING[mistake] + "may_fail = true\n")
    assert run_scenario(allowed, RunOptions()).passed


def test_a_package_in_the_path_of_a_put_is_its_directory_and_braces_in_its_text_stay() -> None:
    text = stepped(
        'do = "put"\nat = "1h"\nserver = "LOGON1"\nshare = "SMS_PKGD"\n'
        'path = "{package:OFFICE}/note.txt"\ntext = "{not:ours}"\n'
    )
    text += '[[expect]]\nthat = "files"\npackage = "OFFICE"\n'
    result = run_scenario(
        parse_scenario(text + 'files = { "note.txt" = "{not:ours}" }\n'), RunOptions()
    )
    assert result.passed, result.findings


@pytest.mark.parametrize("mistake", CANNOT)
def test_what_cannot_be_asked_or_done_ends_the_run_with_its_line(
    mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mistake.toml"
    file.write_text(CANNOT[mistake], encoding="utf-8")
    assert run(["run", str(file), "--out", str(tmp_path), "--json"]) == 2
    said = capsys.readouterr().err
    assert re.search(rf"{re.escape(str(file))}:\d\d:1: (step|none)", said), said


def test_a_mistake_in_a_file_is_told_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mistake.toml"
    file.write_text(REFUSED["a misspelt component"][0], encoding="utf-8")
    assert run(["run", str(file), "--out", str(tmp_path)]) == 2
    assert f"{file}:30:" in capsys.readouterr().err
