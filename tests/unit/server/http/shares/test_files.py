"""`/{share}/{path}` over HTTP: files, directories, conditions, ranges, names."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from multidict import CIMultiDict

from despoolr_server.shares.base.principal import Caller
from worlds.dav import lockinfo, proppatch
from worlds.raw_http import dial
from worlds.share import SERVICE
from worlds.share_server import FILE_SIZE_MAX, Site


async def test_a_file_put_is_got_back_with_its_etag(site: Site) -> None:
    put = await site.ask("PUT", "/SMS_SHR/A.INS", b"hello")
    assert (put.status, put.body) == (201, b"")
    got = await site.ask("GET", "/SMS_SHR/a.ins")
    assert (got.status, got.body, got.headers["ETag"]) == (200, b"hello", put.headers["ETag"])
    assert got.headers["Content-Type"] == "text/plain"
    assert got.headers["Last-Modified"] == "Mon, 04 Mar 1996 08:00:00 GMT"


async def test_a_file_put_again_is_replaced_and_has_another_etag(site: Site) -> None:
    first = await site.ask("PUT", "/SMS_SHR/A.INS", b"hello")
    second = await site.ask("PUT", "/SMS_SHR/A.INS", b"world")
    assert second.status == 204
    assert second.headers["ETag"] != first.headers["ETag"]


async def test_a_poll_that_finds_nothing_new_is_304(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A.INS", b"hello")).headers["ETag"]
    for header in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        poll = await site.ask("GET", "/SMS_SHR/A.INS", If_None_Match=header)
        assert (poll.status, poll.body, poll.headers["ETag"]) == (304, b"", etag)
    await site.ask("PUT", "/SMS_SHR/A.INS", b"world")
    poll = await site.ask("GET", "/SMS_SHR/A.INS", If_None_Match=etag)
    assert (poll.status, poll.body) == (200, b"world")


async def test_head_says_what_get_would_without_conflicting(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A.INS", b"hello")).headers["ETag"]
    await site.hold("A.INS", access="READ", share_mode="NONE")
    assert (await site.ask("GET", "/SMS_SHR/A.INS")).status == 423
    head = await site.ask("HEAD", "/SMS_SHR/A.INS")
    assert (head.status, head.headers["Content-Length"], head.headers["ETag"], head.body) == (
        200,
        "5",
        etag,
        b"",
    )
    assert (await site.ask("HEAD", "/SMS_SHR/A.INS", If_None_Match=etag)).status == 304
    assert (await site.ask("HEAD", "/SMS_SHR/B.INS")).status == 404
    facts = await site.ask("GET", "/SMS_SHR/a.ins?stat=true")
    assert (facts.json["name"], facts.json["size"]) == ("A.INS", 5)


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_a_range_is_answered_in_part(
    site: Site, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"0123456789")
    got = await site.ask("GET", "/SMS_SHR/A", Range=asked)
    assert (got.status, got.body, got.headers.get("Content-Range")) == (status, body, content_range)


async def test_a_range_beyond_the_end_is_refused_with_the_size(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"0123456789")
    got = await site.ask("GET", "/SMS_SHR/A", Range="bytes=10-")
    assert (got.status, got.headers["Content-Range"]) == (416, "bytes */10")
    assert got.problem.path == "A"


async def test_if_range_of_another_version_gets_the_whole_file(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A", b"0123456789")).headers["ETag"]
    assert (await site.ask("GET", "/SMS_SHR/A", Range="bytes=0-1", If_Range=etag)).status == 206
    assert (
        await site.ask("GET", "/SMS_SHR/A", Range="bytes=0-1", If_Range='"old"')
    ).body == b"0123456789"


async def test_put_can_be_told_only_to_create(site: Site) -> None:
    assert (await site.ask("PUT", "/SMS_SHR/A", b"1", If_None_Match="*")).status == 201
    again = await site.ask("PUT", "/SMS_SHR/A", b"2", If_None_Match="*")
    assert (again.status, again.problem.nt_status) == (412, "STATUS_OBJECT_NAME_COLLISION")
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"1"


async def test_a_write_can_be_made_to_depend_on_what_was_seen(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A", b"1")).headers["ETag"]
    for method in ("PUT", "DELETE", "MOVE"):
        refused = await site.ask(method, "/SMS_SHR/A", If_Match='"old"', Destination="/SMS_SHR/B")
        assert (refused.status, refused.problem.type) == (412, "/problems/precondition-failed")
    assert (await site.ask("GET", "/SMS_SHR/A", If_Match='"old"')).status == 412
    assert (await site.ask("PUT", "/SMS_SHR/B", b"1", If_Match="*")).status == 412
    assert (await site.ask("PUT", "/SMS_SHR/A", b"2", If_None_Match=etag)).status == 412
    assert (await site.ask("PUT", "/SMS_SHR/A", b"2", If_Match=etag)).status == 204


EARLIER = "Sun, 03 Mar 1996 08:00:00 GMT"
A_BODY: dict[str, bytes] = {
    "LOCK": lockinfo(),
    "PROPPATCH": proppatch("<D:set><D:prop><u:a>1</u:a></D:prop></D:set>"),
    "PUT": b"2",
}
EVERY_METHOD = [
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "MOVE",
    "COPY",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
]


@pytest.mark.parametrize("method", EVERY_METHOD)
@pytest.mark.parametrize(
    "condition",
    [{"If_Match": '"old"'}, {"If_Match": "\udcff"}, {"If_Unmodified_Since": EARLIER}],
    ids=["tag", "bytes", "date"],
)
async def test_every_method_is_held_to_the_state_that_was_seen(
    site: Site, method: str, condition: dict[str, str]
) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A", b"1")).headers["ETag"]
    more = {"Destination": "/SMS_SHR/B", "Lock_Token": "<urn:x>"}
    refused = await site.ask(method, "/SMS_SHR/A", A_BODY.get(method), **more, **condition)
    assert refused.status == 412
    assert method == "HEAD" or refused.problem.type == "/problems/precondition-failed"
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "A"
    ]
    kept = await site.ask("GET", "/SMS_SHR/A", If_Match=etag, If_Unmodified_Since=EARLIER)
    assert (kept.status, kept.body, site.host.dav.locks_on(Caller(SERVICE), "SMS_SHR", "A")[1]) == (
        200,
        b"1",
        [],
    )
    went_on = await site.ask(
        method, "/SMS_SHR/A", A_BODY.get(method), If_Match=f'"x", {etag}', **more
    )
    assert went_on.status in ((409,) if method == "UNLOCK" else (200, 201, 204, 207))
    await site.ask("PUT", "/SMS_SHR/A", b"1")


@pytest.mark.parametrize("method", EVERY_METHOD)
async def test_a_date_that_is_none_is_ignored_by_every_method(site: Site, method: str) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    more = {"Destination": "/SMS_SHR/B", "Lock_Token": "<urn:x>"}
    dates = {
        "If_Unmodified_Since": "garbage",
        "If_Modified_Since": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    }
    went_on = await site.ask(method, "/SMS_SHR/A", A_BODY.get(method), **more, **dates)
    assert went_on.status in ((409,) if method == "UNLOCK" else (200, 201, 204, 207))


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "DELETE", "MOVE", "COPY", "PROPFIND", "PROPPATCH"]
)
async def test_conditions_on_what_is_not_there_change_no_answer(site: Site, method: str) -> None:
    missing = await site.ask(
        method, "/SMS_SHR/A", A_BODY.get(method), If_Match='"x"', Destination="/SMS_SHR/B"
    )
    assert missing.status == 404


async def test_a_directory_is_made_under_conditions_too(site: Site) -> None:
    assert (await site.ask("MKCOL", "/SMS_SHR/D", If_Match="*")).status == 412
    assert (await site.ask("MKCOL", "/SMS_SHR/D", If_None_Match="*")).status == 201
    assert (await site.ask("MKCOL", "/SMS_SHR/D?parents=true", If_None_Match="*")).status == 412
    assert (await site.ask("MKCOL", "/SMS_SHR/D", If_None_Match="*")).status == 405
    assert (await site.ask("LOCK", "/SMS_SHR/N", lockinfo(), If_Match="*")).status == 412
    assert (await site.ask("GET", "/SMS_SHR/D/", If_Match='"x"')).status == 412
    assert (await site.ask("GET", "/SMS_SHR/D/", If_Match="*")).status == 200
    assert (await site.ask("GET", "/SMS_SHR/D?stat=true", If_Match='"x"')).status == 412


async def test_a_tag_that_fails_counts_before_one_that_is_known(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A", b"1")).headers["ETag"]
    for method in ("GET", "HEAD"):
        assert (
            await site.ask(method, "/SMS_SHR/A", If_Match='"old"', If_None_Match=etag)
        ).status == 412
        assert (
            await site.ask(method, "/SMS_SHR/A", If_Match=etag, If_None_Match=etag)
        ).status == 304
        assert (
            await site.ask(method, "/SMS_SHR/A", If_Unmodified_Since=EARLIER, If_None_Match=etag)
        ).status == 412


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "MOVE", "COPY", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK"]
)
async def test_a_slash_behind_a_files_name_is_no_name_of_a_file(site: Site, method: str) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    for address in ("/SMS_SHR/A/", "/SMS_SHR/A//", "/SMS_SHR/A%5C", "/SMS_SHR/A%2F"):
        refused = await site.ask(
            method, address, A_BODY.get(method), Destination="/SMS_SHR/B", Lock_Token="<urn:x>"
        )
        assert (refused.status, refused.problem.nt_status) == (400, "STATUS_OBJECT_NAME_INVALID"), (
            address
        )
    for method in ("COPY", "MOVE"):
        refused = await site.ask(method, "/SMS_SHR/A", Destination="/SMS_SHR/B/")
        assert (refused.status, refused.problem.nt_status) == (400, "STATUS_OBJECT_NAME_INVALID")
    assert (
        await site.ask("PUT", "/SMS_SHR/B/", b"1")
    ).problem.nt_status == "STATUS_OBJECT_NAME_INVALID"
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "A"
    ]
    assert (await site.ask("GET", "/SMS_SHR/A/")).problem.nt_status == "STATUS_NOT_A_DIRECTORY"
    assert (await site.ask("HEAD", "/SMS_SHR/A/")).status == 400
    await site.ask("MKCOL", "/SMS_SHR/D/")
    assert (await site.ask("COPY", "/SMS_SHR/A", Destination="/SMS_SHR/D/")).status == 204


async def test_put_of_a_part_says_where_parts_go(site: Site) -> None:
    refused = await site.ask("PUT", "/SMS_SHR/A", b"1", Content_Range="bytes 0-0/5")
    assert refused.status == 400
    assert "/api/v1/opens" in refused.problem.detail


async def test_delete_takes_the_file_away(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    assert (await site.ask("DELETE", "/SMS_SHR/A")).status == 204
    missing = await site.ask("DELETE", "/SMS_SHR/A")
    assert (missing.status, missing.problem.nt_status, missing.problem.win32) == (
        404,
        "STATUS_OBJECT_NAME_NOT_FOUND",
        2,
    )


async def test_move_and_copy_obey_destination_and_overwrite(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    assert (await site.ask("COPY", "/SMS_SHR/A", Destination="/SMS_SHR/B")).status == 201
    assert (await site.ask("COPY", "/SMS_SHR/A", Destination="/sms_shr/b")).status == 204
    assert (
        await site.ask("MOVE", "/SMS_SHR/A", Destination="/SMS_SHR/B", Overwrite="F")
    ).status == 412
    assert (
        await site.ask("MOVE", "/SMS_SHR/A", Destination=site.base + "/SMS_SHR/B")
    ).status == 204
    assert (await site.ask("MOVE", "/SMS_SHR/B", Destination="/SMS_SHR/C%20%C3%A4")).status == 201
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "C ä"
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Destination": "B"}, 400),
        ({"Destination": "/SMS_SHR/B", "Overwrite": "maybe"}, 400),
        ({"Destination": "/OTHER/B"}, 502),
        ({"Destination": "http://elsewhere/SMS_SHR/B"}, 502),
    ],
)
async def test_a_destination_that_is_no_place_here_is_refused(
    site: Site, headers: dict[str, Any], status: int
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    refused = await site.ask("MOVE", "/SMS_SHR/A", **headers)
    assert (refused.status, refused.problem.status) == (status, status)


async def test_directories_are_made_listed_and_not_made_twice(site: Site) -> None:
    assert (await site.ask("MKCOL", "/SMS_SHR/BOX")).status == 201
    again = await site.ask("MKCOL", "/SMS_SHR/BOX")
    assert (again.status, again.problem.nt_status) == (405, "STATUS_OBJECT_NAME_COLLISION")
    assert "MKCOL" in again.headers["Allow"]
    assert (await site.ask("MKCOL", "/SMS_SHR/X/Y")).status == 409
    assert (await site.ask("MKCOL", "/SMS_SHR/X/Y?parents=true")).status == 201
    assert (await site.ask("MKCOL", "/SMS_SHR/X/Y?parents=true")).status == 204
    assert (await site.ask("MKCOL", "/SMS_SHR/Z", b"<x/>")).status == 415
    for target in ("/SMS_SHR", "/SMS_SHR/"):
        names = [entry["name"] for entry in (await site.ask("GET", target)).json["entries"]]
        assert names == ["BOX", "X"]
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/x/")).json["entries"]] == [
        "Y"
    ]


async def test_a_directory_is_a_listing_unless_bytes_are_asked_for(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/BOX")
    await site.ask("PUT", "/SMS_SHR/BOX/<B>&.TXT".replace("<B>", "B"), b"1234")
    assert (await site.ask("GET", "/SMS_SHR/BOX")).json["entries"][0]["size"] == 4
    page = await site.ask("GET", "/SMS_SHR/BOX", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.headers["Content-Type"].startswith("text/html")
    assert b'<a href="/SMS_SHR/BOX/B%26.TXT">B&amp;.TXT</a>' in page.body
    asked = await site.ask("GET", "/SMS_SHR/BOX", Accept="application/octet-stream")
    assert (asked.status, asked.problem.nt_status) == (409, "STATUS_FILE_IS_A_DIRECTORY")


@pytest.mark.parametrize(
    "name", ["ä ö.txt", "100%.TXT", "a%2Fb", "日本.MIF", "a&b;c=d+e#f~'()[]!$,@", "%41"]
)
async def test_any_name_survives_percent_encoding(site: Site, name: str) -> None:
    assert (await site.ask("PUT", "/SMS_SHR/" + quote(name, safe=""), b"1")).status == 201
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        name
    ]
    assert (await site.ask("GET", "/SMS_SHR/" + quote(name))).body == b"1"


@pytest.mark.parametrize(
    "path",
    [
        "%2E%2E/X",
        "A/%2E%2E/%2E%2E/X",
        "NUL",
        "com1.txt",
        "A%00B",
        "A.",
        "x" * 300,
        "A%3AB",
        "%5C%5C/..%5CX",
    ],
)
async def test_names_that_windows_could_not_store_are_refused(site: Site, path: str) -> None:
    from yarl import URL

    url = URL(f"{site.base}/SMS_SHR/{path}", encoded=True)
    async with site.http.put(
        url, data=b"1", headers={"Authorization": f"Bearer {site.token}"}
    ) as reply:
        assert reply.status == 400, await reply.text()
        assert (await reply.json(content_type="application/problem+json"))[
            "nt_status"
        ] == "STATUS_OBJECT_NAME_INVALID"


async def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    assert (await site.ask("PUT", "/SMS_SHR/A", b"x" * FILE_SIZE_MAX)).status == 201
    refused = await site.ask("PUT", "/SMS_SHR/A", b"x" * (FILE_SIZE_MAX + 1))
    assert (refused.status, refused.problem.nt_status) == (413, "STATUS_FILE_TOO_LARGE")
    assert str(FILE_SIZE_MAX) in refused.problem.detail


async def test_a_body_of_unknown_length_is_cut_at_the_limit(site: Site) -> None:
    async def chunks():
        for _ in range(11):
            yield b"x" * 100

    async with site.http.put(
        site.base + "/SMS_SHR/A", data=chunks(), headers={"Authorization": f"Bearer {site.token}"}
    ) as reply:
        assert reply.status == 413
        assert (await reply.json(content_type=None))["type"] == "/problems/payload-too-large"
    assert (await site.ask("HEAD", "/SMS_SHR/A")).status == 404


async def test_a_client_may_not_write_where_its_role_may_only_read(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/PCMINS.BOX")
    refused = await site.ask("PUT", "/SMS_SHR/PCMINS.BOX/A.INS", b"1", site.client_token)
    assert (refused.status, refused.problem.nt_status, refused.problem.win32) == (
        403,
        "STATUS_ACCESS_DENIED",
        5,
    )


async def test_an_unknown_share_is_named(site: Site) -> None:
    refused = await site.ask("GET", "/NOWHERE/A")
    assert (refused.status, refused.problem.nt_status, refused.problem.share) == (
        404,
        "STATUS_BAD_NETWORK_NAME",
        "NOWHERE",
    )


async def test_options_lists_the_methods_and_the_classes_of_webdav_and_asks_for_no_token(
    site: Site,
) -> None:
    reply = await site.ask("OPTIONS", "/SMS_SHR/A", token="")
    allow = "GET, HEAD, PUT, DELETE, MOVE, COPY, MKCOL, PROPFIND, PROPPATCH, LOCK, UNLOCK, OPTIONS"
    assert (reply.headers["Allow"], reply.headers["DAV"]) == (allow, "1, 2")


async def several(
    site: Site, method: str, target: str, *lines: tuple[str, str], body: bytes = b""
) -> int:
    """The status of a request with a header in several lines."""
    sent = CIMultiDict([("Authorization", f"Bearer {site.token}"), *lines])
    async with site.http.request(
        method, site.base + target, data=body or None, headers=sent
    ) as response:
        return response.status


async def test_conditions_in_several_lines_are_one_list(site: Site) -> None:
    etag = (await site.ask("PUT", "/SMS_SHR/A", b"x")).headers["ETag"]
    for none, wanted in (('"other"', 304), ("*", 304), ("garbage", 304)):
        for lines in (
            (("If-None-Match", none), ("If-None-Match", etag)),
            (("If-None-Match", etag), ("If-None-Match", none)),
        ):
            assert await several(site, "GET", "/SMS_SHR/A", *lines) == wanted
            assert await several(site, "HEAD", "/SMS_SHR/A", *lines) == wanted
    star = (("If-None-Match", '"other"'), ("If-None-Match", "*"))
    assert await several(site, "PUT", "/SMS_SHR/A", *star, body=b"lost") == 412
    assert await several(site, "PUT", "/SMS_SHR/B", *star, body=b"new") == 201
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"x"


@pytest.mark.parametrize("asked", ["?&", "?&&", "?=", "?"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PROPFIND"])
async def test_a_query_of_nothing_is_refused(site: Site, method: str, asked: str) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"x")
    raw = await dial(int(site.base.rpartition(":")[2]))
    head = (
        f"{method} /SMS_SHR/A{asked} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{site.token}\r\nConnection: close\r\n\r\n"
    )
    raw.say(head.encode())
    assert (await raw.heard())[:12] == b"HTTP/1.1 400"
    raw.transport.close()
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"x"


@pytest.mark.parametrize(
    ("method", "name", "first", "second"),
    [
        ("MOVE", "Destination", "/SMS_SHR/B", "/SMS_SHR/C"),
        ("COPY", "Destination", "/SMS_SHR/B", "/SMS_SHR/B"),
        ("MOVE", "Overwrite", "F", "T"),
        ("DELETE", "Depth", "infinity", "0"),
        ("PROPFIND", "Depth", "0", "1"),
        ("UNLOCK", "Lock-Token", "<opaquelocktoken:1>", "<opaquelocktoken:2>"),
    ],
)
async def test_two_of_a_header_that_has_one_meaning_are_refused(
    site: Site, method: str, name: str, first: str, second: str
) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"x")
    lines = [(name, first), (name, second)]
    if name == "Overwrite":
        lines.append(("Destination", "/SMS_SHR/B"))
    assert await several(site, method, "/SMS_SHR/A", *lines) == 400
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"x"
    assert (await site.ask("GET", "/SMS_SHR/B")).status == 404
