"""Habits of a machine: how long its programs hold files, and when they open none."""

from __future__ import annotations

import math

import pytest

from despoolr_client.agent.machine.habits import AS_SHIPPED, Habits, is_kept_out
from despoolr_core.rules.remedies import COPY_FIRST_S
from worlds.client import PACKAGE, World, driven, offered, play, poll_and_run


@pytest.mark.parametrize(
    ("habits", "held_s"),
    [
        (AS_SHIPPED, 3600.0),
        (Habits(copies_first=True), COPY_FIRST_S),
        (Habits(closes_idle_s=1800.0), 1800.0),
        (Habits(closes_idle_s=7200.0), 3600.0),
        (Habits(copies_first=True, closes_idle_s=1.0), 1.0),
    ],
)
def test_a_file_is_held_for_as_long_as_the_shortest_habit_says(
    habits: Habits, held_s: float
) -> None:
    assert habits.held_s(3600.0) == held_s
    assert AS_SHIPPED.held_s(math.inf) == math.inf


@pytest.mark.parametrize(
    "habits", [Habits(copies_first=True), Habits(closes_idle_s=5.0)], ids=["copies", "idle"]
)
def test_a_program_goes_on_when_its_files_are_closed_before_its_end(habits: Habits) -> None:
    async def main() -> None:
        world = await World(habits=habits).set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await agent.poll_once()
            await world.clock.sleep(4)
            assert len(world.holders()) == 2
            await world.clock.sleep(2)
            assert world.holders() == []
            assert await world.reports() == []
            await world.clock.sleep(60)
            [report] = await world.reports()
            assert report.result.value == "Success"

    play(main)


@pytest.mark.parametrize("honours", [True, False])
def test_who_honours_a_marker_runs_nothing_of_its_package_until_it_is_gone(honours: bool) -> None:
    async def main() -> None:
        world = await World(habits=Habits(honours_marker=honours)).set_up()
        await world.offer(offered())
        share = world.service("SRV1", "SMS_PKGD")
        await share.write(f"{PACKAGE}.LCK", b"")
        assert await is_kept_out(share, rf"{PACKAGE}\DATA\B.DAT")
        agent = world.agent()
        await poll_and_run(agent)
        assert len(await world.reports()) == (0 if honours else 1)
        await share.delete(f"{PACKAGE}.LCK")
        await poll_and_run(agent)
        assert len(await world.reports()) == 1, "it stayed pending"

    play(main)


def test_a_marker_on_one_server_sends_a_program_to_the_next() -> None:
    async def main() -> None:
        world = await World(habits=Habits(honours_marker=True)).set_up()
        await world.offer(offered("BPC0001", "SRV1", "SRV2"))
        await world.service("SRV1", "SMS_PKGD").write(f"{PACKAGE}.LCK", b"")
        await poll_and_run(world.agent())
        assert [fact["server"] for fact in world.facts("pcm.run")] == ["SRV2"]

    play(main)
