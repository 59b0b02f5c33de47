"""What is on its way in is bounded, in all and for each caller."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from despoolr_server.engine.names import Name
from despoolr_server.http.base.problem import Refused
from despoolr_server.http.base.uploads import Downloads, Uploads
from worlds.raw_http import Raw, dial
from worlds.share_server import Site, serving


def test_one_caller_has_room_up_to_its_bound_and_others_still_have_some() -> None:
    uploads = Uploads(size_max=100, per_caller_max=40)
    uploads.take("A", 20)
    uploads.take("A", 20)
    with pytest.raises(Refused, match="You send as much"):
        uploads.take("A", 1)
    uploads.take("B", 40)
    with pytest.raises(Refused, match="This server is being sent as much"):
        uploads.take("C", 21)
    uploads.take("C", 20)
    uploads.give_back("A", 20)
    uploads.take("A", 20)
    for caller, size in (("A", 40), ("B", 40), ("C", 20)):
        uploads.give_back(caller, size)
    assert (uploads.size, uploads._sizes) == (0, {})


def test_a_body_that_is_alone_has_room() -> None:
    uploads = Uploads(size_max=100, per_caller_max=40)
    uploads.take("A", 1000)
    with pytest.raises(Refused):
        uploads.take("B", 1)


async def begin(site: Site, token: str, *headers: str, body: bytes = b"x") -> Raw:
    raw = await dial(int(site.base.rpartition(":")[2]))
    lines = ["PUT /SMS_SHR/A HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers]
    raw.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return raw


async def reading(site: Site, uploads: Uploads, size: int) -> None:
    async with asyncio.timeout(60):
        while uploads.size != size:
            await site.ask("GET", "/healthz")


async def test_a_server_says_503_to_the_body_past_the_bound_and_takes_it_later() -> None:
    uploads = Uploads(size_max=1500, per_caller_max=1000)
    async with serving(uploads=uploads) as site:
        first = await begin(site, site.token, "Content-Length: 900")
        await reading(site, uploads, 900)
        refused = await begin(
            site, site.token, "Content-Length: 101", "Expect: 100-continue", body=b""
        )
        status, body = await refused.answer()
        assert (status, b"server-busy" in body) == (503, True)
        other = await begin(site, site.client_token, "Content-Length: 600")
        await reading(site, uploads, 1500)
        first.say(b"x" * 899)
        assert (await first.answer())[0] in (201, 204)
        other.hang_up()
        await reading(site, uploads, 0)
        chunked = await begin(
            site, site.token, "Transfer-Encoding: chunked", body=b"64\r\n" + b"x" * 100 + b"\r\n"
        )
        await reading(site, uploads, 100)
        chunked.say(b"0\r\n\r\n")
        assert (await chunked.answer())[0] in (201, 204)
        assert uploads.size == 0
        for raw in (first, refused, chunked):
            raw.transport.close()


LARGE = 8 * 1024 * 1024


async def test_large_files_on_their_way_out_are_bounded_and_their_room_comes_back() -> None:
    downloads = Downloads(size_max=LARGE * 2, per_caller_max=LARGE)
    async with serving(downloads=downloads) as site:
        site.host.gate.shares["SMS_SHR"].store.write_whole(Name("BIG", "BIG"), b"x" * LARGE, 0.0)
        slow = await dial(int(site.base.rpartition(":")[2]))
        slow.transport.pause_reading()
        slow.say(
            "GET /SMS_SHR/BIG HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            f"{site.token}\r\n\r\n".encode()
        )
        async with asyncio.timeout(60):
            while downloads.size != LARGE:
                await site.ask("GET", "/healthz")
        session = await site.session()
        opened = await site.post("/api/v1/opens", session=session, share="SMS_SHR", path="BIG")
        asked: list[tuple[str, dict[str, Any]]] = [
            ("/SMS_SHR/BIG", {}),
            ("/SMS_SHR/BIG", {"If_Match": "*"}),
            ("/SMS_SHR/BIG", {"Range": "bytes=0-0"}),
            (f"/api/v1/opens/{opened.json['open']}/content", {}),
        ]
        for target, headers in asked:
            refused = await site.ask("GET", target, **headers)
            assert (refused.status, refused.problem.detail[:22]) == (503, "You are being sent as ")
            assert refused.headers["Retry-After"] == "1"
        assert (await site.ask("HEAD", "/SMS_SHR/BIG")).status == 200
        assert len((await site.ask("GET", "/SMS_SHR/BIG", token=site.client_token)).body) == LARGE
        calls = [
            {"call": "put", "share": "SMS_SHR", "path": "SMALL", "data": ""},
            {"call": "get", "share": "SMS_SHR", "path": "BIG"},
            {"call": "get", "share": "SMS_SHR", "path": "SMALL"},
        ]
        put, large, small = (await site.post("/api/v1/chain", calls=calls)).json["results"]
        assert (put["etag"], large["problem"]["status"]) == (small["etag"], 503)
        assert downloads.size == LARGE
        slow.hang_up()
        async with asyncio.timeout(60):
            while downloads.size:
                await site.ask("GET", "/healthz")
        for target in ("/SMS_SHR/BIG", f"/api/v1/opens/{opened.json['open']}/content"):
            assert len((await site.ask("GET", target)).body) == LARGE
        assert (
            len((await site.post("/api/v1/chain", calls=calls[1:2])).json["results"][0]["data"])
            > LARGE
        )
        assert downloads.size == 0


async def test_a_large_answer_of_any_kind_takes_room_and_a_small_one_none() -> None:
    downloads = Downloads(size_max=LARGE, per_caller_max=LARGE)
    async with serving(downloads=downloads) as site:
        store = site.host.gate.shares["SMS_SHR"].store
        for count in range(2000):
            store.write_whole(Name(f"{count}.TXT", f"{count}.TXT"), b"", 0.0)
        asked: list[tuple[str, dict[str, Any]]] = [
            ("PROPFIND", {"Depth": "1"}),
            ("PROPFIND", {"Depth": "infinity"}),
            ("GET", {}),
            ("GET", {"Accept": "text/html"}),
        ]
        downloads.take(f"Bearer {site.token}", LARGE)
        for method, headers in asked:
            refused = await site.ask(method, "/SMS_SHR/", **headers)
            assert refused.status == 503
            assert refused.problem.type == "/problems/server-busy"
        assert (await site.ask("PROPFIND", "/SMS_SHR", Depth="0")).status == 207
        downloads.give_back(f"Bearer {site.token}", LARGE)
        for method, headers in asked:
            assert (await site.ask(method, "/SMS_SHR/", **headers)).status in (200, 207)
            assert downloads.size == 0
