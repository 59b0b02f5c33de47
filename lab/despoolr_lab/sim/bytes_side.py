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
from aiohttp import HttpVersion11, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import ceil_timeout
from aiohttp.http import RawRequestMessage
from yarl import URL

from despoolr_client.transport.message import Said
from despoolr_client.transport.replies import Reply
from despoolr_client.transport.session_options import session_options
from despoolr_client.transport.wire import answer, begin
from despoolr_lab.sim.hosts import HostNetwork, Listener
from despoolr_lab.sim.transport import MemoryTransport
from despoolr_server.http.base.counts.traffic import TRAFFIC, Traffic
from despoolr_server.http.connections.connection_limits import UNLIMITED
from despoolr_server.http.connections.connections import Connections
from despoolr_server.http.connections.served import application
from despoolr_server.http.connections.whole_request import WholeRequest


class LateParser(ResponseHandler):
    """The client's end of a connection. It has a parser when bytes come: most answers are none."""

    transport: MemoryTransport | None
    is_answer_due = False
    """Whether what comes is the answer to a call."""

    def wait(self) -> asyncio.Future[None]:
        """What is done when bytes have come, and when it is called so; it raises what the
        connection is lost for. Then `stop_waiting`.
        """
        self._parser, self.is_answer_due = None, True
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def wait_as(self, waiter: asyncio.Future[None]) -> None:
        """The same for one who waits already."""
        self._parser, self.is_answer_due = None, True
        self._waiter = waiter

    def stop_waiting(self) -> None:
        """Go on as if nobody had waited."""
        self._waiter, self.is_answer_due = None, False

    def data_received(self, data: bytes) -> None:
        if self.is_answer_due:
            self.is_answer_due = False
            begin(self)
        super().data_received(data)


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
        self._factory: partial[Any] = partial(ResponseHandler, loop=self._loop)

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


def session(
    network: HostNetwork, source: str, limit: int, keepalive_s: float, kwargs: dict[str, Any]
) -> aiohttp.ClientSession:
    """A session of aiohttp's on the network."""
    connector = MemoryConnector(network, source, limit=limit, keepalive_timeout=keepalive_s)
    return aiohttp.ClientSession(connector=connector, **session_options(kwargs))


async def converse(protocol: LateParser, said: Said) -> Reply:
    """Say a request as bytes, and read the answer. Raises aiohttp's `ServerDisconnectedError` where
    nobody hears it, and what its parser raises.
    """
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ServerDisconnectedError
    begin(protocol, is_head=said.method == "HEAD")
    head, data = said.head(), said.data
    if data is None or len(data) <= 64 * 1024:
        transport.write(head + data if data else head)
    else:
        transport.write(head)
        transport.write(data)
    protocol.start_timeout()
    return await answer(protocol)


def server_of(server: Any) -> Connections:
    """aiohttp's server of an application that is asked by values (a `ValueServer`)."""
    made = application(server.app)
    loop = asyncio.get_running_loop()
    plain = made._make_handler(
        loop=loop, access_log=None, auto_decompress=False, keepalive_timeout=server.keepalive_s
    )
    return Connections(
        plain.request_handler,
        lane=server.lane,
        limits=UNLIMITED,
        traffic=server.app.things.get(TRAFFIC) or Traffic(line_s=0.0),
        request_factory=plain.request_factory,
        loop=loop,
        **plain._kwargs,
    )


def request_of(request: Any, real: Any) -> WholeRequest:
    """The request of an application that is asked by values, as aiohttp has it."""
    block = request.block
    message = RawRequestMessage(
        request.method,
        request.raw_path,
        HttpVersion11,
        block.headers,
        block.raw,
        False,
        None,
        False,
        False,
        cast(Any, None),
    )
    made = WholeRequest(message, request.body, real, request._loop, request.match_info, request.app)
    made.__dict__["_rel_url"] = URL(request.raw_path, encoded=True)
    return made
