"""All that is asked of a world at its end.

The law: it looks where nobody is told to look, into files and tables, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from despoolr_lab.explore.agreement.commands import commands, due, expiries, mandatory
from despoolr_lab.explore.agreement.job_rows import job_rows
from despoolr_lab.explore.agreement.left_over import left_over, waiting_reports
from despoolr_lab.explore.agreement.packages import packages
from despoolr_lab.explore.agreement.tables import Disagreement, tables_of
from despoolr_lab.explore.rules.client_rules import KnownCommands
from despoolr_lab.scenario.world import World
from despoolr_server.site.jobs.model import JobStatus


@dataclass(slots=True)
class Ending:
    """What was there at the end."""

    disagreements: list[Disagreement] = field(default_factory=list)
    rows: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Site and row of Job Details (job, kind, site, machine) to its status."""
    commands: KnownCommands = field(default_factory=KnownCommands)


async def look(world: World) -> Ending:
    """What database and shares say at this moment."""
    ending = Ending()
    ending.commands.polls = {
        machine: agent.settings.polling_interval_s
        for machine, agent in world.agents.items()
        if agent.is_on
    }
    for code in world.sites:
        tables = await tables_of(world, code)
        ending.rows.update(
            {
                (code, row.JobID, row.Kind, row.SiteCode, row.MachineName): row.Status
                for row in tables.details
            }
        )
        removed = tables.removed
        ending.commands.taken_back |= {
            job.RequestID
            for job in tables.jobs
            if job.PackageID in removed or job.Status in (JobStatus.CANCELLING, JobStatus.CANCELLED)
        }
        ending.commands.expires |= expiries(tables)
        ending.commands.mandatory |= mandatory(tables)
        ending.commands.due |= due(tables)
        waiting = waiting_reports(tables)
        ending.commands.waiting.update(waiting.values())
        for found in (
            job_rows(tables),
            packages(tables),
            commands(tables),
            left_over(tables, waiting),
        ):
            ending.disagreements.extend(found)
    return ending
