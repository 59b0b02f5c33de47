"""What has to be on disk before a directory is renamed, or removed after that: it gets there ahead,
by a thread, and nobody waits for it.

The law: what was recorded of a directory's name, of its new one, and of what is above and below
them is true on disk when it is renamed, and counts no more: at a start nothing is called so. So the
file system is synced before the rename is decided; what is recorded of other names meanwhile counts
on. What is recorded of these makes it begin again, and after `TRIES_MAX` times the loop waits for
the disk. The same before a directory is removed whose rename still counts: what is made next may
have its inode, and must not be taken for it at a start.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_server.engine.names import Name
from despoolr_server.files.journal.passing import PassingFiles
from despoolr_server.files.journal.records import (
    Abort,
    Entry,
    Follow,
    Keep,
    Move,
    MoveDirectory,
)
from despoolr_server.files.journal.segments import Journal
from despoolr_server.files.protocol import StoreError

TRIES_MAX: Final = 3


class DirectoryRenames:
    """The renames of directories in one store."""

    def __init__(self, journal: Journal, passing: PassingFiles) -> None:
        self._journal = journal
        self._passing = passing
        self._ahead: list[_Ahead] = []
        self._ready: tuple[str, str, int] | None = None
        """The keys of the names that need nothing any more while no more records than these are
        written.
        """
        self._renamed: dict[int, int] = {}
        """Inode of a directory to the number of the record of its rename."""

    async def prepare(self, name: Name, new_name: Name | None) -> None:
        """Have all on disk that a rename, or a removal, needs. What the disk does not take, these
        tell.
        """
        with suppress(StoreError):
            if new_name is None:
                await self._settle()
                return
            for _ in range(TRIES_MAX):
                if self.is_prepared(name, new_name):
                    return
                ahead = _Ahead(name.key, new_name.key)
                self._ahead.append(ahead)
                try:
                    await self._passing.settle_in_turns(name.key, new_name.key)
                    await self._settle()
                finally:
                    self._ahead.remove(ahead)
                if not ahead.is_outdated:
                    self._ready = name.key, new_name.key, self._journal.sequence

    def is_prepared(self, name: Name, new_name: Name) -> bool:
        """Whether a rename in this turn needs nothing of the disk."""
        return self._ready == (name.key, new_name.key, self._journal.sequence)

    def renamed(self, inode: int) -> None:
        """The last record is of a directory's rename."""
        self._renamed = {one: self._renamed[one] for one in self._renamed if self.counts(one)}
        self._renamed[inode] = self._journal.sequence

    def any_counts(self) -> bool:
        """Whether there is one of which `counts` is true."""
        return any(map(self.counts, self._renamed))

    def counts(self, inode: int) -> bool:
        """Whether a start would look for a directory that was renamed."""
        return self._renamed.get(inode, 0) > self._journal.kept_at

    def hear(self, entry: Entry) -> None:
        """A record was written; a rename of its names has to be prepared again."""
        if self._ahead and not isinstance(entry, Abort | Follow | Keep):
            keys = [fold(entry.path)]
            if isinstance(entry, Move | MoveDirectory):
                keys.append(fold(entry.new_path))
            for ahead in self._ahead:
                ahead.hear(keys)

    async def _settle(self) -> None:
        await self._journal.settle_so_far(self._passing.records)


class _Ahead:
    """A rename that is prepared, by its keys; whether one of its names was recorded meanwhile."""

    def __init__(self, *keys: str) -> None:
        self.is_outdated = False
        self._keys = keys

    def hear(self, keys: Iterable[str]) -> None:
        self.is_outdated = self.is_outdated or any(
            f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
            for one in keys
            for other in self._keys
        )
