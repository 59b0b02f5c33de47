"""What a scenario file can say: topology, packages, a timeline of steps, and what is expected when.

The structs are the schema: `schema()` (the command `despoolr schema`) gives them as JSON Schema for editors, `load` reads TOML
into them, and `docs/scenarios.md` explains them in the same order. Times are spans since the start of the run (`"90m"`,
`"2d 4h"`) or a date and time on the site's calendar.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from despoolr_core.profile import PROFILES, article_of, profile_of
from despoolr_core.response import Response
from despoolr_core.sharing import Access, Disposition, ShareMode, parse_flags
from despoolr_lab.scenario.words import EPISODE_STATES, JOB_STATUSES, ROW_STATUSES, one_of
from despoolr_lab.scenario.words import moment_s as moment_s
from despoolr_lab.scenario.words import span_s as span_s

Span = Annotated[str, Meta(description="A span of time: 30s, 90m, 2h, 3d, 1w, or several together as in 2d 4h 30m")]
Moment = Annotated[str, Meta(description="A span since the start of the run (2d 4h), or a date and time (1996-06-03 09:00)")]
Name = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9_.$-]+$")]
SiteCode = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3}$", description="Three letters or digits")]

CLIENTS_MAX: Final = 100_000


class _Base(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Every table refuses keys it does not know."""


class Run(_Base, kw_only=True):
    """`[run]`: when it starts on the site's calendar, how long it goes, with which seed."""

    start: str = "1996-06-03 08:00"
    for_: Span = field(default="1d", name="for")
    seed: int = 1

    def __post_init__(self) -> None:
        span_s(self.for_)
        moment_s(str(self.start), 0.0)


class Site(_Base, kw_only=True):
    """`[[site]]`: one SMS site and its site server."""

    code: SiteCode = "BPC"
    version: str = "1.1"
    response: str = "Fast"
    server: Name = "SITE1"
    domain: Name = "DOMAIN1"
    parent: str = ""
    """The code of the site above it; a site without one is the top of its tree."""
    profile: dict[str, Any] = {}

    def __post_init__(self) -> None:
        profile_of(self.version)
        if self.response not in list(Response):
            raise ValueError(f"response {self.response!r} is not one of {', '.join(Response)}")
        _known_fields(self.profile)


class Server(_Base, kw_only=True):
    """`[[server]]`: a logon server, a distribution server, or both."""

    name: Name
    site: str = ""
    roles: list[str] = field(default_factory=lambda: ["logon", "distribution"])
    package_share: Name = "SMS_PKGD"
    domain: str = ""

    def __post_init__(self) -> None:
        for role in self.roles:
            if role not in ("logon", "distribution"):
                raise ValueError(f"role {role!r} is not one of logon, distribution")


class Clients(_Base, kw_only=True):
    """`[[clients]]`: client machines that are alike. `name` with `{n}` and `count`, or a list of `names`."""

    names: list[Name] = []
    name: str = "WS{n}"
    count: Annotated[int, Meta(ge=0, le=CLIENTS_MAX)] = 0
    site: str = ""
    domain: str = ""
    logon_server: str = ""
    poll_every: Span = "60m"
    first_poll: str = ""
    clock_offset: str = ""
    user: str = ""
    on: bool = True
    known: bool = True
    report_gap: Span = "0s"
    """How long PCM takes between the two files of a report: the width of Q138241's race."""

    def __post_init__(self) -> None:
        if bool(self.names) == bool(self.count):
            raise ValueError("say either names = [...] or count = N")
        for text in (self.poll_every, self.first_poll or "0s", self.clock_offset.lstrip("+-") or "0s", self.report_gap):
            span_s(text)

    def expand(self) -> list[str]:
        """The machine names."""
        return list(self.names) or [self.name.replace("{n}", str(i)) for i in range(1, self.count + 1)]


class Package(_Base, kw_only=True):
    """`[[package]]`: a package and the files of its source directory (path to text)."""

    name: Name
    files: dict[str, str] = {}
    comment: str = ""
    id: str = ""
    site: str = ""


class StatusMifSpec(_Base, kw_only=True):
    """The status MIF a program writes into the Windows directory."""

    status: str = "Success"
    description: str = ""
    file: str = "SETUP.MIF"
    offset: str = "0s"
    raw: str = ""


class Program(_Base, kw_only=True):
    """`[[program]]`: what a command line does on a client: how long it runs, what it opens, how it ends."""

    command: str
    machines: list[str] = []
    runs: Span = "2m"
    exit_code: int = 0
    opens: list[str] = []
    access: str = "READ"
    share_mode: str = "READ"
    mif: StatusMifSpec | None = None

    def __post_init__(self) -> None:
        span_s(self.runs)
        parse_flags(Access, self.access)
        parse_flags(ShareMode, self.share_mode)


# -- steps


class _Step(_Base, tag_field="do", kw_only=True):
    at: Moment
    versions: list[str] = []

    def __post_init__(self) -> None:
        moment_s(self.at, 0.0)
        for version in self.versions:
            profile_of(version)


class JobStep(_Step, tag="job", kw_only=True):
    """Make a job. `command` gives it a run phase; without `send` the package is sent only if it was not before.

    It goes to the `sites` that are named, else to those of its machines and servers. Without `put_on` and `refresh_existing` it
    is put on each site's default servers, all it has; `distribute = false` only sends.
    """

    name: Name
    package: Name
    site: str = ""
    sites: list[str] = []
    type: str = "run"
    machines: list[str] = field(default_factory=lambda: ["*"])
    send: str = "only if not previously sent"
    put_on: list[str] = []
    refresh_existing: bool = False
    distribute: bool = True
    command: str = ""
    offer_after: str = ""
    mandatory_after: str = ""
    expires_after: str = ""
    repeat_every: str = ""
    priority: int = 2
    background: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.type not in ("run", "share", "remove"):
            raise ValueError(f"type {self.type!r} is not one of run, share, remove")
        if self.send not in ("only if not previously sent", "even if previously sent"):
            raise ValueError(f"send {self.send!r} is not one of 'only if not previously sent', 'even if previously sent'")
        for text in (self.offer_after, self.mandatory_after, self.expires_after):
            if text:
                moment_s(text, 0.0)


class CancelStep(_Step, tag="cancel", kw_only=True):
    """Cancel a job (Edit > Cancel Job), at the site where it was made."""

    job: Name
    site: str = ""


class HotfixStep(_Step, tag="hotfix", kw_only=True):
    """Stop a site's SMS Executive, install the hotfix of an article, start it; everything in flight is kept."""

    article: str
    site: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        article_of(self.article)


class SourceStep(_Step, tag="source", kw_only=True):
    """Change files of a package's source directory (path to text; `delete` removes some)."""

    package: Name
    files: dict[str, str] = {}
    delete: list[str] = []


class HoldStep(_Step, tag="hold", kw_only=True):
    """A program on a machine opens a file and keeps it open (for a span, or until released): a package's file, or any path.

    The machine may be a server: a backup program there. In `path`, `{package:NAME}` stands for a package's ID.
    """

    machine: Name
    package: str = ""
    file: str = ""
    server: str = ""
    share: str = ""
    path: str = ""
    program: str = "WINWORD.EXE"
    access: str = "READ"
    share_mode: str = "READ"
    disposition: str = "OPEN"
    for_: str = field(default="", name="for")

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.package) == bool(self.path):
            raise ValueError("say either package and file, or share and path")
        parse_flags(Access, self.access)
        parse_flags(ShareMode, self.share_mode)
        Disposition(self.disposition)
        if self.for_:
            span_s(self.for_)


class ReleaseStep(_Step, tag="release", kw_only=True):
    """A machine closes what it holds: one file, or everything."""

    machine: Name
    file: str = ""


class ConnectStep(_Step, tag="connect", kw_only=True):
    """A machine connects to a share's server without opening anything (logged on, but nothing in use)."""

    machine: Name
    server: str = ""


class PollStep(_Step, tag="poll", kw_only=True):
    """A machine's PCM polls now."""

    machine: Name


class ExecuteStep(_Step, tag="execute", kw_only=True):
    """The user of a machine runs a pending command."""

    machine: Name
    job: Name


class PowerStep(_Step, tag="power", kw_only=True):
    """A machine is switched on or off."""

    machine: Name
    on: bool


class ClockStep(_Step, tag="clock", kw_only=True):
    """A machine's clock is set wrong by an offset such as `-2h`."""

    machine: Name
    offset: str

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.offset.lstrip("+-"))


class NoIdMifStep(_Step, tag="noidmif", kw_only=True):
    """A NOIDMIF is put on a machine: one group with its attributes."""

    machine: Name
    group: str
    attributes: dict[str, str]
    file: str = "REPORT.MIF"


class PutStep(_Step, tag="put", kw_only=True):
    """Somebody puts a file into a box or share: text, or `hex`."""

    server: Name
    share: Name
    path: str
    text: str = ""
    hex: str = ""


class ServiceStep(_Step, tag="service", kw_only=True):
    """Pause, resume or restart one service of a site (SMS Service Manager)."""

    action: str
    service: str
    site: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in ("pause", "resume", "restart"):
            raise ValueError(f"action {self.action!r} is not one of pause, resume, restart")


class KillStep(_Step, tag="kill", kw_only=True):
    """A site's processes die at once and start again after a span (their boxes and database stay)."""

    site: str = ""
    down_for: Span = "10m"


class LinkStep(_Step, tag="link", kw_only=True):
    """A server is cut off the network, or comes back. With `other` only the way between the two is cut."""

    server: Name
    up: bool
    other: str = ""


class DiskStep(_Step, tag="disk", kw_only=True):
    """A server's disk has this many octets left (negative: as many as it had)."""

    server: Name
    free: int
    share: str = ""


Step = (
    JobStep
    | CancelStep
    | HotfixStep
    | SourceStep
    | HoldStep
    | ReleaseStep
    | ConnectStep
    | PollStep
    | ExecuteStep
    | PowerStep
    | ClockStep
    | NoIdMifStep
    | PutStep
    | ServiceStep
    | KillStep
    | LinkStep
    | DiskStep
)


# -- expectations


class _Expectation(_Base, tag_field="that", kw_only=True):
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
        _known_fields(self.when)


class JobExpectation(_Expectation, tag="job", kw_only=True):
    """A job's overall status is one of these."""

    job: Name
    status: str | list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in [self.status] if isinstance(self.status, str) else self.status:
            one_of(word, JOB_STATUSES, "job status")


class ReachedExpectation(_Expectation, tag="reached", kw_only=True):
    """A job reached a status for the first time between two moments (or never, with `never = true`)."""

    job: Name
    status: str
    after: str = ""
    before: str = ""
    never: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.status, JOB_STATUSES, "job status")


class WorkstationsExpectation(_Expectation, tag="workstations", kw_only=True):
    """The workstation rows of a job: machine to status."""

    job: Name
    rows: dict[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in self.rows.values():
            one_of(word, ROW_STATUSES, "row status")


class ServersExpectation(_Expectation, tag="servers", kw_only=True):
    """The distribution server rows of a job: server to status."""

    job: Name
    rows: dict[str, str]

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in self.rows.values():
            one_of(word, ROW_STATUSES, "row status")


class FilesExpectation(_Expectation, tag="files", kw_only=True):
    """A package's files on a distribution server: path to text, or false for absent. `only` forbids others."""

    package: Name
    server: str = ""
    files: dict[str, str | bool] = {}
    only: bool = False


class MasterExpectation(_Expectation, tag="master", kw_only=True):
    """The files in a package's master copy (`DESPOOLR.BOX\\STORE`) at a site: path to text. `none = true`: there is no copy."""

    package: Name
    files: dict[str, str] = {}
    none: bool = False


class PackageStatusExpectation(_Expectation, tag="package_status", kw_only=True):
    """What a site's database says of a package at a site (`of_site`), or at one of its servers."""

    package: Name
    of_site: str
    status: str
    server: str = ""


class EventsExpectation(_Expectation, tag="events", kw_only=True):
    """How many NT events there are of a code (and job, and text within)."""

    code: int
    job: str = ""
    text: str = ""
    count: int | None = None
    at_least: int = 1


class LogExpectation(_Expectation, tag="log", kw_only=True):
    """How many log lines of a component (at a `site`, if one is named) contain a text.

    In `text`, `{package:NAME}` and `{job:NAME}` stand for their IDs, as in the `path` of a box.
    """

    component: str
    text: str
    count: int | None = None
    at_least: int = 1


class EpisodeExpectation(_Expectation, tag="episode", kw_only=True):
    """An episode: who was refused what, by whom, how often, how it ended. `none = true` expects there is none."""

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


class MifsExpectation(_Expectation, tag="mifs", kw_only=True):
    """How many job-details MIFs have been loaded (at a `site`; else the first) for a job's workstations with a status."""

    job: Name
    status: str = ""
    machine: str = ""
    count: int


class ExpiriesExpectation(_Expectation, tag="expiries", kw_only=True):
    """How many expiry notifications the Despooler has executed for a job."""

    job: Name
    count: int


class AttributeExpectation(_Expectation, tag="attribute", kw_only=True):
    """An inventory attribute of a machine."""

    machine: Name
    group: str
    attribute: str
    value: str


class PcmExpectation(_Expectation, tag="pcm", kw_only=True):
    """What a client's PCM window shows: jobs that are pending, and jobs that were executed."""

    machine: Name
    pending: list[str] | None = None
    executed: list[str] | None = None


class BoxExpectation(_Expectation, tag="box", kw_only=True):
    """How many files with an extension (or any end of a name) lie in a directory of a server's share."""

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


class Scenario(_Base, kw_only=True):
    """A whole scenario file."""

    name: Name
    title: str
    article: str = ""
    versions: list[str] = []
    story: str = ""
    run: Run = field(default_factory=Run)
    site: list[Site] = field(default_factory=lambda: [Site()])
    server: list[Server] = field(default_factory=lambda: [Server(name="LOGON1")])
    clients: list[Clients] = []
    package: list[Package] = []
    program: list[Program] = []
    step: list[Step] = []
    expect: list[Expectation] = []

    def __post_init__(self) -> None:
        for version in self.versions:
            profile_of(version)
        parents = {site.code: site.parent for site in self.site}
        for code in parents:
            above(parents, code)

    @property
    def start(self) -> float:
        """Site seconds at the start of the run."""
        return moment_s(str(self.run.start), 0.0)

    @property
    def end(self) -> float:
        """Site seconds at its end."""
        return self.start + span_s(self.run.for_)


def above(parents: dict[str, str], code: str) -> list[str]:
    """The sites above one, nearest first. Raises `ValueError` for a parent that is none, or a circle."""
    found: list[str] = []
    while parent := parents[code]:
        if parent not in parents:
            raise ValueError(f"there is no site {parent!r} to be the parent of {code}; there are {', '.join(parents)}")
        if parent in found or parent == code:
            raise ValueError(f"site {code} would be above itself")
        found.append(parent)
        code = parent
    return found


def _known_fields(overrides: dict[str, Any]) -> None:
    from despoolr_core.profile import with_overrides

    with_overrides(profile_of(next(iter(PROFILES))), overrides)


def schema() -> dict[str, Any]:
    """The scenario format as JSON Schema 2020-12, for editors."""
    document = msgspec.json.schema(Scenario)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "Despoolr scenario"
    return document
