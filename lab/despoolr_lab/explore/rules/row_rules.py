"""What Job Details must say at the end of a run: what happened last, read from the records alone.

The law: a row says what its site's services did last, as often as they did it, and what its
workstation reported; a parent says of a row what its child says; what is over stays so. None of it
is asked before the run has been left in peace for long enough. What a version of SMS tells wrongly
on purpose is no breach: an expiry (Q152229), a status MIF that is late or cannot be read (Q138241,
Q190135).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.profile import Profile
from despoolr_core.records.kinds.client import ResultReported
from despoolr_core.records.kinds.share import FileRenamed, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    DetailStatusChanged,
    InstructionExecuted,
    JobStatusChanged,
    MifLoaded,
    MifRefused,
)
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S
from despoolr_server.site.state import boxes

ROW_UNTRUE: Final = "a row says otherwise than what happened"
RESULT_UNTRUE: Final = "a result told otherwise than it was reported"
EXPIRY_COUNTED: Final = "an expiry that counts as a result"
PARENT_UNTRUE: Final = "a parent says otherwise than its child"
MOVED_BACK: Final = "a status that was final and changed"
TOLD_OFTEN: Final = "a row told more often than anything happened"
LOADER: Final = "SMS_INVENTORY_DATA_LOADER"
SCHEDULER: Final = "SMS_SCHEDULER"
EXPIRED: Final = "Expired"
COMPLETE: Final = "Complete"
FAILED: Final = "Failed"
RETRYING: Final = "Retrying"
CANCELED: Final = "Canceled"
FINAL_OF_JOBS: Final = (COMPLETE, FAILED, "Cancelled")

SNI: Final = ".SNI"
PCK: Final = ".PCK"
_RESULTS: Final = fold(boxes.LOGON_DESPOOLER)
_SITE: Final = fold(boxes.SITE_SHARE)

Row = tuple[str, ...]
"""Site of the database, job, kind, site, machine."""


@dataclass(slots=True)
class RowRules:
    """The fold: feed it all records in order, then ask `at_end`. `profiles` are the sites', by
    code; of a site without one nothing is asked.
    """

    profiles: Mapping[str, Profile]
    _happened: dict[Row, tuple[bool, float]] = field(default_factory=dict)
    """Row to whether what it is about was done, and when."""
    _copies: dict[Row, int] = field(default_factory=dict)
    """A server's row to how many copies to it nobody has told of yet."""
    _reported: dict[str, tuple[str, str, ResultReported]] = field(default_factory=dict)
    """Report to the machine, its request, and what it said."""
    _results: dict[tuple[str, str], list[ResultReported]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Machine and request to all that it reported."""
    _loading: dict[str, MifLoaded] = field(default_factory=dict)
    _set_by: dict[Row, tuple[str, float]] = field(default_factory=dict)
    """A workstation's row to the report that set it, and when."""
    _changed_at: dict[Row, float] = field(default_factory=dict)
    _jobs: dict[tuple[str, str], str] = field(default_factory=dict)
    _sent: dict[str, str] = field(default_factory=dict)
    """Machine to the name of the last report's files that it wrote."""
    _files: dict[str, str] = field(default_factory=dict)
    """Report to that name."""
    _came: dict[str, int] = field(default_factory=dict)
    """File of a report to when it came to a site server first."""
    _has_refused: bool = False
    """A status MIF was refused: what it said is told nowhere else."""

    def apply(self, record: Record) -> Iterator[Breach]:
        """What the next record breaks."""
        fact = record.data
        site = record.actor.partition("/")[0]
        if isinstance(fact, CopyEnded):
            key = (site, fact.job, "Server", site, fact.server)
            self._happened[key] = fact.result == "complete", record.at
            self._copies[key] = self._copies.get(key, 0) + 1
        elif isinstance(fact, InstructionExecuted):
            if fact.job and fact.type != WIREMOVE and not fact.result.startswith(CANCELED):
                key = (site, fact.job, "Completion", site, "")
                self._happened[key] = fact.result == COMPLETE, record.at
        elif isinstance(fact, JobStatusChanged):
            yield from self._job_status(record, site, fact)
        elif isinstance(fact, ResultReported):
            self._files[fact.report] = self._sent.get(fold(record.actor), "")
            self._reported[fact.report] = (record.actor, fact.request, fact)
            self._results[record.actor, fact.request].append(fact)
        elif isinstance(fact, FileWritten | FileRenamed):
            self._file_comes(record, fact)
        elif isinstance(fact, MifRefused):
            self._has_refused = True
        elif isinstance(fact, MifLoaded):
            self._loading[record.actor] = fact
        elif isinstance(fact, DetailStatusChanged):
            yield from self._row_changed(record, site, fact)

    def _file_comes(self, record: Record, fact: FileWritten | FileRenamed) -> None:
        path = fact.path if isinstance(fact, FileWritten) else fact.new_path
        directory, _, name = fold(path).rpartition("/")
        if fold(fact.share) == _SITE and not directory:
            self._came.setdefault(name, record.seq)
        elif directory == _RESULTS and name.endswith(SNI):
            self._sent[fold(fact.machine)] = name.removesuffix(SNI)

    def _row_changed(
        self, record: Record, site: str, changed: DetailStatusChanged
    ) -> Iterator[Breach]:
        key = (site, changed.job, changed.detail, changed.site, changed.machine)
        self._changed_at[key] = record.at
        if key in self._copies and changed.status in (COMPLETE, RETRYING):
            self._copies[key] -= 1
            if self._copies[key] < 0:
                text = f"{_told(key)} is {changed.status} again, and no copy to it ended since"
                yield Breach(TOLD_OFTEN, text, record.at, record.seq, "", LOADER)
        loading = self._loading.get(record.actor)
        if loading is not None and loading.about == changed.detail == "Workstation":
            self._set_by[key] = loading.report, record.at

    def _job_status(self, record: Record, site: str, changed: JobStatusChanged) -> Iterator[Breach]:
        if not is_owners(record.actor, changed.job) or site not in self.profiles:
            return
        before = self._jobs.get((site, changed.job), "")
        self._jobs[site, changed.job] = changed.status
        # articles.md S1: what an expiry does to a job that was done, in 1.0; a job that was
        # cancelled while it was sent has to be taken back
        may_be = {(COMPLETE, RETRYING)} if self.profiles[site].expiry_status else set()
        may_be.add(("Cancelled", "Cancelling"))
        if before in FINAL_OF_JOBS and (before, changed.status) not in may_be:
            text = f"job {changed.job} is {changed.status}, and was {before}"
            yield Breach(MOVED_BACK, text, record.at, record.seq, "", SCHEDULER)

    def at_end(self, rows: Mapping[Row, str], end: float, calm: float) -> Iterator[Breach]:
        """What the rows of all databases say that did not happen, in a run that ended then and was
        left in peace since.
        """
        for key, (is_done, at) in self._happened.items():
            found = rows.get(key)
            if not self._is_settled(key, at, end, calm) or found in (None, CANCELED):
                continue
            if (found == COMPLETE) != is_done:
                did = "was done" if is_done else "was not done"
                yield _of(ROW_UNTRUE, f"{_told(key)} is {found}, and what it is about {did}", end)
        for key, (report, at) in self._set_by.items():
            if self._is_settled(key, at, end, calm) and key in rows:
                yield from self._result(key, rows[key], report, end)
        for key, status in rows.items():
            yield from self._at_parent(key, status, rows, end, calm)

    def _is_settled(self, key: Row, at: float, end: float, calm: float) -> bool:
        return key[0] in self.profiles and end - max(at, calm) >= SETTLED_S

    def _result(self, key: Row, status: str, report: str, end: float) -> Iterator[Breach]:
        """A workstation's row says what that reported."""
        machine, request, said = self._reported.get(report, ("", "", None))
        if said is None or status == CANCELED:
            return
        profile = self.profiles[key[0]]
        results = self._results[machine, request]
        if said.result == EXPIRED and status != profile.expiry_status:
            text = f"{_told(key)} is {status}, by the report that it has expired"
            yield _of(EXPIRY_COUNTED, text, end)
        told = {one.result for one in results}
        if len(told) > 1 or EXPIRED in told or self._has_refused:
            return
        may_lie = said.result == FAILED and profile.sni_before_pck and self._is_late(report)
        if (status == COMPLETE) != (said.result == "Success") and not may_lie:
            text = f"{_told(key)} is {status}, and it reported {said.result}"
            yield _of(RESULT_UNTRUE, text, end)

    def _is_late(self, report: str) -> bool:
        """Whether a status MIF may have come behind its report: nobody took it then (Q138241)."""
        name = self._files.get(report, "")
        sni, pck = self._came.get(f"{name}{SNI}", 0), self._came.get(f"{name}{PCK}", math.inf)
        return not name or not pck < sni

    def _at_parent(
        self, key: Row, status: str, rows: Mapping[Row, str], end: float, calm: float
    ) -> Iterator[Breach]:
        """A row of a job at the site that it concerns, and at the site that made it."""
        site, job, kind, of_site, machine = key
        owner = job[:3]
        if site != of_site or owner == site or status == "None":
            return
        theirs = rows.get((owner, job, kind, of_site, machine))
        at = self._changed_at.get(key, end)
        if theirs in (None, status, CANCELED) or not self._is_settled(key, at, end, calm):
            return
        text = f"{_told(key)} is {status}, and {theirs} in the database of {owner}"
        yield _of(PARENT_UNTRUE, text, end)


def _told(key: Row) -> str:
    row = " ".join(part for part in key[2:] if part)
    return f"{row} of job {key[1]} at {key[0]}"


def _of(kind: str, text: str, at: float) -> Breach:
    return Breach(kind, text, at, 0, "", LOADER)
