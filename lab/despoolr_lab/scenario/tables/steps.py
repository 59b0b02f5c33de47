"""`[[step]]`: what may happen in a scenario, one struct for each `do`. What a step does is in
`steps`.
"""

from typing import Annotated, Any, Final

from msgspec import Meta, field

from despoolr_client.pcm.behaviour import OF_PROFILE
from despoolr_core.articles import article_of
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, Disposition, parse_flags
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s, signed_span_s, span_s
from despoolr_lab.scenario.tables.statuses import RIGHTS, ROLES, SERVICES
from despoolr_lab.toml.tables import JobName, Moment, Name, Span, Table, check_fields
from despoolr_lab.toml.values import (
    check_latin,
    check_names_once,
    check_package_paths,
    check_paths,
    check_share_mode,
    check_tree,
)

TURNS_MAX: Final = 10_000
"""Turns of the event loop that a step may be put off within its moment."""

LOCKS_MAX: Final = 64
"""Ranges that a hold locks."""


class StepTable(Table, tag_field="do", kw_only=True):
    at: Moment
    versions: list[str] = []
    jitter: str = ""
    """How far it moves in other worlds, to either side (`worlds`); empty: as its kind does."""
    exact: bool = False
    """It is the same in every world."""

    def __post_init__(self) -> None:
        moment_s(self.at, 0.0)
        if self.jitter:
            span_s(self.jitter)
            if self.exact:
                raise ValueError("say either jitter or exact: what is exact does not move")
        for version in self.versions:
            profile_of(version)


class JobStep(StepTable, tag="job", kw_only=True):
    """Make a job. `command` gives it a run phase; without `send` the package is sent only if it was
    not before.

    It goes to the `sites` that are named, else to those of its machines and servers. Without
    `put_on` and `refresh_existing` it is put on each site's default servers, all it has;
    `distribute = false` only sends. It is Pending until it is activated: at once, or at
    `activate_after`.
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
    activate_after: str = ""
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
            raise ValueError(
                f"send {self.send!r} is not one of 'only if not previously sent', 'even if "
                "previously sent'"
            )
        for text in (
            self.activate_after,
            self.offer_after,
            self.mandatory_after,
            self.expires_after,
        ):
            if text:
                moment_s(text, 0.0)
        if self.repeat_every and span_s(self.repeat_every) <= 0:
            raise ValueError("repeat_every is how long until the next one, and cannot be nothing")
        if self.priority not in (1, 2, 3):
            raise ValueError(f"priority {self.priority} is none of 1 (high), 2 (medium), 3 (low)")
        self._check_phases()

    def _check_phases(self) -> None:
        """Raises `ValueError` for what is said of a phase that the job does not have."""
        if not self.distribute and (self.put_on or self.refresh_existing):
            raise ValueError(
                "distribute = false: nothing is distributed, so put_on and refresh_existing mean "
                "nothing"
            )
        if self.command:
            if self.type != "run":
                raise ValueError(f"only a job of type run has a command, not {self.type}")
            if not self.machines:
                raise ValueError('a command runs on machines: name some, or say ["*"] for all')
            return
        for key in ("machines", "offer_after", "mandatory_after", "expires_after", "background"):
            if getattr(self, key) not in ("", False, ["*"]):
                raise ValueError(f"{key} is about a command, and the job has none")


class CancelStep(StepTable, tag="cancel", kw_only=True):
    """Cancel a job (Edit > Cancel Job), at the site where it was made."""

    job: JobName
    site: str = ""


class HotfixStep(StepTable, tag="hotfix", kw_only=True):
    """Stop a site's SMS Executive, install the hotfix of an article, start it; everything in flight
    is kept.
    """

    article: str
    site: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        article_of(self.article)


class SetStep(StepTable, tag="set", kw_only=True):
    """Change settings of a site while it runs: behaviours of its profile, its Response. Its
    services go by them from their next cycle on; what waits for a time that was set before waits
    for it still. What its clients do is settled when they start.
    """

    site: str = ""
    response: str = ""
    profile: dict[str, Any] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.profile and not self.response:
            raise ValueError("nothing would change; say response or profile")
        if self.response:
            one_of(self.response, list(Response), "response")
        check_fields(self.profile)
        for name in self.profile:
            if name in OF_PROFILE:
                raise ValueError(f"{name} is a behaviour of clients, and settled when they start")


class SourceStep(StepTable, tag="source", kw_only=True):
    """Change files of a package's source directory (path to text; `delete` removes some)."""

    package: Name
    files: dict[str, str] = {}
    delete: list[str] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.files and not self.delete:
            raise ValueError("nothing would change; say files or delete")
        check_package_paths([*self.files, *self.delete])
        check_names_once(self.files)
        check_tree(self.files)
        if both := {fold(name) for name in self.files} & {fold(name) for name in self.delete}:
            raise ValueError(f"{min(both)} is written and deleted at once; say one of the two")


class HeldRange(Table, kw_only=True):
    """A range of bytes that a hold locks `after` it was opened, for a span or until it is closed.
    One that is refused is recorded, not tried again, and makes the run fail, unless `may_fail`.
    """

    offset: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    length: Annotated[int, Meta(ge=1, le=2**63 - 1)] = 1
    shared: bool = False
    after: Span = "0s"
    for_: str = field(default="", name="for")

    def __post_init__(self) -> None:
        span_s(self.after)
        if self.for_ and span_s(self.for_) <= 0:
            raise ValueError("a range that is locked for no time is not locked")


class HoldStep(StepTable, tag="hold", kw_only=True):
    """A program on a machine opens a file and keeps it open (for a span, or until released): a
    package's file, or any path.

    The machine may be a server: a backup program there. In `path`, `{package:NAME}` stands for a
    package's ID. An open that the share refuses makes the run fail, and one that does not reach it,
    or whose machine is off, ends it, unless `may_fail`.
    `closes_idle_after`, `copies_first` and `honours_marker` are as in `[[clients]]`, for this hold.
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
    closes_idle_after: str = ""
    copies_first: bool = False
    honours_marker: bool = False
    may_fail: bool = False
    locks: Annotated[list[HeldRange], Meta(max_length=LOCKS_MAX)] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closes_idle_after and span_s(self.closes_idle_after) <= 0:
            raise ValueError("closes_idle_after nothing: then nothing would be held")
        if bool(self.package) == bool(self.path):
            raise ValueError("say either package and file, or share and path")
        if self.package and (self.share or not self.file):
            raise ValueError("which file of the package? Say file, and no share")
        if self.path and (not self.server or not self.share or self.file):
            raise ValueError("a path is on a share of a server: say server and share, and no file")
        if self.path:
            check_paths([self.path])
        else:
            check_package_paths([self.file])
        if not parse_flags(Access, self.access):
            raise ValueError("an open must ask for some access, such as READ")
        if not self.program.strip():
            raise ValueError("program is empty; say whose open it is, such as WINWORD.EXE")
        check_share_mode(self.share_mode)
        one_of(self.disposition, [word.value for word in Disposition], "disposition")
        if self.for_ and span_s(self.for_) <= 0:
            raise ValueError("a hold for no time holds nothing")


class ReleaseStep(StepTable, tag="release", kw_only=True):
    """A machine closes what it holds: one file, or everything."""

    machine: Name
    file: str = ""


class ConnectStep(StepTable, tag="connect", kw_only=True):
    """A machine connects to a share's server without opening anything (logged on, but nothing in
    use).
    """

    machine: Name
    server: str = ""


class PollStep(StepTable, tag="poll", kw_only=True):
    """A machine's PCM polls now."""

    machine: Name


class ExecuteStep(StepTable, tag="execute", kw_only=True):
    """The user of a machine runs a pending command. One that is not there, or whose site is down,
    ends the run, unless `may_fail`.
    """

    machine: Name
    job: JobName
    may_fail: bool = False


class PowerStep(StepTable, tag="power", kw_only=True):
    """A machine is switched on or off."""

    machine: Name
    on: bool


class ClockStep(StepTable, tag="clock", kw_only=True):
    """A machine's clock is set wrong by an offset such as `-2h`."""

    machine: Name
    offset: str

    def __post_init__(self) -> None:
        super().__post_init__()
        signed_span_s(self.offset)


class NoIdMifStep(StepTable, tag="noidmif", kw_only=True):
    """A NOIDMIF is put on a machine: one group with its attributes."""

    machine: Name
    group: str
    attributes: dict[str, str]
    file: str = "REPORT.MIF"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.group or not self.attributes:
            raise ValueError("a NOIDMIF has a group with a name, and attributes")
        check_paths([self.file])
        for text in (self.group, *self.attributes, *self.attributes.values()):
            check_latin(text)


class PutStep(StepTable, tag="put", kw_only=True):
    """Somebody puts a file into a box or share: text, or `hex`. One that the share refuses makes
    the run fail, unless `may_fail`.
    """

    server: Name
    share: Name
    path: str
    text: str = ""
    hex: str = ""
    may_fail: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hex and self.text:
            raise ValueError("say either text or hex: a file has one content")
        bytes.fromhex(self.hex)
        check_paths([self.path])
        check_latin(self.text)


class DeleteStep(StepTable, tag="delete", kw_only=True):
    """Somebody deletes a file from a box or share. One that the share refuses, or that is not
    there, makes the run fail, unless `may_fail`.
    """

    server: Name
    share: Name
    path: str
    may_fail: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_paths([self.path])


class DeleteHistoryStep(StepTable, tag="delete_history", kw_only=True):
    """Somebody deletes a machine's PCMHIST.REG: PCM has seen and run nothing (Q122202, Q229809)."""

    machine: Name


class AclStep(StepTable, tag="acl", kw_only=True):
    """An administrator sets what a role may do below a directory of a share; `rights = ""` takes
    the entry out again.
    """

    server: Name
    share: Name
    path: str = ""
    role: str = "client"
    rights: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_paths([self.path] if self.path else [])
        one_of(self.role, ROLES, "role")
        if self.rights:
            one_of(self.rights, RIGHTS, "set of rights")


class ServiceStep(StepTable, tag="service", kw_only=True):
    """Pause, resume or restart one service of a site (SMS Service Manager).

    `turns` is as in `kill`: in virtual time it is said between which two of its steps a service is
    stopped to be restarted.
    """

    action: str
    service: str
    site: str = ""
    turns: Annotated[int, Meta(ge=0, le=TURNS_MAX)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in ("pause", "resume", "restart"):
            raise ValueError(f"action {self.action!r} is not one of pause, resume, restart")
        one_of(self.service, SERVICES, "service")
        if self.turns and self.action != "restart":
            raise ValueError("turns are said of a restart")


class KillStep(StepTable, tag="kill", kw_only=True):
    """A site's processes die at once and start again after a span (their boxes and database
    stay), or those of one logon or distribution `server` (its files stay).

    `turns` is how many turns of the event loop into its moment: in virtual time what a service does
    may take no time, and so it is said between which two of its steps it dies.
    """

    site: str = ""
    server: str = ""
    down_for: Span = "10m"
    turns: Annotated[int, Meta(ge=0, le=TURNS_MAX)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.down_for)
        if self.site and self.server:
            raise ValueError("say either site or server")
