"""A link between two processes: a TCP relay of ours that can be cut. It knows nothing of what it
carries.

The law: bytes arrive in order or the connection ends; none is changed, dropped or repeated within
one. `refuse` is a line that is down: connections are reset, new ones too. `silence` is a line that
loses packets: connections stay and carry nothing, new ones are taken and carry nothing; when it
ends they go on, as TCP's repetitions make them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

PART_SIZE: Final = 64 * 1024
CONNECTIONS_MAX: Final = 4096
"""Connections of one link; more are reset."""
CLOSE_S_MAX: Final = 1.0
"""Seconds the rest of an answer has to leave before its connection is dropped."""
REFUSE: Final = "refuse"
SILENCE: Final = "silence"


class CuttableLink:
    """From a port of its own to `target`. `start`, `cut`, `mend`, `stop`."""

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self.target_port = target_port
        self.port = 0
        self.cut_count = 0
        self.reset_count = 0
        """Connections that a cut has ended."""
        self._how = ""
        self._passes = asyncio.Event()
        self._passes.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where callers reach the other end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connection_count(self) -> int:
        """How many connections the link carries."""
        return len(self._tasks)

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PART_SIZE)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, how: str) -> None:
        """Cut it: `refuse` or `silence`."""
        self.cut_count += 1
        self._how = how
        if how == SILENCE:
            self._passes.clear()
            return
        self.reset_count += len(self._tasks)
        self._reset()

    def mend(self) -> None:
        """Let the link carry new connections again."""
        self._how = ""
        self._passes.set()

    async def stop(self) -> None:
        """End every connection, listen no more."""
        if self._server is not None:
            self._server.close()
        self._reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._how == REFUSE or len(self._tasks) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an end that went away, or ours
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passes.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self.target_port, limit=PART_SIZE)
        self._writers.add(back)
        try:
            ways = [
                asyncio.ensure_future(self._pump(reader, back)),
                asyncio.ensure_future(self._pump(there, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            await asyncio.gather(_close(back), _close(writer))
        finally:
            self._writers.discard(back)
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while part := await source.read(PART_SIZE):
            await self._passes.wait()
            target.write(part)
            await target.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Let go of one end, once what was written is on its way."""
    with suppress(OSError, TimeoutError):
        writer.close()
        async with asyncio.timeout(CLOSE_S_MAX):
            await writer.wait_closed()
