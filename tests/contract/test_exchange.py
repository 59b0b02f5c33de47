"""`exchange` beside `aiohttp.ClientSession.request`: the same request on the wire, the same answer,
the same trouble.
"""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from despoolr_client.transport.exchange import Address, address_of, exchange
from despoolr_client.transport.message import JOINED_MAX, header_lines
from despoolr_client.transport.replies import Reply
from worlds.scripted_server import OK, OWN, Talk, ask, serving


def lines_of(request: bytes) -> tuple[bytes, set[bytes], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    # aiohttp offers compression, which a share never uses.
    return first, {line for line in headers if not line.startswith(b"Accept-Encoding")}, body


@pytest.mark.parametrize(
    ("method", "target", "data"),
    [
        ("GET", "/SMS_SHR/PCMINS.BOX/BPC00001.INS", None),
        ("GET", "/SMS_SHR/A%20B/%C3%A4.TXT?stat=true", None),
        ("PUT", "/SMS_SHR/F", b"bytes"),
        ("PUT", "/SMS_SHR/EMPTY", b""),
        ("PUT", "/SMS_SHR/LARGE", bytes(JOINED_MAX + 1)),
        ("POST", "/api/v1/chain", b"{}"),
        ("DELETE", "/SMS_SHR/F", None),
        ("MKCOL", "/SMS_SHR/X/Y?parents=true", None),
        ("MOVE", "/SMS_SHR/F", None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/behind/a/gateway"])
async def test_on_the_wire_a_request_is_what_aiohttp_would_send(
    prefix: str, method: str, target: str, data: bytes | None
) -> None:
    async with serving(OK) as (server, http):
        server.url += prefix
        reply = await ask(server, http, method, target, data)
        async with http.request(
            method, URL(server.url + target, encoded=True), data=data, headers=OWN
        ) as response:
            assert reply == Reply(response.status, response.headers["ETag"], await response.read())
        ours, theirs = map(lines_of, server.heard)
        assert ours == theirs


async def test_on_a_kept_connection_a_request_is_the_same() -> None:
    async with serving(OK) as (server, http):
        for data in (b"bytes", b"bytes", bytes(JOINED_MAX + 1), b""):
            await ask(server, http, "PUT", "/SMS_SHR/A%20B", data)
        for _ in range(2):
            await ask(server, http, "GET", "/SMS_SHR/F")
        assert server.heard[0] == server.heard[1]
        assert lines_of(server.heard[2])[2] == bytes(JOINED_MAX + 1)
        assert server.heard[4] == server.heard[5]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', Reply(304, '"x"', b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, "", b"")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
            b"chunked\r\n\r\n3\r\none\r\n4\r\nmore\r\n0\r\n\r\n",
            Reply(200, "", b"onemore"),
        ),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Reply(200, "", b"ok"),
        ),
        (
            b"HTTP/1.1 423 Locked\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n{}",
            Reply(423, "", b"{}"),
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
            Reply(302, "", b""),
        ),
    ],
)
async def test_answers_of_all_kinds_are_read_whole_and_their_connection_is_used_again(
    raw: bytes, reply: Reply
) -> None:
    async with serving(raw) as (server, http):
        assert [await ask(server, http) for _ in range(4)] == [reply] * 4
        assert server.connections == 1


async def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    async with serving(OK) as (server, http):

        async def once(talk: Talk) -> None:
            await talk.heard()
            talk.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")

        server.scripts = [once]
        assert (await ask(server, http)).body == (await ask(server, http)).body == b"to the end"
        assert server.connections == 2


async def _hang_up(talk: Talk) -> None:
    await talk.heard()
    talk.say(OK)
    await talk.heard()  # and is gone, though the connection was kept


@pytest.mark.parametrize(
    ("method", "goes_through"),
    [("GET", True), ("PUT", True), ("DELETE", True), ("POST", False), ("MOVE", False)],
)
async def test_only_what_may_be_done_twice_is_sent_again_when_a_kept_connection_is_closed(
    method: str, goes_through: bool
) -> None:
    async with serving(OK) as (server, http):
        server.scripts.insert(0, _hang_up)
        await ask(server, http)
        data = None if method in ("GET", "DELETE", "MOVE") else b"x"
        try:
            reply = await ask(server, http, method, data=data)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            reply = None
        assert (reply is not None, len(server.heard)) == (goes_through, int(goes_through))


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"220 smtp.example.org ESMTP\r\n", HttpProcessingError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", aiohttp.ClientPayloadError),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 10_000 + b"\r\n\r\n", HttpProcessingError),
        (b"", aiohttp.ServerDisconnectedError),
    ],
    ids=["no HTTP", "cut off", "a header too long", "nothing"],
)
@pytest.mark.parametrize("good", [0, 1, 2], ids=["new", "used", "kept"])
async def test_an_answer_that_is_none_is_an_error_and_its_connection_is_closed(
    raw: bytes, error: type[Exception], good: int
) -> None:
    async with serving(OK) as (server, http):

        async def broken(talk: Talk) -> None:
            for _ in range(good):
                await talk.heard()
                talk.say(OK)
            await talk.heard()
            talk.say(raw)

        server.scripts = [broken, broken, server.scripts[0]]
        for _ in range(2):
            for _ in range(good):
                assert (await ask(server, http, "POST", data=b"x")).status == 200
            with pytest.raises(error):
                await ask(server, http, "POST", data=b"x")
        assert (await ask(server, http, "POST", data=b"x")).status == 200
        assert server.connections == 3


@pytest.mark.parametrize("part", [0, 20, len(OK) - 1], ids=["nothing", "a head", "a body"])
@pytest.mark.parametrize("good", [0, 1, 2], ids=["new", "used", "kept"])
async def test_no_answer_is_a_timeout_and_its_connection_is_closed(good: int, part: int) -> None:
    async with serving(OK) as (server, http):

        async def silent(talk: Talk) -> None:
            for _ in range(good):
                await talk.heard()
                talk.say(OK)
            await talk.heard()
            talk.say(OK[:part])
            await talk.reader.read()

        server.scripts.insert(0, silent)
        for _ in range(good):
            assert (await ask(server, http)).status == 200
        with pytest.raises(TimeoutError):
            await ask(server, http, total=0.05)
        assert (await ask(server, http)).status == 200
        assert server.connections == 2


@pytest.mark.parametrize("part", [0, len(OK) - 1], ids=["unanswered", "half answered"])
@pytest.mark.parametrize("good", [0, 1, 2], ids=["new", "used", "kept"])
async def test_one_who_is_cancelled_leaves_no_half_read_answer_behind(good: int, part: int) -> None:
    asked = asyncio.Event()
    async with serving(OK) as (server, http):

        async def slow(talk: Talk) -> None:
            for _ in range(good):
                await talk.heard()
                talk.say(OK)
            await talk.heard()
            talk.say(OK[:part])
            asked.set()
            await talk.reader.read()

        server.scripts.insert(0, slow)
        for _ in range(good):
            assert (await ask(server, http)).status == 200
        asking = asyncio.ensure_future(ask(server, http))
        await asked.wait()
        await asyncio.sleep(0.05)  # half of an answer is read
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
        assert (await ask(server, http)).body == b"one"
        assert server.connections == 2


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0"])
def test_a_header_is_one_line(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        header_lines({"Authorization": value})


async def test_an_address_is_made_once_for_a_session() -> None:
    async with serving(OK) as (server, http):
        assert address_of(http, server.url) is address_of(http, server.url)
        assert isinstance(address_of(http, server.url), Address)
        async with aiohttp.ClientSession() as other:
            assert address_of(other, server.url) is not address_of(http, server.url)
    with pytest.raises(RuntimeError, match="closed"):
        await ask(server, http)


async def test_a_connection_on_which_the_body_was_not_all_sent_is_not_used_again() -> None:
    asked = asyncio.Event()
    async with serving(OK) as (server, http):

        async def hasty(talk: Talk) -> None:
            await talk.reader.readuntil(b"\r\n\r\n")
            talk.say(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            await asked.wait()

        server.scripts.insert(0, hasty)
        assert (await ask(server, http, "PUT", data=bytes(32 * 1024 * 1024))).status == 413
        asked.set()
        assert (await ask(server, http, "POST", data=b"x")).status == 200
        assert server.connections == 2


async def test_a_servers_own_etag_goes_back_as_the_bytes_it_came_as() -> None:
    async with serving(OK.replace(b'"e1"', b'"\xff"')) as (server, http):
        etag = (await ask(server, http)).etag
        timeout = aiohttp.ClientTimeout(total=60.0)
        lines = header_lines({"If-None-Match": etag})
        assert (
            await exchange(http, address_of(http, server.url), "GET", "/S/F", lines, None, timeout)
        ).status == 200
        assert b'If-None-Match: "\xff"' in server.heard[1]


@pytest.mark.parametrize("base", ["htp://server", "http://", "server"])
async def test_what_is_no_address_is_a_client_error(base: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientError):
            address_of(http, base)
