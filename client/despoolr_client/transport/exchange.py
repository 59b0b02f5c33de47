"""One HTTP/1.1 exchange over a connection of aiohttp's pool: a request said in one write, and its
whole answer.

The law: on the wire a request is, line for line, what `aiohttp.ClientSession.request` would send,
and what may go wrong is what goes wrong there; connections, their pool, names, TLS and the parser
are aiohttp's own. What is saved is everything around them that a share's small calls have no use
for (cookies, redirects, payload objects, a multidict for each request): half of a call's cost,
which is most of what a fleet does. A connection that was used once is kept past the pool, and short
answers on it are read past the parser (`wire`): a third of what is left. `GET`s of several may go
there in one write (RFC 9112, 9.3.2), which the kernel, the loop and the server have to do with
once; whatever is odd about an answer, those from it on ask alone. So do calls of one turn that wait
for nobody (`wire`). A session's default headers are sent; its proxy, its `auth` and its traces are
not looked at. Contract tests hold the two side by side; aiohttp's minor version is pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import aiohttp
import msgspec
from aiohttp import hdrs
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from despoolr_client.transport.message import (
    JOINED_MAX,
    Ask,
    Fenced,
    Said,
    header_lines,
)
from despoolr_client.transport.replies import Reply
from despoolr_client.transport.wire import Wire, Wires, answer, begin, done_with, goes_with_others

SEVERAL_S: Final = 10.0
"""Seconds of this machine in which they are answered, or asked again alone."""

_REPEATABLE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""Sent again on another connection where a kept one turns out to be closed (RFC 9110, 9.2.2)."""
_NO_TIMEOUT: Final = aiohttp.ClientTimeout()
_BODYLESS: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class Address:
    """A server as one session reaches it: what the pool must know of it, and the lines with which
    every request begins.
    """

    __slots__ = (
        "begin",
        "converse",
        "idle",
        "key",
        "lines",
        "path",
        "request",
        "wires",
    )

    def __init__(self, http: aiohttp.ClientSession, base: str, wires: Wires) -> None:
        """Raises `aiohttp.NonHttpUrlClientError` for a URL that is not HTTP."""
        url = URL(base)
        if (
            http.connector is not None
            and url.scheme not in http.connector.allowed_protocol_schema_set
        ):
            raise aiohttp.NonHttpUrlClientError(url)
        self.request = aiohttp.ClientRequest("GET", url, loop=asyncio.get_running_loop())
        self.key = self.request.connection_key
        self.path = url.raw_path.rstrip("/")
        self.lines = header_lines({hdrs.HOST: self.request.headers[hdrs.HOST], **http.headers})
        self.begin = f" HTTP/1.1\r\n{self.lines}"
        """What follows a target."""
        self.wires = wires
        self.idle = wires.of_one_server()
        self.converse = getattr(http.connector, "converse", None)
        """How a connector without wires has a call answered; what it answers None it leaves to
        us.
        """


class _Known(msgspec.Struct, frozen=True):
    """What is kept for one session."""

    addresses: dict[str, Address]
    wires: Wires


_SESSIONS: Final[WeakKeyDictionary[aiohttp.ClientSession, _Known]] = WeakKeyDictionary()


def address_of(http: aiohttp.ClientSession, base: str) -> Address:
    """The address of a server, made once for all that share a session. Raises aiohttp's
    `InvalidURL` for what is none.
    """
    known = _SESSIONS.get(http)
    if known is None:
        known = _SESSIONS[http] = _Known({}, _wires_of(http.connector))
    found = known.addresses.get(base)
    if found is None:
        found = known.addresses[base] = Address(http, base, known.wires)
    return found


def _wires_of(pool: aiohttp.BaseConnector | None) -> Wires:
    """None are kept beside a pool that has a limit for each server: nobody here counts them."""
    if pool is None:
        return Wires(0)
    return Wires(pool.limit, keeps_any=not pool.limit_per_host)


def way_to(http: aiohttp.ClientSession, base: str) -> Ask:
    """How a server is asked over a session. Raises aiohttp's `InvalidURL` for what is none."""
    address = address_of(http, base)

    async def ask(
        method: str,
        target: str,
        lines: str,
        data: bytes | None,
        timeout: aiohttp.ClientTimeout,
        may_send: Callable[[], bool] | None,
    ) -> Reply:
        try:
            return await exchange(http, address, method, target, lines, data, timeout, may_send)
        except (aiohttp.ClientError, HttpProcessingError) as error:
            if isinstance(error, OSError):
                raise
            raise ConnectionError(str(error)) from error

    return ask


async def exchange(  # noqa: C901 - a hot path, with its repetitions
    http: aiohttp.ClientSession,
    address: Address,
    method: str,
    target: str,
    lines: str,
    data: bytes | None,
    timeout: aiohttp.ClientTimeout,
    may_send: Callable[[], bool] | None = None,
) -> Reply:
    """Send and be answered. `target` is percent-encoded, `lines` are `header_lines`.

    `may_send` is asked right before the request goes out, after every wait. Raises aiohttp's
    `ClientError`, `HttpProcessingError` for an answer that is not HTTP, `TimeoutError`, `OSError`,
    of these `Fenced` if it may not go out.
    """
    connector = http.connector
    if connector is None:  # what it kept may live on: another session may have that pool too
        raise RuntimeError("Session is closed")
    shared = None
    if data is not None:
        lines += f"Content-Length: {len(data)}\r\nContent-Type: application/octet-stream\r\n"
        shared = timeout if goes_with_others(target, data) else None
    elif method not in _BODYLESS:
        lines += "Content-Length: 0\r\n"
    wires = address.wires
    now = wires.now()
    deadline = now + timeout.total if timeout.total else inf  # as there, 0 is no bound
    has_repeated = False
    if address.converse is not None:
        said = Said(method, address.path + target, address.lines + lines, data)
        try:
            reply: Reply | None = await address.converse(address, said, timeout, may_send)
            if reply is not None:
                return reply
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if method not in _REPEATABLE:
                raise
            has_repeated = True
    wire = address.idle.joined if shared is not None else None
    joins = wire is not None and wire.takes_more(now, shared)
    if not joins:
        wire = _kept(address, method, data, timeout)
    if wire is not None:
        if may_send is not None and not may_send():
            if not joins:
                wire.rest()
            raise Fenced
        # as `head_of` has it, joined once
        head = f"{method} {address.path}{target}{address.begin}{lines}\r\n".encode(
            "utf-8", "surrogateescape"
        )
        asked = head + data if data else head
        waiter = wire.ask_behind(asked) if joins else wire.ask(asked, now, deadline, shared)
        try:  # without a coroutine of the wire's own: a twentieth of an exchange
            reply = await waiter
            return reply if reply is not None else await wire.rest_of(deadline)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            wire.break_off(waiter)
            if has_repeated or method not in _REPEATABLE:
                raise
            has_repeated = True
        except BaseException:
            wire.break_off(waiter)
            raise
    may_repeat = not has_repeated and method in _REPEATABLE
    said = Said(method, address.path + target, address.lines + lines, data)
    wires.over_pool_count += 1
    try:
        async with asyncio.timeout_at(deadline if deadline < inf else None):
            return await _over_the_pool(
                connector, address, said, timeout, may_send, may_repeat=may_repeat
            )
    finally:
        wires.over_pool_count -= 1


def may_ask_several(address: Address) -> bool:
    """Whether there is a connection now on which several questions may go."""
    return bool(address.idle) and address.wires.now() >= address.idle.alone_until


async def exchange_several(
    address: Address,
    gets: Sequence[tuple[str, str]],
    may_send: Callable[[], bool] | None = None,
) -> list[Reply]:
    """Ask several `GET`s (target and lines, as `exchange` has them) at once. The answers, in their
    order: of those that are left over one is asked alone. Raises nothing for what a server says.
    """
    wire = _kept(address, hdrs.METH_GET, None, _NO_TIMEOUT)
    if wire is None:
        return []
    if may_send is not None and not may_send():
        wire.rest()
        return []
    path, begin = address.path, address.begin
    asked = "".join(f"GET {path}{target}{begin}{own}\r\n" for target, own in gets)
    now = address.wires.now()
    data = asked.encode(errors="surrogateescape")
    replies = await wire.ask_several(data, len(gets), now, now + SEVERAL_S)
    if len(replies) < len(gets):
        address.idle.ask_alone()
    return replies


def _kept(
    address: Address, method: str, data: bytes | None, timeout: aiohttp.ClientTimeout
) -> Wire | None:
    """A kept connection, where there is one and the call is for it."""
    if method == hdrs.METH_HEAD or timeout.sock_read or (data and len(data) > JOINED_MAX):
        return None
    idle = address.idle
    while idle:
        wire = idle.pop()
        if not wire.transport.is_closing():
            return wire
        wire.leave()
    return None


async def _over_the_pool(
    connector: aiohttp.BaseConnector,
    address: Address,
    said: Said,
    timeout: aiohttp.ClientTimeout,
    may_send: Callable[[], bool] | None,
    *,
    may_repeat: bool,
) -> Reply:
    while True:
        connection = await _connect(connector, address, timeout)
        if may_send is not None and not may_send():
            connection.release()
            raise Fenced
        try:
            return await _converse(connection, said, timeout, address)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if not may_repeat:
                raise
            may_repeat = False


async def _connect(
    connector: aiohttp.BaseConnector, address: Address, timeout: aiohttp.ClientTimeout
) -> Any:
    wires = address.wires
    if address.idle:  # what is too long for it goes over the same connection all the same
        address.idle[-1].give_back()
    else:
        wires.make_room()
    wires.seeking_count += 1
    try:
        return await connector.connect(address.request, [], timeout)
    finally:
        wires.seeking_count -= 1


async def _converse(
    connection: Any, said: Said, timeout: aiohttp.ClientTimeout, address: Address
) -> Reply:
    """On one connection, which is kept, goes back to the pool, or is closed if anything went
    wrong.
    """
    try:
        protocol = connection.protocol
        transport = cast("asyncio.Transport | None", protocol.transport)
        if transport is None or transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        begin(protocol, is_head=said.method == hdrs.METH_HEAD, read_timeout_s=timeout.sock_read)
        head, data = said.head(), said.data
        if data is None or len(data) <= JOINED_MAX:
            transport.write(head + data if data else head)
        else:
            transport.write(head)
            transport.write(data)
        protocol.start_timeout()
        reply = await answer(protocol)
    except BaseException:
        connection.close()
        raise
    if not address.wires.keep(connection, address.idle):
        done_with(connection)
    return reply
