"""What is on its way in is bounded, in all and for each caller."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_server.http.base.uploads import Uploads
from despoolr_server.http.problem import Refused
from raw_http import Raw, dial
from share_site import Site, serving


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
    async with asyncio.timeout(5):
        while uploads.size != size:
            await site.ask("GET", "/healthz")


async def test_a_server_says_503_to_the_body_past_the_bound_and_takes_it_later() -> None:
    uploads = Uploads(size_max=1500, per_caller_max=1000)
    async with serving(uploads=uploads) as site:
        first = await begin(site, site.token, "Content-Length: 900")
        await reading(site, uploads, 900)
        refused = await begin(site, site.token, "Content-Length: 101", "Expect: 100-continue", body=b"")
        status, body = await refused.answer()
        assert (status, b"server-busy" in body) == (503, True)
        other = await begin(site, site.client_token, "Content-Length: 600")
        await reading(site, uploads, 1500)
        first.say(b"x" * 899)
        assert (await first.answer())[0] in (201, 204)
        other.hang_up()
        await reading(site, uploads, 0)
        chunked = await begin(site, site.token, "Transfer-Encoding: chunked", body=b"64\r\n" + b"x" * 100 + b"\r\n")
        await reading(site, uploads, 100)
        chunked.say(b"0\r\n\r\n")
        assert (await chunked.answer())[0] in (201, 204)
        assert uploads.size == 0
        for raw in (first, refused, chunked):
            raw.transport.close()
