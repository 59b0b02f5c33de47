"""What a handle can do, and what it cannot."""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import OpenFacts, OpenReply, OpenRequest, Problem
from despoolr_server.engine.names import Name
from despoolr_server.files import MemoryFileStore
from despoolr_server.shares.base.principal import Caller
from worlds.engine_law import check_engine
from worlds.share import SERVICE, World, client, status

WS3 = client("WS3", "ALICE")
WS4 = client("WS4", "BOB")
ALL = "READ|WRITE|DELETE"


async def test_a_grant_says_what_was_done_and_how_large_the_file_is() -> None:
    world = World()
    await world.put("Note.txt", b"12345")
    session = world.session(WS3)
    reply = await world.open(WS3, session, "NOTE.TXT")
    assert reply == OpenReply("O1", "OPENED", 5, "", world.clock.time)
    fresh = await world.open(
        WS3, session, "new.txt", access="WRITE", disposition="CREATE", attributes="HIDDEN"
    )
    assert isinstance(fresh, OpenReply)
    assert (fresh.action, fresh.size, fresh.attributes) == ("CREATED", 0, "HIDDEN")
    assert [row.path for row in world.host.opens()] == ["Note.txt", "new.txt"]


async def test_words_that_make_no_sense_are_refused_with_the_words_there_are() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    for words in (
        {"access": "REED"},
        {"access": ""},
        {"share_mode": "EVERYBODY"},
        {"disposition": "TRY"},
        {"options": "SHINY"},
        {"attributes": "GREEN"},
    ):
        answer = await world.open(WS3, session, "F", **words)
        assert status(answer) is NtStatus.INVALID_PARAMETER, words
    assert isinstance(answer, Problem)
    assert "READONLY" in answer.detail


async def test_options_that_contradict_are_refused() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    for words in (
        {"options": "DIRECTORY_FILE|NON_DIRECTORY_FILE"},
        {"options": "DIRECTORY_FILE", "disposition": "OVERWRITE_IF"},
        {"options": "DELETE_ON_CLOSE"},
    ):
        assert status(await world.open(WS3, session, "F", **words)) is NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize("separator", ["\\", "/"])
async def test_a_separator_behind_a_name_says_that_it_is_a_directory(separator: str) -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    for path, words in (
        ("F", {"options": "NON_DIRECTORY_FILE"}),
        ("F", {}),
        ("new", {"options": "NON_DIRECTORY_FILE", "disposition": "CREATE"}),
    ):
        answer = await world.open(WS3, session, path + separator, **words)
        assert status(answer) is NtStatus.OBJECT_NAME_INVALID, words
    assert (
        status(await world.open(WS3, session, "F" + separator, options="DIRECTORY_FILE"))
        is NtStatus.NOT_A_DIRECTORY
    )
    assert isinstance(
        await world.open(WS3, session, "new" + separator, disposition="CREATE"), OpenReply
    )
    assert isinstance(await world.open(WS3, session, "NEW" + separator), OpenReply)
    assert world.store.has_directory(Name("new", "NEW"))
    handle = await world.hold(WS3, session, "F", access="DELETE", share_mode=ALL)
    renamed = await world.host.file_info.rename(WS3, handle, "G" + separator, replace=False)
    assert status(renamed) is NtStatus.OBJECT_NAME_INVALID
    assert world.store.find(Name("F", "F"))


async def test_a_handle_reads_and_writes_only_what_it_was_opened_for() -> None:
    world = World()
    await world.put("F", b"0123456789")
    session = world.session(WS3)
    reader = await world.hold(WS3, session, "F", share_mode=ALL)
    writer = await world.hold(WS3, session, "F", access="WRITE", share_mode=ALL)
    looker = await world.hold(WS3, session, "F", access="READ_ATTRIBUTES", share_mode=ALL)
    assert await world.host.handles.read(WS3, reader, 2, 3) == b"234"
    assert await world.host.handles.write(WS3, writer, 8, b"XYZ") == 3
    assert await world.host.handles.read(WS3, reader, 0, None) == b"01234567XYZ"
    assert status(await world.host.handles.write(WS3, reader, 0, b"!")) is NtStatus.ACCESS_DENIED
    assert status(await world.host.handles.read(WS3, writer, 0, 1)) is NtStatus.ACCESS_DENIED
    assert status(await world.host.handles.read(WS3, looker, 0, 1)) is NtStatus.ACCESS_DENIED
    assert status(await world.host.file_info.set_size(WS3, reader, 0)) is NtStatus.ACCESS_DENIED
    assert (
        status(await world.host.file_info.set_attributes(WS3, reader, "HIDDEN"))
        is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await world.host.file_info.mark_delete(WS3, writer, True)) is NtStatus.ACCESS_DENIED
    )
    assert (
        status(await world.host.file_info.rename(WS3, writer, "G", replace=False))
        is NtStatus.ACCESS_DENIED
    )


async def test_reading_past_the_end_is_end_of_file_only_for_a_length() -> None:
    world = World()
    await world.put("F", b"")
    handle = await world.hold(WS3, world.session(WS3), "F")
    assert await world.host.handles.read(WS3, handle, 0, None) == b""
    assert await world.host.handles.read(WS3, handle, 0, 0) == b""
    assert status(await world.host.handles.read(WS3, handle, 0, 1)) is NtStatus.END_OF_FILE
    assert status(await world.host.handles.read(WS3, handle, -1, 1)) is NtStatus.INVALID_PARAMETER


async def test_a_handle_with_append_alone_writes_at_the_end() -> None:
    world = World()
    await world.put("LOG", b"one")
    handle = await world.hold(WS3, world.session(WS3), "LOG", access="APPEND_DATA", share_mode=ALL)
    await world.host.handles.write(WS3, handle, 0, b"two")
    assert world.store.read(Name("LOG", "LOG")) == b"onetwo"


async def test_a_directory_handle_has_no_content() -> None:
    world = World()
    await world.host.paths.make_directory(Caller(SERVICE), "OPEN", "D", parents=True)
    handle = await world.hold(
        WS3, world.session(WS3), "D", access="READ|WRITE", options="DIRECTORY_FILE"
    )
    assert status(await world.host.handles.read(WS3, handle, 0, 1)) is NtStatus.FILE_IS_A_DIRECTORY
    assert (
        status(await world.host.handles.write(WS3, handle, 0, b"x")) is NtStatus.FILE_IS_A_DIRECTORY
    )


async def test_no_file_grows_beyond_the_limit() -> None:
    world = World(file_size_max=10)
    session = world.session(WS3)
    handle = await world.hold(WS3, session, "F", access="WRITE", disposition="CREATE")
    assert await world.host.handles.write(WS3, handle, 5, b"12345") == 5
    assert (
        status(await world.host.handles.write(WS3, handle, 5, b"123456")) is NtStatus.FILE_TOO_LARGE
    )
    assert (
        status(await world.host.handles.write(WS3, handle, 1 << 62, b"1"))
        is NtStatus.FILE_TOO_LARGE
    )
    assert status(await world.host.file_info.set_size(WS3, handle, 11)) is NtStatus.FILE_TOO_LARGE
    assert await world.host.file_info.set_size(WS3, handle, 10) is None


async def test_a_full_disk_takes_the_open_back() -> None:
    store = MemoryFileStore(capacity=10)
    world = World(store)
    session = world.session(WS3)
    handle = await world.hold(WS3, session, "F", access="WRITE", disposition="CREATE")
    assert status(await world.host.handles.write(WS3, handle, 0, b"x" * 11)) is NtStatus.DISK_FULL
    assert await world.host.handles.write(WS3, handle, 0, b"x" * 10) == 10
    assert world.last("open.refused")["nt_status"] == "STATUS_DISK_FULL"
    assert world.host.open_count == 1


async def test_a_write_is_recorded_once_when_its_handle_closes() -> None:
    world = World()
    handle = await world.hold(WS3, world.session(WS3), "F", access="WRITE", disposition="CREATE")
    for offset in range(5):
        await world.host.handles.write(WS3, handle, offset, b"x")
    assert "file.written" not in world.kinds()
    await world.host.handles.close(WS3, handle)
    assert world.last("file.written")["size"] == 5
    assert world.kinds()[-2:] == ["file.written", "open.closed"]


async def test_a_closed_handle_is_closed() -> None:
    world = World()
    await world.put("F")
    handle = await world.hold(
        WS3, world.session(WS3), "F", access="READ|WRITE|DELETE|WRITE_ATTRIBUTES"
    )
    assert await world.host.handles.close(WS3, handle) is None
    host = world.host
    answers = [
        await host.handles.close(WS3, handle),
        await host.handles.read(WS3, handle, 0, 1),
        await host.handles.write(WS3, handle, 0, b"x"),
        await host.file_info.mark_delete(WS3, handle, True),
        await host.file_info.rename(WS3, handle, "G", replace=False),
        await host.file_info.set_attributes(WS3, handle, "HIDDEN"),
        await host.file_info.set_size(WS3, handle, 0),
        host.file_info.query(WS3, handle),
    ]
    assert {status(answer) for answer in answers} == {NtStatus.FILE_CLOSED}


async def test_handles_follow_a_rename_and_rename_into_bad_names_is_refused() -> None:
    world = World()
    await world.put("F", b"text")
    await world.host.paths.make_directory(Caller(SERVICE), "OPEN", "Dir", parents=True)
    reader = await world.hold(WS3, world.session(WS3), "F", share_mode=ALL)
    mover = await world.hold(WS4, world.session(WS4), "F", access="DELETE", share_mode=ALL)
    for bad in ("..", "NUL", ""):
        assert (
            status(await world.host.file_info.rename(WS4, mover, bad, replace=False))
            is NtStatus.OBJECT_NAME_INVALID
        )
    assert await world.host.file_info.rename(WS4, mover, "DIR\\g.txt", replace=False) is None
    assert await world.host.handles.read(WS3, reader, 0, None) == b"text"
    facts = world.host.file_info.query(WS3, reader)
    assert facts == OpenFacts("Dir/g.txt", 4, 1, False, False, "")
    assert world.last("file.renamed")["new_path"] == "Dir/g.txt"
    check_engine(world.host.engine)


async def test_a_file_marked_by_one_and_closed_last_by_another_is_deleted_by_the_first() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3, "READER")
    reader = await world.hold(WS3, session, "F", share_mode=ALL)
    marker = await world.hold(
        WS4, world.session(WS4, "CLEANER"), "F", access="DELETE", share_mode=ALL
    )
    assert await world.host.file_info.mark_delete(WS4, marker, True) is None
    await world.host.handles.close(WS4, marker)
    refusal = await world.host.paths.get(Caller(SERVICE), "OPEN", "F")
    assert isinstance(refusal, Problem)
    assert refusal.nt_status == NtStatus.DELETE_PENDING
    assert [blocker.open for blocker in refusal.blockers] == [reader]
    await world.host.handles.close(WS3, reader)
    assert world.last("file.deleted")["program"] == "CLEANER"
    assert (
        status(await world.host.paths.get(Caller(SERVICE), "OPEN", "F"))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )


async def test_generic_and_maximum_access_are_what_they_map_to() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    handle = await world.hold(WS3, session, "F", access="GENERIC_READ")
    (row,) = world.host.opens()
    assert row.access.startswith("READ|")
    assert "GENERIC" not in row.access
    await world.host.handles.close(WS3, handle)
    await world.hold(WS3, session, "F", access="MAXIMUM_ALLOWED", share_mode=ALL)
    assert "DELETE" in world.host.opens()[0].access


async def test_a_client_that_may_only_read_is_denied_the_rest() -> None:
    world = World()
    await world.host.paths.make_directory(Caller(SERVICE), "SMS_SHR", "P", parents=True)
    await world.host.paths.put(Caller(SERVICE), "SMS_SHR", "P/F", b"x")
    session = world.session(WS3)

    async def ask(path: str, **words: str) -> NtStatus:
        return status(
            await world.host.handles.open(WS3, OpenRequest(session, "SMS_SHR", path, **words))
        )

    assert await ask("P/F") is NtStatus.SUCCESS
    assert await ask("P/F", access="WRITE", share_mode=ALL) is NtStatus.ACCESS_DENIED
    assert (
        await ask("P/F", access="READ", share_mode=ALL, disposition="OVERWRITE")
        is NtStatus.ACCESS_DENIED
    )
    assert await ask("P/G", disposition="OPEN_IF") is NtStatus.ACCESS_DENIED
    assert await ask("P/F", access="GENERIC_ALL") is NtStatus.ACCESS_DENIED
    assert await ask("P/F", access="MAXIMUM_ALLOWED") is NtStatus.SUCCESS
