"""Files that only pass through a box: they are in the journal and in memory, and take their place
in the directory when they have been there for `REST_S`, or in a box that is being emptied for
`REST_EMPTIED_S`.

Why: a report is three files on its way to its row, each made, renamed, found and emptied again: 15
system calls, two thirds of what its store costs. A file that takes its place, and is removed there,
costs 280 us; one that does not costs 33. The law: its record in the journal is the file until it
takes its place, so a crash or a power cut loses nothing of it; every call of the store sees it as
if it lay there, and its ETag stays, since the empty file that it will be is laid by for it. It
takes its place before anything is done to it but a read or its removal, and before the segment goes
that has its record; but if its time has not come then it gets a new record, once. Into a directory
that is renamed it stays on its way, and into one that was renamed past the server it finds there.
What somebody else has put under its name meanwhile came later, and stays. While there is one that
the disk does not take, no more of them are kept, and it gets a new record before the segment goes
that has the one before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, why_bad
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.open_directories import OpenDirectories
from despoolr_server.files.journal.records import Abort, Move, Put, Remove
from despoolr_server.files.known_files import etag_of, time_of
from despoolr_server.files.long_names import on_disk
from despoolr_server.files.path_index import PRIVATE, DirectoryIndex, ResolvedPath
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.small_files import FILE_SIZE_MAX
from despoolr_server.files.spare.inode_pool import Spare
from despoolr_server.files.system.descriptors import sync_path
from despoolr_server.loop.pace import batches, turn

REST_S: Final = 5.0
"""Seconds after which a file takes its place."""
REST_EMPTIED_S: Final = 15.0
"""Seconds of one in a directory that somebody takes files out of all the while."""
DIRECTORIES_MAX: Final = 64
"""Directories of which it is remembered when a file was taken out."""
COUNT_MAX: Final = 8_192
SIZE_MAX: Final = 8 * 1024 * 1024
"""Files, and bytes of them, that are on their way at most; others take their place at once."""
BLOCK: Final = 4096
"""Bytes in which a file's room on a disk is counted."""
AT_ONE_TIME: Final = 32
"""Files that take their places in one turn of the loop: some 2 ms."""

Placed = Callable[[os.stat_result, int], None]
"""Told the `fstat` and the record of a file that lies on disk from now on."""


class Passing(msgspec.Struct):
    """A file on its way: where its directory lies on disk, and the inode of that, its content, the
    empty file that waits for it, the number of its record, the loop's times at which it takes its
    place and at which it does so at the latest, whether its directory was renamed after its record,
    and whether that is not its first one.
    """

    name: Name
    folder: str
    directory: int
    facts: FileFacts
    content: bytes
    spare: Spare
    stamp: int
    sequence: int
    due: float
    last: float
    is_moved: bool = False
    is_anew: bool = False


class PassingFiles:
    """The files of one store that are on their way. `files` is for reading, by their keys."""

    def __init__(self, disk: DiskFileStore, log: Callable[..., int], placed: Placed) -> None:
        """`log` writes records and returns the number of the last, or raises `StoreError`."""
        self.files: dict[str, Passing] = {}
        self._disk = disk
        self._log = log
        self._placed = placed
        self.room = 0
        """Bytes that they will take on disk, with what is left over of their last blocks."""
        self._size = 0
        self._within: dict[str, dict[str, Passing]] = {}
        """The same by the key of their directory."""
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: dict[str, float] = {}
        """Keys of directories, and when a file was removed from each."""
        self._refused: set[str] = set()
        """Keys of those that the disk did not take when they were to have their places."""
        self._is_stopped = False
        self.is_shown_only = False
        """Whether they are there to be read, and nothing can be done about them."""
        self.directories = OpenDirectories(disk.base)
        """Those into which they are on their way, or were a while ago."""

    # -- coming and going

    def takes(
        self, name: Name, place: ResolvedPath, size: int, *, ahead: int = 0, ahead_size: int = 0
    ) -> bool:
        """Whether a file of so many bytes may be on its way to where nothing is, behind some that
        are about to be.
        """
        return (
            place.status is None
            and not self._refused
            and not self._is_stopped
            and size <= FILE_SIZE_MAX
            and len(self.files) + ahead < COUNT_MAX
            and self._size + ahead_size + size <= SIZE_MAX
            and not self._disk.keeps_anything_of(name.key)
            and self._reaches(place.folder)
        )

    def enter(
        self,
        name: Name,
        place: ResolvedPath,
        content: bytes,
        spare: Spare,
        stamp: int,
        record: int,
        due: float | None = None,
    ) -> FileFacts:
        """A file whose record is in the journal; `due` is what `due` said in this turn. Returns its
        facts.
        """
        size = len(content)
        etag = etag_of(stamp, size, spare.inode)
        facts = FileFacts(place.stored, size, time_of(stamp), False, 0, etag)
        if due is None:
            due = self.due()
        key, parent = name.key, place.folder.key
        path, inode = place.folder.path, place.folder.inode
        last = due + REST_EMPTIED_S - REST_S
        one = Passing(name, path, inode, facts, content, spare, stamp, record, due, last)
        self.files[key] = self._within.setdefault(parent, {})[key] = one
        self._size += size
        self.room += _room_of(size)
        self._disk.index.count(parent)
        return facts

    def due(self) -> float:
        """The loop's time at which a file that comes now takes its place. It will: there is a timer
        for it.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # whoever has no loop has no moments either
            return 0.0
        due = loop.time() + REST_S
        if self._timer is None:
            self._timer = loop.call_at(due, self._ring, loop)
        return due

    def note_removal(self, key: str) -> None:
        """A file is removed, on its way or not."""
        parent = key.rpartition("/")[0]
        if parent not in self._emptied and len(self._emptied) >= DIRECTORIES_MAX:
            self._emptied.clear()
        with suppress(RuntimeError):
            self._emptied[parent] = asyncio.get_running_loop().time()

    def show(self, place: ResolvedPath, put: Put, name: Name) -> None:
        """A file of which the last process left nothing but its record, and for which there is no
        room now: it can be read.
        """
        spare = Spare("", put.inode)
        self.is_shown_only = True
        self.enter(name, place, put.data, spare, put.stamp, 0)

    def hide(self) -> Iterator[None]:
        """Of those that were shown only, no more is known, one after the other."""
        for one in [*self.files.values()]:
            self._forget(one)
            yield
        self.is_shown_only = False

    def remove(self, *ones: Passing) -> None:
        """Some that go before they had a place. Raises `StoreError`, and none is gone."""
        disk = self._disk
        self._log(*(Remove(one.name.path, one.spare.inode, False) for one in ones))
        for one in ones:
            key = one.name.key
            self.note_removal(key)
            if key in self._refused:  # its empty file may have gone with the try
                disk.discard(one.spare.path)
            else:
                with suppress(OSError):
                    disk.pool.release(one.spare)
            self._forget(one)
            disk.index.count(key.rpartition("/")[0])

    def settle(self, key: str) -> None:
        """Let the file of this key, if it is on its way, take its place. Raises `StoreError`."""
        one = self.files.get(key)
        if one is None or self.is_shown_only:
            return
        disk = self._disk
        place = disk.index.look(one.name)
        if place is None:
            with answering:  # a disk that does not answer, or is away, has not lost a directory
                os.lstat(disk.base)
                with suppress(FileNotFoundError, NotADirectoryError):
                    os.lstat(one.folder)
            if self._puts_where_its_directory_is(one):
                return
        if place is None or place.status is not None:
            # its directory is gone with all that was in it, or somebody came later
            self.remove(one)
            return
        self._refused.add(key)
        status = disk.put_in_place(one.spare, one.name, place, one.content, one.stamp)
        self._placed(status, one.sequence)
        self._forget(one)

    def _puts_where_its_directory_is(self, one: Passing) -> bool:
        """Let a file take its place in its directory though somebody has taken that elsewhere, past
        the server; whether it did. What is there under its name came later. Raises `StoreError`.
        """
        last, disk = on_disk(one.name.last), self._disk
        with answering:
            directory = self.directories.find(one.directory)
            if directory is None or _is_in(directory, last):
                return False
            self._refused.add(one.name.key)
            staged, _ = disk.staged.make_of(one.spare, one.content, one.stamp)
            new_path, has_record = self._path_in(directory, last), False
            try:
                if new_path:
                    self._log(Move(one.name.path, one.spare.inode, 0, new_path))
                    has_record = True
                else:
                    sync_path(staged)  # no record speaks of where it is: it is on disk first
                os.rename(staged, last, dst_dir_fd=directory)
                if not has_record:
                    os.fsync(directory)
            except BaseException:
                disk.discard(staged)
                if has_record:
                    self._log(Abort())
                raise
        if not has_record:
            self._log(Remove(one.name.path, one.spare.inode, False))
        self._forget(one)
        return True

    def _path_in(self, directory: int, last: str) -> str:
        """What a file is called in an open directory; empty where that is not in the store, or
        where the system does not tell.
        """
        try:
            place = str(Path(f"/proc/self/fd/{directory}").readlink())
        except OSError:
            return ""
        base = os.path.realpath(self._disk.base) + "/"
        if not place.startswith(base):
            return ""
        names = self._disk.index.long_names
        parts = [names.name_of(part) for part in f"{place[len(base) :]}/{last}".split("/")]
        return "" if fold(parts[0]) == PRIVATE or any(map(why_bad, parts)) else "/".join(parts)

    def settle_below(self, key: str) -> None:
        """All that are on their way into a directory or into those below it. Raises
        `StoreError`.
        """
        below = key + "/"
        for other in [other for other in self.files if other.startswith(below)]:
            self.settle(other)

    async def settle_in_turns(self, *keys: str) -> None:
        """The same of several directories, and those whose records have another name than they
        have, some in each turn.
        """
        below = tuple(f"{key}/" for key in keys)
        ahead = self.files.values()
        found = [one for one in ahead if one.is_moved or one.name.key.startswith(below)]
        for some in batches(found, AT_ONE_TIME):
            for one in some:
                if self.files.get(one.name.key) is one:
                    self.settle(one.name.key)
            await turn()

    async def settle_all(self) -> None:
        """All of them, some in each turn. Raises `StoreError`."""
        while self.files:
            for key in [*islice(self.files, AT_ONE_TIME)]:
                self.settle(key)
            await turn()

    async def settle_up_to(self, record: int) -> None:
        """Those whose records are no later; one whose time has not come, or that the disk does not
        take, gets a new record. Raises `StoreError` if it cannot.
        """
        now = asyncio.get_running_loop().time()
        old = [one for one in self.files.values() if one.sequence <= record]
        for some in batches(old, AT_ONE_TIME):
            # the directory of one may have been renamed since
            left = [one for one in some if self.files.get(one.name.key) is one]
            anew: list[Passing] = []
            for one in left:
                if one.due > now and not one.is_anew:
                    anew.append(one)
                    continue
                try:
                    self.settle(one.name.key)
                except StoreError:
                    anew.append(one)
            self._record_anew(*anew)
            await turn()

    def records(self) -> list[int]:
        """The numbers of their records, each of which has the name of now: who is not called any
        more what its record says gets a new one. Raises `StoreError`.
        """
        for one in self.files.values():
            if one.is_moved:
                self._record_anew(one)
        return [one.sequence for one in self.files.values()]

    def follow(self, name: Name, place: ResolvedPath, new_name: Name, target: ResolvedPath) -> None:
        """A directory has another name: those on their way into it, and below it, go there. Their
        records are of before, and `MoveDirectory` takes them along.
        """
        below = name.key + "/"
        directories = [key for key in self._within if f"{key}/".startswith(below)]
        if not directories:
            return
        path = f"{target.folder.path}/{on_disk(new_name.last)}"
        stored = new_name.child_of(target.folder.stored)
        old_path, old_stored, old_key = len(place.path), len(place.stored), len(name.key)
        for directory in directories:
            here = self._within.pop(directory)
            for key, one in here.items():
                told = stored + one.facts.path[old_stored:]
                one.name = Name(told, new_name.key + key[old_key:])
                one.facts = msgspec.structs.replace(one.facts, path=told)
                one.folder = path + one.folder[old_path:]
                one.is_moved = True
                if key in self._refused:
                    self._refused.remove(key)
                    self._refused.add(one.name.key)
            self._within[new_name.key + directory[old_key:]] = {
                one.name.key: one for one in here.values()
            }
        ones = [*self.files.values()]
        self.files.clear()
        self.files.update((one.name.key, one) for one in ones)  # in the order of their times

    def stop(self) -> None:
        """Let no more come, and no more take their places by themselves."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- being seen

    def within(self, directory: Name) -> dict[str, Passing]:
        """Those in a directory, by their keys."""
        return self._within.get(directory.key, {})

    def among(
        self, directory: Name, listed: Iterator[FileFacts | None]
    ) -> Iterator[FileFacts | None]:
        """What a directory lists, and those that are on their way into it, each at its place."""
        ahead, at = sorted(self.within(directory)), 0
        for facts in listed:
            if facts is not None:
                key = fold(facts.path)
                while at < len(ahead) and ahead[at] < key:
                    yield from self._now(ahead[at])
                    at += 1
                if at < len(ahead) and ahead[at] == key:
                    facts = next(self._now(key), None)  # as `find` tells it
                    at += 1
            yield facts
        for key in ahead[at:]:
            yield from self._now(key)

    def below(self, directory: Name, listed: Iterator[str]) -> Iterator[str]:
        """The same of paths in a directory and below it."""
        above = directory.key + "/" if directory.key else ""
        depth = above.count("/")
        told = {
            "/".join(one.facts.path.split("/")[depth:])
            for key, one in self.files.items()
            if key.startswith(above)
        }
        yield from told
        for path in listed:
            if path not in told:
                yield path

    # -- inside

    def _reaches(self, folder: DirectoryIndex) -> bool:
        """Whether a file can be renamed into a directory, and finds it again wherever it is."""
        inode = folder.inode  # that of the root is not known, and it is where it is
        return not inode or self.directories.keep(folder.path, inode)

    def _now(self, key: str) -> Iterator[FileFacts]:
        """What is so of one that was on its way when a listing began."""
        one = self.files.get(key)
        facts = one.facts if one is not None else self._disk.find(Name(key, key))
        if facts is not None:
            yield facts

    def _record_anew(self, *ones: Passing) -> None:
        if not ones:
            return
        last = self._log(
            *(Put(one.name.path, one.spare.inode, 0, one.content, one.stamp, 0) for one in ones)
        )
        for record, one in enumerate(ones, last - len(ones) + 1):
            one.sequence, one.is_moved, one.is_anew = record, False, True

    def _forget(self, one: Passing) -> None:
        key = one.name.key
        parent = key.rpartition("/")[0]
        del self.files[key]
        self._refused.discard(key)
        self._size -= one.facts.size
        self.room -= _room_of(one.facts.size)
        here = self._within[parent]
        del here[key]
        if not here:
            del self._within[parent]

    def _is_next(self, one: Passing, now: float) -> bool:
        """Whether somebody takes files out of its directory, and has not come to it yet."""
        emptied = self._emptied.get(one.name.key.rpartition("/")[0])
        return emptied is not None and now < min(emptied + REST_S, one.last)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        """Those whose time has come take their places, some in each turn. Once there is none, no
        directory is kept open.
        """
        self._timer = None
        if self.is_shown_only:
            return
        now = loop.time()
        for key, one in [*islice(self.files.items(), AT_ONE_TIME)]:
            if one.due > now:
                break
            if self._is_next(one, now):
                one.due = min(now + REST_S, one.last)
                self.files[key] = self.files.pop(key)
                continue
            try:
                self.settle(key)
            except StoreError as error:  # it is safe where it is, and is tried again later
                if error.status is NtStatus.DISK_FULL:
                    self._timer = loop.call_at(now + REST_S, self._ring, loop)
                    return
                one.due = now + REST_S
                self.files[key] = self.files.pop(key)  # behind those that others may take
        for one in self.files.values():
            self._timer = loop.call_at(max(one.due, now), self._ring, loop)
            break
        else:
            self.directories.close()


def _is_in(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _room_of(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
