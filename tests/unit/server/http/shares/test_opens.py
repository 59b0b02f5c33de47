"""Sessions and handles over HTTP, and what a refusal tells."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from despoolr_core.records.kinds.share import OpenClosed
from despoolr_core.records.stream import of
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import SessionRequest
from despoolr_server.shares.base.principal import Principal
from worlds.share_server import FILE_SIZE_MAX, Site


async def test_a_session_is_started_renewed_and_ended(site: Site) -> None:
    started = await site.post("/api/v1/sessions", program="EXCEL.EXE", lease_s=30)
    assert (started.status, started.json["machine"], started.json["lease_s"]) == (201, "BPC", 30)
    place = started.headers["Location"]
    renewed = await site.ask("PUT", place)
    assert renewed.status == 200
    assert renewed.json["expires_at"] >= started.json["expires_at"]
    assert (await site.ask("DELETE", place)).status == 204
    gone = await site.ask("PUT", place)
    assert (gone.status, gone.problem.nt_status) == (410, "STATUS_USER_SESSION_DELETED")


async def test_a_client_cannot_speak_for_another_machine(site: Site) -> None:
    body = msgspec.json.encode({"machine": "PC08"})
    assert (
        await site.ask("POST", "/api/v1/sessions", body, site.client_token)
    ).problem.nt_status == "STATUS_ACCESS_DENIED"


async def test_a_refusal_names_who_holds_the_file_and_how(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
    handle = await site.hold("b.dat", access="READ", share_mode="READ")
    refused = await site.ask(
        "PUT",
        "/SMS_SHR/B.DAT",
        b"new",
        Despoolr_Program="SMS_DESPOOLER",
        Despoolr_Purpose="job%2012",
    )
    assert refused.status == 423
    problem = refused.problem
    assert problem.type.endswith("/sharing-violation")
    assert (problem.nt_status, problem.win32, problem.share) == (
        "STATUS_SHARING_VIOLATION",
        32,
        "SMS_SHR",
    )
    (blocker,) = problem.blockers
    assert (blocker.open, blocker.machine, blocker.user, blocker.program) == (
        handle,
        "PC07",
        "anna",
        "EXCEL.EXE",
    )
    assert (blocker.access, blocker.share_mode) == ("READ", "READ")
    assert problem.episode
    (episode,) = (await site.ask("GET", "/api/v1/episodes")).json["episodes"]
    assert (episode["purpose"], episode["program"], episode["machine"]) == (
        "job 12",
        "SMS_DESPOOLER",
        "BPC",
    )


async def test_closing_the_handle_lets_the_update_through(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/b.dat", b"old")
    handle = await site.hold("b.dat")
    assert (await site.ask("PUT", "/SMS_SHR/b.dat", b"new")).status == 423
    assert (
        await site.ask("DELETE", f"/api/v1/opens/{handle}", token=site.client_token)
    ).status == 204
    assert (await site.ask("PUT", "/SMS_SHR/b.dat", b"new")).status == 204
    assert (
        await site.ask("DELETE", f"/api/v1/opens/{handle}", token=site.client_token)
    ).status == 410


async def test_an_open_is_created_with_201_and_its_place(site: Site) -> None:
    session = await site.session()
    reply = await site.post(
        "/api/v1/opens",
        session=session,
        share="SMS_SHR",
        path="NEW.TXT",
        access="READ|WRITE",
        disposition="CREATE",
    )
    assert (reply.status, reply.json["action"], reply.json["size"]) == (201, "CREATED", 0)
    assert reply.headers["Location"] == f"/api/v1/opens/{reply.json['open']}"


async def test_an_open_is_read_in_parts(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"0123456789")
    content = f"/api/v1/opens/{await site.hold('A')}/content"

    async def read(query: str = "", **headers: Any) -> tuple[int, bytes, str | None]:
        reply = await site.ask("GET", content + query, token=site.client_token, **headers)
        return reply.status, reply.body, reply.headers.get("Content-Range")

    assert await read() == (200, b"0123456789", None)
    assert await read("?offset=8") == (200, b"89", None)
    assert await read("?offset=2&length=3") == (200, b"234", None)
    assert await read(Range="bytes=2-4") == (206, b"234", "bytes 2-4/*")
    assert await read(Range="bytes=8-99") == (206, b"89", "bytes 8-9/*")
    assert await read(Range="bytes=-3") == (206, b"789", "bytes 7-9/10")
    assert (await read(Range="bytes=10-12"))[0] == 416
    assert (await read(Range="bytes=10-"))[0] == 416
    assert await read("?offset=10") == (200, b"", None)
    assert (await read("?offset=10&length=1"))[0] == 416


async def test_an_open_is_written_in_parts(site: Site) -> None:
    content = (
        f"/api/v1/opens/{await site.hold('A', access='READ|WRITE', disposition='CREATE')}/content"
    )

    async def write(data: bytes, query: str = "", **headers: str) -> int:
        return (await site.ask("PUT", content + query, data, site.client_token, **headers)).status

    assert await write(b"hello") == 200
    assert await write(b"L", "?offset=2") == 200
    assert await write(b"LO", Content_Range="bytes 3-4/*") == 200
    assert await write(b"LO", Content_Range="bytes 3-5/*") == 400
    assert await write(b"LO", Content_Range="lines 1-2") == 400
    assert await write(b"x", "?offset=-1") == 400
    assert await write(b"x", f"?offset={FILE_SIZE_MAX}") == 413
    assert await write(b"x", f"?offset={FILE_SIZE_MAX - 1}") == 200
    assert (await site.ask("GET", content + "?length=5", token=site.client_token)).body == b"heLLO"


async def test_a_handle_is_its_owners_own(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    handle = await site.hold("A")
    other = site.auth.issue("PC08", "otto", "client")
    assert (await site.ask("GET", f"/api/v1/opens/{handle}/content", token=other)).status == 410
    assert (await site.ask("DELETE", f"/api/v1/opens/{handle}", token=other)).status == 410


async def test_an_operator_closes_by_force_and_a_client_may_not(site: Site) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"1")
    handle = await site.hold("A")
    forced = f"/api/v1/opens/{handle}?force=true&reason=update"
    assert (
        await site.ask("DELETE", forced, token=site.client_token)
    ).problem.type == "/problems/forbidden"
    assert (await site.ask("DELETE", forced)).status == 204
    assert [fact.reason for _, fact in of(site.records, OpenClosed)] == ["update"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"session": "S1", "share": "SMS_SHR"}, "path"),
        ({"session": 1, "share": "SMS_SHR", "path": "A"}, "$.session"),
        ({"session": "S1", "share": "SMS_SHR", "path": "A", "acces": "READ"}, "acces"),
    ],
)
async def test_a_json_body_that_does_not_fit_is_told_which_field(
    site: Site, fields: dict[str, object], named: str
) -> None:
    reply = await site.post("/api/v1/opens", **fields)
    assert reply.status == 400
    assert named in reply.problem.detail


async def test_an_unknown_word_is_told_the_words_there_are(site: Site) -> None:
    reply = await site.post(
        "/api/v1/opens", session=await site.session(), share="SMS_SHR", path="A", access="REED"
    )
    assert reply.status == 400
    assert "'REED' is not one of" in reply.problem.detail


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"\xff\xfe",
            b'{"program": NaN}',
            b'{"lease_s": 1e999}',
            b'{"lease_s": 1' + b"0" * 5000 + b"}",
        ),
        *(
            b'{"program": "\xff"}',
            b'{"program": "\xed\xa0\x80"}',
            b'{"program": "\\ud800"}',
            b'{"program": "\\udc00\\ud800"}',
        ),
    ],
)
async def test_what_is_no_json_object_is_told_so(site: Site, body: bytes) -> None:
    assert (
        await site.ask("POST", "/api/v1/sessions", body)
    ).problem.type == "/problems/bad-request"


async def test_a_json_body_is_bounded(site: Site) -> None:
    def body(size: int) -> bytes:
        return msgspec.json.encode({"program": "x"}).ljust(size)

    assert (await site.ask("POST", "/api/v1/sessions", body(64 * 1024))).status == 201
    refused = await site.ask("POST", "/api/v1/sessions", body(64 * 1024 + 1))
    assert refused.status == 413
    assert "65536" in refused.problem.detail


@pytest.mark.parametrize(
    "text",
    ["Z\x1b[2J", "A.EXE\n\\\\LOGON1\\SMS_SHR\\b.dat", "\x9b2J", "a\u2028b", "a\u202eb", "x" * 257],
)
async def test_a_session_or_open_with_a_name_that_none_may_have_is_refused_before_it_is_kept(
    site: Site, text: str
) -> None:
    for body in ({"program": text}, {"machine": text}, {"user": text}, {"previous": text}):
        refused = await site.ask("POST", "/api/v1/sessions", msgspec.json.encode(body))
        assert (refused.status, refused.problem.type) == (400, "/problems/bad-request")
        assert text not in refused.problem.detail
    for field in ("program", "share", "session", "disposition"):
        body = {"session": "S1", "share": "SMS_SHR", "path": "x"} | {field: text}
        assert (await site.ask("POST", "/api/v1/opens", msgspec.json.encode(body))).status == 400
        chain = {"calls": [{"call": "open", "request": body}]}
        assert (await site.ask("POST", "/api/v1/chain", msgspec.json.encode(chain))).status == 400
    chain = {"calls": [{"call": "session", "request": {"program": text}}]}
    assert (await site.ask("POST", "/api/v1/chain", msgspec.json.encode(chain))).status == 400
    assert (
        await site.ask("DELETE", f"/api/v1/opens/H1?force=true&reason={quote(text * 5)}")
    ).status == 400


@pytest.mark.parametrize("depth", [500, 10_000, 30_000])
@pytest.mark.parametrize(
    "target", ["/api/v1/sessions", "/api/v1/opens", "/api/v1/chain", "/api/v1/opens/O1/locks"]
)
async def test_json_that_is_nested_too_deeply_is_refused(
    site: Site, target: str, depth: int
) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"calls":[', b"]}"), (b'{"locks":[', b"]}")):
        times = min(depth, 60_000 // len(opening + closing))
        refused = await site.ask("POST", target, opening * times + closing * times)
        assert (refused.status, refused.problem.type) == (400, "/problems/bad-request")


@pytest.mark.parametrize(
    "first", ["9999999999999999999", "9223372036854775807", "9223372036854775808", "1" + "0" * 4000]
)
async def test_a_place_behind_every_files_end_is_not_satisfiable(site: Site, first: str) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"0123456789")
    handle = await site.hold("A", access="READ", share_mode="READ")
    content = f"/api/v1/opens/{handle}/content"
    for asked in (f"bytes={first}-", f"bytes={first}-{first}"):
        refused = await site.ask("GET", content, token=site.client_token, Range=asked)
        assert refused.status == 416
        assert (await site.ask("GET", "/SMS_SHR/A", Range=asked)).status == 416
    whole = await site.ask("GET", content, token=site.client_token, Range=f"bytes=0-{first}")
    assert (whole.status, whole.body) == (206, b"0123456789")
    assert (
        await site.ask("GET", content, token=site.client_token, Range=f"bytes=-{first}")
    ).body == b"0123456789"
    write = await site.ask(
        "PUT", content, b"x", token=site.client_token, Content_Range=f"bytes {first}-{first}/*"
    )
    assert write.status in (403, 413)


@pytest.mark.parametrize(
    "number",
    [
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "1" + "0" * 5000,
        "-1",
        "1e3",
    ],
)
async def test_a_huge_number_in_a_query_has_an_answer(site: Site, number: str) -> None:
    await site.ask("PUT", "/SMS_SHR/A", b"x")
    handle = await site.hold("A", access="READ|WRITE", share_mode="READ|WRITE")
    content, token = f"/api/v1/opens/{handle}/content", site.client_token
    asked = [
        ("GET", f"{content}?offset={number}", None),
        ("GET", f"{content}?offset={number}&length={number}", None),
        ("PUT", f"{content}?offset={number}", b"x"),
        ("DELETE", f"/api/v1/opens/{handle}/locks?offset={number}&length={number}", None),
        ("GET", f"/api/v1/opens?limit={number}", None),
        ("GET", f"/api/v1/why?limit={number}", None),
        ("GET", f"/api/v1/why?at={number}", None),
    ]
    for method, target, body in asked:
        assert (await site.ask(method, target, body, token)).status < 500, target


async def test_one_machine_has_at_most_sessions_per_machine_max_sessions(site: Site) -> None:
    limit = site.host.engine.sessions.sessions_per_machine_max
    assert limit == 1000
    for _ in range(limit - 1):
        site.host.sessions.start(Principal("PC07", "anna", Role.CLIENT), SessionRequest())
    assert (await site.ask("POST", "/api/v1/sessions", b"{}", site.client_token)).status == 201
    refused = await site.ask("POST", "/api/v1/sessions", b"{}", site.client_token)
    assert (refused.status, refused.problem.detail) == (503, "PC07 has its limit of 1000 sessions")
    other = site.auth.issue("PC08", "bert", Role.CLIENT)
    assert (await site.ask("POST", "/api/v1/sessions", b"{}", other)).status == 201
    assert (await site.ask("POST", "/api/v1/sessions", b"{}")).status == 201, (
        "the service has no limit of its own"
    )
