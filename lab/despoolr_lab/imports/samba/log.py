"""smbd's own log at levels 2, 3 and 10 (`debug pid = yes`).

The law: an entry is a line in brackets and those below it, and all is keyed by the pid. `opened
file` is written on the way, whether the open is granted or not: it was refused if an error of
`smb2_create.c` follows before the pid's next open or close; several in a row without a close are
one open that waited (for an oplock). At level 2 there are no errors, so opens and refused opens
look alike, and that is said. At level 10 each open has its masks, and a refusal the entries of
those who hold the file, with what they share and since when, also those older than the log.
Directories leave no line. A log that has a client's name (`log.ws11`) is that client's. A path is
that in its share: where a client has several on one connection, the share is that whose directory
smbd went to last (level 4), else the one connected last, and that is said.

A level-10 log is large: whatever is not one of the few functions that matter is passed over by its
first byte.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from despoolr_core.phrases import counted
from despoolr_lab.imports.samba.audit_line import split, who_of
from despoolr_lab.imports.samba.entry_header import EntryHeader, parse_header
from despoolr_lab.imports.samba.smbd_process import HeldFact, SmbdProcess
from despoolr_lab.imports.samba.window import Window
from despoolr_lab.imports.traces.access import implied, number
from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.seen import (
    ALL_MODES,
    PROCESS,
    UNKNOWN,
    Connected,
    HandleClosed,
    Noted,
    OpenDenied,
    Opened,
    Renamed,
    Seen,
    SessionOver,
    Who,
)
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of

PROCESSES_MAX: Final = 100_000
PIPES: Final = "IPC$"
"""The share of named pipes, which has no files."""
ENTRY_LINES_MAX: Final = 64
HOLDERS_MAX: Final = 64
"""Holders of one refusal that are looked at."""
OWN_OPENS: Final = 2
"""What smbd counts beside its clients' opens while it opens a file: that one, and its directory."""
JUDGED_SIZE: Final = 4 * 1024 * 1024
"""How much of a log its grade is told by."""
TELLS_STATUSES: Final = 3
"""The level from which a log has the status of what is refused."""
DEFERRED_S: Final = 40.0
"""How long smbd waits for a break at most, and a little."""

_LEVEL: Final = re.compile(rb"^\[\d[^,]{9,40}, *(\d+)(?!\d)")
_CONNECT: Final = re.compile(
    r"(?<!\S)(\S+) \(ipv[46]:([^\s()]+):\d+\) (?:[^()]* )?"
    r"connect to service (.{1,256}?) initially as user (.{1,256}?) \(uid=(\d+)"
)
_ROOT: Final = re.compile(r"Connect path is '(.{1,4096})' for service \[(.{1,256}?)\]$")
_OPENED: Final = re.compile(r"^(.+) read=(Yes|No) write=(Yes|No) \(numopen=(\d+)\)$")
_CLOSED: Final = re.compile(r"^(.+) \(numopen=(\d+)\)")
_ERROR: Final = re.compile(r"status\[NT_(STATUS_\w+)\] \|\| at (?:[^\s:]*/)?(\w+\.c):")
_RENAME: Final = re.compile(r" rename(?: on)? ")
_ACCESS: Final = re.compile(r"(\w+) ")
_SHARED: Final = re.compile(r"share_access = (\w+), create_disposition = (\w+) ")
_ENTRY_FIELD: Final = re.compile(r"^\s+(\w+)\s+: (?:\S+ \((\d+)\)|(.+))$")
_CONTENTION: Final = frozenset(["STATUS_SHARING_VIOLATION", "STATUS_DELETE_PENDING"])


def sniff(head: str) -> bool:
    """Whether a text is an smbd log."""
    return any(parse_header(line) for line in head.splitlines()[:50])


def grade_of(source: TraceFile) -> str:
    """What a log proves, by the levels of its first entries. Those of smbd's start are not enough:
    it tells its configuration at level 4 before anything else. Raises `ImportFailed`.
    """
    size = 0
    for line in TraceFile(source.path).raw_lines():  # whose damage is not counted
        size += len(line)
        if line[:1] == b"[":
            header = parse_header(_text(line))
            if header is not None and header.level >= 10:
                return "A"
        if size > JUDGED_SIZE:
            break
    return "B"


def read(source: TraceFile) -> Iterator[Seen]:
    """Opens, closes, renames and refusals of an smbd log, in the order of its entries."""
    return Log(source).read()


_Step = Callable[[float, str, SmbdProcess, list[str]], Iterator[Seen] | None]


class Log:
    """The reading of one file."""

    def __init__(self, source: TraceFile) -> None:
        self._source = source
        self._processes: OrderedDict[str, SmbdProcess] = OrderedDict()
        self._window: Window[HeldFact] = Window()
        self._handle_count = 0
        self._level = 0
        self._roots = Roots()
        self._has_pid = False
        self._seen_holders: dict[tuple[str, str], str] = {}
        self._opened_count = 0
        self._last = 0.0
        self._not_granted = self._several_count = 0
        self._steps: Final[dict[str, _Step]] = {
            "open_file": self._opened,
            "close_normal_file": self._closed,
            "close_file": self._closed,
            "smbd_smb2_request_error_ex": self._error,
            "create_file_default": self._asked,
            "share_mode_for_one_entry": self._holder,
            "do_log": self._audited,
            "make_connection_snum": self._connected,
            "vfs_ChDir": self._went,
            "rename_internals_fsp": self._renamed,
            "exit_server_common": self._exit,
        }
        """What is done about an entry, by the function that wrote it; no other is looked at."""
        self._functions = frozenset(map(str.encode, self._steps))

    def read(self) -> Iterator[Seen]:
        """What the entries say, and at the end what they do not."""
        header: EntryHeader | None = None
        body: list[str] = []
        for line in self._source.raw_lines():
            if line[:1] != b"[":
                if header is not None and len(body) < ENTRY_LINES_MAX:
                    body.append(_text(line))
                continue
            if header is not None:
                yield from self._entry(header, body)
                header, body = None, []
            self._learn_level(line)
            if line[line.rfind(b"(") + 1 : -1] in self._functions:
                header = parse_header(_text(line))
                if header is None:
                    self._source.damaged("an entry's first line cannot be read")
        if header is not None:
            yield from self._entry(header, body)
        for entry in self._window.rest():
            yield from self._tell(entry)
        for text in self._gaps():
            yield Noted(self._last, "gap", text)

    def _learn_level(self, line: bytes) -> None:
        """Any entry tells the log's level, also one that says nothing else."""
        level = _LEVEL.match(line) if self._level < TELLS_STATUSES else None
        if level is not None:
            self._level = max(self._level, int(level[1][:3]))

    # -- entries

    def _entry(self, header: EntryHeader, body: list[str]) -> Iterator[Seen]:
        if not body:
            return
        try:
            at = header.at(self._source)
        except ValueError:
            self._source.damaged("an entry has no time")
            return
        self._last = at
        pid = header.pid
        self._level = max(self._level, header.level)
        self._has_pid = self._has_pid or bool(pid)
        process = self._processes.get(pid)
        if process is None:
            if len(self._processes) >= PROCESSES_MAX:
                self._processes.popitem(last=False)
            process = self._processes[pid] = SmbdProcess()
            process.who = Who(machine=self._source.machine)
        step = self._steps.get(header.function)
        if step is None:  # a second function in the same line, which is damaged
            self._source.damaged("an entry's first line cannot be read")
            return
        told = step(at, pid, process, body)
        if told is not None:
            yield from told

    def _connected(
        self, at: float, pid: str, process: SmbdProcess, body: list[str]
    ) -> Iterator[Seen]:
        root = _ROOT.search(body[0])
        if root is not None:
            self._roots.learn(name(root[2]), root[1])
        found = _CONNECT.search(body[0])
        if found is None or found[3] == PIPES:
            return
        share = name(found[3])
        self._several_count += process.share not in ("", share)
        process.who = Who(name(found[2]), name(found[1]), user_of(found[4]))
        process.share, process.uid = share, name(found[5])
        entry = HeldFact(at, pid, "", Connected(at, (pid,), process.who, process.share))
        yield from self._hold(entry)

    def _went(self, _at: float, _pid: str, process: SmbdProcess, body: list[str]) -> None:
        """smbd goes to the directory of the share that it is asked for."""
        there = body[0].strip().partition("vfs_ChDir to ")[2]
        process.share = (self._roots.share_at(there) if there else "") or process.share

    def _audited(self, _at: float, _pid: str, process: SmbdProcess, body: list[str]) -> None:
        """full_audit's lines in the log: they say who a pid is."""
        parts = split(body[0].strip())
        if parts is not None and not process.who.user:
            user, address, machine, share = who_of(parts[0])
            process.who = Who(name(address), name(machine), user_of(user))
            process.share = name(share)

    def _asked(self, _at: float, _pid: str, process: SmbdProcess, body: list[str]) -> None:
        asked = body[0].partition("create_file: access_mask = ")[2]
        access = _ACCESS.match(asked)
        shared = _SHARED.search(asked, access.end()) if access is not None else None
        path = asked[shared.end() :].rpartition("fname = ")[2] if shared is not None else ""
        if access is not None and shared is not None and path:
            try:
                wanted, share_mode = number(access[1]), number(shared[1]) & 7
                process.asked = (wanted, share_mode, number(shared[2]), path_below(path))
            except ValueError:
                process.asked = None
            process.holders = []

    def _opened(self, at: float, pid: str, process: SmbdProcess, body: list[str]) -> Iterator[Seen]:
        found = _OPENED.match(body[0].strip())
        user, _, opened = found[1].rpartition(" opened file ") if found is not None else ("",) * 3
        if found is None or not user or not opened:
            return
        self._opened_count += 1
        path = path_below(opened)
        if not process.who.user:
            process.who = Who(process.who.address, process.who.machine, user_of(user))
        open_count = int(found[4][:6])
        last = process.last
        if (
            last is not None
            and last.path == path
            and last.handle
            and open_count <= last.numopen
            and at - last.at <= DEFERRED_S
            and self._level >= TELLS_STATUSES
        ):
            return  # the same open once more, after somebody's oplock was broken
        yield from self._reconcile(at, process, open_count - OWN_OPENS)
        self._handle_count += 1
        handle = str(self._handle_count)
        access, share_mode = _access_of(found[2], found[3]), UNKNOWN
        asked = process.asked
        if asked is not None and asked[3] == path:
            access, share_mode = asked[0], asked[1]
        fact = Opened(
            at,
            handle,
            process.who,
            process.share,
            path,
            access,
            share_mode,
            (pid,),
            known=ALL_MODES if share_mode >= 0 else 0,
        )
        entry = process.last = HeldFact(at, pid, path, fact, open_count)
        entry.handle = handle
        process.handles.setdefault(path, []).append(entry)
        yield from self._hold(entry)

    def _closed(self, at: float, pid: str, process: SmbdProcess, body: list[str]) -> Iterator[Seen]:
        found = _CLOSED.match(body[0].strip())
        user, _, closed = found[1].rpartition(" closed file ") if found is not None else ("",) * 3
        if found is None or not user or not closed:
            return
        path = path_below(closed)
        process.last = None
        handles = process.handles.get(path)
        if not handles:
            return
        entry = handles[0]
        process.forget(entry)
        yield from self._hold(HeldFact(at, pid, path, HandleClosed(at, entry.handle)))
        yield from self._reconcile(at, process, int(found[2][:6]))

    def _reconcile(self, at: float, process: SmbdProcess, open_count: int) -> Iterator[Seen]:
        """At level 2 nothing tells that an open was refused, but how many a process has open then:
        the newest ones beyond that were not granted.
        """
        if self._level >= TELLS_STATUSES:
            return
        entries = process.entries
        excess = len(entries) - open_count
        for entry in sorted(entries, key=lambda one: -one.at)[: max(excess, 0)]:
            process.forget(entry)
            self._not_granted += 1
            if entry.is_told:
                reason = "probably never granted: a log of level 2 does not tell"
                yield from self._hold(
                    HeldFact(at, entry.pid, entry.path, HandleClosed(at, entry.handle, reason))
                )
            else:
                entry.fact = None

    def _error(self, at: float, pid: str, process: SmbdProcess, body: list[str]) -> Iterator[Seen]:
        found = _ERROR.search(body[0])
        if found is None:
            return
        status, file = found[1], found[2]
        if file == "smb2_create.c":
            last, process.last = process.last, None
            if status not in _CONTENTION:
                if last is not None:
                    yield from self._undo(at, process, last)
            elif last is not None:
                yield from self._undo(at, process, last)
                yield from self._refused(at, pid, process, last, status)
        elif status in ("STATUS_LOCK_NOT_GRANTED", "STATUS_FILE_LOCK_CONFLICT"):
            path, handles = next(reversed(process.handles.items()), ("", []))
            doing = {"smb2_lock.c": "lock", "smb2_read.c": "read"}.get(file, "write")
            fact = OpenDenied(
                at,
                process.who,
                process.share,
                path,
                UNKNOWN,
                UNKNOWN,
                status,
                handle=handles[-1].handle if handles else "",
                doing=doing,
            )
            yield from self._hold(HeldFact(at, pid, path, fact))

    def _undo(self, at: float, process: SmbdProcess, entry: HeldFact) -> Iterator[Seen]:
        """What was taken for an open was refused."""
        process.forget(entry)
        if entry.is_told:
            fact = HandleClosed(at, entry.handle, "it was refused, after a wait")
            yield from self._hold(HeldFact(at, entry.pid, entry.path, fact))
        else:
            entry.fact = None

    def _refused(
        self, at: float, pid: str, process: SmbdProcess, last: HeldFact, status: str
    ) -> Iterator[Seen]:
        access, share_mode, disposition = UNKNOWN, UNKNOWN, 1
        asked = process.asked
        if asked is not None and path_below(asked[3]) == last.path:
            access, share_mode, disposition = asked[:3]
        elif isinstance(last.fact, Opened):
            access = last.fact.access
        named = []
        for fields in process.holders:
            handle, older = self._holder_of(fields, last.path, process)
            named.append(handle)
            if older is not None:
                yield from self._hold(HeldFact(older.at, pid, last.path, older))
        process.holders = []
        fact = OpenDenied(
            at,
            process.who,
            process.share,
            last.path,
            access,
            share_mode,
            status,
            implied=implied(disposition),
            blockers=tuple(dict.fromkeys(named)),
        )
        yield from self._hold(HeldFact(at, pid, last.path, fact))

    def _holder(self, _at: float, _pid: str, process: SmbdProcess, body: list[str]) -> None:
        """A `struct share_mode_entry`, which level 10 prints for each holder."""
        if "struct share_mode_entry" not in body[0] or len(process.holders) >= HOLDERS_MAX:
            return
        fields: dict[str, str] = {}
        for line in body[1:]:
            found = _ENTRY_FIELD.match(line)
            if found is not None:
                fields.setdefault(name(found[1]), name(found[2] or found[3]))
        if {"pid", "access_mask", "share_access", "time", "share_file_id"} <= fields.keys():
            key = (fields["pid"], fields["share_file_id"])
            known = {(one["pid"], one["share_file_id"]) for one in process.holders}
            if key not in known:
                process.holders.append(fields)

    def _holder_of(
        self, fields: dict[str, str], path: str, asker: SmbdProcess
    ) -> tuple[str, Opened | None]:
        """The handle of a holder; and its open where that is older than the log."""
        pid = fields["pid"]
        key = (pid, fields["share_file_id"])
        process = self._processes.get(pid)
        if process is not None:
            for entry in process.handles_of(asker.share).get(path, ()):
                if abs(entry.at - self._entry_time(fields["time"])) < 2.0:
                    return entry.handle, None
        known = self._seen_holders.get(key)
        if known is not None:
            return known, None
        handle = f"{key[0]}/{key[1]}"
        if len(self._seen_holders) < PROCESSES_MAX:
            self._seen_holders[key] = handle
        who = process.who if process is not None and process.who.user else Who()
        if not who.machine and not who.address:
            who = Who(machine=f"{PROCESS}{pid}", user=f"uid {fields.get('uid', '?')}")
        fact = Opened(
            self._entry_time(fields["time"]),
            handle,
            who,
            asker.share,
            path,
            int(fields["access_mask"]),
            int(fields["share_access"]) & 7,
            (pid,),
        )
        if process is None:
            process = self._processes[pid] = SmbdProcess()
        entry = HeldFact(fact.at, pid, path, fact)
        entry.handle, entry.is_told = handle, True
        process.handles_of(asker.share).setdefault(path, []).append(entry)
        return handle, fact

    def _renamed(
        self, at: float, _pid: str, process: SmbdProcess, body: list[str]
    ) -> Iterator[Seen]:
        told = body[0].strip().partition("rename_internals_fsp: ")[2]
        found = _RENAME.search(told, 1)
        old, _, new = told[found.end() :].rpartition(" -> ") if found is not None else ("",) * 3
        if found is None or not old or not new:
            return
        said, old, new = told[: found.start()], path_below(old), path_below(new)
        if said.startswith("succeeded"):
            fact: Seen = Renamed(at, "", process.who, process.share, old, new)
            yield from self._hold(HeldFact(at, "", old, fact))
            for one in self._processes.values():
                handles = one.handles_of(process.share)
                for path in [p for p in handles if p == old or p.startswith(old + "/")]:
                    handles[new + path[len(old) :]] = handles.pop(path)
        elif "NT_STATUS_" in said:
            status = said.rpartition("NT_")[2]
            if status in ("STATUS_ACCESS_DENIED", *_CONTENTION):
                fact = OpenDenied(
                    at,
                    process.who,
                    process.share,
                    old,
                    UNKNOWN,
                    UNKNOWN,
                    status,
                    doing="rename",
                )
                yield from self._hold(HeldFact(at, "", old, fact))

    def _exit(self, at: float, pid: str, _process: SmbdProcess, body: list[str]) -> Iterator[Seen]:
        reason = body[0].strip().removeprefix("Server exit (").removesuffix(")")
        said = {
            "NT_STATUS_CONNECTION_RESET": "connection lost (reset)",
            "NT_STATUS_END_OF_FILE": "connection closed by the client",
            "termination signal": "ended by the server",
        }.get(reason, f"the session's process ended ({reason[:100]})")
        # smbd says of every handle that it closes it, but of those that may be taken up again
        keeps = "all" if "connection" in said else ""
        yield from self._hold(HeldFact(at, pid, "", SessionOver(at, (pid,), said, keeps=keeps)))
        self._processes.pop(pid, None)

    # -- what is held back

    def _hold(self, entry: HeldFact) -> Iterator[Seen]:
        for ready in self._window.add(max(entry.at, self._last), entry):
            yield from self._tell(ready)

    def _tell(self, entry: HeldFact) -> Iterator[Seen]:
        entry.is_told = True
        if entry.fact is not None:
            yield entry.fact

    def _entry_time(self, text: str) -> float:
        """`Sat Nov 28 19:07:38 2026 UTC.89667`: its second, its zone, its microseconds."""
        words = text.split()
        try:
            date = dt.datetime.strptime(" ".join(words[1:5]), "%b %d %H:%M:%S %Y")
            zone, _, part = words[5].partition(".")
            at = date.replace(tzinfo=dt.UTC).timestamp() + int(part or 0) / 1_000_000
        except (ValueError, IndexError):
            return self._last
        return at if zone == "UTC" else self._source.utc(at)

    def _gaps(self) -> Iterator[str]:
        if self._level >= 10:
            yield (
                "a log of level 10 has no lines for handles of directories, and none that say "
                "which range of bytes was locked"
            )
        elif self._level >= TELLS_STATUSES:
            yield (
                "share modes are not in a log of level 3: whoever holds a file is in the way if it "
                "does not share what is asked for; handles of directories leave no line"
            )
        elif self._opened_count:
            yield (
                "a log of level 2 has no statuses: opens and refused opens look alike, so refusals "
                "are not in this run (log level 3 tells). By the number of files that each process "
                f"says it has open, {counted(self._not_granted, 'was', 'were')} refused: left out"
            )
        if self._several_count and self._level < 4:
            yield (
                f"{counted(self._several_count, 'connection')} with several shares: which of them "
                "a file is on is not in a log below level 4, and taken to be the one connected last"
            )
        if self._opened_count and not self._has_pid and not self._source.machine:
            yield (
                "the log has no pids (`debug pid = yes`): what different clients did cannot be "
                "told apart"
            )


def _access_of(read: str, write: str) -> int:
    """All that a log tells of an access below level 10."""
    return (1 if read == "Yes" else 0) | (2 if write == "Yes" else 0)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
