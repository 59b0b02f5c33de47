"""What says, without a call, that directories of a share are as they were: a service that found
nothing to do in them need not look again.

The law: two equal answers mean that a look at those directories, and a listing of each, would be
answered alike by the same caller; where that cannot be promised the answer is None, and the caller
looks. An answer changes nothing and puts nothing on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.table import file_key
from despoolr_server.shares.base.gate import Gate
from despoolr_server.shares.base.network_share import NetworkShare

SOON_S: Final = 1.0
"""A lease that ends within so many seconds ends in whoever comes next: nobody may be spared his
visit.
"""


class DirectoryWatch:
    """The directories `paths` of one share, and `files` in them that nobody may have open."""

    __slots__ = ("_files", "_gate", "_seen", "_share", "_state", "_watched")

    def __init__(
        self, gate: Gate, share: str, paths: Sequence[str], files: Sequence[str] = ()
    ) -> None:
        self._gate = gate
        self._share = fold(share)
        names = [parse_name(path) for path in paths]
        self._watched = [name for name in names if isinstance(name, Name)]
        read = [parse_name(path) for path in files]
        self._files = [name for name in read if isinstance(name, Name)]
        self._state: object = None
        """Counts of all changes that there were when `_seen` was told: while none is added, it is
        told again.
        """
        self._seen: object = None

    def __call__(self, until: float = 0.0) -> object | None:
        """What a look depends on, if it lasts until a site time; None where only a look can
        tell.
        """
        gate = self._gate
        share = gate.shares.get(self._share)
        sessions, soon = gate.engine.sessions, max(until, gate.clock.now()) + SOON_S
        if share is None or (sessions.next_deadline() <= soon and sessions.next_lapse() <= soon):
            return None
        store, rights, table = share.store, share.rights, gate.engine.table
        state = None
        if store.change_count is not None:
            state = share, store.change_count, rights.change_count, table.change_count
            if state == self._state:
                return self._seen
        self._state, self._seen = state, self._look(share)
        return self._seen

    def _look(self, share: NetworkShare) -> object | None:
        find, file = share.store.find, self._gate.engine.table.file
        seen: list[object] = [share.rights.change_count]
        for name in self._watched:
            facts = find(name)
            if facts is None or not facts.etag or file(file_key(share.name, name)) is not None:
                return None
            seen.append(facts.etag)
        if any(file(file_key(share.name, name)) is not None for name in self._files):
            return None
        return seen
