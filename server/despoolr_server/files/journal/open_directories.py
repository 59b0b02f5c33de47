"""Directories that are kept open while files are on their way into them, so that they are found
again wherever on the disk somebody takes them.

The law: an open directory is known by its inode, which no other gets meanwhile. Bounded: the one
that was asked for longest ago is closed first, and what is on its way into that is lost if the
directory is renamed past the server.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Final

from despoolr_server.files.system.descriptors import open_directory

DIRECTORIES_MAX: Final = 32
"""Directories that one store keeps open."""


class OpenDirectories:
    """The open directories of one store, by inode."""

    def __init__(self) -> None:
        self._descriptors: OrderedDict[int, int] = OrderedDict()

    def keep(self, path: str, inode: int) -> None:
        """Have this directory open, if it can be opened and is the one that is meant."""
        if inode in self._descriptors:
            self._descriptors.move_to_end(inode)
            return
        try:
            descriptor = open_directory(path)
        except OSError:
            return
        if os.fstat(descriptor).st_ino != inode:
            os.close(descriptor)
            return
        self._descriptors[inode] = descriptor
        if len(self._descriptors) > DIRECTORIES_MAX:
            os.close(self._descriptors.popitem(last=False)[1])

    def find(self, inode: int) -> int | None:
        """The descriptor of a directory that is still somewhere; None if it is not, or is not open.
        Raises `OSError`.
        """
        descriptor = self._descriptors.get(inode)
        return None if descriptor is None or not os.fstat(descriptor).st_nlink else descriptor

    def close(self) -> None:
        """Let all of them go."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
