"""What the SMS Administrator program does to a site: packages, jobs, machines, and looking at them.

Every refusal says what there is instead (`AdministratorError`), because a person typed it. Rows go
through `Database`; the files of a package are put on the source share by whoever has them.
"""

from __future__ import annotations

from typing import Any, Final

from despoolr_core.formats.reports.job_mif import Machine, render_machine_mif
from despoolr_core.formats.reports.site_mif import SiteReport
from despoolr_core.formats.sms_id import IdError, check_site_code, is_package_id, is_sms_id
from despoolr_core.formats.sms_id import package_id as make_package_id
from despoolr_core.records.kinds.site import JobStatusChanged
from despoolr_core.rules.fold import fold
from despoolr_core.share.site_api import (
    DetailRow,
    EventRow,
    JobRow,
    MachineSpec,
    PackageSpec,
    SiteSpec,
)
from despoolr_server.database.protocol import Connection
from despoolr_server.loop.pace import batches, breathe
from despoolr_server.site.job_checks import (
    AdministratorError,
    check_job,
    check_texts,
    find_package,
    suggested,
)
from despoolr_server.site.jobs.model import ENDED, JobSpec, JobStatus
from despoolr_server.site.services.scheduler.new_jobs import create_job
from despoolr_server.site.services.scheduler.package_source import split_unc
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.rows import queries

COMPONENT = "SMS_ADMINISTRATOR"

_MACHINES: Final = """
    SELECT * FROM "Machines" WHERE :after = '' OR "Name" > :after
    ORDER BY "Name", "SMSID" LIMIT :limit
"""
_MACHINE: Final = """
    SELECT * FROM "Machines" WHERE "FoldedName" = :folded ORDER BY "MachineID" LIMIT 1
"""
_ATTRIBUTES: Final = 'SELECT * FROM "MachineAttributes" WHERE "MachineID" = :machine'
_LATEST_JOB: Final = """
    SELECT * FROM "Jobs" WHERE "Name" = :name ORDER BY "CreatedAt" DESC, "JobID" DESC LIMIT 1
"""


class Administrator:
    """One administrator's view of one site."""

    def __init__(self, site: SiteContext) -> None:
        self._site = site

    # -- packages and machines

    async def create_package(self, spec: PackageSpec) -> str:
        """Make a package and return its PackageID. Raises `AdministratorError` for a spec that
        cannot be.
        """
        check_texts(spec)
        try:
            split_unc(spec.source)
        except ValueError as error:
            raise AdministratorError(str(error)) from None

        def work(db: Connection) -> str:
            if spec.id and not is_package_id(spec.id):
                raise AdministratorError(
                    f"{spec.id!r} is not a PackageID: a site code and five hex digits, such "
                    "as BPC0000A"
                )
            package_id = spec.id or _next_package_id(db, self._site.code)
            if queries.package(db, package_id) is not None:
                raise AdministratorError(f"there is a package {package_id} already")
            queries.add_package(
                db, package_id, Name=spec.name, Comment=spec.comment, SourcePath=spec.source
            )
            return package_id

        return await self._site.database.run(work)

    async def package(self, package: str) -> dict[str, Any]:
        """One package, by id or name, and what is known of it at sites and servers."""

        def work(db: Connection) -> dict[str, Any]:
            row = find_package(db, package)
            return _package_row(row) | {
                "status": [
                    {
                        "site": s.SiteCode,
                        "server": s.Server,
                        "status": s.Status,
                        "version": s.Version,
                        "updated_at": s.UpdatedAt,
                    }
                    for s in queries.package_statuses(db, row.PkgID)
                ]
            }

        return await self._site.database.run(work)

    async def packages(self) -> list[dict[str, Any]]:
        """All packages, sorted by their PackageID."""
        return [_package_row(r) for r in await self._site.database.run(queries.packages)]

    async def add_machines(self, machines: list[MachineSpec]) -> int:
        """Make machines known (as their first inventory would); those already known are brought up
        to date. Returns how many there were. Raises `AdministratorError` for a malformed id.
        """
        known: list[queries.KnownMachine] = []
        for batch in batches(machines):
            known += map(self._known, batch)
            await breathe(len(batch))
        await self._site.database.run(lambda db: queries.set_machines(db, known))
        await self._tell_parent(machines)
        return len(machines)

    def _known(self, machine: MachineSpec) -> queries.KnownMachine:
        check_texts(machine)
        if not is_sms_id(machine.sms_id):
            raise AdministratorError(
                f"{machine.sms_id!r} is not an SMSID of eight letters and digits"
            )
        site = machine.site or self._site.code
        return queries.KnownMachine(
            0, machine.name, machine.sms_id, machine.domain, machine.operating_system, site
        )

    async def _tell_parent(self, machines: list[MachineSpec]) -> None:
        """A site above learns of this site's machines the way it learns of everything: by MIFs in
        `SITEREP.BOX` (Q169491).
        """
        if not self._site.parent:
            return
        root = self._site.share(self._site.server, boxes.ROOT_SHARE, COMPONENT)
        box = MifBox(root, "A", boxes.SITE_REPORTS)
        await box.started()
        for m in machines:
            if m.site in ("", self._site.code):
                await box.put_data(
                    render_machine_mif(Machine(self._site.code, m.domain, m.name, m.sms_id))
                )

    async def add_sites(self, sites: list[SiteSpec]) -> int:
        """Make sites below this one known, as they would themselves once they are attached. Returns
        how many there were. Raises `AdministratorError` for a malformed code.
        """
        for site in sites:
            check_texts(site)
            try:
                check_site_code(site.code)
            except IdError as error:
                raise AdministratorError(str(error)) from None
        now = self._site.clock.now()
        reports = [
            SiteReport(s.code, s.parent, s.server, s.version, tuple(s.servers), now) for s in sites
        ]

        def work(db: Connection) -> int:
            for report in reports:
                queries.set_site(db, report)
            return len(reports)

        return await self._site.database.run(work)

    async def sites(self) -> list[dict[str, Any]]:
        """The sites below this one."""
        rows = await self._site.database.run(queries.sites)
        return [
            {
                "site": r.SiteCode,
                "parent": r.ParentSiteCode,
                "server": r.Server,
                "version": r.Version,
                "servers": r.Servers.split(),
                "updated_at": r.UpdatedAt,
            }
            for r in rows
        ]

    async def machines(self, limit: int, after: str = "") -> tuple[list[dict[str, Any]], int]:
        """The first `limit` machines by name, those `after` a name only; and how many there are in
        all.
        """

        def work(db: Connection) -> tuple[list[dict[str, Any]], int]:
            rows = db.all(_MACHINES, {"after": after, "limit": limit})
            found = [
                {"machine": r.Name, "sms_id": r.SMSID, "domain": r.Domain, "site": r.SiteCode}
                for r in rows
            ]
            return found, int(db.value('SELECT count(*) FROM "Machines"'))

        return await self._site.database.run(work)

    async def machine(self, name: str) -> dict[str, Any]:
        """One machine with the attributes it reported."""

        def work(db: Connection) -> dict[str, Any]:
            row = db.first(_MACHINE, {"folded": fold(name)})
            if row is None:
                names = [one for (one,) in db.all('SELECT "Name" FROM "Machines" ORDER BY "Name"')]
                raise AdministratorError(
                    f"this site knows no machine {name!r}{suggested(name, names)}"
                )
            attributes: dict[str, dict[str, str]] = {}
            for a in db.all(_ATTRIBUTES, {"machine": row.MachineID}):
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
        """Make a Pending job and return its JobID. Raises `AdministratorError` for what the site
        does not have.
        """
        site = self._site

        def work(db: Connection) -> tuple[str, str]:
            checked = check_job(db, site, spec)
            return create_job(db, site.code, checked, site.clock.now()), checked.package

        job_id, package = await site.database.run(work)
        site.change_count += 1
        site.record(
            COMPONENT,
            JobStatusChanged(
                job=job_id,
                name=spec.name,
                status=str(JobStatus.PENDING),
                was="",
                reason="created",
                type=str(spec.type),
                package=package,
            ),
        )
        return job_id

    async def cancel_job(self, job: str) -> JobRow:
        """Edit > Cancel Job (Q188042): a Pending job is Cancelled, one under way is Cancelling. By
        id or name.

        What a repeating job would do next is cancelled with it. Raises `AdministratorError` for a
        job that has ended, is not there, or came from another site.
        """
        site, now = self._site, self._site.clock.now()

        def work(db: Connection) -> list[tuple[Any, JobStatus]]:
            row = _find_job(db, job)
            if row.JobID[:3] != site.code:
                raise AdministratorError(
                    f"job {row.JobID} {row.Name} is site {row.JobID[:3]}'s: cancel it there"
                )
            if row.Status in ENDED or row.Status == JobStatus.CANCELLING:
                raise AdministratorError(f"job {row.JobID} {row.Name} is {row.Status} already")
            changed = [
                (
                    row,
                    JobStatus.CANCELLED
                    if row.Status == JobStatus.PENDING
                    else JobStatus.CANCELLING,
                )
            ]
            first = row.RepeatOf or row.JobID
            changed += [
                (other, JobStatus.CANCELLED)
                for other in queries.jobs(db, [JobStatus.PENDING])
                if first in (other.RepeatOf, other.JobID) and other.JobID != row.JobID
            ]
            for one, status in changed:
                ended = "Complete" if status == JobStatus.CANCELLED else "Pending"
                queries.set_job(db, one.JobID, now, Status=status, CancelStatus=ended)
            return changed

        changed = await site.database.run(work)
        site.change_count += 1
        site.touched_jobs.update(row.JobID for row, _ in changed)
        for row, status in changed:
            site.record(
                COMPONENT,
                JobStatusChanged(
                    job=row.JobID,
                    name=row.Name,
                    status=str(status),
                    was=row.Status,
                    reason="cancelled",
                    type=row.Type,
                    package=row.PackageID,
                ),
            )
        return (await self.job(changed[0][0].JobID))[0]

    async def jobs(self) -> list[JobRow]:
        """All jobs, oldest first, without their details."""
        rows = await self._site.database.run(lambda db: queries.jobs(db))
        return [_job_row(r) for r in rows]

    async def job(self, job_id: str) -> tuple[JobRow, list[DetailRow]]:
        """One job and its details; `job_id` may be the job's name (the latest of that name)."""

        def work(db: Connection) -> tuple[JobRow, list[DetailRow]]:
            row = _find_job(db, job_id)
            return _job_row(row), [
                DetailRow(
                    d.Kind,
                    d.SiteCode,
                    d.MachineName,
                    d.Domain,
                    d.Status,
                    d.UpdatedAt,
                    d.Description,
                )
                for d in queries.details(db, row.JobID)
            ]

        return await self._site.database.run(work)

    async def events(self, limit: int = 1000) -> list[EventRow]:
        """The newest events, oldest first."""
        rows = await self._site.database.run(
            lambda db: db.all(
                'SELECT * FROM "Events" ORDER BY "ID" DESC LIMIT :limit', {"limit": limit}
            )
        )
        return [
            EventRow(
                r.At, r.Code, r.Severity, r.Component, r.MachineName, r.SiteCode, r.JobID, r.Text
            )
            for r in reversed(rows)
        ]


def _package_row(r: Any) -> dict[str, Any]:
    return {
        "package": r.PkgID,
        "name": r.Name,
        "source": r.SourcePath,
        "version": r.StoredVersion,
        "size": r.SourceSize,
    }


def _next_package_id(db: Connection, site: str) -> str:
    """The next ID nobody has: an administrator may have given some by hand."""
    while True:
        package_id = make_package_id(site, queries.next_number(db, "package"))
        if queries.package(db, package_id) is None:
            return package_id


def _find_job(db: Connection, job: str) -> Any:
    row = queries.job(db, job)
    if row is None:
        row = db.first(_LATEST_JOB, {"name": job})
    if row is None:
        ids = [r.JobID for r in queries.jobs(db)]
        raise AdministratorError(f"no job {job!r}; there are {', '.join(ids[:20]) or 'none yet'}")
    return row


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
