"""Answers of commands that ask a running site or its servers; `site` is the code of the site that
was asked. Moments are site seconds.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from despoolr_app.site_client.contention import By, Contention
from despoolr_app.site_client.queries import LockRow
from despoolr_core.share.fault_api import FaultRow
from despoolr_core.share.fleet_api import SlotSum
from despoolr_core.share.site_api import (
    EventRow,
    HotfixInstalled,
    JobFacts,
    JobRow,
    MachineFacts,
    MachineList,
    PackageFacts,
    PackageRow,
)
from despoolr_core.share.wire import EpisodeRow, OpenReply


class HeldAnswer(Struct):
    """`locks`: who holds what, the oldest first."""

    locks: list[LockRow]


class ContentionAnswer(Struct):
    """`locks --by`: where waiting comes from, most of it first."""

    by: By
    rows: list[Contention]


class EpisodeAnswer(Struct):
    """`why`: a sentence for each episode, in the same order, and the opens behind them."""

    verdicts: list[str]
    episodes: list[EpisodeRow]
    holders: list[LockRow]


class ReleaseAnswer(Struct):
    """`release`: SERVER/OPEN of what was closed, and why the rest was not."""

    closed: list[str]
    refused: dict[str, str]
    reason: str


class HoldAnswer(OpenReply):
    """`hold`: the open it has, and how it asked for it."""

    server: str
    share: str
    path: str
    machine: str
    user: str
    program: str
    access: str
    share_mode: str


class JobTold(Struct):
    """A job; records of a finished run do not tell all of it."""

    job: str
    name: str
    type: str
    package: str
    status: str
    created_at: float
    status_at: float
    request: str | UnsetType = UNSET
    sending: str | UnsetType = UNSET
    working: str | UnsetType = UNSET
    cancel: str | UnsetType = UNSET
    activate_at: float | UnsetType = UNSET


class DetailTold(Struct):
    """A row of Job Details; records of a finished run do not tell all of it."""

    kind: str
    site: str
    machine: str
    status: str
    updated_at: float
    domain: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class JobsAnswer(Struct):
    """`jobs`: all of them, oldest first."""

    jobs: list[JobTold]


class JobAnswer(Struct):
    """`job show`: one job and its details."""

    job: JobTold
    details: list[DetailTold]


class SiteJobAnswer(JobFacts):
    """`job create`, `job show --watch`: the job as its site tells it."""

    site: str


class JobCancelAnswer(Struct):
    """`job cancel`: what became of the job."""

    site: str
    job: JobRow


class EventsAnswer(Struct):
    """`events`: the newest, oldest first."""

    events: list[EventRow]


class PackagesAnswer(Struct):
    """`packages`: all of a site's."""

    site: str
    packages: list[PackageRow]


class PackageAnswer(PackageFacts):
    """`package show`: one, and where it is."""

    site: str


class PackageCreateAnswer(Struct):
    """`package create`: what was made of how many files."""

    site: str
    package: str
    name: str
    source: str
    files: int
    bytes: int


class PackageUpdateAnswer(PackageCreateAnswer):
    """`package update`: `removed` counts files of the source that are no longer there."""

    removed: int


class MachinesAnswer(MachineList):
    """`machines`: a page of them, and how many there are."""

    site: str


class MachineAnswer(MachineFacts):
    """`machine`: `site` is the machine's, `asked` the site that told of it."""

    asked: str


class SiteTold(Struct):
    """A site of the hierarchy; `updated_at` is when one below was last heard of."""

    site: str
    parent: str
    server: str
    version: str
    servers: list[str]
    updated_at: float | UnsetType = UNSET


class SitesAnswer(Struct):
    """`sites`: the site that was asked first, then those below it."""

    site: str
    parent: str
    sites: list[SiteTold]


class HotfixApplyAnswer(HotfixInstalled):
    """`hotfix apply`: the fields of the profile that it sets."""

    site: str


class FaultTold(FaultRow):
    """A fault, and the server that has it."""

    server: str


class FaultsAnswer(Struct):
    """`fault list`: what is broken now."""

    faults: list[FaultTold]


class FaultClearAnswer(Struct):
    """`fault clear`: what is over."""

    cleared: list[FaultRow]


class ClientsAnswer(SlotSum):
    """`clients`: `wanted` and `exact` as `--expect` has them, where that is given."""


class FleetHealth(Struct):
    """What a fleet tells of itself."""

    fleet: str
    status: str
    first: int
    wanted: int
    live: int
    site: str
    logons: list[str]


class ServerHealth(Struct):
    """A server or a fleet: `ms` are the milliseconds of each step."""

    server: str
    url: str
    healthy: bool
    error: str
    share: str
    ms: dict[str, float]
    clock_skew_s: float | UnsetType = UNSET
    version: str | UnsetType = UNSET
    waiting: int | UnsetType = UNSET
    opens: int | UnsetType = UNSET
    fleet: FleetHealth | UnsetType = UNSET


class HealthAnswer(Struct):
    """`health`: whether all are healthy."""

    healthy: bool
    servers: list[ServerHealth]


class FleetAnswer(Struct):
    """`fleet`: what its clients did; `late` polls began over a second of site time late."""

    clients: int
    polls: int
    changed: int
    failed: int
    late: int
    late_s_max: float
    runs: int
    reports: int
    lapses: int
    wall_s: float


class ProfileField(Struct):
    """A behaviour: where it is documented, and what it means."""

    source: str
    meaning: str


class ProfilesAnswer(Struct):
    """`profiles`: the value of each field in each version."""

    fields: dict[str, ProfileField]
    profiles: dict[str, dict[str, Any]]
