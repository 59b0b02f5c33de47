"""Which version of a package lies on which server, file by file, and what is true of a job: one
fold for what a page of now shows and for what a report tells of a whole run.

The law: a version is what a job brought, told by the records of the shares and of the Despooler
alone. A job that sends again what did not change at the source brings no new version; where the
records of the source's site are not there, each job brings one. A job is true on the servers that
have all its files, until a newer version is begun. What a package's files are is known from the
copies that were tried; one that is removed is no package any more, and nothing of it is missing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import (
    CopyEnded,
    CopyStarted,
    DetailStatusChanged,
    FileCopied,
    JobStatusChanged,
)
from despoolr_core.records.stream import Record, is_owners
from despoolr_core.records.versions.versioned_folder import (
    MISSING,
    MIXED,
    NEW,
    OLD,
    PackageVersions,
    VersionedFolder,
    append,
)
from despoolr_core.records.whatif.bounds import job_of
from despoolr_core.rules.fold import fold

DESPOOLER: Final = "SMS_DESPOOLER"
FOLDERS_MAX: Final = 2_000
"""Folders that are followed: packages times servers."""
JOBS_MAX: Final = 2_000
"""Jobs of which is remembered what was true: more than have a folder at one time."""
TRUTHS_MAX: Final = 48
"""Changes of what is true of a job that are remembered; a story has `STORY_MAX`."""
STORY_MAX: Final = 2_000
_SITES_OWN: Final = "SMS_"
"""How the names of shares begin in which a site keeps what is its own: no package's source."""


class Truth(NamedTuple):
    """From `at` on so many folders of a job are new, old, mixed, or have files missing, of `total`
    servers; or so many machines ran its program from such.
    """

    at: float
    new: int
    old: int
    mixed: int
    missing: int
    total: int


class JobTruth(msgspec.Struct, eq=False):
    """What was true of a job, over the servers that it is for. `version` is what it brings, if it
    brings anything; `replaced_by` is the job that began the next one.
    """

    package: str = ""
    version: int = 0
    is_heard: bool = False
    """Whether the site that made it is among those that tell."""
    servers: set[str] = msgspec.field(default_factory=set)
    states: Counter[str] = msgspec.field(default_factory=Counter)
    history: deque[Truth] = msgspec.field(default_factory=deque)
    replaced_by: str = ""
    replaced_at: float = 0.0

    def note(self, at: float) -> None:
        """Remember what is so now, unless it was so before."""
        s = self.states
        now = Truth(at, s[NEW], s[OLD], s[MIXED], s[MISSING], len(self.servers))
        append(self.history, now)


class VersionMap:
    """The fold; folders are in the order in which a copy to them first began. With a story, what
    was so is kept besides what is.
    """

    def __init__(self, *, has_story: bool = False) -> None:
        self.folders: dict[tuple[str, str], VersionedFolder] = {}
        """By package and folded server."""
        self._servers: set[str] = set()
        """Folded servers that have a folder."""
        self.jobs: dict[str, JobTruth] = {}
        self.folders_left_out = 0
        """Copies to folders beyond `FOLDERS_MAX`."""
        self._has_story = has_story
        self._packages: dict[str, PackageVersions] = {}
        self._current: dict[str, list[JobTruth]] = {}
        """Package to the jobs that bring its newest version."""
        self._source = 0
        """How often something changed where a package's source may be."""
        self._steps: Final[dict[type[Fact], Callable[[Record, Any], None]]] = {
            FileWritten: self._written,
            FileDeleted: self._deleted,
            FileRenamed: self._renamed,
            CopyStarted: self._copy_started,
            FileCopied: self._file_copied,
            CopyEnded: self._copy_ended,
            JobStatusChanged: self._job_changed,
            DetailStatusChanged: self._detail_changed,
        }

    def apply(self, record: Record) -> None:
        """Take the next record in."""
        step = self._steps.get(type(record.data))
        if step is not None:
            step(record, record.data)

    def folder(self, package: str, server: str) -> VersionedFolder | None:
        """A package on a server; None for one that no record tells of."""
        return self.folders.get((package, fold(server)))

    def state_on(self, package: str, server: str) -> str:
        """What a package on a server is now; empty for one that no record tells of."""
        folder = self.folder(package, server)
        return folder.state if folder is not None else ""

    def truth_of(self, job: str) -> list[Truth]:
        """What was true over time, on the servers, of a job that brings a version: of no server
        from when the next one was begun. Empty for any other job.
        """
        found = self.jobs.get(job)
        if found is None:
            return []
        ended = [Truth(found.replaced_at, 0, 0, 0, 0, 0)] if found.replaced_by else []
        return [*found.history, *ended]

    def brings(self, job: str) -> bool:
        """Whether a job brings files to servers."""
        found = self.jobs.get(job)
        return found is not None and found.version > 0

    # -- jobs

    def _job(self, job: str) -> JobTruth:
        found = self.jobs.get(job)
        if found is None:
            if len(self.jobs) >= JOBS_MAX:  # a child does not hear that its parent's jobs end
                over = (name for name, one in self.jobs.items() if one.replaced_by)
                gone = self.jobs.pop(next(over, next(iter(self.jobs))))
                if gone in (current := self._current.get(gone.package, [])):
                    current.remove(gone)
            told: deque[Truth] = deque(maxlen=STORY_MAX if self._has_story else TRUTHS_MAX)
            found = self.jobs[job] = JobTruth(history=told)
        return found

    def _job_changed(self, record: Record, changed: JobStatusChanged) -> None:
        job = self._job(changed.job)
        job.package = changed.package or job.package
        job.is_heard = job.is_heard or is_owners(record.actor, changed.job)

    def _detail_changed(self, record: Record, changed: DetailStatusChanged) -> None:
        job = self.jobs.get(changed.job)
        if changed.detail == "Server" and job is not None and job.version:
            self._is_for(job, changed.machine, record.at)

    def _is_for(self, job: JobTruth, server: str, at: float) -> None:
        key = fold(server)
        if key in job.servers or job.replaced_by or len(job.servers) >= FOLDERS_MAX:
            return
        job.servers.add(key)
        job.states[self.state_on(job.package, key)] += 1
        job.note(at)

    # -- copies

    def _copy_started(self, record: Record, copy: CopyStarted) -> None:
        """A job brings a package to a server: with the first of them a version begins."""
        folder = self.folder(copy.package, copy.server)
        if folder is None and len(self.folders) >= FOLDERS_MAX:
            self.folders_left_out += 1
            return
        package = self._packages.setdefault(copy.package, PackageVersions(copy.package))
        job = self._job(copy.job)
        job.package = copy.package
        job.is_heard = job.is_heard or is_owners(record.actor, copy.job)
        if not job.version:
            is_same = 0 < package.source == self._source and job.is_heard
            if not is_same:
                self._begin(package, copy.job, record.at)
            job.version = package.due
            self._current[copy.package].append(job)
        if folder is None:
            folder = VersionedFolder(copy.server, package, has_story=self._has_story)
            server = fold(copy.server)
            self.folders[copy.package, server] = folder
            self._servers.add(server)
        folder.attempt()
        self._is_for(job, copy.server, record.at)

    def _begin(self, package: PackageVersions, job: str, at: float) -> None:
        """A newer version is due: everywhere it is missing or old now, and jobs of the one before
        are true no more.
        """
        for before in self._current.get(package.package, ()):
            before.replaced_by, before.replaced_at = job, at
        self._current[package.package] = []
        package.due += 1
        package.job, package.source = job, self._source
        if self._has_story:
            package.begun.append(at)
            for folder in self.folders.values():
                if folder.versions is package:
                    folder.tell(at)

    def _file_copied(self, record: Record, copied: FileCopied) -> None:
        folder, job = self.folder(copied.package, copied.server), self.jobs.get(copied.job)
        if folder is not None and job is not None:
            with self._change(folder, record.at):
                folder.copied(copied.file, copied.result, copied.win32, job.version, record.at)

    def _copy_ended(self, record: Record, ended: CopyEnded) -> None:
        folder = self.folder(ended.package, ended.server)
        if folder is not None:
            with self._change(folder, record.at):
                folder.attempt_ended(ended.result == "complete", record.at)

    # -- files

    def _written(self, record: Record, fact: FileWritten) -> None:
        folder, directory, name = self._place(fact.server, fact.path)
        if folder is None:
            self._source += not fold(fact.share).startswith(_SITES_OWN)
            return
        job = self.jobs.get(job_of(fact.purpose)) if fact.program == DESPOOLER else None
        with self._change(folder, record.at):
            if job is not None:
                folder.wrote(directory, name, job.version, record.at)
            else:
                folder.overwrote(directory, name, record.at)

    def _deleted(self, record: Record, fact: FileDeleted) -> None:
        """What a job deletes that brings nothing is removed; what anybody else does, is missing."""
        folder, directory, name = self._place(fact.server, fact.path)
        if folder is None:
            self._source += not fold(fact.share).startswith(_SITES_OWN)
            return
        job = job_of(fact.purpose)
        is_removed = bool(job) and not self.brings(job)
        with self._change(folder, record.at):
            folder.went(directory, name, record.at, is_removed=is_removed)

    def _renamed(self, record: Record, fact: FileRenamed) -> None:
        left, directory, name = self._place(fact.server, fact.path)
        version = 0
        if left is not None:
            with self._change(left, record.at):
                version = left.went(directory, name, record.at)
        come, directory, name = self._place(fact.server, fact.new_path)
        if come is not None:
            with self._change(come, record.at):
                come.came(directory, name, version, record.at)
        if left is None and come is None:
            self._source += not fold(fact.share).startswith(_SITES_OWN)

    def _place(self, server: str, path: str) -> tuple[VersionedFolder | None, str, str]:
        """The folder that a path on a server lies in or beside, the directory, and the name in
        it.
        """
        key = fold(server)
        if key not in self._servers:
            return None, "", ""
        directory, _, name = fold(path.replace("\\", "/")).partition("/")
        return self.folders.get((directory.partition(".")[0], key)), directory, name

    @contextmanager
    def _change(self, folder: VersionedFolder, at: float) -> Iterator[None]:
        """Change something of a folder, and note what is true of the jobs then that it is of."""
        before = folder.state
        yield
        after = folder.state
        if before == after:
            return
        server = fold(folder.server)
        for job in self._current[folder.package]:
            if server in job.servers:
                job.states[before] -= 1
                job.states[after] += 1
                job.note(at)
