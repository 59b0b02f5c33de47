"""Operations on a handle: a granted open that stands in the way of others until it is closed.

The law: an open is decided, entered in the table and carried out on the store in one turn; if the
store cannot do its part the open is taken back as if it had never been. A handle does what its
access says and nothing else; it is its session's own, and answers FILE_CLOSED to anybody else and
after its end.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.conflict import READS, WRITES
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import (
    Access,
    CreateAction,
    CreateOption,
    NtStatus,
    render_attributes,
)
from despoolr_core.share.wire import OpenReply, OpenRequest, Problem
from despoolr_server.engine.names import BadName, parse_name
from despoolr_server.engine.rows import STORED_ATTRIBUTES, Ask, Granted, Open, Refusal
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import to_the_end
from despoolr_server.shares.base.audit import Actor, actor_of
from despoolr_server.shares.base.closing import name_of
from despoolr_server.shares.base.gate import NO_FILE_BEFORE_A_SEPARATOR, SEPARATORS, Gate
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.principal import LARGE_SIZE, BeforeLarge, Principal
from despoolr_server.shares.base.problems import problem
from despoolr_server.shares.handles.checks import denied, look_up, no_content, too_large
from despoolr_server.shares.handles.usual import LOOKS, UsualCalls
from despoolr_server.shares.handles.words import numbers_of

_WRITE_DATA: Final = int(Access.WRITE_DATA)
_DIRECTORY_FILE: Final = int(CreateOption.DIRECTORY_FILE)
_NON_DIRECTORY_FILE: Final = int(CreateOption.NON_DIRECTORY_FILE)


class Handles:
    """Open, read, write and close."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._clock = gate.clock
        self._engine = gate.engine
        self._ledger = gate.ledger
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing
        self.usual = UsualCalls(gate.engine, gate.clock, gate.audit, gate.closing)

    async def open(  # noqa: C901 - a hot path, its refusals in their order
        self, who: Principal, request: OpenRequest
    ) -> OpenReply | Problem:
        """Grant an open and keep it, or say who is in the way."""
        if self._gate.is_unread(request.share, request.path):
            await self._gate.read_ahead(request.share, request.path)
        now = self._gate.now()
        session = self._gate.session(who, request.session, now)
        if session is None:
            return problem(NtStatus.USER_SESSION_DELETED, request.share, request.path)
        actor = Actor(
            session.machine, session.user, request.program or session.program, request.purpose
        )
        share = self._gate.shares.get(fold(request.share))
        if share is None:
            return problem(NtStatus.BAD_NETWORK_NAME, request.share, request.path)
        if self._engine.has_left(session.session, share.name):
            return problem(NtStatus.NETWORK_NAME_DELETED, share.name, request.path)
        name = parse_name(request.path)
        if isinstance(name, BadName):
            return self._refusals.bad_name(actor, share.name, request.path, name)
        try:
            access, share_mode, disposition, options, attributes = numbers_of(
                request.access,
                request.share_mode,
                request.disposition,
                request.options,
                request.attributes,
            )
        except ValueError as error:
            return problem(NtStatus.INVALID_PARAMETER, share.name, request.path, detail=str(error))
        facts, parent_exists, name = look_up(share, name)
        if request.path.endswith(SEPARATORS) and name.key and not options & _DIRECTORY_FILE:
            if options & _NON_DIRECTORY_FILE or (facts is not None and not facts.directory):
                return self._refusals.refuse(
                    actor, share.name, name.path, NO_FILE_BEFORE_A_SEPARATOR, access, share_mode
                )
            options |= _DIRECTORY_FILE if facts is None else 0
        ask = Ask(
            share.name,
            name,
            access,
            share_mode,
            disposition,
            options,
            attributes,
            share.rights.allowed(who.role, name.key),
            request.program,
            request.purpose,
            fixed=share.rights.is_fixed(who.role, name.key),
        )
        granted = self._engine.open(now, session, ask, facts, parent_exists)
        if isinstance(granted, Refusal):
            return self._refusals.refuse(actor, share.name, name.path, granted, access, share_mode)
        action = granted.action
        size, kept = (facts.size, facts.attributes) if facts is not None else (0, 0)
        if action is not CreateAction.OPENED:
            try:
                self._carry_out(share, granted, attributes)
            except StoreError as error:
                self._engine.retract(granted.open)
                return self._refusals.store_failed(actor, share.name, name.path, error, access)
            size, kept = 0, attributes
        self._audit.granted(granted.open, action)
        if action is not CreateAction.OPENED:
            failure = await self._gate.sync(actor, share.name, name.path, access)
            if failure is not None:
                if self._engine.find(granted.open.handle) is not None:
                    self._closing.close(granted.open, "failed", self._clock.now())
                return failure
        elif facts is not None and not request.path.endswith(SEPARATORS):
            self.usual.learn(request, who.role, share, granted.open, facts)
        return OpenReply(granted.open.handle, action.value, size, render_attributes(kept), now)

    def _carry_out(self, share: NetworkShare, granted: Granted, attributes: int) -> None:
        """Do to the file what the disposition says."""
        row, store = granted.open, share.store
        name = name_of(row)
        if granted.action is CreateAction.CREATED and row.directory:
            store.make_directory(name, row.opened_at)
            if attributes & STORED_ATTRIBUTES:
                try:
                    store.set_attributes(name, attributes)
                except StoreError:
                    store.remove(name)
                    raise
        elif granted.action is CreateAction.CREATED:
            store.write_whole(name, b"", row.opened_at, attributes)
        else:
            facts = store.find(name)
            store.set_attributes(name, attributes)
            try:
                store.set_size(name, 0, row.opened_at)
            except StoreError:
                store.set_attributes(name, facts.attributes if facts else 0)
                raise

    async def read(  # noqa: C901 - as above
        self,
        who: Principal,
        handle: str,
        offset: int,
        length: int | None,
        *,
        session: str = "",
        before: BeforeLarge | None = None,
    ) -> bytes | Problem:
        """Bytes from `offset`; END_OF_FILE only if a `length` was asked for and there is nothing at
        all.

        `before` is told the size of what is large before it is read; what it raises ends the call.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if not row.access & READS:
            return denied(row, "the handle was not opened to read")
        facts = self._gate.facts_of(row)
        refusal = no_content(row, facts, offset, length or 0)
        if refusal is not None:
            return refusal
        assert facts is not None
        left = max(0, facts.size - offset)
        refusal = self._locked(row, offset, left if length is None else length, writes=False)
        if refusal is not None:
            return refusal
        if length and not left:
            return problem(NtStatus.END_OF_FILE, row.share, row.path)
        count = left if length is None else min(length, left)
        if not count:
            # not asked of the store: a place behind the end may be one that no disk can name
            return b""
        if count > LARGE_SIZE and before is not None:
            before(count)
        store, name = self._gate.store_of(row), name_of(row)
        try:
            if count > store.inline_max:
                data = await store.read_large(name, offset, count)
            else:
                is_whole = count == facts.size
                data = store.content(name, facts) if is_whole else store.read(name, offset, count)
        except StoreError as error:
            return self._refusals.open_failed(row, error)
        if data and self._ledger.waiting_count:
            self._audit.was_read(actor_of(row), row.share, row.path)
        return data

    async def write(
        self, who: Principal, handle: str, offset: int, data: bytes, *, session: str = ""
    ) -> int | Problem:
        """Put bytes at `offset` (a handle with APPEND_DATA alone writes at the end). Returns how
        many were written, or the refusal.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        place = self._write_place(row, offset, len(data))
        if isinstance(place, Problem):
            return place
        offset = place
        if not data:
            return 0
        store = self._gate.store_of(row)
        try:
            store.write_at(name_of(row), offset, data, self._clock.now())
            self._closing.written.add(row.handle)
            await store.sync()
        except StoreError as error:
            return self._refusals.open_failed(row, error)
        if self._ledger.waiting_count:
            self._audit.was_read(actor_of(row), row.share, row.path, "written")
        return len(data)

    def why_not_write(
        self, who: Principal, handle: str, offset: int, size: int, *, session: str = ""
    ) -> Problem | None:
        """What `write` would say now to so many bytes, before they are there; None if nothing
        is in their way.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        place = self._write_place(row, offset, size)
        return place if isinstance(place, Problem) else None

    def _write_place(self, row: Open, offset: int, size: int) -> int | Problem:
        """Where so many bytes go through a handle, or why they may not."""
        if not row.access & WRITES:
            return denied(row, "the handle was not opened to write")
        facts = self._gate.facts_of(row)
        refusal = no_content(row, facts, offset, size)
        if refusal is not None:
            return refusal
        assert facts is not None
        if not row.access & _WRITE_DATA:
            offset = facts.size
        refusal = self._locked(row, offset, size, writes=True)
        return refusal or too_large(self._gate, row, offset + size) or offset

    async def close(self, who: Principal, handle: str, *, session: str = "") -> Problem | None:
        """Give an open back; a file marked for deletion goes with its last open. What could change
        nothing has nothing to wait for.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if self._engine.locking.has_many(handle):
            return await to_the_end(self._close_in_turns(who, handle, session))
        is_changing = row.access & ~LOOKS or self._engine.is_pending(row)
        failure = self._closing.close(row, "closed", self._clock.now())
        if failure is None and is_changing:
            try:
                await self._gate.store_of(row).sync()
            except StoreError as error:
                return self._refusals.open_failed(row, error)
        return failure

    # -- inside

    async def _close_in_turns(self, who: Principal, handle: str, session: str) -> Problem | None:
        """Once the first lock is gone, so is the open: though its caller goes meanwhile."""
        await self._closing.let_go(handle)
        return await self.close(who, handle, session=session)

    def _locked(self, row: Open, offset: int, length: int, *, writes: bool) -> Problem | None:
        """Why a range lock keeps these bytes from being read or written through a handle."""
        file = self._engine.table.file(row.file)
        if file is None or file.ranges is None:
            return None
        refusal = self._engine.locking.check_transfer(
            file, row.handle, writes=writes, offset=offset, length=length
        )
        return self._refusals.refuse_open(row, refusal) if refusal else None
