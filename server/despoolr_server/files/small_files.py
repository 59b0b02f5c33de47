"""The content of small files, kept in memory: most files of a box are read soon after they were
written.

The law: content is given out for the very facts that it was read or written with, so the disk has
the last word. Bounded by bytes and by files; when either is full, all of it goes.
"""

from __future__ import annotations

from typing import Final

from despoolr_server.engine.rows import FileFacts

FILE_SIZE_MAX: Final = 64 * 1024
SIZE_MAX: Final = 32 * 1024 * 1024
COUNT_MAX: Final = 65_536


class SmallFiles:
    """Path key to a file's facts and content. `files` is for reading: the hot path looks there."""

    __slots__ = ("_size", "files")

    def __init__(self) -> None:
        self.files: dict[str, tuple[FileFacts, bytes]] = {}
        self._size = 0

    def keep(self, key: str, facts: FileFacts, data: bytes) -> None:
        """Remember a file's content as that of these facts; a large one's is forgotten."""
        files, size = self.files, len(data)
        kept = files.get(key)
        if kept is not None:
            if len(kept[1]) == size:
                files[key] = (facts, data)
                return
            self._size -= len(kept[1])
            del files[key]
        if size > FILE_SIZE_MAX:
            return
        if self._size + size > SIZE_MAX or len(files) >= COUNT_MAX:
            self.clear()
        files[key] = (facts, data)
        self._size += size

    def forget(self, key: str) -> None:
        """The file is gone, or has other content."""
        kept = self.files.pop(key, None)
        if kept is not None:
            self._size -= len(kept[1])

    def clear(self) -> None:
        """All of it is forgotten."""
        self.files.clear()
        self._size = 0
