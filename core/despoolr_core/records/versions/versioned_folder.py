"""A package on a server: which version each of its files is, and what became of each when.

The law: a version is a number; the first that was begun anywhere is 1, and the newest that was
begun is *due*. A file of that version is *new*, of another one *old*; it is *missing* from when
something of the package took it away until it is there again. Whoever else writes to a file
changes no version; what was there before anybody told is of version 0, and old. What lasts less
than a second is not told: each attempt would blink.

A folder's state is counted, never gone through: a change costs the same in a package of any size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableSequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from despoolr_core.rules.fold import fold

OLD: Final = "old"
NEW: Final = "new"
MISSING: Final = "missing"
MIXED: Final = "mixed"
GONE: Final = ""
"""The state of a file or a folder that is no part of the package any more."""
BLINK_S: Final = 1.0
FILES_MAX: Final = 2_000
"""Files of a package that are followed on each server."""
UNFOLLOWED_MAX: Final = 10_000
"""Files beyond those that are counted."""
DIRECTORIES_MAX: Final = 8
"""Directories beside the package's in which versions are followed."""
UNKNOWN: Final = 0
"""The version of a file that no job is known to have brought."""
_MISSING: Final = -1
_GONE: Final = -2
_IN_USE: Final = frozenset((5, 32, 33))
"""Win32 errors that say that there is a file."""


class FileChange(NamedTuple):
    """From `at` (site seconds) on a file is `state`: old, new, missing, or gone (empty), of that
    version.
    """

    at: float
    state: str
    version: int = 0


class FolderCount(NamedTuple):
    """From `at` on so many files of a package are old, new and missing on a server; `version` is
    the newest that was begun by then.
    """

    at: float
    old: int
    new: int
    missing: int
    version: int = 0

    @property
    def state(self) -> str:
        """`missing` if any file is, `mixed` if some are old and some new; empty for no file."""
        if self.missing:
            return MISSING
        if self.old and self.new:
            return MIXED
        return NEW if self.new else OLD if self.old else GONE

    @property
    def total(self) -> int:
        """How many files the package has."""
        return self.old + self.new + self.missing


class ProgramRun(NamedTuple):
    """A machine started a package's program from a server, whose folder was in `state` then;
    `missing` files of it were not there. `request` is of the job that told it to.
    """

    at: float
    machine: str
    program: str
    request: str
    state: str
    missing: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether it ran from files of one version, none missing."""
        return self.state in (OLD, NEW)


class PackageVersions(msgspec.Struct):
    """The versions of one package: the one that is due, the job that began it, and when each was
    begun.
    """

    package: str
    due: int = 0
    job: str = ""
    source: int = 0
    """How often a source had changed when it was begun."""
    begun: list[float] = msgspec.field(default_factory=list)


class VersionedFolder:
    """A package on a server: its files as they are called, by their folded names; the folder as a
    whole; who ran it from there. Without a story it is known how it is, and not how it was.
    """

    def __init__(self, server: str, versions: PackageVersions, *, has_story: bool) -> None:
        self.server = server
        self.versions = versions
        self.names: dict[str, str] = {}
        self.now: dict[str, int] = {}
        """What is part of the package: its version, or that it is missing."""
        self.others: set[str] = set()
        """Files that somebody else wrote last, or whose version nobody told."""
        self.whole: list[FolderCount] = []
        self.runs: list[ProgramRun] = []
        self.run_count = 0
        self.wrong_count = 0
        """Starts from files that were mixed or missing."""
        self.unfollowed: set[str] = set()
        """Files beyond `FILES_MAX`."""
        self._has_story = has_story
        self._files: dict[str, list[tuple[float, int]]] = {}
        self._counts: Counter[int] = Counter()
        self._live = fold(versions.package)
        """The directory that instructions point at."""
        self._there: dict[str, dict[str, int]] = {self._live: {}}
        """Directory to the versions of what lies in it."""
        self._written = ""
        """The directory that the attempt which is being made wrote to last."""
        self._is_copying = False

    @property
    def package(self) -> str:
        return self.versions.package

    @property
    def count(self) -> FolderCount:
        """How it is after the last record; `at` is 0."""
        due = self.versions.due
        new, missing = self._counts[due], self._counts[_MISSING]
        return FolderCount(0.0, len(self.now) - new - missing, new, missing, due)

    @property
    def state(self) -> str:
        """`new`, `old`, `mixed` or `missing`; empty for a folder without a file."""
        return self.count.state

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """How many files are new, old, missing, somebody else's."""
        _, old, new, missing, due = self.count
        newer = sum(self.now[key] == due for key in self.others)
        return new - newer, old - len(self.others) + newer, missing, len(self.others)

    @property
    def files(self) -> dict[str, list[FileChange]]:
        """The story of each file that was ever part of the package."""
        return {key: self._story(told) for key, told in self._files.items()}

    def letter(self, key: str) -> str:
        """Of a file: `n`, `o`, `m`, `x`; `-` for one that is not part of it here."""
        version = self.now.get(key)
        if version is None:
            return "-"
        if version == _MISSING:
            return "m"
        return "x" if key in self.others else "n" if version == self.versions.due else "o"

    # -- what happens to it

    def tell(self, at: float) -> None:
        """Note how it is now: some file is another, or a newer version is due."""
        if self._has_story:
            append(self.whole, self.count._replace(at=at))

    def attempt(self) -> None:
        """An attempt begins, which has written nothing yet."""
        self._is_copying, self._written = True, ""

    def attempt_ended(self, is_complete: bool, at: float) -> None:
        """It ended. What is not there after a complete one has left the package."""
        self._is_copying = False
        if not is_complete:
            return
        if self._written and self._written != self._live:
            self._live = self._written
            there = self._there[self._live]
            self.others.clear()
            for key in [*self.names]:
                self._put(key, there.get(key, _GONE), at)
        elif self._counts[_MISSING]:
            for key in [key for key, version in self.now.items() if version == _MISSING]:
                self._put(key, _GONE, at)

    def copied(self, file: str, result: str, win32: int, version: int, at: float) -> None:
        """What an attempt says of a file of the package."""
        key, there = fold(file), self._there[self._live]
        if key not in self.names:
            if result not in ("copied", "unchanged", "refused"):
                return
            if len(self.names) >= FILES_MAX:
                if len(self.unfollowed) < UNFOLLOWED_MAX:
                    self.unfollowed.add(key)
                return
            self.names[key] = file
        if result == "unchanged" or (result == "copied" and not self._written):
            there[key] = version
            self.others.discard(key)
        elif result == "refused" and key not in there and key not in self.now:
            if win32 not in _IN_USE:
                self._put(key, _MISSING, at)
                return
            there[key] = UNKNOWN
            self.others.add(key)
        if key in there:
            self._put(key, there[key], at)

    def wrote(self, directory: str, key: str, version: int, at: float) -> None:
        """A job wrote a file of a version."""
        if self._is_copying:
            self._written = directory
        self._came(directory, key, version, at)

    def overwrote(self, directory: str, key: str, at: float) -> None:
        """Somebody else wrote to a file."""
        if directory == self._live and key in self.now:
            there = self._there[directory]
            self.others.add(key)
            self._put(key, there.setdefault(key, UNKNOWN), at)

    def came(self, directory: str, key: str, version: int, at: float) -> None:
        """A file of a version, which may be unknown, took this name."""
        if not version and key not in self.now:
            return
        if version and self._is_copying:
            self._written = directory
        self._came(directory, key, version, at)
        if directory == self._live and not version:
            self.others.add(key)

    def went(self, directory: str, key: str, at: float, *, is_removed: bool = False) -> int:
        """A file is not there any more: removed, or missing. Returns its version, 0 for one that is
        not known. Without a name it is the directory, and what was in it is no package any more.
        """
        version = self._there.get(directory, {}).pop(key, UNKNOWN)
        if directory == self._live:
            gone = [key] if key in self.now else [*self.now] if not key and is_removed else []
            for one in gone:
                self.others.discard(one)
                self._put(one, _GONE if is_removed else _MISSING, at)
        return version

    def ran(self, run: ProgramRun, *, is_kept: bool) -> None:
        """A machine started the program from here."""
        self.run_count += 1
        self.wrong_count += not run.is_whole
        if is_kept:
            self.runs.append(run)

    def _came(self, directory: str, key: str, version: int, at: float) -> None:
        there = self._there.get(directory)
        if there is None:
            if len(self._there) > DIRECTORIES_MAX:
                kept = (self._live, self._written)
                del self._there[next(name for name in self._there if name not in kept)]
            there = self._there[directory] = {}
        if key not in there and len(there) >= 2 * FILES_MAX:
            return
        there[key] = version
        if directory == self._live and key in self.names:
            self.others.discard(key)
            self._put(key, version, at)

    def _put(self, key: str, version: int, at: float) -> None:
        """A file has this version now, or is missing, or gone."""
        before = self.now.get(key, _GONE)
        if before == version:
            return
        if before != _GONE:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
        if version != _GONE:
            self.now[key] = version
            self._counts[version] += 1
        else:
            del self.now[key]
            self.others.discard(key)
        if self._has_story:
            append(self._files.setdefault(key, []), (at, version))
            self.tell(at)
        elif version == _GONE:
            del self.names[key]

    def _story(self, told: list[tuple[float, int]]) -> list[FileChange]:
        """What a file was when: one that did not change is old once a newer version was begun."""
        found: list[FileChange] = []
        begun, never = self.versions.begun, float("inf")
        for number, (at, version) in enumerate(told):
            if version < 0:
                append(found, FileChange(at, MISSING if version == _MISSING else GONE))
                continue
            until = told[number + 1][0] if number + 1 < len(told) else never
            old_at = (begun[version] if version < len(begun) else never) if version else at
            if old_at > at:
                append(found, FileChange(at, NEW, version))
            if old_at < never and old_at <= until:
                append(found, FileChange(max(at, old_at), OLD, version))
        return found


T = TypeVar("T", bound=tuple[float, *tuple[object, ...]])


def append(told: MutableSequence[T], entry: T) -> None:
    """Append what differs from the last one but for its time, which comes first; what did not last
    is taken back.
    """
    while told and entry[0] - told[-1][0] < BLINK_S:
        told.pop()
    if not told or told[-1][1:] != entry[1:]:
        told.append(entry)
