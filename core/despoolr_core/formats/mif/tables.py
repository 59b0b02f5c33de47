"""Tables: rows against their template.

Law (IBM 036): values stand in ascending order of the attributes' ids, not in file order; an empty
field takes the template's default, and there must be one; the key fields of a row are unlike those
of every other row.
"""

from __future__ import annotations

from collections.abc import Callable

from despoolr_core.formats.mif.language.model import (
    Attribute,
    Group,
    MifTable,
    NodePath,
    PathReference,
    Row,
    Type,
    Value,
)
from despoolr_core.formats.mif.language.words import STRING_KINDS

Say = Callable[[str, NodePath | None, str], None]
"""`say(rule, path, text)`: a node breaks a rule."""

CheckField = Callable[[Value, Type, int | None, NodePath], None]
"""`check_field(value, kind, size, path)`: check the value of one field of a row."""


def check_table(
    table: MifTable, path: NodePath, template: Group | None, say: Say, check_field: CheckField
) -> None:
    """Check the rows of a table against its template, as far as there is one."""
    rows = [(n, item) for n, item in enumerate(table.items) if type(item) is Row]
    if not rows:
        say("row-none", path, "a TABLE has at least one row")
    if template is None:
        return
    columns = sorted(template.attributes, key=lambda a: a.id or 0)
    key = [n for wanted in template.key for n, c in enumerate(columns) if c.id == wanted]
    seen: set[tuple[object, ...]] = set()
    by_path: dict[int, bool] = {}
    for n, row in rows:
        full = _check_row(row, columns, (*path, n), say, check_field)
        for column, value in enumerate(full):
            if value is not None and by_path.setdefault(
                column, isinstance(value, PathReference)
            ) != isinstance(value, PathReference):
                say(
                    "row-mixed",
                    (*path, n),
                    f"field {column + 1} mixes path references and plain values",
                )
        keys = tuple(full[k] for k in key)
        if keys in seen:
            say("row-key", (*path, n), f"a second row with the key {keys!r}")
        seen.add(keys)


def _check_row(
    row: Row, columns: list[Attribute], path: NodePath, say: Say, check_field: CheckField
) -> list[Value | None]:
    values = list(row.values)
    if values == [None]:
        # `{}` is tolerated (REF): every field takes its default.
        values = [None] * len(columns)
    if len(values) < len(columns):
        say("row-short", path, f"{len(values)} values for {len(columns)} attributes: missing value")
        values += [None] * (len(columns) - len(values))
    elif len(values) > len(columns):
        say("row-long", path, f"{len(values)} values for {len(columns)} attributes")
        del values[len(columns) :]
    for n, (value, column) in enumerate(zip(values, columns, strict=True)):
        default = column.raw_value
        kind = column.type
        if value is None:
            if default is None:
                say(
                    "row-default",
                    path,
                    f"field {n + 1} is empty and {column.name!r} has no default",
                )
            values[n] = default
        elif kind is not None:
            check_field(value, kind, _size(kind, default), path)
            if (
                isinstance(default, str)
                and isinstance(value, str)
                and kind.kind in STRING_KINDS
                and len(value) > len(default)
            ):
                rule = "sms-initialiser" if kind.size is None else "sms-initialiser-declared"
                say(rule, path, f"field {n + 1} is longer than the default of {column.name!r}")
    return values


def _size(kind: Type, default: Value | None) -> int | None:
    if kind.size is None and isinstance(default, str):
        return len(default)
    return kind.size
