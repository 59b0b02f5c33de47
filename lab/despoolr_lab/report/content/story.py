"""What happened, in sentences: the story of one file, and of one attempt to replace it.

A story keeps the first two and the last of sentences that say the same; the gap between them is
counted, so that a hundred equal attempts read as four lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from despoolr_core.formats.nt_event import without_lines
from despoolr_core.phrases import counted
from despoolr_core.records.kinds.fact import Fact, UnknownFact
from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.kinds.share import (
    EpisodeEnded,
    FileDeleted,
    FileRenamed,
    FileWritten,
    LockGranted,
    LockReleased,
    OpenClosed,
    OpenGranted,
    OpenRefused,
)
from despoolr_core.records.kinds.site import (
    BoxRestored,
    CopyEnded,
    CopyStarted,
    EventLogged,
    FileCopied,
    InstructionWritten,
)
from despoolr_core.records.stream import Record
from despoolr_core.rules.fold import fold
from despoolr_core.share.wire import Blocker
from despoolr_core.times import moment, span
from despoolr_lab.report.content.facts import Facts, FileKey, file_key, file_of
from despoolr_lab.report.content.words import clean, file_name, program_on, unc

_ABOUT_FILES: Final = (
    OpenGranted,
    OpenRefused,
    OpenClosed,
    LockGranted,
    LockReleased,
    FileWritten,
    FileDeleted,
    FileRenamed,
    BoxRestored,
)
STORIES_MAX: Final = 8
LINES_MAX: Final = 80
KEEP_FIRST: Final = 2
FIRST_MAX: Final = 2_000
LAST_MAX: Final = 500
"""Records of a story that are looked at: the first and the last of it."""
BEFORE_MAX: Final = 200
"""Records between the beginning of an attempt and its refusal, and after it."""


class StoryLine(msgspec.Struct, frozen=True):
    """One sentence of a story; a gap stands for `omitted` records (then `seq` is 0)."""

    seq: int
    at: float
    kind: str
    actor: str
    text: str
    omitted: int = 0
    until: float = 0.0


class FileStory(msgspec.Struct, frozen=True):
    """The records that mention one file."""

    title: str
    name: str
    record_count: int
    lines: list[StoryLine]


def sentence(record: Record) -> str:
    """One record in plain English."""
    fact = record.data
    tell = _TELL.get(type(fact))
    return clean(tell(fact) if tell else _facts_of(fact))


def file_stories(facts: Facts) -> list[FileStory]:
    """The stories of the files that were in somebody's way, longest blocked first; without any, of
    those that were held.
    """
    chosen: dict[FileKey, tuple[str, str, str]] = {}
    for episode in facts.episodes:
        if len(chosen) == STORIES_MAX:
            break
        chosen.setdefault(
            file_key(episode.server, episode.share, episode.path),
            (episode.server, episode.share, episode.path),
        )
    if not chosen:
        for holding in facts.holdings[:STORIES_MAX]:
            chosen.setdefault(file_of(holding), (holding.server, holding.share, holding.path))
    found = _mentions(facts.records, chosen)
    return [
        FileStory(unc(*names), file_name(names[2]), found[key].count, found[key].lines())
        for key, names in chosen.items()
    ]


class _Mentions:
    """The records that mention a file: all of them, or the first and the last of too many."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[Record] = []
        self._last: deque[Record] = deque(maxlen=LAST_MAX)

    def add(self, record: Record) -> None:
        self.count += 1
        (self._first if len(self._first) < FIRST_MAX else self._last).append(record)

    def lines(self) -> list[StoryLine]:
        """The story."""
        omitted = self.count - len(self._first) - len(self._last)
        if not omitted:
            return condense([*self._first, *self._last])
        head = condense(self._first)[: LINES_MAX * 2 // 3]
        tail = condense([*self._last])[-LINES_MAX // 3 :]
        since, until = head[-1].until or head[-1].at, tail[0].at
        gap = StoryLine(0, since, "", "", f"{counted(omitted, 'record')} not shown", omitted, until)
        return [*head, gap, *tail]


def _mentions(records: Iterable[Record], chosen: dict[FileKey, Any]) -> dict[FileKey, _Mentions]:
    """The records about each chosen file: those of its share server, and the copies of its package
    to that server.
    """
    found: dict[FileKey, _Mentions] = {key: _Mentions() for key in chosen}
    by_copy: dict[tuple[str, str, str], list[FileKey]] = {}
    for key in chosen:
        package, _, name = key[2].partition("/")
        by_copy.setdefault((key[0], package, name), []).append(key)
    for record in records:
        fact = record.data
        if isinstance(fact, FileCopied):
            for key in by_copy.get((fact.server, fold(fact.package), fold(fact.file)), ()):
                found[key].add(record)
        elif isinstance(fact, _ABOUT_FILES):
            key = file_key(fact.server, fact.share, fact.path)
            if key not in found and isinstance(fact, FileRenamed):
                key = file_key(fact.server, fact.share, fact.new_path)
            if key in found:
                found[key].add(record)
    return found


def condense(records: Sequence[Record]) -> list[StoryLine]:
    """The lines of a story, repetitions left out and counted, at most `LINES_MAX`."""
    texts = [sentence(record) for record in records]
    last = {
        (record.kind, text): number
        for number, (record, text) in enumerate(zip(records, texts, strict=True))
    }
    seen: dict[tuple[str, str], int] = {}
    lines: list[StoryLine] = []
    for number, (record, text) in enumerate(zip(records, texts, strict=True)):
        what = (record.kind, text)
        seen[what] = seen.get(what, 0) + 1
        if seen[what] <= KEEP_FIRST or last[what] == number:
            lines.append(StoryLine(record.seq, record.at, record.kind, clean(record.actor), text))
        else:
            _omit(lines, record)
    if len(lines) > LINES_MAX:
        head, tail = LINES_MAX * 2 // 3, LINES_MAX // 3
        middle = lines[head : len(lines) - tail]
        omitted = sum(line.omitted or 1 for line in middle)
        gap = StoryLine(
            0,
            middle[0].at,
            "",
            "",
            f"{counted(omitted, 'record')} not shown",
            omitted,
            middle[-1].until or middle[-1].at,
        )
        lines = [*lines[:head], gap, *lines[len(lines) - tail :]]
    return lines


def _omit(lines: list[StoryLine], record: Record) -> None:
    begun = lines.pop() if lines and lines[-1].omitted else None
    omitted, since = (begun.omitted + 1, begun.at) if begun else (1, record.at)
    text = f"{counted(omitted, 'more record')} like these"
    lines.append(StoryLine(0, since, "", "", text, omitted, record.at))


def first_attempt(facts: Facts) -> list[StoryLine]:
    """What the first refused copy of the longest episode did, record by record, until its next try
    was written down.
    """
    if not facts.episodes:
        return []
    episode = facts.episodes[0]
    job = facts.job_of(episode)
    before: deque[Record] = deque(maxlen=BEFORE_MAX)
    lines: list[StoryLine] = []
    is_begun = False
    after = 0
    for record in facts.records:
        fact = record.data
        if not is_begun:
            if job and isinstance(fact, CopyStarted) and fact.job == job.job:
                before.clear()
            before.append(record)
            if not (isinstance(fact, OpenRefused) and fact.episode == episode.episode):
                continue
            is_begun = True
            first = before[0].data
            is_whole = job and isinstance(first, CopyStarted) and first.job == job.job
            told = list(before) if is_whole else [record]
        else:
            told = [record]
            after += 1
        lines += [
            StoryLine(one.seq, one.at, one.kind, clean(one.actor), sentence(one))
            for one in told
            if _is_of_attempt(one, job.job if job else "", episode.episode)
        ]
        is_last = isinstance(fact, InstructionWritten | EpisodeEnded) and lines[-1:] != []
        is_last = is_last and lines[-1].seq == record.seq
        if is_last or not job or len(lines) >= LINES_MAX // 2 or after >= BEFORE_MAX:
            break
    return lines


def _is_of_attempt(record: Record, job: str, episode: str) -> bool:
    fact = record.data
    if isinstance(fact, OpenRefused):
        return fact.episode == episode
    of_job = CopyStarted | FileCopied | CopyEnded | EventLogged | InstructionWritten
    return isinstance(fact, of_job) and bool(job) and fact.job == job


# -- one sentence a kind


def _facts_of(fact: Fact) -> str:
    if isinstance(fact, UnknownFact):
        said = msgspec.json.decode(fact.raw)
    else:
        said = msgspec.to_builtins(fact)
    return ", ".join(
        f"{key}: {value}" for key, value in said.items() if value not in ("", [], (), None)
    )


def _who(fact: OpenGranted | OpenRefused | Blocker) -> str:
    who = program_on(fact.program, fact.machine) or "somebody whom nobody recorded"
    return f"{who} (user {fact.user})" if fact.user else who


def _refused(fact: OpenRefused) -> str:
    blockers = fact.blockers
    named = "; ".join(
        f"{_who(b)} has it open{_mode(b.access, b.share_mode)}, since "
        f"{'before ' if b.since else ''}{moment(b.opened_at)}"
        for b in blockers[:3]
    )
    more = f" and {len(blockers) - 3} more" if len(blockers) > 3 else ""
    because = f": {named}{more}" if named else ""
    status = f" ({fact.nt_status}, Win32 {fact.win32})" if fact.nt_status else ""
    return f"{_who(fact)} is refused {fact.access or 'it'}{status}{because}"


def _mode(access: str, share_mode: str) -> str:
    """How something is open, as far as it is known (an import may not)."""
    wanted = f" for {access}" if access else ""
    return wanted + (f" sharing {share_mode}" if share_mode else ", its share mode unknown")


def _closed(fact: OpenClosed) -> str:
    if fact.reason == "closed":
        return f"{fact.machine} closes it"
    return f"what {fact.machine} had open ends: {fact.reason}"


def _copy_file(fact: FileCopied) -> str:
    error = f" (Win32 {fact.win32})" if fact.win32 else ""
    return f"{fact.file} to {fact.server}: {fact.result}{error}"


def _copy_ended(fact: CopyEnded) -> str:
    at = f" at {fact.file}" if fact.file else ""
    return f"attempt {fact.attempt} ended: {fact.result}{at}"


def _next_try(fact: InstructionWritten) -> str:
    due = f", to be tried again at {moment(fact.execute_at)}" if fact.execute_at else ""
    return f"instruction {fact.file} written, retry {fact.retries}{due}"


def _changed(fact: FileWritten | FileDeleted | FileRenamed) -> str:
    who = program_on(fact.program, fact.machine)
    if isinstance(fact, FileWritten):
        return f"{who} writes it, {counted(fact.size, 'byte')}"
    if isinstance(fact, FileRenamed):
        return f"{who} renames {fact.path} to {fact.new_path}"
    return f"{who} deletes it"


_TELL: Final[dict[type[Fact], Callable[[Any], str]]] = {
    OpenGranted: lambda f: f"{_who(f)} opens it{_mode(f.access, f.share_mode)}",
    OpenRefused: _refused,
    OpenClosed: _closed,
    FileWritten: _changed,
    FileDeleted: _changed,
    FileRenamed: _changed,
    CopyStarted: lambda f: f"attempt {f.attempt} to copy package {f.package} to {f.server}",
    FileCopied: _copy_file,
    CopyEnded: _copy_ended,
    InstructionWritten: _next_try,
    EventLogged: lambda f: f"event {f.event}: {without_lines(f.text)}",
    EpisodeEnded: lambda f: f"{f.state}: {f.reason}",
    RunEnded: lambda f: f"the run ends ({f.reason}); what is open now is not closed by anybody",
}


def gap_span(line: StoryLine) -> str:
    """How long a gap lasts."""
    return span(line.until - line.at)
