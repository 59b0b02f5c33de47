"""What must hold of every share, read from the records alone.

The law: whatever the site did, no two opens are held that the conflict rule forbids, nothing is
written or deleted under somebody who does not share it, who is refused is refused by opens that are
there and all of them are named, no refusal is forgotten by who was refused, and nobody keeps what
he cannot use any more. It is computed here a second time, from grants and closes, the two lines of
the rule included, and asks nothing of the engine.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from despoolr_core.records.kinds.client import MessageRead
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import (
    FileDeleted,
    FileRenamed,
    FileWritten,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    SessionEnded,
    SessionStarted,
    ShareStarted,
)
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied
from despoolr_core.records.stream import Record
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import WIN32_CODE, Access, NtStatus, ShareMode, parse_flags
from despoolr_core.share.wire import Blocker
from despoolr_lab.explore.rules.breach import Breach, role_of
from despoolr_lab.explore.rules.calm import SETTLED_S

REFUSED_BY_OTHERS: Final = frozenset(
    {
        NtStatus.SHARING_VIOLATION,
        NtStatus.FILE_LOCK_CONFLICT,
        NtStatus.LOCK_NOT_GRANTED,
        NtStatus.DELETE_PENDING,
    }
)
"""Refusals that somebody's open or lock is the reason of."""
REFUSED_WIN32: Final = frozenset(
    WIN32_CODE[status] for status in (NtStatus.SHARING_VIOLATION, NtStatus.FILE_LOCK_CONFLICT)
)

TWO_OPENS: Final = "two opens that exclude each other"
CHANGED_UNDER: Final = "changed under who does not share it"
STALE: Final = "refused by an open that is closed"
NO_CONFLICT: Final = "refused by an open that allows it"
NOBODY: Final = "refused by nobody"
FORGOTTEN: Final = "a refused open forgotten"
CLOSED_TWICE: Final = "closed and not open"
LEFT_OPEN: Final = "open after its session"
UNNAMED: Final = "refused by an open that is not named"
MISNAMED: Final = "refused by another than is named"
NEVER_CLOSED: Final = "an open that a service forgot"
OUTLIVED: Final = "open after its lease"
DELETE_FORGOTTEN: Final = "a delete that was forgotten"
LEASE_CUT: Final = "a lease that ended too early"
LAPSED: Final = "lease expired"
QUIET_STEPS: Final = frozenset(
    {"job", "cancel", "source", "hold", "release", "connect", "poll", "execute", "set"}
)
"""Steps that disturb nobody: who is on renews its leases, and what is done twice had to be done."""
SERVICES: Final = "SMS_"
"""How the names of services begin: what they open they close within the cycle."""
NAMED_MAX: Final = 16
"""Opens in the way that a server names."""
LAPSED_S: Final = 60.0
"""Seconds in which a server has noticed that a lease is over."""


@dataclass(slots=True)
class _Held:
    """One open; `key` is where its file is, empty when that was deleted or replaced under it."""

    granted: OpenGranted
    key: str
    wanted: int
    shared: int
    at: float


@dataclass(slots=True)
class ShareRules:
    """The fold: feed it all records in order, then ask `at_end`."""

    package_shares: frozenset[str]
    _held: dict[tuple[str, str], _Held] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _standing: set[tuple[str, str]] = field(default_factory=set)
    """Those of them that nobody has closed."""
    _by_file: dict[tuple[str, str], dict[str, _Held]] = field(default_factory=dict)
    """Server and file to the opens of it, by their names."""
    _is_disturbed: bool = False
    _over: set[tuple[str, str]] = field(default_factory=set)
    """Sessions that ended, by server."""
    _going: set[tuple[str, str]] = field(default_factory=set)
    """Server and file that somebody has deleted while it was open."""
    _last_closed: dict[tuple[str, str], Record] = field(default_factory=dict)
    """Those of them that nobody has open any more, and their last close."""
    _leases: dict[tuple[str, str], float] = field(default_factory=dict)
    """Sessions that have a lease, to its seconds."""
    _refusals: dict[str, list[tuple[int, OpenRefused]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Server to what was refused there."""
    _copies: dict[int, CopyStarted] = field(default_factory=dict)
    _refused_files: dict[int, dict[str, FileCopied]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _done_files: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    _steps: dict[type[Fact], Callable[[Record, Any], Iterable[Breach]]] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = {
            ShareStarted: self._started,
            OpenGranted: self._granted,
            OpenClosed: self._closed,
            OpenRefused: self._refused,
            SessionStarted: self._began,
            SessionEnded: self._ended,
            StepTaken: self._step_taken,
            MessageRead: self._message_read,
            FileWritten: self._written,
            FileDeleted: self._deleted,
            FileRenamed: self._renamed,
            CopyStarted: self._copy_started,
            FileCopied: self._copied,
            CopyEnded: self._copy_ended,
        }

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        if self._last_closed:
            yield from self._not_deleted(record.at)
        step = self._steps.get(type(record.data))
        if step is not None:
            yield from step(record, record.data)

    def at_end(
        self, records: Sequence[Record], off_since: Mapping[str, float] = MappingProxyType({})
    ) -> Iterator[Breach]:
        """What the run as a whole breaks. `off_since`: machines that are off, and since when."""
        at = records[-1].at if records else 0.0
        yield from self._not_deleted(math.inf)
        for held in self._held.values():
            granted = held.granted
            where = f"{granted.path} open on {granted.server}"
            if granted.program.startswith(SERVICES) and at - held.at > SETTLED_S:
                text = f"{granted.program} has had {where} for {(at - held.at) / 3600:.0f} h"
                yield self._of(NEVER_CLOSED, granted, text, at)
            lease_s = self._leases.get((granted.server, granted.session), math.inf)
            if at - off_since.get(granted.machine, math.inf) > lease_s + LAPSED_S:
                text = f"{granted.machine} is off longer than its lease, and has {where}"
                yield self._of(OUTLIVED, granted, text, at)
            if (granted.server, granted.session) in self._over:
                text = (
                    f"{granted.machine} has {granted.path} open on {granted.server}, and its "
                    "session is over"
                )
                yield self._of(LEFT_OPEN, granted, text, at)

    # -- opens

    def _started(self, _record: Record, started: ShareStarted) -> Iterator[Breach]:
        for key in [key for key in self._held if key[0] == started.server]:
            self._drop(key)
        self._standing = {key for key in self._standing if key[0] != started.server}
        self._over = {key for key in self._over if key[0] != started.server}
        self._leases = {key: s for key, s in self._leases.items() if key[0] != started.server}
        self._going = {key for key in self._going if key[0] != started.server}
        return iter(())

    def _granted(self, record: Record, granted: OpenGranted) -> Iterator[Breach]:
        self._seen.add((granted.server, granted.open))
        self._standing.add((granted.server, granted.open))
        if not granted.access or not granted.share_mode or granted.lock:
            # an import does not know, a WebDAV lock's own open has rules of its own
            self._going.discard((granted.server, _file(granted.share, granted.path)))
            return
        new = _Held(
            granted,
            _file(granted.share, granted.path),
            wants(parse_flags(Access, granted.access)),
            int(parse_flags(ShareMode, granted.share_mode)),
            record.at,
        )
        for other in self._at(granted.server, new.key):
            if _exclude(new.wanted, new.shared, other.wanted, other.shared):
                text = (
                    f"{granted.machine} ({granted.program}) was given {granted.path} on "
                    f"{granted.server} while {other.granted.machine} ({other.granted.program}) "
                    "had it in a way that excludes that"
                )
                yield self._of(TWO_OPENS, granted, text, record.at, record.seq)
        self._held[granted.server, granted.open] = new
        self._by_file.setdefault((granted.server, new.key), {})[granted.open] = new

    def _closed(self, record: Record, closed: OpenClosed) -> Iterator[Breach]:
        key = (closed.server, closed.open)
        if key not in self._held and key not in self._seen:
            text = f"{closed.path} on {closed.server} was closed by {closed.machine}, and not open"
            yield self._of(CLOSED_TWICE, closed, text, record.at, record.seq)
        file = (closed.server, self._held[key].key) if key in self._held else None
        self._drop(key)
        if file in self._going and not self._by_file.get(file):
            self._last_closed[file] = record

    def _not_deleted(self, now: float) -> Iterator[Breach]:
        """A file that was deleted while it was open is gone with its last close."""
        for file, record in list(self._last_closed.items()):
            if record.at < now:
                del self._last_closed[file]
                self._going.discard(file)
                closed = record.data
                assert isinstance(closed, OpenClosed)
                text = (
                    f"{closed.path} on {closed.server} was deleted while it was open, nobody has "
                    "it open any more, and it is still there"
                )
                yield self._of(DELETE_FORGOTTEN, closed, text, record.at, record.seq)

    def _began(self, _record: Record, began: SessionStarted) -> Iterator[Breach]:
        if began.lease_s:
            self._leases[began.server, began.session] = began.lease_s
        return iter(())

    def _ended(self, record: Record, ended: SessionEnded) -> Iterator[Breach]:
        self._over.add((ended.server, ended.session))
        if ended.reason == LAPSED and not self._is_disturbed:
            text = f"the lease of {ended.machine} on {ended.server} ended, and it is on"
            yield Breach(LEASE_CUT, text, record.at, record.seq)

    def _step_taken(self, _record: Record, step: StepTaken) -> Iterator[Breach]:
        self._is_disturbed |= step.do not in QUIET_STEPS
        return iter(())

    def _message_read(self, _record: Record, _read: MessageRead) -> Iterator[Breach]:
        self._is_disturbed = True  # who is told to close a file may pull the plug
        return iter(())

    def _drop(self, key: tuple[str, str]) -> None:
        self._standing.discard(key)
        held = self._held.pop(key, None)
        if held is not None:
            self._by_file.get((key[0], held.key), {}).pop(key[1], None)

    def _at(self, server: str, file: str) -> list[_Held]:
        return list(self._by_file.get((server, file), {}).values())

    # -- refusals

    def _refused(self, record: Record, refused: OpenRefused) -> Iterator[Breach]:
        self._refusals[refused.server].append((record.seq, refused))
        if refused.nt_status not in REFUSED_BY_OTHERS:
            return
        where = (
            f"{refused.machine} ({refused.program}) was refused {refused.path} on {refused.server}"
        )
        if not refused.blockers:
            yield self._of(NOBODY, refused, f"{where}, and nobody is named", record.at, record.seq)
        elif not refused.episode:
            text = f"{where} by others' opens, and no episode has it"
            yield self._of(FORGOTTEN, refused, text, record.at, record.seq)
        for blocker in refused.blockers:
            yield from self._named(record, refused, blocker, where)
        if refused.nt_status == NtStatus.SHARING_VIOLATION:
            yield from self._unnamed(record, refused, where)

    def _named(
        self, record: Record, refused: OpenRefused, blocker: Blocker, where: str
    ) -> Iterator[Breach]:
        """Who is named stands in the way: it has the file open, in a way that forbids this."""
        key = (refused.server, blocker.open)
        held = self._held.get(key)
        if key in self._seen and key not in self._standing:
            text = f"{where} because of {blocker.machine}, which has closed it"
            yield self._of(STALE, refused, text, record.at, record.seq)
        if held is None:
            return
        granted = held.granted
        if (blocker.machine, blocker.program) != (granted.machine, granted.program):
            text = f"{where} because of {blocker.machine}, and it is {granted.machine} that has it"
            yield self._of(MISNAMED, refused, text, record.at, record.seq)
        mine = _file(refused.share, refused.path)
        if refused.nt_status == NtStatus.DELETE_PENDING and held.key:
            self._going.add((refused.server, held.key))
            is_mine = mine == held.key or mine.startswith(f"{held.key}/")
        else:
            is_mine = not held.key or held.key == mine or held.key.startswith(f"{mine}/")
        if not is_mine:
            text = f"{where} because of {blocker.machine}, which has {granted.path} open"
            yield self._of(MISNAMED, refused, text, record.at, record.seq)
        elif (
            held.key == mine
            and refused.nt_status == NtStatus.SHARING_VIOLATION
            and not blocker.lock
            and _excludes(refused, held) is False
        ):
            text = f"{where} because of {blocker.machine}, whose open allows it"
            yield self._of(NO_CONFLICT, refused, text, record.at, record.seq)

    def _unnamed(self, record: Record, refused: OpenRefused, where: str) -> Iterator[Breach]:
        """All who stand in the way are named, up to as many as a server names."""
        named = {blocker.open for blocker in refused.blockers}
        if len(named) >= NAMED_MAX:
            return
        for held in self._at(refused.server, _file(refused.share, refused.path)):
            if held.granted.open not in named and _excludes(refused, held):
                text = f"{where}, and {held.granted.machine}, which is in the way, is not named"
                yield self._of(UNNAMED, refused, text, record.at, record.seq)

    def _copy_started(self, record: Record, started: CopyStarted) -> Iterator[Breach]:
        self._copies[record.seq] = started
        return iter(())

    def _copied(self, record: Record, copied: FileCopied) -> Iterator[Breach]:
        files = self._refused_files[record.cause]
        if copied.result != "refused":
            files.pop(fold(copied.file), None)
            self._done_files[record.cause].add(fold(copied.file))
            return
        files[fold(copied.file)] = copied
        name = fold(copied.file.rpartition("/")[2])
        if copied.win32 in REFUSED_WIN32 and not any(
            seq > record.cause and name in fold(refused.path)
            for seq, refused in self._refusals[copied.server]
        ):
            text = (
                f"{copied.server} refused {copied.file} to the copy of job {copied.job}, and has "
                "no record of it"
            )
            yield Breach(
                FORGOTTEN,
                text,
                record.at,
                record.seq,
                "package file",
                record.actor.partition("/")[2],
            )

    def _copy_ended(self, record: Record, ended: CopyEnded) -> Iterator[Breach]:
        program = record.actor.partition("/")[2]
        started = self._copies.pop(record.cause, None)
        missed = self._refused_files.pop(record.cause, {})
        done = self._done_files.pop(record.cause, set())
        if ended.result == "complete":
            for copied in missed.values():
                text = (
                    f"the copy of job {ended.job} to {ended.server} is complete, and "
                    f"{copied.file} was refused"
                )
                yield Breach(FORGOTTEN, text, record.at, record.seq, "package file", program)
            for seq, refused in self._refusals[ended.server] if started is not None else ():
                is_this = refused.program == program and f"job {ended.job} " in refused.purpose
                if seq > record.cause and is_this and "WRITE" in refused.access:
                    name = fold(refused.path)
                    if not any(name.endswith(f"/{file}") for file in done):
                        text = (
                            f"the copy of job {ended.job} to {ended.server} is complete, and "
                            f"{refused.path} was refused and never copied"
                        )
                        yield self._of(FORGOTTEN, refused, text, record.at, record.seq)
        self._refusals[ended.server] = []

    # -- changes

    def _written(self, record: Record, written: FileWritten) -> Iterator[Breach]:
        yield from self._changed(record, written, written.path, "written", ShareMode.WRITE)

    def _deleted(self, record: Record, deleted: FileDeleted) -> Iterator[Breach]:
        yield from self._changed(record, deleted, deleted.path, "deleted", ShareMode.DELETE)
        self._detach(deleted.server, _file(deleted.share, deleted.path))

    def _renamed(self, record: Record, renamed: FileRenamed) -> Iterator[Breach]:
        yield from self._changed(record, renamed, renamed.path, "renamed", ShareMode.DELETE)
        self._detach(renamed.server, _file(renamed.share, renamed.new_path))
        was, now = _file(renamed.share, renamed.path), _file(renamed.share, renamed.new_path)
        for (server, key), opens in list(self._by_file.items()):
            if server != renamed.server or not (key == was or key.startswith(f"{was}/")):
                continue
            moved = now + key[len(was) :]
            for held in opens.values():
                held.key = moved
            self._by_file.setdefault((server, moved), {}).update(opens)
            self._by_file.pop((server, key))

    def _changed(
        self, record: Record, fact: Any, path: str, did: str, needed: ShareMode
    ) -> Iterator[Breach]:
        for held in self._at(fact.server, _file(fact.share, path)):
            mine = (held.granted.machine, held.granted.program) == (fact.machine, fact.program)
            if held.wanted and not held.shared & needed and not mine:
                text = (
                    f"{fact.machine} ({fact.program}) has {did} {path} on {fact.server} under "
                    f"{held.granted.machine} ({held.granted.program}), which shares "
                    f"{held.granted.share_mode}"
                )
                yield self._of(CHANGED_UNDER, fact, text, record.at, record.seq)

    def _detach(self, server: str, file: str) -> None:
        """Who has a file open that is deleted or replaced keeps what it opened."""
        for held in self._at(server, file):
            held.key = ""
        self._by_file.pop((server, file), None)
        self._going.discard((server, file))
        self._last_closed.pop((server, file), None)

    def _of(self, kind: str, fact: Any, text: str, at: float, seq: int = 0) -> Breach:
        role = role_of(fact.share, fact.path, self.package_shares)
        return Breach(kind, text, at, seq, role, getattr(fact, "program", ""))


def _excludes(refused: OpenRefused, held: _Held) -> bool | None:
    """Whether what was refused and an open exclude each other; None where it is not known."""
    wanted = wants(parse_flags(Access, refused.access)) if refused.access else 0
    shared = int(parse_flags(ShareMode, refused.share_mode)) if refused.share_mode else 0
    return _exclude(wanted, shared, held.wanted, held.shared) if wanted else None


def _exclude(wanted: int, shared: int, held_wanted: int, held_shared: int) -> bool:
    """The two lines of the rule, for opens that want anything at all: one wants what the other does
    not share.
    """
    if not wanted or not held_wanted:
        return False
    return bool(wanted & ~held_shared or held_wanted & ~shared)


def _file(share: str, path: str) -> str:
    return f"{fold(share)}/{fold(path)}"
