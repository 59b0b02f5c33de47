"""What one site's database says at the end of a run, and how its files are read.

The law: whoever compares reads rows and files as they are, and asks none of the rules that wrote
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.scenario.world import SiteMachine, World
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import FileStore
from despoolr_server.site.jobs.model import UNDER_WAY, JobSpec, JobStatus, JobType
from despoolr_server.site.state.rows import queries

RULED_S: Final = 2 * 3600.0
"""Seconds after which the Scheduler has looked at rows, at any Response."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What was found, and of which rows: those that a fault of SMS's explains are passed over."""

    breach: Breach
    package: str = ""
    is_of_rest: bool = False
    """It is one only if nothing disturbed the run at its end."""
    late: tuple[str, str, float] | None = None
    """Of a status MIF: site, name of its report, when it came. The .SNI may have been executed
    before that, and then nobody takes the MIF any more (Q138241).
    """


@dataclass(frozen=True, slots=True)
class SiteTables:
    """The rows of one site."""

    world: World
    code: str
    machine: SiteMachine
    now: float
    jobs: list[Row]
    details: list[Row]
    packages: Mapping[str, Row]
    statuses: list[Row]
    """Of packages on servers, this site's alone."""

    @property
    def own_jobs(self) -> list[Row]:
        """The jobs that were made here."""
        return [job for job in self.jobs if job.JobID[:3] == self.code]

    @property
    def removed(self) -> set[str]:
        """The packages that a job was to remove."""
        return {job.PackageID for job in self.jobs if job.Type == JobType.REMOVE_PACKAGE}

    def rows_of(self, job: str) -> list[Row]:
        """Its rows of Job Details."""
        return [row for row in self.details if row.JobID == job]

    def is_busy(self, package: str) -> bool:
        """Whether a job of the package is under way."""
        return any(job.PackageID == package and job.Status in UNDER_WAY for job in self.jobs)

    def spec(self, job: Row) -> JobSpec:
        """What the administrator filled in."""
        return queries.spec_of(job)

    def store(self, share: str, server: str = "") -> FileStore:
        """The files of a share of the site server, or of another one."""
        return self.world.assembly.stores[server or self.machine.setup.server, share]


async def tables_of(world: World, code: str) -> SiteTables:
    """What a site's database says now."""

    def read(db: Connection) -> tuple[list[Row], ...]:
        return (
            db.all('SELECT * FROM "Jobs"'),
            db.all('SELECT * FROM "JobDetails"'),
            db.all('SELECT * FROM "SMSPackages"'),
            db.all('SELECT * FROM "PackageStatus" WHERE "Server" != \'\''),
        )

    jobs, details, packages, statuses = await world.assembly.databases[code].run(read)
    return SiteTables(
        world,
        code,
        world.sites[code],
        world.clock.now(),
        jobs,
        details,
        {row.PkgID: row for row in packages},
        [row for row in statuses if row.SiteCode == code],
    )


def is_begun(job: Row) -> bool:
    """Whether a job was sent to its sites, and is not taken back."""
    return job.Status in (JobStatus.ACTIVE, JobStatus.RETRYING, JobStatus.COMPLETE)


def entries(store: FileStore, path: str) -> list[Any]:
    """What is in a directory; nothing if there is none."""
    name = parse_name(path)
    if not isinstance(name, Name) or (path and store.find(name) is None):
        return []
    return list(store.list(name))


def base(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def directories(store: FileStore, path: str) -> list[str]:
    """The names of the directories in one."""
    return [base(facts.path) for facts in entries(store, path) if facts.directory]


def content(store: FileStore, path: str) -> bytes | None:
    """A file's bytes; None if there is no such file."""
    name = parse_name(path)
    if not isinstance(name, Name):
        return None
    facts = store.find(name)
    return None if facts is None or facts.directory else store.read(name)
