"""`[[step]]`: what may break in a scenario: a link, a disk, and the faults by the name of what goes
wrong.
"""

from msgspec import field

from despoolr_core.rules.fold import fold
from despoolr_core.share.fault_api import DELAY_S_MAX, JUMP_S_MAX
from despoolr_core.suggest import one_of
from despoolr_core.times import signed_span_s, span_s
from despoolr_lab.scenario.tables.statuses import SERVICES
from despoolr_lab.scenario.tables.steps import StepTable
from despoolr_lab.toml.tables import Name, Span
from despoolr_lab.toml.values import check_package_paths, check_paths


def _check_link(server: str, other: str) -> None:
    if fold(other) == fold(server):
        raise ValueError("there is no link between a server and itself")


def _check_disk(share: str, path: str) -> None:
    if path and not share:
        raise ValueError("a path is on a share: say which")
    check_paths([path] if path else [])


class LinkStep(StepTable, tag="link", kw_only=True):
    """A server is cut off the network, or comes back. With `other` only the way between the two is
    cut.
    """

    server: Name
    up: bool
    other: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_link(self.server, self.other)


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
        _check_disk(self.share, self.path)


# -- faults, by the name of what goes wrong


class FaultStep(StepTable, kw_only=True):
    """A fault; it ends after `for`, or with the run."""

    for_: str = field(default="", name="for")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.for_ and span_s(self.for_) <= 0:
            raise ValueError("a fault for no time is none")


class SenderDiesStep(FaultStep, tag="sender_dies", kw_only=True):
    """A site's LAN Sender ends where it stands, and is started again when the fault is over."""

    site: str = ""


class HandleLeaksStep(FaultStep, tag="handle_leaks", kw_only=True):
    """A service has opened a file of a package on a distribution server (for reading, sharing
    reading), and forgets to close it.
    """

    package: Name
    file: str
    server: str = ""
    site: str = ""
    service: str = "SMS_DESPOOLER"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.service, SERVICES, "service")
        check_package_paths([self.file])


class DiskFullStep(FaultStep, tag="disk_full", kw_only=True):
    """No byte more can be written to a server's disk, one share's, or a directory's own."""

    server: Name
    share: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_disk(self.share, self.path)


class ClockJumpsStep(FaultStep, tag="clock_jumps", kw_only=True):
    """A machine's clock jumps by a span such as `+2h` or `-30m`, and back when the fault is
    over.
    """

    machine: Name
    by: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not signed_span_s(self.by):
            raise ValueError("a clock that jumps by nothing stays right")
        if abs(signed_span_s(self.by)) > JUMP_S_MAX:
            raise ValueError(f"a clock jumps by 3660d at most, not {self.by}")


class LinkDownStep(FaultStep, tag="link_down", kw_only=True):
    """A server is cut off the network; with `other`, only the way between the two is cut."""

    server: Name
    other: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_link(self.server, self.other)


class SlowShareStep(FaultStep, tag="slow_share", kw_only=True):
    """Everything that a server sends or is sent takes `delay` on its way."""

    server: Name
    delay: Span = "2s"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < span_s(self.delay) <= DELAY_S_MAX:
            raise ValueError("delay is how long each way takes: more than nothing, 1h at most")


Fault = (
    SenderDiesStep | HandleLeaksStep | DiskFullStep | ClockJumpsStep | LinkDownStep | SlowShareStep
)
