"""Reads lines of a component's log back, to see what was written."""

from __future__ import annotations

import re
from typing import Final

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import DAY_NAMES, MONTH_NAMES, DateError, site_time
from despoolr_core.formats.tracer import TraceLine

_CTIME: Final = re.compile(
    r"([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ( \d|\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))? (\d{4})",
    re.ASCII,
)
_SMS1: Final = re.compile(r"(.*?) {0,3}\$\$<([^<>]*)><([^<>~]*)~><thread=([0-9A-F]{1,8})>")
_SMS2: Final = re.compile(
    r"(.*?) {0,2}\$\$<([^<>]*)><([^<>]*? \d{4})(?: ([^<>]*))?><thread=(\d{1,10}) "
    r"\(0x([0-9A-F]{1,8})\)>"
)


class TraceError(FormatError):
    """A line that is not in the layout it should have."""


def parse_trace(line: str) -> TraceLine:
    """Read a line of either layout. Raises `TraceError` (line 1, and the column where the layout
    breaks).

    In a line of 2.0 the two spellings of the thread must agree. The kind is not in the line: it
    comes back as information.
    """
    line = line.removesuffix("\n").removesuffix("\r")
    found = _SMS1.fullmatch(line)
    if found:
        return TraceLine(found[1], found[2], _time(found, 3), int(found[4], 16))
    found = _SMS2.fullmatch(line)
    if found:
        if int(found[5]) != int(found[6], 16):
            raise TraceError(f"thread {found[5]} is not 0x{found[6]}", 1, found.start(5) + 1)
        return TraceLine(found[1], found[2], _time(found, 3), int(found[5]), found[4] or "")
    mark = line.find("$$<")
    if mark < 0:
        raise TraceError("no '$$<': this is no Tracer line", 1, len(line) + 1)
    raise TraceError("expected $$<COMPONENT><date><thread=...>", 1, mark + 1)


def parse_ctime(text: str) -> float:
    """Read `Www Mmm dd hh:mm:ss[.mmm] yyyy`; the day may have a blank for its first digit. The
    weekday is not checked against the date (the archive's samples are transcribed by hand). Raises
    `DateError` for anything else.
    """
    match = _CTIME.fullmatch(text)
    if match is None or match[1] not in DAY_NAMES or match[2] not in MONTH_NAMES:
        raise DateError(f"{text!r} is not a time like Tue Nov 10 17:56:25 1998")
    return site_time(
        int(match[8]),
        MONTH_NAMES.index(match[2]) + 1,
        int(match[3]),
        int(match[4]),
        int(match[5]),
        int(match[6]),
        int(match[7] or 0),
    )


def _time(found: re.Match[str], group: int) -> float:
    try:
        return parse_ctime(found[group])
    except DateError as error:
        raise TraceError(error.reason, 1, found.start(group) + 1) from None
