"""Files that come to a box or pass through it, several in one turn: what `Paths.put` and
`Paths.delete` would do with each, when nothing can be in the way of any.

The law is that of `puts`: only what is sure is done here, and the answer is how many of the first
were; `Paths` is asked about the next as if nobody had asked here, and about all where the store has
nothing to wait for, since that gains nothing by several in one. Who calls is looked up once, and
the store looks at the directory once and writes its records together; the rights to each name, and
who has it open, are asked for each. A new file without attributes may be made by whoever may write
it, and deleted by whoever may delete it (`engine.dispositions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access
from despoolr_server.engine.names import BadName, Name, parse_name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.engine.table import file_key
from despoolr_server.files.protocol import StoreError
from despoolr_server.shares.base.audit import Actor
from despoolr_server.shares.base.gate import SEPARATORS, Gate
from despoolr_server.shares.base.principal import Caller

_MAKES: Final = int(Access.WRITE_DATA | Access.APPEND_DATA)
_DELETES: Final = int(Access.DELETE)
TOGETHER_MAX: Final = 32
"""Files of one turn: some 20 us each."""


class Boxes:
    """The short way of files that come and go together."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def takes(self, share: str) -> bool:
        """Whether anything is gained here by several in one."""
        found = self._gate.shares.get(fold(share))
        return found is not None and not found.store.is_safe_at_once

    def create(
        self, caller: Caller, share: str, files: Sequence[tuple[str, bytes]], *, passing: bool
    ) -> Sequence[FileFacts]:
        """Make new files of one directory, on a share that `takes` them, not yet synced; the facts
        of the first, which were made. `passing` is that of `FileStore.write_whole`.
        """
        gate, size_max = self._gate, self._gate.limits.file_size_max
        found = gate.shares[fold(share)]
        fit = takewhile(lambda file: len(file[1]) <= size_max, files)
        names = self._sure(caller, share, (path for path, _ in fit), _MAKES)
        sure = ((name, data) for name, (_, data) in zip(names, files, strict=False))
        try:
            made = found.store.create_together(sure, gate.now(), passing=passing)
        except StoreError:  # and has changed nothing: who does it again says why
            return ()
        actor = _actor_of(caller)
        for facts in made:
            gate.audit.written(actor, found.name, facts.path, facts.size)
        return made

    def delete(self, caller: Caller, share: str, paths: Iterable[str]) -> int:
        """The same of files that are deleted; how many of the first are gone."""
        gate = self._gate
        found = gate.shares[fold(share)]
        sure = self._sure(caller, share, paths, _DELETES)
        try:
            gone = found.store.remove_together(sure)
        except StoreError:  # as above
            return 0
        actor = _actor_of(caller)
        for facts in gone:
            gate.audit.deleted(actor, found.name, facts.path)
        return len(gone)

    def _sure(
        self, caller: Caller, share: str, paths: Iterable[str], needed: int
    ) -> Iterator[Name]:
        """The names that a caller without a session has such a right to, and that nobody has open,
        nor the directory that they are in; up to the first that is otherwise.
        """
        gate = self._gate
        gate.now()  # sessions whose leases are over have ended
        table, role = gate.engine.table, caller.who.role
        if caller.session or caller.tokens or table.tree_locks.count:
            return
        found, directory = gate.shares[fold(share)], ""
        rights, is_open = found.rights, table.file
        for path in paths:
            name = parse_name(path)
            if (
                isinstance(name, BadName)
                or path.endswith(SEPARATORS)
                or is_open(file_key(found.name, name)) is not None
                or needed & ~rights.allowed(role, name.key)
                or rights.is_fixed(role, name.key)
            ):
                return
            parent = name.key.rpartition("/")[0]
            if not directory or parent != directory:
                if is_open(file_key(found.name, name.parent)) is not None:
                    return
                directory = parent
            yield name


def _actor_of(caller: Caller) -> Actor:
    who = caller.who
    return Actor(who.machine, who.user, caller.program, caller.purpose)
