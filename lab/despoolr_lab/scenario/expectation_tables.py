"""`[[expect]]`: what may be expected of a scenario, one struct for each `that`. What each looks at
is in `expectations`.
"""

from __future__ import annotations

from typing import Any

from despoolr_core.profile import profile_of
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s
from despoolr_lab.scenario.statuses import (
    EPISODE_STATES,
    JOB_STATUSES,
    PACKAGE_STATUSES,
    ROW_STATUSES,
)
from despoolr_lab.toml.tables import Name, Table, check_fields


class ExpectTable(Table, tag_field="that", kw_only=True):
    at: str = ""
    name: str = ""
    versions: list[str] = []
    when: dict[str, Any] = {}
    site: str = ""

    def __post_init__(self) -> None:
        if self.at:
            moment_s(self.at, 0.0)
        for version in self.versions:
            profile_of(version)
        check_fields(self.when)


class JobExpectation(ExpectTable, tag="job", kw_only=True):
    """A job's overall status is one of these."""

    job: Name
    status: str | list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in [self.status] if isinstance(self.status, str) else self.status:
            one_of(word, JOB_STATUSES, "job status")


class ReachedExpectation(ExpectTable, tag="reached", kw_only=True):
    """A job reached a status for the first time between two moments (or never, with `never =
    true`).
    """

    job: Name
    status: str
    after: str = ""
    before: str = ""
    never: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.status, JOB_STATUSES, "job status")


class WorkstationsExpectation(ExpectTable, tag="workstations", kw_only=True):
    """The workstation rows of a job: machine to status."""

    job: Name
    rows: dict[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in self.rows.values():
            one_of(word, ROW_STATUSES, "row status")


class ServersExpectation(ExpectTable, tag="servers", kw_only=True):
    """The distribution server rows of a job: server to status."""

    job: Name
    rows: dict[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in self.rows.values():
            one_of(word, ROW_STATUSES, "row status")


class FilesExpectation(ExpectTable, tag="files", kw_only=True):
    """A package's files on a distribution server: path to text, or false for absent. `only` forbids
    others.
    """

    package: Name
    server: str = ""
    files: dict[str, str | bool] = {}
    only: bool = False


class MasterExpectation(ExpectTable, tag="master", kw_only=True):
    """The files in a package's master copy (`DESPOOLR.BOX\\STORE`) at a site: path to text. `none =
    true`: there is no copy.
    """

    package: Name
    files: dict[str, str] = {}
    none: bool = False


class PackageStatusExpectation(ExpectTable, tag="package_status", kw_only=True):
    """What a site's database says of a package at a site (`of_site`), or at one of its servers."""

    package: Name
    of_site: str
    status: str
    server: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.status, PACKAGE_STATUSES, "status of a package")


class EventsExpectation(ExpectTable, tag="events", kw_only=True):
    """How many NT events there are of a code (and job, and text within)."""

    code: int
    job: str = ""
    text: str = ""
    count: int | None = None
    at_least: int = 1


class LogExpectation(ExpectTable, tag="log", kw_only=True):
    """How many log lines of a component (at a `site`, if one is named) contain a text.

    In `text`, `{package:NAME}` and `{job:NAME}` stand for their IDs, as in the `path` of a box.
    """

    component: str
    text: str
    count: int | None = None
    at_least: int = 1


class EpisodeExpectation(ExpectTable, tag="episode", kw_only=True):
    """An episode: who was refused what, by whom, how often, how it ended. `none = true` expects
    there is none.
    """

    path: str = ""
    state: str = ""
    blocker: str = ""
    program: str = ""
    attempts: int | None = None
    attempts_at_least: int = 0
    blocked_at_least: str = ""
    blocked_at_most: str = ""
    none: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state:
            one_of(self.state, EPISODE_STATES, "episode state")


class MifsExpectation(ExpectTable, tag="mifs", kw_only=True):
    """How many job-details MIFs have been loaded (at a `site`; else the first) for a job's
    workstations with a status.
    """

    job: Name
    status: str = ""
    machine: str = ""
    count: int


class ExpiriesExpectation(ExpectTable, tag="expiries", kw_only=True):
    """How many expiry notifications the Despooler has executed for a job."""

    job: Name
    count: int


class AttributeExpectation(ExpectTable, tag="attribute", kw_only=True):
    """An inventory attribute of a machine."""

    machine: Name
    group: str
    attribute: str
    value: str


class PcmExpectation(ExpectTable, tag="pcm", kw_only=True):
    """What a client's PCM window shows: jobs that are pending, and jobs that were executed."""

    machine: Name
    pending: list[str] | None = None
    executed: list[str] | None = None


class BoxExpectation(ExpectTable, tag="box", kw_only=True):
    """How many files with an extension (or any end of a name) lie in a directory of a server's
    share.
    """

    server: str
    share: str
    path: str
    extension: str = ""
    count: int | None = None
    at_least: int = 1


Expectation = (
    JobExpectation
    | ReachedExpectation
    | WorkstationsExpectation
    | ServersExpectation
    | FilesExpectation
    | MasterExpectation
    | PackageStatusExpectation
    | EventsExpectation
    | LogExpectation
    | EpisodeExpectation
    | MifsExpectation
    | ExpiriesExpectation
    | AttributeExpectation
    | PcmExpectation
    | BoxExpectation
)
