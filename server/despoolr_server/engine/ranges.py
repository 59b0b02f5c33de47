"""Byte-range locks of one file: which locks can stand beside each other, and which reads and writes
they stop.

The law is two tables ([MS-FSA] 2.1.4.10). The owner of a lock is a handle; another handle of the
same session is a stranger. `LOCK_AGAINST_LOCK`: exclusive goes with nothing, its owner's own locks
included, but a shared lock may be laid over one's own exclusive one. `IO_AGAINST_LOCK`: strangers
stay out of an exclusive range, and nobody writes into a shared one, its owner included.

Two ranges meet if each begins before the other ends: a range of no bytes meets another only
strictly inside it, and reading or writing nothing meets nobody. The file's size is never known
here, and neither is who waits.

Ranges are kept by size (each power of two in a list of its own, sorted), so that asking looks only
at neighbours, however many locks there are elsewhere in the file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Final

import msgspec

SHARED: Final = "SHARED"
EXCLUSIVE: Final = "EXCLUSIVE"
READ: Final = "READ"
WRITE: Final = "WRITE"
OWN: Final = "own"
OTHERS: Final = "others'"

LOCK_AGAINST_LOCK: Final[dict[tuple[str, str, str], bool]] = {
    (SHARED, SHARED, OWN): True,
    (SHARED, SHARED, OTHERS): True,
    (SHARED, EXCLUSIVE, OWN): True,
    (SHARED, EXCLUSIVE, OTHERS): False,
    (EXCLUSIVE, SHARED, OWN): False,
    (EXCLUSIVE, SHARED, OTHERS): False,
    (EXCLUSIVE, EXCLUSIVE, OWN): False,
    (EXCLUSIVE, EXCLUSIVE, OTHERS): False,
}
"""Whether a lock of the first kind is granted where one of the second kind is held, and by whom."""

IO_AGAINST_LOCK: Final[dict[tuple[str, str, str], bool]] = {
    (READ, SHARED, OWN): True,
    (READ, SHARED, OTHERS): True,
    (READ, EXCLUSIVE, OWN): True,
    (READ, EXCLUSIVE, OTHERS): False,
    (WRITE, SHARED, OWN): False,
    (WRITE, SHARED, OTHERS): False,
    (WRITE, EXCLUSIVE, OWN): True,
    (WRITE, EXCLUSIVE, OTHERS): False,
}
"""Whether bytes are read or written where a lock of the second kind is held, and by whom."""

OFFSET_END: Final = 2**64
"""Where the last range ends: offsets are 64 bits."""

_Range = tuple[int, int]
_Rule = dict[tuple[str, str, str], bool]


class RangeLock(msgspec.Struct, frozen=True, gc=False):
    """One granted lock: `length` bytes from `offset` through one handle. `number` orders locks by
    age.
    """

    number: int
    handle: str
    offset: int
    length: int
    kind: str
    locked_at: float


def meet(one: _Range, other: _Range) -> bool:
    """Whether two half-open ranges have a byte in common, or one of no bytes lies strictly
    inside the other.
    """
    return one[0] < other[1] and other[0] < one[1]


class _Held:
    """The locks of one kind, by range."""

    __slots__ = ("_by_size", "locks")

    def __init__(self) -> None:
        self.locks: dict[_Range, dict[int, RangeLock]] = {}
        self._by_size: dict[int, list[_Range]] = {}

    def add(self, lock: RangeLock) -> None:
        span = (lock.offset, lock.offset + lock.length)
        members = self.locks.get(span)
        if members is None:
            members = self.locks[span] = {}
            insort(self._by_size.setdefault(lock.length.bit_length(), []), span)
        members[lock.number] = lock

    def remove(self, lock: RangeLock) -> None:
        span = (lock.offset, lock.offset + lock.length)
        members = self.locks[span]
        del members[lock.number]
        if not members:
            del self.locks[span]
            size = lock.length.bit_length()
            spans = self._by_size[size]
            del spans[bisect_left(spans, span)]
            if not spans:
                del self._by_size[size]

    def meeting(self, span: _Range) -> Iterator[dict[int, RangeLock]]:
        """The locks whose range meets `span`, in groups of one range, each by age."""
        for size, spans in self._by_size.items():
            # all that begin earlier end before it
            first = bisect_right(spans, (span[0] - (1 << size), OFFSET_END))
            for index in range(first, bisect_left(spans, (span[1], 0))):
                if meet(spans[index], span):
                    yield self.locks[spans[index]]


class FileRanges:
    """Every lock of one file."""

    __slots__ = ("_by_handle", "_count", "_held")

    def __init__(self) -> None:
        self._count = 0
        self._held: dict[str, _Held] = {SHARED: _Held(), EXCLUSIVE: _Held()}
        self._by_handle: dict[str, dict[_Range, list[RangeLock]]] = {}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RangeLock]:
        for mine in self._by_handle.values():
            for locks in mine.values():
                yield from locks

    def of_handle(self, handle: str) -> list[RangeLock]:
        """A handle's locks, oldest first."""
        mine = self._by_handle.get(handle, {})
        return sorted(
            (lock for locks in mine.values() for lock in locks), key=lambda lock: lock.number
        )

    def may_lock(self, handle: str, kind: str, offset: int, length: int) -> bool:
        """Whether the table `LOCK_AGAINST_LOCK` grants this lock beside those that stand."""
        return not any(
            _some(group) for group in self._groups(LOCK_AGAINST_LOCK, handle, kind, offset, length)
        )

    def may_transfer(self, handle: str, kind: str, offset: int, length: int) -> bool:
        """Whether `IO_AGAINST_LOCK` lets this read or write through; `handle` `""` is nobody's."""
        return not length or not any(
            _some(group) for group in self._groups(IO_AGAINST_LOCK, handle, kind, offset, length)
        )

    def lock_blockers(
        self, handle: str, kind: str, offset: int, length: int, locks_max: int
    ) -> tuple[tuple[RangeLock, ...], int]:
        """The first `locks_max` locks in the way of a lock, oldest first, and how many there are in
        all.
        """
        return self._blockers(LOCK_AGAINST_LOCK, handle, kind, offset, length, locks_max)

    def transfer_blockers(
        self, handle: str, kind: str, offset: int, length: int, locks_max: int
    ) -> tuple[tuple[RangeLock, ...], int]:
        """The same for a read or write."""
        return self._blockers(IO_AGAINST_LOCK, handle, kind, offset, length, locks_max)

    def add(self, lock: RangeLock) -> None:
        """Enter a lock that `may_lock` has granted."""
        self._count += 1
        self._held[lock.kind].add(lock)
        mine = self._by_handle.setdefault(lock.handle, {})
        mine.setdefault((lock.offset, lock.length), []).append(lock)

    def find(self, handle: str, offset: int, length: int) -> RangeLock | None:
        """What an unlock of exactly this range takes: the handle's exclusive lock first, else its
        newest shared one.
        """
        stacked = self._by_handle.get(handle, {}).get((offset, length))
        if not stacked:
            return None
        return next((lock for lock in stacked if lock.kind == EXCLUSIVE), stacked[-1])

    def remove(self, lock: RangeLock) -> None:
        """Remove a lock that stands."""
        self._count -= 1
        self._held[lock.kind].remove(lock)
        mine = self._by_handle[lock.handle]
        stacked = mine[lock.offset, lock.length]
        stacked.remove(lock)
        if not stacked:
            del mine[lock.offset, lock.length]
            if not mine:
                del self._by_handle[lock.handle]

    def release(self, handle: str) -> int:
        """Remove every lock of a handle. Returns how many there were."""
        locks = self.of_handle(handle)
        for lock in locks:
            self.remove(lock)
        return len(locks)

    def _groups(
        self, rule: _Rule, handle: str, kind: str, offset: int, length: int
    ) -> Iterator[Iterator[RangeLock]]:
        """The locks that a rule holds against something, in groups of one range and kind, each by
        age.
        """
        for held_kind, held in self._held.items():
            own, others = rule[kind, held_kind, OWN], rule[kind, held_kind, OTHERS]
            if (own and others) or not held.locks:
                continue
            for group in held.meeting((offset, offset + length)):
                yield (
                    lock
                    for lock in group.values()
                    if not (own if lock.handle == handle else others)
                )

    def _blockers(
        self, rule: _Rule, handle: str, kind: str, offset: int, length: int, locks_max: int
    ) -> tuple[tuple[RangeLock, ...], int]:
        if not length and rule is IO_AGAINST_LOCK:
            return (), 0
        groups = [list(group) for group in self._groups(rule, handle, kind, offset, length)]
        oldest = merge(*groups, key=lambda lock: lock.number)
        return tuple(islice(oldest, locks_max)), sum(map(len, groups))


def _some(locks: Iterator[RangeLock]) -> bool:
    return next(locks, None) is not None
