"""Runs in virtual time are measured in a process that has one checkout's packages only, and the
table says what stands beside its goal.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from despoolr_lab.bench.sim_runs import ROWS, environment_of, is_met, table

TOP = Path(__file__).resolve().parents[4]
FAST = {"cold": 1.0, "warm": 0.4, "start": 0.1, "all": 0.3, "requests": 40_000.0}


def test_a_measured_process_has_the_packages_of_its_checkout() -> None:
    places = environment_of(TOP)["PYTHONPATH"].split(os.pathsep)
    assert all(any(one.is_dir() for one in Path(place).iterdir()) for place in places)
    assert {Path(place).parent for place in places} == {TOP}


def test_a_measured_process_keeps_compiled_files_as_a_command_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in environment_of(TOP)


def test_seconds_are_at_most_and_rates_at_least_what_is_wanted() -> None:
    assert is_met({"now": FAST})
    assert not is_met({"now": FAST | {"cold": 1.01}})
    assert not is_met({"now": FAST | {"requests": 39_999.0}})


def test_the_table_has_a_line_for_each_row_beside_the_base() -> None:
    lines = table({"base": FAST | {"cold": 2.0}, "now": FAST | {"warm": 0.75}})
    assert len(lines) == 1 + len(ROWS)
    assert lines[1].split()[-7:] == ["2.00", "1.00", "0.50", "at", "most", "1:", "met"]
    assert lines[2].endswith("at most 0.5: MISSED")
    assert lines[5].endswith("at least 40,000: met")


def test_without_a_base_there_is_no_ratio() -> None:
    assert " - " in table({"now": FAST})[1]
