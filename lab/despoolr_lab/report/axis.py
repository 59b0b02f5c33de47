"""Site time on a line: where a moment falls, and where the ticks go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400
_DAYS: Final = (1, 2, 7, 14, 28, 91, 182, 364, 728, 1820, 3640, 36400)
STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in _DAYS),
)


class Tick(msgspec.Struct, frozen=True):
    """A mark on an axis. `below` is a second, smaller line of text."""

    at: float
    text: str
    below: str = ""


class Axis(msgspec.Struct, frozen=True):
    """From `start` to `end` (site seconds) over `width` units that begin at `left`."""

    start: float
    end: float
    left: float
    width: float

    def x(self, at: float) -> float:
        """Where a moment falls, rounded to a tenth; outside moments fall on the edges."""
        if self.end <= self.start:
            return self.left
        part = (at - self.start) / (self.end - self.start)
        return round(self.left + self.width * min(1.0, max(0.0, part)), 1)

    def step_s(self, room: float) -> int:
        """The shortest decent step between ticks that leaves each `room` units."""
        span = self.end - self.start
        return next((step for step in STEPS_S if step * self.width >= room * span), STEPS_S[-1])

    def ticks(self, room: float = 72) -> list[Tick]:
        """At whole steps; days are named, hours say their day where it changes."""
        if self.end <= self.start:
            return []
        step = self.step_s(room)
        origin = self.start // DAY * DAY if step >= DAY else 0
        at = origin + -(-(self.start - origin) // step) * step
        ticks: list[Tick] = []
        while at <= self.end:
            ticks.append(self._tick(at, step, not ticks))
            at += step
        return ticks

    def _tick(self, at: float, step: int, is_first: bool) -> Tick:
        when = datetime.fromtimestamp(at, UTC)
        is_day = at % DAY == 0
        if step >= DAY:
            return Tick(
                self.x(at),
                f"{when:%m-%d}" if step < 364 * DAY else f"{when:%Y-%m-%d}",
                f"{when:%a}",
            )
        text = f"{when:%H:%M:%S}" if step < MINUTE else f"{when:%H:%M}"
        return Tick(self.x(at), text, f"{when:%a %m-%d}" if is_day or is_first else "")
