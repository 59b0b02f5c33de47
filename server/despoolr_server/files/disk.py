"""Files in a real directory: what lies there can be read with any tool, and what any tool puts
there is seen.

The law: nothing outside the root is reached (symbolic links, devices and pipes are invisible, and a
name they occupy is refused); names are found case-insensitively on a case-sensitive disk; a whole
file comes by a temporary one and a rename. What is ours and not the user's (temporary files, the
attribute list, dead properties) lies in `.despoolr` under the root, which no name reaches and no
listing shows; leftovers in it are swept at start. If any of it is damaged nothing in the store can
be changed until a person has mended it or moved it away: `findings` says what and how. One process
owns a root; outside changes are noticed by looking at the disk: a known name costs one `lstat`, a
listing always reads the directory.
"""
# Paths are plain strings here: this is the hot path of every upload and poll.
# ruff: noqa: PTH102, PTH104, PTH105, PTH106, PTH108

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import randbits

import aiofiles

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import STORED_ATTRIBUTES, FileFacts
from despoolr_server.files.beside.attributes import AttributeList
from despoolr_server.files.beside.properties import PropertyList
from despoolr_server.files.beside.refold import refold
from despoolr_server.files.directories import Directories
from despoolr_server.files.errors import answering
from despoolr_server.files.known_files import KnownFiles
from despoolr_server.files.long_names import on_disk
from despoolr_server.files.path_index import PRIVATE, DirectoryIndex, PathIndex, ResolvedPath
from despoolr_server.files.protocol import INLINE_MAX, Look, StoreError
from despoolr_server.files.read_ahead import ReadAhead
from despoolr_server.files.spare.inode_pool import InodePool, Spare
from despoolr_server.files.spare.new_files import NewFiles
from despoolr_server.files.spare.originals import Originals
from despoolr_server.files.spare.staged_files import StagedFiles
from despoolr_server.files.system.descriptors import find_odd, read_whole, to_the_end, write_at

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | _NOFOLLOW
_UPDATE = os.O_RDWR | _NOFOLLOW

Replace = Callable[[str, str, os.stat_result | None], None]
"""Lets a staged file take a path, where the file of this `lstat` is. Raises `OSError`."""


class DiskFileStore:
    """A directory as a store. Without `threads` even large files move inside the loop, as virtual
    time needs.
    """

    change_count = None
    is_safe_at_once = True

    def __init__(
        self,
        root: Path | str,
        *,
        threads: bool = True,
        inline_max: int = INLINE_MAX,
        journalled: bool = False,
    ) -> None:
        """`journalled`: whoever made it has a journal of what is put, and sweeps when it is redone.
        Raises `StoreError` if the directory cannot be used.
        """
        self.root = Path(root)
        self.inline_max = inline_max if threads else 1 << 62
        self.private = self.root / PRIVATE
        self._temporary = self.private / "tmp"
        with answering:
            if self.private.is_symlink():
                raise StoreError(NtStatus.ACCESS_DENIED, f"{self.private} is a symbolic link")
            self._temporary.mkdir(parents=True, exist_ok=True)
            if odd := find_odd(str(self.private)):
                raise StoreError(
                    NtStatus.IO_DEVICE_ERROR, f"{odd} is neither a file nor a directory"
                )
            self.base = os.path.realpath(self.root)
            # what is put off leaves a directory's time as it is: no count comes again after a start
            self.index = PathIndex(self.base, randbits(40) if journalled else 0)
            self.findings: list[str] = []
            self.has_no_room = False
            self.attribute_list = AttributeList(self.private / "attributes.json", self.findings)
            self.property_list = PropertyList(self.private / "properties", self.findings)
            # What is asked of files and of directories is answered there.
            self._known = KnownFiles(self.index, self.attribute_list)
            self.find = self._known.find
            self.look = self._known.look
            directories = Directories(self.index, self._known)
            self.each = directories.each
            self.tally = directories.tally
            self.below = directories.below
            self.has_children = directories.has_children
            self.has_directory = self.index.has_folder
            self.property_list.check()
            if not self.findings:
                refold(self.private, self.attribute_list, self.property_list)
            self._new_files = NewFiles(f"{self.base}/{PRIVATE}/tmp")
            self.pool = InodePool(self.private / "spare", self._new_files)
            self._originals = Originals(self.private / "originals", self.base, self.pool)
            if not self.findings:
                self._originals.recover()
            self._keeps_originals = not journalled
            ahead = ReadAhead(self.index)
            self.is_unread = ahead.is_unread
            self.read_ahead = ahead.read
            self.staged = StagedFiles(self._new_files, self.pool, self._originals)
            self.discard = self.staged.discard
            if not journalled and not self.findings:
                self.sweep()

    def sweep(self) -> None:
        """Take away what a crash left. Raises `OSError`."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self._new_files.swept()
        self.pool.start()

    def check_writable(self) -> None:
        """Raises `StoreError`: DISK_FULL while a start waits for room (`has_no_room`), and
        MEDIA_WRITE_PROTECTED while anything is damaged.
        """
        if self.has_no_room:
            raise StoreError(NtStatus.DISK_FULL, self.findings[0])
        if self.findings:
            raise StoreError(
                NtStatus.MEDIA_WRITE_PROTECTED, f"nothing can be changed here: {self.findings[0]}"
            )

    def list(self, name: Name) -> list[FileFacts]:
        """Reads the directory each time."""
        return [facts for facts in self.each(name) if facts is not None]

    def free_bytes(self) -> int:
        """What the file system has left for us."""
        with answering:
            disk = os.statvfs(self.base)
        return disk.f_bavail * disk.f_frsize

    def used_bytes(self) -> int:
        """What is taken of the file system, by whomever: what is left of it is shared as well."""
        with answering:
            disk = os.statvfs(self.base)
        return (disk.f_blocks - disk.f_bfree) * disk.f_frsize

    # -- content

    def content(self, name: Name, facts: FileFacts) -> bytes:
        """Small files are kept in memory, and given out for as long as the disk shows the very same
        facts.
        """
        kept = self._known.small.files.get(name.key)
        if kept is not None and kept[0] is facts:
            return kept[1]
        data = self.read(name, 0, facts.size)
        self._known.small.keep(name.key, facts, data)
        return data

    def read(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        with answering:
            descriptor = self._open(name)
            try:
                return read_whole(descriptor, offset, length)
            finally:
                os.close(descriptor)

    def _open(self, name: Name) -> int:
        """A name that was found before lies where it lay, mostly."""
        known = self._known.rows.get(name.key)
        if known is not None:
            try:
                return os.open(known[0], _READ)
            except OSError:
                pass
        return os.open(self.index.file(name).path, _READ)

    async def read_large(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        return await to_the_end(self._read_large(self.index.file(name).path, offset, length))

    async def _read_large(self, path: str, offset: int, length: int | None) -> bytes:
        with answering:
            async with aiofiles.open(path, "rb", opener=_nofollow) as file:
                await file.seek(offset)
                return await file.read(-1 if length is None else length)

    def write_whole(
        self,
        name: Name,
        data: bytes,
        at: float,
        attributes: int = 0,
        look: Look | None = None,
        *,
        passing: bool = False,  # noqa: ARG002 - here it costs no less
    ) -> FileFacts:
        """Temporary file, file time, rename. Who reads it next, reads what was written: most boxes
        are emptied soon.
        """
        place = self.index.target(name, look.place if look is not None else None)
        content = bytes(data)
        if not self._keeps_originals:
            staged, status = self.put_aside(data, at)
            return self.publish_at(staged, status, name, place, attributes, content)
        self.check_writable()
        if place.status is not None and not attributes | self.attribute_list.get(name.key):
            stamp, _ = self.staged.stamp(at)
            again = self._originals.put_again(place.path, content, stamp)
            if again is not None:
                where = place.folder, place.is_current
                return self.was_put(name.key, place.path, place.stored, where, *again, content)
        with answering:
            staged, status = self.staged.make(content, at)

        def replace(staged: str, path: str, before: os.stat_result | None) -> None:
            self._originals.put(staged, path, status, before, content)

        return self.publish_at(staged, status, name, place, attributes, content, replace=replace)

    def put_again(self, name: Name, data: bytes, at: float) -> FileFacts | None:
        """Where the files of the last two puts can change places (`Originals.put_again`)."""
        key = name.key
        known = self._known.rows.get(key)
        if known is None or known[4].attributes or self.findings:
            return None
        path = known[0]
        where = self.index.unmoved(key, path)
        if where is None:
            return None
        content, (stamp, _) = bytes(data), self.staged.stamp(at)
        again = self._originals.put_again(path, content, stamp)
        if again is None:
            return None
        return self.was_put(key, path, known[4].path, where, *again, content)

    def where_it_was_put(
        self, name: Name
    ) -> tuple[str, os.stat_result, FileFacts, tuple[DirectoryIndex, bool]] | None:
        """Where a plain file without attributes lies that is as it was told last: its path, its
        `lstat`, what was told, and its directory. None if it is not there, or nobody knows.
        """
        known = self._known.rows.get(name.key)
        if known is None or known[4].attributes:
            return None
        path, mtime_ns, size, inode, facts = known
        where = self.index.unmoved(name.key, path)
        if where is None:
            return None
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if status.st_mtime_ns != mtime_ns or status.st_size != size or status.st_ino != inode:
            return None
        return path, status, facts, where

    def put_over(
        self, staged: str, path: str, before: os.stat_result, *, by_exchange: bool
    ) -> None:
        """Let a staged file take the place of the one there, whose `lstat` is `before`; it is
        removed if it cannot.
        """
        try:
            with answering:
                (self.exchange if by_exchange else _replace)(staged, path, before)
        except BaseException:
            self.discard(staged)
            raise

    def was_put(
        self,
        key: str,
        path: str,
        stored: str,
        where: tuple[DirectoryIndex, bool],
        mtime_ns: int,
        inode: int,
        content: bytes,
    ) -> FileFacts:
        """The facts of a file without attributes that took the place of another."""
        self.index.changed(*where)
        return self._known.put(key, path, stored, mtime_ns, inode, content)

    def create_together(
        self,
        _files: Iterable[tuple[Name, bytes]],
        _at: float,
        *,
        passing: bool,  # noqa: ARG002 - none come
    ) -> Sequence[FileFacts]:
        """None: each has its place here at once."""
        return []

    def remove_together(self, _names: Iterable[Name]) -> Sequence[FileFacts]:
        """None: each leaves its place."""
        return []

    def put_aside(self, data: bytes, at: float) -> tuple[str, os.stat_result]:
        """`StagedFiles.make`, where anything can be changed."""
        self.check_writable()
        with answering:
            return self.staged.make(data, at)

    def keeps_anything_of(self, key: str) -> bool:
        """Whether attributes or properties are kept under a name."""
        return bool(self.attribute_list.get(key) or self.property_list.get(key))

    def keeps_anything_from(self, key: str) -> bool:
        """The same of a name, and of those below it; there may be none."""
        return self.attribute_list.knows(key) or self.property_list.knows(key)

    def put_in_place(
        self, spare: Spare, name: Name, place: ResolvedPath, content: bytes, stamp: int
    ) -> os.stat_result:
        """Write an empty file that was reserved, and publish it. Returns its `fstat`."""
        with answering:
            staged, status = self.staged.make_of(spare, content, stamp)
        self.publish_at(staged, status, name, place, 0, content)
        return status

    async def stage(self, data: bytes, at: float) -> str:
        self.check_writable()
        with answering:
            return await self.staged.make_large(data, at)

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        """A rename over the name."""
        try:
            with answering:
                status = os.lstat(staged)
            place = self.index.target(name)
        except BaseException:
            self.discard(staged)
            raise
        self.publish_at(staged, status, name, place, attributes)

    def publish_at(
        self,
        staged: str,
        status: os.stat_result,
        name: Name,
        place: ResolvedPath,
        attributes: int,
        content: bytes | None = None,
        *,
        replace: Replace | None = None,
    ) -> FileFacts:
        """Publish a staged file under the name that was looked up (`index.target`), by a rename or
        by `replace`. Returns its facts. Raises `StoreError`; the staged file is removed then.
        """
        with answering:
            before, path = self.attribute_list.snapshot(), place.path
            try:
                if place.is_directory:
                    raise StoreError(NtStatus.FILE_IS_A_DIRECTORY)
                self.attribute_list.set(name.key, attributes & STORED_ATTRIBUTES)
                if replace is not None:
                    replace(staged, path, place.status)
                else:
                    os.replace(staged, path)
                    self._originals.forget(path)
            except BaseException:
                self.attribute_list.restore(before)
                self.discard(staged)
                raise
            if place.status is None:
                self.index.entered(place, place.actual)
            else:
                self.index.changed(place.folder, place.is_current)
            facts = self._known.tell(name.key, path, place.stored, status)
        if content is not None:
            self._known.small.keep(name.key, facts, content)
        return facts

    def exchange(self, staged: str, path: str, before: os.stat_result | None) -> None:
        """A `Replace` for who can restore the content: by exchange, where that can be."""
        if before is None or not self.pool.exchange(staged, path, before):
            os.replace(staged, path)

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """In place; a file that could not grow as far as it should has not grown."""
        self.check_writable()
        with answering:
            descriptor = self._open_to_change(name)
            try:
                size = os.fstat(descriptor).st_size
                try:
                    write_at(descriptor, offset, data)
                except OSError:
                    if os.fstat(descriptor).st_size > size:
                        os.ftruncate(descriptor, size)
                    raise
                os.utime(descriptor, ns=self.staged.stamp(at))
            finally:
                os.close(descriptor)

    def set_size(self, name: Name, size: int, at: float) -> None:
        self.check_writable()
        with answering:
            descriptor = self._open_to_change(name)
            try:
                os.ftruncate(descriptor, size)
                os.utime(descriptor, ns=self.staged.stamp(at))
            finally:
                os.close(descriptor)

    def _open_to_change(self, name: Name) -> int:
        path = self.index.file(name).path
        self._originals.settle(path)
        return os.open(path, _UPDATE)

    # -- names

    def make_directory(self, name: Name, at: float) -> None:
        self.check_writable()
        place = self.index.target(name)
        if place.status is not None:
            raise StoreError(NtStatus.OBJECT_NAME_COLLISION)
        with answering:
            os.mkdir(place.path)
            try:
                os.utime(place.path, ns=self.staged.stamp(at))
            except OSError:
                os.rmdir(place.path)
                raise
            self.index.entered(place, place.actual)

    async def ready(self, name: Name, new_name: Name | None = None) -> None:
        """There is no journal that has to be true."""

    def remove(self, name: Name, look: Look | None = None) -> None:
        """A file, or a directory with nothing in it."""
        self.remove_at(name, self.removable(name, look))

    def removable(self, name: Name, look: Look | None = None) -> ResolvedPath:
        """Where the file or directory is that `remove` removes. Raises `StoreError`."""
        self.check_writable()
        if not name.key:
            raise StoreError(NtStatus.ACCESS_DENIED, "the share's root stays")
        return self.index.existing(name, look.place if look is not None else None)

    def remove_at(self, name: Name, place: ResolvedPath) -> None:
        """Remove what `removable` found. What can fail is done before the file goes, and undone if
        the file then stays.
        """
        key = name.key
        attributes, properties = self.attribute_list.snapshot(), self.property_list.get(key)
        with answering:
            try:
                self.property_list.set(key, {})
                self.attribute_list.set(key, 0)
                if place.is_directory:
                    os.rmdir(place.path)
                elif place.status is None or not self.pool.keep(place.path, place.status):
                    os.unlink(place.path)
            except BaseException:
                self.attribute_list.restore(attributes)
                with suppress(OSError):
                    self.property_list.set(key, properties)
                raise
        self._originals.forget(place.path)
        if place.is_directory:
            self.index.forget_below(key)
            self.property_list.forget_below(key)
        self.index.left(place)
        self._known.forget(key)

    def rename(self, name: Name, new_name: Name, *, again: bool = False) -> None:
        """A file under the new name is replaced; the new name's spelling is kept.

        `again`: this was begun before, so what is not kept under the old name any more has gone to
        the new one.
        """
        self.rename_at(name, new_name, *self.renamable(name, new_name), again=again)

    def renamable(self, name: Name, new_name: Name) -> tuple[ResolvedPath, ResolvedPath]:
        """Where the file or directory is that `rename` renames, and where it goes. Raises
        `StoreError` for whatever can be known before it is renamed.
        """
        self.check_writable()
        place, target = self.index.existing(name), self.index.target(new_name)
        if target.is_directory and new_name.key != name.key:
            raise StoreError(NtStatus.ACCESS_DENIED, "a directory is not replaced")
        with answering:
            self.property_list.check_room(new_name.key, self.property_list.get(name.key))
        return place, target

    def rename_at(
        self,
        name: Name,
        new_name: Name,
        place: ResolvedPath,
        target: ResolvedPath,
        *,
        again: bool = False,
    ) -> None:
        """Rename what `renamable` found. What can fail is done before the file moves, and undone if
        the file then stays.
        """
        path = f"{target.folder.path}/{on_disk(new_name.last)}"
        attributes, replaced = self.attribute_list.snapshot(), self.property_list.get(new_name.key)
        with answering:
            self.rename_lists(name.key, new_name.key, again=again)
            self._originals.settle(place.path)
            self._originals.settle(target.path)
            if place.is_directory:
                self._originals.settle_below(place.path)
            try:
                if target.status is not None and new_name.key != name.key and target.path != path:
                    # takes the new spelling first: what follows is one step
                    os.rename(target.path, path)
                if place.path != path:
                    os.replace(place.path, path)
            except BaseException:
                self.attribute_list.restore(attributes)
                with suppress(OSError):
                    self.property_list.rename(new_name.key, name.key)
                    self.property_list.set(new_name.key, replaced)
                raise
        self.index.left(place)
        self.index.entered(target, new_name.last)
        for key in (name.key, new_name.key):
            self._known.forget(key)
            if place.is_directory:
                self._known.forget_below(key)

    def rename_lists(self, key: str, new_key: str, *, again: bool = False) -> None:
        """Attributes and properties go along. Raises `OSError`, and has changed nothing then."""
        attributes = self.attribute_list.snapshot()
        if not again or self.attribute_list.knows(key):
            self.attribute_list.rename(key, new_key)
        if not again or self.property_list.knows(key):
            try:
                self.property_list.rename(key, new_key)
            except BaseException:
                self.attribute_list.restore(attributes)
                raise

    def set_attributes(self, name: Name, attributes: int) -> None:
        """In the list beside the files: every file system can keep it."""
        self.check_writable()
        self.index.existing(name)
        with answering:
            self.attribute_list.set(name.key, attributes & STORED_ATTRIBUTES)
        self._known.rows.pop(name.key, None)

    def keep_beside(
        self, key: str, attributes: int | None, properties: Mapping[str, str] | None
    ) -> None:
        """Have just these under a name, whatever is there; None is as it is. Raises `OSError`."""
        if properties is not None:
            self.property_list.set(key, properties)
        if attributes is not None:
            self.attribute_list.set(key, attributes)
        self._known.forget(key)

    def properties(self, name: Name) -> Mapping[str, str]:
        """In a file for each directory that has any, in `.despoolr/properties`."""
        return self.property_list.get(name.key)

    def keeps_properties_in(self, directory: Name) -> bool:
        """One look-up, once that file was read."""
        return self.property_list.keeps_in(directory.key)

    def set_properties(self, name: Name, properties: Mapping[str, str]) -> None:
        """A line in that file."""
        self.check_writable()
        self.index.existing(name)
        with answering:
            self.property_list.set(name.key, properties)

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        """At once, as `sync` has nothing to wait for."""
        call(None)

    async def sync(self) -> None:
        """The kernel writes it back when it likes; `JournalledFileStore` promises more."""
        self.property_list.take_touched()


def _replace(staged: str, path: str, _before: os.stat_result) -> None:
    os.replace(staged, path)


def _nofollow(path: str, flags: int) -> int:
    return os.open(path, flags | _NOFOLLOW)
