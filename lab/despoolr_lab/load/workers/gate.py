"""Where processes of other machines join a load: a WebSocket each, whose lines are those of a local
worker's standard input and output (`protocol`).

The law: so many join as were asked for, no more; each shows the token that the load was started
with, and is of the same version. A run begins when all are there, at one instant: moments of this
machine are told in those of theirs. A connection that ends before its worker has ended is a worker
that was lost, and the run is invalid.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from socket import gethostname
from typing import Final

import msgspec
from aiohttp import WSMsgType, hdrs, web

from despoolr_app.fleet.lease import steady_now
from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_core.rules.plain_json import read_json
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
    Clocks,
    Word,
)
from despoolr_server.http.base.auth import is_loopback

JOIN_S_MAX: Final = 600.0
"""Seconds that a load waits until all have joined."""
MEETINGS: Final = 8
"""How often a clock is asked; the quickest answer counts."""
CLOCK_ERROR_S_MAX: Final = 0.25
"""Seconds by which the instant of the start may be wrong on another machine."""
MEET_S_MAX: Final = 10.0
HEARTBEAT_S: Final = 10.0
"""Seconds after which a machine that says nothing is asked whether it is still there."""
LINES_MAX: Final = 1024
"""Lines of one worker that wait to be read, or to be sent."""


class JoinedWorker:
    """A worker process of another machine, at the other end of a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse, host: str) -> None:
        self.host = host
        self.complaint = ""
        self.error_s = 0.0
        """By how much the start may be off there."""
        self._socket = socket
        self._is_gone = False
        self._perf_s = self._steady_s = 0.0
        """What its clocks say more than ours."""
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue(LINES_MAX)
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue(LINES_MAX)

    async def meet(self) -> None:
        """Learn what its clocks say. Raises `StartError`."""
        best = float("inf")
        for _ in range(MEETINGS):
            asked, asked_steady = time.perf_counter(), steady_now()
            self._send(ASKED)
            line = await self._inbox.get()
            took = time.perf_counter() - asked
            if line is None or not line.startswith(CLOCKS):
                raise StartError(f"a worker of {self.host} does not tell its clocks")
            told = read_json(line.removeprefix(CLOCKS).encode(), Clocks)
            if took < best:
                best = took
                self._perf_s = told.perf - (asked + took / 2)
                self._steady_s = told.steady - (asked_steady + took / 2)
        self.error_s = best / 2
        if self.error_s > CLOCK_ERROR_S_MAX:
            raise StartError(
                f"{self.host} answers after {best:.2f} s: a start at one instant needs less than "
                f"{2 * CLOCK_ERROR_S_MAX:g} s"
            )

    def order(self, orders: bytes) -> None:
        """Tell it what it is."""
        self._send(orders)

    def say(self, word: Word) -> None:
        """Tell it what to do, with moments as its own clocks have them."""
        if word.do == "start":
            word = msgspec.structs.replace(word, at=word.at + self._perf_s)
        elif word.do == "hold":  # rather too early than too late
            word = msgspec.structs.replace(word, at=word.at + self._steady_s - self.error_s)
        self._send(msgspec.json.encode(word).decode())

    def _send(self, line: str | bytes) -> None:
        if self._is_gone:
            return
        try:
            self._outbox.put_nowait(line)
        except asyncio.QueueFull:
            self.gone("it does not listen")

    async def lines(self) -> AsyncIterator[bytes]:
        """What it tells, until it is gone."""
        while (line := await self._inbox.get()) is not None:
            yield line.encode()

    @property
    def ended(self) -> str:
        """Why it is gone, or nothing."""
        if not self._is_gone:
            return ""
        return f"{self.complaint or 'its connection ended'} ({self.host})"

    def gone(self, complaint: str = "") -> None:
        """Nothing more comes from it."""
        self.complaint = self.complaint or complaint
        self._is_gone = True
        while self._inbox.full():
            self._inbox.get_nowait()
        self._inbox.put_nowait(None)

    async def hear(self) -> None:
        """Take what it says, until its connection ends."""
        sending = asyncio.ensure_future(self._send_all())
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    break
                if message.data.startswith(COMPLAINT):
                    text = message.data.removeprefix(COMPLAINT)[:TEXT_SIZE_MAX]
                    self.complaint = escaped(text) or self.complaint
                else:
                    await self._inbox.put(message.data)
        finally:
            sending.cancel()
            self.gone()

    async def _send_all(self) -> None:
        while True:
            line = await self._outbox.get()
            try:
                if isinstance(line, bytes):
                    await self._socket.send_bytes(line)
                else:
                    await self._socket.send_str(line)
            except ConnectionError:
                return

    async def close(self) -> None:
        """End the connection, which ends the worker in order."""
        await self._socket.close()


def join_url(listen: Listen) -> str:
    """Where others join: by this machine's name, if all of its addresses are listened on."""
    is_any = listen.host in ("0.0.0.0", "::")
    return f"http://{Listen(gethostname() if is_any else listen.host, listen.port)}"


class JoinGate:
    """The door of one load: `count` workers join it, whose token is `token`."""

    def __init__(self, token: str, count: int) -> None:
        self.count = count
        self.joined: list[JoinedWorker] = []
        self._token = token
        self._places = 0
        self._changed = asyncio.Event()
        self._trouble = ""
        self._listener = HttpListener("--workers-from")

    async def start(self, listen: Listen) -> str:
        """Listen; the URL to join at. Raises `StartError`, `ConfigError`."""
        if not self._token and not is_loopback(listen.host):
            raise ConfigError(f"refusing to let workers join on {listen.host} without a token")
        app = web.Application()
        app.add_routes([web.get(JOIN_PATH, self._join)])
        return join_url(await self._listener.start(app, listen))

    async def stop(self) -> None:
        """Let go of all who joined, and free the port."""
        for worker in self.joined:
            await worker.close()
        await self._listener.stop()

    async def full(self, within_s: float = JOIN_S_MAX) -> None:
        """Wait until all have joined. Raises `StartError`."""
        try:
            async with asyncio.timeout(within_s):
                while len(self.joined) < self.count and not self._trouble:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise StartError(
                f"{len(self.joined)} of {self.count} workers have joined after {within_s:g} s"
            ) from None
        if self._trouble:
            raise StartError(self._trouble)

    def told(self) -> str:
        """From which machines workers joined, and by how much their start may be off, as a note."""
        hosts = sorted({worker.host for worker in self.joined})
        named = ", ".join(
            f"{sum(worker.host == host for worker in self.joined)} of {host}" for host in hosts
        )
        error_s = max((worker.error_s for worker in self.joined), default=0.0)
        return f"workers that joined: {named}; they began within {error_s * 1e3:.1f} ms"

    def _refusal(self, request: web.Request) -> web.Response | None:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if self._token and not hmac.compare_digest(
            given.encode(errors="replace"), f"Bearer {self._token}".encode()
        ):
            return web.Response(
                status=401, text="the token is not that with which the load was started"
            )
        theirs = request.headers.get(VERSION_HEADER, "")
        if theirs != PRODUCT_VERSION:
            return web.Response(
                status=409,
                text=f"the load is of version {PRODUCT_VERSION}, the worker of "
                f"{escaped(theirs[:40]) or 'none'}",
            )
        if self._places >= self.count:
            return web.Response(status=409, text=f"all {self.count} workers have joined already")
        return None

    async def _join(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        self._places += 1
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=LINE_SIZE_MAX, compress=False
        )
        worker = JoinedWorker(socket, request.remote or "somewhere")
        try:
            await socket.prepare(request)  # refuses what is no WebSocket
            meeting = asyncio.ensure_future(self._meet(worker))
            try:
                await worker.hear()
            finally:
                meeting.cancel()
        finally:
            if worker not in self.joined:
                self._places -= 1  # it never came in: its place is free
            elif len(self.joined) < self.count:
                self._trouble = f"a worker was lost before the others came: {worker.ended}"
                self._changed.set()
        return socket

    async def _meet(self, worker: JoinedWorker) -> None:
        try:
            async with asyncio.timeout(MEET_S_MAX):
                await worker.meet()
        except (StartError, TimeoutError, msgspec.MsgspecError) as error:
            self._trouble = str(error) or f"a worker of {worker.host} does not tell its clocks"
        else:
            self.joined.append(worker)
        self._changed.set()
