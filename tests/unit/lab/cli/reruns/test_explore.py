"""`despoolr explore`: what it tells of many worlds, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_lab.explore import campaign
from despoolr_lab.explore.judgement import WorldJudgement
from despoolr_lab.explore.rules.breach import FailureKey
from despoolr_lab.pool import WorkerDied
from worlds.answer import data_of
from worlds.scenario import SHARED

pytestmark = pytest.mark.usefixtures("here")
Said = pytest.CaptureFixture[str]
KEY = FailureKey("a lost retry", "", "SMS_DESPOOLER", "temp_and_rename")
BROKEN = WorldJudgement("d", {KEY: ("job BPC00002 was to be tried again, and never was", 5.0)})


def worlds_are(
    monkeypatch: pytest.MonkeyPatch, *judgements: WorldJudgement, then: BaseException | None = None
) -> None:
    def explore(*_: Any) -> Iterator[tuple[int, WorldJudgement]]:
        yield from enumerate(judgements, 1)
        if then is not None:
            raise then

    monkeypatch.setattr(campaign, "explore", explore)


@pytest.mark.slow
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


def test_of_no_world_nothing_is_said(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch, then=KeyboardInterrupt())
    assert run(["explore", "shared.toml", "--seeds", "1-9"]) == 130
    said = capsys.readouterr()
    assert "0 of 9 worlds" in said.out and "Nothing went wrong" not in said.out


def test_a_worker_that_dies_is_one_line(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch, then=WorkerDied("a worker process died"))
    assert run(["explore", "shared.toml", "--seeds", "1-9"]) == 2
    assert "a worker process died" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        ("x", "no range of seeds"),
        ("5-1", "ends before"),
        ("1-100001", "100,000 worlds at most"),
    ],
)
def test_seeds_that_are_none_are_refused(seeds: str, says: str, capsys: Said) -> None:
    assert run(["explore", "shared.toml", "--seeds", seeds]) == 2
    assert says in capsys.readouterr().err


def test_as_many_worlds_as_stated_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds_are(monkeypatch)
    assert run(["explore", "shared.toml", "--seeds", "1-100000"]) == 0


@pytest.mark.parametrize("clients", ["-1", "100001"])
@pytest.mark.parametrize("command", ["explore", "shrink", "run"])
def test_a_number_of_clients_that_cannot_be_is_one_line(
    command: str, clients: str, capsys: Said
) -> None:
    assert run([command, "shared.toml", "--clients", clients]) == 2
    assert f"0 to 100,000, not {int(clients):,}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_scenario_may_be_explored_without_its_counted_clients(capsys: Said) -> None:
    Path("shared.toml").write_text(SHARED + '[[clients]]\nname = "WS{n}"\ncount = 9\n')
    more = ["--clients", "0", "--for", "30m", "--seeds", "1-2", "--jobs", "1"]
    assert run(["explore", "shared.toml", *more]) == 0, capsys.readouterr()


def test_what_to_try_has_the_options_that_belong_to_the_world(
    capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds_are(monkeypatch, BROKEN)
    Path("a b.toml").write_text(SHARED)
    typed = ["--version", "1.2 SP4", "--for", "3h", "--clients", "0", "--set", "attempts_max=7"]
    typed += ["--bug", "Q152229", "--fix", "Q147819"]
    assert run(["explore", "a b.toml", "--seeds", "1", *typed]) == 11
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Try: despoolr shrink 'a b.toml' --seed 1 --version '1.2 SP4' --for 3h --clients 0 "
        "--set attempts_max=7 --bug Q152229 --fix Q147819"
    )


@pytest.mark.slow
def test_faults_are_drawn_for_the_clients_and_the_length_that_run(capsys: Said) -> None:
    clients = '[[clients]]\nname = "WS{n}"\ncount = 9\n'
    Path("shared.toml").write_text(SHARED + clients)
    more = ["--clients", "1", "--for", "30m", "--seeds", "1-12", "--jobs", "1"]
    assert run(["explore", "shared.toml", *more]) == 0
    assert "Nothing went wrong" in capsys.readouterr().out
