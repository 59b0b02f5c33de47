"""Which version of a package lay on which server, file by file, from when to when, and who ran it
from there.

The law: a version is what a job brought, told by the records of the shares and of the Despooler
alone. A file is *new* if the newest version that was begun anywhere brought it, *old* before, and
*missing* from its deletion in an attempt until it is there again; a folder is *mixed* while some of
its files are new and some are old. A job that sends again what did not change at the source brings
no new version. What lasts less than a second is not told: each attempt would blink.

Whoever else writes to a package's files changes no version; a package that is removed is no
package any more, and nothing of it is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from despoolr_core.records.kinds.client import ProgramStarted, ResultReported
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    FileCopied,
    JobStatusChanged,
)
from despoolr_core.records.stream import Record
from despoolr_core.rules.fold import fold

OLD: Final = "old"
NEW: Final = "new"
MISSING: Final = "missing"
MIXED: Final = "mixed"
GONE: Final = ""
"""The state of a file or a folder that is no part of the package any more."""
DESPOOLER: Final = "SMS_DESPOOLER"
SOURCE: Final = "PKGSRC"
BLINK_S: Final = 1.0
FILES_MAX: Final = 2_000
"""Files of a package that are followed on each server."""
RUNS_MAX: Final = 50_000
"""Starts of programs that are kept, each; all are counted."""
_Key = tuple[str, str]
"""A server and a package."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """From `at` (site seconds) on a file is `state`: old, new, missing, or gone (empty), of that
    version; the first one is 1, and 0 stands for none.
    """

    at: float
    state: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class FolderCount:
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


@dataclass(frozen=True, slots=True)
class ProgramRun:
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


class VersionedFolder:
    """A package on a server: its files as they are called, by their folded names; the folder as a
    whole; who ran it from there.
    """

    def __init__(self, server: str, package: str, due: int) -> None:
        self.server = server
        self.package = package
        self.names: dict[str, str] = {}
        self.files: dict[str, list[FileChange]] = {}
        self.whole: list[FolderCount] = []
        self.runs: list[ProgramRun] = []
        self.run_count = 0
        self.wrong_count = 0
        """Starts from files that were mixed or missing."""
        self.unfollowed: set[str] = set()
        """Files beyond `FILES_MAX`."""
        self._due = due
        self._live = fold(package)
        """The directory that instructions point at."""
        self._versions: dict[str, dict[str, int]] = {}
        """Directory to the versions of what lies in it."""
        self._written = ""
        """The directory that the attempt which is being made wrote to last."""
        self._is_copying = False
        self._now: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    @property
    def now(self) -> FolderCount:
        """How it is after the last record."""
        return self.whole[-1] if self.whole else FolderCount(0.0, 0, 0, 0, self._due)

    def is_due(self, version: int, at: float) -> None:
        """A newer version was begun, here or elsewhere."""
        self._due = version
        self._tell_all(at)

    def attempt(self) -> None:
        """An attempt begins: what it deletes is missing until it is written again."""
        self._is_copying, self._written = True, ""

    def attempt_ended(self, is_complete: bool, at: float) -> None:
        """It ended. What is not there after a complete one has left the package."""
        self._is_copying = False
        if is_complete and self._written:
            self._live = self._written
        for name in self.files:
            is_gone = is_complete and self._version_of(name) is None
            self._tell(name, GONE if is_gone else self._state(name), at)
        self._count(at)

    def copied(self, file: str, result: str, version: int, at: float) -> None:
        """What an attempt says of a file of the package."""
        name = fold(file)
        if result not in ("copied", "unchanged", "refused") and name not in self.files:
            return
        if name not in self.files:
            if len(self.files) >= FILES_MAX:
                self.unfollowed.add(name)
                return
            self.files[name] = []
            self.names[name] = file
        if result == "unchanged":
            self._versions.setdefault(self._live, {})[name] = version
        self._tell(name, self._state(name), at)
        self._count(at)

    def wrote(self, directory: str, name: str, version: int, at: float) -> None:
        """The Despooler wrote a file of a version."""
        self._versions.setdefault(directory, {})[name] = version
        if self._is_copying:
            self._written = directory
        self._changed(directory, name, at)

    def came(self, directory: str, name: str, version: int, at: float) -> None:
        """A file took this name; it is of a version already."""
        self._versions.setdefault(directory, {})[name] = version
        self._changed(directory, name, at)

    def went(self, directory: str, name: str, at: float) -> int:
        """A file was deleted, or has another name. Returns its version, 0 for one that is not
        known.
        """
        version = self._versions.get(directory, {}).pop(name, 0)
        self._changed(directory, name, at)
        return version

    def _changed(self, directory: str, name: str, at: float) -> None:
        if directory == self._live and name in self.files:
            self._tell(name, self._state(name), at)
            self._count(at)

    def _version_of(self, name: str) -> int | None:
        return self._versions.get(self._live, {}).get(name)

    def _state(self, name: str) -> str:
        version = self._version_of(name)
        if version is None:
            is_removed = not self._is_copying and self._now.get(name) != MISSING
            return GONE if is_removed or self._now.get(name) == GONE else MISSING
        return NEW if version >= self._due else OLD

    def _tell_all(self, at: float) -> None:
        for name in self.files:
            self._tell(name, self._state(name), at)
        self._count(at)

    def _tell(self, name: str, state: str, at: float) -> None:
        was = self._now.get(name, "")
        self._now[name] = state
        if was:
            self._counts[was] -= 1
        if state:
            self._counts[state] = self._counts.get(state, 0) + 1
        version = (self._version_of(name) or 0) if state in (OLD, NEW) else 0
        if state or self.files[name]:
            _append(self.files[name], FileChange(at, state, version))

    def _count(self, at: float) -> None:
        old, new, missing = (self._counts.get(state, 0) for state in (OLD, NEW, MISSING))
        _append(self.whole, FolderCount(at, old, new, missing, self._due))


@dataclass(frozen=True, slots=True)
class Truth:
    """From `at` on a job is true at `right` of `total` servers or machines; `missing` of them have
    files missing, `wrong` are neither right nor as they were.
    """

    at: float
    right: int
    total: int
    missing: int = 0
    wrong: int = 0


class VersionMap:
    """The fold. Folders are in the order in which a copy to them first began."""

    def __init__(self, records: Iterable[Record] = (), *, runs_max: int = RUNS_MAX) -> None:
        self.runs_max = runs_max
        self.folders: dict[_Key, VersionedFolder] = {}
        self.runs_left_out = 0
        self._due: dict[str, int] = {}
        """Package to its newest version."""
        self._version: dict[str, int] = {}
        """Job to the version that it brings."""
        self._package: dict[str, str] = {}
        """Job to its package, as far as records tell it."""
        self._servers: dict[str, list[str]] = {}
        """Job to the servers that it was tried on, in order."""
        self._true: dict[str, list[Truth]] = {}
        self._source = 0
        """How often something was written at the source so far."""
        self._source_then: dict[str, int] = {}
        """Package to `_source` when its newest version was begun."""
        self._job_of: dict[str, str] = {}
        """Request to its job."""
        self._reported: dict[str, dict[str, str]] = {}
        """Machine to the requests that it reported on and whose job is not known, with their
        packages.
        """
        self._kept_count = 0
        for record in records:
            self.apply(record)

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        fact = record.data
        if isinstance(fact, FileWritten | FileDeleted | FileRenamed):
            self._file_changed(fact, record.at)
        elif isinstance(fact, CopyStarted):
            self._copy_started(fact, record.at)
        elif isinstance(fact, FileCopied):
            self._file_copied(fact, record.at)
        elif isinstance(fact, CopyEnded):
            self._copy_ended(fact, record.at)
        elif isinstance(fact, ProgramStarted):
            self._program_started(fact, record)
        elif isinstance(fact, ResultReported):
            self._reported.setdefault(record.actor, {})[fact.request] = fact.package
        elif isinstance(fact, DetailStatusChanged):
            self._detail_changed(fact)
        elif isinstance(fact, JobStatusChanged) and fact.package:
            self._package[fact.job] = fact.package

    def truth_of(self, job: str) -> list[Truth]:
        """What was true of a job over time: on the servers, for one that brings a version; on the
        machines that ran its program, for one that runs it. Empty for any other.
        """
        return self._true.get(job) or self._machines_of(job)

    def brings(self, job: str) -> bool:
        """Whether a job brings files to servers."""
        return job in self._version

    # -- versions

    def _copy_started(self, fact: CopyStarted, at: float) -> None:
        package = fact.package
        if fact.job not in self._version:
            is_same = self._source > 0 and self._source_then.get(package) == self._source
            if package not in self._due or not is_same:
                self._due[package] = self._due.get(package, 0) + 1
                self._source_then[package] = self._source
                for (_, its), known in self.folders.items():
                    if its == package:
                        known.is_due(self._due[package], at)
            self._version[fact.job] = self._due[package]
            self._package.setdefault(fact.job, package)
        servers = self._servers.setdefault(fact.job, [])
        if fact.server not in servers:
            servers.append(fact.server)
        folder = self.folders.get((fact.server, package))
        if folder is None:
            folder = VersionedFolder(fact.server, package, self._due[package])
            self.folders[fact.server, package] = folder
        folder.attempt()
        self._tell_jobs(package, at)

    def _file_copied(self, fact: FileCopied, at: float) -> None:
        folder = self.folders.get((fact.server, fact.package))
        if folder is not None:
            folder.copied(fact.file, fact.result, self._version.get(fact.job, 0), at)

    def _copy_ended(self, fact: CopyEnded, at: float) -> None:
        folder = self.folders.get((fact.server, fact.package))
        if folder is not None:
            folder.attempt_ended(fact.result == "complete", at)
            self._tell_jobs(fact.package, at)

    def _file_changed(self, fact: FileWritten | FileDeleted | FileRenamed, at: float) -> None:
        if fact.share == SOURCE:
            self._source += isinstance(fact, FileWritten)
            return
        folder, directory, name = self._place(fact.server, fact.path)
        if isinstance(fact, FileRenamed):
            version = folder.went(directory, name, at) if folder is not None else 0
            folder, directory, name = self._place(fact.server, fact.new_path)
            if folder is not None:
                folder.came(directory, name, version, at)
        elif folder is not None and isinstance(fact, FileDeleted):
            folder.went(directory, name, at)
        elif folder is not None and fact.program == DESPOOLER:
            job = fact.purpose.removeprefix("job ").partition(" ")[0]
            version = self._version.get(job, self._due.get(folder.package, 0))
            folder.wrote(directory, name, version, at)

    def _place(self, server: str, path: str) -> tuple[VersionedFolder | None, str, str]:
        """The folder that a path on a server lies in or beside, the directory, and the name in
        it.
        """
        directory, _, name = fold(path.replace("\\", "/")).partition("/")
        return self.folders.get((server, directory.partition(".")[0])), directory, name

    def _tell_jobs(self, package: str, at: float) -> None:
        due = self._due.get(package, 0)
        for job, servers in self._servers.items():
            if self._package.get(job) != package:
                continue
            told = self._true.setdefault(job, [])
            if self._version[job] < due:
                if told and told[-1].total:
                    told.append(Truth(at, 0, 0))
                continue
            folders = [self.folders.get((server, package)) for server in servers]
            there = [folder.now for folder in folders if folder is not None]
            right = sum(one.state == NEW for one in there)
            missing = sum(one.missing > 0 for one in there)
            mixed = sum(one.state == MIXED for one in there)
            _append(told, Truth(at, right, len(servers), missing, mixed))

    # -- who ran it

    def _program_started(self, fact: ProgramStarted, record: Record) -> None:
        folder = self.folders.get((fact.server, fact.package))
        if folder is None:
            return
        now = folder.now
        machine, program, request = map(sys.intern, (record.actor, fact.program, fact.request))
        run = ProgramRun(record.at, machine, program, request, now.state, now.missing)
        folder.run_count += 1
        folder.wrong_count += not run.is_whole
        if self._kept_count >= self.runs_max:
            self.runs_left_out += 1
            return
        self._kept_count += 1
        folder.runs.append(run)

    def _detail_changed(self, fact: DetailStatusChanged) -> None:
        """A machine's row of a job follows its report on a request: so these two are one."""
        if fact.detail == "Server" and fact.job in self._servers:
            if fact.machine not in self._servers[fact.job]:
                self._servers[fact.job].append(fact.machine)
            return
        package = self._package.get(fact.job)
        waiting = self._reported.get(fact.machine, {})
        for request in [one for one, its in waiting.items() if its == package]:
            self._job_of.setdefault(request, fact.job)
            del waiting[request]

    def _machines_of(self, job: str) -> list[Truth]:
        runs = sorted(
            (
                run
                for folder in self.folders.values()
                for run in folder.runs
                if self._job_of.get(run.request) == job
            ),
            key=lambda run: run.at,
        )
        total = len({run.machine for run in runs})
        last: dict[str, str] = {}
        count = dict.fromkeys((GONE, OLD, NEW, MIXED, MISSING), 0)
        found: list[Truth] = []
        for run in runs:
            if run.machine in last:
                count[last[run.machine]] -= 1
            last[run.machine] = run.state
            count[run.state] += 1
            found.append(Truth(run.at, count[NEW], total, count[MISSING], count[MIXED]))
        return found


T = TypeVar("T", FileChange, FolderCount, Truth)


def _append(told: list[T], entry: T) -> None:
    """Append what differs from the last one; what did not last is taken back."""
    while told and entry.at - told[-1].at < BLINK_S:
        told.pop()
    if not told or replace(told[-1], at=0.0) != replace(entry, at=0.0):
        told.append(entry)
