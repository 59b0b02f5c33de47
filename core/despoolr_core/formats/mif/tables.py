"""Tables: rows against their template.

Law (IBM 036): values stand in ascending order of the attributes' ids, not in file order; an empty
field takes the template's default, and there must be one; the key fields of a row are unlike those
of every other row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from despoolr_core.formats.mif.model import (
    Attribute,
    Enumeration,
    NodePath,
    PathReference,
    Row,
    Table,
    Type,
    Value,
)
from despoolr_core.formats.mif.words import STRING_KINDS

if TYPE_CHECKING:
    from despoolr_core.formats.mif.checks import Checker


def check_table(checker: Checker, table: Table, path: NodePath) -> None:
    """Check one table and its rows."""
    _, number, class_name = checker.head(table, path)
    if number is None:
        checker.say("id-missing", path, "TABLE without ID")
    template = checker.templates.get(class_name)
    rows = [(n, item) for n, item in enumerate(table.items) if type(item) is Row]
    if not rows:
        checker.say("row-none", path, "a TABLE has at least one row")
    if template is None:
        if class_name:
            checker.say(
                "undefined-template",
                path,
                f"no GROUP of class {table.class_name!r} with a KEY has been defined",
            )
        return
    checker.used_templates.add(class_name)
    columns = sorted(template.attributes, key=lambda a: a.id or 0)
    key = [n for wanted in template.key for n, c in enumerate(columns) if c.id == wanted]
    seen: set[tuple[object, ...]] = set()
    by_path: dict[int, bool] = {}
    for n, row in rows:
        full = _check_row(checker, row, columns, (*path, n))
        for column, value in enumerate(full):
            if value is not None and by_path.setdefault(
                column, isinstance(value, PathReference)
            ) != isinstance(value, PathReference):
                checker.say(
                    "row-mixed",
                    (*path, n),
                    f"field {column + 1} mixes path references and plain values",
                )
        keys = tuple(full[k] for k in key)
        if keys in seen:
            checker.say("row-key", (*path, n), f"a second row with the key {keys!r}")
        seen.add(keys)


def _check_row(
    checker: Checker, row: Row, columns: list[Attribute], path: NodePath
) -> list[Value | None]:
    values = list(row.values)
    if values == [None]:
        # `{}` is tolerated (REF): every field takes its default.
        values = [None] * len(columns)
    if len(values) < len(columns):
        checker.say(
            "row-short", path, f"{len(values)} values for {len(columns)} attributes: missing value"
        )
        values += [None] * (len(columns) - len(values))
    elif len(values) > len(columns):
        checker.say("row-long", path, f"{len(values)} values for {len(columns)} attributes")
        del values[len(columns) :]
    for n, (value, column) in enumerate(zip(values, columns, strict=True)):
        default = column.raw_value
        kind = column.type
        if value is None:
            if default is None:
                checker.say(
                    "row-default",
                    path,
                    f"field {n + 1} is empty and {column.name!r} has no default",
                )
            values[n] = default
        elif kind is not None:
            checker.value(value, kind, _enum_of(checker, kind), path, size=_size(kind, default))
            if (
                isinstance(default, str)
                and isinstance(value, str)
                and kind.kind in STRING_KINDS
                and len(value) > len(default)
            ):
                rule = "sms-initialiser" if kind.size is None else "sms-initialiser-declared"
                checker.say(
                    rule, path, f"field {n + 1} is longer than the default of {column.name!r}"
                )
    return values


def _enum_of(checker: Checker, kind: Type) -> Enumeration | None:
    return kind.enum or checker.enums.get(kind.name or "")


def _size(kind: Type, default: Value | None) -> int | None:
    if kind.size is None and isinstance(default, str):
        return len(default)
    return kind.size
