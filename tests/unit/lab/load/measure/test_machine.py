"""How busy a machine was is what its kernel counted between two looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from despoolr_lab.load.measure.machine import BusyMachine


def test_what_is_idle_or_waits_for_a_disk_is_not_busy(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    machine = BusyMachine(stat)
    machine.begin()
    stat.write_text("cpu  150 0 120 810 10 0 0 10 7 7\n")
    use = machine.use()
    assert (use.busy_share, use.stolen_share) == (0.8, 0.1)


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "intr 1 2 3 4 5 6 7 8\n", "cpu a b c d e f g h"])
def test_where_nothing_is_counted_nothing_is_said(text: str, tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(text)
    machine = BusyMachine(stat)
    machine.begin()
    assert machine.use().busy_share is None
    assert BusyMachine(tmp_path / "none").use().busy_share is None
