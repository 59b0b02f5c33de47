r"""Scheduler: turns a Pending job into an Active one, compresses the package, sends instructions, keeps the job's status.

Its hops (`domain.md` a.2, d.2): source directory -> `SENDER.BOX\TOSEND` (`.P00` package, `.I00` instruction) -> a send request
(`.SRQ`) in the LAN sender's outbox. Status comes back through Job Details, which only the Data Loader writes after the rows
are made here; the rule that reads them is `job_status.overall_status`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import msgspec
from sqlalchemy import Connection, Row, insert

from despoolr_core.formats.instruction import Install, InstallKind, PackageTarget, TargetWorkstation, render_instruction
from despoolr_core.formats.sms_id import job_id as make_job_id
from despoolr_core.formats.sms_id import request_id as make_request_id
from despoolr_core.share import Share, ShareError, ShareUnreachable
from despoolr_server.site import boxes, catalogue
from despoolr_server.site.context import SiteContext
from despoolr_server.site.job_status import overall_status
from despoolr_server.site.jobs import DetailKind, DetailStatus, JobSpec, JobStatus, JobType, RunPhase, SendPhase
from despoolr_server.site.packages import Files, compress
from despoolr_server.site.sender import SendRequest, render_send_request
from despoolr_server.site.service import Service
from despoolr_server.store.schema import JOB_DETAILS, JOBS

ACTIVATIONS_PER_CYCLE_MAX: Final = 100
SOURCE_DEPTH_MAX: Final = 32
INSTALL_KINDS: Final = {
    JobType.RUN_COMMAND: InstallKind.INSTALL,
    JobType.SHARE_PACKAGE: InstallKind.SHARE,
    JobType.REMOVE_PACKAGE: InstallKind.REMOVE,
}


class TooDeep(Exception):
    """A package source whose directories are nested deeper than `SOURCE_DEPTH_MAX`."""


class Scheduler(Service):
    """SMS_SCHEDULER."""

    component: ClassVar[str] = "SMS_SCHEDULER"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._seen_change = -1
        self._next_activation = 0.0

    async def cycle(self, tick: float) -> None:
        """Look at the jobs when something about them changed, or when one is due."""
        change = self.site.change_count
        if change == self._seen_change and tick < self._next_activation:
            return
        await self._activate_due(tick)
        await self._keep_status(tick)
        self._seen_change = change

    # -- Pending -> Active

    async def _activate_due(self, tick: float) -> None:
        pending = await self.site.database.run(lambda db: catalogue.jobs(db, [JobStatus.PENDING]))
        due = [r for r in pending if r.ActivateAt <= tick]
        self._next_activation = min((r.ActivateAt for r in pending if r.ActivateAt > tick), default=math.inf)
        for row in due[:ACTIVATIONS_PER_CYCLE_MAX]:
            await self._activate(row, catalogue.spec_of(row), tick)
        if due:
            self._next_activation = tick  # a repetition may have been made, or one put off: look again on the next cycle

    async def _activate(self, row: Row[Any], spec: JobSpec, tick: float) -> None:
        site = self.site
        if spec.repeat_every_s > 0:
            await site.database.run(lambda db: self._make_next_repetition(db, row, spec, tick))
        package = await site.database.run(lambda db: catalogue.package(db, spec.package))
        if package is None:
            await self._fail(row, tick, 33, spec.package)
            return
        targets = await site.database.run(lambda db: self._targets(db, spec))
        if spec.run is not None and not targets:
            await self._fail(row, tick, 323, row.JobID)  # an empty target list: failed without action (Q122180)
            return
        version, compressed = int(package.StoredVersion), None
        send_package = spec.type != JobType.REMOVE_PACKAGE and (spec.send is SendPhase.EVEN_IF_SENT or version == 0)
        if send_package:
            compressed = await self._compress(row, package, tick)
            if compressed is None:
                return
            version = compressed["StoredVersion"]
        sites = spec.sites or (site.code,)
        await site.database.run(lambda db: self._make_details(db, row.JobID, spec, sites, targets, tick))
        for code in sites:
            await self._send(row, spec, package, version, code, targets if code == site.code else [], send_package)
        # The version counts only with the job: a process that died in between would take the package for sent.
        await self._set_status(
            row, JobStatus.ACTIVE, tick, "activated", compressed, SendingStatus="Active", WorkingStatus="Active"
        )

    def _targets(self, db: Connection, spec: JobSpec) -> list[catalogue.Machine]:
        if spec.run is None:
            return []
        everyone = "*" in spec.machines
        machines = catalogue.machines(db, None if everyone else spec.machines)
        return [m for m in machines if m.operating_system & spec.run.operating_system]

    def _make_details(
        self, db: Connection, job: str, spec: JobSpec, sites: tuple[str, ...], targets: list[catalogue.Machine], tick: float
    ) -> None:
        if db.execute(JOB_DETAILS.select().where(JOB_DETAILS.c.JobID == job).limit(1)).first() is not None:
            return  # the process died after this and before the job was Active: the rows are there
        for code in sites:
            rows: list[dict[str, Any]] = [{"Kind": DetailKind.SITE_ARRIVAL}, {"Kind": DetailKind.COMPLETION}]
            if code == self.site.code:
                rows += [
                    {"Kind": DetailKind.WORKSTATION, "MachineName": m.name, "Domain": m.domain, "MachineID": m.machine_id}
                    for m in targets
                ]
            blank = {"MachineName": "", "Domain": "", "MachineID": 0}
            catalogue.add_details(db, job, code, [{**blank, **r} for r in rows], tick)

    def _make_next_repetition(self, db: Connection, row: Row[Any], spec: JobSpec, tick: float) -> None:
        """A repeating job is made anew for its next time: its own JobID, the same phases (Q141192 concerns its dates)."""
        first = row.RepeatOf or row.JobID
        due = row.ActivateAt + spec.repeat_every_s
        twin = db.execute(JOBS.select().where(JOBS.c.RepeatOf == first, JOBS.c.ActivateAt == due)).first()
        if twin is None:
            create_job(db, self.site.code, replace_activation(spec, due), tick, repeat_of=first)

    # -- the package

    async def _compress(self, row: Row[Any], package: Row[Any], tick: float) -> dict[str, int] | None:
        """Compress the source into TOSEND; what the package's row is to say then, or None: the job is put off, or has failed."""
        site = self.site
        try:
            files = await self._read_source(package.SourcePath)
        except (ShareError, ShareUnreachable) as error:
            self.log(f"~Package source {package.SourcePath} doesn't exist or we failed to access it, Win32 Error = {error.win32}")
            await self._fail(row, tick, 313, package.SourcePath)
            return None
        except TooDeep as error:
            self.log(f"~Cannot compress the package source {error}")
            await self._fail(row, tick, 331, package.SourcePath)
            return None
        if not files:
            await self._fail(row, tick, 313, package.SourcePath)  # a package has at least one file (Q139590)
            return None
        data = compress(files)
        version = int(package.StoredVersion) + 1
        target = f"{boxes.TOSEND}/{package.PkgID}.P00"
        self.log(f"Creating package file '\\\\{site.server}\\{boxes.ROOT_SHARE}\\{target.replace('/', chr(92))}'.~")
        try:
            await self._root().write(target, data)
        except ShareError as error:
            self.log(f"~Cannot compress the package file, return code = {error.win32}")
            await site.report_event(self.component, 330, package.PkgID, job=row.JobID)
            return None  # still Pending: the next cycle tries again
        size = sum(len(content) for content in files.values())
        return {"StoredVersion": version, "SourceSize": size, "SourceCompSize": len(data)}

    async def _read_source(self, source: str) -> Files:
        server, share_name, path = split_unc(source)
        share = self.site.share(server, share_name, self.component)
        files: Files = {}
        await self._read_tree(share, path, "", files, 0)
        return files

    async def _read_tree(self, share: Share, path: str, below: str, files: Files, depth: int) -> None:
        if depth > SOURCE_DEPTH_MAX:
            raise TooDeep(f"{path}: directories nested deeper than {SOURCE_DEPTH_MAX}")
        for entry in await share.list(path):
            inner, name = f"{path}/{entry.name}", f"{below}{entry.name}"
            if entry.directory:
                await self._read_tree(share, inner, f"{name}/", files, depth + 1)
            else:
                files[name] = await share.read(inner)

    # -- the instruction

    async def _send(
        self,
        row: Row[Any],
        spec: JobSpec,
        package: Row[Any],
        version: int,
        code: str,
        targets: list[catalogue.Machine],
        send_package: bool,
    ) -> None:
        install = Install(
            kind=INSTALL_KINDS[spec.type],
            site=self.site.code,
            job_id=row.JobID,
            package_id=package.PkgID,
            package_version=version,
            package_file=f"{row.JobID}.PCK" if send_package else "",
            request_id=row.RequestID,
            servers=tuple(PackageTarget(name, self._package_share(name)) for name in spec.distribute.put_on),
            put_on_specified=bool(spec.distribute.put_on),
            send_even_if_previously_sent=spec.send is SendPhase.EVEN_IF_SENT,
            refresh_existing=spec.distribute.refresh_existing,
            package_name=package.Name,
            comments=package.Comment,
            workstations=tuple(TargetWorkstation(m.name, m.sms_id, m.domain) for m in targets),
            report_to=self.site.code,
        )
        if spec.run is not None:
            install = with_run_phase(install, spec.run)
        root = self._root()
        await root.write(f"{boxes.TOSEND}/{row.JobID}.I00", render_instruction(install.to_instruction()))
        request = SendRequest(
            request=row.RequestID,
            job=row.JobID,
            destination=code,
            package_file=f"{package.PkgID}.P00" if send_package else "",
            instruction_file=f"{row.JobID}.I00",
            remote_package=f"{row.JobID}.PCK" if send_package else "",
            remote_instruction=f"{row.JobID}.INS",
            priority=spec.priority,
        )
        # One request a job and site, under a name made of both: doing it again after a crash makes no second one.
        await root.write(f"{boxes.LAN_OUTBOX}/{row.JobID[3:]}{code}.SRQ", render_send_request(request))

    def _package_share(self, server: str) -> str:
        return next((role.package_share for role in self.site.servers if role.name == server), boxes.PACKAGE_SHARE)

    # -- status

    async def _keep_status(self, tick: float) -> None:
        """Read the rows of every job under way and set its overall and working status (Q150026, Q221945)."""
        site = self.site

        def work(db: Connection) -> list[tuple[Row[Any], JobStatus]]:
            changed = []
            for row in catalogue.jobs(db, [JobStatus.ACTIVE, JobStatus.RETRYING]):
                counts = catalogue.detail_counts(db, row.JobID)
                status = overall_status(JobStatus(row.Status), counts, stays_retrying=site.profile.job_stays_retrying)
                arrived = [status for (kind, status) in counts if kind == DetailKind.SITE_ARRIVAL]
                if arrived and all(status == DetailStatus.COMPLETE for status in arrived) and row.SendingStatus != "Complete":
                    catalogue.set_job(db, row.JobID, tick, SendingStatus="Complete")
                if status != row.Status:
                    catalogue.set_job(db, row.JobID, tick, Status=status, WorkingStatus=status)
                    changed.append((row, status))
            return changed

        for row, status in await site.database.run(work):
            site.record(
                self.component, "job.status", job=row.JobID, name=row.Name, status=str(status), was=row.Status, reason="details"
            )
            self.log(f"~Job {row.JobID} is now {status}.")

    async def _set_status(
        self, row: Row[Any], status: JobStatus, tick: float, reason: str, package: dict[str, int] | None = None, **columns: Any
    ) -> None:
        def work(db: Connection) -> None:
            catalogue.set_job(db, row.JobID, tick, Status=status, **columns)
            if package is not None:
                catalogue.set_package(db, row.PackageID, **package)

        await self.site.database.run(work)
        self.site.record(
            self.component, "job.status", job=row.JobID, name=row.Name, status=str(status), was=row.Status, reason=reason
        )
        self.log(f"~Job {row.JobID} is now {status}.")

    async def _fail(self, row: Row[Any], tick: float, event: int, *insertions: str) -> None:
        await self.site.report_event(self.component, event, *insertions, job=row.JobID)
        await self._set_status(row, JobStatus.FAILED, tick, f"event {event}", WorkingStatus="Failed")

    def _root(self) -> Share:
        return self.site.share(self.site.server, boxes.ROOT_SHARE, self.component)


def create_job(db: Connection, site: str, spec: JobSpec, now: float, *, repeat_of: str = "") -> str:
    """Insert a Pending job and return its JobID. One request for the whole job, as each WINST record names it."""
    number = catalogue.next_number(db, "job")
    job_id = make_job_id(site, number)
    db.execute(
        insert(JOBS).values(
            JobID=job_id,
            Name=spec.name,
            Type=spec.type,
            PackageID=spec.package,
            RequestID=make_request_id(site, catalogue.next_number(db, "request")),
            Status=JobStatus.PENDING,
            Priority=spec.priority,
            CreatedAt=now,
            ActivateAt=spec.activate_at if spec.activate_at > 0 else now,
            RepeatEvery=spec.repeat_every_s,
            RepeatOf=repeat_of,
            StatusAt=now,
            Spec=msgspec.json.encode(spec).decode(),
        )
    )
    return job_id


def replace_activation(spec: JobSpec, activate_at: float) -> JobSpec:
    """The same job, due at another time."""
    return msgspec.structs.replace(spec, activate_at=activate_at)


def with_run_phase(install: Install, run: RunPhase) -> Install:
    """The instruction with the run phase filled in."""
    return msgspec.structs.replace(
        install,
        command_line=run.command,
        command_name=run.command_name or run.command,
        offer_after=run.offer_after,
        mandatory_after=run.mandatory_after,
        expires_after=run.expires_after,
        operating_system=run.operating_system,
        user_input_required=run.user_input_required,
        background=run.background,
    )


def split_unc(unc: str) -> tuple[str, str, str]:
    r"""`\\SERVER\SHARE\some\dir` as server, share and path with `/`. Raises `ValueError`."""
    parts = unc.replace("/", "\\").strip("\\").split("\\")
    if len(parts) < 2 or not all(parts):
        raise ValueError(f"{unc!r} is not \\\\SERVER\\SHARE\\DIRECTORY")
    return parts[0], parts[1], "/".join(parts[2:])
