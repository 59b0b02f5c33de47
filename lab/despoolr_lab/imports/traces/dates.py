"""A line that is a date, as `date` writes it: in the language of whoever calls it, by a clock of 12
or 24 hours, as ISO 8601 or as seconds since 1970.

The law: a month has a name, so that no order of numbers is guessed. A weekday may look like a month
(French `mar.`); the month is the last word that looks like one.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, NamedTuple

from despoolr_core.rules.fold import fold

LINE_SIZE_MAX: Final = 64
"""Characters of a date; a longer line is none."""
WORDS_MAX: Final = 9

_MONTHS: Final = {
    fold(word): number
    for number, words in enumerate(
        (
            "jan ene gen",
            "feb fev fév",
            "mar mär mrz mrt maa",
            "apr avr abr",
            "may mai mei mag",
            "jun juin giu",
            "jul juil lug",
            "aug aoû aou ago",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez déc dic",
        ),
        1,
    )
    for word in words.split()
}
_CLOCK: Final = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d):(\d\d)(?![\d:])")
_ISO: Final = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*$")
_SECONDS: Final = re.compile(r"^\d{10}(?:\.\d{1,9})?$")
_OFFSET: Final = re.compile(r"^\(?(?:UTC)?([+-])(\d\d):?(\d\d)\)?$")


class Stamp(NamedTuple):
    """A moment: seconds since 1970, or of a local time as if it were UTC, without `has_zone`."""

    at: float
    has_zone: bool


def stamp_of(line: str) -> Stamp | None:
    """The moment that a line says; None for any other line, or a date in no calendar."""
    text = line.strip()
    if len(text) > LINE_SIZE_MAX or "   " in text:
        return None
    try:
        if _SECONDS.match(text):
            return Stamp(float(text), True)
        if _ISO.match(text):
            at = dt.datetime.fromisoformat(text.replace(",", "."))
            has_zone = at.tzinfo is not None
            return Stamp((at if has_zone else at.replace(tzinfo=dt.UTC)).timestamp(), has_zone)
        clock = _CLOCK.search(text)
        return _in_words(text, clock) if clock is not None else None
    except (ValueError, OverflowError):
        return None


def utc_seconds(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time in UTC, with as many digits of a second as it has (a
    Windows log has seven, tshark nine). Raises `ValueError`.
    """
    whole, _, part = text.removesuffix("+00:00").rstrip("Z").partition(".")
    if part and not part.isdecimal():
        raise ValueError(text)
    date = dt.datetime.fromisoformat(whole)
    if date.tzinfo is not None:
        raise ValueError(text)
    return date.replace(tzinfo=dt.UTC).timestamp() + float(f"0.{part or 0}")


def _in_words(text: str, clock: re.Match[str]) -> Stamp | None:
    words = (text[: clock.start()] + " " + text[clock.end() :]).replace(",", " ").split()
    if len(words) > WORDS_MAX:
        return None
    day = month = year = 0
    hour, ahead_s, has_zone = int(clock[1]), 0, False
    for word in words:
        plain = fold(word.rstrip("."))
        offset = _OFFSET.match(word)
        if plain in ("AM", "PM"):
            hour = hour % 12 + (12 if plain == "PM" else 0)
        elif offset is not None:
            ahead_s = (int(offset[2]) * 60 + int(offset[3])) * 60 * (-1 if offset[1] == "-" else 1)
            has_zone = True
        elif word in ("UTC", "GMT", "Z"):
            has_zone = True
        elif plain.isdecimal() and len(plain) == 4:
            year = int(plain)
        elif plain.isdecimal() and len(plain) <= 2:
            day = int(plain)
        else:
            month = _MONTHS.get(plain[:4]) or _MONTHS.get(plain[:3], month)
    if not (day and month and year):
        return None
    at = dt.datetime(year, month, day, hour, int(clock[2]), int(clock[3]), tzinfo=dt.UTC)
    return Stamp(at.timestamp() - ahead_s, has_zone)
