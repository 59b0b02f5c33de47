"""What was made of the names of directories that are listed again and again: where each file lies,
in the order in which a listing tells them.

The law: a directory is read for each listing, and what is kept of it counts if it still tells the
very names that it was made of. It is kept only of directories in which a name is all there is to
know: each is shown, is on disk what it is called, and is nobody else's in another spelling. Bounded
by names and by bytes; when the store has kept too much, all of it goes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from despoolr_core.rules.memory import text_size
from despoolr_server.files.path_index import DirectoryIndex

SIZE_MAX: Final = 16 * 1024 * 1024
"""Bytes of all listings of one store, each with `FOLDER_OVERHEAD`, each name with `OVERHEAD`."""

NAMES_MAX: Final = 4096
"""Names of a directory whose listing is kept: as many as are sorted in one turn."""

OVERHEAD: Final = 320
"""Bytes that a name in a listing takes beside its texts, about."""

FOLDER_OVERHEAD: Final = 1024
"""Bytes that a directory takes beside its names and its own three texts, about."""

Place = tuple[str, str, str, str]
"""A file's key, where it lies on disk, its stored path, and its name on disk."""


class KeptListing(NamedTuple):
    """`names` in the order in which the directory tells them, `places` in that of their keys."""

    folder: DirectoryIndex
    names: list[str]
    places: list[Place]
    size: int


class KeptListings:
    """What is kept, by the key of the directory. `size` is in bytes."""

    __slots__ = ("_kept", "size")

    def __init__(self) -> None:
        self._kept: dict[str, KeptListing] = {}
        self.size = 0

    def find(self, folder: DirectoryIndex) -> KeptListing | None:
        """What is kept of a directory, if it is the very same one."""
        kept = self._kept.get(folder.key)
        return kept if kept is not None and kept.folder is folder else None

    def keep(self, folder: DirectoryIndex, places: list[Place]) -> None:
        """Remember what was made of the names that were just read, if that may be."""
        if not folder.is_plain or len(places) > NAMES_MAX:
            return
        size = FOLDER_OVERHEAD + 3 * text_size(folder.path)
        size += sum(OVERHEAD + sum(map(text_size, place)) for place in places)
        before = self._kept.pop(folder.key, None)
        if before is not None:
            self.size -= before.size
        if self.size + size > SIZE_MAX:
            self._kept.clear()
            self.size = 0
        self._kept[folder.key] = KeptListing(folder, [*folder.keys], places, size)
        self.size += size
