"""What must hold of every site's services, read from the records alone.

The law: a report counts once, a status follows the one before it, a refused update is tried again
until it is done or failed, and at its time. What one version of SMS did on purpose is no breach:
the records say where it forgets a server (`instruction.written`, event 13), and restarts may count
anew (Q140374).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.profile import Profile
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import StepTaken
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    EventLogged,
    InstructionExecuted,
    InstructionWritten,
    JobStatusChanged,
    MifLoaded,
)
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.times import span
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S

COUNTED_TWICE: Final = "a status counted twice"
LOST_RETRY: Final = "a lost retry"
DONE_UNDONE: Final = "told as done and refused"
OUT_OF_TURN: Final = "a status out of turn"
EARLY_RETRY: Final = "a retry before its time"
LATE_RETRY: Final = "a retry put off too long"
RETRY_COUNT: Final = "retries miscounted"
ROW_UNTOLD: Final = "a row that nobody told of"
OUT_OF_ORDER: Final = "records out of order"
GIVEN_UP: Final = "given up at the wrong time"
GOES_ON: Final = "a cancelled job goes on"
UNASKED: Final = "a row that the job did not have"
OF_ANOTHER: Final = "a result of another machine"
EVENT_LOST: Final = "an event lost"
FAILURE_UNTOLD: Final = "a failure that no event tells"
FORGOTTEN_SERVER: Final = "a server that a retry forgot"

DONE: Final = ("Complete", "Failed", "Cancelled", "Canceled")
CANCELLED: Final = "Cancelled"
CANCELED: Final = "Canceled"
"""What a cancelled job makes of all its rows, and tells once."""
EVENT_NO_SERVER: Final = 13
EVENT_NOT_SENT: Final = 21
EVENTS_NOT_COPIED: Final = (108, 109)
SENT_FOR_S: Final = 7 * 86400.0
"""Seconds for which a sender tries (Q214485)."""
EVENT_WORKSTATION_FAILED: Final = 374
INTERRUPTIONS: Final = ("kill", "hotfix", "service")
"""Steps after which a service may begin again what it had begun."""
ROUNDING_S: Final = 1.0
CYCLE_S: Final = 300.0
"""Seconds that an attempt may be at work before it writes its retry."""
WORKSTATION: Final = "Workstation"
USED_UP: Final = "Failed: the retries are used up"
DUE_SHARE: Final = 0.125
"""The share of a retry interval, three polls, in which what is due is taken up."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How a site retries: seconds between two attempts, how far one moves the count."""

    retry_s: float
    step: int
    attempts_max: int = 0
    """At how many retries the count gives up; 0: something else ends it."""
    is_even: bool = False
    """Whether one retry follows another by the interval and nothing else."""
    loses_list: bool = False
    """Whether the list of servers is lost when others of an attempt were done (Q153576)."""
    forgets_refresh: bool = False
    """Whether a retry after a failed store leaves servers as they are (Q195936)."""


def attempts_max(profile: Profile) -> int:
    """What the count of a version gives up at, where nothing but the count does. A restart may set
    it back (Q140374), and never on.
    """
    return profile.attempts_max if profile.give_up_rule == "count" else 0


def is_even(profile: Profile) -> bool:
    """Whether a version's retries come at even distances: nobody is warned, no close is waited
    for.
    """
    is_forced = profile.forced_disconnect_available and profile.use_forced_disconnect
    return not (is_forced or COPY_STRATEGIES[profile.copy_strategy].retries_at_close)


def loses_list(profile: Profile) -> bool:
    """Whether a version forgets which of several servers are to be tried again (Q153576)."""
    return profile.partial_retry_list_lost and not COPY_STRATEGIES[profile.copy_strategy].is_ours


@dataclass(slots=True)
class _Job:
    """One job at one site, as its Despooler tells it."""

    refused: dict[str, int] = field(default_factory=dict)
    """Server to the record of the copy that it refused last."""
    done: set[str] = field(default_factory=set)
    """Servers on which this attempt was complete."""
    began: float = math.inf
    """When its first copy began."""
    waiting: InstructionWritten | None = None
    written: bool = False
    """Whether a retry was written since the last instruction was done with."""
    forgets: bool = False
    retries: int | None = None
    untold: int = 0
    """The record of a copy that was refused, and no event has told so yet."""


@dataclass(slots=True)
class SiteRules:
    """The fold: feed it all records in order, then ask `at_end`. `rules` are the sites', by code;
    a run without any (an import) asks nothing of retries.
    """

    rules: dict[str, RetryRule]
    _last: Record | None = None
    _reports: set[tuple[str, str]] = field(default_factory=set)
    _events: set[tuple[str, ...]] = field(default_factory=set)
    _statuses: dict[tuple[str, ...], tuple[str, int]] = field(default_factory=dict)
    """A job, or a row of one, to what it said last and the record of it."""
    _jobs: dict[tuple[str, str], _Job] = field(default_factory=lambda: defaultdict(_Job))
    """Site and job to what is known of it."""
    _active_since: dict[tuple[str, str], float] = field(default_factory=dict)
    _over: set[tuple[str, str]] = field(default_factory=set)
    _cancelled: set[tuple[str, str]] = field(default_factory=set)
    _reported_by: dict[str, str] = field(default_factory=dict)
    """Number of a client's report to the machine that handed it in."""
    _counted_for: list[tuple[Record, str, str]] = field(default_factory=list)
    """Workstation rows that reports set: the record, the report, the machine."""
    _loading: dict[str, tuple[Record, MifLoaded, bool]] = field(default_factory=dict)
    """Loader to the report it loads, and whether that has set a row."""
    _results: dict[tuple[str, str], float] = field(default_factory=dict)
    """Site and name of a client's report, without its ending, to when it was executed."""
    _interrupted: int = -1
    """The last record after which a service may have been in the middle of something."""
    _steps: dict[type[Fact], Callable[[Record, Any], Iterable[Breach]]] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = {
            StepTaken: self._step_taken,
            MifLoaded: self._loaded,
            EventLogged: self._event,
            JobStatusChanged: self._job_status,
            DetailStatusChanged: self._detail_status,
            CopyStarted: self._copy_started,
            CopyEnded: self._copy_ended,
            InstructionWritten: self._written,
            InstructionExecuted: self._executed,
            ResultReported: self._reported,
        }

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        last = self._last
        if last is not None and (record.seq != last.seq + 1 or record.at < last.at):
            text = f"record {record.seq} follows {last.seq}"
            yield Breach(OUT_OF_ORDER, text, record.at, record.seq)
        if record.cause >= record.seq:
            text = f"record {record.seq} has {record.cause} for its cause"
            yield Breach(OUT_OF_ORDER, text, record.at, record.seq)
        self._last = record
        step = self._steps.get(type(record.data))
        if step is not None:
            yield from step(record, record.data)

    def at_end(self, end: float, calm: float) -> Iterator[Breach]:
        """What was due and never done, in a run that ended then and was left in peace since."""
        for actor in list(self._loading):
            yield from self._event_missed(actor)
        for record, report, machine in self._counted_for:
            by = self._reported_by.get(report, machine)
            if fold(by) != fold(machine):
                text = f"report {report} is of {by}, and the row of {machine} says what it says"
                yield self._of(OF_ANOTHER, record, text)
        for (site, name), job in self._jobs.items():
            if (site, name) in self._over or site not in self.rules:
                continue
            waiting = job.waiting
            retry_s = self.rules[site].retry_s
            due = max(waiting.execute_at, calm) if waiting is not None else calm + retry_s
            if end - due < (DUE_SHARE * retry_s if waiting is not None else SETTLED_S):
                continue
            if waiting is not None:
                text = f"job {name} at {site} was to be tried again, and never was"
                yield Breach(LOST_RETRY, text, waiting.execute_at, 0, "", "SMS_DESPOOLER")
            elif job.refused and not job.forgets:
                text = (
                    f"{', '.join(job.refused)} refused job {name}, and it is not to be tried again"
                )
                yield Breach(LOST_RETRY, text, end, max(job.refused.values()), "", "SMS_DESPOOLER")

    def has_executed(self, site: str, report: str, before: float) -> bool:
        """Whether a site was done with a client's report before that time; `report` is the name of
        its files without the ending.
        """
        return self._results.get((site, fold(report)), math.inf) < before

    @property
    def forgets(self) -> bool:
        """Whether a site forgot a server, as its version does, and told so."""
        return any(job.forgets for job in self._jobs.values())

    def says_otherwise(self, rows: dict[tuple[str, ...], str]) -> Iterator[Breach]:
        """Where the rows of the database (site, job, kind, site, machine) are not what was last
        told of them.
        """
        for key, (status, seq) in self._statuses.items():
            found = rows.get(key)
            if len(key) != 5 or found in (None, status, CANCELED) or self._interrupted > seq:
                continue
            row = " ".join(part for part in key[2:] if part)
            there = f"{row} of job {key[1]} is {found} in the database of {key[0]}"
            text = f"{there}, and was told as {status}"
            yield Breach(ROW_UNTOLD, text, 0.0, seq, "", "SMS_INVENTORY_DATA_LOADER")

    # -- statuses

    def _loaded(self, record: Record, loaded: MifLoaded) -> Iterator[Breach]:
        key = (record.actor, loaded.report)
        yield from self._event_missed(record.actor)
        if loaded.about in ("site", "inventory"):
            return
        self._loading[record.actor] = (record, loaded, False)
        if key in self._reports:
            text = f"{record.actor} counted report {loaded.report} a second time"
            yield self._of(COUNTED_TWICE, record, text)
        self._reports.add(key)

    def _event(self, record: Record, logged: EventLogged) -> Iterator[Breach]:
        if logged.event == EVENT_NO_SERVER:
            self._jobs[_site(record), logged.job].forgets = True
        if logged.event in EVENTS_NOT_COPIED:
            self._jobs[_site(record), logged.job].untold = 0
        since = self._active_since.get((_site(record), logged.job), -math.inf)
        if logged.event == EVENT_NOT_SENT and record.at - since < SENT_FOR_S:
            text = (
                f"job {logged.job} is not sent any more, {span(record.at - since)} after it began"
            )
            yield self._of(GIVEN_UP, record, text)
        if logged.event != EVENT_WORKSTATION_FAILED:
            return
        # the row of the report has been told; its component is the Despooler, its writer the loader
        for actor in [one for one in self._loading if one.partition("/")[0] == _site(record)]:
            self._loading.pop(actor)
        key = (record.actor, logged.job, logged.machine, logged.text)
        if key in self._events and self._statuses.get((logged.job, logged.machine)):
            text = f"event {logged.event} of {logged.machine} and job {logged.job} stands twice"
            yield self._of(COUNTED_TWICE, record, text)
        self._events.add(key)

    def _job_status(self, record: Record, changed: JobStatusChanged) -> Iterator[Breach]:
        if not is_owners(record.actor, changed.job):
            return
        key = (_site(record), changed.job)
        yield from self._follows(record, key, changed, f"job {changed.job}")
        if changed.status == "Active":
            self._active_since.setdefault(key, record.at)
        if changed.status == CANCELLED:
            self._cancelled.add(key)
        if changed.status in DONE:
            self._over.add(key)
        else:
            self._over.discard(key)

    def _detail_status(self, record: Record, changed: DetailStatusChanged) -> Iterator[Breach]:
        site = _site(record)
        key = (site, changed.job, changed.detail, changed.site, changed.machine)
        row = " ".join(part for part in (changed.detail, changed.site, changed.machine) if part)
        if changed.detail == WORKSTATION:
            yield from self._workstation(record, changed)
        yield from self._follows(record, key, changed, f"{row} of job {changed.job}")

    def _workstation(self, record: Record, changed: DetailStatusChanged) -> Iterator[Breach]:
        """A client's result sets the row of that client, which is there since the job began."""
        if not changed.was and is_owners(record.actor, changed.job):
            text = f"{changed.machine} reported of job {changed.job}, which had no row of it"
            yield self._of(UNASKED, record, text)
        loading = self._loading.get(record.actor)
        if loading is not None:
            _, loaded, _ = loading
            self._loading[record.actor] = (record, loaded, True)
            self._counted_for.append((record, loaded.report, changed.machine))

    def _event_missed(self, actor: str) -> Iterator[Breach]:
        """Of the report that was loaded before: one that bears an event logs it with its row."""
        loading = self._loading.pop(actor, None)
        if loading is not None and loading[2] and fold(loading[1].file).endswith(".EMF"):
            text = f"{loading[1].file} bears an event, and {actor} logged none"
            yield self._of(EVENT_LOST, loading[0], text)

    def _reported(self, record: Record, reported: ResultReported) -> Iterator[Breach]:
        self._reported_by[reported.report] = record.actor
        return iter(())

    def _follows(
        self,
        record: Record,
        key: tuple[str, ...],
        changed: JobStatusChanged | DetailStatusChanged,
        what: str,
    ) -> Iterator[Breach]:
        last, seq = self._statuses.get(key, (None, 0))
        self._statuses[key] = (changed.status, record.seq)
        # a service that is killed may have changed a row and not told of it
        if last is not None and changed.was != last and self._interrupted < seq:
            text = f"{what} is {changed.status} and was {changed.was}, after it was {last}"
            yield self._of(OUT_OF_TURN, record, text)

    # -- retries

    def _step_taken(self, record: Record, step: StepTaken) -> Iterator[Breach]:
        if step.do in INTERRUPTIONS:
            self._interrupted = record.seq
        return iter(())

    def _copy_started(self, record: Record, started: CopyStarted) -> Iterator[Breach]:
        job = self._job(record, started.job)
        job.began = min(job.began, record.at)
        if (_site(record), started.job) in self._cancelled:
            text = f"job {started.job} is copied to {started.server}, and was Cancelled before"
            yield self._of(GOES_ON, record, text)
        waiting = job.waiting
        if waiting is not None and record.at < waiting.execute_at - ROUNDING_S:
            early_s = waiting.execute_at - record.at
            text = f"job {started.job} is tried again {early_s:.0f} s before its time"
            yield self._of(EARLY_RETRY, record, text)

    def _copy_ended(self, record: Record, ended: CopyEnded) -> Iterator[Breach]:
        job = self._job(record, ended.job)
        if ended.result == "complete":
            job.refused.pop(ended.server, None)
            job.done.add(ended.server)
        else:
            job.refused[ended.server] = job.untold = record.seq
        return iter(())

    def _written(self, record: Record, written: InstructionWritten) -> Iterator[Breach]:
        job = self._job(record, written.job)
        if job.untold > max(0, self._interrupted):
            text = f"job {written.job} is to be tried again, and no event says what failed"
            yield self._of(FAILURE_UNTOLD, record, text)
        job.untold = 0
        rule = self.rules.get(_site(record))
        if rule is not None:
            if written.execute_at > record.at + rule.retry_s + ROUNDING_S:
                late_s = written.execute_at - record.at
                text = f"job {written.job} is tried again in {late_s:.0f} s, not {rule.retry_s:.0f}"
                yield self._of(LATE_RETRY, record, text)
            yield from self._even(record, job, written, rule)
            if rule.attempts_max and written.retries > rule.attempts_max:
                text = f"job {written.job} is to be tried again after {written.retries} retries"
                yield self._of(GIVEN_UP, record, text)
            was = job.retries or 0
            may_be = {was + rule.step}
            if not rule.is_even:  # users are warned, or a close was waited for: no retry
                may_be.add(was)
            if self._interrupted >= 0:
                may_be |= {was, 0, rule.step}  # done again, and a restart may count anew
            if written.retries not in may_be:
                text = f"job {written.job} was retried {was} times, and now {written.retries}"
                yield self._of(RETRY_COUNT, record, text)
            yield from self._listed(record, job, written, rule)
        job.waiting, job.written, job.retries = written, True, written.retries
        job.forgets |= bool(written.forgotten or (job.refused and not written.servers))
        job.done.clear()

    def _listed(
        self, record: Record, job: _Job, written: InstructionWritten, rule: RetryRule
    ) -> Iterator[Breach]:
        """A retry is of all the servers that refused, but where a version loses its list."""
        forgotten = sorted(set(job.refused) - set(written.servers))
        is_lost = rule.loses_list and job.done and not written.servers
        # a store that failed tries no server, and its retry tries all that the job is for
        if forgotten and not is_lost and not (written.forgotten and rule.forgets_refresh):
            text = f"{', '.join(forgotten)} refused job {written.job}, and its retry is not of it"
            yield self._of(FORGOTTEN_SERVER, record, text)

    def _even(
        self, record: Record, job: _Job, written: InstructionWritten, rule: RetryRule
    ) -> Iterator[Breach]:
        """One retry is due an interval after the one before it was, or, when that is over already,
        after this attempt.
        """
        before = job.began if job.waiting is None else job.waiting.execute_at
        early_s = before + rule.retry_s - written.execute_at
        is_anew = abs(record.at + rule.retry_s - written.execute_at) <= CYCLE_S
        if rule.is_even and CYCLE_S < early_s < math.inf and not is_anew:
            text = f"job {written.job} is to be tried again {early_s:.0f} s too early"
            yield self._of(EARLY_RETRY, record, text)

    def _executed(self, record: Record, executed: InstructionExecuted) -> Iterator[Breach]:
        key = (_site(record), executed.job)
        if executed.type == WIREMOVE:
            self._results[key[0], fold(executed.file).rpartition(".")[0]] = record.at
        if key not in self._jobs or executed.type == WIREMOVE:
            return
        job = self._job(record, executed.job)
        rule = self.rules.get(key[0])
        if executed.result == USED_UP and rule is not None and rule.attempts_max:
            retries = job.retries or 0
            if retries < rule.attempts_max:
                text = f"job {executed.job} is given up after {retries} retries"
                yield self._of(GIVEN_UP, record, text)
        if executed.result == "Retrying":
            if not job.written:
                text = f"job {executed.job} is Retrying, and no retry was written"
                yield self._of(LOST_RETRY, record, text)
            job.written = False
            return
        if job.waiting is not None and job.waiting.file == executed.file:
            job.waiting = None
        if executed.result == "Complete" and job.refused and not job.forgets:
            text = f"{', '.join(job.refused)} refused job {executed.job}, which is told as Complete"
            yield self._of(DONE_UNDONE, record, text)
        job.refused.clear()
        job.written = False

    def _job(self, record: Record, job: str) -> _Job:
        return self._jobs[_site(record), job]

    def _of(self, kind: str, record: Record, text: str) -> Breach:
        return Breach(kind, text, record.at, record.seq, "", record.actor.partition("/")[2])


def _site(record: Record) -> str:
    return record.actor.partition("/")[0]
