"""The live page's data over HTTP: once, and as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from worlds.live import applied
from worlds.share_server import Site


class Stream:
    """A reader of the stream, as the page is one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.page: dict[str, Any] = {}
        self.last_id = ""
        self.names: list[str] = []

    async def next(self) -> str:
        """Read one event; its name."""
        name = ""
        async with asyncio.timeout(60):
            while True:
                line = (await self.response.content.readline()).decode().rstrip("\n")
                if not line and name:
                    self.names.append(name)
                    return name
                field, _, value = line.partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data = msgspec.json.decode(value)
                    if name == "snapshot":
                        self.page = data["page"]
                    elif name == "delta":
                        self.page = applied(self.page, data["patch"])
                elif not line:
                    raise EOFError("the stream ended")

    async def until(self, name: str) -> None:
        while await self.next() != name:
            pass


@asynccontextmanager
async def reading(
    site: Site, query: str = "", last_id: str = "", token: str = ""
) -> AsyncIterator[Stream]:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token or site.token}"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    async with site.http.get(f"{site.base}/api/v1/live{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        yield Stream(response)


async def blocked(site: Site, path: str = "b.dat") -> str:
    """PC07 holds a file and the service account is refused; the handle."""
    await site.ask("PUT", f"/SMS_SHR/{path}", b"old")
    handle = await site.hold(path)
    refused = await site.ask("PUT", f"/SMS_SHR/{path}", b"new", Despoolr_Program="SMS_DESPOOLER")
    assert refused.status == 423
    return handle


async def test_the_page_is_told_once_as_json(site: Site) -> None:
    handle = await blocked(site)
    reply = (await site.ask("GET", "/api/v1/live")).json
    assert (reply["server"], reply["is_site"], reply["scale"]) == ("LOGON1", False, 1.0)
    (block,) = reply["page"]["blocks"].values()
    assert block["holds"][0]["open"] == handle


@pytest.mark.slow
async def test_a_stream_begins_with_a_snapshot_and_goes_on_with_what_changes(site: Site) -> None:
    async with reading(site) as stream:
        await stream.until("snapshot")
        assert stream.names == ["hello", "snapshot"]
        assert stream.page["block_order"] == []
        handle = await blocked(site)
        await stream.until("delta")
        while not stream.page["block_order"]:
            await stream.until("delta")
        released = await site.post(
            f"/api/v1/servers/LOGON1/opens/{handle}/release", reason="the user went home"
        )
        assert released.status == 204
        while not stream.page["blocks"][stream.page["block_order"][0]].get("free"):
            await stream.until("delta")
    assert site.records[-1].data.reason == "the user went home"  # type: ignore[attr-defined]


async def test_a_stream_resumes_after_the_last_event_that_was_read(site: Site) -> None:
    async with reading(site) as before, reading(site) as other:
        await before.until("snapshot")
        await other.until("snapshot")
        await blocked(site)
        await other.until("delta")
        async with reading(site, last_id=before.last_id) as after:
            after.page = before.page
            await after.until("delta")
            assert after.names == ["hello", "delta"]
            while not after.page["block_order"]:
                await after.until("delta")
        async with reading(site, last_id="another start's") as anew:
            await anew.until("snapshot")
            assert anew.page["block_order"]


async def test_filters_are_parameters_and_a_slip_is_refused(site: Site) -> None:
    await blocked(site)

    async def count(query: str) -> int:
        page = (await site.ask("GET", f"/api/v1/live{query}")).json["page"]
        return len(page["blocks"])

    assert await count("?q=excel") == 1
    assert await count("?q=word") == 0
    assert await count("?server=LOGON9") == 1, "a logon server tells of itself alone"
    for query in ("?span_s=x", "?span_s=99999999999", "?spam=1"):
        assert (await site.ask("GET", f"/api/v1/live{query}")).status == 400


async def test_a_client_sees_its_own_waits_alone_and_releases_nothing(site: Site) -> None:
    handle = await blocked(site)
    page = (await site.ask("GET", "/api/v1/live", token=site.client_token)).json["page"]
    assert page["blocks"] == {} and page["lanes"] == {}
    target = f"/api/v1/servers/LOGON1/opens/{handle}/release"
    body = msgspec.json.encode({"reason": "x"})
    assert (await site.ask("POST", target, body, token=site.client_token)).status == 403
    assert (await site.ask("GET", "/api/v1/live", token="")).status == 401


async def test_what_is_closed_already_cannot_be_released(site: Site) -> None:
    assert (await site.post("/api/v1/servers/LOGON1/opens/O99/release", reason="x")).status == 410


async def test_a_stream_ends_when_the_server_stops(site: Site) -> None:
    async with reading(site) as stream:
        await stream.until("snapshot")
        assert site.feeds is not None
        site.feeds.close()
        with pytest.raises(EOFError):
            while True:
                await stream.next()
