"""Operations on a path: an open, the work, and a close, with the access and share mode a Windows
redirector would use.

The law: work that is over before anything else runs needs no row in the table, only the check; work
that awaits (a large file on its way to or from the disk) holds a real open in an implicit session
meanwhile, so that others are refused just as by any other open. What a write produced appears
atomically, and is answered when the store calls it safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, CreateOption, Disposition, NtStatus, ShareMode
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import Ask, Ended, FileFacts, Granted, Open, Refusal
from despoolr_server.engine.table import file_key
from despoolr_server.files.protocol import Look, StoreError
from despoolr_server.shares.base.gate import NO_FILE_BEFORE_A_SEPARATOR, SEPARATORS, Gate, Visit
from despoolr_server.shares.base.principal import (
    LARGE_SIZE,
    NOT_MODIFIED,
    BeforeLarge,
    Caller,
    Content,
    NotModified,
    Written,
)
from despoolr_server.shares.base.problems import problem

_READ: Final = int(Access.READ_DATA)
_WRITE: Final = int(Access.WRITE_DATA)
_DELETE: Final = int(Access.DELETE)
_SHARE_READ: Final = int(ShareMode.READ)
_SHARE_ALL: Final = int(ShareMode.ALL)
_FILE: Final = int(CreateOption.NON_DIRECTORY_FILE)
_DIRECTORY: Final = int(CreateOption.DIRECTORY_FILE)


class Paths:
    """GET, PUT, DELETE, MOVE and MKCOL, each of one name."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._engine = gate.engine
        self._ledger = gate.ledger
        self._dav_locks = gate.dav_locks
        self._limits = gate.limits
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing

    async def get(
        self,
        caller: Caller,
        share: str,
        path: str,
        if_none_match: str = "",
        before: BeforeLarge | None = None,
    ) -> Content | NotModified | Problem:
        """The whole file (access READ, sharing READ), or that it still has the ETag
        `if_none_match`.

        `before` is told the size of a large one before it is read; what it raises ends the call.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        if self._dav_locks:
            visit = self._past_dav_locks(visit)
        ask = visit.ask(_READ, _SHARE_READ, options=_FILE)
        store, facts = visit.share.store, visit.share.store.find(visit.name)
        refusal = self._gate.check(visit, ask, facts)
        if refusal is not None:
            return refusal
        assert facts is not None, "an OPEN of a missing name was granted"
        if if_none_match and facts.etag == if_none_match:
            self._audit.was_read(visit.actor, visit.share.name, facts.path)
            return NOT_MODIFIED
        refusal = self._locked_out(visit, facts.size, writes=False)
        if refusal is not None:
            return refusal
        if facts.size > LARGE_SIZE and before is not None:
            before(facts.size)
        try:
            if facts.size <= store.inline_max:
                data = store.content(visit.name, facts)
            else:
                row = self._hold(visit, ask, facts)
                if isinstance(row, Problem):
                    return row
                try:
                    data = await store.read_large(visit.name)
                finally:
                    self._release(row)
        except StoreError as error:
            return self._refusals.store_failed(
                visit.actor, visit.share.name, facts.path, error, _READ
            )
        self._audit.was_read(visit.actor, visit.share.name, facts.path)
        return Content(data, facts.etag, facts.modified_at)

    def why_not_read(self, visit: Visit, facts: FileFacts) -> Problem | None:
        """What `get` would say now of a file; None if nothing is in its way."""
        past = self._past_dav_locks(visit) if self._dav_locks else visit
        ask = past.ask(_READ, _SHARE_READ, options=_FILE)
        return self._gate.check(past, ask, facts) or self._locked_out(
            past, facts.size, writes=False
        )

    async def put(
        self,
        caller: Caller,
        share: str,
        path: str,
        data: bytes,
        *,
        create_only: bool = False,
        sync: bool = True,
    ) -> Written | Problem:
        """Atomically create or replace a file (access WRITE, sharing READ). Not `sync`: the caller
        sees to that. What is made together with others, and new, is in a box, and passes.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        store = visit.share.store
        look = store.look(visit.name)
        ask = _ask_to_put(visit, create_only)
        refusal = self._put_refusal(visit, ask, look, len(data), path)
        if refusal is not None:
            return refusal
        try:
            if len(data) <= store.inline_max:
                written: FileFacts | None = store.write_whole(
                    visit.name, data, visit.now, look=look, passing=create_only and not sync
                )
            else:
                failure = await self._put_large(visit, ask, look.facts, data)
                if failure is not None:
                    return failure
                written = store.find(visit.name)
            self._audit.written(
                visit.actor,
                visit.share.name,
                written.path if written else visit.name.path,
                len(data),
            )
            if sync:
                await store.sync()
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _WRITE)
        return Written(written.etag if written else "", look.facts is None)

    def why_not_put(
        self, caller: Caller, share: str, path: str, size: int, *, create_only: bool = False
    ) -> Problem | None:
        """What `put` would say now to so many bytes, before they are there; None if nothing is in
        their way.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        return self._put_refusal(
            visit, _ask_to_put(visit, create_only), visit.share.store.look(visit.name), size, path
        )

    def _put_refusal(
        self, visit: Visit, ask: Ask, look: Look, size: int, path: str
    ) -> Problem | None:
        if size > self._limits.file_size_max:
            reason = f"{size} bytes are more than the limit of {self._limits.file_size_max}"
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.FILE_TOO_LARGE, reason=reason), _WRITE
            )
        if look.facts is None and path.endswith(SEPARATORS):
            return self._gate.refuse_visit(visit, NO_FILE_BEFORE_A_SEPARATOR, _WRITE)
        return self._gate.check(
            visit, ask, look.facts, has_parent=look.has_parent
        ) or self._locked_out(visit, size, writes=True)

    async def delete(
        self, caller: Caller, share: str, path: str, *, sync: bool = True
    ) -> Problem | None:
        """Delete a file or an empty directory (access DELETE, sharing all); one that others have
        open goes with the last.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        await visit.share.store.ready(visit.name)
        refusal = self.delete_unsynced(visit)
        if refusal is None and sync:
            return await self._gate.sync(visit.actor, visit.share.name, visit.name.path, _DELETE)
        return refusal

    async def sync(self, shares: Iterable[str]) -> Problem | None:
        """Return when all that was written to these shares without being synced is safe; why it
        cannot be.
        """
        for name in sorted({fold(share) for share in shares}):
            share = self._gate.shares.get(name)
            if share is None:
                continue
            try:
                await share.store.sync()
            except StoreError as error:
                return self.not_safe(name, error)
        return None

    def not_safe(self, share: str, error: StoreError) -> Problem:
        """Why what was written to a share cannot be made safe."""
        return problem(error.status, self._gate.shares[fold(share)].name, detail=error.reason)

    def why_not_deleted(self, visit: Visit) -> Problem | None:
        """Why a name may not be deleted, had it nothing in it; None if it may, now or with its last
        open.
        """
        look, ask = visit.share.store.look(visit.name), visit.ask(_DELETE, _SHARE_ALL)
        refusal = self._engine.check_delete(ask, look.facts, look.has_parent, False)
        return (
            None
            if refusal is None
            else self._gate.refuse_visit(visit, refusal, _DELETE, _SHARE_ALL)
        )

    def delete_unsynced(self, visit: Visit) -> Problem | None:
        """`delete`, not yet synced. A WebDAV lock that the caller acts under goes first, so that
        it is not the last open.
        """
        store = visit.share.store
        look = store.look(visit.name)
        facts, ask = look.facts, visit.ask(_DELETE, _SHARE_ALL)
        try:
            filled = facts is not None and facts.directory and store.has_children(visit.name)
            actor = visit.actor
            by = (actor.machine, actor.program, actor.purpose)
            answer = self._engine.delete_named(ask, facts, look.has_parent, filled, by)
            if isinstance(answer, Refusal):
                return self._gate.refuse_visit(visit, answer, _DELETE, _SHARE_ALL)
            if answer:
                assert facts is not None, "a missing name was deleted"
                store.remove(visit.name, look)
                self._audit.deleted(actor, visit.share.name, facts.path)
            elif visit.covering_handles:
                self._closing.end_dav_locks(visit.share.name, visit.name, "deleted")
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _DELETE)
        return None

    async def move(
        self, caller: Caller, share: str, path: str, new_path: str, *, replace: bool
    ) -> Problem | None:
        """Rename within the share (access DELETE on the source, sharing all)."""
        pair = self._gate.visit_pair(caller, share, path, new_path)
        if isinstance(pair, Problem):
            return pair
        visit, target = pair
        refused = await self.why_not_moved(caller, visit, target, replace=replace)
        return refused or await self.rename(visit, target)

    async def why_not_moved(
        self, caller: Caller, visit: Visit, target: Name, *, replace: bool, ends_below: bool = False
    ) -> Problem | None:
        """Why a name may not be renamed in this turn; all that its rename needs of the store has
        been done then.
        """
        store = visit.share.store
        facts, target_facts = store.find(visit.name), store.find(target)
        may_move = partial(
            self.may_move, caller, visit, target, replace=replace, ends_below=ends_below
        )
        refused = may_move(facts, target_facts)
        if refused is None and facts is not None and facts.directory:
            refused = await self.why_too_far(visit, target)
            if refused is not None:
                return refused
            await store.ready(visit.name, target)
            refused = may_move(store.find(visit.name), store.find(target))
        return refused

    async def rename(self, visit: Visit, target: Name) -> Problem | None:
        """Rename a name of which `why_not_moved` said in this turn that it may be. The WebDAV locks
        on it and below it end.
        """
        store = visit.share.store
        facts = store.find(visit.name)
        assert facts is not None, "an OPEN of a missing name was granted"
        try:
            store.rename(visit.name, target)
            if self._dav_locks:
                self._closing.end_dav_locks(visit.share.name, visit.name, "moved")
            moved = store.find(target)
            new_name = Name(moved.path, target.key) if moved else target
            self._engine.renamed(visit.share.name, visit.name, new_name)
            self._audit.renamed(visit.actor, visit.share.name, facts.path, new_name.path)
            await store.sync()
        except StoreError as error:
            return self._refusals.store_failed(
                visit.actor, visit.share.name, facts.path, error, _DELETE
            )
        return None

    def may_move(
        self,
        caller: Caller,
        visit: Visit,
        target: Name,
        facts: FileFacts | None,
        target_facts: FileFacts | None,
        *,
        replace: bool,
        ends_below: bool = False,
    ) -> Problem | None:
        """Why a name may not be renamed, where `target_facts` is what then has the new name;
        nothing changes. `ends_below`: the caller sees to what is open below it.
        """
        refused = self._gate.check(visit, visit.ask(_DELETE, _SHARE_ALL), facts)
        if refused is not None:
            return refused
        assert facts is not None, "an OPEN of a missing name was granted"
        refusal = self._engine.check_rename(
            visit.share.name,
            Name(facts.path, visit.name.key),
            _DELETE,
            target,
            directory=facts.directory,
            replace=replace,
            target_facts=target_facts,
            parent_exists=visit.share.store.has_directory(target.parent),
            covering_handles=self._gate.covering_handles(caller, visit.share.name, target)
            if caller.tokens
            else visit.covering_handles,
            ends_below=ends_below,
        )
        if refusal is None and not visit.share.rights.allowed(visit.role, target.key) & _WRITE:
            refusal = Refusal(NtStatus.ACCESS_DENIED, reason="nothing may be put there")
        return (
            None
            if refusal is None
            else self._gate.refuse_visit(visit, refusal, _DELETE, _SHARE_ALL)
        )

    async def why_too_far(self, visit: Visit, target: Name) -> Problem | None:
        """Why a directory that may otherwise be renamed may not: what is in it would be too far."""
        refusal = await visit.share.too_far_below(visit.name, target)
        if refusal is None:
            return None
        return self._gate.refuse_visit(visit, refusal, _DELETE, _SHARE_ALL)

    async def make_directory(
        self, caller: Caller, share: str, path: str, *, parents: bool
    ) -> Problem | None:
        """Make a directory; with `parents`, those above it too, and one that exists is fine."""
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        store = visit.share.store
        parts = visit.name.path.split("/") if visit.name.key else []
        first = 1 if parents else max(1, len(parts))
        for count in range(first, len(parts) + 1):
            name = parse_name("/".join(parts[:count]))
            assert isinstance(name, Name), "part of a name is a name"
            allowed = visit.share.rights.allowed(visit.role, name.key)
            covering_handles = (
                self._gate.covering_handles(caller, visit.share.name, name)
                if caller.tokens
                else visit.covering_handles
            )
            fixed = visit.share.rights.is_fixed(visit.role, name.key)
            step = Visit(
                visit.now,
                visit.share,
                name,
                allowed,
                visit.actor,
                visit.role,
                covering_handles,
                fixed,
            )
            facts = store.find(name)
            if parents and facts is not None and facts.directory:
                continue
            problem_ = self._gate.check(
                step, step.ask(_READ, _SHARE_ALL, Disposition.CREATE, _DIRECTORY), facts
            )
            if problem_ is not None:
                return problem_
            try:
                store.make_directory(name, visit.now)
                await store.sync()
            except StoreError as error:
                return self._refusals.store_failed(
                    visit.actor, visit.share.name, name.path, error, _WRITE
                )
        if not parts and not parents:
            return problem(NtStatus.OBJECT_NAME_COLLISION, share, path)
        return None

    # -- inside

    def _past_dav_locks(self, visit: Visit) -> Visit:
        """A visit that only reads a whole file acts under every WebDAV lock: they are write locks
        (RFC 4918, 7).
        """
        handles = frozenset(
            lock.handle for lock in self._dav_locks.covering(visit.share.name, visit.name)
        )
        return msgspec.structs.replace(visit, covering_handles=handles) if handles else visit

    def _locked_out(self, visit: Visit, size: int, *, writes: bool) -> Problem | None:
        """Why a range lock keeps the first `size` bytes from being read or written by somebody who
        has none of the locks.
        """
        file = self._engine.table.file(file_key(visit.share.name, visit.name))
        if file is None or file.ranges is None:
            return None
        refusal = self._engine.locking.check_transfer(
            file, "", writes=writes, offset=0, length=size
        )
        return (
            self._gate.refuse_visit(visit, refusal, _WRITE if writes else _READ)
            if refusal
            else None
        )

    async def _put_large(
        self, visit: Visit, ask: Ask, facts: FileFacts | None, data: bytes
    ) -> Problem | None:
        """Stage the bytes while an open keeps others out, then publish them, if that open is still
        there.
        """
        store = visit.share.store
        row = self._hold(visit, ask, facts)
        if isinstance(row, Problem):
            return row
        try:
            staged = await store.stage(data, visit.now)
            if self._engine.find(row.handle) is None:
                store.discard(staged)
                return problem(NtStatus.FILE_CLOSED, visit.share.name, visit.name.path)
            store.publish(staged, visit.name)
        finally:
            self._release(row)
        return None

    def _hold(self, visit: Visit, ask: Ask, facts: FileFacts | None) -> Open | Problem:
        """A real open in an implicit session, for as long as bytes are on their way."""
        actor = visit.actor
        session = self._engine.sessions.start(
            visit.now,
            machine=actor.machine,
            user=actor.user,
            program=actor.program,
            role=visit.role,
            owner=actor.machine,
            lease_s=0.0,
        )
        if isinstance(session, Refusal):
            return self._gate.refuse_visit(visit, session, ask.access, ask.share_mode)
        granted = self._engine.open(visit.now, session, ask, facts, visit.has_parent(facts))
        if isinstance(granted, Granted):
            return granted.open
        self._engine.end_session(session.session, "refused")
        return self._gate.refuse_visit(visit, granted, ask.access, ask.share_mode)

    def _release(self, row: Open) -> None:
        ended: Ended | None = self._engine.end_session(row.session, "done")
        for closed in ended.closed if ended else ():
            if closed.remove:
                self._closing.finish(closed, "done")


def _ask_to_put(visit: Visit, create_only: bool) -> Ask:
    return visit.ask(
        _WRITE,
        _SHARE_READ,
        Disposition.CREATE if create_only else Disposition.OVERWRITE_IF,
        _FILE,
    )
