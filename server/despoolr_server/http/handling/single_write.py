"""An answer that is known whole when the handler returns, and is said in one write.

The law: on the wire it is, byte for byte, what aiohttp's own `Response` with the same status,
headers and body would be. That class builds, copies and serialises a multidict a request; on a poll
or an open that costs more than the decision. So the usual case (HTTP/1.1, a kept connection, no
HEAD) is written by hand, and every other is left to aiohttp (both in `over_aiohttp`). A contract
test compares the two. Header values are the server's own words (tags, dates, ids), without line
ends: nobody looks for any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import over_aiohttp

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web import Response
    from aiohttp.web_request import BaseRequest
else:
    Response = object  # aiohttp asks an answer for no more than what is here

_HTTP_1_1: Final = (1, 1)

BODY_SIZE_MAX: Final = 64 * 1024
"""Bytes of body up to which head and body are joined; a longer one is not copied once more."""


class SingleWriteResponse(Response):
    """`web.Response(status=, body=, headers=)`, made when it is sent: it has no `headers` before. A
    body has a `Content-Type`. Headers may come as the lines that they make, each with its end.
    """

    is_last = False
    """Whether the connection is closed after it."""
    _said: Response | None = None
    """What says it, if it does not go in one write."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | str | None = None, body: bytes = b""
    ) -> None:
        assert not body or (headers is not None and hdrs.CONTENT_TYPE in headers), (
            "bytes of no type"
        )
        self._status = status
        self.plain = headers
        self.content = body

    @property
    def status(self) -> int:
        return self._status

    @property
    def told_etag(self) -> str:
        """The ETag that it tells, or `""`."""
        plain = self.plain
        if plain is None:
            return ""
        if isinstance(plain, str):
            return plain.partition("Etag: ")[2].partition("\r\n")[0]
        return plain.get("ETag") or plain.get(hdrs.ETAG, "")

    def force_close(self) -> None:
        """Close the connection after this answer, and say so in it."""
        self.is_last = True

    @property
    def is_short(self) -> bool:
        """Whether it goes in one write to who asks by HTTP/1.1, not for the head, and stays."""
        return not self.is_last and len(self.content) <= BODY_SIZE_MAX

    def rendered(self) -> bytes:
        """Head and body, for a connection that is kept."""
        told: bytes = over_aiohttp().rendered(self._status, self.plain, self.content)
        return told

    def is_usual(self, request: BaseRequest) -> bool:
        """Whether it goes in one write, and the connection is kept."""
        return (
            request.version == _HTTP_1_1
            and request.keep_alive
            and request.method != hdrs.METH_HEAD
            and self.is_short
        )

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Say everything; nothing is left for `write_eof`. Raises `ClientConnectionResetError` if
        the caller has gone.
        """
        plain, body, side = self.plain, self.content, over_aiohttp()
        if self.is_usual(request):
            await side.write(request, side.rendered(self._status, plain, body))
            return None
        if isinstance(plain, str):
            plain = fields_of(plain)
        self._said = side.response(self._status, plain, body or None, is_last=self.is_last)
        return await self._said.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        if self._said is not None:
            await self._said.write_eof(data)

    @property
    def keep_alive(self) -> bool | None:
        return True if self._said is None else self._said.keep_alive


def fields_of(lines: str) -> dict[str, str]:
    """Header fields of the lines that they make."""
    return dict(line.split(": ", 1) for line in lines.split("\r\n")[:-1])
