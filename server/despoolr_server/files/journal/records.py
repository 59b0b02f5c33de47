"""The journal of a store: what was done, in order, in a form that survives a crash.

The law: a change is written here before it is made, and answered only after one `fdatasync` that
all who wait share. A frame is its length, its CRC-32 and a MessagePack record; how frames follow
each other is `journal.chain`'s. `outcome` says what a journal makes true in the end, without
looking at any disk: replaying from the start a history that was already carried out, wholly or in
part, would meet files that came later under old names. A record that changes a file therefore names
its inode, and what has to be true is worked out before anything is touched.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

import msgspec

from despoolr_core.rules.fold import fold
from despoolr_server.files.path_index import PRIVATE

FRAME: Final = struct.Struct(">II")
"""A frame's length and CRC-32."""
FRAME_SIZE: Final = FRAME.size
FRAME_MAX: Final = 1 << 28


class Put(msgspec.Struct, tag="put", array_like=True):
    """A whole file appeared: its content, file time in nanoseconds, attributes, its inode and that
    of the file it replaced.
    """

    path: str
    inode: int
    replaced: int
    data: bytes
    stamp: int
    attributes: int


class Patch(msgspec.Struct, tag="patch", array_like=True):
    """Bytes were put into a file."""

    path: str
    inode: int
    offset: int
    data: bytes
    at: float


class Size(msgspec.Struct, tag="size", array_like=True):
    """A file was cut or lengthened."""

    path: str
    inode: int
    size: int
    at: float


class Mark(msgspec.Struct, tag="mark", array_like=True):
    """A file or directory got other attributes, or other properties (None in records of the version
    before, as the disk has them).
    """

    path: str
    inode: int
    attributes: int
    properties: dict[str, str] | None = None


class Make(msgspec.Struct, tag="make", array_like=True):
    """A record of the journal: a directory was made."""

    path: str
    at: float


class Remove(msgspec.Struct, tag="remove", array_like=True):
    """A file or directory was removed."""

    path: str
    inode: int
    directory: bool


class Move(msgspec.Struct, tag="move", array_like=True):
    """A file got another name. `path` may be that of a temporary file, which then is a large file's
    first name.

    `attributes` and `properties` (None in records of the version before) are what goes along.
    """

    path: str
    inode: int
    replaced: int
    new_path: str
    attributes: int = 0
    properties: dict[str, str] | None = None


class Keep(msgspec.Struct, tag="keep", array_like=True):
    """What was recorded before is true without its records, but for those that are as many back
    from this one.
    """

    back: list[int]


class MoveDirectory(msgspec.Struct, tag="tree", array_like=True):
    """A directory got another name; of what was recorded before, only files on their way count."""

    path: str
    inode: int
    new_path: str


class Abort(msgspec.Struct, tag="void", array_like=True):
    """The record before this one did not happen: the store could not do it."""


class Follow(msgspec.Struct, tag="follow", array_like=True):
    """Where the journal before this one ended (zeros: there was none); the first record of each."""

    number: int
    offset: int
    checksum: int


Entry = Put | Patch | Size | Mark | Make | Remove | Move | MoveDirectory | Abort | Follow | Keep

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """A record as the payload of a frame."""
    return _ENCODER.encode(entry)


def decode(payload: bytes | memoryview) -> Entry:
    """The record that `encode` wrote. Raises `msgspec.DecodeError`."""
    entry: Entry = _DECODER.decode(payload)
    return entry


class FileRedo:
    """What became of one file: where it is known to have been, and what must be true of it."""

    def __init__(self, inode: int, path: str) -> None:
        self.inode = inode
        self.paths = [path]
        self.put: Put | None = None
        self.changes: list[Patch | Size] = []


class Kept(msgspec.Struct):
    """What is kept beside the files under a name: attributes, properties; None where only the disk
    says what they are. `inode` is 0 where nothing has the name.
    """

    path: str
    inode: int = 0
    attributes: int | None = 0
    properties: dict[str, str] | None = msgspec.field(default_factory=dict)


class JournalOutcome:
    """What a journal makes true. Keys are folded paths."""

    def __init__(self) -> None:
        self.trees: list[MoveDirectory] = []
        self.directories: dict[str, Make] = {}
        self.files: dict[str, tuple[str, FileRedo]] = {}
        self.gone: dict[str, tuple[str, set[int]]] = {}
        self.gone_directories: dict[str, tuple[str, set[int]]] = {}
        """With the inodes that those of a name had, as of files."""
        self.kept: dict[str, Kept] = {}

    def let_go(self) -> Iterator[None]:
        """Forget it, one thing after the other: to free very many at once holds others up."""
        tables: tuple[dict[str, Any], ...] = (
            self.directories,
            self.files,
            self.gone,
            self.gone_directories,
            self.kept,
        )
        for table in tables:
            while table:
                table.popitem()
                yield

    def take_along(self, tree: MoveDirectory) -> None:
        """The files on their way into a directory when it got another name."""
        below, depth = fold(tree.path) + "/", tree.path.count("/") + 1
        for key in [key for key in self.files if key.startswith(below)]:
            path, redo = self.files.pop(key)
            path = "/".join((tree.new_path, *path.split("/")[depth:]))
            self.files[fold(path)] = path, redo

    def keep(self, entry: Entry) -> None:
        """What is kept beside the files after the next record."""
        kept = self.kept
        if isinstance(entry, MoveDirectory):  # what is kept there, and below, is true on disk
            for top in (fold(entry.path), fold(entry.new_path)):
                for key in [key for key in kept if f"{key}/".startswith(f"{top}/")]:
                    del kept[key]
        elif isinstance(entry, Mark):
            kept[fold(entry.path)] = Kept(
                entry.path, entry.inode, entry.attributes, entry.properties
            )
        elif isinstance(entry, Remove):
            kept[fold(entry.path)] = Kept(entry.path)
        elif isinstance(entry, Put):
            self._keep_put(fold(entry.path), entry.path, entry.inode, entry.attributes)
        elif isinstance(entry, Move):
            self._keep_along(entry)

    def _keep_put(self, key: str, path: str, inode: int, attributes: int) -> None:
        one = self.kept.setdefault(key, Kept(path, properties=None))
        one.inode, one.attributes = inode, attributes

    def _keep_along(self, move: Move) -> None:
        key, new_key = fold(move.path), fold(move.new_path)
        if move.properties is not None:
            self.kept[key] = Kept(move.path)
            self.kept[new_key] = Kept(move.new_path, move.inode, move.attributes, move.properties)
        elif not move.path.startswith(f"{PRIVATE}/"):  # of the version before
            self.kept.pop(key, None)
            self.kept.pop(new_key, None)
        else:
            self._keep_put(new_key, move.new_path, move.inode, move.attributes)


def outcome(entries: Iterable[Entry]) -> JournalOutcome:
    """Returns what must be true after these records, whatever part of them is true already."""
    steps = outcome_steps(entries)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: JournalOutcome = end.value
            return found


def outcome_steps(entries: Iterable[Entry]) -> Generator[None, None, JournalOutcome]:
    """`outcome`, stopping before each record, so that others may have a turn."""
    result = JournalOutcome()
    seen: dict[str, set[int]] = {}
    seen_directories: dict[str, set[int]] = {}
    for entry in entries:
        yield
        if isinstance(entry, Abort | Follow | Keep):
            continue
        result.keep(entry)
        if isinstance(entry, MoveDirectory):
            result.trees.append(entry)
            result.take_along(entry)
            continue
        key = fold(entry.path)
        if isinstance(entry, Make):
            result.directories[key] = entry
            result.gone_directories.pop(key, None)
            continue
        if isinstance(entry, Remove) and entry.directory:
            result.directories.pop(key, None)
            result.files.pop(key, None)
            seen_directories.setdefault(key, set()).add(entry.inode)
            result.gone_directories[key] = (entry.path, seen_directories[key])
            continue
        seen.setdefault(key, set()).add(entry.inode)
        known = result.files.get(key)
        if isinstance(entry, Put):
            seen[key].add(entry.replaced)
            redo = FileRedo(entry.inode, entry.path)
            redo.put = entry
            result.files[key] = (entry.path, redo)
            result.gone.pop(key, None)
        elif isinstance(entry, Remove):
            result.files.pop(key, None)
            result.gone[key] = (entry.path, seen[key])
        elif isinstance(entry, Move):
            redo = known[1] if known is not None else FileRedo(entry.inode, entry.path)
            result.files.pop(key, None)
            result.gone[key] = (entry.path, seen[key])
            new_key = fold(entry.new_path)
            redo.paths.append(entry.new_path)
            seen.setdefault(new_key, set()).update((entry.inode, entry.replaced))
            result.files[new_key] = (entry.new_path, redo)
            result.gone.pop(new_key, None)
        elif isinstance(entry, Patch | Size):
            new = entry.path, FileRedo(entry.inode, entry.path)
            result.files.setdefault(key, new)[1].changes.append(entry)
    return result
