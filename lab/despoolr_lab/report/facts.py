"""The records of a run, folded once into what a report shows.

The law: what `RunView` says and nothing else; the summary adds only what was asked of the run (its
expectations and its verdict). A file that nobody has closed when the run ends (`run.ended`) is
shown as held to the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from despoolr_core.formats.nt_event import without_lines
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.stream import Record
from despoolr_core.records.view import (
    Change,
    DetailHistory,
    DetailKey,
    FaultHistory,
    Holding,
    JobHistory,
    RunView,
)
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import EpisodeRow
from despoolr_lab.report import words

EPISODES_MAX: Final = 100_000
_PURPOSE: Final = re.compile(r"job (\S+)")

FileKey = tuple[str, str, str]
"""(server, share, path in capitals): one file, whatever case its users write."""


def file_key(server: str, share: str, path: str) -> FileKey:
    """The key of a file."""
    return (server, fold(share), fold(path.replace("\\", "/")))


def file_of(holding: Holding) -> FileKey:
    """The key of the file that was held."""
    return file_key(holding.server, holding.share, holding.path)


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
    episodes: list[EpisodeRow]
    holdings: list[Holding]
    attempts: dict[str, list[float]]
    jobs: dict[str, JobHistory]
    details: dict[DetailKey, DetailHistory]
    events: dict[tuple[str, ...], EventStory]
    notes: dict[str, list[Note]]
    faults: list[FaultHistory]

    def job_of(self, episode: EpisodeRow) -> JobHistory | None:
        """The job an episode's update belongs to."""
        found = _PURPOSE.match(episode.purpose)
        return self.jobs.get(found[1]) if found else None

    def workstations(self) -> list[DetailHistory]:
        """The rows of workstations, those with most changes first, then by job and name."""
        rows = [row for row in self.details.values() if row.kind == "Workstation"]
        return sorted(rows, key=lambda row: (-len(row.changes), row.job, row.machine))


def read_facts(records: Sequence[Record], summary: Mapping[str, Any] | None = None) -> Facts:
    """What the records say; the summary adds the workstations that never reported."""
    view = RunView(records, episodes_max=EPISODES_MAX)
    facts = Facts(
        start=view.start,
        end=view.end,
        record_count=view.record_count,
        records=records,
        episodes=sorted(
            view.ledger.rows(view.end),
            key=lambda row: (-row.blocked_s, row.first_refused_at, row.episode),
        ),
        holdings=view.holdings,
        attempts=view.attempts,
        jobs=view.jobs,
        details=view.details,
        events=_grouped(view),
        notes=_notes(records),
        faults=view.faults,
    )
    _add_silent(facts, summary or {})
    return facts


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


def _grouped(view: RunView) -> dict[tuple[str, ...], EventStory]:
    found: dict[tuple[str, ...], EventStory] = {}
    for record, said in view.events:
        key = (str(said.event), said.component, said.machine, said.job, without_lines(said.text))
        event = found.get(key)
        if event is None:
            event = found[key] = EventStory(*key, record.at, record.at)
        event.last_at = record.at
        event.count += 1
    return found


def _notes(records: Sequence[Record]) -> dict[str, list[Note]]:
    found: dict[str, list[Note]] = {}
    for record in records:
        fact = record.data
        if isinstance(fact, ProgramStarted):
            note = Note(record.at, "run", f"runs {fact.program} from {fact.server}")
        elif isinstance(fact, ResultReported):
            kind = "expired" if fact.result == "Expired" else "reported"
            note = Note(record.at, kind, f"reports {fact.result}")
        else:
            continue
        found.setdefault(record.actor, []).append(note)
    return found
