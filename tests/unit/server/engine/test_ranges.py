"""The locks of one file: stacks, unlocks, releases, who is named, and what many of them cost."""

from __future__ import annotations

import pytest

from despoolr_server.engine.ranges import (
    EXCLUSIVE,
    MANY,
    READ,
    SHARED,
    WRITE,
    FileRanges,
    RangeLock,
)
from worlds.engine_law import check_ranges


def filled(*locks: tuple[str, str, int, int]) -> FileRanges:
    """Locks by (handle, kind, offset, length), numbered in this order."""
    made = FileRanges()
    for number, (handle, kind, offset, length) in enumerate(locks, 1):
        made.add(RangeLock(number, handle, offset, length, kind, float(number)))
    check_ranges(made)
    return made


def test_an_unlock_takes_the_exclusive_lock_of_a_stack_first_and_then_the_shared_ones() -> None:
    locks = filled(("h", EXCLUSIVE, 0, 10), ("h", SHARED, 0, 10), ("h", SHARED, 0, 10))
    taken = []
    while (lock := locks.find("h", 0, 10)) is not None:
        locks.remove(lock)
        check_ranges(locks)
        taken.append(lock.kind)
    assert taken == [EXCLUSIVE, SHARED, SHARED]
    assert not locks


def test_an_unlock_finds_only_exactly_its_range_and_its_handles_own() -> None:
    locks = filled(("h", EXCLUSIVE, 0, 10))
    assert locks.find("h", 0, 9) is None
    assert locks.find("h", 1, 9) is None
    assert locks.find("g", 0, 10) is None
    assert locks.find("h", 0, 10) is not None


def test_release_takes_a_handles_locks_and_no_others() -> None:
    locks = filled(
        ("h", SHARED, 0, 10),
        ("g", SHARED, 0, 10),
        ("h", EXCLUSIVE, 20, 5),
        ("h", SHARED, 2**63, 2**63),
    )
    assert len(locks.release("h")) == 3
    check_ranges(locks)
    assert [lock.handle for lock in locks] == ["g"]
    assert locks.release("h") == []


@pytest.mark.parametrize("released_max", [None, 2 * MANY])
def test_very_many_locks_are_released_as_one_by_one(released_max: int | None) -> None:
    wanted = [
        (handle, SHARED if number % 3 else EXCLUSIVE, 9 * number, 1 + number % 3)
        for number in range(2 * MANY)
        for handle in (("h", "g") if number % 3 else ("h",))
    ]
    locks, others = filled(*wanted), filled(*wanted)
    released = locks.release("h", released_max)
    assert released == [*others.of_handle("h")][:released_max]
    for lock in released:
        others.remove(lock)
    check_ranges(locks)
    assert [*locks] == [*others]
    assert {kind: held.locks for kind, held in locks._held.items()} == {
        kind: held.locks for kind, held in others._held.items()
    }


def test_blockers_are_named_oldest_first_up_to_the_limit_and_counted_in_full() -> None:
    locks = filled(*((f"h{n}", SHARED, n, 10 - n % 3) for n in range(10)), ("x", SHARED, 50, 1))
    named, count = locks.lock_blockers("me", EXCLUSIVE, 0, 20, 3)
    assert [lock.handle for lock in named] == ["h0", "h1", "h2"]
    assert count == 10
    assert locks.transfer_blockers("me", WRITE, 50, 1, 3) == (
        (next(iter(locks.of_handle("x"))),),
        1,
    )
    assert locks.transfer_blockers("me", READ, 0, 100, 3) == ((), 0)
    assert locks.transfer_blockers("me", WRITE, 0, 0, 3) == ((), 0)


def test_ranges_are_found_among_many_of_every_size() -> None:
    locks = FileRanges()
    for number in range(20_000):
        locks.add(RangeLock(number, f"h{number % 100}", number * 16, 8, EXCLUSIVE, 0.0))
    locks.add(RangeLock(20_000, "big", 2**40, 2**50, SHARED, 0.0))
    at = 16 * 10_000
    assert [lock.number for lock in locks.lock_blockers("me", EXCLUSIVE, at + 4, 20, 9)[0]] == [
        10_000,
        10_001,
    ]
    assert locks.may_lock("me", EXCLUSIVE, at + 8, 8)
    assert not locks.may_lock("me", EXCLUSIVE, at + 7, 2)
    assert locks.lock_blockers("me", EXCLUSIVE, 0, 2**64 - 1, 1)[1] == 20_001
    assert [lock.handle for lock in locks.transfer_blockers("me", WRITE, 2**45, 1, 9)[0]] == ["big"]
