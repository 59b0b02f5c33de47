"""What a scenario file can say: topology, packages, a timeline of steps, and what is expected when.

The structs are the schema: `schema()` (the command `despoolr schema`) gives them as JSON Schema for
editors, `load` reads TOML into them, and `docs/scenarios.md` explains them in the same order. Times
are spans since the start of the run (`"90m"`, `"2d 4h"`) or a date and time on the site's calendar.
"""

import re
from typing import Any, Final

from msgspec import field

from despoolr_core.formats.sms_id import is_package_id
from despoolr_core.profile import profile_of
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s, span_s
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
from despoolr_lab.scenario.tables.fault_steps import (
    ClockJumpsStep,
    DiskFullStep,
    DiskStep,
    Fault,
    FaultStep,
    HandleLeaksStep,
    LinkDownStep,
    LinkStep,
    SenderDiesStep,
    SlowShareStep,
)
from despoolr_lab.scenario.tables.loads import LoadPart
from despoolr_lab.scenario.tables.machines import CLIENTS_MAX, Clients, Server, Site
from despoolr_lab.scenario.tables.programs import Program, ProgramOutcome, StatusMifSpec
from despoolr_lab.scenario.tables.steps import (
    AclStep,
    CancelStep,
    ClockStep,
    ConnectStep,
    DeleteHistoryStep,
    DeleteStep,
    ExecuteStep,
    HeldRange,
    HoldStep,
    HotfixStep,
    JobStep,
    KillStep,
    NoIdMifStep,
    PollStep,
    PowerStep,
    PutStep,
    ReleaseStep,
    ServiceStep,
    SetStep,
    SourceStep,
)
from despoolr_lab.toml.schema import schema_of
from despoolr_lab.toml.tables import Moment, Name, Span, Table
from despoolr_lab.toml.values import (
    check_names_once,
    check_package_paths,
    check_tree,
)

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
FOR_S_MAX: Final = 36_525 * 86_400.0
"""Site seconds of a run: a hundred years."""
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
    return schema_of(Scenario, "Despoolr scenario")
