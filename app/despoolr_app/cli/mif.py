"""`despoolr mif check|show`: what is wrong with a MIF, and what is in it.

Law: the commands print what the codec says and add nothing. Everything heavy is imported inside the
commands, so that `despoolr --help` stays quick. Exit codes: 0 fine, 2 a file that cannot be read or
is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import echo_json, fail, json_option, put
from despoolr_core.rules.text import escaped

if TYPE_CHECKING:
    from despoolr_core.formats.mif.language.findings import MifFinding
    from despoolr_core.formats.mif.language.model import (
        Attribute,
        Component,
        Group,
        Mif,
        MifTable,
        Type,
        Value,
    )

EXIT_REFUSED = 2
WIDE_TABLE_COLUMNS = 6
"""A table with more columns is shown row by row."""


@click.group()
def mif() -> None:
    """Check and show MIF files (status MIFs, NOIDMIFs, IDMIFs, any DMI 1.x MIF)."""


@mif.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@option(
    "--mode",
    type=click.Choice(["strict", "lenient", "sms"]),
    default="strict",
    help="strict: the DMI rules; lenient: a forgiving reader; sms: would SMS take it?",
)
@json_option
def check(files: tuple[Path, ...], mode: str, as_json: bool) -> None:
    """List what is wrong in FILES: line, column, the source of the rule."""
    from despoolr_app.disk.bounded_file import read_bounded
    from despoolr_core.formats.mif.codec import examine
    from despoolr_core.formats.mif.language.findings import Mode, Severity
    from despoolr_core.formats.mif.sms import MIF_SIZE_MAX, kind_of

    results: list[dict[str, Any]] = []
    for file in files:
        try:
            data = read_bounded(file, MIF_SIZE_MAX)
        except OSError as error:
            results.append(
                {
                    "file": str(file),
                    "taken": False,
                    "kind": None,
                    "error": "it is a directory; name the files in it"
                    if file.is_dir()
                    else error.strerror or str(error),
                    "findings": [],
                }
            )
            continue
        tree, findings = examine(data, Mode(mode))
        taken = all(finding.severity < Severity.ERROR for finding in findings)
        kind = kind_of(tree).value if tree is not None else None
        results.append(
            {"file": str(file), "taken": taken, "kind": kind, "error": None, "findings": findings}
        )
    if as_json:
        echo_json(
            {
                "mode": mode,
                "files": [{**r, "findings": [_finding(f) for f in r["findings"]]} for r in results],
            }
        )
    else:
        _print_check(results, mode)
    if not all(result["taken"] for result in results):
        raise SystemExit(EXIT_REFUSED)


def _print_check(results: list[dict[str, Any]], mode: str) -> None:
    counts: dict[str, int] = {}
    for result in results:
        if result["error"]:
            put(f"{result['file']}: cannot be read: {result['error']}")
        for f in result["findings"]:
            severity = f.severity.name.lower()
            counts[severity] = counts.get(severity, 0) + 1
            put(
                f"{result['file']}:{f.line}:{f.column}: {severity}: {f.text} ({f.rule}, {f.source})"
            )
        if mode == "sms" and not result["error"]:
            what = result["kind"] or "file"
            put(
                f"{result['file']}: SMS would {'take' if result['taken'] else 'not take'} "
                f"this {what}"
            )
    refused = sum(not result["taken"] for result in results)
    found = (
        ", ".join(f"{n} {_plural(severity, n)}" for severity, n in counts.items()) or "no findings"
    )
    files = f"{len(results)} {_plural('file', len(results))}"
    put(f"{files}, {len(results) - refused} fine, {refused} refused ({mode}): {found}")


def _plural(word: str, count: int) -> str:
    return word if count == 1 or word == "info" else f"{word}s"


@mif.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def show(file: Path, as_json: bool) -> None:
    """Show the component in FILE.

    Its groups, attributes, values, enumerations, paths and tables.
    """
    from despoolr_app.disk.bounded_file import read_bounded
    from despoolr_core.formats.mif.codec import examine, read
    from despoolr_core.formats.mif.language.findings import MifError, Mode, Severity
    from despoolr_core.formats.mif.sms import MIF_SIZE_MAX

    try:
        data = read_bounded(file, MIF_SIZE_MAX)
        tree = read(data, Mode.LENIENT)
    except OSError as error:
        fail(f"{file}: cannot be read: {error.strerror or error}")
    except MifError as error:
        fail(f"{file}: {error}")
    findings = examine(data, Mode.LENIENT)[1]
    if as_json:
        echo_json(_described(tree, findings))
    else:
        _print_tree(tree)
        noteworthy = [f for f in findings if f.severity >= Severity.WARNING]
        for f in noteworthy:
            put(
                f"{file}:{f.line}:{f.column}: {f.severity.name.lower()}: {f.text} ({f.rule}, "
                f"{f.source})"
            )
    if any(f.severity >= Severity.ERROR for f in findings):
        raise SystemExit(EXIT_REFUSED)


def _finding(finding: MifFinding) -> dict[str, Any]:
    return {
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity.name.lower(),
        "rule": finding.rule,
        "text": finding.text,
        "source": finding.source,
    }


def _described(tree: Mif, findings: list[MifFinding]) -> dict[str, Any]:
    from despoolr_core.formats.mif.sms import kind_of

    component = tree.component
    return {
        "kind": kind_of(tree).value,
        "encoding": tree.encoding.value,
        "language": tree.language,
        "headers": {name: list(texts) for name, texts in tree.delta_headers.items()},
        "name": component.name,
        "description": component.description,
        "paths": [
            {"name": p.name, "programs": {os: _json_value(v) for os, v in p.programs.items()}}
            for p in component.paths
        ],
        "enums": [
            {"name": e.name, "members": {str(m.number): m.string for m in e.members}}
            for e in component.enums
        ],
        "groups": [
            {
                "name": g.name,
                "id": g.id,
                "class": g.class_name,
                "key": list(g.key),
                "description": g.description,
                "attributes": [_described_attribute(component, a) for a in g.attributes],
            }
            for g in component.groups
        ],
        "tables": [
            {
                "name": t.name,
                "id": t.id,
                "class": t.class_name,
                "rows": [
                    {k: _json_value(v) for k, v in row.items()} for row in component.table_rows(t)
                ],
            }
            for t in component.tables
        ],
        "comments": [{"line": c.line, "column": c.column, "text": c.text} for c in tree.comments],
        "findings": [_finding(f) for f in findings],
    }


def _described_attribute(component: Component, attribute: Attribute) -> dict[str, Any]:
    return {
        "name": attribute.name,
        "id": attribute.id,
        "type": _type(attribute.type),
        "access": attribute.access,
        "storage": attribute.storage,
        "description": attribute.description,
        "value": _json_value(attribute.raw_value),
        "meaning": _meaning(component, attribute),
    }


def _meaning(component: Component, attribute: Attribute) -> str | None:
    """The string of an enumeration's number."""
    enumeration = component.enum_of(attribute)
    value = attribute.value
    return (
        enumeration.string_of(value) if enumeration is not None and isinstance(value, int) else None
    )


def _json_value(value: Value | None) -> str | int | None:
    from despoolr_core.formats.mif.language.model import PathReference, Special

    if isinstance(value, PathReference):
        return f'*"{value.name}"'
    return value.value if isinstance(value, Special) else value


def _type(kind: Type | None) -> str:
    if kind is None:
        return ""
    if kind.kind == "ENUM":
        return f'"{kind.name}"' if kind.name is not None else "ENUM"
    return kind.kind if kind.size is None else f"{kind.kind}({kind.size})"


def _text(value: Value | None) -> str:
    return "" if value is None else str(_json_value(value))


Grid = tuple[str, list[str], list[list[str]]]
"""A heading, the columns, the rows."""


def _print_tree(tree: Mif) -> None:
    from rich.console import Console
    from rich.table import Table

    from despoolr_core.formats.mif.sms import kind_of

    console = Console(highlight=False)
    component = tree.component
    console.print(_title("Component", component.name, kind_of(tree).value, component.description))
    for name, texts in tree.delta_headers.items():
        console.print(f"  header {_shown(name)}: {_shown(', '.join(texts))}")
    for heading, columns, rows in _grids(component):
        table = Table(title=heading, title_justify="left", title_style="")
        for column in columns:
            table.add_column(_shown(column), overflow="fold")
        for row in rows:
            table.add_row(*map(_shown, row))
        console.print(table)


def _shown(text: str) -> str:
    from rich.markup import escape

    return escape(escaped(text))


def _title(kind: str, name: str, *facts: str) -> str:
    return f"{kind} [bold]{_shown(name)}[/bold]" + "".join(
        f", {_shown(fact)}" for fact in facts if fact
    )


def _grids(component: Component) -> Iterator[Grid]:
    for path in component.paths:
        programs = [[os, _text(v)] for os, v in path.programs.items()]
        yield _title("Path", path.name), ["System", "Program"], programs
    for enumeration in component.enums:
        members = [[str(m.number), m.string] for m in enumeration.members]
        yield _title("Enum", enumeration.name), ["Number", "String"], members
    for group in component.groups:
        yield _group_grid(component, group)
    for table in component.tables:
        yield from _table_grids(component, table)


def _group_grid(component: Component, group: Group) -> Grid:
    number = f"id {group.id}" if group.id is not None else "template"
    key = f"key {','.join(str(n) for n in group.key)}" if group.key else ""
    rows = []
    for attribute in group.attributes:
        meaning = _meaning(component, attribute)
        value = _text(attribute.raw_value) + (f" ({meaning})" if meaning else "")
        rows.append(
            [
                str(attribute.id or ""),
                attribute.name,
                _type(attribute.type),
                attribute.access,
                value,
            ]
        )
    heading = _title("Group", group.name, number, f"class {group.class_name}", key)
    return heading, ["ID", "Name", "Type", "Access", "Value"], rows


def _table_grids(component: Component, table: MifTable) -> Iterator[Grid]:
    heading = _title("Table", table.name, f"id {table.id}", f"class {table.class_name}")
    rows = [{name: _text(v) for name, v in row.items()} for row in component.table_rows(table)]
    if rows and len(rows[0]) <= WIDE_TABLE_COLUMNS:
        yield heading, list(rows[0]), [list(row.values()) for row in rows]
        return
    for n, row in enumerate(rows, 1):
        cells = [[name, v] for name, v in row.items()]
        yield f"{heading}, row {n} of {len(rows)}", ["Name", "Value"], cells
