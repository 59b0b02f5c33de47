"""Temporary files with the content that a name is to have: made whole, then published or discarded.

The law: what is made here is of no name yet, so that a crash loses nothing; leftovers are swept at
start (`despoolr_server.files.disk`). An emptied file is used again where there is one; else a
new one is made (`files.spare.new_files`). Where the disk is full, what is kept beside it
(`files.spare.originals`) is given up first.
"""
# Paths are plain strings here: this is the hot path of every upload.
# ruff: noqa: PTH108

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Final

import aiofiles

from despoolr_server.files.spare.inode_pool import InodePool, Spare
from despoolr_server.files.spare.new_files import NewFiles
from despoolr_server.files.spare.originals import Originals
from despoolr_server.files.system.descriptors import to_the_end, write_whole

_AGAIN: Final = (
    os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class StagedFiles:
    """The temporary files of one store. All of it raises `OSError`."""

    def __init__(self, new_files: NewFiles, pool: InodePool, originals: Originals) -> None:
        self._new = new_files
        self._pool = pool
        self._originals = originals
        self._change = 0

    def make(self, data: bytes, at: float) -> tuple[str, os.stat_result]:
        """A file with this content and file time, and its `fstat`."""
        return self._made(data, self.stamp(at))

    def make_of(self, spare: Spare, data: bytes, stamp: int) -> tuple[str, os.stat_result]:
        """`make` of an empty file that was reserved, if that is still there, with a time that was
        stamped before. What cannot be written leaves it empty.
        """
        try:
            descriptor = os.open(spare.path, _AGAIN)
        except OSError:
            return self._made(data, (stamp, stamp))
        try:
            return spare.path, _filled(descriptor, data, (stamp, stamp))
        except BaseException:
            with suppress(OSError):
                os.truncate(spare.path, 0)
            raise

    def _made(self, data: bytes, stamps: tuple[int, int]) -> tuple[str, os.stat_result]:
        while True:
            try:
                return self._make(data, stamps)
            except OSError as error:
                if not self._makes_room(error):
                    raise

    def _make(self, data: bytes, stamps: tuple[int, int]) -> tuple[str, os.stat_result]:
        path, descriptor = self._pool.take() or self._new.make_small()
        try:
            return path, _filled(descriptor, data, stamps)
        except BaseException:
            self.discard(path)
            raise

    async def make_large(self, data: bytes, at: float) -> str:
        """A file, written by a thread; if the caller is cancelled meanwhile, it is taken away
        again.
        """
        path, descriptor = self._new.make_large()
        os.close(descriptor)
        try:
            while True:
                try:
                    await to_the_end(self._write(path, data, at))
                    return path
                except OSError as error:
                    if not self._makes_room(error):
                        raise
        except BaseException:
            self.discard(path)
            raise

    async def _write(self, path: str, data: bytes, at: float) -> None:
        async with aiofiles.open(path, "wb") as file:
            await file.write(data)
        os.utime(path, ns=self.stamp(at))

    def _makes_room(self, error: OSError) -> bool:
        """Give up some of what is kept, if the disk is full; whether there was any."""
        if error.errno not in _FULL or not self._originals:
            return False
        self._originals.settle_oldest()
        return True

    def discard(self, path: str) -> None:
        """Unlink it, if it is still there."""
        try:
            os.unlink(path)
        except OSError:
            pass

    def stamp(self, at: float) -> tuple[int, int]:
        """Site time to the microsecond; below it a counter, so that two changes in one instant have
        two ETags.
        """
        self._change = (self._change + 1) % 1000
        stamp = round(at * 1e6) * 1000 + self._change
        return stamp, stamp


def _filled(descriptor: int, data: bytes, stamps: tuple[int, int]) -> os.stat_result:
    """The `fstat` of a file with this content and these times. The descriptor is closed."""
    try:
        write_whole(descriptor, data)
        os.utime(descriptor, ns=stamps)
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
