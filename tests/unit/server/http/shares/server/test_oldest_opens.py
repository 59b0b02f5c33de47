"""The oldest of opens that come in any order."""

from __future__ import annotations

from random import Random

import pytest

from despoolr_core.share.wire import OpenRequest
from despoolr_server.http.shares.server.oldest_opens import OldestOpens
from worlds.share import SERVICE, World


@pytest.mark.parametrize("count_max", [0, 1, 5, 30])
async def test_so_many_of_the_oldest_are_kept_in_their_order_and_all_are_counted(
    count_max: int,
) -> None:
    world = World()
    await world.put("F.DAT")
    session = world.session(SERVICE)
    for _ in range(20):
        await world.host.handles.open(
            SERVICE, OpenRequest(session, "OPEN", "F.DAT", share_mode="READ")
        )
    rows = [*world.host.engine.table]
    oldest = OldestOpens(count_max)
    for row in Random(3).sample(rows, len(rows)):
        oldest.add(row)
    assert oldest.rows() == rows[:count_max]
    assert oldest.count == 20
