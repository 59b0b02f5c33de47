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
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from despoolr_app.runs.directory import FinishedRun, RunError
from despoolr_core.formats.nt_events import EVENTS
from despoolr_core.records.episodes import EpisodeLedger, HeldOpen
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import RANGES_LISTED_MAX, EpisodeRow, LockedRange, WaitingRange


class LockRow(msgspec.Struct, frozen=True):
    """One open and what it has caused.

    `open` is its handle; `closed_at` is None while it is held; `refusal_count` says how many opens
    of others it stopped; `kind` is empty for what is only an open, and says which lock it is for
    one of WebDAV's. `ranges` are the bytes it has locked and `waiting` those it waits for, the
    first of `range_count` and `waiting_count`; records do not tell who waits, and of a past moment
    a running server tells neither.
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


class WhyAnswer(msgspec.Struct):
    """Who was refused, and who held: `verdicts` has a sentence for each episode, in the same
    order.
    """

    source: str
    at: float
    verdicts: list[str]
    episodes: list[EpisodeRow]
    holders: list[LockRow]
    notes: list[str]


class LockAnswer(msgspec.Struct):
    """Who holds what. Of a finished run also the opens that stood in somebody's way and are
    closed.
    """

    source: str
    at: float
    locks: list[LockRow]
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
    """Something that can be asked: running servers, or a finished run."""

    @property
    def name(self) -> str:
        """What was asked, for people."""
        ...

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """Who holds, or at a time held, what."""
        ...

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Who was refused what, and who held it."""
        ...

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, oldest first, without their details. Raises `SiteError`."""
        ...

    def job(self, job: str) -> dict[str, Any]:
        """One job (`job`) and its rows (`details`), by id or name."""
        ...

    def events(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, oldest first."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was not as it should be while answering."""
        ...


# -- a finished run


class RunSource:
    """A finished run, read once and kept as what the questions need."""

    def __init__(self, run: FinishedRun, until: float = math.inf) -> None:
        """`until`: what happened later (site seconds) has not happened yet."""
        self._run = run
        self._ledger = EpisodeLedger(episodes_max=1_000_000, history_max=5_000_000)
        self._blockers: dict[tuple[str, str], LockRow] = {}
        """(server, open) to every open that refused somebody, as of the last record read."""
        self._ranges: dict[tuple[str, str], list[LockedRange]] = {}
        """(server, open) to what it has locked then, oldest first."""
        self._jobs: dict[str, dict[str, Any]] = {}
        self._details: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
        self._events: list[dict[str, Any]] = []
        self.last_at = 0.0
        self.first_at: float | None = None
        for record in run.records():
            if record.at <= until:
                self._take(record)

    @property
    def name(self) -> str:
        return str(self._run.path)

    @property
    def notes(self) -> list[str]:
        """What the reader said of the file."""
        return list(self._run.notes)

    def _take(self, record: Record) -> None:  # noqa: C901 - one clause for each kind
        self.first_at = record.at if self.first_at is None else self.first_at
        self.last_at = max(self.last_at, record.at)
        self._ledger.apply(record)
        data = record.data
        if record.kind == "open.refused":
            for blocker in data["blockers"]:
                self._blocked(data, blocker)
        elif record.kind == "open.closed":
            self._closed([(data["server"], data["open"])], record.at)
        elif record.kind == "lock.granted":
            held = LockedRange(data["lock"], data["offset"], data["length"], record.at)
            self._ranges.setdefault((data["server"], data["open"]), []).append(held)
        elif record.kind == "lock.released":
            self._unlocked(data)
        elif record.kind == "share.started":
            self._closed(
                [key for key in (*self._blockers, *self._ranges) if key[0] == data["server"]],
                record.at,
            )
        elif record.kind in ("job.status", "detail.status") and not is_owners(record):
            return  # what a child site makes of it is the child's
        elif record.kind == "job.status":
            job = self._jobs.setdefault(
                data["job"], {"job": data["job"], "name": "", "created_at": record.at}
            )
            job |= {
                "name": data.get("name") or job["name"],
                "status": data["status"],
                "status_at": record.at,
            }
        elif record.kind == "detail.status":
            row = (data.get("detail", ""), data["site"], data["machine"])
            self._details.setdefault(data["job"], {})[row] = {
                "kind": row[0],
                "site": row[1],
                "machine": row[2],
                "status": data["status"],
                "updated_at": record.at,
            }
        elif record.kind == "event":
            self._events.append(
                {
                    "at": record.at,
                    "code": data["event"],
                    "severity": _severity(data["event"]),
                    "component": data["component"],
                    "machine": data.get("machine", ""),
                    "site": record.actor.partition("/")[0],
                    "job": data.get("job", ""),
                    "text": data["text"],
                }
            )

    def _blocked(self, refusal: dict[str, Any], blocker: dict[str, Any]) -> None:
        key = (refusal["server"], blocker["open"])
        row = self._blockers.get(key)
        if row is None:
            row = LockRow(
                server=refusal["server"],
                open=blocker["open"],
                share=refusal["share"],
                path=refusal["path"],
                machine=blocker["machine"],
                user=blocker["user"],
                program=blocker["program"],
                access=blocker["access"],
                share_mode=blocker["share_mode"],
                opened_at=blocker["opened_at"],
                closed_at=None,
                refusal_count=0,
            )
        self._blockers[key] = msgspec.structs.replace(row, refusal_count=row.refusal_count + 1)

    def _unlocked(self, data: dict[str, Any]) -> None:
        held = self._ranges.get((data["server"], data["open"]), [])
        gone = (data["lock"], data["offset"], data["length"])
        index = next(
            (i for i, one in enumerate(held) if (one.kind, one.offset, one.length) == gone), None
        )
        if index is not None:
            del held[index]

    def _closed(self, keys: Iterable[tuple[str, str]], at: float) -> None:
        for key in keys:
            self._ranges.pop(key, None)
            row = self._blockers.get(key)
            if row is not None and row.closed_at is None:
                self._blockers[key] = msgspec.structs.replace(row, closed_at=at)

    def locks(self, wanted: Wanted, at: float | None) -> LockAnswer:
        """Without a time: what was still held at the end, and what stood in somebody's way
        before.
        """
        if at is not None and at < self.last_at:
            return RunSource(self._run, at).locks(wanted, at)
        rows = self._held(at)
        if at is None:
            rows += [row for row in self._blockers.values() if row.closed_at is not None]
        found = sorted(
            (r for r in rows if wanted.takes(r.share, r.path, [r.machine])),
            key=lambda r: (r.opened_at, r.path),
        )
        return LockAnswer(self.name, self.last_at if at is None else at, found, self.notes)

    def why(self, wanted: Wanted, at: float | None) -> WhyAnswer:
        """Without a time: every refusal of the run, and who stood in the way."""
        answer = self._ledger.why(at=at)
        pairs = [
            pair
            for pair in zip(answer.episodes, answer.verdicts, strict=True)
            if concerns(wanted, pair[0])
        ]
        rows = self._held(at)
        if at is None:
            rows += [row for row in self._blockers.values() if row.closed_at is not None]
        holders = holders_of(rows, wanted, [row for row, _ in pairs])
        return WhyAnswer(
            self.name, answer.at, [v for _, v in pairs], [e for e, _ in pairs], holders, self.notes
        )

    def jobs(self) -> list[dict[str, Any]]:
        return list(self._jobs.values())

    def job(self, job: str) -> dict[str, Any]:
        """From the `job.status` and `detail.status` records: rows that never reported are not
        there. Raises `RunError` if there is no such job.
        """
        found = self._jobs.get(fold(job)) or next(
            (j for j in reversed(self._jobs.values()) if j["name"] == job), None
        )
        if found is None:
            ids = ", ".join(f"{j['job']} ({j['name']})" for j in list(self._jobs.values())[:20])
            raise RunError(f"no job {job!r} in {self.name}; there are {ids or 'none'}")
        details = self._details.get(found["job"], {})
        order = ["Site Arrival", "Completion", "Server", "Workstation"]
        rows = sorted(
            details.values(),
            key=lambda d: (
                order.index(d["kind"]) if d["kind"] in order else 9,
                d["site"],
                d["machine"],
            ),
        )
        return {"job": found, "details": rows}

    def events(self, limit: int) -> list[dict[str, Any]]:
        return self._events[-limit:]

    def _held(self, at: float | None) -> list[LockRow]:
        return [self._row(held) for held in self._ledger.opens(at)]

    def _row(self, held: HeldOpen) -> LockRow:
        key = (held.server, held.open)
        ranges, blocker = self._ranges.get(key, []), self._blockers.get(key)
        row = msgspec.structs.replace(
            lock_row(held, 0), ranges=tuple(ranges[:RANGES_LISTED_MAX]), range_count=len(ranges)
        )
        if blocker is None:
            return row
        return msgspec.structs.replace(
            row, refusal_count=blocker.refusal_count, opened_at=blocker.opened_at
        )


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
    )


def concerns(wanted: Wanted, row: EpisodeRow) -> bool:
    """Whether an episode is about what is wanted, as waiter or as blocker."""
    return wanted.takes(row.share, row.path, [row.machine, *(hold.machine for hold in row.holds)])


def holders_of(rows: list[LockRow], wanted: Wanted, episodes: list[EpisodeRow]) -> list[LockRow]:
    """The opens behind the episodes; where a path or machine was asked for, also those that are in
    nobody's way.
    """
    paths = {(fold(e.server), fold(e.share), fold(e.path)) for e in episodes}
    asked = bool(wanted.path or wanted.machine)
    found = [
        r
        for r in rows
        if (fold(r.server), fold(r.share), fold(r.path)) in paths
        or (r.refusal_count and any(_stood_in_the_way(r, e) for e in episodes))
        or (asked and wanted.takes(r.share, r.path, [r.machine]))
    ]
    return sorted(found, key=lambda r: (r.opened_at, r.path))


def _stood_in_the_way(row: LockRow, episode: EpisodeRow) -> bool:
    """An update may have been stopped at one file and later at another: the episode names the last,
    its holds name all.
    """
    return row.server == episode.server and any(
        (h.machine, h.program, h.opened_at) == (row.machine, row.program, row.opened_at)
        for h in episode.holds
    )
