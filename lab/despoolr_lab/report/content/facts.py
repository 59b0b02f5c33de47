"""The records of a run, folded once into what a report shows.

The law: what `RunView`, the version map and the false messages say and nothing else; the summary
adds only what was asked of the run (its expectations and its verdict). A file that nobody has
closed when the run ends (`run.ended`) is shown as held to the end.

Records are read one by one and not kept: what there can be a million of (opens in nobody's way,
equal events, what a machine did) is counted or cut at a bound.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, overload

import msgspec

from despoolr_app.runs.disk_shelf import DiskShelf
from despoolr_core.formats.nt_event import without_lines
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.false_messages import FalseMessage, FalseMessages
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.site import EventLogged
from despoolr_core.records.stream import Record
from despoolr_core.records.versions.program_runs import ProgramRuns
from despoolr_core.records.versions.version_map import Truth, VersionMap
from despoolr_core.records.view import (
    Change,
    DetailHistory,
    DetailKey,
    FaultHistory,
    Holding,
    JobHistory,
    RunView,
)
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.report.content import words

EPISODES_MAX: Final = 20_000
"""Episodes of a run; of more, those that ended first are not told."""
QUIET_MAX: Final = 2_000
"""Opens in nobody's way, those that were held longest."""
EVENTS_MAX: Final = 20_000
"""Events that differ."""
NOTES_MAX: Final = 10
"""What is told of one machine: what it did last."""
_PURPOSE: Final = re.compile(r"job (\S+)")

FileKey = tuple[str, str, str]
"""(server, share, path in capitals): one file, whatever case its users write."""


def file_key(server: str, share: str, path: str) -> FileKey:
    return (server, fold(share), fold(path.replace("\\", "/")))


def file_of(holding: Holding) -> FileKey:
    """The key of the file that was held."""
    return file_key(holding.server, holding.share, holding.path)


class EventStory(msgspec.Struct):
    """NT events with one code and text, counted together."""

    code: str
    component: str
    machine: str
    job: str
    text: str
    first_at: float
    last_at: float
    count: int = 0


class Note(msgspec.Struct, frozen=True):
    """Something a machine did at a time: `run`, `reported`, `expired`."""

    at: float
    kind: str
    text: str


class Episodes(Sequence[EpisodeRow]):
    """Episodes by their names: each row is made when it is asked for, its holds with it."""

    def __init__(self, names: Sequence[str], row: Callable[[str], EpisodeRow | None]) -> None:
        self.names = names
        self._row = row

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> EpisodeRow: ...

    @overload
    def __getitem__(self, index: slice) -> Episodes: ...

    def __getitem__(self, index: int | slice) -> EpisodeRow | Episodes:
        if isinstance(index, slice):
            return Episodes(self.names[index], self._row)
        found = self._row(self.names[index])
        assert found is not None
        return found

    def by_file(self) -> dict[FileKey, Episodes]:
        """Those of each file, in the same order."""
        names: dict[FileKey, list[str]] = {}
        for row in self:
            names.setdefault(file_key(row.server, row.share, row.path), []).append(row.episode)
        return {key: Episodes(those, self._row) for key, those in names.items()}


def _longest_first(ledger: EpisodeLedger, end: float) -> Episodes:
    ranks = sorted(
        (-row.blocked_s, row.first_refused_at, row.episode) for row in ledger.each(end) if row
    )
    return Episodes([name for _, _, name in ranks], lambda name: ledger.row(name, end))


class Facts(msgspec.Struct):
    """Everything the pictures and the tables draw from. Times are site seconds."""

    start: float
    end: float
    record_count: int
    records: Iterable[Record]
    episodes: Episodes
    holdings: Sequence[Holding]
    quiet_left_out: int
    """Opens in nobody's way that are not among the holdings."""
    attempts: Mapping[str, Sequence[float]]
    jobs: dict[str, JobHistory]
    details: dict[DetailKey, DetailHistory]
    events: dict[tuple[str, ...], EventStory]
    notes: dict[str, list[Note]]
    faults: list[FaultHistory]
    versions: VersionMap
    runs: ProgramRuns
    false: list[FalseMessage]
    events_left_out: int = 0
    ladder: Ladder | None = None

    def job_of(self, episode: EpisodeRow) -> JobHistory | None:
        """The job an episode's update belongs to."""
        found = _PURPOSE.match(episode.purpose)
        return self.jobs.get(found[1]) if found else None

    def truth_of(self, job: str) -> list[Truth]:
        """What was true of a job over time: on the servers, for one that brings a version; on the
        machines that ran its program, for one that runs it. Empty for any other.
        """
        return self.versions.truth_of(job) or self.runs.truth_of(job)

    def workstations(self) -> list[DetailHistory]:
        """The rows of workstations, those with most changes first, then by job and name."""
        rows = [row for row in self.details.values() if row.kind == "Workstation"]
        return sorted(rows, key=lambda row: (-len(row.changes), row.job, row.machine))


def read_facts(
    records: Iterable[Record],
    summary: Mapping[str, Any] | None = None,
    ladder: Ladder | None = None,
) -> Facts:
    """What the records say; the summary adds the workstations that never reported. `records` are
    read here, and again for each story of a file: they are a list, or what reads a file anew.
    """
    fold_over = _Fold()
    for record in records:
        fold_over.apply(record)
    view = fold_over.view
    facts = Facts(
        start=view.start,
        end=view.end,
        record_count=view.record_count,
        records=records,
        episodes=_longest_first(view.ledger, view.end),
        holdings=view.holdings,
        quiet_left_out=view.quiet_left_out,
        attempts=view.attempts,
        jobs=view.jobs,
        details=view.details,
        events=fold_over.events,
        notes=fold_over.notes,
        faults=view.faults,
        versions=fold_over.versions,
        runs=fold_over.runs,
        false=fold_over.false.found,
        events_left_out=fold_over.events_left_out,
        ladder=ladder,
    )
    _add_silent(facts, summary or {})
    return facts


class _Fold:
    """All that is read from the records in one pass."""

    def __init__(self) -> None:
        self.view = RunView(
            episodes_max=EPISODES_MAX, quiet_max=QUIET_MAX, events_max=0, make_shelf=DiskShelf
        )
        self.versions = VersionMap(has_story=True)
        self.runs = ProgramRuns(self.versions)
        self.false = FalseMessages()
        self.events: dict[tuple[str, ...], EventStory] = {}
        self.events_left_out = 0
        self.notes: dict[str, list[Note]] = {}

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        self.view.apply(record)
        self.versions.apply(record)
        self.runs.apply(record)
        self.false.apply(record)
        fact = record.data
        if isinstance(fact, EventLogged):
            self._event(record, fact)
        elif isinstance(fact, ProgramStarted):
            self._note(record, "run", f"runs {fact.program} from {fact.server}")
        elif isinstance(fact, ResultReported):
            kind = "expired" if fact.result == "Expired" else "reported"
            self._note(record, kind, f"reports {fact.result}")

    def _event(self, record: Record, said: EventLogged) -> None:
        key = (str(said.event), said.component, said.machine, said.job, without_lines(said.text))
        event = self.events.get(key)
        if event is None:
            if len(self.events) >= EVENTS_MAX:
                self.events_left_out += 1
                return
            event = self.events[key] = EventStory(*key, record.at, record.at)
        event.last_at = record.at
        event.count += 1

    def _note(self, record: Record, kind: str, text: str) -> None:
        notes = self.notes.setdefault(record.actor, [])
        notes.append(Note(record.at, kind, sys.intern(text)))
        if len(notes) > 2 * NOTES_MAX:
            del notes[:NOTES_MAX]


def title_of(summary: Mapping[str, Any]) -> str:
    """What a report is called: article and scenario, as far as the summary knows them."""
    kb, name = str(summary.get("kb") or ""), str(summary.get("scenario") or "")
    if kb and name.lower().startswith(f"{kb.lower()}-"):
        name = name[len(kb) + 1 :].replace("-", " ")
    return words.clean(": ".join(part for part in [kb, name] if part) or "a run")


def about_of(summary: Mapping[str, Any]) -> list[str]:
    """Version, time and seed of the run, as far as the summary knows them."""
    known = (("version", "SMS {}"), ("time", "{} time"), ("seed", "seed {}"))
    return [
        words.clean(text.format(summary[key]))
        for key, text in known
        if summary.get(key) not in (None, "")
    ]


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
                facts.details[key] = DetailHistory(*key, [Change(began, status, status)])
