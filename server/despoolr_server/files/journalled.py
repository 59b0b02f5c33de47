"""Files on disk whose uploads are durable: answered after a group commit, made true again after a
crash.

The law: what was answered survives a power cut, and what was deleted stays deleted. Each change is
first written to the journal, then made; `sync` returns after the journal's `fdatasync`, one for
all who wait. A full journal is laid aside, a new one begun, and the old one dropped once the file
system itself has been synced. At start the journals are checked as one chain (`journal_chain`),
worked out (`journal.outcome`) and made true before anybody is served. If they are damaged nothing
is made true: files and journals stay as they are, and nothing can be changed until a person has
decided. A large file is synced as it is staged and only its name is journalled.
"""
# Paths are plain strings here: this is the hot path of every upload.
# ruff: noqa: PTH104

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, found_name
from despoolr_server.engine.rows import STORED_ATTRIBUTES, FileFacts
from despoolr_server.files.descriptors import sync_data, write_at
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal import (
    FRAME_SIZE,
    Abort,
    Entry,
    FileRedo,
    Follow,
    Make,
    Mark,
    Move,
    MoveDirectory,
    Outcome,
    Patch,
    Put,
    Remove,
    Size,
    encode,
    outcome,
)
from despoolr_server.files.journal_chain import (
    JOURNAL_HEADER_SIZE,
    Link,
    first_checksum,
    parse_mark,
    read_journals,
    render_frame,
    render_header,
    render_mark,
)
from despoolr_server.files.path_index import PRIVATE
from despoolr_server.files.protocol import INLINE_MAX, StoreError

_MOVED_ON: Final = frozenset(
    [
        NtStatus.OBJECT_NAME_NOT_FOUND,
        NtStatus.OBJECT_PATH_NOT_FOUND,
        NtStatus.OBJECT_NAME_COLLISION,
        NtStatus.FILE_IS_A_DIRECTORY,
        NtStatus.NOT_A_DIRECTORY,
    ]
)

_ZEROS: Final = bytes(64 * 1024)
JOURNAL_MAX: Final = 8 * 1024 * 1024
"""Bytes after which the first journal is laid aside."""
JOURNAL_GROWN_MAX: Final = 64 * 1024 * 1024
"""Bytes of the journals of a store that fills them: each is twice the one before, up to this.
Dropping one syncs the file system, and a file that is gone by then has never cost the disk a
block.
"""

_T = TypeVar("_T")


class JournalledFileStore(DiskFileStore):
    """A `DiskFileStore` with a journal in `.despoolr/journal`. Call `close` when done; a crash
    instead costs nothing.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        threads: bool = True,
        inline_max: int = INLINE_MAX,
        journal_max: int = JOURNAL_MAX,
    ) -> None:
        self.journal_max = journal_max
        self._threads = threads
        self._journals = Path(root) / PRIVATE / "journal"
        super().__init__(root, threads=threads, inline_max=inline_max)
        self._sequence = self._durable = self._begun_at = 0
        self._older: list[tuple[int, int]] = []
        self._spare: int | None = None
        self._being_laid_out: int | None = None
        self._flush: asyncio.Task[None] | None = None
        self._dropping: asyncio.Task[None] | None = None
        if self.findings:
            return
        with answering:
            self._journals.mkdir(exist_ok=True)
            self._number = self._size = self._checksum = 0
            self._journal = self._begin()
            self._mark = os.open(
                self._journals / "mark",
                os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0),
                0o600,
            )
            self._write_mark(self._begun)

    def _start_clean(self) -> None:
        """Make the journals true, then forget them: a staged file may be needed for that, so the
        sweep comes after.
        """
        if not self.findings:
            self._recover()
        if not self.findings:
            super()._start_clean()

    def _recover(self) -> None:
        numbers, mark_file = self._numbers(), self._journals / "mark"
        self._store = self._identity()
        mark = parse_mark(mark_file.read_bytes()) if mark_file.exists() else None
        reading = read_journals(
            [(number, self._path(number).read_bytes()) for number in numbers], self._store, mark
        )
        if reading.damage:
            self.findings.append(
                f"{reading.damage}. The files are as they were found: if they are right, move "
                f"{PRIVATE}/{self._journals.name} in "
                "the share's directory away and start again; if not, restore a backup"
            )
            return
        if reading.entries:
            self._recover_files(outcome(reading.entries))
            self._finish_move(reading.entries[-1])
            _sync_file_system(self._base)
        self._forget_journals()

    def _identity(self) -> int:
        """What tells this store's journals from others': a number, drawn when the store was
        made.
        """
        file = self._private / "store"
        try:
            return int(file.read_text("ascii"), 16) & 0xFFFF_FFFF_FFFF_FFFF
        except (FileNotFoundError, ValueError):
            # A new one: whatever journals there are, but for those of the version before, are then
            # another store's.
            store = secrets.randbits(64)
            temporary = file.with_suffix(".new")
            temporary.write_text(f"{store:016x}\n", "ascii")
            _sync_path(str(temporary))
            temporary.replace(file)
            _sync_path(str(self._private))
            return store

    def _forget_journals(self) -> None:
        """All that they say is true on disk. The mark goes first: without it nothing is missed."""
        if self._journals.is_dir():
            (self._journals / "mark").unlink(missing_ok=True)
            _sync_path(str(self._journals))
            for path in sorted(
                self._journals.iterdir(), key=lambda path: (len(path.name), path.name)
            ):
                path.unlink()

    # -- durability

    async def sync(self) -> None:
        """Return when the journal on disk has every change made so far. Raises `StoreError` if the
        disk cannot keep it.
        """
        touched = self._properties.touched
        if touched:
            files = sorted(touched)
            touched.clear()
            with answering:
                await self._in_thread(_sync_files, files)
        wanted = self._sequence
        while self._durable < wanted:
            if self._flush is None:
                self._flush = asyncio.ensure_future(self._flush_journal())
            await asyncio.shield(self._flush)

    async def close(self) -> None:
        """Everything to disk, and the journals away; a store in which nothing can be changed leaves
        all as it is.
        """
        if self.findings and self._sequence == 0:
            return
        await self.sync()
        if self._dropping is not None:
            await asyncio.wait([self._dropping])
        with answering:
            _sync_file_system(self._base)
            for descriptor, _ in [*self._older, (self._journal, self._number), (self._mark, 0)]:
                os.close(descriptor)
            self._forget_journals()

    async def _flush_journal(self) -> None:
        """One `fdatasync` for all who wait; journals that are full are dropped in the
        background.
        """
        covered, full = self._sequence, self._older
        reached = Link(self._number, self._size, self._checksum)
        self._older = []
        try:
            with answering:
                await self._in_thread(
                    _sync_all, [*(descriptor for descriptor, _ in full), self._journal]
                )
                self._write_mark(reached)
            self._durable = covered
        except BaseException:
            self._older = full + self._older
            raise
        finally:
            self._flush = None
        if full and self._dropping is None:
            self._dropping = asyncio.ensure_future(self._drop(full))
        else:
            self._older = full + self._older

    async def _drop(self, full: list[tuple[int, int]]) -> None:
        """Sync the file system, so that what these journals say is true without them, and remove
        them; lay a new one ready.
        """
        try:
            with answering:
                await self._in_thread(_sync_file_system, self._base)
                for descriptor, number in full:
                    os.close(descriptor)
                    self._path(number).unlink(missing_ok=True)
                if self._spare is None:
                    await self._preallocate_segment(self._number + 1)
        finally:
            self._dropping = None

    async def _preallocate_segment(self, number: int) -> None:
        """Lay out a journal ahead of its time; if a later number was begun meanwhile, it is not
        needed.
        """
        self._being_laid_out = number
        try:
            await self._in_thread(self._lay_out, number)
        finally:
            self._being_laid_out = None
        if number > self._number:
            self._spare = number
        else:
            self._path(number).unlink(missing_ok=True)

    async def _in_thread(self, work: Callable[[Any], None], argument: object) -> None:
        if self._threads:
            await asyncio.get_running_loop().run_in_executor(None, work, argument)
        else:
            work(argument)

    def _numbers(self) -> list[int]:
        if not self._journals.is_dir():
            return []
        return sorted(int(path.name) for path in self._journals.iterdir() if path.name.isdigit())

    def _path(self, number: int) -> Path:
        return self._journals / str(number)

    def _begin(self) -> int:
        """Open the next journal: the one that lies ready, or one laid out now."""
        before = Link(self._number, self._size, self._checksum)
        self._number += 1
        if self._being_laid_out == self._number:
            self._number += 1  # a thread still writes zeros into that one
        if self._spare != self._number:
            self._lay_out(self._number)
        self._spare = None
        journal = os.open(self._path(self._number), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        self._capacity = os.fstat(journal).st_size
        self._size, self._checksum = (
            JOURNAL_HEADER_SIZE,
            first_checksum(os.pread(journal, JOURNAL_HEADER_SIZE, 0)),
        )
        self._begun = Link(self._number, self._size, self._checksum)
        self._begun_at = self._sequence
        self._append(journal, encode(Follow(*before)))
        return journal

    def _append(self, journal: int, payload: bytes) -> None:
        """Write one record where the journal ends; one that could not be written whole leaves
        nothing. Raises `OSError`.
        """
        frame, checksum = render_frame(payload, self._checksum)
        try:
            write_at(journal, self._size, frame)
        except OSError:
            os.ftruncate(journal, self._size)
            os.ftruncate(journal, max(self._capacity, self._size))
            raise
        self._size += len(frame)
        self._checksum = checksum

    def _write_mark(self, reached: Link) -> None:
        write_at(self._mark, 0, render_mark(reached))

    def _lay_out(self, number: int) -> None:
        """A journal full of zeros, synced: writing over them later changes no metadata, so that a
        sync is only the bytes.

        It gets its name when it is whole: a journal that is too short was cut by somebody.
        """
        path, size = self._journals / f"{number}.new", max(self.journal_max, JOURNAL_HEADER_SIZE)
        with path.open("wb", buffering=0) as file:
            # In pieces: a thread that lets go of megabytes keeps them, and every thread of the pool
            # would come to have its own.
            file.write(render_header(self._store, number, size))
            for start in range(JOURNAL_HEADER_SIZE, size, len(_ZEROS)):
                file.write(_ZEROS[: size - start])
        _sync_path(str(path))
        path.replace(self._path(number))
        _sync_path(str(self._journals))

    def _log(self, entry: Entry) -> None:
        """Write one record; a record that did not fit is wiped out again, and the change does not
        happen.
        """
        self._check_writable()
        with answering:
            payload = encode(entry)
            is_full = (
                self._size + FRAME_SIZE + len(payload) > self._capacity
                and self._sequence > self._begun_at
            )
            if is_full and not isinstance(entry, Abort):
                full = (self._journal, self._number)
                if self.journal_max >= JOURNAL_MAX:
                    self.journal_max = min(2 * self.journal_max, JOURNAL_GROWN_MAX)
                self._journal = self._begin()
                self._older.append(full)
            self._append(self._journal, payload)
        self._sequence += 1

    # -- changes: first the record, then the deed

    def write_whole(self, name: Name, data: bytes, at: float, attributes: int = 0) -> FileFacts:
        """The record has the whole content."""
        place = self._index.target(name)
        staged, status = self._put_aside(data, at)
        try:
            kept = attributes & STORED_ATTRIBUTES
            content = bytes(data)
            self._log(Put(name.path, status.st_ino, place.inode, content, status.st_mtime_ns, kept))
        except BaseException:
            self.discard(staged)
            raise
        facts = self._undo_record_on_error(self._publish, staged, status, name, place, attributes)
        self._keep(name.key, facts, content)
        return facts

    async def _stage(self, temporary: str, data: bytes, at: float) -> None:
        await super()._stage(temporary, data, at)
        with answering:
            await self._in_thread(_sync_path, temporary)

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        """The bytes are on disk already; the record has the name."""
        try:
            first_name = staged.removeprefix(self._base + "/")
            self._log(Move(first_name, os.lstat(staged).st_ino, self._replaced(name), name.path))
        except BaseException:
            self.discard(staged)
            raise
        self._undo_record_on_error(super().publish, staged, name, attributes)

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """The record has the bytes."""
        self._log(Patch(name.path, self._inode(name), offset, bytes(data), at))
        self._undo_record_on_error(super().write_at, name, offset, data, at)

    def set_size(self, name: Name, size: int, at: float) -> None:
        self._log(Size(name.path, self._inode(name), size, at))
        self._undo_record_on_error(super().set_size, name, size, at)

    def set_attributes(self, name: Name, attributes: int) -> None:
        self._log(Mark(name.path, self._inode(name), attributes & STORED_ATTRIBUTES))
        self._undo_record_on_error(super().set_attributes, name, attributes)

    def make_directory(self, name: Name, at: float) -> None:
        self._log(Make(name.path, at))
        self._undo_record_on_error(super().make_directory, name, at)

    def remove(self, name: Name) -> None:
        place = self._removable(name)
        self._log(Remove(name.path, place.inode, place.is_directory))
        self._undo_record_on_error(self._remove, name, place)

    def rename(self, name: Name, new_name: Name) -> None:
        """Recorded; a directory's rename begins a journal of its own, so that no record speaks of
        its old name.
        """
        self._check_writable()
        place = self._index.existing(name)
        if place.is_directory:
            self._rename_directory(name, new_name, place.inode)
            return
        along = self._attributes.get(name.key), dict(self._properties.get(name.key))
        self._log(Move(name.path, place.inode, self._replaced(new_name), new_name.path, *along))
        self._undo_record_on_error(super().rename, name, new_name)

    def _rename_directory(self, name: Name, new_name: Name, inode: int) -> None:
        with answering:
            _sync_file_system(self._base)
            self._older.append((self._journal, self._number))
            self._journal = self._begin()
            for number in self._numbers():
                if number < self._number:  # not the one that lies ready
                    self._path(number).unlink(missing_ok=True)
        self._log(MoveDirectory(name.path, inode, new_name.path))
        self._undo_record_on_error(super().rename, name, new_name)

    def _undo_record_on_error(self, deed: Callable[..., _T], *arguments: object) -> _T:
        try:
            return deed(*arguments)
        except BaseException:
            self._log(Abort())
            raise

    def _replaced(self, name: Name) -> int:
        return self._inode_at(name) or 0

    def _inode(self, name: Name) -> int:
        return self._index.existing(name).inode

    # -- after a crash

    def _recover_files(self, result: Outcome) -> None:
        """Bring the disk to what the journal says, whatever part of it is there already. Doing it
        twice changes nothing.
        """
        for tree in result.trees:
            if self._inode_at(_named(tree.path)) == tree.inode:
                self._rename(_named(tree.path), _named(tree.new_path), again=True)
        for make in sorted(result.directories.values(), key=lambda one: one.path.count("/")):
            if self.find(_named(make.path)) is None:
                self._skip_if_replaced(DiskFileStore.make_directory, _named(make.path), make.at)
        self._recover_renames(result)
        for path, redo in result.files.values():
            self._skip_if_replaced(JournalledFileStore._redo, _named(path), redo)
        for path, inodes in result.gone.values():
            facts = None if path.startswith(PRIVATE + "/") else self.find(_named(path))
            if facts is not None and not facts.directory and self._inode_at(_named(path)) in inodes:
                DiskFileStore.remove(self, _named(path))
        for gone in sorted(result.gone_directories.values(), key=lambda one: -one.path.count("/")):
            if self._inode_at(_named(gone.path)) == gone.inode and not self.has_children(
                _named(gone.path)
            ):
                DiskFileStore.remove(self, _named(gone.path))

    def _recover_renames(self, result: Outcome) -> None:
        """Files that were only renamed: all out of the way first, then each to its place, so that
        they may change places.
        """
        aside: list[tuple[str, str]] = []
        for path, redo in result.files.values():
            if redo.put is not None or self._inode_at(_named(path)) == redo.inode:
                continue
            place = self._locate_inode(redo)
            if place is not None:
                for former in redo.paths[:-1]:
                    if not former.startswith(PRIVATE + "/"):
                        self._rename_lists(_named(former).key, _named(path).key, again=True)
                aside.append((f"{self._base}/{PRIVATE}/tmp/moved-{len(aside)}", path))
                os.rename(place, aside[-1][0])
        for staged, path in aside:
            attributes = self._attributes.get(_named(path).key)
            self._skip_if_replaced(DiskFileStore.publish, staged, _named(path), attributes)

    def _finish_move(self, last: Entry) -> None:
        """What goes along with a file that was being renamed when the process died may still be
        under the old name.
        """
        if (
            isinstance(last, Move)
            and last.properties is not None
            and self.find(_named(last.new_path)) is not None
        ):
            key, new_key = _named(last.path).key, _named(last.new_path).key
            for lost in (key,) if key != new_key and self.find(_named(last.path)) is None else ():
                self._properties.set(lost, {})
                self._attributes.set(lost, 0)
            self._properties.set(new_key, last.properties)
            self._attributes.set(new_key, last.attributes)

    def _skip_if_replaced(self, deed: Callable[..., None], *arguments: object) -> None:
        """Do it, unless somebody has since taken the directory it would be in, or the name, for
        something else.
        """
        try:
            deed(self, *arguments)
        except StoreError as error:
            if error.status not in _MOVED_ON:
                raise

    def _redo(self, name: Name, redo: FileRedo) -> None:
        put = redo.put
        if put is not None:
            current = self.find(name)
            there = current is not None and not current.directory and not redo.changes
            if not (there and self.read(name) == put.data):
                DiskFileStore.write_whole(self, name, put.data, put.stamp / 1e9, put.attributes)
        elif self._inode_at(name) != redo.inode:
            return
        for change in redo.changes:
            if isinstance(change, Patch):
                DiskFileStore.write_at(self, name, change.offset, change.data, change.at)
            elif isinstance(change, Size):
                DiskFileStore.set_size(self, name, change.size, change.at)
            else:
                DiskFileStore.set_attributes(self, name, change.attributes)

    def _locate_inode(self, redo: FileRedo) -> str | None:
        """Where on disk a file that the journal moved is now."""
        for path in reversed(redo.paths):
            if path.startswith(PRIVATE + "/"):
                place = f"{self._base}/{path}"
                try:
                    if os.lstat(place).st_ino == redo.inode:
                        return place
                except OSError:
                    continue
            elif self._inode_at(_named(path)) == redo.inode:
                return self._index.file(_named(path)).path
        return None

    def _inode_at(self, name: Name) -> int | None:
        found = self._index.resolve(name)
        return found.inode if found else None


def _named(path: str) -> Name:
    """A name in a journal: accepted once, perhaps by a version that accepted others. Raises
    `StoreError` for one outside.
    """
    if any(part in ("", ".", "..") or "\0" in part for part in path.split("/")):
        raise StoreError(NtStatus.IO_DEVICE_ERROR, f"the journal names {path!r}")
    return found_name(path)


def _sync_path(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_files(files: list[Path]) -> None:
    """Files, and the directories they may be new in."""
    for file in files:
        for path in (file, file.parent):
            if path.exists():
                _sync_path(str(path))


def _sync_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        sync_data(descriptor)


def _sync_file_system(path: str) -> None:
    """Everything of the file system that a path is on (Linux's `syncfs`); of all of them where that
    is not to be had.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
