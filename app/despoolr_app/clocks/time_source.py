"""Where a server's site time comes from: one anchor on the machine's steady clock, and the wall
clock only where there is none.

The law: site time never goes back. Within a process it runs on the event loop's clock, which nobody
sets. From one start to the next it goes on along the steady clock of the machine, which is the same
for all of its processes and restarts with the machine (its boot has a name); after a restart of the
machine it goes by the wall clock, and never to before what was told last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from despoolr_core.rules.plain_json import read_json

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def wall_now() -> float:
    """Seconds since 1970 on this machine: where a real or scaled clock begins."""
    return time.time()  # noqa: TID251 - the composition root is where the site's time comes from


def steady_now() -> float:
    """Seconds on the clock of this machine that nobody sets; the same for all its processes."""
    return time.monotonic()  # noqa: TID251 - as above


def boot_name() -> str:
    """What tells this run of the machine from others; `""` where nobody knows, and then no anchor
    holds.
    """
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


class Anchor(msgspec.Struct, frozen=True):
    """One moment on both clocks of a machine: seconds since 1970, seconds of its steady clock, and
    of which boot.
    """

    wall: float
    steady: float
    boot: str


class TimeSource(msgspec.Struct, frozen=True):
    """The clocks of the machine; a test gives its own."""

    wall: Callable[[], float] = wall_now
    steady: Callable[[], float] = steady_now
    boot: Callable[[], str] = boot_name

    def anchor(self) -> Anchor:
        """The present moment by both clocks of this machine."""
        return Anchor(self.wall(), self.steady(), self.boot())

    def elapsed(self, anchor: Anchor | None) -> float | None:
        """Seconds since `anchor` by the steady clock; None where that cannot be told."""
        if anchor is None or not anchor.boot or anchor.boot != self.boot():
            return None
        elapsed = self.steady() - anchor.steady
        return elapsed if elapsed >= 0 else None

    def wall_since(self, anchor: Anchor | None) -> float:
        """The time by the wall clock as it was at `anchor`, moved on by the steady clock; without
        one, what the wall says.
        """
        elapsed = self.elapsed(anchor)
        return self.wall() if anchor is None or elapsed is None else anchor.wall + elapsed


MACHINE: Final = TimeSource()
"""The clocks of this machine."""


def parse_anchor(data: bytes) -> Anchor | None:
    """An anchor that was kept; None for what is none."""
    try:
        return read_json(data, Anchor)
    except msgspec.MsgspecError:
        return None
