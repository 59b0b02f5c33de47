"""What a scenario file can say: topology, packages, a timeline of steps, and what is expected when.

The structs are the schema: `schema()` (the command `despoolr schema`) gives them as JSON Schema for
editors, `load` reads TOML into them, and `docs/scenarios.md` explains them in the same order. Times
are spans since the start of the run (`"90m"`, `"2d 4h"`) or a date and time on the site's calendar.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from despoolr_client.agent.programs import first_word
from despoolr_client.agent.settings import WhenWarned
from despoolr_client.pcm.behaviour import PcmVariant
from despoolr_core.formats.sms_id import check_site_code, is_package_id
from despoolr_core.formats.sms_ini import SmsIniError, parse_sms_ini
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, parse_flags
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s, signed_span_s, span_s
from despoolr_lab.scenario.tables.expectations import (
    ArrivalsExpectation,
    AttributeExpectation,
    BoxExpectation,
    CompletionsExpectation,
    EpisodeExpectation,
    EventsExpectation,
    Expectation,
    ExpiriesExpectation,
    FilesExpectation,
    JobExpectation,
    LogExpectation,
    MasterExpectation,
    MifsExpectation,
    OpenExpectation,
    PackageStatusExpectation,
    PcmExpectation,
    ReachedExpectation,
    RowsTable,
    RowStatus,
    RunOrderExpectation,
    RunsExpectation,
    ServersExpectation,
    WorkstationsExpectation,
)
from despoolr_lab.scenario.tables.loads import LoadPart
from despoolr_lab.scenario.tables.steps import (
    AclStep,
    CancelStep,
    ClockJumpsStep,
    ClockStep,
    ConnectStep,
    DeleteHistoryStep,
    DeleteStep,
    DiskFullStep,
    DiskStep,
    ExecuteStep,
    Fault,
    FaultStep,
    HandleLeaksStep,
    HeldRange,
    HoldStep,
    HotfixStep,
    JobStep,
    KillStep,
    LinkDownStep,
    LinkStep,
    NoIdMifStep,
    PollStep,
    PowerStep,
    PutStep,
    ReleaseStep,
    SenderDiesStep,
    ServiceStep,
    SetStep,
    SlowShareStep,
    SourceStep,
)
from despoolr_lab.toml.tables import Moment, Name, SiteCode, Span, Table, check_fields
from despoolr_lab.toml.values import (
    check_domain,
    check_latin,
    check_names_once,
    check_package_paths,
    check_paths,
    check_share_mode,
    check_tree,
)
from despoolr_server.site.state.boxes import LOGON_SHARE

__all__ = [
    "CLIENTS_MAX",
    "AclStep",
    "ArrivalsExpectation",
    "AttributeExpectation",
    "BoxExpectation",
    "CancelStep",
    "Clients",
    "ClockJumpsStep",
    "ClockStep",
    "CompletionsExpectation",
    "ConnectStep",
    "DeleteHistoryStep",
    "DeleteStep",
    "DiskFullStep",
    "DiskStep",
    "EpisodeExpectation",
    "EventsExpectation",
    "ExecuteStep",
    "Expectation",
    "ExpiriesExpectation",
    "Fault",
    "FaultStep",
    "FilesExpectation",
    "HandleLeaksStep",
    "HeldRange",
    "HoldStep",
    "HotfixStep",
    "JobExpectation",
    "JobStep",
    "KillStep",
    "LinkDownStep",
    "LinkStep",
    "LogExpectation",
    "MasterExpectation",
    "MifsExpectation",
    "Moment",
    "NoIdMifStep",
    "OpenExpectation",
    "Package",
    "PackageStatusExpectation",
    "PcmExpectation",
    "PollStep",
    "PowerStep",
    "Program",
    "ProgramOutcome",
    "PutStep",
    "ReachedExpectation",
    "ReleaseStep",
    "RowStatus",
    "RowsTable",
    "Run",
    "RunOrderExpectation",
    "RunsExpectation",
    "Scenario",
    "SenderDiesStep",
    "Server",
    "ServersExpectation",
    "ServiceStep",
    "SetStep",
    "Site",
    "SlowShareStep",
    "SourceStep",
    "StatusMifSpec",
    "Step",
    "WorkstationsExpectation",
    "Worlds",
    "above",
    "schema",
]

Step = (
    JobStep
    | CancelStep
    | HotfixStep
    | SetStep
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
    | DeleteStep
    | DeleteHistoryStep
    | AclStep
    | ServiceStep
    | KillStep
    | LinkStep
    | DiskStep
    | Fault
)
CLIENTS_MAX: Final = 100_000
FOR_S_MAX: Final = 36_525 * 86_400.0
"""Site seconds of a run: a hundred years."""
PCMS: Final = (PcmVariant.WIN16, PcmVariant.WIN32, PcmVariant.SERVICE)
"""Those whose machines a job of ours is for (its Operating System mask)."""
PLATFORMS: Final = ("Windows NT", "NetWare")
JITTERS: Final = ("off", "small", "wide")


class Run(Table, kw_only=True):
    """`[run]`: when it starts on the site's calendar, how long it goes, with which seed."""

    start: str = "1996-06-03 08:00"
    for_: Span = field(default="1d", name="for")
    stop_after: str = ""
    """When it is stopped, whatever was to come later; empty: it goes on to its end."""
    seed: int = 0

    def __post_init__(self) -> None:
        if span_s(self.for_) > FOR_S_MAX:
            raise ValueError(f"a run goes for 36525d at most, not {self.for_}")
        if self.stop_after and not 0 < span_s(self.stop_after) <= span_s(self.for_):
            raise ValueError(f"a run of {self.for_} cannot be stopped after {self.stop_after}")
        moment_s(str(self.start), 0.0)

    def last(self, for_s: float) -> None:
        """Let it go for so many seconds. What is to happen later stays in the file."""
        is_shorter = for_s < span_s(self.for_)
        self.stop_after = f"{for_s}s" if is_shorter else ""
        self.for_ = self.for_ if is_shorter else f"{for_s}s"


class Worlds(Table, kw_only=True):
    """`[worlds]`: how far what the file leaves open may vary, in a run with a seed other than 0."""

    jitter: str = "small"

    def __post_init__(self) -> None:
        one_of(self.jitter, JITTERS, "jitter")


class Site(Table, kw_only=True):
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
        check_site_code(self.code)
        profile_of(self.version)
        if self.response not in list(Response):
            raise ValueError(f"response {self.response!r} is not one of {', '.join(Response)}")
        check_fields(self.profile)


class Server(Table, kw_only=True):
    """`[[server]]`: a logon server, a distribution server, or both."""

    name: Name
    site: str = ""
    roles: list[str] = field(default_factory=lambda: ["logon", "distribution"])
    package_share: Name = "SMS_PKGD"
    domain: str = ""
    platform: str = "Windows NT"
    """`Windows NT` or `NetWare`: the site knows a server of NetWare's as a machine, too, on which
    no PCM runs.
    """
    reaps_after: str = ""
    """It closes what a client has had open for so long; empty: it does not."""

    def __post_init__(self) -> None:
        check_domain(self.domain)
        one_of(self.platform, PLATFORMS, "platform")
        if self.reaps_after and span_s(self.reaps_after) <= 0:
            raise ValueError("reaps_after nothing: then nobody could have a file open")
        for role in self.roles:
            if role not in ("logon", "distribution"):
                raise ValueError(f"role {role!r} is not one of logon, distribution")
        if not self.roles:
            raise ValueError("a server is a logon server, a distribution server, or both")
        if fold(self.package_share) == LOGON_SHARE:
            raise ValueError(f"{LOGON_SHARE} is the logon share; packages lie on another")

    @property
    def is_netware(self) -> bool:
        """Whether it is a server of NetWare's."""
        return self.platform == "NetWare"


class Clients(Table, kw_only=True):
    """`[[clients]]`: client machines that are alike. `name` with `{n}` and `count`, or a list of
    `names`.
    """

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
    pcm: str = "PCMWIN32"
    """Which PCM they have: `PCMWIN16`, `PCMWIN32`, or the service `PCMSVC32`, which has no user."""
    when_warned: str = "ignore"
    """What a user does who is told that files will be closed by force: `ignore`, `close` (save and
    close) or `crash`.
    """
    sms_ini: list[str] = []
    """What their `SMS.INI` says beyond what Client Setup wrote: the lines of the file."""
    report_gap: Span = "0s"
    """How long PCM takes between the two files of a report: the width of Q138241's race."""
    closes_idle_after: str = ""
    """Programs close a file that nobody has used for so long; empty: they do not."""
    copies_first: bool = False
    """Files of packages are copied to the own disk and used there."""
    honours_marker: bool | Annotated[float, Meta(ge=0, le=1)] = False
    """Nothing of a package is opened while an update's marker lies beside it; a number: by that
    share of the machines.
    """

    def __post_init__(self) -> None:
        if bool(self.names) == bool(self.count):
            raise ValueError("say either names = [...] or count = N")
        check_domain(self.domain)
        one_of(self.when_warned, WhenWarned, "way to take a warning")
        one_of(self.pcm, PCMS, "PCM")
        try:
            parse_sms_ini("\n".join(self.sms_ini))
        except SmsIniError as error:
            raise ValueError(f"sms_ini: {error}") from None
        for text in (
            self.poll_every,
            self.first_poll or "0s",
            self.report_gap,
        ):
            span_s(text)
        signed_span_s(self.clock_offset or "0s")
        if self.closes_idle_after and span_s(self.closes_idle_after) <= 0:
            raise ValueError("closes_idle_after nothing: then no program could use a file")
        if span_s(self.poll_every) <= 0:
            raise ValueError("poll_every is how long until the next poll, and cannot be nothing")

    def expand(self) -> list[str]:
        """The names of the machines that this table stands for."""
        return list(self.names) or [
            self.name.replace("{n}", str(i)) for i in range(1, self.count + 1)
        ]


class Package(Table, kw_only=True):
    """`[[package]]`: a package and the files of its source directory (path to text). An `id` begins
    with its site's code.
    """

    name: Name
    files: dict[str, str] = {}
    comment: str = ""
    id: str = ""
    site: str = ""

    def __post_init__(self) -> None:
        if self.id and not is_package_id(self.id):
            raise ValueError(
                f"{self.id!r} is not a PackageID: a site code and five hex digits, such as BPC0000A"
            )
        check_package_paths(self.files)
        check_names_once(self.files)
        check_tree(self.files)


class StatusMifSpec(Table, kw_only=True):
    """The status MIF a program writes into the Windows directory."""

    status: str = "Success"
    description: str = ""
    file: str = "SETUP.MIF"
    offset: str = "0s"
    raw: str = ""

    def __post_init__(self) -> None:
        one_of(self.status, ("Success", "Failed"), "status of a status MIF")
        check_paths([self.file])
        if "/" in self.file or "\\" in self.file:
            raise ValueError(f"PCM looks in the Windows directory alone, so not for {self.file!r}")
        check_latin(self.description)
        if self.raw and (self.description or self.status != "Success"):
            raise ValueError("say either raw or what a good MIF says: a file has one content")
        signed_span_s(self.offset)


class ProgramOutcome(Table, kw_only=True):
    """What becomes of one start of a program."""

    runs: Span = "2m"
    exit_code: Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)] = 0
    launch_error: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Other than 0: it does not start, and this is the code of `Execution error #N detected.`"""
    hangs: bool = False
    restarts: bool = False
    leaves_open: bool = False
    mif: StatusMifSpec | None = None

    def __post_init__(self) -> None:
        span_s(self.runs)
        said = {
            key: getattr(self, key) != default
            for key, default in (
                ("runs", "2m"),
                ("exit_code", 0),
                ("mif", None),
                ("leaves_open", False),
                ("restarts", False),
            )
        }
        if self.launch_error and self.hangs:
            raise ValueError("a program that does not start cannot hang")
        for key in said:
            if said[key] and self.launch_error:
                raise ValueError(
                    f"{key} is about a program that runs; with launch_error it does not"
                )
            if said[key] and self.hangs:
                raise ValueError(f"{key} is about a program's end, and this one hangs")
        if self.restarts and (self.exit_code or self.leaves_open):
            key = "exit_code" if self.exit_code else "leaves_open"
            raise ValueError(f"{key} is lost when the machine restarts: PCM never sees it")


class Program(ProgramOutcome, kw_only=True):
    """`[[program]]`: what a command line does on a client: how long it runs, what it opens, how it
    ends.
    """

    command: str
    machines: list[str] = []
    opens: list[str] = []
    access: str = "READ"
    share_mode: str = "READ"
    then: list[ProgramOutcome] = []
    """What becomes of its second start on a machine, its third, and so on; the last stays."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if first_word(self.command) != fold(self.command) or not self.command:
            raise ValueError(
                f"command is the first word of the command line, not {self.command!r}; "
                f"say {first_word(self.command) or 'SETUP.EXE'!r}"
            )
        if not parse_flags(Access, self.access):
            raise ValueError("an open must ask for some access, such as READ")
        check_share_mode(self.share_mode)
        check_package_paths(self.opens)
        check_names_once(self.opens)


class Scenario(Table, kw_only=True):
    """What a scenario file says, checked."""

    name: Name
    title: str
    article: str = ""
    versions: list[str] = []
    story: str = ""
    run: Run = field(default_factory=Run)
    worlds: Worlds = field(default_factory=Worlds)
    site: list[Site] = field(default_factory=lambda: [Site()])
    server: list[Server] = field(default_factory=lambda: [Server(name="LOGON1")])
    clients: list[Clients] = []
    package: list[Package] = []
    program: list[Program] = []
    step: list[Step] = []
    expect: list[Expectation] = []
    load: LoadPart | None = None
    """What makes the scenario a load as well (`despoolr load`)."""

    def __post_init__(self) -> None:
        for version in self.versions:
            profile_of(version)
        if self.article and not re.fullmatch(r"Q\d{5,6}", self.article):
            raise ValueError(f"{self.article!r} is no article's number, such as Q147819")

    @property
    def start(self) -> float:
        """Site seconds at the start of the run."""
        return moment_s(str(self.run.start), 0.0)

    @property
    def end(self) -> float:
        """Site seconds at its end."""
        return self.start + span_s(self.run.stop_after or self.run.for_)

    @property
    def end_as_written(self) -> float:
        """Site seconds at its end if nothing stops it before: what the file may speak of."""
        return self.start + span_s(self.run.for_)


def above(parents: dict[str, str], code: str) -> list[str]:
    """The sites above one, nearest first. Raises `ValueError` for a parent that is no site, or a
    circle.
    """
    found: list[str] = []
    while parent := parents[code]:
        if parent not in parents:
            raise ValueError(
                f"there is no site {parent!r} to be the parent of {code}; there are "
                f"{', '.join(parents)}"
            )
        if parent in found or parent == code:
            raise ValueError(f"site {code} would be above itself")
        found.append(parent)
        code = parent
    return found


def schema() -> dict[str, Any]:
    """The scenario format as JSON Schema 2020-12, for editors."""
    document = msgspec.json.schema(Scenario)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "Despoolr scenario"
    return document
