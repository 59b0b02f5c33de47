"""The overall, sending and working status of a site's jobs, as their rows of Job Details say
(Q150026, Q221945).

The law: a job is looked at when something was heard of it or its time has come, and every job when
the service starts or its version's rules change: so a cycle costs the same however many jobs are
under way. The rule that reads the rows is `site.jobs.status.overall_status`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from despoolr_core.profile import Profile
from despoolr_core.records.kinds.site import JobStatusChanged
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import Share
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.site.jobs.model import (
    UNDER_WAY,
    DetailKind,
    DetailStatus,
    JobStatus,
    JobType,
)
from despoolr_server.site.jobs.retry import patience_s
from despoolr_server.site.jobs.status import Said, overall_status, status_without_run
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries

COMPONENT: Final = "SMS_SCHEDULER"
JOB_NUMBER_DIGITS: Final = 5
"""Of a JobID behind its site code (`domain.md` d.1); a send request's name begins with them."""
LOOKED_AT: Final = (*UNDER_WAY, JobStatus.COMPLETE)
"""Overall statuses of jobs that rows of Job Details can change."""


class JobStatuses:
    """What keeps the status of one site's jobs."""

    def __init__(self, site: SiteContext, root: Share, log: Callable[[str], None]) -> None:
        self._site = site
        self._root = root
        self._log = log
        self._look_at: dict[str, float] = {}
        """Job to the time of a look at it though nothing is heard: it retries because a workstation
        failed, and is then Failed for good, or it may have been sent.
        """
        self._judged_by: Profile | None = None
        """The rules by which all jobs have been looked at; None: they have not been."""

    def forget(self) -> None:
        """Look at every job again: what was heard of them may be lost."""
        self._judged_by = None

    @property
    def are_judged(self) -> bool:
        """Whether all jobs have been looked at by the rules of now."""
        return self._judged_by is self._site.profile

    @property
    def next_look(self) -> float:
        """Site time at which a job is due though nothing is heard of it."""
        return min(self._look_at.values(), default=math.inf)

    async def keep(self, tick: float) -> None:
        """Read the rows of the jobs that something was heard of, or whose time has come, and set
        their status.
        """
        site = self._site
        unsent = await self._unsent()  # first: where it cannot be told nothing is forgotten
        looks_at_all = not self.are_judged
        heard = site.touched_jobs | {job for job, at in self._look_at.items() if at <= tick}
        site.touched_jobs.clear()
        look_at: dict[str, float] = {}

        def work(db: Connection) -> list[tuple[Row, JobStatus]]:
            rows = _rows_of(db, None if looks_at_all else heard)
            return [
                (row, status)
                for row in rows
                if (status := self._judge(db, row, unsent, look_at, tick)) != row.Status
            ]

        changed = await site.database.run(work)
        kept = {} if looks_at_all else self._look_at
        self._look_at = {job: at for job, at in kept.items() if job not in heard} | look_at
        self._judged_by = site.profile
        for row, status in changed:
            self._tell(row, status, row.Status, "details")

    def _judge(
        self,
        db: Connection,
        row: Row,
        unsent: frozenset[str],
        look_at: dict[str, float],
        tick: float,
    ) -> JobStatus:
        """Set what the rows of a job come to; when to look at it again goes to `look_at`."""
        site = self._site
        said = queries.detail_statuses(db, row.JobID)
        has_given_up = False
        if (DetailKind.WORKSTATION, DetailStatus.FAILED) in said:
            first_at = queries.first_failure(db, row.JobID) or tick
            deadline = first_at + patience_s(site.profile, site.retry_s)
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
        arrived = {status for kind, status in said if kind == DetailKind.SITE_ARRIVAL}
        if arrived == {DetailStatus.COMPLETE} and row.SendingStatus != "Complete":
            queries.set_job(db, row.JobID, tick, SendingStatus="Complete")
        if status != row.Status:
            ended = (
                {"CancelStatus": "Complete"}
                if status == JobStatus.CANCELLED
                else {"WorkingStatus": status}
            )
            queries.set_job(db, row.JobID, tick, Status=status, **ended)
        return status

    def _without_run(self, row: Row, status: JobStatus, said: Said, *, is_sent: bool) -> JobStatus:
        profile = self._site.profile
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
        if not self._site.profile.unrun_job_ends_when_sent:
            return frozenset()
        entries = await self._root.list(boxes.LAN_OUTBOX)
        return frozenset(fold(entry.name[:JOB_NUMBER_DIGITS]) for entry in entries)

    async def activate(self, row: Row, tick: float, package: dict[str, int] | None) -> None:
        """Set a job that is on its way to Active, with the columns of its package that count from
        now on. One that was cancelled meanwhile is to be taken back at its sites.
        """

        def work(db: Connection) -> tuple[JobStatus, str]:
            if package is not None:
                queries.set_package(db, row.PackageID, **package)
            active = {"SendingStatus": "Active", "WorkingStatus": "Active"}
            current = queries.job(db, row.JobID)
            if current is None or current.Status != JobStatus.CANCELLED:
                queries.set_job(db, row.JobID, tick, Status=JobStatus.ACTIVE, **active)
                return JobStatus.ACTIVE, row.Status
            columns: dict[str, Any] = {**active, "CancelStatus": "Pending"}
            queries.set_job(db, row.JobID, tick, Status=JobStatus.CANCELLING, **columns)
            return JobStatus.CANCELLING, current.Status

        now, was = await self._site.database.run(work)
        if now != was:
            self._tell(row, now, was, "activated")
        self._site.touched_jobs.add(row.JobID)

    async def fail(self, row: Row, tick: float, event: int, *insertions: str) -> None:
        """Log an event and set a job to Failed, unless it was cancelled meanwhile."""
        await self._site.report_event(COMPONENT, event, *insertions, job=row.JobID)

        def work(db: Connection) -> bool:
            current = queries.job(db, row.JobID)
            if current is not None and current.Status == JobStatus.CANCELLED:
                return False
            failed = JobStatus.FAILED
            queries.set_job(db, row.JobID, tick, Status=failed, WorkingStatus=failed)
            return True

        if await self._site.database.run(work):
            self._tell(row, JobStatus.FAILED, row.Status, f"event {event}")

    def _tell(self, row: Row, status: JobStatus, was: str, reason: str) -> None:
        self._site.record(
            COMPONENT,
            JobStatusChanged(
                job=row.JobID,
                name=row.Name,
                status=str(status),
                was=was,
                reason=reason,
                type=row.Type,
                package=row.PackageID,
            ),
        )
        self._log(f"~Job {row.JobID} is now {status}.")


def _rows_of(db: Connection, jobs: set[str] | None) -> list[Row]:
    """Those of the jobs (None: all) whose status rows can change."""
    if jobs is None:
        return queries.jobs(db, LOOKED_AT)
    return [row for row in queries.jobs_among(db, jobs) if row.Status in LOOKED_AT]
