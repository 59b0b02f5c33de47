r"""Scheduler: turns a Pending job into an Active one, compresses the package, sends instructions,
keeps the job's status.

Its hops (`domain.md` a.2, d.2): source directory -> `SENDER.BOX\TOSEND` (`.P00` package, one
`.I00`, `.I01` ... a site) -> a send request (`.SRQ`) for each site in the LAN sender's outbox.
Status comes back through Job Details, which only the Data Loader writes after the rows are made
here; the rule that reads them is `job_status.overall_status`. It is asked of a job when something
was heard of it or its time has come, and of all jobs when the service starts or its version's rules
change: so a cycle costs the same however many jobs are under way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Final

import msgspec

from despoolr_core.formats.instruction import (
    Install,
    InstallKind,
    PackageTarget,
    TargetWorkstation,
    render_instruction,
)
from despoolr_core.formats.sms_id import job_id as make_job_id
from despoolr_core.formats.sms_id import request_id as make_request_id
from despoolr_core.profile import Profile
from despoolr_core.records.kinds.site import JobStatusChanged
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share, Watch
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.loop.pace import breathe
from despoolr_server.site.jobs.model import (
    INSTALL_KINDS,
    UNDER_WAY,
    DetailKind,
    DetailStatus,
    JobSpec,
    JobStatus,
    JobType,
    RunPhase,
    SendPhase,
)
from despoolr_server.site.jobs.retry import patience_s
from despoolr_server.site.jobs.status import Said, overall_status, status_without_run
from despoolr_server.site.services import targets
from despoolr_server.site.services.package_source import NoRoom, Packing, SourceFailure
from despoolr_server.site.services.sender import SendRequest, render_send_request
from despoolr_server.site.services.service import Service
from despoolr_server.site.services.targets import DEFAULT_SERVERS, Targets
from despoolr_server.site.state import boxes, queries
from despoolr_server.site.state.context import SiteContext

ACTIVATIONS_PER_CYCLE_MAX: Final = 100
JOB_NUMBER_DIGITS: Final = 5
"""Of a JobID behind its site code (`domain.md` d.1); a send request's name begins with them."""
LOOKED_AT: Final = (*UNDER_WAY, JobStatus.COMPLETE)
"""Overall statuses of jobs that rows of Job Details can change."""
EVENT_NO_PACKAGE: Final = 33
EVENT_NO_TARGETS: Final = 323


class Scheduler(Service):
    """The service SMS_SCHEDULER of one site."""

    component: ClassVar[str] = "SMS_SCHEDULER"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._packing = Packing(site)
        self._seen_change = -1
        self._next_activation = 0.0
        self._look_at: dict[str, float] = {}
        """Job to the time of a look at it though nothing is heard: it retries because a workstation
        failed, and is then Failed for good, or it may have been sent.
        """
        self._judged_by: Profile | None = None
        """The rules by which all jobs have been looked at; None: they have not been."""

    async def started(self) -> None:
        # what it was told of may be lost: it may have been stopped in the middle of a cycle
        self._seen_change, self._judged_by = -1, None

    async def cycle(self, tick: float) -> None:
        """Look at the jobs when something about them or the rules changed, or when one is due."""
        change = self.site.change_count
        is_known = change == self._seen_change and self._judged_by is self.site.profile
        if is_known and tick < self._next_look:
            self._rest()
            return
        await self._activate_due(tick)
        await self._send_cancellations(tick)
        await self._keep_status(tick)
        self._seen_change = change
        self._rest()

    def _rest(self) -> None:
        self.idle_until = self._next_look

    @property
    def _next_look(self) -> float:
        return min(self._next_activation, *self._look_at.values(), math.inf)

    def watched(self) -> Sequence[Watch]:
        """The tables of jobs: whoever changes them counts it."""
        return (lambda _until: self.site.change_count,)

    # -- Pending -> Active

    async def _activate_due(self, tick: float) -> None:
        pending = await self.site.database.run(lambda db: queries.jobs(db, [JobStatus.PENDING]))
        due = [r for r in pending if r.ActivateAt <= tick and not self._is_blocked(r, pending)]
        self._next_activation = min(
            (r.ActivateAt for r in pending if r.ActivateAt > tick), default=math.inf
        )
        for row in due[:ACTIVATIONS_PER_CYCLE_MAX]:
            await self._activate(row, queries.spec_of(row), tick)
        if due:
            # a repetition may have been made, or one put off: look again on the next cycle
            self._next_activation = tick

    def _is_blocked(self, row: Row, pending: list[Row]) -> bool:
        """Whether an earlier instance of a repeating job is Pending still, and that holds this one
        up (Q153533).
        """
        if not self.site.profile.pending_instance_blocks_next or not row.RepeatOf:
            return False
        return any(
            row.RepeatOf in (other.JobID, other.RepeatOf) and other.ActivateAt < row.ActivateAt
            for other in pending
            if other.JobID != row.JobID
        )

    async def _activate(self, row: Row, spec: JobSpec, tick: float) -> None:
        site = self.site
        if spec.repeat_every_s > 0:
            await site.database.run(lambda db: self._make_next_repetition(db, row, spec, tick))
        package = await site.database.run(lambda db: queries.package(db, spec.package))
        if package is None:
            await self._fail(row, tick, EVENT_NO_PACKAGE, spec.package)
            return
        found = await site.database.run(lambda db: targets.find_targets(db, site, spec))
        if spec.run is not None and not found.workstations:
            # an empty target list: failed without action (Q122180)
            await self._fail(row, tick, EVENT_NO_TARGETS, row.JobID)
            return
        needing = await site.database.run(
            lambda db: self._needing(db, row.JobID, spec, found.sites)
        )
        packed: dict[str, int] | None = None
        try:
            packed = await self._pack(row, spec, package, bool(needing))
        except NoRoom:
            return  # still Pending: the next cycle tries again
        except SourceFailure as failure:
            await self._fail(row, tick, failure.event, package.SourcePath)
            return
        version = packed["StoredVersion"] if packed else int(package.StoredVersion)
        await site.database.run(lambda db: self._make_details(db, row, spec, found, tick))
        for number, code in enumerate(found.sites):
            await self._send(
                row, spec, package, version, code, number, found, send_package=code in needing
            )
        # The version counts only with the job: a process that died in between would take the
        # package for sent.
        await self._set_status(
            row,
            JobStatus.ACTIVE,
            tick,
            "activated",
            packed,
            SendingStatus="Active",
            WorkingStatus="Active",
        )
        site.touched_jobs.add(row.JobID)

    def _needing(
        self, db: Connection, job: str, spec: JobSpec, sites: tuple[str, ...]
    ) -> frozenset[str]:
        """The sites the package itself goes to: all of them, or (Only if not previously sent) those
        that never got it.
        """
        if spec.type == JobType.REMOVE_PACKAGE:
            return frozenset()
        if spec.send is SendPhase.EVEN_IF_SENT:
            return frozenset(sites)
        is_own = spec.package[:3] == self.site.code
        return frozenset(
            code
            for code in sites
            if not targets.was_sent(db, spec.package, code, job)
            and (is_own or code != self.site.code)
        )

    async def _pack(
        self, row: Row, spec: JobSpec, package: Row, is_sent: bool
    ) -> dict[str, int] | None:
        """The compressed package: made anew as the next version, or the one of an earlier job."""
        if not is_sent:
            return None
        version = int(package.StoredVersion)
        if (
            spec.send is not SendPhase.EVEN_IF_SENT
            and version
            and await self._packing.is_packed(package.PkgID)
        ):
            return None
        if spec.send is SendPhase.EVEN_IF_SENT or not version:
            version += 1
        return await self._packing.pack(row.JobID, package, version)

    def _make_details(
        self, db: Connection, row: Row, spec: JobSpec, found: Targets, tick: float
    ) -> None:
        job = row.JobID
        if (
            db.value('SELECT "ID" FROM "JobDetails" WHERE "JobID" = :job LIMIT 1', {"job": job})
            is not None
        ):
            return  # the process died after this and before the job was Active: the rows are there
        blank = {"MachineName": "", "Domain": "", "MachineID": 0}
        for code in found.sites:
            rows: list[dict[str, Any]] = [{"Kind": kind} for kind in queries.ARRIVING]
            if spec.is_send_only:
                rows = rows[:1]  # the Scheduler's rule for such a job: Site Arrival alone (Q221945)
            rows += [
                {
                    "Kind": DetailKind.WORKSTATION,
                    "MachineName": m.name,
                    "Domain": m.domain,
                    "MachineID": m.machine_id,
                }
                for m in found.at(code)
            ]
            queries.add_details(db, job, code, [{**blank, **r} for r in rows], tick)
            if code != self.site.code and spec.type != JobType.REMOVE_PACKAGE:
                queries.expect_package(db, spec.package, code, tick)

    def _make_next_repetition(self, db: Connection, row: Row, spec: JobSpec, tick: float) -> None:
        """A repeating job is made anew for its next time: its own JobID, the same phases, its dates
        moved on.
        """
        first = row.RepeatOf or row.JobID
        due = row.ActivateAt + spec.repeat_every_s
        twin = db.value(
            'SELECT "JobID" FROM "Jobs" WHERE "RepeatOf" = :first AND "ActivateAt" = :due LIMIT 1',
            {"first": first, "due": due},
        )
        if twin is None:
            keeps = self.site.profile.repeat_keeps_mandatory_date
            create_job(
                db,
                self.site.code,
                repeated(spec, due, keeps_mandatory_date=keeps),
                tick,
                repeat_of=first,
            )

    # -- instructions

    async def _send(
        self,
        row: Row,
        spec: JobSpec,
        package: Row,
        version: int,
        code: str,
        number: int,
        found: Targets,
        *,
        send_package: bool,
    ) -> None:
        put_on = found.put_on(spec, code)
        install = Install(
            kind=INSTALL_KINDS[spec.type],
            site=self.site.code,
            job_id=row.JobID,
            package_id=package.PkgID,
            package_version=version,
            package_file=f"{row.JobID}.PCK" if send_package else "",
            request_id=row.RequestID,
            servers=tuple(PackageTarget(name, self._package_share(name)) for name in put_on),
            put_on_specified=bool(put_on) or DEFAULT_SERVERS in spec.distribute.put_on,
            send_even_if_previously_sent=spec.send is SendPhase.EVEN_IF_SENT,
            refresh_existing=spec.distribute.refresh_existing,
            package_name=package.Name,
            package_source=package.SourcePath,
            job_name=row.Name,
            comments=package.Comment,
            workstations=tuple(
                TargetWorkstation(m.name, m.sms_id, m.domain) for m in found.at(code)
            ),
            report_to=self.site.code,
        )
        if spec.run is not None:
            install = with_run_phase(install, spec.run)
        await breathe(len(install.workstations))
        await self._put_in_outbox(
            row, install, code, number, package.PkgID if send_package else "", spec.priority
        )

    async def _put_in_outbox(
        self, row: Row, install: Install, code: str, number: int, package: str, priority: int
    ) -> None:
        """One instruction for one site, and the request to send it (and the package) there."""
        root, stem = self._root(), row.JobID
        if install.kind is InstallKind.CANCEL:
            stem = f"{row.JobID}_C"
        instruction = f"{stem}.I{number:02}"
        made = install.to_instruction()
        await breathe(len(install.workstations))
        await root.write(f"{boxes.TOSEND}/{instruction}", render_instruction(made))
        request = SendRequest(
            request=row.RequestID,
            job=row.JobID,
            destination=code,
            package_file=f"{package}.P00" if package else "",
            instruction_file=instruction,
            remote_package=install.package_file,
            remote_instruction=f"{stem}.INS",
            priority=priority,
            removes=install.kind is InstallKind.REMOVE,
        )
        # One request a job and site, under a name made of both: doing it again after a crash makes
        # no second one.
        await root.write(f"{boxes.LAN_OUTBOX}/{stem[3:]}{code}.SRQ", render_send_request(request))

    def _package_share(self, server: str) -> str:
        return next(
            (role.package_share for role in self.site.servers if role.name == server),
            boxes.PACKAGE_SHARE,
        )

    # -- Cancelling

    async def _send_cancellations(self, tick: float) -> None:
        """Tell the sites of each job that is Cancelling to take it back; once (Q191338: it stops
        new tasks only).
        """
        site = self.site
        rows = await site.database.run(lambda db: queries.jobs(db, [JobStatus.CANCELLING]))
        for row in rows:
            if row.CancelStatus == "Active":
                continue
            details = await site.database.run(partial(queries.details, job=row.JobID))
            codes = [d.SiteCode for d in details if d.Kind == DetailKind.SITE_ARRIVAL]
            spec = queries.spec_of(row)
            for number, code in enumerate(codes):
                cancel = Install(
                    kind=InstallKind.CANCEL,
                    site=site.code,
                    job_id=row.JobID,
                    package_id=row.PackageID,
                    request_id=row.RequestID,
                    job_name=row.Name,
                    report_to=site.code,
                )
                await self._put_in_outbox(row, cancel, code, number, "", spec.priority)
            await site.database.run(
                partial(queries.set_job, job_id=row.JobID, now=tick, CancelStatus="Active")
            )

    # -- status

    async def _keep_status(self, tick: float) -> None:
        """Read the rows of the jobs that something was heard of, or whose time has come, and set
        their overall, sending and working status (Q150026, Q221945).
        """
        site = self.site
        patience = patience_s(site.profile, site.retry_s)
        unsent = await self._unsent()  # first: where it cannot be told nothing is forgotten
        touched, site.touched_jobs = site.touched_jobs, set()
        looks_at_all = self._judged_by is not site.profile
        due = {job for job, at in self._look_at.items() if at <= tick}
        look_at: dict[str, float] = {}

        def work(db: Connection) -> list[tuple[Row, JobStatus]]:
            changed = []
            for row in _rows_of(db, None if looks_at_all else touched | due):
                said = queries.detail_statuses(db, row.JobID)
                has_given_up = False
                if (DetailKind.WORKSTATION, DetailStatus.FAILED) in said:
                    deadline = (queries.first_failure(db, row.JobID) or tick) + patience
                    has_given_up = tick >= deadline
                    if not has_given_up:
                        look_at[row.JobID] = deadline
                status = overall_status(
                    JobStatus(row.Status),
                    said,
                    stays_retrying=site.profile.job_stays_retrying,
                    has_given_up=has_given_up,
                )
                if row.Type == JobType.RUN_COMMAND and row.JobID[:3] == site.code:
                    is_sent = row.JobID[3:] not in unsent
                    status = self._without_run(row, status, said, is_sent=is_sent)
                    if not is_sent:
                        look_at[row.JobID] = tick
                arrived = [status for kind, status in said if kind == DetailKind.SITE_ARRIVAL]
                if (
                    arrived
                    and all(status == DetailStatus.COMPLETE for status in arrived)
                    and row.SendingStatus != "Complete"
                ):
                    queries.set_job(db, row.JobID, tick, SendingStatus="Complete")
                if status != row.Status:
                    ended = (
                        {"CancelStatus": "Complete"}
                        if status == JobStatus.CANCELLED
                        else {"WorkingStatus": status}
                    )
                    queries.set_job(db, row.JobID, tick, Status=status, **ended)
                    changed.append((row, status))
            return changed

        changed = await site.database.run(work)
        kept = {} if looks_at_all else self._look_at
        self._look_at = {
            job: at for job, at in kept.items() if job not in touched and job not in due
        } | look_at
        self._judged_by = site.profile
        for row, status in changed:
            site.record(
                self.component,
                JobStatusChanged(
                    job=row.JobID,
                    name=row.Name,
                    status=str(status),
                    was=row.Status,
                    reason="details",
                    type=row.Type,
                    package=row.PackageID,
                ),
            )
            self.log(f"~Job {row.JobID} is now {status}.")

    def _without_run(self, row: Row, status: JobStatus, said: Said, *, is_sent: bool) -> JobStatus:
        profile = self.site.profile
        if not (profile.send_only_never_completes or profile.unrun_job_ends_when_sent):
            return status
        spec = queries.spec_of(row)
        if spec.run is not None:
            return status
        return status_without_run(status, said, spec, profile, is_sent=is_sent)

    async def _unsent(self) -> frozenset[str]:
        """The numbers of the jobs that have requests in the outbox; nobody asks but Q221945's
        fault.
        """
        if not self.site.profile.unrun_job_ends_when_sent:
            return frozenset()
        entries = await self._root().list(boxes.LAN_OUTBOX)
        return frozenset(fold(entry.name[:JOB_NUMBER_DIGITS]) for entry in entries)

    async def _set_status(
        self,
        row: Row,
        status: JobStatus,
        tick: float,
        reason: str,
        package: dict[str, int] | None = None,
        **columns: Any,
    ) -> None:
        def work(db: Connection) -> tuple[JobStatus, str]:
            if package is not None:
                queries.set_package(db, row.PackageID, **package)
            current = queries.job(db, row.JobID)
            if current is None or current.Status != JobStatus.CANCELLED:
                queries.set_job(db, row.JobID, tick, Status=status, **columns)
                return status, row.Status
            if status is JobStatus.ACTIVE:
                # Cancelled while it was being sent: it is under way, and its sites have to take it
                # back.
                queries.set_job(
                    db,
                    row.JobID,
                    tick,
                    **{**columns, "Status": JobStatus.CANCELLING, "CancelStatus": "Pending"},
                )
                return JobStatus.CANCELLING, current.Status
            return JobStatus.CANCELLED, JobStatus.CANCELLED

        now, was = await self.site.database.run(work)
        if now == was:
            return
        self.site.record(
            self.component,
            JobStatusChanged(
                job=row.JobID,
                name=row.Name,
                status=str(now),
                was=was,
                reason=reason,
                type=row.Type,
                package=row.PackageID,
            ),
        )
        self.log(f"~Job {row.JobID} is now {now}.")

    async def _fail(self, row: Row, tick: float, event: int, *insertions: str) -> None:
        await self.site.report_event(self.component, event, *insertions, job=row.JobID)
        await self._set_status(
            row, JobStatus.FAILED, tick, f"event {event}", WorkingStatus="Failed"
        )

    def _root(self) -> Share:
        return self.site.share(self.site.server, boxes.ROOT_SHARE, self.component)


def _rows_of(db: Connection, jobs: set[str] | None) -> list[Row]:
    """Those of the jobs (None: all) whose status rows can change."""
    if jobs is None:
        return queries.jobs(db, LOOKED_AT)
    return [row for row in queries.jobs_among(db, jobs) if row.Status in LOOKED_AT]


def create_job(db: Connection, site: str, spec: JobSpec, now: float, *, repeat_of: str = "") -> str:
    """Insert a Pending job and return its JobID. One request for the whole job, as each WINST
    record names it.
    """
    number = queries.next_number(db, "job")
    job_id = make_job_id(site, number)
    queries.add_job(
        db,
        JobID=job_id,
        Name=spec.name,
        Type=spec.type,
        PackageID=spec.package,
        RequestID=make_request_id(site, queries.next_number(db, "request")),
        Status=JobStatus.PENDING,
        Priority=spec.priority,
        CreatedAt=now,
        ActivateAt=spec.activate_at if spec.activate_at > 0 else now,
        RepeatEvery=spec.repeat_every_s,
        RepeatOf=repeat_of,
        StatusAt=now,
        Spec=msgspec.json.encode(spec).decode(),
    )
    return job_id


def repeated(spec: JobSpec, activate_at: float, *, keeps_mandatory_date: bool) -> JobSpec:
    """The same job for its next time: its dates are moved on by the interval, the mandatory date
    unless Q141192 keeps it.
    """
    run = spec.run
    if run is not None:
        later = spec.repeat_every_s
        run = msgspec.structs.replace(
            run,
            offer_after=run.offer_after + later,
            mandatory_after=run.mandatory_after
            if run.mandatory_after is None or keeps_mandatory_date
            else run.mandatory_after + later,
            expires_after=None if run.expires_after is None else run.expires_after + later,
        )
    return msgspec.structs.replace(spec, activate_at=activate_at, run=run)


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
