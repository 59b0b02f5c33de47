"""SITE1's live page of records that were told before, at the pace of a scaled site."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.live.model import LiveWatched
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.routes import LiveRoutes
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.host import ShareHost
from worlds.live import Told
from worlds.support import FAST_LANE


class ToldSite:
    """A site server that was told of all this; what is released is closed in what it was told."""

    def __init__(self, told: Told, scale: float = 1.0, watched: LiveWatched | None = None) -> None:
        self.told = told
        self.watched = watched
        self.scale = scale
        self.clock = LoopClock(told.at, scale)
        self.auth = Auth(b"sixteen bytes!!!")
        self.token = self.auth.issue("ADMIN1", "Administrator", Role.ADMIN)
        self.start = 1
        self._runner: Runner | None = None
        self.port = 0

    async def serve(self) -> None:
        """Begin to answer: the second time as a server that was started again."""
        recorder = Recorder(self.clock.now, [])
        host = ShareHost("SITE1", self.clock, recorder)
        self.feeds = LiveFeeds(self.told.fold, self.clock.now, start=str(self.start))
        release, scope = (None, "SITE1") if self.watched is not None else (self._release, "")
        live = LiveRoutes(self.feeds, "SITE1", scope, self.scale, self.auth, release, self.watched)
        routes = [*live.routes(), Route("GET", "/api/v1/packages", _packages)]
        app = make_app(host, self.auth, self.clock, extra_routes=routes)
        self._runner = Runner(app, lane=FAST_LANE, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await listener.start()
        self.port = listener.port

    async def stop(self) -> None:
        """Answer no more."""
        self.start += 1
        self.feeds.close()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def _release(
        self, _who: Principal, _server: str, handle: str, reason: str
    ) -> Problem | None:
        self.told.closes(handle, reason)
        self.feeds.has_changed()
        return None


async def _packages(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"packages": [{"package": "BPC00001", "name": "OFFICE"}]})


@asynccontextmanager
async def live_site(
    told: Told, scale: float = 1.0, watched: LiveWatched | None = None
) -> AsyncIterator[ToldSite]:
    """The site, answering; `watched`: as a server that is only watched."""
    site = ToldSite(told, scale, watched)
    await site.serve()
    try:
        yield site
    finally:
        await site.stop()
