"""What a worker says of its clients."""

from __future__ import annotations

import pytest

from despoolr_client.agent.runner import Turn
from despoolr_lab.load.workers.protocol import Orders
from despoolr_lab.load.workers.worker import LOOK_BEATS, LOOKED_AT_MAX, Worker
from worlds.client import World, offered


def of_clients(count: int, *, busy_count: int) -> tuple[Worker, list[int]]:
    """A worker whose clients a poll gave something to do, which all but so many have done; and how
    many are at it, as it says in some beats and in the end.
    """
    orders = Orders("http://site1", "", [], 1, [], [], [], [], seed=1, end=60.0, late_max=1.0)
    worker, world = Worker(orders, lambda _status: None), World()
    for number in range(count):
        agent = world.agent(f"PC{number}", f"BPC{number:05}")
        if number < busy_count:
            agent._enqueue(Turn(offered()))
        worker._at_work[number] = agent
    running: list[int] = []
    for beat, kind in [*((n, "told") for n in range(1, LOOK_BEATS + 1)), (LOOK_BEATS + 1, "over")]:
        worker._beats = beat
        running.append(worker._status(kind).running)
    return worker, running


@pytest.mark.parametrize("extra", [0, 1])
async def test_thousands_at_work_are_looked_at_in_one_beat_of_some(extra: int) -> None:
    worker, running = of_clients(LOOKED_AT_MAX + extra, busy_count=3)
    first = LOOKED_AT_MAX + 1 if extra else 3
    assert running == [*[first] * (LOOK_BEATS - 1), 3, 3]
    assert len(worker._at_work) == 3


async def test_at_the_end_all_are_looked_at() -> None:
    _, running = of_clients(LOOKED_AT_MAX + 1, busy_count=LOOKED_AT_MAX + 1)
    assert running == [LOOKED_AT_MAX + 1] * (LOOK_BEATS + 1)
