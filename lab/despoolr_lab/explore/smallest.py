"""The file of a smallest failing world: each of its lines says whether it also fails without it.

The law: what is said of a line was tried, or could not be, as the file cannot be read without it;
of any other the file says that nobody tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from despoolr_core.phrases import counted
from despoolr_core.rules.text import escaped
from despoolr_lab.explore.cuts import PLAIN, cuts
from despoolr_lab.explore.replacements import Place
from despoolr_lab.explore.shrink import Shrunk
from despoolr_lab.scenario.reading.written import to_toml

_HEADER: Final = re.compile(r"^\[\[?([a-z_]+)(?:\.([a-z_]+)[^\]]*)?\]\]?$")
_KEY: Final = re.compile(r"^([A-Za-z_]+) = ")
_ITEM: Final = "    {"
"""How an entry of a list begins that stands in lines of its own."""
_LISTS: Final = ("site", "server", "clients", "package", "program", "step", "expect")
_BY_DEFAULT: Final = ("run", "worlds", "site", "server")
_TEXT: Final = '"""'
COLUMN: Final = 44
"""Where comments begin."""
GONE: Final = "without it: does not fail"
UNREADABLE: Final = "cannot be left out"
UNTRIED: Final = "not tried without it"


def render(found: Shrunk) -> str:
    """The text of the file."""
    head = [
        f"What goes wrong: {found.key}",
        found.text,
        f"{counted(found.runs, 'run')} made it this small; {_runs_again(found)}",
        "Behind each line: what became of it without that line.",
    ]
    tried = {cut.place for cut in cuts(found.scenario)}
    lines = [f"# {escaped(line)}" for line in head]
    for line, place in _placed(to_toml(found.scenario, is_short=True).splitlines()):
        if place is None or line.endswith(_TEXT):
            lines.append(line)
        else:
            lines.append(f"{line:<{COLUMN}}  # {_said(found, place, tried)}")
    return "\n".join(lines) + "\n"


def _runs_again(found: Shrunk) -> str:
    if found.is_repeatable is None:
        return "it was stopped before it was as small as can be."
    said = "were the same" if found.is_repeatable else "DIFFERED"
    return f"two more {said} ({found.digest[:16] or '-'})."


def _placed(lines: list[str]) -> Iterator[tuple[str, Place | None]]:
    """Each line with the place that it is about; None where it goes on with the one before."""
    table = key = ""
    counts: dict[str, int] = {}
    is_in_text = False
    for line in lines:
        was_in_text, is_in_text = is_in_text, is_in_text ^ (line.count(_TEXT) % 2 == 1)
        header, named = _HEADER.match(line), _KEY.match(line)
        if was_in_text:
            yield line, None
        elif header is not None:
            table, key = header[1], header[2] or ""
            if not key:
                counts[table] = counts.get(table, -1) + 1
            yield line, (table, counts.get(table, 0), key)
        elif named is not None and not table:
            key = named[1]
            yield line, None if key in _LISTS else ("", 0, key)
        elif named is not None and not key:
            yield line, (table, counts[table], named[1])
        elif not table and key in _LISTS and line.startswith(_ITEM):
            counts[key] = counts.get(key, -1) + 1
            yield line, (key, counts[key], "")
        else:
            yield line, None


def _said(found: Shrunk, place: Place, tried: set[Place]) -> str:
    """What is said of a line. What no run was made without must be there, or nobody tried."""
    table, index, key = place
    part: Any = found.scenario
    if table:
        part = getattr(part, table)
        part = part[index] if isinstance(part, list) else part
    field = next((one for one in msgspec.structs.fields(part) if one.encode_name == key), None)
    if field is not None and field.required:
        return UNREADABLE
    if place in found.needed:
        return GONE
    if place in tried:
        return UNTRIED
    if field is None:
        return UNTRIED if _has_another(found, table) else UNREADABLE
    return UNREADABLE if table in PLAIN else UNTRIED


def _has_another(found: Shrunk, table: str) -> bool:
    """Whether a file without this table has one all the same, by default."""
    parts = getattr(found.scenario, table, None)
    return table in _BY_DEFAULT and not (isinstance(parts, list) and len(parts) > 1)
