"""`vfs_full_audit` lines, as syslog writes them, or smbd into a log of its own: opens and closes,
and that an open was refused.

The law: smbd closes files on its own when it opens one: once before a granted open of data, twice
before a refused one, and the directory after each; those are not closes of a client. A refused open
has no status (the text is what errno held last): only `Operation not permitted` is taken for
contention, for rights and missing names say otherwise. What a line says is read in `audit_line`,
its time in `syslog` or `entry_header`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold
from despoolr_lab.imports.samba.audit_line import CLOCK, split, who_of
from despoolr_lab.imports.samba.entry_header import EntryHeader, parse_header
from despoolr_lab.imports.samba.syslog import SyslogClock, SyslogLine, parse_left_out, parse_line
from despoolr_lab.imports.samba.window import Window
from despoolr_lab.imports.traces.access import implied, number
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.seen import (
    UNKNOWN,
    Connected,
    Deleted,
    HandleClosed,
    Locked,
    Noted,
    OpenDenied,
    Opened,
    RangeUnlocked,
    Renamed,
    Seen,
    SessionOver,
    Who,
)
from despoolr_lab.imports.traces.servers import LogServers
from despoolr_lab.imports.traces.source import PATH_SIZE_MAX, TraceFile, name, user_of

HANDLES_MAX: Final = 1_000_000
CLIENTS_MAX: Final = 100_000
CONTENTION: Final = "fail (Operation not permitted)"
_DATA: Final = 0xF2000027
_DISPOSITIONS: Final = {
    "supersede": 0,
    "open": 1,
    "create": 2,
    "open_if": 3,
    "overwrite": 4,
    "overwrite_if": 5,
}
_RANGE: Final = re.compile(r"^(?P<path>.*):(?P<offset>\d+)-(?P<length>\d+)[.:]")
_TYPE: Final = re.compile(r"type=(\d)")

Key = tuple[str, ...]


class AuditLine:
    """One line: when, the prefix, and what was done. `is_internal`: smbd's own close."""

    __slots__ = ("arguments", "at", "is_internal", "key", "operation", "result", "server", "who")

    def __init__(self, at: float, operation: str, result: str, arguments: list[str]) -> None:
        self.at = at
        self.operation = operation
        self.result = result
        self.arguments = arguments
        self.is_internal = False
        self.key: Key = ()
        self.server = ""
        self.who: tuple[str, str, str, str] = ("", "", "", "")


def sniff(head: str) -> bool:
    """Whether a text has full_audit's lines in it: as syslog writes them, or as smbd does in a log
    that tells of nothing else (at level 1 or 0).
    """
    is_below = has_audit = False
    for line in head.splitlines()[:200]:
        said = parse_line(line)
        if said is not None and split(said.text) is not None:
            return True
        entry = parse_header(line)
        if entry is not None and entry.level > 1:
            return False
        has_audit = has_audit or (is_below and split(line.strip()) is not None)
        is_below = entry is not None and entry.function == "do_log"
    return has_audit


def read(source: TraceFile) -> Iterator[Seen]:
    """Opens, closes, renames and refusals of a file of full_audit's lines, in their order."""
    reader = AuditReader(source)
    reader.has_creates = tells_creates(source)
    reader.servers = LogServers(source.hosts)
    return reader.read(source.lines())


def tells_creates(source: TraceFile) -> bool:
    """Whether create_file is among what a log tells, as far as its first lines say. Raises
    `ImportFailed`.
    """
    return "|create_file|" in source.head_text()


def hosts_of(source: TraceFile) -> set[str]:
    """The hosts that a log's first lines are of. Raises `ImportFailed`."""
    said = map(parse_line, source.head_text().splitlines())
    return {one.host for one in said if one is not None and split(one.text) is not None}


class AuditReader:
    """The reading of one file."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self.roots = Roots()
        self.servers = LogServers()
        self.has_creates = False
        """Whether create_file is told: then `open` is a part of it. It stands behind it, so whoever
        knows says it before the first line.
        """
        self._window: Window[AuditLine] = Window()
        self._recent: OrderedDict[Key, list[AuditLine]] = OrderedDict()
        self._parents: OrderedDict[Key, str] = OrderedDict()
        self._handles: dict[tuple[Key, str], list[str]] = {}
        self._closed_count = self._handle_count = self._open_count = self._other_failures = 0
        self._share_at = -1
        """Where the share stands in the prefix, once a connect has told."""
        self._clock = SyslogClock(source)
        self._last = 0.0
        self._entry: EntryHeader | None = None
        self._told = self._told_by = ""
        """The last line's text, which a syslog may say that it repeats, and its host."""
        self._has_parts_of_seconds = False

    @property
    def client_count(self) -> int:
        """How many clients' last lines are remembered."""
        return len(self._recent)

    def read(self, lines: Iterator[str]) -> Iterator[Seen]:
        """What the lines say, and at the end what they do not."""
        for count, text in enumerate(lines, 1):
            yield from self.take(count, text)
        yield from self.rest()
        yield from self.gaps()

    def take(self, count: int, text: str) -> Iterator[Seen]:
        """What one line says, and those before it that it explains."""
        times = 1
        repeated = parse_left_out(text)
        if repeated is not None and "|" not in repeated.begins:  # else a file is called so
            if not repeated.text and self._told_by not in repeated.begins.split():
                return  # the last line of that server is not here
            times = repeated.times
            text = repeated.begins + (repeated.text or f"smbd_audit: {self._told}")
        for _ in range(times):
            line = self._line(count, text)
            if line is not None:
                yield from self._take(line)

    def rest(self) -> Iterator[Seen]:
        """What was held back, once no line follows that could explain it."""
        for line in self._window.rest():
            yield from self._tell(line)

    def _line(self, count: int, text: str) -> AuditLine | None:
        entry = parse_header(text) if text[:1] == "[" else None
        if entry is not None:
            self._entry = entry if entry.function == "do_log" else None
            return None
        said = parse_line(text)
        rest = said.text if said is not None else text.strip() if self._entry is not None else ""
        parts = split(rest) if rest else None
        self._told = rest if parts is not None else ""
        self._told_by = said.host if said is not None else ""
        if parts is None:
            if text and said is None and "smbd_audit" in text:
                self._source.damaged(f"line {count:,} is no line of syslog")
            return None
        try:
            at = self._time(said)
        except (ValueError, OverflowError):
            self._source.damaged(f"line {count:,} has no time")
            return None
        self._entry = None
        prefix, operation, result, arguments = parts
        line = AuditLine(at, operation, result, [one[:PATH_SIZE_MAX] for one in arguments])
        if operation == "connect" and arguments:
            self._learn_share(prefix, arguments[0])
        elif operation == "create_file":
            self.has_creates = True
        line.who = who_of(prefix, self._share_at)
        line.server = self.servers.of(said.host) if said is not None else ""
        line.key = (line.server, *(name(part) for part in prefix if not CLOCK.match(part)))
        return line

    def _learn_share(self, prefix: list[str], share: str) -> None:
        """A connect names its share: where that stands in the prefix, it always does."""
        places = [place for place, part in enumerate(prefix) if fold(part) == fold(share)]
        if len(places) == 1:
            self._share_at = places[0]

    def _take(self, line: AuditLine) -> Iterator[Seen]:
        """Hold a line back, and see which of its client's closes are smbd's own."""
        if not line.arguments:
            self._source.damaged(f"{line.operation} without a name")
            return
        self._last = line.at
        recent = self._recent.setdefault(line.key, [])
        if line.operation == "create_file":
            self._mark(line, recent)
            recent.clear()
        elif line.operation == "close":
            path = line.arguments[-1]
            if self._parents.pop(line.key, None) == path:
                line.is_internal = True
            else:
                recent.append(line)
                del recent[:-8]
        else:
            recent.clear()
        if len(self._recent) > CLIENTS_MAX:
            self._recent.popitem(last=False)
        for ready in self._window.add(line.at, line):
            yield from self._tell(ready)

    def _mark(self, line: AuditLine, recent: list[AuditLine]) -> None:
        path = line.arguments[-1]
        before = 0
        for close in reversed(recent):
            if close.arguments[-1] != path or line.at - close.at > 1:
                break
            before += 1
        try:
            is_data = bool(number(line.arguments[0]) & _DATA)
        except ValueError:
            is_data = True
        own = int(is_data) + int(line.result != "ok")
        for close in recent[len(recent) - min(before, own) :]:
            close.is_internal = True
        self._parents[line.key] = path.rpartition("/")[0]
        if len(self._parents) > CLIENTS_MAX:
            self._parents.popitem(last=False)

    def _tell(self, line: AuditLine) -> Iterator[Seen]:
        user, address, machine, share = line.who
        who = Who(name(address), name(machine), user_of(user), server=line.server)
        session = ("|".join(line.key),)
        operation = line.operation
        if operation == "create_file":
            yield from self._create(line, who, name(share), session)
        elif operation in ("open", "openat"):
            if not self.has_creates and line.result == "ok":
                self._open_count += 1
                yield from self._opened(line, who, name(share), session, _mode(line.arguments))
        elif operation in ("brl_lock_windows", "brl_unlock_windows"):
            yield from self._range(line, who, name(share))
        elif operation == "disconnect":
            yield SessionOver(line.at, session, "disconnected")
            for key in [key for key in self._handles if key[0] == line.key]:
                self._closed_count += len(self._handles.pop(key))
        elif line.result != "ok":
            return
        elif operation == "connect":
            yield Connected(line.at, session, who, name(share))
        elif operation == "close" and not line.is_internal:
            yield from self._close(line)
        else:
            yield from self._names_changed(line, who, name(share))

    def _close(self, line: AuditLine) -> Iterator[Seen]:
        handles = self._handles.get((line.key, line.arguments[-1]))
        if handles:
            self._closed_count += 1
            yield HandleClosed(line.at, handles.pop(0))
            if not handles:
                del self._handles[line.key, line.arguments[-1]]

    def _names_changed(self, line: AuditLine, who: Who, share: str) -> Iterator[Seen]:
        if line.operation in ("renameat", "rename") and len(line.arguments) > 1:
            old, new = line.arguments[-2:]
            below, new_below = self._below(line, share, old), self._below(line, share, new)
            yield Renamed(line.at, "", who, share, below, new_below)
            self._move(line.server, old, new)
        elif line.operation in ("unlinkat", "unlink"):
            yield Deleted(line.at, who, share, self._below(line, share, line.arguments[-1]))

    def _create(self, line: AuditLine, who: Who, share: str, session: Key) -> Iterator[Seen]:
        path = line.arguments[-1]
        try:
            access = number(line.arguments[0])
        except ValueError:
            access = UNKNOWN
        below = self._below(line, share, path)
        if line.result == "ok":
            yield from self._opened(line, who, share, session, access)
        elif line.result == CONTENTION:
            disposition = line.arguments[2] if len(line.arguments) > 3 else ""
            yield OpenDenied(
                line.at,
                who,
                share,
                below,
                access,
                UNKNOWN,
                "",
                implied=implied(_DISPOSITIONS.get(disposition, 1)),
            )
        else:
            self._other_failures += 1

    def _opened(
        self, line: AuditLine, who: Who, share: str, session: Key, access: int
    ) -> Iterator[Seen]:
        if self._handle_count - self._closed_count >= HANDLES_MAX:
            return
        path = line.arguments[-1]
        self._handle_count += 1
        handle = str(self._handle_count)
        self._handles.setdefault((line.key, path), []).append(handle)
        below = self._below(line, share, path)
        yield Opened(line.at, handle, who, share, below, access, UNKNOWN, session, known=0)

    def _range(self, line: AuditLine, who: Who, share: str) -> Iterator[Seen]:
        found = _RANGE.match(line.arguments[-1])
        if found is None:
            return
        handles = self._handles.get((line.key, found["path"]))
        handle = handles[0] if handles else ""
        offset, length = int(found["offset"][:20]), int(found["length"][:20])
        if line.operation == "brl_unlock_windows":
            yield RangeUnlocked(line.at, handle, offset, length)
        elif line.result == "ok":
            kind = _TYPE.search(line.arguments[-1])
            yield Locked(line.at, handle, offset, length, kind is None or kind[1] != "0")
        else:
            yield OpenDenied(
                line.at,
                who,
                share,
                self._below(line, share, found["path"]),
                UNKNOWN,
                UNKNOWN,
                "STATUS_LOCK_NOT_GRANTED",
                handle=handle,
                doing="lock",
                offset=offset,
                length=length,
            )

    def _below(self, line: AuditLine, share: str, path: str) -> str:
        return self.servers.roots_of(line.server, self.roots).below(share, path)

    def _move(self, server: str, old: str, new: str) -> None:
        for key, path in list(self._handles):
            if key[0] != server:
                continue
            if path == old or path.startswith(old + "/"):
                moved = self._handles.pop((key, path))
                self._handles.setdefault((key, new + path[len(old) :]), []).extend(moved)

    def _time(self, said: SyslogLine | None) -> float:
        if said is not None:
            return self._clock.at(said)
        assert self._entry is not None, "its text is an entry's"
        self._has_parts_of_seconds = self._entry.has_parts
        return self._entry.at(self._source)

    def gaps(self) -> Iterator[Seen]:
        """What the lines cannot tell."""
        at = self._last
        yield Noted(
            at,
            "gap",
            "share modes are not in full_audit's lines: whoever holds a file is in the way if it "
            "does not share what is asked for"
            + (
                ""
                if self._has_parts_of_seconds
                else "; times are whole seconds, so the order within one is that of the lines"
            ),
        )
        if self._open_count and not self.has_creates:
            yield Noted(
                at,
                "gap",
                "the log has `open` and not `create_file`: refusals are not in it, nor opens for "
                "attributes or DELETE alone, and smbd's own short opens count as a client's (add "
                "create_file to full_audit:success and full_audit:failure)",
            )
        if self.servers.count > 1:
            yield Noted(at, "source", self.servers.told)
        if self._other_failures:
            yield Noted(
                at,
                "gap",
                f"left out: {counted(self._other_failures, 'open')} that failed for other reasons, "
                "as far as the left-over errno tells (rights, names that are not there)",
            )


def _mode(arguments: list[str]) -> int:
    """What an `open` is for, as an access mask: `r` reads, `w` writes, and may read."""
    return {"r": 1, "w": 3}.get(arguments[0], UNKNOWN) if len(arguments) > 1 else UNKNOWN
