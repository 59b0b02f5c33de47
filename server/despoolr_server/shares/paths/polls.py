"""Polls and small files that nobody has open: what `Paths.get` would answer, when that is answered
now and leaves nothing on record.

The law: only what is sure is told here. Who has a session or no right, a file that somebody has
open, anybody who waits for any file: the answer is no, before anything was changed, and `Paths`
is asked as if nobody had asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.engine.names import BadName, Name, parse_name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.engine.table import file_key
from despoolr_server.files.protocol import FileStore, StoreError
from despoolr_server.shares.base.gate import SEPARATORS, Gate
from despoolr_server.shares.base.network_share import NetworkShare
from despoolr_server.shares.base.principal import (
    LARGE_SIZE,
    NOT_MODIFIED,
    Caller,
    Content,
    NotModified,
)
from despoolr_server.shares.base.problems import problem

_READ: Final = int(Access.READ_DATA)


class Polls:
    """The short way of a `GET`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._engine = gate.engine
        self._ledger = gate.ledger

    def is_unchanged(self, caller: Caller, share: str, path: str, etag: str) -> bool:
        """Whether `Paths.get` with this ETag would answer NOT_MODIFIED and put nothing on record: a
        poll's short way.
        """
        found = self._unopposed(caller, share, path)
        return found is not None and found[2].etag == etag

    def poll_of(self, share: str, path: str) -> Callable[[Caller, str], bool]:
        """`is_unchanged` for one file, whose share and name are looked up once."""
        place = place_of(self._gate, share, path)
        if place is None:  # a share may come later
            return lambda caller, etag: self.is_unchanged(caller, share, path, etag)
        found, name, key = place

        def is_unchanged(caller: Caller, etag: str) -> bool:
            facts = self._facts_now(caller, found, name, key)
            return facts.etag == etag if facts else False

        return is_unchanged

    def content_now(
        self, caller: Caller, share: str, path: str, size_max: int = LARGE_SIZE
    ) -> Content | None:
        """What `Paths.get` would answer, if that is a file of at most `size_max` bytes, not a
        large one, and nothing goes on record; None: ask there.
        """
        found = self._unopposed(caller, share, path)
        return None if found is None else self._content(*found, size_max)

    def content_unless(
        self, caller: Caller, share: str, path: str, etag: str
    ) -> Content | NotModified | None:
        """The same of a file that may have this ETag still."""
        found = self._unopposed(caller, share, path)
        if found is None:
            return None
        return NOT_MODIFIED if etag and found[2].etag == etag else self._content(*found, LARGE_SIZE)

    def content_or_missing(
        self, caller: Caller, share: str, path: str, size_max: int
    ) -> Content | Problem | None:
        """`content_now`, or that its directory has nothing of that name."""
        place = place_of(self._gate, share, path)
        if place is None:
            return None
        found, name, key = place
        facts = self._facts_now(caller, found, name, key)
        store = found.store
        if facts is None and not store.is_unread(name) and store.has_directory(name.parent):
            return problem(NtStatus.OBJECT_NAME_NOT_FOUND, found.name, name.path)
        return self._content(store, name, facts, size_max) if facts else None

    def _content(
        self, store: FileStore, name: Name, facts: FileFacts, size_max: int
    ) -> Content | None:
        if facts.size > store.inline_max or facts.size > size_max:
            return None
        try:
            data = store.content(name, facts)
        except StoreError:
            return None
        return Content(data, facts.etag, facts.modified_at)

    def _unopposed(
        self, caller: Caller, share: str, path: str
    ) -> tuple[FileStore, Name, FileFacts] | None:
        """A file that the caller may read, that nobody has open, and for which nobody waits."""
        place = place_of(self._gate, share, path)
        if place is None:
            return None
        found, name, key = place
        facts = self._facts_now(caller, found, name, key)
        return (found.store, name, facts) if facts else None

    def _facts_now(
        self, caller: Caller, share: NetworkShare, name: Name, key: str
    ) -> FileFacts | Literal[False] | None:
        """The facts of a file that the caller may read, that nobody has open, and for which nobody
        waits; None if there is none, or it `is_unread`, and False if it is not as sure.
        """
        if (
            caller.session
            or self._ledger.waiting_count
            or self._engine.table.file(key) is not None
            or not share.rights.allowed(caller.who.role, name.key) & _READ
        ):
            return False
        facts = share.store.find(name, is_brief=True)
        return False if facts is not None and facts.directory else facts


def place_of(gate: Gate, share: str, path: str) -> tuple[NetworkShare, Name, str] | None:
    """A share, a name on it that may be a file's, and what the table calls that file."""
    found = gate.shares.get(fold(share))
    name = parse_name(path)
    if found is None or isinstance(name, BadName) or path.endswith(SEPARATORS):
        return None
    return found, name, file_key(found.name, name)
