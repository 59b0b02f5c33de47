"""Requests and answers that cross the simulated network as values, not as bytes: nothing is put
together, parsed, or handed through a connection's loop.

The law: connections, links, faults and time are those of the byte carrier, and routing, rights,
handlers and problems are the server's own. What is not a plain request to a connection that waits
for one, or not an answer that is whole, goes as bytes. So both carriers record the same.
"""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, cast

from aiohttp import HttpVersion11, StreamReader, hdrs, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from despoolr_client.transport.exchange import JOINED_MAX, Said
from despoolr_lab.sim.transport import MemoryTransport
from despoolr_server.http.base.single_write import SingleWriteResponse
from despoolr_server.http.connections.connection import Connection

HEAD_MAX: Final = 8_000
"""Characters of a head; a parser has its say about a longer one."""
_READ_MAX: Final = 2**16
_KNOWN_MAX: Final = 4_096


def hand_over(near: MemoryTransport, said: Said) -> bool:
    """Send a request as values; False if it must go as bytes."""
    data = said.data
    size = len(said.target) + len(said.lines)
    if (data is not None and len(data) > JOINED_MAX) or size > HEAD_MAX:
        return False
    if not (said.target.isascii() and said.lines.isascii()) or said.target[:1] != "/":
        return False
    near.send(RequestInFlight(said, size + len(data or b"")))
    return True


class RequestInFlight:
    """A request on its way."""

    __slots__ = ("_said", "_size")

    def __init__(self, said: Said, size: int) -> None:
        self._said = said
        self._size = size

    def __len__(self) -> int:
        return self._size

    def arrive(self, receiver: MemoryTransport) -> None:
        """Have it handled, if the connection waits for nothing else; else let it be parsed."""
        connection, said = receiver.protocol, self._said
        if isinstance(connection, Connection) and _is_ready(connection):
            loop = _Loop(connection._task_handler, connection._waiter)
            connection._waiter = None
            connection._task_handler = receiver.loop.create_task(
                _handle(receiver, connection, loop, said), context=receiver.context.copy()
            )
        else:
            connection.data_received(said.head() + (said.data or b""))


class AnswerInFlight:
    """A whole answer on its way. To who reads it, it is a message and its body."""

    __slots__ = ("_body", "code", "headers")

    def __init__(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.code = code
        self.headers = headers
        self._body = body

    def __len__(self) -> int:
        return len(self._body) + 1

    def arrive(self, receiver: MemoryTransport) -> None:
        """Wake who waits for it."""
        protocol: Any = receiver.protocol
        assert isinstance(protocol, ResponseHandler), "an answer to nobody who asked"
        protocol._drop_timeout()
        protocol.feed_data((self, self))  # type: ignore[arg-type]

    async def read(self) -> bytes:
        """The body, all of which came with the head."""
        return self._body


def _is_ready(connection: Connection) -> bool:
    """Whether it has answered before, and waits for the next request with nothing begun."""
    waiter = connection._waiter
    return (
        waiter is not None
        and not waiter.done()
        and connection._is_plain
        and not connection.is_silent
        and connection._body is None
        and not connection._messages
        and not connection._force_close
    )


class _Loop(NamedTuple):
    """The task of `RequestHandler.start`, and what it waits for: the next request."""

    task: asyncio.Task[None] | None
    waiter: asyncio.Future[None] | None

    def end(self) -> None:
        """No other request will come."""
        assert self.waiter is not None
        self.waiter.cancel()


async def _handle(far: MemoryTransport, connection: Connection, loop: _Loop, said: Said) -> None:
    """What `RequestHandler.start` does for one request; it waits meanwhile, as for a handler."""
    if sys.version_info < (3, 12):
        await asyncio.sleep(0)  # there its handler is a task that waits its turn
    manager = connection._manager
    if manager is None:  # it was lost in the same moment
        loop.end()
        return
    manager.requests_count += 1
    payload: Any = EMPTY_PAYLOAD
    if said.data:
        payload = StreamReader(connection, _READ_MAX, loop=far.loop)
        payload.feed_data(said.data)
        payload.feed_eof()
    request = manager.request_factory(
        _message(said),
        payload,
        connection,
        StreamWriter(connection, far.loop),
        cast("asyncio.Task[None]", asyncio.current_task()),
    )
    is_kept = False
    try:
        is_kept = await _answer(far, connection, request)
    finally:
        request._task = None  # type: ignore[assignment]
        if connection._current_request is request:
            connection._current_request = None
        connection._request_in_progress = False
        if connection._handler_waiter is not None and not connection._handler_waiter.done():
            connection._handler_waiter.set_result(None)
        if is_kept and not connection._close and not connection._force_close:
            connection._waiter, connection._task_handler = loop.waiter, loop.task
            connection._next_keepalive_close_time = far.loop.time() + connection._keepalive_timeout
        else:
            loop.end()
            far.close()


async def _answer(far: MemoryTransport, connection: Connection, request: Any) -> bool:
    """Handle a request and say the answer; whether the connection is kept."""
    connection._request_in_progress = True
    connection._current_request = request
    outcome: web.StreamResponse | Exception
    assert connection._request_handler is not None
    try:
        outcome = await connection._request_handler(request)
    except Exception as error:
        outcome = error
    if type(outcome) is SingleWriteResponse and outcome.is_usual(request) and not far.is_closing():
        request._finish()
        plain = outcome._plain or {}
        tag = plain.get("ETag") or plain.get(hdrs.ETAG, "")
        far.send(AnswerInFlight(outcome._status, {hdrs.ETAG: tag}, outcome._content))
        return True
    try:
        made, is_lost = await connection._handle_request(request, None, partial(_again, outcome))
    except ConnectionError:
        return False
    return not is_lost and bool(made.keep_alive)


async def _again(outcome: web.StreamResponse | Exception, _request: Any) -> web.StreamResponse:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _message(said: Said) -> RawRequestMessage:
    headers, raw = _headers(said.lines)
    return RawRequestMessage(
        said.method,
        said.target,
        HttpVersion11,
        headers,
        raw,
        False,
        None,
        False,
        False,
        _url(said.target),
    )


@lru_cache(maxsize=_KNOWN_MAX)
def _headers(lines: str) -> tuple[CIMultiDictProxy[str], tuple[tuple[bytes, bytes], ...]]:
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        headers.add(name, value.strip(" \t"))
    raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return CIMultiDictProxy(headers), raw


@lru_cache(maxsize=_KNOWN_MAX)
def _url(target: str) -> URL:
    path, _, query = target.partition("?")
    return URL.build(path=path, query_string=query, encoded=True)
