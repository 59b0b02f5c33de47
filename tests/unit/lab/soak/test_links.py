"""A link carries bytes whole, and what a cut does to connections that stand and to new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from despoolr_lab.soak import links
from despoolr_lab.soak.links import REFUSE, SILENCE, CuttableLink

OPENED: list[asyncio.StreamWriter] = []
"""Connections of the test that runs: closed at its end."""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until the other end is done."""
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def link() -> AsyncIterator[CuttableLink]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = CuttableLink("A-B", server.sockets[0].getsockname()[1])
    await made.start()
    try:
        yield made
    finally:
        for writer in OPENED:
            writer.transport.abort()
        OPENED.clear()
        await made.stop()
        server.close()


async def connect(link: CuttableLink) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    OPENED.append(writer)
    return reader, writer


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    return await asyncio.wait_for(reader.readexactly(len(data)), 60)


async def is_reset(link: CuttableLink) -> bool:
    """Whether a new connection comes to nothing."""
    try:
        reader, writer = await connect(link)
        writer.write(b"x")
        return await asyncio.wait_for(reader.read(1), 60) == b""
    except ConnectionError:
        return True


async def test_bytes_come_back_whole_and_in_order(link: CuttableLink) -> None:
    reader, writer = await connect(link)
    data = bytes(range(256)) * 4096
    task = asyncio.ensure_future(reader.readexactly(len(data)))
    writer.write(data)
    await writer.drain()
    assert await asyncio.wait_for(task, 60) == data
    assert link.connection_count == 1
    writer.close()


async def test_an_end_that_closes_closes_the_other_and_leaves_nothing(link: CuttableLink) -> None:
    reader, writer = await connect(link)
    assert await said(reader, writer, b"hello") == b"hello"
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not link.connection_count:
            return
    raise AssertionError("the link still has a connection")


async def test_a_refusing_link_resets_what_stands_and_takes_nothing_until_it_is_mended(
    link: CuttableLink,
) -> None:
    reader, writer = await connect(link)
    assert await said(reader, writer, b"one") == b"one"
    link.cut(REFUSE)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await said(reader, writer, b"two")
    assert await is_reset(link)
    assert (link.cut_count, link.reset_count) == (1, 1)
    link.mend()
    assert await said(*await connect(link), b"three") == b"three"


async def test_a_silent_link_carries_nothing_and_goes_on_where_it_was(link: CuttableLink) -> None:
    reader, writer = await connect(link)
    assert await said(reader, writer, b"one") == b"one"
    link.cut(SILENCE)
    writer.write(b"two")
    fresh = await connect(link)
    fresh[1].write(b"new")
    both = [
        asyncio.ensure_future(reader.readexactly(3)),
        asyncio.ensure_future(fresh[0].readexactly(3)),
    ]
    done, _ = await asyncio.wait(both, timeout=0.2)
    assert not done
    link.mend()
    assert await asyncio.wait_for(asyncio.gather(*both), 60) == [b"two", b"new"]


async def test_connections_beyond_the_bound_are_reset(
    link: CuttableLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "CONNECTIONS_MAX", 1)
    first = await connect(link)
    assert await said(*first, b"one") == b"one"
    assert await is_reset(link)
    assert await said(*first, b"two") == b"two"


async def test_a_link_to_nobody_resets(link: CuttableLink) -> None:
    link.target_port = 9
    assert await is_reset(link)
