"""A site server, asked by a process that makes load: its refusals carry its words, and its clock is
compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import aiohttp
import pytest
from aiohttp import web

from despoolr_app.clocks.skew import SkewWatch
from despoolr_app.clocks.time_source import wall_now
from despoolr_app.site_client.client import RETRY_AFTER_S_MAX, ServerAddress, SiteClient
from despoolr_app.site_client.errors import SiteRefused, SiteUnreachable
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from worlds.support import free_port


@asynccontextmanager
async def answering(
    answer: Callable[[], web.Response], said: list[str]
) -> AsyncIterator[SiteClient]:
    async def handle(request: web.Request) -> web.Response:
        return answer()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    skew = SkewWatch(url, said.append, wall_now)
    try:
        async with aiohttp.ClientSession() as http:
            transport = aiohttp_transport(http, skew.hear)
            yield SiteClient(transport, ServerAddress("SITE1", url, "token"))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("ahead_s", "count"), [(0, 0), (30, 0), (-30, 0), (90, 1), (-7200, 1)])
async def test_a_site_whose_clock_differs_by_more_than_a_minute_is_warned_of_once(
    ahead_s: int, count: int
) -> None:
    said: list[str] = []

    def answer() -> web.Response:
        return web.json_response(
            {}, headers={"Date": formatdate(wall_now() + ahead_s, usegmt=True)}
        )

    async with answering(answer, said) as caller:
        for _ in range(3):
            await caller.call("GET", "setup", dict)
    assert len(said) == count
    assert all(line.startswith("the clock of http://127.0.0.1:") for line in said)


@pytest.mark.parametrize(
    ("again", "seconds"),
    [("3", 3.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0), ("9" * 20, RETRY_AFTER_S_MAX), ("²", 0.0)],
)
async def test_a_refusal_says_when_to_ask_again(again: str, seconds: float) -> None:
    def answer() -> web.Response:
        return web.json_response(
            {"type": "x", "title": "y", "status": 409, "detail": "no"},
            status=409,
            headers={"Retry-After": again} if again.isascii() else {},
        )

    async with answering(answer, []) as caller:
        with pytest.raises(SiteRefused, match=r"http://127.0.0.1:\d+ says: no$") as refused:
            await caller.call("POST", "slots", dict, {})
    assert (refused.value.status, refused.value.retry_after_s) == (409, seconds)


async def test_a_server_that_is_not_there_is_told_without_what_a_library_adds() -> None:
    port = free_port()
    async with aiohttp.ClientSession() as http:
        caller = SiteClient(
            aiohttp_transport(http), ServerAddress("SITE1", f"http://127.0.0.1:{port}", "token")
        )
        with pytest.raises(SiteUnreachable) as error:
            await caller.call("GET", "setup", dict)
    assert error.value.reason == "Connection refused"
