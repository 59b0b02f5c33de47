"""`[[step]]`: what may happen in a scenario, one struct for each `do`. What a step does is in
`steps`.
"""

from __future__ import annotations

from msgspec import field

from despoolr_core.articles import article_of
from despoolr_core.profile import profile_of
from despoolr_core.share.modes import Access, Disposition, ShareMode, parse_flags
from despoolr_core.times import moment_s, span_s
from despoolr_lab.toml.tables import Moment, Name, Span, Table


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
    `distribute = false` only sends.
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
            raise ValueError(
                f"send {self.send!r} is not one of 'only if not previously sent', 'even if "
                "previously sent'"
            )
        for text in (self.offer_after, self.mandatory_after, self.expires_after):
            if text:
                moment_s(text, 0.0)


class CancelStep(StepTable, tag="cancel", kw_only=True):
    """Cancel a job (Edit > Cancel Job), at the site where it was made."""

    job: Name
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


class SourceStep(StepTable, tag="source", kw_only=True):
    """Change files of a package's source directory (path to text; `delete` removes some)."""

    package: Name
    files: dict[str, str] = {}
    delete: list[str] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.files and not self.delete:
            raise ValueError("nothing would change; say files or delete")


class HoldStep(StepTable, tag="hold", kw_only=True):
    """A program on a machine opens a file and keeps it open (for a span, or until released): a
    package's file, or any path.

    The machine may be a server: a backup program there. In `path`, `{package:NAME}` stands for a
    package's ID. An open that the share refuses makes the run fail, unless `may_fail`.
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
    may_fail: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.package) == bool(self.path):
            raise ValueError("say either package and file, or share and path")
        parse_flags(Access, self.access)
        parse_flags(ShareMode, self.share_mode)
        Disposition(self.disposition)
        if self.for_:
            span_s(self.for_)


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
    """The user of a machine runs a pending command."""

    machine: Name
    job: Name


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
        span_s(self.offset.lstrip("+-"))


class NoIdMifStep(StepTable, tag="noidmif", kw_only=True):
    """A NOIDMIF is put on a machine: one group with its attributes."""

    machine: Name
    group: str
    attributes: dict[str, str]
    file: str = "REPORT.MIF"


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
        if self.hex:
            bytes.fromhex(self.hex)


class ServiceStep(StepTable, tag="service", kw_only=True):
    """Pause, resume or restart one service of a site (SMS Service Manager)."""

    action: str
    service: str
    site: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in ("pause", "resume", "restart"):
            raise ValueError(f"action {self.action!r} is not one of pause, resume, restart")


class KillStep(StepTable, tag="kill", kw_only=True):
    """A site's processes die at once and start again after a span (their boxes and database
    stay).
    """

    site: str = ""
    down_for: Span = "10m"

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.down_for)


class LinkStep(StepTable, tag="link", kw_only=True):
    """A server is cut off the network, or comes back. With `other` only the way between the two is
    cut.
    """

    server: Name
    up: bool
    other: str = ""


class DiskStep(StepTable, tag="disk", kw_only=True):
    """A server's disk has this many bytes left (negative: as many as it had); with `path`, a
    directory's own disk.
    """

    server: Name
    free: int
    share: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path and not self.share:
            raise ValueError("a path is on a share: say which")


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
