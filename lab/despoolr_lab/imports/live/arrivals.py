"""Samples that come as files into a directory: what a scheduled `Get-SmbOpenFile` or `openfiles`
writes there.

The law: a file is read once, when it has not grown since the last look, in the order of the times
of the samples. What is no sample is counted, told, and left where it is; nothing there is changed.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from despoolr_lab.imports.formats.table import format_of
from despoolr_lab.imports.traces.samples import OpenSample
from despoolr_lab.imports.traces.source import ImportFailed, TraceFile

FILES_MAX: Final = 100_000
"""Files that are remembered as read; beyond, the directory wants to be emptied."""
_FULL: Final = "too many files were read: no further one is until the directory is emptied"


class Arrivals:
    """The files of a directory, as they come. Raises `ImportFailed` where it cannot be listed."""

    def __init__(self, path: Path, zone: dt.tzinfo | None) -> None:
        self._path = path
        self._zone = zone
        self._read: set[str] = set()
        self._sizes: dict[str, tuple[int, float]] = {}
        self.gaps: list[str] = []
        """What the formats of the files cannot prove, and that no more are read: each sentence
        once.
        """
        self.unread_count = 0
        self.failure = ""
        self._list()

    def samples(self) -> list[OpenSample]:
        """Those of the files that have come, whole, since the last look."""
        ready: list[Path] = []
        sizes: dict[str, tuple[int, float]] = {}
        there = set()
        for file in self._list():
            there.add(file.name)
            if file.name in self._read:
                continue
            if len(self._read) + len(ready) >= FILES_MAX:
                if _FULL not in self.gaps:
                    self.gaps.append(_FULL)
                continue
            try:
                facts = file.stat()
            except OSError:  # gone already
                continue
            sizes[file.name] = facts.st_size, facts.st_mtime
            if self._sizes.get(file.name) == sizes[file.name]:
                ready.append(file)
        self._sizes = sizes
        self._read &= there
        found = [sample for file in ready for sample in self._samples_of(file)]
        return sorted(found, key=lambda sample: sample.at)

    def _list(self) -> list[Path]:
        try:
            files = [one for one in self._path.iterdir() if one.is_file() and one.name[0] != "."]
        except OSError as error:
            raise ImportFailed(f"cannot list {self._path}: {error.strerror}") from None
        return sorted(files)

    def _samples_of(self, file: Path) -> list[OpenSample]:
        self._read.add(file.name)
        source = TraceFile(file, self._zone)
        try:
            if not source.head().strip():  # Get-SmbOpenFile, of no open file
                return [OpenSample(source.sampled_at, [])]
            kind = format_of(source)
            if kind.samples is None:
                raise ImportFailed(f"{file.name} is no sample of open files, but {kind.title}")
            found = list(kind.samples(source))
        except ImportFailed as error:
            self.unread_count += 1
            self.failure = str(error)
            return []
        if kind.gap and kind.gap not in self.gaps:
            self.gaps.append(kind.gap)
        return found
