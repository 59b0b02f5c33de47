"""HTTP/1.1 by hand, enough for the oracle: kept connections, one call in flight on each, JSON in
and out.

Fifty thousand calls are asked in a minute on a machine that also runs the server asked, so the
asking must cost little; aiohttp's client costs more than the server's answer. What is understood is
what our server says: answers with `Content-Length`. Anything else is a `ConnectionError`.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

CONNECTIONS_MAX: Final = 256
"""Calls in flight at once; a lock that waits is one."""


class OracleConnection(asyncio.Protocol):
    """One connection that is kept open between calls."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can carry another call."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass

    def connection_lost(self, _exc: Exception | None) -> None:
        """Whoever waits for an answer gets none."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Hand over an answer when it is whole."""
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = received[:end]
        whole = end + 4 + _content_length(head)
        if len(received) >= whole:
            self._received = received[whole:]
            if not self._answer.done():
                self._answer.set_result((int(head[9:12]), head, received[end + 4 : whole]))

    async def call(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send one request; the answer's status, head and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Pool:
    """Connections to one server: as many as there are calls in flight."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[OracleConnection] = []
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    async def call(
        self, method: str, target: str, headers: str, body: bytes
    ) -> tuple[int, bytes, bytes]:
        """One request. `headers` are whole lines, each with its line end. Raises `OSError` if
        nobody answers.
        """
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n{headers}Content-Length: "
            f"{len(body)}\r\n\r\n"
        )
        async with self._places:
            connection = await self._take()
            answer = await connection.call(head.encode() + body)
            self._idle.append(connection)
            return answer

    def close(self) -> None:
        """Hang up on all that are idle."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _take(self) -> OracleConnection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(
            OracleConnection, self._host, self._port
        )
        return connection


def _content_length(head: bytes) -> int:
    if head[9:12] in (b"204", b"304"):
        return 0
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise ConnectionError(f"an answer without Content-Length: {head[:200]!r}")
    end = head.find(b"\r\n", at + 2)
    return int(head[at + 17 : end if end > 0 else len(head)])
