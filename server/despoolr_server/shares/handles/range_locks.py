"""Byte-range locks through a handle: granted, refused, or waited for.

The law: a lock request is decided in one turn like everything else. One that may wait is parked:
its call is not answered until the range is free, it is cancelled, its handle goes, or it has waited
long enough; who is parked is bounded in number and in time, and costs nothing but a timer. While
anybody is parked, leases are looked at by the clock, since nobody may ask anything for a long time:
a vanished machine's locks are free when its lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from itertools import islice
from typing import Final

from despoolr_core.share.modes import LockFlag, NtStatus, parse_flags
from despoolr_core.share.wire import (
    LockedRange,
    LockElement,
    LockList,
    LockRequest,
    Problem,
    WaitingRange,
)
from despoolr_server.engine.ranges import OFFSET_END, RangeLock
from despoolr_server.engine.rows import Open, RangeRequest, Refusal, Settled, Waiting
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.principal import Principal
from despoolr_server.shares.base.problems import blockers_of, problem, range_of, refusal_problem

LEASE_LOOK_S: Final = 1.0
"""Site seconds between looks at the leases while somebody waits; a lease known beforehand is met on
the instant.
"""

WhenGone = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes what is to be called in the turn in which a caller goes; returns what takes that back."""

_UNLOCK: Final = int(LockFlag.UNLOCK)


class RangeLocks:
    """Range locks of open files: lock, unlock, wait, cancel."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._clock = gate.clock
        self._engine = gate.engine
        self._limits = gate.limits
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing
        self._lease_watch: asyncio.Task[None] | None = None

    async def lock(
        self,
        who: Principal,
        handle: str,
        request: LockRequest,
        *,
        session: str = "",
        when_gone: WhenGone | None = None,
    ) -> LockList | Problem:
        """Lock ranges, or unlock them if the first element says so. Returns what was locked, or the
        refusal. May wait (see `LockRequest`).

        A wait ends when the caller goes, which `when_gone` tells: nothing is granted to it from
        that turn on.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if len(request.locks) > self._limits.locks_per_request_max:
            detail = f"a request names at most {self._limits.locks_per_request_max} ranges"
            return problem(NtStatus.INVALID_PARAMETER, row.share, row.path, detail=detail)
        try:
            elements = [_element(one) for one in request.locks]
            wait_s = min(
                _seconds(request.wait_s) or self._limits.lock_wait_s_max,
                self._limits.lock_wait_s_max,
            )
        except ValueError as error:
            return problem(NtStatus.INVALID_PARAMETER, row.share, row.path, detail=str(error))
        if elements and elements[0].flags & _UNLOCK:
            return self._unlock(row, elements) or LockList([])
        answer = self._engine.locking.lock(self._clock.now(), row, elements, request.request)
        if isinstance(answer, Refusal):
            return self._refusals.refuse_open(row, answer)
        if isinstance(answer, Waiting):
            return await self._wait(row, answer, wait_s, when_gone)
        for lock in answer:
            self._audit.lock_granted(row, lock)
        return LockList([range_of(lock) for lock in answer])

    def unlock(
        self, who: Principal, handle: str, offset: int, length: int, *, session: str = ""
    ) -> Problem | None:
        """Unlock exactly this range: the handle's exclusive lock first, if locks are stacked
        there.
        """
        row = self._gate.own_open(who, handle, session)
        return (
            row
            if isinstance(row, Problem)
            else self._unlock(row, [RangeRequest(offset, length, _UNLOCK)])
        )

    def cancel(
        self, who: Principal, handle: str, request: str, *, session: str = ""
    ) -> Problem | None:
        """Cancel a waiting request by the name its caller gave it; its own call answers
        CANCELLED.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        waiting = self._engine.locking.find_waiting(handle, request)
        if waiting is None:
            return problem(
                NtStatus.OBJECT_NAME_NOT_FOUND,
                row.share,
                row.path,
                detail=f"no request {request!r} waits there",
            )
        self._engine.locking.give_up(waiting)
        self._closing.answer_waits((Settled(waiting, NtStatus.CANCELLED),))
        return None

    def held(self, who: Principal, handle: str, *, session: str = "") -> LockList | Problem:
        """What a handle has locked and what it waits for, oldest first."""
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        return LockList(*self.ranges_of(row))

    def waiting_counts(self) -> dict[str, int]:
        """How many lock requests wait on each share; every share is there."""
        counts = dict.fromkeys((share.name for share in self._gate.shares.values()), 0)
        for waiting in self._engine.locking:
            row = self._engine.find(waiting.handle)
            assert row is not None, "a waiter outlived its handle"
            counts[row.share] += 1
        return counts

    # -- inside

    def ranges_of(
        self, row: Open, ranges_max: int | None = None
    ) -> tuple[list[LockedRange], list[WaitingRange]]:
        """What a handle has locked and what it waits for, oldest first: all, or the first so
        many.
        """
        waiting = [
            WaitingRange(one.kind, one.offset, one.length, one.request)
            for one in islice(self._engine.locking.of_handle(row.handle), ranges_max)
        ]
        return [range_of(lock) for lock in islice(self._locks_of(row), ranges_max)], waiting

    def counts_of(self, row: Open) -> tuple[int, int]:
        """How many ranges a handle has locked, and how many it waits for."""
        locking = self._engine.locking
        return locking.lock_count(row.handle), len(locking.of_handle(row.handle))

    def _locks_of(self, row: Open) -> Collection[RangeLock]:
        file = self._engine.table.file(row.file)
        return file.ranges.of_handle(row.handle) if file and file.ranges else ()

    def _unlock(self, row: Open, elements: list[RangeRequest]) -> Problem | None:
        unlocked = self._engine.locking.unlock(self._clock.now(), row, elements)
        for lock in unlocked.released:
            self._audit.lock_released(row, lock)
        self._closing.answer_waits(unlocked.settled)
        return self._refusals.refuse_open(row, unlocked.refusal) if unlocked.refusal else None

    async def _wait(
        self, row: Open, waiting: Waiting, wait_s: float, when_gone: WhenGone | None
    ) -> LockList | Problem:
        """Park until settled. The refusal that began the wait is on record; being granted ends its
        episode.
        """
        blocked = self._refusals.refuse_open(row, self._engine.locking.blocked(waiting))
        settled: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        self._closing.parked[waiting.number] = settled
        if self._lease_watch is None:
            self._lease_watch = asyncio.create_task(self._watch_leases())
        timer = asyncio.create_task(self._clock.sleep(wait_s))
        timer.add_done_callback(
            lambda _: _settle_once(settled, Settled(waiting, NtStatus.LOCK_NOT_GRANTED))
        )
        is_gone = False

        def leave() -> None:
            nonlocal is_gone
            is_gone = True
            self._engine.locking.give_up(waiting)
            _settle_once(settled, Settled(waiting, NtStatus.CANCELLED))

        forget = when_gone(leave) if when_gone is not None else None
        try:
            outcome = await settled
            # as of now: others may be in the way than at first
            if outcome.status is NtStatus.LOCK_NOT_GRANTED:
                refusal = self._engine.locking.blocked(waiting)
                return refusal_problem(
                    refusal, row.share, row.path, blockers_of(refusal), blocked.episode
                )
        except asyncio.CancelledError:
            is_gone = True
            raise
        finally:
            if forget is not None:
                forget()
            if is_gone and settled.done() and not settled.cancelled():
                self._take_back(settled.result())
            self._closing.parked.pop(waiting.number, None)
            self._engine.locking.give_up(waiting)
            timer.cancel()
            if not self._closing.parked and self._lease_watch is not None:
                self._lease_watch.cancel()
                self._lease_watch = None
        if outcome.lock is None or is_gone:
            status = NtStatus.CANCELLED if is_gone else outcome.status
            return problem(status, row.share, row.path)
        return LockList([range_of(outcome.lock)])

    def _take_back(self, outcome: Settled) -> None:
        """Unlock what was granted to somebody who went before hearing of it."""
        row = self._engine.find(outcome.waiting.handle)
        if outcome.lock is not None and row is not None:
            self._unlock(row, [RangeRequest(outcome.lock.offset, outcome.lock.length, _UNLOCK)])

    async def _watch_leases(self) -> None:
        while True:
            left = self._engine.sessions.next_deadline() - self._gate.now()
            await self._clock.sleep(min(left, LEASE_LOOK_S))


def _settle_once(settled: asyncio.Future[Settled], outcome: Settled) -> None:
    if not settled.done():
        settled.set_result(outcome)


def _element(one: LockElement) -> RangeRequest:
    for name, value in (("offset", one.offset), ("length", one.length)):
        if not 0 <= value < OFFSET_END:
            raise ValueError(f"`{name}` is a whole number from 0 to 2^64 - 1")
    return RangeRequest(one.offset, one.length, parse_flags(LockFlag, one.flags))


def _seconds(wait_s: float) -> float:
    if not 0.0 <= wait_s < float("inf"):
        raise ValueError(
            "`wait_s` is a number of seconds, 0 for as long as the server lets it wait"
        )
    return wait_s
