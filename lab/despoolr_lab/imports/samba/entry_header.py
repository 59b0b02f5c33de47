"""The first line of an entry of smbd's log, in brackets: when, at which level, by which process,
and which function wrote it. What it says stands below it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, NamedTuple

from despoolr_lab.imports.traces.source import TraceFile

_FIRST: Final = re.compile(
    r"^\[(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?, *(\d+)(?!\d)"
    r"(?:, pid=(\d+)(?!\d))?[^\]]*\] \S*\((\w+)\)",
    re.ASCII,
)
_LEVEL_SIZE_MAX: Final = 3
_PID_SIZE_MAX: Final = 20


class EntryHeader(NamedTuple):
    """What such a line says; `pid` is empty without `debug pid = yes`."""

    time: tuple[int, ...]
    """Year, month, day, hour, minute and second, as written."""
    part_s: float
    has_parts: bool
    """Whether it has parts of a second (`debug hires timestamp`)."""
    level: int
    pid: str
    function: str

    def at(self, source: TraceFile) -> float:
        """Seconds since 1970. Raises `ValueError` for a time that is in no calendar."""
        year, month, day, hour, minute, second = self.time
        local = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        return source.utc(local.timestamp() + self.part_s)


def parse_header(line: str) -> EntryHeader | None:
    """What a line says if it is the first of an entry."""
    found = _FIRST.match(line)
    if found is None:
        return None
    *time, part, level, pid, function = found.groups()
    return EntryHeader(
        tuple(map(int, time)),
        float(part or 0),
        part is not None,
        int(level[:_LEVEL_SIZE_MAX]),
        (pid or "")[:_PID_SIZE_MAX],
        function,
    )
