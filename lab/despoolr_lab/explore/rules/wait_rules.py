"""What must hold of those who wait for a file, and of what was taken from others for them, read
from the records alone.

The law: an episode tells of every refusal of its waiter, goes on until that waiter has got what it
was refused, or is given up and not tried again; and rights and ranges that were taken are given
back. It is computed here a second time, and asks nothing of the ledger whose rows it compares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from despoolr_core.records.episodes import HOLDS_MAX, EpisodeLedger
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    RightsChanged,
    ShareStarted,
)
from despoolr_core.records.kinds.site import CopyStarted
from despoolr_core.records.stream import Record
from despoolr_core.rules.conflict import wants
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, NtStatus, parse_flags
from despoolr_core.share.wire import Blocker
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S
from despoolr_lab.explore.rules.share_rules import SERVICES

MISCOUNTED: Final = "attempts miscounted"
ENDED_EARLY: Final = "an episode that ended at another time"
WRONG_HOLDER: Final = "an episode that names another holder"
NOT_GIVEN_UP: Final = "given up and tried again"
TWO_LOCKS: Final = "two locks that exclude each other"
NO_LOCK: Final = "refused by a lock that is over"
OTHER_BYTES: Final = "refused by a lock of other bytes"
UNDER_LOCK: Final = "written in a range that another has locked"
RIGHTS_KEPT: Final = "rights that were not given back"
GIVEN_UP: Final = "given up"
EXCLUSIVE: Final = "EXCLUSIVE"
DESPOOLER: Final = "SMS_DESPOOLER"
INTERRUPTIONS: Final = ("kill", "hotfix", "service")
_PURPOSE: Final = re.compile(r"^job (\S+) ")

Waiter = tuple[str, ...]
"""Machine, program, server and purpose; without a purpose share and path."""


@dataclass(slots=True)
class _Wait:
    """One episode: what was refused last, how often in all, and by whose opens."""

    refused: OpenRefused
    count: int = 0
    ended_at: float | None = None
    holders: set[str] = field(default_factory=set)


@dataclass(slots=True)
class WaitRules:
    """The fold: feed it all records in order, then ask `at_end`. `keeps_rights`: a version that
    fails to give rights back is there (Q182414), or a person changes some.
    """

    keeps_rights: bool = False
    _waits: dict[str, _Wait] = field(default_factory=dict)
    _of_waiter: dict[Waiter, str] = field(default_factory=dict)
    _given_up: dict[tuple[str, str], str] = field(default_factory=dict)
    """Job and server to the episode in which that was given up."""
    _rights: dict[tuple[str, ...], tuple[str | None, str | None, float]] = field(
        default_factory=dict
    )
    """Who changed what to what it was first, what it is, and since when."""
    _locks: dict[tuple[str, str], dict[str, list[LockGranted]]] = field(default_factory=dict)
    """Server and file to the locks of it, by their opens."""
    _range_refused: OpenRefused | None = None
    """The last refusal of a range; the step that asked for it tells which one it was."""
    _ledger: EpisodeLedger = field(
        default_factory=lambda: EpisodeLedger(episodes_max=1_000_000, history_max=0)
    )
    _steps: dict[type[Fact], Callable[[Record, Any], Iterable[Breach]]] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = {
            OpenRefused: self._refused,
            OpenGranted: self._got_through,
            LockGranted: self._locked,
            LockReleased: self._unlocked,
            OpenClosed: self._closed,
            FileWritten: self._written,
            FileDeleted: self._deleted,
            FileRenamed: self._renamed,
            EpisodeEnded: self._ended,
            ShareStarted: self._started,
            CopyStarted: self._copied,
            StepTaken: self._step_taken,
            RightsChanged: self._rights_changed,
        }

    def apply(self, record: Record) -> Iterable[Breach]:
        """What the next record breaks."""
        self._ledger.apply(record)
        step = self._steps.get(type(record.data))
        return () if step is None else step(record, record.data)

    def at_end(self, at: float, calm: float = math.inf) -> Iterator[Breach]:
        """What the run as a whole breaks, that ended then and was left in peace since `calm`."""
        for episode, wait in self._waits.items():
            row = self._ledger.row(episode, at)
            program = wait.refused.program
            told = 0 if row is None else row.attempt_count
            if told != wait.count:
                text = f"episode {episode} has {wait.count} refusals, and tells of {told}"
                yield Breach(MISCOUNTED, text, at)
            if row is None:
                continue
            if row.ended_at != wait.ended_at:
                ended = "goes on" if wait.ended_at is None else "is over"
                text = f"episode {episode} ({row.state}) {ended}, and tells of another end"
                yield Breach(ENDED_EARLY, text, at, 0, "", program)
            if len(wait.holders) < HOLDS_MAX and {hold.open for hold in row.holds} != wait.holders:
                named = ", ".join(sorted({hold.machine for hold in row.holds}))
                text = f"episode {episode} names {named or 'nobody'}, and others refused it"
                yield Breach(WRONG_HOLDER, text, at, 0, "", program)
        for (server, share, path, role), (first, last, since) in self._rights.items():
            if first != last and not self.keeps_rights and at - max(since, calm) >= SETTLED_S:
                text = (
                    f"{role} may do {last or 'what all may'} in {path} of {share} on {server}, and "
                    f"had {first or 'nothing set'} before"
                )
                yield Breach(RIGHTS_KEPT, text, at, 0, "", DESPOOLER)

    # -- waits

    def _refused(self, record: Record, refused: OpenRefused) -> Iterator[Breach]:
        for blocker in refused.blockers:
            if blocker.lock is not None and not self._has_lock(refused.server, blocker):
                text = (
                    f"{refused.machine} ({refused.program}) was refused {refused.path} on "
                    f"{refused.server} because of a range of {blocker.machine}, which is not locked"
                )
                yield Breach(NO_LOCK, text, record.at, record.seq, "", refused.program)
        if refused.nt_status == NtStatus.LOCK_NOT_GRANTED:
            self._range_refused = refused
        if not refused.blockers or not refused.episode:
            return
        wait = self._waits.setdefault(refused.episode, _Wait(refused))
        wait.refused, wait.ended_at = refused, None
        wait.count += 1
        wait.holders |= {blocker.open for blocker in refused.blockers}
        self._of_waiter[_waiter(refused)] = refused.episode

    def _has_lock(self, server: str, blocker: Blocker) -> bool:
        """Whether an open has the lock that is said to be in the way."""
        return any(
            blocker.lock is not None
            and (one.lock, one.offset, one.length)
            == (blocker.lock.kind, blocker.lock.offset, blocker.lock.length)
            for (at, _), there in self._locks.items()
            if at == server
            for one in there.get(blocker.open, [])
        )

    def _got_through(self, record: Record, got: Any) -> Iterator[Breach]:
        wait = self._waits.get(self._of_waiter.get(_waiter(got), ""))
        if wait is not None and wait.ended_at is None and _is_it(got, wait.refused):
            wait.ended_at = record.at
        yield from ()

    def _ended(self, record: Record, ended: EpisodeEnded) -> Iterator[Breach]:
        wait = self._waits.get(ended.episode)
        if wait is None or wait.ended_at is not None:
            return
        wait.ended_at = record.at
        job = _PURPOSE.match(wait.refused.purpose)
        if ended.state == GIVEN_UP and job is not None and "(Q" not in ended.reason:
            self._given_up[job[1], ended.server] = ended.episode
        yield from ()

    def _copied(self, record: Record, started: CopyStarted) -> Iterator[Breach]:
        episode = self._given_up.pop((started.job, started.server), "")
        if episode:
            text = f"episode {episode} was given up, and job {started.job} is tried again"
            yield Breach(NOT_GIVEN_UP, text, record.at, record.seq, "", DESPOOLER)

    def _step_taken(self, record: Record, step: StepTaken) -> Iterator[Breach]:
        if step.do in INTERRUPTIONS:  # what was given up may have to be done once more
            self._given_up.clear()
        refused, result = self._range_refused, step.result
        if refused is None or not isinstance(result, dict) or "range_refused" not in result:
            return
        self._range_refused = None
        asked = (int(result["offset"]), int(result["length"]))
        locks = [blocker.lock for blocker in refused.blockers if blocker.lock is not None]
        for lock in locks:
            if not _overlap(asked, (lock.offset, lock.length)):
                text = (
                    f"{refused.machine} was refused {asked[1]} bytes from {asked[0]} on of "
                    f"{refused.path} on {refused.server}, because of {lock.length} from "
                    f"{lock.offset} on"
                )
                yield Breach(OTHER_BYTES, text, record.at, record.seq, "", refused.program)

    # -- ranges

    def _locked(self, record: Record, locked: LockGranted) -> Iterator[Breach]:
        yield from self._got_through(record, locked)
        there = self._locks.setdefault((locked.server, _file(locked)), {})
        for open_, locks in there.items():
            for other in locks if open_ != locked.open else ():
                is_shared = EXCLUSIVE not in (locked.lock, other.lock)
                if not is_shared and _overlap(_range(locked), _range(other)):
                    text = (
                        f"{locked.machine} has locked a range of {locked.path} on {locked.server} "
                        f"that {other.machine} has locked"
                    )
                    yield Breach(TWO_LOCKS, text, record.at, record.seq, "", locked.program)
        there.setdefault(locked.open, []).append(locked)

    def _written(self, record: Record, written: FileWritten) -> Iterator[Breach]:
        """A service writes a file as a whole."""
        yield from self._got_through(record, written)
        there = self._locks.get((written.server, _file(written)), {})
        for other in (lock for locks in there.values() for lock in locks):
            is_services = written.program.startswith(SERVICES)
            is_other = (other.machine, other.program) != (written.machine, written.program)
            if is_services and is_other and _overlap((0, written.size), _range(other)):
                text = (
                    f"{written.machine} ({written.program}) has written {written.path} on "
                    f"{written.server}, of which {other.machine} has locked a range"
                )
                yield Breach(UNDER_LOCK, text, record.at, record.seq, "", written.program)

    def _unlocked(self, _record: Record, released: LockReleased) -> Iterator[Breach]:
        wanted = (released.lock, released.offset, released.length)
        for (server, _), there in self._locks.items():
            locks = there.get(released.open, []) if server == released.server else []
            for number, one in enumerate(locks):
                if (one.lock, one.offset, one.length) == wanted:
                    del locks[number]
                    return
        yield from ()

    def _closed(self, _record: Record, closed: OpenClosed) -> Iterator[Breach]:
        for (server, _), there in self._locks.items():
            if server == closed.server:
                there.pop(closed.open, None)
        yield from ()

    def _started(self, _record: Record, started: ShareStarted) -> Iterator[Breach]:
        for key in [key for key in self._locks if key[0] == started.server]:
            del self._locks[key]
        yield from ()

    def _deleted(self, record: Record, deleted: FileDeleted) -> Iterator[Breach]:
        """What is called so from now on is another file."""
        yield from self._got_through(record, deleted)
        self._taken(deleted.server, _file(deleted))

    def _renamed(self, record: Record, renamed: FileRenamed) -> Iterator[Breach]:
        """Locks go with their file."""
        yield from self._got_through(record, renamed)
        was, now = _file(renamed), f"{fold(renamed.share)}/{fold(renamed.new_path)}"
        moved = self._taken(renamed.server, was)
        self._taken(renamed.server, now)
        self._locks |= {(renamed.server, now + file[len(was) :]): of for file, of in moved.items()}

    def _taken(self, server: str, file: str) -> dict[str, dict[str, list[LockGranted]]]:
        """The locks of a file, or below a directory, which are forgotten here."""
        keys = [(at, key) for at, key in self._locks if at == server and _is_in(key, file)]
        return {key: self._locks.pop((at, key)) for at, key in keys}

    # -- rights

    def _rights_changed(self, record: Record, changed: RightsChanged) -> Iterator[Breach]:
        key = (
            record.actor.partition("/")[0],
            changed.share,
            fold(changed.path),
            changed.role,
        )
        first = self._rights[key][0] if key in self._rights else changed.was
        self._rights[key] = first, changed.rights, record.at
        yield from ()


def _waiter(fact: Any) -> Waiter:
    who = (fact.machine, fact.program, fact.server)
    return (*who, fact.purpose) if fact.purpose else (*who, fold(fact.share), fold(fact.path))


def _file(fact: Any) -> str:
    return f"{fold(fact.share)}/{fold(fact.path)}"


def _is_in(file: str, place: str) -> bool:
    return file == place or file.startswith(f"{place}/")


def _is_it(got: Any, refused: OpenRefused) -> bool:
    """Whether somebody has got what it was refused last."""
    if _file(got) != _file(refused):
        return False
    if not isinstance(got, OpenGranted) or not got.access or not refused.access:
        return True
    wanted, has = (wants(parse_flags(Access, one.access)) for one in (refused, got))
    return not wanted & ~has


def _range(lock: LockGranted) -> tuple[int, int]:
    return lock.offset, lock.length


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two ranges, each by its offset and length, have a byte in common."""
    return bool(one[1] and other[1]) and one[0] < other[0] + other[1] and other[0] < one[0] + one[1]
