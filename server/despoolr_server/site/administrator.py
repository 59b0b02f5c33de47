"""What the SMS Administrator program does to a site: packages, jobs, machines, and looking at them.

Every refusal says what there is instead (`AdministratorError`), because a person typed it. Rows go through `Database`; the
files of a package are put on the source share by whoever has them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from despoolr_core.formats.sms_id import is_sms_id
from despoolr_core.formats.sms_id import package_id as make_package_id
from despoolr_server.site import catalogue
from despoolr_server.site.context import SiteContext
from despoolr_server.site.jobs import JobSpec, JobStatus, RunPhase
from despoolr_server.site.scheduler import create_job, split_unc
from despoolr_server.store.schema import EVENTS, JOBS, MACHINE_ATTRIBUTES, MACHINES, PACKAGES

COMPONENT = "SMS_ADMINISTRATOR"


class AdministratorError(ValueError):
    """Something that cannot be done as asked; the message says what can."""


class PackageSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    r"""A package as the administrator fills it in. `source` is `\\SERVER\SHARE\DIRECTORY`; `id` is usually left to the site."""

    name: str
    source: str
    comment: str = ""
    id: str = ""


class MachineSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A client the site is to know before its first inventory."""

    name: str
    sms_id: str
    domain: str
    operating_system: int = 0x0F


class JobRow(msgspec.Struct):
    """One job as `despoolr jobs` shows it."""

    job: str
    name: str
    type: str
    package: str
    request: str
    status: str
    sending: str
    working: str
    cancel: str
    created_at: float
    activate_at: float
    status_at: float


class DetailRow(msgspec.Struct):
    """One row of Job Details."""

    kind: str
    site: str
    machine: str
    domain: str
    status: str
    updated_at: float
    description: str


class EventRow(msgspec.Struct):
    """One NT event."""

    at: float
    code: int
    severity: str
    component: str
    machine: str
    site: str
    job: str
    text: str


class Administrator:
    """One administrator's view of one site."""

    def __init__(self, site: SiteContext) -> None:
        self._site = site

    # -- packages and machines

    async def create_package(self, spec: PackageSpec) -> str:
        """Make a package and return its PackageID."""
        try:
            split_unc(spec.source)
        except ValueError as error:
            raise AdministratorError(str(error)) from None

        def work(db: Connection) -> str:
            package_id = spec.id or make_package_id(self._site.code, catalogue.next_number(db, "package"))
            if catalogue.package(db, package_id) is not None:
                raise AdministratorError(f"there is a package {package_id} already")
            db.execute(insert(PACKAGES).values(PkgID=package_id, Name=spec.name, Comment=spec.comment, SourcePath=spec.source))
            return package_id

        return await self._site.database.run(work)

    async def packages(self) -> list[dict[str, Any]]:
        """All packages."""
        rows = await self._site.database.run(lambda db: db.execute(select(PACKAGES).order_by(PACKAGES.c.PkgID)).all())
        return [
            {"package": r.PkgID, "name": r.Name, "source": r.SourcePath, "version": r.StoredVersion, "size": r.SourceSize}
            for r in rows
        ]

    async def add_machines(self, machines: list[MachineSpec]) -> int:
        """Make machines known (as their first inventory would); those already known are brought up to date."""
        for machine in machines:
            if not is_sms_id(machine.sms_id):
                raise AdministratorError(f"{machine.sms_id!r} is not an SMSID of eight letters and digits")

        def work(db: Connection) -> int:
            for m in machines:
                values = {"Name": m.name, "Domain": m.domain, "SiteCode": self._site.code, "OperatingSystem": m.operating_system}
                if db.execute(update(MACHINES).where(MACHINES.c.SMSID == m.sms_id).values(**values)).rowcount == 0:
                    db.execute(insert(MACHINES).values(SMSID=m.sms_id, **values))
            return len(machines)

        return await self._site.database.run(work)

    async def machine(self, name: str) -> dict[str, Any]:
        """One machine with the attributes it reported."""

        def work(db: Connection) -> dict[str, Any]:
            row = db.execute(select(MACHINES).where(MACHINES.c.Name == name)).first()
            if row is None:
                raise AdministratorError(f"this site knows no machine {name!r}")
            attributes: dict[str, dict[str, str]] = {}
            for a in db.execute(select(MACHINE_ATTRIBUTES).where(MACHINE_ATTRIBUTES.c.MachineID == row.MachineID)):
                attributes.setdefault(a.GroupName, {})[a.Attribute] = a.Value
            return {
                "machine": row.Name,
                "sms_id": row.SMSID,
                "domain": row.Domain,
                "site": row.SiteCode,
                "attributes": attributes,
            }

        return await self._site.database.run(work)

    # -- jobs

    async def create_job(self, spec: JobSpec) -> str:
        """Make a Pending job and return its JobID. Raises `AdministratorError` for what the site does not have."""
        site = self._site
        known = {role.name for role in site.servers if role.distribution}
        for server in spec.distribute.put_on:
            if server not in known:
                raise AdministratorError(f"no distribution server {server!r}; there are {', '.join(sorted(known))}")
        for code in spec.sites:
            if code not in site.addresses:
                raise AdministratorError(f"no address to site {code!r}; there are {', '.join(sorted(site.addresses))}")
        if isinstance(spec.run, RunPhase) and not spec.machines:
            raise AdministratorError("a job with a run phase needs target machines ('*' is all of them)")

        def work(db: Connection) -> str:
            if catalogue.package(db, spec.package) is None:
                ids = [row.PkgID for row in db.execute(select(PACKAGES.c.PkgID).limit(20))]
                raise AdministratorError(f"no package {spec.package!r}; there are {', '.join(ids) or 'none yet'}")
            names = {name.upper() for name in spec.machines if name != "*"}
            missing = names - {m.name.upper() for m in catalogue.machines(db, names)}
            if missing:
                raise AdministratorError(f"this site knows no machine {', '.join(sorted(missing))}")
            return create_job(db, site.code, spec, site.clock.now())

        job_id = await site.database.run(work)
        site.change_count += 1
        site.record(COMPONENT, "job.status", job=job_id, name=spec.name, status=str(JobStatus.PENDING), was="", reason="created")
        return job_id

    async def jobs(self) -> list[JobRow]:
        """All jobs, oldest first."""
        rows = await self._site.database.run(lambda db: catalogue.jobs(db))
        return [_job_row(r) for r in rows]

    async def job(self, job_id: str) -> tuple[JobRow, list[DetailRow]]:
        """One job and its details; `job_id` may be the job's name (the latest of that name)."""

        def work(db: Connection) -> tuple[JobRow, list[DetailRow]]:
            row = catalogue.job(db, job_id)
            if row is None:
                row = db.execute(
                    select(JOBS).where(JOBS.c.Name == job_id).order_by(JOBS.c.CreatedAt.desc(), JOBS.c.JobID.desc())
                ).first()
            if row is None:
                ids = [r.JobID for r in catalogue.jobs(db)]
                raise AdministratorError(f"no job {job_id!r}; there are {', '.join(ids[:20]) or 'none yet'}")
            return _job_row(row), [
                DetailRow(d.Kind, d.SiteCode, d.MachineName, d.Domain, d.Status, d.UpdatedAt, d.Description)
                for d in catalogue.details(db, row.JobID)
            ]

        return await self._site.database.run(work)

    async def events(self, limit: int = 1000) -> list[EventRow]:
        """The newest events, oldest first."""
        rows = await self._site.database.run(
            lambda db: db.execute(select(EVENTS).order_by(EVENTS.c.ID.desc()).limit(limit)).all()
        )
        return [
            EventRow(r.At, r.Code, r.Severity, r.Component, r.MachineName, r.SiteCode, r.JobID, r.Text) for r in reversed(rows)
        ]


def _job_row(r: Any) -> JobRow:
    return JobRow(
        job=r.JobID,
        name=r.Name,
        type=r.Type,
        package=r.PackageID,
        request=r.RequestID,
        status=r.Status,
        sending=r.SendingStatus,
        working=r.WorkingStatus,
        cancel=r.CancelStatus,
        created_at=r.CreatedAt,
        activate_at=r.ActivateAt,
        status_at=r.StatusAt,
    )
