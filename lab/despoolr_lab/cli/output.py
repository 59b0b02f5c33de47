"""How commands speak: one JSON object for machines, tables for people, one line for what went wrong.

The law: results go to standard output, everything else to standard error; a table is drawn with rich on a terminal and as
aligned text elsewhere; nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import click

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_EXPECTATION = 10
EXIT_INVARIANT = 11
EXIT_INVALID = 12
EXIT_INTERRUPTED = 130


class Failure(click.ClickException):
    """What a user asked for cannot be done: one line that says what to do, and exit code 2."""

    exit_code = EXIT_USAGE


def fail(message: str) -> NoReturn:
    """End the command with one line on standard error and exit code 2."""
    raise Failure(message)


def say(message: str) -> None:
    """One line for a person, on standard error."""
    click.echo(message, err=True)


def echo_json(value: Any) -> None:
    """One JSON object on standard output."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def echo_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in cells:
            table.add_row(*row)
        Console(highlight=False, markup=False).print(table)
        return
    widths = [max(len(column), *(len(row[n]) for row in cells)) if cells else len(column) for n, column in enumerate(columns)]
    for row in [list(columns), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def moment(at: float | None) -> str:
    """A point of site time for people: `1996-06-03 08:30:12`; `-` for none."""
    if at is None:
        return "-"
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s"


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")(command)


def wrapped(text: str) -> str:
    """A long sentence in lines of the terminal's width; one line where it goes into a pipe."""
    if not sys.stdout.isatty():
        return text
    return textwrap.fill(text, max(60, shutil.get_terminal_size().columns - 1), subsequent_indent="    ")


def wrapped_cell(text: str, indent: int) -> str:
    """A long sentence in the last column of a table, which begins at `indent`; one line where it goes into a pipe."""
    width = shutil.get_terminal_size().columns - 1 - indent
    if not sys.stdout.isatty() or width < 30:
        return text
    return textwrap.fill(text, width).replace("\n", "\n" + " " * indent)


class ShowGroup(click.Group):
    """A group whose first word may be what its `show` command is to show: `despoolr job UPDATE` is `job show UPDATE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before what is no command's name."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["show", *args])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """`show` for any other word."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, "show")

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """What a person types, `show` left out."""
        return ["ID|NAME [OPTIONS]  or  COMMAND ..."]
