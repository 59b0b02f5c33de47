"""A request that came whole, in a class of aiohttp's own: to a handler it is a request like any
other.

The law: it has every attribute that aiohttp's own has (`BaseRequest.ATTRS`), with the same value.
What few handlers ask for (the URL in parts, a writer, the peer) is worked out when it is asked for:
that is what is saved.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD, EmptyStreamReader
from yarl import URL

from despoolr_server.http.handling.application import App

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler


class WholeBody(EmptyStreamReader):
    """A body that is here already: what is read is gone, and nothing follows."""

    __slots__ = ("_left",)

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._left = data

    def at_eof(self) -> bool:
        return not self._left

    def read_nowait(self, n: int = -1) -> bytes:
        data, self._left = (self._left, b"") if n < 0 else (self._left[:n], self._left[n:])
        return data

    async def read(self, n: int = -1) -> bytes:
        return self.read_nowait(n)

    async def readany(self) -> bytes:
        return self.read_nowait()


class WholeRequest(web.Request):
    """A request of `connection`, routed already. The message has no URL (None): its path is read
    when it is asked for.
    """

    ATTRS = web.Request.ATTRS | {"_app", "_parts"}
    """What may be set without a warning in Python's development mode."""

    def __init__(
        self,
        message: RawRequestMessage,
        body: bytes,
        connection: RequestHandler,
        loop: asyncio.AbstractEventLoop,
        match_info: dict[str, str],
        app: App,
    ) -> None:
        # Not `super().__init__()`, which is what is saved.
        self._message = message
        self._payload: StreamReader = WholeBody(body) if body else EMPTY_PAYLOAD
        self._headers = message.headers
        self._method = message.method
        self._version = message.version
        self._cache: dict[str, Any] = {}
        self._state: dict[Any, Any] = {}
        self._protocol = connection
        self._loop = loop
        self._task: Any = None
        self._parts = match_info
        self._app = app
        self._client_max_size = app.body_size_max
        self._client_max_fields = 1000

    @property
    def match_info(self) -> Any:
        """The parts of its path, by their names."""
        return self._parts

    @property
    def app(self) -> Any:
        """What handlers find in the application, as they do in aiohttp's."""
        return self._app

    @cached_property
    def _rel_url(self) -> URL:  # type: ignore[override]
        return url_of(self._message.path)

    @cached_property
    def _payload_writer(self) -> StreamWriter:  # type: ignore[override]
        return StreamWriter(self._protocol, self._loop)

    @cached_property
    def _transport_sslcontext(self) -> Any:  # type: ignore[override]
        return self._protocol.ssl_context

    @cached_property
    def _transport_peername(self) -> Any:  # type: ignore[override]
        return self._protocol.peername

    @cached_property
    def _transport_sockname(self) -> Any:  # type: ignore[override]
        return self._protocol.sockname


def url_of(path: str) -> URL:
    """The URL of a path without query or fragment, as aiohttp's parser makes it."""
    return URL.build(path=path, encoded=True)
