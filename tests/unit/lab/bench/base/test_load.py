"""The bench's load cuts answers where they end, however they arrive, and stops at the first wrong
one; the CPU time of a server that forks is all of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from despoolr_lab.bench.base.load import (
    Script,
    answers_per_second,
    cpu_s,
    request,
    taken,
    tree_ticks,
)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def measured(serve: Serve, script: Script) -> float:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        return await answers_per_second(server.sockets[0].getsockname()[1], [script], 0.1)


def answering(*answers: bytes) -> Serve:
    """A server that gives each answer in two pieces, the last one again and again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                answer = answers[min(number, len(answers) - 1)]
                number += 1
                writer.write(answer[:20])
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(answer[20:])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


async def test_answers_are_cut_by_their_length() -> None:
    got: list[tuple[int, bytes]] = []

    def script(status: int, body: bytes) -> bytes:
        got.append((status, body))
        return request("GET", "/", "X: y")

    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    empty = b'HTTP/1.1 304 Not Modified\r\nEtag: "1"\r\n\r\n'
    assert await measured(answering(whole, empty), script) > 0
    assert got[:3] == [(0, b""), (200, b"abc"), (304, b"")]


async def test_a_wrong_answer_ends_the_measurement() -> None:
    def script(status: int, body: bytes) -> bytes:
        if status == 500:
            raise ValueError("answered 500")
        return request("GET", "/")

    with pytest.raises(ValueError, match="answered 500"):
        await measured(answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), script)


def test_a_request_is_what_http_wants() -> None:
    assert (
        request("PUT", "/A", "X: y", body=b"12")
        == b"PUT /A HTTP/1.1\r\nHost: bench\r\nX: y\r\nContent-Length: 2\r\n\r\n12"
    )


def stat(pid: int, parent: int, *ticks: int) -> str:
    """A line of `/proc/*/stat`: its 14th to 17th fields are CPU ticks, the process's own and its
    ended children's.
    """
    return f"{pid} (a (b) c) S {parent} " + "0 " * 9 + " ".join(map(str, ticks)) + " 20 0 1 0"


def test_the_children_a_server_had_and_has_count_and_nobody_elses_do() -> None:
    lines = [
        stat(7, 1, 10, 20, 300, 400),
        stat(8, 7, 1, 2, 50, 60),
        stat(9, 8, 1000, 1000, 0, 0),
        stat(10, 1, 500, 500, 0, 0),
    ]
    assert tree_ticks(lines, 7) == 10 + 20 + 300 + 400 + 1 + 2


def test_a_child_that_ends_takes_none_of_its_time_along() -> None:
    before = tree_ticks([stat(7, 1, 10, 20, 0, 0), stat(8, 7, 5, 6, 0, 0)], 7)
    assert tree_ticks([stat(7, 1, 10, 20, 5, 6)], 7) == before


def test_what_is_taken_is_told_by_the_cpu_second_of_the_server_and_the_load() -> None:
    def load() -> float:
        before = cpu_s(os.getpid())
        while cpu_s(os.getpid()) < before + 0.1:
            pass
        return 50.0

    asked = taken(os.getpid(), load)
    assert asked.rate == 50
    assert 40 < asked.per_cpu_s
    assert 0.0 < asked.load <= 1.1
    assert asked.figures("get")["get_per_cpu_s"] == asked.per_cpu_s
