"""What a `SingleWriteResponse` says is what aiohttp's own response says, byte for byte, however it
was asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from despoolr_server.http.handling.single_write import BODY_SIZE_MAX, SingleWriteResponse

TYPED = {"Content-Type": "text/plain"}
LINES = "Location: /a: b\r\nContent-Type: text/plain\r\n"
ANSWERS: dict[str, tuple[int, dict[str, str] | str | None, bytes]] = {
    "nothing": (204, None, b""),
    "unchanged": (304, {"ETag": '"1"'}, b""),
    "made": (201, {"ETag": '"1"', "Location": "/a"}, b""),
    "empty": (200, TYPED, b""),
    "short": (200, {"ETag": '"1"', **TYPED}, b"x" * 1200),
    "longest": (200, TYPED, b"x" * BODY_SIZE_MAX),
    "longer": (200, TYPED, b"x" * (BODY_SIZE_MAX + 1)),
    "several": (207, TYPED, b"<a/>"),
    "lines": (201, LINES, b"{}"),
}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def whole(request: web.Request) -> web.StreamResponse:
        status, headers, body = ANSWERS[request.match_info["name"]]
        return SingleWriteResponse(status, headers, body)

    async def own(request: web.Request) -> web.StreamResponse:
        status, headers, body = ANSWERS[request.match_info["name"]]
        if headers == LINES:
            headers = {"Location": "/a: b", **TYPED}
        assert not isinstance(headers, str)
        return web.Response(status=status, headers=headers, body=body or None)

    app = web.Application()
    app.add_routes([web.get("/whole/{name}", whole), web.get("/own/{name}", own)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site.port
    await runner.cleanup()


async def said(port: int, line: str, *headers: str) -> bytes:
    """All that is answered on one connection, which a second request ends where the first keeps
    it.
    """
    _, target, version = line.split()
    asked = "\r\n".join([line, "Host: x", *headers]) + "\r\n\r\n"
    if (version == "HTTP/1.1") != bool(headers):
        asked += f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(asked.encode())
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return re.sub(rb"Date: [^\r]+", b"Date: now", raw)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize(
    ("method", "version", "headers"),
    [
        ("GET", "HTTP/1.1", ()),
        ("HEAD", "HTTP/1.1", ()),
        ("GET", "HTTP/1.1", ("Connection: close",)),
        ("GET", "HTTP/1.0", ()),
        ("GET", "HTTP/1.0", ("Connection: keep-alive",)),
    ],
)
async def test_an_answer_is_byte_for_byte_that_of_aiohttp(
    port: int, name: str, method: str, version: str, headers: tuple[str, ...]
) -> None:
    ours = await said(port, f"{method} /whole/{name} {version}", *headers)
    theirs = await said(port, f"{method} /own/{name} {version}", *headers)
    assert ours == theirs
    assert ours.startswith(f"{version} {ANSWERS[name][0]} ".encode())


def test_bytes_without_a_type_are_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="bytes of no type"):
        SingleWriteResponse(200, None, b"x")
    with pytest.raises(AssertionError, match="bytes of no type"):
        SingleWriteResponse(200, {"ETag": '"1"'}, b"x")
    with pytest.raises(AssertionError, match="bytes of no type"):
        SingleWriteResponse(200, "ETag: 1\r\n", b"x")


@pytest.mark.parametrize(
    ("headers", "etag"),
    [
        (None, ""),
        ({"ETag": '"1"'}, '"1"'),
        ({"Etag": '"1"'}, '"1"'),
        (TYPED, ""),
        ('Content-Type: a/b\r\nEtag: "1"\r\nAge: 2\r\n', '"1"'),
        (LINES, ""),
    ],
)
def test_the_etag_that_is_told_is_found(headers: dict[str, str] | str | None, etag: str) -> None:
    assert SingleWriteResponse(200, headers).told_etag == etag
