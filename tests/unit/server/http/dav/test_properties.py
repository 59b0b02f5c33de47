"""PROPFIND and PROPPATCH over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import quote
from xml.etree.ElementTree import fromstring

import pytest
from aiohttp.web import Request, StreamResponse

from despoolr_server.engine.names import Name
from despoolr_server.http.base.pieces import ANSWER_SIZE_MAX, PIECE_SIZE, in_pieces
from despoolr_server.http.base.uploads import CALLER_LOOKS_MAX, LOOKING_MAX
from despoolr_server.http.dav import properties as module
from despoolr_server.http.dav.bodies import NAMES_SIZE_MAX, NAMESPACE_MAX, names_size
from despoolr_server.http.dav.live_properties import ALWAYS, LIVE
from despoolr_server.http.dav.properties import (
    KEPT_MAX,
    KEPT_SIZE_MAX,
    size_of,
)
from despoolr_server.loop.pace import BATCH
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.dav import FOUND_MAX, DavResource
from worlds.dav import D, lock, parts, propfind, proppatch
from worlds.share import ADMIN
from worlds.share_server import Reply, Site


async def test_live_properties_are_those_of_the_file(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/Ä%20%26.INS", b"hello")).headers["ETag"]
    found = parts(await site.ask("PROPFIND", "/SMS_SHR/%C3%A4%20%26.ins", Depth="0"))
    assert list(found) == ["/SMS_SHR/%C3%84%20%26.INS"]
    properties = found["/SMS_SHR/%C3%84%20%26.INS"].properties
    assert {status for status, _ in properties.values()} == {200}
    assert set(properties) == set(ALWAYS)
    told = {
        name: properties[D + name][1].text
        for name in ("displayname", "getcontentlength", "getcontenttype", "getetag")
    }
    assert told == {
        "displayname": "Ä &.INS",
        "getcontentlength": "5",
        "getcontenttype": "text/plain",
        "getetag": etag,
    }
    assert properties[D + "getlastmodified"][1].text == "Mon, 04 Mar 1996 08:00:00 GMT"
    assert properties[D + "creationdate"][1].text == "1996-03-04T08:00:00Z"
    assert len(properties[D + "resourcetype"][1]) == 0


async def test_a_directory_is_a_collection_with_what_is_in_it_as_deep_as_asked(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/D/E?parents=true")
    await site.ask("PUT", "/SMS_SHR/D/E/A", b"1")
    asked = propfind("resourcetype", "getcontentlength", "quota-available-bytes")
    for depth, expected in (
        ("0", ["/SMS_SHR/D/"]),
        ("1", ["/SMS_SHR/D/", "/SMS_SHR/D/E/"]),
        ("infinity", ["/SMS_SHR/D/", "/SMS_SHR/D/E/", "/SMS_SHR/D/E/A"]),
    ):
        found = parts(await site.ask("PROPFIND", "/SMS_SHR/D", asked, Depth=depth))
        assert list(found) == expected
    directory = found["/SMS_SHR/D/"].properties
    assert directory[D + "resourcetype"][1][0].tag == D + "collection"
    assert directory[D + "getcontentlength"][0] == 404
    assert int(directory[D + "quota-available-bytes"][1].text or 0) > 0
    assert found["/SMS_SHR/D/E/A"].properties[D + "quota-available-bytes"][0] == 404
    assert list(parts(await site.ask("PROPFIND", "/SMS_SHR/D/E"))) == [
        "/SMS_SHR/D/E/",
        "/SMS_SHR/D/E/A",
    ]


async def test_a_quota_is_what_is_used_and_what_is_left(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"12345")
    asked = propfind("quota-used-bytes", "quota-available-bytes")
    found = parts(await site.ask("PROPFIND", "/SMS_SHR/", asked, Depth="1"))
    quota = {
        name: (status, element.text)
        for name, (status, element) in found["/SMS_SHR/"].properties.items()
    }
    assert quota == {
        D + "quota-used-bytes": (200, "5"),
        D + "quota-available-bytes": (200, str(1 << 40)),
    }
    assert {status for status, _ in found["/SMS_SHR/A"].properties.values()} == {404}
    root = parts(await site.ask("PROPFIND", "/", asked, Depth="0"))["/"].properties
    assert {status for status, _ in root.values()} == {404}


@pytest.mark.parametrize(
    "char", ["\uffff", "\ufffe", "\u0085", "\x9b", "\ufdd0", "\U0001ffff", "&", "]]\u2028"]
)
async def test_a_multi_status_is_xml_whatever_a_name_has_in_it(site: Site, char: str) -> None:
    address = f"/SMS_SHR/{quote(f'D{char}')}/{quote(char)}"
    assert (await site.ask("MKCOL", address.rpartition("/")[0])).status == 201
    assert (await site.ask("PUT", address, b"1")).status == 201
    assert address in parts(await site.ask("PROPFIND", "/SMS_SHR/"))
    shown = (
        parts(await site.ask("PROPFIND", address, Depth="0"))[address]
        .properties[D + "displayname"][1]
        .text
    )
    assert shown == ("?" if char in "\uffff\ufffe" else char)
    await lock(site, address, site.client_token)
    assert address in parts(await site.ask("PROPFIND", "/SMS_SHR/", propfind("lockdiscovery")))
    assert parts(await site.ask("DELETE", address.rpartition("/")[0]))[address].status == 423
    assert (
        fromstring((await site.ask("PUT", address, b"", Accept="text/xml")).body).tag == D + "error"
    )


async def test_the_root_of_the_server_has_the_shares(site: Site) -> None:
    found = parts(await site.ask("PROPFIND", "/", Depth="1"))
    assert list(found) == ["/", "/SMS_SHR/"]
    assert list(parts(await site.ask("PROPFIND", "/", propfind("resourcetype"), Depth="0"))) == [
        "/"
    ]
    deep = await site.ask("PROPFIND", "/")
    assert (deep.status, deep.problem.dav_error) == (403, "propfind-finite-depth")
    assert (await site.ask("PROPFIND", "/", b"<", Depth="0")).status == 400
    assert (await site.ask("PROPFIND", "/", token="", Depth="0")).status == 401
    options = await site.ask("OPTIONS", "/", token="")
    assert (options.status, options.headers["DAV"]) == (200, "1, 2")


async def test_a_dead_property_is_given_back_as_it_came_and_forgotten_when_removed(
    site: Site,
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    value = '<u:a xml:lang="de" u:b="&lt;&#10;"> <u:c xmlns:u="urn:v">ä&amp;𝄞</u:c> tail\n</u:a>'
    done = parts(
        await site.ask(
            "PROPPATCH", "/SMS_SHR/A", proppatch(f"<D:set><D:prop>{value}<u:n/></D:prop></D:set>")
        )
    )
    assert {name: status for name, (status, _) in done["/SMS_SHR/A"].properties.items()} == {
        "{urn:u}a": 200,
        "{urn:u}n": 200,
    }
    asked = (
        b'<propfind xmlns="DAV:"><prop><a xmlns="urn:u"/><n xmlns="urn:u"/><no '
        b'xmlns="urn:u"/></prop></propfind>'
    )
    properties = parts(await site.ask("PROPFIND", "/SMS_SHR/A", asked, Depth="0"))[
        "/SMS_SHR/A"
    ].properties
    status, element = properties["{urn:u}a"]
    assert status == 200
    assert dict(element.attrib) == {
        "{http://www.w3.org/XML/1998/namespace}lang": "de",
        "{urn:u}b": "<\n",
    }
    assert (element.text, element[0].tag, element[0].text, element[0].tail) == (
        " ",
        "{urn:v}c",
        "ä&𝄞",
        " tail\n",
    )
    assert (properties["{urn:u}n"][0], properties["{urn:u}no"][0]) == (200, 404)
    everything = parts(await site.ask("PROPFIND", "/SMS_SHR/A", Depth="0"))["/SMS_SHR/A"].properties
    assert set(everything) == {*ALWAYS, "{urn:u}a", "{urn:u}n"}
    names = b'<propfind xmlns="DAV:"><propname/></propfind>'
    named = parts(await site.ask("PROPFIND", "/SMS_SHR/A", names, Depth="0"))[
        "/SMS_SHR/A"
    ].properties
    assert set(named) == set(everything)
    assert all(not element.text and not len(element) for _, element in named.values())
    remove = proppatch("<D:remove><D:prop><u:a/><u:never/></D:prop></D:remove>")
    assert (await site.ask("PROPPATCH", "/SMS_SHR/A", remove)).status == 207
    after = parts(await site.ask("PROPFIND", "/SMS_SHR/A", asked, Depth="0"))[
        "/SMS_SHR/A"
    ].properties
    assert (after["{urn:u}a"][0], after["{urn:u}n"][0]) == (404, 200)


async def test_allprop_includes_what_it_is_asked_to(site: Site) -> None:
    asked = (
        b"<propfind "
        b'xmlns="DAV:"><allprop/><include><quota-available-bytes/><getetag/></include></propfind>'
    )
    found = parts(await site.ask("PROPFIND", "/SMS_SHR/", asked, Depth="0"))["/SMS_SHR/"].properties
    assert D + "quota-available-bytes" in found


async def test_properties_follow_their_file_and_go_with_it(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    await site.ask(
        "PROPPATCH", "/SMS_SHR/A", proppatch("<D:set><D:prop><u:a>1</u:a></D:prop></D:set>")
    )
    await site.ask("COPY", "/SMS_SHR/A", Destination="/SMS_SHR/B")
    await site.ask("MOVE", "/SMS_SHR/A", Destination="/SMS_SHR/C")
    await site.ask("PUT", "/SMS_SHR/C", b"2")
    await site.ask("PUT", "/SMS_SHR/A", b"new")
    asked = b'<propfind xmlns="DAV:"><prop><a xmlns="urn:u"/></prop></propfind>'

    async def status(name: str) -> int:
        found = parts(await site.ask("PROPFIND", f"/SMS_SHR/{name}", asked, Depth="0"))
        return found[f"/SMS_SHR/{name}"].properties["{urn:u}a"][0]

    assert [await status(name) for name in "ABC"] == [404, 200, 200]
    await site.ask("DELETE", "/SMS_SHR/B")
    await site.ask("PUT", "/SMS_SHR/B", b"new")
    assert await status("B") == 404


async def test_a_proppatch_does_all_it_is_asked_or_nothing(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    inside = "<D:set><D:prop><u:a>1</u:a><D:getetag>x</D:getetag></D:prop></D:set>"
    done = parts(await site.ask("PROPPATCH", "/SMS_SHR/A", proppatch(inside)))["/SMS_SHR/A"]
    assert {name: status for name, (status, _) in done.properties.items()} == {
        "{urn:u}a": 424,
        D + "getetag": 403,
    }
    assert (
        done.element.find(f"{D}propstat/{D}error/{D}cannot-modify-protected-property") is not None
    )
    everything = parts(await site.ask("PROPFIND", "/SMS_SHR/A", Depth="0"))["/SMS_SHR/A"].properties
    assert "{urn:u}a" not in everything


async def test_a_display_name_may_be_given(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    await site.ask(
        "PROPPATCH",
        "/SMS_SHR/A",
        proppatch("<D:set><D:prop><D:displayname>Anna's</D:displayname></D:prop></D:set>"),
    )
    found = parts(await site.ask("PROPFIND", "/SMS_SHR/A", Depth="0"))["/SMS_SHR/A"].properties
    assert found[D + "displayname"][1].text == "Anna's"


async def test_as_many_properties_are_kept_as_the_limits_say_and_no_more(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")

    async def patch(*elements: str) -> set[int]:
        body = proppatch(f"<D:set><D:prop>{''.join(elements)}</D:prop></D:set>")
        done = parts(await site.ask("PROPPATCH", "/SMS_SHR/A", body))["/SMS_SHR/A"]
        return {status for status, _ in done.properties.values()}

    assert await patch(*(f"<u:p{n}/>" for n in range(KEPT_MAX - 1))) == {200}
    assert await patch("<u:q/>") == {200}
    assert await patch("<u:r/>") == {507}
    assert await patch("<u:q>again</u:q>") == {200}
    large = "x" * 60_000
    assert await patch(f"<u:p1>{large}</u:p1>") == {200}
    assert await patch(f"<u:p2>{large}</u:p2>") == {200}
    assert KEPT_SIZE_MAX < 180_000
    assert await patch(f"<u:p3>{large}</u:p3>") == {507}


async def test_a_look_too_deep_is_refused_with_what_to_do_instead(site: Site) -> None:
    (share,) = site.host.gate.shares.values()
    for number in range(FOUND_MAX):
        share.store.write_whole(Name(f"F{number}", f"F{number}"), b"", 0.0)
    refused = await site.ask("PROPFIND", "/SMS_SHR/", Depth="1")
    assert (refused.status, refused.problem.dav_error) == (403, "propfind-finite-depth")
    assert "Depth: 1" in refused.problem.detail


def named(count: int, namespace: str) -> bytes:
    names = "".join(f"<u:n{number:03}/>" for number in range(count))
    spaces = f'xmlns:D="DAV:" xmlns:u="{namespace}"'
    return f"<D:propfind {spaces}><D:prop>{names}</D:prop></D:propfind>".encode()


async def test_names_in_one_long_namespace_are_refused_up_front(site: Site) -> None:
    assert (
        await site.ask("PROPFIND", "/SMS_SHR/", named(1, "u" * NAMESPACE_MAX), Depth="0")
    ).status == 207
    assert (
        await site.ask("PROPFIND", "/SMS_SHR/", named(1, "u" * (NAMESPACE_MAX + 1)), Depth="0")
    ).status == 400
    each = names_size(["{u}n000"]) + NAMESPACE_MAX - 1
    most = NAMES_SIZE_MAX // each
    assert (
        await site.ask("PROPFIND", "/SMS_SHR/", named(most, "u" * NAMESPACE_MAX), Depth="0")
    ).status == 207
    refused = await site.ask(
        "PROPFIND", "/SMS_SHR/", named(most + 1, "u" * NAMESPACE_MAX), Depth="0"
    )
    assert (refused.status, str(NAMES_SIZE_MAX) in refused.problem.detail) == (400, True)
    assert (
        await site.ask(
            "PROPFIND", "/SMS_SHR/", named(256, "urn:a-namespace-of-some-length"), Depth="0"
        )
    ).status == 207


async def test_an_answer_is_within_its_budget_or_refused(site: Site) -> None:
    (share,) = site.host.gate.shares.values()
    body = named(15, "u" * NAMESPACE_MAX)
    for number in range(3 * ANSWER_SIZE_MAX // (15 * NAMESPACE_MAX) // 2):
        share.store.write_whole(Name(f"F{number}", f"F{number}"), b"", 0.0)
    refused = await site.ask("PROPFIND", "/SMS_SHR/", body, Depth="1")
    assert (refused.status, refused.problem.type) == (507, "/problems/answer-too-large")
    assert "fewer properties" in refused.problem.detail
    answered = await site.ask("PROPFIND", "/SMS_SHR/", propfind("getetag", "none"), Depth="1")
    assert len(parts(answered)) == 3 * ANSWER_SIZE_MAX // (15 * NAMESPACE_MAX) // 2 + 1
    assert len(answered.body) > PIECE_SIZE
    assert "Content-Length" not in answered.headers


async def test_long_responses_about_files_are_made_no_more_at_one_time_than_are_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a look at the longest turn of the loop: 256 of them took 15 ms and 3 MB."""
    sizes: list[int] = []

    async def noting(
        request: Request, status: int, kind: str, texts: Iterable[bytes], *, size_about: int
    ) -> StreamResponse:
        whole = [*texts]
        sizes.extend(map(len, whole))
        return await in_pieces(request, status, kind, whole, size_about=size_about)

    monkeypatch.setattr(module, "in_pieces", noting)
    (share,) = site.host.gate.shares.values()
    for number in range(BATCH):
        share.store.write_whole(Name(f"F{number:03}", f"F{number:03}"), b"", 0.0)
    for body, count in ((named(15, "u" * NAMESPACE_MAX), 16), (propfind("getetag"), 1)):
        for _ in range(2):
            sizes.clear()
            answered = await site.ask("PROPFIND", "/SMS_SHR/", body, Depth="1")
            assert len(parts(answered)) == BATCH + 1
            assert max(sizes) <= PIECE_SIZE
            assert len(sizes) == count + 3  # the share's root, and what stands around all


async def test_no_response_is_longer_than_it_was_estimated(site: Site) -> None:
    name = "&" * 60 + "ä" * 60
    await site.ask("PUT", f"/SMS_SHR/{quote(name)}", b"1")
    await site.ask(
        "PROPPATCH",
        f"/SMS_SHR/{quote(name)}",
        proppatch("<D:set><D:prop><u:a>ä</u:a></D:prop></D:set>"),
    )
    for scope_token in (site.client_token, site.token):
        await lock(site, f"/SMS_SHR/{quote(name)}", scope_token, "shared")
    for asked in (b"", propfind(*(one.removeprefix(D) for one in LIVE))):
        answered = await site.ask("PROPFIND", f"/SMS_SHR/{quote(name)}", asked, Depth="0")
        (found,) = await site.host.dav.look(Caller(ADMIN), "SMS_SHR", name, 0)  # type: ignore[misc]
        assert isinstance(found, DavResource)
        assert len(answered.body) < size_of(found) + names_size(LIVE)


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("<u:a>" + "<u:b/>" * 8000 + "</u:a>", 207),
        ('<a xmlns="">' + "<u:b/>" * 8000 + "</a>", 400),
        ("<u:a>" + '<b xmlns=""/>' * 4000 + "</u:a>", 207),
    ],
)
async def test_what_is_kept_is_bounded_as_it_is_written_not_as_it_came(
    site: Site, inside: str, status: int
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    body = proppatch(f"<D:set><D:prop>{inside}</D:prop></D:set>").replace(b"urn:u", b"u" * 1000)
    assert (await site.ask("PROPPATCH", "/SMS_SHR/A", body)).status == status


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "status"),
    [
        ("PROPFIND", "/SMS_SHR/NONE", {}, b"", 404),
        ("PROPFIND", "/NONE/", {}, b"", 404),
        ("PROPFIND", "/SMS_SHR/A/B/C", {}, b"", 404),
        ("PROPFIND", "/SMS_SHR/", {"Depth": "2"}, b"", 400),
        ("PROPFIND", "/SMS_SHR/", {}, b"<x", 400),
        ("PROPFIND", "/SMS_SHR/", {}, b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 403),
        ("PROPPATCH", "/SMS_SHR/", {}, b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 403),
        ("PROPPATCH", "/SMS_SHR/", {}, b"", 400),
        (
            "PROPPATCH",
            "/SMS_SHR/NONE",
            {},
            proppatch("<D:set><D:prop><u:a/></D:prop></D:set>"),
            404,
        ),
        ("PROPFIND", "/SMS_SHR/", {}, b"x" * 70_000, 413),
        ("PROPFIND", "/SMS_SHR/COM1", {}, b"", 400),
        ("PROPFIND", "/SMS_SHR/.despoolr/properties", {}, b"", 404),
    ],
)
async def test_what_cannot_be_answered_is_a_problem(
    site: Site, method: str, target: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    reply = await site.ask(method, target, body, **headers)
    assert reply.status == status, reply
    assert reply.problem.detail


async def test_an_attack_by_xml_is_named_as_one(site: Site) -> None:
    refused = await site.ask("PROPFIND", "/SMS_SHR/", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    assert refused.problem.type == "/problems/no-external-entities"
    assert "<!DOCTYPE>" in refused.problem.detail


async def test_so_many_looks_wait_and_those_after_them_are_told_to_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, go_on = site.host.dav.look, asyncio.Event()

    async def held(caller: Caller, share: str, path: str, depth: int | None) -> object:
        if depth != 0:
            await go_on.wait()
        return await look(caller, share, path, depth)

    monkeypatch.setattr(site.host.dav, "look", held)
    asking = {
        asyncio.create_task(site.ask("PROPFIND", "/SMS_SHR", Depth="1"))
        for _ in range(CALLER_LOOKS_MAX + 3)
    }
    refused: list[Reply] = []
    while len(refused) < 3:
        done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        refused += [task.result() for task in done]
    assert {(one.status, one.headers["Retry-After"]) for one in refused} == {(503, "1")}
    assert (await site.ask("PROPFIND", "/SMS_SHR", Depth="0")).status == 207
    go_on.set()
    assert {reply.status for reply in await asyncio.gather(*asking)} == {207}
    assert (await site.ask("PROPFIND", "/SMS_SHR", Depth="1")).status == 207


async def test_the_names_of_directories_have_their_places_among_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings, file_info, go_on = site.host.listings, site.host.file_info, asyncio.Event()
    named, of_handle = listings.list_long, file_info.entries
    at_work: list[str] = []

    async def held(caller: Caller, share: str, path: str) -> object:
        at_work.append(path)
        await go_on.wait()
        return await named(caller, share, path)

    async def held_too(who: Principal, handle: str, *, session: str) -> object:
        at_work.append(handle)
        await go_on.wait()
        return await of_handle(who, handle, session=session)

    monkeypatch.setattr(listings, "list_long", held)
    monkeypatch.setattr(file_info, "entries", held_too)
    targets = ("/SMS_SHR/", "/api/v1/opens/O1/entries")
    asking = {
        asyncio.create_task(site.ask("GET", targets[number % 2]))
        for number in range(CALLER_LOOKS_MAX + 2)
    }
    refused: list[Reply] = []
    while len(refused) < 2:
        done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        refused += [task.result() for task in done]
    assert {(one.status, one.headers["Retry-After"]) for one in refused} == {(503, "1")}
    assert len(at_work) == LOOKING_MAX
    assert (await site.ask("PROPFIND", "/SMS_SHR", Depth="1")).status == 503
    go_on.set()
    assert {reply.status for reply in await asyncio.gather(*asking)} == {200, 410}
    assert {*at_work} == {"", "O1"}
    assert (await site.ask("GET", "/SMS_SHR/")).status == 200


async def test_so_many_looks_are_made_at_one_time_and_the_others_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = site.host.gate.shares["SMS_SHR"].store
    for count in range(3 * BATCH):
        store.write_whole(Name(f"{count}.TXT", f"{count}.TXT"), b"", 0.0)
    look, at_work, most = site.host.dav.look, 0, 0

    async def counted(caller: Caller, share: str, path: str, depth: int | None) -> object:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        try:
            return await look(caller, share, path, depth)
        finally:
            at_work -= 1

    monkeypatch.setattr(site.host.dav, "look", counted)
    replies = await asyncio.gather(
        *(
            site.ask("PROPFIND", "/SMS_SHR", propfind("getetag"), Depth="1")
            for _ in range(2 * LOOKING_MAX)
        )
    )
    assert {reply.status for reply in replies} == {207}
    assert 1 < most <= LOOKING_MAX
