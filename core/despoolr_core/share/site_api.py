"""The bodies of a site's calls: what the SMS Administrator program asks and is answered, as structs
that both sides encode and decode.

Times are site time in seconds since 1970. The server makes its answers and their description from
these structs; one that does not fit is a server error, so that neither can go stale alone.
"""

from __future__ import annotations

from typing import Any

import msgspec


class PackageSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    r"""A package as the administrator fills it in. `source` is `\\SERVER\SHARE\DIRECTORY`; `id` is
    usually left to the site.
    """

    name: str
    source: str
    comment: str = ""
    id: str = ""


class MachineSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A client the site is to know before its first inventory. `site` is the site it belongs to
    (empty: this one).
    """

    name: str
    sms_id: str
    domain: str
    operating_system: int = 0x0F
    site: str = ""


class SiteSpec(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A site below this one that was attached before: its code, its parent, its server, its
    distribution servers.
    """

    code: str
    parent: str
    server: str
    version: str = ""
    servers: list[str] = []


class JobRow(msgspec.Struct):
    """One job as `despoolr jobs` shows it."""

    job: str
    name: str
    type: str
    package: str
    request: str
    status: str
    sending: str
    working: str
    cancel: str
    created_at: float
    activate_at: float
    status_at: float


class DetailRow(msgspec.Struct):
    """One row of Job Details."""

    kind: str
    site: str
    machine: str
    domain: str
    status: str
    updated_at: float
    description: str


class EventRow(msgspec.Struct):
    """One event of the NT application log."""

    at: float
    code: int
    severity: str
    component: str
    machine: str
    site: str
    job: str
    text: str


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
