"""Every lock against every lock, every read and write against every lock: the two tables, and the
oracle's matrices.
"""

from __future__ import annotations

from itertools import product

import pytest

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.ranges import (
    EXCLUSIVE,
    IO_AGAINST_LOCK,
    LOCK_AGAINST_LOCK,
    OTHERS,
    OWN,
    READ,
    SHARED,
    WRITE,
    FileRanges,
    RangeLock,
)
from worlds.support import oracle

SPANS = [
    (0, 0),
    (0, 1),
    (0, 10),
    (3, 0),
    (3, 4),
    (5, 5),
    (9, 1),
    (10, 0),
    (10, 5),
    (0, 2**64 - 1),
    (2**64 - 1, 1),
]


def said_differently(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two ranges meet, byte by byte: a range of no bytes is the point before its
    byte.
    """
    (a, a_length), (b, b_length) = one, other
    if a_length and b_length:
        return max(a, b) <= min(a + a_length - 1, b + b_length - 1)
    if not a_length and not b_length:
        return False
    point, (start, length) = (a, other) if not a_length else (b, one)
    return start < point <= start + length - 1


def stranger_of(owner: str) -> str:
    return "h" if owner == OWN else "g"


def test_both_tables_have_an_answer_for_every_pair() -> None:
    assert set(LOCK_AGAINST_LOCK) == set(
        product((SHARED, EXCLUSIVE), (SHARED, EXCLUSIVE), (OWN, OTHERS))
    )
    assert set(IO_AGAINST_LOCK) == set(product((READ, WRITE), (SHARED, EXCLUSIVE), (OWN, OTHERS)))


@pytest.mark.parametrize("owner", [OWN, OTHERS])
def test_locks_and_transfers_are_stopped_where_ranges_meet_and_the_table_says_so_and_nowhere_else(
    owner: str,
) -> None:
    for held, asked, held_kind in product(SPANS, SPANS, (SHARED, EXCLUSIVE)):
        locks = FileRanges()
        locks.add(RangeLock(1, "h", *held, held_kind, 0.0))
        handle = stranger_of(owner)
        for kind in (SHARED, EXCLUSIVE):
            stands = LOCK_AGAINST_LOCK[kind, held_kind, owner] or not said_differently(held, asked)
            assert locks.may_lock(handle, kind, *asked) == stands, (held, held_kind, kind, asked)
            assert (locks.lock_blockers(handle, kind, *asked, 5)[1] == 0) == stands
        for kind in (READ, WRITE):
            stands = (
                IO_AGAINST_LOCK[kind, held_kind, owner]
                or not asked[1]
                or not said_differently(held, asked)
            )
            assert locks.may_transfer(handle, kind, *asked) == stands, (
                held,
                held_kind,
                kind,
                asked,
            )


def owner_of(actor: str) -> str:
    return "h" if actor == "same-handle" else "g"


def test_the_oracles_locks_against_locks_agree() -> None:
    rows = oracle("byte_range_locks")["lock_matrix"]["rows"]
    assert len(rows) > 100
    for (
        held_kind,
        held_offset,
        held_length,
        held_status,
        _,
        actor,
        kind,
        offset,
        length,
        status,
    ) in rows:
        assert held_status == NtStatus.SUCCESS
        locks = FileRanges()
        locks.add(RangeLock(1, "h", held_offset, held_length, held_kind, 0.0))
        got = (
            NtStatus.SUCCESS
            if locks.may_lock(owner_of(actor), kind, offset, length)
            else NtStatus.LOCK_NOT_GRANTED
        )
        assert got == status, (held_kind, held_offset, held_length, actor, kind, offset, length)


def test_the_oracles_transfers_against_locks_agree() -> None:
    rows = oracle("byte_range_locks")["io_matrix"]["rows"]
    assert len(rows) > 40
    for held_kind, actor, io, _, offset, length, status in rows:
        locks = FileRanges()
        locks.add(RangeLock(1, "h", 100, 10, held_kind, 0.0))
        got = (
            NtStatus.SUCCESS
            if locks.may_transfer(owner_of(actor), io.upper(), offset, length)
            else NtStatus.FILE_LOCK_CONFLICT
        )
        assert got == status, (held_kind, actor, io, offset, length)
