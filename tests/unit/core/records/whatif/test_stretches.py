"""Stretches of time, and what is free between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from despoolr_core.records.whatif.stretches import DAY_S, Busy, Stretch, free_of_day

HOUR_S = 3600


def test_stretches_that_overlap_or_touch_are_one() -> None:
    busy = Busy([(1, 3), (2, 2.5), (3, 4), (6, 7), (8, 8)])
    assert list(zip(busy.begins, busy.ends, strict=True)) == [(1, 4), (6, 7)]


def test_a_moment_is_free_at_the_end_of_its_stretch_and_not_before() -> None:
    busy = Busy([(1, 4), (6, 7)])
    assert [busy.until(at) for at in (0, 1, 3.9, 4, 6.5, 9)] == [0, 4, 4, 4, 7, 9]
    assert [busy.next_begin(at) for at in (0, 1, 7)] == [1, 6, float("inf")]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=12))
def test_gaps_are_the_moments_in_no_stretch(pairs: list[tuple[int, int]]) -> None:
    held = sorted((min(pair), max(pair)) for pair in pairs)
    gaps = list(Busy(held).gaps(5, 45))
    free = {n for gap in gaps for n in range(int(gap.begin), int(gap.end))}
    assert free == {n for n in range(5, 45) if not any(a <= n < b for a, b in held)}
    assert all(gap.length_s > 0 for gap in gaps)


def test_a_stretch_over_the_end_leaves_no_gap_behind_it() -> None:
    assert list(Busy([(3, float("inf"))]).gaps(0, 10)) == [Stretch(0, 3)]


def test_the_part_of_the_day_that_is_free_every_day_goes_round_midnight() -> None:
    held = [(day * DAY_S + 2 * HOUR_S, day * DAY_S + 22 * HOUR_S) for day in range(3)]
    first, count, days = free_of_day(Busy(held), 0, 3 * DAY_S) or (0, 0, 0)
    assert (first * 300 / HOUR_S, count * 300 / HOUR_S, days) == (22, 4, 3)


def test_one_day_says_nothing_of_every_day() -> None:
    assert free_of_day(Busy(), 0, DAY_S) is None
    assert free_of_day(Busy(), 0, 2 * DAY_S) == (0, 288, 2)
    assert free_of_day(Busy([(0, 9 * DAY_S)]), 0, 9 * DAY_S) is None
