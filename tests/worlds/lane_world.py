"""A server that notes what went in its fast lane, and whose answers a test may hold back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual
from despoolr_server.files import StoreError
from despoolr_server.http.connections.broken_line import lost
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.connections.field_block import FieldBlock
from despoolr_server.http.connections.short_ways import (
    LANE_CALLS,
    USUAL_CALLS,
    Later,
    Unfinished,
)
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.handling.single_write import BODY_SIZE_MAX, SingleWriteResponse
from worlds.raw_http import Raw, dial_in_memory

CALLS = frozenset(
    {
        ("GET", "/{share}/{path}"),
        ("PUT", "/{share}/{path}"),
        ("DELETE", "/o/{open}"),
        ("PUT", "/kept"),
        ("POST", "/usual"),
    }
)
HOST = "Host: logon1"


def ask(line: str, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", HOST, *fields, "", ""]).encode() + body


class World:
    """A server that notes who was asked what, and whether in the lane (in no task at all)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.bodies: list[bytes] = []
        self.ended: list[bytes] = []
        """What was begun by a short way and waited, when it was done."""
        self.gate = asyncio.Event()
        self.kept_one: list[Callable[[StoreError | None], None]] = []
        self.is_by_hand = False
        """Whether a test says itself when each of those is safe."""
        routes = [
            Route("GET", "/{share}/{path:.*}", self.get),
            Route("PUT", "/{share}/{path:.*}", self.put),
            Route("DELETE", "/o/{open}", self.get),
            Route("POST", "/{share}/{path:.*}", self.get),
            Route("PUT", "/kept", self.put),
            Route("POST", "/usual", self.put),
        ]
        usual = {("PUT", "/kept"): self.kept, ("POST", "/usual"): self.usual}
        self.app = App(routes, things={LANE_CALLS: CALLS, USUAL_CALLS: usual})
        self.network = Network()
        self.runner = Runner(
            self.app, limits=ConnectionLimits(), shutdown_timeout=1.0, handle_signals=False
        )

    def note(self, request: web.Request) -> None:
        self.asked.append((f"{request.method} {request.path}", asyncio.current_task() is None))

    async def get(self, request: web.Request) -> web.StreamResponse:
        self.note(request)
        what = request.match_info.get("path", "")
        if what == "waits":
            await self.gate.wait()
        elif what == "waits-long":
            await asyncio.sleep(400.0)
        elif what == "gone":
            raise ConnectionResetError("the caller has gone")
        elif what == "fails":
            await asyncio.sleep(0)
            raise RuntimeError("a mistake")
        elif what == "plain":
            return web.Response(text="plain")
        elif what == "large":
            return SingleWriteResponse(200, {"Content-Type": "x/y"}, b"x" * (BODY_SIZE_MAX + 1))
        elif what == "breathes":
            await asyncio.sleep(0)
        return SingleWriteResponse(200, {"Content-Type": "text/plain"}, request.path.encode())

    async def put(self, request: web.Request) -> web.StreamResponse:
        self.note(request)
        self.bodies.append(await request.read())
        return SingleWriteResponse(204)

    def usual(
        self, _last: str, _block: FieldBlock, body: bytes, _now: Callable[[], float]
    ) -> SingleWriteResponse | Unfinished | None:
        """Answered at once with what it says, unless it is to wait for the gate, or has no short
        way.
        """
        if body == b"long way":
            return None
        self.asked.append((f"usual {body.decode()}", asyncio.current_task() is None))
        answer = SingleWriteResponse(200, {"Content-Type": "x/y"}, body)
        if body != b"waits":
            return answer

        async def rest(_request: web.Request) -> web.StreamResponse:
            await self.gate.wait()
            self.ended.append(body)
            return answer

        return Unfinished(rest)

    def kept(self, _last: str, _block: FieldBlock, body: bytes, _now: Callable[[], float]) -> Later:
        """Answered with as many bytes as it says, when the gate is open."""
        self.asked.append((f"kept {body.decode()}", asyncio.current_task() is None))
        if body == b"0":
            return Later(self.kept_one.append, _mistake)
        if body == b"-1":
            return Later(self.kept_one.append, _cut)
        answer = SingleWriteResponse(200, {"Content-Type": "x/y"}, b"x" * int(body))

        async def open_gate(call: Callable[[StoreError | None], None]) -> None:
            await self.gate.wait()
            call(None)

        def when_safe(call: Callable[[StoreError | None], None]) -> None:
            self.waiting = asyncio.create_task(open_gate(call))

        said = self.kept_one.append if self.is_by_hand else when_safe
        return Later(said, lambda _error, _request_of: answer)

    async def dial(self) -> Raw:
        raw = await dial_in_memory(self.network, "logon1")
        await asyncio.sleep(0.1)
        return raw


def _mistake(_error: StoreError | None, _request_of: object) -> web.StreamResponse:
    raise RuntimeError("a mistake")


def _cut(_error: StoreError | None, request_of: Callable[[], web.Request]) -> web.StreamResponse:
    raise lost(request_of())


def kept(size: int) -> bytes:
    told = str(size).encode()
    return ask("PUT /kept", f"Content-Length: {len(told)}", body=told)


def usual(body: bytes) -> bytes:
    return ask("POST /usual", f"Content-Length: {len(body)}", body=body)


def within(test: Callable[[World], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        world = World()
        await world.runner.setup()
        await world.network.serve(world.runner, "logon1")
        try:
            return await test(world)
        finally:
            world.gate.set()
            await world.runner.cleanup()

    return run_virtual(main)
