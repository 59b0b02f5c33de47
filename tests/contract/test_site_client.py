"""Both transports of the site client, aiohttp's and urllib's: the same answers, the same three ways
to have none, in the same words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from despoolr_app.site_client import blocking_client
from despoolr_app.site_client.client import HttpAnswer, ServerAddress, SiteClient
from despoolr_app.site_client.errors import (
    NotDespoolr,
    SiteError,
    SiteRefused,
    SiteUnreachable,
)
from despoolr_app.site_client.over_aiohttp import aiohttp_transport
from despoolr_core.share.wire import Problem

Exchange = Callable[..., Awaitable[HttpAnswer]]
"""`exchange(url, size_max=..., timeout_s=...)`: one GET, over one of the transports."""


async def over_aiohttp(url: str, *, timeout_s: float = 5.0, **options: Any) -> HttpAnswer:
    async with aiohttp.ClientSession() as http:
        address = ServerAddress("SITE1", url, "token")
        client = SiteClient(aiohttp_transport(http), address, timeout_s=timeout_s)
        return await client.exchange("GET", "/api/v1/site", **options)


async def over_urllib(url: str, *, timeout_s: float = 5.0, **options: Any) -> HttpAnswer:
    client = blocking_client.client(ServerAddress("SITE1", url, "token"), timeout_s=timeout_s)
    return await asyncio.to_thread(
        lambda: blocking_client.now(client.exchange("GET", "/api/v1/site", **options))
    )


@pytest.fixture(params=[over_aiohttp, over_urllib])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    found: Exchange = request.param
    return found


@asynccontextmanager
async def answering(answer: web.Response | None) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token"
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


def problem(status: int, name: str = "not-found", **headers: str) -> web.Response:
    body = Problem(f"/problems/{name}", "Title", status, "There is none.")
    return web.Response(status=status, body=msgspec.json.encode(body), headers=headers)


async def test_an_answer_comes_with_its_date(exchange: Exchange) -> None:
    async with answering(web.Response(body=b'{"site": "BPC"}')) as url:
        found = await exchange(url)
    assert (found.status, found.body) == (200, b'{"site": "BPC"}')
    assert found.date.endswith("GMT") and found.retry_after == ""


async def test_a_refusal_is_the_servers_own_line(exchange: Exchange) -> None:
    async with answering(problem(409, **{"Retry-After": "7"})) as url:
        with pytest.raises(SiteRefused) as caught:
            await exchange(url)
    assert str(caught.value) == f"{url} says: There is none"
    assert (caught.value.status, caught.value.retry_after_s) == (409, 7.0)
    assert caught.value.detail == "There is none." and not caught.value.is_unknown_call


async def test_a_token_that_is_not_accepted_is_told_where_the_right_one_lies(
    exchange: Exchange,
) -> None:
    async with answering(problem(401)) as url:
        with pytest.raises(SiteRefused, match=r"does not accept the token \(401: title\); give"):
            await exchange(url)


async def test_a_server_without_such_a_call_is_of_another_kind(exchange: Exchange) -> None:
    async with answering(problem(404, "unknown-call")) as url:
        with pytest.raises(SiteRefused) as caught:
            await exchange(url)
    assert caught.value.is_unknown_call


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, NotDespoolr, "answers 404, but not as a Despoolr server of this version; check"),
        (500, NotDespoolr, "answers 500, but not as"),
        (502, SiteUnreachable, r"does not answer \(a gateway answers 502\)"),
    ],
)
async def test_who_answers_but_is_no_despoolr_server_is_told_from_silence(
    exchange: Exchange, status: int, kind: type[SiteError], says: str
) -> None:
    async with answering(web.Response(status=status, text="<h1>no</h1>")) as url:
        with pytest.raises(kind, match=says):
            await exchange(url)


async def test_nobody_there_is_unreachable_and_says_where(exchange: Exchange) -> None:
    with pytest.raises(SiteUnreachable, match=r"http://127.0.0.1:9 does not answer \(.+\); is it"):
        await exchange("http://127.0.0.1:9")


async def test_a_server_that_stalls_is_unreachable_after_the_time_out(exchange: Exchange) -> None:
    async with answering(None) as url:
        with pytest.raises(SiteUnreachable, match=r"\(no answer within 0.2 s\)"):
            await exchange(url, timeout_s=0.2)


async def test_an_answer_is_read_up_to_its_bound(exchange: Exchange) -> None:
    async with answering(web.Response(body=b"x" * 100_000)) as url:
        assert len((await exchange(url, size_max=100_000)).body) == 100_000
    async with answering(web.Response(body=b"x" * 100_000)) as url:
        with pytest.raises(NotDespoolr, match="more than 99999 bytes"):
            await exchange(url, size_max=99_999)


def test_a_blocking_call_that_waits_for_an_event_loop_is_a_bug() -> None:
    with pytest.raises(RuntimeError, match="waits for an event loop"):
        blocking_client.now(asyncio.sleep(0))
