"""Files that are put again: what `Paths.put` would do, when nothing can be in its way.

The law: only what is sure is done here. A file that is not there, or has attributes, or that
somebody has open, a caller without the right: the answer is None, before anything was changed, and
`Paths` is asked as if nobody had asked here; so it is the first time that a file is put. Where a
store has to be waited for, the caller is answered when that says that it is safe (`when_safe`). A
plain file without attributes is replaced by whoever may write it (`engine.dispositions`); a lock on
a tree, or an open, is in the table of opens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, CreateAction, Role
from despoolr_core.share.wire import Problem
from despoolr_server.engine.dispositions import IMPLIED
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.audit import Actor
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.principal import Caller, Written
from despoolr_server.shares.paths.polls import place_of

_NEEDED: Final = int(Access.WRITE_DATA) | IMPLIED[CreateAction.OVERWRITTEN]

PutNow = Callable[[Caller, bytes], Written | None]
"""Replaces a file by this content; None if `Paths.put` has to do it."""
WhenSafe = Callable[[Callable[[StoreError | None], None]], None]
"""Calls back when what was put is safe, or with why it cannot be."""


class Puts:
    """The short way of a `PUT`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def put_of(self, share: str, path: str) -> PutNow | None:
        """The short way to one file, whose share and name are looked up once; None if it can have
        none.
        """
        place = place_of(self._gate, share, path)
        if place is None:
            return None
        (found, name, key), gate = place, self._gate
        store, rights, table = found.store, found.rights, gate.engine.table
        size_max = min(store.inline_max, gate.limits.file_size_max)
        role, as_of, may_write = Role.CLIENT, -1, False
        is_again = False

        def put(caller: Caller, data: bytes) -> Written | None:
            nonlocal is_again, role, as_of, may_write
            if not is_again:  # most files are put once, and would be looked for twice
                is_again = True
                return None
            now, who = gate.now(), caller.who
            if role is not who.role or as_of != rights.change_count:
                role, as_of = who.role, rights.change_count
                may_write = not _NEEDED & ~rights.allowed(role, name.key)
            if (
                caller.session
                or caller.tokens
                or len(data) > size_max
                or table.tree_locks.count
                or table.file(key) is not None
                or not may_write
            ):
                return None
            try:
                written = store.put_again(name, data, now)
                if written is None:
                    if store.is_unread(name):
                        return None
                    look = store.look(name)
                    facts = look.facts
                    if facts is None or facts.attributes or facts.directory:
                        is_again = False
                        return None
                    written = store.write_whole(name, data, now, look=look)
            except StoreError:  # and has changed nothing: who does it again says why
                return None
            actor = Actor(who.machine, who.user, caller.program, caller.purpose)
            gate.audit.written(actor, found.name, written.path, len(data))
            return Written(written.etag, False)

        return put

    def when_safe(self, share: str) -> WhenSafe | None:
        """What tells when a put to a share is safe; None if it is at once."""
        store = self._gate.shares[fold(share)].store
        return None if store.is_safe_at_once else store.when_safe

    def failed(self, caller: Caller, share: str, path: str, error: StoreError) -> Problem:
        """Why what was put is not safe."""
        visit = self._gate.visit(caller, share, path)
        if isinstance(visit, Problem):
            return visit
        return self._gate.visit_failed(visit, error, int(Access.WRITE_DATA))
