"""What the site database knows of packages, machines and job rows: the few queries the services
share.

Each function takes a connection and is one piece of `Database.run`. No service writes SQL of its
own for these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from despoolr_core.formats.reports.job_mif import JobNotice, JobReport
from despoolr_core.formats.reports.site_mif import SiteReport
from despoolr_core.rules.fold import fold
from despoolr_server.database.protocol import Connection, Row, insert_into, set_where
from despoolr_server.site.jobs.model import (
    NOT_INSTALLED,
    DetailKind,
    DetailStatus,
    JobSpec,
    JobStatus,
    JobType,
)

_ADD_MACHINE: Final = """
    INSERT INTO "Machines"
        ("SMSID", "Name", "FoldedName", "Domain", "SiteCode", "OperatingSystem", "UpdatedAt")
    VALUES (:id, :name, :folded, :domain, :site, :os, 0.0)
"""
_SET_MACHINE: Final = """
    UPDATE "Machines" SET "Name" = :name, "FoldedName" = :folded, "Domain" = :domain,
        "SiteCode" = :site, "OperatingSystem" = :os
    WHERE "SMSID" = :id
"""
_ASKED_AT_ONE_TIME: Final = 500
"""Values of one IN list."""

_JOBS: Final = 'SELECT * FROM "Jobs" ORDER BY "CreatedAt", "JobID"'
_JOBS_OF: Final = """
    SELECT * FROM "Jobs" WHERE "Status" IN :statuses ORDER BY "CreatedAt", "JobID"
"""
_ADD_JOB: Final = insert_into(
    "Jobs",
    "JobID",
    "Name",
    "Type",
    "PackageID",
    "RequestID",
    "Status",
    "SendingStatus",
    "WorkingStatus",
    "CancelStatus",
    "Priority",
    "CreatedAt",
    "ActivateAt",
    "RepeatEvery",
    "RepeatOf",
    "StatusAt",
    "Spec",
)
ADD_DETAIL: Final = insert_into(
    "JobDetails",
    "JobID",
    "Kind",
    "SiteCode",
    "Domain",
    "MachineName",
    "MachineID",
    "Status",
    "UpdatedAt",
    "Description",
)
"""A row of Job Details."""
_KIND_STATUS_PAIRS: Final = tuple(
    (kind.value, status.value) for kind in DetailKind for status in DetailStatus
)
_DETAIL_STATUSES: Final = "SELECT " + ", ".join(
    f"""EXISTS (SELECT 1 FROM "JobDetails"
        WHERE "JobID" = :job AND "Kind" = '{kind}' AND "Status" = '{status}') AS "S{number}\""""
    for number, (kind, status) in enumerate(_KIND_STATUS_PAIRS)
)
_SET_PACKAGE_STATUS: Final = set_where(
    "PackageStatus",
    '"PkgID" = :PkgID AND "SiteCode" = :SiteCode AND "Server" = :Server',
    "Status",
    "Version",
    "UpdatedAt",
)
_ADD_PACKAGE_STATUS: Final = insert_into(
    "PackageStatus", "PkgID", "SiteCode", "Server", "Status", "Version", "UpdatedAt"
)
_ADD_SITE: Final = insert_into(
    "Sites", "SiteCode", "ParentSiteCode", "Server", "Version", "Servers", "UpdatedAt"
)
_CANCEL_DETAILS: Final = f"""
    UPDATE "JobDetails" SET "Status" = '{DetailStatus.CANCELED}', "UpdatedAt" = :at
    WHERE "JobID" = :job AND "SiteCode" = :site
        AND "Kind" IN ('{DetailKind.WORKSTATION}', '{DetailKind.SERVER}')
        AND "Status" IN
            ('{DetailStatus.NONE}', '{DetailStatus.ACTIVE}', '{DetailStatus.RETRYING}')
"""
_FIRST_FAILURE: Final = f"""
    SELECT min("UpdatedAt") FROM "JobDetails"
    WHERE "JobID" = :job AND "Kind" = '{DetailKind.WORKSTATION}'
        AND "Status" = '{DetailStatus.FAILED}'
"""


NO_PCM: Final = 0
"""The operating system of a machine on which no Package Command Manager runs: a NetWare server."""


class KnownMachine(msgspec.Struct, frozen=True):
    """A client machine as the site knows it."""

    machine_id: int
    name: str
    sms_id: str
    domain: str
    operating_system: int
    site: str


def next_number(db: Connection, name: str) -> int:
    """The next value of a counter, from 1."""
    values = {"Name": name, "Value": 1}
    value = db.value('SELECT "Value" FROM "Counters" WHERE "Name" = :Name', values)
    if value is None:
        db.change(insert_into("Counters", "Name", "Value"), values)
        return 1
    values["Value"] = value + 1
    db.change(set_where("Counters", '"Name" = :Name', "Value"), values)
    return int(value) + 1


def machines(db: Connection, names: Iterable[str] | None = None) -> list[KnownMachine]:
    """Machines by name (None: all), in the order of their SMSIDs. Names that do not exist are left
    out.
    """
    if names is None:
        rows = db.all('SELECT * FROM "Machines" ORDER BY "SMSID"')
    else:
        rows = [
            row
            for some in _portions({fold(name) for name in names})
            for row in db.all(
                'SELECT * FROM "Machines" WHERE "FoldedName" IN :some', {"some": some}
            )
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
            "folded": fold(m.name),
            "domain": m.domain,
            "site": m.site,
            "os": m.operating_system,
        }
        for m in machines
    }
    known = _there(db, 'SELECT "SMSID" FROM "Machines" WHERE "SMSID" IN :some', rows)
    for statement, some in (
        (_SET_MACHINE, [row for sms_id, row in rows.items() if sms_id in known]),
        (_ADD_MACHINE, [row for sms_id, row in rows.items() if sms_id not in known]),
    ):
        if some:
            db.change_each(statement, some)


def loaded_reports(db: Connection, reports: Iterable[str]) -> set[str]:
    """Those of the reports that were counted."""
    return _there(db, 'SELECT "Report" FROM "LoadedReports" WHERE "Report" IN :some', reports)


def _there(db: Connection, text: str, values: Iterable[str]) -> set[str]:
    return {found for some in _portions(values) for (found,) in db.all(text, {"some": some})}


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
        db.change_each(ADD_DETAIL, [{**blank, **row} for row in rows])


def detail_statuses(db: Connection, job: str) -> set[tuple[str, str]]:
    """Each (kind, status) that a row of the job has: as cheap for 20,000 rows as for one."""
    row = db.first(_DETAIL_STATUSES, {"job": job})
    assert row is not None
    return {pair for pair, is_there in zip(_KIND_STATUS_PAIRS, row, strict=True) if is_there}


def details(db: Connection, job: str) -> list[Row]:
    """All rows of a job: site arrival, completion, servers, workstations, by name."""
    order = {
        DetailKind.SITE_ARRIVAL: 0,
        DetailKind.COMPLETION: 1,
        DetailKind.SERVER: 2,
        DetailKind.WORKSTATION: 3,
    }
    rows = db.all('SELECT * FROM "JobDetails" WHERE "JobID" = :job', {"job": job})
    return sorted(rows, key=lambda r: (order[DetailKind(r.Kind)], r.SiteCode, r.MachineName))


def job(db: Connection, job_id: str) -> Row | None:
    """The row of a job by its JobID, or None."""
    return db.first('SELECT * FROM "Jobs" WHERE "JobID" = :job', {"job": job_id})


def jobs(db: Connection, statuses: Iterable[JobStatus] | None = None) -> list[Row]:
    """Jobs in the order they were made, all or those of some statuses."""
    if statuses is None:
        return db.all(_JOBS)
    return db.all(_JOBS_OF, {"statuses": list(statuses)})


def jobs_among(db: Connection, job_ids: Iterable[str]) -> list[Row]:
    """Those of the jobs that there are, in the order they were made."""
    rows = [
        row
        for some in _portions(job_ids)
        for row in db.all('SELECT * FROM "Jobs" WHERE "JobID" IN :some', {"some": some})
    ]
    return sorted(rows, key=lambda row: (row.CreatedAt, row.JobID))


def spec_of(row: Row) -> JobSpec:
    """The phases of a job row."""
    return msgspec.json.decode(row.Spec, type=JobSpec)


def set_job(db: Connection, job_id: str, now: float, **values: Any) -> None:
    """Change columns of a job; a changed overall status gets the time."""
    if "Status" in values:
        values["StatusAt"] = now
    db.change(set_where("Jobs", '"JobID" = :job', *values), {**values, "job": job_id})


def add_job(db: Connection, **values: Any) -> None:
    """Make a job of which nothing was sent, done or cancelled, but for what `values` says."""
    blank = {
        "SendingStatus": "None",
        "WorkingStatus": "None",
        "CancelStatus": "None",
        "Priority": 2,
        "RepeatEvery": 0.0,
        "RepeatOf": "",
    }
    db.change(_ADD_JOB, {**blank, **values})


def package(db: Connection, package_id: str) -> Row | None:
    """The row of a package by its PackageID, or None."""
    return db.first('SELECT * FROM "SMSPackages" WHERE "PkgID" = :package', {"package": package_id})


def set_package(db: Connection, package_id: str, **values: Any) -> None:
    """Change columns of a package."""
    text = set_where("SMSPackages", '"PkgID" = :package', *values)
    db.change(text, {**values, "package": package_id})


def set_package_status(
    db: Connection, package_id: str, site: str, server: str, status: str, version: int, at: float
) -> None:
    """What a distribution server says of a package."""
    values = {
        "PkgID": package_id,
        "SiteCode": site,
        "Server": server,
        "Status": status,
        "Version": version,
        "UpdatedAt": at,
    }
    if db.change(_SET_PACKAGE_STATUS, values) == 0:
        db.change(_ADD_PACKAGE_STATUS, values)


def package_statuses(db: Connection, package_id: str) -> list[Row]:
    """What is known of a package at sites and servers, by site; an empty server name is the site as
    a whole.
    """
    text = 'SELECT * FROM "PackageStatus" WHERE "PkgID" = :package ORDER BY "SiteCode", "Server"'
    return db.all(text, {"package": package_id})


def expect_package(db: Connection, package_id: str, site: str, at: float) -> None:
    """A package is on its way to a site that has not reported about it yet: Not installed, unless
    something is known.
    """
    if not any(row.SiteCode == site and not row.Server for row in package_statuses(db, package_id)):
        set_package_status(db, package_id, site, "", NOT_INSTALLED, 0, at)


def package_ids(db: Connection) -> list[str]:
    """The ids of all packages, in order."""
    return [package for (package,) in db.all('SELECT "PkgID" FROM "SMSPackages" ORDER BY "PkgID"')]


def packages(db: Connection) -> list[Row]:
    """The rows of all packages, in the order of their ids."""
    return db.all('SELECT * FROM "SMSPackages" ORDER BY "PkgID"')


def add_package(db: Connection, package_id: str, **values: Any) -> None:
    """Make a package known of which `values` is known; nothing is stored of it yet."""
    row = {
        "PkgID": package_id,
        "Comment": "",
        "StoredVersion": 0,
        "SourceSize": 0,
        "SourceCompSize": 0,
        **values,
    }
    db.change(insert_into("SMSPackages", *row), row)


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
    add_job(
        db,
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
        add_package(db, facts.package_id, **values)
    elif facts.package_version > known.StoredVersion:
        set_package(db, facts.package_id, **values)


def sites(db: Connection) -> list[Row]:
    """The sites below this one, by code."""
    return db.all('SELECT * FROM "Sites" ORDER BY "SiteCode"')


def set_site(db: Connection, report: SiteReport) -> None:
    """What a site below this one says of itself; an older report changes nothing."""
    values = {
        "SiteCode": report.code,
        "ParentSiteCode": report.parent,
        "Server": report.server,
        "Version": report.version,
        "Servers": " ".join(report.servers),
        "UpdatedAt": report.time,
    }
    said_at = db.value('SELECT "UpdatedAt" FROM "Sites" WHERE "SiteCode" = :SiteCode', values)
    if said_at is None:
        db.change(_ADD_SITE, values)
    elif report.time >= said_at:
        db.change(set_where("Sites", '"SiteCode" = :SiteCode', *list(values)[1:]), values)


def cancel_details(db: Connection, job_id: str, site: str, at: float) -> None:
    """A site has cancelled a job: its workstations that have not ended are Canceled; what they
    reported stays (Q152229).
    """
    db.change(_CANCEL_DETAILS, {"job": job_id, "site": site, "at": at})


def first_failure(db: Connection, job_id: str) -> float | None:
    """When the first workstation of those that say Failed said so; None if none does."""
    at = db.value(_FIRST_FAILURE, {"job": job_id})
    return None if at is None else float(at)
