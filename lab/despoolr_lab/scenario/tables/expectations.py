"""`[[expect]]`: what may be expected of a scenario, one struct for each `that`. What each looks at
is in `expectations`.
"""

from typing import Any

from msgspec import field

from despoolr_core.formats.nt_event_texts import EVENTS
from despoolr_core.profile import profile_of
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario.tables.statuses import (
    EPISODE_STATES,
    JOB_STATUSES,
    MIF_STATUSES,
    PACKAGE_STATUSES,
    ROW_STATUSES,
)
from despoolr_lab.toml.tables import JobName, Name, Table, check_fields
from despoolr_lab.toml.values import check_count, check_names_once, check_package_paths, check_paths
from despoolr_server.site.state.logs import LOG_FILES


class ExpectTable(Table, tag_field="that", kw_only=True):
    at: str = ""
    name: str = ""
    versions: list[str] = []
    when: dict[str, Any] = {}
    site: str = ""
    exact_only: bool = False
    """It is asked in the world as written only (seed 0)."""

    def __post_init__(self) -> None:
        if self.at:
            moment_s(self.at, 0.0)
        for version in self.versions:
            profile_of(version)
        check_fields(self.when)

    @property
    def label(self) -> str:
        """What it is called: its `name`, or what it is about, and when."""
        if self.name:
            return self.name
        parts = [str(self.__struct_config__.tag)]
        parts += [
            str(getattr(self, key))
            for key in ("job", "machine", "package", "server", "code", "path", "text")
            if getattr(self, key, "")
        ]
        return " ".join(parts) + (f" at {self.at}" if self.at else " at the end")


class CountTable(ExpectTable, kw_only=True):
    count: int | None = None
    at_least: int | None = None
    """1 where neither is said."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.count, self.at_least)


class JobExpectation(ExpectTable, tag="job", kw_only=True):
    """A job's overall status is one of these."""

    job: JobName
    status: str | list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        words = [self.status] if isinstance(self.status, str) else self.status
        for word in words:
            one_of(word, JOB_STATUSES, "job status")
        if not words:
            raise ValueError(
                "status is empty, so no job could have it; name one status, or several"
            )
        if set(words) == set(JOB_STATUSES):
            raise ValueError("these are all the statuses, so every job has one; leave some out")


class ReachedExpectation(ExpectTable, tag="reached", kw_only=True):
    """A job reached a status for the first time between two moments (or never, with `never =
    true`).
    """

    job: JobName
    status: str
    after: str = ""
    before: str = ""
    never: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.status, JOB_STATUSES, "job status")
        for text in (self.after, self.before):
            if text:
                moment_s(text, 0.0)
        if self.never and (self.after or self.before):
            raise ValueError("with never = true there is no moment: leave out after and before")
        if self.after and self.before and moment_s(self.before, 0.0) < moment_s(self.after, 0.0):
            raise ValueError(f"nothing is before {self.before} and after {self.after}")


class RowStatus(Table, kw_only=True):
    """What a row of Job Details may say: `one_of` these, or anything but `not`. A row must be there
    either way.
    """

    one_of: list[str] = []
    not_: str | list[str] = field(default="", name="not")

    def __post_init__(self) -> None:
        if bool(self.one_of) == bool(self.not_):
            raise ValueError("say either one_of (some statuses) or not (one or several)")
        words = self.one_of or ([self.not_] if isinstance(self.not_, str) else self.not_)
        for word in words:
            one_of(word, ROW_STATUSES, "row status")
        if set(words) == set(ROW_STATUSES):
            raise ValueError("these are all the statuses, so every row has one; leave some out")

    def fits(self, status: str) -> bool:
        """Whether a row that says this is as expected."""
        if self.one_of:
            return status in self.one_of
        return status not in ([self.not_] if isinstance(self.not_, str) else self.not_)


class RowsTable(ExpectTable, kw_only=True):
    job: JobName
    rows: dict[str, str | bool | RowStatus]
    """`true`: there is such a row, whatever it says; `false`: there is none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rows:
            raise ValueError("rows is empty: nothing would be checked; name who has which status")
        for word in self.rows.values():
            if isinstance(word, str):
                one_of(word, ROW_STATUSES, "row status")


class WorkstationsExpectation(RowsTable, tag="workstations", kw_only=True):
    """The workstation rows of a job: machine to status."""


class ServersExpectation(RowsTable, tag="servers", kw_only=True):
    """The distribution server rows of a job: server to status."""


class ArrivalsExpectation(RowsTable, tag="arrivals", kw_only=True):
    """The Site Arrival rows of a job: site to status."""


class CompletionsExpectation(RowsTable, tag="completions", kw_only=True):
    """The Completion rows of a job: site to status."""


class FilesExpectation(ExpectTable, tag="files", kw_only=True):
    """A package's files on a distribution server: path to text, or false for absent. `only` forbids
    others.
    """

    package: Name
    server: str = ""
    files: dict[str, str | bool] = {}
    only: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.files and not self.only:
            raise ValueError(
                "files is empty, so nothing would be checked; name files, or say only = true for "
                "none at all"
            )
        check_package_paths(self.files)
        check_names_once(self.files)


class MasterExpectation(ExpectTable, tag="master", kw_only=True):
    """The files in a package's master copy (`DESPOOLR.BOX\\STORE`) at a site: path to text. `none =
    true`: there is no copy.
    """

    package: Name
    files: dict[str, str] = {}
    none: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.files) == self.none:
            raise ValueError("say either which files the master copy has, or none = true")
        check_package_paths(self.files)
        check_names_once(self.files)


class PackageStatusExpectation(ExpectTable, tag="package_status", kw_only=True):
    """What a site's database says of a package at a site (`of_site`), or at one of its servers."""

    package: Name
    of_site: str
    status: str
    server: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.status, PACKAGE_STATUSES, "status of a package")


class EventsExpectation(CountTable, tag="events", kw_only=True):
    """How many NT events there are of a code (and job, and text within)."""

    code: int
    job: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code not in EVENTS:
            raise ValueError(f"no event has the code {self.code}; docs/fidelity.md lists them")


class LogExpectation(CountTable, tag="log", kw_only=True):
    """How many log lines of a component (at a `site`, if one is named) contain a text.

    In `text`, `{package:NAME}` and `{job:NAME}` stand for their IDs, as in the `path` of a box.
    """

    component: str
    text: str

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.component, LOG_FILES, "component that writes a log")
        if not self.text:
            raise ValueError("text is empty, and every line has that; say which text")


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
        for span in (self.blocked_at_least, self.blocked_at_most):
            if span:
                span_s(span)
        if self.attempts is not None and self.attempts < 1:
            raise ValueError("an episode has at least one attempt; for none at all say none = true")
        least, most = self.blocked_at_least or "0s", self.blocked_at_most
        if most and span_s(most) < span_s(least):
            raise ValueError(f"nothing is blocked at least {least} and at most {most}")
        if self.attempts_at_least < 0 or (self.attempts is not None and self.attempts_at_least):
            raise ValueError("say either attempts or attempts_at_least, and not fewer than none")


class MifsExpectation(ExpectTable, tag="mifs", kw_only=True):
    """How many job-details MIFs have been loaded (at a `site`; else the first) for a job's
    workstations with a status.
    """

    job: JobName
    status: str = ""
    machine: str = ""
    count: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.count)
        if self.status:
            one_of(self.status, MIF_STATUSES, "status of a MIF about a workstation")


class ExpiriesExpectation(ExpectTable, tag="expiries", kw_only=True):
    """How many expiry notifications the Despooler has executed for a job."""

    job: JobName
    count: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.count)


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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pending is None and self.executed is None:
            raise ValueError("nothing would be checked; say pending, executed or both")


class RunsExpectation(CountTable, tag="runs", kw_only=True):
    """How often clients have started a job's command: on a `machine`, from a distribution
    `server`.
    """

    job: JobName
    machine: str = ""
    server: str = ""


class RunOrderExpectation(ExpectTable, tag="run_order", kw_only=True):
    """The commands that a machine has started, all of them, in that order. One that was started
    twice is there twice.
    """

    machine: Name
    jobs: list[JobName]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.jobs:
            raise ValueError("jobs is empty; to expect that nothing runs, use runs and count = 0")


class OpenExpectation(CountTable, tag="open", kw_only=True):
    """How many opens there are at that moment on a server (or on all) that fit all that is said:
    whether what a hold began still stands.
    """

    machine: str = ""
    server: str = ""
    path: str = ""
    program: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.machine or self.path or self.program):
            raise ValueError("whose open, or of what? Say machine, path or program")
        check_paths([self.path] if self.path else [])


class BoxExpectation(CountTable, tag="box", kw_only=True):
    """How many files with an extension (or any end of a name) lie in a directory of a server's
    share.
    """

    server: str
    share: str
    path: str
    extension: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_paths([self.path] if self.path else [])
        if any(mark in self.extension for mark in "*?/\\"):
            raise ValueError(f"no name ends with {self.extension!r}; say an end such as .SNI")


Expectation = (
    JobExpectation
    | ReachedExpectation
    | WorkstationsExpectation
    | ServersExpectation
    | ArrivalsExpectation
    | CompletionsExpectation
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
    | RunsExpectation
    | RunOrderExpectation
    | OpenExpectation
    | BoxExpectation
)
