"""What WebDAV asks of a share beyond files and trees: locks, dead properties, and looking over a
tree.

The law: a lock is granted exactly when its open is (`dav_locks`), by the same engine as every
other, and it ends with that open: unlocked, timed out by the site's clock (its session's lease),
closed by force, or gone with its file. Nothing here survives the server: a token of another start
is nobody's. Setting a property opens for attributes only and so meets no open, only locks. Sources:
RFC 4918, sections 4, 6, 7, 9.1, 9.2, 9.10, 9.11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, CreateAction, Disposition, NtStatus, Role, ShareMode
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import Name, found_name
from despoolr_server.engine.rows import Ask, FileFacts, Open, Refusal
from despoolr_server.engine.table import file_key
from despoolr_server.engine.tree_locks import NAMES, TREE
from despoolr_server.files.protocol import StoreError
from despoolr_server.loop.pace import batches, begun, breathe
from despoolr_server.shares.base.dav_locks import DavLock
from despoolr_server.shares.base.gate import NO_FILE_BEFORE_A_SEPARATOR, SEPARATORS, Gate, Visit
from despoolr_server.shares.base.principal import Caller, Principal, TooMany
from despoolr_server.shares.paths.listings import Listings
from despoolr_server.shares.paths.trees import Failures

TIMEOUT_S_DEFAULT: Final = 1800.0
TIMEOUT_S_MAX: Final = 3600.0
"""Seconds of a lock without, and at most with, a refresh: of the client's time (`time_scale`
makes them site seconds).
"""

FOUND_MAX: Final = 10_000
"""Resources in one answer to a PROPFIND."""

_EXCLUSIVE: Final = int(Access.READ_DATA | Access.WRITE_DATA)
_SHARED: Final = int(Access.READ_DATA)
_READ: Final = int(Access.READ_DATA)
_WRITE: Final = int(Access.WRITE_DATA)
_WRITE_EA: Final = int(Access.WRITE_EA)
_SHARE_READ: Final = int(ShareMode.READ)
_SHARE_ALL: Final = int(ShareMode.ALL)


class LockWish(msgspec.Struct, frozen=True):
    """What a LOCK asks for. `owner` is the client's XML; `timeout_s` 0 leaves it to the server."""

    exclusive: bool = True
    infinite: bool = True
    owner: str = ""
    timeout_s: float = 0.0


ALL_WORK_THERE: Final = Refusal(
    NtStatus.ACCESS_DENIED,
    reason="it is one of the site's own directories, in which everybody works; lock a file of it",
)
"""Why a fixed directory, or a whole share, is not locked: nobody else could put a file there, of
any machine.
"""

NO_PROPERTIES: Final[Mapping[str, str]] = MappingProxyType({})
NO_LOCKS: Final[Sequence[DavLock]] = ()


class DavResource(msgspec.Struct, frozen=True, gc=False):
    """One resource: its facts, dead properties, and the locks it is in the reach of."""

    facts: FileFacts
    properties: Mapping[str, str]
    locks: Sequence[DavLock]


PlainFiles = list[FileFacts]
"""Files, one after the other, of which nothing is to be told but their facts: they have neither
properties nor locks.
"""

Looked = list[DavResource | PlainFiles]
"""What a look found, in its order."""


class Dav:
    """LOCK, UNLOCK, PROPFIND and PROPPATCH. `time_scale` makes site seconds of a client's."""

    def __init__(self, gate: Gate, listings: Listings, *, time_scale: float) -> None:
        self._gate = gate
        self._listings = listings
        self._time_scale = time_scale
        self._clock = gate.clock
        self._engine = gate.engine
        self._dav_locks = gate.dav_locks
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing

    async def lock(
        self, caller: Caller, share: str, path: str, wish: LockWish
    ) -> tuple[DavLock, bool] | Problem | Failures:
        """Grant a lock (on an empty new file if there is no such name: True). Or say who is in the
        way, and where.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        store, facts = visit.share.store, visit.share.store.find(visit.name)
        access = _EXCLUSIVE if wish.exclusive else _SHARED
        unfit = self._why_unfit(visit, facts, path)
        if unfit is not None:
            return self._gate.refuse_visit(visit, unfit, access)
        ask = self._lock_ask(visit, facts, wish, access)
        owner = principal_of(caller.who)
        full = self._dav_locks.why_full(owner)
        if full:
            refusal = Refusal(NtStatus.INSUFFICIENT_RESOURCES, reason=full)
            return self._gate.refuse_visit(visit, refusal, access, _SHARE_READ)
        timeout_s = min(wish.timeout_s or TIMEOUT_S_DEFAULT, TIMEOUT_S_MAX)
        actor, now = visit.actor, visit.now
        session = self._engine.sessions.start(
            now,
            machine=actor.machine,
            user=actor.user,
            program=actor.program,
            role=visit.role,
            owner=caller.who.machine,
            lease_s=timeout_s * self._time_scale,
        )
        if isinstance(session, Refusal):
            return self._gate.refuse_visit(visit, session, access, _SHARE_READ)
        granted = self._engine.open(now, session, ask, facts, visit.has_parent(facts))
        if isinstance(granted, Refusal):
            self._engine.end_session(session.session, "refused")
            return self._lock_refused(visit, ask, granted, access)
        row, created = granted.open, granted.action is CreateAction.CREATED
        try:
            if created:
                store.write_whole(visit.name, b"", now)
        except StoreError as error:
            self._engine.retract(row)
            self._engine.end_session(session.session, "failed")
            return self._refusals.store_failed(
                actor, visit.share.name, visit.name.path, error, access
            )
        lock = DavLock(
            token=self._dav_locks.next_token(now),
            handle=row.handle,
            session=session.session,
            share=visit.share.name,
            path=row.path,
            key=row.file,
            exclusive=wish.exclusive,
            infinite=wish.infinite,
            principal=owner,
            owner=wish.owner,
        )
        self._dav_locks.add(lock)
        self._audit.session_started(session)
        self._audit.granted(row, granted.action, lock.kind)
        if created:
            failure = await self._gate.sync(actor, visit.share.name, visit.name.path, access)
            if failure is not None:
                self._closing.end_dav_locks(visit.share.name, visit.name, "failed")
                return failure
        return lock, created

    def refresh(self, caller: Caller, share: str, path: str) -> DavLock | Problem | None:
        """Renew a lock. Returns None if no token that was sent is one of the caller's here."""
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        for lock in self._dav_locks.covering(visit.share.name, visit.name):
            if lock.token in caller.tokens and lock.handle in visit.covering_handles:
                session = self._engine.sessions.find(lock.session, visit.now)
                assert session is not None, "a WebDAV lock outlived its session"
                self._engine.sessions.renew(session, visit.now)
                return lock
        return None

    def left_s(self, lock: DavLock) -> int:
        """How long a lock still has, in whole seconds of its client's time."""
        left_s = self._engine.sessions.left_s(lock.session, self._clock.now())
        return round(left_s / self._time_scale)

    def unlock(self, caller: Caller, share: str, path: str, token: str) -> Problem | DavLock | None:
        """End a lock: the lock that ended, or None if the token is that of no lock on this
        resource.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        lock = self._dav_locks.find(token)
        if lock is None or lock not in self._dav_locks.covering(visit.share.name, visit.name):
            return None
        if caller.who.role is Role.CLIENT and lock.principal != principal_of(caller.who):
            reason = f"the lock is that of {lock.principal[0]}"
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED, reason=reason), _WRITE, _SHARE_READ
            )
        self._closing.end_session(lock.session, "unlocked")
        return lock

    def locks_on(self, caller: Caller, share: str, path: str) -> tuple[str, list[DavLock]]:
        """The ETag of a name (`""`: there is none) and the locks it is in the reach of: what an
        `If` header is held against.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return "", []
        facts = visit.share.store.find(visit.name)
        return facts.etag if facts else "", self._dav_locks.covering(visit.share.name, visit.name)

    async def set_properties(
        self, caller: Caller, share: str, path: str, properties: Mapping[str, str]
    ) -> Problem | None:
        """Keep exactly these dead properties of a name. Returns the reason if that is refused."""
        visit = self.may_set_properties(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        try:
            visit.share.store.set_properties(visit.name, properties)
            await visit.share.store.sync()
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _WRITE_EA)
        return None

    def may_set_properties(self, caller: Caller, share: str, path: str) -> Visit | Problem:
        """Whether the caller may: by its rights, and by the locks it does not act under."""
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        ask = Ask(
            visit.share.name,
            visit.name,
            _WRITE_EA,
            _SHARE_ALL,
            Disposition.OPEN,
            0,
            0,
            visit.allowed,
        )
        refusal = self._gate.check(visit, ask, visit.share.store.find(visit.name))
        if refusal is not None:
            return refusal
        locks = self._dav_locks.covering(visit.share.name, visit.name)
        blocking = [
            self._open_of(lock) for lock in locks if lock.handle not in visit.covering_handles
        ]
        if blocking:
            rows = tuple(blocking[: self._engine.blockers_max])
            return self._gate.refuse_visit(
                visit,
                Refusal(NtStatus.SHARING_VIOLATION, rows, len(blocking)),
                _WRITE_EA,
                _SHARE_ALL,
            )
        return visit

    async def look(
        self, caller: Caller, share: str, path: str, depth: int | None
    ) -> Looked | TooMany | Problem:
        """A resource and what is in it, to `depth` 0, 1, or all (None); what the caller may not
        list is shown closed.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        facts = visit.share.store.find(visit.name)
        if facts is None or not visit.allowed:
            refused = self._listings.stat(caller, share, path)
            assert isinstance(refused, Problem), "a name that is not there was found"
            return refused
        found: Looked = [self._found(visit, visit.name, facts)]
        if not facts.directory or depth == 0:
            return found
        refusal = self._gate.check(visit, ask_to_list(visit, visit.name, visit.allowed), facts)
        if refusal is not None:
            return refusal
        return await self._look_below(visit, found, depth)

    async def _look_below(
        self, visit: Visit, found: Looked, depth: int | None
    ) -> Looked | TooMany | Problem:
        ahead, count = [visit.name], 1
        while ahead:
            directory = ahead.pop()
            try:
                for batch in batches(await begun(visit.share.store.each(directory))):
                    count += len(batch)
                    if count > FOUND_MAX:
                        return TooMany(FOUND_MAX)
                    found += self._found_in(visit, directory, batch)
                    if depth is None:
                        below = (found_name(one.path) for one in batch if one.directory)
                        allowed, role = visit.share.rights.allowed, visit.role
                        ahead += [name for name in below if allowed(role, name.key) & _READ]
                    await breathe(len(batch))
            except StoreError as error:
                if directory is visit.name:
                    return self._refusals.store_failed(
                        visit.actor, visit.share.name, visit.name.path, error, _READ
                    )
        return found

    def free_bytes(self, share: str) -> int:
        """Bytes that still fit on a share that there is."""
        return self._gate.shares[fold(share)].store.free_bytes()

    def used_bytes(self, share: str) -> int:
        """Bytes that are taken where a share that there is has its files (RFC 4331, 4)."""
        return self._gate.shares[fold(share)].store.used_bytes()

    # -- inside

    def _why_unfit(self, visit: Visit, facts: FileFacts | None, path: str) -> Refusal | None:
        """Why nobody locks such a name, whoever else is there."""
        if facts is None:
            return NO_FILE_BEFORE_A_SEPARATOR if path.endswith(SEPARATORS) else None
        is_all = not visit.name.key and visit.role is Role.CLIENT
        return ALL_WORK_THERE if facts.directory and (visit.fixed or is_all) else None

    def _lock_ask(self, visit: Visit, facts: FileFacts | None, wish: LockWish, access: int) -> Ask:
        """Another lock's token lets a new name be made beside it; it does not let a second lock
        past an exclusive one.
        """
        directory = facts is not None and facts.directory
        covers = (TREE if wish.infinite else NAMES) if directory else 0
        covering_handles = visit.covering_handles
        if covering_handles:
            own = self._dav_locks.covering(visit.share.name, visit.name)
            covering_handles -= {lock.handle for lock in own if lock.exclusive or wish.exclusive}
        open_if, allowed, actor = Disposition.OPEN_IF, visit.allowed, visit.actor
        name = visit.name
        program, purpose, fixed = actor.program, actor.purpose, visit.fixed
        return Ask(
            visit.share.name,
            name,
            access,
            _SHARE_READ,
            open_if,
            0,
            0,
            allowed,
            program,
            purpose,
            covering_handles,
            covers,
            fixed,
        )

    def _lock_refused(
        self, visit: Visit, ask: Ask, refusal: Refusal, access: int
    ) -> Problem | Failures:
        below = f"{file_key(ask.share, ask.name)}/"
        if any(row.file.startswith(below) for row in refusal.blockers):
            return self._refused_below(visit, refusal, access)
        return self._gate.refuse_visit(visit, refusal, access, _SHARE_READ)

    def _refused_below(self, visit: Visit, refusal: Refusal, access: int) -> Failures:
        """A lock on a tree in which something is held: each file that is, and by whom."""
        held: dict[str, list[Open]] = {}
        for row in refusal.blockers:
            held.setdefault(row.path, []).append(row)
        return [
            (
                path,
                self._refusals.refuse(
                    visit.actor, visit.share.name, path, one, access, _SHARE_READ
                ),
            )
            for path, rows in held.items()
            for one in [Refusal(refusal.status, tuple(rows), len(rows))]
        ]

    def _found_in(self, visit: Visit, directory: Name, facts: list[FileFacts]) -> Looked:
        """Some of what is in a directory. Where nothing has properties or locks, nothing is asked
        for those of each.
        """
        has_locks = self._dav_locks.is_any_in(visit.share.name, directory)
        if not has_locks and not visit.share.store.keeps_properties_in(directory):
            if not any(one.directory for one in facts):
                return [facts]
            found: Looked = []
            for are_directories, some in groupby(facts, attrgetter("directory")):
                if are_directories:
                    found += [DavResource(one, NO_PROPERTIES, NO_LOCKS) for one in some]
                else:
                    found.append([*some])
            return found
        return [self._found(visit, found_name(one.path), one) for one in facts]

    def _found(self, visit: Visit, name: Name, facts: FileFacts) -> DavResource:
        return DavResource(
            facts,
            visit.share.store.properties(name),
            self._dav_locks.covering(visit.share.name, name),
        )

    def _open_of(self, lock: DavLock) -> Open:
        row = self._engine.find(lock.handle)
        assert row is not None, "a WebDAV lock outlived its open"
        return row


def principal_of(who: Principal) -> tuple[str, str]:
    """Whose a lock is: the token's machine and user, folded."""
    return fold(who.machine), fold(who.user)


def ask_to_list(visit: Visit, name: Name, allowed: int) -> Ask:
    """The open of who reads a directory's names."""
    return Ask(visit.share.name, name, _READ, _SHARE_ALL, Disposition.OPEN, 0, 0, allowed)
