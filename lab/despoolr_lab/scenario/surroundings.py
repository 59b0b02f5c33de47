"""What a world stands in: a clock, a network, files, rows, logs; of virtual time, or of this
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import aiohttp
import msgspec
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_server.database.protocol import Database
from despoolr_server.files import FileStore
from despoolr_server.site.state.logs import LogSink, NoLogFiles


class ServerNetwork(Protocol):
    """Where servers are served and reached by name: in memory, or loopback sockets."""

    carries_values: bool
    """Whether requests may go as values."""

    async def serve(self, runner: web.BaseRunner, host: str, port: int = 80) -> Any:
        """Let a runner answer for a host."""
        ...

    def session(self, source: str, *, limit: int = 64, **kwargs: Any) -> aiohttp.ClientSession:
        """An HTTP client of a machine."""
        ...

    def reaches(self, source: str, host: str, port: int = 80) -> bool:
        """Whether a call from one host to the other would be answered."""
        ...


class Surroundings(msgspec.Struct):
    """What a world stands in. `store(machine, name)` makes or reopens a share's files,
    `database(site)` a site's rows.
    """

    clock: LoopClock
    network: ServerNetwork
    store: Callable[[str, str], FileStore]
    database: Callable[[str], Database]
    lease_s: float
    logs: Callable[[str], LogSink] = lambda _site: NoLogFiles()
