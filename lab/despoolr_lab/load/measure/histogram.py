"""How long things took, in classes whose width grows with the value: any number of them in a few
kilobytes, added up over processes.

The law: a percentile is the upper end of the class it falls in, so it is never flattering, and at
most `ERROR` of itself too high. Values are whole microseconds; below 128 they are kept exactly.
This is the layout of HdrHistogram with two digits. The library of that name has no wheel for Linux
on ARM, where an image would need a compiler for it; what is needed of it is a screen of code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

BITS: Final = 7
"""Classes per doubling, as a power of two: 128."""
ERROR: Final = 2.0**-BITS
"""How far a percentile may lie above the value, as a share of it: 0.8 %."""
MICROS_MAX: Final = 2**42
"""Microseconds: seven weeks. What is longer counts as this."""
COUNT_MAX: Final = 2**53
"""Of what another process tells that it counted."""


class Histogram:
    """Counts by class. `counts` is class to count, and all there is: add two by adding them."""

    __slots__ = ("count", "counts", "max_us", "sum_us")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.sum_us = 0
        self.max_us = 0

    def add(self, seconds: float) -> None:
        """Count one value, in seconds."""
        add_to_all((self,), seconds)

    def merge(self, other: Histogram) -> None:
        """Count all that another one counted."""
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
        self.count += other.count
        self.sum_us += other.sum_us
        self.max_us = max(self.max_us, other.max_us)

    def percentile_s(self, percent: float) -> float:
        """Seconds that `percent` of the values do not exceed; 0 for none. The greatest value is
        exact.
        """
        if not self.count:
            return 0.0
        wanted = max(1, -(-self.count * percent // 100))
        seen = 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= wanted:
                return min(upper_us(index), self.max_us) / 1e6
        return self.max_s

    @property
    def max_s(self) -> float:
        """The greatest value in seconds."""
        return self.max_us / 1e6

    @property
    def mean_s(self) -> float:
        """The mean of all values in seconds; 0 for none."""
        return self.sum_us / self.count / 1e6 if self.count else 0.0

    def to_json(self) -> dict[str, object]:
        """As it goes from process to process, and into `summary.json`."""
        return {"counts": sorted(self.counts.items()), "sum_us": self.sum_us, "max_us": self.max_us}

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Histogram:
        """The inverse of `to_json`. Raises `KeyError`, `TypeError` or `ValueError` for what is
        none.
        """
        made = cls()
        counts = told["counts"]
        if not isinstance(counts, Iterable):
            raise TypeError("its counts are none")
        classes = class_of(MICROS_MAX)
        made.counts = {whole(index, classes): whole(count) for index, count in counts}
        made.count = sum(made.counts.values())
        made.sum_us = whole(told["sum_us"], MICROS_MAX * COUNT_MAX)
        made.max_us = whole(told["max_us"], MICROS_MAX)
        return made


def whole(told: object, most: int = COUNT_MAX) -> int:
    """A number as another process told it. Raises `ValueError` for what is none, or beyond."""
    if type(told) is not int or not 0 <= told <= most:
        raise ValueError(f"a number from 0 to {most} was meant")
    return told


def add_to_all(histograms: Iterable[Histogram], seconds: float) -> None:
    """Count one value in each of them."""
    micros = min(MICROS_MAX, max(0, round(seconds * 1e6)))
    index = class_of(micros)
    for one in histograms:
        counts = one.counts
        counts[index] = counts.get(index, 0) + 1
        one.count += 1
        one.sum_us += micros
        if micros > one.max_us:
            one.max_us = micros


def class_of(micros: int) -> int:
    """The class a value falls in."""
    shift = max(0, micros.bit_length() - BITS - 1)
    return (shift << BITS) + (micros >> shift)


def upper_us(index: int) -> int:
    """The greatest value of a class."""
    shift = max(0, (index >> BITS) - 1)
    return (((index - (shift << BITS)) + 1) << shift) - 1
