"""What a run's records say: opens, refusals, jobs and their rows, events, as of the last record.

The law: one fold over the records and nothing else, for every reader that looks at a whole run: the
answers about a finished run, the report, the verdict. A reader that wants one kind of record only
asks `of`. What a site says of another site's job is that site's part of it, and left out here.

It keeps everything, so it is for runs that are over; a running server has the `EpisodeLedger`.
With shelves, opens that are over and stopped somebody lie there: memory has those that stand.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from heapq import heappop, heappush, merge
from itertools import islice
from typing import Any, Final, overload

import msgspec

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.held_opens import HeldOpen, held_open
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded, StepTaken
from despoolr_core.records.kinds.share import (
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
    ShareStarted,
)
from despoolr_core.records.kinds.site import (
    DetailStatusChanged,
    EventLogged,
    JobStatusChanged,
)
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.share.wire import Blocker, LockedRange
from despoolr_core.shelf import MakeShelf, Shelf

EPISODES_MAX: Final = 1_000_000
SERVER_STOPPED: Final = "server stopped"
"""The reason of an open's end that is neither its holder's doing nor anybody's who wanted the
file.
"""


class Holding(HeldOpen, array_like=True):
    """One open from grant to close, and why it was closed. `refusal_count` is how many opens of
    others it stopped, `blocked` what the first of them said of this open, and `wanted` the share
    and the path as that one spelled them; `ranges` is what it has locked.
    """

    reason: str = ""
    refusal_count: int = 0
    blocked: Blocker | None = None
    wanted: tuple[str, str] = ("", "")
    ranges: tuple[LockedRange, ...] = ()

    def is_held(self, at: float | None) -> bool:
        """Whether it was held at a time (None: whether it is when the records end)."""
        if at is None:
            return self.closed_at is None
        return self.opened_at <= at and (self.closed_at is None or at < self.closed_at)


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Holding)


class Holdings(Sequence[Holding]):
    """Opens in the order of their grants: those in memory, and those on a shelf, which are read
    anew each time.
    """

    def __init__(self, kept: dict[int, Holding], shelf: Shelf, shelved_count: int) -> None:
        self._kept = kept
        self._shelf = shelf
        self._shelved_count = shelved_count

    def __len__(self) -> int:
        return len(self._kept) + self._shelved_count

    def __iter__(self) -> Iterator[Holding]:
        if not self._shelved_count:
            return iter([*self._kept.values()])
        shelved = ((number, _DECODER.decode(row)) for number, row in self._shelf.each())
        both = merge(shelved, self._kept.items(), key=lambda one: one[0])
        return (holding for _, holding in both)

    @overload
    def __getitem__(self, index: int) -> Holding: ...

    @overload
    def __getitem__(self, index: slice) -> list[Holding]: ...

    def __getitem__(self, index: int | slice) -> Holding | list[Holding]:
        if isinstance(index, slice):
            return [*islice(self, *index.indices(len(self)))]
        return self[index:][0]


class Change(msgspec.Struct, frozen=True):
    """A status that something took at a time, and what it was before."""

    at: float
    status: str
    was: str
    reason: str = ""


class JobHistory(msgspec.Struct):
    """A job's statuses over time; `name`, `type` and `package` are empty if no record tells
    them.
    """

    job: str
    name: str = ""
    type: str = ""
    package: str = ""
    changes: list[Change] = msgspec.field(default_factory=list)

    @property
    def status(self) -> str:
        """The status it ended with."""
        return self.changes[-1].status if self.changes else ""

    @property
    def label(self) -> str:
        """`UPDATE (BPC00003)`, or the number alone."""
        return f"{self.name} ({self.job})" if self.name and self.name != self.job else self.job


class FaultHistory(msgspec.Struct):
    """A fault that was caused on purpose, from when to when; None: to the end."""

    fault: str
    where: str
    began_at: float
    ended_at: float | None = None


class DetailHistory(msgspec.Struct):
    """One row of Job Details over time: a site arrival, a completion, a server, a workstation."""

    job: str
    kind: str
    site: str
    machine: str
    changes: list[Change] = msgspec.field(default_factory=list)

    @property
    def status(self) -> str:
        """What the row says at the end."""
        return self.changes[-1].status


DetailKey = tuple[str, str, str, str]
"""A row of Job Details: job, kind, site, machine."""


class RunView:
    """The fold. Opens are in the order of their grants, all else in the order of first mention.

    With `quiet_max` only so many of the opens that are over and stopped nobody are kept, those
    that were held longest; `quiet_left_out` counts the others. Of events the last `events_max` are
    kept (None: all).
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        episodes_max: int = EPISODES_MAX,
        quiet_max: int | None = None,
        events_max: int | None = None,
        make_shelf: MakeShelf | None = None,
    ) -> None:
        self.ledger = EpisodeLedger(
            episodes_max=episodes_max, history_max=0, shelf=make_shelf and make_shelf()
        )
        self.record_count = 0
        self.first_at = 0.0
        """When the first record was made: not the earliest, where a scaled clock was set after
        it.
        """
        self.start = self.end = 0.0
        """The earliest and the latest moment."""
        self._shelf = make_shelf and make_shelf()
        self._shelved_count = 0
        self._granted_count = 0
        self._kept: dict[int, Holding] = {}
        """Opens by the number of their grant."""
        self.unseen: list[Holding] = []
        """Opens that refused others and whose grant is not among the records."""
        self.quiet_left_out = 0
        self._quiet_max = quiet_max
        self._quiet: list[tuple[float, int, int]] = []
        """A heap of what is over and stopped nobody: the one held shortest first."""
        self._quiet_count = 0
        self.attempts: dict[str, MutableSequence[float]] = {}
        """Episode to the moments of its refusals."""
        self.jobs: dict[str, JobHistory] = {}
        self.details: dict[DetailKey, DetailHistory] = {}
        self.events: deque[tuple[Record, EventLogged]] = deque(maxlen=events_max)
        self.steps: list[tuple[Record, StepTaken]] = []
        """What the scenario did, each step once."""
        self.faults: list[FaultHistory] = []
        """What was broken on purpose, in the order in which it began."""
        self._faults: dict[int, FaultHistory] = {}
        self._last_seq = 0
        self.import_notes: list[ImportNote] = []
        """What an import says of its sources."""
        self._open: dict[tuple[str, str], tuple[int, Holding]] = {}
        self._steps: Final[dict[type[Fact], Callable[[Record, Any], None]]] = {
            ShareStarted: self._server_started,
            OpenGranted: self._granted,
            OpenRefused: self._refused,
            OpenClosed: self._closed,
            LockGranted: self._locked,
            LockReleased: self._unlocked,
            JobStatusChanged: self._job_changed,
            DetailStatusChanged: self._detail_changed,
            EventLogged: self._event,
            ImportNote: self._import_noted,
            StepTaken: self._step_taken,
            FaultBegan: self._fault_began,
            FaultEnded: self._fault_ended,
        }
        for record in records:
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Take the next record in, as the run told it."""
        if not self.record_count:
            self.first_at = self.start = self.end = record.at
        if record.seq <= self._last_seq:  # a process that was started again counts anew
            self._end_faults(record.at)
        self._last_seq = record.seq
        self.record_count += 1
        self.start, self.end = min(self.start, record.at), max(self.end, record.at)
        self.ledger.apply(record)
        step = self._steps.get(type(record.data))
        if step is not None:
            step(record, record.data)

    @property
    def holdings(self) -> Sequence[Holding]:
        """The opens, as of the last record."""
        if self._shelf is None:
            return [*self._kept.values()]
        return Holdings(self._kept, self._shelf, self._shelved_count)

    def name_of(self, job: str) -> str:
        """A job's name; its ID if no record tells it."""
        found = self.jobs.get(job)
        return found.name if found is not None and found.name else job

    def details_of(self, job: str) -> list[DetailHistory]:
        """The rows of a job that were ever reported."""
        return [row for row in self.details.values() if row.job == job]

    # -- one step for each kind

    def _server_started(self, record: Record, started: ShareStarted) -> None:
        for key in [key for key in self._open if key[0] == started.server]:
            self._end(key, record.at, SERVER_STOPPED)

    def _granted(self, record: Record, granted: OpenGranted) -> None:
        holding = held_open(Holding, granted, record.at)
        self._granted_count += 1
        self._open[granted.server, granted.open] = (self._granted_count, holding)
        self._kept[self._granted_count] = holding

    def _closed(self, record: Record, closed: OpenClosed) -> None:
        self._end((closed.server, closed.open), record.at, closed.reason)

    def _end(self, key: tuple[str, str], at: float, reason: str) -> None:
        number, holding = self._open.pop(key, (0, None))
        if holding is None:
            return
        holding.closed_at, holding.reason, holding.ranges = at, reason, ()
        if number not in self._kept:  # its grant was never seen
            return
        if not holding.refusal_count:
            if self._quiet_max is not None:
                self._keep_longest(number, at - holding.opened_at, self._quiet_max)
        elif self._shelf is not None:
            self._shelf.put(number, _ENCODER.encode(self._kept.pop(number)))
            self._shelved_count += 1

    def _keep_longest(self, number: int, held_s: float, quiet_max: int) -> None:
        heappush(self._quiet, (held_s, self._quiet_count, number))
        self._quiet_count -= 1
        if len(self._quiet) > quiet_max:
            self.quiet_left_out += 1
            del self._kept[heappop(self._quiet)[2]]

    def _refused(self, record: Record, refused: OpenRefused) -> None:
        if refused.episode and refused.blockers:
            self.attempts.setdefault(refused.episode, array("d")).append(record.at)
        for blocker in refused.blockers:
            _, holding = self._open.get((refused.server, blocker.open), (0, None))
            if holding is None:
                holding = _unseen(refused, blocker)
                self._open[refused.server, blocker.open] = (0, holding)
                self.unseen.append(holding)
            holding.refusal_count += 1
            if holding.blocked is None:
                holding.blocked, holding.wanted = blocker, (refused.share, refused.path)

    def _locked(self, record: Record, granted: LockGranted) -> None:
        _, holding = self._open.get((granted.server, granted.open), (0, None))
        if holding is not None:
            lock = LockedRange(granted.lock, granted.offset, granted.length, record.at)
            holding.ranges = (*holding.ranges, lock)

    def _unlocked(self, _record: Record, released: LockReleased) -> None:
        _, holding = self._open.get((released.server, released.open), (0, None))
        if holding is not None:
            ranges = holding.ranges
            index = next((n for n, lock in enumerate(ranges) if released.is_of(lock)), len(ranges))
            holding.ranges = ranges[:index] + ranges[index + 1 :]

    def _job_changed(self, record: Record, changed: JobStatusChanged) -> None:
        if not is_owners(record.actor, changed.job):
            return
        job = self.jobs.setdefault(changed.job, JobHistory(changed.job))
        job.name = changed.name or job.name
        job.type = changed.type or job.type
        job.package = changed.package or job.package
        job.changes.append(Change(record.at, changed.status, changed.was, changed.reason))

    def _detail_changed(self, record: Record, changed: DetailStatusChanged) -> None:
        if not is_owners(record.actor, changed.job):
            return
        key = (changed.job, changed.detail, changed.site, changed.machine)
        row = self.details.get(key)
        if row is None:
            row = self.details[key] = DetailHistory(*key)
        status, was = map(sys.intern, (changed.status, changed.was))
        row.changes.append(Change(record.at, status, was))

    def _event(self, record: Record, event: EventLogged) -> None:
        self.events.append((record, event))

    def _step_taken(self, record: Record, step: StepTaken) -> None:
        if not step.result:
            self.steps.append((record, step))

    def _fault_began(self, record: Record, began: FaultBegan) -> None:
        fault = self._faults[record.seq] = FaultHistory(began.fault, began.where, record.at)
        self.faults.append(fault)

    def _end_faults(self, at: float) -> None:
        """No fault outlives its process: what it broke was whole again at its next start."""
        for fault in self._faults.values():
            fault.ended_at = at
        self._faults.clear()

    def _fault_ended(self, record: Record, _ended: FaultEnded) -> None:
        fault = self._faults.pop(record.cause, None)
        if fault is not None:
            fault.ended_at = record.at

    def _import_noted(self, _record: Record, note: ImportNote) -> None:
        self.import_notes.append(note)


def _unseen(refused: OpenRefused, blocker: Blocker) -> Holding:
    return Holding(
        server=refused.server,
        open=blocker.open,
        machine=blocker.machine,
        user=blocker.user,
        program=blocker.program,
        share=refused.share,
        path=refused.path,
        access=blocker.access,
        share_mode=blocker.share_mode,
        opened_at=blocker.opened_at,
        since=blocker.since,
    )
