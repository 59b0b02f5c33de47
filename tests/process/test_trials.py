"""What once broke a server is tried again: the scripts of `tests/data/trials` against one that runs, its memory bounded.

Long attacks run here in a short form, and whole in `make nightly`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import program
from trial_world import INPUTS, Trial, alone, faults, running_trial, said_by

SCRIPTS = (
    "01-destination-latin1.sh",
    "02-number-sign.sh",
    "05-terminal-escapes.sh",
    "06-preconditions.sh",
    "07-default-port.sh",
    "10-unlock-bare-token.sh",
    "11-quota.sh",
    "12-trailing-separator.sh",
    "13-case-folding.sh",
)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One server for all scripts of this module."""
    with running_trial(tmp_path_factory.mktemp("trial")) as made:
        yield made


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_showed_a_fault_shows_none(trial: Trial, name: str) -> None:
    program("curl", "curl")
    shell = sys.executable if name.endswith(".py") else "sh"
    said = said_by([shell, str(INPUTS / name)], trial.directory, BASE=trial.logon, TOKEN=trial.token)
    assert re.search(r"^ok ", said, re.MULTILINE), f"nothing was tried:\n{said}"
    assert faults(said) == [], said


def test_no_path_leads_out_of_a_share_or_to_what_is_the_servers_own(trial: Trial) -> None:
    said = trial.attack("paths.py", "--data", str(trial.directory / "despoolr-data/all/LOGON1/SMS_SHR"))
    assert faults(said) == [], "\n".join(faults(said))


def test_a_client_cannot_move_a_box_away(trial: Trial) -> None:
    said = trial.attack("box_gone.py", "--wait", "10")
    assert re.search(r"^move: 40[39]$", said, re.MULTILINE), f"the box could be moved:\n{said}"
    assert re.search(r"report after \d+ s: 20[14] ", said), f"another client's report does not get through:\n{said}"


def test_what_one_client_sends_is_forgotten_again(trial: Trial) -> None:
    said = trial.attack("memory.py", "--pid", str(trial.process.process.pid), "--count", "60")
    grown = re.findall(r"^(.*?): (\d+) requests, RSS (\d+) -> (\d+) MiB", said, re.MULTILINE)
    assert len(grown) == 6, said
    for what, _, before, after in grown:
        assert int(after) - int(before) < 100, f"{what} took {int(after) - int(before)} MiB:\n{said}"


def test_a_deep_tree_of_a_clients_keeps_no_server_from_starting_again(tmp_path: Path) -> None:
    said = alone("deep_restart.py", tmp_path)
    assert said.count("starts again: True") == 3, said
    answers = [int(code) for code in re.findall(r": (\d{3})\b", said)]
    assert answers and not [code for code in answers if code >= 500], said
