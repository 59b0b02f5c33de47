"""Lines of smbd's in a syslog: which host's, when, and the text.

The law: a time without a year is of the year of the line before it, for lines are in order but for
few; the first has that of the file's own date. It is local, unless it says its zone.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, NamedTuple

from despoolr_lab.imports.traces.source import TraceFile

_LINE: Final = re.compile(
    r"^(?:<\d+>)?(?:\d )?(?:(?P<month>[A-Z][a-z]{2}) +(?P<day>\d+) (?:(?P<year>\d{4}) )?"
    r"(?P<time>\d\d:\d\d:\d\d)(?:\.\d+)?"
    r"|(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)) (?:<?\S+> )?(?P<host>\S+) "
    r"smbd(?:_audit)?(?:\[\d+\])?(?::| (?:\d+|-) \S+ (?:-|\[.*?\]))(?: \[ID [^\]]*\])? +"
    r"(?P<text>.*)$"
)
"""As BSD's syslog writes a line (RFC 3164), also with a year, parts of a second, or a facility in
angles; or as RFC 5424 has it."""
_REPEATED: Final = re.compile(r"(?:last )?message repeated (\d+) times?(?:(: \[ ?)|$)", re.ASCII)
"""What a syslog writes in place of lines that are as the last: rsyslog with it, up to a bracket at
the end of the line, others without.
"""
_MONTHS: Final = {
    month: n
    for n, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
REPEATED_MAX: Final = 1_000
"""How often a syslog may say that it left a line out."""


class SyslogLine(NamedTuple):
    """One line. Its time is in `iso_time`, or in the other four; `year` may be empty."""

    month: str
    day: str
    year: str
    time: str
    iso_time: str
    host: str
    text: str


class LinesLeftOut(NamedTuple):
    """That a line came so many times more; `text` is empty where it is the last one's."""

    begins: str
    times: int
    text: str


def parse_line(line: str) -> SyslogLine | None:
    """What a line says if smbd wrote it."""
    found = _LINE.match(line)
    return SyslogLine._make(found.groups("")) if found is not None else None


def parse_left_out(line: str) -> LinesLeftOut | None:
    """What a line says in place of others."""
    for found in _REPEATED.finditer(line) if " repeated " in line else ():
        text = line[found.end() :]
        if found[2] is None or text.endswith("]"):
            times = min(int(found[1][:9]), REPEATED_MAX)
            return LinesLeftOut(line[: found.start()], times, text[:-1])
    return None


class SyslogClock:
    """The times of one file's lines, in their order."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self._year = self._month = 0
        self._stamp: tuple[str, str, str] = ("", "", "")
        self._stamp_at = 0.0

    def at(self, line: SyslogLine) -> float:
        """Seconds since 1970. Raises `ValueError` or `OverflowError` for a time that is in no
        calendar.
        """
        if line.iso_time:
            at = dt.datetime.fromisoformat(line.iso_time)
            if at.tzinfo is None:
                return self._source.utc(at.replace(tzinfo=dt.UTC).timestamp())
            return at.timestamp()
        stamp = line.month, line.day, line.time
        if stamp == self._stamp:
            return self._stamp_at
        month = _MONTHS.get(line.month, 0)
        if not month:
            raise ValueError(line.month)
        if line.year:
            self._year = int(line.year)
        elif not self._year:
            self._year = self._source.year or _year_of(self._source.modified_at, month)
        elif month < self._month and self._month - month > 6:
            self._year += 1
        elif month > self._month and month - self._month > 6:  # a line that came late
            self._year -= 1
        self._month = month
        hour, minute, second = (int(part) for part in line.time.split(":"))
        at = dt.datetime(self._year, month, int(line.day), hour, minute, second, tzinfo=dt.UTC)
        self._stamp, self._stamp_at = stamp, self._source.utc(at.timestamp())
        return self._stamp_at


def _year_of(modified_at: float, month: int) -> int:
    """The year of a date without one, in a file that was last changed then: the last year in which
    the month was not after that. Raises `OverflowError` for a time that no calendar has.
    """
    date = dt.datetime.fromtimestamp(modified_at, dt.UTC)
    return date.year - (1 if month > date.month else 0)
