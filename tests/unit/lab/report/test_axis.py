"""Ticks at whole steps, with room between them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.report.axis import Axis
from worlds.report import HOUR, START


@given(start=st.floats(0, 2e9), length=st.floats(1, 3e8))
def test_ticks_lie_inside_have_room_and_are_bounded(start: float, length: float) -> None:
    ticks = Axis(start, start + length, 250, 800).ticks()
    assert all(250 <= tick.at <= 1050 for tick in ticks)
    assert all(b.at - a.at >= 71 for a, b in pairwise(ticks))
    assert len(ticks) <= 13


@pytest.mark.parametrize(
    ("hours", "texts"),
    [
        (9 * 24, ["06-04", "06-05"]),
        (8, ["08:00", "09:00"]),
        (48, ["12:00", "18:00"]),
        (1 / 60, ["08:00:00", "08:00:10"]),
    ],
)
def test_ticks_are_named_after_their_step(hours: float, texts: list[str]) -> None:
    ticks = Axis(START, START + hours * HOUR, 0, 800).ticks()
    assert [tick.text for tick in ticks[:2]] == texts


def test_a_run_without_length_has_no_ticks() -> None:
    axis = Axis(START, START, 0, 800)
    assert axis.ticks() == [] and axis.x(START) == 0
