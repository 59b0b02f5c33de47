"""What handle and path operations stand on: the shares, the engine, the record, and the way into
all of them.

The law: a request comes in through one of two gates, which see to expired leases, the session, the
share, the name and the rights, in that order; every refusal leaves through one, which records it
and words the problem. Between looking at the table and changing it nothing else runs, because
nothing here awaits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus, Role, render_attributes
from despoolr_core.share.wire import Entry, Problem
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import (
    ROOT,
    BadName,
    Name,
    found_name,
    parse_name,
    printable,
    why_too_far,
)
from despoolr_server.engine.rows import Closed, Ended, FileFacts, Open, Refusal, Session, Settled
from despoolr_server.files.protocol import FileStore, StoreError
from despoolr_server.shares.audit import Actor, Audit
from despoolr_server.shares.dav_locks import DavLockTable
from despoolr_server.shares.pace import batches, breathe
from despoolr_server.shares.principal import Caller, Principal, TooMany
from despoolr_server.shares.problems import blockers_of, problem, refusal_problem
from despoolr_server.shares.rights import EVERYONE, Rights, RightsTable

ROOT_MISSING: Final = (
    "its directory is not on the disk: put it back, or start the server again, "
    "which makes an empty one"
)
LISTED_MAX: Final = 100_000
"""Names that one listing of a directory may have."""

SEPARATORS: Final = ("/", "\\")
NO_FILE_BEFORE_A_SEPARATOR: Final = Refusal(
    NtStatus.OBJECT_NAME_INVALID,
    reason="a separator stands behind a name that is, or would be, a file's",
)
"""[MS-FSA] 2.1.5.1: a path with a separator at its end is a directory's."""


@dataclass(frozen=True, slots=True)
class NetworkShare:
    """One directory tree served under a name."""

    name: str
    store: FileStore
    rights: RightsTable


class Visit(msgspec.Struct, frozen=True, gc=False):
    """One path operation that is through the gate: where, who, and what the rights allow."""

    now: float
    share: NetworkShare
    name: Name
    allowed: int
    actor: Actor
    role: Role
    covering_handles: frozenset[str] = frozenset()
    fixed: bool = False
    """Whether the name is that of a directory which the caller must leave where it is."""


class ShareBase:
    """The state of a share server and its gates."""

    def __init__(
        self,
        server: str,
        clock: Clock,
        recorder: Recorder,
        *,
        lease_s_default: float = 120.0,
        lease_s_max: float = 3600.0,
        file_size_max: int = 64 * 1024 * 1024,
        sessions_max: int = 100_000,
        opens_max: int = 1_000_000,
        opens_per_session_max: int = 16_384,
        sessions_per_machine_max: int = 1_000,
        opens_per_machine_max: int = 65_536,
        blockers_max: int = 16,
        locks_per_request_max: int = 64,
        locks_per_open_max: int = 16_384,
        lock_waiters_max: int = 10_000,
        lock_waiters_per_machine_max: int = 1_000,
        lock_wait_s_max: float = 300.0,
        ended_handles_max: int = 10_000,
        episodes_max: int = 10_000,
        dav_locks_max: int = 10_000,
        dav_locks_per_principal_max: int = 1_000,
        dav_time_scale: float = 1.0,
        id_prefix: str = "",
        ledger: EpisodeLedger | None = None,
    ) -> None:
        self.server = server
        self.lease_s_default = lease_s_default
        self.lease_s_max = lease_s_max
        self.file_size_max = file_size_max
        self.locks_per_request_max = locks_per_request_max
        self.lock_wait_s_max = lock_wait_s_max
        self.ended_handles_max = ended_handles_max
        self.engine = ShareEngine(
            id_prefix=id_prefix,
            sessions_max=sessions_max,
            opens_max=opens_max,
            opens_per_session_max=opens_per_session_max,
            sessions_per_machine_max=sessions_per_machine_max,
            opens_per_machine_max=opens_per_machine_max,
            blockers_max=blockers_max,
            locks_per_open_max=locks_per_open_max,
            lock_waiters_max=lock_waiters_max,
            lock_waiters_per_machine_max=lock_waiters_per_machine_max,
        )
        self.ledger = EpisodeLedger(server, episodes_max=episodes_max) if ledger is None else ledger
        self.dav_locks = DavLockTable(
            server,
            id_prefix=id_prefix,
            locks_max=dav_locks_max,
            locks_per_principal_max=dav_locks_per_principal_max,
        )
        self.dav_time_scale = dav_time_scale
        self._clock = clock
        self._audit = Audit(server, recorder, self.ledger, id_prefix)
        self._shares: dict[str, NetworkShare] = {}
        self._dirty: set[str] = set()
        # handles that their session took along, oldest first
        self._gone: dict[str, tuple[Session, NtStatus]] = {}
        self._parked: dict[int, asyncio.Future[Settled]] = {}
        self._lease_watch: asyncio.Task[None] | None = None

    # -- what there is

    def add_share(self, name: str, store: FileStore, rights: RightsTable | None = None) -> None:
        """Serve a store under a name, case-insensitively, and put on record what is wrong with it.

        Raises `ValueError` for a name that is taken or no share name.
        """
        if isinstance(parse_name(name), BadName) or not name or "/" in name or "\\" in name:
            raise ValueError(f"{name!r} is not a name for a share")
        if fold(name) in self._shares:
            raise ValueError(f"there is a share {name} already")
        self._shares[fold(name)] = NetworkShare(
            name, store, (EVERYONE if rights is None else rights).copy()
        )
        for found in store.findings:
            self._audit.damaged(name, found)

    def damages(self) -> list[str]:
        """What is wrong with the data of shares, so that nothing on them can be changed: a sentence
        each.
        """
        found = [
            (share.name, finding)
            for share in self._shares.values()
            for finding in share.store.findings
        ]
        found += [
            (share.name, ROOT_MISSING)
            for share in self._shares.values()
            if share.store.find(ROOT) is None
        ]
        return [f"{name}: {finding}" for name, finding in found]

    def share_names(self) -> list[str]:
        """The shares, in the order in which they were added."""
        return [share.name for share in self._shares.values()]

    def set_rights(
        self, share: str, prefix: str, role: Role, rights: Rights | None
    ) -> Rights | None:
        """Change what a role may do below a prefix from now on (None: as the directory above);
        returns what stood there.

        Opens already granted are not touched, as with Windows. Raises `KeyError` for an unknown
        share.
        """
        return self._shares[fold(share)].rights.set(prefix, role, rights)

    # -- the gates

    def _now(self) -> float:
        now = self._clock.now()
        if self.engine.sessions.next_deadline() <= now:
            self._expire(now)
        return now

    def _visit(self, caller: Caller, share_name: str, asked: str | Name) -> Visit | Problem:
        """The gate of path operations. A `Name` is one that the store has, which need not be one
        that is accepted.
        """
        now = self._now()
        path = asked if isinstance(asked, str) else asked.path
        who = caller.who
        if caller.session:
            session = self._session(who, caller.session, now)
            if session is None:
                return problem(
                    NtStatus.USER_SESSION_DELETED, printable(share_name), printable(path)
                )
            if (found := self._shares.get(fold(share_name))) and self.engine.has_left(
                session.session, found.name
            ):
                return problem(
                    NtStatus.NETWORK_NAME_DELETED, printable(share_name), printable(path)
                )
            actor = Actor(
                session.machine, session.user, caller.program or session.program, caller.purpose
            )
        else:
            actor = Actor(who.machine, who.user, caller.program, caller.purpose)
        share = self._shares.get(fold(share_name))
        if share is None:
            return problem(NtStatus.BAD_NETWORK_NAME, printable(share_name), printable(path))
        name = parse_name(asked) if isinstance(asked, str) else asked
        if isinstance(name, BadName):
            return self._bad_name(actor, share.name, path, name)
        allowed, fixed = (
            share.rights.allowed(who.role, name.key),
            share.rights.is_fixed(who.role, name.key),
        )
        if (
            allowed
            and path.endswith(SEPARATORS)
            and (facts := share.store.find(name)) is not None
            and not facts.directory
        ):
            return self._refuse(actor, share.name, name.path, NO_FILE_BEFORE_A_SEPARATOR)
        if caller.tokens:
            return Visit(
                now,
                share,
                name,
                allowed,
                actor,
                who.role,
                self._covering_handles(caller, share.name, name),
                fixed,
            )
        return Visit(now, share, name, allowed, actor, who.role, fixed=fixed)

    def _covering_handles(self, caller: Caller, share: str, name: Name) -> frozenset[str]:
        """The WebDAV locks' opens that a request on a name acts under."""
        who = caller.who
        principal = None if who.role is Role.ADMIN else (fold(who.machine), fold(who.user))
        return self.dav_locks.covering_handles(share, name, principal, caller.tokens)

    def _session(self, who: Principal, name: str, now: float) -> Session | None:
        """The caller's living session, renewed; None if there is none, or it is somebody else's."""
        session = self.engine.sessions.find(name, now)
        if session is None or not owns(who, session):
            return None
        self.engine.sessions.renew(session, now)
        return session

    def _row(self, who: Principal, handle: str, session_name: str = "") -> Open | Problem:
        """The gate of handle operations: the caller's own open, its session renewed.

        A call may say in which session it is made: that one must live, and the open must be its
        own. Without, the open's own session speaks for it.
        """
        now = self._now()
        if session_name and self._session(who, session_name, now) is None:
            return problem(
                NtStatus.USER_SESSION_DELETED,
                detail=f"session {session_name} has ended, or never was",
            )
        row = self.engine.find(handle)
        session = self.engine.sessions.find(row.session, now) if row else None
        if (
            row is None
            or session is None
            or not owns(who, session)
            or (session_name and row.session != session_name)
        ):
            return self._unknown_handle(who, handle)
        self.engine.sessions.renew(session, now)
        return row

    def _unknown_handle(self, who: Principal, handle: str) -> Problem:
        """What a late call gets: its session is gone, the share was left, or the handle is closed,
        or never was.
        """
        session, status = self._gone.get(handle, (None, NtStatus.FILE_CLOSED))
        if session is None or not owns(who, session):
            return problem(NtStatus.FILE_CLOSED, detail=f"handle {handle} is closed, or never was")
        went = f"handle {handle} went with session {session.session}"
        if status is NtStatus.NETWORK_NAME_DELETED:
            went = f"handle {handle} went when session {session.session} left the share"
        return problem(status, detail=went)

    def _locked(self, row: Open, offset: int, length: int, *, writes: bool) -> Problem | None:
        """Why a range lock keeps these octets from being read or written through a handle."""
        file = self.engine.table.file(row.file)
        if file is None or file.ranges is None:
            return None
        refusal = self.engine.locking.check_transfer(
            file, row.handle, writes=writes, offset=offset, length=length
        )
        return self._refuse_row(row, refusal) if refusal else None

    def _store(self, row: Open) -> FileStore:
        return self._shares[fold(row.share)].store

    def _facts(self, row: Open) -> FileFacts | None:
        return self._store(row).find(name_of(row))

    def _too_far_below(
        self, store: FileStore, name: Name, target: Name, *, anew: bool = False
    ) -> Refusal | None:
        """Why a directory may not come to be called `target`: something in it would have a path
        that none may have.

        What is moved (not made `anew`) to a path that is neither longer nor deeper is not looked
        at.
        """
        at_most, now = target.path, name.path
        if (
            not anew
            and at_most.count("/") <= now.count("/")
            and len(at_most.encode()) <= len(now.encode())
        ):
            return None
        try:
            for inner in store.below(name):
                if reason := why_too_far(f"{target.path}/{inner}"):
                    return Refusal(
                        NtStatus.OBJECT_NAME_INVALID,
                        reason=f"{printable(inner)} is in it: {reason}",
                    )
        except StoreError as error:
            return Refusal(error.status, reason=error.reason)
        return None

    async def _facts_in(self, share: NetworkShare, name: Name) -> list[FileFacts] | TooMany:
        """All that is in a directory, in batches. Raises `StoreError`."""
        found: list[FileFacts] = []
        for batch in batches(share.store.each(name)):
            found += batch
            if len(found) > LISTED_MAX:
                return TooMany(LISTED_MAX)
            await breathe(len(batch))
        return found

    # -- the ways out

    def _refuse(
        self,
        actor: Actor,
        share: str,
        path: str,
        refusal: Refusal,
        access: int = 0,
        share_mode: int = 0,
    ) -> Problem:
        """Record a refusal and word it."""
        blockers = blockers_of(refusal)
        episode = self._audit.refused(actor, share, path, access, share_mode, refusal, blockers)
        return refusal_problem(refusal, share, path, blockers, episode)

    def _refuse_row(self, row: Open, refusal: Refusal) -> Problem:
        return self._refuse(actor_of(row), row.share, row.path, refusal, row.access, row.share_mode)

    def _bad_name(self, actor: Actor, share: str, path: str, bad: BadName) -> Problem:
        """Record a path that no share could have and word it."""
        return self._refuse(
            actor, share, printable(path), Refusal(NtStatus.OBJECT_NAME_INVALID, reason=bad.reason)
        )

    def _failed(
        self, actor: Actor, share: str, path: str, error: StoreError, access: int = 0
    ) -> Problem:
        """Record what the store could not do and word it."""
        return self._refuse(actor, share, path, Refusal(error.status, reason=error.reason), access)

    async def _synced(self, actor: Actor, share: str, path: str, access: int = 0) -> Problem | None:
        """Wait until what was done to a share is safe; why the disk cannot keep it."""
        try:
            await self._shares[fold(share)].store.sync()
        except StoreError as error:
            return self._failed(actor, share, path, error, access)
        return None

    def _finish_close(self, closed: Closed, reason: str, cause: int = 0) -> Problem | None:
        """What follows from a close: the record, and the removal of a file that was marked. The
        store may fail to remove.
        """
        row = closed.open
        store = self._store(row)
        self.dav_locks.forget(row.handle)
        if row.handle in self._dirty:
            self._dirty.discard(row.handle)
            facts = store.find(name_of(row))
            if facts is not None and not closed.remove:
                self._audit.written(actor_of(row), row.share, row.path, facts.size)
        cause = self._audit.closed(row, reason, cause)
        self._settle(closed.settled)
        if not closed.remove:
            return None
        try:
            store.remove(name_of(row))
        except StoreError as error:
            if error.status in (NtStatus.DIRECTORY_NOT_EMPTY, NtStatus.OBJECT_NAME_NOT_FOUND):
                return None
            return self._failed(actor_of(row), row.share, row.path, error)
        machine, program, purpose = closed.marked_by or (row.machine, row.program, row.purpose)
        self._audit.deleted(Actor(machine, "", program, purpose), row.share, row.path, cause)
        return None

    def _settle(self, settled: tuple[Settled, ...]) -> None:
        """Answer the calls whose wait for a lock is over."""
        for one in settled:
            row = self.engine.find(one.waiting.handle)
            if one.lock is not None:
                assert row is not None, "a lock was granted to nobody"
                self._audit.lock_granted(row, one.lock)
            parked = self._parked.get(one.waiting.number)
            if parked is not None and not parked.done():
                parked.set_result(one)

    def _finish_session(self, ended: Ended) -> None:
        cause = self._audit.session_ended(ended.session, ended.reason)
        self._finish_ended(ended, NtStatus.USER_SESSION_DELETED, cause)

    def _finish_ended(self, ended: Ended, status: NtStatus, cause: int = 0) -> None:
        """What follows when a session's opens go with it; `status` is what late calls on them
        get.
        """
        self._settle(ended.settled)
        for closed in ended.closed:
            self._gone[closed.open.handle] = (ended.session, status)
            self._finish_close(closed, ended.reason, cause)
        while len(self._gone) > self.ended_handles_max:
            del self._gone[next(iter(self._gone))]

    def _expire(self, now: float) -> None:
        for one in self.engine.expire(now):
            self._finish_session(one)


def owns(who: Principal, session: Session) -> bool:
    """Whether a session is the caller's: its machine began it and, if the caller is a client, its
    user.
    """
    if who.role is Role.ADMIN:
        return True
    if who.machine != session.owner and fold(who.machine) != fold(session.owner):
        return False
    return (
        who.role is not Role.CLIENT
        or who.user == session.user
        or fold(who.user) == fold(session.user)
    )


def name_of(row: Open) -> Name:
    return found_name(row.path)


def actor_of(row: Open) -> Actor:
    return Actor(row.machine, row.user, row.program, row.purpose)


def entry_of(facts: FileFacts) -> Entry:
    return Entry(
        name=facts.path.rpartition("/")[2],
        size=facts.size,
        modified_at=facts.modified_at,
        directory=facts.directory,
        attributes=render_attributes(facts.attributes),
        etag=facts.etag if facts.directory else "",
    )
