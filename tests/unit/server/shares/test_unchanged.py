"""A poll's short way: the same answer as the long one, and only where the long one would do nothing
else.
"""

from __future__ import annotations

from despoolr_core.share.modes import Role
from despoolr_server.shares.base.principal import NOT_MODIFIED, Caller, Content, Principal
from worlds.share import World

CLIENT = Caller(Principal("WS1", "ALICE", Role.CLIENT))


async def served() -> tuple[World, str]:
    world = World()
    share = world.share(share="SMS_SHR")
    await share.make_directory("PCMINS.BOX")
    await share.write("PCMINS.BOX/BPC00001.INS", b"one")
    got = await world.host.paths.get(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS")
    assert isinstance(got, Content)
    return world, got.etag


async def test_an_unchanged_file_is_told_without_an_open() -> None:
    world, etag = await served()
    assert world.host.paths.is_unchanged(CLIENT, "sms_shr", "pcmins.box/bpc00001.ins", etag)
    assert (
        await world.host.paths.get(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
        is NOT_MODIFIED
    )


async def test_a_changed_a_missing_and_a_forbidden_file_take_the_long_way() -> None:
    world, etag = await served()
    await world.share(share="SMS_SHR").write("PCMINS.BOX/BPC00001.INS", b"two")
    assert not world.host.paths.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
    assert not world.host.paths.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/OTHER.INS", etag)
    assert not world.host.paths.is_unchanged(CLIENT, "NOSHARE", "PCMINS.BOX/BPC00001.INS", etag)
    assert not world.host.paths.is_unchanged(CLIENT, "SMS_SHR", "..", etag)


async def test_a_file_somebody_has_open_takes_the_long_way() -> None:
    world, etag = await served()
    held = await world.share(share="SMS_SHR").open("PCMINS.BOX/BPC00001.INS")
    assert not world.host.paths.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
    await held.close()
    assert world.host.paths.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
