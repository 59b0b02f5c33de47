"""Who looks at a running load: one page over HTTP, and server-sent events that draw it anew.

The law: nobody looks, nothing is made; however many look, it is made once a second at most, and at
most a tenth of the director's time is spent on it (the clients have processes of their own). Who is
slow gets the newest and never a queue. Whoever may reach the address may look: it shows figures and
names of the load, no token, and changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec
from aiohttp import hdrs, web

from despoolr_app.process.http_listener import HttpListener
from despoolr_app.process.settings import Listen
from despoolr_lab.load.live.course import LoadCourse
from despoolr_lab.load.run import LoadProgress
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.measured.page import render_course, render_live
from despoolr_server.http.base.browser_guard import BrowserGuard, inline, page_headers
from despoolr_server.http.base.problem import Refused, answer
from despoolr_server.http.handling.over_aiohttp import StreamedResponse

LISTENERS_MAX: Final = 16
"""Who look at one time."""
SHARE: Final = 9.0
"""Seconds of rest for each second that the page took to make."""
GOODBYE_S: Final = 2.0
"""Seconds that those who look have to take the report when the load is over."""
BEAT_S: Final = 15.0
"""Seconds after which a line is sent although nothing is new: who has gone is noticed."""


class LiveLoad:
    """The page of one load, listening. `show` takes what `LoadRun` tells."""

    def __init__(self, load: LoadFile, stamp: str) -> None:
        self._course = LoadCourse(load, stamp)
        self._page = render_live(f"{load.name}: load run {stamp}")
        headers = page_headers(scripts=inline(self._page, "script"), connects=True)
        # charts set their letters by style attributes, which no hash can name
        headers["Content-Security-Policy"] += "; style-src 'unsafe-inline'"
        self._headers = headers | {hdrs.CACHE_CONTROL: "no-cache"}
        self._guard = BrowserGuard(is_open=True)
        self._listener = HttpListener("--page")
        self._progress: LoadProgress | None = None
        self._made: tuple[LoadProgress | None, bytes] = (None, b"")
        self._next_at = 0.0
        self._report: str | None = None
        self._changed = asyncio.Event()
        self._listeners = 0
        self._left = asyncio.Event()

    async def start(self, listen: Listen) -> str:
        """Listen; the URL. Raises `StartError`."""
        self._guard = BrowserGuard([listen.host], is_open=True)
        app = web.Application()
        app.add_routes([web.get("/", self._get_page), web.get("/events", self._get_events)])
        return (await self._listener.start(app, listen)).url

    def show(self, progress: LoadProgress) -> None:
        """How far the load is."""
        self._progress = progress
        self._wake()

    async def end(self, report: str) -> None:
        """The load is over: give those who look its report (or nothing), and stop."""
        self._report = report
        self._wake()
        try:
            async with asyncio.timeout(GOODBYE_S):
                while self._listeners:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            pass
        await self._listener.stop()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _get_page(self, request: web.Request) -> web.StreamResponse:
        return self._guarded(request) or web.Response(text=self._page, headers=self._headers)

    def _guarded(self, request: web.Request) -> web.StreamResponse | None:
        try:
            self._guard.check(request)
        except Refused as refused:
            return answer(refused.problem)
        return None

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        if refused := self._guarded(request):
            return refused
        if self._listeners >= LISTENERS_MAX:
            return web.Response(
                status=503,
                text=f"{LISTENERS_MAX} look already\n",
                headers={hdrs.RETRY_AFTER: "5"},
            )
        self._listeners += 1
        try:
            return await self._tell(request)
        finally:
            self._listeners -= 1
            self._left.set()

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        reply = StreamedResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Content-Type-Options": "nosniff",
            }
        )
        await reply.prepare(request)
        if reply.is_head_only:
            return reply
        told: LoadProgress | None = None
        while self._report is None:
            changed, wait_s = self._changed, BEAT_S
            if self._progress is not None and self._progress is not told:
                wait_s = max(0.0, self._next_at - time.perf_counter())
                if self._made[0] is not self._progress and not wait_s:
                    self._make(self._progress)
                if self._made[0] is not None and self._made[0] is not told:
                    told, text = self._made
                    await reply.write(text)
                    continue
            try:
                async with asyncio.timeout(wait_s):
                    await changed.wait()
            except TimeoutError:
                if wait_s == BEAT_S:
                    await reply.write(b": nothing new\n\n")
        await reply.write(_event("over", self._report))
        await reply.write_eof()
        return reply

    def _make(self, progress: LoadProgress) -> None:
        began = time.perf_counter()
        self._made = (progress, _event("course", render_course(self._course.page(progress))))
        self._next_at = time.perf_counter() + SHARE * (time.perf_counter() - began)


def _event(name: str, text: str) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(text) + b"\n\n"
