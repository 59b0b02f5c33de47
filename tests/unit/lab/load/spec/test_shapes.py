"""Shapes are pure: same seed, same moments; as many as clients; inside their span; in the form they
are named after.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.load.spec.shapes import SHAPES, ClientSchedule, schedules

shapes = st.sampled_from(list(SHAPES))
spans = st.floats(1, 10_000)
seeds = st.text(max_size=5)


@given(shapes, st.integers(1, 300), spans, spans, spans, seeds)
def test_a_shape_gives_every_client_one_stay_within_its_span(
    shape: str, count: int, at: float, over_s: float, every_s: float, seed: str
) -> None:
    found = schedules(shape, count, at, over_s, every_s, seed)
    assert len(found) == count
    for schedule in found:
        is_early = shape == "shift change" and schedule.until < math.inf
        assert (0 <= schedule.first <= every_s) if is_early else at <= schedule.first <= at + over_s
        assert schedule.until == math.inf or at <= schedule.until <= at + over_s


@given(shapes, st.integers(1, 100), spans, spans, spans, seeds)
def test_the_same_seed_gives_the_same_pace(
    shape: str, count: int, at: float, over_s: float, every_s: float, seed: str
) -> None:
    assert schedules(shape, count, at, over_s, every_s, seed) == schedules(
        shape, count, at, over_s, every_s, seed
    )


def test_another_seed_gives_another_pace() -> None:
    assert schedules("steady", 50, 0, 100, 100, "1") != schedules("steady", 50, 0, 100, 100, "2")


@given(st.floats(0, 100), st.floats(0.1, 50), st.floats(0, 200), st.floats(1, 300))
def test_polls_keep_the_interval_until_the_client_leaves_or_the_run_ends(
    first: float, every_s: float, stays_s: float, end: float
) -> None:
    schedule = ClientSchedule(first, first + stays_s)
    polls = list(schedule.polls(every_s, end))
    assert polls == [first + n * every_s for n in range(len(polls))]
    assert all(at < min(schedule.until, end) for at in polls)
    assert first + len(polls) * every_s >= min(schedule.until, end)


def firsts(shape: str, count: int = 900, over_s: float = 900) -> list[float]:
    return sorted(schedule.first for schedule in schedules(shape, count, 0, over_s, 3600, "1"))


@pytest.mark.parametrize("shape", ["steady", "ramp", "night"])
def test_an_even_shape_has_one_client_in_every_part_of_its_span(shape: str) -> None:
    assert all(number <= at < number + 1 for number, at in enumerate(firsts(shape)))


def test_a_ramp_comes_in_the_order_of_the_clients() -> None:
    found = [schedule.first for schedule in schedules("ramp", 10, 5, 100, 60, "1")]
    assert found == [5 + 10 * n for n in range(10)]


def test_a_logon_storm_is_thickest_a_third_of_the_way_in() -> None:
    thirds = [
        sum(part * 300 <= at < (part + 1) * 300 for at in firsts("logon storm"))
        for part in range(3)
    ]
    assert thirds == [300, 450, 150]
    fifth = [
        sum(lower <= at < lower + 60 for at in firsts("logon storm")) for lower in (0, 270, 840)
    ]
    assert fifth[1] > 5 * fifth[0] and fifth[1] > 5 * fifth[2]


def test_at_a_shift_change_the_first_half_leaves_while_the_second_comes() -> None:
    found = schedules("shift change", 101, 1000, 200, 600, "1")
    early, late = found[:50], found[50:]
    assert all(schedule.first <= 600 and 1000 <= schedule.until <= 1200 for schedule in early)
    assert all(1000 <= schedule.first <= 1200 and schedule.until == math.inf for schedule in late)
