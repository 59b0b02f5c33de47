"""The simulated network with HTTP on it: requests as values, or as bytes of aiohttp's client and
server.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from despoolr_lab.sim.hosts import HostNetwork
from despoolr_lab.sim.late import bytes_side
from despoolr_lab.sim.value_client import ValueSession
from despoolr_lab.sim.value_server import ValueServer

if TYPE_CHECKING:
    from aiohttp import ClientSession, web

__all__ = ["Network"]

LIMIT = 64
"""Requests in flight for one session; more wait their turn."""

KEEPALIVE_S = 7 * 86400.0
"""How long an idle connection is kept: a new one for every poll would cost two thirds of a request
more.
"""


class Network(HostNetwork):
    """The simulated network with HTTP on it; `despoolr_lab.sim.sockets.SocketNetwork` is its
    twin.
    """

    _chance: Random | None = None

    async def serve(self, runner: web.BaseRunner | ValueServer, host: str, port: int = 80) -> Any:
        """Let a runner that has been set up answer on `host:port`; its `cleanup` ends it. Raises
        `OSError` (port in use).
        """
        if isinstance(runner, ValueServer):
            runner.listeners.append(self.listen(host, port, runner))
            return runner
        site = bytes_side().MemorySite(runner, self, host, port)
        await site.start()
        return site

    def session(
        self, source: str, *, limit: int = LIMIT, keepalive_s: float = KEEPALIVE_S, **kwargs: Any
    ) -> ClientSession:
        """A cookie-less client session of the machine `source`, to be closed; `kwargs` go to
        `aiohttp.ClientSession`.
        """
        if not self.carries_values:
            made: ClientSession = bytes_side().session(self, source, limit, keepalive_s, kwargs)
            return made
        if self._chance is None:
            self._chance = Random(f"{self.seed}/aiohttp")
        known: Any = ValueSession(
            self, source, limit=limit, keepalive_s=keepalive_s, chance=self._chance
        )
        return known  # type: ignore[no-any-return]
