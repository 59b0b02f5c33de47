"""The ways SMS writes a point in time, and their inverses.

Site time is a float of seconds since 1970-01-01 00:00 on the site's own calendar. SMS 1.x has no
time zone in any file, so this module has none either: a date printed and read again is the same
number, wherever the program runs. Every form keeps whole seconds (the fraction is cut off), except
`render_date_time`, which keeps milliseconds.

Old tools print two dates wrongly, and a `DateQuirk` says how: months from 0 (Q153369) and years as
`year - 1900`, so that 2000 is `100` (Q249578).
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_core.rules.memory import remembered

NO_SMS_DATE: Final = "00/00/00 00:00:00"
"""What stands for "no date" in a WINST record (Q123499)."""

FIRST_YEAR: Final = 1970
"""Two-digit years are read as 1970 to 2069."""

DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH_NAMES: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S: Final = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds()
_SMS: Final = re.compile(r"(\d\d)/(\d\d)/(\d{2,3}) (\d\d):(\d\d):(\d\d)", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"(\d{1,2})-(\d{1,2})-(\d{4})(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?)?", re.ASCII
)


class DateError(FormatError):
    """A text that is no date, or a time that the form cannot write."""


class DateQuirk(msgspec.Struct, frozen=True):
    """How an old tool misprints a date. The default misprints nothing: it is what stored files
    have.
    """

    month_from_zero: bool = False
    """January is 00 and December 11 (Q153369)."""
    year_since_1900: bool = False
    """The year 2000 is 100 (Q249578)."""


NO_QUIRK: Final = DateQuirk()


def calendar(epoch_s: float) -> datetime:
    """The calendar fields of a site time; the zone it carries (UTC) means nothing.

    Raises `DateError` for a time before 1970 or after 9999.
    """
    if not 0 <= epoch_s <= _LAST_S:  # also refuses NaN
        raise DateError(f"{epoch_s!r} is not a time between 1970 and 9999")
    # A hundredth of a millisecond is float noise at this distance from 1970, not time.
    return _EPOCH + timedelta(milliseconds=math.floor(epoch_s * 1000 + 0.01))


def site_time(
    year: int,
    month: int = 1,
    day: int = 1,
    hour: int = 0,
    minute: int = 0,
    second: int = 0,
    millisecond: int = 0,
) -> float:
    """Seconds since 1970 of a calendar time: the inverse of `calendar`. Raises `DateError` when
    there is no such day.
    """
    try:
        moment = datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        raise DateError(
            f"there is no such time as {month}/{day}/{year} {hour:02}:{minute:02}:{second:02} "
            "(month/day/year)"
        ) from None
    if year < FIRST_YEAR:
        raise DateError(f"the year {year} is before {FIRST_YEAR}")
    return (moment - _EPOCH).total_seconds()


def render_sms_date(epoch_s: float | None, quirk: DateQuirk = NO_QUIRK) -> str:
    """`mm/dd/yy hh:mm:ss`; None is `00/00/00 00:00:00` (Q123499).

    Raises `DateError` outside 1970 to 2069, where two digits of a year would be read as another
    century.
    """
    if epoch_s is None:
        return NO_SMS_DATE
    at = calendar(epoch_s)
    if at.year >= FIRST_YEAR + 100:
        raise DateError(f"the year {at.year} cannot be written with two digits (1970 to 2069)")
    month = at.month - 1 if quirk.month_from_zero else at.month
    year = at.year - 1900 if quirk.year_since_1900 else at.year % 100
    return f"{month:02}/{at.day:02}/{year:02} {at.hour:02}:{at.minute:02}:{at.second:02}"


def parse_sms_date(text: str) -> float | None:
    """Read `mm/dd/yy hh:mm:ss`; None for `00/00/00 00:00:00`. Raises `DateError` for anything
    else.
    """
    if text == NO_SMS_DATE:
        return None
    match = _SMS.fullmatch(text)
    if match is None:
        raise DateError(f"{text!r} is not a date like 09/21/94 17:56:00")
    month, day, year, hour, minute, second = map(int, match.groups())
    if len(match[3]) == 3:
        raise DateError(
            f"{text!r} has a year of three digits, as an old PCMDUMP prints it (Q249578)"
        )
    year += 1900 if year >= FIRST_YEAR % 100 else 2000
    return site_time(year, month, day, hour, minute, second)


def render_long_date(epoch_s: float) -> str:
    """`mm/dd/yyyy hh:mm:ss`, as PCM prints when it was executed (Q188578). Raises as `calendar`."""
    at = calendar(epoch_s)
    return f"{at.month:02}/{at.day:02}/{at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02}"


def render_ctime(epoch_s: float, *, milliseconds: bool = False) -> str:
    """`Www Mmm dd hh:mm:ss yyyy`, as the Tracer prints it (Q193784); with `.mmm` after the seconds
    in 2.0 (Q244405). Raises as `calendar`.
    """
    if not milliseconds and 0 <= epoch_s <= _LAST_S:
        return _ctime_of_second(math.floor(epoch_s * 1000 + 0.01) // 1000)
    return _ctime(epoch_s, milliseconds=milliseconds)


@lru_cache(maxsize=64)  # a busy service writes thousands of lines a second
def _ctime_of_second(epoch_s: int) -> str:
    return _ctime(epoch_s)


def _ctime(epoch_s: float, *, milliseconds: bool = False) -> str:
    at = calendar(epoch_s)
    fraction = f".{at.microsecond // 1000:03}" if milliseconds else ""
    return (
        f"{DAY_NAMES[at.weekday()]} {MONTH_NAMES[at.month - 1]} {at.day:02} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02}{fraction} {at.year:04}"
    )


@lru_cache(maxsize=64)  # one instruction has one time in several places
def render_date_time(epoch_s: float | None) -> str:
    """`M-D-YYYY [hh:mm:ss[.mmm]]`: the form of an instruction's execution time, e.g. `2-19-1970`
    (Q140374).

    The article shows the day only; the time of day follows when it is not midnight, the
    milliseconds when they are not 0, so that nothing is lost. None is `1-1-1970`: a time long past,
    hence "at once". Raises as `calendar`.
    """
    at = calendar(0.0 if epoch_s is None else round(epoch_s, 3))
    date = f"{at.month}-{at.day}-{at.year:04}"
    milliseconds = at.microsecond // 1000
    if not (at.hour or at.minute or at.second or milliseconds):
        return date
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{date} {at.hour:02}:{at.minute:02}:{at.second:02}{fraction}"


@remembered(64, 64, len)
def parse_date_time(text: str) -> float | None:
    """Read `M-D-YYYY [hh:mm:ss[.mmm]]`; None for the very start of 1970 ("at once"). Raises
    `DateError` for anything else.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise DateError(f"{text!r} is not a time like 2-19-1970 or 2-19-1970 18:04:37")
    month, day, year, hour, minute, second, millisecond = (
        int(part or 0) for part in match.groups()
    )
    return site_time(year, month, day, hour, minute, second, millisecond) or None
