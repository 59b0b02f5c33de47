"""Long work in batches."""

from __future__ import annotations

import asyncio

from despoolr_server.share.pace import BATCH, batches, breathe


def test_batches_are_all_there_is_in_its_order() -> None:
    assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([], 3)) == []
    assert [len(batch) for batch in batches(range(2 * BATCH))] == [BATCH, BATCH]


async def test_only_a_full_batch_gives_a_turn_away() -> None:
    turns: list[int] = []
    task = asyncio.create_task(asyncio.sleep(0, turns.append(0)))
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await breathe(BATCH - 1)
    assert turns == [0]
    await breathe(BATCH)
    assert turns == [0, 1]
    await task
