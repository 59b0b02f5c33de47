"""The faults that somebody causes on purpose, by the name of what goes wrong, as a body of
`POST /api/v1/faults` and as a table of a file has them.

The texts are those of a scenario's steps: a span is `2h`, a clock jumps by `+2h`. A field that is
left empty means the only one there is, or the first.
"""

from __future__ import annotations

from typing import Final, Self

import msgspec
from msgspec import field

from despoolr_core.rules.fields import LineText, NameText
from despoolr_core.rules.fold import fold
from despoolr_core.times import signed_span_s, span_s

FAULTS_MAX: Final = 64
"""Faults that a server has at one time."""
FAULT_S_MAX: Final = 366 * 86_400.0
"""Seconds of site time that a fault may be told to last."""
JUMP_S_MAX: Final = 10 * 366 * 86_400.0
"""Seconds by which a clock may jump."""
DELAY_S_MAX: Final = 3600.0
"""Seconds of site time that a slow server may take for each way."""
OF_SERVERS: Final = ("disk_full", "link_down", "slow_share")
"""Faults of the server that they name."""


class _Fault(
    msgspec.Struct, tag_field="fault", kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What all have: `for` is how long, in site time; empty: until it is cleared."""

    for_: NameText = field(default="", name="for")

    def __post_init__(self) -> None:
        if self.for_ and not 0 < span_s(self.for_) <= FAULT_S_MAX:
            raise ValueError("`for` is how long a fault lasts: more than nothing, 366d at most")

    @property
    def name(self) -> str:
        """What goes wrong, as files and commands say it."""
        return str(self.__struct_config__.tag)

    @property
    def target(self) -> str:
        """The server that it breaks; `""`: the site server, or what that knows of."""
        return fold(str(getattr(self, "server", ""))) if self.name in OF_SERVERS else ""

    @property
    def place(self) -> tuple[str, ...]:
        """What is broken: one fault of a name is enough for each."""
        keys = [key for key in self.__struct_fields__ if key not in ("for_", "by", "delay")]
        return (self.name, *(fold(str(getattr(self, key))) for key in keys))

    def folded(self) -> Self:
        """The same, with the names of machines, shares and sites in capitals."""
        keys = [
            key for key in ("site", "server", "share", "machine", "other") if hasattr(self, key)
        ]
        return msgspec.structs.replace(self, **{key: fold(getattr(self, key)) for key in keys})


class SenderDies(_Fault, tag="sender_dies"):
    """A site's LAN Sender ends where it stands, and is started again when the fault is over."""

    site: NameText = ""


class HandleLeaks(_Fault, tag="handle_leaks"):
    """A service has opened a file of a package on a distribution server (for reading, sharing
    reading), and forgets to close it.
    """

    package: NameText
    file: LineText
    server: NameText = ""
    site: NameText = ""
    service: NameText = "SMS_DESPOOLER"


class DiskFull(_Fault, tag="disk_full"):
    """No byte more can be written to a server's disk, one share's, or a directory's own."""

    server: NameText
    share: NameText = ""
    path: LineText = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.path and not self.share:
            raise ValueError("a path is on a share: say which")


class ClockJumps(_Fault, tag="clock_jumps"):
    """A client's clock jumps by a span such as `+2h` or `-30m`, and back when the fault is over."""

    machine: NameText
    by: NameText

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < abs(signed_span_s(self.by)) <= JUMP_S_MAX:
            raise ValueError("`by` is how far a clock jumps: more than nothing, 3660d at most")


class LinkDown(_Fault, tag="link_down"):
    """A server is cut off the network; with `other`, only the way between the two is cut."""

    server: NameText
    other: NameText = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if fold(self.other) == fold(self.server):
            raise ValueError("there is no link between a server and itself")


class SlowShare(_Fault, tag="slow_share"):
    """Everything that a server sends or is sent takes `delay` on its way."""

    server: NameText
    delay: NameText = "2s"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < span_s(self.delay) <= DELAY_S_MAX:
            raise ValueError("`delay` is how long each way takes: more than nothing, 1h at most")


Fault = SenderDies | HandleLeaks | DiskFull | ClockJumps | LinkDown | SlowShare

KINDS: Final[dict[str, type[Fault]]] = {
    str(kind.__struct_config__.tag): kind for kind in Fault.__args__
}
"""The faults by their names."""


class FaultRow(msgspec.Struct):
    """A fault that a server has: what goes wrong, where, since when, and until when if that was
    said (site time; null: until it is cleared).
    """

    id: str
    fault: str
    where: str
    began_at: float
    ends_at: float | None


class FaultList(msgspec.Struct):
    """`GET /api/v1/faults`: the server, its site's code if it is a site server, site time, and its
    faults, oldest first.
    """

    server: str
    site: str
    now: float
    faults: list[FaultRow]
