"""Access logs of WebDAV servers: 423 Locked, in the common or the combined format (also with the
virtual host before it), as IIS writes them (W3C, its columns named by `#Fields:`), or with an
object of JSON in each line.

The law: a log has the side of whoever waits only. A request that changes a file and is answered 423
was refused; the first one of the same client for the same path that succeeds got through. Who held
the file is in no access log.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from despoolr_lab.imports.dav.json_line import parts_of, seconds_of
from despoolr_lab.imports.traces.seen import UNKNOWN, GotThrough, Noted, OpenDenied, Seen, Who
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of

LOCKED: Final = 423
WAITERS_MAX: Final = 20_000
CHANGING: Final = frozenset(
    ["PUT", "DELETE", "MOVE", "COPY", "LOCK", "PROPPATCH", "MKCOL", "PATCH", "POST"]
)
_LINE: Final = re.compile(
    r"^(?:[\w.\-]+:\d{1,5} (?=\S+ \S+ .+? \[))?(?P<client>\S+) \S+ (?P<user>.+?) "
    r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d "
    r'[+-]\d{4})\] "(?P<method>[A-Z]+) (?P<path>(?:[^\s"\\]|\\.)+)(?:\s[^"]*)?" '
    r"(?P<status>\d{3}) \S+"
    r'(?: "[^"]*" "(?P<agent>[^"]*)")?'
)

_FIELDS: Final = "#Fields:"
_HOST: Final = re.compile(r"^https?://[^/]*")
_NEEDED: Final = ("date", "time", "cs-method", "cs-uri-stem", "sc-status")
"""Columns of IIS that are needed."""


def sniff(head: str) -> bool:
    """Whether a text is an access log."""
    lines = head.splitlines()[:50]
    return any(
        _LINE.match(line) or _names_columns(line) or (line[:1] == "{" and parts_of(line))
        for line in lines
    )


def read(source: TraceFile) -> Iterator[Seen]:
    """The refusals of an access log, in the order of its lines, and what got through after one."""
    waiting: set[str] = set()
    last = 0.0
    for asked in _requests(source):
        if asked.method not in CHANGING:
            continue
        last = asked.at
        key = f"{asked.who.address} {asked.who.program} {asked.path}"
        if asked.status == LOCKED:
            if len(waiting) < WAITERS_MAX:
                waiting.add(key)
            yield OpenDenied(
                asked.at, asked.who, "", asked.path, UNKNOWN, UNKNOWN, "", doing="write"
            )
        elif 200 <= asked.status < 300 and key in waiting:
            waiting.discard(key)
            yield GotThrough(asked.at, "", "write", asked.who, "", asked.path)
    yield Noted(
        last, "gap", "an access log has the side of whoever waits: who held a file is not in it"
    )


def _requests(source: TraceFile) -> Iterator[_Asked]:
    columns: dict[str, int] = {}
    for number, line in enumerate(source.lines(), 1):
        if line.startswith("#"):
            if line.startswith(_FIELDS):
                names = line.split()[1:] if _names_columns(line) else []
                columns = {one: place for place, one in enumerate(names)}
            continue
        try:
            if line[:1] == "{":
                asked = _of_json(line)
            else:
                asked = _of_columns(line, columns) if columns else _of_line(line)
        except (ValueError, OverflowError):
            source.damaged(f"line {number:,} has no time")
            continue
        if asked is not None:
            yield asked
        elif line.strip():
            source.damaged(f"line {number:,} is no line of an access log")


class _Asked(NamedTuple):
    """One request and its answer."""

    at: float
    method: str
    path: str
    status: int
    who: Who


def _of_line(line: str) -> _Asked | None:
    """A line of the common format; None for what is none. Raises `ValueError` for no time."""
    found = _LINE.match(line)
    if found is None:
        return None
    at = dt.datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    who = _who(found["client"], found["user"], found["agent"] or "-")
    return _Asked(at, found["method"], _path(found["path"]), int(found["status"]), who)


def _of_columns(line: str, columns: Mapping[str, int]) -> _Asked | None:
    """A line of W3C's format, whose times are UTC; None for what is none. Raises `ValueError` for
    no time.
    """
    cells = line.split(" ")
    if len(cells) <= max(columns.values()) or not cells[columns["sc-status"]].isdecimal():
        return None
    at = dt.datetime.fromisoformat(f"{cells[columns['date']]}T{cells[columns['time']]}+00:00")
    client, user, agent = (
        cells[columns[one]] if one in columns else "-"
        for one in ("c-ip", "cs-username", "cs(User-Agent)")
    )
    who = _who(client, user, agent.replace("+", " "))
    path = _path(cells[columns["cs-uri-stem"]])
    return _Asked(
        at.timestamp(), cells[columns["cs-method"]], path, int(cells[columns["sc-status"]][:3]), who
    )


def _of_json(line: str) -> _Asked | None:
    """A line that is an object; None for what is no request. Raises `ValueError` for no time."""
    parts = parts_of(line)
    if parts is None:
        return None
    who = _who(parts["client"], parts["user"] or "-", parts["agent"] or "-")
    return _Asked(
        seconds_of(parts["at"]), parts["method"], _path(parts["uri"]), int(parts["status"][:3]), who
    )


def _names_columns(line: str) -> bool:
    return line.startswith(_FIELDS) and set(_NEEDED).issubset(line.split())


def _who(client: str, user: str, agent: str) -> Who:
    program = "" if agent == "-" else name(agent.partition(" ")[0])
    return Who(name(client), user="" if user == "-" else user_of(user), program=program)


def _path(text: str) -> str:
    """The path of a request's address, which may be whole."""
    return path_below(unquote(_HOST.sub("", text).partition("?")[0]))
