"""`despoolr explore`: what it tells of many worlds, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_lab.explore import campaign
from despoolr_lab.explore.breach import FailureKey
from despoolr_lab.explore.judgement import WorldJudgement
from despoolr_lab.pool import WorkerDied
from worlds.answer import data_of

Said = pytest.CaptureFixture[str]
KEY = FailureKey("a lost retry", "", "SMS_DESPOOLER", "temp_and_rename")
BROKEN = WorldJudgement("d", {KEY: ("job BPC00002 was to be tried again, and never was", 5.0)})
SCENARIO = """
name = "shared"
title = "A package is shared"
[run]
for = "2h"
[[package]]
name = "OFFICE"
files = { "a.dat" = "a" }
[[step]]
do = "job"
at = "0s"
name = "FIRST"
package = "OFFICE"
type = "share"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shared.toml").write_text(SCENARIO)


def worlds_are(
    monkeypatch: pytest.MonkeyPatch, *judgements: WorldJudgement, then: BaseException | None = None
) -> None:
    def explore(*_: Any) -> Iterator[tuple[int, WorldJudgement]]:
        yield from enumerate(judgements, 1)
        if then is not None:
            raise then

    monkeypatch.setattr(campaign, "explore", explore)


def test_worlds_in_which_nothing_goes_wrong_exit_0(capsys: Said) -> None:
    assert run(["explore", "shared.toml", "--seeds", "1-2", "--jobs", "1"]) == 0
    said = capsys.readouterr()
    assert "2 of 2 worlds of shared.toml" in said.out
    assert "Nothing went wrong in them." in said.out


def test_what_goes_wrong_is_listed_by_kind_with_its_first_world(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds_are(monkeypatch, WorldJudgement("d"), BROKEN, BROKEN)
    assert run(["explore", "shared.toml", "--seeds", "1-3"]) == 11
    said = capsys.readouterr()
    assert "     2      2  a lost retry, SMS_DESPOOLER, temp_and_rename" in said.out
    assert "job BPC00002 was to be tried again" in said.out
    assert said.err.count("a lost retry") == 1


def test_json_is_one_object_with_all_of_it(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch, BROKEN, WorldJudgement(refused="it cannot be done"))
    assert run(["explore", "shared.toml", "--seeds", "1-2", "--json"]) == 11
    said = capsys.readouterr()
    told = data_of(said.out)
    assert (told["scenario"], told["seeds"], told["worlds"]) == ("shared", "1-2", 1)
    assert told["failures"][0]["first"] == 1 and not told["interrupted"]
    assert told["refused"] == [{"seed": 2, "why": "it cannot be done"}] and not said.err


def test_ctrl_c_keeps_what_is_done(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch, BROKEN, then=KeyboardInterrupt())
    assert run(["explore", "shared.toml", "--seeds", "1-9"]) == 130
    said = capsys.readouterr()
    assert "a lost retry" in said.out
    assert "interrupted after 1 of 9 worlds" in said.err


def test_a_worker_that_dies_is_one_line(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch, then=WorkerDied("a worker process died"))
    assert run(["explore", "shared.toml", "--seeds", "1-9"]) == 2
    assert "a worker process died" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seeds", "says"),
    [("x", "no range of seeds"), ("5-1", "ends before"), ("1-900000", "100,000 worlds at most")],
)
def test_seeds_that_are_none_are_refused(seeds: str, says: str, capsys: Said) -> None:
    assert run(["explore", "shared.toml", "--seeds", seeds]) == 2
    assert says in capsys.readouterr().err
