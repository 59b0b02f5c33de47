"""HTTP said byte by byte, for tests of what aiohttp's client would never send; over sockets or the
simulated network.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from despoolr_lab.sim.network import Network


@dataclass
class Raw:
    """One connection to a server."""

    reader: asyncio.StreamReader
    transport: Any

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    async def heard(self) -> bytes:
        """All that is answered until the server closes."""
        return await self.reader.read()

    async def answer(self) -> tuple[int, bytes]:
        """One answer: its status and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(head.split(b" ", 2)[1]), await self.reader.readexactly(length)

    def hang_up(self) -> None:
        self.transport.abort()


async def dial(port: int) -> Raw:
    """A connection over loopback."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: asyncio.StreamReaderProtocol(reader), "127.0.0.1", port
    )
    return Raw(reader, transport)


async def dial_in_memory(network: Network, host: str, source: str = "ws1") -> Raw:
    """A connection over the simulated network."""
    reader = asyncio.StreamReader()
    transport, _ = await network.connect(
        lambda: asyncio.StreamReaderProtocol(reader), host, 80, source=source
    )
    return Raw(reader, transport)
