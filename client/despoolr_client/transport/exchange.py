"""One HTTP/1.1 exchange over a connection of aiohttp's pool: a request said in one write, and its
whole answer.

The law: on the wire a request is, line for line, what `aiohttp.ClientSession.request` would send,
and what may go wrong is what goes wrong there; connections, their pool, names, TLS and the parser
are aiohttp's own. What is saved is everything around them that a share's small calls have no use
for (cookies, redirects, payload objects, a multidict for each request): half of a call's cost,
which is most of what a fleet does. A session's default headers are sent; its proxy, its `auth` and
its traces are not looked at. Contract tests hold the two side by side; aiohttp's minor version is
pinned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast
from weakref import WeakKeyDictionary

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

JOINED_MAX: Final = 64 * 1024
"""Bytes of body that are joined with the head; more are not copied once more."""

_REPEATABLE: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""Sent again on another connection where a kept one turns out to be closed (RFC 9110, 9.2.2)."""
_BODYLESS: Final = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class Fenced(ConnectionError):
    """The request was not sent: whoever asks may not act any more."""


class Reply(msgspec.Struct, frozen=True):
    """A server's answer: status, headers and body."""

    status: int
    etag: str
    body: bytes


class Said(NamedTuple):
    """A request: `lines` are all of its header lines."""

    method: str
    target: str
    lines: str
    data: bytes | None

    def head(self) -> bytes:
        """As it goes over the wire, without the body."""
        text = f"{self.method} {self.target} HTTP/1.1\r\n{self.lines}\r\n"
        # an ETag goes back as the bytes it came as
        return text.encode(errors="surrogateescape")


class Address:
    """A server as one session reaches it: what the pool must know of it, and the lines with which
    every request begins.
    """

    __slots__ = ("lines", "path", "request")

    def __init__(self, http: aiohttp.ClientSession, base: str) -> None:
        """Raises `aiohttp.NonHttpUrlClientError` for a URL that is not HTTP."""
        url = URL(base)
        if (
            http.connector is not None
            and url.scheme not in http.connector.allowed_protocol_schema_set
        ):
            raise aiohttp.NonHttpUrlClientError(url)
        self.request = aiohttp.ClientRequest("GET", url, loop=asyncio.get_running_loop())
        self.path = url.raw_path.rstrip("/")
        self.lines = header_lines({hdrs.HOST: self.request.headers[hdrs.HOST], **http.headers})


_ADDRESSES: Final[WeakKeyDictionary[aiohttp.ClientSession, dict[str, Address]]] = (
    WeakKeyDictionary()
)


def address_of(http: aiohttp.ClientSession, base: str) -> Address:
    """The address of a server, made once for all that share a session. Raises aiohttp's
    `InvalidURL` for what is none.
    """
    known = _ADDRESSES.setdefault(http, {})
    found = known.get(base)
    if found is None:
        found = known[base] = Address(http, base)
    return found


def header_lines(headers: Mapping[str, str]) -> str:
    """Headers as they go over the wire. Raises `ValueError` for a value that would be two lines."""
    lines = ""
    for name, value in headers.items():
        if "\n" in value or "\r" in value or "\0" in value:
            raise ValueError(f"a line end in {name}: {value[:60]!r}")
        lines += f"{name}: {value}\r\n"
    return lines


async def exchange(
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
    lines = address.lines + lines
    if data is not None:
        lines += f"Content-Length: {len(data)}\r\nContent-Type: application/octet-stream\r\n"
    elif method not in _BODYLESS:
        lines += "Content-Length: 0\r\n"
    said = Said(method, address.path + target, lines, data)
    connector = http.connector
    if connector is None:
        raise RuntimeError("Session is closed")
    may_repeat = method in _REPEATABLE
    async with asyncio.timeout(timeout.total or None):  # as there, 0 is no bound
        while True:
            connection = await connector.connect(address.request, [], timeout)
            if may_send is not None and not may_send():
                connection.release()
                raise Fenced("this process may not act for that machine any more")
            try:
                return await _converse(connection, said, timeout)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not may_repeat:
                    raise
                may_repeat = False


async def _converse(connection: Any, said: Said, timeout: aiohttp.ClientTimeout) -> Reply:
    """On one connection, which goes back to the pool, or is closed if anything went wrong."""
    try:
        protocol = connection.protocol
        transport = cast("asyncio.Transport | None", protocol.transport)
        if transport is None or transport.is_closing():
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(
            skip_payload=said.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=timeout.sock_read,
        )
        hand_over = getattr(transport, "hand_over", None)  # where there is no wire
        if hand_over is None or not hand_over(said):
            head, data = said.head(), said.data
            if data is None or len(data) <= JOINED_MAX:
                transport.write(head + data if data else head)
            else:
                transport.write(head)
                transport.write(data)
        protocol.start_timeout()
        while True:
            message, payload = await protocol.read()
            if message.code == 101 or not 100 <= message.code < 200:
                break
        body = await payload.read()
    except BaseException:
        connection.close()
        raise
    if transport.get_write_buffer_size():
        # answered before it was all read: what is left to say would go before the next request
        connection.close()
    else:
        connection.release()
    return Reply(message.code, message.headers.get(hdrs.ETAG, ""), body)
