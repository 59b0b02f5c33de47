"""NOIDMIFs become inventory when they change (Q199229, Q170440)."""

from __future__ import annotations

from despoolr_client.agent.machine.programs import ClientProgram, NoidmifToWrite, Programs
from despoolr_core.formats.mif.build import build_attribute, build_group, build_mif
from despoolr_core.formats.mif.render import render
from despoolr_core.formats.reports.job_mif import read_inventory_mif
from worlds.client import START, World, offered, play, poll_and_run

HOUR = 3600.0


def noidmif(value: str) -> bytes:
    group = build_group(
        "Package Status",
        1,
        "ACME|PACKAGE STATUS|1.0",
        [build_attribute("Office", 1, value, size=16)],
    )
    return render(build_mif("Workstation", [group]))


def test_a_noidmif_is_sent_when_it_changes_with_the_machines_identification() -> None:
    async def main() -> None:
        program = ClientProgram(noidmifs=(NoidmifToWrite("office.mif", noidmif("Complete")),))
        world = await World(programs=Programs(default=program)).set_up()
        await world.offer(offered())
        agent = world.agent()
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == ["BPC00001.RAW"]
        box = world.service("SRV1", "SMS_SHR")
        inventory = read_inventory_mif(await box.read("INVENTRY.BOX/BPC00001.RAW"))
        assert (inventory.machine.sms_id, inventory.machine.name) == ("BPC00001", "PC1")
        assert inventory.groups["Package Status"] == {"Office": "Complete"}
        await box.delete("INVENTRY.BOX/BPC00001.RAW")
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == []
        agent.files.write_noidmif("OFFICE.MIF", noidmif("Failed"), world.clock.now())
        agent.files.write_noidmif("BAD.MIF", b"START COMPONENT", world.clock.now())
        agent.files.write_noidmif("SECOND.MIF", noidmif("Complete"), world.clock.now())
        await poll_and_run(agent)
        assert await world.names("INVENTRY.BOX") == ["00001001.RAW", "BPC00001.RAW"]
        assert any(text.startswith("BAD.MIF is not sent: line ") for text in world.log)

    play(main)


def test_a_noidmif_is_sent_again_if_it_did_not_get_through() -> None:
    async def main() -> None:
        world = await World(servers=("SRV1",)).set_up()
        agent = world.agent()
        agent.files.write_noidmif("A.MIF", noidmif("Complete"), START)
        world.down.add("rename")
        await agent.poll_once()
        assert await world.names("INVENTRY.BOX") == ["BPC00001.TMP"]
        world.down.clear()
        await agent.poll_once()
        assert await world.names("INVENTRY.BOX") == ["BPC00001.RAW"]
        assert not agent.files.noidmifs_changed

    play(main)
