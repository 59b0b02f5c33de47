"""A server that says what a script tells it to, byte for byte, and `ask`, which asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from despoolr_client.transport.exchange import address_of, exchange
from despoolr_client.transport.message import header_lines
from despoolr_client.transport.replies import Reply

OK = b'HTTP/1.1 200 OK\r\nETag: "e1"\r\nContent-Length: 3\r\n\r\none'
OWN = {"Accept": "application/octet-stream", "Authorization": "Bearer abc.def"}
Script = Callable[["Talk"], Awaitable[None]]


class Talk:
    """One connection to the scripted server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def heard(self) -> bytes:
        """One request, head and body; empty at the end."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return head + await self.reader.readexactly(int(value))
        return head

    def say(self, raw: bytes) -> None:
        self.writer.write(raw)


class Server:
    """Answers as its scripts say, one for each connection, the last one for all further ones."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.heard: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        try:
            await script(Talk(reader, writer))
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[tuple[Server, aiohttp.ClientSession]]:
    """A server whose every connection answers each request with the next of `answers`, or as its
    `scripts` are set to.
    """
    server = Server()
    left = list(answers)

    async def usual(talk: Talk) -> None:
        while request := await talk.heard():
            server.heard.append(request)
            talk.say(left.pop(0) if len(left) > 1 else left[0])

    server.scripts = [usual]
    listener = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(headers={"User-Agent": "despoolr"}, cookie_jar=jar) as http:
        yield server, http
    listener.close()


async def ask(
    server: Server,
    http: aiohttp.ClientSession,
    method: str = "GET",
    target: str = "/S/F",
    data: bytes | None = None,
    *,
    total: float = 60.0,
) -> Reply:
    timeout = aiohttp.ClientTimeout(total=total)
    return await exchange(
        http, address_of(http, server.url), method, target, header_lines(OWN), data, timeout
    )
