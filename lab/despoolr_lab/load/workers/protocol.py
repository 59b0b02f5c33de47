"""What a worker is told, and what it tells: lines of JSON over its standard input and output, or of
a machine that joined, over a WebSocket (`gate`, `relay`).

A worker is told once what it is (`Orders`), then in a word what to do: `start`, `settle`, `stop`;
and now and then until when its clients' numbers are its own (`hold`), and whose clocks are wrong
(`clocks`). It says `ready` when its
clients exist, `told` every second, `over` when it has ended. Times are seconds: of the run where
they are paces, site time where they are moments.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from despoolr_core.share.fleet_api import ServerCard

LINE_SIZE_MAX: Final = 64 * 1024 * 1024
"""Bytes of one line: the pace of 100,000 clients fits."""
WORKER: Final = (sys.executable, "-m", "despoolr_lab.load.workers.worker")
"""The command of a worker."""
JOIN_PATH: Final = "/join"
VERSION_HEADER: Final = "Despoolr-Version"
ASKED: Final = "?"
"""Asks a machine that joined for its clocks; what begins with `CLOCKS` is its answer, with
`COMPLAINT` a line of a worker's standard error. Orders are binary, all else is a word or a status.
"""
CLOCKS: Final = "!"
COMPLAINT: Final = "#"


class Clocks(msgspec.Struct, frozen=True):
    """What a machine's clocks say: `perf_counter`, and `leasing.steady_now`."""

    perf: float
    steady: float


def worker_environment(own: Mapping[str, str]) -> dict[str, str]:
    """A worker's environment: it is told all that it is to know."""
    return {
        name: value
        for name, value in own.items()
        if not name.startswith("DESPOOLR_") or name == "DESPOOLR_DEBUG"
    }


class HoldOrder(msgspec.Struct, frozen=True):
    """One client of this worker (counted from 0 within it) opens a file after `at` and keeps it
    until `until`, seconds of the run.
    """

    client: int
    at: float
    until: float
    server: str
    share: str
    path: str
    access: str
    share_mode: str
    program: str


class Part(msgspec.Struct, frozen=True):
    """Clients of one group that a worker has: how many, their schedules (first poll, log-off or
    none), how often they poll.
    """

    group: str
    schedules: list[tuple[float, float | None]]
    every_s: float
    poll_every_site_s: float
    when_warned: str


class Orders(msgspec.Struct, frozen=True):
    """What a worker is: its clients, their numbers from `first` on, the pace they keep, the servers
    they meet.
    """

    site_url: str
    token: str
    logons: list[ServerCard]
    first: int
    parts: list[Part]
    programs: list[dict[str, Any]]
    holds: list[HoldOrder]
    packages: list[str]
    """Ids of the run's packages: what clients do about others is not the run's."""
    seed: int
    end: float
    late_max: float
    first_measured: int = 0
    """The second after the warm-up."""

    @property
    def count(self) -> int:
        """How many clients the worker has."""
        return sum(len(part.schedules) for part in self.parts)


class Word(msgspec.Struct, frozen=True):
    """What to do now. `start`: the run's second 0 is at `at` (this machine's `perf_counter`);
    `hold`: until `at` (`leasing.steady_now`) the clients may act; `clocks`: whose clocks are wrong,
    and by how many seconds.
    """

    do: str
    at: float = 0.0
    clocks: dict[str, float] = {}


class WorkerStatus(msgspec.Struct):
    """How far a worker is. `kind` is `ready`, `told`, `paced` (no more polls) or `over`; counts are
    since the start.
    """

    kind: str
    clients: int = 0
    runs: int = 0
    reports: int = 0
    others: int = 0
    """Packages run that are not this run's: instructions that lay there from before."""
    unsent: int = 0
    running: int = 0
    """Clients that run a package, or wait to; of more than a thousand, those who did some seconds
    ago count as well.
    """
    under_way: int = 0
    """Polls that are not answered yet."""
    gone: int = 0
    holds: int = 0
    """Files held open now."""
    holds_made: int = 0
    holds_refused: str = ""
    holds_broken: int = 0
    """Files that their server did not have open any more, or could not be asked about when their
    time was over.
    """
    holds_lost: str = ""
    """What became of the first of those."""
    """Why the last one that could not be held could not."""
    cpu_share: float = 0.0
    first_report_at: float | None = None
    """Second of the run."""
    seconds: dict[int, dict[str, Any]] = {}
    groups: dict[str, dict[str, Any]] = {}
    servers: dict[str, dict[str, Any]] = {}
