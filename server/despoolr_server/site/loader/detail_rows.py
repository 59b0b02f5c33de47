"""The rows of Job Details that one transaction asks about and sets: read together, written
together.

The law: what is set here is what the rows said, one report after the other, would have become.
Whoever changes rows another way in the same transaction calls `write` before it and `forget` after
it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from despoolr_core.formats.reports.job_mif import JobReport
from despoolr_server.database.protocol import Connection, set_where
from despoolr_server.site.jobs.model import DetailStatus
from despoolr_server.site.state.rows.queries import ADD_DETAIL

Key = tuple[str, str, str, str]
"""JobID, Kind, SiteCode, MachineName."""

ASKED_AT_ONE_TIME: Final = 500
"""Machines of one question: below the 999 parameters of an old SQLite."""

_ROWS: Final = """
    SELECT "MachineName", "Status", "UpdatedAt", "ID" FROM "JobDetails"
    WHERE "JobID" = :job AND "Kind" = :kind AND "SiteCode" = :site AND "MachineName" IN :machines
"""
"""Of one job, kind and site: a list of whole keys would be looked for row by row (SQLite uses no
index for it).
"""
_SET: Final = set_where("JobDetails", '"ID" = :id', "Status", "UpdatedAt", "Description")
"""By the number of the row, which is known: looking for each by its key took a third longer."""
_Said = tuple[str, float, int]
"""Status, time and number of a row."""


class DetailRows:
    """Made for one transaction. `reports`: whose rows will be asked about; others are looked up one
    by one.
    """

    def __init__(self, db: Connection, reports: Iterable[JobReport] = ()) -> None:
        self._db = db
        self._known: dict[Key, _Said | None] = {}
        self._changed: dict[Key, dict[str, Any]] = {}
        self._look_up(dict.fromkeys(map(_key_of, reports)))

    def set(self, report: JobReport) -> str | None:
        """Let the row of a report say what it says; a row that is missing is made. Returns the
        status before (None: there was no row). A report that `is_overtaken` changes nothing.
        """
        key = _key_of(report)
        was = self._said(key)
        if was is None:
            self._db.change(
                ADD_DETAIL,
                {
                    "JobID": report.job_id,
                    "Kind": report.kind,
                    "SiteCode": report.site,
                    "MachineName": report.machine,
                    "Domain": report.domain,
                    "MachineID": 0,
                    "Status": report.status,
                    "UpdatedAt": report.time,
                    "Description": report.description,
                },
            )
            del self._known[key]  # its number is looked up if it is set again
            return None
        if not _is_overtaken(report, was):
            self._changed[key] = {
                "id": was[2],
                "Status": report.status,
                "UpdatedAt": report.time,
                "Description": report.description,
            }
            self._known[key] = (report.status, report.time, was[2])
        return was[0]

    def is_overtaken(self, report: JobReport) -> bool:
        """Whether its row says something newer already: reports may overtake each other on the way.
        A row of which nothing was reported takes any: a report bears the time at which its
        service's round began, perhaps before the row was made.
        """
        was = self._said(_key_of(report))
        return was is not None and _is_overtaken(report, was)

    def _said(self, key: Key) -> _Said | None:
        if key not in self._known:
            self._look_up([key])
        return self._known[key]

    def write(self) -> None:
        """Let the rows say what they were set to."""
        if self._changed:
            self._db.change_each(_SET, list(self._changed.values()))
            self._changed.clear()

    def forget(self, job: str) -> None:
        """Rows of a job were changed another way."""
        self._known = {key: said for key, said in self._known.items() if key[0] != job}

    def _look_up(self, keys: Iterable[Key]) -> None:
        machines_of: dict[tuple[str, str, str], list[str]] = {}
        for job, kind, site, machine in keys:
            self._known[job, kind, site, machine] = None
            machines_of.setdefault((job, kind, site), []).append(machine)
        for (job, kind, site), machines in machines_of.items():
            for start in range(0, len(machines), ASKED_AT_ONE_TIME):
                some = machines[start : start + ASKED_AT_ONE_TIME]
                asked = {"job": job, "kind": kind, "site": site, "machines": some}
                for machine, status, at, row in self._db.all(_ROWS, asked):
                    self._known[job, kind, site, machine] = (str(status), float(at), int(row))


def _key_of(report: JobReport) -> Key:
    return report.job_id, report.kind, report.site, report.machine


def _is_overtaken(report: JobReport, was: _Said) -> bool:
    return report.time < was[1] and was[0] != DetailStatus.NONE
