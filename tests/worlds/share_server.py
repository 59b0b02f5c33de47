"""A share server over HTTP, for tests of the surface, the client and the documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.clock import Clock
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import FileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.uploads import Downloads, Uploads
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.records import RecordRoutes
from despoolr_server.http.live.routes import LiveRoutes
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.rights import Rights, RightsTable
from despoolr_server.shares.host import ShareHost
from worlds.support import FAST_LANE

EPOCH = 825_926_400.0
FILE_SIZE_MAX = 1000


@dataclass
class Reply:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def problem(self) -> Problem:
        assert self.headers["Content-Type"] == "application/problem+json", self
        problem = msgspec.json.decode(self.body, type=Problem)
        assert problem.status == self.status
        assert problem.detail, "a problem says what to do next"
        return problem


class Site:
    """One server and what is needed to ask it."""

    def __init__(
        self,
        host: ShareHost,
        auth: Auth,
        clock: Clock,
        records: list[Record],
        http: aiohttp.ClientSession,
        base: str,
        feeds: LiveFeeds | None = None,
    ) -> None:
        self.host = host
        self.auth = auth
        self.clock = clock
        self.records = records
        self.http = http
        self.base = base
        self.feeds = feeds
        self.token = auth.issue("BPC", "SMSService", Role.SERVICE)
        self.client_token = auth.issue("PC07", "anna", Role.CLIENT)

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        token: str | None = None,
        **headers: str,
    ) -> Reply:
        """One request, with the service account's token unless told otherwise (`""`: none).
        `If_Match=` is `If-Match`.
        """
        token = self.token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        async with self.http.request(
            method, self.base + target, data=body, headers=sent
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def post(self, target: str, **fields: Any) -> Reply:
        return await self.ask("POST", target, msgspec.json.encode(fields))

    async def session(self, token: str | None = None, **fields: Any) -> str:
        reply = await self.ask("POST", "/api/v1/sessions", msgspec.json.encode(fields), token)
        assert reply.status == 201, reply
        return str(reply.json["session"])

    async def hold(
        self, path: str, program: str = "EXCEL.EXE", share: str = "SMS_SHR", **fields: Any
    ) -> str:
        """PC07 holds a file open; the handle."""
        session = await self.session(self.client_token, program=program)
        request = {"session": session, "share": share, "path": path, **fields}
        reply = await self.ask(
            "POST", "/api/v1/opens", msgspec.json.encode(request), self.client_token
        )
        assert reply.status == 201, reply
        return str(reply.json["open"])


@asynccontextmanager
async def serving(
    auth: Auth | None = None,
    extra_routes: Iterable[Route] = (),
    limits: ConnectionLimits | None = None,
    uploads: Uploads | None = None,
    downloads: Downloads | None = None,
    host_names: Iterable[str] = (),
    store: FileStore | None = None,
) -> AsyncIterator[Site]:
    """LOGON1 on a loopback port, with a share SMS_SHR (in memory, unless there is a store): clients
    may change files, but only read PCMINS.BOX.
    """
    clock = LoopClock(EPOCH)
    records: list[Record] = []
    feeds = LiveFeeds(LiveFold(), clock.now, start="1")
    recorder = Recorder(clock.now, [records.append, feeds.hear])
    host = ShareHost(
        "LOGON1", clock, recorder, ShareLimits(file_size_max=FILE_SIZE_MAX, blockers_max=3)
    )
    rights = RightsTable(
        {"": {Role.CLIENT: Rights.CHANGE}, "PCMINS.BOX": {Role.CLIENT: Rights.READ}}
    )
    host.add_share("SMS_SHR", MemoryFileStore() if store is None else store, rights)
    auth = auth or Auth(b"sixteen bytes!!!")

    async def release(who: Principal, _server: str, handle: str, reason: str) -> Problem | None:
        return host.close_by_force(who, handle, reason)

    live = LiveRoutes(feeds, "LOGON1", "LOGON1", 1.0, auth, release)
    told = RecordRoutes(recorder, lambda: iter(records))
    app = make_app(
        host,
        auth,
        clock,
        version="1.2.3",
        extra_routes=[*live.routes(), *told.routes(), *extra_routes],
        uploads=uploads,
        downloads=downloads,
        host_names=host_names,
    )
    # A call that still waits when a test ends is nobody's: aiohttp would give it 60 s.
    runner = Runner(app, limits=limits, lane=FAST_LANE, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with aiohttp.ClientSession() as http:
            base = f"http://127.0.0.1:{site.port}"
            yield Site(host, auth, clock, records, http, base, feeds)
    finally:
        feeds.close()
        told.close()
        await runner.cleanup()
