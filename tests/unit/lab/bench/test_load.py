"""The bench's load cuts answers where they end, however they arrive, and stops at the first wrong
one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from despoolr_lab.bench.load import Script, answers_per_second, request

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
