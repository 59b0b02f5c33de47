"""What is in the directories of a disk: listings, counts and trees.

The law: a directory is read each time it is asked about. Of the files in it a listing asks the
facts, each when it is its turn; the rest asks nothing of them. What is ours is never among them.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from heapq import merge
from typing import Final

from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.errors import answering
from despoolr_server.files.known_files import KnownFiles
from despoolr_server.files.listings import NAMES_MAX, KeptListings, Place
from despoolr_server.files.long_names import on_disk
from despoolr_server.files.path_index import (
    NAMES_AT_ONE_TIME,
    PRIVATE,
    DirectoryIndex,
    PathIndex,
    is_shown,
)
from despoolr_server.files.system.descriptors import opened_directory
from despoolr_server.loop.pace import turn

_SORTED_AT_ONE_TIME: Final = NAMES_MAX
_ALONE: Final = 2
"""Links of a directory without directories in it, where a file system counts them so."""
_GONE: Final = (FileNotFoundError, NotADirectoryError)


class Directories:
    """Reads directories; raises `StoreError` for one that is not there or cannot be read."""

    def __init__(self, index: PathIndex, known: KnownFiles) -> None:
        self._index = index
        self._known = known
        self._listings = KeptListings()

    def each(self, name: Name) -> Iterator[FileFacts | None]:
        """Reads the names first, and asks for the facts of each when it is its turn."""
        folder = self._index.folder(name)
        with answering:
            kept = self._listings.find(folder)
            if kept is not None and not (yield from self._index.still_tells(folder, kept.names)):
                kept = None
            places = (yield from self._places_in(name, folder)) if kept is None else ()
        with answering, opened_directory(folder.path) as directory:
            if directory is not None and kept is None:
                yield from self._facts_in(directory, places)
            elif directory is not None and kept is not None:
                attributes = self._known.all_attributes
                yield from self._listings.again(kept, directory, attributes, self._facts_in)

    def _facts_in(self, directory: int, places: Iterable[Place]) -> Iterator[FileFacts]:
        """The facts of what is at these places of an open directory, and shown."""
        known_rows = self._known.rows
        for key, path, stored, actual in places:
            try:
                status = os.stat(actual, dir_fd=directory, follow_symlinks=False)
            except OSError:
                continue
            known = known_rows.get(key)
            if (
                known is not None
                and known[1] == status.st_mtime_ns
                and known[2] == status.st_size
                and known[3] == status.st_ino
                and known[0] == path
            ):
                yield known[4]
            elif is_shown(status):
                yield self._known.tell(key, path, stored, status)

    def _places_in(
        self, name: Name, folder: DirectoryIndex
    ) -> Generator[None, None, Iterable[Place]]:
        """Where everything in a directory lies, as a listing tells it."""
        names = dict((yield from self._index.reading(folder)))
        keys, runs = [*names], []
        for start in range(0, len(keys), _SORTED_AT_ONE_TIME):
            if start:
                yield None
            runs.append(sorted(keys[start : start + _SORTED_AT_ONE_TIME]))
        ordered = (
            (_join(name.key, key), f"{folder.path}/{lies}", _join(folder.stored, actual), lies)
            for key in merge(*runs)
            for actual in [names[key]]
            for lies in [on_disk(actual)]
        )
        if len(runs) > 1:
            return ordered
        places = [*ordered]
        self._listings.keep(folder, places)
        return places

    async def tally(self, name: Name) -> tuple[int, tuple[str, ...]]:
        """Reads the directory, and asks nothing of the files in it; one without directories of
        which all names are known is not read.
        """
        folder = self._index.folder(name)
        with answering:
            status = os.lstat(folder.path)
        is_known = folder.is_plain and status.st_mtime_ns == folder.mtime_ns
        if is_known and status.st_nlink == _ALONE and name.key:
            return len(folder.names), ()
        count = 0
        below: tuple[str, ...] = ()
        with answering, os.scandir(folder.path) as entries:
            for told, entry in enumerate(entries, 1):
                if told % NAMES_AT_ONE_TIME == 0:
                    await turn()
                if entry.is_file(follow_symlinks=False):  # nearly all are
                    count += 1
                elif entry.is_dir(follow_symlinks=False) and (name.key or entry.name != PRIVATE):
                    stored = self._index.long_names.name_of(entry.name) or entry.name
                    below += (_join(folder.stored, stored),)
        return count, below

    def below(self, name: Name) -> Iterator[str]:
        """Reads every directory when it is its turn, and asks nothing of the files."""
        ahead = [(self._index.folder(name).path, "")]
        while ahead:
            path, inside = ahead.pop()
            with answering, suppress(*(_GONE if inside else ())), os.scandir(path) as entries:
                for entry in entries:
                    part = entry.name
                    if part == PRIVATE and not name.key:
                        continue
                    stored = _join(inside, self._index.long_names.name_of(part) or part)
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append((f"{path}/{part}", stored))
                    yield stored

    def has_children(self, name: Name) -> bool:
        """Whether anything at all is in the directory, shown or not."""
        with answering, os.scandir(self._index.folder(name).path) as entries:
            return any(entry.name != PRIVATE or name.key for entry in entries)


def _join(directory: str, part: str) -> str:
    return f"{directory}/{part}" if directory else part
