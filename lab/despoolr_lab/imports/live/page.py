"""The live page of a share that is watched, for browsers and `despoolr top`: in a thread of its
own, beside the looks.

The law: nothing is closed or changed over it, and it tells of the watched server alone. Records
reach it in their order; a look waits for it, so that no more than a look's records are on their
way. Whoever asks shows a token; without a configured secret it is on loopback only, and listed for
the commands of this directory until it ends.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

from aiohttp import web
from msgspec.structs import replace

from despoolr_app.clocks.time_source import wall_now
from despoolr_app.process import discovery
from despoolr_app.process.discovery import RunningServer
from despoolr_app.process.event_loop import loop_factory
from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.private_file import write_private
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_core.records.live.fold import LiveFold
from despoolr_core.records.live.model import LiveWatched
from despoolr_core.records.stream import Record
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Health
from despoolr_server.http.base.auth import Auth, is_loopback
from despoolr_server.http.base.browser_guard import BrowserGuard
from despoolr_server.http.base.counts.latency import Latency
from despoolr_server.http.base.problem import Refused, guarded, known
from despoolr_server.http.base.surface import json_answer
from despoolr_server.http.handling.application import App, with_heads
from despoolr_server.http.handling.handler import Route
from despoolr_server.http.live.feeds import LiveFeeds
from despoolr_server.http.live.page import LivePageRoutes
from despoolr_server.http.live.routes import LiveRoutes

WATCH_PORT: Final = 8805
ADMINISTRATOR: Final = "ADMIN1"
BATCH_MAX: Final = 1_000
"""Records that are handed over at once: the page answers between two batches."""
START_S_MAX: Final = 30.0


class WatchPage:
    """The page. `hear` is a listener of the watch's records; `hand_over` after each look."""

    def __init__(
        self,
        server: str,
        watched: LiveWatched,
        listen: Listen,
        secret: bytes | None,
        *,
        now: Callable[[], float] = wall_now,
    ) -> None:
        """Raises `ConfigError` for an address that others reach, without a `secret`."""
        if secret is None and not is_loopback(listen.host):
            raise ConfigError(
                f"refusing to listen on {listen.host} without a configured secret: give "
                "DESPOOLR_SECRET or DESPOOLR_SECRET_FILE"
            )
        self._server, self._watched, self._listen = server, watched, listen
        self._auth = Auth(secret or secrets.token_bytes(32))
        self.token = self._auth.issue(ADMINISTRATOR, "Administrator", Role.ADMIN)
        self.url = ""
        self._heard: list[Record] = []
        self._feeds = LiveFeeds(LiveFold(), now, start=secrets.token_hex(4))
        self._began_at = now()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def hear(self, record: Record) -> None:
        """Take in a record of the watch."""
        self._heard.append(record)
        if len(self._heard) >= BATCH_MAX:
            self.hand_over()

    def hand_over(self) -> None:
        """Put on the page what was heard since; returns when it is there."""
        heard, self._heard = self._heard, []
        if self._loop is None:  # nobody looks yet
            for record in heard:
                self._feeds.hear(record)
        elif heard:
            asyncio.run_coroutine_threadsafe(self._take(heard), self._loop).result()

    async def _take(self, heard: list[Record]) -> None:
        for record in heard:
            self._feeds.hear(record)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer from a thread until the block is left. Raises `StartError`."""
        ready: Future[None] = Future()
        thread = Thread(target=self._run, args=(ready,), name="live page", daemon=True)
        thread.start()
        try:
            ready.result(START_S_MAX)
            yield
        finally:
            if self._loop is not None and self._stop is not None:
                with suppress(RuntimeError):  # it has ended by itself
                    self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(START_S_MAX)

    def _run(self, ready: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        listener = HttpListener()
        self.url = (await listener.start(self._app(), self._listen)).url
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        ready.set_result(None)
        await self._stop.wait()
        self._feeds.close()
        await listener.stop()

    def _app(self) -> App:
        live = LiveRoutes(
            self._feeds, self._server, self._server, 1.0, self._auth, None, self._watched
        )
        guard = BrowserGuard([self._listen.host, socket.gethostname()]).check
        routes = [
            *LivePageRoutes().routes(),
            *live.routes(),
            Route("GET", "/healthz", self._health),
            Route("*", "/{rest:(?s:.*)}", self._unknown_call),
        ]
        watched = [
            replace(route, handler=guarded(route.handler, defaultdict(int), Latency(), guard))
            for route in routes
        ]
        return App(list(with_heads(watched)), 1)

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        ledger, now = self._feeds.live.ledger, self._feeds.now()
        return json_answer(
            Health(
                status="ok",
                server=self._server,
                version="",
                now=now,
                uptime_s=max(0.0, now - self._began_at),
                shares=0,
                sessions=0,
                opens=ledger.held_count,
                episodes_waiting=ledger.waiting_count,
                requests=0,
            )
        )

    async def _unknown_call(self, request: web.Request) -> web.StreamResponse:
        raise Refused(
            known(
                "unknown-call",
                f"{request.method} {request.path} is not a call of a watch: it answers `GET /` and "
                f"`GET /api/v1/live`. Ask its run: despoolr why {self._watched.run}",
            )
        )


@contextmanager
def listed(page: WatchPage, server: str, directory: Path) -> Iterator[None]:
    """Let `despoolr top`, started in `directory`, find the page until the block is left. Raises
    `ConfigError`.
    """
    pid = os.getpid()
    token_file = (directory / discovery.DIRECTORY / f"watch-{pid}.token").absolute()
    write_private(token_file, page.token.encode() + b"\n")
    try:
        told = RunningServer(server, discovery.WATCH, page.url, str(token_file), pid)
        discovery.publish([told], directory)
        yield
    finally:
        discovery.withdraw(pid, directory)
        token_file.unlink(missing_ok=True)
