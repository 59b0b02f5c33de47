"""Jobs as Pending rows: new ones, and the next of those that repeat."""

from __future__ import annotations

import msgspec

from despoolr_core.formats.sms_id import job_id as make_job_id
from despoolr_core.formats.sms_id import request_id as make_request_id
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.site.jobs.model import JobSpec, JobStatus
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries


def create_job(db: Connection, site: str, spec: JobSpec, now: float, *, repeat_of: str = "") -> str:
    """Insert a Pending job and return its JobID. One request for the whole job, as each WINST
    record names it. Raises `IdError` where the numbers have run out.
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


def make_next_repetition(
    db: Connection, site: SiteContext, row: Row, spec: JobSpec, now: float
) -> None:
    """Make a repeating job anew for its next time, once: its own JobID, the same phases, its dates
    moved on.
    """
    first = row.RepeatOf or row.JobID
    due = row.ActivateAt + spec.repeat_every_s
    twin = db.value(
        'SELECT "JobID" FROM "Jobs" WHERE "RepeatOf" = :first AND "ActivateAt" = :due LIMIT 1',
        {"first": first, "due": due},
    )
    if twin is None:
        keeps = site.profile.repeat_keeps_mandatory_date
        later = repeated(spec, due, keeps_mandatory_date=keeps)
        create_job(db, site.code, later, now, repeat_of=first)


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
