"""Emptied files that wait to become the next ones: a box through which 40,000 reports pass makes
and deletes no file for each.

Why: on ext4 a new file soon after many deletions costs a scan for an inode that was not just freed,
0.5 ms instead of 0.03. The law: a file laid aside is empty before its name goes to another, so that
a power cut shows nothing of what it held. Only files that this store could have made are kept:
plain, with one name, our own and with the usual mode.

A file that another takes the place of may be kept as well (`exchange`), but only one that nobody
reads at this moment: a reader sees the whole of what was there, and never a file that becomes
empty.
"""
# Paths are plain strings here: this is the hot path of every upload.
# ruff: noqa: PTH104, PTH103, PTH108

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from despoolr_server.files.spare.new_files import NewFiles
from despoolr_server.files.system.exchange import can_tell_readers, exchange, is_unread

INODES_MAX: Final = 8_192
"""Files that are kept at most; what comes beyond is deleted."""
SIZE_MAX: Final = 64 * 1024
"""Bytes of a file that is worth keeping: emptying a large one is no cheaper than deleting it."""
_WRITE: Final = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


Seen = tuple[int, ...]
"""Of a `stat`: mode, inode, device, links, user, group and size."""


class Spare(msgspec.Struct, frozen=True, gc=False):
    """An empty file, and the inode that it is."""

    path: str
    inode: int


class InodePool:
    """The emptied files of one store, in a directory of their own."""

    def __init__(
        self, directory: Path, new_files: NewFiles, *, count_max: int = INODES_MAX
    ) -> None:
        self._directory = str(directory)
        self._new_files = new_files
        self._count_max = count_max
        self._number = 0
        self._mode = self._owner = -1
        self._spares: list[Spare] = []
        self.can_exchange = False
        """Whether files of ours may change places at all; the file system may still refuse."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._spares)

    def start(self) -> None:
        """Make the directory, learn what a file of ours looks like, find what an earlier process
        left. Raises `OSError`.
        """
        os.makedirs(self._directory, exist_ok=True)
        first = f"{self._directory}/0"
        descriptor = os.open(first, _WRITE | os.O_CREAT, 0o666)
        self._mode = os.fstat(descriptor).st_mode
        self._owner = os.geteuid() if hasattr(os, "geteuid") else 0  # as `st_uid` of Windows is
        self.can_exchange = can_tell_readers()
        os.close(descriptor)
        self._spares.clear()
        with os.scandir(self._directory) as entries:
            found = sorted(entries, key=lambda entry: (len(entry.name), entry.name))
        for entry in found:
            self._number = max(self._number, int(entry.name) if entry.name.isdigit() else 0)
            status = entry.stat(follow_symlinks=False)
            if (
                status.st_size == 0
                and self._is_ours(status)
                and len(self._spares) < self._count_max
            ):
                self._spares.append(Spare(entry.path, status.st_ino))
            elif not stat.S_ISDIR(status.st_mode):
                os.unlink(entry.path)

    def found(self) -> dict[int, Spare]:
        """What an earlier process left, by inode, whatever is in it. Raises `OSError`."""
        with suppress(FileNotFoundError), os.scandir(self._directory) as entries:
            return {
                entry.inode(): Spare(entry.path, entry.inode())
                for entry in entries
                if entry.is_file(follow_symlinks=False)
            }
        return {}

    def take(self) -> tuple[str, int] | None:
        """An empty file and a descriptor to write it with; None if there is none."""
        while self._spares:
            path = self._spares.pop().path
            try:
                return path, os.open(path, _WRITE)
            except OSError:
                continue
        return None

    def reserve(self) -> Spare:
        """An empty file for later, a new one if there is none. Raises `OSError`."""
        if self._spares:
            return self._spares.pop()
        made, descriptor = self._new_files.make_small()
        try:
            path = self._new_path()
            os.rename(made, path)
            return Spare(path, os.fstat(descriptor).st_ino)
        except OSError:
            with suppress(OSError):
                os.unlink(made)
            raise
        finally:
            os.close(descriptor)

    def release(self, spare: Spare) -> None:
        """Take back what was reserved and not used. Raises `OSError`."""
        if len(self._spares) < self._count_max:
            self._spares.append(spare)
        else:
            os.unlink(spare.path)

    def keep(self, path: str, status: os.stat_result) -> bool:
        """Lay a file aside instead of deleting it, if it is one of ours; `status` is its `lstat`.
        Raises `OSError`.
        """
        if not self._takes(status):
            return False
        spare = self._new_path()
        os.rename(path, spare)
        try:
            descriptor = os.open(spare, _WRITE)
            try:
                os.ftruncate(descriptor, 0)
            finally:
                os.close(descriptor)
        except OSError:
            os.unlink(spare)
        else:
            self._spares.append(Spare(spare, status.st_ino))
        return True

    def exchange(self, staged: str, path: str, status: os.stat_result) -> bool:
        """Let a staged file take the place of one of ours, which is laid aside; `status` is the
        `lstat` of that one. False, and nothing has changed, if that cannot be.
        """
        if not self.takes(status) or not self.swap(staged, path):
            return False
        try:
            descriptor = os.open(staged, _WRITE)
        except OSError:  # no file: somebody else put it there a moment ago
            return not exchange(staged, path)
        try:
            if os.fstat(descriptor).st_ino != status.st_ino:
                return not exchange(staged, path)
            is_emptied = self._empty(descriptor, Spare(staged, status.st_ino))
        finally:
            os.close(descriptor)
        if not is_emptied:  # it is in nobody's way, and goes
            with suppress(OSError):
                os.unlink(staged)
        return True

    def takes(self, status: os.stat_result) -> bool:
        """Whether a file with this `lstat` may change places with a staged one, and be kept."""
        return self.can_exchange and self._takes(status)

    def swap(self, staged: str, path: str) -> bool:
        """Let a staged file and one that may (`takes`) change places. False, and nothing has
        changed, if that cannot be.
        """
        return exchange(staged, path)

    def take_back(self, path: str, file: Seen, size: int, descriptor: int = -1) -> int:
        """A descriptor to write a file of ours anew that was swapped away, with no more than `size`
        bytes of what it held, and whom nobody can open until `let_read`; it may be open already.
        -1, and the file is deleted, if somebody reads it, or it is not as it was there.
        """
        if descriptor < 0:
            try:
                descriptor = os.open(path, _WRITE)
            except OSError:
                return -1
        try:
            # in this order: who wrote to it and is gone by now has changed its size
            if is_unread(descriptor) and os.fstat(descriptor)[:7] == file:
                if file[6] > size:
                    os.ftruncate(descriptor, size)
                return descriptor
        except OSError:
            pass
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(path)
        return -1

    def recycle(self, path: str) -> None:
        """Lay a file of ours aside that nobody needs, or delete it if somebody reads it or it has
        another name by now. Raises `OSError`.
        """
        if len(self._spares) < self._count_max:
            spare = self._new_path()
            os.rename(path, spare)
            path = spare
            descriptor = os.open(path, _WRITE)
            try:
                status = os.fstat(descriptor)
                if self._is_ours(status) and self._empty(descriptor, Spare(path, status.st_ino)):
                    return
            finally:
                os.close(descriptor)
        os.unlink(path)

    def _empty(self, descriptor: int, spare: Spare) -> bool:
        """Empty a file that nobody reads, for the next one; whether that was done."""
        try:
            if not is_unread(descriptor):
                return False
            os.ftruncate(descriptor, 0)
        except OSError:
            return False
        self._spares.append(spare)
        return True

    def _new_path(self) -> str:
        self._number += 1
        return f"{self._directory}/{self._number}"

    def _takes(self, status: os.stat_result) -> bool:
        return (
            len(self._spares) < self._count_max
            and status.st_size <= SIZE_MAX
            and self._is_ours(status)
        )

    def _is_ours(self, status: os.stat_result) -> bool:
        return (
            status.st_mode == self._mode
            and stat.S_ISREG(status.st_mode)
            and status.st_nlink == 1
            and status.st_uid == self._owner
        )
