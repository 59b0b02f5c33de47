"""Access logs of WebDAV servers, in the common or the combined format: 423 Locked.

The law: a log has the side of whoever waits only. A request that changes a file and is answered 423
was refused; the first one of the same client for the same path that succeeds got through. Who held
the file is in no access log.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from despoolr_lab.imports.traces.seen import UNKNOWN, GotThrough, Noted, OpenDenied, Seen, Who
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of

LOCKED: Final = 423
WAITERS_MAX: Final = 20_000
CHANGING: Final = frozenset(
    ["PUT", "DELETE", "MOVE", "COPY", "LOCK", "PROPPATCH", "MKCOL", "PATCH", "POST"]
)
_LINE: Final = re.compile(
    r"^(?P<client>\S+) \S+ (?P<user>.+?) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d "
    r'[+-]\d{4})\] "(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" (?P<status>\d{3}) \S+'
    r'(?: "[^"]*" "(?P<agent>[^"]*)")?'
)


def sniff(head: str) -> bool:
    """Whether a text is an access log."""
    return any(_LINE.match(line) for line in head.splitlines()[:50])


def read(source: TraceFile) -> Iterator[Seen]:
    """The refusals of an access log, in the order of its lines, and what got through after one."""
    waiting: set[str] = set()
    last = 0.0
    for number, line in enumerate(source.lines(), 1):
        found = _LINE.match(line)
        if found is None:
            if line.strip():
                source.damaged(f"line {number:,} is no line of an access log")
            continue
        method, status = found["method"], int(found["status"])
        if method not in CHANGING:
            continue
        try:
            at = dt.datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
        except (ValueError, OverflowError):
            source.damaged(f"line {number:,} has no time")
            continue
        last = at
        user = "" if found["user"] == "-" else user_of(found["user"])
        agent = found["agent"] or "-"
        program = "" if agent == "-" else name(agent.partition(" ")[0])
        who = Who(address=name(found["client"]), user=user, program=program)
        path = path_below(unquote(found["path"].partition("?")[0]))
        key = f"{found['client']} {program} {path}"
        if status == LOCKED:
            if len(waiting) < WAITERS_MAX:
                waiting.add(key)
            yield OpenDenied(at, who, "", path, UNKNOWN, UNKNOWN, "", doing="write")
        elif 200 <= status < 300 and key in waiting:
            waiting.discard(key)
            yield GotThrough(at, "", "write", who, "", path)
    yield Noted(
        last, "gap", "an access log has the side of whoever waits: who held a file is not in it"
    )
