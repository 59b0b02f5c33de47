"""A client's session whose calls go as values, with the pool that aiohttp's connector would have.

The law: which connection is taken, who waits for one, when one is too old, and what is told of one
that was lost is as there (`BaseConnector`); a story is told over both (`tests/sim/test_values.py`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from despoolr_app.site_client.client import HttpAnswer
from despoolr_client.transport.message import JOINED_MAX, Ask, Fenced, Said, header_lines
from despoolr_client.transport.replies import Reply
from despoolr_lab.sim.late import bytes_side
from despoolr_lab.sim.transport import MemoryTransport
from despoolr_lab.sim.values import CallInFlight

if TYPE_CHECKING:
    from despoolr_lab.sim.bytes_side import LateParser
    from despoolr_lab.sim.hosts import HostNetwork

_REPEATABLE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
_BODYLESS: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_CEIL_S: Final = 5.0
"""From here on aiohttp's timers end at a whole second."""

Key = tuple[str, int]


class Lost(ConnectionError):
    """A connection was lost before the answer."""


class Timeout(msgspec.Struct, frozen=True):
    """What of `aiohttp.ClientTimeout` a session here has."""

    total: float | None = 60.0
    sock_read: float | None = None


class NearEnd(asyncio.Protocol):
    """The client's end of a connection, on which nothing but values has come yet."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._transport: MemoryTransport | None = None
        self.real: LateParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None

    @property
    def transport(self) -> MemoryTransport | None:
        return self._transport if self.real is None else self.real.transport

    @property
    def should_close(self) -> bool:
        return self.real is not None and self.real.should_close

    @property
    def is_connected(self) -> bool:
        transport = self.transport
        return transport is not None and not transport.is_closing()

    def wait(self) -> asyncio.Future[None]:
        """What is done when the answer has come; it raises what the connection is lost for. Then
        `stop_waiting`.
        """
        if self.real is not None:
            return self.real.wait()
        self._waiter = waiter = self.loop.create_future()
        return waiter

    def stop_waiting(self) -> None:
        """Go on as if nobody had waited."""
        if self.real is not None:
            self.real.stop_waiting()
        self._waiter = None

    def become_real(self) -> LateParser:
        """Let aiohttp read what comes."""
        if self.real is None:
            self.real = real = bytes_side().LateParser(loop=self.loop)
            transport, self._transport = self._transport, None
            if transport is not None:
                transport.protocol = real
                real.connection_made(transport)
            if self._waiter is not None:
                real.wait_as(self._waiter)
        return self.real

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, MemoryTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.become_real().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            lost = Lost(*exc.args) if isinstance(exc, OSError) else Lost("Server disconnected")
            self._waiter.set_exception(lost)

    def close(self) -> None:
        if self.real is not None:
            self.real.close()
        elif self._transport is not None:
            self._transport.close()
            self._transport = None


class ValueSession:
    """What `aiohttp.ClientSession` is to a machine's calls. To be closed."""

    timeout = Timeout()

    def __init__(
        self, network: HostNetwork, source: str, *, limit: int, keepalive_s: float, chance: Random
    ) -> None:
        self._network = network
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._keepalive_s = keepalive_s
        self._chance = chance
        self._kept: defaultdict[Key, deque[tuple[NearEnd, float]]] = defaultdict(deque)
        self._acquired: dict[object, None] = {}
        self._waiters: defaultdict[Key, OrderedDict[asyncio.Future[None], None]] = defaultdict(
            OrderedDict
        )
        self._cleaning: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def __aenter__(self) -> ValueSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def way_to(self, base: str) -> Ask:
        """How a server is asked."""
        url = urlsplit(base)
        key = (url.hostname or "", url.port or 80)
        host = key[0] if key[1] == 80 else f"{key[0]}:{key[1]}"
        lines = header_lines({"Host": host, "User-Agent": "despoolr"})
        return partial(self._ask, key, url.path.rstrip("/"), lines)

    async def close(self) -> None:
        """Close all connections, also those that wait for an answer."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._cleaning is not None:
            self._cleaning.cancel()
        for kept in self._kept.values():
            for end, _ in kept:
                end.close()
        for taken in self._acquired:
            if isinstance(taken, NearEnd):
                taken.close()
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.cancel()
        # who asks again, since their connection was lost, waits for no place
        self._kept.clear()
        self._acquired.clear()
        self._waiters.clear()

    # -- one call

    async def _ask(
        self,
        key: Key,
        above: str,
        always: str,
        method: str,
        target: str,
        lines: str,
        data: bytes | None,
        timeout: Any,
        may_send: Callable[[], bool] | None,
    ) -> Reply:
        if self._is_closed:
            raise RuntimeError("Session is closed")
        said = Said(method, above + target, always + lines + _of_body(method, lines, data), data)
        until = self._loop.time() + timeout.total if timeout.total else None
        may_repeat = method in _REPEATABLE
        while True:
            end = self._take(key)
            if end is None:
                async with asyncio.timeout_at(until):
                    end = await self._connect(key)
            if may_send is not None and not may_send():
                self._give_back(key, end)
                raise Fenced
            try:
                reply = await self._converse(end, said, until)
            except BaseException as error:
                self._release(key, end, closes=True)
                if not may_repeat or not _is_lost(error):
                    raise
                may_repeat = False
            else:
                self._give_back(key, end)
                return reply

    async def _converse(self, end: NearEnd, said: Said, until: float | None) -> Reply:
        near = end.transport
        if near is None or near.is_closing():
            raise Lost("Server disconnected")
        is_value = (said.data is None or len(said.data) <= JOINED_MAX) and said.method != "HEAD"
        if is_value and near.outgoing.is_empty:
            return await CallInFlight(end, near, said, until).reply(end)
        async with asyncio.timeout_at(until):
            reply: Reply = await bytes_side().converse(end.become_real(), said)
            return reply

    # -- the pool

    def _take(self, key: Key) -> NearEnd | None:
        kept = self._kept.get(key)
        now = self._loop.time()
        while kept:
            end, since = kept.popleft()
            if end.is_connected and now - since <= self._keepalive_s:
                if not kept:
                    del self._kept[key]
                self._acquired[end] = None
                return end
            end.close()
        self._kept.pop(key, None)
        return None

    async def _connect(self, key: Key) -> NearEnd:
        if self._available() <= 0:
            await self._wait(key)
            end = self._take(key)
            if end is not None:
                return end
        place = object()
        self._acquired[place] = None
        host, port = key
        try:
            try:
                _, made = await self._network.connect(NearEnd, host, port, source=self._source)
            except OSError as error:
                if error.errno is None:
                    raise  # asyncio's own timeout is an OSError too
                why = f"Cannot connect to host {host}:{port} ssl:default [{error.strerror}]"
                raise ConnectionError(why) from error
        except BaseException:
            self._acquired.pop(place, None)
            self._release_waiter()
            raise
        assert isinstance(made, NearEnd)
        self._acquired.pop(place, None)
        if self._is_closed:
            made.close()
            raise ConnectionError("Connector is closed.")
        self._acquired[made] = None
        return made

    def _available(self) -> int:
        return self._limit - len(self._acquired) if self._limit else 1

    async def _wait(self, key: Key) -> None:
        attempts = 0
        while True:
            waiter = self._loop.create_future()
            waiters = self._waiters[key]
            waiters[waiter] = None
            if attempts:
                waiters.move_to_end(waiter, last=False)
            try:
                await waiter
            finally:
                waiters.pop(waiter, None)
                if not self._waiters.get(key, True):
                    del self._waiters[key]
            if self._available() > 0:
                return
            attempts += 1

    def _release_waiter(self) -> None:
        if not self._waiters:
            return
        keys = list(self._waiters)
        self._chance.shuffle(keys)
        for key in keys:
            if self._available() < 1:
                continue
            waiters = self._waiters[key]
            while waiters:
                waiter, _ = waiters.popitem(last=False)
                if not waiter.done():
                    waiter.set_result(None)
                    return

    def _give_back(self, key: Key, end: NearEnd) -> None:
        self._release(key, end, closes=end.should_close)

    def _release(self, key: Key, end: NearEnd, *, closes: bool) -> None:
        if self._is_closed:
            return
        self._acquired.pop(end, None)
        self._release_waiter()
        if closes:
            end.close()
            return
        self._kept[key].append((end, self._loop.time()))
        if self._cleaning is None:
            self._clean_later()

    def _clean_later(self) -> None:
        when = self._loop.time() + self._keepalive_s
        self._cleaning = self._loop.call_at(
            ceil(when) if self._keepalive_s >= _CEIL_S else when, self._clean
        )

    def _clean(self) -> None:
        oldest = self._loop.time() - self._keepalive_s
        for key, kept in list(self._kept.items()):
            alive = deque((end, at) for end, at in kept if end.is_connected and at >= oldest)
            for end, at in kept:
                if not (end.is_connected and at >= oldest):
                    end.close()
            if alive:
                self._kept[key] = alive
            else:
                del self._kept[key]
        self._cleaning = None
        if self._kept:
            self._clean_later()


def _of_body(method: str, lines: str, data: bytes | None) -> str:
    """The header lines that tell of a body."""
    if data is None:
        return "" if method in _BODYLESS else "Content-Length: 0\r\n"
    size = f"Content-Length: {len(data)}\r\n"
    if "Content-Type: " in lines:
        return size
    return f"{size}Content-Type: application/octet-stream\r\n"


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, Lost) or type(error).__name__ in (
        "ClientOSError",
        "ServerDisconnectedError",
    )


async def carry(
    session: ValueSession,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Any,
    *,
    timeout_s: float | None,
    size_max: int,  # noqa: ARG001 - what answers here is ours
) -> HttpAnswer:
    """A request of the site API (`despoolr_app.site_client.client.Transport`)."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    timeout: Any = session.timeout if timeout_s is None else Timeout(timeout_s)
    ask = session.way_to(f"{parts.scheme}://{parts.netloc}")
    reply = await ask(method, target, header_lines(headers), body, timeout, None)
    return HttpAnswer(reply.status, reply.body)
