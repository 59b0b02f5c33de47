"""A disk that is full on purpose: nothing that makes files longer is written where there is no
room, and everything else goes on.

The law: what is refused is what a full disk refuses, and before anything is changed; so a store
that is full for a while is as it was. It stands before a store that is on disk
(`MemoryFileStore` is full by itself), and a server has it only where faults are allowed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.protocol import FileStore, Look, StoreError


@runtime_checkable
class Fillable(Protocol):
    """A store whose disk can be full. The root of the share stands for all of it."""

    def fill(self, name: Name) -> None:
        """Leave no byte more for files in a directory and below it."""

    def make_room(self, name: Name) -> None:
        """Give the room back that `fill` took."""

    def find(self, name: Name) -> FileFacts | None:
        """What there is under a name, as `FileStore.find` tells it."""


class FillableFileStore:
    """A store before another, which is full at times."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._full: Counter[str] = Counter()
        self._staged: dict[str, int] = {}
        self.inline_max = store.inline_max
        self.findings = store.findings
        # What makes no file longer is the store's own, bound here so that it costs no call more.
        self.find = store.find
        self.is_unread = store.is_unread
        self.read_ahead = store.read_ahead
        self.look = store.look
        self.has_directory = store.has_directory
        self.list = store.list
        self.each = store.each
        self.tally = store.tally
        self.below = store.below
        self.has_children = store.has_children
        self.read = store.read
        self.content = store.content
        self.read_large = store.read_large
        self.make_directory = store.make_directory
        self.ready = store.ready
        self.remove = store.remove
        self.rename = store.rename
        self.set_attributes = store.set_attributes
        self.properties = store.properties
        self.keeps_properties_in = store.keeps_properties_in
        self.set_properties = store.set_properties
        self.used_bytes = store.used_bytes
        self.remove_together = store.remove_together
        self.sync = store.sync
        self.when_safe = store.when_safe

    @property
    def is_safe_at_once(self) -> bool:
        return self._store.is_safe_at_once

    @property
    def change_count(self) -> int | None:
        return self._store.change_count

    def fill(self, name: Name) -> None:
        self._full[name.key] += 1

    def make_room(self, name: Name) -> None:
        self._full[name.key] -= 1
        self._full += Counter()

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
        """A file that gets no longer takes the room of the one before."""
        self._check(name, len(data))
        return self._store.write_whole(name, data, at, attributes, look, passing=passing)

    def put_again(self, name: Name, data: bytes, at: float) -> FileFacts | None:
        """Nothing, where anything is full."""
        return None if self._full else self._store.put_again(name, data, at)

    def create_together(
        self, files: Iterable[tuple[Name, bytes]], at: float, *, passing: bool
    ) -> Sequence[FileFacts]:
        """None, where anything is full."""
        return [] if self._full else self._store.create_together(files, at, passing=passing)

    async def stage(self, data: bytes, at: float) -> str:
        """Where it will lie, and so whether there is room, shows when it is published."""
        staged = await self._store.stage(data, at)
        self._staged[staged] = len(data)
        return staged

    def discard(self, staged: str) -> None:
        del self._staged[staged]
        self._store.discard(staged)

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        try:
            self._check(name, self._staged.pop(staged))
        except StoreError:
            self._store.discard(staged)
            raise
        self._store.publish(staged, name, attributes)

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        self._check(name, offset + len(data))
        self._store.write_at(name, offset, data, at)

    def set_size(self, name: Name, size: int, at: float) -> None:
        self._check(name, size)
        self._store.set_size(name, size, at)

    def free_bytes(self) -> int:
        """None, where all of it is full."""
        return 0 if "" in self._full else self._store.free_bytes()

    def _check(self, name: Name, size: int) -> None:
        """Raises `StoreError` for a file that would be longer in a directory that is full."""
        if not self._full:
            return
        former = self._store.find(name)
        if size <= (former.size if former is not None else 0):
            return
        for path in self._full:
            if not path:
                raise StoreError(NtStatus.DISK_FULL)
            if name.key.startswith(f"{path}/"):
                raise StoreError(NtStatus.DISK_FULL, free=0)
