r"""Scheduler: turns a Pending job into an Active one, compresses the package, sends instructions,
and takes jobs back.

Its hops (`domain.md` a.2, d.2): source directory -> `SENDER.BOX\TOSEND` (`.P00` package, one
`.I00`, `.I01` ... a site) -> a send request (`.SRQ`) for each site in the LAN sender's outbox.
Status comes back through Job Details, which only the Data Loader writes after the rows are made
here; what they come to is `job_statuses`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Final

import msgspec

from despoolr_core.formats.instructions.instruction import (
    Install,
    InstallKind,
    PackageTarget,
    TargetWorkstation,
    render_instruction,
)
from despoolr_core.share.contract import Watch
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.loop.pace import breathe
from despoolr_server.site.jobs.model import (
    INSTALL_KINDS,
    DetailKind,
    JobSpec,
    JobStatus,
    JobType,
    RunPhase,
    SendPhase,
)
from despoolr_server.site.services.scheduler import targets
from despoolr_server.site.services.scheduler.job_statuses import JobStatuses
from despoolr_server.site.services.scheduler.new_jobs import make_next_repetition
from despoolr_server.site.services.scheduler.package_source import NoRoom, Packing, SourceFailure
from despoolr_server.site.services.scheduler.targets import DEFAULT_SERVERS, Targets
from despoolr_server.site.services.sender import SendRequest, render_send_request
from despoolr_server.site.services.service import Service
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries

ACTIVATIONS_PER_CYCLE_MAX: Final = 100
EVENT_NO_PACKAGE: Final = 33
EVENT_NO_TARGETS: Final = 323


class Scheduler(Service):
    """The service SMS_SCHEDULER of one site."""

    component: ClassVar[str] = "SMS_SCHEDULER"

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._root = site.share(site.server, boxes.ROOT_SHARE, self.component)
        self._packing = Packing(site)
        self._statuses = JobStatuses(site, self._root, self.log)
        self._seen_change = -1
        self._next_activation = 0.0

    async def started(self) -> None:
        # what it was told of may be lost: it may have been stopped in the middle of a cycle
        self._seen_change = -1
        self._statuses.forget()

    async def cycle(self, tick: float) -> None:
        """Look at the jobs when something about them or the rules changed, or when one is due."""
        change = self.site.change_count
        is_known = change == self._seen_change and self._statuses.are_judged
        if is_known and tick < self._next_look:
            self._rest()
            return
        await self._activate_due(tick)
        await self._send_cancellations(tick)
        await self._statuses.keep(tick)
        self._seen_change = change
        self._rest()

    def _rest(self) -> None:
        self.idle_until = self._next_look

    @property
    def _next_look(self) -> float:
        return min(self._next_activation, self._statuses.next_look)

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
            await site.database.run(lambda db: make_next_repetition(db, site, row, spec, tick))
        package = await site.database.run(lambda db: queries.package(db, spec.package))
        if package is None:
            await self._statuses.fail(row, tick, EVENT_NO_PACKAGE, spec.package)
            return
        found = await site.database.run(lambda db: targets.find_targets(db, site, spec))
        if spec.run is not None and not found.workstations:
            # an empty target list: failed without action (Q122180)
            await self._statuses.fail(row, tick, EVENT_NO_TARGETS, row.JobID)
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
            await self._statuses.fail(row, tick, failure.event, package.SourcePath)
            return
        version = packed["StoredVersion"] if packed else int(package.StoredVersion)
        await site.database.run(lambda db: self._make_details(db, row, spec, found, tick))
        for number, code in enumerate(found.sites):
            await self._send(
                row, spec, package, version, code, number, found, send_package=code in needing
            )
        # The version counts only with the job: a process that died in between would take the
        # package for sent.
        await self._statuses.activate(row, tick, packed)

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
        stem = row.JobID
        if install.kind is InstallKind.CANCEL:
            stem = f"{row.JobID}_C"
        instruction = f"{stem}.I{number:02}"
        made = install.to_instruction()
        await breathe(len(install.workstations))
        await self._root.write(f"{boxes.TOSEND}/{instruction}", render_instruction(made))
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
        await self._root.write(
            f"{boxes.LAN_OUTBOX}/{stem[3:]}{code}.SRQ", render_send_request(request)
        )

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
