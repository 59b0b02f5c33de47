"""Opens of directories that also speak for what is in them.

The law: an open may cover the names in its directory (`NAMES`: who adds, removes or renames one
meets it) or everything below, at any depth (`TREE`: it counts as an open of each file there, with
its own access and share mode, and whoever makes a name there meets it too). The two-line rule of
`conflict` decides, as between any two opens; only what a name is covered by is known here. SMB has
no such opens: WebDAV's locks on collections are the ones there are (RFC 4918, 7.4 and 7.5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from despoolr_core.rules.conflict import conflicts
from despoolr_server.engine.rows import Open

NAMES: Final = 1
TREE: Final = 2
_ADDS: Final = 2
_DELETES: Final = 4


class TreeLocks:
    """The covering opens by their directory's key. Empty, as it mostly is, it costs a look at
    `count`.
    """

    __slots__ = ("_directories", "count")

    def __init__(self) -> None:
        self.count = 0
        self._directories: dict[str, dict[str, Open]] = {}

    def add(self, row: Open) -> None:
        """Count a covering open in."""
        self._directories.setdefault(row.file, {})[row.handle] = row
        self.count += 1

    def remove(self, row: Open) -> None:
        """Count a covering open out."""
        rows = self._directories[row.file]
        del rows[row.handle]
        if not rows:
            del self._directories[row.file]
        self.count -= 1

    def blockers(
        self, key: str, wanted: int, shared: int, *, creates: bool, excluding: Collection[str] = ()
    ) -> list[Open]:
        """The covering opens that conflict with an open of a name, oldest first."""
        named = creates or wanted & _DELETES
        wanted = wanted | _ADDS if creates else wanted
        found = [
            row
            for row, is_parent in self._over(key)
            if row.handle not in excluding
            and (row.covers == TREE or (is_parent and named))
            and conflicts(wanted, shared, row.conflict_class >> 3, row.conflict_class & 7)
        ]
        return sorted(found, key=lambda row: row.number)

    def _over(self, key: str) -> Iterator[tuple[Open, bool]]:
        """Every covering open of a directory above a name, and whether the directory is the one it
        stands in.
        """
        is_parent = True
        while (cut := key.rfind("/")) >= 0:
            key = key[:cut]
            for row in self._directories.get(key, {}).values():
                yield row, is_parent
            is_parent = False
