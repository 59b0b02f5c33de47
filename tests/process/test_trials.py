"""What once broke a server is tried again: the scripts of `tests/data/trials` against one that
runs, its memory bounded.

Long attacks run here in a short form, and whole in `make nightly`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from worlds.process import clean_environment
from worlds.support import program
from worlds.trial import INPUTS, WAIT_S_MAX, Trial, alone, despoolr, faults, running_trial, said_by

pytestmark = pytest.mark.long

SCRIPTS = sorted(
    path.name
    for path in INPUTS.iterdir()
    if path.suffix in (".sh", ".py") and path.name[:2] != "14"
)
OR_REFUSED = "octets given back (or 415 above)"
"""What one script asks of a server that takes coded bodies; ours refuses them all, as the lines
above it say.
"""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One server for all scripts of this module."""
    with running_trial(tmp_path_factory.mktemp("trial")) as made:
        yield made


TIMES_MAX = 5
"""How often an attack is made: answers must come within a second, and a busy machine is late now
with one and now with another.
"""
BUG = re.compile(r" -> 500 ")
"""What the tally says of an answer of 500."""


def lasting_faults(trial: Trial, attack: str, *more: str) -> list[str]:
    """The faults that an attack finds each time, and bugs, which no busy machine explains."""
    found = faults(trial.attack(attack, *more))
    bugs = [line for line in found if BUG.search(line)]
    for _ in range(TIMES_MAX - 1):
        if bugs or not found:
            break
        again = faults(trial.attack(attack, *more))
        bugs = [line for line in again if BUG.search(line)]
        names = {line.partition(" -> ")[0] for line in again}
        found = [line for line in found if line.partition(" -> ")[0] in names]
    return bugs or found


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_showed_a_fault_shows_none(trial: Trial, name: str) -> None:
    program("curl", "curl")
    shell = sys.executable if name.endswith(".py") else "sh"
    said = said_by(
        [shell, str(INPUTS / name)], trial.directory, BASE=trial.logon, TOKEN=trial.token
    )
    assert re.search(r"^ok ", said, re.MULTILINE), f"nothing was tried:\n{said}"
    wrong = [
        line
        for line in faults(said)
        if OR_REFUSED not in line or "PUT, not gzip at all, 400 or 415: 415" not in said
    ]
    assert wrong == [], said


def test_a_reader_who_has_enough_or_a_full_disk_is_no_bug_of_ours(trial: Trial) -> None:
    said = said_by(["bash", str(INPUTS / "14-standard-output.sh")], trial.directory)
    quiet = [line for line in said.splitlines() if "| true" in line]
    assert len(quiet) == 2, said
    assert all(re.search(r"\| true: (0|141) ", line) for line in quiet), (
        "somebody who reads no further is no fault"
    )
    assert "full: 2 " in said, "a full disk is exit code 2"
    assert "a bug of" not in said.replace("'this is a bug of Despoolr's'", ""), said


def test_a_load_whose_names_have_control_characters_is_refused_in_one_line(tmp_path: Path) -> None:
    """They made its junit.xml no XML."""
    load = [str(despoolr()), "load", str(INPUTS / "09-junit.toml")]
    done = subprocess.run(
        load,
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        timeout=WAIT_S_MAX,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.decode().splitlines()
    assert "09-junit.toml:13:" in line and "U+0001" in line and line.isprintable()
    assert not (tmp_path / "runs").exists(), "nothing was run"


def test_odd_words_in_any_place_are_answered_in_time_and_never_with_500(trial: Trial) -> None:
    """In a second of the server's processor; whatever else the machine does adds nothing to it."""
    said = trial.attack("quick.py", "--pid", str(trial.process.process.pid))
    assert faults(said) == [], said


def test_no_path_leads_out_of_a_share_or_to_what_is_the_servers_own(trial: Trial) -> None:
    said = trial.attack(
        "paths.py", "--data", str(trial.directory / "despoolr-data/all/LOGON1/SMS_SHR")
    )
    assert faults(said) == [], "\n".join(faults(said))


def test_a_client_cannot_move_a_box_away(trial: Trial) -> None:
    said = trial.attack("box_gone.py", "--wait", "10")
    assert re.search(r"^move: 40[39]$", said, re.MULTILINE), f"the box could be moved:\n{said}"
    assert re.search(r"report after \d+ s: 20[14] ", said), (
        f"another client's report does not get through:\n{said}"
    )


def test_what_one_client_sends_is_forgotten_again(trial: Trial) -> None:
    said = trial.attack("memory.py", "--pid", str(trial.process.process.pid), "--count", "60")
    grown = re.findall(r"^(.*?): (\d+) requests, RSS (\d+) -> (\d+) MiB", said, re.MULTILINE)
    assert len(grown) == 6, said
    for what, _, before, after in grown:
        assert int(after) - int(before) < 100, (
            f"{what} took {int(after) - int(before)} MiB:\n{said}"
        )


def test_malformed_http_is_refused_and_keeps_nobody_else_waiting(trial: Trial) -> None:
    assert (
        lasting_faults(
            trial, "http_abuse.py", "--pid", str(trial.process.process.pid), "--idle", "0"
        )
        == []
    )


def test_a_deep_tree_of_a_clients_keeps_no_server_from_starting_again(tmp_path: Path) -> None:
    said = alone("deep_restart.py", tmp_path)
    assert said.count("starts again: True") == 3, said
    answers = [int(code) for code in re.findall(r": (\d{3})\b", said)]
    assert answers and not [code for code in answers if code >= 500], said


def test_no_client_takes_all_sessions_opens_or_locks(tmp_path: Path) -> None:
    said = alone("exhaust.py", tmp_path, "--only", "table")
    assert faults(said) == [], "\n".join(faults(said))
