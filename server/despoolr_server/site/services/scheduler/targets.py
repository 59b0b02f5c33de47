"""Where a job goes: which sites, which workstations there, which servers of each. Pure, but for the
rows it reads.

The law: sites that are named are the sites. Else they follow from the job's phases: the sites of
its workstations, of the servers it names, and with Refresh Existing those that have the package;
without any of these it is the site's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from despoolr_core.profile import Profile
from despoolr_core.rules.fold import fold
from despoolr_server.database.protocol import Connection
from despoolr_server.site.jobs.model import DetailKind, DetailStatus, JobSpec, JobType
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries

_SENT: Final = f"""
    SELECT "JobDetails"."ID" FROM "JobDetails"
    JOIN "Jobs" ON "Jobs"."JobID" = "JobDetails"."JobID"
    WHERE "Jobs"."PackageID" = :package AND "Jobs"."JobID" != :job
        AND "Jobs"."Type" != '{JobType.REMOVE_PACKAGE}'
        AND "JobDetails"."Kind" = '{DetailKind.SITE_ARRIVAL}'
        AND "JobDetails"."SiteCode" = :site
        AND "JobDetails"."Status" != '{DetailStatus.FAILED}'
    LIMIT 1
"""
DEFAULT_SERVERS: Final = "*"


class Targets(msgspec.Struct, frozen=True):
    """A job's sites in the order they are sent to (one's own first), and its workstations."""

    sites: tuple[str, ...]
    workstations: tuple[queries.KnownMachine, ...]
    servers: dict[str, str]
    """Every known distribution server to its site."""

    def at(self, site: str) -> list[queries.KnownMachine]:
        """The workstations of one site."""
        return [machine for machine in self.workstations if machine.site == site]

    def put_on(self, spec: JobSpec, site: str) -> tuple[str, ...]:
        """The servers a job names at one site."""
        return tuple(
            name for name in spec.distribute.put_on if self.servers.get(fold(name)) == site
        )


def find_targets(db: Connection, site: SiteContext, spec: JobSpec) -> Targets:
    """Where a job goes: sites, workstations and servers."""
    servers = server_sites(db, site)
    machines = _workstations(db, spec, site.profile)
    named = {servers[fold(name)] for name in spec.distribute.put_on if fold(name) in servers}
    codes = set(spec.sites) or named | {machine.site for machine in machines}
    if not spec.sites and spec.distribute.refresh_existing:
        codes |= {row.SiteCode for row in queries.package_statuses(db, spec.package)}
    if not spec.sites and (not codes or (spec.run is None and not named)):
        codes.add(site.code)
    ordered = tuple(sorted(codes, key=lambda code: (code != site.code, code)))
    return Targets(
        ordered, tuple(machine for machine in machines if machine.site in codes), servers
    )


def server_sites(db: Connection, site: SiteContext) -> dict[str, str]:
    """Every distribution server this site knows, in capitals, to the site it is at."""
    known = {fold(name): row.SiteCode for row in queries.sites(db) for name in row.Servers.split()}
    return known | {fold(role.name): site.code for role in site.servers if role.distribution}


def _workstations(
    db: Connection, spec: JobSpec, profile: Profile
) -> Iterable[queries.KnownMachine]:
    """The machines that are to run the job's command. Of a whole site that is everything there is:
    what no Package Command Manager runs on gets a row that nobody ever sets (Q156250).
    """
    if spec.run is None:
        return []
    is_for_all = "*" in spec.machines
    takes_all = is_for_all and not profile.site_job_skips_unsupported
    return [
        machine
        for machine in queries.machines(db, None if is_for_all else spec.machines)
        if machine.operating_system & spec.run.operating_system
        or (takes_all and machine.operating_system == queries.NO_PCM)
    ]


def was_sent(db: Connection, package: str, site: str, job: str) -> bool:
    """Whether another job has sent a package to a site before (and its sending has not failed)."""
    return db.value(_SENT, {"package": package, "site": site, "job": job}) is not None
