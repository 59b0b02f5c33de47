"""The file of a smallest failing world: each of its lines says whether it also fails without it.

The law: what is said of a line was tried, or it could not be: the file cannot be read without it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from despoolr_lab.explore.cuts import Place
from despoolr_lab.explore.shrink import Shrunk
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.written import to_toml

_HEADER: Final = re.compile(r"^\[\[?([a-z]+)(?:\.[a-z]+)*\]\]?$")
_KEY: Final = re.compile(r"^([A-Za-z_]+) = ")
_LISTS: Final = ("site", "server", "clients", "package", "program", "step", "expect")
COLUMN: Final = 44
"""Where comments begin."""
GONE: Final = "without it: does not fail"
SAME: Final = "without it: fails as well, it is the default"
UNREADABLE: Final = "cannot be left out"


def render(found: Shrunk) -> str:
    """The text of the file."""
    head = [
        f"What goes wrong: {found.key}",
        found.text,
        f"{found.runs} runs made it this small; two more "
        f"{'were the same' if found.is_repeatable else 'DIFFERED'} ({found.digest[:16] or '-'}).",
        "Behind each line: what became of it without that line.",
    ]
    lines = [f"# {line}" for line in head]
    table = ""
    counts: dict[str, int] = {}
    for line in to_toml(found.scenario).splitlines():
        header, key = _HEADER.match(line), _KEY.match(line)
        if header is not None:
            table = header[1]
            counts[table] = counts.get(table, -1) + 1
            place = (table, counts[table], "")
        elif key is not None and not table and key[1] in _LISTS:
            place = (key[1], 0, "")
        elif key is not None:
            place = (table, counts.get(table, 0), key[1])
        else:
            lines.append(line)
            continue
        said = GONE if place in found.needed else _untried(found.scenario, place)
        is_text = line.endswith('"""')
        lines.append(line if is_text else f"{line:<{COLUMN}}  # {said}")
    return "\n".join(lines) + "\n"


def _untried(scenario: Scenario, place: Place) -> str:
    """What is said of what no run was made without: that it is the default, or must be there."""
    table, index, key = place
    part: Any = scenario
    if table:
        part = getattr(scenario, table, None)
        part = part[index] if isinstance(part, list) else part
    if not key or part is None:
        return UNREADABLE
    for field in msgspec.structs.fields(part):
        if field.encode_name != key or field.required:
            continue
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        return SAME if getattr(part, field.name) == default else UNREADABLE
    return UNREADABLE
