"""Lines over seconds: peaks are kept, gaps stay gaps, marks are at decent places."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.measured.charts import (
    HEIGHT,
    POINTS_MAX,
    WIDTH,
    Series,
    draw,
    marks_of,
    milliseconds,
    nice,
    scale_of,
)


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


@pytest.mark.slow
@given(st.dictionaries(st.integers(0, 5000), st.floats(0, 1e6), min_size=1), st.booleans())
def test_every_line_stays_on_the_paper(values: dict[int, float], is_log: bool) -> None:
    chart = draw("x", [Series("a", "a", values)], max(values), 0, is_log=is_log)
    for x, y in places(chart.lines[0].path):
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    assert all(0 <= tick.at <= HEIGHT for tick in chart.y_ticks)


def test_a_peak_of_one_second_in_a_long_run_is_still_its_height() -> None:
    values = dict.fromkeys(range(POINTS_MAX * 10), 1.0) | {3217: 100.0}
    series = Series("a", "a", values)
    drawn = places(draw("x", [series], max(values), 0).lines[0].path)
    assert len(drawn) == POINTS_MAX
    assert min(y for _, y in drawn) == scale_of([series], is_log=False).y(100.0)


def test_a_gap_in_the_numbers_is_a_gap_in_the_line() -> None:
    path = draw("x", [Series("a", "a", {0: 1, 1: 1, 5: 1, 6: 1, 9: 1})], 10, 0).lines[0].path
    assert re.sub(r"[\d. ]", "", path) == "MLMLMh"


def test_the_warm_up_is_as_wide_as_it_is_long() -> None:
    assert draw("x", [Series("a", "a", {0: 1, 10: 1})], 10, 5).warm_up == WIDTH / 2
    assert draw("x", [Series("a", "a", {0: 1})], 10, 99).warm_up == WIDTH


@pytest.mark.parametrize(
    ("value", "step"), [(0, 1), (1, 1), (1.2, 2), (3, 5), (7, 10), (40, 50), (0.3, 0.5)]
)
def test_steps_are_decent_numbers(value: float, step: float) -> None:
    assert nice(value) == pytest.approx(step)


def test_times_are_written_as_people_write_them() -> None:
    assert [milliseconds(0.1), milliseconds(10), milliseconds(10_000)] == [
        "0.1 ms",
        "10 ms",
        "10 s",
    ]


def test_what_was_broken_is_shaded_where_it_was_and_seen_however_short_it_was() -> None:
    faults = [
        {"fault": "disk_full", "where": "LOGON1", "began_s": 25.0, "ended_s": 75.0},
        {"fault": "link_down", "where": "LOGON1 to PC1", "began_s": 50.0, "ended_s": None},
        {"fault": "slow_share", "where": "LOGON1 by 2s", "began_s": 10.0, "ended_s": 10.1},
        {"fault": "slow_share", "where": "LOGON1 by 2s", "began_s": 99.0, "ended_s": 500.0},
    ]
    full, down, short, late = marks_of(faults, 100)
    room = WIDTH
    assert (full.x, full.width) == pytest.approx((room / 4, room / 2), abs=0.2)
    assert full.text == "disk_full, LOGON1: 0:25 to 1:15"
    assert down.x + down.width == pytest.approx(WIDTH, abs=0.2)
    assert down.text.endswith("0:50 to the end") and short.width == 2.0
    assert late.x + late.width <= WIDTH + 0.2
