"""What the calls of a site answer, as structs: the handlers give these out, and the OpenAPI
description is made from them.

Times are site time in seconds since 1970. A field more or less than here is a server error, so that
neither the answers nor their description can go stale alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from despoolr_server.shares.base.pace import batches, breathe
from despoolr_server.site.administrator import DetailRow, EventRow, JobRow

T = TypeVar("T")


class SiteServerFacts(msgspec.Struct, forbid_unknown_fields=True):
    """A server of the site and what it is."""

    name: str
    logon: bool
    distribution: bool
    package_share: str


class ServiceFacts(msgspec.Struct, forbid_unknown_fields=True):
    """A service of the SMS Executive: whether it is paused, and how many cycles it has begun."""

    component: str
    paused: bool
    cycles: int


class SiteFacts(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/site`. `parent` is empty for a central site."""

    site: str
    server: str
    domain: str
    version: str
    response: str
    polling_s: float
    now: float
    parent: str
    servers: list[SiteServerFacts]
    services: list[ServiceFacts]


class PackageRow(msgspec.Struct, forbid_unknown_fields=True):
    """A package; `version` counts how often its source was stored, `size` is in bytes (both 0
    until it is first sent).
    """

    package: str
    name: str
    source: str
    version: int
    size: int


class PackageList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/packages`: all packages, by PackageID."""

    packages: list[PackageRow]


class PackageStatusRow(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of a package at a server of a site."""

    site: str
    server: str
    status: str
    version: int
    updated_at: float


class PackageFacts(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/packages/{package}`: one package, and where it is."""

    package: str
    name: str
    source: str
    version: int
    size: int
    status: list[PackageStatusRow]


class PackageMade(msgspec.Struct, forbid_unknown_fields=True):
    """The PackageID of a package that was made."""

    package: str


class MachineRow(msgspec.Struct, forbid_unknown_fields=True):
    """A machine the site knows."""

    machine: str
    sms_id: str
    domain: str
    site: str


class MachineList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/machines`: a page of them by name, and how many there are in all."""

    machines: list[MachineRow]
    count: int


class MachineFacts(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/machines/{name}`: `attributes` by group, as the machine's inventory told
    them.
    """

    machine: str
    sms_id: str
    domain: str
    site: str
    attributes: dict[str, dict[str, str | None]]


class MachinesMade(msgspec.Struct, forbid_unknown_fields=True):
    """How many machines were made known."""

    machines: int


class SubSiteRow(msgspec.Struct, forbid_unknown_fields=True):
    """A site below this one."""

    site: str
    parent: str
    server: str
    version: str
    servers: list[str]
    updated_at: float


class SubSiteList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/sites`: the sites below this one."""

    site: str
    parent: str
    sites: list[SubSiteRow]


class SubSitesMade(msgspec.Struct, forbid_unknown_fields=True):
    """How many sites were made known."""

    sites: int


class JobList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/jobs`: all jobs, oldest first."""

    jobs: list[JobRow]


class JobMade(msgspec.Struct, forbid_unknown_fields=True):
    """The JobID of a job that was made."""

    job: str


class JobFacts(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/jobs/{job}`: the job and its rows of Job Details."""

    job: JobRow
    details: list[DetailRow]


class JobCancelled(msgspec.Struct, forbid_unknown_fields=True):
    """A job after Edit > Cancel Job: `Cancelled`, or `Cancelling` if it was under way."""

    job: JobRow


class EventList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/events`: the newest events, oldest first."""

    events: list[EventRow]


class HotfixRow(msgspec.Struct, forbid_unknown_fields=True):
    """An article whose fault this site has."""

    article: str
    title: str
    versions: list[str]


class HotfixList(msgspec.Struct, forbid_unknown_fields=True):
    """`GET /api/v1/hotfixes`: articles and since when their hotfix is installed; what else could
    be.
    """

    site: str
    version: str
    installed: dict[str, float]
    available: list[HotfixRow]


class HotfixInstalled(msgspec.Struct, forbid_unknown_fields=True):
    """The article and the profile fields that its hotfix sets."""

    article: str
    title: str
    fields: dict[str, Any]


def shaped(answer: Any, kind: type[T]) -> T:
    """An answer as the struct that describes it. Raises `msgspec.ValidationError`, a bug, where it
    does not fit.
    """
    return msgspec.convert(answer, kind, from_attributes=True)


async def shaped_rows(rows: Iterable[Any], kind: type[T]) -> list[T]:
    """The same of the rows of a long list, in batches."""
    found: list[T] = []
    for batch in batches(rows):
        found += [shaped(row, kind) for row in batch]
        await breathe(len(batch))
    return found
