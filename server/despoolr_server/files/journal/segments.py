"""The journal of one store on disk: numbered segments, written one after the other, with one
`fdatasync` for all who wait.

The law: a record is written atomically; `sync` returns when all records written before it
are on disk. A segment is laid out full of zeros ahead of its use, so that a sync writes its bytes
and no metadata: the next one by a thread, from the time when this one is half full; until it is
ready, this one goes on past its end. One that was not ready is small: the loop waits for it. A full
segment is set aside, a new one begun, and the old one dropped once the file system itself has been
synced, since what it says is true without it then. A sync that failed is not tried again: what the
disk has lost a later one does not tell of. Nothing is written from then on, and all segments stay
for the next start. Beside the segments a mark says how far the
chain was safe when the last sync returned (`chain`).
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from despoolr_core.share.modes import NtStatus
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.chain import (
    JOURNAL_HEADER_SIZE,
    ChainLink,
    JournalReading,
    first_checksum,
    parse_mark,
    read_journals,
    render_frame,
    render_header,
    render_mark,
)
from despoolr_server.files.journal.records import FRAME_SIZE, Abort, Entry, Follow, Keep, encode
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import (
    in_thread,
    sync_all_data,
    sync_file_system,
    sync_path,
    write_at,
    write_whole,
)

_ZEROS: Final = bytes(64 * 1024)
JOURNAL_MAX: Final = 8 * 1024 * 1024
"""Bytes after which the first segment is set aside."""
OVERFULL: Final = 2
"""How many times its size a segment may come to have while the next one is laid out."""
JOURNAL_GROWN_MAX: Final = 64 * 1024 * 1024
"""Bytes of the segments of a store that fills them: each is twice the one before, up to this.
Dropping one syncs the file system, and a file that is gone by then has never cost the disk a
block.
"""

_FAILED: Final = (
    "the disk failed, and what was written last may not be on it, though it can be read. Nothing "
    "can be changed: see to the disk and start the machine again; the journal has what is missing"
)

Settle = Callable[[int], Awaitable[bool]]
"""Makes true on disk what the records up to a number say, where that was put off, or writes them
anew; whether they may go.
"""


Tell = Callable[[str], None]
"""Told once why nothing can be written any more."""


async def _nothing(_record: int) -> bool:
    """Where nothing is put off."""
    return True


def _unheard(_why: str) -> None:
    """Where nobody is told."""


class Journal:
    """The segments in `directory`, the last of which is open to be written; `root` is on the file
    system of the files, `store` is the number of `identity_of`. Without `threads` all is done in
    the loop. Raises `StoreError`, as every method does. `settle` is asked before a segment goes.
    """

    def __init__(
        self,
        directory: Path,
        root: str,
        store: int,
        *,
        threads: bool,
        size_max: int,
        settle: Settle = _nothing,
        tell: Tell | None = None,
    ) -> None:
        self.size_max = self._first_size = size_max
        self.sequence = 0
        """How many records were written since the start."""
        self._directory = directory
        self._root = root
        self._store = store
        self._settle = settle
        self._tell = tell or _unheard
        self._has_failed = False
        self._threads = threads
        self.kept_at = 0
        """The number of the last record that counts no more by itself (`keep_only`)."""
        self._durable = self._begun_at = 0
        self._tried_at = 0
        """The segment in whose time the next one was last asked for."""
        self._older: list[tuple[int, int]] = []
        self._spare: int | None = None
        self._being_laid_out: int | None = None
        self._flush: asyncio.Task[None] | None = None
        self._calls: list[tuple[int, Callable[[StoreError | None], None]]] = []
        """What is called when so many records are safe."""
        self._dropping: asyncio.Task[None] | None = None
        self._laying_out: asyncio.Task[None] | None = None
        with answering:
            directory.mkdir(exist_ok=True)
            self._number = self._size = self._checksum = 0
            self._segment = self._begin()
            self._mark = os.open(
                directory / "mark", os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600
            )
            self._write_mark(self._begun)

    @property
    def capacity(self) -> int:
        """Bytes of the segment that is being written."""
        return self._capacity

    def restores(self, sequence: int) -> bool:
        """Whether the record that was the so many'th counts after a power cut now: it is on disk,
        and its segment is dropped only after the file system is synced anew.
        """
        return max(self._begun_at, self.kept_at) < sequence <= self._durable

    def append(self, *entries: Entry) -> None:
        """Write records, together. Those that did not fit are wiped out again."""
        with answering:
            payloads = [encode(entry) for entry in entries]
            size = self._size + sum(map(len, payloads)) + FRAME_SIZE * len(payloads)
            is_full = size > self._capacity and self.sequence > self._begun_at
            waits = self._being_laid_out is not None and size <= OVERFULL * self._capacity
            if is_full and not waits and not isinstance(entries[0], Abort):
                full = (self._segment, self._number)
                self._segment = self._begin()
                self._older.append(full)
            self._append(self._segment, payloads)
        self.sequence += len(entries)

    def keep_only(self, records: Iterable[int], entry: Entry) -> None:
        """Make what was recorded true on disk without its records, but for those with these
        numbers, which alone count from now on; then write one more. All of it is on disk when this
        returns, so that what `entry` says may be done.
        """
        with answering, self._failing_for(errno.EIO):
            sync_file_system(self._root)
        self._keep(records)
        self.kept_at = self.sequence
        self.append_safely(entry)

    def append_safely(self, entry: Entry) -> None:
        """Write one record, which is on disk when this returns."""
        self.append(entry)
        try:
            with answering, self._failing_for():
                sync_all_data(self._written())
        except BaseException:
            self.append(Abort())
            raise

    async def settle_so_far(self, needed: Callable[[], Iterable[int]]) -> None:
        """The same of what was recorded so far, by a thread: those with the numbers that `needed`
        tells, before or after, and those of the meantime, count on. What was needed before may have
        become true too late for this sync.
        """
        before = needed()
        so_far = self.sequence
        with answering, self._failing_for(errno.EIO):
            await in_thread(self._threads, sync_file_system, self._root)
        if self._has_failed:
            raise StoreError(NtStatus.IO_DEVICE_ERROR, _FAILED)
        self._keep(sorted({*before, *needed(), *range(so_far + 1, self.sequence + 1)}))
        self.kept_at = max(self.kept_at, so_far)
        await self.sync()

    async def sync(self) -> None:
        """Return when every record written so far is on disk."""
        if self._durable >= self.sequence:
            return
        done = asyncio.get_running_loop().create_future()

        def end(error: StoreError | None) -> None:
            if done.done():  # who waited has given up
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.when_safe(end)
        await done

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        """Call this when every record written so far is on disk, or with why it cannot be; no task
        waits for it.
        """
        self._calls.append((self.sequence, call))
        self._flushing()

    async def close(self, needed: Callable[[], list[int]]) -> None:
        """Everything to disk, and the segments away, unless the next start needs the records with
        the numbers that `needed` tells: then those alone count, or all if nobody can say so.
        """
        if not self._has_failed:
            await self.sync()
        while at_work := [
            task for task in (self._flush, self._dropping, self._laying_out) if task is not None
        ]:
            await asyncio.wait(at_work)
        is_needed = True
        with answering:
            if not self._has_failed:
                sync_file_system(self._root)
                with suppress(StoreError):
                    if records := needed():
                        self._keep(records)
                    else:
                        is_needed = False
                if is_needed:
                    sync_all_data(self._written())
            for descriptor, _ in [*self._older, (self._segment, self._number), (self._mark, 0)]:
                os.close(descriptor)
            if not is_needed:
                forget_journals(self._directory)

    # -- inside

    def _keep(self, records: Iterable[int]) -> None:
        number = self.sequence + 1
        self.append(Keep([number - record for record in records]))

    def _flushing(self) -> None:
        if self._flush is None:
            self._flush = asyncio.ensure_future(self._commit())

    async def _commit(self) -> None:
        """One `fdatasync` for all who wait."""
        failed: StoreError | None = None
        try:
            await self._write_out()
        except StoreError as error:
            failed = error
        except BaseException as error:  # nobody waits for ever
            told, self._calls = self._calls, []
            for _, call in told:
                _say(call, StoreError(NtStatus.IO_DEVICE_ERROR, str(error)))
            raise
        finally:
            self._flush = None
        told, self._calls = self._calls, []
        for sequence, call in told:
            if failed is not None or sequence <= self._durable:
                _say(call, failed)
            else:
                self._calls.append((sequence, call))
        if self._calls:
            self._flushing()

    async def _write_out(self) -> None:
        """Have on disk what was written so far. Segments that are full are dropped in the
        background.
        """
        covered, last = self.sequence, self._number
        reached = ChainLink(last, self._size, self._checksum)
        if self._has_failed:
            raise StoreError(NtStatus.IO_DEVICE_ERROR, _FAILED)
        with answering:
            with self._failing_for():
                await in_thread(self._threads, sync_all_data, self._written())
            self._write_mark(reached)
        self._durable = covered
        if self._dropping is None and (full := [one for one in self._older if one[1] < last]):
            self._older = self._older[len(full) :]
            self._dropping = asyncio.ensure_future(self._drop(full))
        if self._threads and 2 * self._size > self._capacity:
            self._lay_out_ahead()

    def _written(self) -> list[int]:
        return [*(descriptor for descriptor, _ in self._older), self._segment]

    @contextmanager
    def _failing_for(self, *errors: int) -> Iterator[None]:
        """Whether a sync in here fails for good: for these errors, or for any."""
        try:
            yield
        except OSError as error:
            if not self._has_failed and (not errors or error.errno in errors):
                self._has_failed = True
                self._tell(f"{_FAILED} ({error.strerror})")
            raise

    def _grow(self) -> None:
        """The next segment of a store that fills them is larger than the one that is written."""
        if self._capacity >= JOURNAL_MAX:
            self.size_max = min(2 * self._capacity, JOURNAL_GROWN_MAX)

    def _lay_out_ahead(self) -> None:
        """Have the next segment ready when this one is full, unless somebody sees to that. One try
        for each: on a full disk every further one would take what is left of it.
        """
        at_work = self._dropping is not None or self._laying_out is not None
        if self._spare is None and not at_work and self._tried_at < self._number:
            self._tried_at = self._number
            self._grow()
            self._laying_out = asyncio.ensure_future(self._have_ready())

    async def _have_ready(self) -> None:
        """What cannot be laid out now is laid out when it is needed, and fails then if it must. The
        number is taken when this begins: one may have been begun since it was asked for.
        """
        try:
            with suppress(OSError):
                await self._preallocate_segment(self._number + 1)
        finally:
            self._laying_out = None

    async def _drop(self, full: list[tuple[int, int]]) -> None:
        """Have what these segments say made true, and sync the file system, so that it is true
        without them, and remove them; preallocate a new one, if there is room.
        """
        try:
            if not await self._is_true_on_disk():
                self._older = full + self._older  # if later ones went first, there would be a gap
                return
            with answering:
                for descriptor, number in full:
                    os.close(descriptor)
                    self._path(number).unlink(missing_ok=True)
                await in_thread(self._threads, sync_path, str(self._directory))
            if self._spare is None and self._laying_out is None:
                self._grow()
                with suppress(OSError):
                    await self._preallocate_segment(self._number + 1)
        finally:
            self._dropping = None

    async def _is_true_on_disk(self) -> bool:
        """Make true on disk what the full segments say; whether it is."""
        try:
            with answering:
                if is_settled := await self._settle(self._begun_at):
                    with self._failing_for(errno.EIO):  # others come before the sync itself
                        await in_thread(self._threads, sync_file_system, self._root)
        except StoreError:  # a later sync tries it again
            return False
        return is_settled and not self._has_failed  # that of a flush, meanwhile

    async def _preallocate_segment(self, number: int) -> None:
        """Lay out a segment ahead of its time; if a later number was begun meanwhile, it is not
        needed.
        """
        self._being_laid_out = number
        try:
            await in_thread(self._threads, self._lay_out, number)
        finally:
            self._being_laid_out = None
        if number > self._number:
            self._spare = number
        else:
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._directory / str(number)

    def _begin(self) -> int:
        """Open the next segment: the one that lies ready, or one laid out now. Where there is none,
        this one goes on.
        """
        before = ChainLink(self._number, self._size, self._checksum)
        number = self._number + 1
        if self._being_laid_out == number:
            number += 1  # a thread still writes zeros into that one
        if self._spare != number:
            self.size_max = self._first_size  # the loop waits for it
            self._lay_out(number)
        segment = os.open(self._path(number), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        self._number, self._spare = number, None
        self._capacity = os.fstat(segment).st_size
        self._size, self._checksum = (
            JOURNAL_HEADER_SIZE,
            first_checksum(os.pread(segment, JOURNAL_HEADER_SIZE, 0)),
        )
        self._begun = ChainLink(self._number, self._size, self._checksum)
        self._begun_at = self.sequence
        self._append(segment, [encode(Follow(*before))])
        return segment

    def _append(self, segment: int, payloads: list[bytes]) -> None:
        """Write records where the segment ends; what could not be written whole leaves nothing.
        Raises `OSError`.
        """
        frames, checksum = [], self._checksum
        for payload in payloads:
            frame, checksum = render_frame(payload, checksum)
            frames.append(frame)
        data = b"".join(frames)
        try:
            write_at(segment, self._size, data)
        except OSError:
            os.ftruncate(segment, self._size)
            os.ftruncate(segment, max(self._capacity, self._size))
            raise
        self._size += len(data)
        self._checksum = checksum

    def _write_mark(self, reached: ChainLink) -> None:
        write_at(self._mark, 0, render_mark(reached))

    def _lay_out(self, number: int) -> None:
        """A segment full of zeros, synced: writing over them later changes no metadata, so that a
        sync is only the bytes.

        It gets its name when it is whole: a segment that is too short was cut by somebody.
        """
        path, size = self._directory / f"{number}.new", max(self.size_max, JOURNAL_HEADER_SIZE)
        disk = os.statvfs(self._directory)
        free = disk.f_bavail * disk.f_frsize
        while size > free and size > self._first_size:
            size = max(size // 2, self._first_size)
        if size > free and disk.f_blocks:  # it is not tried: each try would write all that is left
            raise OSError(errno.ENOSPC, "the disk has no room for the next journal")
        try:
            with path.open("wb", buffering=0) as file:
                # In pieces: a thread that lets go of megabytes keeps them, and every thread of the
                # pool would come to have its own.
                write_whole(file.fileno(), render_header(self._store, number, size))
                for start in range(JOURNAL_HEADER_SIZE, size, len(_ZEROS)):
                    write_whole(file.fileno(), _ZEROS[: size - start])
            sync_path(str(path))
        except OSError:
            path.unlink(missing_ok=True)  # a full disk needs the room
            raise
        path.replace(self._path(number))
        sync_path(str(self._directory))


def _say(call: Callable[[StoreError | None], None], error: StoreError | None) -> None:
    """Call who waits; one that fails keeps nobody else from being called."""
    try:
        call(error)
    except Exception as failure:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "an answer that waited for the disk failed", "exception": failure}
        )


def numbers_in(directory: Path) -> list[int]:
    """The numbers of the segments in a directory, in order."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def read_segments(directory: Path, store: int) -> JournalReading:
    """What the segments in a directory say, or why none of it can be trusted. Raises `OSError`."""
    mark = directory / "mark"
    return read_journals(
        [(number, (directory / str(number)).read_bytes()) for number in numbers_in(directory)],
        store,
        parse_mark(mark.read_bytes()) if mark.exists() else None,
    )


def forget_unused(directory: Path, last: int) -> None:
    """Remove what was laid out after the last segment that was begun: the disk may be full. Raises
    `OSError`.
    """
    for path in directory.iterdir() if directory.is_dir() else ():
        number = path.name.removesuffix(".new")
        if number.isdigit() and (int(number) > last or number != path.name):
            path.unlink()


def forget_journals(directory: Path) -> None:
    """Remove the segments, now that all they say is true on disk. Raises `OSError`.

    The mark goes first: without it nothing is missed.
    """
    if directory.is_dir():
        (directory / "mark").unlink(missing_ok=True)
        sync_path(str(directory))
        for path in sorted(directory.iterdir(), key=lambda path: (len(path.name), path.name)):
            path.unlink()
        sync_path(str(directory))


def identity_of(private: Path) -> int:
    """What tells a store's journal from another's: a number, drawn when the store was made. Raises
    `OSError`.
    """
    file = private / "store"
    try:
        return int(file.read_text("ascii"), 16) & 0xFFFF_FFFF_FFFF_FFFF
    except (FileNotFoundError, ValueError):
        # A new one: whatever segments there are, but for those of the version before, are then
        # another store's.
        store = secrets.randbits(64)
        temporary = file.with_suffix(".new")
        temporary.write_text(f"{store:016x}\n", "ascii")
        sync_path(str(temporary))
        temporary.replace(file)
        sync_path(str(private))
        return store
