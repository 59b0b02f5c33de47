"""A request that came whole is, to a handler, what aiohttp makes of the same bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser
from aiohttp.http_writer import StreamWriter

from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.connections.fast_lane import _message
from despoolr_server.http.connections.lane import FastLane
from despoolr_server.http.connections.served import application
from despoolr_server.http.connections.short_ways import LANE_CALLS
from despoolr_server.http.connections.whole_request import WholeBody, WholeRequest
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route

HEADS = {
    "a poll": b'GET /S/A.INS HTTP/1.1\r\nHost: h:80\r\nIf-None-Match: "a"\r\nAccept: */*',
    "a write": b"PUT /S/%41/b%20c HTTP/1.1\r\nhost: h\r\nContent-Length:  5 \r\nX:\ta \t",
    "an open": b"POST /o HTTP/1.1\r\nHost: h\r\nContent-Type: application/json; charset=utf-8"
    b"\r\nContent-Length: 5\r\nCookie: a=b",
    "a range": b"GET /S/x;y='z' HTTP/1.1\r\nHost: h\r\nRange: bytes=1-3\r\nConnection: Keep-Alive",
}
ASKED = [
    "method",
    "version",
    "keep_alive",
    "path",
    "raw_path",
    "path_qs",
    "rel_url",
    "url",
    "host",
    "scheme",
    "remote",
    "secure",
    "query",
    "query_string",
    "headers",
    "raw_headers",
    "content_type",
    "charset",
    "content_length",
    "body_exists",
    "can_read_body",
    "cookies",
    "http_range",
    "if_none_match",
    "if_match",
    "if_modified_since",
    "client_max_size",
    "client_max_fields",
]


async def nothing(_request: web.Request) -> web.Response:
    return web.Response()


async def both(head: bytes, body: bytes) -> tuple[web.Request, WholeRequest]:
    """What aiohttp makes of it, and what the lane does."""
    methods = ("GET", "PUT", "POST")
    calls = frozenset((method, "/{path}") for method in methods)
    routes = [Route(method, "/{path:.*}", nothing) for method in methods]
    served = App(routes, 77, things={LANE_CALLS: calls})
    app = application(served)
    runner = Runner(app)
    await runner.setup()
    assert runner.server is not None
    connection: Any = runner.server()
    loop = asyncio.get_running_loop()
    parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16)
    messages, _, _ = parser.feed_data(head + b"\r\n\r\n" + body)
    ((message, payload),) = messages
    theirs = app._make_request(message, payload, connection, StreamWriter(connection, loop), None)  # type: ignore[arg-type]
    info = await app.router.resolve(theirs)
    info.add_app(app)
    theirs._match_info = info
    lane = FastLane(served)
    first, _, fields = head.partition(b"\r\n")
    line, block = lane.line(first), lane.block(fields)
    assert line is not None and block is not None and line.handler is not None
    ours = WholeRequest(_message(line, block), body, connection, loop, line.match_info, served)
    await runner.cleanup()
    return theirs, ours


@pytest.mark.parametrize("name", HEADS)
async def test_every_attribute_is_what_aiohttp_makes_of_the_same_bytes(name: str) -> None:
    head = HEADS[name]
    body = b"12345" if b"Content-Length" in head else b""
    theirs, ours = await both(head, body)
    assert {name for name in theirs.ATTRS if not hasattr(ours, name)} == set()
    assert vars(ours).keys() <= ours.ATTRS, "who sets others is warned of by Python's -X dev"
    for asked in ASKED:
        assert getattr(ours, asked) == getattr(theirs, asked), asked
    assert ours.app[LANE_CALLS] is theirs.app[LANE_CALLS]
    assert dict(ours.match_info) == dict(theirs.match_info)
    assert await ours.text() == await theirs.text() == body.decode()
    assert ours.content.is_eof()
    assert type(ours.writer) is StreamWriter
    assert ours.writer is ours.writer


async def test_a_body_is_read_once_in_any_way() -> None:
    for size in (1, 3, 5, -1):
        body, read = WholeBody(b"12345"), []
        while not body.at_eof():
            read.append(await body.read(size))
        assert b"".join(read) == b"12345"
        assert await body.readany() == b""
    assert [chunk async for chunk in WholeBody(b"12345").iter_any()] == [b"12345"]
    assert [chunk async for chunk in WholeBody(b"12345").iter_chunked(2)] == [b"12", b"34", b"5"]


async def test_a_form_is_read_as_ever() -> None:
    head = b"POST /o HTTP/1.1\r\nHost: h\r\nContent-Length: 7"
    head += b"\r\nContent-Type: application/x-www-form-urlencoded"
    theirs, ours = await both(head, b"a=b&c=d")
    assert dict(await ours.post()) == dict(await theirs.post()) == {"a": "b", "c": "d"}
