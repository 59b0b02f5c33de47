"""TOML into the structs that are its schema, or one error that names the line and the nearest right
word.

The law: a table takes the keys it has and no other. TOML readers do not say where a key stood, so a
mistake's place is found again in the text: by the table it is in (the n-th `[[step]]`) and the key.
What kinds of table there are the structs say.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from despoolr_app.disk.bounded_file import read_bounded
from despoolr_core.errors import FormatError
from despoolr_core.phrases import counted, cut
from despoolr_core.suggest import suggestion
from despoolr_lab.toml.tables import JOB_NAME_FORM, NAME_FORM, SITE_CODE_FORM
from despoolr_lab.toml.toml_shape import unfit, why_refused

FILE_SIZE_MAX: Final = 4 * 1024 * 1024
T = TypeVar("T", bound=msgspec.Struct)
_TABLE: Final = re.compile(r"^\s*(\[\[?)\s*([^\]#]+?)\s*\]")
_AT: Final = re.compile(r"^(.*?)(?: - at `(.*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+?)`")
_MISSING: Final = re.compile(r"Object missing required field `(.+?)`")
_TAG: Final = re.compile(r"Invalid value '(.+?)'")
_WRONG_KIND: Final = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_OUT_OF_BOUNDS: Final = re.compile(r"Expected `(.+?)` (of length )?([<>]=) (\S+)")
_UNFIT: Final = re.compile(r"Expected `str` matching regex '(.+)'")
_KINDS: Final = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "list": "a list",
    "dict": "a table",
}
"""What msgspec calls kinds of values, as people who write TOML do."""
_FORMS: Final = {
    NAME_FORM: "letters, digits and _ . $ - alone",
    JOB_NAME_FORM: "letters, digits and _ . $ - alone, and #2 for a second instance",
    SITE_CODE_FORM: "three capital letters or digits",
}
_TOML_PLACE: Final = re.compile(r"^(.*?)\s*\(at line (\d+), column (\d+)\)")


class ScenarioError(FormatError):
    """A scenario that cannot be run as written. `line` is where; the reason names the nearest right
    word.
    """


def read_text(path: Path) -> str:
    """The text of a file. Raises `ScenarioError` for what is too large or no UTF-8, `OSError` for a
    file that cannot be read.
    """
    data = read_bounded(path, FILE_SIZE_MAX)
    if len(data) > FILE_SIZE_MAX:
        raise ScenarioError(f"{path.name} is larger than {FILE_SIZE_MAX:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"not UTF-8 text: byte {error.start}", data.count(b"\n", 0, error.start) + 1, 1
        ) from None


def parse_document(text: str) -> dict[str, Any]:
    """The TOML of a text, dates as text: the formats take moments as strings. Raises
    `ScenarioError`.
    """
    if len(text) > FILE_SIZE_MAX:
        raise ScenarioError(f"more than {FILE_SIZE_MAX:,} characters")
    reason, line = why_refused(text)
    if reason:
        raise ScenarioError(reason, line, 1)
    try:
        document = _plain(tomllib.loads(text))
    except ValueError as error:  # TOMLDecodeError is one; a number of 5,000 digits is another
        found = _TOML_PLACE.match(str(error))
        if found:
            raise ScenarioError(f"not TOML: {found[1]}", int(found[2]), int(found[3])) from None
        raise ScenarioError(f"not TOML: {error}", text.count("\n") + 1, 1) from None
    assert isinstance(document, dict)
    for path, reason in unfit(document):
        raise ScenarioError(reason, *place(path, text))
    return document


def parse_tables(text: str, kind: type[T]) -> T:
    """Read a text into a struct. Raises `ScenarioError`."""
    document = parse_document(text)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), text, kind) from None


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


def _explain(message: str, text: str, kind: type[msgspec.Struct]) -> ScenarioError:
    found = _AT.match(message)
    assert found is not None
    reason, path = found[1], found[2] or "$"
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]", path)
    keys: list[str | int] = [name if name else int(index) for name, index in steps if name or index]
    unknown, tag, missing = _UNKNOWN.match(reason), _TAG.match(reason), _MISSING.match(reason)
    if unknown:
        words = _words_at(keys, text, kind)
        reason = f"unknown key {unknown[1]!r}{suggestion(unknown[1], sorted(words))}"
        keys = [*keys, unknown[1]]
    elif tag and keys and keys[-1] in ("do", "that"):
        words = [str(one.tag) for one in _structs(_type_at(keys[:-1], text, kind))]
        noun = "step" if keys[-1] == "do" else "expectation"
        reason = f"there is no {noun} {tag[1]!r}{suggestion(tag[1], sorted(words))}"
    elif missing:
        where = f" in [{keys[0]}]" if len(keys) == 1 else f" in [[{keys[0]}]]" if keys else ""
        reason = f"there is no `{missing[1]}`{where}"
    elif names := [key for key in keys if isinstance(key, str)]:
        is_part = keys[-1] != names[-1] or path.endswith("[...]")
        what = f"an entry of `{names[-1]}`" if is_part else f"`{names[-1]}`"
        reason = _plainly(reason, what, _value_at(keys, text))
    line, column = place(keys, text)
    return ScenarioError(reason, line, column)


def _plainly(reason: str, what: str, value: Any) -> str:
    """What is wrong with a value, without the words of Python."""
    if kinds := _WRONG_KIND.match(reason):
        # a key that may be nothing is one that may be left out
        words = [_KINDS.get(kind, kind) for kind in kinds[1].split(" | ") if kind != "null"]
        wanted = " or ".join(words)
        return f"{what} is {_KINDS.get(kinds[2], kinds[2])}, and has to be {wanted}"
    if bound := _OUT_OF_BOUNDS.match(reason):
        most = "at least" if bound[3] == ">=" else "at most"
        number = bound[4].removesuffix(".0")
        if not bound[2]:
            return f"{what} has to be {most} {number}"
        noun = ("character", "") if bound[1] == "str" else ("entry", "entries")
        return f"{what} has to have {most} {counted(int(number), *noun)}"
    if unfit := _UNFIT.match(reason):
        form = _FORMS.get(unfit[1], unfit[1])
        return f"{what} cannot be {cut(str(value), 40)!r}: {form}"
    return reason


def _value_at(keys: list[str | int], text: str) -> Any:
    value: Any = parse_document(text)
    for key in keys:
        value = value[key]
    return value


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    """The structs that a type can be."""
    if isinstance(kind, inspect.UnionType):
        return [one for one in kind.types if isinstance(one, inspect.StructType)]
    return [kind] if isinstance(kind, inspect.StructType) else []


def _type_at(keys: list[str | int], text: str, root: type[msgspec.Struct]) -> inspect.Type:
    """What may stand at a path; of several tables the one that the text says it is."""
    kind: inspect.Type = inspect.type_info(root)
    document: Any = parse_document(text)
    for key in keys:
        if isinstance(key, int):
            kind = kind.item_type if isinstance(kind, inspect.ListType) else kind
            document = document[key] if isinstance(document, list) and key < len(document) else {}
            continue
        fields = [
            field
            for one in _structs(_chosen(kind, document))
            for field in one.fields
            if field.encode_name == key
        ]
        if not fields:
            return inspect.AnyType()
        kind = fields[0].type
        if isinstance(kind, inspect.UnionType):
            kind = next(
                (
                    one
                    for one in kind.types
                    if isinstance(one, (inspect.ListType, inspect.StructType))
                ),
                kind,
            )
        document = document.get(key, {}) if isinstance(document, dict) else {}
    return kind


def _chosen(kind: inspect.Type, document: Any) -> inspect.Type:
    said = document if isinstance(document, dict) else {}
    return next(
        (
            one
            for one in _structs(kind)
            if one.tag is not None and said.get(one.tag_field or "") == one.tag
        ),
        kind,
    )


def _words_at(keys: list[str | int], text: str, root: type[msgspec.Struct]) -> list[str]:
    """The keys that may stand in the table at this path."""
    document: Any = parse_document(text)
    for key in keys:
        document = document[key]
    kind = _chosen(_type_at(keys, text, root), document)
    if not isinstance(kind, inspect.StructType):
        return []
    tag = [kind.tag_field] if kind.tag_field else []
    return [*tag, *(field.encode_name for field in kind.fields)]


def place(keys: list[str | int], text: str) -> tuple[int, int]:
    """Line and column (from 1) of a path such as `["step", 2, "machine"]`: the key if found, else
    its table, else line 1.
    """
    lines = text.splitlines()
    names = [key for key in keys if isinstance(key, str)]
    indexes = [key for key in keys if isinstance(key, int)]
    start, end = (
        _table_lines(lines, names[0], indexes[0] if indexes else 0)
        if names
        else (0, _top_end(lines))
    )
    wanted = names[-1] if names else ""
    for number in range(start, end):
        found = re.match(
            rf"""^(\s*|.*[{{,]\s*)["']?{re.escape(wanted)}["']?\s*(=|\.)""", lines[number]
        )
        if wanted and found:
            return number + 1, len(found[1]) + 1
    return min(start + 1, max(1, len(lines))), 1


def _top_end(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if _TABLE.match(line)), len(lines))


def _table_lines(lines: list[str], name: str, index: int) -> tuple[int, int]:
    """The lines of the index-th table of a name, with its sub-tables; for a key at the top, the
    lines before any table.
    """
    starts = [i for i, line in enumerate(lines) if (m := _TABLE.match(line)) and m[2] == name]
    if index >= len(starts):
        return 0, _top_end(lines) if not starts else len(lines)
    start = starts[index]
    for i in range(start + 1, len(lines)):
        found = _TABLE.match(lines[i])
        if found and not found[2].startswith(f"{name}."):
            return start, i
    return start, len(lines)
