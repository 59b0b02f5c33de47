"""The time of a watch: the wall clock's; where that is set back, as if it had not been.

The law: this time never goes back by more than `BACK_S`, so that the order of what is seen stays,
and spans are those that passed. A clock that is set ahead is believed: a machine that slept does
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BACK_S: Final = 2.0
"""A smaller step is one of those by which clocks are kept right."""


class EvenClock:
    """A wall clock, looked at beside a steady one. Only one thread calls `look`."""

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self._wall, self._steady = wall, steady
        self._last = wall(), steady()
        self.set_back_s = 0.0
        """How far the wall clock was set back so far."""

    def look(self) -> float:
        """The time now, after a look whether the clock was set back."""
        wall, steady = self._wall(), self._steady()
        lost = (steady - self._last[1]) - (wall - self._last[0])
        if lost > BACK_S:
            self.set_back_s += lost
        self._last = wall, steady
        return wall + self.set_back_s

    def now(self) -> float:
        """The time now, by what the last look found."""
        return self._wall() + self.set_back_s
