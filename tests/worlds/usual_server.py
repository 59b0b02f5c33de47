"""A share server over one connection with the lane, which notes what goes the short way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenReply, OpenRequest
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import EPOCH, run_virtual
from despoolr_server.faults.line import ServerLine
from despoolr_server.files import MemoryFileStore, StoreError
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.surface import SURFACE, Surface
from despoolr_server.http.connections import fast_lane
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.connections.whole_request import WholeRequest
from despoolr_server.shares.base.principal import Caller, Content, Principal
from despoolr_server.shares.host import ShareHost
from worlds.raw_http import Raw, dial_in_memory

AUTH = Auth(b"sixteen bytes or more")
WHO = f"Authorization: Bearer {AUTH.issue('PC01', 'user', Role.CLIENT)}"
SERVICE = Caller(Principal("BPC", "BPC", Role.SERVICE))


class LaterStore(MemoryFileStore):
    """It is safe when the test says so."""

    is_safe_at_once = False

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[StoreError | None], None]] = []

    async def sync(self) -> None:
        safe: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.calls.append(safe.set_result)
        if (error := await safe) is not None:
            raise error

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        self.calls.append(call)

    def become_safe(self, error: StoreError | None = None) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call(error)


class Served:
    """A share server that notes what went the short way."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.later = LaterStore()
        clock = LoopClock(EPOCH)
        recorder = Recorder(clock.now, [self.records.append])
        self.host = ShareHost("LOGON1", clock, recorder)
        self.host.add_share("S", MemoryFileStore())
        self.host.add_share("T", self.later)
        self.line = ServerLine(clock)
        self.app = make_app(self.host, AUTH, clock, line=self.line)
        self.surface: Surface = self.app[SURFACE]
        self.short: list[str] = []
        usual = self.host.handles.usual
        opens, closes = usual.open, usual.close

        def noted_open(who: Principal, request: OpenRequest) -> OpenReply | None:
            reply = opens(who, request)
            self.short += ["open"] * (reply is not None)
            return reply

        def noted_close(who: Principal, handle: str) -> bool:
            is_closed = closes(who, handle)
            self.short += ["close"] * is_closed
            return is_closed

        usual.open = noted_open  # type: ignore[method-assign]
        usual.close = noted_close  # type: ignore[method-assign]
        self.raw: Raw | None = None
        self.runner: Runner | None = None

    async def ask(self, line: str, *fields: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of an answer over the one connection."""
        self.say(line, *fields, body=body)
        assert self.raw is not None
        return await self.raw.answer()

    def say(self, line: str, *fields: str, body: bytes = b"") -> None:
        """Send a request over the one connection."""
        assert self.raw is not None
        length = [f"Content-Length: {len(body)}"] if body else []
        head = "\r\n".join([f"{line} HTTP/1.1", "Host: logon1", *fields, *length, "", ""])
        self.raw.say(head.encode() + body)

    async def put_later(self, *bodies: bytes) -> None:
        """Put a file whose store is waited for."""
        for body in bodies:
            self.say("PUT /T/A", WHO, body=body)
            await asyncio.sleep(0.1)
            self.later.become_safe()
            assert self.raw is not None
            assert (await self.raw.answer())[0] in (201, 204)

    async def etag(self) -> str:
        """That of the file."""
        found = await self.host.paths.get(SERVICE, "S", "A")
        assert isinstance(found, Content)
        return found.etag

    async def pair(
        self, session: str, *fields: str, share: str = "S", path: str = "A"
    ) -> tuple[int, int]:
        """The statuses of an open and of its close."""
        body = msgspec.json.encode(
            {"session": session, "share": share, "path": path} | {"access": "READ"}
        )
        status, told = await self.ask("POST /api/v1/opens", *fields, body=body)
        handle = msgspec.json.decode(told)["open"] if status == 201 else "O0"
        return status, (await self.ask(f"DELETE /api/v1/opens/{handle}", *fields))[0]


def play(script: Callable[[Served, str], Awaitable[None]]) -> None:
    async def main() -> None:
        served = Served()
        network = Network()
        runner = Runner(served.app, limits=ConnectionLimits(), lane=True, shutdown_timeout=1.0)
        await runner.setup()
        await network.serve(runner, "logon1")
        await served.host.paths.put(SERVICE, "S", "A", b"one")
        served.raw = await dial_in_memory(network, "logon1")
        _, told = await served.ask(
            "POST /api/v1/sessions", WHO, body=b'{"program":"P","lease_s":600}'
        )
        session = msgspec.json.decode(told)["session"]
        assert await served.pair(session, WHO) == (201, 204)
        served.short.clear()
        served.runner = runner
        await script(served, session)
        served.raw.hang_up()
        await runner.cleanup()

    run_virtual(main)


@contextmanager
def long_ways() -> Iterator[list[object]]:
    """The requests that go the long way meanwhile."""
    made: list[object] = []

    class Noted(WholeRequest):
        def __init__(self, *args: Any) -> None:
            made.append(self)
            super().__init__(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_lane, "WholeRequest", Noted)
        yield made
