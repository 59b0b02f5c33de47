"""Names that are put over and over again, as instruction files are: what each held before is kept
until its new content is on the disk.

Why: a rename over a name writes the new content out, 90 us of CPU and more of waiting for 1.2 KB;
an exchange costs 7, and a power cut may leave the name without content (`system.exchange`). On a
disk without a journal the last content that was written out is therefore kept, and put back at the
next start. The file that an exchange gives back is written anew at the next one, over what it
holds: 1 us, where it costs 10 to empty it and to take new room. Both files of the names that were
put last stay open, for to open and close one costs 3 us; they are leased only while one is written.

The law: what is kept was written out before, so that a power cut cannot take it as well. Its name
is that of the file it was. A file that is put says itself, in an extended attribute, with which
time and content: at start one with this time and other content has lost it, and what is kept takes
its place; one without the attribute or with another time was changed by somebody else, and one that
is gone was deleted: what was kept for these goes. Whoever changes a name in another way begins to
write it out first (`settle`), as ext4 does at a rename, and does not wait for the disk either. A
file is written over only if nobody reads it, and if it is what it was when it left its name: the
same inode, owner, mode and size, with no other name. What has a name is looked at last of all
before the exchange: only who renames a file away and puts another there within these 8 us has the
one that he took away written over by a later put; so has who takes what waits out of `.despoolr`. A
look at the path of what is written over would find both, for 1.2 us of each put.
"""
# Paths are plain strings here: this is the hot path of every upload.
# ruff: noqa: PTH104, PTH105, PTH108

from __future__ import annotations

import os
import stat
import weakref
from collections import OrderedDict
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final
from zlib import crc32

from despoolr_server.files.spare.inode_pool import InodePool, Seen
from despoolr_server.files.system.descriptors import write_at
from despoolr_server.files.system.exchange import begin_writing_out, exchange, let_read

NAMES_MAX: Final = 1_024
"""Names that are remembered, each with up to two files beside its own."""
OPEN_MAX: Final = 16
"""Names whose two files are kept open, so that no path is walked to the one that is written."""
SIZE_MAX: Final = 16 * 1024
"""Bytes of such a file."""
GIVEN_UP: Final = 32
"""Names that are given up at one time where the disk is full, which takes 5 ms of the processor:
`NAMES_MAX` would take 200.
"""
_NAME_SIZE_MAX: Final = 255
"""Bytes of a name on disk."""
_ATTRIBUTE: Final = "user.despoolr.put"
_PLAIN_TIME_MAX: Final = (1 << 31) * 10**9
"""Nanoseconds: every file system has all times from 1970 to here, in the steps in which it has one.
"""
_SLASH: Final = "|"
"""What stands for `/` in the name of a kept file; no name of a share has it."""


class _Put:
    """What was put under a name last."""

    __slots__ = (
        "descriptor",
        "file",
        "mtime_ns",
        "original",
        "spare",
        "spare_descriptor",
        "spare_file",
    )

    def __init__(self, status: os.stat_result) -> None:
        self.file: Seen = status[:7]
        self.mtime_ns = status.st_mtime_ns
        self.original = ""
        """Path of what is kept; `""` where the last content was written out."""
        self.spare = ""
        """Path of the file that was there before, `""` if there is none."""
        self.spare_file: Seen = ()
        self.descriptor = self.spare_descriptor = -1
        """Of both, if they are open."""

    def close(self) -> None:
        """Neither file is open any more."""
        for one in (self.descriptor, self.spare_descriptor):
            if one >= 0:
                os.close(one)
        self.descriptor = self.spare_descriptor = -1

    def is_there(self, status: os.stat_result) -> bool:
        """Whether a path with this `lstat` has what was put."""
        return status[:7] == self.file and status.st_mtime_ns == self.mtime_ns


class Originals:
    """The kept files of one store, in a directory of their own. Not for a store with a journal,
    which has the content of both.
    """

    def __init__(self, directory: Path, base: str, pool: InodePool) -> None:
        """Kept in `directory` for the files below `base`; `pool` takes those that nobody needs."""
        self._directory = str(directory)
        self._base = base
        self._pool = pool
        self._puts: OrderedDict[str, _Put] = OrderedDict()
        """By path; the one put last is the last."""
        self._open: OrderedDict[str, _Put] = OrderedDict()
        """Those whose files are open; the one opened last is the last."""
        weakref.finalize(self, _close_all, self._open)
        self._keeps_ns = False
        """Whether the file that was looked at last had the time that it was given, to the
        nanosecond.
        """

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._puts)

    def recover(self) -> None:
        """Put back what a power cut took. Raises `OSError`."""
        Path(self._directory).mkdir(exist_ok=True)
        with os.scandir(self._directory) as entries:
            kept = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        for original in kept:
            parts = original.name.split(_SLASH)
            path = "/".join((self._base, *parts))
            if ".." not in parts and _is_lost(path):
                os.replace(original.path, path)
            else:
                if ".." not in parts:
                    _write_out(path)
                os.unlink(original.path)

    def put_again(self, path: str, data: bytes, stamp: int) -> tuple[int, int] | None:
        """Write this content over what was under a path before, and exchange that with the file
        there now. Returns the file's time and inode; None, and the name has what it had, where
        there is no such file, or that is not as it was put, or somebody reads what was there
        before, or it cannot be done.
        """
        last, size = self._puts.get(path), len(data)
        if last is None or not last.spare or size > SIZE_MAX:
            return None
        spare, last.spare, file = last.spare, "", last.spare_file
        opened, last.spare_descriptor = last.spare_descriptor, -1
        descriptor = self._pool.take_back(spare, file, size, opened)
        if descriptor < 0:
            return None
        try:
            if os.pwrite(descriptor, data, 0) < size:
                write_at(descriptor, 0, data)
            os.utime(descriptor, ns=(stamp, stamp))
            mtime_ns = stamp
            if not self._keeps_ns or not 0 < stamp < _PLAIN_TIME_MAX:
                mtime_ns = os.fstat(descriptor).st_mtime_ns
                self._keeps_ns = mtime_ns == stamp and stamp % 100 > 0
            os.setxattr(descriptor, _ATTRIBUTE, _attribute(mtime_ns, data))
            let_read(descriptor)
            if last.is_there(os.lstat(path)) and self._pool.swap(spare, path):
                last.spare, last.spare_file = spare, last.file
                last.file, last.mtime_ns = (*file[:6], size), mtime_ns
                last.spare_descriptor, last.descriptor = last.descriptor, descriptor
                self._puts.move_to_end(path)
                if opened < 0:
                    self._keep_open(path, last)
                return mtime_ns, file[1]
        except OSError:
            pass  # the long way says why
        os.close(descriptor)
        with suppress(OSError):
            os.unlink(spare)
        return None

    def _keep_open(self, path: str, last: _Put) -> None:
        """The two files of a name are open until others have been put."""
        names = self._open
        names[path] = last
        names.move_to_end(path)
        if len(names) > OPEN_MAX:
            names.popitem(last=False)[1].close()

    def _close(self, path: str) -> None:
        """Neither file of a name is open any more."""
        last = self._open.pop(path, None)
        if last is not None:
            last.close()

    def put(
        self,
        staged: str,
        path: str,
        status: os.stat_result,
        before: os.stat_result | None,
        data: bytes,
    ) -> None:
        """Let a staged file with this content take a path. `status` is its `fstat`, `before` the
        `lstat` of the file there. Raises `OSError`, and that one is in its place then.
        """
        if before is None:  # a rename writes nothing out here
            os.rename(staged, path)
            self.forget(path)
            return
        self._close(path)
        last = self._puts.pop(path, None)
        new = _Put(status)
        if (
            last is None
            or not self._pool.takes(status)
            or not self._exchange(staged, path, last, new, before, data)
        ):
            if last is not None:
                self._puts[path] = last
            os.replace(staged, path)
            self.forget(path)
        self._puts[path] = new
        if len(self._puts) > NAMES_MAX:
            self.settle(next(iter(self._puts)))

    def _exchange(
        self,
        staged: str,
        path: str,
        last: _Put,
        new: _Put,
        before: os.stat_result,
        data: bytes,
    ) -> bool:
        """Exchange the two. False, and nothing has changed, if it cannot be done so."""
        size = max(len(data), before.st_size)
        if not last.is_there(before) or not self._pool.takes(before) or size > SIZE_MAX:
            return False
        try:
            os.setxattr(staged, _ATTRIBUTE, _attribute(new.mtime_ns, data))
            if last.original:
                if not self._pool.swap(staged, path):
                    return False
                new.original, new.spare, new.spare_file = last.original, staged, last.file
                if last.spare:
                    with suppress(OSError):  # the two have changed places all the same
                        self._pool.recycle(last.spare)
                return True
            place = path[len(self._base) + 1 :]
            name = place.replace("/", _SLASH)
            if _SLASH in place or len(os.fsencode(name)) > _NAME_SIZE_MAX:
                return False
            new.original = f"{self._directory}/{name}"
            os.rename(staged, new.original)
            if self._pool.swap(new.original, path):
                if os.lstat(new.original).st_ino == last.file[1]:
                    return True
                exchange(new.original, path)  # somebody else's, put there a moment ago
            os.rename(new.original, staged)
        except OSError:
            pass  # nothing like it on this file system
        new.original = ""
        return False

    def forget(self, path: str) -> None:
        """The name has content that is written out, or no file any more: what is kept goes."""
        self._close(path)
        last = self._puts.pop(path, None)
        for one in (last.original, last.spare) if last is not None else ():
            if one:
                with suppress(OSError):
                    self._pool.recycle(one)

    def settle(self, path: str) -> None:
        """Write the content of a name out, and let go what is kept: the name, or what it holds, is
        about to change. Does nothing for a name of which nothing is kept.
        """
        last = self._puts.get(path)
        if last is not None and last.original:
            _write_out(path)
        self.forget(path)

    def settle_below(self, path: str) -> None:
        """`settle` for all in a directory. Walks all that are remembered: not for files."""
        for one in [one for one in self._puts if one.startswith(f"{path}/")]:
            self.settle(one)

    def settle_oldest(self) -> None:
        """`settle` for the `GIVEN_UP` that were put longest ago: the disk has no room for what is
        kept.
        """
        for one in list(islice(self._puts, GIVEN_UP)):
            self.settle(one)


def _close_all(names: OrderedDict[str, _Put]) -> None:
    for one in names.values():
        one.close()


def _write_out(path: str) -> None:
    """Begin to write a file's content out, if it is there."""
    with suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):  # a pipe would be waited for
            begin_writing_out(path)


def _attribute(mtime_ns: int, data: bytes) -> bytes:
    return b"%d %08x" % (mtime_ns, crc32(data))


def _is_lost(path: str) -> bool:
    """Whether a file is one that was put, without the content that it was put with."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > SIZE_MAX:
            return False
        said = os.getxattr(path, _ATTRIBUTE, follow_symlinks=False)
        if not said.startswith(b"%d " % status.st_mtime_ns):
            return False
        with open(path, "rb") as file:
            return said != _attribute(status.st_mtime_ns, file.read())
    except (AttributeError, OSError):  # only Linux has such attributes
        return False
