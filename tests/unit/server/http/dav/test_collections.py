"""DELETE, COPY, MOVE and MKCOL over HTTP: trees, conditions, and what could not be done."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from worlds.dav import D, P, lock, parts
from worlds.raw_http import dial
from worlds.share_server import Site


async def plant(site: Site) -> None:
    """`D` with a file, a directory and a file in that."""
    await site.ask("MKCOL", "/SMS_SHR/D/E?parents=true")
    await site.ask("PUT", "/SMS_SHR/D/A", b"a")
    await site.ask("PUT", "/SMS_SHR/D/E/B%20%C3%A4", b"b")


async def names(site: Site, path: str) -> list[str]:
    return [entry["name"] for entry in (await site.ask("GET", f"/SMS_SHR/{path}")).json["entries"]]


async def test_a_directory_goes_with_all_that_is_in_it(site: Site) -> None:
    await plant(site)
    assert (await site.ask("DELETE", "/SMS_SHR/D")).status == 204
    assert await names(site, "") == []


async def test_with_depth_zero_only_an_empty_directory_is_deleted(site: Site) -> None:
    await plant(site)
    refused = await site.ask("DELETE", "/SMS_SHR/D", Depth="0")
    assert (refused.status, refused.problem.nt_status) == (409, "STATUS_DIRECTORY_NOT_EMPTY")
    await site.ask("DELETE", "/SMS_SHR/D/E/B%20%C3%A4", Depth="0")
    assert (await site.ask("DELETE", "/SMS_SHR/D/E/", Depth="0")).status == 204
    assert (await site.ask("DELETE", "/SMS_SHR/D", Depth="1")).status == 400


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "COPY", "UNLOCK", "MKCOL"])
async def test_a_body_that_would_be_ignored_is_refused_and_nothing_is_done(
    site: Site, method: str
) -> None:
    """RFC 4918, 8.4; and a body that is cut short is the request cut short."""
    await plant(site)
    path = "/SMS_SHR/D/E" if method != "MKCOL" else "/SMS_SHR/D/NEW"
    more = {"Destination": "/SMS_SHR/D/F", "Lock_Token": "<urn:x>"}
    refused = await site.ask(method, path, b"x", **more)
    assert (refused.status, refused.problem.type) == (415, "/problems/unsupported-media-type")
    raw = await dial(int(site.base.rpartition(":")[2]))
    told = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.token}\r\n"
    raw.say(f"{told}Destination: /SMS_SHR/D/F\r\nContent-Length: 5\r\n\r\n".encode())
    await asyncio.sleep(0.05)
    raw.hang_up()
    await asyncio.sleep(0.05)
    assert await names(site, "D") == ["A", "E"]
    raw = await dial(int(site.base.rpartition(":")[2]))
    raw.say(f"{told}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
    async with asyncio.timeout(60):
        assert (await raw.answer())[0] == 415, "its body is not waited for"
    raw.hang_up()
    empty = (await site.ask(method, path, b"", **more)).status
    assert empty == (409 if method == "UNLOCK" else 204 if method == "DELETE" else 201)


async def test_a_held_file_is_named_in_a_multi_status_and_stays(site: Site) -> None:
    await plant(site)
    await site.hold("D/E/B ä")
    found = parts(await site.ask("DELETE", "/SMS_SHR/D/"))
    assert {href: part.status for href, part in found.items()} == {"/SMS_SHR/D/E/B%20%C3%A4": 423}
    error = found["/SMS_SHR/D/E/B%20%C3%A4"].element.find(D + "error")
    assert error is not None
    assert error.findtext(f"{D}no-conflicting-lock/{D}href") == "/SMS_SHR/D/E/B%20%C3%A4"
    assert error.findtext(f"{P}problem/{P}blockers/{P}i/{P}machine") == "PC07"
    assert await names(site, "D/") == ["E"]
    found = parts(await site.ask("MOVE", "/SMS_SHR/D", Destination="/SMS_SHR/C"))
    assert {href: part.status for href, part in found.items()} == {"/SMS_SHR/D/E/B%20%C3%A4": 423}
    assert await names(site, "") == ["D"]


async def test_a_locked_file_in_the_way_is_named_as_one_a_token_would_open(site: Site) -> None:
    await plant(site)
    token = await lock(site, "/SMS_SHR/D/A", site.client_token)
    found = parts(await site.ask("DELETE", "/SMS_SHR/D/"))
    error = found["/SMS_SHR/D/A"].element.find(D + "error")
    assert error is not None
    assert error.find(D + "lock-token-submitted") is not None
    tagged = f"<{site.base}/SMS_SHR/D/A> ({token})"
    assert (
        await site.ask("DELETE", "/SMS_SHR/D/", token=site.client_token, If=tagged)
    ).status == 204


async def test_a_tree_is_copied_and_moved_onto_another(site: Site) -> None:
    await plant(site)
    assert (await site.ask("COPY", "/SMS_SHR/D", Destination="/SMS_SHR/C/")).status == 201
    assert await names(site, "C/E/") == ["B ä"]
    assert (
        await site.ask("COPY", "/SMS_SHR/D", Destination="/SMS_SHR/C", Overwrite="F")
    ).status == 412
    await site.ask("PUT", "/SMS_SHR/C/OLD", b"")
    assert (await site.ask("COPY", "/SMS_SHR/D/", Destination="/SMS_SHR/C")).status == 204
    assert await names(site, "C/") == ["A", "E"]
    assert (await site.ask("COPY", "/SMS_SHR/D", Destination="/SMS_SHR/C", Depth="0")).status == 204
    assert await names(site, "C/") == []
    assert (await site.ask("MOVE", "/SMS_SHR/D", Destination="/SMS_SHR/C", Depth="0")).status == 403
    assert (await site.ask("MOVE", "/SMS_SHR/D", Destination="/SMS_SHR/C")).status == 204
    assert await names(site, "") == ["C"]
    assert (await site.ask("COPY", "/SMS_SHR/C", Destination="/SMS_SHR/C/X")).status == 403
    assert (await site.ask("COPY", "/SMS_SHR/C/A", Destination="/SMS_SHR/c/a")).status == 403
    assert (await site.ask("COPY", "/SMS_SHR/C/A", Destination="/SMS_SHR/X/A")).status == 409
    assert (await site.ask("COPY", "/SMS_SHR/NONE", Destination="/SMS_SHR/X")).status == 404


async def test_an_address_with_a_fragment_deletes_nothing(site: Site) -> None:
    await plant(site)
    url = URL(site.base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    headers = f"Host: h\r\nAuthorization: Bearer {site.token}\r\nConnection: close\r\n\r\n"
    writer.write(f"DELETE /SMS_SHR/D/#x HTTP/1.1\r\n{headers}".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert await names(site, "D/") == ["A", "E"]


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "COPY", "PROPPATCH", "LOCK", "MKCOL"])
async def test_every_method_asks_who_calls_with_a_challenge_that_clients_read(
    site: Site, method: str
) -> None:
    reply = await site.ask(method, "/SMS_SHR/A", token="", Destination="/SMS_SHR/B")
    assert reply.status == 401
    assert [one.split()[0] for one in reply.headers.getall("WWW-Authenticate")] == [
        "Basic",
        "Bearer",
    ]


async def test_a_change_can_depend_on_when_the_file_was_changed(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    then, before = "Mon, 04 Mar 1996 08:00:10 GMT", "Mon, 04 Mar 1996 07:59:59 GMT"
    assert (await site.ask("GET", "/SMS_SHR/A", If_Modified_Since=then)).status == 304
    assert (await site.ask("HEAD", "/SMS_SHR/A", If_Modified_Since=then)).status == 304
    assert (await site.ask("GET", "/SMS_SHR/A", If_Modified_Since=before)).body == b"1"
    assert (
        await site.ask("GET", "/SMS_SHR/A", If_Modified_Since=then, If_None_Match='"x"')
    ).body == b"1"
    assert (await site.ask("GET", "/SMS_SHR/A", If_Modified_Since="yesterday")).body == b"1"
    for method in ("PUT", "DELETE", "MOVE"):
        refused = await site.ask(
            method, "/SMS_SHR/A", If_Unmodified_Since=before, Destination="/SMS_SHR/B"
        )
        assert (refused.status, refused.problem.type) == (412, "/problems/precondition-failed")
    assert (await site.ask("PUT", "/SMS_SHR/A", b"2", If_Unmodified_Since=then)).status == 204
