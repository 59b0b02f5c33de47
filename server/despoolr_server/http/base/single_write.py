"""An answer that is known whole when the handler returns, and is said in one write.

The law: on the wire it is, byte for byte, what aiohttp's own `Response` with the same status,
headers and body would be. That class builds, copies and serialises a multidict a request; on a poll
or an open that costs more than the decision. So the usual case (HTTP/1.1, a kept connection, no
HEAD) is written here by hand, and every other is left to aiohttp. A contract test compares the two.
Header values are the server's own words (tags, dates, ids): what a caller sent goes through
`web.Response`, which looks for line ends.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_request import BaseRequest

_SILENT: Final = frozenset((204, 304))
"""Statuses whose answers have neither body nor length."""

BODY_SIZE_MAX: Final = 64 * 1024
"""Bytes of body up to which head and body are joined; a longer one is not copied once more."""


class SingleWriteResponse(web.Response):
    """`web.Response(status=, body=, headers=)`, made when it is sent: it has no `headers` before. A
    body has a `Content-Type`. Headers may come as the lines that they make, each with its end.
    """

    _is_last = False

    def __init__(
        self, status: int, headers: dict[str, str] | str | None = None, body: bytes = b""
    ) -> None:
        # Not `super().__init__()`, which is what is saved.
        assert not body or (headers is not None and hdrs.CONTENT_TYPE in headers), (
            "bytes of no type"
        )
        self._status = status
        self._plain = headers
        self._content = body

    @property
    def told_etag(self) -> str:
        """The ETag that it tells, or `""`."""
        plain = self._plain
        if plain is None:
            return ""
        if isinstance(plain, str):
            return plain.partition("Etag: ")[2].partition("\r\n")[0]
        return plain.get("ETag") or plain.get(hdrs.ETAG, "")

    def force_close(self) -> None:
        """Close the connection after this answer, and say so in it."""
        self._is_last = True

    @property
    def is_short(self) -> bool:
        """Whether it goes in one write to who asks by HTTP/1.1, not for the head, and stays."""
        return not self._is_last and len(self._content) <= BODY_SIZE_MAX

    def is_usual(self, request: BaseRequest) -> bool:
        """Whether it goes in one write, and the connection is kept."""
        return (
            request.version is HttpVersion11
            and request.keep_alive
            and request.method != hdrs.METH_HEAD
            and self.is_short
        )

    def rendered(self) -> bytes:
        """Head and body, for a connection that is kept."""
        body, plain = self._content, self._plain
        head = _status_line(self._status)
        if isinstance(plain, str):
            head += plain
        elif plain is not None:
            for name, value in plain.items():
                head += f"{name}: {value}\r\n"
        date = rfc822_formatted_time()
        if self._status in _SILENT:
            return f"{head}Date: {date}\r\n{_SERVER}".encode()
        head = f"{head}Content-Length: {len(body)}\r\nDate: {date}\r\n{_SERVER}"
        return head.encode() + body

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Say everything; nothing is left for `write_eof`. Raises `ClientConnectionResetError` if
        the caller has gone.
        """
        body = self._content
        if not self.is_usual(request):
            plain = self._plain
            if isinstance(plain, str):
                plain = fields_of(plain)
            super().__init__(status=self._status, headers=plain, body=body or None)
            if self._is_last:
                super().force_close()
            return await super().prepare(request)
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the caller has gone")
        whole = self.rendered()
        transport.write(whole)
        self._keep_alive = self._eof_sent = True
        writer = request.writer
        writer.output_size += len(whole)
        await writer.drain()
        return None


_SERVER: Final = f"Server: {SERVER_SOFTWARE}\r\n\r\n"


def fields_of(lines: str) -> dict[str, str]:
    """Header fields of the lines that they make."""
    return dict(line.split(": ", 1) for line in lines.split("\r\n")[:-1])


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
