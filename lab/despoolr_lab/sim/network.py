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
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import aiohttp
from aiohttp import hdrs, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.helpers import ceil_timeout
from yarl import URL

from despoolr_client.transport.exchange import Address
from despoolr_client.transport.message import JOINED_MAX, Fenced, Said
from despoolr_client.transport.replies import Reply
from despoolr_client.transport.session_options import session_options
from despoolr_lab.sim.hosts import HostNetwork, Listener
from despoolr_lab.sim.values import CallInFlight, LateParser

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
        self._factory: partial[Any] = partial(LateParser, loop=self._loop)
        self.converse = self._converse if network.carries_values else None
        """How a share's request goes without bytes (`despoolr_client.transport.exchange`)."""

    async def _converse(
        self,
        address: Address,
        said: Said,
        timeout: aiohttp.ClientTimeout,
        may_send: Callable[[], bool] | None,
    ) -> Reply | None:
        """Send and be answered; None if it must go as bytes: nothing has been done then. Raises
        what `exchange` does.
        """
        if said.data is not None and len(said.data) > JOINED_MAX:
            return None
        if said.method == hdrs.METH_HEAD or timeout.sock_read:
            return None
        until = self._loop.time() + timeout.total if timeout.total else None
        protocol = self._take(address.key)
        if protocol is None:
            async with asyncio.timeout_at(until):
                protocol = await self._wait_and_take(address.key)
            if protocol is None:
                return None
        if may_send is not None and not may_send():
            self._give_back(address.key, protocol)
            raise Fenced
        near = protocol.transport
        assert near is not None, "it was taken as one that is connected"
        try:
            reply = await CallInFlight(protocol, near, said, until).reply(protocol)
        except BaseException:
            self._release(address.key, protocol, should_close=True)
            raise
        self._give_back(address.key, protocol)
        return reply

    def _take(self, key: ConnectionKey) -> LateParser | None:
        """What `connect` would give of connections that are kept, in the order in which it would;
        None: ask that.
        """
        kept = self._conns.get(key)
        if not kept:
            return None
        protocol, since = cast("tuple[LateParser, float]", kept[0])
        keepalive_s, near = self._keepalive_timeout, protocol.transport
        is_old = keepalive_s is not None and self._loop.time() - since > keepalive_s
        if is_old or near is None or near.is_closing() or not near.outgoing.is_empty:
            return None
        kept.popleft()  # aiohttp does without a key of no connection, and does not miss it
        self._acquired.add(protocol)
        return protocol

    async def _wait_and_take(self, key: ConnectionKey) -> LateParser | None:
        """The same after there was none, for one whom `connect` would let wait."""
        if self._available_connections(key) > 0:
            return None
        await self._wait_for_available_connection(key, [])
        return self._take(key)

    def _give_back(self, key: ConnectionKey, protocol: LateParser) -> None:
        """What releasing a connection does after an answer that came whole."""
        if self._closed or self._cleanup_handle is None or protocol.should_close:
            self._release(key, protocol)
            return
        self._acquired.discard(protocol)
        if self._waiters:
            self._release_waiter()
        self._conns[key].append((protocol, self._loop.time()))

    async def _create_connection(
        self, req: aiohttp.ClientRequest, _traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        if req.is_ssl():
            raise aiohttp.ClientConnectionError("the simulated network carries no TLS")
        host, port = req.url.raw_host or "", req.port
        try:
            async with ceil_timeout(timeout.sock_connect, timeout.ceil_threshold):
                _, protocol = await self._network.connect(
                    self._factory, host, port or 80, source=self._source
                )
        except socket.gaierror as exc:
            raise aiohttp.ClientConnectorDNSError(req.connection_key, exc) from exc
        except OSError as exc:
            if exc.errno is None:
                raise  # asyncio's own timeout is an OSError too
            raise aiohttp.ClientConnectorError(req.connection_key, exc) from exc
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
