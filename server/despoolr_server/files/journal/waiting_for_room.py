"""A store that was started on a disk with no room for what its journal says: it can be read, and
waits.

The law: nothing is lost, and nothing is changed but by the journal. What has no place on the disk
is shown as it is recorded. The disk is looked at every `LOOK_S`, and when more of it is free than
there was, the start is tried again: it does what was not done yet, in turns with others, who can
change nothing before the last of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from operator import call
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import found_name
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.errors import answering
from despoolr_server.files.journal.passing import PassingFiles
from despoolr_server.files.journal.records import Entry, outcome
from despoolr_server.files.path_index import PRIVATE, is_shown
from despoolr_server.files.protocol import StoreError
from despoolr_server.files.system.descriptors import in_thread, to_the_end
from despoolr_server.loop.pace import TurnSpan

LOOK_S: Final = 5.0
"""Seconds after which the disk is looked at again."""

Wait = Callable[[], None]
"""Work that waits for the disk, and concerns nothing that others use while nothing can be changed:
it is done where nobody has to wait for it. Raises `OSError`.
"""


class WaitingForRoom:
    """The wait of one store, until `begin` succeeds, a step after the other. Ended by `stop`."""

    def __init__(
        self,
        disk: DiskFileStore,
        passing: PassingFiles,
        entries: list[Entry],
        begin: Callable[[], Iterator[Wait | None]],
        *,
        threads: bool,
    ) -> None:
        self._disk = disk
        self._passing = passing
        self._begin = begin
        self._threads = threads
        self._trying: asyncio.Task[None] | None = None
        self._free = disk.free_bytes()
        self._timer: asyncio.TimerHandle | None = None
        count = self._show(entries)
        where = f"; its journal alone has {counted(count, 'file')} of it" if count else ""
        self._finding = (
            f"the disk has no room for what the share must write to start{where}. All can be read; "
            "nothing can be changed until there is room on the disk, which the server looks for "
            f"every {LOOK_S:.0f} s"
        )
        self._wait()

    async def stop(self) -> None:
        """Look for no more room: the store is closed. When this returns nothing works on it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])

    def _show(self, entries: list[Entry]) -> int:
        """Show what the disk has not; how many files that are."""
        count, disk = 0, self._disk
        for path, redo in outcome(entries).files.values():
            name, put = found_name(path), redo.put
            if put is None or redo.changes or path.startswith(f"{PRIVATE}/"):
                continue
            place = disk.index.look(name)
            if place is None or place.is_directory:
                continue
            if place.status is not None and not is_shown(place.status):
                continue
            if place.status is None or disk.read(name) != put.data:
                self._passing.show(place, put, name)
                count += 1
        return count

    def _wait(self) -> None:
        self._refuse_changes()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # whoever has no loop starts again
            return
        self._timer = loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        free = self._free_bytes()
        if free > self._free:
            self._trying = asyncio.create_task(self._try(), name="a start that waited for room")
        else:
            self._free = free
            self._wait()

    def _free_bytes(self) -> int:
        """As it was, if the disk does not say now: then the next look asks again."""
        try:
            return self._disk.free_bytes()
        except StoreError:
            return self._free

    async def _try(self) -> None:
        try:
            await self._start()
        except StoreError as error:
            self._free = self._free_bytes()
            if error.status is not NtStatus.DISK_FULL:
                self._finding = f"{error}: start the server again"
            self._wait()

    async def _start(self) -> None:
        """Only in a step can anything be changed, and after the last."""
        span, steps = TurnSpan(), self._begin()
        while True:
            self._disk.findings.clear()
            self._disk.has_no_room = False
            try:
                wait = next(steps)
            except StopIteration:
                return
            except BaseException:
                self._refuse_changes()
                raise
            self._refuse_changes()
            if wait is None:
                await span.breathe()
            else:
                with answering:
                    await to_the_end(in_thread(self._threads, call, wait))

    def _refuse_changes(self) -> None:
        self._disk.findings[:] = [self._finding]
        self._disk.has_no_room = True
