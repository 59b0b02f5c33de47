"""What the site database knows of packages, machines and job rows: the few queries the services
share.

Each function takes a connection and is one piece of `Database.run`. No service writes SQL of its
own for these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Row,
    bindparam,
    func,
    insert,
    select,
    update,
)

from despoolr_core.formats.job_mif import JobNotice, JobReport
from despoolr_core.formats.site_mif import SiteReport
from despoolr_core.rules.fold import fold
from despoolr_server.database.schema import (
    COUNTERS,
    JOB_DETAILS,
    JOBS,
    LOADED_REPORTS,
    MACHINES,
    PACKAGE_STATUS,
    PACKAGES,
    SITES,
)
from despoolr_server.site.jobs.model import (
    NOT_INSTALLED,
    DetailKind,
    DetailStatus,
    JobSpec,
    JobStatus,
    JobType,
)

_MACHINE: Final[dict[str, BindParameter[Any]]] = {
    column: bindparam(column.lower())
    for column in ("Name", "FoldedName", "Domain", "SiteCode", "OperatingSystem")
}
_ADD_MACHINE: Final = insert(MACHINES).values({"SMSID": bindparam("id"), **_MACHINE})
_SET_MACHINE: Final = update(MACHINES).where(MACHINES.c.SMSID == bindparam("id")).values(_MACHINE)
_MACHINES: Final = select(MACHINES).order_by(MACHINES.c.SMSID)
_NAMED_MACHINES: Final = _MACHINES.where(
    MACHINES.c.FoldedName.in_(bindparam("some", expanding=True))
)
_ASKED_AT_ONE_TIME: Final = 500
"""Values of one IN list."""

# -- the statements that run once a report or a cycle, built once: building one costs more than
# SQLite takes to run it, and leaves cycles that stay in memory until the garbage collector comes

_JOBS: Final = select(JOBS).order_by(JOBS.c.CreatedAt, JOBS.c.JobID)
_JOBS_OF: Final = _JOBS.where(JOBS.c.Status.in_(bindparam("statuses", expanding=True)))
_SOME_JOBS: Final = _JOBS.where(JOBS.c.JobID.in_(bindparam("some", expanding=True)))
_SOME_OF: Final = {
    column: select(column).where(column.in_(bindparam("some", expanding=True)))
    for column in (MACHINES.c.SMSID, LOADED_REPORTS.c.Report)
}
_JOB: Final = select(JOBS).where(JOBS.c.JobID == bindparam("job"))
_PACKAGE: Final = select(PACKAGES).where(PACKAGES.c.PkgID == bindparam("package"))
_KIND_STATUS_PAIRS: Final = tuple(
    (kind.value, status.value) for kind in DetailKind for status in DetailStatus
)
_DETAIL_STATUSES: Final = select(
    *(
        select(JOB_DETAILS.c.ID)
        .where(
            JOB_DETAILS.c.JobID == bindparam("job"),
            JOB_DETAILS.c.Kind == kind,
            JOB_DETAILS.c.Status == status,
        )
        .exists()
        for kind, status in _KIND_STATUS_PAIRS
    )
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
    {
        "PkgID": bindparam("package"),
        "SiteCode": bindparam("site"),
        "Server": bindparam("server"),
        **_STATUS_OF_PACKAGE,
    }
)


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """A client machine as the site knows it."""

    machine_id: int
    name: str
    sms_id: str
    domain: str
    operating_system: int
    site: str


def next_number(db: Connection, name: str) -> int:
    """The next value of a counter, from 1."""
    value = db.execute(select(COUNTERS.c.Value).where(COUNTERS.c.Name == name)).scalar()
    if value is None:
        db.execute(insert(COUNTERS).values(Name=name, Value=1))
        return 1
    db.execute(update(COUNTERS).where(COUNTERS.c.Name == name).values(Value=value + 1))
    return int(value) + 1


def machines(db: Connection, names: Iterable[str] | None = None) -> list[KnownMachine]:
    """Machines by name (None: all), in the order of their SMSIDs. Names that do not exist are left
    out.
    """
    if names is None:
        rows = list(db.execute(_MACHINES))
    else:
        rows = [
            row
            for some in _portions({fold(name) for name in names})
            for row in db.execute(_NAMED_MACHINES, {"some": some})
        ]
        rows.sort(key=lambda row: str(row.SMSID))
    return [
        KnownMachine(r.MachineID, r.Name, r.SMSID, r.Domain, r.OperatingSystem, r.SiteCode)
        for r in rows
    ]


def set_machines(db: Connection, machines: Iterable[KnownMachine]) -> None:
    """Make machines known, or bring them up to date, by SMSID; the last word counts. `machine_id`
    is the database's.
    """
    rows = {
        m.sms_id: {
            "id": m.sms_id,
            "name": m.name,
            "foldedname": fold(m.name),
            "domain": m.domain,
            "sitecode": m.site,
            "operatingsystem": m.operating_system,
        }
        for m in machines
    }
    known = in_table(db, MACHINES.c.SMSID, rows)
    for statement, some in (
        (_SET_MACHINE, [row for sms_id, row in rows.items() if sms_id in known]),
        (_ADD_MACHINE, [row for sms_id, row in rows.items() if sms_id not in known]),
    ):
        if some:
            db.execute(statement, some)


def in_table(db: Connection, column: Column[str], values: Iterable[str]) -> set[str]:
    """Those of the values that a column, one of `_SOME_OF`, has already."""
    found: set[str] = set()
    for some in _portions(values):
        found.update(db.execute(_SOME_OF[column], {"some": some}).scalars())
    return found


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    """The values, as many at a time as one IN list takes."""
    wanted = list(values)
    for start in range(0, len(wanted), _ASKED_AT_ONE_TIME):
        yield wanted[start : start + _ASKED_AT_ONE_TIME]


def add_details(
    db: Connection, job: str, site: str, rows: list[dict[str, Any]], now: float
) -> None:
    """Rows of Job Details that say None until something reports. Each row: Kind, and MachineName,
    Domain, MachineID.
    """
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


def detail_statuses(db: Connection, job: str) -> set[tuple[str, str]]:
    """Each (kind, status) that a row of the job has: as cheap for 20,000 rows as for one."""
    return {
        pair
        for pair, is_there in zip(
            _KIND_STATUS_PAIRS, db.execute(_DETAIL_STATUSES, {"job": job}).one(), strict=True
        )
        if is_there
    }


def details(db: Connection, job: str) -> list[Row[Any]]:
    """All rows of a job: site arrival, completion, servers, workstations, by name."""
    order = {
        DetailKind.SITE_ARRIVAL: 0,
        DetailKind.COMPLETION: 1,
        DetailKind.SERVER: 2,
        DetailKind.WORKSTATION: 3,
    }
    rows = db.execute(select(JOB_DETAILS).where(JOB_DETAILS.c.JobID == job)).all()
    return sorted(rows, key=lambda r: (order[DetailKind(r.Kind)], r.SiteCode, r.MachineName))


def job(db: Connection, job_id: str) -> Row[Any] | None:
    """The row of a job by its JobID, or None."""
    return db.execute(_JOB, {"job": job_id}).first()


def jobs(db: Connection, statuses: Iterable[JobStatus] | None = None) -> list[Row[Any]]:
    """Jobs in the order they were made, all or those of some statuses."""
    if statuses is None:
        return list(db.execute(_JOBS))
    return list(db.execute(_JOBS_OF, {"statuses": list(statuses)}))


def jobs_among(db: Connection, job_ids: Iterable[str]) -> list[Row[Any]]:
    """Those of the jobs that there are, in the order they were made."""
    rows = [row for some in _portions(job_ids) for row in db.execute(_SOME_JOBS, {"some": some})]
    return sorted(rows, key=lambda row: (row.CreatedAt, row.JobID))


def spec_of(row: Row[Any]) -> JobSpec:
    """The phases of a job row."""
    return msgspec.json.decode(row.Spec, type=JobSpec)


def set_job(db: Connection, job_id: str, now: float, **values: Any) -> None:
    """Change columns of a job; a changed overall status gets the time."""
    if "Status" in values:
        values["StatusAt"] = now
    db.execute(update(JOBS).where(JOBS.c.JobID == job_id).values(**values))


def package(db: Connection, package_id: str) -> Row[Any] | None:
    """The row of a package by its PackageID, or None."""
    return db.execute(_PACKAGE, {"package": package_id}).first()


def set_package(db: Connection, package_id: str, **values: Any) -> None:
    """Change columns of a package."""
    db.execute(update(PACKAGES).where(PACKAGES.c.PkgID == package_id).values(**values))


def set_package_status(
    db: Connection, package_id: str, site: str, server: str, status: str, version: int, at: float
) -> None:
    """What a distribution server says of a package."""
    values = {
        "package": package_id,
        "site": site,
        "server": server,
        "status": status,
        "version": version,
        "at": at,
    }
    if db.execute(_SET_PACKAGE_STATUS, values).rowcount == 0:
        db.execute(_ADD_PACKAGE_STATUS, values)


def package_statuses(db: Connection, package_id: str) -> list[Row[Any]]:
    """What is known of a package at sites and servers, by site; an empty server name is the site as
    a whole.
    """
    table = PACKAGE_STATUS
    query = (
        select(table).where(table.c.PkgID == package_id).order_by(table.c.SiteCode, table.c.Server)
    )
    return list(db.execute(query))


def expect_package(db: Connection, package_id: str, site: str, at: float) -> None:
    """A package is on its way to a site that has not reported about it yet: Not installed, unless
    something is known.
    """
    if not any(row.SiteCode == site and not row.Server for row in package_statuses(db, package_id)):
        set_package_status(db, package_id, site, "", NOT_INSTALLED, 0, at)


def package_ids(db: Connection) -> list[str]:
    """The ids of all packages, in order."""
    return [row.PkgID for row in db.execute(select(PACKAGES.c.PkgID).order_by(PACKAGES.c.PkgID))]


# -- what came from another site


def adopt_job(db: Connection, report: JobReport, facts: JobNotice) -> None:
    """A job of another site has arrived here: its row, its package, and the rows of its site
    arrival and completion.
    """
    adopt_package(db, facts)
    at = report.time
    spec = JobSpec(
        name=facts.name, package=facts.package_id, type=JobType(facts.type), sites=(report.site,)
    )
    db.execute(
        insert(JOBS).values(
            JobID=report.job_id,
            Name=facts.name,
            Type=facts.type,
            PackageID=facts.package_id,
            RequestID=report.request_id,
            Status=JobStatus.ACTIVE,
            SendingStatus="Complete",
            WorkingStatus="Active",
            CreatedAt=at,
            ActivateAt=at,
            StatusAt=at,
            Spec=msgspec.json.encode(spec).decode(),
        )
    )
    add_details(
        db, report.job_id, report.site, [{"Kind": kind, "MachineName": ""} for kind in ARRIVING], at
    )


ARRIVING: Final = (DetailKind.SITE_ARRIVAL, DetailKind.COMPLETION)
"""The rows every site has of a job."""


def adopt_package(db: Connection, facts: JobNotice) -> None:
    """What a site knows of a package whose job came from above; a newer version replaces what it
    knew.
    """
    values = {
        "Name": facts.package_name,
        "SourcePath": facts.package_source,
        "StoredVersion": facts.package_version,
    }
    known = package(db, facts.package_id)
    if known is None:
        db.execute(insert(PACKAGES).values(PkgID=facts.package_id, **values))
    elif facts.package_version > known.StoredVersion:
        set_package(db, facts.package_id, **values)


def sites(db: Connection) -> list[Row[Any]]:
    """The sites below this one, by code."""
    return list(db.execute(select(SITES).order_by(SITES.c.SiteCode)))


def set_site(db: Connection, report: SiteReport) -> None:
    """What a site below this one says of itself; an older report changes nothing."""
    values = {
        "ParentSiteCode": report.parent,
        "Server": report.server,
        "Version": report.version,
        "Servers": " ".join(report.servers),
        "UpdatedAt": report.time,
    }
    row = db.execute(select(SITES.c.UpdatedAt).where(SITES.c.SiteCode == report.code)).first()
    if row is None:
        db.execute(insert(SITES).values(SiteCode=report.code, **values))
    elif report.time >= row.UpdatedAt:
        db.execute(update(SITES).where(SITES.c.SiteCode == report.code).values(**values))


def cancel_details(db: Connection, job_id: str, site: str, at: float) -> None:
    """A site has cancelled a job: its workstations that have not ended are Canceled; what they
    reported stays (Q152229).
    """
    open_ones = [DetailStatus.NONE, DetailStatus.ACTIVE, DetailStatus.RETRYING]
    db.execute(
        update(JOB_DETAILS)
        .where(
            JOB_DETAILS.c.JobID == job_id,
            JOB_DETAILS.c.SiteCode == site,
            JOB_DETAILS.c.Kind.in_([DetailKind.WORKSTATION, DetailKind.SERVER]),
            JOB_DETAILS.c.Status.in_(open_ones),
        )
        .values(Status=DetailStatus.CANCELED, UpdatedAt=at)
    )


def first_failure(db: Connection, job_id: str) -> float | None:
    """When the first workstation of those that say Failed said so; None if none does."""
    query = select(func.min(JOB_DETAILS.c.UpdatedAt)).where(
        JOB_DETAILS.c.JobID == job_id,
        JOB_DETAILS.c.Kind == DetailKind.WORKSTATION,
        JOB_DETAILS.c.Status == DetailStatus.FAILED,
    )
    at = db.execute(query).scalar()
    return None if at is None else float(at)
