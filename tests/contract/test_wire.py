"""Connections that are kept past aiohttp's pool: what is read there is what aiohttp reads, and the
pool's places suffice for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import process_time
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_client.transport import wire
from despoolr_client.transport.calls import encode
from despoolr_client.transport.exchange import address_of, exchange
from despoolr_client.transport.message import Fenced
from despoolr_client.transport.replies import (
    HEAD_SIZE_MAX,
    SEVERAL_MAX,
    Reply,
    ReplyReader,
    Several,
)
from despoolr_client.transport.wire import ALONE_S, TOGETHER_SIZE_MAX, answer, begin
from despoolr_core.share.chain import Chain, ChainDelete, ChainGet
from worlds.scripted_server import OK, Server, Talk, ask, serving

PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 404 \r\n",
        b"HTTP/1.1 404\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 199 Odd\r\n",
        b"http/1.1 200 OK\r\n",
        b'ETag: "e"\r\n',
        b'etag:   "f"  \r\n',
        b'ETag: W/"a b"\r\n',
        b"ETag: \xff\r\n",
        b"Content-Length: 3\r\n",
        b"content-length: 3\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 3 \r\n",
        b"Content-Length : 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Content-Encoding: gzip\r\n",
        b"X: y\r\n",
        b"X: y\n",
        b" folded\r\n",
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: s\r\n",
        b"\r\n",
        b"one",
        b"3\r\none\r\n0\r\n\r\n",
        b"\0",
    ]
)


def read_reply(data: bytes) -> Reply | None:
    """What is read by one who has read nothing before."""
    return ReplyReader().read(data)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what happens in turns of the loop to come."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - what it waits for is not ours to tell
            await asyncio.sleep(0.001)


async def as_aiohttp_reads(data: bytes) -> tuple[Reply, bool] | None:
    """The answer, and whether the connection may be asked again; None without a whole one."""
    handler = ResponseHandler(asyncio.get_running_loop())
    handler.connection_made(asyncio.Transport())
    begin(handler)
    try:
        handler.data_received(data)
        async with asyncio.timeout(0):
            return await answer(handler), not handler.should_close
    except (TimeoutError, aiohttp.ClientError, HttpProcessingError):
        return None


@settings(max_examples=1000, deadline=None)
@given(pieces=st.lists(PIECES, max_size=7))
def test_what_is_read_past_the_parser_is_what_the_parser_reads(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    ours = read_reply(data)
    if ours is not None:
        assert asyncio.run(as_aiohttp_reads(data)) == (ours, True)


@settings(max_examples=1000, deadline=None)
@given(
    answers=st.lists(
        st.tuples(
            st.sampled_from([b"304 Not Modified", b"304 ", b"200 OK"]),
            st.sampled_from([b"", b'X: "1"\r\n', b'X: y\r\nETag: "2"\r\n']),
            st.sampled_from([b"ETag: ", b"etag:", b"ETag:  ", b"E: "]),
            st.sampled_from([b"", b'"1"', b'W/"1"', b'"a b"', b'"\xff"', b'1"\r\nY: "', b" "]),
            st.sampled_from([b"\r\n\r\n", b" \r\n\r\n", b"\r\nServer: s\r\n\r\n", b"\r\n"]),
            st.sampled_from([b"", b"", b"\r\n\r\n", b"x"]),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_what_was_read_before_changes_nothing(answers: list[tuple[bytes, ...]]) -> None:
    reader = ReplyReader()
    for status, above, name, etag, below, more in answers:
        data = b"HTTP/1.1 " + status + b"\r\n" + above + name + etag + below + more
        assert reader.read(data) == read_reply(data)


@settings(max_examples=1000, deadline=None)
@given(
    answers=st.lists(
        st.sampled_from(
            [
                OK,
                b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n',
                b'HTTP/1.1 304 Not Modified\r\nETag: "234"\r\n\r\n',
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nHTTP/1.1 304",
            ]
        ),
        min_size=1,
        max_size=6,
    ),
    cuts=st.lists(st.integers(1, 300), max_size=6),
)
def test_several_answers_are_those_that_each_would_be(
    answers: list[bytes], cuts: list[int]
) -> None:
    several, reader = Several(len(answers)), ReplyReader()
    data, at = b"".join(answers), 0
    for cut in sorted({cut for cut in cuts if cut < len(data)}):
        assert not several.take(data[at:cut], reader)
        at = cut
    assert several.take(data[at:], reader)
    assert several.is_whole
    assert several.replies == [read_reply(answer) for answer in answers]


def test_the_head_of_a_304_has_its_bound_whatever_was_read_before() -> None:
    reader = ReplyReader()
    head, end = b"HTTP/1.1 304 Not Modified\r\nETag: ", b"\r\n\r\n"
    for size, reads in ((1, True), (HEAD_SIZE_MAX - len(head + end), True), (HEAD_SIZE_MAX, False)):
        assert (reader.read(head + b"1" * size + end) is not None) is reads


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (OK, Reply(200, '"e1"', b"one")),
        (
            b'HTTP/1.1 304 Not Modified\r\nETag: "1-2"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n'
            b"Server: Python/3.11 aiohttp/3.14.5\r\n\r\n",
            Reply(304, '"1-2"', b""),
        ),
        (
            b"HTTP/1.1 201 Created\r\nLocation: /api/v1/opens/O1\r\nContent-Type: "
            b"application/json\r\nContent-Length: 2\r\nDate: x\r\nServer: y\r\n\r\n{}",
            Reply(201, "", b"{}"),
        ),
        (
            b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 1200\r\n\r\n',
            Reply(304, '"1"', b""),
        ),
        (OK[:-1], None),
        (OK + b"x", None),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_SIZE_MAX + b"\r\nContent-Length: 0\r\n\r\n", None),
    ],
)
def test_what_a_server_of_ours_says_is_read_past_the_parser(
    data: bytes, reply: Reply | None
) -> None:
    assert read_reply(data) == reply


@pytest.mark.parametrize("fields", [b"a:\r\n" * 1000 + b"X", b"ETag:" + b" " * 4000], ids=len)
def test_a_long_head_that_is_none_is_given_up_at_once(fields: bytes) -> None:
    """By going back and forth, many lines took two minutes, and spaces 60 ms each time."""
    began = process_time()
    for _ in range(200):
        assert read_reply(b"HTTP/1.1 200 OK\r\n" + fields) is None
    assert process_time() - began < 5


async def test_what_comes_unasked_ends_a_kept_connection() -> None:
    async with serving(OK) as (server, http):
        talks: list[Talk] = []
        usual = server.scripts[0]

        async def noted(talk: Talk) -> None:
            talks.append(talk)
            await usual(talk)

        server.scripts = [noted]
        for _ in range(2):
            await ask(server, http)
        talks[0].say(OK)
        await until(lambda: not address_of(http, server.url).idle)
        assert (await ask(server, http, "POST", data=b"x")).status == 200
        assert server.connections == 2


async def test_what_follows_an_answer_ends_its_connection() -> None:
    async with serving(OK, OK, OK + OK, OK) as (server, http):
        for _ in range(4):
            assert (await ask(server, http, "POST", data=b"x")).body == b"one"
        assert server.connections == 2


async def test_who_may_not_act_any_more_sends_nothing_on_a_kept_connection() -> None:
    async with serving(OK) as (server, http):
        await ask(server, http)
        timeout, address = aiohttp.ClientTimeout(total=60.0), address_of(http, server.url)
        with pytest.raises(Fenced):
            await exchange(http, address, "GET", "/", "", None, timeout, lambda: False)
        assert len(server.heard) == 1
        await ask(server, http)
        assert server.connections == 1


async def test_an_idle_connection_goes_back_to_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_S", 0.01)
    async with serving(OK) as (server, http):
        for _ in range(2):
            await ask(server, http)
        address = address_of(http, server.url)
        await until(lambda: not address.idle)
        assert not address.wires.kept
        async with http.get(server.url) as response:
            assert response.status == 200
        assert server.connections == 1, "it was the pool's"


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_connections_to_many_servers_share_the_places_of_the_pool(limit: int) -> None:
    async with serving(OK) as (one, _), serving(OK) as (two, _):
        connector = aiohttp.TCPConnector(limit=limit)
        async with aiohttp.ClientSession(connector=connector) as http, asyncio.timeout(60):
            for _ in range(5):
                await asyncio.gather(
                    *(ask(server, http) for server in (one, two) for _ in range(6))
                )
                kept = address_of(http, one.url).wires.kept
                assert len(kept) <= limit - 1
            async with http.get(one.url) as response:
                assert response.status == 200, "there is a place for who asks aiohttp itself"


async def test_idle_connections_to_one_server_leave_their_places_to_all_who_seek_another() -> None:
    """All but one waited for those few that nothing was kept in."""
    limit = 8
    together = asyncio.Barrier(limit)

    async def at_once(talk: Talk) -> None:
        while await talk.heard():
            await together.wait()
            talk.say(OK)

    async with serving(OK) as (one, _), serving(OK) as (two, _):
        one.scripts = two.scripts = [at_once]
        connector = aiohttp.TCPConnector(limit=limit)
        async with aiohttp.ClientSession(connector=connector) as http:
            for server in (one, two, one):
                await asyncio.gather(*(ask(server, http) for _ in range(limit)))


async def test_a_closed_session_closes_what_was_kept() -> None:
    async with serving(OK) as (server, http):
        for _ in range(2):
            await ask(server, http)
        kept = address_of(http, server.url).wires.kept
        assert len(kept) == 1
        await http.close()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await ask(server, http)
        await until(lambda: not kept)


async def test_a_closed_session_asks_nothing_over_what_the_pool_of_others_has_kept() -> None:
    async with serving(OK) as (server, other):
        http = aiohttp.ClientSession(connector=other.connector, connector_owner=False)
        for _ in range(2):
            await ask(server, http)
        assert len(address_of(http, server.url).idle) == 1
        await http.close()
        with pytest.raises(RuntimeError, match="Session is closed"):
            await ask(server, http)
    assert len(server.heard) == 2


async def test_none_is_kept_beside_a_pool_with_a_limit_for_each_server() -> None:
    async with serving(OK, OK) as (server, _):
        pool = aiohttp.TCPConnector(limit=64, limit_per_host=1)
        async with aiohttp.ClientSession(connector=pool) as http:
            assert [(await ask(server, http)).body for _ in range(2)] == [b"one"] * 2
            assert not address_of(http, server.url).wires.kept
    assert server.connections == 1


CHAIN = "/api/v1/chain"
GETS = encode(Chain([ChainGet("SMS_SHR", "A")], stops=True))
DELETES = encode(Chain([ChainDelete("SMS_SHR", "A")], stops=True))
TIMEOUT = aiohttp.ClientTimeout(total=60.0)
LONG = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"


def said(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Turn:
    """Chains that are made in one turn of the loop, on a connection that is known."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.address = address_of(http, server.url)

    async def begin(self) -> None:
        for _ in range(2):
            assert (await ask(self.server, self.http)).status == 200
        now = asyncio.get_running_loop().time()
        self.address.wires.now = lambda: now  # a loop that keeps its time for a turn, as uvloop

    def chain(
        self,
        data: bytes,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
        may_send: Callable[[], bool] | None = None,
        target: str = CHAIN,
    ) -> asyncio.Task[Reply]:
        return asyncio.create_task(
            exchange(self.http, self.address, "POST", target, "", data, timeout, may_send)
        )

    async def bodies(self, *asked: asyncio.Task[Reply]) -> list[bytes | type]:
        ends = await asyncio.gather(*asked, return_exceptions=True)
        return [end.body if isinstance(end, Reply) else type(end) for end in ends]

    @property
    def asks_alone(self) -> bool:
        return self.address.idle.alone_until > asyncio.get_running_loop().time() + ALONE_S / 2


def together(*answers: bytes, ends: bool = False) -> tuple[Callable[[Talk], Awaitable[None]], ...]:
    """The first connection: it waits for as many calls as there are answers, says them piece by
    piece, and ends if it is to. All others echo.
    """

    async def first(talk: Talk) -> None:
        for _ in range(2):
            await talk.heard()
            talk.say(OK)
        for _ in answers:
            assert await talk.heard()
        for piece in answers:
            talk.say(piece)
            await asyncio.sleep(0.01)
        while not ends and (heard := await talk.heard()):
            talk.say(said(heard[-1:]))

    async def echo(talk: Talk) -> None:
        while heard := await talk.heard():
            talk.say(said(heard[-1:]))

    return first, echo


@pytest.mark.parametrize(
    "answers",
    [
        (b"", b"", said(b"1") + said(b"22") + said(b"")),
        (said(b"1"), said(b"22"), said(b"")),
        (said(b"1")[:-20], said(b"1")[-20:] + said(b"22")[:5], said(b"22")[5:] + said(b"")),
        (said(b"1") + said(b"22") + said(b"")[:9], said(b"")[9:], b""),
    ],
    ids=["one piece", "each", "odd pieces", "a part of the last"],
)
async def test_chains_of_one_turn_go_together_and_each_is_told_its_own(
    answers: tuple[bytes, ...],
) -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(*answers)]
        turn = Turn(server, http)
        await turn.begin()
        assert await turn.bodies(*map(turn.chain, (b"a", b"b", b"c"))) == [b"1", b"22", b""]
        assert await turn.bodies(turn.chain(b"d")) == [b"d"]
        assert (server.connections, turn.asks_alone) == (1, False)


@pytest.mark.parametrize(
    ("answers", "bodies", "connections"),
    [
        ((said(b"1"), LONG, said(b"3")), [b"1", b"two", b"3"], 1),
        ((said(b"1") + LONG + LONG, b"", b""), [b"1", b"two", b"two"], 1),
        ((LONG + said(b"22"), b"", said(b"3")), [b"two", b"22", b"3"], 1),
        (
            (said(b"1"), b"odd\r\n\r\n", b""),
            [b"1", HttpProcessingError, aiohttp.ServerDisconnectedError],
            2,
        ),
    ],
    ids=["chunks", "at the end", "at once", "odd"],
)
async def test_from_an_odd_answer_on_aiohttp_reads_and_all_ask_alone_for_a_while(
    answers: tuple[bytes, ...], bodies: list[bytes | type], connections: int
) -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(*answers)]
        turn = Turn(server, http)
        await turn.begin()
        assert await turn.bodies(*map(turn.chain, (b"a", b"b", b"c"))) == bodies
        assert turn.asks_alone
        assert await turn.bodies(*map(turn.chain, (b"d", b"e"))) == [b"d", b"e"]
        assert server.connections == connections + 1, "each has its own"


async def test_a_connection_that_ends_ends_for_all_who_wait_and_nothing_is_said_twice() -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(said(b"1"), b"", ends=True)]
        turn = Turn(server, http)
        await turn.begin()
        lost = aiohttp.ServerDisconnectedError
        assert await turn.bodies(*map(turn.chain, (b"a", b"b", b"c"))) == [b"1", lost, lost]
        assert turn.asks_alone
        assert server.connections == 1


async def test_who_is_cancelled_leaves_the_connection_to_the_others() -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(b"", said(b"1") + said(b"2"), said(b"3"))]
        turn = Turn(server, http)
        await turn.begin()
        one, two, three = map(turn.chain, (b"a", b"b", b"c"))
        await asyncio.sleep(0)
        two.cancel()
        assert await turn.bodies(one, two, three) == [b"1", asyncio.CancelledError, b"3"]
        assert await turn.bodies(turn.chain(b"d")) == [b"d"]
        assert server.connections == 1


async def test_a_connection_that_all_have_left_is_closed() -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(b"", b"")]
        turn = Turn(server, http)
        await turn.begin()
        asked = [*map(turn.chain, (b"a", b"b"))]
        await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        await turn.bodies(*asked)
        assert not turn.address.wires.kept
        assert await turn.bodies(turn.chain(b"d")) == [b"d"]
        assert server.connections == 2


@pytest.mark.parametrize(
    "answers",
    [
        (b"", said(b"1") + said(b"22") + b"more"),
        (b"", said(b"1")),
        (b"", said(b"1") + said(b"22")[:-1]),
        (said(b"1"), said(b"22")),
    ],
    ids=["more than all", "less than all", "a part", "each"],
)
async def test_a_connection_with_more_or_less_than_is_waited_for_keeps_no_place(
    answers: tuple[bytes, ...],
) -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(*answers)]
        turn = Turn(server, http)
        await turn.begin()
        one, two = map(turn.chain, (b"a", b"b"))
        await asyncio.sleep(0)
        has_more = answers[-1].endswith(b"more")
        if not has_more:
            two.cancel()
        last = b"22" if has_more else asyncio.CancelledError
        assert await turn.bodies(one, two) == [b"1", last]
        await asyncio.sleep(0.1)
        assert not turn.address.wires.kept
        assert http.connector is not None
        assert not http.connector._acquired
        assert await turn.bodies(turn.chain(b"d")) == [b"d"]


async def test_nobody_asks_behind_one_whose_answer_is_read_by_aiohttp() -> None:
    """Two turns may have the same time."""
    async with serving(OK) as (server, http):
        server.scripts = [*together(LONG)]
        turn = Turn(server, http)
        await turn.begin()
        assert await turn.bodies(turn.chain(b"a")) == [b"two"]
        assert await asyncio.wait_for(turn.bodies(turn.chain(b"b")), 10.0) == [b"b"]


@pytest.mark.parametrize("leaves", [False, True])
async def test_all_have_the_same_time_also_if_the_first_has_left(leaves: bool) -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(b"", b"")]
        turn, short = Turn(server, http), aiohttp.ClientTimeout(total=0.1)
        await turn.begin()
        asked = [turn.chain(body, short) for body in (b"a", b"b")]
        await asyncio.sleep(0)
        if leaves:
            asked[0].cancel()
        first = asyncio.CancelledError if leaves else TimeoutError
        assert await turn.bodies(*asked) == [first, TimeoutError]
        assert turn.asks_alone is not leaves, "a server that held up several"
        assert not turn.address.wires.kept


async def test_a_server_that_was_slow_once_holds_up_others_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "SLOW_S", 0.001)
    async with serving(OK) as (server, http):
        server.scripts = [*together(b"", said(b"1") + said(b"2"))]
        turn = Turn(server, http)
        await turn.begin()
        assert await turn.bodies(*map(turn.chain, (b"a", b"b"))) == [b"1", b"2"]
        assert turn.asks_alone


async def test_who_may_not_act_any_more_says_nothing_behind_others() -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(b"", said(b"1") + said(b"3"))]
        turn = Turn(server, http)
        await turn.begin()
        two = turn.chain(b"b", may_send=lambda: False)
        asked = turn.chain(b"a"), two, turn.chain(b"x", may_send=lambda: False), turn.chain(b"c")
        assert await turn.bodies(*asked) == [b"1", Fenced, Fenced, b"3"]
        assert await turn.bodies(turn.chain(b"d")) == [b"d"]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("other", "is_together"),
    [
        ({}, True),
        ({"timeout": aiohttp.ClientTimeout(total=60.0, connect=1.0)}, False),
        ({"target": "/api/v1/opens"}, False),
        ({"data": b"b" * TOGETHER_SIZE_MAX}, True),
        ({"data": b"b" * (TOGETHER_SIZE_MAX + 1)}, False),
        ({"data": DELETES}, True),
        ({"data": GETS}, False),
    ],
    ids=["alike", "another time", "may wait", "short", "long", "deletes", "gets"],
)
@pytest.mark.parametrize("is_first", [False, True])
async def test_only_short_chains_with_the_same_time_go_together(
    other: dict[str, Any], is_together: bool, is_first: bool
) -> None:
    async with serving(said(b"b")) as (server, http):
        turn = Turn(server, http)
        await turn.begin()
        asked = [{"data": b"a"}, {"data": b"b", **other}]
        if is_first:
            asked.reverse()
        await turn.bodies(*(turn.chain(**one) for one in asked))
        assert server.connections == (1 if is_together else 2)


async def test_no_more_go_together_than_a_server_answers_in_one_turn() -> None:
    for count, connections in ((SEVERAL_MAX, 1), (SEVERAL_MAX + 1, 2)):
        async with serving(said(b"b")) as (server, http):
            turn = Turn(server, http)
            await turn.begin()
            await turn.bodies(*(turn.chain(b"a") for _ in range(count)))
            assert server.connections == connections


async def test_what_is_asked_in_another_turn_has_a_connection_of_its_own() -> None:
    async with serving(OK) as (server, http):
        server.scripts = [*together(said(b"1"))]
        turn = Turn(server, http)
        await turn.begin()
        first = turn.chain(b"a")
        await asyncio.sleep(0)
        now = turn.address.wires.now() + 0.001
        turn.address.wires.now = lambda: now
        assert await turn.bodies(first, turn.chain(b"b")) == [b"1", b"b"]
        assert server.connections == 2
