"""The one door to the table of opens: every grant, refusal, close, mark and rename is decided here.

The law: `now` is an argument, a refusal is a value that names its blockers, and a decision changes
the table at once or not at all. The engine never touches a file: what a decision means for the
store (create, truncate, remove) stands in the value it returns, and the caller tells it what the
store knows (`FileFacts`, read in the same turn).
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Final

from despoolr_core.rules.conflict import conflict_class, conflicts, effective_modes
from despoolr_core.share.modes import CreateAction, NtStatus, ShareMode
from despoolr_server.engine.deletion import may_mark
from despoolr_server.engine.dispositions import BEFORE_DELETE_PENDING, STAYS, Plan, decide
from despoolr_server.engine.locking import ALL, Locking
from despoolr_server.engine.names import Name
from despoolr_server.engine.renames import RenameCase, may_rename
from despoolr_server.engine.rows import (
    Ask,
    Closed,
    Ended,
    FileFacts,
    Granted,
    Open,
    Refusal,
    Session,
    Settled,
)
from despoolr_server.engine.sessions import SessionTable
from despoolr_server.engine.table import OpenedFile, OpenTable, file_key
from despoolr_server.engine.tree_locks import TREE

LOOKS_TO_A_CLOSE: Final = 8
"""Deadlines of sessions that have ended, or were renewed, that are looked at in about that time."""
OPENS_TO_A_CLOSE: Final = 64
"""Opens of sessions that end, and are closed later, that are looked at in about that time."""
_ADDING_TO_A_DIRECTORY = 2
_SHARED_WHILE_ADDING = int(ShareMode.READ | ShareMode.WRITE)


class ShareEngine:
    """Sessions and opens of one server. Share names in its arguments are the server's."""

    def __init__(
        self,
        *,
        id_prefix: str = "",
        sessions_max: int = 100_000,
        opens_max: int = 1_000_000,
        opens_per_session_max: int = 16_384,
        sessions_per_machine_max: int = 1_000,
        opens_per_machine_max: int = 65_536,
        blockers_max: int = 16,
        locks_per_open_max: int = 16_384,
        lock_waiters_max: int = 10_000,
        lock_waiters_per_machine_max: int = 1_000,
    ) -> None:
        self.opens_max = opens_max
        self.opens_per_session_max = opens_per_session_max
        self.opens_per_machine_max = opens_per_machine_max
        self.blockers_max = blockers_max
        self.sessions = SessionTable(
            id_prefix=id_prefix,
            sessions_max=sessions_max,
            sessions_per_machine_max=sessions_per_machine_max,
        )
        self.table = OpenTable()
        self.locking = Locking(
            self.table,
            blockers_max=blockers_max,
            locks_per_open_max=locks_per_open_max,
            waiters_max=lock_waiters_max,
            waiters_per_machine_max=lock_waiters_per_machine_max,
            is_over=self._is_over,
        )
        self.ending: dict[str, tuple[Session, NtStatus]] = {}
        """Handles that are closed soon: their session has ended, or left their share. `NtStatus` is
        what late calls on them get.
        """
        self._left: dict[str, set[str]] = {}
        self._id_prefix = id_prefix
        self._number = 0

    # -- sessions

    def end_session(
        self, name: str, reason: str, now: float = 0.0, *, closes_max: int = ALL
    ) -> Ended | None:
        """End a session and close its opens, or the first of them; None if there is none. `now` is
        when others get the locks it had.
        """
        session = self.sessions.remove(name)
        if session is None:
            return None
        handles = self.table.of_session(name)
        return self._ended(session, reason, handles, self._dismiss(handles), now, closes_max)

    def expire(self, now: float, *, closes_max: int = ALL) -> list[Ended]:
        """End every session whose lease is over, or the first of them: the others are granted no
        lock meanwhile.
        """
        lapsed, look_count, open_count = [], 0, 0
        while self.sessions.next_deadline() <= now and look_count < closes_max * LOOKS_TO_A_CLOSE:
            look_count += 1
            session = self.sessions.pop_lapsed(now)
            if session is None:
                continue
            handles = self.table.of_session(session.session)
            lapsed.append((session, handles))
            open_count += len(handles)
            if max(len(lapsed), open_count // OPENS_TO_A_CLOSE) >= closes_max:
                break  # the others are over as well, and end when this is asked again
        return self._ended_together(lapsed, "lease expired", now, closes_max)

    def end_all(self, reason: str, now: float) -> list[Ended]:
        """What `expire` does, of those whose lease goes on as well."""
        ends = [(session, self.table.of_session(session.session)) for session in self.sessions]
        for session, _ in ends:
            self.sessions.remove(session.session)
        return self._ended_together(ends, reason, now, ALL)

    def leave(
        self,
        session: Session,
        share: str,
        reason: str,
        now: float = 0.0,
        *,
        closes_max: int = ALL,
    ) -> Ended:
        """Disconnect a session from one share: its opens there are closed, or the first of them,
        and it opens nothing there until it is back.
        """
        self._left.setdefault(session.session, set()).add(share)
        opened = self.table.of_session(session.session)
        handles = [handle for handle in opened if self._row(handle).share == share]
        status = NtStatus.NETWORK_NAME_DELETED
        return self._closed(
            session, reason, status, handles, self._dismiss(handles), now, closes_max
        )

    def rejoin(self, session: Session, share: str) -> None:
        """Connect a session to a share it had left; harmless if it had not."""
        left = self._left.get(session.session, set())
        left.discard(share)
        if not left:
            self._left.pop(session.session, None)

    def has_left(self, session: str, share: str) -> bool:
        """Whether a session has disconnected from a share."""
        return bool(self._left) and share in self._left.get(session, ())

    def _ended_together(
        self, sessions: list[tuple[Session, list[str]]], reason: str, now: float, closes_max: int
    ) -> list[Ended]:
        """First they all stop waiting: no lock passes from one of them to another."""
        settled = [self._dismiss(handles) for _, handles in sessions]
        ended: list[Ended] = []
        for (session, handles), waits in zip(sessions, settled, strict=True):
            _, work = self.locking.closed_first(handles, closes_max)
            ended.append(self._ended(session, reason, handles, waits, now, closes_max))
            closes_max -= work
        return ended

    def _ended(
        self,
        session: Session,
        reason: str,
        handles: list[str],
        settled: tuple[Settled, ...],
        now: float,
        closes_max: int,
    ) -> Ended:
        self._left.pop(session.session, None)
        status = NtStatus.USER_SESSION_DELETED
        return self._closed(session, reason, status, handles, settled, now, closes_max)

    def _closed(
        self,
        session: Session,
        reason: str,
        status: NtStatus,
        handles: list[str],
        settled: tuple[Settled, ...],
        now: float,
        closes_max: int,
    ) -> Ended:
        first, _ = self.locking.closed_first(handles, closes_max)
        closed = tuple(self.close(self._row(handle), now) for handle in first)
        left = tuple(handles[len(first) :])
        self.ending.update(dict.fromkeys(left, (session, status)))
        return Ended(session, reason, status, closed, settled, left)

    def close_left(self, handle: str, now: float) -> Closed | None:
        """Close one of the opens that an end had `left`; None if somebody else did so meanwhile."""
        self.ending.pop(handle, None)
        row = self.find(handle)
        return None if row is None else self.close(row, now)

    def _dismiss(self, handles: list[str]) -> tuple[Settled, ...]:
        if not self.locking.waiting_count:
            return ()
        waiting = [handle for handle in handles if self.locking.of_handle(handle)]
        files = [(self._file(self._row(handle)), handle) for handle in waiting]
        return tuple(
            one
            for file, handle in files
            for one in self.locking.dismiss(file, handle, NtStatus.CANCELLED)
        )

    def _is_over(self, handle: str, now: float) -> bool:
        return self.sessions.find(self._row(handle).session, now) is None

    # -- opens

    def check(
        self, ask: Ask, facts: FileFacts | None, parent_exists: bool = True
    ) -> Plan | Refusal:
        """What an open would do, or why not; nothing changes. Enough for work that is over before
        anything else runs.
        """
        key = file_key(ask.share, ask.name)
        file = self.table.file(key)
        plan = decide(ask, facts, parent_exists)
        if (
            file is not None
            and file.delete_pending
            and ask.allowed
            and plan not in BEFORE_DELETE_PENDING
        ):
            return self._blocked_by_all(NtStatus.DELETE_PENDING, file)
        if isinstance(plan, NtStatus):
            return Refusal(
                plan, reason=STAYS if ask.fixed and plan is NtStatus.ACCESS_DENIED else ""
            )
        if file is not None:
            wanted, shared = effective_modes(plan.access, plan.implied, ask.share_mode)
            if file.holders.refuse(wanted, shared):
                blockers, count = file.holders.blockers(
                    wanted, shared, self.blockers_max, ask.covering_handles
                )
                if count:
                    return Refusal(NtStatus.SHARING_VIOLATION, blockers, count)
        if self.table.tree_locks.count or ask.covers:
            refusal = self._meet_cover(key, plan, ask)
            if refusal is not None:
                return refusal
        if plan.action is CreateAction.CREATED:
            parent = self.table.file(file_key(ask.share, ask.name.parent))
            if parent is not None and parent.delete_pending:
                return self._blocked_by_all(NtStatus.DELETE_PENDING, parent)
        return plan

    def open(
        self,
        now: float,
        session: Session,
        ask: Ask,
        facts: FileFacts | None,
        parent_exists: bool = True,
    ) -> Granted | Refusal:
        """Grant an open and enter it, or refuse it."""
        plan = self._why_no_more(session) or self.check(ask, facts, parent_exists)
        if isinstance(plan, Refusal):
            return plan
        row = self._enter(
            now,
            session,
            ask.share,
            facts.path if facts else ask.name.path,
            file_key(ask.share, ask.name),
            plan.access,
            ask.share_mode,
            conflict_class(plan.access, ask.share_mode),
            plan.directory,
            ask.delete_on_close,
            ask.program,
            ask.purpose,
            ask.covers,
        )
        return Granted(row, plan.action)

    def open_again(
        self,
        now: float,
        session: Session,
        share: str,
        path: str,
        file: str,
        access: int,
        share_mode: int,
        held_class: int,
        program: str,
        purpose: str,
    ) -> Open | None:
        """Grant an open of a file that is as it was when `check` last planned OPENED for the same
        wish; None if `open` has to look. `file` is the file's key, `held_class` its class
        (`conflict.conflict_class`).
        """
        opened = self.table.file(file)
        if (
            (
                opened is not None
                and (opened.delete_pending or opened.holders.refuse(held_class >> 3, share_mode))
            )
            or self.table.tree_locks.count
            or self._why_no_more(session) is not None
        ):
            return None
        return self._enter(
            now,
            session,
            share,
            path,
            file,
            access,
            share_mode,
            held_class,
            False,
            False,
            program,
            purpose,
            0,
        )

    def _why_no_more(self, session: Session) -> Refusal | None:
        """Why a session may open nothing more."""
        if len(self.table) >= self.opens_max:
            return Refusal(
                NtStatus.INSUFFICIENT_RESOURCES,
                reason=f"the server has its limit of {self.opens_max} opens",
            )
        if self.table.session_count(session.session) >= self.opens_per_session_max:
            reason = f"the session has its limit of {self.opens_per_session_max} opens"
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=reason)
        if (
            session.counted_as
            and len(self.table) >= self.opens_per_machine_max
            and self._has_its_opens(session.counted_as)
        ):
            reason = f"{session.owner} has its limit of {self.opens_per_machine_max} opens"
            return Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=reason)
        return None

    def _enter(
        self,
        now: float,
        session: Session,
        share: str,
        path: str,
        file: str,
        access: int,
        share_mode: int,
        held_class: int,
        directory: bool,
        delete_on_close: bool,
        program: str,
        purpose: str,
        covers: int,
    ) -> Open:
        self._number = number = self._number + 1
        row = Open(
            f"O{self._id_prefix}{number}",
            number,
            session.session,
            session.machine,
            session.user,
            program or session.program,
            share,
            path,
            file,
            access,
            share_mode,
            held_class,
            now,
            directory,
            delete_on_close,
            purpose,
            covers,
        )
        self.table.add(row)
        return row

    def _has_its_opens(self, machine: str) -> bool:
        """Whether one machine's sessions have as many opens as a machine may have. Counted only
        where they could.
        """
        mine = self.sessions.counted_as(machine)
        if len(mine) * self.opens_per_session_max < self.opens_per_machine_max:
            return False
        return sum(map(self.table.session_count, mine)) >= self.opens_per_machine_max

    def close(self, row: Open, now: float = 0.0) -> Closed:
        """Take an open out with its locks, and say whether the file must now go. `now` is when
        others get those locks.
        """
        file = self.table.remove(row)
        settled: tuple[Settled, ...] = ()
        if file.waiters is not None:
            settled = self.locking.dismiss(file, row.handle, NtStatus.RANGE_NOT_LOCKED)
        if file.ranges is not None:
            settled += self.locking.release(now, file, row.handle)
        if row.delete_on_close:
            file.delete_pending = True
            file.marked_by = (row.machine, row.program, row.purpose)
        return Closed(row, file.delete_pending and not file.opens, file.marked_by, settled)

    def retract(self, row: Open) -> None:
        """Undo a grant whose work on the store failed: as if it had never been."""
        self.table.remove(row)

    def is_pending(self, row: Open) -> bool:
        """Whether the file of an open is delete-pending."""
        file = self.table.file(row.file)
        return file is not None and file.delete_pending

    # -- deletes and renames

    def mark_delete(
        self, row: Open, pending: bool, facts: FileFacts, has_children: bool = False
    ) -> Refusal | None:
        """Set or clear the delete-pending flag of an open's file."""
        if status := may_mark(row.access, pending, facts, has_children):
            return Refusal(status)
        file = self._file(row)
        file.delete_pending = pending
        file.marked_by = (row.machine, row.program, row.purpose) if pending else None
        return None

    def check_delete(
        self, ask: Ask, facts: FileFacts | None, parent_exists: bool, has_children: bool
    ) -> Refusal | None:
        """Why a name may not be deleted; nothing changes."""
        plan = self.check(ask, facts, parent_exists)
        if isinstance(plan, Refusal):
            return plan
        assert facts is not None, "an OPEN of a missing name was granted"
        status = may_mark(plan.access, True, facts, has_children)
        return Refusal(status) if status else None

    def delete_named(
        self,
        ask: Ask,
        facts: FileFacts | None,
        parent_exists: bool,
        has_children: bool,
        by: tuple[str, str, str],
    ) -> bool | Refusal:
        """Open for DELETE, mark, close, in one: True if the file must go now, False if it goes when
        its last open closes.
        """
        refusal = self.check_delete(ask, facts, parent_exists, has_children)
        if refusal is not None:
            return refusal
        file = self.table.file(file_key(ask.share, ask.name))
        if file is None:
            return True
        file.delete_pending = True
        file.marked_by = by
        return False

    def check_rename(
        self,
        share: str,
        source: Name,
        access: int,
        target: Name,
        *,
        directory: bool,
        replace: bool,
        target_facts: FileFacts | None,
        parent_exists: bool,
        covering_handles: frozenset[str] = frozenset(),
        ends_below: bool = False,
    ) -> Refusal | None:
        """Why a file (or `directory`) opened with `access` may not be renamed; `target_facts` None:
        the new name is free.

        `ends_below`: what is open below the source ends before the rename, and so is not in its
        way.
        """
        source_key, target_key = file_key(share, source), file_key(share, target)
        source_file, target_file = self.table.file(source_key), self.table.file(target_key)
        parent = self.table.file(file_key(share, target.parent))
        in_place = source_key == target_key
        parent_blockers, parent_blocker_count = self._against_adding(parent, covering_handles)
        if self.table.tree_locks.count:
            covering = self.table.tree_locks.blockers(
                target_key, _ADDING_TO_A_DIRECTORY, 7, creates=True, excluding=covering_handles
            )
            if covering:
                return Refusal(
                    NtStatus.SHARING_VIOLATION, tuple(covering[: self.blockers_max]), len(covering)
                )
        case = RenameCase(
            access=access,
            directory=directory,
            parent_exists=parent_exists,
            parent_pending=parent is not None and parent.delete_pending,
            parent_held_against=parent_blocker_count > 0,
            into_itself=target_key.startswith(source_key + "/"),
            source_pending=source_file is not None and source_file.delete_pending,
            open_below=not ends_below and self.table.is_open_below(source_key),
            same_name=source.path == target.path,
            replace=replace,
            target=None if in_place else target_facts,
            target_pending=target_file is not None and target_file.delete_pending,
            target_open=target_file is not None,
        )
        status = may_rename(case)
        if status is None:
            return None
        if parent is not None and status is NtStatus.DELETE_PENDING and parent.delete_pending:
            return self._blocked_by_all(status, parent)
        if status is NtStatus.SHARING_VIOLATION and parent_blocker_count:
            return Refusal(status, parent_blockers, parent_blocker_count)
        if target_facts is not None and target_file is not None and not in_place:
            return self._blocked_by_all(status, target_file)
        return Refusal(status)

    def _against_adding(
        self, parent: OpenedFile | None, covering_handles: frozenset[str]
    ) -> tuple[tuple[Open, ...], int]:
        """The opens of a directory that let nobody add to it, and how many there are."""
        if parent is None or not parent.holders.refuse(
            _ADDING_TO_A_DIRECTORY, _SHARED_WHILE_ADDING
        ):
            return (), 0
        return parent.holders.blockers(
            _ADDING_TO_A_DIRECTORY, _SHARED_WHILE_ADDING, self.blockers_max, covering_handles
        )

    def renamed(self, share: str, source: Name, target: Name) -> None:
        """Let every open of a file follow the rename that the store has done."""
        self.table.move(file_key(share, source), file_key(share, target), target.path)

    # -- asking

    def find(self, handle: str) -> Open | None:
        """The open with this handle."""
        return self.table.find(handle)

    def opens_of(self, share: str, name: Name) -> tuple[Open, ...]:
        """The opens of one name, oldest first."""
        file = self.table.file(file_key(share, name))
        return tuple(file.opens.values()) if file else ()

    def opens_of_machine(self, machine: str) -> Iterator[Open]:
        """The opens of a machine, oldest first, by its folded name; those that are closed before
        their turn are left out.
        """
        handles = map(self.table.of_session, self.sessions.of_machine(machine))
        rows = [filter(None, map(self.table.find, some)) for some in handles]
        return merge(*rows, key=lambda row: row.number)

    def open_below(self, share: str, name: Name) -> list[Open]:
        """The opens of everything below a directory, oldest first."""
        files = self.table.files_below(file_key(share, name))
        rows = (row for file in files for row in file.opens.values())
        return sorted(rows, key=lambda row: row.number)

    def _meet_cover(self, key: str, plan: Plan, ask: Ask) -> Refusal | None:
        """Whether an open meets one that covers its name, or, if it covers a tree itself, one of a
        file in that tree.
        """
        wanted, shared = effective_modes(plan.access, plan.implied, ask.share_mode)
        creates = plan.action is CreateAction.CREATED
        blockers = self.table.tree_locks.blockers(
            key, wanted, shared, creates=creates, excluding=ask.covering_handles
        )
        if ask.covers == TREE:
            below = self.open_below(ask.share, ask.name)
            blockers += [
                row
                for row in below
                if conflicts(wanted, shared, row.conflict_class >> 3, row.conflict_class & 7)
            ]
        if not blockers:
            return None
        return Refusal(
            NtStatus.SHARING_VIOLATION, tuple(blockers[: self.blockers_max]), len(blockers)
        )

    def _row(self, handle: str) -> Open:
        row = self.table.find(handle)
        assert row is not None, f"the session's handle {handle} is not in the table"
        return row

    def _file(self, row: Open) -> OpenedFile:
        file = self.table.file(row.file)
        assert file is not None, "an open without its file"
        return file

    def _blocked_by_all(self, status: NtStatus, file: OpenedFile) -> Refusal:
        return Refusal(status, self.table.first(file, self.blockers_max), len(file.opens))
