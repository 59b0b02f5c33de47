"""What becomes of answers where aiohttp serves a socket.

The law: it is imported when there is something to be sent, or to be read that aiohttp reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE

from despoolr_server.http.handling import hdrs

EXPECTING: Final = web.RequestKey("expecting", bool)
"""Set for a request with `Expect: 100-continue`: true until it has been told to continue."""

_SILENT: Final = frozenset((204, 304))
"""Statuses whose answers have neither body nor length."""
_SERVER: Final = f"Server: {SERVER_SOFTWARE}\r\n\r\n"


# -- an answer in one write


def rendered(status: int, plain: Mapping[str, str] | str | None, body: bytes) -> bytes:
    """Head and body, for a connection that is kept."""
    head = _status_line(status)
    if isinstance(plain, str):
        head += plain
    elif plain is not None:
        for name, value in plain.items():
            head += f"{name}: {value}\r\n"
    date = rfc822_formatted_time()
    if status in _SILENT:
        return f"{head}Date: {date}\r\n{_SERVER}".encode()
    head = f"{head}Content-Length: {len(body)}\r\nDate: {date}\r\n{_SERVER}"
    return head.encode() + body


async def write(request: web.BaseRequest, whole: bytes) -> None:
    """Send a whole answer. Raises `ClientConnectionResetError` if the caller has gone."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ClientConnectionResetError("the caller has gone")
    transport.write(whole)
    writer = request.writer
    writer.output_size += len(whole)
    await writer.drain()


def response(
    status: int, headers: Mapping[str, str] | None, body: bytes | None, *, is_last: bool
) -> web.Response:
    """aiohttp's own, which closes the connection if it `is_last`."""
    made = web.Response(status=status, headers=headers, body=body)
    if is_last:
        made.force_close()
    return made


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"


# -- an answer that is sent as it is made


class StreamedResponse(web.StreamResponse):
    """An answer that is sent as it is made. To HEAD its head goes alone: whatever came after it
    would be taken for the next answer (RFC 9110, 9.3.2).
    """

    is_head_only = False

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Begin the answer to a request."""
        self.is_head_only = request.method == hdrs.METH_HEAD
        return await super().prepare(request)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a part of the body, to whoever wants one."""
        if not self.is_head_only:
            await super().write(data)


class PieceResponse(StreamedResponse):
    """An answer whose head goes out with its first piece. (An aiohttp without this switch sends it
    by itself: the bytes are the same.)
    """

    _send_headers_immediately = False


# -- what goes wrong


def failure(error: Exception) -> web.HTTPException | str | None:
    """What aiohttp raises in a handler: an answer of its own, or why a body cannot be read; None
    for any other error.
    """
    if isinstance(error, web.RequestPayloadError):
        return str(error)[:200]
    return error if isinstance(error, web.HTTPException) else None


# -- a body that waits to be asked for


async def say_continue(request: web.Request) -> None:
    """Nothing is in the body's way: let it come."""
    request[EXPECTING] = False
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # aiohttp takes a non-zero size for an answer already begun (its own expect handler does the
    # same).
    request.writer.output_size = 0
