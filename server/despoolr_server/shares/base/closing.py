"""What follows when an open or a session ends, whoever ended it.

The law: the record first, then the answers to those whose wait for a lock is over, then the removal
of a file that was marked for it. Nothing here awaits, so it is all one turn with the decision. A
handle that went with its session is remembered for a while, so that a late call on it hears why.

A session may have thousands of opens, and ending them all in one turn would hold up everybody:
`SLICE` of them are closed at once, the others in the turns that follow, as many in each. Until then
they stand in the way of others, as they do with Windows, where what a session leaves behind is
closed file by file; its own calls on them hear at once that they are gone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import Name, found_name
from despoolr_server.engine.rows import Closed, Ended, Open, Session, Settled
from despoolr_server.files.protocol import StoreError
from despoolr_server.loop.pace import turn
from despoolr_server.shares.base.audit import Actor, Audit, actor_of
from despoolr_server.shares.base.dav_locks import DavLockTable
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.refusals import Refusals

SLICE: Final = 64
"""Opens, or sessions, that are ended in one turn: 10,000 at once took 80 ms, and 16,384 with the
records of a busy server 0.87 s.
"""


class Closing:
    """The consequences of closes. `shares` is the gate's, by folded name."""

    def __init__(
        self,
        engine: ShareEngine,
        shares: dict[str, NetworkShare],
        dav_locks: DavLockTable,
        audit: Audit,
        refusals: Refusals,
        ended_handles_max: int,
        now: Callable[[], float],
    ) -> None:
        self.written: set[str] = set()
        """Handles through which something was written: their close puts the file on record."""
        self.parked: dict[int, asyncio.Future[Settled]] = {}
        """Calls that wait for a range lock, by the number of their wait."""
        self._engine = engine
        self._now = now
        self._shares = shares
        self._dav_locks = dav_locks
        self._audit = audit
        self._refusals = refusals
        self._ended_handles_max = ended_handles_max
        # handles that their session took along, oldest first; those still to be closed are not
        # here yet: to enter 10,000 and forget as many took 9 ms of one turn
        self._gone: OrderedDict[str, tuple[Session, NtStatus]] = OrderedDict()
        # opens that are closed in the turns to come, with the reason and the cause of it
        self._left: deque[tuple[deque[str], str, int]] = deque()
        self._is_due = False

    def close(self, row: Open, reason: str, now: float) -> Problem | None:
        """Close an open, and do what follows. Returns the reason if its file cannot be removed."""
        return self.finish(self._engine.close(row, now), reason)

    def finish(self, closed: Closed, reason: str, cause: int = 0) -> Problem | None:
        """What follows from a close: the record, and the removal of a file that was marked. The
        store may fail to remove.
        """
        row = closed.open
        if self._dav_locks:
            self._dav_locks.forget(row.handle)
        if row.handle in self.written:
            self.written.discard(row.handle)
            store = self._shares[fold(row.share)].store
            facts = None
            with suppress(StoreError):  # it is closed all the same
                facts = store.find(name_of(row))
            if facts is not None and not closed.remove:
                self._audit.written(actor_of(row), row.share, row.path, facts.size)
        cause = self._audit.closed(row, reason, cause)
        if closed.settled or self._engine.locking.is_waking:
            self.answer_waits(closed.settled)
        if not closed.remove:
            return None
        try:
            self._shares[fold(row.share)].store.remove(name_of(row))
        except StoreError as error:
            if error.status in (NtStatus.DIRECTORY_NOT_EMPTY, NtStatus.OBJECT_NAME_NOT_FOUND):
                return None
            return self._refusals.open_failed(row, error, 0)
        machine, program, purpose = closed.marked_by or (row.machine, row.program, row.purpose)
        self._audit.deleted(Actor(machine, "", program, purpose), row.share, row.path, cause)
        return None

    def answer_waits(self, settled: tuple[Settled, ...]) -> None:
        """Answer the calls whose wait for a lock is over."""
        for one in settled:
            row = self._engine.find(one.waiting.handle)
            if one.lock is not None:
                assert row is not None, "a lock was granted to nobody"
                self._audit.lock_granted(row, one.lock)
            parked = self.parked.get(one.waiting.number)
            if parked is not None and not parked.done():
                parked.set_result(one)
        if self._engine.locking.is_waking:
            self._go_on_soon()

    def end_session(self, session: str, reason: str, now: float = 0.0) -> None:
        """End a session that is alive, and do what follows. `now` is when others get its locks."""
        ended = self._engine.end_session(session, reason, now, closes_max=SLICE)
        assert ended is not None, f"session {session} had ended before"
        self.finish_session(ended)

    def finish_session(self, ended: Ended) -> None:
        """What follows from a session's end."""
        cause = self._audit.session_ended(ended.session, ended.reason)
        self.finish_opens(ended, cause)

    def finish_opens(self, ended: Ended, cause: int = 0) -> None:
        """What follows when a session's opens go with it."""
        self.answer_waits(ended.settled)
        for closed in ended.closed:
            self._remember(closed.open.handle, (ended.session, ended.status))
            self.finish(closed, ended.reason, cause)
        if ended.left:
            self._left.append((deque(ended.left), ended.reason, cause))
            self._go_on_soon()

    def _remember(self, handle: str, why: tuple[Session, NtStatus]) -> None:
        self._gone[handle] = why
        if len(self._gone) > self._ended_handles_max:
            self._gone.popitem(last=False)

    def end_dav_locks(self, share: str, name: Name, reason: str) -> None:
        """End the WebDAV locks on a name and below it, and with them their opens."""
        for lock in self._dav_locks.rooted_in(share, name):
            self.end_session(lock.session, reason)

    def expire(self, now: float) -> None:
        """End the sessions whose lease is over; of very many the first, the others in the turns
        that follow.
        """
        for ended in self._engine.expire(now, closes_max=SLICE):
            self.finish_session(ended)
        if self._engine.sessions.next_deadline() <= now:
            self._go_on_soon()

    async def all_closed(self) -> None:
        """Return when nothing is left to be closed of sessions that have ended."""
        while self._left:
            await turn()

    def close_all(self) -> None:
        """Close at once what is left of sessions that have ended."""
        while self._left:
            self._close_some()

    async def let_go(self, handle: str) -> None:
        """Return when a handle has no more locks than its close lets go in one turn."""
        while self._engine.locking.has_many(handle):
            self._engine.locking.let_go(handle)
            self._go_on_soon()
            await turn()

    def _go_on_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_due = False
        now = self._now()
        if self._engine.locking.is_waking:
            self.answer_waits(self._engine.locking.wake_more(now))
        elif self._left:
            self._close_some()
        elif self._engine.sessions.next_deadline() <= now:
            self.expire(now)
        if self._left or self._engine.sessions.next_deadline() <= now:
            self._go_on_soon()

    def _close_some(self) -> None:
        now, work = self._now(), 0
        while self._left and work < SLICE:
            handles, reason, cause = self._left[0]
            if self._engine.locking.has_many(handles[0]):
                self._engine.locking.let_go(handles[0])
                break
            handle = handles.popleft()
            if not handles:
                self._left.popleft()
            work += self._engine.locking.work_of(handle)
            if handle in self._engine.ending:
                self._remember(handle, self._engine.ending[handle])
            closed = self._engine.close_left(handle, now)
            if closed is not None:
                self.finish(closed, reason, cause)

    def how_it_went(self, handle: str) -> tuple[Session | None, NtStatus]:
        """The session that took a handle along, and what a late call on it gets; None for one that
        was closed by itself, or never was.
        """
        went = self._engine.ending.get(handle) or self._gone.get(handle)
        return went or (None, NtStatus.FILE_CLOSED)


def name_of(row: Open) -> Name:
    """The name of an open's file, as the store has it."""
    return found_name(row.path)
