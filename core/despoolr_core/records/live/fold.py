"""The fold: what a page of now needs to know of the records so far, and nothing else.

The law: records in, one by one, in their order; the same records make the same fold, whether they
come from a server that runs, from `records.jsonl` or from an import. It never looks at a clock.

Bounded: episodes and opens by their ledger, ended waits, jobs, machines, marks by the numbers
below; what goes first is what ended first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from sys import intern
from typing import Any, Final

import msgspec

from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded, StepTaken
from despoolr_core.records.kinds.share import (
    MessageSent,
    OpenClosed,
    OpenRefused,
    RightsChanged,
    ShareStarted,
)
from despoolr_core.records.kinds.site import (
    CopyStarted,
    DetailStatusChanged,
    HotfixApplied,
    InstructionExecuted,
    InstructionWritten,
    JobStatusChanged,
    SettingsChanged,
)
from despoolr_core.records.live.model import LiveMark
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.records.versions.version_map import VersionMap

EPISODES_MAX: Final = 5_000
HISTORY_MAX: Final = 2_000
"""Opens that were closed and are remembered, for the lanes."""
ATTEMPTS_MAX: Final = 128
"""Refusals of one wait that are remembered, each with its time."""
JOBS_MAX: Final = 500
CHANGES_MAX: Final = 32
"""Changes of a job's status that are remembered."""
MACHINES_MAX: Final = 20_000
ROWS_MAX: Final = 200_000
"""Rows of Job Details, of all jobs: 43 bytes each, since jobs share what names a machine."""
MARKS_MAX: Final = 200
NOTE_SIZE_MAX: Final = 300
"""Characters of a note about a watch that a mark has."""
SERVERS_MAX: Final = 1_000
OVER: Final = frozenset(("Complete", "Failed", "Cancelled"))
WORKSTATION: Final = "Workstation"
_BY_ITSELF: Final = frozenset(("", "closed", "logoff", "lease expired", "server stopped"))
"""Reasons of a close that nobody else had a hand in."""


class JobNow(msgspec.Struct):
    """A job as its database tells it."""

    job: str
    name: str = ""
    type: str = ""
    package: str = ""
    reason: str = ""
    said: deque[tuple[float, str]] = msgspec.field(
        default_factory=lambda: deque(maxlen=CHANGES_MAX)
    )
    rows: dict[tuple[str, str, str], str] = msgspec.field(default_factory=dict)
    """Rows of Job Details: (kind, site, machine) to status."""
    is_counted: bool = False
    """Its rows were forgotten: only how many there were is known, and that no longer changes."""
    reported: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)

    @property
    def status(self) -> str:
        return self.said[-1][1] if self.said else ""


class Retry(msgspec.Struct, frozen=True):
    """A job that will be tried again at a site."""

    job: str
    at: float
    attempt: int
    servers: tuple[str, ...]


class ClientNow(msgspec.Struct):
    """What a client got of a package last: `found` is what lay on the share when it ran it."""

    package: str
    server: str
    found: str
    result: str = ""


class LiveFold:
    """See the module. `page_steps` reads it."""

    def __init__(self) -> None:
        self.ledger = EpisodeLedger(episodes_max=EPISODES_MAX, history_max=HISTORY_MAX)
        self.versions = VersionMap()
        self.seq = 0
        """The number of the last record."""
        self.at = 0.0
        self.attempts: dict[str, deque[float]] = {}
        """Refusals by episode."""
        self.jobs: dict[str, JobNow] = {}
        self._rows = 0
        """Rows of Job Details, of all jobs."""
        self._same: dict[tuple[str, str, str], tuple[str, str, str]] = {}
        """Names of rows, for all jobs that have a row of that machine."""
        self.retries: OrderedDict[tuple[str, str], Retry] = OrderedDict()
        """By site and job."""
        self.clients: dict[str, ClientNow] = {}
        self.marks: deque[LiveMark] = deque(maxlen=MARKS_MAX)
        """What is over, as it ended."""
        self.faults: dict[tuple[str, str, str], LiveMark] = {}
        """What is broken on purpose now: by who caused it (a server, a scenario), name and
        place.
        """
        self.servers: dict[str, None] = {}
        """Share servers that the records tell of."""
        self.silent: dict[str, float] = {}
        """Servers whose records do not come, and since when: whoever feeds the fold knows."""
        self._steps: Final[dict[type[Fact], Callable[[Record, Any], None]]] = {
            ShareStarted: self._server_started,
            OpenRefused: self._refused,
            OpenClosed: self._closed,
            CopyStarted: self._copy_started,
            JobStatusChanged: self._job_changed,
            DetailStatusChanged: self._detail_changed,
            InstructionWritten: self._retry_planned,
            InstructionExecuted: self._instruction_executed,
            ProgramStarted: self._program_started,
            ResultReported: self._result_reported,
            FaultBegan: self._fault_began,
            FaultEnded: self._fault_ended,
            StepTaken: self._step_taken,
            RightsChanged: self._rights_changed,
            MessageSent: self._message_sent,
            HotfixApplied: self._hotfix_applied,
            SettingsChanged: self._settings_changed,
            ImportNote: self._noted,
        }

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        self.seq += 1
        if record.at > self.at:
            self.at = record.at
        self.ledger.apply(record)
        self.versions.apply(record)
        step = self._steps.get(type(record.data))
        if step is not None:
            step(record, record.data)

    def forget_opens(self) -> None:
        """What the records tell so far is of servers that have ended: nothing is open there, and
        nothing is broken.
        """
        for server in self.servers:
            self.ledger.apply(Record(0, self.at, server, ShareStarted(server=server)))
        for key in list(self.faults):
            self._end_fault(key, self.at)

    def name_of(self, job: str) -> str:
        """A job's name; its ID if no record tells it."""
        found = self.jobs.get(job)
        return found.name or job if found is not None else job

    def next_at(self, job: str, server: str) -> float | None:
        """When a job will try a server again, as far as the records tell."""
        if not job:
            return None
        times = [
            retry.at
            for retry in self.retries.values()
            if retry.job == job and (not retry.servers or server in retry.servers)
        ]
        return min(times, default=None)

    # -- one step for each kind

    def _server_started(self, record: Record, started: ShareStarted) -> None:
        if started.server not in self.servers:
            if len(self.servers) < SERVERS_MAX:
                self.servers[started.server] = None
        else:
            self._mark(record.at, "fault", f"{started.server} was started again")
        # no fault outlives the process that caused it
        for key in [key for key in self.faults if key[0] == record.actor]:
            self._end_fault(key, record.at)

    def _refused(self, record: Record, refused: OpenRefused) -> None:
        if not refused.episode or not refused.blockers:
            return
        times = self.attempts.get(refused.episode)
        if times is None:
            times = self.attempts[refused.episode] = deque(maxlen=ATTEMPTS_MAX)
            if len(self.attempts) > 2 * EPISODES_MAX:
                self.attempts = {k: v for k, v in self.attempts.items() if self.ledger.knows(k)}
        times.append(record.at)

    def _closed(self, record: Record, closed: OpenClosed) -> None:
        if closed.reason not in _BY_ITSELF:
            file = closed.path.rpartition("/")[2] or closed.share
            self._mark(
                record.at,
                "intervention",
                f"{file} on {closed.server} was closed for {closed.machine}: {closed.reason}",
            )

    def _copy_started(self, record: Record, copy: CopyStarted) -> None:
        self._tried(record.actor.partition("/")[0], copy.job, record.at)

    def _job_changed(self, record: Record, changed: JobStatusChanged) -> None:
        if not is_owners(record.actor, changed.job):
            return
        job = self.jobs.get(changed.job)
        if job is None:
            job = self.jobs[changed.job] = JobNow(changed.job)
            self._drop_jobs()
        job.name = changed.name or job.name
        job.type = changed.type or job.type
        job.package = changed.package or job.package
        job.reason = changed.reason
        job.said.append((record.at, changed.status))
        if not changed.was:
            self._mark(record.at, "job", f"job {job.name or job.job} was made")
        if changed.status in OVER:
            for key in [key for key in self.retries if key[1] == changed.job]:
                del self.retries[key]

    def _drop_jobs(self) -> None:
        if len(self.jobs) > JOBS_MAX:
            over = (name for name, job in self.jobs.items() if job.status in OVER)
            gone = next(over, next(iter(self.jobs)))
            self._rows -= len(self.jobs.pop(gone).rows)
            for key in [key for key in self.retries if key[1] == gone]:
                del self.retries[key]

    def _detail_changed(self, record: Record, changed: DetailStatusChanged) -> None:
        job = self.jobs.get(changed.job)
        if job is None or not is_owners(record.actor, changed.job):
            return
        key = (changed.detail, changed.site, changed.machine)
        before = job.rows.get(key)
        if job.is_counted or (before is None and len(job.rows) >= MACHINES_MAX):
            return
        if before is not None:
            job.reported[changed.detail, before] -= 1
        elif self._rows == ROWS_MAX:
            self._forget_rows(job)
        self._rows += before is None
        if len(self._same) < MACHINES_MAX:
            key = self._same.setdefault(key, key)
        job.rows[key] = intern(changed.status)
        job.reported[changed.detail, changed.status] += 1

    def _forget_rows(self, but: JobNow) -> None:
        """Make room for a row of one job: the oldest other that is over loses its rows, else the
        oldest.
        """
        others = [job for job in self.jobs.values() if job.rows and job is not but]
        gone = next((job for job in others if job.status in OVER), others[0])
        self._rows -= len(gone.rows)
        gone.rows, gone.is_counted = {}, True

    def _retry_planned(self, record: Record, written: InstructionWritten) -> None:
        site = record.actor.partition("/")[0]
        if (site, written.job) not in self.retries and len(self.retries) >= JOBS_MAX:
            self.retries.popitem(last=False)
        self.retries[site, written.job] = Retry(
            written.job, written.execute_at, written.retries, written.servers
        )

    def _instruction_executed(self, record: Record, executed: InstructionExecuted) -> None:
        self._tried(record.actor.partition("/")[0], executed.job, record.at)

    def _tried(self, site: str, job: str, at: float) -> None:
        retry = self.retries.get((site, job))
        if retry is not None and at >= retry.at:
            del self.retries[site, job]

    def _program_started(self, record: Record, started: ProgramStarted) -> None:
        machine = record.actor.rpartition("/")[2]
        if machine not in self.clients and len(self.clients) >= MACHINES_MAX:
            return
        found = self.versions.state_on(started.package, started.server)
        self.clients[machine] = ClientNow(started.package, started.server, found)

    def _result_reported(self, record: Record, reported: ResultReported) -> None:
        client = self.clients.get(record.actor.rpartition("/")[2])
        if client is not None and client.package == reported.package:
            client.result = reported.result

    def _fault_began(self, record: Record, began: FaultBegan) -> None:
        key = (record.actor, began.fault, began.where)
        self._end_fault(key, record.at)
        if len(self.faults) >= MARKS_MAX:
            self._end_fault(next(iter(self.faults)), record.at)
        text = f"{began.fault}, {began.where}"
        self.faults[key] = LiveMark(record.at, "fault", text, lasts=True)

    def _fault_ended(self, record: Record, ended: FaultEnded) -> None:
        key = (record.actor, ended.fault, ended.where)
        if key in self.faults:
            self._end_fault(key, record.at)
        else:
            self._mark(record.at, "fault", f"{ended.fault}, {ended.where}, is over")

    def _end_fault(self, key: tuple[str, str, str], at: float) -> None:
        mark = self.faults.pop(key, None)
        if mark is not None:
            self.marks.append(LiveMark(mark.at, mark.kind, mark.text, at))

    def _step_taken(self, record: Record, step: StepTaken) -> None:
        if not step.result:
            self._mark(record.at, "step", f"step: {step.do}")

    def _rights_changed(self, record: Record, changed: RightsChanged) -> None:
        where = f"{changed.share}/{changed.path}".rstrip("/")
        what = changed.rights or "as above"
        self._mark(record.at, "intervention", f"rights of {changed.role} on {where}: {what}")

    def _message_sent(self, record: Record, sent: MessageSent) -> None:
        self._mark(record.at, "intervention", f"message to {sent.machine}: {sent.text[:80]}")

    def _hotfix_applied(self, record: Record, applied: HotfixApplied) -> None:
        self._mark(record.at, "intervention", f"hotfix {applied.article} was installed")

    def _settings_changed(self, record: Record, changed: SettingsChanged) -> None:
        told = ", ".join(f"{name} is {value}" for name, value in changed.fields.items())
        self._mark(record.at, "intervention", f"settings: {told[:120]}")

    def _noted(self, record: Record, note: ImportNote) -> None:
        if note.about != "source":  # what the sources are, stands above
            self._mark(record.at, "gap", note.text[:NOTE_SIZE_MAX])

    def _mark(self, at: float, kind: str, text: str) -> None:
        self.marks.append(LiveMark(at, kind, text))
