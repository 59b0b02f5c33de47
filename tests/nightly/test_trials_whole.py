"""The attacks that `make test` has in a short form, whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from worlds.trial import Trial, alone, faults, running_trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """One server for all attacks of this module."""
    with running_trial(tmp_path_factory.mktemp("trial")) as made:
        yield made


def test_fifteen_hundred_slow_connections_keep_nobody_else_waiting(trial: Trial) -> None:
    said = trial.attack("http_abuse.py", "--pid", str(trial.process.process.pid))
    assert faults(said) == [], said


def test_what_one_client_sends_is_forgotten_again_however_much_it_is(trial: Trial) -> None:
    said = trial.attack("memory.py", "--pid", str(trial.process.process.pid))
    grown = re.findall(r"RSS (\d+) -> (\d+) MiB", said)
    assert len(grown) == 6, said
    assert all(int(after) - int(before) < 100 for before, after in grown), said


def test_no_client_takes_all_there_is_of_anything(tmp_path: Path) -> None:
    said = alone("exhaust.py", tmp_path)
    assert faults(said) == [], said
