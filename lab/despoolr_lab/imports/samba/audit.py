"""`vfs_full_audit` lines, as syslog writes them, or smbd into a log of its own: opens and closes,
and that an open was refused.

The law: the prefix is the site's own, so its width is learnt from where the operation stands, and
what is in it is told by names before its parts, by a connect's share, or by its looks. smbd closes
files on its own when it opens one: once before a granted open of data, twice before a refused one,
and the directory after each; those are not closes of a client. A refused open has no status (the
text is what errno held last): only `Operation not permitted` is taken for contention, for rights
and missing names say otherwise. Times are whole seconds, local, and have no year; those of smbd
have both, and parts of a second.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from despoolr_core.rules.fold import fold
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

OPERATIONS: Final = frozenset(
    [
        "connect",
        "disconnect",
        "create_file",
        "open",
        "openat",
        "close",
        "renameat",
        "rename",
        "unlinkat",
        "unlink",
        "mkdirat",
        "mkdir",
        "brl_lock_windows",
        "brl_unlock_windows",
    ]
)
HANDLES_MAX: Final = 1_000_000
CLIENTS_MAX: Final = 100_000
PARTS_MAX: Final = 64
"""Parts of a line that are told apart; a prefix has a few, and an operation up to five."""
REPEATED_MAX: Final = 1_000
"""How often a syslog may say that it left a line out."""
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
_MONTHS: Final = {
    month: n
    for n, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_SYSLOG: Final = re.compile(
    r"^(?:<\d+>)?(?:\d )?(?:(?P<month>[A-Z][a-z]{2}) +(?P<day>\d+) (?:(?P<year>\d{4}) )?"
    r"(?P<time>\d\d:\d\d:\d\d)(?:\.\d+)?"
    r"|(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)) (?:<?\S+> )?(?P<host>\S+) "
    r"smbd(?:_audit)?(?:\[\d+\])?(?::| (?:\d+|-) \S+ (?:-|\[.*?\]))(?: \[ID [^\]]*\])? +"
    r"(?P<rest>.*)$"
)
"""As BSD's syslog writes a line (RFC 3164), also with a year, parts of a second, or a facility in
angles; or as RFC 5424 has it."""
_REPEATED: Final = re.compile(
    r"(?:last )?message repeated (\d+) times?(?:: \[ ?(.*)\])?$", re.ASCII
)
"""What a syslog writes in place of lines that are as the last: rsyslog with it, others without."""
_SMBD: Final = re.compile(
    r"^\[(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)(\.\d+)?, *(\d+)(?!\d)[^\]]*\] \S*\((\w+)\)"
)
"""The first line of an entry of smbd's; full_audit's is the one below it."""
_PAIR: Final = re.compile(r"^(\w+)=(.*)$", re.DOTALL)
_CLOCK: Final = re.compile(r"^\d{4}[/-]\d\d[/-]\d\d |^\d\d:\d\d(?::\d\d)?$")
_NAMES: Final = {
    "user": ("USER", "U", "USERNAME", "CLIENT_USER"),
    "address": ("IP", "I", "ADDR", "ADDRESS", "CLIENT_IP", "CLIENTIP"),
    "machine": ("MACHINE", "M", "HOST", "CLIENT", "HOSTNAME", "PC"),
    "share": ("VOLUME", "SHARE", "S", "SERVICE"),
}
"""What sites call the parts of a prefix that has `NAME=` before each."""
_ADDRESS: Final = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)$")
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
        found = _SYSLOG.match(line)
        if found is not None and split(found["rest"]) is not None:
            return True
        entry = _SMBD.match(line)
        if entry is not None and int(entry[8][:3]) > 1:
            return False
        has_audit = has_audit or (is_below and split(line.strip()) is not None)
        is_below = entry is not None and entry[9] == "do_log"
    return has_audit


def split(text: str) -> tuple[list[str], str, str, list[str]] | None:
    """The prefix, the operation, its result and its arguments; None for any other line."""
    parts = text.split("|", PARTS_MAX)
    for place, part in enumerate(parts[:-1]):
        if part in OPERATIONS and (parts[place + 1] == "ok" or parts[place + 1][:4] == "fail"):
            return parts[:place], part, parts[place + 1], parts[place + 2 :]
    return None


def who_of(prefix: list[str], share_at: int = -1) -> tuple[str, str, str, str]:
    """User, address, machine and share of a prefix: by the names before them where it has such;
    else the address by its looks, the user first, the share last, or at `share_at`.
    """
    pairs = {fold(found[1]): found[2] for found in map(_PAIR.match, prefix) if found is not None}
    if len(pairs) > 1:
        user, address, machine, share = (
            next((pairs[one] for one in words if one in pairs), "") for words in _NAMES.values()
        )
        return user, address, machine, share
    address = next((part for part in prefix if _ADDRESS.match(part)), "")
    share = prefix[share_at] if 0 <= share_at < len(prefix) else ""
    names = [
        part
        for place, part in enumerate(prefix)
        if part != address and not _CLOCK.match(part) and not (share and place == share_at)
    ]
    user = names[0] if names else ""
    if not share and len(names) > 1:
        share = names.pop()
    machine = names[1] if len(names) > 1 else ""
    return user, address, machine, share


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
    found = (_SYSLOG.match(line) for line in source.head_text().splitlines())
    return {one["host"] for one in found if one is not None and split(one["rest"]) is not None}


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
        self._year = 0
        self._month = 0
        self._last = 0.0
        self._entry: re.Match[str] | None = None
        self._told = self._told_by = ""
        """The last line's text, which a syslog may say that it repeats, and its host."""
        self._has_parts_of_seconds = False
        self._stamp = ""
        self._stamp_at = 0.0

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
        repeated = _REPEATED.search(text) if " repeated " in text else None
        begins = text[: repeated.start()] if repeated is not None else "|"
        if repeated is not None and "|" not in begins:  # else it is a file that is called so
            if not repeated[2] and self._told_by not in begins.split():
                return  # the last line of that server is not here
            times = min(int(repeated[1][:9]), REPEATED_MAX)
            text = begins + (repeated[2] or f"smbd_audit: {self._told}")
        for _ in range(times):
            line = self._line(count, text)
            if line is not None:
                yield from self._take(line)

    def rest(self) -> Iterator[Seen]:
        """What was held back, once no line follows that could explain it."""
        for line in self._window.rest():
            yield from self._tell(line)

    def _line(self, count: int, text: str) -> AuditLine | None:
        entry = _SMBD.match(text)
        if entry is not None:
            self._entry = entry if entry[9] == "do_log" else None
            return None
        found = _SYSLOG.match(text)
        rest = found["rest"] if found is not None else ""
        if found is None and self._entry is not None:
            rest = text.strip()
        parts = split(rest) if rest else None
        self._told = rest if parts is not None else ""
        self._told_by = found["host"] if found is not None else ""
        if parts is None:
            if text and found is None and "smbd_audit" in text:
                self._source.damaged(f"line {count:,} is no line of syslog")
            return None
        try:
            if found is not None:
                at = self._time(found)
            else:
                assert self._entry is not None, "its text is an entry's"
                at = self._entry_time(self._entry)
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
        line.server = self.servers.of(found["host"]) if found is not None else ""
        line.key = (line.server, *(name(part) for part in prefix if not _CLOCK.match(part)))
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

    def _time(self, found: re.Match[str]) -> float:
        if found["iso"]:
            text = found["iso"].replace("Z", "+00:00")
            at = dt.datetime.fromisoformat(text)
            if at.tzinfo is None:
                return self._source.utc(at.replace(tzinfo=dt.UTC).timestamp())
            return at.timestamp()
        stamp = f"{found['month']} {found['day']} {found['time']}"
        if stamp == self._stamp:
            return self._stamp_at
        month = _MONTHS.get(found["month"], 0)
        if not month:
            raise ValueError(found["month"])
        if found["year"]:
            self._year = int(found["year"])
        elif not self._year:
            self._year = self._source.year or year_of(self._source.modified_at, month)
        elif month < self._month and self._month - month > 6:
            self._year += 1
        elif month > self._month and month - self._month > 6:  # a line that came late
            self._year -= 1
        self._month = month
        hour, minute, second = (int(part) for part in found["time"].split(":"))
        at = dt.datetime(self._year, month, int(found["day"]), hour, minute, second, tzinfo=dt.UTC)
        self._stamp, self._stamp_at = stamp, self._source.utc(at.timestamp())
        return self._stamp_at

    def _entry_time(self, entry: re.Match[str]) -> float:
        year, month, day, hour, minute, second = (int(part) for part in entry.groups()[:6])
        at = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
        self._has_parts_of_seconds = entry[7] is not None
        return self._source.utc(at.timestamp()) + float(entry[7] or 0.0)

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
                f"{self._other_failures:,} opens failed for other reasons, as far as their left-"
                "over errno tells (rights, names that are not there): they are left out",
            )


def _mode(arguments: list[str]) -> int:
    """What an `open` is for, as an access mask: `r` reads, `w` writes, and may read."""
    return {"r": 1, "w": 3}.get(arguments[0], UNKNOWN) if len(arguments) > 1 else UNKNOWN


def year_of(modified_at: float, month: int) -> int:
    """The year of a date without one, in a file that was last changed then: the last year in which
    the month was not after that. Raises `OverflowError` for a time that no calendar has.
    """
    date = dt.datetime.fromtimestamp(modified_at, dt.UTC)
    return date.year - (1 if month > date.month else 0)
