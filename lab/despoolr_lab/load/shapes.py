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
from dataclasses import dataclass
from random import Random
from typing import Final

PEAK: Final = 1 / 3
"""Where in a logon storm most clients come."""


@dataclass(frozen=True, slots=True)
class ClientSchedule:
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


Shape = Callable[[int, float, float, float, Random], list[ClientSchedule]]
"""`shape(count, at, over_s, every_s, rng)`: the schedule of each client."""


def steady(
    count: int, at: float, over_s: float, every_s: float, rng: Random
) -> list[ClientSchedule]:
    """Clients begin evenly over `over_s`, in any order."""
    return [ClientSchedule(at + over_s * part) for part in _shuffled(_parts(count, rng), rng)]


def ramp(count: int, at: float, over_s: float, every_s: float, rng: Random) -> list[ClientSchedule]:
    """Evenly, one after the other."""
    return [ClientSchedule(at + over_s * number / count) for number in range(count)]


def logon_storm(
    count: int, at: float, over_s: float, every_s: float, rng: Random
) -> list[ClientSchedule]:
    """A triangle that rises to `PEAK` and falls."""
    return [
        ClientSchedule(at + over_s * _triangle(part)) for part in _shuffled(_parts(count, rng), rng)
    ]


def shift_change(
    count: int, at: float, over_s: float, every_s: float, rng: Random
) -> list[ClientSchedule]:
    """The first half goes while the second comes."""
    before = count // 2
    early = _shuffled(_parts(before, rng), rng)
    leaving = _shuffled(_parts(before, rng), rng)
    coming = _shuffled(_parts(count - before, rng), rng)
    schedules = [
        ClientSchedule(every_s * first, at + over_s * last)
        for first, last in zip(early, leaving, strict=True)
    ]
    return schedules + [ClientSchedule(at + over_s * part) for part in coming]


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
    return SHAPES[shape](count, at, over_s, every_s, Random(f"{seed}/{shape}"))


def _parts(count: int, rng: Random) -> list[float]:
    """One number in each n-th part of 0 to 1."""
    return [(number + rng.random()) / count for number in range(count)]


def _shuffled(values: list[float], rng: Random) -> list[float]:
    rng.shuffle(values)
    return values


def _triangle(part: float) -> float:
    """The quantile of the triangular distribution on 0 to 1 with its peak at `PEAK`."""
    if part < PEAK:
        return math.sqrt(part * PEAK)
    return 1 - math.sqrt((1 - part) * (1 - PEAK))
