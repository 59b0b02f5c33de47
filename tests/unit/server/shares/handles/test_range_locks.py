"""Locks through the host, in virtual time: refusals that name the range, waits that end, episodes,
what is on record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.kinds.share import OpenClosed
from despoolr_core.records.stream import Record, Recorder, of
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import RANGES_LISTED_MAX, LockElement, LockList, LockRequest, Problem
from despoolr_lab.sim.time.loop import VirtualLoop
from despoolr_server.engine.locking import LOCKS_A_TURN
from despoolr_server.files import MemoryFileStore
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Written
from despoolr_server.shares.host import ShareHost
from worlds.share import EPOCH, SERVICE, World, client, status

ANNA, OTTO, UTE = client("PC07", "anna"), client("PC08", "otto"), client("PC09", "ute")
RW = {"access": "READ|WRITE", "share_mode": "READ|WRITE|DELETE"}


class Waiters(World):
    """The share world on a clock of the running loop."""

    def __init__(self, **limits: Any) -> None:
        super().__init__()
        self.loop_clock = LoopClock(EPOCH)
        self.records: list[Record] = []
        self.host = ShareHost(
            "LOGON1",
            self.loop_clock,
            Recorder(self.loop_clock.now, [self.records.append]),
            ShareLimits(**limits),
        )
        self.host.add_share("OPEN", MemoryFileStore())

    async def holding(
        self, who: Any = ANNA, program: str = "EXCEL.EXE", lease_s: float = 3600.0
    ) -> str:
        """A handle on `F`, of a new session."""
        return await self.hold(who, self.session(who, program, lease_s), "F", **RW)

    async def lock(
        self,
        who: Any,
        handle: str,
        offset: int,
        length: int,
        flags: str = "EXCLUSIVE|FAIL_IMMEDIATELY",
    ) -> Any:
        return await self.host.range_locks.lock(
            who, handle, LockRequest([LockElement(offset, length, flags)])
        )

    def wait_for(
        self, who: Any, handle: str, offset: int, length: int, wait_s: float = 0.0
    ) -> asyncio.Task[LockList | Problem]:
        request = LockRequest([LockElement(offset, length, "EXCLUSIVE")], wait_s, "q")
        return asyncio.create_task(self.host.range_locks.lock(who, handle, request))


def in_virtual_time(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = VirtualLoop(limit_s=100_000.0)
    try:
        loop.run_until_complete(story())
    finally:
        loop.close()


def test_a_refusal_names_the_machine_the_program_the_range_and_since_when() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F", b"x" * 100)
        held = await world.holding()
        other = await world.holding(OTTO, "WINWORD.EXE")
        locked = await world.lock(ANNA, held, 10, 20)
        assert [(one.kind, one.offset, one.length) for one in locked.locks] == [
            ("EXCLUSIVE", 10, 20)
        ]
        await asyncio.sleep(60.0)
        refusals = [
            (await world.lock(OTTO, other, 29, 1), NtStatus.LOCK_NOT_GRANTED),
            (await world.host.handles.read(OTTO, other, 0, 11), NtStatus.FILE_LOCK_CONFLICT),
            (await world.host.handles.write(OTTO, other, 29, b"y"), NtStatus.FILE_LOCK_CONFLICT),
            (await world.host.handles.read(OTTO, other, 12, None), NtStatus.FILE_LOCK_CONFLICT),
        ]
        for refusal, expected in refusals:
            assert isinstance(refusal, Problem)
            assert (refusal.nt_status, refusal.status, refusal.win32) == (expected, 423, 33)
            (blocker,) = refusal.blockers
            assert blocker.lock is not None
            assert (blocker.machine, blocker.program, blocker.open) == ("PC07", "EXCEL.EXE", held)
            assert (blocker.lock.offset, blocker.lock.length, blocker.lock.locked_at) == (
                10,
                20,
                EPOCH,
            )
            assert (
                "bytes 10 to 29 locked (EXCLUSIVE) by EXCEL.EXE on PC07 (user anna)"
                in refusal.detail
            )
            assert refusal.episode == "LOGON1-E1"
        (episode,) = world.host.episodes()
        assert (episode.attempt_count, episode.state) == (4, "waiting")
        assert [hold.lock and hold.lock.offset for hold in episode.holds] == [10]
        assert "held bytes 10 to 29 locked (EXCLUSIVE) since" in world.host.ledger.why().verdicts[0]
        assert world.host.range_locks.unlock(ANNA, held, 10, 20) is None
        assert world.host.episodes()[0].holds[0].released_at == EPOCH + 60.0
        assert "that range is free now" in world.host.ledger.why().verdicts[0]
        assert await world.host.handles.read(OTTO, other, 0, 11) == b"x" * 11
        assert world.host.episodes()[0].state == "resolved"

    in_virtual_time(story)


def test_a_get_through_an_exclusive_lock_is_refused_and_a_put_leaves_the_file_whole() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F", b"x" * 100)
        held = await world.hold(
            ANNA, world.session(ANNA), "F", access="READ", share_mode="READ|WRITE|DELETE"
        )
        await world.lock(ANNA, held, 50, 10, "SHARED|FAIL_IMMEDIATELY")
        assert (
            status(await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y" * 51))
            is NtStatus.FILE_LOCK_CONFLICT
        )
        assert isinstance(
            await world.host.paths.put(Caller(SERVICE), "OPEN", "F", b"y" * 50), Written
        )
        await world.lock(ANNA, held, 49, 1)
        assert (
            status(await world.host.paths.get(Caller(OTTO), "OPEN", "F"))
            is NtStatus.FILE_LOCK_CONFLICT
        )
        assert (
            status(await world.host.trees.copy(Caller(SERVICE), "OPEN", "F", "G", replace=False))
            is NtStatus.FILE_LOCK_CONFLICT
        )
        await world.host.handles.close(ANNA, held)
        assert not isinstance(await world.host.paths.get(Caller(OTTO), "OPEN", "F"), Problem)

    in_virtual_time(story)


def test_a_wait_ends_when_the_range_is_unlocked_and_its_episode_with_it() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        await world.lock(ANNA, held, 0, 10)
        wait = world.wait_for(OTTO, other, 5, 1)
        await asyncio.sleep(30.0)
        listed = world.host.range_locks.held(OTTO, other)
        assert not isinstance(listed, Problem)
        assert [(one.request, one.offset) for one in listed.waiting] == [("q", 5)]
        assert world.host.episodes()[0].state == "waiting"
        world.host.range_locks.unlock(ANNA, held, 0, 10)
        granted = await wait
        assert isinstance(granted, LockList)
        assert granted.locks[0].locked_at == EPOCH + 30.0
        (episode,) = world.host.episodes()
        assert (episode.state, episode.attempt_count, episode.blocked_s) == ("resolved", 1, 30.0)
        assert world.host.range_locks.held(OTTO, other) == granted
        assert world.host.range_locks._lease_watch is None

    in_virtual_time(story)


def test_a_wait_ends_when_it_has_lasted_long_enough_and_says_who_is_in_the_way_then() -> None:
    async def story() -> None:
        world = Waiters(lock_wait_s_max=100.0)
        await world.put("F")
        held, other, third = (
            await world.holding(),
            await world.holding(OTTO),
            await world.holding(UTE),
        )
        await world.lock(ANNA, held, 0, 1)
        for wait_s, lasts in ((7.5, 7.5), (0.0, 100.0), (1000.0, 100.0)):
            began = world.loop_clock.now()
            refusal = await world.wait_for(OTTO, other, 0, 10, wait_s)
            assert isinstance(refusal, Problem)
            assert refusal.nt_status == NtStatus.LOCK_NOT_GRANTED
            assert world.loop_clock.now() - began == lasts
            assert refusal.blockers[0].machine == "PC07"
        wait = world.wait_for(OTTO, other, 0, 10, 50.0)
        await asyncio.sleep(1.0)
        await world.lock(UTE, third, 5, 1)
        world.host.range_locks.unlock(ANNA, held, 0, 1)
        refusal = await wait
        assert isinstance(refusal, Problem)
        assert [blocker.machine for blocker in refusal.blockers] == ["PC09"]
        assert world.host.engine.locking.waiting_count == 0

    in_virtual_time(story)


def test_a_wait_is_cancelled_by_its_name() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        await world.lock(ANNA, held, 0, 1)
        assert (
            status(world.host.range_locks.cancel(OTTO, other, "q"))
            is NtStatus.OBJECT_NAME_NOT_FOUND
        )
        wait = world.wait_for(OTTO, other, 0, 10)
        await asyncio.sleep(0)
        assert world.host.range_locks.cancel(OTTO, other, "q") is None
        assert status(await wait) is NtStatus.CANCELLED
        world.host.range_locks.unlock(ANNA, held, 0, 1)
        assert world.host.range_locks.held(OTTO, other) == LockList([])

    in_virtual_time(story)


def test_a_wait_ends_with_its_handle_and_with_its_session() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        session = world.session(UTE)
        third = await world.hold(UTE, session, "F", **RW)
        await world.lock(ANNA, held, 0, 1)
        waits = [world.wait_for(OTTO, other, 0, 10), world.wait_for(UTE, third, 0, 10)]
        await asyncio.sleep(0)
        await world.host.handles.close(OTTO, other)
        world.host.sessions.end(UTE, session)
        assert [status(await wait) for wait in waits] == [
            NtStatus.RANGE_NOT_LOCKED,
            NtStatus.CANCELLED,
        ]

    in_virtual_time(story)


def test_a_server_that_stops_grants_nobody_the_locks_of_others() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        await world.lock(ANNA, held, 0, 1)
        wait = world.wait_for(OTTO, other, 0, 10)
        await asyncio.sleep(0)
        world.host.stop()
        assert status(await wait) is NtStatus.CANCELLED
        assert world.kinds().count("lock.granted") == 1

    in_virtual_time(story)


def test_a_vanished_machines_locks_go_to_whoever_waits_once_its_lease_is_over() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        other = await world.holding(OTTO)
        await asyncio.sleep(0.25)
        held = await world.holding(lease_s=20.0)
        await world.lock(ANNA, held, 0, 1)
        granted = await world.wait_for(OTTO, other, 0, 10)
        assert isinstance(granted, LockList)
        assert granted.locks[0].locked_at == EPOCH + 20.25
        assert (
            status(await world.host.handles.read(ANNA, held, 0, 1)) is NtStatus.USER_SESSION_DELETED
        )

    in_virtual_time(story)


def test_a_wait_does_not_outlive_the_lease_of_its_own_session() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held = await world.holding(OTTO)
        await world.lock(OTTO, held, 0, 10, "SHARED|FAIL_IMMEDIATELY")
        mine = await world.holding(lease_s=20.0)
        asked = asyncio.get_running_loop().time()
        answer = await world.wait_for(ANNA, mine, 0, 10, wait_s=100.0)
        assert asyncio.get_running_loop().time() - asked == 20.0
        assert status(answer) is NtStatus.CANCELLED
        assert (
            status(await world.host.handles.read(ANNA, mine, 0, 1)) is NtStatus.USER_SESSION_DELETED
        )

    in_virtual_time(story)


def test_another_call_meanwhile_keeps_the_session_of_a_wait_alive() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held = await world.holding(OTTO)
        await world.lock(OTTO, held, 0, 10)
        mine = await world.holding(lease_s=20.0)
        wait = world.wait_for(ANNA, mine, 0, 10, wait_s=100.0)
        for _ in range(3):
            await asyncio.sleep(15.0)
            assert not isinstance(world.host.range_locks.held(ANNA, mine), Problem)
        world.host.range_locks.unlock(OTTO, held, 0, 10)
        assert isinstance(await wait, LockList)

    in_virtual_time(story)


def test_a_caller_that_is_cancelled_waits_no_longer() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        await world.lock(ANNA, held, 0, 1)
        wait = world.wait_for(OTTO, other, 0, 10)
        await asyncio.sleep(1.0)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        assert world.host.engine.locking.waiting_count == 0
        assert world.host.gate.closing.parked == {}
        world.host.range_locks.unlock(ANNA, held, 0, 1)
        assert world.host.range_locks.held(OTTO, other) == LockList([])

    in_virtual_time(story)


async def test_words_and_numbers_that_make_no_sense_are_refused() -> None:
    world = World(locks_per_request_max=2)
    await world.put("F")
    handle = await world.hold(ANNA, world.session(ANNA), "F", **RW)
    for request in (
        LockRequest([LockElement(-1, 1)]),
        LockRequest([LockElement(0, 2**64)]),
        LockRequest([LockElement(0, 1, "EXCLUSIVELY")]),
        LockRequest([LockElement(0, 1)], -1.0),
        LockRequest([LockElement(0, 1)], float("nan")),
        LockRequest([LockElement(n, 1) for n in range(3)]),
        LockRequest([]),
    ):
        assert (
            status(await world.host.range_locks.lock(ANNA, handle, request))
            is NtStatus.INVALID_PARAMETER
        ), request
    assert isinstance(
        await world.host.range_locks.lock(
            ANNA, handle, LockRequest([LockElement(n, 1) for n in range(2)])
        ),
        LockList,
    )
    assert (
        status(await world.host.range_locks.lock(OTTO, handle, LockRequest([LockElement(0, 1)])))
        is NtStatus.FILE_CLOSED
    )


async def test_locks_are_on_record_and_the_record_says_the_range() -> None:
    world = World()
    await world.put("F")
    handle = await world.hold(ANNA, world.session(ANNA), "F", **RW)
    await world.host.range_locks.lock(ANNA, handle, LockRequest([LockElement(3, 4)]))
    await world.host.range_locks.lock(ANNA, handle, LockRequest([LockElement(3, 4, "UNLOCK")]))
    assert world.last("lock.granted") == world.last("lock.released") | {
        "program": "",
        "purpose": "",
    }
    assert world.last("lock.released")["offset"] == 3


def test_the_list_of_opens_says_what_each_has_locked_and_waits_for_the_first_ten_of_each() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        for number in range(RANGES_LISTED_MAX):
            await world.lock(ANNA, held, 10 * number, 5)
        mine, others = world.host.opens()
        assert [(one.offset, one.length, one.locked_at) for one in mine.ranges] == [
            (10 * n, 5, EPOCH) for n in range(10)
        ]
        assert mine.range_count == RANGES_LISTED_MAX == 10
        assert (others.ranges, others.range_count, others.waiting, others.waiting_count) == (
            (),
            0,
            (),
            0,
        )
        await world.lock(ANNA, held, 1000, 5)
        offsets = [one.offset for one in mine.ranges] + [1000]
        waits = [world.wait_for(OTTO, other, offset, 1) for offset in offsets]
        await asyncio.sleep(0)
        mine, others = world.host.opens()
        assert (len(mine.ranges), mine.range_count, mine.waiting_count) == (10, 11, 0)
        assert [(one.kind, one.offset, one.request) for one in others.waiting] == [
            ("EXCLUSIVE", offset, "q") for offset in offsets[:10]
        ]
        assert (others.waiting_count, others.range_count) == (11, 0)
        await world.host.handles.close(ANNA, held)
        assert {type(await wait) for wait in waits} == {LockList}
        (others,) = world.host.opens()
        assert (others.range_count, others.waiting_count) == (11, 0)

    in_virtual_time(story)


def test_the_lock_requests_that_wait_are_counted_by_share() -> None:
    async def story() -> None:
        world = Waiters()
        world.host.add_share("OTHER", MemoryFileStore())
        await world.put("F")
        held, other = await world.holding(), await world.holding(OTTO)
        shares = world.host.range_locks.waiting_counts()
        assert shares["OTHER"] == shares["OPEN"] == 0
        await world.lock(ANNA, held, 0, 9)
        waits = [world.wait_for(OTTO, other, number, 1) for number in range(2)]
        await asyncio.sleep(0)
        share = world.host.opens()[0].share
        assert world.host.range_locks.waiting_counts() == shares | {share: 2}
        await world.host.handles.close(ANNA, held)
        await asyncio.gather(*waits)
        assert world.host.range_locks.waiting_counts() == shares

    in_virtual_time(story)


async def very_many_locks(world: Waiters, handle: str) -> None:
    """More than are let go in one turn, each of one byte."""
    for start in range(0, LOCKS_A_TURN + 1, 64):
        some = range(start, min(start + 64, LOCKS_A_TURN + 1))
        wish = [LockElement(at, 1, "EXCLUSIVE|FAIL_IMMEDIATELY") for at in some]
        locked = await world.host.range_locks.lock(ANNA, handle, LockRequest(wish))
        assert isinstance(locked, LockList)


def test_a_close_that_began_to_let_locks_go_ends_though_its_caller_goes() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        holder = await world.holding()
        await very_many_locks(world, holder)
        closing = asyncio.create_task(world.host.handles.close(ANNA, holder))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert 0 < world.host.engine.locking.lock_count(holder) <= LOCKS_A_TURN
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert closing.cancelled()
        assert world.host.engine.find(holder) is None
        assert [fact.open for _, fact in of(world.records, OpenClosed)] == [holder]

    in_virtual_time(story)


def test_very_many_locks_go_in_slices_before_their_open_is_closed() -> None:
    async def story() -> None:
        world = Waiters()
        await world.put("F")
        for ends in (False, True):
            session = world.session(ANNA, "EXCEL.EXE", 3600.0)
            holder = await world.hold(ANNA, session, "F", **RW)
            later = await world.hold(ANNA, session, "F", **RW)
            await very_many_locks(world, holder)
            waits = world.wait_for(OTTO, await world.holding(OTTO), LOCKS_A_TURN, 1)
            await asyncio.sleep(1.0)
            if ends:
                assert world.host.sessions.end(ANNA, session) is None
                assert world.host.engine.find(holder) is not None
            else:
                assert await world.host.handles.close(ANNA, holder) is None
                assert world.host.engine.find(holder) is None
            assert isinstance(await waits, LockList)
            await world.host.sessions.all_closed()
            closed = [fact.open for _, fact in of(world.records, OpenClosed)]
            assert closed[-2:] == [holder, later] if ends else closed[-1:] == [holder]
            world.host.stop()

    in_virtual_time(story)
