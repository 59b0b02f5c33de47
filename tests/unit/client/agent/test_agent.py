"""One client against real shares: its user holds files, its power goes, its SMS.INI says otherwise,
its beat is seeded.
"""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from despoolr_client.agent.machine.windows import Windows
from despoolr_client.agent.user_holds import hold, release
from despoolr_client.pcm.behaviour import PcmBehaviour, PcmVariant
from despoolr_core.formats.sms_ini import parse_sms_ini
from worlds.client import World, driven, offered, play, poll_and_run

HOUR = 3600.0


def test_a_machine_without_power_closes_nothing_and_runs_its_package_again_later() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        async with driven(agent):
            await hold(agent, "SRV2", "SMS_PKGD", "BPC00001/SETUP.EXE")
            await agent.poll_once()
            await world.clock.sleep(30)
            await agent.power_off()
            assert len(world.holders("SRV1")) == 2
            assert len(world.holders("SRV2")) == 1
            await world.clock.sleep(HOUR)
            assert await world.reports() == []
            with pytest.raises(ValueError, match="switched off"):
                await hold(agent, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
            await agent.power_on()
            await world.clock.sleep(61)
            assert len(await world.reports()) == 1

    play(main)


def test_connections_end_when_nothing_is_open_on_them() -> None:
    async def main() -> None:
        world = await World().set_up()
        agent = world.agent()
        await agent.poll_once()
        assert world.closed_count == 1
        held = await hold(agent, "SRV1", "SMS_PKGD", "BPC00001/SETUP.EXE")
        await agent.poll_once()
        assert world.closed_count == 1
        await release(agent, held)
        assert world.closed_count == 2
        assert world.hosts["SRV1"].session_count == 0

    play(main)


def test_a_lost_history_makes_a_mandatory_package_run_again() -> None:
    """Q229809."""

    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        agent.forget_history()
        await poll_and_run(agent)
        assert len(world.facts("pcm.run")) == 2
        assert len({report.report_id for report in await world.reports()}) == 2

    play(main)


def test_the_service_leaves_packages_to_the_desktop_and_says_so() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered().with_flags(background=True), offered("BPC0002"))
        desktop = world.agent()
        await poll_and_run(desktop)
        assert (
            "Package (Request ID) BPC0001 is marked for service-only execution, skipping it."
            in world.log
        )
        assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0002"]
        service = world.agent("PC2")
        service.settings = replace(
            world.settings, behaviour=PcmBehaviour(variant=PcmVariant.SERVICE)
        )
        await poll_and_run(service)
        assert [fact["request"] for fact in world.facts("pcm.run")] == ["BPC0002", "BPC0001"]

    play(main)


def test_sms_ini_says_where_a_client_gets_its_instructions_and_puts_its_results() -> None:
    async def main() -> None:
        world = await World().set_up()
        await world.offer(offered(), server="SRV2")
        files = Windows()
        files.sms_ini = parse_sms_ini(
            "[Local]\nCurrentLogonServer=SRV2\n"
            "[Package Command Manager]\nResultsSharePoint=\\\\SRV1\\SMS_SHR\\despoolr.box"
        )
        agent = world.agent(files=files)
        await poll_and_run(agent)
        assert (len(await world.reports("SRV1")), len(await world.reports("SRV2"))) == (1, 0)

    play(main)


def test_the_same_seed_gives_the_same_records() -> None:
    def run() -> list[object]:
        world: list[World] = []

        async def main() -> None:
            world.append(
                await World(
                    PcmBehaviour(random_server_bug=True, arbitrary_mandatory_order=True)
                ).set_up()
            )
            await world[0].offer(*(offered(f"BPC000{n}", "SRV1", "SRV2") for n in range(6)))
            await poll_and_run(world[0].agent())

        play(main)
        return [*world[0].records]

    assert run() == run()


def test_the_agents_run_polls_on_its_interval_from_a_seeded_start() -> None:
    async def main() -> None:
        world = await World().set_up()
        agents = [world.agent(f"PC{n}") for n in range(2)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(agent.run()) for agent in agents]
            await world.clock.sleep(3 * HOUR)
            for task in tasks:
                task.cancel()
        times = {
            actor: [r.at for r in world.records if r.actor == actor and r.kind == "pcm.polled"]
            for actor in ("PC0", "PC1")
        }
        assert [len(at) for at in times.values()] == [3, 3]
        assert times["PC0"][0] != times["PC1"][0]
        assert times["PC0"][1] - times["PC0"][0] == pytest.approx(HOUR, abs=0.002)

    play(main)
