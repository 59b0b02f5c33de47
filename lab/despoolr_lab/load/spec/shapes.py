"""Shapes: how clients come and go over a run. A shape is a pure function from a seed to the moments
polls are meant to begin.

The law: the whole pace is known before the run starts, and is the same for the same seed. A
client's first poll is where the shape puts it, the next ones follow on its polling interval, as
PCM's do, until it leaves or the run ends. Moments are stratified: of n clients each has the n-th
part of the shape to itself, so that a small run has the form of a large one. Which client gets
which part is the seed's choice. Times are seconds since the start of the run.

| Shape | Clients come |
| --- | --- |
| `steady` | evenly over `over`, from `at` on; with `over` left out, polls are even all the time |
| `ramp` | evenly over `over`, from `at` on, in the order of their numbers |
| `logon storm` | around nine: few early, most in the first third of `over`, stragglers to its end |
| `shift change` | half from the start, leaving over `over` from `at` on; the others replace them |
| `night` | all within `over` from `at` on, as when a mandatory time comes for machines left on |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

import msgspec

PEAK: Final = 1 / 3
"""Where in a logon storm most clients come."""


class ClientSchedule(msgspec.Struct, frozen=True):
    """One client: its first poll, and when it logs off (infinite: not before the end)."""

    first: float
    until: float = math.inf

    def polls(self, every_s: float, end: float) -> Iterator[float]:
        """The moments its polls are meant to begin, before the run's end."""
        count = 0
        until = min(self.until, end)
        while (at := self.first + count * every_s) < until:
            yield at
            count += 1


class Crowd(msgspec.Struct, frozen=True):
    """What a shape is to give form to: so many clients, over which time, polling how often."""

    count: int
    at: float
    over_s: float
    every_s: float
    rng: Random

    def moment(self, part: float) -> float:
        """When this part of the shape, from 0 to 1, is reached."""
        return self.at + self.over_s * part

    def parts(self, count: int) -> list[float]:
        """One number in each n-th part of 0 to 1, in any order."""
        parts = [(number + self.rng.random()) / count for number in range(count)]
        self.rng.shuffle(parts)
        return parts


Shape = Callable[[Crowd], list[ClientSchedule]]
"""The schedule of each client."""


def steady(crowd: Crowd) -> list[ClientSchedule]:
    """Clients begin evenly over `over_s`, in any order."""
    return [ClientSchedule(crowd.moment(part)) for part in crowd.parts(crowd.count)]


def ramp(crowd: Crowd) -> list[ClientSchedule]:
    """Evenly, one after the other."""
    return [
        ClientSchedule(crowd.at + crowd.over_s * number / crowd.count)
        for number in range(crowd.count)
    ]


def logon_storm(crowd: Crowd) -> list[ClientSchedule]:
    """A triangle that rises to `PEAK` and falls."""
    return [ClientSchedule(crowd.moment(_triangle(part))) for part in crowd.parts(crowd.count)]


def shift_change(crowd: Crowd) -> list[ClientSchedule]:
    """The first half goes while the second comes."""
    before = crowd.count // 2
    early = crowd.parts(before)
    leaving = crowd.parts(before)
    coming = crowd.parts(crowd.count - before)
    schedules = [
        ClientSchedule(crowd.every_s * first, crowd.moment(last))
        for first, last in zip(early, leaving, strict=True)
    ]
    return schedules + [ClientSchedule(crowd.moment(part)) for part in coming]


SHAPES: Final[dict[str, Shape]] = {
    "steady": steady,
    "ramp": ramp,
    "logon storm": logon_storm,
    "shift change": shift_change,
    "night": steady,
}
"""Every shape. A night is steady within a short `over`: what makes it one are its mandatory
jobs.
"""


def schedules(
    shape: str, count: int, at: float, over_s: float, every_s: float, seed: str
) -> list[ClientSchedule]:
    """The schedule of each of `count` clients. Same seed, same schedules. Raises `KeyError` for a
    shape there is not.
    """
    return SHAPES[shape](Crowd(count, at, over_s, every_s, Random(f"{seed}/{shape}")))


def _triangle(part: float) -> float:
    """The quantile of the triangular distribution on 0 to 1 with its peak at `PEAK`."""
    if part < PEAK:
        return math.sqrt(part * PEAK)
    return 1 - math.sqrt((1 - part) * (1 - PEAK))
