"""Lock requests: several ranges in one, granted at once, refused at once, or waiting for others to
let go.

The law ([MS-SMB2] 3.3.5.14). What the first element says makes a request one of locks or one of
unlocks. Locks are all or nothing, and only a request for one of them may wait; unlocks are done one
by one, and those before a failure stay done. A waiting request is granted as soon as its range is
free, in the order of asking, but it holds nobody back: a new lock that goes with what is held is
granted before it. Of very many that may be granted together the first are, the others in the turns
that follow. A waiter whose handle closes is answered RANGE_NOT_LOCKED, one that is cancelled
or whose session ends CANCELLED.

How long a request may wait is its caller's affair: nothing here knows the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import LockFlag, NtStatus
from despoolr_server.engine.ranges import (
    EXCLUSIVE,
    OFFSET_END,
    READ,
    SHARED,
    WRITE,
    FileRanges,
    RangeLock,
    meet,
)
from despoolr_server.engine.rows import Open, RangeRequest, Refusal, Settled, Waiting
from despoolr_server.engine.table import OpenedFile, OpenTable

_FAIL_IMMEDIATELY: Final = int(LockFlag.FAIL_IMMEDIATELY)
_UNLOCK: Final = int(LockFlag.UNLOCK)
ALL: Final = 1 << 62
WOKEN_MAX: Final = 128
"""Waiting requests that are granted in one turn; each is put on record and answered."""
LOOKED_AT_MAX: Final = 1_024
"""Waiting requests of which it is looked in one turn whether they may be granted."""
LOCKS_A_TURN: Final = 1_024
"""Locks of one handle that are let go in one turn."""
LOCKS_AT_CLOSE_MAX: Final = 256
"""Locks of a handle that are let go together with its close."""
LOCKS_TO_A_CLOSE: Final = 64
"""Locks that are let go in about the time of a close."""
_KINDS: Final[dict[int, str]] = {int(LockFlag.SHARED): SHARED, int(LockFlag.EXCLUSIVE): EXCLUSIVE}


class Unlocked(msgspec.Struct, frozen=True, gc=False):
    """What a request of unlocks let go, who got something by it, and what stopped it (None:
    nothing).
    """

    released: tuple[RangeLock, ...]
    settled: tuple[Settled, ...]
    refusal: Refusal | None


class Locking:
    """The range locks and waiting requests of every open file in one table."""

    def __init__(
        self,
        table: OpenTable,
        *,
        blockers_max: int,
        locks_per_open_max: int,
        waiters_max: int,
        waiters_per_machine_max: int,
        is_over: Callable[[str, float], bool],
    ) -> None:
        """`is_over`: whether the session of a handle is over at a time, though it has not ended
        yet.
        """
        self.blockers_max = blockers_max
        self.locks_per_open_max = locks_per_open_max
        self.waiters_max = waiters_max
        self.waiters_per_machine_max = waiters_per_machine_max
        self._table = table
        self._is_over = is_over
        self._number = 0
        self._waiters: dict[int, Waiting] = {}
        self._waits: dict[str, dict[int, Waiting]] = {}
        """Those of each handle."""
        self._to_wake: dict[OpenedFile, tuple[tuple[int, int], int]] = {}
        """Where more may be granted: in which range, behind the waiter with which number."""
        self._waiters_of: Counter[str] = Counter()
        self._lock_counts: dict[str, int] = {}

    @property
    def waiting_count(self) -> int:
        """The number of lock requests that wait for others."""
        return len(self._waiters)

    @property
    def is_waking(self) -> bool:
        """Whether there may be more to be granted than was in one turn (`wake_more`)."""
        return bool(self._to_wake)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiters.values())

    def of_handle(self, handle: str) -> Collection[Waiting]:
        """What a handle waits for, oldest first."""
        return self._waits.get(handle, {}).values()

    def lock_count(self, handle: str) -> int:
        """How many locks a handle has."""
        return self._lock_counts.get(handle, 0)

    def work_of(self, handle: str) -> int:
        """How many closes of a handle without locks are as much work as that of this one."""
        return 1 + self.lock_count(handle) // LOCKS_TO_A_CLOSE

    def has_many(self, handle: str) -> bool:
        """Whether some of a handle's locks are let go in turns of their own ahead of its close."""
        return self.lock_count(handle) > LOCKS_AT_CLOSE_MAX

    def closed_first(self, handles: list[str], closes_max: int) -> tuple[list[str], int]:
        """The first of these handles, with as much work as so many closes, and how much that is.
        Unless it is for `ALL`, none of them has many locks.
        """
        first: list[str] = []
        work = 0
        for handle in handles:
            if work >= closes_max or (closes_max < ALL // 2 and self.has_many(handle)):
                break
            first.append(handle)
            work += self.work_of(handle)
        return first, work

    # -- asking

    def lock(
        self, now: float, row: Open, elements: Sequence[RangeRequest], request: str = ""
    ) -> tuple[RangeLock, ...] | Waiting | Refusal:
        """Grant every element's range, none of them, or let a single one wait."""
        if row.directory or not elements:
            return Refusal(
                NtStatus.INVALID_PARAMETER,
                reason="only a file has ranges" if row.directory else "no range is named",
            )
        for element in elements:
            if element.flags & ~_FAIL_IMMEDIATELY not in _KINDS:
                return Refusal(
                    NtStatus.INVALID_PARAMETER, reason="a lock is either SHARED or EXCLUSIVE"
                )
            if len(elements) > 1 and not element.flags & _FAIL_IMMEDIATELY:
                return Refusal(
                    NtStatus.INVALID_PARAMETER,
                    reason="several ranges are locked with FAIL_IMMEDIATELY or not at all",
                )
        count = self.lock_count(row.handle) + len(self.of_handle(row.handle))
        if count + len(elements) > self.locks_per_open_max:
            reason = f"a handle has, or waits for, at most {self.locks_per_open_max} locks"
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=reason)
        file = self._file(row)
        granted: list[RangeLock] = []
        for element in elements:
            answer = self._try(now, file, row.handle, element, request)
            if not isinstance(answer, RangeLock):
                for lock in granted:
                    self._remove(file, lock)
                return answer
            granted.append(answer)
        return tuple(granted)

    def unlock(self, now: float, row: Open, elements: Sequence[RangeRequest]) -> Unlocked:
        """Release exactly these ranges, one by one, until one was not locked like that. Returns
        what was released, and who is granted a lock now.
        """
        released: list[RangeLock] = []
        refusal: Refusal | None = None
        file = self._file(row)
        for element in elements:
            lock = (
                file.ranges.find(row.handle, element.offset, element.length)
                if file.ranges
                else None
            )
            if row.directory or element.flags != _UNLOCK:
                refusal = Refusal(
                    NtStatus.INVALID_PARAMETER,
                    reason="a request that begins with an unlock only unlocks",
                )
            elif element.offset + element.length > OFFSET_END:
                refusal = Refusal(NtStatus.INVALID_LOCK_RANGE)
            elif lock is None:
                refusal = Refusal(NtStatus.RANGE_NOT_LOCKED)
            else:
                self._remove(file, lock)
                released.append(lock)
                continue
            break
        settled = self._wake(now, file, _around(released)) if released else ()
        return Unlocked(tuple(released), settled, refusal)

    def check_transfer(
        self, file: OpenedFile, handle: str, *, writes: bool, offset: int, length: int
    ) -> Refusal | None:
        """Why bytes of an open file may not be read or written (`handle` `""`: by somebody who has
        it not open).
        """
        ranges, kind = file.ranges, WRITE if writes else READ
        if ranges is None or ranges.may_transfer(handle, kind, offset, length):
            return None
        locks, count = ranges.transfer_blockers(handle, kind, offset, length, self.blockers_max)
        return self._refusal(NtStatus.FILE_LOCK_CONFLICT, locks, count)

    def blocked(self, waiting: Waiting) -> Refusal:
        """Who stands in a waiter's way now."""
        row = self._table.find(waiting.handle)
        assert row is not None, "a waiter outlived its handle"
        ranges = self._file(row).ranges or FileRanges()
        locks = ranges.lock_blockers(
            waiting.handle, waiting.kind, waiting.offset, waiting.length, self.blockers_max
        )
        return self._refusal(NtStatus.LOCK_NOT_GRANTED, *locks)

    def find_waiting(self, handle: str, request: str) -> Waiting | None:
        """A handle's waiting request by the name its caller gave it."""
        return next((one for one in self.of_handle(handle) if one.request == request), None)

    # -- ending

    def give_up(self, waiting: Waiting) -> bool:
        """End a wait (cancelled, or waited long enough). Returns False if it has ended already."""
        if waiting.number not in self._waiters:
            return False
        row = self._table.find(waiting.handle)
        assert row is not None, "a waiter outlived its handle"
        self._forget(self._file(row), waiting)
        return True

    def dismiss(self, file: OpenedFile, handle: str, status: NtStatus) -> tuple[Settled, ...]:
        """End every wait of a handle that goes."""
        mine = [*self.of_handle(handle)]
        for waiting in mine:
            self._forget(file, waiting)
        return tuple(Settled(waiting, status) for waiting in mine)

    def release(self, now: float, file: OpenedFile, handle: str) -> tuple[Settled, ...]:
        """Release all locks of a handle. Returns the requests that are granted now."""
        released = self._take_out(file, handle)
        return self._wake(now, file, _around(released)) if released and file.waiters else ()

    def let_go(self, handle: str) -> None:
        """Release as many of a handle's locks as in one turn; who waits is for `wake_more`."""
        row = self._table.find(handle)
        assert row is not None, "a closed handle has locks"
        file = self._file(row)
        released = self._take_out(file, handle, LOCKS_A_TURN)
        if released and file.waiters:
            self._wakes_later(file, _around(released))

    def wake_more(self, now: float) -> tuple[Settled, ...]:
        """Grant more of what was left for the turns to come, after `is_waking`."""
        if not self._to_wake:
            return ()
        file, (released, last) = self._to_wake.popitem()
        return self._wake(now, file, released, last)

    # -- inside

    def _try(
        self, now: float, file: OpenedFile, handle: str, element: RangeRequest, request: str
    ) -> RangeLock | Waiting | Refusal:
        offset, length = element.offset, element.length
        if offset + length > OFFSET_END:
            return Refusal(NtStatus.INVALID_LOCK_RANGE, reason="the range ends past 2^64")
        kind = _KINDS[element.flags & ~_FAIL_IMMEDIATELY]
        if file.ranges is None or file.ranges.may_lock(handle, kind, offset, length):
            return self._add(now, file, handle, kind, offset, length)
        if element.flags & _FAIL_IMMEDIATELY:
            blockers = file.ranges.lock_blockers(handle, kind, offset, length, self.blockers_max)
            return self._refusal(NtStatus.LOCK_NOT_GRANTED, *blockers)
        if len(self._waiters) >= self.waiters_max:
            return Refusal(
                NtStatus.INSUFFICIENT_RESOURCES,
                reason=f"{self.waiters_max} lock requests wait already",
            )
        row = self._table.find(handle)
        assert row is not None, "a closed handle locks"
        machine = fold(row.machine)
        if self._waiters_of[machine] >= self.waiters_per_machine_max:
            reason = f"{self.waiters_per_machine_max} lock requests of {row.machine} wait already"
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=reason)
        self._number += 1
        waiting = Waiting(self._number, handle, request, offset, length, kind, machine)
        self._waiters[waiting.number] = waiting
        self._waiters_of[machine] += 1
        self._waits.setdefault(handle, {})[waiting.number] = waiting
        if file.waiters is None:
            file.waiters = {}
        file.waiters[waiting.number] = waiting
        return waiting

    def _wake(
        self, now: float, file: OpenedFile, released: tuple[int, int], last: int = 0
    ) -> tuple[Settled, ...]:
        """Grant what may be granted now that locks within a range are gone: nothing else can be.
        What is refused to one is refused to the next who wants the same, but for the one whose own
        lock it was. `last` is the number of the last waiter that was looked at.
        """
        if file in self._to_wake:
            self._wakes_later(file, released)
            released, _ = self._to_wake.pop(file)
        settled: list[Settled] = []
        refused: dict[tuple[str, int, int], str] = {}
        look_count = 0
        for waiting in list((file.waiters or {}).values()):
            offset, length = waiting.offset, waiting.length
            if waiting.number <= last or not meet((offset, offset + length), released):
                continue
            handle, kind, *_ = wish = (waiting.handle, waiting.kind, offset, length)
            if refused.get(wish[1:], handle) != handle:
                continue
            if look_count == LOOKED_AT_MAX or len(settled) == WOKEN_MAX:
                self._to_wake[file] = released, waiting.number - 1
                break
            look_count += 1
            if file.ranges is not None and not file.ranges.may_lock(*wish):
                if kind == EXCLUSIVE:
                    refused[wish[1:]] = ""
                elif wish[1:] not in refused:
                    (first,), _ = file.ranges.lock_blockers(*wish, 1)
                    refused[wish[1:]] = first.handle
            elif not self._is_over(handle, now):
                lock = self._add(now, file, *wish)
                self._forget(file, waiting)
                settled.append(Settled(waiting, NtStatus.SUCCESS, lock))
        return tuple(settled)

    def _wakes_later(self, file: OpenedFile, released: tuple[int, int]) -> None:
        """More may be granted within a range."""
        first, end = released
        (low, high), _ = self._to_wake.get(file, (released, 0))
        self._to_wake[file] = (min(first, low), max(end, high)), 0

    def _take_out(
        self, file: OpenedFile, handle: str, locks_max: int | None = None
    ) -> list[RangeLock]:
        """Remove all locks of a handle, or the oldest."""
        count = self._lock_counts.pop(handle, 0)
        if count == 0 or file.ranges is None:
            return []
        released = file.ranges.release(handle, locks_max)
        if len(released) < count:
            self._lock_counts[handle] = count - len(released)
        if not file.ranges:
            file.ranges = None
        return released

    def _add(
        self, now: float, file: OpenedFile, handle: str, kind: str, offset: int, length: int
    ) -> RangeLock:
        self._number += 1
        lock = RangeLock(self._number, handle, offset, length, kind, now)
        if file.ranges is None:
            file.ranges = FileRanges()
        file.ranges.add(lock)
        self._lock_counts[handle] = self._lock_counts.get(handle, 0) + 1
        return lock

    def _remove(self, file: OpenedFile, lock: RangeLock) -> None:
        assert file.ranges is not None
        file.ranges.remove(lock)
        if not file.ranges:
            file.ranges = None
        self._lock_counts[lock.handle] -= 1
        if not self._lock_counts[lock.handle]:
            del self._lock_counts[lock.handle]

    def _forget(self, file: OpenedFile, waiting: Waiting) -> None:
        assert file.waiters is not None, "a waiter that its file does not know"
        del self._waiters[waiting.number]
        self._waiters_of[waiting.machine] -= 1
        if not self._waiters_of[waiting.machine]:
            del self._waiters_of[waiting.machine]
        waits = self._waits[waiting.handle]
        del waits[waiting.number]
        if not waits:
            del self._waits[waiting.handle]
        del file.waiters[waiting.number]
        if not file.waiters:
            file.waiters = None

    def _file(self, row: Open) -> OpenedFile:
        file = self._table.file(row.file)
        assert file is not None, "an open without its file"
        return file

    def _refusal(self, status: NtStatus, locks: tuple[RangeLock, ...], count: int) -> Refusal:
        rows = [self._table.find(lock.handle) for lock in locks]
        return Refusal(status, tuple(row for row in rows if row is not None), count, locks=locks)


def _around(locks: Sequence[RangeLock]) -> tuple[int, int]:
    """The range that has all of theirs in it."""
    return (
        min(lock.offset for lock in locks),
        max(lock.offset + lock.length for lock in locks),
    )
