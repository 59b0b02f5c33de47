"""Lock requests through the engine: several ranges, waiting, giving up, and what ends with a handle
or a session.
"""

from __future__ import annotations

import pytest

from despoolr_core.share.modes import LockFlag, NtStatus, Role
from despoolr_server.engine.engine import LOOKS_TO_A_CLOSE, ShareEngine
from despoolr_server.engine.locking import LOCKS_A_TURN, LOOKED_AT_MAX, WOKEN_MAX
from despoolr_server.engine.names import Name
from despoolr_server.engine.ranges import FileRanges, RangeLock
from despoolr_server.engine.rows import (
    Ask,
    FileFacts,
    Granted,
    Open,
    RangeRequest,
    Refusal,
    Session,
    Waiting,
)
from worlds.engine_law import check_engine

FACTS = FileFacts("f", 100, 0.0, False, 0, '"1"')
FOLDER = FileFacts("d", 0, 0.0, True, 0x10, '"1"')
EXCLUSIVE = int(LockFlag.EXCLUSIVE | LockFlag.FAIL_IMMEDIATELY)
SHARED = int(LockFlag.SHARED | LockFlag.FAIL_IMMEDIATELY)
WAITS = int(LockFlag.EXCLUSIVE)
UNLOCK = int(LockFlag.UNLOCK)


class Table:
    """An engine with one file that several sessions have open, sharing everything."""

    def __init__(self, **limits: int) -> None:
        self.engine = ShareEngine(**limits)  # type: ignore[arg-type]
        self.sessions: dict[str, Session] = {}

    def open(self, who: str = "A", facts: FileFacts = FACTS, lease_s: float = 0.0) -> Open:
        if who not in self.sessions:
            session = self.engine.sessions.start(
                0.0, machine=who, user="", program="P", role=Role.CLIENT, owner=who, lease_s=lease_s
            )
            assert isinstance(session, Session)
            self.sessions[who] = session
        ask = Ask("T", Name(facts.path, facts.path.upper()), 0x3, 7)
        if facts.directory:
            ask = Ask("T", Name(facts.path, facts.path.upper()), 0x1, 7)
        granted = self.engine.open(0.0, self.sessions[who], ask, facts)
        assert isinstance(granted, Granted)
        return granted.open

    def lock(
        self, row: Open, *elements: tuple[int, int, int], request: str = ""
    ) -> tuple[RangeLock, ...] | Waiting | Refusal:
        answer = self.engine.locking.lock(
            0.0, row, [RangeRequest(*one) for one in elements], request
        )
        check_engine(self.engine)
        return answer

    def unlock(
        self, row: Open, *elements: tuple[int, int, int], is_checked: bool = True
    ) -> tuple[int, list[str], NtStatus | None]:
        done = self.engine.locking.unlock(0.0, row, [RangeRequest(*one) for one in elements])
        if is_checked:
            check_engine(self.engine)
        settled = [one.waiting.handle for one in done.settled if one.lock is not None]
        return len(done.released), settled, done.refusal.status if done.refusal else None


def status(answer: object) -> NtStatus | None:
    return answer.status if isinstance(answer, Refusal) else None


def test_several_ranges_are_locked_together_or_not_at_all() -> None:
    table = Table()
    mine, theirs = table.open(), table.open("B")
    assert isinstance(table.lock(theirs, (20, 5, EXCLUSIVE)), tuple)
    assert (
        status(table.lock(mine, (0, 5, EXCLUSIVE), (10, 5, SHARED), (20, 5, EXCLUSIVE)))
        is NtStatus.LOCK_NOT_GRANTED
    )
    granted = table.lock(theirs, (0, 5, EXCLUSIVE), (10, 5, EXCLUSIVE))
    assert isinstance(granted, tuple)
    assert len(granted) == 2


def test_ranges_of_one_request_conflict_with_each_other_too() -> None:
    table = Table()
    mine = table.open()
    assert (
        status(table.lock(mine, (0, 5, EXCLUSIVE), (4, 5, EXCLUSIVE))) is NtStatus.LOCK_NOT_GRANTED
    )
    assert isinstance(table.lock(mine, (0, 5, EXCLUSIVE), (0, 5, SHARED)), tuple)


@pytest.mark.parametrize(
    "elements",
    [
        (),
        ((0, 5, 0),),
        ((0, 5, int(LockFlag.SHARED | LockFlag.EXCLUSIVE)),),
        ((0, 5, EXCLUSIVE), (0, 5, UNLOCK)),
        ((0, 5, WAITS), (10, 5, WAITS)),
        ((0, 5, EXCLUSIVE), (10, 5, WAITS)),
    ],
)
def test_a_request_that_makes_no_sense_locks_nothing(
    elements: tuple[tuple[int, int, int], ...],
) -> None:
    table = Table()
    mine = table.open()
    assert status(table.lock(mine, *elements)) is NtStatus.INVALID_PARAMETER
    assert isinstance(table.lock(table.open("B"), (0, 20, EXCLUSIVE)), tuple)


def test_a_directory_has_no_ranges() -> None:
    table = Table()
    folder = table.open(facts=FOLDER)
    assert status(table.lock(folder, (0, 1, SHARED))) is NtStatus.INVALID_PARAMETER
    assert table.unlock(folder, (0, 1, UNLOCK)) == (0, [], NtStatus.INVALID_PARAMETER)


def test_a_range_ends_at_two_to_the_64_at_most() -> None:
    table = Table()
    mine = table.open()
    assert isinstance(table.lock(mine, (2**64 - 1, 1, EXCLUSIVE)), tuple)
    assert isinstance(table.lock(mine, (0, 2**64 - 1, EXCLUSIVE)), tuple)
    assert status(table.lock(mine, (2**64 - 1, 2, SHARED))) is NtStatus.INVALID_LOCK_RANGE
    assert status(table.lock(mine, (5, 2**64 - 1, SHARED))) is NtStatus.INVALID_LOCK_RANGE
    assert table.unlock(mine, (5, 2**64 - 1, UNLOCK))[2] is NtStatus.INVALID_LOCK_RANGE


def test_unlocks_before_the_one_that_fails_stay_done() -> None:
    table = Table()
    mine, theirs = table.open(), table.open("B")
    table.lock(mine, (0, 5, EXCLUSIVE), (10, 5, EXCLUSIVE), (20, 5, EXCLUSIVE))
    assert table.unlock(mine, (0, 5, UNLOCK), (7, 1, UNLOCK), (10, 5, UNLOCK)) == (
        1,
        [],
        NtStatus.RANGE_NOT_LOCKED,
    )
    assert isinstance(table.lock(theirs, (0, 5, EXCLUSIVE)), tuple)
    assert status(table.lock(theirs, (10, 5, EXCLUSIVE))) is NtStatus.LOCK_NOT_GRANTED
    assert table.unlock(mine, (10, 5, UNLOCK), (20, 5, EXCLUSIVE)) == (
        1,
        [],
        NtStatus.INVALID_PARAMETER,
    )


def test_a_waiter_is_granted_when_its_range_is_free_and_holds_nobody_back() -> None:
    table = Table()
    holder, waiter, reader = table.open(), table.open("B"), table.open("C")
    table.lock(holder, (0, 10, SHARED))
    assert isinstance(table.lock(waiter, (0, 10, WAITS)), Waiting)
    assert isinstance(table.lock(reader, (0, 10, SHARED)), tuple)
    assert table.unlock(holder, (0, 10, UNLOCK)) == (1, [], None)
    assert table.unlock(reader, (0, 10, UNLOCK)) == (1, [waiter.handle], None)


def test_of_two_waiters_for_one_range_the_first_is_granted_and_readers_are_granted_together() -> (
    None
):
    table = Table()
    holder, first, second = table.open(), table.open("B"), table.open("C")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(first, (0, 10, WAITS))
    table.lock(second, (5, 10, WAITS))
    assert table.unlock(holder, (0, 10, UNLOCK))[1] == [first.handle]
    table.unlock(first, (0, 10, UNLOCK))
    for row in (holder, first):
        assert isinstance(table.lock(row, (5, 1, int(LockFlag.SHARED))), Waiting)
    assert table.unlock(second, (5, 10, UNLOCK))[1] == [holder.handle, first.handle]


def test_a_close_frees_the_handles_locks_for_others_and_ends_its_own_waits() -> None:
    table = Table()
    holder, other, waiter = table.open(), table.open(), table.open("B")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(other, (50, 10, EXCLUSIVE))
    table.lock(waiter, (0, 10, WAITS))
    table.lock(waiter, (50, 10, WAITS), request="q")
    assert table.engine.close(table.open()).settled == ()
    closed = table.engine.close(holder, 7.0)
    assert [(one.status, one.lock.locked_at) for one in closed.settled if one.lock] == [
        (NtStatus.SUCCESS, 7.0)
    ]
    closed = table.engine.close(waiter)
    assert [(one.waiting.request, one.status) for one in closed.settled] == [
        ("q", NtStatus.RANGE_NOT_LOCKED)
    ]
    check_engine(table.engine)


def test_a_sessions_end_cancels_its_waits_before_it_frees_its_locks() -> None:
    table = Table()
    holder, own, waiter = table.open(), table.open(), table.open("B")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(own, (0, 10, WAITS))
    table.lock(waiter, (0, 10, WAITS))
    ended = table.engine.end_session(holder.session, "logoff", 3.0)
    assert ended is not None
    assert [(one.waiting.handle, one.status) for one in ended.settled] == [
        (own.handle, NtStatus.CANCELLED)
    ]
    granted = [one for closed in ended.closed for one in closed.settled]
    assert [one.waiting.handle for one in granted] == [waiter.handle]
    check_engine(table.engine)


def test_no_lock_passes_between_sessions_that_lapse_together() -> None:
    table = Table()
    holder, dying, living = table.open(lease_s=5.0), table.open("B", lease_s=5.0), table.open("C")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(dying, (0, 10, WAITS))
    table.lock(living, (0, 10, WAITS))
    ended = table.engine.expire(5.0)
    settled = [one for session in ended for one in session.settled]
    assert [(one.waiting.handle, one.status) for one in settled] == [
        (dying.handle, NtStatus.CANCELLED)
    ]
    granted = [one for session in ended for closed in session.closed for one in closed.settled]
    assert [one.waiting.handle for one in granted] == [living.handle]
    check_engine(table.engine)


def test_no_lock_passes_to_a_session_that_has_lapsed_and_is_not_ended_yet() -> None:
    table = Table()
    holder, dying, living = table.open(lease_s=5.0), table.open("B", lease_s=5.0), table.open("C")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(dying, (0, 10, WAITS))
    table.lock(living, (0, 10, WAITS))
    (first,) = table.engine.expire(5.0, closes_max=1)
    granted = [one.waiting.handle for closed in first.closed for one in closed.settled]
    assert granted == [living.handle]
    (second,) = table.engine.expire(5.0, closes_max=1)
    assert [(one.waiting.handle, one.status) for one in second.settled] == [
        (dying.handle, NtStatus.CANCELLED)
    ]
    check_engine(table.engine)


def test_deadlines_of_sessions_that_have_ended_are_looked_at_so_many_at_one_time() -> None:
    table = Table()
    for number in range(2 * LOOKS_TO_A_CLOSE):
        row = table.open(f"M{number}", lease_s=5.0)
        table.engine.end_session(row.session, "logoff")
    lapsed = table.open("LAST", lease_s=6.0)
    assert table.engine.expire(7.0, closes_max=1) == []
    assert table.engine.expire(7.0, closes_max=1) == []
    (ended,) = table.engine.expire(7.0, closes_max=1)
    assert ended.session.session == lapsed.session


def test_of_very_many_that_may_be_granted_together_the_first_are_granted_in_one_turn() -> None:
    table = Table()
    holder = table.open()
    table.lock(holder, (0, 10, EXCLUSIVE))
    waiters = [table.open("B") for _ in range(WOKEN_MAX + 2)]
    locking = table.engine.locking
    for row in waiters:
        assert isinstance(
            locking.lock(0.0, row, [RangeRequest(0, 10, int(LockFlag.SHARED))]), Waiting
        )
    _, granted, _ = table.unlock(holder, (0, 10, UNLOCK), is_checked=False)
    assert granted == [row.handle for row in waiters[:WOKEN_MAX]]
    assert locking.is_waking
    more = [one.waiting.handle for one in locking.wake_more(1.0)]
    assert more == [row.handle for row in waiters[WOKEN_MAX:]]
    assert not locking.is_waking and locking.wake_more(1.0) == ()
    check_engine(table.engine)


def test_of_very_many_who_wait_so_many_are_looked_at_in_one_turn() -> None:
    table = Table(lock_waiters_max=2 * LOOKED_AT_MAX, lock_waiters_per_machine_max=2_000)
    mine, theirs, waiter = table.open(), table.open("B"), table.open("C")
    locking, count = table.engine.locking, LOOKED_AT_MAX + 1
    for number in range(count):
        locking.lock(0.0, theirs, [RangeRequest(number, 1, EXCLUSIVE)])
    locking.lock(0.0, mine, [RangeRequest(count, 1, EXCLUSIVE)])
    for number in range(count + 1):
        assert isinstance(locking.lock(0.0, waiter, [RangeRequest(number, 1, WAITS)]), Waiting)
    file = table.engine.table.file(mine.file)
    assert file is not None
    locking.unlock(1.0, mine, [RangeRequest(count, 1, UNLOCK)])
    assert locking.waiting_count == count
    assert locking._wake(1.0, file, (0, count + 1)) == () and locking.is_waking
    locking.unlock(1.0, theirs, [RangeRequest(count - 1, 1, UNLOCK)])
    found = []
    while locking.is_waking:
        found += [one.waiting.offset for one in locking.wake_more(1.0)]
    assert found == [count - 1]
    check_engine(table.engine)


def test_what_is_refused_to_others_is_granted_to_the_one_whose_own_lock_it_was() -> None:
    table = Table()
    mine, theirs, other = table.open(), table.open("B"), table.open("C")
    table.lock(mine, (0, 5, EXCLUSIVE))
    table.lock(theirs, (5, 5, EXCLUSIVE))
    for row in (other, mine, other):
        table.lock(row, (0, 10, int(LockFlag.SHARED)))
    assert table.unlock(theirs, (5, 5, UNLOCK)) == (1, [mine.handle], None)
    assert table.engine.locking.waiting_count == 2


def test_only_who_waits_for_what_is_released_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()
    holder, near, far = table.open(), table.open("B"), table.open("C")
    table.lock(holder, (0, 10, EXCLUSIVE), (20, 10, EXCLUSIVE))
    table.lock(far, (20, 1, WAITS))
    for _ in range(3):
        table.lock(near, (5, 1, WAITS))
    asked = []
    may_lock = FileRanges.may_lock

    def counted(ranges: FileRanges, handle: str, kind: str, offset: int, length: int) -> bool:
        asked.append(offset)
        return may_lock(ranges, handle, kind, offset, length)

    monkeypatch.setattr(FileRanges, "may_lock", counted)
    _, granted, _ = table.unlock(holder, (0, 10, UNLOCK), is_checked=False)
    assert (granted, asked) == ([near.handle], [5, 5]), "the third wants what the second is refused"


def test_very_many_locks_of_a_handle_are_let_go_ahead_of_its_close() -> None:
    table = Table()
    holder, waiter = table.open(), table.open("B")
    for number in range(LOCKS_A_TURN + 1):
        table.engine.locking.lock(0.0, holder, [RangeRequest(number, 1, EXCLUSIVE)])
    table.lock(waiter, (0, 1, WAITS))
    engine = table.engine
    ended = engine.end_session(holder.session, "logoff", closes_max=5)
    assert ended is not None
    assert (ended.closed, ended.left) == ((), (holder.handle,))
    engine.locking.let_go(holder.handle)
    assert [one.waiting.handle for one in engine.locking.wake_more(1.0)] == [waiter.handle]
    check_engine(engine)
    assert (engine.locking.has_many(holder.handle), engine.locking.work_of(holder.handle)) == (
        False,
        1,
    )
    assert engine.close_left(holder.handle, 1.0) is not None
    check_engine(engine)


def test_locks_and_waiters_follow_a_rename() -> None:
    table = Table()
    holder, waiter = table.open(), table.open("B")
    table.lock(holder, (0, 10, EXCLUSIVE))
    table.lock(waiter, (0, 10, WAITS))
    table.engine.renamed("T", Name("f", "F"), Name("g", "G"))
    row = table.engine.find(holder.handle)
    assert row is not None
    assert table.unlock(row, (0, 10, UNLOCK)) == (1, [waiter.handle], None)


def test_giving_up_happens_once() -> None:
    table = Table()
    table.lock(table.open(), (0, 10, EXCLUSIVE))
    waiting = table.lock(table.open("B"), (0, 10, WAITS))
    assert isinstance(waiting, Waiting)
    assert table.engine.locking.blocked(waiting).blocker_count == 1
    assert table.engine.locking.give_up(waiting)
    assert not table.engine.locking.give_up(waiting)
    assert table.engine.locking.waiting_count == 0
    check_engine(table.engine)


def test_locks_and_waiters_are_bounded() -> None:
    table = Table(locks_per_open_max=2, lock_waiters_max=1)
    mine, theirs = table.open(), table.open("B")
    assert isinstance(table.lock(mine, (0, 1, EXCLUSIVE), (1, 1, EXCLUSIVE)), tuple)
    assert status(table.lock(mine, (2, 1, EXCLUSIVE))) is NtStatus.INSUFFICIENT_RESOURCES
    assert isinstance(table.lock(theirs, (0, 1, WAITS)), Waiting)
    assert status(table.lock(theirs, (1, 1, WAITS))) is NtStatus.INSUFFICIENT_RESOURCES
    table.unlock(mine, (1, 1, UNLOCK))
    assert isinstance(table.lock(mine, (2, 1, EXCLUSIVE)), tuple)


def test_what_a_handle_waits_for_counts_as_one_of_its_locks() -> None:
    table = Table(locks_per_open_max=2)
    mine, theirs = table.open(), table.open("B")
    table.lock(mine, (0, 1, EXCLUSIVE))
    table.lock(theirs, (5, 1, EXCLUSIVE))
    waiting = table.lock(theirs, (0, 1, WAITS))
    assert isinstance(waiting, Waiting)
    for wish in ((0, 1, WAITS), (6, 1, EXCLUSIVE)):
        assert status(table.lock(theirs, wish)) is NtStatus.INSUFFICIENT_RESOURCES
    table.engine.locking.give_up(waiting)
    assert isinstance(table.lock(theirs, (6, 1, EXCLUSIVE)), tuple)


def test_the_waiters_of_one_machine_are_bounded() -> None:
    table = Table(lock_waiters_max=3, lock_waiters_per_machine_max=1)
    mine = table.open()
    table.lock(mine, (0, 9, EXCLUSIVE))
    first = table.lock(table.open("B"), (0, 1, WAITS))
    assert isinstance(first, Waiting)
    assert status(table.lock(table.open("b"), (1, 1, WAITS))) is NtStatus.INSUFFICIENT_RESOURCES
    assert isinstance(table.lock(table.open("C"), (0, 1, WAITS)), Waiting)
    table.engine.locking.give_up(first)
    assert isinstance(table.lock(table.open("b"), (1, 1, WAITS)), Waiting)
    table.unlock(mine, (0, 9, UNLOCK))
    check_engine(table.engine)
    assert table.engine.locking.waiting_count == 0


def test_a_refusal_names_the_locks_and_the_opens_that_hold_them() -> None:
    table = Table(blockers_max=2)
    for who in "ABC":
        table.lock(table.open(who), (0, 10, SHARED))
    refusal = table.lock(table.open("D"), (5, 1, EXCLUSIVE))
    assert isinstance(refusal, Refusal)
    assert [row.machine for row in refusal.blockers] == ["A", "B"]
    assert [(lock.kind, lock.offset, lock.length) for lock in refusal.locks] == [
        ("SHARED", 0, 10)
    ] * 2
    assert refusal.blocker_count == 3
