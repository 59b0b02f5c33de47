"""What a world stands in: a clock, a network, files, rows, logs; of virtual time, or of this
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_lab.sim.network import Network
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Database
from despoolr_server.files import FileStore, MemoryFileStore

LEASE_VIRTUAL_S: Final = 3600.0
LEASE_REAL_S: Final = 60.0


class ServerNetwork(Protocol):
    """Where servers are served and reached by name: in memory, or loopback sockets."""

    carries_values: bool
    """Whether requests may go as values."""

    async def serve(self, runner: web.BaseRunner, host: str, port: int = 80) -> Any:
        """Let a runner answer for a host."""

    def session(self, source: str, *, limit: int = 64, **kwargs: Any) -> aiohttp.ClientSession:
        """An HTTP client of a machine."""

    def reaches(self, source: str, host: str, port: int = 80) -> bool:
        """Whether a call from one host to the other would be answered."""


class Surroundings(msgspec.Struct):
    """What a world stands in. `store(machine, name)` makes or reopens a share's files,
    `database(site)` a site's rows.
    """

    clock: LoopClock
    network: ServerNetwork
    store: Callable[[str, str], FileStore]
    database: Callable[[str], Database]
    lease_s: float


def in_virtual_time(
    epoch: float, seed: int, directory: Path | None, *, carries_values: bool
) -> Surroundings:
    """A network in memory, and files in a directory if there is one, else in memory too."""
    return Surroundings(
        clock=LoopClock(epoch),
        network=Network(seed=seed, carries_values=carries_values),
        store=(lambda machine, name: _disk_store(directory, machine, name, threads=False))
        if directory
        else (lambda _machine, _name: MemoryFileStore()),
        database=lambda site: _file_database(directory, site) if directory else MemoryDatabase(),
        lease_s=LEASE_VIRTUAL_S,
    )


def of_this_machine(clock: LoopClock, directory: Path) -> Surroundings:
    """Loopback sockets, and files in a directory: `<directory>/<MACHINE>/<share>`."""
    from despoolr_lab.sim.sockets import SocketNetwork  # noqa: PLC0415

    return Surroundings(
        clock=clock,
        network=SocketNetwork(),
        store=lambda machine, name: _disk_store(directory, machine, name, threads=True),
        database=lambda site: _file_database(directory, site, has_thread=True),
        lease_s=LEASE_REAL_S * clock.scale,
    )


def _disk_store(root: Path, machine: str, name: str, *, threads: bool) -> FileStore:
    from despoolr_server.files.disk import DiskFileStore  # noqa: PLC0415

    directory = root / machine / name
    directory.mkdir(parents=True, exist_ok=True)
    return DiskFileStore(directory, threads=threads)


def _file_database(directory: Path, site: str, *, has_thread: bool = False) -> Database:
    from despoolr_server.database.database import InlineDatabase, ThreadedDatabase  # noqa: PLC0415

    return (ThreadedDatabase if has_thread else InlineDatabase)(f"sqlite:///{directory}/{site}.db")
