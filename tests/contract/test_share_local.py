"""`LocalShare` keeps the contract of `despoolr_core.share.contract.Share`, and enjoys no
privilege.
"""

from __future__ import annotations

import pytest

from despoolr_core.share.contract import OpenFile, Share, ShareError
from despoolr_core.share.modes import Access, CreateOption, Disposition, NtStatus, ShareMode
from despoolr_core.share.wire import Entry
from worlds.share import EPOCH, SERVICE, World, client


async def refused(awaitable: object) -> ShareError:
    with pytest.raises(ShareError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value


async def test_it_is_a_share_by_type() -> None:
    share: Share = World().share()
    file: OpenFile = await share.open("F", Access.WRITE, disposition=Disposition.CREATE)
    await file.close()


async def test_files_are_written_read_listed_and_deleted() -> None:
    share = World().share()
    await share.make_directory("PCMINS.BOX\\SUB")
    await share.write("PCMINS.BOX/AB1.INS", b"one")
    assert await share.read("pcmins.box\\ab1.ins") == b"one"
    listed = await share.list("PCMINS.BOX")
    assert listed == [
        Entry("AB1.INS", 3, EPOCH, etag=listed[0].etag),
        Entry("SUB", 0, EPOCH, directory=True, etag=listed[1].etag),
    ]
    assert listed[1].etag
    assert await share.read_if_changed("PCMINS.BOX/AB1.INS", listed[0].etag) is None
    assert await share.stat("PCMINS.BOX/AB1.INS") == Entry("AB1.INS", 3, EPOCH)
    await share.delete("PCMINS.BOX/AB1.INS")
    assert await share.stat("PCMINS.BOX/AB1.INS") is None
    assert await share.stat("NOWHERE/AB1.INS") is None
    assert (await refused(share.read("PCMINS.BOX/AB1.INS"))).is_missing
    assert (await refused(share.list("NOWHERE"))).is_missing


async def test_an_unchanged_file_is_not_sent_again() -> None:
    share = World().share()
    await share.write("F", b"one")
    first = await share.read_if_changed("F", "")
    assert first is not None
    data, etag = first
    assert data == b"one"
    assert await share.read_if_changed("F", etag) is None
    await share.write("F", b"two")
    second = await share.read_if_changed("F", etag)
    assert second is not None
    assert second[0] == b"two"


async def test_a_name_is_created_once() -> None:
    share = World().share()
    await share.create("F", b"")
    assert (await refused(share.create("F", b""))).nt_status is NtStatus.OBJECT_NAME_COLLISION


async def test_a_rename_replaces_only_when_told() -> None:
    share = World().share()
    await share.write("A", b"a")
    await share.write("B", b"b")
    assert (await refused(share.rename("A", "B"))).nt_status is NtStatus.OBJECT_NAME_COLLISION
    await share.rename("A", "B", replace=True)
    assert await share.read("B") == b"a"


async def test_an_open_stands_in_the_way_until_it_is_closed() -> None:
    world = World()
    holder = world.share(client("WS3", "ALICE"), program="WINWORD.EXE")
    writer = world.share(SERVICE, program="SMS_DESPOOLER")
    await writer.write("b.dat", b"old")
    file = await holder.open("b.dat", program="NOTEPAD.EXE")
    assert (file.size, await file.read(1, 1), await file.read(99, 1)) == (3, b"l", b"")
    error = await refused(writer.write("b.dat", b"new", purpose="job 1"))
    assert (error.nt_status, error.win32, error.is_refusal) == (
        NtStatus.SHARING_VIOLATION,
        32,
        True,
    )
    assert [(b.machine, b.user, b.program) for b in error.blockers] == [
        ("WS3", "ALICE", "NOTEPAD.EXE")
    ]
    assert error.problem.episode == "LOGON1-E1"
    await file.close()
    await file.close()
    await writer.write("b.dat", b"new", purpose="job 1")
    assert await holder.read("b.dat") == b"new"


async def test_an_open_can_write_and_is_limited_by_its_access() -> None:
    share = World().share()
    file = await share.open("F", Access.READ | Access.WRITE, ShareMode.NONE, Disposition.CREATE)
    await file.write(b"abc")
    await file.write(b"X", 1)
    assert await file.read() == b"aXc"
    await file.close()
    reader = await share.open("F", Access.READ, ShareMode.ALL)
    assert (await refused(reader.write(b"!"))).nt_status is NtStatus.ACCESS_DENIED


async def test_an_open_cuts_and_deletes_its_file_and_is_limited_by_its_access() -> None:
    share = World().share()
    await share.write("F", b"abc")
    reader = await share.open("F", Access.READ, ShareMode.ALL)
    assert (await refused(reader.set_size(1))).nt_status is NtStatus.ACCESS_DENIED
    assert (await refused(reader.delete())).nt_status is NtStatus.ACCESS_DENIED
    await reader.close()
    file = await share.open("F", Access.READ | Access.WRITE | Access.DELETE, ShareMode.NONE)
    await file.set_size(1)
    assert await file.read() == b"a"
    await file.delete()
    await file.close()
    assert await share.stat("F") is None


async def test_options_travel() -> None:
    share = World().share()
    file = await share.open(
        "F", Access.DELETE, ShareMode.ALL, Disposition.CREATE, CreateOption.DELETE_ON_CLOSE
    )
    await file.close()
    assert await share.stat("F") is None


async def test_a_local_session_has_no_lease_and_is_one() -> None:
    world = World()
    share = world.share(client())
    await share.open("F", Access.WRITE, ShareMode.ALL, Disposition.CREATE)
    await share.open("F", Access.WRITE, ShareMode.ALL)
    world.clock.time += 1e9
    assert len(world.host.opens()) == 2, "whoever asks ends what has lapsed"
    assert (world.host.session_count, world.host.open_count) == (1, 2)
    await share.close()
    assert (world.host.session_count, world.host.open_count) == (0, 0)
    await share.close()
    await share.open("F")


async def test_a_local_caller_has_the_rights_of_its_role() -> None:
    world = World()
    service, user = world.share(SERVICE, "SMS_SHR"), world.share(client(), "SMS_SHR")
    await service.write("F", b"x")
    assert await user.read("F") == b"x"
    assert (await refused(user.write("F", b"y"))).nt_status is NtStatus.ACCESS_DENIED
    assert (await refused(user.delete("F"))).nt_status is NtStatus.ACCESS_DENIED


async def test_a_user_may_write_in_a_package_and_delete_nothing() -> None:
    """Q272923: Special Access (RWX)."""
    world = World()
    service, user = world.share(SERVICE, "SMS_PKGC"), world.share(client(), "SMS_PKGC")
    await service.write("F", b"x")
    held = await user.open("F", Access.READ | Access.WRITE, ShareMode.READ)
    assert (await refused(service.write("F", b"y"))).nt_status is NtStatus.SHARING_VIOLATION
    await held.close()
    await user.write("F", b"y")
    assert (await refused(user.delete("F"))).nt_status is NtStatus.ACCESS_DENIED
    assert (await refused(user.rename("F", "G"))).nt_status is NtStatus.ACCESS_DENIED


async def test_giving_up_is_put_on_record() -> None:
    world = World()
    share = world.share(SERVICE)
    await share.write("F", b"x")
    await world.share(client()).open("F")
    error = await refused(share.write("F", b"y"))
    await share.end_episode(error.problem.episode, "100 attempts")
    assert world.last("episode.ended")["state"] == "given up"
    assert (await refused(share.end_episode("E99", ""))).nt_status is NtStatus.OBJECT_NAME_NOT_FOUND
