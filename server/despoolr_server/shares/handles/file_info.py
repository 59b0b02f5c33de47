"""What a handle's file is, and what is set of it: its name, size, attributes and end.

The law: a handle does what its access says and nothing else. A name is changed under all handles of
the file at once, and a directory's only while nobody has anything open in it.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.rules.conflict import DELETES
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import (
    Access,
    FileAttribute,
    NtStatus,
    parse_flags,
    render_attributes,
)
from despoolr_core.share.wire import OpenFacts, Problem
from despoolr_server.engine.dispositions import STAYS
from despoolr_server.engine.names import BadName, Name, parse_name
from despoolr_server.engine.rows import FileFacts, Open, Refusal
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.audit import actor_of
from despoolr_server.shares.base.closing import name_of
from despoolr_server.shares.base.gate import NO_FILE_BEFORE_A_SEPARATOR, SEPARATORS, Gate
from despoolr_server.shares.base.principal import Principal, TooMany
from despoolr_server.shares.base.problems import problem
from despoolr_server.shares.handles.checks import denied, look_up, no_content, too_large

_READ_DATA: Final = int(Access.READ_DATA)
_WRITE_DATA: Final = int(Access.WRITE_DATA)
_WRITE_ATTRIBUTES: Final = int(Access.WRITE_ATTRIBUTES)


class FileInfo:
    """SMB's SET_INFO, QUERY_INFO and QUERY_DIRECTORY."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._clock = gate.clock
        self._engine = gate.engine
        self._audit = gate.audit
        self._refusals = gate.refusals
        self._closing = gate.closing

    async def mark_delete(
        self, who: Principal, handle: str, pending: bool, *, session: str = ""
    ) -> Problem | None:
        """Set or clear the file's delete-pending flag (needs DELETE access)."""
        row = self._gate.own_open(who, handle, session)
        if pending and isinstance(row, Open) and row.directory:
            await self._gate.store_of(row).ready(name_of(row))
            row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        facts = self._gate.facts_of(row)
        if facts is None:
            return problem(NtStatus.OBJECT_NAME_NOT_FOUND, row.share, row.path)
        filled = pending and facts.directory and self._gate.store_of(row).has_children(name_of(row))
        refusal = self._engine.mark_delete(row, pending, facts, filled)
        return self._refusals.refuse_open(row, refusal) if refusal else None

    async def rename(
        self, who: Principal, handle: str, new_path: str, *, replace: bool, session: str = ""
    ) -> Problem | None:
        """Rename the file of a handle that has DELETE access; every other handle on it follows."""
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        target = parse_name(new_path)
        if isinstance(target, BadName) or not target.key:
            reason = (
                target.reason if isinstance(target, BadName) else "the share's root has no name"
            )
            return self._refusals.refuse_open(
                row, Refusal(NtStatus.OBJECT_NAME_INVALID, reason=reason)
            )
        if new_path.endswith(SEPARATORS) and not row.directory:
            return self._refusals.refuse_open(row, NO_FILE_BEFORE_A_SEPARATOR)
        store = self._gate.store_of(row)
        refusal, target = self._may_rename(who, row, target, replace=replace)
        if refusal is None and row.directory:
            share = self._gate.shares[fold(row.share)]
            refusal = await share.too_far_below(name_of(row), target)
        if refusal is None and row.directory:
            await store.ready(name_of(row), target)
            found = self._gate.own_open(who, handle, session)
            if isinstance(found, Problem):
                return found
            row = found
            refusal, target = self._may_rename(who, row, target, replace=replace)
        if refusal is not None:
            return self._refusals.refuse_open(row, refusal)
        source = name_of(row)
        try:
            store.rename(source, target)
            self._engine.renamed(row.share, source, target)
            self._audit.renamed(actor_of(row), row.share, row.path, target.path)
            await store.sync()
        except StoreError as error:
            return self._refusals.open_failed(row, error, DELETES)
        return None

    def _may_rename(
        self, who: Principal, row: Open, target: Name, *, replace: bool
    ) -> tuple[Refusal | None, Name]:
        """Why not; and the target, in a directory that is spelled as it is stored."""
        share = self._gate.shares[fold(row.share)]
        target_facts, parent_exists, target = look_up(share, target, keep_spelling=True)
        refusal = self._engine.check_rename(
            row.share,
            name_of(row),
            row.access,
            target,
            directory=row.directory,
            replace=replace,
            target_facts=target_facts,
            parent_exists=parent_exists,
        )
        if refusal is None and not share.rights.allowed(who.role, target.key) & _WRITE_DATA:
            refusal = Refusal(NtStatus.ACCESS_DENIED, reason="nothing may be put there")
        if refusal is None and share.rights.is_fixed(who.role, target.key):
            refusal = Refusal(NtStatus.ACCESS_DENIED, reason=STAYS)
        return refusal, target

    async def set_attributes(
        self, who: Principal, handle: str, attributes: str, *, session: str = ""
    ) -> Problem | None:
        """Give the file these attributes (`"READONLY|HIDDEN"`, `"NORMAL"` for none). Needs an open
        with WRITE_ATTRIBUTES. Returns the reason where it is refused.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if not row.access & _WRITE_ATTRIBUTES:
            return denied(row, "the handle was not opened to change attributes")
        try:
            store = self._gate.store_of(row)
            store.set_attributes(name_of(row), parse_flags(FileAttribute, attributes))
            await store.sync()
        except ValueError as error:
            return problem(NtStatus.INVALID_PARAMETER, row.share, row.path, detail=str(error))
        except StoreError as error:
            return self._refusals.open_failed(row, error)
        return None

    async def set_size(
        self, who: Principal, handle: str, size: int, *, session: str = ""
    ) -> Problem | None:
        """Cut or lengthen the file; needs WRITE_DATA."""
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if not row.access & _WRITE_DATA:
            return denied(row, "the handle was not opened to write")
        refusal = no_content(row, self._gate.facts_of(row), size, 0)
        if refusal is not None:
            return refusal
        refusal = too_large(self._gate, row, size)
        if refusal is not None:
            return refusal
        try:
            store = self._gate.store_of(row)
            store.set_size(name_of(row), size, self._clock.now())
            self._closing.written.add(row.handle)
            await store.sync()
        except StoreError as error:
            return self._refusals.open_failed(row, error)
        return None

    def query(self, who: Principal, handle: str, *, session: str = "") -> OpenFacts | Problem:
        """What the handle's file is now."""
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        facts = self._gate.facts_of(row)
        if facts is None:
            return problem(NtStatus.OBJECT_NAME_NOT_FOUND, row.share, row.path)
        pending = self._engine.is_pending(row)
        return OpenFacts(
            path=row.path,
            size=facts.size,
            links=0 if pending else 1,
            delete_pending=pending,
            directory=facts.directory,
            attributes=render_attributes(facts.attributes),
        )

    async def entries(
        self, who: Principal, handle: str, *, session: str = ""
    ) -> list[FileFacts] | TooMany | Problem:
        """What is in the directory of a handle that may list it (READ_DATA), sorted; names that are
        going still count.
        """
        row = self._gate.own_open(who, handle, session)
        if isinstance(row, Problem):
            return row
        if not row.directory:
            return problem(
                NtStatus.INVALID_PARAMETER,
                row.share,
                row.path,
                detail=f"{row.path} is a file: it has no names in it",
            )
        if not row.access & _READ_DATA:
            return denied(row, "the handle was not opened to list")
        try:
            return await self._gate.shares[fold(row.share)].facts_in(name_of(row))
        except StoreError as error:
            return self._refusals.open_failed(row, error)
