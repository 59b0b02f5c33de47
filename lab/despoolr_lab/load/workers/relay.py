"""Joining a load from another machine: worker processes here, each with a connection to the load
there.

The law: this process carries lines and decides nothing. A connection that ends ends its worker, in
order; a worker that ends ends its connection, with its last complaint.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Final

import aiohttp
import msgspec

from despoolr_app.fleet.lease import steady_now
from despoolr_app.process.children.supervisor import Supervisor
from despoolr_app.process.runtime import StartError
from despoolr_client.transport.session_options import session_options
from despoolr_core.rules.text import LINE_SIZE_MAX as TEXT_SIZE_MAX
from despoolr_core.rules.text import escaped
from despoolr_core.version import PRODUCT_VERSION
from despoolr_lab.load.workers.protocol import (
    ASKED,
    CLOCKS,
    COMPLAINT,
    JOIN_PATH,
    LINE_SIZE_MAX,
    VERSION_HEADER,
    WORKER,
    Clocks,
    WorkerStatus,
    worker_environment,
)

REACH_S_MAX: Final = 120.0
"""Seconds until the load must be there: it may be started after those who join it."""
AGAIN_S: Final = 1.0
REPLY_S_MAX: Final = 30.0
"""Seconds that whoever answers there may take to let a worker in."""
HEARTBEAT_S: Final = 10.0
END_S_MAX: Final = 30.0
"""Seconds a worker has to log its clients off when the load is gone."""


class Relay:
    """Workers of this machine for the load at `url`."""

    def __init__(self, url: str, token: str, *, within_s: float = REACH_S_MAX) -> None:
        self._url = url
        self._headers: dict[str, str] = {VERSION_HEADER: PRODUCT_VERSION}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._within_s = within_s
        self._supervisor = Supervisor()

    async def join(self, count: int) -> list[str]:
        """Join with so many, until the load is over; why each that was lost was. Raises
        `StartError` if the load refuses them or is not there.
        """
        try:
            async with (
                aiohttp.ClientSession(
                    **session_options(
                        {
                            "timeout": aiohttp.ClientTimeout(
                                total=None, sock_connect=10, sock_read=REPLY_S_MAX
                            )
                        }
                    )
                ) as http,
                asyncio.TaskGroup() as group,
            ):
                tasks = [group.create_task(self._serve(http)) for _ in range(count)]
        except* StartError as errors:
            raise _first(errors) from None
        finally:
            await self._supervisor.end(is_asked=True, within_s=END_S_MAX)
        return [why for task in tasks if (why := task.result())]

    async def _connect(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        deadline = time.perf_counter() + self._within_s
        while True:
            try:
                return await http.ws_connect(
                    f"{self._url}{JOIN_PATH}",
                    headers=self._headers,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=LINE_SIZE_MAX,
                )
            except aiohttp.WSServerHandshakeError as error:
                raise StartError(await self._why(http, error.status)) from None
            except (aiohttp.ClientError, OSError) as error:
                if time.perf_counter() > deadline:
                    raise StartError(f"no load answers at {self._url}: {error}") from None
                await asyncio.sleep(AGAIN_S)

    async def _why(self, http: aiohttp.ClientSession, status: int) -> str:
        """The load's own line about a refusal."""
        try:
            async with http.get(f"{self._url}{JOIN_PATH}", headers=self._headers) as reply:
                text = (await reply.content.read(TEXT_SIZE_MAX)).decode(errors="replace")
        except (aiohttp.ClientError, OSError):
            text = ""
        return f"{self._url} does not let a worker join ({status}): {escaped(text)}"

    async def _serve(self, http: aiohttp.ClientSession) -> str:
        """One worker: why it was lost, or nothing."""
        socket = await self._connect(http)
        child: asyncio.subprocess.Process | None = None
        telling: list[asyncio.Future[None]] = []
        lines = _Lines(socket)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and child is None:
                    child = await self._start(message.data)
                    telling = [
                        asyncio.ensure_future(lines.tell(child)),
                        asyncio.ensure_future(lines.complain(child)),
                    ]
                elif message.type is not aiohttp.WSMsgType.TEXT:
                    break
                elif message.data == ASKED:
                    clocks = Clocks(time.perf_counter(), steady_now())
                    await socket.send_str(CLOCKS + msgspec.json.encode(clocks).decode())
                elif child is not None and child.stdin is not None:
                    child.stdin.write(message.data.encode() + b"\n")
        finally:
            if child is not None and child.stdin is not None:
                child.stdin.close()  # it logs its clients off
            for task in telling:
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await socket.close()
        if lines.is_over:
            return ""
        return lines.complaint or "the load went away before its end"

    async def _start(self, orders: bytes) -> asyncio.subprocess.Process:
        child = await self._supervisor.start(
            WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_SIZE_MAX,
            environment=worker_environment(os.environ),
        )
        assert child.stdin is not None
        child.stdin.write(len(orders).to_bytes(8, "big") + orders)
        return child


class _Lines:
    """What a worker says, carried to the load."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.is_over = False
        self.complaint = ""
        self._socket = socket

    async def tell(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        try:
            while line := await child.stdout.readline():
                self.is_over = msgspec.json.decode(line, type=WorkerStatus).kind == "over"
                await self._socket.send_str(line.decode().rstrip("\n"))
        except ConnectionError:
            return
        finally:
            await child.wait()
            await self._socket.close()

    async def complain(self, child: asyncio.subprocess.Process) -> None:
        assert child.stderr is not None
        while line := await child.stderr.readline():
            self.complaint = escaped(line.decode(errors="replace").strip()[:TEXT_SIZE_MAX])
            try:
                await self._socket.send_str(COMPLAINT + self.complaint)
            except ConnectionError:
                return


def _first(group: BaseExceptionGroup[StartError]) -> StartError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
