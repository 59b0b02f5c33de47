"""A user holds files on a share: until they are released, for a span, or not at all."""

from __future__ import annotations

import pytest

from despoolr_client.agent.user_holds import hold, release
from despoolr_core.share.contract import ShareError
from despoolr_core.share.modes import ShareMode
from worlds.client import World, driven, play


def test_a_user_holds_a_file_until_it_is_released() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        held = await hold(agent, "srv1", "SMS_PKGD", "BPC00001\\DATA\\B.DAT", program="EXCEL.EXE")
        await hold(agent, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await agent.poll_once()
        assert [program for _, program, _ in world.holders()] == ["EXCEL.EXE", "WINWORD.EXE"]
        assert await release(agent, held) == 1
        assert await release(agent, path="bpc00001\\setup.exe") == 1
        assert world.holders() == []
        assert await release(agent) == 0

    play(main)


def test_a_hold_for_a_span_ends_by_itself() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        with pytest.raises(ValueError, match="drives the agent"):
            await hold(agent, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", for_s=60)
        async with driven(agent):
            await hold(agent, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", for_s=60)
            await world.clock.sleep(59)
            assert len(world.holders()) == 1
            await world.clock.sleep(2)
            assert world.holders() == []

    play(main)


def test_a_hold_that_is_refused_names_the_blocker() -> None:
    async def main() -> None:
        world = await World().set_up()
        first, second = world.agent("PC1"), world.agent("PC2", "BPC00002")
        await hold(first, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE", share_mode=ShareMode.NONE)
        with pytest.raises(ShareError) as refused:
            await hold(second, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        assert refused.value.blockers[0].machine == "PC1"
        assert world.closed_count == 1, "nothing is open on it, so the connection ends"

    play(main)
