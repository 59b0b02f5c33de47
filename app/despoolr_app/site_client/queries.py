"""The questions of an operator, put to running servers or to the records of a finished run: the
same answers from both.

The law: a running site is asked over HTTP (`despoolr_app.site_client.live`), a finished run is one
pass over `records.jsonl`; both answer in the same words. Nothing is guessed: what was not as it
should be is in the notes. A running site fails with a `SiteError`, a finished run with a
`RunError`; both say what to do next.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Protocol

import msgspec

from despoolr_app.runs.directory import FinishedRun, RunError
from despoolr_app.runs.disk_shelf import DiskShelf, SortedRows
from despoolr_app.runs.remedy import kept_remedy
from despoolr_core.again import Again
from despoolr_core.formats.nt_event_texts import EVENTS
from despoolr_core.records.held_opens import HeldOpen
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import Record
from despoolr_core.records.verdicts import verdict
from despoolr_core.records.view import DetailHistory, Holding, JobHistory, RunView
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import RANGES_LISTED_MAX, EpisodeRow, LockedRange, WaitingRange
from despoolr_core.times import moment


class LockRow(msgspec.Struct, frozen=True):
    """One open and what it has caused.

    `open` is its handle; `closed_at` is None while it is held; `refusal_count` says how many opens
    of others it stopped; `kind` is empty for what is only an open, and says which lock it is for
    one of WebDAV's. `ranges` are the bytes it has locked and `waiting` those it waits for, the
    first of `range_count` and `waiting_count`; records do not tell who waits, and of a past moment
    a running server tells neither. `since` is `before` where the open is older than `opened_at`.
    """

    server: str
    open: str
    share: str
    path: str
    machine: str
    user: str
    program: str
    access: str
    share_mode: str
    opened_at: float
    closed_at: float | None
    refusal_count: int
    kind: str = ""
    ranges: tuple[LockedRange, ...] = ()
    range_count: int = 0
    waiting: tuple[WaitingRange, ...] = ()
    waiting_count: int = 0
    since: str = ""


class WhyAnswer(msgspec.Struct):
    """Who was refused, and who held: `verdicts` has a sentence for each episode, in the same
    order. `remedy` is what a what-if found for a finished run; empty where none was asked.
    """

    source: str
    at: float
    verdicts: list[str] | Again[str]
    episodes: list[EpisodeRow] | Again[EpisodeRow]
    holders: list[LockRow] | Again[LockRow]
    notes: list[str]
    remedy: str = ""


class LockAnswer(msgspec.Struct):
    """Who holds what. Of a finished run also the opens that stood in somebody's way and are
    closed.
    """

    source: str
    at: float
    locks: list[LockRow] | Again[LockRow]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter. `path` may be a whole path, its last parts (`b.dat`), or a pattern (`*.dat`); case
    does not matter.
    """

    share: str = ""
    path: str = ""
    machine: str = ""

    def takes(self, share: str, path: str, machines: Iterable[str]) -> bool:
        """Whether something on that share and path, of one of those machines, is wanted."""
        if self.share and fold(self.share) != fold(share):
            return False
        if self.machine and fold(self.machine) not in {fold(m) for m in machines}:
            return False
        return not self.path or _path_matches(self.path, path)


def _path_matches(wanted: str, path: str) -> bool:
    pattern = fold(wanted.replace("\\", "/").strip("/"))
    name = fold(path)
    if any(c in pattern for c in "*?["):
        return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"*/{pattern}")
    return name == pattern or name.endswith(f"/{pattern}")


class Source(Protocol):
    """Something that can be asked: running servers, or a finished run. Each question raises
    `SiteError` or `RunError`.
    """

    @property
    def name(self) -> str:
        """What was asked, for people."""

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """Who holds, or at a time held, what."""

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Who was refused what, and who held it."""

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, oldest first, without their details. Raises `SiteError`."""

    def job(self, job: str) -> dict[str, Any]:
        """One job (`job`) and its rows (`details`), by id or name."""

    def events(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, oldest first."""

    def moment(self) -> float | None:
        """The site time of answers about now; None where nobody tells."""

    @property
    def notes(self) -> list[str]:
        """What was not as it should be while answering."""


FAULTS_TOLD_MAX: Final = 8
"""What was broken on purpose and is told in the notes of an answer: the last."""


def fault_note(fault: str, where: str, began_at: float, ended_at: float | None) -> str:
    """What was broken on purpose, and when, as a note."""
    when = f"since {moment(began_at)}" if ended_at is None else f"to {moment(ended_at)}"
    since = "" if ended_at is None else f"{moment(began_at)} "
    return f"broken on purpose: {fault}, {where}, {since}{when}"


def some_faults(notes: Sequence[str]) -> list[str]:
    """The last of them, and how many came before."""
    more = len(notes) - FAULTS_TOLD_MAX
    before = [f"broken on purpose before that: {more:,} more"] if more > 0 else []
    return [*before, *notes[-FAULTS_TOLD_MAX:]]


# -- a finished run

EVENTS_MAX: Final = 10_000
"""Events that are kept: the last."""
IN_MEMORY_MAX: Final = 10_000
"""Rows that are sorted in memory."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(LockRow)


class RunSource:
    """A finished run, read once and kept as what the questions need: of a long one on disk, so that
    its answers are not in memory either.
    """

    def __init__(self, run: FinishedRun, until: float = math.inf) -> None:
        """`until`: what happened later (site seconds) has not happened yet. Raises `RunError`."""
        self._run = run
        told = run.records()
        if until < math.inf:
            told = (record for record in told if record.at <= until)
        self._view = RunView(
            told,
            quiet_max=0,  # what is over and stopped nobody is never asked for
            events_max=EVENTS_MAX,
            make_shelf=DiskShelf,
        )

    @property
    def name(self) -> str:
        return str(self._run.path)

    @property
    def notes(self) -> list[str]:
        """What the reader said of the file, what an import said of its sources, and what was broken
        on purpose.
        """
        view = self._view
        broken = [fault_note(f.fault, f.where, f.began_at, f.ended_at) for f in view.faults]
        told = [note.text for note in view.import_notes]
        return [*self._run.notes, *told, *some_faults(broken)]

    def moment(self) -> float | None:
        return self._view.end

    @property
    def first_at(self) -> float:
        """When the run's first record was made, in site seconds."""
        return self._view.first_at

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """Without a time: what was still held at the end, and what stood in somebody's way
        before.
        """
        if at is not None and at < self._view.end:
            return RunSource(self._run, at).locks(wanted, at)
        found = (r for r in self._rows(at) if wanted.takes(r.share, r.path, [r.machine]))
        time = self._view.end if at is None else at
        return LockAnswer(self.name, time, oldest_first(found), self.notes)

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Without a time: every refusal of the run, and who stood in the way."""
        if at is not None and at < self._view.end:
            return RunSource(self._run, at).why(wanted, at)
        ledger = self._view.ledger
        episodes = Again(
            lambda: (
                row for row in ledger.each_about(at=at) if row is not None and concerns(wanted, row)
            )
        )
        return WhyAnswer(
            self.name,
            ledger.moment(at),
            Again(lambda: _sentences(episodes)),
            episodes,
            oldest_first(holders_of(Again(lambda: self._rows(at)), wanted, episodes)),
            self.notes,
            kept_remedy(self._run.path) if at is None else "",  # at that time nobody knew
        )

    def jobs(self) -> list[dict[str, Any]]:
        return [_job_row(job) for job in self._view.jobs.values()]

    def job(self, job: str) -> dict[str, Any]:
        """From the `job.status` and `detail.status` records: rows that never reported are not
        there. Raises `RunError` if there is no such job.
        """
        jobs = self._view.jobs
        found = jobs.get(fold(job)) or next(
            (j for j in reversed(jobs.values()) if j.name == job), None
        )
        if found is None:
            ids = ", ".join(f"{j.job} ({j.name})" for j in list(jobs.values())[:20])
            raise RunError(f"no job {job!r} in {self.name}; there are {ids or 'none'}")
        order = ["Site Arrival", "Completion", "Server", "Workstation"]
        rows = sorted(
            self._view.details_of(found.job),
            key=lambda d: (order.index(d.kind) if d.kind in order else 9, d.site, d.machine),
        )
        return {"job": _job_row(found), "details": [_detail_row(row) for row in rows]}

    def events(self, limit: int) -> list[dict[str, Any]]:
        return [_event_row(record, event) for record, event in [*self._view.events][-limit:]]

    def _rows(self, at: float | None) -> Iterator[LockRow]:
        """What was held at a time; without one, also what stood in somebody's way and is closed."""
        view = self._view
        for holding in view.holdings:
            if holding.is_held(at):
                yield _held_row(holding)
        if at is None:
            for holding in chain(view.holdings, view.unseen):
                if holding.refusal_count and holding.closed_at is not None:
                    yield _blocker_row(holding)


def oldest_first(rows: Iterable[LockRow]) -> list[LockRow] | Again[LockRow]:
    """The rows by their times and paths: too many are sorted on disk. Raises `RunError`."""
    each = iter(rows)
    first = sorted(islice(each, IN_MEMORY_MAX), key=lambda row: (row.opened_at, row.path))
    if len(first) < IN_MEMORY_MAX:
        return first
    every = chain(first, each)
    found = SortedRows((row.opened_at, row.path, _ENCODER.encode(row)) for row in every)
    return Again(lambda: map(_DECODER.decode, found))


def _sentences(episodes: Again[EpisodeRow]) -> Iterator[str]:
    for episode in episodes:
        yield verdict(episode)


def _held_row(holding: Holding) -> LockRow:
    """An open that is held. What refused others because of it knew when it was opened to the
    microsecond.
    """
    opened_at = holding.opened_at if holding.blocked is None else holding.blocked.opened_at
    return LockRow(
        server=holding.server,
        open=holding.open,
        share=holding.share,
        path=holding.path,
        machine=holding.machine,
        user=holding.user,
        program=holding.program,
        access=holding.access,
        share_mode=holding.share_mode,
        opened_at=opened_at,
        closed_at=holding.closed_at,
        refusal_count=holding.refusal_count,
        kind=holding.kind,
        ranges=holding.ranges[:RANGES_LISTED_MAX],
        range_count=len(holding.ranges),
        since=holding.since,
    )


def _blocker_row(holding: Holding) -> LockRow:
    """An open that stood in somebody's way and is closed, as the first refusal tells it."""
    blocker = holding.blocked
    assert blocker is not None
    share, path = holding.wanted
    return LockRow(
        server=holding.server,
        open=blocker.open,
        share=share,
        path=path,
        machine=blocker.machine,
        user=blocker.user,
        program=blocker.program,
        access=blocker.access,
        share_mode=blocker.share_mode,
        opened_at=blocker.opened_at,
        closed_at=holding.closed_at,
        refusal_count=holding.refusal_count,
        since=blocker.since,
    )


def _job_row(job: JobHistory) -> dict[str, Any]:
    first, last = job.changes[0], job.changes[-1]
    return {
        "job": job.job,
        "name": job.name,
        "type": job.type,
        "package": job.package,
        "created_at": first.at,
        "status": last.status,
        "status_at": last.at,
    }


def _detail_row(row: DetailHistory) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "site": row.site,
        "machine": row.machine,
        "status": row.status,
        "updated_at": row.changes[-1].at,
    }


def _event_row(record: Record, event: EventLogged) -> dict[str, Any]:
    return {
        "at": record.at,
        "code": event.event,
        "severity": _severity(event.event),
        "component": event.component,
        "machine": event.machine,
        "site": record.actor.partition("/")[0],
        "job": event.job,
        "text": event.text,
    }


def _severity(code: int) -> str:
    """A record has only the code; the table knows how bad it is."""
    return str(EVENTS[code].severity) if code in EVENTS else ""


def lock_row(held: HeldOpen, refusal_count: int) -> LockRow:
    """One open of a ledger."""
    return LockRow(
        held.server,
        held.open,
        held.share,
        held.path,
        held.machine,
        held.user,
        held.program,
        held.access,
        held.share_mode,
        held.opened_at,
        held.closed_at,
        refusal_count,
        held.kind,
        since=held.since,
    )


def concerns(wanted: Wanted, row: EpisodeRow) -> bool:
    """Whether an episode is about what is wanted, as waiter or as blocker."""
    return wanted.takes(row.share, row.path, [row.machine, *(hold.machine for hold in row.holds)])


def holders_of(
    rows: Again[LockRow] | list[LockRow],
    wanted: Wanted,
    episodes: Again[EpisodeRow] | list[EpisodeRow],
) -> Iterator[LockRow]:
    """The opens behind the episodes; where a path or machine was asked for, also those that are in
    nobody's way.

    An update may have been stopped at one file and later at another: the episode names the last,
    its holds name all.
    """
    paths = {(fold(e.server), fold(e.share), fold(e.path)) for e in episodes}

    def is_at_a_path(row: LockRow) -> bool:
        return (fold(row.server), fold(row.share), fold(row.path)) in paths

    elsewhere = {_holder_key(r) for r in rows if r.refusal_count and not is_at_a_path(r)}
    held = (
        (e.server, hold.machine, hold.program, hold.opened_at)
        for e in (episodes if elsewhere else ())
        for hold in e.holds
    )
    in_the_way = elsewhere.intersection(held)
    asked = bool(wanted.path or wanted.machine)
    for row in rows:
        if (
            is_at_a_path(row)
            or (row.refusal_count and _holder_key(row) in in_the_way)
            or (asked and wanted.takes(row.share, row.path, [row.machine]))
        ):
            yield row


def _holder_key(row: LockRow) -> tuple[str, str, str, float]:
    return (row.server, row.machine, row.program, row.opened_at)
