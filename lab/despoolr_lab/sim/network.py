"""aiohttp, unmodified, on the simulated network: its client through a connector, its server through
a site.

Both halves of aiohttp are asked for through their own seams (`BaseConnector._create_connection`,
`web.BaseSite`), so what a simulation runs is the code that runs over sockets. What aiohttp would
leave to chance is put in order here: sets of connections iterate in the order in which they were
opened. (`docs/decisions/0002-aiohttp-internals.md`)
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any, cast

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import ceil_timeout
from yarl import URL

from despoolr_client.transport.session_options import session_options
from despoolr_lab.sim.hosts import HostNetwork, Listener
from despoolr_lab.sim.values import hand_over

__all__ = ["MemoryConnector", "MemorySite", "Network"]

LIMIT = 64
"""Requests in flight for one session; more wait their turn."""

KEEPALIVE_S = 7 * 86400.0
"""How long an idle connection is kept: a new one for every poll would cost two thirds of a request
more.
"""


class _InOrder(dict[Any, None]):
    """A set that iterates in the order of insertion: aiohttp closes connections by iterating over
    one.
    """

    def add(self, item: object) -> None:
        self[item] = None

    def discard(self, item: object) -> None:
        self.pop(item, None)

    def remove(self, item: object) -> None:
        del self[item]


class MemoryConnector(aiohttp.BaseConnector):
    """aiohttp's connection pool over `network`, for the machine `source`."""

    def __init__(self, network: HostNetwork, source: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._network = network
        self._source = source
        self._acquired = cast("set[ResponseHandler]", _InOrder())
        self._acquired_per_host.default_factory = cast("type[set[ResponseHandler]]", _InOrder)

    async def _create_connection(
        self, req: aiohttp.ClientRequest, _traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        if req.is_ssl():
            raise aiohttp.ClientConnectionError("the simulated network carries no TLS")
        host, port = req.url.raw_host or "", req.port
        try:
            async with ceil_timeout(timeout.sock_connect, timeout.ceil_threshold):
                transport, protocol = await self._network.connect(
                    self._factory, host, port or 80, source=self._source
                )
        except socket.gaierror as exc:
            raise aiohttp.ClientConnectorDNSError(req.connection_key, exc) from exc
        except OSError as exc:
            if exc.errno is None:
                raise  # asyncio's own timeout is an OSError too
            raise aiohttp.ClientConnectorError(req.connection_key, exc) from exc
        if self._network.carries_values:
            transport.hand_over = partial(hand_over, transport)
        return cast(ResponseHandler, protocol)


class MemorySite(web.BaseSite):
    """What `web.TCPSite` is to a socket: a runner's application, listening on a host of the
    simulated network.
    """

    __slots__ = ("_host", "_network", "_port")

    def __init__(
        self, runner: web.BaseRunner, network: HostNetwork, host: str, port: int = 80
    ) -> None:
        super().__init__(runner)
        self._network = network
        self._host = host
        self._port = port

    @property
    def port(self) -> int:
        """The port it listens on; once started, the one given for port 0."""
        listener = cast("Listener | None", self._server)
        return self._port if listener is None else listener.address[1]

    @property
    def name(self) -> str:
        return str(URL.build(scheme="http", host=self._host, port=self.port))

    async def start(self) -> None:
        await super().start()
        assert self._runner.server is not None
        try:
            listener = self._network.listen(self._host, self._port, self._runner.server)
        except OSError:
            self._runner._unreg_site(self)
            raise
        # runners only close it and ask for its `sockets`
        self._server = cast(asyncio.AbstractServer, listener)


class Network(HostNetwork):
    """The simulated network with HTTP on it; `despoolr_lab.sim.sockets.SocketNetwork` is its
    twin.
    """

    async def serve(self, runner: web.BaseRunner, host: str, port: int = 80) -> MemorySite:
        """Let a runner that has been set up answer on `host:port`; its `cleanup` ends it. Raises
        `OSError` (port in use).
        """
        site = MemorySite(runner, self, host, port)
        await site.start()
        return site

    def session(
        self, source: str, *, limit: int = LIMIT, keepalive_s: float = KEEPALIVE_S, **kwargs: Any
    ) -> aiohttp.ClientSession:
        """A cookie-less client session of the machine `source`, to be closed; `kwargs` go to
        `aiohttp.ClientSession`.
        """
        connector = MemoryConnector(self, source, limit=limit, keepalive_timeout=keepalive_s)
        return aiohttp.ClientSession(connector=connector, **session_options(kwargs))
