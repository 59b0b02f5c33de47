"""Times for people, read and written. Site time is seconds since 1970-01-01 00:00 on the site's own
calendar.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_SPAN_UNITS: Final = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SPAN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|min|[smhdw])")


def span_s(text: str) -> float:
    """Seconds of a span such as `2d 4h`. Raises `ValueError` with an example."""
    total, at = 0.0, 0
    for match in _SPAN.finditer(text):
        if match.start() != at:
            break
        total += float(match[1]) * _SPAN_UNITS[match[2]]
        at = match.end()
    if not text.strip() or text[at:].strip():
        raise ValueError(f"{text!r} is not a span of time such as 90m, 2h or 2d 4h")
    return total


def signed_span_s(text: str) -> float:
    """Seconds of a span that may have a sign, such as `-5m` or `+2h`. Raises `ValueError`."""
    return -span_s(text[1:]) if text.startswith("-") else span_s(text.removeprefix("+"))


def moment_s(text: str, start: float) -> float:
    """Site seconds of a moment: `start` plus a span, or a date and time. Raises `ValueError` with
    an example.
    """
    if text[:1].isdigit() and "-" in text:
        try:
            return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()
        except ValueError:
            raise ValueError(f"{text!r} is not a date and time such as 1996-06-03 09:00") from None
    return start + span_s(text)


def moment(at: float, *, seconds: bool = False) -> str:
    """A point in time: `1996-06-03 09:00`, or with its seconds. Raises `ValueError`,
    `OverflowError` or `OSError` for one that no calendar has.
    """
    return _formed(at, "%Y-%m-%d %H:%M", seconds)


def short_moment(at: float, *, seconds: bool = False) -> str:
    """A point in time of a known year: `Mon 06-03 09:00`, or with its seconds. Raises as `moment`
    does.
    """
    return _formed(at, "%a %m-%d %H:%M", seconds)


def _formed(at: float, form: str, seconds: bool) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime(f"{form}:%S" if seconds else form)


def span(seconds: float) -> str:
    """A length of time in its two largest units: `8 d 8 h`, `1 h`, `54 min`, `12 s`, `0.2 s`; of
    what is negative, `0 s`.
    """
    if seconds < 59.5:
        return f"{seconds:.1f} s" if 0.05 <= seconds < 0.95 else f"{round(max(0.0, seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 1440:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(seconds / 3600)
    return _two(hours // 24, "d", hours % 24, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def stopwatch(seconds: float) -> str:
    """How far something is: `4:05`, or `1:04:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
