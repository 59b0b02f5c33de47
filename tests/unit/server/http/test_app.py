"""What holds for every address: tokens, unknown calls, wrong methods, headers, mistakes, and the
caller's own routes.
"""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.http.app import RESERVED, make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.handling.handler import Route
from despoolr_server.shares.host import ShareHost
from worlds.raw_http import dial
from worlds.share_server import FILE_SIZE_MAX, Site, serving

CALLS = [
    ("POST", "/api/v1/sessions"),
    ("PUT", "/api/v1/sessions/S1"),
    ("DELETE", "/api/v1/sessions/S1"),
    ("POST", "/api/v1/opens"),
    ("GET", "/api/v1/opens"),
    ("DELETE", "/api/v1/opens/O1"),
    ("GET", "/api/v1/opens/O1/content"),
    ("PUT", "/api/v1/opens/O1/content"),
    ("GET", "/api/v1/episodes"),
    ("POST", "/api/v1/episodes/E1/end"),
    ("GET", "/api/v1/why"),
    ("GET", "/metrics"),
    *[(method, "/SMS_SHR/A") for method in ("GET", "PUT", "DELETE", "MOVE", "COPY", "MKCOL")],
]


@pytest.mark.parametrize(("method", "target"), CALLS)
async def test_no_call_is_answered_without_a_token(site: Site, method: str, target: str) -> None:
    for token in ("", "not.one"):
        reply = await site.ask(method, target, token=token)
        assert (reply.status, reply.problem.type) == (401, "/problems/authentication-required")
        challenges = reply.headers.getall("WWW-Authenticate")
        assert [challenge.partition(" ")[0] for challenge in challenges] == ["Basic", "Bearer"]
    assert (await site.ask("HEAD", "/SMS_SHR/A", token="")).status == 401


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("PATCH", "/api/v1/opens", "GET, HEAD, POST"),
        ("GET", "/api/v1/sessions", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        (
            "PATCH",
            "/SMS_SHR/A",
            "COPY, DELETE, GET, HEAD, LOCK, MKCOL, MOVE, OPTIONS, PROPFIND, PROPPATCH, PUT, UNLOCK",
        ),
        ("DELETE", "/", "GET, HEAD, OPTIONS, PROPFIND"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    site: Site, method: str, target: str, allow: str
) -> None:
    reply = await site.ask(method, target)
    assert (reply.status, reply.headers["Allow"], reply.problem.type) == (
        405,
        allow,
        "/problems/method-not-allowed",
    )


@pytest.mark.parametrize(
    "target", ["/api", "/api/", "/api/v1", "/api/v2/opens", "/api/v1/opens/O1/other"]
)
async def test_an_unknown_call_is_no_share(site: Site, target: str) -> None:
    reply = await site.ask("GET", target)
    assert (reply.status, reply.problem.type) == (404, "/problems/unknown-call")


async def test_identity_headers_are_bounded_and_printable(site: Site) -> None:
    assert (await site.ask("HEAD", "/SMS_SHR/", Despoolr_Program="x" * 256)).status == 200
    assert (await site.ask("HEAD", "/SMS_SHR/", Despoolr_Purpose="x" * 1024)).status == 200
    refused = await site.ask("GET", "/SMS_SHR/", Despoolr_Program="x" * 257)
    assert (refused.status, "256 characters" in refused.problem.detail) == (400, True)
    refused = await site.ask("GET", "/SMS_SHR/", Despoolr_Purpose="x" * 1025)
    assert (refused.status, refused.problem.type) == (431, "/problems/headers-too-large")
    for wrong in (
        "a%0Ab",
        "%FF",
        "%00",
        "%1B%5B2J",
        "%C2%9B2J",
        "a%E2%80%AEb",
        "a%E2%80%A8b",
        "%7F",
    ):
        refused = await site.ask("GET", "/SMS_SHR/", Despoolr_Purpose=wrong)
        assert refused.status == 400
        assert "Despoolr-Purpose" in refused.problem.detail


async def test_a_session_header_that_is_dead_is_said_so(site: Site) -> None:
    reply = await site.ask("GET", "/SMS_SHR/", Despoolr_Session="S99")
    assert (reply.status, reply.problem.nt_status) == (410, "STATUS_USER_SESSION_DELETED")


async def test_a_mistake_of_ours_is_a_problem_too_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        raise ZeroDivisionError("secret detail")

    async def raising(request: web.Request) -> web.StreamResponse:
        raise web.HTTPConflict(text="Not now. Later.")

    async def reading(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(await request.read())))

    routes = [
        Route("GET", "/api/v1/broken", broken),
        Route("GET", "/api/v1/raising", raising),
        Route("POST", "/api/v1/reading", reading),
    ]
    async with serving(extra_routes=routes) as site:
        with caplog.at_level(logging.ERROR):
            reply = await site.ask("GET", "/api/v1/broken")
        assert (reply.status, reply.problem.type) == (500, "/problems/server-error")
        assert b"secret detail" not in reply.body
        assert "GET /api/v1/broken failed" in caplog.text
        reply = await site.ask("GET", "/api/v1/raising")
        assert (reply.status, reply.problem.detail) == (409, "Not now. Later.")
        assert (await site.ask("POST", "/api/v1/reading", b"x" * 1000)).body == b"1000"
        assert (
            await site.ask("POST", "/api/v1/reading", b"x" * 1001)
        ).problem.type == "/problems/payload-too-large"
        assert (await site.ask("PUT", "/api/v1/reading")).headers["Allow"] == "POST"


async def test_a_large_body_announced_is_refused_before_it_is_sent(site: Site) -> None:
    sent = []

    async def body():
        sent.append(1)
        yield b"x" * (FILE_SIZE_MAX + 1)

    headers = {"Authorization": f"Bearer {site.token}", "Content-Length": str(FILE_SIZE_MAX + 1)}
    async with site.http.put(
        site.base + "/SMS_SHR/A", data=body(), headers=headers, expect100=True
    ) as reply:
        assert reply.status == 413
    assert not sent
    small = {"Authorization": f"Bearer {site.token}"}
    async with site.http.put(
        site.base + "/SMS_SHR/A", data=b"x", headers=small, expect100=True
    ) as reply:
        assert reply.status == 201
    assert (await site.ask("PUT", "/SMS_SHR/A", b"x", Expect="miracles")).status == 400


async def expecting(
    site: Site, method: str, target: str, size: int, *headers: str, token: str | None = None
) -> bytes:
    """The head of the answer to a request whose body is not sent."""
    raw = await dial(int(site.base.rpartition(":")[2]))
    token = site.token if token is None else token
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {token}",
        "Expect: 100-continue",
        *headers,
    ]
    raw.say("\r\n".join([*lines, f"Content-Length: {size}"]).encode() + b"\r\n\r\n")
    head = await raw.reader.readuntil(b"\r\n\r\n")
    raw.hang_up()
    return head


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("PUT", "/SMS_SHR/HELD", (), 423),
        ("PUT", "/SMS_SHR/NONE/x", (), 409),
        ("PUT", "/NOSHARE/x", (), 404),
        ("PUT", "/SMS_SHR/a%3Ab%00", (), 400),
        ("PUT", "/SMS_SHR/FREE", ("If-Match: *",), 412),
        ("PUT", "/SMS_SHR/HELD", ("If-None-Match: *",), 412),
        ("PUT", "/SMS_SHR/FREE", ("If: (<opaquelocktoken:1>)",), 412),
        ("PUT", "/SMS_SHR/FREE", ("Content-Encoding: gzip",), 415),
        ("PUT", "/SMS_SHR/FREE", ("Content-Range: bytes 0-1/*",), 400),
        ("PUT", "/SMS_SHR/FREE", ("Despoolr-Session: S99",), 410),
        ("PATCH", "/SMS_SHR/FREE", (), 405),
        ("POST", "/api/v1/nothing", (), 404),
        ("PUT", "/api/v1/opens/O99/content", (), 410),
        ("PROPPATCH", "/SMS_SHR/FREE", ("If: (<opaquelocktoken:1>)",), 412),
    ],
)
async def test_what_refuses_a_request_does_so_before_its_body_is_sent(
    site: Site, method: str, target: str, headers: tuple[str, ...], status: int
) -> None:
    await site.ask("PUT", "/SMS_SHR/HELD", b"x")
    await site.hold("HELD", access="READ", share_mode="READ")
    said = await expecting(site, method, target, 500, *headers)
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in said, "whether the body comes now cannot be told"
    assert (await site.ask("HEAD", "/SMS_SHR/FREE")).status == 404


async def test_who_may_not_is_told_before_the_body_is_sent(site: Site) -> None:
    await site.ask("MKCOL", "/SMS_SHR/PCMINS.BOX")
    assert (
        await expecting(site, "PUT", "/SMS_SHR/PCMINS.BOX/x", 500, token=site.client_token)
    ).startswith(b"HTTP/1.1 403 ")
    assert (await expecting(site, "PUT", "/SMS_SHR/x", 500, token="none")).startswith(
        b"HTTP/1.1 401 "
    )
    assert (await expecting(site, "PUT", "/SMS_SHR/x", FILE_SIZE_MAX + 1)).startswith(
        b"HTTP/1.1 413 "
    )
    assert (await expecting(site, "POST", "/api/v1/sessions", 70_000)).startswith(b"HTTP/1.1 413 ")
    await site.ask("PUT", "/SMS_SHR/R", b"x")
    handle = await site.hold("R", access="READ", share_mode="READ|WRITE")
    target = f"/api/v1/opens/{handle}/content"
    assert (await expecting(site, "PUT", target, 500, token=site.client_token)).startswith(
        b"HTTP/1.1 403 "
    )
    writable = await site.hold("R", access="WRITE", share_mode="READ|WRITE")
    target = f"/api/v1/opens/{writable}/content?offset={FILE_SIZE_MAX}"
    assert (await expecting(site, "PUT", target, 500, token=site.client_token)).startswith(
        b"HTTP/1.1 413 "
    )


@pytest.mark.slow
async def test_a_connection_is_closed_soon_where_a_body_may_or_may_not_come(site: Site) -> None:
    raw = await dial(int(site.base.rpartition(":")[2]))
    raw.say(
        b"PUT /SMS_SHR/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    )
    assert (await raw.answer())[0] == 401
    async with asyncio.timeout(60):
        assert await raw.heard() == b""
    raw.transport.close()


async def test_a_body_that_is_welcome_is_called_for_and_taken(site: Site) -> None:
    raw = await dial(int(site.base.rpartition(":")[2]))
    head = (
        f"Host: x\r\nAuthorization: Bearer {site.token}\r\nExpect: "
        "100-continue\r\nContent-Length: 3\r\n\r\n"
    )
    for _ in range(2):
        raw.say(f"PUT /SMS_SHR/A HTTP/1.1\r\n{head}".encode())
        assert await raw.answer() == (100, b"")
        raw.say(b"abc")
        assert (await raw.answer())[0] in (201, 204)
    raw.transport.close()
    assert (await site.ask("GET", "/SMS_SHR/A")).body == b"abc"


@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_no_share_may_have_the_name_of_a_call(name: str) -> None:
    clock = LoopClock(0.0)
    host = ShareHost("LOGON1", clock, Recorder(clock.now))
    host.add_share(name.upper(), MemoryFileStore())
    with pytest.raises(ValueError, match="is a call"):
        make_app(host, Auth(bytes(16)), clock)
