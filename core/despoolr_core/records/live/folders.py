"""Which version each file of a package is, on each server, and what was true of a job when.

The law: a version is the job that wrote a file last, as the share's own records tell it; a copy
that the Despooler reports counts where it says that a file was right already. What a package's
files are is known from the copies that were tried. A folder's state is counted, never gone
through: a change costs the same in a package of any size.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from despoolr_core.records.bounds import job_of
from despoolr_core.records.kinds.share import FileDeleted, FileRenamed, FileWritten
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted, FileCopied
from despoolr_core.rules.fold import fold

MISSING: Final = ""
"""The version of a file that is not there."""
OTHER: Final = "?"
"""The version of a file that no job wrote."""
TRUTH_MAX: Final = 48
"""Changes of what is true of a job that are remembered."""
TRUTH_STEP_S: Final = 1.0
"""Changes within so many seconds are one: an attempt goes through all states of its files."""
FILES_MAX: Final = 2_000
"""Files of one package on one server that are followed."""
FOLDERS_MAX: Final = 2_000
"""Folders that are followed: packages times servers."""
TRUTHS_MAX: Final = 2_000
"""Jobs of which is remembered what was true: more than have a folder at one time."""
_AS_WANTED: Final = frozenset(("copied", "unchanged"))

Truth = tuple[float, int, int, int, int]
"""When, and how many folders are new, old, mixed, with files missing."""


@dataclass(slots=True)
class PackageFolder:
    """A package on a server. `job` is the newest that tried to bring it there."""

    package: str
    server: str
    job: str = ""
    names: dict[str, str] = field(default_factory=dict)
    """Files by folded name: as they are written."""
    versions: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def put(self, file: str, version: str) -> None:
        """A file has this version now."""
        key = fold(file)
        before = self.versions.get(key)
        if before is None:
            if len(self.versions) >= FILES_MAX:
                return
            self.names[key] = file
        else:
            self.counts[before] -= 1
        self.versions[key] = version
        self.counts[version] += 1

    def drop(self, file: str) -> None:
        """A file that it knows is none of the package's any more."""
        key = fold(file)
        self.counts[self.versions.pop(key)] -= 1
        del self.names[key]

    def knows(self, file: str) -> bool:
        """Whether a copy of the package has named it."""
        return fold(file) in self.versions

    @property
    def state(self) -> str:
        """`new`, `old`, `mixed` or `missing`, for its job; empty for nothing."""
        count = len(self.versions)
        if not count:
            return ""
        if self.counts[MISSING]:
            return "missing"
        new = self.counts[self.job]
        return "new" if new == count else "mixed" if new else "old"

    def letter(self, key: str) -> str:
        """Of a file: `n`, `o`, `m`, `x`; `-` for one that is not part of it here."""
        version = self.versions.get(key)
        if version is None:
            return "-"
        if version == MISSING:
            return "m"
        return "n" if version == self.job else "x" if version == OTHER else "o"

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """How many files are new, old, missing, somebody else's."""
        new, missing, other = self.counts[self.job], self.counts[MISSING], self.counts[OTHER]
        return new, len(self.versions) - new - missing - other, missing, other


@dataclass(slots=True)
class JobTruth:
    """What was true of a job, over its folders. `replaced_by` is the job that took its folders
    over.
    """

    package: str
    states: Counter[str] = field(default_factory=Counter)
    history: deque[Truth] = field(default_factory=lambda: deque(maxlen=TRUTH_MAX))
    replaced_by: str = ""

    def note(self, at: float) -> None:
        """Remember what is so now."""
        s = self.states
        now = (s["new"], s["old"], s["mixed"], s["missing"])
        if self.history and at - self.history[-1][0] < TRUTH_STEP_S:
            at = self.history.pop()[0]
        if not self.history or self.history[-1][1:] != now:
            self.history.append((at, *now))


class Folders:
    """All packages on all servers that the records tell of."""

    def __init__(self) -> None:
        self.folders: dict[tuple[str, str], PackageFolder] = {}
        """By package and folded server."""
        self.truths: dict[str, JobTruth] = {}
        """By job."""

    def state_on(self, package: str, server: str) -> str:
        """What a package on a server is now; empty for one that no record tells of."""
        folder = self.folders.get((package, fold(server)))
        return folder.state if folder is not None else ""

    # -- one step for each kind

    def copy_started(self, copy: CopyStarted, at: float) -> None:
        """A job begins to bring a package to a server: what is there is old now."""
        key = (copy.package, fold(copy.server))
        folder = self.folders.get(key)
        if folder is None:
            if len(self.folders) >= FOLDERS_MAX:
                return
            folder = self.folders[key] = PackageFolder(copy.package, copy.server)
        if folder.job == copy.job:
            return
        before, former = folder.state, self.truths.get(folder.job)
        folder.job = copy.job
        if former is not None:
            former.states[before] -= 1
            former.replaced_by = copy.job
        truth = self.truths.setdefault(copy.job, JobTruth(copy.package))
        if len(self.truths) > TRUTHS_MAX:  # a child's process does not hear that its parent's end
            over = (job for job, one in self.truths.items() if one.replaced_by)
            del self.truths[next(over, next(iter(self.truths)))]
        truth.states[folder.state] += 1
        truth.note(at)

    def file_copied(self, copied: FileCopied, at: float) -> None:
        """What the Despooler says of a file: only then is it known to be one of the package."""
        folder = self.folders.get((copied.package, fold(copied.server)))
        if folder is None:
            return
        if copied.result in _AS_WANTED:
            self._put(folder, copied.file, copied.job, at)
        elif not folder.knows(copied.file):
            self._put(folder, copied.file, OTHER if copied.win32 in (5, 32, 33) else MISSING, at)

    def copy_ended(self, ended: CopyEnded, at: float) -> None:
        """An attempt is over: remember what it left behind. What is not there after a complete one
        has left the package.
        """
        folder = self.folders.get((ended.package, fold(ended.server)))
        if folder is not None and ended.result == "complete" and folder.counts[MISSING]:
            for key in [key for key, version in folder.versions.items() if version == MISSING]:
                self._turn(folder, partial(folder.drop, key), at)
        truth = self.truths.get(ended.job)
        if truth is not None:
            truth.note(at)

    def written(self, written: FileWritten, at: float) -> None:
        """Somebody wrote a file of a share."""
        found = self._file(written.server, written.path)
        if found is not None:
            self._put(*found, job_of(written.purpose) or OTHER, at)

    def deleted(self, deleted: FileDeleted, at: float) -> None:
        """A file was deleted: if it was one of a package, it is missing; but one that a job deletes
        which brought nothing there is removed.
        """
        found = self._file(deleted.server, deleted.path)
        if found is None:
            return
        job = job_of(deleted.purpose)
        if job and job != found[0].job:
            self._turn(found[0], partial(found[0].drop, found[1]), at)
        else:
            self._put(*found, MISSING, at)

    def renamed(self, renamed: FileRenamed, at: float) -> None:
        """A file has another name: of a package's, or that of a package's now."""
        gone = self._file(renamed.server, renamed.path)
        come = self._file(renamed.server, renamed.new_path)
        version = gone[0].versions[fold(gone[1])] if gone is not None else OTHER
        if gone is not None:
            self._put(*gone, MISSING, at)
        if come is not None:
            self._put(*come, job_of(renamed.purpose) or version, at)

    def _file(self, server: str, path: str) -> tuple[PackageFolder, str] | None:
        package, _, file = path.partition("/")
        folder = self.folders.get((package, fold(server))) if file else None
        return (folder, file) if folder is not None and folder.knows(file) else None

    def _put(self, folder: PackageFolder, file: str, version: str, at: float) -> None:
        self._turn(folder, partial(folder.put, file, version), at)

    def _turn(self, folder: PackageFolder, change: Callable[[], None], at: float) -> None:
        """Change something of a folder, and note what is true of its job then."""
        before = folder.state
        change()
        after, truth = folder.state, self.truths.get(folder.job)
        if before != after and truth is not None:
            truth.states[before] -= 1
            truth.states[after] += 1
            truth.note(at)
