"""What holds of a share engine's tables whenever nothing is under way: sums are those of the rows,
and nothing stands together that must not.
"""

from __future__ import annotations

from collections import Counter

from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.holders import Holders
from despoolr_server.engine.locking import Locking
from despoolr_server.engine.ranges import LOCK_AGAINST_LOCK, OTHERS, OWN, FileRanges, meet
from despoolr_server.engine.rows import Open
from despoolr_server.engine.table import OpenTable


def check_engine(engine: ShareEngine) -> None:
    """Assert what must always hold: no open without a session, no lock without an open, no sum
    that is wrong.
    """
    check_table(engine.table)
    check_locking(engine.locking)
    alive = {session.session for session in engine.sessions}
    for file in engine.table.files():
        rows = list(file.opens.values())
        assert all(row.session in alive or row.handle in engine.ending for row in rows), (
            f"an open of {file.key} outlived its session"
        )


def check_locking(locking: Locking) -> None:
    """Assert that every lock and waiter has its handle, and no waiter could go ahead."""
    counts: dict[str, int] = {}
    for file in locking._table.files():
        for lock in () if file.ranges is None else file.ranges:
            counts[lock.handle] = counts.get(lock.handle, 0) + 1
            assert lock.handle in file.opens, f"an orphan lock: {lock}"
        if file.ranges is not None:
            assert file.ranges, "no locks, but a place for them"
            check_ranges(file.ranges)
        for waiting in (file.waiters or {}).values():
            assert waiting.handle in file.opens, f"an orphan waiter: {waiting}"
            assert file.ranges is not None
            assert not file.ranges.may_lock(
                waiting.handle, waiting.kind, waiting.offset, waiting.length
            )
    assert counts == locking._lock_counts
    assert sum(len(file.waiters or ()) for file in locking._table.files()) == len(locking._waiters)
    assert locking._waiters_of == Counter(waiting.machine for waiting in locking._waiters.values())


def check_ranges(ranges: FileRanges) -> None:
    """Assert that no two locks stand together that must not, and that every list has the same
    locks.
    """
    locks = sorted(ranges, key=lambda lock: lock.number)
    assert len(locks) == ranges._count
    for kind, held in ranges._held.items():
        kept = sorted(
            (lock for group in held.locks.values() for lock in group.values()),
            key=lambda lock: lock.number,
        )
        assert kept == [lock for lock in locks if lock.kind == kind]
    for index, later in enumerate(locks):
        for earlier in locks[:index]:
            spans = [(lock.offset, lock.offset + lock.length) for lock in (earlier, later)]
            owner = OWN if earlier.handle == later.handle else OTHERS
            stands = LOCK_AGAINST_LOCK[later.kind, earlier.kind, owner]
            assert stands or not meet(*spans), f"{later} was granted against {earlier}"


def check_table(table: OpenTable) -> None:
    """Assert that the sums are those of the rows."""
    by_file: dict[str, list[Open]] = {}
    for row in table._opens.values():
        by_file.setdefault(row.file, []).append(row)
        assert row.handle in table._by_session[row.session]
    assert by_file.keys() == table._files.keys()
    assert sum(map(len, table._by_session.values())) == len(table._opens)
    below: dict[str, dict[str, int]] = {}
    for key, rows in by_file.items():
        fresh = Holders()
        for row in rows:
            fresh.add(row)
        file = table._files[key]
        assert file.opens == {row.handle: row for row in rows}
        assert (file.holders.held, file.holders.denied) == (fresh.held, fresh.denied)
        while (cut := key.rfind("/")) >= 0:
            inside = below.setdefault(key[:cut], {})
            inside[key] = inside.get(key, 0) + 1
            key = key[:cut]
    assert below == table._below
