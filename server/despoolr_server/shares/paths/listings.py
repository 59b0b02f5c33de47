"""What is in a directory, and what one name is.

The law: who lists needs the right and an open that conflicts with nobody's; to ask for one name,
any right. Who is served beside others gets a listing in batches, and at most `LISTED_MAX` names.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.share.modes import Access, CreateOption, NtStatus, ShareMode
from despoolr_core.share.wire import Entry, Problem
from despoolr_server.engine.rows import FileFacts, Refusal
from despoolr_server.files.protocol import StoreError
from despoolr_server.loop.pace import batches, begun, breathe
from despoolr_server.shares.base.gate import Gate, Visit
from despoolr_server.shares.base.network_share import entry_of, entry_with_etag
from despoolr_server.shares.base.principal import Caller, TooMany
from despoolr_server.shares.base.problems import problem

_READ: Final = int(Access.READ_DATA)
_SHARE_ALL: Final = int(ShareMode.ALL)
_DIRECTORY: Final = int(CreateOption.DIRECTORY_FILE)


class Listings:
    """Directories by their paths, each told in one of three ways, and single names."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def list_long(
        self, caller: Caller, share: str, path: str
    ) -> list[FileFacts] | TooMany | Problem:
        """`list` for who is served beside others: as facts, in batches, and at most
        `LISTED_MAX`.
        """
        visit = self._may_list(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        try:
            return await visit.share.facts_in(visit.name)
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _READ)

    async def list_all(self, caller: Caller, share: str, path: str) -> list[Entry] | Problem:
        """`list` for a service in this process: in batches, however many there are."""
        visit = self._may_list(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        entries: list[Entry] = []
        try:
            for batch in batches(await begun(visit.share.store.each(visit.name))):
                entries += map(entry_with_etag, batch)
                await breathe(len(batch))
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _READ)
        return entries

    def list(self, caller: Caller, share: str, path: str) -> list[Entry] | Problem:
        """The names in a directory, sorted case-insensitively (access READ, sharing all)."""
        visit = self._may_list(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        try:
            return [entry_of(one) for one in visit.share.store.list(visit.name)]
        except StoreError as error:
            return self._gate.visit_failed(visit, error, _READ)

    def _may_list(self, caller: Caller, share: str, path: str) -> Visit | Problem:
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        facts = visit.share.store.find(visit.name)
        return (
            self._gate.check(visit, visit.ask(_READ, _SHARE_ALL, options=_DIRECTORY), facts)
            or visit
        )

    def stat(self, caller: Caller, share: str, path: str) -> tuple[Entry, str] | Problem:
        """One name's entry and ETag, as a listing of its directory would show it. Conflicts with
        nothing.
        """
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        facts = visit.share.store.find(visit.name)
        if not visit.allowed:
            return self._gate.refuse_visit(
                visit, Refusal(NtStatus.ACCESS_DENIED), int(Access.READ_ATTRIBUTES), _SHARE_ALL
            )
        if facts is None:
            missing = NtStatus.OBJECT_NAME_NOT_FOUND
            if not visit.has_parent(None):
                missing = NtStatus.OBJECT_PATH_NOT_FOUND
            return problem(missing, visit.share.name, path)
        return entry_of(facts), facts.etag
