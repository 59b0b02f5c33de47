"""What a world stands in: a clock, a network, files, rows, logs; of virtual time, or of this
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.site_client.client import Transport
from despoolr_lab.sim.network import KEEPALIVE_S, Network
from despoolr_lab.sim.value_client import carry
from despoolr_lab.sim.value_server import ValueServer
from despoolr_server.database.memory import MemoryDatabase
from despoolr_server.database.protocol import Database
from despoolr_server.files import FileStore, MemoryFileStore
from despoolr_server.http.handling.application import App

if TYPE_CHECKING:
    import aiohttp

LEASE_VIRTUAL_S: Final = 3600.0
LEASE_REAL_S: Final = 60.0


class ServerNetwork(Protocol):
    """Where servers are served and reached by name: in memory, or loopback sockets."""

    carries_values: bool
    """Whether requests may go as values."""

    async def serve(self, runner: Any, host: str, port: int = 80) -> Any:
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

    def runner(self, app: App) -> Any:
        """What lets an application answer for a host."""
        if self.network.carries_values:
            return ValueServer(app, keepalive_s=KEEPALIVE_S, shutdown_s=1.0)
        from despoolr_server.http.connections.connection_limits import UNLIMITED  # noqa: PLC0415
        from despoolr_server.http.connections.connections import Runner  # noqa: PLC0415

        return Runner(
            app,
            limits=UNLIMITED,
            lane=False,
            handle_signals=False,
            shutdown_timeout=1.0,
            keepalive_timeout=KEEPALIVE_S,
        )

    def transport(self, session: Any) -> Transport:
        """How the API of a site is asked over a session."""
        if self.network.carries_values:
            return partial(carry, session)
        from despoolr_app.site_client.over_aiohttp import aiohttp_transport  # noqa: PLC0415

        return aiohttp_transport(session)


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
