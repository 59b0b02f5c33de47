"""Directories that are kept open while files are on their way into them, so that they are found
again wherever on the disk somebody takes them.

The law: an open directory is known by its inode, which no other of its device gets meanwhile. One
that lies on another mount or device than the store is not kept: no file could be renamed into it.
Bounded: the one that was asked for longest ago is closed first, and what is on its way into that is
lost if the directory is renamed past the server.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

from despoolr_server.files.system.descriptors import mount_of, open_directory

DIRECTORIES_MAX: Final = 12
"""Directories that one store keeps open."""


class OpenDirectories:
    """The open directories of one store, by inode."""

    def __init__(self, base: str) -> None:
        """`base` is the directory of the store."""
        self._base = base
        self._kept: OrderedDict[int, tuple[str, int]] = OrderedDict()
        """By inode: where it was when it was asked for, and its descriptor."""

    def keep(self, path: str, inode: int) -> bool:
        """Have this directory open, if it can be opened, is the one that is meant, and lies where
        the store does; whether it is.
        """
        kept = self._kept.get(inode)
        if kept is not None and kept[0] == path:  # else one of another device may have that inode
            self._kept.move_to_end(inode)
            return True
        try:
            descriptor = open_directory(path)
        except OSError:
            return False
        try:
            is_kept = os.fstat(descriptor).st_ino == inode and self._is_beside(descriptor)
        except OSError:
            is_kept = False
        if not is_kept:
            os.close(descriptor)
            return False
        if kept is not None:
            os.close(self._kept.pop(inode)[1])
        self._kept[inode] = path, descriptor
        if len(self._kept) > DIRECTORIES_MAX:
            os.close(self._kept.popitem(last=False)[1][1])
        return True

    def find(self, inode: int) -> int | None:
        """The descriptor of a directory that is still somewhere; None if it is not, or is not open.
        Raises `OSError`.
        """
        kept = self._kept.get(inode)
        return None if kept is None or not os.fstat(kept[1]).st_nlink else kept[1]

    def close(self) -> None:
        """Let all of them go."""
        while self._kept:
            os.close(self._kept.popitem()[1][1])

    def _is_beside(self, descriptor: int) -> bool:
        base = open_directory(self._base)
        try:
            return mount_of(descriptor) == mount_of(base)
        finally:
            os.close(base)
