"""Where a share's files live: the interface the share host is written against, and what may go
wrong.

The law: names come in already accepted (`Name`), compare case-insensitively and keep their case;
metadata calls are synchronous and quick, so that a decision and its effect happen in one turn of
the loop; a file written whole appears under its name atomically; file times are site time,
given by the caller. Two twins pass one contract test: `MemoryFileStore` and `DiskFileStore`;
`JournalledFileStore` is the disk with durable uploads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.engine.rows import FileFacts

INLINE_MAX = 256 * 1024
"""Bytes up to which a file is moved inside the loop; more goes by a thread where threads are
allowed.
"""


class StoreError(Exception):
    """The store could not do it. `status` is the answer to give: DISK_FULL, ACCESS_DENIED,
    IO_DEVICE_ERROR, a name error.

    `free` are the bytes left where a directory is full and the rest of the store is not.
    """

    def __init__(self, status: NtStatus, reason: str = "", free: int | None = None) -> None:
        super().__init__(reason or status.value)
        self.status = status
        self.reason = reason
        self.free = free


class Look(msgspec.Struct, frozen=True, gc=False):
    """What is under a name in this turn: its `facts`, and whether its directory is there. `place`
    is the store's own.
    """

    facts: FileFacts | None
    has_parent: bool
    place: Any = None


class FileStore(Protocol):
    """The files of one share. Every method but `find`, `look` and `has_directory` raises
    `StoreError`; `at` is site time in seconds.
    """

    @property
    def inline_max(self) -> int:
        """Bytes up to which `read` and `write_whole` are used; above it `read_large` and `stage`,
        which may wait.
        """

    @property
    def findings(self) -> Sequence[str]:
        """What was found damaged, a sentence each that says what to do; while there is any, nothing
        can be changed.
        """

    @property
    def is_safe_at_once(self) -> bool:
        """Whether `sync` has nothing to wait for."""

    @property
    def change_count(self) -> int | None:
        """How often anything in it was changed; None where others can change it as well."""

    def find(self, name: Name, *, is_brief: bool = False) -> FileFacts | None:
        """What there is under a name; None if nothing, or nothing that a share shows (symbolic
        links, devices). `is_brief`: None as well where `is_unread`.
        """

    def is_unread(self, name: Name, *, for_any: bool = False) -> bool:
        """Whether a look for a name, or `for_any` in its directory, would read a large directory in
        one turn, since somebody has changed it past the store: whoever can wait calls `read_ahead`
        first.
        """

    async def read_ahead(self, name: Name) -> None:
        """Return when it would not, or is not to be had. Others have turns meanwhile."""

    def look(self, name: Name) -> Look:
        """`find`, and `has_directory` of the directory it is in. Whoever writes or removes the file
        in the same turn gives it along, and nothing is looked for twice.
        """

    def has_directory(self, name: Name) -> bool:
        """Whether `find` finds a directory."""

    def list(self, name: Name) -> list[FileFacts]:
        """The facts of everything in a directory, sorted case-insensitively."""

    def each(self, name: Name) -> Iterator[FileFacts | None]:
        """`list`, one by one: whoever has many may let others have a turn between, and must at a
        None. What goes meanwhile is left out.
        """

    async def tally(self, name: Name) -> tuple[int, tuple[str, ...]]:
        """How many files a directory has, and the paths of the directories in it, in no order: a
        listing without facts, which holds nobody up.
        """

    def below(self, name: Name) -> Iterator[str]:
        """The path, from the directory on, of everything in a directory and in those below it, in
        no order, one by one: whoever has many may let others have a turn between. What goes
        meanwhile is left out.
        """

    def has_children(self, name: Name) -> bool:
        """Whether a directory has anything in it."""

    def read(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes of a file from `offset`; fewer at its end."""

    def content(self, name: Name, facts: FileFacts) -> bytes:
        """The whole content of a file whose facts were found in this turn: what `facts.etag` stands
        for.
        """

    async def read_large(self, name: Name, offset: int = 0, length: int | None = None) -> bytes:
        """As `read`, without holding up the loop."""

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
        """Atomically create or replace a file. Returns its new facts. Raises `StoreError`
        (OBJECT_PATH_NOT_FOUND) if its directory does not exist. `passing`: it may soon be gone
        again, as what lies in a box.
        """

    def put_again(self, name: Name, data: bytes, at: float) -> FileFacts | None:
        """Replace a plain file without attributes that was put before, where that costs less than
        `write_whole`. None, and nothing has changed, where it does not, or cannot be done.
        """

    def create_together(
        self, files: Iterable[tuple[Name, bytes]], at: float, *, passing: bool
    ) -> Sequence[FileFacts]:
        """New files of one directory: the facts of the first, as many as can be made in one, and
        cost less so than by `write_whole`. Raises `StoreError`, and none is made.
        """

    def remove_together(self, names: Iterable[Name]) -> Sequence[FileFacts]:
        """The same of files that go: what was known of the first, as many as go in one."""

    async def stage(self, data: bytes, at: float) -> str:
        """Put a large file's bytes aside without holding up the loop; returns what `publish` or
        `discard` take.
        """

    def publish(self, staged: str, name: Name, attributes: int = 0) -> None:
        """Let staged bytes appear under a name, as `write_whole` does; they are discarded if that
        fails.
        """

    def discard(self, staged: str) -> None:
        """Forget bytes that were staged and will not be published."""

    def write_at(self, name: Name, offset: int, data: bytes, at: float) -> None:
        """Put bytes into an existing file, filling any gap before them with zeros."""

    def set_size(self, name: Name, size: int, at: float) -> None:
        """Cut a file, or lengthen it with zeros."""

    def make_directory(self, name: Name, at: float) -> None:
        """Make one directory; OBJECT_NAME_COLLISION if the name is taken."""

    async def ready(self, name: Name, new_name: Name | None = None) -> None:
        """Return when a directory can be renamed, or removed (`new_name` None), in the same turn
        without waiting for the disk. Before it is decided; what is no directory needs nothing.
        """

    def remove(self, name: Name, look: Look | None = None) -> None:
        """Remove a file or an empty directory (DIRECTORY_NOT_EMPTY)."""

    def rename(self, name: Name, new_name: Name) -> None:
        """Rename within the store; a file under the new name is replaced, a directory there is
        not.
        """

    def set_attributes(self, name: Name, attributes: int) -> None:
        """Keep READONLY, HIDDEN and SYSTEM with the file. The store itself does not obey them: the
        engine does.
        """

    def properties(self, name: Name) -> Mapping[str, str]:
        """The dead properties of a name: `{namespace}name` to the element's XML. Empty for a name
        that has none, or is none.
        """

    def keeps_properties_in(self, directory: Name) -> bool:
        """Whether any name in a directory has dead properties, or may have some."""

    def set_properties(self, name: Name, properties: Mapping[str, str]) -> None:
        """Keep exactly these properties of an existing name. They follow a rename and go with a
        removal.
        """

    def free_bytes(self) -> int:
        """How many more bytes the store can take."""

    def used_bytes(self) -> int:
        """Bytes that are taken where new content goes, by these files and by whatever else is
        there.
        """

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        """Call back when `sync` would return, or with what it would raise."""

    async def sync(self) -> None:
        """Return when everything done so far would survive a crash (at once for a store that
        promises nothing).
        """


def make_directories(store: FileStore, paths: Iterable[str], at: float) -> None:
    """Make every directory in `paths` (with `/`), and those above it; those that exist are left
    alone. Where nothing in the store can be changed, nothing is.

    Raises `StoreError`, and `ValueError` for a bad name.
    """
    if store.findings:
        return
    for path in paths:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            name = parse_name("/".join(parts[:depth]))
            if not isinstance(name, Name):
                raise ValueError(f"{path!r}: {name.reason}")
            if store.find(name) is None:
                store.make_directory(name, at)
