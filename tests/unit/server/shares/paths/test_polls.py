"""The short ways of a poll and of a read: the same answer as the long one, and only where the long
one would do nothing else.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_server.shares.base.principal import (
    LARGE_SIZE,
    NOT_MODIFIED,
    Caller,
    Content,
    Principal,
)
from despoolr_server.shares.base.rights import Rights
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
    assert world.host.polls.is_unchanged(CLIENT, "sms_shr", "pcmins.box/bpc00001.ins", etag)
    assert (
        await world.host.paths.get(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
        is NOT_MODIFIED
    )


async def test_a_changed_a_missing_and_a_forbidden_file_take_the_long_way() -> None:
    world, etag = await served()
    await world.share(share="SMS_SHR").write("PCMINS.BOX/BPC00001.INS", b"two")
    assert not world.host.polls.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
    assert not world.host.polls.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/OTHER.INS", etag)
    assert not world.host.polls.is_unchanged(CLIENT, "NOSHARE", "PCMINS.BOX/BPC00001.INS", etag)
    assert not world.host.polls.is_unchanged(CLIENT, "SMS_SHR", "..", etag)


async def test_a_file_somebody_has_open_takes_the_long_way() -> None:
    world, etag = await served()
    held = await world.share(share="SMS_SHR").open("PCMINS.BOX/BPC00001.INS")
    assert not world.host.polls.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)
    assert world.host.polls.content_now(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS") is None
    await held.close()
    assert world.host.polls.is_unchanged(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", etag)


async def test_a_small_file_is_given_out_as_the_long_way_would() -> None:
    world, _ = await served()
    where = ("SMS_SHR", "PCMINS.BOX/BPC00001.INS")
    before = len(world.records)
    now = world.host.polls.content_now(CLIENT, *where)
    assert now == await world.host.paths.get(CLIENT, *where)
    assert now is not None
    assert now.data == b"one"
    assert len(world.records) == before


async def test_a_file_that_may_have_an_etag_still_is_given_out_as_the_long_way_would() -> None:
    world, etag = await served()
    where = ("SMS_SHR", "PCMINS.BOX/BPC00001.INS")
    for known in (etag, '"another"', ""):
        now = world.host.polls.content_unless(CLIENT, *where, known)
        assert now == await world.host.paths.get(CLIENT, *where, known)
        assert (now is NOT_MODIFIED) is (known == etag)
    held = await world.share(share="SMS_SHR").open(where[1])
    assert world.host.polls.content_unless(CLIENT, *where, etag) is None
    await held.close()


@pytest.mark.parametrize(
    ("share", "path"),
    [
        ("SMS_SHR", "PCMINS.BOX/OTHER.INS"),
        ("SMS_SHR", "PCMINS.BOX/BPC00001.INS/"),
        ("SMS_SHR", "PCMINS.BOX/BPC00001.INS\\"),
        ("SMS_SHR", "PCMINS.BOX"),
        ("SMS_SHR", ""),
        ("SMS_SHR", ".."),
        ("SMS_SHR", "SHUT/A"),
        ("NOSHARE", "PCMINS.BOX/BPC00001.INS"),
    ],
)
async def test_what_is_no_file_to_be_read_takes_the_long_way(share: str, path: str) -> None:
    world, _ = await served()
    inside = world.share(share="SMS_SHR")
    await inside.make_directory("SHUT")
    await inside.write("SHUT/A", b"secret")
    world.host.set_rights("SMS_SHR", "SHUT", Role.CLIENT, Rights(0))
    assert world.host.polls.content_now(CLIENT, share, path) is None


async def test_that_nothing_is_there_is_said_as_the_long_way_would_where_that_is_sure() -> None:
    world, _ = await served()
    polls, inside = world.host.polls, world.share(share="SMS_SHR")
    await inside.make_directory("SHUT")
    world.host.set_rights("SMS_SHR", "SHUT", Role.CLIENT, Rights(0))
    before = len(world.records)
    for path, is_sure in (
        ("PCMINS.BOX/other.INS", True),
        ("pcmins.box/BPC00001.INS", True),
        ("NOWHERE/A", False),
        ("PCMINS.BOX/BPC00001.INS/A", False),
        ("PCMINS.BOX/A/", False),
        ("PCMINS.BOX", False),
        ("SHUT/A", False),
        ("", False),
    ):
        now = polls.content_or_missing(CLIENT, "sms_shr", path, LARGE_SIZE)
        if is_sure:
            assert now == await world.host.paths.get(CLIENT, "sms_shr", path)
        assert (now is not None) is is_sure, path
    assert len(world.records) == before
    assert polls.content_or_missing(CLIENT, "SMS_SHR", "PCMINS.BOX/BPC00001.INS", 2) is None
    assert polls.content_or_missing(CLIENT, "NOSHARE", "A", LARGE_SIZE) is None
    in_session = replace(CLIENT, session="S9")
    assert polls.content_or_missing(in_session, "SMS_SHR", "PCMINS.BOX/A", LARGE_SIZE) is None


async def test_a_caller_in_a_session_and_a_waiting_update_take_the_long_way() -> None:
    world, _ = await served()
    where = ("SMS_SHR", "PCMINS.BOX/BPC00001.INS")
    assert world.host.polls.content_now(replace(CLIENT, session="S9"), *where) is None
    held = await world.share(share="SMS_SHR").open(where[1])
    service = Caller(Principal("BPC", "SMSSERVICE", Role.SERVICE))
    refused = await world.host.paths.put(service, *where, b"two")
    assert isinstance(refused, Problem)
    await held.close()
    assert world.host.ledger.waiting_count
    assert world.host.polls.content_now(CLIENT, *where) is None
    assert isinstance(await world.host.paths.get(CLIENT, *where), Content)


async def test_a_large_file_takes_the_long_way() -> None:
    world, _ = await served()
    share = world.share(share="SMS_SHR")
    for size, is_short in ((LARGE_SIZE, True), (LARGE_SIZE + 1, False)):
        await share.write("PCMINS.BOX/L", b"x" * size)
        now = world.host.polls.content_now(CLIENT, "SMS_SHR", "PCMINS.BOX/L")
        assert (now is not None) is is_short
