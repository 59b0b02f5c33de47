"""All that is asked of a world at its end.

The law: it looks where nobody is told to look, into files and tables, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from despoolr_lab.explore.agreement.commands import commands, expiries
from despoolr_lab.explore.agreement.job_rows import job_rows
from despoolr_lab.explore.agreement.left_over import left_over, waiting_reports
from despoolr_lab.explore.agreement.packages import packages
from despoolr_lab.explore.agreement.tables import Disagreement, tables_of
from despoolr_lab.scenario.world import World
from despoolr_server.site.jobs.model import JobStatus


@dataclass(slots=True)
class Ending:
    """What was there at the end."""

    disagreements: list[Disagreement] = field(default_factory=list)
    rows: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Site and row of Job Details (job, kind, site, machine) to its status."""
    waiting: set[str] = field(default_factory=set)
    """Reports of clients that wait at a site for the date that their client had (Q172899)."""
    taken_back: set[str] = field(default_factory=set)
    """Requests of jobs that were cancelled, or whose package was removed: no site knows a report of
    them any more.
    """
    expires: dict[str, float] = field(default_factory=dict)
    """Request to the site time at which its command expires."""


async def look(world: World) -> Ending:
    """What database and shares say at this moment."""
    ending = Ending()
    for code in world.sites:
        tables = await tables_of(world, code)
        ending.rows.update(
            {
                (code, row.JobID, row.Kind, row.SiteCode, row.MachineName): row.Status
                for row in tables.details
            }
        )
        removed = tables.removed
        ending.taken_back |= {
            job.RequestID
            for job in tables.jobs
            if job.PackageID in removed or job.Status in (JobStatus.CANCELLING, JobStatus.CANCELLED)
        }
        ending.expires |= expiries(tables)
        waiting = waiting_reports(tables)
        ending.waiting.update(waiting.values())
        for found in (
            job_rows(tables),
            packages(tables),
            commands(tables),
            left_over(tables, waiting),
        ):
            ending.disagreements.extend(found)
    return ending
