"""Files in a real directory: what lies there can be read with any tool, and what any tool puts there is seen.

The law: nothing outside the root is reached (symbolic links, devices and pipes are invisible, and a name they occupy is
refused); names are found case-insensitively on a case-sensitive disk; a whole file comes by a temporary one and a rename.
What is ours and not the user's (temporary files, the attribute list, dead properties) lies in `.despoolr` under the root,
which no name reaches and no listing shows; leftovers in it are swept at start. One process owns a root; outside changes are
noticed by looking at the disk: a known name costs one `lstat`, a listing always reads the directory.
"""
# Paths are plain strings here: this is the hot path of every upload and poll.
# ruff: noqa: PTH102, PTH104, PTH105, PTH106, PTH108

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiofiles

from despoolr_core.sharing import NtStatus
from despoolr_server.share.engine.names import Name, fold, why_bad
from despoolr_server.share.engine.rows import DIRECTORY, STORED_ATTRIBUTES, FileFacts
from despoolr_server.store.attributes import AttributeList
from despoolr_server.store.errors import answering
from despoolr_server.store.properties import PropertyList
from despoolr_server.store.protocol import INLINE_MAX, StoreError

_T = TypeVar("_T")

PRIVATE = ".despoolr"
_PRIVATE_KEY = fold(PRIVATE)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | _NOFOLLOW
_UPDATE = os.O_RDWR | _NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW
_KNOWN_MAX = 65_536
_KEPT_FILE_MAX = 64 * 1024
_KEPT_MAX = 32 * 1024 * 1024


class _Folder:
    """What is remembered of one directory: which stored name each key has. Never trusted without an `lstat`."""

    __slots__ = ("folders", "mtime_ns", "names", "path", "stored")

    def __init__(self, path: str, stored: str) -> None:
        self.path = path
        self.stored = stored
        self.names: dict[str, str] = {}
        self.mtime_ns = -1
        self.folders: dict[str, _Folder] = {}


class DiskFileStore:
    """A directory as a store. Without `threads` even large files move inside the loop, as virtual time needs."""

    def __init__(self, root: Path | str, *, threads: bool = True, inline_max: int = INLINE_MAX) -> None:
        self.root = Path(root)
        self.inline_max = inline_max if threads else 1 << 62
        self._private = self.root / PRIVATE
        self._temporary = self._private / "tmp"
        self._known: dict[str, tuple[str, int, int, int, FileFacts]] = {}
        self._kept: dict[str, tuple[FileFacts, bytes]] = {}
        self._kept_size = 0
        self._change = 0
        self._tallies: dict[str, int] = {}
        self._temporary_count = 0
        with answering:
            if self._private.is_symlink():
                raise StoreError(NtStatus.ACCESS_DENIED, f"{self._private} is a symbolic link")
            self._temporary.mkdir(parents=True, exist_ok=True)
            self._base = os.path.realpath(self.root)
            self._top = _Folder(self._base, "")
            self._attributes = AttributeList(self._private / "attributes.json")
            self._properties = PropertyList(self._private / "properties")
            self._start_clean()

    def _start_clean(self) -> None:
        """Sweep what a crash left."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()

    # -- asking

    def find(self, name: Name) -> FileFacts | None:
        """One `lstat` for a name seen before; else one for each part of the path."""
        known = self._known.get(name.key)
        if known is not None:
            path, mtime_ns, size, inode, facts = known
            try:
                now = os.lstat(path)
            except OSError:
                del self._known[name.key]
            else:
                if now.st_mtime_ns == mtime_ns and now.st_size == size and now.st_ino == inode:
                    return facts
        found = self._locate(name)
        if found is None:
            return None
        folder, actual, status = found
        return self._facts(name.key, f"{folder.path}/{actual}", _join(folder.stored, actual), status)

    def list(self, name: Name) -> list[FileFacts]:
        """Reads the directory each time."""
        folder = self._folder(name)
        with answering:
            self._scan(folder)
        listing = []
        for key in sorted(folder.names):
            actual = folder.names[key]
            path = f"{folder.path}/{actual}"
            try:
                status = os.lstat(path)
            except OSError:
                continue
            listing.append(self._facts(_join(name.key, key), path, _join(folder.stored, actual), status))
        return listing

    def has_children(self, name: Name) -> bool:
        """Whether anything at all is in the directory, shown or not."""
        folder = self._folder(name)
        with answering, os.scandir(folder.path) as entries:
            return any(entry.name != PRIVATE or folder is not self._top for entry in entries)

    def free_bytes(self) -> int:
        """What the file system has left for us."""
        with answering:
            disk = os.statvfs(self._base)
        return disk.f_bavail * disk.f_frsize

    # -- content

    def content(self, name: Name, facts: FileFacts) -> bytes:
        """Small files are kept in memory, and given out for as long as the disk shows the very same facts."""
        kept = self._kept.get(name.key)
        if kept is not None and kept[0] is facts:
            return kept[1]
        data = self.read(name, 0, facts.size)
        if len(data) <= _KEPT_FILE_MAX:
            if kept is not None:
                self._kept_size -= len(kept[1])
            if self._kept_size + len(data) > _KEPT_MAX or len(self._kept) >= _KNOWN_MAX:
                self._kept.clear()
                self._kept_size = 0
            self._kept[name.key] = (facts, data)
            self._kept_size += len(data)
        return data

    def read(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        """In the loop."""
        with answering:
            descriptor = self._open(name)
            try:
                return _read(descriptor, offset, length)
            finally:
                os.close(descriptor)

    def _open(self, name: Name) -> int:
        """A name that was found before lies where it lay, mostly."""
        known = self._known.get(name.key)
        if known is not None:
            try:
                return os.open(known[0], _READ)
            except OSError:
                pass
        return os.open(self._file(name), _READ)

    async def read_large(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        """In a thread."""
        return await _to_the_end(self._read_large(self._file(name), offset, length))

    async def _read_large(self, path: str, offset: int, length: int | None) -> bytes:
        with answering:
            async with aiofiles.open(path, "rb", opener=_nofollow) as file:
                await file.seek(offset)
                return await file.read(-1 if length is None else length)

    def write_whole(self, name: Name, data: bytes, at: float, attributes: int = 0) -> None:
        """Temporary file, file time, rename."""
        self.publish(self._put_aside(data, at), name, attributes)

    def _put_aside(self, data: bytes, at: float) -> str:
        """A temporary file with this content and file time."""
        with answering:
            temporary, descriptor = self._new_temporary()
            try:
                try:
                    _write(descriptor, data)
                    os.utime(descriptor, ns=self._stamp(at))
                finally:
                    os.close(descriptor)
            except BaseException:
                self.discard(temporary)
                raise
        return temporary

    async def stage(self, data: bytes, at: float) -> str:
        """A temporary file, written by a thread; if the caller is cancelled meanwhile, it is taken away again."""
        with answering:
            temporary, descriptor = self._new_temporary()
            os.close(descriptor)
        try:
            await _to_the_end(self._stage(temporary, data, at))
        except BaseException:
            self.discard(temporary)
            raise
        return temporary

    async def _stage(self, temporary: str, data: bytes, at: float) -> None:
        with answering:
            async with aiofiles.open(temporary, "wb") as file:
                await file.write(data)
            os.utime(temporary, ns=self._stamp(at))

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        """A rename over the name."""
        with answering:
            try:
                folder, actual, status = self._target(name)
                if status is not None and stat.S_ISDIR(status.st_mode):
                    raise StoreError(NtStatus.FILE_IS_A_DIRECTORY)
                valid = self._is_current(folder)
                os.replace(staged, f"{folder.path}/{actual}")
            except BaseException:
                self.discard(staged)
                raise
            self._enter(folder, fold(actual), actual, valid)
            self._known.pop(name.key, None)
            self._attributes.set(name.key, attributes & STORED_ATTRIBUTES)

    def discard(self, staged: str) -> None:
        """Unlink it, if it is still there."""
        try:
            os.unlink(staged)
        except OSError:
            pass

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """In place."""
        with answering:
            descriptor = os.open(self._file(name), _UPDATE)
            try:
                view = memoryview(data)
                while view:
                    count = os.pwrite(descriptor, view, offset)
                    offset, view = offset + count, view[count:]
                os.utime(descriptor, ns=self._stamp(at))
            finally:
                os.close(descriptor)

    def set_size(self, name: Name, size: int, at: float) -> None:
        """In place."""
        with answering:
            descriptor = os.open(self._file(name), _UPDATE)
            try:
                os.ftruncate(descriptor, size)
                os.utime(descriptor, ns=self._stamp(at))
            finally:
                os.close(descriptor)

    # -- names

    def make_directory(self, name: Name, at: float) -> None:
        """One level."""
        folder, actual, status = self._target(name)
        if status is not None:
            raise StoreError(NtStatus.OBJECT_NAME_COLLISION)
        with answering:
            path = f"{folder.path}/{actual}"
            valid = self._is_current(folder)
            os.mkdir(path)
            os.utime(path, ns=self._stamp(at))
        self._enter(folder, fold(actual), actual, valid)

    def remove(self, name: Name) -> None:
        """A file, or a directory with nothing in it."""
        if not name.key:
            raise StoreError(NtStatus.ACCESS_DENIED, "the share's root stays")
        folder, actual, status = self._existing(name)
        path = f"{folder.path}/{actual}"
        with answering:
            valid = self._is_current(folder)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(path)
            else:
                os.unlink(path)
        self._leave(folder, fold(actual), valid)
        self._known.pop(name.key, None)
        with answering:
            self._attributes.remove(name.key)
            self._properties.remove(name.key)

    def rename(self, name: Name, new_name: Name) -> None:
        """A file under the new name is replaced; the new name's spelling is kept."""
        folder, actual, moved = self._existing(name)
        new_folder, taken, status = self._target(new_name)
        if status is not None and stat.S_ISDIR(status.st_mode) and new_name.key != name.key:
            raise StoreError(NtStatus.ACCESS_DENIED, "a directory is not replaced")
        source, target = f"{folder.path}/{actual}", f"{new_folder.path}/{new_name.last}"
        with answering:
            valid, new_valid = self._is_current(folder), self._is_current(new_folder)
            if status is not None and new_name.key != name.key:
                occupied = f"{new_folder.path}/{taken}"
                os.replace(source, occupied)
                source = occupied
            if source != target:
                os.rename(source, target)
        self._leave(folder, fold(actual), valid)
        self._enter(new_folder, fold(new_name.last), new_name.last, new_valid)
        for key in (name.key, new_name.key):
            self._known.pop(key, None)
            if stat.S_ISDIR(moved.st_mode):
                self._forget_below(key)
        with answering:
            self._attributes.rename(name.key, new_name.key)
            self._properties.rename(name.key, new_name.key)

    def set_attributes(self, name: Name, attributes: int) -> None:
        """In the list beside the files: every file system can keep it."""
        self._existing(name)
        with answering:
            self._attributes.set(name.key, attributes & STORED_ATTRIBUTES)
        self._known.pop(name.key, None)

    def set_modified(self, name: Name, at: float) -> None:
        """Of a file or directory."""
        folder, actual, _ = self._existing(name)
        with answering:
            os.utime(f"{folder.path}/{actual}", ns=self._stamp(at), follow_symlinks=False)

    def properties(self, name: Name) -> Mapping[str, str]:
        """In a file for each directory that has any, in `.despoolr/properties`."""
        return self._properties.get(name.key)

    def set_properties(self, name: Name, properties: Mapping[str, str]) -> None:
        """A line in that file."""
        self._existing(name)
        with answering:
            self._properties.set(name.key, properties)

    async def settle(self) -> None:
        """The kernel writes it back when it likes; `JournalledFileStore` promises more."""
        self._properties.touched.clear()

    # -- inside: from names to the disk

    def _locate(self, name: Name) -> tuple[_Folder, str, os.stat_result] | None:
        """Where a name really lies: its folder, its stored last part, its `lstat`; None if it is not there or not shown."""
        if not name.key:
            try:
                return self._top, "", os.lstat(self._base)
            except OSError:
                return None
        folder: _Folder | None = self._top
        keys, parts = name.key.split("/"), name.path.split("/")
        if keys[0] == _PRIVATE_KEY:
            return None
        for key, part in zip(keys[:-1], parts[:-1], strict=True):
            assert folder is not None
            folder = self._subfolder(folder, key, part)
            if folder is None:
                return None
        assert folder is not None
        found = self._look(folder, keys[-1], parts[-1])
        if found is None or not _is_shown(found[1]):
            return None
        return folder, found[0], found[1]

    def _subfolder(self, folder: _Folder, key: str, part: str) -> _Folder | None:
        found = self._look(folder, key, part)
        if found is None or not stat.S_ISDIR(found[1].st_mode):
            return None
        return self._remembered(folder, key, found[0])

    def _remembered(self, folder: _Folder, key: str, actual: str) -> _Folder:
        path = f"{folder.path}/{actual}"
        known = folder.folders.get(key)
        if known is None or known.path != path:
            known = folder.folders[key] = _Folder(path, _join(folder.stored, actual))
        return known

    def _look(self, folder: _Folder, key: str, part: str) -> tuple[str, os.stat_result] | None:
        """The stored name with a key and its `lstat`: what is remembered, else the very name, else a fresh scan."""
        actual = folder.names.get(key)
        if actual is not None:
            try:
                return actual, os.lstat(f"{folder.path}/{actual}")
            except OSError:
                folder.names.pop(key, None)
        try:
            status = os.lstat(f"{folder.path}/{part}")
        except OSError:
            if self._is_current(folder):
                return None
            try:
                self._scan(folder)
                actual = folder.names[key]
                return actual, os.lstat(f"{folder.path}/{actual}")
            except (OSError, KeyError):
                return None
        folder.names[key] = part
        return part, status

    def _is_current(self, folder: _Folder) -> bool:
        try:
            return os.lstat(folder.path).st_mtime_ns == folder.mtime_ns
        except OSError:
            return False

    def _scan(self, folder: _Folder) -> None:
        mtime_ns = os.lstat(folder.path).st_mtime_ns
        names: dict[str, str] = {}
        with os.scandir(folder.path) as entries:
            for entry in entries:
                text = entry.name
                shown = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
                if not shown or why_bad(text) or (folder is self._top and fold(text) == _PRIVATE_KEY):
                    continue
                key = fold(text)
                names[key] = min(text, names.get(key, text))
        folder.names = names
        folder.mtime_ns = mtime_ns
        folder.folders = {key: known for key, known in folder.folders.items() if key in names}

    def _facts(self, key: str, path: str, stored: str, status: os.stat_result) -> FileFacts:
        directory = stat.S_ISDIR(status.st_mode)
        mtime_ns, size, inode = status.st_mtime_ns, status.st_size, status.st_ino
        attributes = self._attributes.get(key) | (DIRECTORY if directory else 0)
        # A directory's time has its grain (4 ms on many file systems); what this process did in it is counted exactly.
        tally = f"-{self._tallies.get(key, 0):x}" if directory else ""
        etag = f'"{mtime_ns:x}-{size:x}-{inode:x}{tally}"'
        facts = FileFacts(stored, 0 if directory else size, round(mtime_ns / 1e9, 6), directory, attributes, etag)
        if not directory:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[key] = (path, mtime_ns, size, inode, facts)
        return facts

    def _existing(self, name: Name) -> tuple[_Folder, str, os.stat_result]:
        found = self._locate(name)
        if found is None:
            parent = self._locate(name.parent)
            missing = NtStatus.OBJECT_NAME_NOT_FOUND if parent else NtStatus.OBJECT_PATH_NOT_FOUND
            raise StoreError(missing)
        return found

    def _file(self, name: Name) -> str:
        folder, actual, status = self._existing(name)
        if stat.S_ISDIR(status.st_mode):
            raise StoreError(NtStatus.FILE_IS_A_DIRECTORY)
        return f"{folder.path}/{actual}"

    def _folder(self, name: Name) -> _Folder:
        if not name.key:
            return self._top
        folder, actual, status = self._existing(name)
        if not stat.S_ISDIR(status.st_mode):
            raise StoreError(NtStatus.NOT_A_DIRECTORY)
        return self._remembered(folder, fold(actual), actual)

    def _target(self, name: Name) -> tuple[_Folder, str, os.stat_result | None]:
        """Where a name would be put: its folder, the stored spelling if it exists, and its `lstat` or None."""
        if not name.key or name.key.partition("/")[0] == _PRIVATE_KEY:
            raise StoreError(NtStatus.ACCESS_DENIED, "the name is the store's own")
        try:
            folder = self._folder(name.parent)
        except StoreError:
            raise StoreError(NtStatus.OBJECT_PATH_NOT_FOUND) from None
        found = self._look(folder, name.key.rpartition("/")[2], name.last)
        if found is None:
            return folder, name.last, None
        if not _is_shown(found[1]):
            raise StoreError(NtStatus.ACCESS_DENIED, "the name is taken by something that is not a file")
        return folder, found[0], found[1]

    # -- inside: keeping what is remembered true

    def _count(self, folder: _Folder) -> None:
        key = fold(folder.stored)
        self._tallies[key] = self._tallies.get(key, 0) + 1

    def _enter(self, folder: _Folder, key: str, actual: str, valid: bool) -> None:
        self._count(folder)
        folder.names[key] = actual
        if valid:
            folder.mtime_ns = os.lstat(folder.path).st_mtime_ns

    def _leave(self, folder: _Folder, key: str, valid: bool) -> None:
        self._count(folder)
        folder.names.pop(key, None)
        folder.folders.pop(key, None)
        if valid:
            folder.mtime_ns = os.lstat(folder.path).st_mtime_ns

    def _forget_below(self, key: str) -> None:
        """Nothing is known any more of what is in a directory. Walks all that is known: not for files."""
        below = key + "/"
        for other in [known for known in self._known if known.startswith(below)]:
            del self._known[other]

    def _stamp(self, at: float) -> tuple[int, int]:
        """Site time to the microsecond; below it a counter, so that two changes in one instant have two ETags."""
        self._change = (self._change + 1) % 1000
        stamp = round(at * 1e6) * 1000 + self._change
        return stamp, stamp

    def _new_temporary(self) -> tuple[str, int]:
        while True:
            self._temporary_count += 1
            path = f"{self._base}/{PRIVATE}/tmp/{self._temporary_count}"
            try:
                return path, os.open(path, _NEW, 0o666)
            except FileExistsError:
                continue


async def _to_the_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Await work that a thread is in the middle of: a cancelled caller waits for its end before it goes."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _join(directory: str, part: str) -> str:
    return f"{directory}/{part}" if directory else part


def _is_shown(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _nofollow(path: str, flags: int) -> int:
    return os.open(path, flags | _NOFOLLOW)


def _read(descriptor: int, offset: int, length: int | None) -> bytes:
    if length is None:
        length = max(0, os.fstat(descriptor).st_size - offset)
    first = os.pread(descriptor, length, offset)
    if len(first) == length or not first:
        return first
    pieces = [first]
    done = len(first)
    while done < length and (piece := os.pread(descriptor, length - done, offset + done)):
        pieces.append(piece)
        done += len(piece)
    return b"".join(pieces)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
