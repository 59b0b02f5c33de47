"""What must be exact at the end of a soak: clients, reports, rows of Job Details, jobs, and that
nothing is left held.

The law: everything is counted twice, by those who did it and where it must have arrived. A client's
own record says that it began a report (the package has run) and that it handed one in; the site's
database says what counts. A report that was handed in and does not count is lost; one that counts
and was never begun is invented; both must be none. A report that was begun and whose hand-in nobody
saw may count or not: its machine lost power, or its fleet ended, while the file was on its way. A
report that came when the command had been taken away (a client whose history was lost runs a
package again) is answered by an event.

Pure: the facts come as they were read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.records.kinds.client import CommandChanged, ResultReported
from despoolr_core.records.stream import Record

NAMED_MAX: Final = 5
"""Examples that a count names."""
STATUS_OF: Final[Mapping[str, str]] = {"Success": "Complete", "Failed": "Failed"}
"""What a row says of what a client reported. An expiry changes none (`expiry_status` of the site's
version).
"""
ENDED: Final = frozenset({"Complete", "Failed", "Cancelled"})

Request = tuple[str, str]
"""SMSID and RequestID: one package to be run, by one client."""


@dataclass(slots=True)
class Reported:
    """What the clients say they did, over all lives of their fleets."""

    begun: Counter[Request] = field(default_factory=Counter)
    handed_in: dict[str, str] = field(default_factory=dict)
    """Report id to result, each report once; of runs only, an expiry makes no row."""

    def add(self, record: Record, sms_id: str) -> None:
        """Take one record of the client with this SMSID."""
        fact = record.data
        if isinstance(fact, CommandChanged) and fact.state == "Executed":
            self.begun[sms_id, fact.request] += 1
        elif isinstance(fact, ResultReported) and fact.result in STATUS_OF:
            self.handed_in[fact.report] = fact.result


@dataclass(frozen=True, slots=True)
class WorkstationRow:
    """A workstation's row of Job Details."""

    job: str
    sms_id: str
    machine: str
    status: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the database has it."""

    job: str
    name: str
    request: str
    status: str
    repeat_of: str = ""
    """The job that this one is a repetition of."""


@dataclass(slots=True)
class Found:
    """Everything that is counted. `ordered`: names of the jobs that were made; `run`: of those that
    every machine must run.
    """

    clients_wanted: int
    clients_live: int = 0
    fleets_lapsed: int = 0
    reported: Reported = field(default_factory=Reported)
    loaded: frozenset[str] = frozenset()
    rows: tuple[WorkstationRow, ...] = ()
    jobs: tuple[Job, ...] = ()
    ordered: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    left_open: Mapping[str, int] = field(default_factory=dict)
    """Server to opens that stand after everyone let go."""
    left_waiting: int = 0
    left_unsent: int = 0
    left_files: Mapping[str, int] = field(default_factory=dict)
    """Box to files that wait after everything was done."""
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events, by RequestID and machine, that say a report came for a command that was no longer
    there (189, Q264945).
    """
    events: tuple[str, ...] = ()
    """Events that say something was moved aside or is unknown."""
    stops: Mapping[str, int] = field(default_factory=dict)
    """Process to the exit code of its stop at the end."""


@dataclass(frozen=True, slots=True)
class Count:
    """One thing that must be exact. `examples` name what is wrong."""

    name: str
    expected: int
    actual: int
    examples: tuple[str, ...] = ()
    is_about_validity: bool = False
    """A run in which this is wrong says nothing: clients that were to exist did not."""

    @property
    def ok(self) -> bool:
        """Whether the two numbers are equal."""
        return self.expected == self.actual


def request_of(report: str) -> Request:
    """Whose report about what; a report id begins with both."""
    sms_id, request = report.split("-", 2)[:2]
    return sms_id, request


def count_all(found: Found) -> list[Count]:
    """All counts of a soak, validity first."""
    handed_in = found.reported.handed_in
    lost = _lost(found)
    return [
        Count(
            "clients that exist", found.clients_wanted, found.clients_live, is_about_validity=True
        ),
        Count("fleets that lost their clients", 0, found.fleets_lapsed, is_about_validity=True),
        Count(
            "reports that count or were answered, of those handed in",
            len(handed_in),
            len(handed_in) - len(lost),
            _few(lost),
        ),
        _none("reports that count and nobody began", _invented(found)),
        *_of_rows(found),
        *_of_jobs(found),
        Count("opens left", 0, sum(found.left_open.values()), _named(found.left_open)),
        Count("updates left waiting", 0, found.left_waiting),
        Count("reports left unsent", 0, found.left_unsent),
        Count("files left in boxes", 0, sum(found.left_files.values()), _named(found.left_files)),
        _none("events that something was lost or moved aside", found.events),
        _none(
            "processes that did not stop cleanly",
            [f"{name}: {code}" for name, code in found.stops.items() if code],
        ),
    ]


def _lost(found: Found) -> list[str]:
    """Reports that were handed in, do not count, and that no event speaks of."""
    machines = {row.sms_id: row.machine for row in found.rows}
    answered = Counter(found.unknown)
    lost = []
    for report in sorted(set(found.reported.handed_in) - found.loaded):
        sms_id, request = request_of(report)
        key = (request, machines.get(sms_id, ""))
        if answered[key] > 0:
            answered[key] -= 1
        else:
            lost.append(report)
    return lost


def _invented(found: Found) -> list[str]:
    """Reports that count beyond what their clients began."""
    seen = Counter(request_of(report) for report in found.reported.handed_in)
    unseen = [report for report in found.loaded if report not in found.reported.handed_in]
    more = Counter(request_of(report) for report in unseen)
    begun = found.reported.begun
    return sorted(
        report
        for report in unseen
        if seen[request_of(report)] + more[request_of(report)] > begun[request_of(report)]
    )


def _of_rows(found: Found) -> Iterable[Count]:
    wanted = {job.job: job for job in found.jobs if job.name in found.run}
    rows = [row for row in found.rows if row.job in wanted]
    pairs = Counter((row.job, row.machine) for row in rows)
    doubled = [f"{machine} in {job}" for (job, machine), count in pairs.items() if count > 1]
    yield Count(
        "rows of Job Details, one for each machine and job",
        len(found.run) * found.clients_wanted,
        len(pairs),
    )
    yield _none("rows that are there twice", doubled)
    silent = [
        f"{row.machine} in {row.job}: {row.status}"
        for row in rows
        if row.status not in STATUS_OF.values()
    ]
    yield _none("machines that have no result", silent)
    said: dict[Request, set[str]] = {}
    count_of: Counter[Request] = Counter()
    for report, result in found.reported.handed_in.items():
        said.setdefault(request_of(report), set()).add(STATUS_OF.get(result, ""))
        count_of[request_of(report)] += 1
    wrong = []
    for row in rows:
        key = (row.sms_id, wanted[row.job].request)
        all_seen = count_of[key] >= found.reported.begun[key]
        if all_seen and row.status in STATUS_OF.values() and row.status not in said.get(key, set()):
            wrong.append(
                f"{row.machine} in {row.job}: {row.status}, it reported "
                f"{', '.join(said.get(key, set())) or 'nothing'}"
            )
    yield _none("rows that say what no machine reported", wrong)


def _of_jobs(found: Found) -> Iterable[Count]:
    names = Counter(job.name for job in found.jobs if not job.repeat_of)
    missing = [name for name in found.ordered if not names[name]]
    yield Count(
        "jobs that are there, of those ordered",
        len(found.ordered),
        len(found.ordered) - len(missing),
        _few(missing),
    )
    ordered = set(found.ordered)
    yield _none(
        "jobs that were made twice",
        [name for name, count in names.items() if count > 1 and name in ordered],
    )
    run = set(found.run)
    not_ended = [
        f"{j.name}: {j.status}"
        for j in found.jobs
        if j.status not in ENDED and not (j.name in run and j.status == "Retrying")
    ]
    yield _none("jobs that have not ended", not_ended)
    yield _none("jobs that failed", [job.name for job in found.jobs if job.status == "Failed"])


def failed_runs(found: Found) -> int:
    """Rows whose machine reported that its package failed: no fault of the stack's counting, but
    worth telling.
    """
    return sum(row.status == "Failed" for row in found.rows)


def _none(name: str, wrong: Iterable[str]) -> Count:
    them = list(wrong)
    return Count(name, 0, len(them), _few(them))


def _few(names: list[str]) -> tuple[str, ...]:
    return tuple(names[:NAMED_MAX])


def _named(counts: Mapping[str, int]) -> tuple[str, ...]:
    return _few([f"{name}: {count}" for name, count in counts.items() if count])
