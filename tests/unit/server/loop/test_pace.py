"""Long work in batches, and in stretches of time."""

from __future__ import annotations

import asyncio

import pytest

from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_server.loop.pace import BATCH, LONG_S, TurnSpan, batches, breathe, turn


def test_batches_are_all_there_is_in_its_order() -> None:
    assert list(batches(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([], 3)) == []
    assert [len(batch) for batch in batches(range(2 * BATCH))] == [BATCH, BATCH]


async def test_only_a_full_batch_gives_a_turn_away() -> None:
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await breathe(BATCH - 1)
    assert turns == []
    await breathe(BATCH)
    assert turns == [1]


async def test_however_many_work_there_is_one_batch_a_turn_and_each_has_its_own_in_order() -> None:
    done: list[str] = []
    now = 0

    async def work(name: str) -> None:
        for count in range(3):
            done.append(f"{now}:{name}{count}")
            await turn()

    async def count_turns() -> None:
        nonlocal now
        while True:
            now += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await asyncio.gather(*(work(name) for name in "abcd"))
    counting.cancel()
    later = [each.partition(":") for each in done[4:]]
    assert len({at for at, _, _ in later}) == len(later) == 8
    assert [what for _, _, what in later] == ["a1", "b1", "c1", "d1", "a2", "b2", "c2", "d2"]


async def test_who_has_worked_for_long_lets_others_have_a_turn_and_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, passed = asyncio.get_running_loop(), 0.0
    began = loop.time()
    monkeypatch.setattr(loop, "time", lambda: began + passed)
    stretch, breaths = TurnSpan(), []
    for part in (0.9, 1.1, 2.0, 2.2):
        passed = part * LONG_S
        breaths.append(await stretch.breathe())
    assert breaths == [False, True, False, True]
    assert await stretch.breathe(is_full=True)


def test_in_virtual_time_no_turn_is_long() -> None:
    async def story() -> None:
        stretch = TurnSpan()
        for _ in range(1_000):
            assert not await stretch.breathe()

    loop = VirtualLoop(limit_s=10.0)
    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
