"""What happened, in sentences: the story of one file, and of one attempt to replace it.

A story keeps the first two and the last of sentences that say the same; the gap between them is
counted, so that a hundred equal attempts read as four lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from despoolr_core.records.stream import Record
from despoolr_core.rules.fold import fold
from despoolr_core.times import moment, span
from despoolr_lab.report.facts import Facts, FileKey, file_key
from despoolr_lab.report.words import clean, count, file_name, program_on, unc

STORIES_MAX: Final = 8
LINES_MAX: Final = 80
KEEP_FIRST: Final = 2


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a story; a gap stands for `omitted` records (then `seq` is 0)."""

    seq: int
    at: float
    kind: str
    actor: str
    text: str
    omitted: int = 0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class FileStory:
    """The records that mention one file."""

    title: str
    name: str
    record_count: int
    lines: list[Line]


def sentence(record: Record) -> str:
    """One record in plain English."""
    tell = _TELL.get(record.kind)
    return clean(tell(record.data) if tell else _facts_of(record.data))


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
            chosen.setdefault(holding.file, (holding.server, holding.share, holding.path))
    found = _mentions(facts.records, chosen)
    return [
        FileStory(unc(*names), file_name(names[2]), len(found[key]), condense(found[key]))
        for key, names in chosen.items()
    ]


def _mentions(records: Iterable[Record], chosen: dict[FileKey, Any]) -> dict[FileKey, list[Record]]:
    """The records about each chosen file: those of its share server, and the copies of its package
    to that server.
    """
    found: dict[FileKey, list[Record]] = {key: [] for key in chosen}
    by_copy: dict[tuple[str, str, str], list[FileKey]] = {}
    for key in chosen:
        package, _, name = key[2].partition("/")
        by_copy.setdefault((key[0], package, name), []).append(key)
    for record in records:
        data = record.data
        if "path" in data:
            share = (str(data.get("server", "")), str(data.get("share", "")))
            key = file_key(*share, str(data["path"]))
            if key not in found and "new_path" in data:
                key = file_key(*share, str(data["new_path"]))
            if key in found:
                found[key].append(record)
        elif record.kind == "copy.file":
            copied = (
                str(data.get("server", "")),
                fold(str(data.get("package", ""))),
                fold(str(data.get("file", ""))),
            )
            for key in by_copy.get(copied, ()):
                found[key].append(record)
    return found


def condense(records: Sequence[Record]) -> list[Line]:
    """The lines of a story, repetitions left out and counted, at most `LINES_MAX`."""
    texts = [sentence(record) for record in records]
    last = {
        (record.kind, text): number
        for number, (record, text) in enumerate(zip(records, texts, strict=True))
    }
    seen: dict[tuple[str, str], int] = {}
    lines: list[Line] = []
    for number, (record, text) in enumerate(zip(records, texts, strict=True)):
        what = (record.kind, text)
        seen[what] = seen.get(what, 0) + 1
        if seen[what] <= KEEP_FIRST or last[what] == number:
            lines.append(Line(record.seq, record.at, record.kind, clean(record.actor), text))
        else:
            _omit(lines, record)
    if len(lines) > LINES_MAX:
        head, tail = LINES_MAX * 2 // 3, LINES_MAX // 3
        middle = lines[head : len(lines) - tail]
        omitted = sum(line.omitted or 1 for line in middle)
        gap = Line(
            0,
            middle[0].at,
            "",
            "",
            f"{count(omitted, 'record')} not shown",
            omitted,
            middle[-1].until or middle[-1].at,
        )
        lines = [*lines[:head], gap, *lines[len(lines) - tail :]]
    return lines


def _omit(lines: list[Line], record: Record) -> None:
    begun = lines.pop() if lines and lines[-1].omitted else None
    omitted, since = (begun.omitted + 1, begun.at) if begun else (1, record.at)
    text = f"{count(omitted, 'more record')} like these"
    lines.append(Line(0, since, "", "", text, omitted, record.at))


def first_attempt(facts: Facts) -> list[Line]:
    """What the first refused copy of the longest episode did, record by record, until its next try
    was written down.
    """
    if not facts.episodes:
        return []
    episode = facts.episodes[0]
    job = facts.job_of(episode)
    refused = next(
        (
            n
            for n, r in enumerate(facts.records)
            if r.kind == "open.refused" and r.data.get("episode") == episode.episode
        ),
        None,
    )
    if refused is None:
        return []
    first = refused
    while job and first > 0 and refused - first < 200:
        first -= 1
        record = facts.records[first]
        if record.kind == "copy.started" and record.data.get("job") == job.job:
            break
    else:
        first = refused
    lines = []
    for record in facts.records[first : refused + 200]:
        if not _is_of_attempt(record, job.job if job else "", episode.episode):
            continue
        lines.append(
            Line(record.seq, record.at, record.kind, clean(record.actor), sentence(record))
        )
        if record.kind in ("instruction.written", "episode.ended") or len(lines) >= LINES_MAX // 2:
            break
        if not job:
            break
    return lines


_ATTEMPT_KINDS: Final = frozenset(
    ["copy.started", "copy.file", "copy.ended", "event", "instruction.written"]
)


def _is_of_attempt(record: Record, job: str, episode: str) -> bool:
    data = record.data
    if record.kind == "open.refused":
        return bool(data.get("episode") == episode)
    return record.kind in _ATTEMPT_KINDS and bool(job) and data.get("job") == job


# -- one sentence a kind


def _facts_of(data: dict[str, Any]) -> str:
    return ", ".join(
        f"{key}: {value}" for key, value in data.items() if value not in ("", [], None)
    )


def _who(data: dict[str, Any]) -> str:
    user = data.get("user", "")
    return program_on(str(data.get("program", "")), str(data.get("machine", ""))) + (
        f" (user {user})" if user else ""
    )


def _refused(data: dict[str, Any]) -> str:
    blockers = [b for b in data.get("blockers", []) if isinstance(b, dict)]
    named = "; ".join(
        f"{_who(b)} has it open for {b.get('access', '')} sharing {b.get('share_mode', '')}, "
        f"since {moment(b['opened_at'])}"
        for b in blockers[:3]
    )
    more = f" and {len(blockers) - 3} more" if len(blockers) > 3 else ""
    because = f": {named}{more}" if named else ""
    return (
        f"{_who(data)} is refused {data.get('access', '')} ({data.get('nt_status', '')}, Win32 "
        f"{data.get('win32', '')}){because}"
    )


def _copy_file(data: dict[str, Any]) -> str:
    error = f" (Win32 {data['win32']})" if data.get("win32") else ""
    return f"{data.get('file', '')} to {data.get('server', '')}: {data.get('result', '')}{error}"


def _copy_ended(data: dict[str, Any]) -> str:
    at = f" at {data['file']}" if data.get("file") else ""
    return f"attempt {data.get('attempt', '')} ended: {data.get('result', '')}{at}"


def _next_try(data: dict[str, Any]) -> str:
    when = data.get("execute_at")
    due = f", to be tried again at {moment(when)}" if isinstance(when, int | float) and when else ""
    return f"instruction {data.get('file', '')} written, retry {data.get('retries', '')}{due}"


_TELL: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "open.granted": lambda d: (
        f"{_who(d)} opens it for {d.get('access', '')} sharing {d.get('share_mode', '')}"
    ),
    "open.refused": _refused,
    "open.closed": lambda d: (
        f"{d.get('machine', '')} closes it"
        if d.get("reason") == "closed"
        else f"what {d.get('machine', '')} had open ends: {d.get('reason', '')}"
    ),
    "run.ended": lambda d: (
        f"the run ends ({d.get('reason', '')}); what is open now is not closed by anybody"
    ),
    "file.written": lambda d: f"{_who(d)} writes it, {count(int(d.get('size', 0)), 'byte')}",
    "file.deleted": lambda d: f"{_who(d)} deletes it",
    "file.renamed": lambda d: f"{_who(d)} renames {d.get('path', '')} to {d.get('new_path', '')}",
    "copy.started": lambda d: (
        f"attempt {d.get('attempt', '')} to copy package {d.get('package', '')} to "
        f"{d.get('server', '')}"
    ),
    "copy.file": _copy_file,
    "copy.ended": _copy_ended,
    "instruction.written": _next_try,
    "event": lambda d: f"event {d.get('event', '')}: {d.get('text', '')}",
    "episode.ended": lambda d: f"{d.get('state', '')}: {d.get('reason', '')}",
}


def gap_span(line: Line) -> str:
    """How long a gap lasts."""
    return span(line.until - line.at)
