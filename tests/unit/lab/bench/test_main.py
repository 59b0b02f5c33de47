"""The table of `make bench`."""

from __future__ import annotations

from despoolr_lab.bench.__main__ import GOALS, ROWS


def test_every_goal_is_that_of_a_row() -> None:
    assert GOALS.keys() <= {key for _, key, _ in ROWS}
