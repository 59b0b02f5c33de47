"""Large answers: in pieces, within a budget of bytes, and with turns for everybody else between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from despoolr_core.share.wire import EpisodeList, OpenList
from despoolr_server.http.base import pieces
from despoolr_server.http.base.pieces import (
    ANSWER_SIZE_MAX,
    PIECE_SIZE,
    bytes_answer,
    check_size_of,
    gathered,
    in_pieces,
    json_texts,
)
from despoolr_server.http.base.problem import Refused
from despoolr_server.loop.pace import BATCH
from worlds.raw_http import dial
from worlds.share_server import Site
from worlds.support import REPOSITORY


def test_an_answer_has_as_many_bytes_as_the_budget_says_and_no_more() -> None:
    check_size_of(ANSWER_SIZE_MAX, "Ask for less.")
    with pytest.raises(Refused) as caught:
        check_size_of(ANSWER_SIZE_MAX + 1, "Ask for less.")
    assert (caught.value.problem.status, caught.value.problem.detail[-13:]) == (
        507,
        "Ask for less.",
    )


@pytest.mark.parametrize(
    "fields", [{"a": 1, "b": []}, {"a": [1], "b": ["x", {"c": None}]}, {"a": "ä\x00"}]
)
def test_json_in_pieces_is_what_it_is_whole(fields: dict[str, object]) -> None:
    pieces = json_texts(
        (name, iter(value) if isinstance(value, list) else value) for name, value in fields.items()
    )
    assert b"".join(pieces) == msgspec.json.encode(fields)


@pytest.mark.parametrize("size", [0, 1, PIECE_SIZE, PIECE_SIZE + 1, 5 * PIECE_SIZE])
async def test_an_answer_arrives_as_it_was_made_whole_or_in_pieces(size: int) -> None:
    turns = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        return await in_pieces(request, 207, "text/plain", (b"x" for _ in range(size)))

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client, asyncio.TaskGroup() as group:
        task = group.create_task(others())
        async with client.get("/") as answer:
            assert (answer.status, await answer.read()) == (207, b"x" * size)
            assert ("Content-Length" in answer.headers) is (size <= PIECE_SIZE)
        task.cancel()
    assert turns >= size // BATCH


@pytest.mark.parametrize(
    ("target", "accept"),
    [
        ("/api/v1/records", "*/*"),
        ("/api/v1/records?follow=true", "*/*"),
        ("/api/v1/live", "text/event-stream"),
        ("/api/v1/opens", "*/*"),
        ("/SMS_SHR/", "*/*"),
        ("/SMS_SHR/large", "*/*"),
    ],
)
async def test_what_is_asked_for_by_head_has_no_body_and_an_end(
    site: Site, monkeypatch: pytest.MonkeyPatch, target: str, accept: str
) -> None:
    assert (await site.ask("PUT", "/SMS_SHR/large", bytes(900))).status == 201
    monkeypatch.setattr(pieces, "PIECE_SIZE", 10)
    raw = await dial(int(site.base.rpartition(":")[2]))
    told = f"Host: x\r\nAuthorization: Bearer {site.token}\r\nAccept: {accept}\r\n\r\n"
    raw.say(f"HEAD {target} HTTP/1.1\r\n{told}GET /ready HTTP/1.1\r\n{told}".encode())
    async with asyncio.timeout(60):
        head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert await raw.answer() == (200, b"ok\n")
    raw.hang_up()


def test_all_that_is_sent_as_it_is_made_knows_of_head() -> None:
    said = "= web.StreamResponse("
    rooms = [REPOSITORY / room for room in ("server", "app", "client", "lab")]
    files = [file for room in rooms for file in room.rglob("*.py")]
    assert files and [file for file in files if said in file.read_text("utf-8")] == []


async def test_others_have_a_turn_after_each_batch() -> None:
    order: list[str] = []

    def things() -> Iterator[int | None]:
        for number in range(3 * BATCH):
            order.append("here")
            yield None if number % 2 else number

    async def other() -> None:
        for _ in range(3):
            order.append("there")
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert len(await gathered(things())) == 3 * BATCH // 2
    await task
    assert "".join(word[0] for word in order).replace("h" * BATCH, "H") == "HtHtHt"


@pytest.mark.slow
async def test_lists_of_opens_and_episodes_are_what_they_were_in_one(site: Site) -> None:
    for number in range(300):
        await site.ask("PUT", f"/SMS_SHR/F{number}", b"1")
    session = await site.session()
    for number in range(300):
        opened = {
            "session": session,
            "share": "SMS_SHR",
            "path": f"F{number}",
            "share_mode": "READ",
        }
        assert (await site.ask("POST", "/api/v1/opens", msgspec.json.encode(opened))).status == 201
        assert (await site.ask("PUT", f"/SMS_SHR/F{number}", b"2", site.client_token)).status in (
            403,
            423,
        )
    opens = await site.ask("GET", "/api/v1/opens")
    assert opens.body == msgspec.json.encode(OpenList(site.host.opens(), 300))
    cut = await site.ask("GET", "/api/v1/opens?limit=2")
    assert cut.body == msgspec.json.encode(OpenList(site.host.opens()[:2], 300))
    episodes = msgspec.json.decode(
        (await site.ask("GET", "/api/v1/episodes")).body, type=EpisodeList
    )
    assert episodes.count == len(site.host.episodes())
    why = await site.ask("GET", "/api/v1/why?machine=PC07")
    assert list(why.json) == ["at", "opens", "episodes", "verdicts"]
    assert len(why.json["verdicts"]) == len(why.json["episodes"])


@pytest.mark.parametrize("size", [0, 1, PIECE_SIZE, PIECE_SIZE + 1, 5 * PIECE_SIZE])
async def test_bytes_arrive_as_they_are_with_their_length(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)

    async def handler(request: web.Request) -> web.StreamResponse:
        return await bytes_answer(request, 206, {"Content-Type": "text/plain"}, data[:size])

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        for _ in range(2):
            async with client.get("/") as answer:
                assert (answer.status, answer.headers["Content-Length"]) == (206, str(size))
                assert await answer.read() == data[:size]
