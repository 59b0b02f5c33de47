"""Stretches of time in which something is so, and those between them: pure arithmetic.

The law: a stretch is half open, `[begin, end)`, and those of one `Busy` are in order and apart:
what begins before another ends is one stretch with it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

DAY_S: Final = 86_400
SLOT_S: Final = 300
"""How fine the times of day are: five minutes."""
SLOTS: Final = DAY_S // SLOT_S


class Stretch(msgspec.Struct, frozen=True):
    """From when to when, in site seconds."""

    begin: float
    end: float

    @property
    def length_s(self) -> float:
        """Seconds from its begin to its end."""
        return self.end - self.begin


class Busy:
    """When something is in the way."""

    def __init__(self, stretches: Iterable[tuple[float, float]] = ()) -> None:
        """`stretches` in the order of their beginnings; they may overlap."""
        self.begins = array("d")
        self.ends = array("d")
        for begin, end in stretches:
            if self.ends and begin <= self.ends[-1]:
                if end > self.ends[-1]:
                    self.ends[-1] = end
            elif end > begin:
                self.begins.append(begin)
                self.ends.append(end)

    def until(self, at: float) -> float:
        """When a moment is free: itself, or the end of the stretch that it is in."""
        place = bisect_right(self.begins, at) - 1
        return self.ends[place] if place >= 0 and self.ends[place] > at else at

    def next_begin(self, at: float) -> float:
        """When the first stretch after a moment begins; infinite where none does."""
        place = bisect_right(self.begins, at)
        return self.begins[place] if place < len(self.begins) else float("inf")

    def gaps(self, begin: float, end: float) -> Iterator[Stretch]:
        """What is free between two moments, in order."""
        at = begin
        for first, last in zip(self.begins, self.ends, strict=True):
            if first > at and at < end:
                yield Stretch(at, min(first, end))
            at = max(at, last)
        if at < end:
            yield Stretch(at, end)

    def slots(self, begin: float, end: float) -> Iterator[tuple[int, int, int]]:
        """The slots of the day that its stretches touch between two moments: day, the first slot
        and the one after the last.
        """
        for first, last in zip(self.begins, self.ends, strict=True):
            first, last = max(first, begin), min(last, end)
            while first < last:
                day = int(first // DAY_S)
                stop = min(last, (day + 1) * DAY_S)
                from_slot = int((first - day * DAY_S) // SLOT_S)
                yield day, from_slot, min(SLOTS, int(-((day * DAY_S - stop) // SLOT_S)))
                first = stop


def free_of_day(busy: Busy, begin: float, end: float) -> tuple[int, int, int] | None:
    """The longest part of the day that is free on every day between two moments, as far as each
    was there: first slot, how many, on how many days at least. None where fewer than two days were
    there for any.
    """
    seen = _days_of_slots(begin, end)
    taken = bytearray(SLOTS)
    for _, first, last in busy.slots(begin, end):
        taken[first:last] = b"\x01" * (last - first)
    free = [not is_taken and days >= 2 for is_taken, days in zip(taken, seen, strict=True)]
    if all(free):
        return 0, SLOTS, min(seen)
    best = (0, 0)
    length = 0
    for place in range(2 * SLOTS):  # round midnight
        length = length + 1 if free[place % SLOTS] else 0
        best = max(best, (length, -(place - length + 1)))
    if not best[0]:
        return None
    first = -best[1] % SLOTS
    return first, best[0], min(seen[(first + step) % SLOTS] for step in range(best[0]))


def _days_of_slots(begin: float, end: float) -> list[int]:
    """For each slot of the day, on how many days the whole of it was between two moments."""
    found = [0] * SLOTS
    if end <= begin:
        return found
    first, last = int(-(-begin // SLOT_S)), int(end // SLOT_S)
    whole, rest = divmod(max(0, last - first), SLOTS)
    for step in range(SLOTS):
        found[(first + step) % SLOTS] = whole + (step < rest)
    return found
