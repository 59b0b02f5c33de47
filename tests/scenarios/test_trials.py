"""Scenarios that other people wrote from the articles alone hold on every version they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_lab.scenario.reading.load import load_scenario
from worlds.scenario import failed, play
from worlds.support import data

TRIALS = sorted(data("trials", "scenarios").glob("*.toml"))
RUNS = [(path, version) for path in TRIALS for version in load_scenario(path).versions]


@pytest.mark.parametrize(
    ("path", "version"), RUNS, ids=[f"{path.stem}-{version}" for path, version in RUNS]
)
def test_what_other_people_expect_holds(path: Path, version: str) -> None:
    result = play(load_scenario(path), version)
    assert failed(result) == []
    assert result.notes == []
