"""Whether a job says what its rows of Job Details say, has the rows that it should have, and waits
for something that will come.

The law: what is plain is asked in words of its own, so that a mistake in the Scheduler's rule is
seen, too. Nobody is blamed for a workstation that is silent (Q156250).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from despoolr_core.rules.fold import fold
from despoolr_core.times import moment
from despoolr_lab.explore.agreement.tables import (
    RULED_S,
    Disagreement,
    SiteTables,
    base,
    entries,
    is_begun,
)
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S
from despoolr_server.database.protocol import Row
from despoolr_server.site.jobs.model import (
    UNDER_WAY,
    DetailKind,
    DetailStatus,
    JobStatus,
    JobType,
)
from despoolr_server.site.jobs.status import overall_status, status_without_run
from despoolr_server.site.state import boxes

WRONG_STATUS: Final = "a job says otherwise than its rows"
NOTHING_COMES: Final = "a job that waits for nothing"
NO_ROW: Final = "a workstation without its row"
WRONG_TIME: Final = "a row of a time at which nothing was told"
SCHEDULER: Final = "SMS_SCHEDULER"
DESPOOLER: Final = "SMS_DESPOOLER"
ROUND_S: Final = 3600.0
"""Seconds by which the round that made a row may have begun before its job was there."""

_AT_REST: Final = (DetailStatus.COMPLETE, DetailStatus.CANCELED)


def job_rows(tables: SiteTables) -> Iterator[Disagreement]:
    """What is wrong with the jobs of one site."""
    for job in tables.own_jobs:
        rows = tables.rows_of(job.JobID)
        yield from _status(tables, job, rows)
        yield from _plainly(tables, job, rows)
        yield from _workstations(tables, job, rows)
        yield from _waits(tables, job, rows)
        yield from _times(tables, job, rows)


def _found(tables: SiteTables, kind: str, text: str, program: str, package: str = "") -> Any:
    breach = Breach(kind, text, tables.now, 0, "", program)
    return Disagreement(breach, package, is_of_rest=True)


def _status(tables: SiteTables, job: Row, rows: list[Row]) -> Iterator[Disagreement]:
    """A job's status is what the rule makes of its rows, once the Scheduler has looked."""
    was = JobStatus(job.Status)
    if not rows or max(row.UpdatedAt for row in rows) > tables.now - RULED_S:
        return
    if was not in (*UNDER_WAY, JobStatus.COMPLETE):
        return  # what it failed of need not stand in a row
    # what is Complete must have become so; after that no row moves it
    before = JobStatus.ACTIVE if was == JobStatus.COMPLETE else was
    said = {(row.Kind, row.Status) for row in rows}
    profile = tables.machine.setup.profile
    may_be = {
        status_without_run(
            overall_status(
                before, said, stays_retrying=profile.job_stays_retrying, has_given_up=given_up
            ),
            said,
            tables.spec(job),
            profile,
            is_sent=is_sent,
        )
        for given_up in (False, True)
        for is_sent in (False, True)
    }
    if was not in may_be:
        text = f"job {job.JobID} is {was}, and its rows make it {' or '.join(sorted(may_be))}"
        yield _found(tables, WRONG_STATUS, text, SCHEDULER)


def _plainly(tables: SiteTables, job: Row, rows: list[Row]) -> Iterator[Disagreement]:
    """Done is a job of which every row is done; and no site is under way in one that is done."""
    if not rows:
        return
    is_ruled = max(row.UpdatedAt for row in rows) <= tables.now - RULED_S
    profile = tables.machine.setup.profile
    statuses = {row.Status for row in rows}
    is_over = statuses <= {str(status) for status in _AT_REST}
    never = profile.send_only_never_completes and tables.spec(job).is_send_only
    if is_over and is_ruled and job.Status in (JobStatus.ACTIVE, JobStatus.RETRYING) and not never:
        text = f"job {job.JobID} is {job.Status}, and every row of it is done"
        yield _found(tables, WRONG_STATUS, text, SCHEDULER)
    open_at = [
        row.SiteCode
        for row in rows
        if row.Kind == DetailKind.COMPLETION and row.Status not in _AT_REST
    ]
    early = profile.unrun_job_ends_when_sent and tables.spec(job).run is None
    if job.Status == JobStatus.COMPLETE and open_at and not early:
        text = f"job {job.JobID} is Complete, and {', '.join(open_at)} is not done with it"
        yield _found(tables, WRONG_STATUS, text, SCHEDULER)


def _workstations(tables: SiteTables, job: Row, rows: list[Row]) -> Iterator[Disagreement]:
    """Who was meant has a row: the machines that were named, or all that the site knew from the
    start.
    """
    spec = tables.spec(job)
    if spec.run is None or not is_begun(job) or not spec.run.operating_system & 2:
        return
    scenario = tables.world.scenario
    main = scenario.site[0].code
    known = {
        fold(name): name
        for group in scenario.clients
        if group.known and (group.site or main) == tables.code
        for name in group.expand()
    }
    meant = set(known) if "*" in spec.machines and not spec.sites else set(map(fold, spec.machines))
    have = {fold(row.MachineName) for row in rows if row.Kind == DetailKind.WORKSTATION}
    missing = sorted(known[one] for one in meant & set(known) if one not in have)
    if missing:
        text = f"job {job.JobID} is for {', '.join(missing[:5])}, and has no row of it"
        yield _found(tables, NO_ROW, text, SCHEDULER)


def _waits(tables: SiteTables, job: Row, rows: list[Row]) -> Iterator[Disagreement]:
    """A site that is not done with a job has an instruction for it, or one is on its way."""
    if job.Status == JobStatus.PENDING:
        is_late = job.ActivateAt < tables.now - SETTLED_S
        if is_late and not job.RepeatOf and not job.RepeatEvery:
            text = f"job {job.JobID} was to be Active long ago, and is Pending"
            yield _found(tables, NOTHING_COMES, text, SCHEDULER)
        return
    if job.Status not in UNDER_WAY:
        return
    # Q185179: a removal that could not be sent once is Retrying, and nothing ever comes of it
    if job.Type == JobType.REMOVE_PACKAGE and not (
        tables.machine.setup.profile.failed_removal_is_sent_again
    ):
        return
    for row in rows:
        is_open = row.Kind in (DetailKind.SITE_ARRIVAL, DetailKind.COMPLETION)
        if not is_open or row.Status not in (DetailStatus.NONE, DetailStatus.RETRYING):
            continue
        if tables.now - row.UpdatedAt < SETTLED_S or row.SiteCode not in tables.world.sites:
            continue
        if not _is_on_its_way(tables, job.JobID, row.SiteCode):
            text = (
                f"{row.SiteCode} is not done with job {job.JobID} ({row.Kind}: {row.Status}), and "
                "no instruction of it is anywhere"
            )
            yield _found(tables, NOTHING_COMES, text, DESPOOLER, job.PackageID)


def _times(tables: SiteTables, job: Row, rows: list[Row]) -> Iterator[Disagreement]:
    """What a row says was told after its job was made, and by now."""
    for row in rows:
        if not job.CreatedAt - ROUND_S <= row.UpdatedAt <= tables.now:
            name = " ".join(part for part in (row.Kind, row.SiteCode, row.MachineName) if part)
            text = (
                f"{name} of job {job.JobID}, which was made at {moment(job.CreatedAt)}, is "
                f"{row.Status} since {moment(row.UpdatedAt)}"
            )
            yield _found(tables, WRONG_TIME, text, DESPOOLER)


def _is_on_its_way(tables: SiteTables, job: str, site: str) -> bool:
    """Whether a request to send a job to a site waits, or an instruction of it lies there."""
    outbox = entries(tables.store(boxes.ROOT_SHARE), boxes.LAN_OUTBOX)
    there = tables.world.sites[site].setup.server
    received = entries(tables.store(boxes.SITE_SHARE, there), "")
    return any(
        fold(base(facts.path)).startswith((fold(job[3:]) + site, fold(job[3:] + "_C") + site))
        for facts in outbox
    ) or any(
        fold(base(facts.path)).startswith(fold(job)) and not fold(facts.path).endswith(".PCK")
        for facts in received
    )
