"""The host's sessions, leases, limits, and what it answers when asked who holds what."""

from __future__ import annotations

import asyncio
import shutil
from itertools import product
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from despoolr_core.records.kinds.share import OpenClosed, ShareDamaged
from despoolr_core.records.stream import decode, encode, of
from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import (
    LockElement,
    LockRequest,
    OpenReply,
    OpenRequest,
    Problem,
    SessionReply,
    SessionRequest,
)
from despoolr_server.engine.table import OpenTable
from despoolr_server.files import MemoryFileStore
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.closing import SLICE
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.host import ShareHost
from worlds.engine_law import check_engine
from worlds.share import ADMIN, EPOCH, SERVICE, World, client, status

WS3 = client("WS3", "ALICE")
WS4 = client("WS4", "BOB")


def test_shares_have_names_that_are_taken_once() -> None:
    world = World()
    assert world.host.share_names() == ["SMS_SHR", "SMS_PKGC", "OPEN"]
    for name in ("sms_shr", "", "A/B", "A\\B", "CON", ".."):
        with pytest.raises(ValueError):
            world.host.add_share(name, MemoryFileStore())


def test_a_session_says_who_and_until_when() -> None:
    world = World(lease_s_default=60.0, lease_s_max=300.0)
    reply = world.host.sessions.start(WS3, SessionRequest(program="PCMWIN16"))
    assert reply == SessionReply("S1", "WS3", "ALICE", "PCMWIN16", 60.0, EPOCH + 60.0)
    long = world.host.sessions.start(WS3, SessionRequest(lease_s=1e9))
    assert isinstance(long, SessionReply)
    assert long.lease_s == 300.0


@pytest.mark.parametrize("lease_s", [-1.0, float("inf"), float("nan")])
def test_a_lease_that_is_no_span_is_refused(lease_s: float) -> None:
    answer = World().host.sessions.start(WS3, SessionRequest(lease_s=lease_s))
    assert status(answer) is NtStatus.INVALID_PARAMETER


def test_a_client_speaks_for_its_own_machine_only() -> None:
    world = World()
    assert status(world.host.sessions.start(WS3, SessionRequest(machine="ws3"))) is NtStatus.SUCCESS
    assert (
        status(world.host.sessions.start(WS3, SessionRequest(machine="WS4")))
        is NtStatus.ACCESS_DENIED
    )
    reply = world.host.sessions.start(ADMIN, SessionRequest(machine="WS9", user="EVE"))
    assert isinstance(reply, SessionReply)
    assert (reply.machine, reply.user) == ("WS9", "EVE")


async def test_every_request_on_a_session_renews_its_lease() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3, lease_s=30.0)
    handle = await world.hold(WS3, session, "F")
    for _ in range(5):
        world.clock.time += 29.0
        assert await world.host.handles.read(WS3, handle, 0, None) == b"x"
    world.clock.time += 29.0
    assert (
        status(world.host.listings.stat(Caller(WS3, session=session), "OPEN", "F"))
        is NtStatus.SUCCESS
    )
    world.clock.time += 29.0
    assert status(world.host.sessions.renew(WS3, session)) is NtStatus.SUCCESS
    world.clock.time += 30.0
    assert await world.host.handles.read(WS3, handle, 0, None) != b"x"


async def test_a_lapsed_lease_frees_its_opens_the_moment_anybody_asks() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3, "WINWORD.EXE", lease_s=30.0)
    handle = await world.hold(WS3, session, "F")
    world.clock.time += 29.9
    assert (
        status(await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y"))
        is NtStatus.SHARING_VIOLATION
    )
    world.clock.time += 0.1
    assert (
        status(await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y")) is NtStatus.SUCCESS
    )
    assert status(await world.host.handles.close(WS3, handle)) is NtStatus.USER_SESSION_DELETED
    assert status(world.host.sessions.renew(WS3, session)) is NtStatus.USER_SESSION_DELETED
    assert status(await world.open(WS3, session, "F")) is NtStatus.USER_SESSION_DELETED
    assert (
        status(await world.host.paths.get(Caller(WS3, session=session), "OPEN", "F"))
        is NtStatus.USER_SESSION_DELETED
    )
    assert world.last("session.ended")["reason"] == "lease expired"
    assert world.last("open.closed")["reason"] == "lease expired"


async def test_a_session_that_ends_closes_its_opens_in_the_order_of_opening() -> None:
    world = World()
    session = world.session(WS3)
    handles = [
        await world.hold(WS3, session, f"F{number}", access="WRITE", disposition="CREATE")
        for number in range(5)
    ]
    assert world.host.sessions.end(WS3, session) is None
    closed = [fact.open for _, fact in of(world.records, OpenClosed)]
    assert closed == handles
    ended = next(record for record in world.records if record.kind == "session.ended")
    assert {record.cause for record in world.records if record.kind == "open.closed"} == {ended.seq}
    assert status(world.host.sessions.end(WS3, session)) is NtStatus.USER_SESSION_DELETED
    check_engine(world.host.engine)


async def hold_many(world: World, count: int, lease_s: float = 0.0) -> tuple[str, list[str]]:
    """A session with so many opens, each of a file of its own."""
    session = world.session(WS3, lease_s=lease_s)
    words = {"access": "WRITE", "disposition": "OPEN_IF", "share_mode": "NONE"}
    return session, [await world.hold(WS3, session, f"F{n}", **words) for n in range(count)]


async def closed_each_turn(world: World) -> list[int]:
    """How many opens are closed in each turn of the loop from now on, until none is left."""
    counts: list[int] = []
    while world.host.engine.ending:
        before = world.host.open_count
        await asyncio.sleep(0)
        counts.append(before - world.host.open_count)
    return counts


@pytest.mark.slow
async def test_a_session_with_ten_thousand_opens_ends_in_slices() -> None:
    world = World(opens_per_session_max=20_000)
    session, handles = await hold_many(world, 10_000)
    assert world.host.sessions.end(WS3, session) is None
    assert world.host.open_count == len(handles) - SLICE
    check_engine(world.host.engine)
    assert max(await closed_each_turn(world)) == SLICE
    assert world.host.open_count == 0
    assert [fact.open for _, fact in of(world.records, OpenClosed)] == handles
    check_engine(world.host.engine)


async def test_a_call_on_what_is_closed_soon_hears_that_it_is_gone() -> None:
    world = World()
    session, handles = await hold_many(world, SLICE + 2)
    assert world.host.sessions.end(WS3, session) is None
    assert world.host.open_count == 2
    late = await world.host.handles.close(WS3, handles[-1])
    assert status(late) is NtStatus.USER_SESSION_DELETED
    assert world.host.close_by_force(ADMIN, handles[-1], "forced") is None
    await world.host.sessions.all_closed()
    reasons = [fact.reason for _, fact in of(world.records, OpenClosed)]
    assert (len(reasons), reasons.count("forced")) == (len(handles), 1)
    assert not world.host.engine.ending


async def test_a_store_that_fails_keeps_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: object) -> NoReturn:
        raise StoreError(NtStatus.IO_DEVICE_ERROR)

    world = World()
    session, handles = await hold_many(world, SLICE + 2)
    for handle in (handles[0], handles[-1]):
        assert await world.host.handles.write(WS3, handle, 0, b"new") == 3
    monkeypatch.setattr(world.host.gate.shares["OPEN"].store, "find", fail)
    assert world.host.sessions.end(WS3, session) is None
    async with asyncio.timeout(60):
        await world.host.sessions.all_closed()
    assert world.host.open_count == 0
    assert [fact.open for _, fact in of(world.records, OpenClosed)] == handles


async def test_what_is_closed_soon_on_a_share_that_was_left_is_gone_even_after_a_return() -> None:
    world = World()
    session, handles = await hold_many(world, SLICE + 2)
    assert world.host.sessions.leave(WS3, session, "OPEN") is None
    assert world.host.sessions.join(WS3, session, "OPEN") is None
    late = await world.host.handles.close(WS3, handles[-1])
    assert status(late) is NtStatus.NETWORK_NAME_DELETED
    again = await world.hold(WS3, session, "NEW", disposition="OPEN_IF")
    await world.host.sessions.all_closed()
    assert [row.open for row in world.host.opens()] == [again]


async def test_very_many_leases_that_end_at_one_time_end_in_slices() -> None:
    world = World()
    for number in range(SLICE + 1):
        session = world.session(WS3, lease_s=30.0)
        await world.hold(WS3, session, f"F{number % 3}", disposition="OPEN_IF")
    lasting = world.session(WS3, lease_s=60.0)
    world.clock.time += 30.0
    world.host.gate.now()
    assert (world.host.session_count, world.host.open_count) == (2, 1)
    await asyncio.sleep(0)
    assert [row.session for row in world.host.engine.sessions] == [lasting]
    await world.host.sessions.all_closed()
    assert world.host.open_count == 0


async def test_a_server_that_stops_closes_everything_before_it_goes() -> None:
    world = World()
    await hold_many(world, SLICE + 2)
    world.host.stop()
    assert world.host.open_count == 0
    assert {fact.reason for _, fact in of(world.records, OpenClosed)} == {"server stopped"}


async def test_a_session_and_its_handles_are_nobody_elses() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    handle = await world.hold(WS3, session, "F")
    assert status(await world.open(WS4, session, "F")) is NtStatus.USER_SESSION_DELETED
    assert status(await world.host.handles.read(WS4, handle, 0, 1)) is NtStatus.FILE_CLOSED
    assert status(await world.host.handles.close(WS4, handle)) is NtStatus.FILE_CLOSED
    assert status(world.host.sessions.end(WS4, session)) is NtStatus.USER_SESSION_DELETED
    assert await world.host.handles.read(ADMIN, handle, 0, 1) == b"x"


def test_sessions_are_limited() -> None:
    world = World(sessions_max=2)
    for _ in range(2):
        world.session(WS3)
    assert (
        status(world.host.sessions.start(WS3, SessionRequest())) is NtStatus.INSUFFICIENT_RESOURCES
    )
    assert world.host.session_count == 2


async def test_sessions_and_opens_of_one_machine_are_limited_however_its_name_is_written() -> None:
    world = World(sessions_per_machine_max=2, opens_per_machine_max=3, opens_per_session_max=2)
    await world.put("F")
    client, same = Principal("WS8", "a", Role.CLIENT), Principal("ws8", "a", Role.CLIENT)
    one, two = world.session(client), world.session(same)
    assert (
        status(world.host.sessions.start(same, SessionRequest())) is NtStatus.INSUFFICIENT_RESOURCES
    )
    for session in (one, one, two):
        await world.hold(client, session, "F")
    assert status(await world.open(client, two, "F")) is NtStatus.INSUFFICIENT_RESOURCES
    world.host.sessions.end(client, one)
    await world.hold(client, two, "F")
    world.session(client)
    for _ in range(5):
        world.session(ADMIN)


async def test_opens_are_limited_in_all_and_for_each_session() -> None:
    world = World(opens_max=3, opens_per_session_max=2)
    await world.put("F")
    one, two = world.session(WS3), world.session(WS4)
    for _ in range(2):
        await world.hold(WS3, one, "F")
    assert status(await world.open(WS3, one, "F")) is NtStatus.INSUFFICIENT_RESOURCES
    await world.hold(WS4, two, "F")
    assert status(await world.open(WS4, two, "F")) is NtStatus.INSUFFICIENT_RESOURCES
    assert world.host.open_count == 3


async def test_a_refusal_lists_at_most_blockers_max_and_counts_all() -> None:
    world = World(blockers_max=4)
    await world.put("F")
    session = world.session(WS3)
    handles = [await world.hold(WS3, session, "F") for _ in range(9)]
    refusal = await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y")
    assert isinstance(refusal, Problem)
    assert [blocker.open for blocker in refusal.blockers] == handles[:4]
    assert refusal.blocker_count == 9
    assert "and 6 more" in refusal.detail


async def test_opens_can_be_asked_for_by_share_path_and_machine() -> None:
    world = World()
    await world.put("D.TXT")
    one, two = world.session(WS3, "WINWORD.EXE"), world.session(WS4)
    first = await world.hold(WS3, one, "d.txt", purpose="reading")
    await world.hold(WS4, two, "D.TXT")
    rows = world.host.opens(share="open", path="\\d.TXT", machine="ws3")
    assert [row.open for row in rows] == [first]
    assert (rows[0].program, rows[0].path, rows[0].access, rows[0].share_mode) == (
        "WINWORD.EXE",
        "D.TXT",
        "READ",
        "READ",
    )
    assert rows[0].purpose == "reading"
    assert len(world.host.opens()) == 2
    assert world.host.opens(path="..") == []
    assert world.host.opens(machine="WS9") == []


async def test_who_asks_about_one_file_or_machine_is_answered_without_a_look_at_all_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.host.add_share("Mixed", MemoryFileStore())
    sessions = [world.session(client(machine, "A")) for machine in ("WS1", "ws2", "WS1")]
    for number in range(30):
        share = "Mixed" if number % 2 else "OPEN"
        reply = await world.host.handles.open(
            client(("WS1", "ws2", "WS1")[number % 3], "A"),
            OpenRequest(
                sessions[number % 3],
                share,
                f"F{number % 4}",
                disposition="OPEN_IF",
                share_mode="READ|WRITE|DELETE",
            ),
        )
        assert isinstance(reply, OpenReply), reply
    everything = world.host.opens()
    assert len(everything) == 30
    monkeypatch.setattr(OpenTable, "__iter__", None)
    for share, path, machine in product(
        ("", "mixed", "OPEN"), ("", "f1", "F2"), ("", "WS1", "WS2", "WS9")
    ):
        if path or machine:
            assert world.host.opens(share, path, machine) == [
                row
                for row in everything
                if (not share or share.upper() == row.share.upper())
                and (not path or path.upper() == row.path)
                and (not machine or machine == row.machine.upper())
            ]
    assert world.host.sessions.end(client("WS1", "A"), sessions[0]) is None
    assert {row.session for row in world.host.opens(machine="WS1")} == {sessions[2]}


async def test_only_the_service_and_administrators_close_others_opens() -> None:
    world = World()
    await world.put("F")
    handle = await world.hold(WS3, world.session(WS3), "F")
    assert status(world.host.close_by_force(WS4, handle, "me first")) is NtStatus.ACCESS_DENIED
    assert world.host.close_by_force(SERVICE, handle, "forced disconnect") is None
    assert world.last("open.closed")["reason"] == "forced disconnect"
    assert status(world.host.close_by_force(SERVICE, handle, "again")) is NtStatus.FILE_CLOSED
    for blank in ("", " \t"):
        held = await world.hold(WS3, world.session(WS3), "F")
        assert world.host.close_by_force(SERVICE, held, blank) is None
        assert world.last("open.closed")["reason"] == "forced", "somebody had a hand in it"
    assert status(await world.host.handles.read(WS3, handle, 0, 1)) is NtStatus.FILE_CLOSED


async def test_rights_can_be_revoked_and_restored_while_serving() -> None:
    world = World()
    await world.host.paths.make_directory(Caller(SERVICE), "SMS_PKGC", "P", parents=True)
    caller = Caller(WS3)
    assert status(world.host.listings.list(caller, "SMS_PKGC", "P")) is NtStatus.SUCCESS
    former = world.host.set_rights("sms_pkgc", "P", Role.CLIENT, Rights.NONE)
    assert status(world.host.listings.list(caller, "SMS_PKGC", "P")) is NtStatus.ACCESS_DENIED
    assert status(world.host.listings.list(Caller(SERVICE), "SMS_PKGC", "P")) is NtStatus.SUCCESS
    world.host.set_rights("SMS_PKGC", "P", Role.CLIENT, former)
    assert status(world.host.listings.list(caller, "SMS_PKGC", "P")) is NtStatus.SUCCESS
    with pytest.raises(KeyError):
        world.host.set_rights("NOSUCH", "", Role.CLIENT, None)


async def test_an_update_that_is_given_up_ends_its_episode() -> None:
    world = World()
    await world.put("F")
    await world.hold(WS3, world.session(WS3), "F")
    refusal = await world.host.paths.put(
        Caller(SERVICE, program="SMS_DESPOOLER", purpose="job 1"), "OPEN", "F", b"y"
    )
    assert isinstance(refusal, Problem)
    assert refusal.episode == "LOGON1-E1"
    assert status(world.host.end_episode(WS4, refusal.episode, "bored")) is NtStatus.ACCESS_DENIED
    assert (
        status(world.host.end_episode(SERVICE, "LOGON1-E9", "what"))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )
    world.clock.time += 600.0
    assert world.host.end_episode(SERVICE, refusal.episode, "100 attempts") is None
    assert world.host.end_episode(SERVICE, refusal.episode, "again") is None
    (row,) = world.host.episodes(path="f")
    assert (row.state, row.blocked_s, row.ended_at) == ("given up", 600.0, EPOCH + 600.0)
    assert world.kinds().count("episode.ended") == 1


async def test_stopping_ends_every_session_and_carries_out_what_was_marked() -> None:
    world = World()
    await world.put("F")
    session = world.session(WS3)
    await world.hold(
        WS3,
        session,
        "F",
        access="DELETE",
        share_mode="READ|WRITE|DELETE",
        options="DELETE_ON_CLOSE",
    )
    world.host.stop()
    assert (
        status(world.host.listings.stat(Caller(SERVICE), "OPEN", "F"))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )
    assert (world.host.open_count, world.host.session_count) == (0, 0)
    assert world.last("session.ended")["reason"] == "server stopped"


async def test_ids_of_a_restarted_server_do_not_collide() -> None:
    first, second = World(), World(id_prefix="2.")
    for world in (first, second):
        await world.put("F")
        await world.hold(WS3, world.session(WS3), "F")
        await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y")
    kinds = (("open.granted", "open"), ("session.started", "session"), ("open.refused", "episode"))
    ids = [tuple(world.last(kind)[fact] for kind, fact in kinds) for world in (first, second)]
    assert ids == [("O1", "S1", "LOGON1-E1"), ("O2.1", "S2.1", "LOGON1-E2.1")]


async def test_every_record_names_the_server_and_survives_the_file() -> None:
    world = World()
    await world.put("F")
    handle = await world.hold(WS3, world.session(WS3, "W"), "F", access="READ|WRITE")
    await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y")
    await world.host.handles.write(WS3, handle, 0, b"z")
    await world.host.handles.close(WS3, handle)
    await world.host.paths.move(Caller(SERVICE), "OPEN", "F", "G", replace=False)
    await world.host.paths.delete(Caller(SERVICE), "OPEN", "G")
    await world.host.paths.get(Caller(SERVICE), "OPEN", "\ud800")
    world.host.stop()
    assert world.kinds() == [
        "share.started",
        "file.written",
        "session.started",
        "open.granted",
        "open.refused",
        "file.written",
        "open.closed",
        "file.renamed",
        "file.deleted",
        "open.refused",
        "session.ended",
    ]
    for record in world.records:
        assert msgspec.to_builtins(record.data)["server"] == "LOGON1"
        assert decode(encode(record)) == record
    assert {record.actor for record in world.records} == {"LOGON1", "LOGON1/SITE1", "LOGON1/WS3"}


def test_two_hosts_on_one_recorder_keep_apart() -> None:
    world = World()
    other = ShareHost("LOGON2", world.clock, world.recorder)
    assert other.ledger is not world.host.ledger
    other.sessions.start(Principal("WS1", "U", Role.CLIENT), SessionRequest())
    assert world.last("session.started")["server"] == "LOGON2"


async def test_why_a_handle_is_gone_is_remembered_of_the_last_ones_only() -> None:
    world = World(ended_handles_max=2)
    await world.put("F")
    session = world.session(WS3)
    handles = [
        await world.hold(WS3, session, "F", share_mode="READ|WRITE|DELETE") for _ in range(3)
    ]
    world.host.sessions.end(WS3, session)
    answers = [status(await world.host.handles.close(WS3, handle)) for handle in handles]
    assert answers == [
        NtStatus.FILE_CLOSED,
        NtStatus.USER_SESSION_DELETED,
        NtStatus.USER_SESSION_DELETED,
    ]
    assert status(await world.host.handles.close(WS4, handles[2])) is NtStatus.FILE_CLOSED


async def test_what_is_still_to_be_closed_counts_for_none_of_the_last_ones() -> None:
    world = World(ended_handles_max=2)
    session, handles = await hold_many(world, SLICE + 4)
    world.host.sessions.end(WS3, session)

    async def gone() -> list[str]:
        answers = {one: status(await world.host.handles.close(WS3, one)) for one in handles}
        return [one for one in handles if answers[one] is NtStatus.USER_SESSION_DELETED]

    assert await gone() == handles[-6:]
    await world.host.sessions.all_closed()
    assert await gone() == handles[-2:]


async def test_all_that_a_handle_can_do_may_be_asked_in_its_session_only() -> None:
    world = World()
    await world.put("F")
    session, other = world.session(WS3), world.session(WS3)
    handle = await world.hold(WS3, session, "F", access="READ|WRITE|DELETE|WRITE_ATTRIBUTES")
    host = world.host
    for asked, expected in (
        (other, NtStatus.FILE_CLOSED),
        ("S99", NtStatus.USER_SESSION_DELETED),
        (session, NtStatus.SUCCESS),
    ):
        answers = [
            await host.handles.read(WS3, handle, 0, 1, session=asked),
            await host.handles.write(WS3, handle, 0, b"y", session=asked),
            await host.file_info.set_size(WS3, handle, 3, session=asked),
            await host.file_info.set_attributes(WS3, handle, "HIDDEN", session=asked),
            await host.file_info.rename(WS3, handle, "G", replace=False, session=asked),
            await host.file_info.mark_delete(WS3, handle, False, session=asked),
            host.file_info.query(WS3, handle, session=asked),
            host.range_locks.held(WS3, handle, session=asked),
            await host.range_locks.lock(
                WS3, handle, LockRequest([LockElement(0, 1)]), session=asked
            ),
            host.range_locks.unlock(WS3, handle, 0, 1, session=asked),
            await host.handles.close(WS3, handle, session=asked),
        ]
        assert {status(answer) for answer in answers} == {expected}
    assert (
        status(await host.file_info.entries(WS3, handle, session=session)) is NtStatus.FILE_CLOSED
    )
    assert (
        status(host.range_locks.cancel(WS3, handle, "q", session=session)) is NtStatus.FILE_CLOSED
    )


async def test_a_client_claims_no_other_user_than_its_tokens() -> None:
    world = World()
    for claimed, expected in (
        ("BOB", NtStatus.ACCESS_DENIED),
        ("alice", NtStatus.SUCCESS),
        ("", NtStatus.SUCCESS),
    ):
        assert status(world.host.sessions.start(client(), SessionRequest(user=claimed))) is expected
    nameless = Principal("WS3", "", Role.CLIENT)
    assert (
        status(world.host.sessions.start(nameless, SessionRequest(user="BOB")))
        is NtStatus.ACCESS_DENIED
    )
    for who in (SERVICE, ADMIN):
        assert (
            status(world.host.sessions.start(who, SessionRequest(machine="WS3", user="BOB")))
            is NtStatus.SUCCESS
        )


async def test_another_user_of_the_machine_does_not_use_a_clients_session() -> None:
    world = World()
    alice, bob = client(), client(user="BOB")
    session = world.session(alice)
    await world.put("A.DAT")
    handle = await world.hold(alice, session, "A.DAT")
    assert status(world.host.sessions.renew(bob, session)) is NtStatus.USER_SESSION_DELETED
    assert status(world.host.sessions.end(bob, session)) is NtStatus.USER_SESSION_DELETED
    assert status(await world.host.handles.close(bob, handle)) is NtStatus.FILE_CLOSED
    assert (
        status(await world.host.paths.get(Caller(bob, session=session), "OPEN", "A.DAT"))
        is NtStatus.USER_SESSION_DELETED
    )
    assert status(await world.host.handles.close(client(user="alice"), handle)) is NtStatus.SUCCESS


async def test_a_share_whose_data_are_damaged_is_on_record_and_told_of() -> None:
    store = MemoryFileStore()
    store.findings = ("journal 1 is gone",)
    world = World(store)
    found = [fact for _, fact in of(world.records, ShareDamaged)]
    assert found == [ShareDamaged(server="LOGON1", share="OPEN", found="journal 1 is gone")]
    assert world.host.damages() == ["OPEN: journal 1 is gone"]
    assert World().host.damages() == []


def test_a_share_whose_directory_was_removed_is_told_of_until_a_new_start(tmp_path: Path) -> None:
    root = tmp_path / "SMS_SITE"
    world = World()
    world.host.add_share("SMS_SITE", DiskFileStore(root, threads=False))
    assert world.host.damages() == []
    shutil.rmtree(root)
    (damage,) = world.host.damages()
    assert damage.startswith("SMS_SITE: its directory is not on the disk")
    again = World()
    again.host.add_share("SMS_SITE", DiskFileStore(root, threads=False))
    assert again.host.damages() == []
