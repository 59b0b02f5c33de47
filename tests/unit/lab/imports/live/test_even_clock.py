"""The time of a watch goes on evenly when a clock is set back."""

from __future__ import annotations

import pytest

from despoolr_lab.imports.live.even_clock import EvenClock


class Clocks:
    def __init__(self) -> None:
        self.wall, self.steady = 1_000.0, 5.0
        self.even = EvenClock(lambda: self.wall, lambda: self.steady)

    def pass_s(self, seconds: float, set_by: float = 0.0) -> float:
        self.steady += seconds
        self.wall += seconds + set_by
        return self.even.look()


def test_a_clock_that_is_set_back_is_taken_as_if_it_had_not_been() -> None:
    clocks = Clocks()
    assert clocks.pass_s(1) == 1_001
    assert clocks.pass_s(1, set_by=-3_600) == pytest.approx(1_002)
    assert clocks.even.set_back_s == pytest.approx(3_600)
    assert clocks.pass_s(2, set_by=-60) == pytest.approx(1_004)
    clocks.wall += 1
    assert clocks.even.now() == pytest.approx(1_005)


def test_small_steps_and_a_clock_that_is_set_ahead_are_believed() -> None:
    clocks = Clocks()
    assert clocks.pass_s(1, set_by=-0.5) == 1_000.5
    assert clocks.pass_s(1, set_by=7_200) == 8_201.5
    assert clocks.even.set_back_s == 0
