"""Files that come, or go, several in one: their directory is looked at once, and their records are
written in one.

The law: of those whose records cannot be written none comes, and none goes. Files that pass
(`journal.passing`) have come with their records. Of those that are to stay, each takes its place
as one that is put alone; behind the first that cannot, none does, and the records of all these are
aborted, the last one first, so that the journal says what is there. The answer is what came: who
puts the next one alone is told why it cannot be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.passing import Passing, PassingFiles, Placed
from despoolr_server.files.journal.records import Abort, Put
from despoolr_server.files.path_index import ResolvedPath
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.small_files import FILE_SIZE_MAX
from despoolr_server.files.spare.inode_pool import Spare


class _Staged(msgspec.Struct):
    """A file that has a place and is not there yet."""

    path: str
    status: os.stat_result
    name: Name
    place: ResolvedPath
    content: bytes


class FilesTogether:
    """Those of one store with a journal."""

    def __init__(
        self, disk: DiskFileStore, passing: PassingFiles, log: Callable[..., int], placed: Placed
    ) -> None:
        """`log` and `placed` are those of `PassingFiles`."""
        self._disk = disk
        self._passing = passing
        self._on_their_way = passing.files
        self._log = log
        self._placed = placed

    def create(
        self, files: Iterable[tuple[Name, bytes]], at: float, *, passing: bool
    ) -> Sequence[FileFacts]:
        """What a store's `create_together` says."""
        self._disk.check_writable()
        return self._let_pass(files, at) if passing else self._put(files, at)

    def _free(
        self, files: Iterable[tuple[Name, bytes]]
    ) -> Iterator[tuple[Name, ResolvedPath, bytes]]:
        """Those of one directory, each with its place, up to the first for which it is not free."""
        keys: set[str] = set()
        look = None
        for name, data in files:
            look = look or self._disk.index.look_in(name.parent)
            place = look(name)
            if place is None or name.key in self._on_their_way or name.key in keys:
                return
            keys.add(name.key)
            yield name, place, bytes(data)

    def _let_pass(self, files: Iterable[tuple[Name, bytes]], at: float) -> Sequence[FileFacts]:
        disk, passing = self._disk, self._passing
        new: list[tuple[Name, ResolvedPath, bytes, Spare, int]] = []
        size = 0
        try:
            for name, place, data in self._free(files):
                if not passing.takes(name, place, len(data), ahead=len(new), ahead_size=size):
                    break
                with answering:
                    spare = disk.pool.reserve()
                new.append((name, place, data, spare, disk.staged.stamp(at)[0]))
                size += len(data)
            if not new:
                return []
            last = self._log(
                *(
                    Put(name.path, spare.inode, 0, data, stamp, 0)
                    for name, _, data, spare, stamp in new
                )
            )
        except BaseException:
            with answering:
                for _, _, _, spare, _ in new:
                    disk.pool.release(spare)
            raise
        due = passing.due()
        return [
            passing.enter(*one, record, due) for record, one in enumerate(new, last - len(new) + 1)
        ]

    def _put(self, files: Iterable[tuple[Name, bytes]], at: float) -> Sequence[FileFacts]:
        disk = self._disk
        new: list[_Staged] = []
        try:
            for name, place, data in self._free(files):
                if (
                    place.status is not None
                    or len(data) > FILE_SIZE_MAX
                    or disk.keeps_anything_of(name.key)
                ):
                    break
                new.append(_Staged(*disk.put_aside(data, at), name, place, data))
            if not new:
                return []
            last = self._log(
                *(
                    Put(one.name.path, one.status.st_ino, 0, one.content, one.status.st_mtime_ns, 0)
                    for one in new
                )
            )
        except BaseException:
            for one in new:
                disk.discard(one.path)
            raise
        made: list[FileFacts] = []
        try:
            for record, one in enumerate(new, last - len(new) + 1):
                made.append(
                    disk.publish_at(one.path, one.status, one.name, one.place, 0, one.content)
                )
                self._placed(one.status, record)
        except StoreError:
            pass  # the next one is told, alone
        finally:
            if left := new[len(made) :]:
                for one in left:
                    disk.discard(one.path)
                with suppress(StoreError):  # so is it that nothing can be recorded any more
                    self._log(*[Abort() for _ in left])
        return made

    def remove(self, names: Iterable[Name]) -> Sequence[FileFacts]:
        """What a store's `remove_together` says, of those that are on their way."""
        ones: dict[str, Passing] = {}
        for name in names:
            one = self._on_their_way.get(name.key)
            if one is None or name.key in ones:
                break
            ones[name.key] = one
        if ones:
            self._passing.remove(*ones.values())
        return [one.facts for one in ones.values()]
