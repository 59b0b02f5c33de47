"""Whether a resource of a process grows without end: a slope with an interval, judged against a
limit.

The law: what is judged is the slope, never the level. A series is split where the process was
restarted, the beginning of each piece is left out, and slopes are taken between moments of one
piece only; so a restart neither hides growth nor looks like it.

* **Floors**: of what comes and goes with the work (opens, tasks, queues) the least value of each
  round of work is taken: what is there when the work is done. A leak raises the floor, a burst does
  not.
* **Slope**: the median of the slopes between all pairs of points (Theil 1950, Sen 1968), of up to
  `BINS_MAX` points, each the median of its span: a fifth of all points may be wild without moving
  it. A comb (garbage collection) has slope 0.
* **Interval**: Sen's, from the variance of Kendall's S summed over the pieces, widened by what
  neighbouring points tell of each other (the lag-1 autocorrelation r, times (1 + r) / (1 - r));
  99.9 %, because dozens of series are judged at once.
* **Drift**: the interval lies above the limit, and the last third of the pieces still grows. Where
  the interval of that third lies below the limit, what grew has *settled*.
* Whatever else is not wholly below the limit is *unclear*: neither shown nor excluded.
* Less time than a resource needs is *too short*.

Pure: times are seconds, whoever's; values are the resource's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Final, NamedTuple

HOUR_S: Final = 3600.0
BINS_MAX: Final = 120
"""Points that slopes are taken between; the cost goes with their square."""
POINTS_MIN: Final = 8
"""Points without which nothing is judged."""
Z: Final = 3.29
"""Of the normal distribution: 99.9 % lie within."""
CORRELATION_MAX: Final = 0.9
GOLDEN: Final = 0.618
"""Multiples of it are spread evenly over the unit: how unequal the bins are."""
ROUND_TOLERANCE: Final = 0.1
"""Share of a round that may be missing at the end of a piece, for the round to count."""
SETTLED_SHARE: Final = 0.5
"""Growth of the last third below this share of the limit is not enough to call it growth."""


class Point(NamedTuple):
    """A value at a moment."""

    at_s: float
    value: float


Piece = Sequence[Point]
"""One life of a process, in order of time."""


class DriftVerdict(StrEnum):
    """What is to be said of a series."""

    DRIFT = "drift"
    UNCLEAR = "unclear"
    TOO_SHORT = "too short"
    SETTLED = "settled"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Limit:
    """Growth an hour that is still none: the larger of `at_least` and `share` of the level; the
    seconds it takes to judge.
    """

    share: float
    at_least: float
    span_s_min: float
    is_of_floors: bool = False
    """Whether the least value of each round is judged, instead of every value."""

    def per_hour(self, level: float) -> float:
        """How much it may grow in an hour, in the resource's unit."""
        return max(self.at_least, self.share * abs(level))


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope an hour, its interval, the level (a median), the first and last value (medians),
    the time judged.
    """

    per_hour: float
    low: float
    high: float
    level: float
    first: float
    last: float
    span_s: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and what it rests on; `trend` None where there was nothing to take a slope of."""

    verdict: DriftVerdict
    trend: Trend | None
    limit_per_hour: float


def judge(pieces: Sequence[Piece], limit: Limit, round_s: float = 0.0) -> Judgement:
    """Judge a series. `round_s`: seconds of a round of work, for what is judged by its floors."""
    if limit.is_of_floors and round_s > 0:
        pieces = floors(pieces, round_s)
    trend = trend_of(pieces)
    bound = limit.per_hour(trend.level if trend else 0.0)
    if trend is None or trend.span_s < limit.span_s_min:
        return Judgement(DriftVerdict.TOO_SHORT, trend, bound)
    if trend.high <= bound:
        return Judgement(DriftVerdict.STEADY, trend, bound)
    ends = trend_of([_last_third(piece) for piece in pieces], points_min=2)
    if ends is not None and ends.high <= bound:
        return Judgement(DriftVerdict.SETTLED, trend, bound)
    if ends is not None and ends.per_hour <= SETTLED_SHARE * bound:
        return Judgement(DriftVerdict.UNCLEAR, trend, bound)
    return Judgement(
        DriftVerdict.DRIFT if trend.low > bound else DriftVerdict.UNCLEAR, trend, bound
    )


def without_beginning(pieces: Sequence[Piece], warm_up_s: float) -> list[list[Point]]:
    """The pieces without their first seconds: a process that starts fills its caches and takes up
    what waited.
    """
    kept = [
        [point for point in piece if point.at_s - piece[0].at_s >= warm_up_s]
        for piece in pieces
        if piece
    ]
    return [piece for piece in kept if len(piece) > 1]


def floors(pieces: Sequence[Piece], round_s: float) -> list[list[Point]]:
    """The least value of each whole round, at its middle."""
    found = []
    for piece in pieces:
        rounds: dict[int, list[float]] = {}
        for point in piece:
            rounds.setdefault(int((point.at_s - piece[0].at_s) / round_s), []).append(point.value)
        whole = int((piece[-1].at_s - piece[0].at_s) / round_s + ROUND_TOLERANCE) if piece else 0
        found.append(
            [
                Point(piece[0].at_s + (n + 0.5) * round_s, min(v))
                for n, v in sorted(rounds.items())
                if n < whole
            ]
        )
    return found


def trend_of(pieces: Sequence[Piece], *, points_min: int = POINTS_MIN) -> Trend | None:
    """The slope of all pieces together; None with too few points."""
    long = [piece for piece in pieces if len(piece) > 1]
    count = sum(len(piece) for piece in long)
    if count < points_min:
        return None
    thin = [_binned(piece, max(2, round(BINS_MAX * len(piece) / count))) for piece in long]
    slopes = sorted(
        (b.value - a.value) / (b.at_s - a.at_s)
        for piece in thin
        for a, b in combinations(piece, 2)
        if b.at_s > a.at_s
    )
    if not slopes:
        return None
    slope = statistics.median(slopes)
    variance = sum(n * (n - 1) * (2 * n + 5) / 18 for n in map(len, thin)) * _inflation(thin, slope)
    reach = Z * math.sqrt(variance)
    low = slopes[max(0, math.floor((len(slopes) - reach) / 2))]
    high = slopes[min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))]
    values = [point.value for piece in thin for point in piece]
    ends = max(1, len(values) // 10)
    return Trend(
        per_hour=slope * HOUR_S,
        low=low * HOUR_S,
        high=high * HOUR_S,
        level=statistics.median(values),
        first=statistics.median(values[:ends]),
        last=statistics.median(values[-ends:]),
        span_s=sum(piece[-1].at_s - piece[0].at_s for piece in long),
    )


def _binned(piece: Piece, bins_max: int) -> list[Point]:
    """About so many points, each the median of neighbours: of unequal numbers, else a comb that
    beats with them has a slope.
    """
    size = len(piece) / bins_max
    parts: list[Piece] = []
    start = 0
    while start < len(piece):
        stop = start + max(1, round(size * (0.5 + len(parts) * GOLDEN % 1)))
        parts.append(piece[start:stop])
        start = stop
    return [
        Point(statistics.fmean(p.at_s for p in part), statistics.median(p.value for p in part))
        for part in parts
    ]


def _inflation(pieces: Sequence[Piece], slope: float) -> float:
    """How much wider an interval is because neighbours resemble each other, once the slope is taken
    away.
    """
    above = below = 0.0
    for piece in pieces:
        rest = [point.value - slope * point.at_s for point in piece]
        middle = statistics.fmean(rest)
        above += sum((a - middle) * (b - middle) for a, b in pairwise(rest))
        below += sum((a - middle) ** 2 for a in rest)
    r = min(max(above / below, 0.0), CORRELATION_MAX) if below > 0 else 0.0
    return (1 + r) / (1 - r)


def _last_third(piece: Piece) -> Piece:
    return [
        point
        for point in piece
        if point.at_s >= piece[0].at_s + (piece[-1].at_s - piece[0].at_s) * 2 / 3
    ]
