"""From names to the disk: where a name really lies, found case-insensitively on a file system that
minds case.

The law: what is remembered is never trusted without an `lstat`, so that outside changes are seen;
of many that are put into one directory in one turn, that it was read is enough (`look_in`). A
directory that was seen before costs one, whatever its depth: it is the same one if its inode is.
Nothing outside the root is reached: a directory is walked to part by part the first time, and a
symbolic link on the way has another inode than what it stands in for.
"""
# Paths are plain strings here: this is the hot path of every upload and poll.

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Generator
from itertools import islice
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import NtStatus
from despoolr_server.engine.names import Name, why_bad
from despoolr_server.engine.rows import FileFacts
from despoolr_server.files.errors import answering
from despoolr_server.files.long_names import LongNames, on_disk
from despoolr_server.files.protocol import StoreError

PRIVATE: Final = ".despoolr"
"""The directory under the root that is the store's own: no name reaches it, and no listing shows
it.
"""
_PRIVATE_KEY: Final = fold(PRIVATE)
FOLDERS_MAX: Final = 65_536
"""Directories that are remembered at most."""
NAMES_MAX: Final = 32
"""Names of a directory that is read once for all who are looked for in it: some 10 us."""
LARGE_SIZE: Final = 128 * 1024
"""Bytes of a directory itself from which on it is read in several turns, where that can be: some
5,000 names.
"""
NAMES_AT_ONE_TIME: Final = 512
"""Names of a directory that are read before others may have a turn: some 3 ms."""


class DirectoryIndex:
    """What is remembered of one directory: its inode, and which stored name each key has as of
    `mtime_ns`.

    `keys` has the key of each name that was read last, in the order in which the directory told
    them: a name's key never becomes another one. `is_plain`: these were all its names, and no two
    of them have the same key. `told`: its own facts, and what they were made of. `read_count`:
    how often it was read ahead of a look.
    """

    __slots__ = (
        "inode",
        "is_plain",
        "key",
        "keys",
        "mtime_ns",
        "names",
        "path",
        "read_count",
        "stored",
        "told",
    )

    def __init__(self, path: str, key: str, stored: str, inode: int) -> None:
        self.path = path
        self.key = key
        self.stored = stored
        self.inode = inode
        self.names: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.is_plain = False
        self.mtime_ns = -1
        self.read_count = 0
        self.told: tuple[tuple[int, ...], FileFacts] | None = None


class ResolvedPath:
    """Where a name lies, or would lie if `status` is None. `is_current`: all names of its folder
    were known a moment ago.
    """

    __slots__ = ("actual", "folder", "is_current", "path", "status", "stored")

    def __init__(
        self, folder: DirectoryIndex, is_current: bool, actual: str, status: os.stat_result | None
    ) -> None:
        self.folder = folder
        self.is_current = is_current
        self.actual = actual
        self.status = status
        self.path = f"{folder.path}/{on_disk(actual)}" if actual else folder.path
        """Where the file is on disk."""
        self.stored = _join(folder.stored, actual)
        """Relative to the root, as it is spelled on disk."""

    @property
    def inode(self) -> int:
        """Of what is there; 0 if nothing is."""
        return 0 if self.status is None else self.status.st_ino

    @property
    def is_directory(self) -> bool:
        """Whether a directory is there."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)


class PathIndex:
    """The names below one root directory."""

    def __init__(self, base: str, first_tally: int = 0) -> None:
        """`first_tally` is what a directory's first change is counted from."""
        self._base = base
        self.long_names = LongNames(f"{base}/{PRIVATE}/names")
        self._top = DirectoryIndex(base, "", "", 0)
        self._folders: OrderedDict[str, DirectoryIndex] = OrderedDict()
        self._tallies: dict[str, int] = {}
        self._tally_floor = 0
        self._first_tally = first_tally

    # -- asking

    def resolve(self, name: Name) -> ResolvedPath | None:
        """Where a name is; None if it is not there, or not shown."""
        if not name.key:
            status = _lstat(self._base)
            return (
                None
                if status is None
                else ResolvedPath(self._top, status.st_mtime_ns == self._top.mtime_ns, "", status)
            )
        if _is_private(name.key):
            return None
        found = self._lookup(name)
        return (
            found
            if found is not None and found.status is not None and is_shown(found.status)
            else None
        )

    def look(self, name: Name) -> ResolvedPath | None:
        """Where a name is, or would be; None if there is no such place."""
        return None if not name.key or _is_private(name.key) else self._lookup(name)

    def look_in(self, directory: Name) -> Callable[[Name], ResolvedPath | None]:
        """Where names would be put in one directory, or are, in one turn in which nothing else is
        changed there: the directory is looked at once, and read if it has few names, so that none
        is looked for that is not there. None for any other name, and for one that has to be
        written down (`target`).
        """
        known = self.remembered(directory.key)
        folder, status = self._folder(directory) if known is None else known
        there = None if folder is None else self._few_keys(folder)

        def look(name: Name) -> ResolvedPath | None:
            if folder is None or status is None or _is_private(name.key):
                return None
            last = name.last
            above, _, key = name.key.rpartition("/")
            if above != directory.key or on_disk(last) != last:
                return None
            if there is not None and key and key not in there:
                return ResolvedPath(folder, folder.mtime_ns == status.st_mtime_ns, last, None)
            return self._place(folder, status, name)

        return look

    def _few_keys(self, folder: DirectoryIndex) -> set[str] | None:
        """The keys of all that is in a directory, shown or not; None if that is much."""
        if len(folder.names) > NAMES_MAX:
            return None
        try:
            with os.scandir(folder.path) as entries:
                found = [entry.name for entry in islice(entries, NAMES_MAX + 1)]
        except OSError:
            return None
        if len(found) > NAMES_MAX:
            return None
        return {fold(self.long_names.name_of(name)) for name in found}

    def unread(self, name: Name, *, for_any: bool = False) -> DirectoryIndex | None:
        """The large directory that a look for a name would read as a whole, since somebody else has
        changed it, and it has no such name in this spelling; None if it would read none. `for_any`:
        a look for any name there might.
        """
        above, _, last = name.key.rpartition("/")
        nearest = self._folders.get(above) if above else self._top
        status = None if nearest is None else _lstat(nearest.path)
        if (
            nearest is not None
            and status is not None
            and status.st_size < LARGE_SIZE
            and (not above or status.st_ino == nearest.inode)
        ):
            return None  # nearly always
        if not name.key or _is_private(name.key):
            return None
        known = self.remembered(above)
        if known is None:
            on_the_way = self.unread(name.parent)
            if on_the_way is not None:
                return on_the_way
        folder, status = self._folder(name.parent) if known is None else known
        if (
            folder is None
            or status is None
            or status.st_size < LARGE_SIZE
            or status.st_mtime_ns == folder.mtime_ns
        ):
            return None
        if for_any:
            return folder
        stored = folder.names.get(last), name.last
        is_there = any(part and _lstat(f"{folder.path}/{on_disk(part)}") for part in stored)
        return None if is_there else folder

    def existing(self, name: Name, looked: ResolvedPath | None = None) -> ResolvedPath:
        """`resolve`, unless something was seen there in this turn (`look`). Raises `StoreError`
        (OBJECT_NAME_NOT_FOUND or OBJECT_PATH_NOT_FOUND).
        """
        if looked is not None and looked.status is not None and is_shown(looked.status):
            return looked
        found = self.resolve(name)
        if found is None:
            parent = self.resolve(name.parent)
            raise StoreError(
                NtStatus.OBJECT_NAME_NOT_FOUND if parent else NtStatus.OBJECT_PATH_NOT_FOUND
            )
        return found

    def file(self, name: Name) -> ResolvedPath:
        """`existing`. Raises `StoreError` for a directory, too (FILE_IS_A_DIRECTORY)."""
        found = self.existing(name)
        if found.is_directory:
            raise StoreError(NtStatus.FILE_IS_A_DIRECTORY)
        return found

    def has_folder(self, name: Name) -> bool:
        """Whether a directory of this name is there."""
        folder, status = self._folder(name)
        return folder is not None and status is not None

    def folder(self, name: Name) -> DirectoryIndex:
        """A directory. Raises `StoreError` (a name error, or NOT_A_DIRECTORY)."""
        folder, _ = self._folder(name)
        if folder is None:
            self.existing(name)
            raise StoreError(NtStatus.NOT_A_DIRECTORY)
        return folder

    def target(self, name: Name, looked: ResolvedPath | None = None) -> ResolvedPath:
        """Where a name would be put, or is; `looked` is what `look` found in this turn. Raises
        `StoreError` (OBJECT_PATH_NOT_FOUND, ACCESS_DENIED).
        """
        if looked is None and (not name.key or _is_private(name.key)):
            raise StoreError(NtStatus.ACCESS_DENIED, "the name is the store's own")
        found = self._lookup(name) if looked is None else looked
        if found is None:
            raise StoreError(NtStatus.OBJECT_PATH_NOT_FOUND)
        if found.status is not None and not is_shown(found.status):
            raise StoreError(
                NtStatus.ACCESS_DENIED, "the name is taken by something that is not a file"
            )
        last = name.last
        if on_disk(last) != last:
            with answering:
                self.long_names.keep(last)
        return found

    def unmoved(self, key: str, path: str) -> tuple[DirectoryIndex, bool] | None:
        """The directory of a name that lay at this path, if it is the same one and nothing tells
        that the name lies elsewhere by now; whether all its names were known a moment ago.
        """
        above, _, last = key.rpartition("/")
        folder = self._folders.get(above) if above else self._top
        if folder is None or path != f"{folder.path}/{folder.names.get(last)}":
            return None
        try:
            status = os.lstat(folder.path)
        except OSError:
            return None
        if above and status.st_ino != folder.inode:
            return None
        return folder, status.st_mtime_ns == folder.mtime_ns

    def names_in(self, folder: DirectoryIndex) -> dict[str, str]:
        """Reads the directory: the stored name of each key that is shown. Raises `OSError`."""
        reading = self.reading(folder)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                names: dict[str, str] = end.value
                return names

    def reading(self, folder: DirectoryIndex) -> Generator[None, None, dict[str, str]]:
        """`names_in`, stopping after every `NAMES_AT_ONE_TIME`, so that others may have a turn.
        What changes meanwhile may be in what is returned, or not. Raises `OSError`.
        """
        mtime_ns, tally = os.lstat(folder.path).st_mtime_ns, self.tally(folder.key)
        names: dict[str, str] = {}
        known, keys, count = folder.keys, {}, 0
        with os.scandir(folder.path) as entries:
            for count, entry in enumerate(entries, 1):
                if count % NAMES_AT_ONE_TIME == 0:
                    yield
                if not (
                    entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
                ):
                    continue
                text = entry.name
                key = known.get(text)
                if key is None:
                    text = self.long_names.name_of(entry.name)
                    if why_bad(text) or (folder is self._top and _is_private(fold(text))):
                        continue
                    key = fold(text)
                if text == entry.name:
                    keys[text] = key
                other = names.setdefault(key, text)
                if text < other:
                    names[key] = text
        folder.keys, folder.is_plain = keys, count == len(keys) == len(names)
        if self.tally(folder.key) == tally:
            folder.names = names
            folder.mtime_ns = mtime_ns
        return names

    def still_tells(self, folder: DirectoryIndex, names: list[str]) -> Generator[None, None, bool]:
        """Whether a directory has these names and no others, in this order, stopping as `reading`
        does. Raises `OSError`.
        """
        start = 0
        with os.scandir(folder.path) as entries:
            while told := [entry.name for entry in islice(entries, NAMES_AT_ONE_TIME)]:
                if start:
                    yield
                if told != names[start : start + len(told)]:
                    return False
                start += len(told)
        return start == len(names)

    # -- being told

    def entered(self, place: ResolvedPath, actual: str) -> None:
        """A name appeared where `place` was found before, spelled `actual`."""
        place.folder.names[fold(actual)] = actual
        self.changed(place.folder, place.is_current)

    def left(self, place: ResolvedPath) -> None:
        """What was found at `place` is gone."""
        place.folder.names.pop(fold(place.actual), None)
        self.changed(place.folder, place.is_current)

    def changed(self, folder: DirectoryIndex, is_current: bool) -> None:
        """A directory was changed, all of whose names were known (`is_current`), or not."""
        self.count(folder.key)
        if is_current:
            status = _lstat(folder.path)
            folder.mtime_ns = -1 if status is None else status.st_mtime_ns

    def forget_below(self, key: str) -> None:
        """A directory is called otherwise now, or gone."""
        below = key + "/"
        for known in [known for known in self._folders if known == key or known.startswith(below)]:
            del self._folders[known]

    def count(self, key: str) -> None:
        """Something changed in a directory."""
        tallies = self._tallies
        if len(tallies) >= FOLDERS_MAX and key not in tallies:
            # no directory gets a number again that it had
            self._tally_floor = max(tallies.values()) + 1
            tallies.clear()
        tallies[key] = tallies.get(key, self._tally_floor or self._first_tally) + 1

    def tally(self, key: str) -> int:
        """Changes made in a directory since the start: its own time has its grain (4 ms on many
        file systems).
        """
        return self._tallies.get(key, self._tally_floor)

    # -- inside

    def _lookup(self, name: Name) -> ResolvedPath | None:
        """Where a name is or would be; None if its directory is not there."""
        known = self.remembered(name.key.rpartition("/")[0])
        folder, status = self._folder(name.parent) if known is None else known
        return None if folder is None or status is None else self._place(folder, status, name)

    def _place(self, folder: DirectoryIndex, status: os.stat_result, name: Name) -> ResolvedPath:
        """Where a name is or would be in its directory, whose `lstat` is `status`."""
        is_current = status.st_mtime_ns == folder.mtime_ns
        actual, found = self._look(folder, is_current, name.key.rpartition("/")[2], name.last)
        return ResolvedPath(folder, folder.mtime_ns == status.st_mtime_ns, actual, found)

    def _folder(self, name: Name) -> tuple[DirectoryIndex | None, os.stat_result | None]:
        """A directory and its `lstat`, found from the nearest one above it that is remembered."""
        ahead: list[Name] = []
        while (remembered := self.remembered(name.key)) is None:
            ahead.append(name)
            name = name.parent
        folder, status = remembered
        for step in reversed(ahead):
            if status is None or _is_private(step.key):
                return None, None
            found = self._place(folder, status, step)
            if not found.is_directory:
                return None, None
            folder, status = self._remember(found, step.key), found.status
        return folder, status

    def remembered(self, key: str) -> tuple[DirectoryIndex, os.stat_result | None] | None:
        """A directory that was seen before and is still the same one; the root always is."""
        if not key:
            return self._top, _lstat(self._base)
        folder = self._folders.get(key)
        if folder is None:
            return None
        status = _lstat(folder.path)
        if status is not None and status.st_ino == folder.inode and stat.S_ISDIR(status.st_mode):
            return folder, status
        del self._folders[key]
        return None

    def _remember(self, found: ResolvedPath, key: str) -> DirectoryIndex:
        while len(self._folders) >= FOLDERS_MAX:
            self._folders.popitem(last=False)
        folder = self._folders[key] = DirectoryIndex(found.path, key, found.stored, found.inode)
        return folder

    def _look(
        self, folder: DirectoryIndex, is_current: bool, key: str, part: str
    ) -> tuple[str, os.stat_result | None]:
        """The stored name with a key and its `lstat`: what is remembered, else the very name, else
        a fresh scan.
        """
        actual = folder.names.get(key)
        if actual is not None:
            status = _lstat(f"{folder.path}/{on_disk(actual)}")
            if status is not None:
                return actual, status
            del folder.names[key]
        status = _lstat(f"{folder.path}/{on_disk(part)}")
        if status is not None:
            folder.names[key] = part
            return part, status
        if is_current:
            return part, None
        try:
            actual = self.names_in(folder).get(key)
        except OSError:
            actual = None
        return (
            (part, None) if actual is None else (actual, _lstat(f"{folder.path}/{on_disk(actual)}"))
        )


def _is_private(key: str) -> bool:
    """Whether a key is in the store's own directory, or would be on a file system that folds more
    letters than we do.
    """
    # the first letter of all that is; no fold makes a full stop of anything else
    if key[:1] != ".":
        return False
    first = key.partition("/")[0]
    return first == _PRIVATE_KEY or (len(first) == len(PRIVATE) and first.casefold() == PRIVATE)


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _join(directory: str, part: str) -> str:
    return f"{directory}/{part}" if directory and part else directory or part


def is_shown(status: os.stat_result) -> bool:
    """Whether it is a file or a directory, and nothing else."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
