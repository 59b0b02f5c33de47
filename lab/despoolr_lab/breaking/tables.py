"""`[[fault]]`: what is broken while a load or a soak runs, by the name of what goes wrong.

The structs are the schema. They are those of the site's API (`despoolr_core.share.fault_api`), and
when: `at` and `for` are spans of site time, `at` since the start of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from despoolr_core.share import fault_api
from despoolr_core.share.fault_api import KINDS, Fault
from despoolr_core.times import span_s, stopwatch
from despoolr_lab.toml.tables import Moment


class SenderDiesTable(fault_api.SenderDies, tag="sender_dies", kw_only=True):
    """The site's LAN Sender ends where it stands, and is started again when the fault is over."""

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


class HandleLeaksTable(fault_api.HandleLeaks, tag="handle_leaks", kw_only=True):
    """A service has opened a file of a package on a distribution server, and forgets to close
    it.
    """

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


class DiskFullTable(fault_api.DiskFull, tag="disk_full", kw_only=True):
    """No byte more can be written to a server's disk, one share's, or a directory's own."""

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


class ClockJumpsTable(fault_api.ClockJumps, tag="clock_jumps", kw_only=True):
    """A client's clock jumps by a span such as `+2h` or `-30m`, and back when the fault is over."""

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


class LinkDownTable(fault_api.LinkDown, tag="link_down", kw_only=True):
    """A server is cut off the network; with `other`, only the way between the two is cut."""

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


class SlowShareTable(fault_api.SlowShare, tag="slow_share", kw_only=True):
    """Everything that a server sends or is sent takes `delay` on its way."""

    at: Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        span_s(self.at)


FaultTable = (
    SenderDiesTable
    | HandleLeaksTable
    | DiskFullTable
    | ClockJumpsTable
    | LinkDownTable
    | SlowShareTable
)


def asked(table: FaultTable, **changed: str) -> Fault:
    """What the API is asked for, with some fields changed."""
    kind = KINDS[table.name]
    fields: dict[str, Any] = {key: getattr(table, key) for key in kind.__struct_fields__}
    return kind(**fields | changed)


class BrokenSpan(msgspec.Struct, frozen=True):
    """What was broken, from when to when, in seconds of the run; None: to its end."""

    fault: str
    where: str
    began_s: float
    ended_s: float | None


def told(fault: Mapping[str, Any]) -> str:
    """A `BrokenSpan` as it stands in a summary, in words: `disk_full, LOGON1: 1:00 to 2:30`."""
    ended = fault["ended_s"]
    until = "the end" if ended is None else stopwatch(ended)
    return f"{fault['fault']}, {fault['where']}: {stopwatch(fault['began_s'])} to {until}"
