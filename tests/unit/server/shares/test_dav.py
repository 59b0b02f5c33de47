"""WebDAV's locks and properties on a share: how they meet opens, and how they end."""

from __future__ import annotations

from typing import Never

import pytest

from despoolr_core.share.modes import NtStatus, Role
from despoolr_core.share.wire import OpenReply, Problem
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.dav_locks import DavLock
from despoolr_server.shares.base.principal import Caller, Principal, TooMany, Written
from despoolr_server.shares.base.rights import Rights
from despoolr_server.shares.dav import (
    FOUND_MAX,
    TIMEOUT_S_DEFAULT,
    TIMEOUT_S_MAX,
    LockWish,
    Looked,
)
from worlds.engine_law import check_engine
from worlds.share import ADMIN, SERVICE, World, client, status

SVC = Caller(SERVICE)
ALICE = Caller(client("WS1", "ALICE"), program="davfs2")
BOB = Caller(client("WS2", "BOB"), program="cadaver")
EXCLUSIVE = LockWish(infinite=False)
SHARED = LockWish(exclusive=False, infinite=False)
TREE = LockWish(infinite=True)


def n(path: str) -> Name:
    name = parse_name(path)
    assert isinstance(name, Name)
    return name


async def locked(
    world: World, path: str, wish: LockWish = EXCLUSIVE, caller: Caller = ALICE
) -> DavLock:
    """A lock that must be granted."""
    result = await world.host.dav.lock(caller, "OPEN", path, wish)
    assert isinstance(result, tuple), result
    check_engine(world.host.engine)
    return result[0]


def facts_of(found: Looked) -> list[FileFacts]:
    return [facts for one in found for facts in (one if isinstance(one, list) else [one.facts])]


def under(caller: Caller, *locks: DavLock) -> Caller:
    """The caller, submitting the tokens of these locks."""
    return Caller(
        caller.who,
        caller.session,
        caller.program,
        caller.purpose,
        frozenset(lock.token for lock in locks),
    )


async def refused(world: World, path: str, caller: Caller = BOB) -> set[str]:
    """Which of the changes somebody else tries on a path are refused with a sharing violation."""
    answers = {
        "PUT": await world.host.paths.put(caller, "OPEN", path, b"theirs"),
        "PROPPATCH": await world.host.dav.set_properties(
            caller, "OPEN", path, {"{u}a": '<a xmlns="u"/>'}
        ),
        "MOVE": await world.host.trees.move(caller, "OPEN", path, "ELSEWHERE", replace=True),
        "LOCK": await world.host.dav.lock(caller, "OPEN", path, EXCLUSIVE),
        "DELETE": await world.host.trees.delete(caller, "OPEN", path),
    }
    return {
        what for what, answer in answers.items() if status(answer) is NtStatus.SHARING_VIOLATION
    }


ALL = {"PUT", "PROPPATCH", "MOVE", "LOCK", "DELETE"}


async def test_an_exclusive_lock_stops_the_despoolers_copy_and_names_the_client() -> None:
    world = World()
    await world.put("b.dat", b"old")
    lock = await locked(world, "B.DAT")
    answer = await world.host.paths.put(
        Caller(SERVICE, program="SMS_DESPOOLER"), "OPEN", "b.dat", b"new"
    )
    assert isinstance(answer, Problem)
    assert (answer.nt_status, answer.win32, answer.blocker_count) == (
        NtStatus.SHARING_VIOLATION,
        32,
        1,
    )
    blocker = answer.blockers[0]
    assert (blocker.open, blocker.machine, blocker.user, blocker.program) == (
        lock.handle,
        "WS1",
        "ALICE",
        "davfs2",
    )
    assert (blocker.access, blocker.share_mode, blocker.opened_at) == (
        "READ|WRITE",
        "READ",
        world.clock.time,
    )
    reply = await world.open(SERVICE, world.session(SERVICE), "b.dat", access="WRITE")
    assert status(reply) is NtStatus.SHARING_VIOLATION


async def test_everybody_may_read_a_locked_file_whole_and_nobody_else_change_it() -> None:
    world = World()
    await world.put("A", b"mine")
    await locked(world, "A")
    content = await world.host.paths.get(BOB, "OPEN", "A")
    assert getattr(content, "data", None) == b"mine"
    assert await world.host.trees.copy(BOB, "OPEN", "A", "COPY", replace=False) == []
    assert await refused(world, "A") == ALL


async def test_an_open_that_shares_no_writing_meets_an_exclusive_lock_as_it_meets_an_editor() -> (
    None
):
    world = World()
    await world.put("A", b"mine")
    await locked(world, "A")
    session = world.session(BOB.who)
    assert (
        status(await world.open(BOB.who, session, "A", share_mode="READ"))
        is NtStatus.SHARING_VIOLATION
    )
    assert isinstance(await world.open(BOB.who, session, "A", share_mode="READ|WRITE"), OpenReply)


async def test_its_owner_writes_moves_and_deletes_under_it_with_the_token_and_not_without() -> None:
    world = World()
    await world.put("A", b"old")
    lock = await locked(world, "A")
    assert await refused(world, "A", ALICE) == ALL
    assert await refused(world, "A", under(BOB, lock)) == ALL
    holder = under(ALICE, lock)
    assert isinstance(await world.host.paths.put(holder, "OPEN", "A", b"new"), Written)
    assert (
        await world.host.dav.set_properties(holder, "OPEN", "A", {"{u}a": '<a xmlns="u"/>'}) is None
    )
    assert await world.host.trees.move(holder, "OPEN", "A", "B", replace=False) == []
    assert len(world.host.dav_locks) == 0
    assert world.host.opens() == []
    again = await locked(world, "B")
    assert await world.host.trees.delete(under(ALICE, again), "OPEN", "B") == []
    assert world.host.opens() == []
    assert world.store.find(n("B")) is None
    check_engine(world.host.engine)


async def test_a_client_that_has_the_file_open_stops_a_lock_and_what_a_lock_would_allow() -> None:
    world = World()
    await world.put("A", b"x")
    handle = await world.hold(BOB.who, world.session(BOB.who, "EXCEL.EXE"), "A")
    result = await world.host.dav.lock(ALICE, "OPEN", "A", EXCLUSIVE)
    assert isinstance(result, Problem)
    assert (result.nt_status, result.blockers[0].program) == (
        NtStatus.SHARING_VIOLATION,
        "EXCEL.EXE",
    )
    shared = await locked(world, "A", SHARED)
    put = await world.host.paths.put(under(ALICE, shared), "OPEN", "A", b"y")
    assert isinstance(put, Problem)
    assert [blocker.open for blocker in put.blockers] == [handle]
    await world.host.handles.close(BOB.who, handle)
    assert isinstance(await world.host.paths.put(under(ALICE, shared), "OPEN", "A", b"y"), Written)


async def test_shared_locks_coexist_with_each_other_and_with_no_exclusive_one() -> None:
    world = World()
    await world.put("A")
    one, two = await locked(world, "A", SHARED), await locked(world, "A", SHARED, BOB)
    assert (
        status(await world.host.dav.lock(ALICE, "OPEN", "A", EXCLUSIVE))
        is NtStatus.SHARING_VIOLATION
    )
    assert (
        status(await world.host.dav.lock(under(ALICE, one), "OPEN", "A", EXCLUSIVE))
        is NtStatus.SHARING_VIOLATION
    )
    assert status(await world.host.paths.put(SVC, "OPEN", "A", b"")) is NtStatus.SHARING_VIOLATION
    assert isinstance(await world.host.paths.put(under(BOB, two), "OPEN", "A", b""), Written)
    assert isinstance(world.host.dav.unlock(ALICE, "OPEN", "A", one.token), DavLock)
    assert isinstance(world.host.dav.unlock(BOB, "OPEN", "A", two.token), DavLock)
    exclusive = await locked(world, "A")
    assert (
        status(await world.host.dav.lock(under(ALICE, exclusive), "OPEN", "A", SHARED))
        is NtStatus.SHARING_VIOLATION
    )


async def test_a_lock_on_a_free_name_makes_an_empty_file() -> None:
    world = World()
    result = await world.host.dav.lock(ALICE, "OPEN", "NEW", EXCLUSIVE)
    assert isinstance(result, tuple)
    assert result[1]
    assert world.store.read(n("NEW")) == b""
    assert (
        status(await world.host.dav.lock(ALICE, "OPEN", "X/NEW", EXCLUSIVE))
        is NtStatus.OBJECT_PATH_NOT_FOUND
    )
    assert await refused(world, "NEW") == ALL
    world.host.dav.unlock(ALICE, "OPEN", "NEW", result[0].token)
    assert world.store.find(n("NEW")) is not None


async def test_a_deep_lock_protects_what_is_there_and_what_is_not_yet() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D/E", parents=True)
    await world.put("D/E/A")
    lock = await locked(world, "D", TREE)
    assert await refused(world, "D/E/A") == ALL
    assert (
        status(await world.host.paths.put(BOB, "OPEN", "D/E/NEW", b""))
        is NtStatus.SHARING_VIOLATION
    )
    assert (
        status(await world.host.paths.make_directory(BOB, "OPEN", "D/NEW", parents=False))
        is NtStatus.SHARING_VIOLATION
    )
    assert (
        status(await world.host.dav.lock(BOB, "OPEN", "D/NEW", SHARED))
        is NtStatus.SHARING_VIOLATION
    )
    session = world.session(SERVICE)
    for disposition in ("CREATE", "OPEN_IF"):
        reply = await world.open(
            SERVICE, session, "D/E/NEW", disposition=disposition, share_mode="READ|WRITE"
        )
        assert status(reply) is NtStatus.SHARING_VIOLATION
    await world.put("OUT")
    assert (
        status(await world.host.paths.move(SVC, "OPEN", "OUT", "D/E/IN", replace=False))
        is NtStatus.SHARING_VIOLATION
    )
    assert status(await world.host.paths.delete(BOB, "OPEN", "D")) in (
        NtStatus.SHARING_VIOLATION,
        NtStatus.DIRECTORY_NOT_EMPTY,
    )
    holder = under(ALICE, lock)
    assert isinstance(await world.host.paths.put(holder, "OPEN", "D/E/NEW", b""), Written)
    assert await world.host.paths.make_directory(holder, "OPEN", "D/DIR", parents=False) is None
    assert await world.host.trees.move(holder, "OPEN", "OUT", "D/E/IN", replace=False) == []
    assert await world.host.trees.delete(holder, "OPEN", "D/E") == []
    assert len(world.host.dav_locks) == 1
    assert await world.host.trees.delete(holder, "OPEN", "D") == []
    assert (len(world.host.dav_locks), world.host.opens()) == (0, [])


async def test_a_flat_lock_on_a_directory_protects_its_names_and_not_their_contents() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D/E", parents=True)
    await world.put("D/A")
    lock = await locked(world, "D")
    assert isinstance(await world.host.paths.put(BOB, "OPEN", "D/A", b"y"), Written)
    assert isinstance(await world.host.paths.put(BOB, "OPEN", "D/E/B", b"y"), Written)
    assert (
        status(await world.host.paths.put(BOB, "OPEN", "D/B", b"y")) is NtStatus.SHARING_VIOLATION
    )
    assert status(await world.host.paths.delete(BOB, "OPEN", "D/A")) is NtStatus.SHARING_VIOLATION
    assert (
        status(await world.host.paths.move(BOB, "OPEN", "D/E/B", "D/B", replace=False))
        is NtStatus.SHARING_VIOLATION
    )
    assert await world.host.paths.delete(under(ALICE, lock), "OPEN", "D/A") is None


async def test_a_deep_lock_is_refused_where_something_below_is_held_and_the_file_is_named() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=True)
    await world.put("D/A")
    handle = await world.hold(BOB.who, world.session(BOB.who), "D/A")
    result = await world.host.dav.lock(ALICE, "OPEN", "D", TREE)
    assert isinstance(result, list)
    assert [(path, problem.blockers[0].open) for path, problem in result] == [("D/A", handle)]
    assert isinstance(
        await world.host.dav.lock(ALICE, "OPEN", "D", LockWish(exclusive=False)), tuple
    )
    check_engine(world.host.engine)


async def test_a_deep_lock_above_and_one_below_meet_as_two_on_one_file() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=True)
    await world.put("D/A")
    below = await locked(world, "D/A")
    assert isinstance(await world.host.dav.lock(BOB, "OPEN", "D", TREE), list)
    assert isinstance(await world.host.dav.lock(under(ALICE, below), "OPEN", "D", TREE), list)
    world.host.dav.unlock(ALICE, "OPEN", "D/A", below.token)
    await locked(world, "D", TREE)
    assert (
        status(await world.host.dav.lock(BOB, "OPEN", "D/A", EXCLUSIVE))
        is NtStatus.SHARING_VIOLATION
    )


async def test_a_directory_moves_with_the_tokens_of_all_locks_in_it_and_they_end() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=True)
    await world.put("D/A")
    await world.put("D/B")
    one, two = await locked(world, "D/A"), await locked(world, "D/B")
    held = await world.host.trees.move(under(ALICE, one), "OPEN", "D", "C", replace=False)
    assert isinstance(held, list)
    assert [path for path, _ in held] == ["D/B"]
    assert len(world.host.dav_locks) == 2
    assert (
        await world.host.trees.move(under(ALICE, one, two), "OPEN", "D", "C", replace=False) == []
    )
    assert (len(world.host.dav_locks), world.host.opens()) == (0, [])


async def test_a_move_onto_a_file_locked_by_its_mover_gives_it_the_content_and_keeps_the_lock() -> (
    None
):
    world = World()
    await world.put("A", b"new")
    await world.put("B", b"old")
    lock = await locked(world, "B")
    assert (
        status(await world.host.trees.move(BOB, "OPEN", "A", "B", replace=True))
        is NtStatus.SHARING_VIOLATION
    )
    assert await world.host.trees.move(under(ALICE, lock), "OPEN", "A", "B", replace=True) == []
    assert world.store.read(n("B")) == b"new"
    assert world.store.find(n("A")) is None
    assert list(world.host.dav_locks) == [lock]


async def test_a_lock_times_out_by_the_sites_clock_unless_it_is_refreshed() -> None:
    world = World()
    await world.put("A")
    lock = await locked(world, "A", LockWish(timeout_s=100.0))
    world.clock.time += 60
    assert world.host.dav.left_s(lock) == 40
    assert world.host.dav.refresh(under(BOB, lock), "OPEN", "A") is None
    assert world.host.dav.refresh(under(ALICE, lock), "OPEN", "A") == lock
    world.clock.time += 99
    assert status(await world.host.paths.put(SVC, "OPEN", "A", b"")) is NtStatus.SHARING_VIOLATION
    world.clock.time += 1
    assert isinstance(await world.host.paths.put(SVC, "OPEN", "A", b""), Written)
    assert world.last("open.closed")["reason"] == "lease expired"
    assert world.host.dav.refresh(under(ALICE, lock), "OPEN", "A") is None
    assert world.host.dav.unlock(ALICE, "OPEN", "A", lock.token) is None
    assert world.host.dav.locks_on(ALICE, "OPEN", "A")[1] == []


@pytest.mark.parametrize(
    ("asked", "granted"),
    [(0.0, TIMEOUT_S_DEFAULT), (TIMEOUT_S_MAX, TIMEOUT_S_MAX), (TIMEOUT_S_MAX + 1, TIMEOUT_S_MAX)],
)
async def test_the_server_caps_how_long_a_lock_lives(asked: float, granted: float) -> None:
    world = World()
    assert world.host.dav.left_s(await locked(world, "A", LockWish(timeout_s=asked))) == granted


async def test_where_site_time_runs_fast_a_lock_lives_as_long_as_its_client_was_told() -> None:
    world = World(dav_time_scale=60.0)
    lock = await locked(world, "A", LockWish(timeout_s=100.0))
    assert world.host.dav.left_s(lock) == 100
    world.clock.time += 5999
    assert world.host.dav.locks_on(ALICE, "OPEN", "A")[1] == [lock]
    world.clock.time += 1
    assert world.host.dav.locks_on(ALICE, "OPEN", "A")[1] == []


async def test_only_its_owner_unlocks_it_or_whoever_may_close_any_open() -> None:
    world = World()
    await world.put("A")
    await world.put("B")
    lock = await locked(world, "A")
    assert status(world.host.dav.unlock(BOB, "OPEN", "A", lock.token)) is NtStatus.ACCESS_DENIED
    assert world.host.dav.unlock(ALICE, "OPEN", "B", lock.token) is None
    assert isinstance(world.host.dav.unlock(Caller(ADMIN), "OPEN", "A", lock.token), DavLock)
    assert world.last("open.closed")["reason"] == "unlocked"


async def test_a_deep_lock_is_unlocked_from_anywhere_in_its_reach() -> None:
    world = World()
    await world.host.paths.make_directory(SVC, "OPEN", "D", parents=True)
    await world.put("D/A")
    lock = await locked(world, "D", TREE)
    assert world.host.dav.unlock(ALICE, "OPEN", "D/A", lock.token) == lock


async def test_closing_its_open_by_force_ends_the_lock() -> None:
    world = World()
    lock = await locked(world, "A")
    assert world.host.close_by_force(ADMIN, lock.handle, "update") is None
    assert len(world.host.dav_locks) == 0
    assert isinstance(await world.host.paths.put(SVC, "OPEN", "A", b""), Written)


async def test_a_lock_is_listed_as_an_open_that_says_what_it_is_and_recorded_so() -> None:
    world = World()
    lock = await locked(world, "A")
    (row,) = world.host.opens()
    assert (row.open, row.kind, row.program) == (
        lock.handle,
        "WebDAV lock, exclusive, depth 0",
        "davfs2",
    )
    assert world.last("open.granted")["lock"] == row.kind
    assert world.host.ledger.opens(None)[0].kind == row.kind
    await world.put("B")
    await world.hold(BOB.who, world.session(BOB.who), "B")
    assert [row.kind for row in world.host.opens(path="B")] == [""]
    assert "lock" not in world.last("open.granted")


async def test_a_server_that_starts_anew_knows_no_lock_of_before() -> None:
    world = World()
    lock = await locked(world, "A")
    after = World(world.store, id_prefix="R2")
    assert isinstance(await after.host.paths.put(SVC, "OPEN", "A", b""), Written)
    assert after.host.dav.refresh(under(ALICE, lock), "OPEN", "A") is None


async def test_rights_hold_for_locks_and_properties() -> None:
    world = World()
    for box in ("PCMINS.BOX", "DESPOOLR.BOX"):
        await world.host.paths.make_directory(SVC, "SMS_SHR", box, parents=True)
        await world.host.paths.put(SVC, "SMS_SHR", f"{box}/A", b"")
    for box, expected in (
        ("PCMINS.BOX", NtStatus.ACCESS_DENIED),
        ("DESPOOLR.BOX", NtStatus.SUCCESS),
    ):
        assert (
            status(await world.host.dav.lock(ALICE, "SMS_SHR", f"{box}/A", EXCLUSIVE)) is expected
        )
        assert status(await world.host.dav.lock(ALICE, "SMS_SHR", f"{box}/NEW", SHARED)) is expected
        assert status(await world.host.dav.set_properties(BOB, "SMS_SHR", f"{box}/A", {})) in (
            expected,
            NtStatus.SHARING_VIOLATION,
        )
    nobody = Caller(Principal("X", "X", Role.CLIENT))
    world.host.set_rights("OPEN", "", Role.CLIENT, None)
    assert status(await world.host.dav.lock(nobody, "OPEN", "A", EXCLUSIVE)) is not NtStatus.SUCCESS


async def test_the_limits_of_locks_refuse_one_too_many() -> None:
    world = World(dav_locks_max=3, dav_locks_per_principal_max=2)
    for path in ("A", "B"):
        await locked(world, path)
    full = await world.host.dav.lock(ALICE, "OPEN", "C", EXCLUSIVE)
    assert status(full) is NtStatus.INSUFFICIENT_RESOURCES
    assert world.store.find(n("C")) is None
    await locked(world, "C", caller=BOB)
    assert (
        status(await world.host.dav.lock(BOB, "OPEN", "D", EXCLUSIVE))
        is NtStatus.INSUFFICIENT_RESOURCES
    )


async def test_a_lock_that_the_disk_has_no_room_for_is_no_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    def full(*arguments: object) -> Never:
        raise StoreError(NtStatus.DISK_FULL)

    monkeypatch.setattr(world.store, "write_whole", full)
    assert status(await world.host.dav.lock(ALICE, "OPEN", "A", EXCLUSIVE)) is NtStatus.DISK_FULL
    assert (world.host.open_count, world.host.session_count, len(world.host.dav_locks)) == (0, 0, 0)


async def test_properties_meet_locks_and_no_open() -> None:
    world = World()
    await world.put("A")
    await world.hold(BOB.who, world.session(BOB.who), "A", share_mode="NONE")
    assert (
        await world.host.dav.set_properties(ALICE, "OPEN", "A", {"{u}a": '<a xmlns="u"/>'}) is None
    )
    assert (
        status(await world.host.dav.set_properties(ALICE, "OPEN", "B", {}))
        is NtStatus.OBJECT_NAME_NOT_FOUND
    )


async def test_a_look_shows_a_tree_to_the_depth_asked_for_and_not_what_may_not_be_listed() -> None:
    world = World()
    for directory in ("D/E", "S"):
        await world.host.paths.make_directory(SVC, "SMS_SHR", directory, parents=True)
        await world.host.paths.put(SVC, "SMS_SHR", f"{directory}/A", b"")
    world.host.set_rights("SMS_SHR", "S", Role.CLIENT, Rights.NONE)

    async def look(depth: int | None, path: str = "") -> list[str]:
        found = await world.host.dav.look(ALICE, "SMS_SHR", path, depth)
        assert isinstance(found, list)
        return sorted(facts.path for facts in facts_of(found))

    assert await look(0) == [""]
    assert await look(1) == ["", "D", "S"]
    assert await look(None) == ["", "D", "D/E", "D/E/A", "S"]
    assert await look(None, "d/e/a") == ["D/E/A"]
    assert status(await world.host.dav.look(ALICE, "SMS_SHR", "S", 0)) is NtStatus.ACCESS_DENIED
    assert (
        status(await world.host.dav.look(ALICE, "SMS_SHR", "X/Y", 0))
        is NtStatus.OBJECT_PATH_NOT_FOUND
    )


async def test_a_look_at_more_than_one_answer_holds_is_refused() -> None:
    world = World()
    for number in range(FOUND_MAX):
        world.store.write_whole(n(f"F{number}"), b"", 0.0)
    assert await world.host.dav.look(SVC, "OPEN", "", 1) == TooMany(FOUND_MAX)
    world.store.remove(n("F0"))
    found = await world.host.dav.look(SVC, "OPEN", "", 1)
    assert isinstance(found, list)
    assert len(facts_of(found)) == FOUND_MAX


@pytest.mark.parametrize("target", ["B", "a"])
async def test_no_lock_moves_with_its_file_however_it_is_renamed(target: str) -> None:
    world = World()
    await world.put("A")
    lock = await locked(world, "A")
    assert (
        status(await world.host.paths.move(ALICE, "OPEN", "A", target, replace=False))
        is NtStatus.SHARING_VIOLATION
    )
    assert (
        await world.host.paths.move(under(ALICE, lock), "OPEN", "A", target, replace=False) is None
    )
    assert (list(world.host.dav_locks), world.host.opens()) == ([], [])
    assert isinstance(await world.host.dav.lock(BOB, "OPEN", target, EXCLUSIVE), tuple)


@pytest.mark.parametrize(
    "wish", [EXCLUSIVE, SHARED, TREE, LockWish(exclusive=False, infinite=True)]
)
async def test_nobody_locks_a_directory_of_the_sites_own_but_files_in_it(wish: LockWish) -> None:
    world = World()
    store = world.host.gate.shares["SMS_SHR"].store
    store.make_directory(n("DESPOOLR.BOX"), 0.0)
    refused = await world.host.dav.lock(ALICE, "SMS_SHR", "despoolr.box", wish)
    assert status(refused) == NtStatus.ACCESS_DENIED
    assert not world.host.gate.dav_locks.covering("SMS_SHR", n("DESPOOLR.BOX"))
    assert isinstance(await world.host.dav.lock(ALICE, "SMS_SHR", "DESPOOLR.BOX/A", wish), tuple)


@pytest.mark.parametrize("share", ["SMS_SHR", "OPEN"])
@pytest.mark.parametrize(
    "wish", [EXCLUSIVE, SHARED, TREE, LockWish(exclusive=False, infinite=True)]
)
async def test_no_client_locks_a_whole_share(share: str, wish: LockWish) -> None:
    world = World()
    refused = await world.host.dav.lock(ALICE, share, "", wish)
    assert status(refused) == NtStatus.ACCESS_DENIED and not list(world.host.dav_locks)
    assert isinstance(await world.host.dav.lock(Caller(SERVICE), share, "", wish), tuple)
