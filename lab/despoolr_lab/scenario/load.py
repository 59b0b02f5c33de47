"""Reading a scenario file: TOML in, a `Scenario` out, or one error that names the line and the nearest right word.

TOML readers do not say where a key stood, so a mistake's place is found again in the text: by the table it is in (the n-th
`[[step]]`) and the key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec

from despoolr_core.errors import FormatError
from despoolr_lab.scenario import model
from despoolr_lab.scenario.model import Scenario

FILE_SIZE_MAX: Final = 4 * 1024 * 1024
_TABLE: Final = re.compile(r"^\s*(\[\[?)\s*([^\]#]+?)\s*\]")
_AT: Final = re.compile(r"^(.*?)(?: - at `(.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+?)`")
_TAG: Final = re.compile(r"Invalid value '(.+?)'")
_TOML_PLACE: Final = re.compile(r"^(.*?)\s*\(at line (\d+), column (\d+)\)")


class ScenarioError(FormatError):
    """A scenario that cannot be run as written. `line` is where; the reason names the nearest right word."""


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises `ScenarioError` (with the line) or `OSError`."""
    data = path.read_bytes()
    if len(data) > FILE_SIZE_MAX:
        raise ScenarioError(f"{path.name} is larger than {FILE_SIZE_MAX:,} octets")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"not UTF-8 text: octet {error.start}", data.count(b"\n", 0, error.start) + 1, 1) from None
    return parse_scenario(text)


def parse_scenario(text: str) -> Scenario:
    """Read a scenario from its text. Raises `ScenarioError`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.match(str(error))
        if found:
            raise ScenarioError(f"not TOML: {found[1]}", int(found[2]), int(found[3])) from None
        raise ScenarioError(f"not TOML: {error}", text.count("\n") + 1, 1) from None
    try:
        scenario = msgspec.convert(_plain(document), Scenario)
    except msgspec.ValidationError as error:
        raise _explain(str(error), text) from None
    check_references(scenario, text)
    return scenario


def _plain(value: Any) -> Any:
    """TOML dates become text: the format takes moments as strings."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


# -- saying where and what


def _explain(message: str, text: str) -> ScenarioError:
    found = _AT.match(message)
    assert found is not None
    reason, path = found[1], found[2] or "$"
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]", path)
    keys: list[str | int] = [name if name else int(index) for name, index in steps if name or index]
    unknown, tag = _UNKNOWN.match(reason), _TAG.match(reason)
    if unknown:
        words = _keys_of(keys, text)
        reason = f"unknown key {unknown[1]!r}{_nearest(unknown[1], words)}"
        keys = [*keys, unknown[1]]
    elif tag and keys and keys[-1] in ("do", "that"):
        words = [str(cls.__struct_config__.tag) for cls in _union(str(keys[-1]))]
        noun = "step" if keys[-1] == "do" else "expectation"
        reason = f"there is no {noun} {tag[1]!r}{_nearest(tag[1], words)}"
    elif "required field" in reason and keys:
        where = keys[0]
        reason = f"{reason[0].lower()}{reason[1:]} in [[{where}]]" if isinstance(where, str) else reason
    line, column = _place(keys, text)
    return ScenarioError(reason, line, column)


def _union(tag_field: str) -> Iterable[Any]:
    union = model.Step if tag_field == "do" else model.Expectation
    return union.__args__


def _keys_of(keys: list[str | int], text: str) -> list[str]:
    """The keys that may stand in the table at this path."""
    tables: dict[str, Any] = {
        "run": model.Run,
        "site": model.Site,
        "server": model.Server,
        "clients": model.Clients,
        "package": model.Package,
        "program": model.Program,
    }
    if not keys:
        return list(Scenario.__struct_encode_fields__)
    table = str(keys[0])
    if table in ("step", "expect"):
        field = "do" if table == "step" else "that"
        item = tomllib.loads(text)[table][keys[1]]
        for cls in _union(field):
            if cls.__struct_config__.tag == item.get(field):
                return [field, *cls.__struct_encode_fields__]
        return []
    if table == "program" and "mif" in keys:
        return list(model.StatusMifSpec.__struct_encode_fields__)
    return list(tables[table].__struct_encode_fields__) if table in tables else []


def _nearest(word: str, words: list[str]) -> str:
    near = get_close_matches(word, words, 1, 0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are {', '.join(sorted(words))}" if words else ""


def _place(keys: list[str | int], text: str) -> tuple[int, int]:
    """Line and column (from 1) of a path such as `["step", 2, "machine"]`: the key if found, else its table, else line 1."""
    lines = text.splitlines()
    names = [key for key in keys if isinstance(key, str)]
    indexes = [key for key in keys if isinstance(key, int)]
    start, end = _table_lines(lines, names[0], indexes[0] if indexes else 0) if names else (0, _top_end(lines))
    wanted = names[-1] if names else ""
    for number in range(start, end):
        found = re.match(rf"""^(\s*|.*[{{,]\s*)["']?{re.escape(wanted)}["']?\s*(=|\.)""", lines[number])
        if wanted and found:
            return number + 1, len(found[1]) + 1
    return min(start + 1, max(1, len(lines))), 1


def _top_end(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if _TABLE.match(line)), len(lines))


def _table_lines(lines: list[str], name: str, index: int) -> tuple[int, int]:
    """The lines of the index-th table of a name, with its sub-tables; for a key at the top, the lines before any table."""
    starts = [i for i, line in enumerate(lines) if (m := _TABLE.match(line)) and m[2] == name]
    if index >= len(starts):
        return 0, _top_end(lines) if not starts else len(lines)
    start = starts[index]
    for i in range(start + 1, len(lines)):
        found = _TABLE.match(lines[i])
        if found and not found[2].startswith(f"{name}."):
            return start, i
    return start, len(lines)


# -- what the schema cannot say: names that must exist


def check_references(scenario: Scenario, text: str) -> None:
    """Every machine, package, server, job and site that is named must be there, and none twice. Raises `ScenarioError`."""
    _refuse_after_the_end(scenario, text)
    names = _names(scenario)
    for table, noun in (("clients", "machine"), ("package", "package"), ("server", "server"), ("site", "site")):
        _refuse_twice(names[noun], noun, table, text)
    _refuse_twice(names["job"], "job", "step", text)
    for table in ("clients", "server", "package", "program", "step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            for key, noun in {**_REFERENCES, **_ANYBODY.get(type(one), {})}.items():
                if isinstance(one, model.JobStep) and key in ("job", "name"):
                    continue
                value = getattr(one, key, None)
                for word in value if isinstance(value, list) else [value]:
                    if word and word != "*" and word not in names[noun]:
                        reason = f"there is no {noun} {word!r}{_nearest(word, names[noun])}"
                        raise ScenarioError(reason, *_place([table, index, key], text))


def _refuse_after_the_end(scenario: Scenario, text: str) -> None:
    for table in ("step", "expect"):
        items: list[Any] = getattr(scenario, table)
        for index, one in enumerate(items):
            if one.at and model.moment_s(one.at, scenario.start) < scenario.start:
                reason = f"{one.at} is before the start of the run, {scenario.run.start}"
                raise ScenarioError(reason, *_place([table, index, "at"], text))
            if one.at and model.moment_s(one.at, scenario.start) > scenario.end:
                reason = (
                    f"{one.at} is after the end of the run, which goes for {scenario.run.for_}; let it go on longer ([run] for)"
                )
                raise ScenarioError(reason, *_place([table, index, "at"], text))


_REFERENCES: Final = {
    "machine": "machine",
    "machines": "machine",
    "blocker": "machine",
    "package": "package",
    "server": "server",
    "put_on": "distribution server",
    "logon_server": "logon server",
    "site": "site",
    "sites": "site",
    "of_site": "site",
    "other": "server",
    "job": "job",
    "pending": "job",
    "executed": "job",
}
"""The keys whose values name something that must exist, and what."""


_ANYBODY: Final[dict[type, dict[str, str]]] = {
    model.HoldStep: {"machine": "machine or server"},
    model.ReleaseStep: {"machine": "machine or server"},
    model.EpisodeExpectation: {"blocker": "machine or server"},
}
"""Where a machine may be a server, too."""


def _names(scenario: Scenario) -> dict[str, list[str]]:
    return {
        "machine": [name for group in scenario.clients for name in group.expand()],
        "package": [p.name for p in scenario.package],
        "machine or server": [name for group in scenario.clients for name in group.expand()]
        + [s.name for s in scenario.server]
        + [s.server for s in scenario.site],
        "server": [s.name for s in scenario.server] + [s.server for s in scenario.site],
        "distribution server": [s.name for s in scenario.server if "distribution" in s.roles],
        "logon server": [s.name for s in scenario.server if "logon" in s.roles],
        "site": [s.code for s in scenario.site],
        "job": [s.name for s in scenario.step if isinstance(s, model.JobStep)],
    }


def _refuse_twice(names: list[str], noun: str, table: str, text: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.upper() in seen:
            line = next((n for n, row in reversed(list(enumerate(text.splitlines(), 1))) if f'"{name}"' in row), 0)
            raise ScenarioError(f"there are two {noun}s called {name!r}", *((line, 1) if line else _place([table, 0], text)))
        seen.add(name.upper())
