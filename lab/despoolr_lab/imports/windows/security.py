"""Windows' Security log as XML (`wevtutil qe Security /f:xml`, or Event Viewer's export): events
4656 (a handle was requested), 4658 (it was closed), 5145 (a share's file was checked).

The law: an event is read by itself, by a parser that takes no document types and no entities. A
handle id is used again, so a close is of the open before it. 4656 has no machine: it is that of the
5145 before it, of the same logon and file. There are no share modes. That a 5145 without a 4656 was
an open that was then refused is likely and unproven: it is counted and said, not recorded.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.traces.access import number
from despoolr_lab.imports.traces.dates import utc_seconds
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.seen import UNKNOWN, HandleClosed, Noted, Opened, Seen, Who
from despoolr_lab.imports.traces.servers import LogServers
from despoolr_lab.imports.traces.source import TraceFile, name, user_of
from despoolr_lab.imports.windows.paths import place_of

EVENT_SIZE_MAX: Final = 256 * 1024
"""Characters of one event."""
CHECKS_MAX: Final = 10_000
CHECK_S: Final = 2.0
"""How long after a 5145 its 4656 may come."""
HANDLES_MAX: Final = 1_000_000

_COMPUTER: Final = re.compile(r"<Computer>([^<]{1,256})</Computer>")
_BEGIN: Final = re.compile("<Event[ >]")
_END: Final = "</Event>"


def sniff(head: str) -> bool:
    """Whether a text has Security events as XML."""
    return _BEGIN.search(head) is not None and "Microsoft-Windows-Security-Auditing" in head


def read(source: TraceFile) -> Iterator[Seen]:
    """Opens and closes of the Security log, in the order of its events."""
    return _Security(source).read()


def hosts_of(source: TraceFile) -> set[str]:
    """The computers that a log's first events are of. Raises `ImportFailed`."""
    return set(_COMPUTER.findall(source.head_text()))


class _Security:
    """The reading of one file."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self._roots = Roots()
        self._servers = LogServers(source.hosts)
        self._handles: dict[tuple[str, str, str], str] = {}
        self._checks: OrderedDict[tuple[str, str, str], tuple[float, Who, str, str]] = OrderedDict()
        self._count = 0
        self._unanswered: list[str] = []
        self._unanswered_count = 0
        self._last = 0.0

    def read(self) -> Iterator[Seen]:
        """What the events say, and at the end what they do not."""
        for count, text in enumerate(self._events(), 1):
            try:
                event = fromstring(text, forbid_dtd=True)
                yield from self._event(event)
            except (ParseError, DefusedXmlException, ValueError, KeyError, OverflowError) as error:
                self._source.damaged(f"event {count:,}: {str(error)[:80]}")
        self._expire(float("inf"))
        yield from self._gaps()

    def _events(self) -> Iterator[str]:
        """The text of each event, one at a time."""
        part: list[str] = []
        size = 0
        is_inside = False
        for line in self._source.lines():
            rest = line + "\n"
            while rest:
                if not is_inside:
                    begin = _BEGIN.search(rest)
                    if begin is None:
                        break
                    rest, is_inside, part, size = rest[begin.start() :], True, [], 0
                end = rest.find(_END)
                piece = rest if end < 0 else rest[: end + len(_END)]
                rest = "" if end < 0 else rest[end + len(_END) :]
                size += len(piece)
                if size > EVENT_SIZE_MAX:
                    self._source.damaged("an event is too long, or has no end")
                    is_inside = False
                    continue
                part.append(piece)
                if end >= 0:
                    is_inside = False
                    yield "".join(part)
        if is_inside:
            self._source.damaged("the last event is cut off")

    def _event(self, event: Element) -> Iterator[Seen]:
        number_, stamp, computer, data = _parts(event)
        if number_ not in ("4656", "4658", "5145"):
            return
        at = self._last = utc_seconds(stamp)
        server = self._servers.of(computer)
        self._expire(at)
        if number_ == "5145":
            self._check(at, server, data)
        elif data.get("ObjectType", "File") in ("File", "") or number_ == "4658":
            key = (server, data.get("ProcessId", ""), data["HandleId"])
            if number_ == "4656":
                yield from self._opened(at, key, data)
            else:
                handle = self._handles.pop(key, None)
                if handle is not None:
                    yield HandleClosed(at, handle)

    def _check(self, at: float, server: str, data: dict[str, str]) -> None:
        share = name(data.get("ShareName", "").rpartition("\\")[2])
        local = data.get("ShareLocalPath", "").removeprefix("\\??\\")
        if share and local:
            self._servers.roots_of(server, self._roots).learn(share, local)
        who = Who(
            address=name(data.get("IpAddress", "")),
            user=user_of(data.get("SubjectUserName", "")),
            server=server,
        )
        path = f"{local}\\{data.get('RelativeTargetName', '')}".rstrip("\\")
        key = (server, data.get("SubjectLogonId", ""), fold(path[:4096]))
        self._checks[key] = (at, who, share, path)
        self._checks.move_to_end(key)
        if len(self._checks) > CHECKS_MAX:
            self._checks.popitem(last=False)

    def _opened(self, at: float, key: tuple[str, str, str], data: dict[str, str]) -> Iterator[Seen]:
        server = key[0]
        path = data.get("ObjectName", "")
        user = user_of(data.get("SubjectUserName", ""))
        asked = (server, data.get("SubjectLogonId", ""), fold(path[:4096]))
        check = self._checks.pop(asked, None)
        place = place_of(path)
        who, share, below = Who(user=user, server=server), place.share, place.path
        if check is not None:
            who, share = check[1], check[2]
            below = self._servers.roots_of(server, self._roots).below(share, path)
        program = data.get("ProcessName", "")
        if program:
            who = Who(who.address, who.machine, user, name(program.rpartition("\\")[2]), server)
        before = self._handles.pop(key, None)
        if before is not None:
            yield HandleClosed(at, before, "its handle was given out again")
        self._count += 1
        handle = str(self._count)
        if len(self._handles) < HANDLES_MAX:
            self._handles[key] = handle
        try:
            access = number(data.get("AccessMask", ""))
        except ValueError:
            access = UNKNOWN
        yield Opened(at, handle, who, share, below, access, UNKNOWN, known=0)

    def _expire(self, at: float) -> None:
        while self._checks:
            key, (checked_at, who, _, path) = next(iter(self._checks.items()))
            if checked_at > at - CHECK_S:
                return
            del self._checks[key]
            self._unanswered_count += 1
            if len(self._unanswered) < 3:
                text = f"{who.user or '?'} from {who.address or '?'} for {path[:200]}"
                if text not in self._unanswered:
                    self._unanswered.append(text)

    def _gaps(self) -> Iterator[Noted]:
        yield Noted(
            self._last,
            "gap",
            "share modes are not in the Security log: whoever holds a file is in the way if it "
            "does not share what is asked for; 4656 and 4658 are written only for files with an "
            "audit rule (SACL)",
        )
        if self._servers.count > 1:
            yield Noted(self._last, "source", self._servers.told)
        if self._unanswered_count:
            yield Noted(
                self._last,
                "gap",
                f"{self._unanswered_count:,} accesses were checked (5145) and no handle followed "
                "(4656): they may be opens that were refused, which this log does not tell",
                f"; the first: {'; '.join(self._unanswered)}",
            )


def _parts(event: Element) -> tuple[str, str, str, dict[str, str]]:
    """An event's number, its time as text, its computer, and its data by name."""
    found = stamp = computer = ""
    data: dict[str, str] = {}
    for element in event.iter():
        tag = element.tag.rpartition("}")[2]
        if tag == "EventID":
            found = (element.text or "").strip()
        elif tag == "TimeCreated":
            stamp = element.get("SystemTime", "")
        elif tag == "Computer":
            computer = (element.text or "").strip()
        elif tag == "Data":
            data[element.get("Name", "")] = (element.text or "").strip()
    return found, stamp, computer, data
