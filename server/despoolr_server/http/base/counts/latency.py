"""How long answers took: counts by class, cheap enough for every request.

Seconds of the event loop: of this machine on a real loop, of virtual time in a simulation. From the
moment the head of a request was read until its answer is ready to be sent; a request that waits for
a range lock counts its wait.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

SECONDS_BOUNDS: Final = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
)
"""Upper bounds of the classes, in seconds; one class more has what took longer."""


class Latency:
    """A histogram of the answers to one method."""

    __slots__ = ("classes", "sum_s")

    def __init__(self) -> None:
        self.classes = [0] * (len(SECONDS_BOUNDS) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one answer that took `seconds`."""
        self.classes[bisect_left(SECONDS_BOUNDS, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Bounds and cumulative counts, as Prometheus has them."""
        found: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip(
            [*(str(b) for b in SECONDS_BOUNDS), "+Inf"], self.classes, strict=True
        ):
            total += count
            found.append((bound, float(total)))
        return found
