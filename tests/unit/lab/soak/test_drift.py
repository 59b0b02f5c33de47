"""What is called drift, and what is not: leaks, noise, combs, ramps that end, restarts."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from despoolr_lab.soak.drift import (
    DriftVerdict,
    Judgement,
    Limit,
    Point,
    floors,
    judge,
    trend_of,
    without_beginning,
)

MIB = 1024.0 * 1024
LIMIT = Limit(share=0.10, at_least=8 * MIB, span_s_min=480.0)
HOUR_S = 3600.0
LEVEL = 60 * MIB
SEEDS = st.integers(0, 10_000)


def noisy(
    seed: int,
    span_s: float,
    *,
    per_hour: float = 0.0,
    noise: float = 0.2 * MIB,
    start_s: float = 0.0,
) -> list[Point]:
    """Memory every three seconds: a level, growth, and noise of which half lives on in the next
    sample.
    """
    rng = random.Random(seed)
    left = 0.0
    points = []
    for n in range(int(span_s / 3)):
        left = 0.5 * left + rng.gauss(0.0, noise)
        points.append(Point(start_s + 3.0 * n, LEVEL + per_hour * 3.0 * n / HOUR_S + left))
    return points


def comb(span_s: float, period_s: float, height: float, *, per_hour: float = 0.0) -> list[Point]:
    """A collector that lets garbage grow and takes it away."""
    times = [3.0 * n for n in range(int(span_s / 3))]
    return [
        Point(t, LEVEL + height * (t % period_s) / period_s + per_hour * t / HOUR_S) for t in times
    ]


def verdict(*pieces: list[Point], limit: Limit = LIMIT) -> DriftVerdict:
    return judge(pieces, limit).verdict


# -- leaks are found


@pytest.mark.slow
@given(SEEDS, st.floats(30, 400))
@settings(max_examples=25, deadline=None)
def test_a_leak_of_several_times_the_limit_is_found_in_half_an_hour(
    seed: int, leak_mib: float
) -> None:
    judged = judge([noisy(seed, 1800.0, per_hour=leak_mib * MIB)], LIMIT)
    assert judged.verdict is DriftVerdict.DRIFT
    assert judged.trend is not None
    assert judged.trend.low <= judged.trend.per_hour <= judged.trend.high
    assert judged.trend.per_hour == pytest.approx(leak_mib * MIB, rel=0.2)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_a_leak_is_found_across_restarts_that_set_memory_back(seed: int) -> None:
    pieces = [noisy(seed + n, 500.0, per_hour=60 * MIB, start_s=600.0 * n) for n in range(4)]
    assert max(point.value for point in pieces[-1]) < LEVEL + 20 * MIB
    assert verdict(*pieces) is DriftVerdict.DRIFT


def test_a_leak_below_a_comb_is_found() -> None:
    assert verdict(comb(1800.0, 120.0, 5 * MIB, per_hour=80 * MIB)) is DriftVerdict.DRIFT


def test_one_descriptor_a_minute_is_a_leak() -> None:
    limit = Limit(share=0.10, at_least=6.0, span_s_min=120.0)
    piece = [Point(3.0 * n, 40.0 + (3 * n) // 60) for n in range(600)]
    judged = judge([piece], limit)
    assert judged.verdict is DriftVerdict.DRIFT and judged.trend is not None
    assert judged.trend.per_hour == pytest.approx(60.0, rel=0.05)


# -- what is no leak


@pytest.mark.slow
@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_noise_is_never_drift(seed: int) -> None:
    assert verdict(noisy(seed, 1800.0, noise=1.0 * MIB)) is not DriftVerdict.DRIFT


@pytest.mark.slow
@given(st.floats(20, 900), st.floats(0.5, 40))
@example(29.90625, 22.0)  # beats with bins of 15 s
@settings(max_examples=100, deadline=None)
def test_a_comb_is_never_drift(period_s: float, height_mib: float) -> None:
    assert verdict(comb(1800.0, period_s, height_mib * MIB)) is not DriftVerdict.DRIFT


@pytest.mark.slow
@given(SEEDS, st.floats(0.05, 0.6), st.floats(1, 200))
@settings(max_examples=40, deadline=None)
def test_a_ramp_that_ends_in_the_first_two_thirds_is_never_drift(
    seed: int, share: float, height_mib: float
) -> None:
    points = [
        Point(p.at_s, p.value + height_mib * MIB * min(1.0, p.at_s / (share * 1800.0)))
        for p in noisy(seed, 1800.0)
    ]
    assert verdict(points) is not DriftVerdict.DRIFT


def test_a_ramp_that_ended_is_called_settled() -> None:
    points = [
        Point(p.at_s, p.value + 60 * MIB * min(1.0, p.at_s / 1000.0))
        for p in noisy(1, 1800.0, noise=0.05 * MIB)
    ]
    assert verdict(points) is DriftVerdict.SETTLED


@given(SEEDS, st.lists(st.floats(10, 300), min_size=2, max_size=5))
@settings(max_examples=30, deadline=None)
def test_restarts_at_other_levels_are_not_drift(seed: int, levels_mib: list[float]) -> None:
    pieces = [
        [Point(p.at_s, p.value + level * MIB) for p in noisy(seed + n, 600.0, start_s=700.0 * n)]
        for n, level in enumerate(sorted(levels_mib))
    ]
    assert verdict(*pieces) is not DriftVerdict.DRIFT


def test_growth_within_the_limit_is_steady_and_at_the_limit_unclear() -> None:
    assert verdict(noisy(3, 3600.0, per_hour=2 * MIB)) is DriftVerdict.STEADY
    assert verdict(noisy(3, 1800.0, per_hour=8 * MIB, noise=1.0 * MIB)) is DriftVerdict.UNCLEAR


def test_a_fall_is_steady() -> None:
    assert verdict(noisy(4, 1800.0, per_hour=-200 * MIB)) is DriftVerdict.STEADY


# -- what comes and goes with the work

FLOORS = Limit(share=0.10, at_least=6.0, span_s_min=120.0, is_of_floors=True)


def bursts(
    seed: int, span_s: float, *, round_s: float = 120.0, per_hour: float = 0.0, start_s: float = 0.0
) -> list[Point]:
    """Opens: many in the first part of each round, none when its work is done, and what leaks."""
    rng = random.Random(seed)
    points = []
    for n in range(int(span_s / 3)):
        at_s = 3.0 * n
        busy = rng.uniform(5, 60) if at_s % round_s < round_s * rng.uniform(0.4, 0.7) else 0
        points.append(Point(start_s + at_s, float(round(busy) + int(per_hour * at_s / HOUR_S))))
    return points


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_bursts_of_work_are_steady_by_their_floors(seed: int) -> None:
    pieces = [bursts(seed + n, 420.0, start_s=500.0 * n) for n in range(4)]
    assert judge(pieces, FLOORS, 120.0).verdict is DriftVerdict.STEADY


@given(SEEDS, st.floats(120, 2000))
@settings(max_examples=25, deadline=None)
def test_a_leak_below_bursts_of_work_is_found_by_their_floors(seed: int, per_hour: float) -> None:
    pieces = [bursts(seed + n, 420.0, per_hour=per_hour, start_s=500.0 * n) for n in range(4)]
    assert judge(pieces, FLOORS, 120.0).verdict is DriftVerdict.DRIFT


def test_the_floor_of_a_round_is_its_least_value_and_half_a_round_has_none() -> None:
    piece = [Point(float(n), float(n % 10 + n // 10)) for n in range(56)]
    assert floors([piece, []], 10.0) == [[Point(5.0 + 10 * n, float(n)) for n in range(5)], []]


# -- the edges


def test_less_time_than_the_resource_needs_is_too_short_whatever_the_slope() -> None:
    assert verdict(noisy(1, 477.0, per_hour=900 * MIB)) is DriftVerdict.TOO_SHORT
    assert verdict(noisy(1, 490.0, per_hour=900 * MIB)) is DriftVerdict.DRIFT
    assert judge([], LIMIT) == Judgement(DriftVerdict.TOO_SHORT, None, 8 * MIB)
    assert verdict([Point(0.0, 1.0)]) is DriftVerdict.TOO_SHORT


def test_the_limit_is_the_larger_of_its_two_parts() -> None:
    assert LIMIT.per_hour(10 * MIB) == 8 * MIB
    assert LIMIT.per_hour(200 * MIB) == pytest.approx(20 * MIB)


def test_the_beginning_of_every_life_is_left_out() -> None:
    pieces = [[Point(float(t), 0.0) for t in range(start, start + 10)] for start in (0, 100)]
    kept = without_beginning([*pieces, []], 4.0)
    assert [[point.at_s for point in piece] for piece in kept] == [
        [4, 5, 6, 7, 8, 9],
        [104, 105, 106, 107, 108, 109],
    ]
    assert without_beginning(pieces, 9.0) == []


@pytest.mark.slow
@given(st.floats(-1e6, 1e6), st.floats(0, 1e9))
@settings(deadline=None)
def test_the_slope_of_a_straight_line_is_its_slope(per_s: float, level: float) -> None:
    trend = trend_of([[Point(float(t), level + per_s * t) for t in range(100)]])
    assert trend is not None
    assert trend.per_hour == pytest.approx(per_s * 3600, rel=1e-3, abs=1e-3 * max(1.0, level) / 10)


def test_a_fifth_of_wild_points_does_not_move_the_slope() -> None:
    points = noisy(5, 1800.0)
    wild = [
        Point(p.at_s, p.value * 5 if n % 5 == 0 and n > 300 else p.value)
        for n, p in enumerate(points)
    ]
    assert verdict(wild) is DriftVerdict.STEADY
