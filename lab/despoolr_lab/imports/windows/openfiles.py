"""`openfiles /query /fo csv [/v]` (and `/fo list`): what is open on a Windows server, undated.

The law: what stands before the heading is passed over. With /v there are seven columns, with the
mode in words (`Write + Read`), else four without it; headings of other languages are read by their
number. Neither share mode nor machine is in it; its time is the file's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.imports.traces.samples import OpenSample, SampledOpen
from despoolr_lab.imports.traces.seen import UNKNOWN, Who
from despoolr_lab.imports.traces.source import TraceFile, user_of
from despoolr_lab.imports.windows.paths import place_of

ROWS_MAX: Final = 100_000
GAP: Final = (
    "openfiles has no share modes, no machines and no times of its own: those of the samples are "
    "the files' names or dates"
)
MODES: Final = {
    "READ": 1,
    "WRITE": 2,
    "WRITE + READ": 3,
    "READ + WRITE": 3,
    "NO ACCESS.": 0,
    "NO ACCESS": 0,
    "LESEN": 1,
    "SCHREIBEN": 2,
    "SCHREIBEN + LESEN": 3,
    "LECTURE": 1,
    "ÉCRITURE": 2,
    "ÉCRITURE + LECTURE": 3,
}
"""Its modes, in capitals, as access; any other word is none that is known."""

_ROW: Final = re.compile(
    r'^(?:"[^"]*",)?"\d+","[^"]*","[^"]*",(?:"\d+","[^"]*",)?"(?:[A-Za-z]:\\|\\\\)[^"]*"\s*$'
)
"""A row with or without /v: a number, a user, a type, and a path at the end."""
_LIST: Final = ("ID:", "Accessed By:", "Open Mode:", "Open File (Path\\executable):")


def sniff(head: str) -> bool:
    """Whether a text is what openfiles prints, in whichever language."""
    if '"Accessed By"' in head or ("\nAccessed By:" in head and "\nOpen File (Path" in head):
        return True
    rows = [line for line in head.splitlines() if line.startswith('"')][:3]
    return len(rows) > 1 and not _is_row(rows[0]) and _is_row(rows[1])


def _is_row(line: str) -> bool:
    return _ROW.match(line) is not None


def read(source: TraceFile) -> Iterator[OpenSample]:
    """The one sample of a file."""
    rows = _listed(source) if "\nAccessed By:" in source.head_text() else _tabled(source)
    yield OpenSample(source.sampled_at, rows)


def _tabled(source: TraceFile) -> list[SampledOpen]:
    rows: list[SampledOpen] = []
    has_heading = False
    lines = (line for line in source.lines() if line.startswith('"'))
    reader = csv.reader(lines)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            source.damaged(f"a row is damaged ({error})")
            continue
        if not has_heading:
            has_heading = True
            continue
        if len(cells) == 7:
            _add(rows, cells[1], cells[2], cells[5], cells[6])
        elif len(cells) == 4:
            _add(rows, cells[0], cells[1], "", cells[3])
        else:
            source.damaged(f"a row has {len(cells)} columns, not 7 or 4")


def _listed(source: TraceFile) -> list[SampledOpen]:
    rows: list[SampledOpen] = []
    number = user = mode = ""
    for line in source.lines():
        for heading in _LIST:
            if not line.startswith(heading):
                continue
            value = line[len(heading) :].strip()
            if heading == _LIST[0]:
                number, user, mode = value, "", ""
            elif heading == _LIST[1]:
                user = value
            elif heading == _LIST[2]:
                mode = value
            else:
                _add(rows, number, user, mode, value)
    return rows


def _add(rows: list[SampledOpen], number: str, user: str, mode: str, path: str) -> None:
    if len(rows) >= ROWS_MAX:
        return
    place = place_of(path)
    access = MODES.get(fold(mode.strip()), UNKNOWN)
    rows.append(
        SampledOpen(
            key=f"{number[:40]}/{path[:1024]}",
            who=Who(user=user_of(user)),
            share=place.share,
            path=place.path,
            access=access,
            share_mode=UNKNOWN,
            known=0,
        )
    )
