"""The records of a run, folded once into what a report shows.

The law: a fold over the records and nothing else; the summary adds only what was asked of the run
(its expectations and its verdict). A file that nobody has closed when the run ends (`run.ended`) is
shown as held to the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow

EPISODES_MAX: Final = 100_000
_PURPOSE: Final = re.compile(r"job (\S+)")

FileKey = tuple[str, str, str]
"""(server, share, path in capitals): one file, whatever case its users write."""


def file_key(server: str, share: str, path: str) -> FileKey:
    """The key of a file."""
    return (server, fold(share), fold(path.replace("\\", "/")))


@dataclass(slots=True)
class Holding:
    """One open from grant to close. `closed_at` None: still open when the run ended. `refused`:
    attempts it made fail.
    """

    server: str
    machine: str
    user: str
    program: str
    share: str
    path: str
    access: str
    share_mode: str
    opened_at: float
    closed_at: float | None = None
    reason: str = ""
    refused: int = 0

    @property
    def file(self) -> FileKey:
        """The file that is held, as server, share and path."""
        return file_key(self.server, self.share, self.path)


@dataclass(frozen=True, slots=True)
class Change:
    """A status that something took at a time, and what it was before."""

    at: float
    status: str
    was: str
    reason: str = ""


@dataclass(slots=True)
class JobStory:
    """A job's statuses over time. `first_at` is its creation as far as the records know."""

    job: str
    name: str
    changes: list[Change] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The status it ended with."""
        return self.changes[-1].status if self.changes else ""

    @property
    def label(self) -> str:
        """`UPDATE (BPC00003)`, or the number alone."""
        return f"{self.name} ({self.job})" if self.name and self.name != self.job else self.job


@dataclass(slots=True)
class DetailStory:
    """One row of Job Details over time: a site arrival, a completion, a server, a workstation."""

    job: str
    kind: str
    site: str
    machine: str
    changes: list[Change] = field(default_factory=list)

    @property
    def status(self) -> str:
        """What the row says at the end."""
        return self.changes[-1].status


@dataclass(slots=True)
class EventStory:
    """NT events with one code and text, counted together."""

    code: str
    component: str
    machine: str
    job: str
    text: str
    first_at: float
    last_at: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Something a machine did at a time: `run`, `reported`, `expired`."""

    at: float
    kind: str
    text: str


@dataclass(slots=True)
class Facts:
    """Everything the pictures and the tables draw from. Times are site seconds."""

    start: float
    end: float
    record_count: int
    records: Sequence[Record]
    ledger: EpisodeLedger
    episodes: list[EpisodeRow] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    attempts: dict[str, list[float]] = field(default_factory=dict)
    jobs: dict[str, JobStory] = field(default_factory=dict)
    details: dict[tuple[str, str, str, str], DetailStory] = field(default_factory=dict)
    events: dict[tuple[str, ...], EventStory] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)
    steps: list[Note] = field(default_factory=list)

    def job_of(self, episode: EpisodeRow) -> JobStory | None:
        """The job an episode's update belongs to."""
        found = _PURPOSE.match(episode.purpose)
        return self.jobs.get(found[1]) if found else None

    def workstations(self) -> list[DetailStory]:
        """The rows of workstations, those with most changes first, then by job and name."""
        rows = [row for row in self.details.values() if row.kind == "Workstation"]
        return sorted(rows, key=lambda row: (-len(row.changes), row.job, row.machine))


def read_facts(records: Sequence[Record], summary: Mapping[str, Any] | None = None) -> Facts:
    """Fold the records; the summary adds the workstations that never reported.

    Raises `KeyError` for a record of a share server that lacks what its kind must carry.
    """
    start, end = _bounds(records)
    facts = Facts(
        start, end, len(records), records, EpisodeLedger(episodes_max=EPISODES_MAX, history_max=0)
    )
    fold = _Fold(facts)
    for record in records:
        facts.ledger.apply(record)
        step = fold.steps.get(record.kind)
        if step is not None:
            step(record)
    _add_silent(facts, summary or {})
    facts.episodes = sorted(
        facts.ledger.rows(end), key=lambda row: (-row.blocked_s, row.first_refused_at, row.episode)
    )
    return facts


def _add_silent(facts: Facts, summary: Mapping[str, Any]) -> None:
    """A workstation whose row never changed has no record; the last job's details name it."""
    job = summary.get("job")
    if not isinstance(job, Mapping) or not isinstance(job.get("details"), list):
        return
    name = str(job.get("job", ""))
    began = facts.jobs[name].changes[0].at if name in facts.jobs else facts.start
    for row in job["details"]:
        if isinstance(row, Mapping) and row.get("kind") == "Workstation":
            key = (name, "Workstation", str(row.get("site", "")), str(row.get("machine", "")))
            status = str(row.get("status", ""))
            if key not in facts.details:
                facts.details[key] = DetailStory(*key, [Change(began, status, status)])


def _bounds(records: Sequence[Record]) -> tuple[float, float]:
    """The first and the last moment; a scaled clock is set when the site is up, so the first record
    may not be the earliest.
    """
    if not records:
        return 0.0, 0.0
    return min(record.at for record in records), max(record.at for record in records)


class _Fold:
    """One step for each kind of record that a report shows."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._open: dict[tuple[str, str], Holding] = {}
        self.steps: Final[dict[str, Callable[[Record], None]]] = {
            "share.started": self._server_started,
            "open.granted": self._granted,
            "open.closed": self._closed,
            "open.refused": self._refused,
            "job.status": self._job,
            "detail.status": self._detail,
            "event": self._event,
            "pcm.run": self._run,
            "pcm.reported": self._reported,
            "scenario.step": self._step,
        }

    def _server_started(self, record: Record) -> None:
        server = record.data["server"]
        for key in [key for key in self._open if key[0] == server]:
            self._end(self._open.pop(key), record.at, "server stopped")

    def _granted(self, record: Record) -> None:
        data = record.data
        holding = Holding(
            server=data["server"],
            machine=data["machine"],
            user=data["user"],
            program=data["program"],
            share=data["share"],
            path=data["path"],
            access=data["access"],
            share_mode=data["share_mode"],
            opened_at=record.at,
        )
        self._open[holding.server, data["open"]] = holding
        self._facts.holdings.append(holding)

    def _closed(self, record: Record) -> None:
        holding = self._open.pop((record.data["server"], record.data["open"]), None)
        if holding is not None:
            self._end(holding, record.at, str(record.data.get("reason", "")))

    def _end(self, holding: Holding, at: float, reason: str) -> None:
        holding.closed_at, holding.reason = at, reason

    def _refused(self, record: Record) -> None:
        data = record.data
        if data["episode"] and data["blockers"]:
            self._facts.attempts.setdefault(data["episode"], []).append(record.at)
        for blocker in data["blockers"]:
            holding = self._open.get((data["server"], blocker["open"]))
            if holding is not None:
                holding.refused += 1

    def _job(self, record: Record) -> None:
        if not is_owners(record):
            return
        data = record.data
        job = self._facts.jobs.setdefault(data["job"], JobStory(data["job"], ""))
        job.name = data.get("name", "") or job.name
        job.changes.append(_change(record))

    def _detail(self, record: Record) -> None:
        if not is_owners(record):
            return
        data = record.data
        kind = data.get("detail") or data.get("kind", "")
        key = (data["job"], kind, data["site"], data["machine"])
        self._facts.details.setdefault(key, DetailStory(*key)).changes.append(_change(record))

    def _event(self, record: Record) -> None:
        data = record.data
        key = tuple(
            str(data.get(name, "")) for name in ("event", "component", "machine", "job", "text")
        )
        event = self._facts.events.get(key)
        if event is None:
            code, component, machine, job, text = key
            event = self._facts.events[key] = EventStory(
                code, component, machine, job, text, record.at, record.at
            )
        event.last_at = record.at
        event.count += 1

    def _run(self, record: Record) -> None:
        self._note(
            record,
            "run",
            f"runs {record.data.get('program', '')} from {record.data.get('server', '')}",
        )

    def _reported(self, record: Record) -> None:
        result = str(record.data.get("result", ""))
        self._note(record, "expired" if result == "Expired" else "reported", f"reports {result}")

    def _note(self, record: Record, kind: str, text: str) -> None:
        self._facts.notes.setdefault(record.actor, []).append(Note(record.at, kind, text))

    def _step(self, record: Record) -> None:
        data = record.data
        rest = [
            str(value)
            for key, value in data.items()
            if key not in ("do", "at") and isinstance(value, str | int | float)
        ]
        self._facts.steps.append(
            Note(record.at, str(data.get("do", "")), " ".join([str(data.get("do", "")), *rest]))
        )


def _change(record: Record) -> Change:
    data: dict[str, Any] = record.data
    return Change(
        record.at, str(data["status"]), str(data.get("was", "")), str(data.get("reason", ""))
    )
