"""What was told of the files of a disk, and counts for as long as the disk shows the same.

The law: the disk has the last word. A file's facts are told again if its time, size and inode are
those that they were made of; a directory's, if its changes and attributes are as well. Bounded by
files; when it is full, all of it goes.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import DIRECTORY, FileFacts
from despoolr_server.files.beside.attributes import AttributeList
from despoolr_server.files.path_index import DirectoryIndex, PathIndex, is_shown
from despoolr_server.files.protocol import Look
from despoolr_server.files.small_files import SmallFiles

KNOWN_MAX: Final = 65_536

Known = tuple[str, int, int, int, FileFacts]
"""Where a file lies, its time in nanoseconds, size and inode, and what was told of it."""


class KnownFiles:
    """By path key: the facts of files (`rows`, for reading), and what `small` keeps of them."""

    def __init__(self, index: PathIndex, attribute_list: AttributeList) -> None:
        self.rows: dict[str, Known] = {}
        self.small = SmallFiles()
        self._index = index
        self._attribute_list = attribute_list

    def find(self, name: Name, *, is_brief: bool = False) -> FileFacts | None:
        """One `lstat` for a name seen before, be it a file or a directory in which something was
        looked for; else one for each part of the path.
        """
        known = self.rows.get(name.key)
        if known is not None:
            path, mtime_ns, size, inode, facts = known
            try:
                now = os.lstat(path)
            except OSError:
                del self.rows[name.key]
            else:
                if now.st_mtime_ns == mtime_ns and now.st_size == size and now.st_ino == inode:
                    return facts
        elif (folder := self._index.remembered(name.key)) is not None:
            directory, status = folder
            return None if status is None else self._facts_of(directory, status)
        if is_brief and self._index.unread(name) is not None:
            return None
        found = self._index.resolve(name)
        return (
            None
            if found is None or found.status is None
            else self.tell(name.key, found.path, found.stored, found.status)
        )

    def look(self, name: Name) -> Look:
        """One `lstat` for the directory and one for the name."""
        place = self._index.look(name)
        if place is None:
            facts = self.find(name)
            return Look(facts, facts is not None or self._index.has_folder(name.parent))
        status = place.status
        if status is None or not is_shown(status):
            return Look(None, True, place)
        known = self.rows.get(name.key)
        if (
            known is not None
            and known[4].path == place.stored
            and known[1] == status.st_mtime_ns
            and known[2] == status.st_size
            and known[3] == status.st_ino
        ):
            return Look(known[4], True, place)
        return Look(self.tell(name.key, place.path, place.stored, status), True, place)

    def tell(self, key: str, path: str, stored: str, status: os.stat_result) -> FileFacts:
        """The facts of what was just looked at; those of a file are remembered."""
        directory = stat.S_ISDIR(status.st_mode)
        mtime_ns, size, inode = status.st_mtime_ns, status.st_size, status.st_ino
        attributes = self._attribute_list.get(key) | (DIRECTORY if directory else 0)
        tally = f"-{self._index.tally(key):x}" if directory else ""
        etag = etag_of(mtime_ns, size, inode, tally)
        facts = FileFacts(
            stored, 0 if directory else size, time_of(mtime_ns), directory, attributes, etag
        )
        if not directory:
            if len(self.rows) >= KNOWN_MAX:
                self.rows.clear()
            self.rows[key] = (path, mtime_ns, size, inode, facts)
        return facts

    def put(
        self, key: str, path: str, stored: str, mtime_ns: int, inode: int, content: bytes
    ) -> FileFacts:
        """`tell` of a file without attributes that took the place of one that was told of, with its
        content.
        """
        size = len(content)
        etag = etag_of(mtime_ns, size, inode)
        facts = FileFacts(stored, size, time_of(mtime_ns), False, 0, etag)
        self.rows[key] = (path, mtime_ns, size, inode, facts)
        self.small.keep(key, facts, content)
        return facts

    def all_attributes(self) -> dict[str, int]:
        """The attributes of all files: another `dict` when those of any have changed."""
        return self._attribute_list.snapshot()

    def _facts_of(self, folder: DirectoryIndex, status: os.stat_result) -> FileFacts:
        """What was told of a directory the last time, if that is as it was."""
        key = folder.key
        tally, attributes = self._index.tally(key), self._attribute_list.get(key)
        now = status.st_mtime_ns, status.st_size, status.st_ino, tally, attributes
        if folder.told is None or folder.told[0] != now:
            facts = self.tell(key, folder.path, folder.stored, status)
            folder.told = now, facts
        return folder.told[1]

    def forget(self, key: str) -> None:
        """Neither the facts nor the content of a file that is gone: files with names of their own
        come and go all the time.
        """
        self.rows.pop(key, None)
        self.small.forget(key)

    def forget_below(self, key: str) -> None:
        """Nothing is known any more of what is in a directory, nor of any other file: to find those
        that are in it took 40 ms of 30,000. Not for files.
        """
        self._index.forget_below(key)
        self.rows.clear()
        self.small.clear()


def etag_of(mtime_ns: int, size: int, inode: int, tally: str = "") -> str:
    """What tells a file's content from any other that was ever under its name."""
    return '"%x-%x-%x%s"' % (mtime_ns, size, inode, tally)  # noqa: UP031 - twice as fast


def time_of(mtime_ns: int) -> float:
    """A file's time in seconds, to the microsecond: what is below it is a count (`StagedFiles`)."""
    return mtime_ns // 1000 / 1e6  # `round` would take a microsecond
