"""Times in classes: never flattering, never more than the stated error too high, and added without
loss.
"""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from despoolr_lab.load.measure.histogram import ERROR, MICROS_MAX, Histogram, class_of, upper_us

micros = st.integers(0, MICROS_MAX)


def of(values: list[int]) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value / 1e6)
    return made


@given(micros)
def test_a_class_ends_at_or_a_little_above_each_of_its_values(value: int) -> None:
    upper = upper_us(class_of(value))
    assert value <= upper <= value * (1 + ERROR)


@given(micros)
def test_classes_follow_each_other_without_a_gap(value: int) -> None:
    upper = upper_us(class_of(value))
    assert class_of(upper) == class_of(value)
    assert class_of(upper + 1) == class_of(value) + 1


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_never_flattering_and_within_the_stated_error(
    values: list[int], percent: float
) -> None:
    exact = sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1]
    found = of(values).percentile_s(percent) * 1e6
    assert exact * (1 - 1e-9) <= found <= exact * (1 + ERROR) + 1e-3


@given(st.lists(micros), st.lists(micros))
def test_two_processes_added_are_as_one_that_saw_it_all(one: list[int], other: list[int]) -> None:
    both = of(one)
    both.merge(of(other))
    assert both.to_json() == of(one + other).to_json()
    assert both.count == len(one) + len(other)


@given(st.lists(micros))
def test_what_is_sent_arrives_as_it_was(values: list[int]) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(of(values).to_json()))
    assert Histogram.from_json(sent).to_json() == of(values).to_json()


def test_the_greatest_value_is_exact_and_nothing_is_nothing() -> None:
    assert of([123_457]).percentile_s(99) == of([123_457]).max_s == pytest.approx(0.123457)
    assert (Histogram().percentile_s(99), Histogram().max_s, Histogram().mean_s) == (0.0, 0.0, 0.0)


def test_what_is_longer_than_the_bound_counts_as_the_bound() -> None:
    made = Histogram()
    made.add(1e12)
    assert made.max_us == MICROS_MAX
