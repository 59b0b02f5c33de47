"""What a run did to those who had nothing to do with the update, read from its records.

A server is *mixed* from the first file of a package that an attempt changes there until an attempt
on it is complete; a file is *missing* from its deletion until it is written again, and while a
marker keeps clients from opening any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.kinds.share import (
    FileDeleted,
    FileRenamed,
    FileWritten,
    OpenClosed,
    OpenGranted,
    RightsChanged,
)
from despoolr_core.records.kinds.site import CopyEnded, CopyStarted
from despoolr_core.records.stream import Record
from despoolr_core.records.whatif.ladder import Effects
from despoolr_core.rules.conflict import WRITES
from despoolr_core.rules.fold import fold
from despoolr_core.rules.remedies import REAPED, marker_of
from despoolr_core.share.modes import Access, parse_flags

BY_FORCE: Final = ("forced disconnect", REAPED)
DESPOOLER: Final = "SMS_DESPOOLER"

_File = tuple[str, str]
"""A server, and a path on its package share as names are compared."""


def effects_of(records: Sequence[Record], files: Iterable[str]) -> Effects:
    """The harm of a run. `files` are the paths of the packages' files within their directories."""
    names = {fold(name) for name in files}
    fold_over = _Fold(names)
    for record in records:
        fold_over.apply(record)
    return fold_over.effects(records[-1].at if records else 0.0)


class _Fold:
    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._open: dict[tuple[str, str], OpenGranted] = {}
        self._cut: set[str] = set()
        self._data_lost = 0
        self._rights: dict[tuple[str, str, str, str], tuple[str | None, str | None]] = {}
        self._mixed: set[tuple[str, str]] = set()
        """Server and package of which some files are new and some old."""
        self._has: set[tuple[str, str]] = set()
        """Server and package that was complete there once."""
        self._missing: dict[_File, float] = {}
        self._mixed_installs = 0
        self._gone_s = 0.0
        self._gone_since: float | None = None
        self._under_way: dict[str, str] = {}
        """Server to the package that is being copied there."""

    def apply(self, record: Record) -> None:
        """Take one record in."""
        fact = record.data
        if isinstance(fact, OpenGranted):
            self._open[fact.server, fact.open] = fact
        elif isinstance(fact, OpenClosed):
            self._closed(fact)
        elif isinstance(fact, RightsChanged):
            key = (record.actor.partition("/")[0], fact.share, fact.path, fact.role)
            first = self._rights.get(key, (fact.was, None))[0]
            self._rights[key] = (first, fact.rights)
        elif isinstance(fact, CopyStarted):
            self._under_way[fact.server] = fact.package
        elif isinstance(fact, CopyEnded):
            if fact.result == "complete":
                self._mixed.discard((fact.server, fact.package))
                self._has.add((fact.server, fact.package))
        elif isinstance(fact, FileWritten | FileDeleted | FileRenamed):
            self._changed(fact, record.at)
        elif isinstance(fact, ProgramStarted):
            self._mixed_installs += (fact.server, fact.package) in self._mixed

    def _closed(self, closed: OpenClosed) -> None:
        granted = self._open.pop((closed.server, closed.open), None)
        if closed.reason not in BY_FORCE:
            return
        self._cut.add(closed.machine)
        if granted is not None and parse_flags(Access, granted.access) & WRITES:
            self._data_lost += 1

    def _changed(self, fact: FileWritten | FileDeleted | FileRenamed, at: float) -> None:
        if fact.program != DESPOOLER:
            return
        package = self._under_way.get(fact.server, "")
        gone, come = "", ""
        if isinstance(fact, FileWritten):
            come = fact.path
        elif isinstance(fact, FileDeleted):
            gone = fact.path
        else:
            gone, come = fact.path, fact.new_path
        if marker_of(package) in (gone, come):
            self._set_missing((fact.server, marker_of(package)), bool(come), at)
        for path, is_there in ((gone, False), (come, True)):
            if self._is_live(path, package) and (fact.server, package) in self._has:
                self._mixed.add((fact.server, package))
                self._set_missing((fact.server, fold(path)), not is_there, at)

    def _is_live(self, path: str, package: str) -> bool:
        """Whether it is a file of the package in the directory that clients use."""
        directory, slash, name = path.partition("/")
        return bool(slash) and fold(directory) == fold(package) and fold(name) in self._names

    def _set_missing(self, file: _File, is_missing: bool, at: float) -> None:
        if is_missing:
            self._missing.setdefault(file, at)
        else:
            self._missing.pop(file, None)
        if self._missing and self._gone_since is None:
            self._gone_since = at
        elif not self._missing and self._gone_since is not None:
            self._gone_s += at - self._gone_since
            self._gone_since = None

    def effects(self, end: float) -> Effects:
        """What it came to until `end` (site seconds)."""
        gone_s = self._gone_s + (end - self._gone_since if self._gone_since is not None else 0.0)
        return Effects(
            data_lost=self._data_lost,
            rights_lost=sum(first != last for first, last in self._rights.values()),
            users_cut=len(self._cut),
            mixed_installs=self._mixed_installs,
            no_service_s=float(round(gone_s)),
        )
