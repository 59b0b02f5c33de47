"""Who may join a load: with its token, of its version, so many and no more; and how moments are
told to clocks that differ.
"""

from __future__ import annotations

import asyncio
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import aiohttp
import msgspec
import pytest

from despoolr_app.fleet.lease import steady_now
from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError, Listen
from despoolr_lab.load.spec.model import SECONDS_MAX
from despoolr_lab.load.workers import relay
from despoolr_lab.load.workers.gate import CLOCK_ERROR_S_MAX, LINES_MAX, JoinGate, join_url
from despoolr_lab.load.workers.protocol import (
    ASKED,
    CLOCKS,
    COMPLAINT,
    JOIN_PATH,
    VERSION_HEADER,
    Clocks,
    Orders,
    Word,
)
from despoolr_lab.load.workers.relay import Relay
from despoolr_lab.load.workers.workers import NAMES_MAX, Workers

RIGHT = {"Authorization": "Bearer secret", VERSION_HEADER: version("despoolr")}
ORDERS = Orders("http://127.0.0.1:1", "secret", [], 1, [], [], [], [], 1, 60.0, 1.0)
Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def gate(count: int) -> AsyncIterator[tuple[JoinGate, str, aiohttp.ClientSession]]:
    made = JoinGate("secret", count)
    url = await made.start(Listen("127.0.0.1", 0))
    async with aiohttp.ClientSession() as http:
        yield made, url, http
    await made.stop()


async def joined(
    http: aiohttp.ClientSession, url: str, *, ahead_s: float = 0.0, slow_s: float = 0.0
) -> Socket:
    """A machine whose clocks are so far ahead has joined."""
    socket = await http.ws_connect(url + JOIN_PATH, headers=RIGHT)
    for _ in range(8):
        assert (await socket.receive_str()) == ASKED
        await asyncio.sleep(slow_s)
        clocks = Clocks(time.perf_counter() + ahead_s, steady_now() - ahead_s)
        await socket.send_str(CLOCKS + msgspec.json.encode(clocks).decode())
    return socket


async def refused(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str]
) -> tuple[int, str]:
    async with http.get(url + JOIN_PATH, headers=headers) as reply:
        return reply.status, await reply.text()


async def test_only_the_token_of_the_load_and_its_version_let_a_worker_in() -> None:
    async with gate(2) as (_, url, http):
        for given in ({}, {"Authorization": "Bearer secreu"}, {"Authorization": "Basic secret"}):
            status, text = await refused(http, url, RIGHT | {"Authorization": ""} | given)
            assert (status, text[:17]) == (401, "the token is not ")
        status, text = await refused(http, url, RIGHT | {VERSION_HEADER: "0.0.1"})
        assert status == 409 and text.endswith("the worker of 0.0.1")
        with pytest.raises(StartError, match=r"does not let a worker join \(401\): the token is"):
            await Relay(url, "wrong").join(1)


async def test_as_many_join_as_were_asked_for_and_no_more() -> None:
    async with gate(2) as (made, url, http):
        first = await joined(http, url)
        with pytest.raises(StartError, match=r"1 of 2 workers have joined after 0\.2 s"):
            await made.full(0.2)
        await joined(http, url)
        await made.full(60)
        status, text = await refused(http, url, RIGHT)
        assert (status, text) == (409, "all 2 workers have joined already")
        assert made.told().startswith("workers that joined: 2 of 127.0.0.1; they began within")
        await first.close()


async def test_what_is_no_websocket_takes_no_place() -> None:
    async with gate(1) as (made, url, http):
        for _ in range(2):
            assert (await refused(http, url, RIGHT))[0] == 400
        await joined(http, url)
        await made.full(60)


async def test_moments_are_told_as_the_other_machines_clocks_have_them() -> None:
    async with gate(1) as (made, url, http):
        socket = await joined(http, url, ahead_s=1000.0)
        await made.full(60)
        (worker,) = made.joined
        at, until = time.perf_counter() + 5, steady_now() + 60
        worker.say(Word("start", at))
        worker.say(Word("hold", until))
        worker.say(Word("settle"))
        words = [msgspec.json.decode(await socket.receive_str(), type=Word) for _ in range(3)]
        assert words[0].at == pytest.approx(at + 1000, abs=CLOCK_ERROR_S_MAX)
        early_s = until - 1000 - words[1].at
        assert 0 <= early_s <= 2 * CLOCK_ERROR_S_MAX, "rather too early than too late"
        assert words[2] == Word("settle")


@pytest.mark.slow
async def test_a_machine_that_answers_too_slowly_cannot_begin_at_one_instant() -> None:
    async with gate(1) as (made, url, http):
        joining = asyncio.ensure_future(joined(http, url, slow_s=0.6))
        with pytest.raises(StartError, match=r"127.0.0.1 answers after 0\.\d+ s"):
            await made.full(60)
        joining.cancel()


async def test_a_connection_that_ends_is_a_worker_that_was_lost_with_its_last_complaint() -> None:
    async with gate(1) as (made, url, http):
        socket = await joined(http, url)
        await made.full(60)
        (worker,) = made.joined
        assert worker.ended == ""
        await socket.send_str(COMPLAINT + "no\x1b[2J room" + "x" * 5000)
        await socket.close()
        assert [line async for line in worker.lines()] == []
        assert worker.ended.startswith("no\\x1b[2J room") and len(worker.ended) < 1100


async def test_nobody_is_waited_for_when_one_was_lost_before_the_others_came() -> None:
    async with gate(2) as (made, url, http):
        socket = await joined(http, url)
        with pytest.raises(StartError, match="1 of 2"):
            await made.full(0.2)
        filling = asyncio.ensure_future(made.full(60))
        await socket.send_str(COMPLAINT + "no room")
        await socket.close()
        with pytest.raises(StartError, match=r"lost before the others came: no room \(127"):
            await filling


async def test_a_worker_that_does_not_listen_is_lost_and_no_more_is_kept_for_it() -> None:
    async with gate(1) as (made, url, http):
        await joined(http, url)
        await made.full(60)
        (worker,) = made.joined
        for _ in range(LINES_MAX):
            worker.say(Word("settle"))
        assert worker.ended == ""
        worker.say(Word("settle"))
        assert worker.ended == "it does not listen (127.0.0.1)"


NONE = '{"counts": [], "sum_us": 0, "max_us": 0}'


def told(number: int = 1, polls: str = "0", took: str = NONE) -> str:
    counts = f'"polls": {polls}, "failed": 0, "late": 0, "waited": 0'
    second = f'{{{counts}, "took": {took}, "lag": {NONE}, "served": {NONE}}}'
    return f'{{"kind": "told", "seconds": {{"{number}": {second}}}}}'


def named(kind: str, names: list[str]) -> str:
    """A status that tells of such groups or servers."""
    part = {"polls": 0, "failed": 0, "took": msgspec.json.decode(NONE)}
    return msgspec.json.encode({"kind": "told", kind: dict.fromkeys(names, part)}).decode()


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        '{"kind": "told", "seconds": {"1": {"x": ' + "[" * 100_000,
        told(took="5"),
        told(took='{"counts": 5, "sum_us": 0, "max_us": 0}'),
        told(took='{"counts": [[1000000000000, 1]], "sum_us": 0, "max_us": 0}'),
        told(took='{"counts": [[-200, 1]], "sum_us": 0, "max_us": 0}'),
        told(took='{"counts": [], "sum_us": 0, "max_us": 1' + "0" * 400 + "}"),
        told(polls='"many"'),
        told(polls="-1"),
        told(number=-1),
        told(number=SECONDS_MAX + 1),
        named("servers", [f"S{number}" for number in range(NAMES_MAX + 1)]),
        named("groups", ["g" * 257]),
    ],
)
async def test_a_worker_that_says_what_none_says_is_lost(line: str) -> None:
    async with gate(1) as (made, url, http):
        socket = await joined(http, url)
        await made.full(60)
        workers = Workers(made)
        await socket.send_str(told(number=SECONDS_MAX))
        await socket.send_str(named("servers", [f"S{n}" for n in range(NAMES_MAX)]))
        await socket.send_str(line)
        async with asyncio.timeout(60):
            with suppress(StartError):
                await workers.start([ORDERS])
            await workers.until(lambda worker: worker.is_over)
        assert workers.ended_early.startswith("process 1 of 1 ended: it says what no worker says")
        assert list(workers.seconds) == [SECONDS_MAX]


async def test_a_load_that_takes_a_worker_and_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "REPLY_S_MAX", 0.2)
    with sockets.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with asyncio.timeout(60):
            with pytest.raises(StartError, match="no load answers at"):
                await Relay(url, "secret", within_s=0).join(1)


@pytest.mark.slow
async def test_a_worker_that_joined_is_waited_for_however_long_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "REPLY_S_MAX", 0.2)
    async with gate(1) as (made, url, _):
        joining = asyncio.ensure_future(Relay(url, "secret").join(1))
        await made.full(60)
        await asyncio.sleep(0.6)
        assert not joining.done() and made.joined[0].ended == ""
        joining.cancel()


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("0.0.0.0", "director"),
        ("::", "director"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
    ],
)
def test_the_address_to_join_at_is_one_that_others_can_reach(
    host: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("despoolr_lab.load.workers.gate.gethostname", lambda: "director")
    assert join_url(Listen(host, 8810)) == f"http://{told}:8810"


async def test_nobody_joins_from_outside_without_a_token() -> None:
    with pytest.raises(ConfigError, match="without a token"):
        await JoinGate("", 1).start(Listen("0.0.0.0", 0))
    with pytest.raises(StartError, match=r"no load answers at http://127\.0\.0\.1:1"):
        await Relay("http://127.0.0.1:1", "secret", within_s=0).join(1)
