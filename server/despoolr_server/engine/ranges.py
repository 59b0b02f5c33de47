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
from collections.abc import Collection, Iterable, Iterator
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

MANY: Final = 64
"""Locks that it takes longer to remove one by one than to make the list anew that they are in."""

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

    def remove_all(self, locks: Iterable[RangeLock]) -> None:
        """Remove very many: each of the lists is made anew once."""
        held, sizes = self.locks, set()
        for lock in locks:
            length = lock.length
            span = (lock.offset, lock.offset + length)
            if len(held[span]) > 1:
                del held[span][lock.number]
            else:
                del held[span]
                sizes.add(length.bit_length())
        for size in sizes:
            spans = [*filter(held.__contains__, self._by_size[size])]
            if spans:
                self._by_size[size] = spans
            else:
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

    __slots__ = ("_by_handle", "_by_range", "_count", "_held")

    def __init__(self) -> None:
        self._count = 0
        self._held: dict[str, _Held] = {SHARED: _Held(), EXCLUSIVE: _Held()}
        self._by_range: dict[str, dict[_Range, list[RangeLock]]] = {}
        self._by_handle: dict[str, dict[int, RangeLock]] = {}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RangeLock]:
        for mine in self._by_handle.values():
            yield from mine.values()

    def of_handle(self, handle: str) -> Collection[RangeLock]:
        """A handle's locks, oldest first."""
        return self._by_handle.get(handle, {}).values()

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
        mine = self._by_range.setdefault(lock.handle, {})
        mine.setdefault((lock.offset, lock.length), []).append(lock)
        self._by_handle.setdefault(lock.handle, {})[lock.number] = lock

    def find(self, handle: str, offset: int, length: int) -> RangeLock | None:
        """What an unlock of exactly this range takes: the handle's exclusive lock first, else its
        newest shared one.
        """
        stacked = self._by_range.get(handle, {}).get((offset, length))
        if not stacked:
            return None
        return next((lock for lock in stacked if lock.kind == EXCLUSIVE), stacked[-1])

    def remove(self, lock: RangeLock) -> None:
        """Remove a lock that stands."""
        self._count -= 1
        self._held[lock.kind].remove(lock)
        mine = self._by_range[lock.handle]
        stacked = mine[lock.offset, lock.length]
        stacked.remove(lock)
        if not stacked:
            del mine[lock.offset, lock.length]
        del self._by_handle[lock.handle][lock.number]
        if not mine:
            del self._by_range[lock.handle], self._by_handle[lock.handle]

    def release(self, handle: str, locks_max: int | None = None) -> list[RangeLock]:
        """Remove every lock of a handle, or the oldest so many. Returns them, oldest first."""
        locks = [*islice(self.of_handle(handle), locks_max)]
        if len(locks) < MANY:
            for lock in locks:
                self.remove(lock)
            return locks
        self._count -= len(locks)
        for kind, held in self._held.items():
            held.remove_all(lock for lock in locks if lock.kind == kind)
        mine, by_range = self._by_handle[handle], self._by_range[handle]
        if len(locks) == len(mine):
            del self._by_handle[handle], self._by_range[handle]
            return locks
        for lock in locks:
            del mine[lock.number]
            stacked = by_range[lock.offset, lock.length]
            stacked.remove(lock)
            if not stacked:
                del by_range[lock.offset, lock.length]
        return locks

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
