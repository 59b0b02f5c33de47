"""What the site database knows of packages, machines and job rows: the few queries the services share.

Each function takes a connection and is one piece of `Database.run`. No service writes SQL of its own for these tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Connection, Row, bindparam, func, insert, select, update

from despoolr_server.site.jobs import DetailKind, DetailStatus, JobSpec, JobStatus
from despoolr_server.store.schema import COUNTERS, JOB_DETAILS, JOBS, MACHINES, PACKAGE_STATUS, PACKAGES

# -- the statements that run once a report, built once: building one costs more than SQLite takes to run it

_JOB: Final = select(JOBS).where(JOBS.c.JobID == bindparam("job"))
_PACKAGE: Final = select(PACKAGES).where(PACKAGES.c.PkgID == bindparam("package"))
_ONE_DETAIL: Final = (
    JOB_DETAILS.c.JobID == bindparam("job"),
    JOB_DETAILS.c.Kind == bindparam("kind"),
    JOB_DETAILS.c.SiteCode == bindparam("site"),
    JOB_DETAILS.c.MachineName == bindparam("machine"),
)
_DETAIL: Final = select(JOB_DETAILS.c.Status, JOB_DETAILS.c.UpdatedAt).where(*_ONE_DETAIL)
_ADD_DETAIL: Final = insert(JOB_DETAILS)
_SET_DETAIL: Final = (
    update(JOB_DETAILS)
    .where(*_ONE_DETAIL)
    .values(Status=bindparam("status"), UpdatedAt=bindparam("at"), Description=bindparam("description"))
)
_DETAIL_COUNTS: Final = (
    select(JOB_DETAILS.c.Kind, JOB_DETAILS.c.Status, func.count())
    .where(JOB_DETAILS.c.JobID == bindparam("job"))
    .group_by(JOB_DETAILS.c.Kind, JOB_DETAILS.c.Status)
)
_STATUS_OF_PACKAGE: Final[dict[str, BindParameter[Any]]] = {
    "Status": bindparam("status"),
    "Version": bindparam("version"),
    "UpdatedAt": bindparam("at"),
}
_SET_PACKAGE_STATUS: Final = (
    update(PACKAGE_STATUS)
    .where(
        PACKAGE_STATUS.c.PkgID == bindparam("package"),
        PACKAGE_STATUS.c.SiteCode == bindparam("site"),
        PACKAGE_STATUS.c.Server == bindparam("server"),
    )
    .values(_STATUS_OF_PACKAGE)
)
_ADD_PACKAGE_STATUS: Final = insert(PACKAGE_STATUS).values(
    {"PkgID": bindparam("package"), "SiteCode": bindparam("site"), "Server": bindparam("server"), **_STATUS_OF_PACKAGE}
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A client machine as the site knows it."""

    machine_id: int
    name: str
    sms_id: str
    domain: str
    operating_system: int


def next_number(db: Connection, name: str) -> int:
    """The next value of a counter, from 1."""
    value = db.execute(select(COUNTERS.c.Value).where(COUNTERS.c.Name == name)).scalar()
    if value is None:
        db.execute(insert(COUNTERS).values(Name=name, Value=1))
        return 1
    db.execute(update(COUNTERS).where(COUNTERS.c.Name == name).values(Value=value + 1))
    return int(value) + 1


def machines(db: Connection, names: Iterable[str] | None = None) -> list[Machine]:
    """Machines by name (None: all), in the order of their SMSIDs. Names that do not exist are left out."""
    query = select(MACHINES).order_by(MACHINES.c.SMSID)
    rows = [Machine(r.MachineID, r.Name, r.SMSID, r.Domain, r.OperatingSystem) for r in db.execute(query)]
    if names is None:
        return rows
    wanted = {name.upper() for name in names}
    return [m for m in rows if m.name.upper() in wanted]


def add_details(db: Connection, job: str, site: str, rows: list[dict[str, Any]], now: float) -> None:
    """Rows of Job Details that say None until something reports. Each row: Kind, and MachineName, Domain, MachineID."""
    if rows:
        blank = {
            "JobID": job,
            "SiteCode": site,
            "Status": DetailStatus.NONE,
            "UpdatedAt": now,
            "Description": "",
            "Domain": "",
            "MachineID": 0,
        }
        db.execute(insert(JOB_DETAILS), [{**blank, **row} for row in rows])


def set_detail(
    db: Connection,
    job: str,
    kind: str,
    site: str,
    machine: str,
    status: str,
    at: float,
    description: str = "",
    domain: str = "",
) -> str | None:
    """Set one row's status, making the row if it is missing. Returns what it was (None: there was no row).

    A report older than what the row already says changes nothing: reports may overtake each other on the way.
    """
    key = {"job": job, "kind": kind, "site": site, "machine": machine}
    row = db.execute(_DETAIL, key).first()
    if row is None:
        new = {"JobID": job, "Kind": kind, "SiteCode": site, "MachineName": machine, "Domain": domain, "MachineID": 0}
        db.execute(_ADD_DETAIL, {**new, "Status": status, "UpdatedAt": at, "Description": description})
        return None
    if at >= row.UpdatedAt:
        db.execute(_SET_DETAIL, {**key, "status": status, "at": at, "description": description})
    return str(row.Status)


def detail_counts(db: Connection, job: str) -> dict[tuple[str, str], int]:
    """How many rows of each (kind, status) a job has."""
    return {(kind, status): count for kind, status, count in db.execute(_DETAIL_COUNTS, {"job": job})}


def details(db: Connection, job: str) -> list[Row[Any]]:
    """All rows of a job: site arrival, completion, servers, workstations, by name."""
    order = {DetailKind.SITE_ARRIVAL: 0, DetailKind.COMPLETION: 1, DetailKind.SERVER: 2, DetailKind.WORKSTATION: 3}
    rows = db.execute(select(JOB_DETAILS).where(JOB_DETAILS.c.JobID == job)).all()
    return sorted(rows, key=lambda r: (order[DetailKind(r.Kind)], r.SiteCode, r.MachineName))


def job(db: Connection, job_id: str) -> Row[Any] | None:
    """One job, or None."""
    return db.execute(_JOB, {"job": job_id}).first()


def jobs(db: Connection, statuses: Iterable[JobStatus] | None = None) -> list[Row[Any]]:
    """Jobs in the order they were made, all or those of some statuses."""
    query = select(JOBS).order_by(JOBS.c.CreatedAt, JOBS.c.JobID)
    if statuses is not None:
        query = query.where(JOBS.c.Status.in_(list(statuses)))
    return list(db.execute(query))


def spec_of(row: Row[Any]) -> JobSpec:
    """The phases of a job row."""
    return msgspec.json.decode(row.Spec, type=JobSpec)


def set_job(db: Connection, job_id: str, now: float, **values: Any) -> None:
    """Change columns of a job; a changed overall status gets the time."""
    if "Status" in values:
        values["StatusAt"] = now
    db.execute(update(JOBS).where(JOBS.c.JobID == job_id).values(**values))


def package(db: Connection, package_id: str) -> Row[Any] | None:
    """One package, or None."""
    return db.execute(_PACKAGE, {"package": package_id}).first()


def set_package(db: Connection, package_id: str, **values: Any) -> None:
    """Change columns of a package."""
    db.execute(update(PACKAGES).where(PACKAGES.c.PkgID == package_id).values(**values))


def set_package_status(db: Connection, package_id: str, site: str, server: str, status: str, version: int, at: float) -> None:
    """What a distribution server says of a package."""
    values = {"package": package_id, "site": site, "server": server, "status": status, "version": version, "at": at}
    if db.execute(_SET_PACKAGE_STATUS, values).rowcount == 0:
        db.execute(_ADD_PACKAGE_STATUS, values)
