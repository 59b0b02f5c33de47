"""Lines over the seconds of a run, as the paths of an SVG. Pure: numbers in, places on paper out.

The law: nothing is smoothed away. Where a run has more seconds than the paper has room for, each
place shows the greatest of its seconds. A gap in the numbers is a gap in the line. All charts of a
page have one width and one time axis, so that eyes can compare them straight down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from despoolr_core.times import stopwatch
from despoolr_lab.report.axis import Axis, Tick

WIDTH: Final = 1000.0
HEIGHT: Final = 120.0
"""The paper; a page stretches it, and sets what is written beside it."""
LOW_MIN: Final = 0.001
"""The least value that a scale of powers of ten begins at."""
POINTS_MAX: Final = 600
"""Places along the time axis."""
WIDTH_MIN: Final = 2.0
"""Units of the shortest mark."""
TICK_ROOM: Final = 70
"""Units between two marks on it."""


class Series(msgspec.Struct, frozen=True):
    """A named line: second to value. `css` is its class on the page."""

    name: str
    css: str
    values: Mapping[int, float]


class ChartLine(msgspec.Struct, frozen=True):
    """A line as it is drawn."""

    name: str
    css: str
    path: str


class Chart(msgspec.Struct, frozen=True):
    """Everything a template needs. `warm_up` is the width of the part that does not count."""

    title: str
    note: str
    lines: Sequence[ChartLine]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    warm_up: float


class ChartMark(msgspec.Struct, frozen=True):
    """A part of the time axis that stands out: where it begins, how wide it is, why, and its class
    on the page.
    """

    x: float
    width: float
    text: str
    css: str = "broken"


class Scale(msgspec.Struct, frozen=True):
    """From a value to a place, upwards. `is_log`: each ten times has the same room."""

    low: float
    high: float
    is_log: bool

    def y(self, value: float) -> float:
        """Where a value is, rounded to a tenth."""
        logs = (
            math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
            if self.is_log
            else 0.0
        )
        part = logs if self.is_log else value / self.high
        return round(HEIGHT * (1 - min(1.0, max(0.0, part))), 1)

    def ticks(self) -> list[float]:
        """The values that are marked."""
        if self.is_log:
            return [
                10.0**n
                for n in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            ]
        step = nice(self.high / 3)
        return [step * n for n in range(round(self.high / step) + 1)]


def nice(value: float) -> float:
    """The nearest of 1, 2 and 5 times a power of ten that is not smaller."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def scale_of(series: Sequence[Series], *, is_log: bool) -> Scale:
    """The axis that has room for all of these values."""
    values = [value for one in series for value in one.values.values()]
    if not is_log:
        high = max(1.0, max(values, default=1.0))
        step = nice(high / 3)
        return Scale(0.0, math.ceil(high / step - 1e-9) * step, False)
    positive = [value for value in values if value > 0]
    low = 10.0 ** math.floor(math.log10(max(LOW_MIN, min(positive, default=1.0))))
    high = 10.0 ** math.ceil(math.log10(max(low, *positive, LOW_MIN)))
    return Scale(low, max(high, low * 10), True)


def mark(began: float, ended: float | None, last: int, text: str, css: str = "broken") -> ChartMark:
    """What was from one second to another (None: to the end), on the axis of the seconds 0 to
    `last`. It is seen however short it was.
    """
    axis = Axis(0, max(1, last), 0, WIDTH)
    x = axis.x(min(began, last))
    until = "the end" if ended is None else stopwatch(ended)
    width = max(WIDTH_MIN, axis.x(last if ended is None else min(ended, last)) - x)
    return ChartMark(x, round(width, 1), f"{text}: {stopwatch(began)} to {until}", css)


def marks_of(faults: Sequence[Mapping[str, Any]], last: int) -> list[ChartMark]:
    """What was broken on purpose (`faults` of `summary.json`)."""
    return [
        mark(one["began_s"], one["ended_s"], last, f"{one['fault']}, {one['where']}")
        for one in faults
    ]


def draw(
    title: str,
    series: Sequence[Series],
    last: int,
    first_measured: int,
    *,
    note: str = "",
    is_log: bool = False,
    text: Callable[[float], str] | None = None,
    gap: float = 1.0,
) -> Chart:
    """A chart of the seconds 0 to `last`. Values further apart than `gap` seconds leave a gap in
    their line.
    """
    scale = scale_of(series, is_log=is_log)
    width = -(-(last + 1) // POINTS_MAX)
    axis = Axis(0, max(1, last), 0, WIDTH)
    near = max(1, int(gap / width))
    lines = [ChartLine(one.name, one.css, _path(one, scale, axis.x, width, near)) for one in series]
    step = axis.step_s(TICK_ROOM)
    x_ticks = [Tick(axis.x(at), stopwatch(at)) for at in range(0, last + 1, step)]
    y_ticks = [Tick(scale.y(value), (text or amount)(value)) for value in scale.ticks()]
    return Chart(title, note, lines, x_ticks, y_ticks, axis.x(min(first_measured, last)))


def _path(one: Series, scale: Scale, x: Callable[[float], float], width: int, near: int) -> str:
    places: dict[int, float] = {}
    for second, value in sorted(one.values.items()):
        place = second // width
        places[place] = max(places.get(place, -math.inf), value)
    path, before = "", -math.inf
    drawn = list(places)
    for place, following in zip(drawn, [*drawn[1:], math.inf], strict=True):
        word = "L" if place - before <= near else "M"
        path += f"{word}{x(place * width)} {scale.y(places[place])}"
        if word == "M" and following - place > near:
            path += "h1.5"  # a second by itself is a dot
        before = place
    return path


def milliseconds(value: float) -> str:
    """A time on an axis, given in ms."""
    return f"{value / 1000:,g} s" if value >= 1000 else f"{value:g} ms"


def amount(value: float) -> str:
    """A number on an axis."""
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"
