"""The way into a share server's state: who calls, in which session, on which share, and what its
rights allow there.

The law: a request comes in through one of two doors, `visit` (a path) or `own_open` (a handle),
which see to expired leases, the session, the share, the name and the rights, in that order; every
refusal leaves through `refusals`. Whoever comes with a name that may be new has its directory read
before (`read_ahead`). Between looking at the table and changing it nothing else runs,
because nothing here awaits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.clock import Clock
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.stream import Recorder
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, Disposition, NtStatus, Role, ShareMode
from despoolr_core.share.wire import Problem
from despoolr_server.engine.dispositions import STAYS
from despoolr_server.engine.engine import ShareEngine
from despoolr_server.engine.names import BadName, Name, parse_name, printable
from despoolr_server.engine.rows import Ask, FileFacts, Open, Refusal, Session
from despoolr_server.files.protocol import FileStore, StoreError
from despoolr_server.shares.base.audit import Actor, Audit
from despoolr_server.shares.base.closing import Closing, name_of
from despoolr_server.shares.base.dav_locks import DavLockTable
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.problems import problem
from despoolr_server.shares.base.refusals import Refusals

SEPARATORS: Final = ("/", "\\")
NO_FILE_BEFORE_A_SEPARATOR: Final = Refusal(
    NtStatus.OBJECT_NAME_INVALID,
    reason="a separator stands behind a name that is, or would be, a file's",
)
"""[MS-FSA] 2.1.5.1: a path with a separator at its end is a directory's."""

_WRITE: Final = int(Access.WRITE_DATA)
_DELETE: Final = int(Access.DELETE)
_SHARE_READ: Final = int(ShareMode.READ)


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

    def has_parent(self, facts: FileFacts | None) -> bool:
        """Whether the directory of the name is there; `facts` are those of the name."""
        return facts is not None or self.share.store.has_directory(self.name.parent)

    def ask(
        self,
        access: int,
        share_mode: int,
        disposition: Disposition = Disposition.OPEN,
        options: int = 0,
    ) -> Ask:
        """The open that a path operation is, under the locks its caller acts under."""
        return Ask(
            self.share.name,
            self.name,
            access,
            share_mode,
            disposition,
            options,
            0,
            self.allowed,
            "",
            "",
            self.covering_handles,
            0,
            self.fixed,
        )


class Gate:
    """A share server's state and the doors into it: what its path, handle, lock and WebDAV
    operations stand on. `shares` are by folded name.
    """

    def __init__(
        self,
        server: str,
        clock: Clock,
        recorder: Recorder,
        limits: ShareLimits,
        *,
        id_prefix: str = "",
    ) -> None:
        self.server = server
        self.clock = clock
        self.limits = limits
        self.engine = ShareEngine(
            id_prefix=id_prefix,
            sessions_max=limits.sessions_max,
            opens_max=limits.opens_max,
            opens_per_session_max=limits.opens_per_session_max,
            sessions_per_machine_max=limits.sessions_per_machine_max,
            opens_per_machine_max=limits.opens_per_machine_max,
            blockers_max=limits.blockers_max,
            locks_per_open_max=limits.locks_per_open_max,
            lock_waiters_max=limits.lock_waiters_max,
            lock_waiters_per_machine_max=limits.lock_waiters_per_machine_max,
        )
        self.ledger = EpisodeLedger(
            server, episodes_max=limits.episodes_max, opens_max=limits.opens_max
        )
        self.dav_locks = DavLockTable(
            server,
            id_prefix=id_prefix,
            locks_max=limits.dav_locks_max,
            locks_per_principal_max=limits.dav_locks_per_principal_max,
        )
        self.shares: dict[str, NetworkShare] = {}
        self.audit = Audit(server, recorder, self.ledger, id_prefix)
        self.refusals = Refusals(self.audit, self.shares)
        self.closing = Closing(
            self.engine,
            self.shares,
            self.dav_locks,
            self.audit,
            self.refusals,
            limits.ended_handles_max,
            clock.now,
        )

    def now(self) -> float:
        """Site time; the sessions whose leases are over by now have ended."""
        now = self.clock.now()
        if self.engine.sessions.next_deadline() <= now:
            self.closing.expire(now)
        return now

    async def read_ahead(self, share_name: str, path: str) -> None:
        """Before anything is decided about a name that `is_unread`: return when a look for it reads
        no large directory. What changes after that is read with the look.
        """
        name = parse_name(path)
        assert isinstance(name, Name), "what is no name is in no directory"
        await self.shares[fold(share_name)].store.read_ahead(name)

    def is_unread(self, share_name: str, path: str, *, for_any: bool = False) -> bool:
        """Whether a look for a name, or `for_any` in its directory, would read a large directory
        that somebody changed past the server.
        """
        share = self.shares.get(fold(share_name))
        if share is None:
            return False
        name = parse_name(path)
        return isinstance(name, Name) and share.store.is_unread(name, for_any=for_any)

    def visit(self, caller: Caller, share_name: str, asked: str | Name) -> Visit | Problem:
        """The door of path operations. A `Name` is one that the store has, which need not be one
        that is accepted.
        """
        now = self.now()
        path = asked if isinstance(asked, str) else asked.path
        who = caller.who
        if caller.session:
            session = self.session(who, caller.session, now)
            if session is None:
                return problem(
                    NtStatus.USER_SESSION_DELETED, printable(share_name), printable(path)
                )
            if (found := self.shares.get(fold(share_name))) and self.engine.has_left(
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
        share = self.shares.get(fold(share_name))
        if share is None:
            return problem(NtStatus.BAD_NETWORK_NAME, printable(share_name), printable(path))
        name = parse_name(asked) if isinstance(asked, str) else asked
        if isinstance(name, BadName):
            return self.refusals.bad_name(actor, share.name, path, name)
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
            return self.refusals.refuse(actor, share.name, name.path, NO_FILE_BEFORE_A_SEPARATOR)
        if caller.tokens:
            return Visit(
                now,
                share,
                name,
                allowed,
                actor,
                who.role,
                self.covering_handles(caller, share.name, name),
                fixed,
            )
        return Visit(now, share, name, allowed, actor, who.role, fixed=fixed)

    def covering_handles(self, caller: Caller, share: str, name: Name) -> frozenset[str]:
        """The WebDAV locks' opens that a request on a name acts under."""
        who = caller.who
        principal = None if who.role is Role.ADMIN else (fold(who.machine), fold(who.user))
        return self.dav_locks.covering_handles(share, name, principal, caller.tokens)

    def session(self, who: Principal, name: str, now: float) -> Session | None:
        """The caller's living session, renewed; None if there is none, or it is somebody else's."""
        session = self.engine.sessions.find(name, now)
        if session is None or not owns(who, session):
            return None
        self.engine.sessions.renew(session, now)
        return session

    def own_open(self, who: Principal, handle: str, session_name: str = "") -> Open | Problem:
        """The door of handle operations: the caller's own open, its session renewed.

        A call may say in which session it is made: that one must live, and the open must be its
        own. Without, the open's own session speaks for it.
        """
        now = self.now()
        if session_name and self.session(who, session_name, now) is None:
            return problem(
                NtStatus.USER_SESSION_DELETED,
                detail=f"session {session_name} has ended, or never was",
            )
        row = self.engine.find(handle)
        session = self.engine.sessions.find(row.session, now) if row else None
        if (
            row is None
            or session is None
            or handle in self.engine.ending
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
        session, status = self.closing.how_it_went(handle)
        if session is None or not owns(who, session):
            return problem(NtStatus.FILE_CLOSED, detail=f"handle {handle} is closed, or never was")
        went = f"handle {handle} went with session {session.session}"
        if status is NtStatus.NETWORK_NAME_DELETED:
            went = f"handle {handle} went when session {session.session} left the share"
        return problem(status, detail=went)

    def visit_pair(
        self, caller: Caller, share: str, path: str, new_path: str
    ) -> tuple[Visit, Name] | Problem:
        """The door of what has a source and a target: the source's visit, and the target."""
        visit = self.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        target = parse_name(new_path)
        if isinstance(target, BadName):
            return self.refusals.bad_name(visit.actor, visit.share.name, new_path, target)
        if not visit.name.key or not target.key:
            return self.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED, reason="the share's root stays"), _DELETE
            )
        if visit.share.rights.is_fixed(visit.role, target.key):
            refusal = Refusal(NtStatus.ACCESS_DENIED, reason=STAYS)
            return self.refusals.refuse(
                visit.actor, visit.share.name, target.path, refusal, _WRITE, _SHARE_READ
            )
        if new_path.endswith(SEPARATORS):
            there = visit.share.store.find(target) or visit.share.store.find(visit.name)
            if there is not None and not there.directory:
                return self.refusals.refuse(
                    visit.actor, visit.share.name, target.path, NO_FILE_BEFORE_A_SEPARATOR, _WRITE
                )
        return visit, target

    # -- asking the engine

    def check(
        self,
        visit: Visit,
        ask: Ask,
        facts: FileFacts | None,
        *,
        has_parent: bool | None = None,
    ) -> Problem | None:
        """Why an open is refused, on record; None if it would be granted. Nothing changes."""
        if has_parent is None:
            has_parent = visit.has_parent(facts)
        answer = self.engine.check(ask, facts, has_parent)
        if isinstance(answer, Refusal):
            return self.refuse_visit(visit, answer, ask.access, ask.share_mode)
        return None

    # -- what is known of a caller's open

    def store_of(self, row: Open) -> FileStore:
        """Where the file of an open is."""
        return self.shares[fold(row.share)].store

    def facts_of(self, row: Open) -> FileFacts | None:
        """What the file of an open is now; None if it is not there any more."""
        return self.shares[fold(row.share)].store.find(name_of(row))

    # -- the ways out

    def refuse_visit(
        self, visit: Visit, refusal: Refusal, access: int = 0, share_mode: int = _SHARE_READ
    ) -> Problem:
        """Record that a path operation was refused. Returns the refusal in words."""
        return self.refusals.refuse(
            visit.actor, visit.share.name, visit.name.path, refusal, access, share_mode
        )

    def visit_failed(self, visit: Visit, error: StoreError, access: int) -> Problem:
        """The same of what the store could not do for it."""
        return self.refusals.store_failed(
            visit.actor, visit.share.name, visit.name.path, error, access
        )

    async def sync(self, actor: Actor, share: str, path: str, access: int = 0) -> Problem | None:
        """Wait until what was done to a share would survive a crash. Returns the reason if the disk
        cannot keep it.
        """
        try:
            await self.shares[fold(share)].store.sync()
        except StoreError as error:
            return self.refusals.store_failed(actor, share, path, error, access)
        return None


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
