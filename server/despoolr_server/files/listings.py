"""What was made of the names of directories that are listed again and again: where each file lies,
in the order in which a listing tells them.

The law: a directory is read for each listing, and what is kept of it counts if it still tells the
very names that it was made of. It is kept only of directories in which a name is all there is to
know: each is shown, is on disk what it is called, and is nobody else's in another spelling. The
facts of its files count for the very statuses (`system.statuses`) and attributes that they were
made of. Bounded by names and by bytes; when the store has kept too much, all of it goes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from despoolr_core.rules.memory import text_size
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.path_index import DirectoryIndex
from despoolr_server.files.system.statuses import STATUS_SIZE, Statuses, unchanged
from despoolr_server.loop.pace import BATCH

SIZE_MAX: Final = 16 * 1024 * 1024
"""Bytes of all listings of one store, each with `FOLDER_OVERHEAD`, each name with `OVERHEAD`."""

NAMES_MAX: Final = 4096
"""Names of a directory whose listing is kept: as many as are sorted in one turn."""

OVERHEAD: Final = 384 + STATUS_SIZE
"""Bytes that a name in a listing takes beside its texts, about, with what was told of its file."""

FOLDER_OVERHEAD: Final = 1024
"""Bytes that a directory takes beside its names and its own three texts, about."""

Place = tuple[str, str, str, str]
"""A file's key, where it lies on disk, its stored path, and its name on disk."""

LookAt = Callable[[int, Iterable[Place]], Iterator[FileFacts]]
"""The facts of what is at some places of an open directory, and shown."""


class ToldFiles(NamedTuple):
    """Facts of files, and what they were made of: their statuses, and the attributes of all."""

    facts: list[FileFacts]
    statuses: bytes
    attributes: dict[str, int]


class KeptListing(NamedTuple):
    """`names` in the order in which the directory tells them, `places` in that of their keys, and
    their names on `disk`. `told` has the facts of some of these, by the number of the first.
    """

    folder: DirectoryIndex
    names: list[str]
    places: list[Place]
    size: int
    disk: list[bytes]
    told: dict[int, ToldFiles]


class KeptListings:
    """What is kept, by the key of the directory. `size` is in bytes."""

    __slots__ = ("_kept", "_statuses", "size")

    def __init__(self) -> None:
        self._kept: dict[str, KeptListing] = {}
        self._statuses = Statuses(BATCH)
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
        size += sum([OVERHEAD + text_size("".join(place)) for place in places])
        before = self._kept.pop(folder.key, None)
        if before is not None:
            self.size -= before.size
        if self.size + size > SIZE_MAX:
            self._kept.clear()
            self.size = 0
        disk = [os.fsencode(place[3]) for place in places]
        self._kept[folder.key] = KeptListing(folder, [*folder.keys], places, size, disk, {})
        self.size += size

    def again(
        self,
        kept: KeptListing,
        directory: int,
        attributes: Callable[[], dict[str, int]],
        look_at: LookAt,
    ) -> Iterator[FileFacts]:
        """The facts of what is in an open directory that still tells the names of a listing: of a
        file that is as it was those that were told then. `attributes` are those of all files, which
        are another `dict` when any has changed.
        """
        for first in range(0, len(kept.places), BATCH):
            yield from self._batch_again(kept, first, directory, attributes(), look_at)

    def _batch_again(
        self,
        kept: KeptListing,
        first: int,
        directory: int,
        attributes: dict[str, int],
        look_at: LookAt,
    ) -> list[FileFacts]:
        places, told = kept.places[first : first + BATCH], kept.told.get(first)
        now = self._statuses.read(directory, kept.disk[first : first + BATCH])
        if now is None:
            return [*look_at(directory, places)]
        facts: list[FileFacts] = []
        if told is None or told.attributes is not attributes:
            facts += look_at(directory, places)
        elif told.statuses == now:
            return told.facts
        else:
            same = unchanged(told.statuses, now)
            for place, is_same, before in zip(places, same, told.facts, strict=True):
                facts += (before,) if is_same else look_at(directory, (place,))
        if len(facts) == len(places) and not any(one.directory for one in facts):
            kept.told[first] = ToldFiles(facts, now, attributes)
        return facts
