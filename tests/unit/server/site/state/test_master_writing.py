"""Masters that are being written: who asks waits for all who write, and not for ever."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_server.site.state.master_writing import MasterWriting


async def test_who_waits_goes_on_when_the_last_has_written() -> None:
    writing = MasterWriting()
    until = asyncio.get_running_loop().time() + 3600.0
    await writing.over(until)
    with writing.under_way():
        waiting = asyncio.ensure_future(writing.over(until))
        with writing.under_way():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting
    assert not writing.is_under_way


async def test_a_writer_that_dies_writes_no_more() -> None:
    writing = MasterWriting()
    with pytest.raises(ZeroDivisionError), writing.under_way():
        _ = 1 / 0
    assert not writing.is_under_way


async def test_nobody_waits_past_the_time() -> None:
    writing = MasterWriting()
    with writing.under_way():
        now = asyncio.get_running_loop().time()
        await writing.over(now + 0.001)
        await writing.over(now - 1.0)
        assert writing.is_under_way
