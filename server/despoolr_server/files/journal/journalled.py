"""Files on disk whose uploads are durable: a `DiskFileStore` behind a write-ahead log.

The law: what was answered survives a power cut, and what was deleted stays deleted. Each change is
first written to the journal, then made; `sync` returns when the journal is on disk, one `fdatasync`
for all who wait (`journal.segments`). At start the journal is checked as one chain
(`journal.chain`) and redone (`journal.recovery`) before anybody is served. If it is damaged nothing
is redone: files and journal stay as they are, and nothing can be changed until a person has
decided. A large file is synced as it is staged, and only its name is journalled.

A file that is put over another takes its place by exchange where it can (`files.system.exchange`),
which writes nothing out. Then a power cut may leave the name with no content: the new one is in the
journal if it was answered, and the old one must be in it as well, on disk, since it is what counts
if the new one was not. Where it is not, the file is renamed over the old one, as on a disk without
a journal. A file is written out before it is renamed, since nothing restores what is under a name
that no record on disk speaks of.

A small file that only passes through a box has no place on disk before it has been there for some
seconds (`journal.passing`): until then it is its record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import STORED_ATTRIBUTES, FileFacts
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.chain import JournalReading
from despoolr_server.files.journal.directory_renames import DirectoryRenames
from despoolr_server.files.journal.passing import PassingFiles
from despoolr_server.files.journal.records import (
    Abort,
    Entry,
    Make,
    Mark,
    Move,
    MoveDirectory,
    Patch,
    Put,
    Remove,
    Size,
)
from despoolr_server.files.journal.recovery import recover
from despoolr_server.files.journal.segments import (
    JOURNAL_MAX,
    Journal,
    forget_journals,
    forget_unused,
    identity_of,
    read_segments,
)
from despoolr_server.files.journal.together import FilesTogether
from despoolr_server.files.journal.waiting_for_room import Wait, WaitingForRoom
from despoolr_server.files.path_index import PRIVATE, ResolvedPath
from despoolr_server.files.protocol import INLINE_MAX, Look, StoreError
from despoolr_server.files.system.descriptors import (
    in_thread,
    sync_file_system,
    sync_files,
    sync_path,
    to_the_end,
)
from despoolr_server.files.system.exchange import begin_writing_out

_P = ParamSpec("_P")
_T = TypeVar("_T")

_DIRECTORY: Final = "journal"
PUTS_MAX: Final = 65_536
"""Files of which it is remembered where the journal has them; all are forgotten at the bound."""


class JournalledFileStore:
    """A directory as a durable store, with a journal in `.despoolr/journal`. Call `close` when
    done; a crash instead costs nothing. Without `threads` all is done in the loop.
    """

    change_count = None
    is_safe_at_once = False

    def __init__(
        self,
        root: Path | str,
        *,
        threads: bool = True,
        inline_max: int = INLINE_MAX,
        journal_max: int = JOURNAL_MAX,
    ) -> None:
        disk = self._disk = DiskFileStore(
            root, threads=threads, inline_max=inline_max, journalled=True
        )
        self.root = disk.root
        self.inline_max = disk.inline_max
        self.findings = disk.findings
        self._threads = threads
        self._journal: Journal | None = None
        self._puts: dict[int, tuple[int, int]] = {}
        """Inode of a file that was put to its time and the number of its record."""
        self._renames: DirectoryRenames | None = None
        self._passing = PassingFiles(disk, self._log, self._remember)
        self._on_their_way = self._passing.files
        together = FilesTogether(disk, self._passing, self._log, self._remember)
        self.create_together = together.create
        self.remove_together = together.remove
        # What is the same of files on their way is the disk's own.
        self.has_directory = disk.has_directory
        self.properties = disk.properties
        self.keeps_properties_in = disk.keeps_properties_in
        self.discard = disk.discard
        self._waiting: WaitingForRoom | None = None
        if self.findings:
            return
        with answering:
            store = identity_of(disk.private)
        directory = disk.private / _DIRECTORY
        with answering:
            reading = read_segments(directory, store)
        if reading.damage:
            self.findings.append(
                f"{reading.damage}. The files are as they were found: if they are right, move "
                f"{PRIVATE}/{directory.name} in "
                "the share's directory away and start again; if not, restore a backup"
            )
            return

        def begin() -> Iterator[Wait | None]:
            with answering:
                yield from self._recover(directory, reading)
                yield from self._passing.hide()
                yield disk.sweep
                journal = self._journal = Journal(
                    directory,
                    disk.base,
                    store,
                    threads=threads,
                    size_max=journal_max,
                    settle=self._settle_up_to,
                    tell=self.findings.append,
                )
            self._renames = DirectoryRenames(journal, self._passing)
            self._waiting = None

        try:
            for wait in begin():
                if wait is not None:
                    with answering:
                        wait()
        except StoreError as error:
            if error.status is not NtStatus.DISK_FULL:
                raise
            self._waiting = WaitingForRoom(
                disk, self._passing, reading.entries, begin, threads=threads
            )

    def _recover(self, directory: Path, reading: JournalReading) -> Iterator[Wait | None]:
        """Redo the journal, then forget it. A staged file may be needed for that, so the sweep
        comes after.
        """
        forget_unused(directory, reading.last)
        if reading.entries:
            yield from recover(self._disk, reading.entries)
            yield partial(sync_file_system, self._disk.base)
        forget_journals(directory)
        while reading.entries:  # to free very many holds others up as well
            reading.entries.pop()
            yield None

    # -- durability

    async def sync(self) -> None:
        """Return when the journal on disk has every change made so far. Raises `StoreError` if the
        disk cannot keep it.
        """
        if touched := self._disk.property_list.take_touched():
            with answering:
                await in_thread(self._threads, sync_files, touched)
        if self._journal is not None:
            await self._journal.sync()

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        """Called in the turn in which the journal is on disk."""
        assert self._journal is not None, "nothing was written"
        self._journal.when_safe(call)

    async def close(self) -> None:
        """Everything to disk, and the journal away; a store in which nothing could be changed
        leaves all as it is. What the disk does not take stays in the journal, for the next start.
        """
        if self._waiting is not None:
            await self._waiting.stop()
        if self._journal is None or (self.findings and self._journal.sequence == 0):
            return
        self._passing.stop()
        with suppress(StoreError):
            await self._passing.settle_all()
        self._passing.directories.close()
        with suppress(StoreError):  # what was not synced is in the journal
            await self.sync()
        await self._journal.close(self._passing.records)

    # -- asking: what is on its way is there

    def find(self, name: Name, *, is_brief: bool = False) -> FileFacts | None:
        one = self._on_their_way.get(name.key)
        return self._disk.find(name, is_brief=is_brief) if one is None else one.facts

    def is_unread(self, name: Name, *, for_any: bool = False) -> bool:
        if name.key in self._on_their_way and not for_any:
            return False
        return self._disk.index.unread(name, for_any=for_any) is not None

    async def read_ahead(self, name: Name) -> None:
        await self._disk.read_ahead(name)

    def look(self, name: Name) -> Look:
        one = self._on_their_way.get(name.key)
        return self._disk.look(name) if one is None else Look(one.facts, True)

    def list(self, name: Name) -> list[FileFacts]:
        """Reads the directory each time."""
        return [facts for facts in self.each(name) if facts is not None]

    def each(self, name: Name) -> Iterator[FileFacts | None]:
        self._passing.settle(name.key)
        listed = self._disk.each(name)
        return self._passing.among(name, listed) if self._passing.within(name) else listed

    async def tally(self, name: Name) -> tuple[int, tuple[str, ...]]:
        self._passing.settle(name.key)
        count, below = await self._disk.tally(name)
        ahead = [*self._passing.within(name).values()]
        if self._passing.is_shown_only:  # the disk may have part of one
            ahead = [one for one in ahead if self._disk.find(one.name) is None]
        return count + len(ahead), below

    def below(self, name: Name) -> Iterator[str]:
        self._passing.settle(name.key)
        listed = self._disk.below(name)
        return self._passing.below(name, listed) if self._on_their_way else listed

    def has_children(self, name: Name) -> bool:
        self._passing.settle(name.key)
        return bool(self._passing.within(name)) or self._disk.has_children(name)

    def read(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        one = self._on_their_way.get(name.key)
        if one is None:
            return self._disk.read(name, offset, length)
        return one.content[offset : None if length is None else offset + length]

    def content(self, name: Name, facts: FileFacts) -> bytes:
        one = self._on_their_way.get(name.key)
        return self._disk.content(name, facts) if one is None else one.content

    async def read_large(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        self._passing.settle(name.key)
        return await self._disk.read_large(name, offset, length)

    def free_bytes(self) -> int:
        """What is left when those on their way have their places."""
        return max(0, self._disk.free_bytes() - self._passing.room)

    def used_bytes(self) -> int:
        """With the room that those on their way will take."""
        return self._disk.used_bytes() + self._passing.room

    # -- changes: first the record, then the deed

    def write_whole(
        self,
        name: Name,
        data: bytes,
        at: float,
        attributes: int = 0,
        look: Look | None = None,
        *,
        passing: bool = False,
    ) -> FileFacts:
        """The record has the whole content."""
        disk = self._disk
        self._passing.settle(name.key)
        place = disk.index.target(name, look.place if look is not None else None)
        if passing and not attributes and self._passing.takes(name, place, len(data)):
            return self._pass(name, place, bytes(data), at)
        staged, status = disk.put_aside(data, at)
        try:
            kept = attributes & STORED_ATTRIBUTES
            content = bytes(data)
            record = self._log(
                Put(name.path, status.st_ino, place.inode, content, status.st_mtime_ns, kept)
            )
        except BaseException:
            disk.discard(staged)
            raise
        replace = disk.exchange if self._restores(place.status) else None
        facts = self._undo_record_on_error(
            disk.publish_at,
            staged,
            status,
            name,
            place,
            attributes,
            content,
            replace=replace,
        )
        self._remember(status, record)
        return facts

    def put_again(self, name: Name, data: bytes, at: float) -> FileFacts | None:
        """What is looked for less often than by `write_whole`, and done as there."""
        disk = self._disk
        there = disk.where_it_was_put(name)
        if there is None or name.key in self._on_their_way or disk.property_list.is_touched:
            return None
        path, before, known, where = there
        content = bytes(data)
        staged, status = disk.put_aside(content, at)
        try:
            record = self._log(
                Put(name.path, status.st_ino, before.st_ino, content, status.st_mtime_ns, 0)
            )
        except BaseException:
            disk.discard(staged)
            raise
        self._undo_record_on_error(
            disk.put_over, staged, path, before, by_exchange=self._restores(before)
        )
        self._remember(status, record)
        mtime_ns, inode = status.st_mtime_ns, status.st_ino
        return disk.was_put(name.key, path, known.path, where, mtime_ns, inode, content)

    def _pass(self, name: Name, place: ResolvedPath, content: bytes, at: float) -> FileFacts:
        """The record is the file."""
        disk, (stamp, _) = self._disk, self._disk.staged.stamp(at)
        disk.check_writable()
        with answering:
            spare = disk.pool.reserve()
        try:
            record = self._log(Put(name.path, spare.inode, 0, content, stamp, 0))
        except BaseException:
            with answering:
                disk.pool.release(spare)
            raise
        return self._passing.enter(name, place, content, spare, stamp, record)

    async def stage(self, data: bytes, at: float) -> str:
        """As the disk's, and synced."""
        staged = await self._disk.stage(data, at)
        try:
            with answering:
                await to_the_end(in_thread(self._threads, sync_path, staged))
        except BaseException:
            self._disk.discard(staged)
            raise
        return staged

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        """The bytes are on disk already; the record has the name."""
        try:
            self._passing.settle(name.key)
            first_name = staged.removeprefix(self._disk.base + "/")
            inode, kept = os.lstat(staged).st_ino, attributes & STORED_ATTRIBUTES
            self._log(Move(first_name, inode, self._replaced(name), name.path, kept))
        except BaseException:
            self._disk.discard(staged)
            raise
        self._undo_record_on_error(self._disk.publish, staged, name, attributes)

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """The record has the bytes."""
        self._passing.settle(name.key)
        self._log(Patch(name.path, self._inode(name), offset, bytes(data), at))
        self._undo_record_on_error(self._disk.write_at, name, offset, data, at)

    def set_size(self, name: Name, size: int, at: float) -> None:
        self._passing.settle(name.key)
        self._log(Size(name.path, self._inode(name), size, at))
        self._undo_record_on_error(self._disk.set_size, name, size, at)

    def set_attributes(self, name: Name, attributes: int) -> None:
        self._passing.settle(name.key)
        kept = dict(self._disk.property_list.get(name.key))
        self._log(Mark(name.path, self._inode(name), attributes & STORED_ATTRIBUTES, kept))
        self._undo_record_on_error(self._disk.set_attributes, name, attributes)

    def set_properties(self, name: Name, properties: Mapping[str, str]) -> None:
        """The record has them all, and `sync` syncs the file that has them."""
        disk = self._disk
        self._passing.settle(name.key)
        if not name.key:
            disk.set_properties(name, properties)
            return
        bits = disk.attribute_list.get(name.key)
        self._log(Mark(name.path, self._inode(name), bits, dict(properties)))
        self._undo_record_on_error(disk.set_properties, name, properties)

    def make_directory(self, name: Name, at: float) -> None:
        self._passing.settle(name.key)
        self._log(Make(name.path, at))
        self._undo_record_on_error(self._disk.make_directory, name, at)

    async def ready(self, name: Name, new_name: Name | None = None) -> None:
        """What was recorded of a directory's name is made true on disk (`directory_renames`)."""
        renames = self._renames
        if renames is None or (new_name is None and not renames.any_counts()):
            return
        if self._disk.has_directory(name):
            await renames.prepare(name, new_name)

    def remove(self, name: Name, look: Look | None = None) -> None:
        one = self._on_their_way.get(name.key)
        if one is not None:
            self._passing.remove(one)
            return
        place = self._disk.removable(name, look)
        if place.is_directory and self._passing.within(name):
            raise StoreError(NtStatus.DIRECTORY_NOT_EMPTY)
        self._passing.note_removal(name.key)
        record = Remove(name.path, place.inode, place.is_directory)
        if place.is_directory and self._renames is not None and self._renames.counts(place.inode):
            self._keep_only(record)
        else:
            self._log(record)
        self._undo_record_on_error(self._disk.remove_at, name, place)

    def rename(self, name: Name, new_name: Name) -> None:
        """Recorded; before a directory's rename all is made true on disk that was recorded of its
        old name, unless it is (`ready`). So is its rename before it is removed.
        """
        disk = self._disk
        self._passing.settle(name.key)
        self._passing.settle(new_name.key)
        place, target = disk.renamable(name, new_name)
        self._puts.pop(place.inode, None)  # the record has another name
        if place.is_directory:
            self._record_rename(name, place, new_name)
        else:
            with answering:
                begin_writing_out(place.path)
            along = disk.attribute_list.get(name.key), dict(disk.property_list.get(name.key))
            self._log(Move(name.path, place.inode, target.inode, new_name.path, *along))
        self._undo_record_on_error(disk.rename_at, name, new_name, place, target)
        if place.is_directory:
            self._passing.follow(name, place, new_name, target)

    # -- inside

    def _record_rename(self, name: Name, place: ResolvedPath, new_name: Name) -> None:
        """The record of a directory's rename: on disk before its attributes and properties go
        along, which have places of their own.
        """
        if new_name.key != name.key:
            self._passing.settle_below(new_name.key)
        record = MoveDirectory(name.path, place.inode, new_name.path)
        journal, renames = self._journal, self._renames
        assert journal is not None and renames is not None, "nothing is renamed without a journal"
        if not renames.is_prepared(name, new_name):
            self._keep_only(record)
        elif self._disk.keeps_anything_from(name.key):
            journal.append_safely(record)
            renames.hear(record)
        else:
            self._log(record)
        renames.renamed(place.inode)

    def _log(self, *entries: Entry) -> int:
        """Write records, and return the number of the last; if they cannot be written, the changes
        do not happen.
        """
        self._disk.check_writable()
        assert self._journal is not None, "a store without a journal is not written"
        self._journal.append(*entries)
        if self._renames is not None:
            for entry in entries:
                self._renames.hear(entry)
        return self._journal.sequence

    def _keep_only(self, entry: Entry) -> None:
        """The same of one that counts from now on with the records of what is on its way alone."""
        assert self._journal is not None, "a store without a journal is not written"
        self._journal.keep_only(self._passing.records(), entry)
        if self._renames is not None:
            self._renames.hear(entry)

    def _restores(self, status: os.stat_result | None) -> bool:
        """Whether what is under a name would be put there again after a power cut."""
        if status is None or self._journal is None:
            return False
        put = self._puts.get(status.st_ino)
        return put is not None and put[0] == status.st_mtime_ns and self._journal.restores(put[1])

    def _remember(self, status: os.stat_result, record: int) -> None:
        if len(self._puts) >= PUTS_MAX:
            self._puts.clear()
        self._puts[status.st_ino] = status.st_mtime_ns, record

    async def _settle_up_to(self, record: int) -> bool:
        try:
            await self._passing.settle_up_to(record)
        except StoreError:  # nor does the journal take any more: its segments stay
            return False
        return True

    def _undo_record_on_error(
        self, deed: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs
    ) -> _T:
        """Carry out what was recorded; if that fails, the record is aborted."""
        try:
            return deed(*arguments, **options)
        except BaseException:
            self._log(Abort())
            raise

    def _replaced(self, name: Name) -> int:
        found = self._disk.index.resolve(name)
        return found.inode if found else 0

    def _inode(self, name: Name) -> int:
        self._disk.check_writable()
        return self._disk.index.existing(name).inode
