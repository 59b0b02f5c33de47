"""An import: files in, a run's records out, and what was found in each file.

The law: the files become records in one pass (two, where there are several), which is streamed to
whoever listens; nothing of it is kept here but counts. What the run proves is its grade: the best
of its files, with the sentences about what is missing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import UNSET

from despoolr_core.records.kinds.import_note import ImportNote
from despoolr_core.records.stream import Listener
from despoolr_core.rules.fold import fold
from despoolr_lab.imports.fold.merge import Merge, Track
from despoolr_lab.imports.fold.names import Names
from despoolr_lab.imports.fold.trace_recorder import TraceRecorder
from despoolr_lab.imports.formats.table import format_of
from despoolr_lab.imports.traces.seen import Connected, OpenDenied, Opened, Seen
from despoolr_lab.imports.traces.source import PORTS, ImportFailed, TraceFile, name

FILES_MAX: Final = 10_000
"""Files of one import."""
GRADES: Final = {
    "A": "opens, closes, share modes and refusals: everything, inside the recorded span",
    "B": "opens and closes, no share modes",
    "C": "samples of what is open; no refusals",
    "D": "the side of whoever waits only",
}
NO_NAME: Final = "SERVER"
"""What a server is called that no source and no user names."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says of the files. `zone` None: nothing was said of it."""

    wanted: str = ""
    zone: dt.tzinfo | None = None
    year: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    port: int = 0
    """Of the SMB server, where it is neither 445 nor 139."""
    is_hidden: bool = False
    salt: bytes = b""


class Import:
    """One import. `run` writes it to listeners; after that the counts and notes are whole."""

    def __init__(self, sources: Sequence[TraceFile], options: ImportOptions) -> None:
        """Raises `ImportFailed` for a file that looks like nothing that can be imported."""
        if not sources or len(sources) > FILES_MAX:
            raise ImportFailed(f"1 to {FILES_MAX:,} files can be imported at once")
        self._options = options
        for number, source in enumerate(sources, 1):
            source.zone, source.year = options.zone, options.year
            if options.port:
                source.ports = PORTS | {options.port}
            source.called = f"file {number}" if options.is_hidden else ""
        self.names = Names(options.names, is_hidden=options.is_hidden, salt=options.salt)
        self.tracks = _tracks(sources, options.wanted)
        _name_hosts(self.tracks)
        _name_machines(self.tracks)
        self.recorder: TraceRecorder | None = None

    @property
    def grade(self) -> str:
        """The grade of the run: that of its best file."""
        return min(track.grade for track in self.tracks)

    def run(self, listeners: list[Listener]) -> TraceRecorder:
        """Read everything and record it. Returns what was recorded. Raises `ImportFailed`."""
        merge = Merge(self.tracks, self.names)
        facts = merge.facts()
        first: list[tuple[int, Seen]] = []
        address = ""
        for pair in facts:  # until one may name its server
            first.append(pair)
            fact = pair[1]
            if isinstance(fact, Connected | Opened | OpenDenied):
                address = fact.who.server or merge.server
                break
        wanted = self._options.server
        server = self.names.hidden("SRV", wanted) if wanted else self.names.server(address)
        recorder = TraceRecorder(server or NO_NAME, self.names, listeners, address)
        self.recorder = recorder
        at = min((fact.at for _, fact in first), default=0.0)
        notes = [self._source_note(track) for track in self.tracks]
        notes += [ImportNote(about=about, text=text) for about, text in merge.notes]
        notes += self._clock_notes()
        recorder.start(at, notes)
        for index, fact in _chain(first, facts):
            recorder.take(index, fact)
        recorder.end(
            [
                ImportNote(about="damage", text=text, source=source.name)
                for track in self.tracks
                for source in track.sources
                for text in (source.damage, source.oddity)
                if text
            ]
        )
        return recorder

    def files(self) -> list[dict[str, Any]]:
        """What was found in each track, after `run`."""
        counts = self.recorder.by_source if self.recorder is not None else {}
        return [
            {
                "file": track.name,
                "format": track.kind.name,
                "grade": track.grade,
                "opens": counts.get((track.index, "opens"), 0),
                "closes": counts.get((track.index, "closes"), 0),
                "refusals": counts.get((track.index, "refusals"), 0),
                "damaged": sum(source.damage_count for source in track.sources),
            }
            for track in self.tracks
        ]

    def _source_note(self, track: Track) -> ImportNote:
        grade = track.grade
        return ImportNote(
            about="source",
            text=f"{track.name} ({track.kind.name}) is of grade {grade}: {GRADES[grade]}",
            source=track.name,
            grade=grade,
            system=track.kind.system or UNSET,
        )

    def _clock_notes(self) -> list[ImportNote]:
        notes = []
        for track in self.tracks:
            source = track.sources[0]
            if track.kind.clock == "local" and source.zone is None and not track.offset_s:
                notes.append(
                    ImportNote(
                        about="clock",
                        text=f"the times of {track.name} have no zone and are taken as UTC; --tz "
                        "says which it is (+02:00, Europe/Berlin)",
                        source=track.name,
                    )
                )
        return notes


def _tracks(sources: Sequence[TraceFile], wanted: str) -> list[Track]:
    """A track for each file; the files of one sampled format are one."""
    tracks: list[Track] = []
    by_format: dict[str, Track] = {}
    empty: list[TraceFile] = []
    for source in sources:
        if not wanted and len(sources) > 1 and not source.head().strip():
            empty.append(source)
            continue
        kind = format_of(source, wanted)
        known = by_format.get(kind.name)
        if known is not None and kind.samples is not None:
            known.sources.append(source)
            continue
        track = by_format[kind.name] = Track(len(tracks), kind, [source])
        tracks.append(track)
    _place_empty(empty, tracks)
    return tracks


def _name_hosts(tracks: list[Track]) -> None:
    """Which servers there are is told by all files together: each may be of one."""
    readers = [(track.kind.hosts, source) for track in tracks for source in track.sources]
    named: frozenset[str] = frozenset().union(
        *(hosts(source) for hosts, source in readers if hosts is not None)
    )
    for _, source in readers:
        source.hosts = named


def _name_machines(tracks: list[Track]) -> None:
    """Files that each tell of the machine that they were written on: each is called as its file,
    after its directory where several are called the same.
    """
    sources = [track.sources[0] for track in tracks if track.kind.is_of_its_machine]
    count = Counter(fold(source.path.stem) for source in sources)
    for source in sources if len(sources) > 1 else ():
        stem = source.path.stem
        above = f"{source.path.absolute().parent.name}-" if count[fold(stem)] > 1 else ""
        source.local = name(above + stem)


def _place_empty(empty: list[TraceFile], tracks: list[Track]) -> None:
    """An empty file among samples of one kind is a sample of nothing."""
    if not empty:
        return
    sampled = [track for track in tracks if track.kind.name == "smb-open-file"]
    if len(sampled) != 1:
        raise ImportFailed(f"{empty[0].path} is empty")
    sampled[0].sources += empty


def _chain(
    first: list[tuple[int, Seen]], rest: Iterator[tuple[int, Seen]]
) -> Iterator[tuple[int, Seen]]:
    yield from first
    yield from rest
