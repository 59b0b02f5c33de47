"""The registry below SMS_Despooler, kept in a text file."""

from __future__ import annotations

from despoolr_core.share.modes import ShareMode
from despoolr_server.site.state.registry import MASTER_PACKAGES, TRANSFER_PACKAGES, Registry
from worlds.share import World


async def test_what_was_saved_is_there_for_the_next_process() -> None:
    share = World().share()
    registry = Registry(share)
    await registry.load()  # a site that never wrote one
    registry.set(MASTER_PACKAGES, "BPC00001", "3")
    registry.set(f"{TRANSFER_PACKAGES}\\W_BPC00001", "LOGON1", "2")
    registry.set(f"{TRANSFER_PACKAGES}\\W_BPC00001", "LOGON2", "a = b")
    await registry.save()
    again = Registry(share)
    await again.load()
    assert again.get(MASTER_PACKAGES, "BPC00001") == "3"
    assert again.values(f"{TRANSFER_PACKAGES}\\W_BPC00001") == {"LOGON1": "2", "LOGON2": "a = b"}


async def test_a_person_can_read_the_file() -> None:
    share = World().share()
    registry = Registry(share)
    registry.set(MASTER_PACKAGES, "BPC00002", "1")
    registry.set(MASTER_PACKAGES, "BPC00001", "3")
    await registry.save()
    assert (
        await share.read("SMS.REG")
        == b"[SMS_Despooler\\Master Packages]\r\nBPC00001=3\r\nBPC00002=1\r\n"
    )


async def test_nothing_is_written_when_nothing_changed() -> None:
    world = World()
    share = world.share()
    registry = Registry(share)
    await registry.save()
    assert await share.stat("SMS.REG") is None
    registry.set("K", "a", "1")
    await registry.save()
    # a write would be refused now
    held = await world.share().open("SMS.REG", share_mode=ShareMode.READ)
    registry.set("K", "a", "1")
    registry.delete("K", "missing")
    await registry.save()
    await held.close()


async def test_a_deleted_value_is_gone() -> None:
    share = World().share()
    registry = Registry(share)
    registry.set("K", "a", "1")
    await registry.save()
    registry.delete("K", "a")
    await registry.save()
    again = Registry(share)
    await again.load()
    assert again.get("K", "a", "none") == "none"
